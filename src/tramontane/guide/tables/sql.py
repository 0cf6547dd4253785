"""A query as SQL in DuckDB's dialect. Values are written as literals, names always in quotes."""

from datetime import date
from decimal import Decimal
from typing import Any

from tramontane.guide.conversation import ColumnFacts
from tramontane.guide.tables.lexicon import Lexicon
from tramontane.guide.tables.query import Dimension, Filter, Measure, Query
from tramontane.guide.tables.tokens import Period
from tramontane.text.stems import folded

MOST_ROWS = 1_000
_FUNCTIONS = {"sum": "sum", "mean": "avg", "median": "median", "min": "min", "max": "max"}
_SIGNS = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}


def sql_of(query: Query, words: Lexicon) -> str:
    """Return the SQL of `query`; its columns are named in the language of `words`."""
    match query.kind:
        case "share":
            return _share(query, words)
        case "compare":
            return _compare(query, words)
        case "rows":
            return _rows(query)
        case "list":
            return _list(query, words)
    return _total(query, words)


def _total(query: Query, words: Lexicon) -> str:
    groups = [f"{_dimension(g)} AS {name(group_name(g, words))}" for g in query.groups]
    measures = [f"{_measure(m)} AS {name(measure_name(m, words))}" for m in query.measures]
    sql = f"SELECT {', '.join([*groups, *measures])}\nFROM {name(query.table.name)}"
    sql += _where(query.filters)
    if not groups:
        return sql
    places = ", ".join(str(i + 1) for i in range(len(groups)))
    if query.kind == "top":  # what is empty is no answer to "which"
        sql += _and(query.filters, [f"{name(g.column.name)} IS NOT NULL" for g in query.groups])
    sql += f"\nGROUP BY {places}"
    first = len(groups) + 1
    if query.kind == "top":
        way = "DESC" if query.is_descending else "ASC"
        return f"{sql}\nORDER BY {first} {way} NULLS LAST, 1\nLIMIT {query.limit or 1}"
    in_time = any(g.grain or g.column.type in ("date", "moment", "number") for g in query.groups)
    order = places if in_time else f"{first} DESC NULLS LAST, {places}"
    return f"{sql}\nORDER BY {order}\nLIMIT {query.limit or MOST_ROWS}"


def _rows(query: Query) -> str:
    sql = f"SELECT *\nFROM {name(query.table.name)}{_where(query.filters)}"
    if query.sort is not None:
        way = "DESC" if query.is_descending else "ASC"
        sql += _and(query.filters, [f"{name(query.sort.name)} IS NOT NULL"])
        sql += f"\nORDER BY {name(query.sort.name)} {way}"
    return f"{sql}\nLIMIT {query.limit or MOST_ROWS}"


def _list(query: Query, words: Lexicon) -> str:
    groups = [f"{_dimension(g)} AS {name(group_name(g, words))}" for g in query.groups]
    sql = f"SELECT DISTINCT {', '.join(groups)}\nFROM {name(query.table.name)}"
    return f"{sql}{_where(query.filters)}\nORDER BY 1\nLIMIT {query.limit or MOST_ROWS}"


def _share(query: Query, words: Lexicon) -> str:
    measure = query.measures[0]
    whole = _measure(measure)
    say = words.say
    if query.part:
        part = f"{whole} FILTER (WHERE {_conditions(query.part)})"
        if measure.operation == "sum":
            part = f"coalesce({part}, 0)"
        groups = [f"{_dimension(g)} AS {name(group_name(g, words))}" for g in query.groups]
        columns = [
            *groups,
            f"100.0 * {part} / nullif({whole}, 0) AS {name(say['c_share'])}",
            f"{part} AS {name(say['c_part'])}",
            f"{whole} AS {name(say['c_whole'])}",
        ]
        sql = f"SELECT {', '.join(columns)}\nFROM {name(query.table.name)}{_where(query.filters)}"
        return sql + ("\nGROUP BY 1\nORDER BY 2 DESC NULLS LAST, 1" if groups else "")
    groups = [f"{_dimension(g)} AS {name(group_name(g, words))}" for g in query.groups]
    places = ", ".join(str(i + 1) for i in range(len(groups)))
    columns = [
        *groups,
        f"100.0 * {whole} / nullif(sum({whole}) OVER (), 0) AS {name(say['c_share'])}",
        f"{whole} AS {name(measure_name(measure, words))}",
    ]
    sql = f"SELECT {', '.join(columns)}\nFROM {name(query.table.name)}{_where(query.filters)}"
    order = f"{len(groups) + 1} {'DESC' if query.is_descending else 'ASC'} NULLS LAST"
    return f"{sql}\nGROUP BY {places}\nORDER BY {order}\nLIMIT {query.limit or MOST_ROWS}"


def _compare(query: Query, words: Lexicon) -> str:
    whole = _measure(query.measures[0])
    one, two = (f"{whole} FILTER (WHERE {_conditions((side,))})" for side in query.sides)
    a, b = (side_name(side, words) for side in query.sides)
    columns = [
        f"{one} AS {name(a)}",
        f"{two} AS {name(b)}",
        f"{two} - {one} AS {name(words.say['c_difference'])}",
        f"100.0 * ({two} - {one}) / nullif(abs({one}), 0) AS {name(words.say['c_change'])}",
    ]
    return f"SELECT {', '.join(columns)}\nFROM {name(query.table.name)}{_where(query.filters)}"


# --- names ---------------------------------------------------------------------------------------


def name(text: str) -> str:
    """Return a name in quotes.

    >>> print(name("a b"))
    "a b"
    """
    return '"' + text.replace('"', '""') + '"'


def measure_name(measure: Measure, words: Lexicon) -> str:
    """Return what the column of a measure is called."""
    if measure.column is None:
        return words.say["c_count"]
    if measure.operation == "value":
        return measure.column.title
    return words.say[f"c_{measure.operation}"].format(what=measure.column.title)


def group_name(group: Dimension, words: Lexicon) -> str:
    """Return what the column of a group is called."""
    if group.grain is None or is_called(group, words):
        return group.column.title
    said = words.say[f"g_{group.grain}"].format(what=group.column.title)
    return said[:1].upper() + said[1:]


def is_called(group: Dimension, words: Lexicon) -> bool:
    """Whether the title of a column says its grain already: "Month"."""
    title = folded(group.column.title)
    return any(
        concept == group.grain and pattern.fullmatch(title) for concept, pattern in words.concepts
    )


def side_name(side: Filter, words: Lexicon) -> str:
    """Return what one of two that are compared is called."""
    if side.test == "within":
        return period_name(side.values[0])
    if side.test in ("true", "false"):
        return words.say[side.test].format(what=side.column.title)
    return ", ".join(map(str, side.values))


def period_name(period: Period) -> str:
    """Return a period in figures: 2023, 2023-03, Q2 2023, 2023-03-05."""
    if period.start is None or period.end is None:
        return f"Q{period.quarter}" if period.quarter else f"{period.month:02}."
    if (years := period.years) is not None:
        return str(years[0]) if years[0] == years[1] else f"{years[0]}–{years[1]}"
    last = date.fromordinal(period.end.toordinal() - 1)
    if period.start == last:
        return period.start.isoformat()
    if period.start.day == 1 and period.end.day == 1:
        count = (period.end.year - period.start.year) * 12 + period.end.month - period.start.month
        if count == 1:
            return f"{period.start:%Y-%m}"
        if count == 3 and period.start.month % 3 == 1:
            return f"{period.start.year} Q{(period.start.month + 2) // 3}"
        return f"{period.start:%Y-%m} – {last:%Y-%m}"
    return f"{period.start.isoformat()} – {last.isoformat()}"


# --- expressions ---------------------------------------------------------------------------------


def _measure(measure: Measure) -> str:
    if measure.column is None:
        return "count(*)"
    column = name(measure.column.name)
    if measure.operation == "count":
        return f"count({column})"
    if measure.operation == "distinct":
        return f"count(DISTINCT {column})"
    return f"{_FUNCTIONS.get(measure.operation, 'sum')}({column})"


def _dimension(group: Dimension) -> str:
    column = name(group.column.name)
    if group.grain is None or group.column.type not in ("date", "moment"):
        return column
    if group.grain == "year":
        return f"year({column})"
    return f"CAST(date_trunc('{group.grain}', {column}) AS DATE)"


def _where(filters: tuple[Filter, ...]) -> str:
    return f"\nWHERE {_conditions(filters)}" if filters else ""


def _and(filters: tuple[Filter, ...], more: list[str]) -> str:
    return (" AND " if filters else "\nWHERE ") + " AND ".join(more)


def _conditions(filters: tuple[Filter, ...]) -> str:
    return " AND ".join(_condition(one) for one in filters)


def _condition(one: Filter) -> str:
    column = name(one.column.name)
    values = [literal(value) for value in one.values if not isinstance(value, Period)]
    match one.test:
        case "true":
            return column
        case "false":
            return f"NOT {column}"
        case "empty":
            return f"{column} IS NULL"
        case "present":
            return f"{column} IS NOT NULL"
        case "eq" | "ne" if len(values) > 1:
            return f"{column} {'NOT ' if one.test == 'ne' else ''}IN ({', '.join(values)})"
        case "between":
            return f"{column} BETWEEN {values[0]} AND {values[1]}"
        case "contains" | "starts" | "ends":
            return _like(one)
        case "within" | "outside" | "after" | "since" | "before" | "until":
            return _in_time(one)
    return f"{column} {_SIGNS[one.test]} {values[0]}"


def _like(one: Filter) -> str:
    text = str(one.values[0])
    for special in ("\\", "%", "_"):
        text = text.replace(special, f"\\{special}")
    pattern = {"contains": f"%{text}%", "starts": f"{text}%", "ends": f"%{text}"}[one.test]
    return f"{name(one.column.name)} ILIKE {literal(pattern)} ESCAPE '\\'"


def _in_time(one: Filter) -> str:
    periods = [value for value in one.values if isinstance(value, Period)]
    said = [_period(one.column, one.test, period) for period in periods]
    whole = said[0] if len(said) == 1 else f"({' OR '.join(said)})"
    return f"NOT ({whole})" if one.test == "outside" else whole


def _period(column: ColumnFacts, test: str, period: Period) -> str:
    said = name(column.name)
    if period.start is None or period.end is None:
        part, number = ("month", period.month) if period.month else ("quarter", period.quarter)
        return f"{part}({said}) = {number}"
    start, end = f"DATE '{period.start}'", f"DATE '{period.end}'"
    if column.type == "number":
        years = period.years or (period.start.year, period.end.year)
        start, end = str(years[0]), str(years[1] + 1)
    match test:
        case "after":
            return f"{said} >= {end}"
        case "since":
            return f"{said} >= {start}"
        case "before":
            return f"{said} < {start}"
        case "until":
            return f"{said} < {end}"
    if column.type == "number" and int(end) == int(start) + 1:
        return f"{said} = {start}"
    return f"({said} >= {start} AND {said} < {end})"


def literal(value: Any) -> str:
    """Return a value as SQL has it.

    >>> literal("l'été"), literal(Decimal("1.2E+6"))
    ("'l''été'", '1200000')
    """
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    return "'" + str(value).replace("'", "''") + "'"
