"""How a column of text says numbers, and the SQL that reads them: five languages' marks.

`1,234.5`, `1.234,5`, `1 234,5` and `1'234.5`, with a sign before or behind, in parentheses, with
one unit beside every number. It does not decide whether a column is one of numbers.
"""

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_CURRENCY = (
    r"€|\$|£|¥|₹|₺|zł|kr\.?|Fr\.?|CHF|EUR|USD|GBP|JPY|SEK|NOK|DKK|PLN|CZK|HUF|RON|CAD|AUD|BRL|MXN"
)
_UNIT = rf"%|‰|{_CURRENCY}|[A-Za-zµ°²³]{{1,4}}(?:/[A-Za-z²³]{{1,3}})?"
_BODY = r"(?:\d[\d.,' ]*|[.,]\d+)(?:[eE][-+]?\d+)?"
PATTERN = (
    rf"^\(?\s*([-+]?)\s*({_CURRENCY})?\s*([-+]?)({_BODY})"
    rf"(\s*%|\s*‰|\s*(?:{_CURRENCY})|\s(?:{_UNIT}))?\s*(-?)\)?$"
)
"""Groups: sign, unit before, sign, digits with their marks, unit behind, sign behind."""

_POINT = r"\d*\.\d+|\d+\.|\d{1,3}(,\d{3})+(\.\d+)?|\d+"
_COMMA = r"\d*,\d+|\d{1,3}(\.\d{3})+(,\d+)?|\d+"
_UNCLEAR = r"[1-9]\d{0,2}[.,]\d{3}"
MARKERS = (
    "na", "n/a", "n.a.", "null", "none", "nan", "nil", "-", "--", "–", "—", ".", "..", "...", "…",
    "k.a.", "k. a.", "keine angabe", "n.d.", "nd", "n/d", "s.o.", "?", "#n/a", "#n/d", "#nv",
    "#wert!", "#value!", "#ref!", "#div/0!", "#valeur!", "#valore!", "#¡valor!", "unknown",
    "unbekannt", "inconnu",
)  # fmt: skip
"""What people write into a cell that has no value."""


class Reading(msgspec.Struct, kw_only=True):
    """How a column is read: `sql` gives the value of `cell_v`, the trimmed cell, or NULL."""

    kind: str
    sql: str
    sql_type: str
    unit: str | None = None
    notes: list[tuple[str, str]] = []
    is_unclear: bool = False

    def of(self, column: str) -> str:
        """Return the SQL of the value of another column than `cell_v`."""
        return self.sql.replace("cell_v", column)


def cleaned(cell: str) -> str:
    """Return the SQL of a cell with ordinary spaces, signs and apostrophes."""
    return f"translate({cell}, '−\u00a0\u202f\u2009\u2007’', '-    ''')"


def is_number(cell: str) -> str:
    """Return the SQL that says whether the cell is a number in any of the styles."""
    found = f"regexp_full_match({cleaned(cell)}, {_text(PATTERN)})"
    return f"({found} AND regexp_matches({cell}, '\\d'))"


def read(connection: "DuckDBPyConnection", source: str, has_comma: bool | None) -> Reading | None:
    """Return how the numbers of `source` are read; None where that is not one way.

    `source` is SQL with a column `cell_v`: what is no number in it is ignored. `has_comma` decides
    where nothing in the column does.
    """
    body, unit = _parts("cell_v")
    facts = connection.execute(
        f"""
        SELECT count(*), count(*) FILTER (p AND NOT c), count(*) FILTER (c AND NOT p),
          count(*) FILTER (p AND c AND NOT i), count(*) FILTER (regexp_full_match(b, '0\\d+')),
          count(DISTINCT u), any_value(u), count(*) FILTER (u <> ''),
          bool_and(regexp_full_match(b, '{_UNCLEAR}')) FILTER (NOT i),
          count(*) FILTER (contains(lower(b), 'e')), any_value(x) FILTER (p AND c AND NOT i),
          mode(u)
        FROM (
          SELECT b, u, x, regexp_full_match(m, '{_POINT}') AS p,
            regexp_full_match(m, '{_COMMA}') AS c,
            regexp_full_match(m, '\\d+') AS i
          FROM (SELECT {_ungrouped("b")} AS m, b, u, x
                FROM (SELECT {body} AS b, {unit} AS u, cell_v AS x FROM {source}) WHERE b <> ''))
        """
    ).fetchone()
    assert facts is not None
    count, point, comma, unclear, zeros, units, _, with_unit, is_unclear, floats, example, usual = (
        facts
    )
    if not count or zeros:
        return None
    if units > 1 and with_unit * 20 < count * 19:
        return None  # two currencies, or percent beside plain numbers: not one column
    is_comma = comma > point if comma or point else bool(has_comma)
    shown = (usual or "").strip() or None
    made = _reading(connection, source, is_comma, shown, bool(floats))
    if made is not None and unclear and is_unclear and not (comma or point):
        made.is_unclear = True
        said = "thousands" if (("." in example) == is_comma) else "decimals"
        said = f"whether {example!r} has thousands or decimals, nothing says; it was read as {said}"
        made.notes.append(("unclear_numbers", said))
    return made


def _parts(cell: str) -> tuple[str, str]:
    """Return the SQL of the digits with their marks, and of the unit ("" for none)."""
    text, pattern = cleaned(cell), _text(PATTERN)
    whole = f"regexp_full_match({text}, {pattern})"
    body = f"CASE WHEN {whole} THEN trim(regexp_extract({text}, {pattern}, 4)) ELSE '' END"
    unit = (
        f"CASE WHEN {whole} THEN trim(regexp_extract({text}, {pattern}, 2) ||"
        f" regexp_extract({text}, {pattern}, 5)) ELSE '' END"
    )
    return body, unit


def _ungrouped(body: str) -> str:
    """Return the SQL of the digits without spaces and apostrophes that group thousands."""
    grouped = r"\d{1,3}([ '']\d{3})+([.,]\d+)?"
    mantissa = f"regexp_replace({body}, '[eE][-+]?\\d+$', '')"
    return (
        f"CASE WHEN regexp_full_match({body}, '{grouped}')"
        f" THEN replace(replace({body}, ' ', ''), '''', '') ELSE {mantissa} END"
    )


def _reading(
    connection: "DuckDBPyConnection",
    source: str,
    is_comma: bool,
    unit: str | None,
    has_floats: bool,
) -> Reading | None:
    text, pattern = cleaned("cell_v"), _text(PATTERN)
    body, own_unit = _parts("cell_v")
    digits = _ungrouped(f"({body})")
    style = _COMMA if is_comma else _POINT
    point = f"replace({digits}, ',', '')"
    if is_comma:
        point = f"replace(replace({digits}, '.', ''), ',', '.')"
    if has_floats:
        power = f"coalesce(nullif(regexp_extract({body}, '[eE]([-+]?\\d+)$', 1), ''), '0')"
        point = f"{point} || 'e' || {power}"
    negative = (
        f"regexp_extract({text}, {pattern}, 1) = '-' OR regexp_extract({text}, {pattern}, 3) = '-'"
        f" OR regexp_extract({text}, {pattern}, 6) = '-' OR {text} LIKE '(%)'"
    )
    fits = f"regexp_full_match({digits}, '{style}') AND {own_unit} = {_text(unit or '')}"
    value = f"CASE WHEN {fits} THEN CASE WHEN {negative} THEN '-' ELSE '' END || {point} END"
    kind = "DOUBLE" if has_floats else _type(connection, source, value)
    if kind is None:
        return None
    return Reading(kind="number", sql=f"TRY_CAST({value} AS {kind})", sql_type=kind, unit=unit)


def _type(connection: "DuckDBPyConnection", source: str, value: str) -> str | None:
    """Return the type that holds every value exactly; DOUBLE where none does."""
    row = connection.execute(
        "SELECT max(length(ltrim(split_part(n, '.', 1), '-0'))),"
        " max(length(split_part(n, '.', 2)))"
        f" FROM (SELECT {value} AS n FROM {source})"
    ).fetchone()
    assert row is not None
    return exact_type(int(row[0] or 0), int(row[1] or 0))


def exact_type(whole: int, decimals: int) -> str | None:
    """Return the type for so many digits before and after the point; None for too many."""
    if decimals == 0:
        if whole <= 18:
            return "BIGINT"
        return "DECIMAL(38,0)" if whole <= 36 else None
    if decimals > 12 or whole + decimals > 30:
        return "DOUBLE"
    return f"DECIMAL({max(18, whole + decimals)},{decimals})"


def plain(connection: "DuckDBPyConnection", source: str) -> Reading | None:
    """Return the reading of a column that has only plain numbers such as 12 or -3.5; None else.

    Much faster than `read`, and the form that programs write.
    """
    row = connection.execute(
        f"""SELECT bool_and(regexp_full_match(cell_v, '-?(0|[1-9]\\d*)(\\.\\d+)?')),
          max(length(ltrim(split_part(cell_v, '.', 1), '-'))),
          max(length(split_part(cell_v, '.', 2))),
          bool_and(regexp_full_match(cell_v, '-?[1-9]\\d{{0,2}}\\.\\d{{3}}')) FROM {source}"""
    ).fetchone()
    assert row is not None
    if not row[0] or row[3]:
        return None  # a column of 1.234 alone needs a second look
    kind = exact_type(int(row[1]), int(row[2]))
    if kind is None:
        return None
    return Reading(kind="number", sql=f"TRY_CAST(cell_v AS {kind})", sql_type=kind)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
