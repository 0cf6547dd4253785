"""SQL at random: what people ask, with ways out put in anywhere, and bytes changed."""

import random

from tests.tables.escapes import REFUSED

_TABLES = ["sales", "people", "SALES", '"sales"', "sales AS s", "people p"]
_COLUMNS = ["id", "region", "amount", "day", "name", "s.id", "*", '"region"', "p.name", "t.x"]
_CALLS = [
    "count",
    "sum",
    "avg",
    "max",
    "median",
    "lower",
    "length",
    "year",
    "abs",
    "string_agg",
    "list",
]
_WAYS_OUT = [
    "read_text('{canary}')", "read_csv('{canary}')", "read_blob('{canary}')", "getenv('HOME')",
    "glob('{canary}')", "current_setting('secret_directory')", "getvariable('x')",
    "query('SELECT 1')",
    "query_table('sales')", "pragma_version()", "duckdb_secrets()", "read_json_auto('{canary}')",
    "parquet_scan('{canary}')", "sniff_csv('{canary}')", "version()", "txid_current()",
    "(SELECT content FROM read_text('{canary}'))", "(SELECT * FROM '{canary}')", "nextval('x')",
]  # fmt: skip
_PLACES_OUT = [
    "'{canary}'", '"{canary}"', "read_text('{canary}')", "duckdb_settings()", "sqlite_master",
    "information_schema.tables", "pg_catalog.pg_class", "main.secret", "secret",
    "source_0.main.secret",
    "read_csv('{canary}', header = false, columns = {{'a': 'VARCHAR'}})", "glob('/**')",
    "(SELECT * FROM read_blob('{canary}'))", "query('SELECT * FROM secret')", "memory.main.sales",
]  # fmt: skip
_STATEMENTS = [
    "; DROP TABLE sales", "; ATTACH '{canary}'", "; COPY (SELECT 1) TO '{target}'", "; SELECT 1",
    "; SET enable_external_access = true", " INTO x", " FOR UPDATE", "; INSTALL httpfs", "; LOAD x",
]  # fmt: skip
_MARKS = [
    "'",
    '"',
    ";",
    "--",
    "/*",
    "*/",
    "(",
    ")",
    "$$",
    "\\",
    "\x00",
    "’",
    "::",
    "..",
    "#1",
    "@",
    "$1",
    "?",
]


class Fuzz:
    """Makes SQL from a seed; `canary` is a file that must not be read, `target` one not written."""

    def __init__(self, seed: int, canary: str, target: str) -> None:
        self._random = random.Random(seed)
        self._paths = {"canary": canary, "target": target}

    def sql(self) -> str:
        """Return the next one."""
        chance = self._random.random()
        if chance < 0.1:
            return self._changed(self._random.choice(REFUSED))
        made = self._query(0)
        if chance < 0.2:
            made += self._random.choice(_STATEMENTS).format(**self._paths)
        if chance > 0.85:
            made = self._changed(made)
        return made

    def _query(self, depth: int) -> str:
        pick = self._random.choice
        made = f"SELECT {', '.join(self._cell(depth) for _ in range(self._random.randint(1, 3)))}"
        made += f" FROM {', '.join(self._place(depth) for _ in range(self._random.randint(1, 2)))}"
        if self._random.random() < 0.3:
            made += (
                f" {pick(['', 'LEFT ', 'CROSS ', 'ASOF ', 'POSITIONAL '])}JOIN {self._place(depth)}"
            )
            made += pick([" USING (id)", f" ON {self._cell(depth)} = 1", ""])
        if self._random.random() < 0.4:
            how = pick(["=", "<", "LIKE", "IN", "IS"])
            made += f" WHERE {self._cell(depth)} {how} {self._cell(depth)}"
        if self._random.random() < 0.3:
            made += f" GROUP BY {self._cell(depth)}"
        if self._random.random() < 0.3:
            made += f" ORDER BY {self._cell(depth)}"
        if self._random.random() < 0.2:
            made += f" LIMIT {self._cell(depth)}"
        if self._random.random() < 0.15 and depth < 2:
            made += f" {pick(['UNION', 'UNION ALL BY NAME', 'EXCEPT'])} {self._query(depth + 1)}"
        if self._random.random() < 0.2 and depth < 2:
            name = pick(["w", "sales", "secret", '"{canary}"'.format(**self._paths)])
            made = f"WITH {pick(['', 'RECURSIVE '])}{name} AS ({self._query(depth + 1)}) {made}"
        return made

    def _cell(self, depth: int) -> str:
        chance = self._random.random()
        pick = self._random.choice
        if chance < 0.03:
            return pick(_WAYS_OUT).format(**self._paths)
        if chance < 0.4 or depth > 2:
            return pick(_COLUMNS)
        if chance < 0.6:
            return f"{pick(_CALLS)}({self._cell(depth + 1)})"
        if chance < 0.7:
            how = pick(["+", "||", "/", "->>", "::", "<=", "AND"])
            return f"{self._cell(depth + 1)} {how} {self._cell(depth + 1)}"
        if chance < 0.8:
            return f"CASE WHEN {self._cell(depth + 1)} THEN {self._cell(depth + 1)} END"
        if chance < 0.86:
            return f"({self._query(depth + 1)})"
        if chance < 0.92:
            return f"list_transform([{self._cell(depth + 1)}], x -> {self._cell(depth + 1)})"
        return pick(
            ["1", "'x'", "NULL", "DATE '2024-01-01'", "INTERVAL 1 DAY", "[1, 2]", "{'a': 1}"]
        )

    def _place(self, depth: int) -> str:
        chance = self._random.random()
        pick = self._random.choice
        if chance < 0.05:
            return pick(_PLACES_OUT).format(**self._paths)
        if chance < 0.25 and depth < 2:
            return f"({self._query(depth + 1)}) AS t"
        return pick(
            [*_TABLES, "w", "unnest([1, 2]) AS u(x)", "range(3) AS r(i)", "(VALUES (1)) AS v(x)"]
        )

    def _changed(self, sql: str) -> str:
        for _ in range(self._random.randint(1, 3)):
            at = self._random.randint(0, len(sql))
            cut = self._random.choice([0, 0, 1, 3])
            sql = sql[:at] + self._random.choice([*_MARKS, ""]) + sql[at + cut :]
        return sql
