/** The kinds of databases that can be asked, and what an address of each looks like. */

import type { ConnectionKind } from "$lib/api/tables";

export const KIND_NAMES: Record<ConnectionKind, string> = { postgresql: "PostgreSQL", mysql: "MySQL", sqlite: "SQLite" };

export const EXAMPLES: Record<ConnectionKind, string> = {
  postgresql: "postgresql://reader:password@db.example.org:5432/budget",
  mysql: "mysql://reader:password@db.example.org:3306/budget",
  sqlite: "/srv/data/budget.sqlite",
};
