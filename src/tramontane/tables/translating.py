"""Checked SQL in another database's own: PostgreSQL's, MySQL's or SQLite's.

Each table of the question is replaced by a SELECT that gives its columns under the names they have
here, so that real names of any form can be asked for. It runs nothing.
"""

from collections.abc import Mapping

from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError

from tramontane.tables.target import Target
from tramontane.tables.validate import is_defined, refused, tree

_DIALECTS = {"postgresql": "postgres", "mysql": "mysql", "sqlite": "sqlite"}
_NAMES = {"postgresql": "PostgreSQL", "mysql": "MySQL", "sqlite": "SQLite"}


def translated(sql: str, targets: Mapping[str, Target], rows_max: int | None) -> str:
    """Return `sql`, DuckDB's, as the database at `targets` takes it; all are at the same one.

    Raises InvalidRequest `sql_refused`.
    """
    by_name = {name.lower(): target for name, target in targets.items()}
    kind = next(iter(by_name.values())).kind
    query = tree(sql, by_name, rows_max)
    for table in list(query.find_all(exp.Table)):
        target = by_name.get(table.name.lower()) if isinstance(table.this, exp.Identifier) else None
        if target is not None and not is_defined(table, table.name.lower()):
            table.replace(_subquery(table, target))
    try:
        return query.sql(
            dialect=_DIALECTS[kind], comments=False, unsupported_level=ErrorLevel.RAISE
        )
    except SqlglotError as error:
        why = str(error).partition("\n")[0][:200]
        raise refused(f"{_NAMES[kind]} has no such thing ({why})") from None


def _subquery(table: exp.Table, target: Target) -> exp.Subquery:
    columns = [
        exp.alias_(exp.column(exp.to_identifier(there, quoted=True)), here, quoted=True)
        for here, there in target.columns
    ]
    parts = [exp.to_identifier(part, quoted=True) for part in target.table]
    source = exp.Table(this=parts[-1], db=parts[0] if len(parts) > 1 else None)
    made = exp.select(*columns).from_(source).subquery(table.alias or table.name)
    for part in ("joins", "laterals"):
        if table.args.get(part):
            made.set(part, table.args[part])
    return made
