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
    query: exp.Expr = tree(sql, by_name, rows_max)
    for table in list(query.find_all(exp.Table)):
        target = by_name.get(table.name.lower()) if isinstance(table.this, exp.Identifier) else None
        if target is not None and not is_defined(table, table.name.lower()):
            table.replace(_subquery(table, target))
    if kind == "sqlite":
        query = query.transform(_with_own_functions)
    try:
        return query.sql(
            dialect=_DIALECTS[kind], comments=False, unsupported_level=ErrorLevel.RAISE
        )
    except SqlglotError as error:
        why = str(error).partition("\n")[0][:200]
        raise refused(f"{_NAMES[kind]} has no such thing ({why})") from None


_PARTS = ("Year", "Month", "Day", "Quarter", "Week", "Hour", "Minute", "Second", "DayOfWeek")


def _with_own_functions(node: exp.Expr) -> exp.Expr:
    """Return the node with functions that SQLite lacks, by the names that `sqlite` adds."""
    if isinstance(node, exp.Extract):
        return exp.Anonymous(
            this="date_part", expressions=[exp.Literal.string(node.name.lower()), node.expression]
        )
    if isinstance(node, exp.TimestampTrunc | exp.DateTrunc):
        return exp.Anonymous(
            this="date_trunc", expressions=[exp.Literal.string(_unit(node)), node.this]
        )
    if type(node).__name__ in _PARTS:
        part = type(node).__name__.lower()
        return exp.Anonymous(this="date_part", expressions=[exp.Literal.string(part), node.this])
    if isinstance(node, exp.Median):
        return exp.Anonymous(this="median", expressions=[node.this])
    if isinstance(node, exp.Cast) and node.to.is_type("date"):
        return exp.Anonymous(this="date", expressions=[node.this])
    return node


def _unit(node: exp.TimestampTrunc | exp.DateTrunc) -> str:
    return str(node.args["unit"].name).lower()


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
