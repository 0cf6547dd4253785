"""What each question's answer is, computed over the rows in plain Python, apart from the grammar.

A task is named "SET.NUMBER"; the same in every language. Odd numbers were used while the grammar
was made, even ones were only counted.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from functools import cache
from statistics import mean, median
from typing import Any, NamedTuple

from tests.guide.tables.made import Row, tables


class Number(NamedTuple):
    """One row that has this number."""

    value: float


class Both(NamedTuple):
    """These numbers are all in the result, which compares them."""

    values: tuple[float, ...]


class Pairs(NamedTuple):
    """So many rows, each with a key and a number; in this order where `is_ordered`."""

    pairs: list[tuple[Any, float]]
    is_ordered: bool = False


class Names(NamedTuple):
    """A column of the result has exactly these values, in any order."""

    values: list[Any]


class Unclear(NamedTuple):
    """There is more than one meaning: a question back."""


class Nothing(NamedTuple):
    """The tables cannot answer it."""


Expected = Number | Both | Pairs | Names | Unclear | Nothing
Rows = list[Row]


def _sum(rows: Iterable[Row], key: str) -> float:
    return float(sum(row[key] for row in rows))


def _mean(rows: Iterable[Row], key: str) -> float:
    return float(mean(row[key] for row in rows))


def _by(
    rows: Rows, key: str | Callable[[Row], Any], of: Callable[[Rows], float]
) -> list[tuple[Any, float]]:
    groups: dict[Any, Rows] = defaultdict(list)
    for row in rows:
        groups[key(row) if callable(key) else row[key]].append(row)
    return [(group, of(found)) for group, found in groups.items()]


def _most(pairs: list[tuple[Any, float]], count: int = 1) -> list[tuple[Any, float]]:
    return sorted(pairs, key=lambda pair: -pair[1])[:count]


def _least(pairs: list[tuple[Any, float]], count: int = 1) -> list[tuple[Any, float]]:
    return sorted(pairs, key=lambda pair: pair[1])[:count]


def _where(rows: Rows, **values: Any) -> Rows:
    return [row for row in rows if all(row[key] == value for key, value in values.items())]


def _in(rows: Rows, key: str, year: int, *months: int) -> Rows:
    return [r for r in rows if r[key].year == year and (not months or r[key].month in months)]


def _month(key: str) -> Callable[[Row], str]:
    return lambda row: f"{row[key].year}-{row[key].month:02}-01"


def _quarter(key: str) -> Callable[[Row], str]:
    return lambda row: f"{row[key].year}-{(row[key].month - 1) // 3 * 3 + 1:02}-01"


def _share(part: Rows, rows: Rows) -> float:
    return 100 * len(part) / len(rows)


def orders() -> list[Expected]:
    rows = tables("orders")["orders"]
    of_2023 = _in(rows, "date", 2023)
    return [
        Number(len(_where(rows, city="Lyon"))),
        Number(_sum(of_2023, "amount")),
        Pairs(_by(rows, "city", lambda g: _mean(g, "amount"))),
        Pairs(_most(_by(rows, "customer", lambda g: _sum(g, "amount")), 3), True),
        Number(len(_where(rows, paid=False))),
        Number(sum(row["amount"] > 500 for row in rows)),
        Pairs(_by(of_2023, _month("date"), lambda g: _sum(g, "amount"))),
        Number(len({row["customer"] for row in rows})),
        Number(_share(_where(rows, city="Paris"), rows)),
        Number(_sum(_where(rows, city="Paris"), "amount")),
        Number(_sum(_where(rows, paid=False), "amount")),
        Names([_least(_by(rows, "product", lambda g: _sum(g, "amount")))[0][0]]),
    ]


def staff() -> list[Expected]:
    rows = tables("staff")["staff"]
    return [
        Number(_mean(_where(rows, department="sales"), "salary")),
        Names([max(rows, key=lambda row: row["salary"])["name"]]),
        Pairs(_by(rows, "department", len)),
        Number(median(row["age"] for row in rows)),
        Number(sum(row["start"].year >= 2020 for row in rows)),
        Names([row["name"] for row in _where(rows, department="it", city="Berlin")]),
        Number(min(row["salary"] for row in _where(rows, department="accounting"))),
        Number(len(_where(rows, full_time=False))),
        Both(tuple(_mean(_where(rows, department=d), "salary") for d in ("sales", "it"))),
        Unclear(),
        Pairs(_by(_where(rows, full_time=True), "city", lambda g: _mean(g, "salary"))),
        Number(sum(30 <= row["age"] <= 40 for row in rows)),
    ]


def weather() -> list[Expected]:
    rows = tables("weather")["weather"]
    lille = _where(rows, station="Lille")
    means = {s: _mean(_where(rows, station=s), "temperature") for s in ("Lyon", "Lille")}
    mild = [row for row in _where(rows, station="Paris") if 10 <= row["temperature"] <= 15]
    return [
        Number(max(row["temperature"] for row in rows)),
        Number(_sum(_in(_where(rows, station="Lyon"), "day", 2024, 3), "rain")),
        Pairs(_by(rows, _month("day"), lambda g: _mean(g, "temperature"))),
        Names([_most(_by(rows, "station", lambda g: _mean(g, "wind")))[0][0]]),
        Number(sum(row["rain"] > 10 for row in rows)),
        Number(len(mild)),
        Names([min(lille, key=lambda row: row["temperature"])["day"].isoformat()]),
        Pairs(_by(rows, _quarter("day"), lambda g: _sum(g, "rain"))),
        Both((means["Lyon"], means["Lille"])),
        Pairs(_by(_where(rows, station="Lyon"), _month("day"), lambda g: _mean(g, "temperature"))),
        Pairs(_by(rows, "station", lambda g: max(row["wind"] for row in g))),
        Number(_sum(_in(_where(rows, station="Nice"), "day", 2024, 1, 2, 3), "rain")),
    ]


def books() -> list[Expected]:
    rows = tables("books")["books"]
    loans = _sum(rows, "loans")
    return [
        Pairs(_by(rows, "genre", len)),
        Names([row["title"] for row in _where(rows, author="Clara Moretti")]),
        Names([max(rows, key=lambda row: row["pages"])["title"]]),
        Number(_sum(_where(rows, genre="crime"), "loans")),
        Number(sum(row["year"] < 1950 for row in rows)),
        Number(_mean(rows, "pages")),
        Pairs(_most(_by(rows, "title", lambda g: _sum(g, "loans")), 5), True),
        Names([row["title"] for row in rows if row["title"][0] == "night"]),
        Pairs(_by(rows, "genre", lambda g: 100 * _sum(g, "loans") / loans)),
        Nothing(),
        Number(len({row["author"] for row in rows})),
        Number(sum(row["pages"] > 500 for row in _where(rows, author="Finn Ward"))),
    ]


def budget() -> list[Expected]:
    rows = tables("budget")["budget"]
    of_2023 = _where(rows, year=2023)
    schools = _where(rows, year=2022, department="schools")
    no_culture = [row for row in of_2023 if row["department"] != "culture"]
    of_2024 = _by(_where(rows, year=2024), "department", lambda g: _sum(g, "actual"))
    both = ("roads", "parks")
    invested = _where(rows, year=2024, kind="investment")
    return [
        Number(_sum(of_2023, "actual")),
        Both((_sum(schools, "planned"), _sum(schools, "actual"))),
        Pairs(_by(rows, "year", lambda g: _sum(g, "actual"))),
        Names([_most(of_2024)[0][0]]),
        Number(sum(row["actual"] > 1_500_000 for row in rows)),
        Pairs(_by(rows, "department", lambda g: _mean(g, "planned"))),
        Both((_sum(_where(rows, year=2022), "actual"), _sum(of_2023, "actual"))),
        Number(min(row["planned"] for row in _where(rows, year=2021))),
        Number(_sum(no_culture, "actual")),
        Number(_sum(of_2023, "planned")),
        Number(sum(_sum(_where(rows, year=2022, department=d), "planned") for d in both)),
        Number(100 * _sum(invested, "actual") / _sum(_where(rows, year=2024), "actual")),
    ]


def countries() -> list[Expected]:
    rows = tables("countries")["countries"]
    total = _sum(rows, "population")
    asia = _where(rows, continent="asia")
    return [
        Number(_where(rows, country="kenya")[0]["population"]),
        Names([max(rows, key=lambda row: row["population"])["country"]]),
        Number(len(_where(rows, continent="africa"))),
        Pairs(_by(rows, "continent", lambda g: _sum(g, "population"))),
        Names([name for name, _ in _least(_by(rows, "country", lambda g: g[0]["area"]), 5)]),
        Names([row["country"] for row in rows if row["population"] < 20_000_000]),
        Number(_mean(_where(rows, continent="europe"), "area")),
        Names([_where(rows, country="peru")[0]["capital"]]),
        Number(100 * _sum(asia, "population") / total),
        Names([_least(_by(rows, "continent", len))[0][0]]),
        Number(sum(_sum(_where(rows, continent=c), "population") for c in ("africa", "asia"))),
        Number(sum(row["area"] > 500_000 for row in rows)),
    ]


def energy() -> list[Expected]:
    rows = tables("energy")["energy"]
    of = {year: _in(rows, "month", year) for year in (2023, 2024)}
    by_building = _by(rows, "building", lambda g: _sum(g, "water"))
    hall = _where(rows, building="town_hall")
    peak = _most(_by(rows, _month("month"), lambda g: _sum(g, "heating")))[0][0]
    two = ("library", "museum")
    cold = [r for r in _where(rows, building="museum") if r["month"].month == 12]
    return [
        Number(_sum(of[2024], "electricity")),
        Pairs(_by(rows, "building", lambda g: _sum(g, "electricity"))),
        Names([peak]),
        Number(_mean(_where(rows, building="school"), "water")),
        Number(_sum(_in(rows, "month", 2024, 1, 2, 3), "electricity")),
        Pairs(_by(hall, _month("month"), lambda g: _sum(g, "heating"))),
        Names([_least(by_building)[0][0]]),
        Number(len({row["building"] for row in rows})),
        Both((_sum(of[2023], "electricity"), _sum(of[2024], "electricity"))),
        Number(_sum(_where(rows, building="library"), "electricity")),
        Number(_mean(cold, "heating")),
        Both(tuple(_sum(_where(of[2024], building=b), "electricity") for b in two)),
    ]


def exams() -> list[Expected]:
    rows = tables("exams")["exams"]
    maths = _where(rows, subject="maths")
    weak = [r["student"] for r in _where(rows, subject="chemistry") if r["points"] < 6]
    return [
        Number(len(_where(rows, passed=True))),
        Pairs(_by(rows, "subject", lambda g: _mean(g, "points"))),
        Number(max(row["points"] for row in maths)),
        Number(len(_where(rows, subject="physics", passed=False))),
        Number(_share(_where(rows, passed=True), rows)),
        Names(weak),
        Pairs(_by(rows, "class", len)),
        Number(len(_in(rows, "day", 2024, 6))),
        Both(tuple(_mean(_where(rows, **{"class": c}), "points") for c in ("3A", "3B"))),
        Number(min(row["points"] for row in maths)),
        Pairs(_by(rows, "subject", lambda g: min(row["points"] for row in g))),
        Number(len(_where(rows, subject="chemistry", passed=True, **{"class": "3B"}))),
    ]


def tickets() -> list[Expected]:
    rows = tables("tickets")["tickets"]
    late = [row for row in rows if row["opened"].isoformat()[:10] > "2024-06-15"]
    both = Counter((row["status"], row["team"]) for row in rows)
    return [
        Number(len(_where(rows, status="open"))),
        Pairs(_by(rows, "team", lambda g: _mean(g, "hours"))),
        Pairs(_by(rows, _month("opened"), len)),
        Number(len(_in(_where(rows, priority="high"), "opened", 2024))),
        Number(max(row["hours"] for row in rows)),
        Pairs(list(both.items())),
        Names([_most(_by(rows, "team", len))[0][0]]),
        Number(len(late)),
        Number(_share(_where(rows, priority="high"), rows)),
        Number(len(_where(rows, team="network", status="open"))),
        Number(_sum(_where(rows, status="waiting", team="hardware"), "hours")),
        Pairs(_by(rows, _quarter("opened"), len)),
    ]


def shops() -> list[Expected]:
    sets = tables("shops")
    rows, sales = sets["shops"], sets["sales"]
    harbour = _where(sales, shop="harbour")
    return [
        Number(len(_where(rows, region="north"))),
        Number(_sum(_in(sales, "month", 2024), "revenue")),
        Pairs(_by(sales, "shop", lambda g: _sum(g, "revenue"))),
        Names([max(rows, key=lambda row: row["area"])["shop"]]),
        Number(_sum(_in(sales, "month", 2023, 12), "visitors")),
        Number(_mean(sales, "visitors")),
        Number(_sum(rows, "employees")),
        Pairs(_by(harbour, _quarter("month"), lambda g: _sum(g, "revenue"))),
        Pairs(_most(_by(sales, "shop", lambda g: _sum(g, "visitors")), 2), True),
        Unclear(),
        Pairs(_by(sales, lambda row: row["month"].year, lambda g: _sum(g, "visitors"))),
        Number(_mean(_where(rows, region="west"), "area")),
    ]


_OF = {
    "orders": orders, "staff": staff, "weather": weather, "books": books, "budget": budget,
    "countries": countries, "energy": energy, "exams": exams, "tickets": tickets, "shops": shops,
}  # fmt: skip


@cache
def _all(name: str) -> list[Expected]:
    return _OF[name]()


def expected(task: str) -> Expected:
    """Return the answer of a task such as "orders.3"."""
    name, _, number = task.partition(".")
    return _all(name)[int(number) - 1]
