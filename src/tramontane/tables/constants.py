"""Numbers that a question to tables writes into its own result: they prove nothing.

`SELECT 'North' AS region, 999 AS total` gives a row that no table has. A number goes there where
nothing but names, signs, choices (CASE, COALESCE) and sums stand between it and the result. It does
not know what an answer says.
"""

from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from tramontane.store.messages import ResultPart

_THROUGH = (
    exp.Alias, exp.Paren, exp.Neg, exp.Cast, exp.TryCast, exp.Case, exp.If, exp.Coalesce, exp.Add,
    exp.Sub, exp.Round, exp.PropertyEQ,
)  # fmt: skip
_TO = (exp.Select, exp.Tuple, exp.Values)
_NOTHING = Decimal(0)  # what empty cells are often counted as


def constants(sql: str) -> frozenset[Decimal]:
    """Return the numbers of `sql` that come out of it as they are; none where it cannot be read."""
    try:
        tree = sqlglot.parse_one(sql, read="duckdb")
    except (SqlglotError, RecursionError):
        return frozenset()
    found = set()
    for literal in tree.find_all(exp.Literal):
        value = _value(literal)
        if value is not None and value != _NOTHING and _comes_out(literal):
            found |= {value, -value}
    return frozenset(found)


def made_up_columns(sql: str, count: int) -> frozenset[int]:
    """Return the columns, of `count`, that are made without any table's: all of them where none is
    asked.
    """
    try:
        tree = sqlglot.parse_one(sql, read="duckdb")
    except (SqlglotError, RecursionError):
        return frozenset()
    own = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    if all(table.name.lower() in own for table in tree.find_all(exp.Table)):
        return frozenset(range(count))
    if not isinstance(tree, exp.Select) or len(tree.expressions) != count:
        return frozenset()
    of_tables = (exp.Column, exp.AggFunc, exp.Subquery, exp.Window, exp.Star)
    return frozenset(
        at for at, each in enumerate(tree.expressions) if each.find(*of_tables) is None
    )


def without_constants(result: ResultPart) -> ResultPart:
    """Return `result` with nothing in the cells whose numbers its SQL wrote there, nor in that SQL
    in their place.
    """
    written = constants(result.sql)
    columns = made_up_columns(result.sql, len(result.columns))
    if not written and not columns:
        return result
    rows = tuple(
        tuple(
            None if _is_in(cell, written) or (at in columns and _is_number(cell)) else cell
            for at, cell in enumerate(row)
        )
        for row in result.rows
    )
    return msgspec.structs.replace(result, rows=rows, sql=_without(result.sql))


def _without(sql: str) -> str:
    tree = sqlglot.parse_one(sql, read="duckdb")
    for literal in list(tree.find_all(exp.Literal)):
        if literal.parent is not None and _comes_out(literal):
            literal.replace(exp.Null())
    return tree.sql(dialect="duckdb")


def _comes_out(literal: exp.Expression) -> bool:
    child, parent = literal, literal.parent
    while parent is not None:
        if isinstance(parent, _TO):
            return child.arg_key in ("expressions", "distinct")
        is_condition = isinstance(parent, exp.If | exp.Case) and child.arg_key == "this"
        is_digits = isinstance(parent, exp.Round) and child.arg_key != "this"
        if not isinstance(parent, _THROUGH) or is_condition or is_digits:
            return False
        child, parent = parent, parent.parent
    return False


def _value(literal: exp.Literal) -> Decimal | None:
    """Return the number that it is, also where it is written as text."""
    try:
        value = Decimal(str(literal.this).strip())
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def _is_number(cell: Any) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _is_in(cell: Any, written: frozenset[Decimal]) -> bool:
    if isinstance(cell, bool) or not isinstance(cell, int | float | str):
        return False
    try:
        return Decimal(str(cell).strip()) in written
    except InvalidOperation:
        return False
