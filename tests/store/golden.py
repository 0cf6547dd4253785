"""Stores as former releases left them, kept as SQL in `golden/`.

Made once, when a release fixes its schema, with `python -m tests.store.golden REVISION`; never
made anew, or they would show what the present code does instead of what was in people's folders.
"""

import sqlite3
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from tramontane.store import migrations

FOLDER = Path(__file__).parent / "golden"
ROWS = {
    "0001": """
        UPDATE revision SET value = 41;
        INSERT INTO projects VALUES
          ('prj_a', 'default', 1000, 400000, NULL, NULL, 1000),
          ('prj_b', 'closed-one', 1, 1, '["a","b"]', 'spent', 1001);
        INSERT INTO keys VALUES
          ('key_a', 'prj_a', 'first', 'tmt_aaaaaaaa', x'abcd', '["infer","read","operate"]',
           NULL, NULL, NULL, NULL, NULL, 1002),
          ('key_b', 'prj_b', 'gone', 'tmt_bbbbbbbb', x'abce', '["infer"]',
           '["a"]', 5, 6, 7000, 8000, 1003);
        INSERT INTO budgets VALUES
          ('bud_a', 'prj_a', NULL, 'month', 5000000000),
          ('bud_b', 'prj_b', 'key_b', 'day', 1);
        INSERT INTO model_files VALUES
          ('cdcd', 'old-model', 12345, 'llama', 1000, 'Q8_0', 2048, 1, 1004);
        INSERT INTO deployments VALUES
          ('old', 'cdcd', CAST('{"model":"old-model","max_in_flight":2}' AS BLOB), 1005);
        INSERT INTO engine_instances VALUES
          ('old', 'nonce', '127.0.0.1:5000', 'ready', '', 4711, 0, 1006);
        WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 50)
        INSERT INTO usage SELECT
          'req-' || n, 1, 'prj_a', 'key_a', 'old', 'old', 2000 + n, 3000 + n,
          n, 2 * n, 0, 1500 * n, n % 2, 'ok' FROM n;
    """,
}


def path(revision: str) -> Path:
    """Return the file that holds the store of that revision."""
    return FOLDER / f"{revision}.sql"


def restore(revision: str, target: Path) -> None:
    """Make `target` the store as it was at `revision`."""
    connection = sqlite3.connect(target)
    try:
        connection.executescript(path(revision).read_text())
    finally:
        connection.close()


def migrated(target: Path, revision: str) -> None:
    """Make `target` an empty store at `revision`, by the migrations that there are."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    engine = create_engine(f"sqlite:///{target}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def write(revision: str, folder: Path) -> None:
    """Keep the store of that revision with its rows."""
    database = folder / "golden.db"
    database.unlink(missing_ok=True)
    migrated(database, revision)
    connection = sqlite3.connect(database)
    connection.executescript(ROWS[revision])
    path(revision).parent.mkdir(exist_ok=True)
    path(revision).write_text("\n".join(connection.iterdump()) + "\n")
    connection.close()
    database.unlink()


if __name__ == "__main__":
    write(sys.argv[1], Path.cwd())
