"""What may be asked of tables: one SELECT over the tables that are allowed, and nothing else.

sqlglot reads the SQL, every node of it must be on a list, and what is returned is written anew from
those nodes, so that nothing runs that was not looked at. That is the first wall; the second is the
locked child that runs it (`query_child`). It does not know whether columns exist.
"""

import logging
import re
from collections.abc import Collection, Iterable

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from tramontane.errors import InvalidRequest
from tramontane.tables.functions import CLASSES, NAMES, TABLE_FUNCTIONS

# It would write what people ask into the log.
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)

SQL_CHARACTERS_MAX = 20_000
NODES_MAX = 5_000
_is_plain = re.compile(r"[^\W\d]\w{0,99}").fullmatch

_NODE_NAMES = """
    Add Alias Aliases Any All Between Boolean Bracket Collate Column CTE Cube DataType DataTypeParam
    Distinct Div Dot
    DPipe EQ Escape Except Filter From Glob Group GroupingSets GT GTE Having HavingMax Identifier
    ILike In IntDiv Intersect Interval Is Join JSONPath JSONPathKey JSONPathRoot JSONPathSubscript
    JSONPathWildcard Lambda
    Lateral Like Limit Literal LT LTE Mod Mul National Neg NEQ Not Null NullSafeEQ NullSafeNEQ
    Offset
    Order Ordered Paren PropertyEQ Qualify Rollup Select SimilarTo Slice Star Sub Subquery Table
    TableAlias TableColumn Tuple Union Values Var Where Window WindowSpec With WithinGroup
    BitwiseAnd BitwiseOr BitwiseXor BitwiseNot BitwiseLeftShift BitwiseRightShift Comprehension
    ArrayContainsAll ArrayOverlaps RegexpILike IgnoreNulls RespectNulls AtTimeZone IntervalSpan
    WithTableHint Kwarg Fetch TableSample
"""
_NODES = frozenset(_NODE_NAMES.split())
# Beside the name, what a table in FROM may have.
_TABLE_PARTS = frozenset({"this", "alias", "joins", "laterals", "sample"})


def validate(sql: str, tables: Iterable[str], rows_max: int | None = None) -> str:
    """Return that SQL as DuckDB is to run it, over tables of these names.

    With `rows_max`, the outermost SELECT is limited to one row more, so that a longer result shows.
    Raises InvalidRequest `sql_refused`, which says what to change.
    """
    return tree(sql, tables, rows_max).sql(dialect="duckdb", comments=False)


def tree(sql: str, tables: Iterable[str], rows_max: int | None = None) -> exp.Query:
    """Return what `validate` does as sqlglot's tree. Raises InvalidRequest `sql_refused`."""
    found = _parsed(sql)
    names = {name.lower() for name in tables}
    for count, node in enumerate(found.walk(), 1):
        if count > NODES_MAX:
            raise refused("it is too long; ask in several steps")
        _check(node, names)
    if rows_max is not None:
        _limit(found, rows_max + 1)
    return found


def used_names(sql: str, tables: Iterable[str]) -> set[str]:
    """Return which of the tables `sql` reads, in lower case; all where it reads none of them, so
    that it is run somewhere. Raises InvalidRequest `sql_refused`.
    """
    names = {name.lower() for name in tables}
    found = tree(sql, names).find_all(exp.Table)
    used = {each.name.lower() for each in found if isinstance(each.this, exp.Identifier)} & names
    return used or names


def refused(why: str) -> InvalidRequest:
    """Return the error for SQL that is not run."""
    return InvalidRequest(f"This SQL is not run: {why}.", code="sql_refused", param="sql")


def _parsed(sql: str) -> exp.Query:
    if len(sql) > SQL_CHARACTERS_MAX:
        raise refused(f"it is longer than {SQL_CHARACTERS_MAX} characters")
    if "\0" in sql:
        raise refused("it contains a character that no text has")
    try:
        found = [each for each in sqlglot.parse(sql, read="duckdb") if each is not None]
    except SqlglotError as error:
        raise refused(f"it cannot be read ({_reason(error)})") from None
    except RecursionError:
        raise refused("it is nested too deeply") from None
    if len(found) != 1:
        raise refused("write exactly one SELECT" if found else "it is empty")
    (statement,) = found
    while isinstance(statement, exp.Subquery) and not statement.args.get("alias"):
        statement = statement.this
    if not isinstance(statement, exp.Select | exp.SetOperation):
        raise refused("it must be a SELECT, which changes nothing")
    return statement


def _reason(error: SqlglotError) -> str:
    details = getattr(error, "errors", None)
    if details:
        first = details[0]
        near = f" near {first['highlight']!r}" if first.get("highlight") else ""
        return f"line {first.get('line')}: {first.get('description')}{near}"[:200].rstrip(".")
    return re.sub(r"\x1b\[[0-9;]*m", "", str(error)).partition("\n")[0][:200].rstrip(".")


def _check(node: exp.Expr, tables: Collection[str]) -> None:
    if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc | exp.ParameterizedAgg):
        _check_name(str(node.this))
    elif isinstance(node, exp.Func):
        if type(node).__name__ not in CLASSES and type(node).__name__ not in _NODES:
            raise refused(f"the function {_spelled(node)} is not offered here")
    elif type(node).__name__ not in _NODES:
        raise refused(f"{_word(node)} is not offered here; write a plain SELECT")
    if isinstance(node, exp.Table):
        _check_table(node, tables)
    elif isinstance(node, exp.CTE | exp.TableAlias):
        _check_alias(node)
    elif isinstance(node, exp.Select) and not node.expressions:
        raise refused("say what to SELECT")
    elif isinstance(node, exp.Select) and (node.args.get("into") or node.args.get("locks")):
        raise refused("it must only read")
    elif isinstance(node, exp.Dot) and not isinstance(node.expression, exp.Identifier | exp.Star):
        raise refused("functions are called without a dot before them")


def _check_name(name: str) -> None:
    if name.lower() not in NAMES:
        raise refused(f"the function {name[:60]!r} is not offered here")


def _spelled(node: exp.Func) -> str:
    return repr(type(node).sql_names()[0].lower() if type(node).sql_names() else _word(node))


def _word(node: exp.Expr) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", " ", type(node).__name__).upper()


def _check_table(table: exp.Table, tables: Collection[str]) -> None:
    given = {name for name, value in table.args.items() if value}
    if given & {"db", "catalog"}:
        raise refused("name tables without a schema before them")
    if given - _TABLE_PARTS:
        raise refused("write only the name of a table in FROM")
    source = table.this
    if isinstance(source, exp.Identifier):
        name = source.name
        if name.lower() not in tables and not is_defined(table, name.lower()):
            raise refused(_unknown(name, tables))
    elif isinstance(source, exp.Anonymous):
        if source.name.lower() not in TABLE_FUNCTIONS:
            raise refused(f"tables cannot be made with {source.name[:60]!r} here")
    elif not isinstance(source, exp.Unnest | exp.GenerateSeries | exp.Explode):
        raise refused(f"there is no reading from {_word(source)}")


def _unknown(name: str, tables: Collection[str]) -> str:
    known = ", ".join(sorted(tables)[:10]) or "none"
    return f"there is no table {name[:80]!r} here; there are: {known}"


def _check_alias(node: exp.CTE | exp.TableAlias) -> None:
    name = node.alias if isinstance(node, exp.CTE) else node.name
    if name and not _is_plain(name):
        raise refused(f"{name[:60]!r} cannot be a name; use letters, digits and _")


def is_defined(table: exp.Table, name: str) -> bool:
    """Return whether a WITH defines that name where the table stands."""
    below: exp.Expr = table
    above = table.parent
    while above is not None:
        given = above.args.get("with_") or above.args.get("with")
        if isinstance(above, exp.With):
            if name in _before(above, below):
                return True
        elif isinstance(given, exp.With) and below is not given and name in _defined(given):
            return True
        below, above = above, above.parent
    return False


def _defined(given: exp.With) -> set[str]:
    return {cte.alias.lower() for cte in given.expressions}


def _before(given: exp.With, own: exp.Expr) -> set[str]:
    """Return the names that the expression `own` of a WITH may use: those before it."""
    names = set[str]()
    for cte in given.expressions:
        if cte is own:
            return names | {cte.alias.lower()} if given.args.get("recursive") else names
        names.add(cte.alias.lower())
    return names


def _limit(query: exp.Query, most: int) -> None:
    limit = query.args.get("limit")
    if limit is None:
        query.limit(most, copy=False)
        return
    given = limit.args.get("expression") if isinstance(limit, exp.Limit) else None
    if isinstance(given, exp.Literal) and given.is_int and int(given.this) > most:
        query.limit(most, copy=False)
