"""How a column of text says dates and moments, and the SQL that reads them: five languages.

`2024-03-12`, `12.03.2024`, `03/12/2024` (whose order the column decides, or nothing does, which is
said), `3 mars 2024`, `March 3, 2024`, with or without a time. It does not decide whether a column
is one of dates.
"""

from typing import TYPE_CHECKING

from tramontane.tables.loading.numbers import Reading

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MONTHS = (
    "january jan janvier janv januar jaenner janner enero ene gennaio gen",
    "february feb fevrier fevr februar febrero febbraio",
    "march mar mars marz maerz mrz marzo",
    "april apr avril avr abril abr aprile",
    "may mai mayo maggio mag",
    "june jun juin juni junio giugno giu",
    "july jul juillet juil juli julio luglio lug",
    "august aug aout agosto ago",
    "september sep sept septembre septiembre settembre set",
    "october oct octobre oktober okt octubre ottobre ott",
    "november nov novembre noviembre",
    "december dec decembre dezember dez diciembre dic dicembre",
)
_NUMBER_OF = {word: number for number, row in enumerate(_MONTHS, 1) for word in row.split()}
_TIME = (
    r"(?:(?:T|\s|,\s?|\s[àa]\s|\sum\s)\s*(\d{1,2})(?::|h|\.)(\d{2})(?:[:.](\d{2})(?:[.,](\d{1,9}))?)?"
    r"\s*([AaPp]\.?[Mm]\.?)?(?:\s?(?:Uhr|h))?\s*(Z|UTC|[+-]\d{2}:?\d{2})?)?"
)
_DAY = r"(?:[A-Za-z]{2,10}\.?,?\s+(?:den\s+)?)?"  # of the week
PATTERNS = {
    "iso": rf"(\d{{4}})[-/.](\d{{1,2}})[-/.](\d{{1,2}}){_TIME}",
    "numeric": rf"(\d{{1,2}})[./-](\d{{1,2}})[./-](\d{{4}}|\d{{2}}){_TIME}",
    "words": (
        rf"{_DAY}(\d{{1,2}})(?:\.|er|st|nd|rd|th|º|°)?[\s-]+(?:de\s+|of\s+)?([A-Za-z]{{3,10}})\.?,?"
        rf"[\s-]+(?:del?\s+)?(\d{{4}}){_TIME}"
    ),
    "american": rf"{_DAY}([A-Za-z]{{3,10}})\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}}){_TIME}",
    "month": r"([A-Za-z]{3,10})\.?[\s-]+(?:de\s+)?(\d{4})",
    "iso_month": r"(\d{4})-(0[1-9]|1[0-2])",
}
WORDS = frozenset({"words", "american", "month"})


def cleaned(cell: str) -> str:
    """Return the SQL of a cell without accents and with ordinary spaces."""
    return f"translate(strip_accents({cell}), '\u00a0\u202f', '  ')"


def is_date(cell: str) -> str:
    """Return the SQL that says whether the cell is a date in any of the forms."""
    text = cleaned(cell)
    return "(" + " OR ".join(_fits(form, text) for form in PATTERNS) + ")"


def _fits(form: str, text: str) -> str:
    pattern = _anchored(form)
    fits = f"regexp_full_match({text}, '{pattern}')"
    if form in WORDS:
        group = {"words": 2, "american": 1, "month": 1}[form]
        month = f"lower(regexp_extract({text}, '{pattern}', {group}))"
        fits = f"({fits} AND list_contains([{_known()}], {month}))"
    return fits


def _anchored(form: str) -> str:
    return "^" + PATTERNS[form].replace("'", "''") + "$"


def _known() -> str:
    return ", ".join(f"'{word}'" for word in _NUMBER_OF)


def plain(connection: "DuckDBPyConnection", source: str) -> Reading | None:
    """Return the reading of a column with nothing but 2024-03-12, or 2024-03-12 10:30:00; None
    else. Much faster than `read`, and the form that programs write.
    """
    day = r"\d{4}-\d{2}-\d{2}"
    row = connection.execute(
        f"""SELECT
          bool_and(regexp_full_match(cell_v, '{day}') AND TRY_CAST(cell_v AS DATE) IS NOT NULL),
          bool_and(regexp_full_match(cell_v, '{day}[ T]\\d{{2}}:\\d{{2}}:\\d{{2}}(\\.\\d{{1,6}})?')
            AND TRY_CAST(cell_v AS TIMESTAMP) IS NOT NULL) FROM {source}"""
    ).fetchone()
    assert row is not None
    if row[0]:
        return Reading(kind="date", sql="TRY_CAST(cell_v AS DATE)", sql_type="DATE")
    if row[1]:
        return Reading(kind="moment", sql="TRY_CAST(cell_v AS TIMESTAMP)", sql_type="TIMESTAMP")
    return None


def read(connection: "DuckDBPyConnection", source: str) -> Reading | None:
    """Return how the dates of `source`, SQL with a column `cell_v`, are read; None without any.

    What is no date is ignored. Most values decide the form; others are then no dates.
    """
    text = cleaned("cell_v")
    pattern = _anchored("numeric")
    counts = ", ".join(f"count(*) FILTER ({_fits(form, text)})" for form in PATTERNS)
    row = connection.execute(
        f"""SELECT {counts},
          count(*) FILTER (regexp_full_match({text}, '{pattern}')
            AND TRY_CAST(regexp_extract({text}, '{pattern}', 1) AS INT) > 12),
          count(*) FILTER (regexp_full_match({text}, '{pattern}')
            AND TRY_CAST(regexp_extract({text}, '{pattern}', 2) AS INT) > 12),
          any_value(cell_v) FILTER (regexp_full_match({text}, '{pattern}')),
          count(*) FILTER (regexp_full_match({text}, '{pattern}')
            AND length(regexp_extract({text}, '{pattern}', 3)) = 2),
          bool_or(regexp_matches(cell_v, '^\\d+\\.')),
          count(*) FILTER (regexp_matches({text}, '\\d[T ,]+.*\\d{{1,2}}[:h]\\d{{2}}')),
          count(*) FILTER (regexp_matches({text}, '\\d{{2}}\\s?(Z|UTC|[+-]\\d{{2}}:?\\d{{2}})$')
            AND regexp_matches({text}, '\\d:\\d{{2}}'))
        FROM {source}"""
    ).fetchone()
    assert row is not None
    forms = dict(zip(PATTERNS, row, strict=False))
    first, second, example, short, has_points, times, zones = row[len(PATTERNS) :]
    used = [form for form, count in forms.items() if count]
    if not used:
        return None
    is_month_first = second > first
    reading = Reading(
        kind="moment" if times else "date",
        sql=_value(used, text, is_month_first, is_moment=bool(times)),
        sql_type="TIMESTAMP" if times else "DATE",
        notes=[],
    )
    if forms["numeric"]:
        _say_order(reading, first, second, example, bool(has_points))
        if short:
            reading.notes.append(("short_years", "years of two digits were read as 1969 to 2068"))
    if forms["month"] or forms["iso_month"]:
        reading.notes.append(("months", "a month stands as its first day"))
    if zones:
        reading.notes.append(("zones", "moments with a time zone are in UTC"))
    return reading


def _say_order(reading: Reading, first: int, second: int, example: str, has_points: bool) -> None:
    if first and second:
        order = "month first" if second > first else "day first"
        reading.notes.append(
            ("mixed_dates", f"some dates have the day first, others the month: read as {order}")
        )
    elif not first and not second and not has_points:
        reading.is_unclear = True
        said = f"whether {example!r} has the day or the month first, nothing says"
        reading.notes.append(("unclear_dates", f"{said}; it was read with the day first"))
    elif second:
        reading.notes.append(("month_first", f"dates such as {example!r} have the month first"))


def _value(used: list[str], text: str, is_month_first: bool, is_moment: bool) -> str:
    cases = []
    for form in used:
        pattern = _anchored(form)
        day = _day(form, text, pattern, is_month_first)
        value = f"TRY_CAST({day} AS DATE)"
        if is_moment:
            time = "'00:00:00'"
            shift = "INTERVAL 0 MINUTE"
            if form not in ("month", "iso_month"):
                time, shift = _time(text, pattern), _shift(text, pattern)
            value = f"TRY_CAST(CAST({value} AS VARCHAR) || ' ' || {time} AS TIMESTAMP) - {shift}"
        cases.append(f"WHEN {_fits(form, text)} THEN {value}")
    return f"CASE {' '.join(cases)} END"


def _day(form: str, text: str, pattern: str, is_month_first: bool) -> str:
    def group(number: int) -> str:
        return f"regexp_extract({text}, '{pattern}', {number})"

    def two(cell: str) -> str:
        return f"lpad({cell}, 2, '0')"

    if form == "iso":
        return f"{group(1)} || '-' || {two(group(2))} || '-' || {two(group(3))}"
    if form == "iso_month":
        return f"{group(1)} || '-' || {group(2)} || '-01'"
    if form == "month":
        return f"{group(2)} || '-' || {_month(group(1))} || '-01'"
    if form == "words":
        return f"{group(3)} || '-' || {_month(group(2))} || '-' || {two(group(1))}"
    if form == "american":
        return f"{group(3)} || '-' || {_month(group(1))} || '-' || {two(group(2))}"
    day, month = (2, 1) if is_month_first else (1, 2)
    year = (
        f"CASE WHEN length({group(3)}) = 4 THEN {group(3)}"
        f" WHEN {group(3)} < '69' THEN '20' || {group(3)} ELSE '19' || {group(3)} END"
    )
    return f"({year}) || '-' || {two(group(month))} || '-' || {two(group(day))}"


def _month(cell: str) -> str:
    numbers = ", ".join(f"'{number:02d}'" for number in _NUMBER_OF.values())
    return f"list_extract([{numbers}], list_position([{_known()}], lower({cell})))"


def _time(text: str, pattern: str) -> str:
    def group(number: int, otherwise: str) -> str:
        return f"coalesce(nullif(regexp_extract({text}, '{pattern}', {number}), ''), '{otherwise}')"

    half = f"lower({group(8, '')})"
    hour = group(4, "0")
    turned = (
        f"CASE WHEN {half} LIKE 'p%' AND {hour}::INT < 12 THEN ({hour}::INT + 12)::VARCHAR"
        f" WHEN {half} LIKE 'a%' AND {hour}::INT = 12 THEN '0' ELSE {hour} END"
    )
    return (
        f"lpad({turned}, 2, '0') || ':' || {group(5, '00')} || ':' || {group(6, '00')} || '.'"
        f" || rpad({group(7, '0')}[:6], 6, '0')"
    )


def _shift(text: str, pattern: str) -> str:
    zone = f"replace(regexp_extract({text}, '{pattern}', 9), ':', '')"
    minutes = f"({zone}[2:3]::INT * 60 + {zone}[4:5]::INT)"
    return (
        f"to_minutes(CASE WHEN {zone} LIKE '+%' THEN {minutes} WHEN {zone} LIKE '-%'"
        f" THEN -{minutes} ELSE 0 END)"
    )
