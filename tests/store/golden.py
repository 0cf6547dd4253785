"""Stores as former releases left them, kept as SQL in `golden/`.

Made once, when a release fixes its schema, with `python -m tests.store.golden REVISION`; never
made anew, or they would show what the present code does instead of what was in people's folders.
"""

import re
import sqlite3
import sys
from collections.abc import Iterator
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
# Keys and deployments had one column more by then.
_LONGER = re.sub(r"\b(1002|1003|1005)\)", r"\1, NULL)", ROWS["0001"])
ROWS["0002"] = f"""{_LONGER}
        INSERT INTO members VALUES
          ('mem_a', 'ada@example.com', 'Ada', 'hash', 1, 'fr', x'7b7d', NULL, 1010),
          ('mem_b', 'ben@example.com', 'Ben', NULL, 0, 'de', x'7b226122203a317d', 9000, 1011);
        INSERT INTO keys VALUES
          ('key_c', 'prj_a', 'ada', 'mbr_cccccccc', x'', '["infer"]',
           NULL, NULL, NULL, NULL, NULL, 1012, 'mem_a'),
          ('key_d', 'prj_a', 'embed', 'tmt_dddddddd', x'abcf', '["infer"]',
           NULL, NULL, NULL, NULL, NULL, 1013, NULL);
        INSERT INTO memberships VALUES ('mem_a', 'prj_a', 'manager', 'key_c', 1014);
        INSERT INTO links VALUES
          ('link_a', x'0102', 'invitation', 'cleo@example.com', 0, 'prj_a', 'member', NULL,
           'mem_a', 1015, 9015, NULL, NULL),
          ('link_b', x'0103', 'reset', NULL, 0, NULL, NULL, 'mem_b', NULL, 1016, 9016, 1017, NULL);
        INSERT INTO sessions VALUES ('ses_a', x'0203', 'mem_a', 'Firefox', 1018, 1019, 9019);
        UPDATE deployments SET sealed_key = x'01ff';
        INSERT INTO conversations VALUES
          ('conv_a', 'mem_a', 'prj_a', 'Zwetschgenkuchen', 'question', 'old', 'shipped:letter',
           'Be brief.', CAST('{{"temperature":0.5}}' AS BLOB), 0, 'msg_b', 1020, NULL, 1021, NULL,
           1022, 1023),
          ('conv_b', 'mem_a', 'prj_a', '', 'none', 'old', NULL, NULL, x'7b7d', 1, NULL, NULL, NULL,
           NULL, 'chatgpt:1', 1024, 1025);
        INSERT INTO messages VALUES
          (1, 'msg_a', 'conv_a', NULL, 'user', 'done',
           CAST('[{{"type":"text","text":"Où?"}}]' AS BLOB), 'Où?', NULL, NULL, NULL, 'c-1', NULL,
           NULL, 1026, 1026),
          (2, 'msg_b', 'conv_a', 'msg_a', 'assistant', 'done',
           CAST('[{{"type":"text","text":"À Genève."}}]' AS BLOB), 'À Genève.', 'old',
           CAST('{{"request_id":"req-1","model":"old","deployment":"old"}}' AS BLOB), NULL, NULL,
           'up', 'short', 1027, 1028);
        INSERT INTO shares VALUES ('shr_a', x'0304', 'conv_a', 'msg_b', 1029, NULL);
        INSERT INTO prompts VALUES
          ('prompt_a', 'mem_a', NULL, 'Mine', 'Write to {{{{name}}}}.', 3, 1030, 1031);
        INSERT INTO assistants VALUES
          ('asst_a', 'mem_a', 'prj_a', CAST('{{"name":"Letters"}}' AS BLOB), 2, 1032, 1033);
        INSERT INTO embeds VALUES
          ('emb_a', 'mem_a', 'prj_a', 'asst_a', 'key_d', 'Help', '["https://example.org"]', 1034,
           NULL);
"""
# Conversations had one column more by then.
_WIDER = re.sub(r"\b(1023|1025)\)", r"\1, NULL)", ROWS["0002"])
ROWS["0003"] = f"""{_WIDER}
        INSERT INTO libraries VALUES
          ('lib_a', 'prj_a', 'mem_a', NULL, 'Contracts', 'What was signed', 1040, 1041),
          ('lib_b', 'prj_a', 'mem_a', 'conv_a', '', '', 1042, 1043);
        INSERT INTO documents VALUES
          ('doc_a', 'lib_a', 'mem_a', 'lease.pdf', 'efef', 4096, 'pdf', 'Lease', 'fr', 'ready',
           2, 2, NULL, x'5b5d', 1, NULL, NULL, 1, 1044, 1045);
        UPDATE conversations SET library_ids = '["lib_a"]' WHERE id = 'conv_a';
"""

# From here on a store grows out of the one before: these are the rows that came with a revision.
ROWS["0004"] = """
        UPDATE projects SET policy = CAST('{"jurisdictions":["EU"]}' AS BLOB) WHERE id = 'prj_a';
        INSERT INTO providers VALUES
          ('acme', 'mistral', CAST('{"kind":"mistral","region":"eu"}' AS BLOB), x'02ff', 1, 1046);
        INSERT INTO routes VALUES ('best', CAST('{"deployments":["old"]}' AS BLOB), 1047);
        INSERT INTO drills VALUES ('drill_a', 'provider:acme', 1048, 2048, 1848, 'mem_a', NULL);
        INSERT INTO vectors VALUES ('doc_a', 0, 1, 'embed', x'0000803f');
        UPDATE usage SET provider = 'acme', region = 'eu', cache_write_tokens = 7, is_priced = 0;
"""
_GROWN_SINCE = "0004"


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


def _dumped(connection: sqlite3.Connection) -> Iterator[str]:
    """Yield the statements that make the store: an index of words is filled at the end."""
    find = "SELECT name, sql FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%'"
    indexes = dict(connection.execute(find).fetchall())
    of_index = tuple(f"{verb} {name}" for verb in ("CREATE TABLE", "INSERT INTO") for name in (
        mark + index for index in indexes for mark in "'\""
    ))  # fmt: skip
    for statement in connection.iterdump():
        if statement.startswith("INSERT INTO sqlite_master"):
            yield from (
                f"{sql};" for name, sql in indexes.items() if f"('table','{name}'," in statement
            )
        elif statement == "COMMIT;":
            for name, sql in indexes.items():
                if "content='messages_searched'" in sql:
                    yield f"INSERT INTO {name}({name}) VALUES('rebuild');"
            yield statement
        elif not statement.startswith((*of_index, "PRAGMA writable_schema")):
            yield statement


def write(revision: str, folder: Path) -> None:
    """Keep the store of that revision with its rows."""
    database = folder / "golden.db"
    database.unlink(missing_ok=True)
    if revision >= _GROWN_SINCE:
        restore(f"{int(revision) - 1:04d}", database)
    migrated(database, revision)
    connection = sqlite3.connect(database)
    connection.executescript(ROWS[revision])
    path(revision).parent.mkdir(exist_ok=True)
    path(revision).write_text("\n".join(_dumped(connection)) + "\n")
    connection.close()
    database.unlink()


if __name__ == "__main__":
    write(sys.argv[1], Path.cwd())
