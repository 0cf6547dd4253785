"""Which cell of a result each number in an answer comes from, and which number comes from none.

A number is proven where a cell has it, rounded to the digits shown; where a sentence names rows of
the result, the cell has to be in one of those. A sum, difference, share or ratio counts as
calculated only where the words say that it is one and what it is made of is there. It does not
know how an answer came about.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from itertools import pairwise, permutations
from typing import Any

import msgspec

from tramontane.store.messages import Check, ResultPart
from tramontane.tables.claims import Claim, claims, fits
from tramontane.text.numerals import Numeral
from tramontane.tools.periods import Day

MOST_ROWS = 1_000  # of one result that are looked at

_CLAUSE_END = re.compile(
    r"(?<!\d)[.!?;]+(?=\s|$)|(?<=\d)[.!?;]+(?=\s+[^\W\d]|\s*$)|\n+", re.MULTILINE
)
_ABBREVIATION = re.compile(
    r"(?<!\w)(?:ca|approx|env|aprox|circa|bzw|z\.\s?B|etc|St|Nr|No|vs|Dr|Mr|Mrs|Sr|Sra|Sig|Mme|M)$",
    re.IGNORECASE,
)
_FALL = re.compile(
    r"\b(?:f[ae]ll|fell|drop|decreas|declin|less|lower|fewer|loss|lost|minus|down|negativ|deficit"
    r"|below|baiss|recul|perd|diminu|chut|perd|perte|moins|inférieur|déficit|gesunken|sank|sink"
    r"|rückgang|verringer|weniger|verlust|verl[io]|gefallen|fiel|abnahme|niedriger|disminu|cay[oóe]|caíd"
    r"|descen|baj[oóa]|menos|pérdid|perdi|inferior|scen?d|scesi|scesa|sceso|cal[oò]|calat|diminu"
    r"|ridott|riduz|meno|perdit)",
    re.IGNORECASE,
)
_TOTAL = re.compile(
    r"\b(?:total\w*|sum\b|altogether|overall|combined|together|in all|somme|ensemble|insgesamt"
    r"|summe|zusammen|gesamt\w*|en conjunto|suma\w*|juntos|somma|complessiv\w*|insieme|in tutto"
    r"|totale)\b",
    re.IGNORECASE,
)
_MEAN = re.compile(r"\b(?:average|mean|moyenne|durchschnitt\w*|mittel\w*|promedio|media)\b", re.I)
_APART = re.compile(
    r"\b(?:differ\w*|more|less|fewer|higher|lower|gap|increas\w*|decreas\w*|r[io]se|rising|gr[eo]w"
    r"\w*|f[ae]ll|fell|drop\w*|change\w*|ahead|diff[ée]ren\w*|écart|plus|moins|hausse|baiss\w*"
    r"|augment\w*|recul\w*|évolu\w*|unterschied\w*|differenz\w*|mehr|weniger|höher|niedriger|anstieg"
    r"|stieg\w*|gestiegen|gesunken|rückgang|zunahme|abnahme|veränder\w*|diferencia\w*|más|menos"
    r"|aument\w*|disminu\w*|sub[ei]\w*|baj\w*|crec\w*|cambi\w*|differenz\w*|più|meno|aument\w*"
    r"|diminu\w*|crescit\w*|cresc\w*|calo|variazion\w*|variaci\w*|variation\w*|growth)\b",
    re.IGNORECASE,
)
_TIMES = re.compile(
    r"^\s*(?:times|x\b|×|fois|mal\b|-?fach|veces|volte)|\b(?:ratio|factor|rapport|facteur|verhältnis"
    r"|faktor|relación|proporción|rapporto|fattore)\b",
    re.IGNORECASE,
)
_PERCENT_NAME = re.compile(
    r"%|percent|pct|share|rate|ratio|growth|change|pour ?cent|part\b|taux|croissance|évolution"
    r"|prozent|anteil|quote|wachstum|veränderung|porcent|cuota|tasa|crecimiento|variaci|quota"
    r"|tasso|crescita|variazione|proporci|proporzion|participaci",
    re.IGNORECASE,
)


class _Cell(msgspec.Struct, frozen=True):
    """A cell as it can be compared."""

    result: int
    row: int
    column: int
    number: Decimal | None
    day: Day | None
    text: str


def bind(
    text: str, results: Sequence[ResultPart], question: str, language: str | None, part: int = 0
) -> list[Check]:
    """Return a check for each number and date in `text`; none where there are no results.

    `part` is what the checks name as theirs. Numbers that stand in `question`, or as a value in the
    SQL, are "asked" where no cell has them.
    """
    if not results:
        return []
    return _Binding(text, results, question, language).checks(part)


class _Binding:
    """One text and the cells that it may speak of."""

    def __init__(
        self, text: str, results: Sequence[ResultPart], question: str, language: str | None
    ) -> None:
        self.text, self.results, self.language = text, results, language
        self.cells = list(_cells(results))
        self.claims = claims(text, language)
        said = [question, *(_without_comments(result.sql) for result in results)]
        self.asked = [claim for one in said for claim in claims(one, language)]
        self.asked += [claim for one in said for claim in claims(one, "en")]
        self.clauses = _clauses(text, self.claims)
        self.named = [self._rows_named(start, end) for start, end in self.clauses]

    def checks(self, part: int) -> list[Check]:
        fitting = {i: self._fitting(claim) for i, claim in enumerate(self.claims)}
        proven = {i: cell for i in fitting if (cell := self._chosen(i, fitting)) is not None}
        found = []
        for i, claim in enumerate(self.claims):
            if self._is_name(claim):
                continue
            cell = proven.get(i)
            if cell is not None:
                verdict = "proven"
            elif self._is_asked(claim):
                verdict = "asked"
            else:
                verdict = "calculated" if self._is_calculated(i, proven) else "unproven"
            found.append(
                Check(
                    part=part,
                    start=claim.start,
                    text=self.text[claim.start : claim.end],
                    kind="number",
                    verdict=verdict,
                    cell=None
                    if cell is None
                    else (self.results[cell.result].id, cell.row, cell.column),
                )
            )
        return found

    # --- cells -----------------------------------------------------------------------------------

    def _fitting(self, claim: Claim) -> list[_Cell]:
        """Return the cells that have what is claimed."""
        if claim.day is not None:
            day = claim.day
            return [cell for cell in self.cells if cell.day is not None and _is_in(day, cell.day)]
        assert claim.numeral is not None
        falls = self._says(claim, _FALL)
        found = [cell for cell in self.cells if self._has(cell, claim.numeral, falls=falls)]
        if not found and _is_year(claim.numeral):
            year = int(claim.numeral.values[0])
            found = [c for c in self.cells if c.day is not None and c.day.year == year]
        return found or self._in_words(claim)

    def _has(self, cell: _Cell, numeral: Numeral, *, falls: bool) -> bool:
        value = cell.number
        if value is None:
            return False
        if not numeral.is_percent:
            return _any_fits(value, numeral, falls=falls)
        name = self.results[cell.result].columns[cell.column].name
        is_whole = value == value.to_integral_value()
        if (not is_whole or _PERCENT_NAME.search(name)) and _any_fits(value, numeral, falls=falls):
            return True
        return abs(value) <= 1 and _any_fits(value * 100, numeral, falls=falls)

    def _in_words(self, claim: Claim) -> list[_Cell]:
        """Return the text cells that the text names around the claim."""
        around = self.text[max(0, claim.start - 80) : claim.end + 80]
        at = claim.start - max(0, claim.start - 80)
        end = at + claim.end - claim.start
        return [
            cell
            for cell in self.cells
            if cell.text
            and any(
                m.start() <= at and end <= m.end()
                for m in re.finditer(rf"(?<!\w){re.escape(cell.text)}(?!\w)", around, re.I)
            )
        ]

    def _is_name(self, claim: Claim) -> bool:
        """Whether the claim only stands in the name of a column."""
        for result in self.results:
            for column in result.columns:
                if not any(c.isdigit() for c in column.name):
                    continue
                for match in re.finditer(re.escape(column.name), self.text, re.IGNORECASE):
                    if match.start() <= claim.start and claim.end <= match.end():
                        return True
        return False

    # --- rows that a clause names ----------------------------------------------------------------

    def _rows_named(self, start: int, end: int) -> dict[tuple[int, int], list[int]]:
        """Return the rows that the clause names, with where it does so."""
        clause = self.text[start:end].casefold()
        named: dict[tuple[int, int], list[int]] = {}
        days = [claim for claim in self.claims if claim.day and start <= claim.start < end]
        for cell in self.cells:
            at = -1
            if len(cell.text) > 1 and (found := _find_word(clause, cell.text)) is not None:
                at = found
            elif cell.day is not None:
                told = [c for c in days if c.day is not None and _is_in(c.day, cell.day)]
                at = told[0].start - start if told else -1
            if at >= 0 and not self._is_everywhere(cell):
                named.setdefault((cell.result, cell.row), []).append(start + at)
        return named

    def _is_everywhere(self, cell: _Cell) -> bool:
        """Whether all rows have the same there, so that naming it tells none apart."""
        rows = self.results[cell.result].rows
        return all(row[cell.column] == rows[0][cell.column] for row in rows[:MOST_ROWS])

    def _chosen(self, i: int, fitting: dict[int, list[_Cell]]) -> _Cell | None:
        """Return the cell that proves claim `i`; None where only rows have it that the clause does
        not speak of.
        """
        cells = fitting[i]
        if not cells:
            return None
        at = self._clause_of(self.claims[i])
        named = self.named[at]
        results = {result for result, _ in named}
        free = [cell for cell in cells if cell.result not in results]
        own = [cell for cell in cells if (cell.result, cell.row) in named]
        if self.claims[i].day is None and (paired := self._paired(i, at)) is not None:
            exact = [cell for cell in own if (cell.result, cell.row) in paired]
            return exact[0] if exact else (free[0] if free else None)
        if own or free:
            return (own or free)[0]
        start, end = self.clauses[at]
        others = [j for j, c in enumerate(self.claims) if start <= c.start < end and j != i]
        speaks_of_named = any(
            (cell.result, cell.row) in named and self.claims[j].day is None
            for j in others
            for cell in fitting[j]
            if cell.number is not None
        )
        return cells[0] if speaks_of_named else None

    def _paired(self, i: int, at: int) -> set[tuple[int, int]] | None:
        """Return the rows of the one name that claim `i` belongs to, where names and numbers of a
        clause take turns ("Lyon 5, Paris 7"); None where they do not.
        """
        start, end = self.clauses[at]
        numbers = [
            c.start for c in self.claims
            if c.numeral is not None and start <= c.start < end and not _is_year(c.numeral)
        ]  # fmt: skip
        places = sorted({place for told in self.named[at].values() for place in told[:1]})
        if len(numbers) < 2 or len(places) != len(numbers):
            return None
        order = sorted([(p, "name") for p in places] + [(n, "number") for n in numbers])
        if any(a[1] == b[1] for a, b in pairwise(order)):
            return None
        if self.claims[i].start not in numbers:
            return None
        place = places[numbers.index(self.claims[i].start)]
        return {row for row, told in self.named[at].items() if place in told}

    def _clause_of(self, claim: Claim) -> int:
        return next(n for n, (start, end) in enumerate(self.clauses) if start <= claim.start < end)

    def _says(self, claim: Claim, words: re.Pattern[str]) -> bool:
        """Whether the clause around the claim has one of `words`."""
        start, end = self.clauses[self._clause_of(claim)]
        return words.search(self.text[start:end]) is not None

    # --- asked and calculated --------------------------------------------------------------------

    def _is_asked(self, claim: Claim) -> bool:
        for other in self.asked:
            if claim.day is not None:
                if other.day is not None and _is_in(claim.day, other.day):
                    return True
                continue
            assert claim.numeral is not None
            if other.numeral is not None and other.numeral.values[0] in claim.numeral.values:
                return True
            year = other.day.year if other.day is not None else None
            if _is_year(claim.numeral) and year == int(claim.numeral.values[0]):
                return True
        return False

    def _is_calculated(self, i: int, proven: dict[int, _Cell]) -> bool:
        claim = self.claims[i]
        if claim.numeral is None:
            return False
        numeral = claim.numeral
        if not numeral.is_percent and self._is_count_of_rows(numeral):
            return True
        if any(_any_fits(v, numeral) for v in self._of_columns(claim)):
            return True
        at = self._clause_of(claim)
        start, end = self.clauses[at]
        near = list(dict.fromkeys(
            cell.number for j, cell in proven.items()
            if cell.number is not None and start <= self.claims[j].start < end
        ))  # fmt: skip
        return self._of_pairs(claim, near, at)

    def _is_count_of_rows(self, numeral: Numeral) -> bool:
        return any(
            Decimal(result.row_count) in numeral.values and result.row_count > 1
            for result in self.results
        )

    def _of_columns(self, claim: Claim) -> Iterator[Decimal]:
        """Yield totals and means of whole columns where the words say so; shares of named rows."""
        assert claim.numeral is not None
        named = self.named[self._clause_of(claim)]
        for r, result in enumerate(self.results):
            if result.is_truncated or len(result.rows) > MOST_ROWS:
                continue
            for column in range(len(result.columns)):
                cells = [c for c in self.cells if (c.result, c.column) == (r, column)]
                numbers = [c.number for c in cells if c.number is not None]
                if len(numbers) < 2:
                    continue
                total = sum(numbers, Decimal())
                if claim.numeral.is_percent:
                    shares = (c for c in cells if (r, c.row) in named and c.number is not None)
                    if total:
                        yield from (c.number * 100 / total for c in shares if c.number is not None)
                    continue
                if self._says(claim, _TOTAL):
                    yield total
                if self._says(claim, _MEAN):
                    yield total / len(numbers)

    def _of_pairs(self, claim: Claim, near: Sequence[Decimal], at: int) -> bool:
        """Whether it is the difference, change, ratio or sum of two proven numbers beside it."""
        assert claim.numeral is not None
        numeral = claim.numeral
        start, end = self.clauses[at]
        clause = self.text[start:end]
        rest = self.text[claim.end : claim.end + 12]
        for a, b in permutations(near[:8], 2):
            if numeral.is_percent:
                if (
                    b
                    and _APART.search(clause)
                    and _any_fits((a - b) * 100 / abs(b), numeral, falls=True)
                ):
                    return True
                if b and _any_fits(a * 100 / b, numeral):
                    return True
                continue
            if _APART.search(clause) and _any_fits(abs(a - b), numeral):
                return True
            if _TOTAL.search(clause) and _any_fits(a + b, numeral):
                return True
            if b and (_TIMES.search(rest) or _TIMES.search(clause)) and _any_fits(a / b, numeral):
                return True
        return False


# --- comparing -----------------------------------------------------------------------------------


def _cells(results: Sequence[ResultPart]) -> Iterable[_Cell]:
    for r, result in enumerate(results):
        for i, row in enumerate(result.rows[:MOST_ROWS]):
            for j, value in enumerate(row[: len(result.columns)]):
                text = value.strip() if isinstance(value, str) else ""
                day = _day_of(value, result.columns[j].type)
                number = _number_of(value)
                if number is None and day is None and not text:
                    continue
                yield _Cell(r, i, j, number, day, "" if day is not None else text)


def _number_of(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return Decimal(str(value))


def _day_of(value: Any, kind: str) -> Day | None:
    if isinstance(value, str) and kind in ("date", "moment"):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, date):
        return None
    time = f"{value:%H:%M}" if isinstance(value, datetime) else None
    return Day(value.year, value.month, value.day, (value.month - 1) // 3 + 1, time)


def _is_in(told: Day, whole: Day) -> bool:
    """Whether what is told of a day is true of `whole`."""
    if told.quarter is not None and whole.quarter is None and whole.month is not None:
        whole = msgspec.structs.replace(whole, quarter=(whole.month - 1) // 3 + 1)
    pairs = zip(msgspec.structs.astuple(told), msgspec.structs.astuple(whole), strict=True)
    return all(a is None or a == b for a, b in pairs)


def _is_year(numeral: Numeral) -> bool:
    value = numeral.values[0]
    return (
        not numeral.is_percent
        and value == value.to_integral_value()
        and 1000 <= value <= 2200
        and numeral.end - numeral.start == 4
    )


def _any_fits(value: Decimal, numeral: Numeral, *, falls: bool = False) -> bool:
    try:
        return any(
            fits(value, shown) or (falls and value < 0 and fits(-value, shown))
            for shown in numeral.values
        )
    except InvalidOperation:  # too long to be subtracted
        return value in numeral.values


def _clauses(text: str, said: Sequence[Claim]) -> list[tuple[int, int]]:
    """Return the spans of sentences and lines, without gaps."""
    ends = [
        match.end()
        for match in _CLAUSE_END.finditer(text)
        if not _ABBREVIATION.search(text[max(0, match.start() - 8) : match.start()])
        and not any(claim.start < match.end() < claim.end for claim in said)
    ]
    edges = [0, *ends, len(text) + 1]
    return [(a, b) for a, b in pairwise(edges) if b > a]


def _find_word(clause: str, word: str) -> int | None:
    found = re.search(rf"(?<!\w){re.escape(word.casefold())}(?!\w)", clause)
    return None if found is None else found.start()


def _without_comments(sql: str) -> str:
    return re.sub(r"--[^\n]*|/\*.*?\*/", " ", sql, flags=re.DOTALL)
