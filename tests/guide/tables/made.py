"""The tables that the guide is asked about, in five languages: made by code, always the same.

Rows have neutral keys; `localized` gives them the headers and values of one language, as a person
of that language would have written them.
"""

import random
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from tests.guide.tables.names import COLUMNS, TITLES, VALUES

Row = dict[str, Any]
CITIES = ("Lyon", "Paris", "Lille", "Nice", "Berlin", "Madrid", "Torino")
CUSTOMERS = ("Almeida", "Bernard", "Conti", "Dubois", "Egger", "Fischer", "Garcia", "Hansen",
             "Ivanova", "Jansen", "Keller", "Lopez")  # fmt: skip
AUTHORS = ("Ana Ruiz", "Bruno Keller", "Clara Moretti", "Denis Martin", "Elsa Brandt", "Finn Ward")
_FIRST = ("Ada", "Ben", "Carla", "Dario", "Eva", "Felix", "Gina", "Hugo", "Ida", "Jon")
_LAST = ("Adler", "Blanc", "Costa", "Diaz", "Ebner", "Ferri", "Gray", "Haas")
PEOPLE = [f"{first} {last}" for last in _LAST for first in _FIRST]


@cache
def tables(name: str) -> dict[str, list[Row]]:
    """Return the tables of a set with neutral keys; most sets are one table."""
    return _MAKERS[name](random.Random(f"tables-{name}"))


def _orders(r: random.Random) -> dict[str, list[Row]]:
    products = {"lamp": 39.9, "chair": 85, "desk": 249.5, "shelf": 120, "pillow": 18.75,
                "mirror": 64}  # fmt: skip
    rows = []
    for n in range(240):
        product = r.choice(list(products))
        quantity = r.randint(1, 9)
        price = products[product]
        rows.append(
            {"number": f"A-{1001 + n}", "date": date(2022, 1, 1) + timedelta(r.randrange(1095)),
             "customer": r.choice(CUSTOMERS), "city": r.choice(CITIES), "product": product,
             "quantity": quantity, "price": price, "amount": round(quantity * price, 2),
             "paid": r.random() < 0.8}
        )  # fmt: skip
    return {"orders": rows}


def _staff(r: random.Random) -> dict[str, list[Row]]:
    departments = ("sales", "it", "accounting", "legal", "purchasing")
    salaries = r.sample(range(28_000, 96_000, 50), len(PEOPLE))
    return {
        "staff": [
            {"name": name, "department": r.choice(departments), "salary": salary,
             "start": date(2008, 1, 1) + timedelta(r.randrange(6200)), "age": r.randint(21, 64),
             "city": r.choice(CITIES), "full_time": r.random() < 0.7}
            for name, salary in zip(PEOPLE, salaries, strict=True)
        ]
    }  # fmt: skip


def _weather(r: random.Random) -> dict[str, list[Row]]:
    return {
        "weather": [
            {"station": station, "day": date(2024, 1, 1) + timedelta(n),
             "temperature": round(8 + n / 15 - abs(n - 90) / 20 + r.gauss(0, 4), 1),
             "rain": round(max(0.0, r.gauss(1, 6)), 1), "wind": r.randint(2, 70)}
            for n in range(182) for station in ("Lyon", "Paris", "Lille", "Nice")
        ]
    }  # fmt: skip


def _books(r: random.Random) -> dict[str, list[Row]]:
    genres = ("crime", "poetry", "history", "travel", "children")
    pairs = [(noun, place) for noun in ("night", "garden", "bridge", "letter", "winter", "river",
             "clock", "mirror") for place in CITIES]  # fmt: skip
    loans = r.sample(range(3, 900), len(pairs))
    pages = r.sample(range(60, 900), len(pairs))
    return {
        "books": [
            {"title": pair, "author": r.choice(AUTHORS), "genre": r.choice(genres),
             "year": r.randint(1890, 2023), "pages": pages[n], "loans": loans[n]}
            for n, pair in enumerate(pairs)
        ]
    }  # fmt: skip


def _budget(r: random.Random) -> dict[str, list[Row]]:
    departments = ("schools", "roads", "culture", "sport", "parks", "fire")
    rows = []
    for year in range(2019, 2025):
        for department in departments:
            for kind in ("staff_costs", "investment"):
                planned = r.randint(200, 2400) * 1000
                actual = round(planned * r.uniform(0.8, 1.25), 2)
                rows.append({"year": year, "department": department, "kind": kind,
                             "planned": planned, "actual": actual})  # fmt: skip
    return {"budget": rows}


def _countries(r: random.Random) -> dict[str, list[Row]]:
    of = {"europe": ("france", "germany", "spain", "italy", "portugal", "ireland", "malta"),
          "africa": ("kenya", "ghana", "morocco", "senegal", "namibia"),
          "asia": ("japan", "india", "nepal", "jordan"),
          "america": ("brazil", "chile", "peru", "canada", "cuba", "panama")}  # fmt: skip
    capitals = dict(zip((c for group in of.values() for c in group), (
        "Paris", "Berlin", "Madrid", "Rom", "Lisboa", "Dublin", "Valletta", "Nairobi", "Accra",
        "Rabat", "Dakar", "Windhoek", "Tokyo", "Delhi", "Kathmandu", "Amman", "Brasilia",
        "Santiago", "Lima", "Ottawa", "Habana", "Panama"), strict=True))  # fmt: skip
    areas = r.sample(range(300, 900_000, 7), 22)
    people = r.sample(range(400_000, 90_000_000, 1_300), 22)
    return {
        "countries": [
            {"country": country, "continent": continent, "capital": capitals[country],
             "population": people.pop(), "area": areas.pop()}
            for continent, group in of.items() for country in group
        ]
    }  # fmt: skip


def _energy(r: random.Random) -> dict[str, list[Row]]:
    buildings = ("town_hall", "school", "library", "pool", "museum")
    return {
        "energy": [
            {"building": building, "month": date(year, month, 1),
             "electricity": r.randint(2000, 30_000), "heating": r.randint(500, 60_000),
             "water": r.randint(20, 900)}
            for building in buildings for year in (2023, 2024) for month in range(1, 13)
        ]
    }  # fmt: skip


def _exams(r: random.Random) -> dict[str, list[Row]]:
    rows = []
    for n in range(180):
        points = r.randint(2, 20)
        rows.append(
            {"student": PEOPLE[n % 60], "class": ("3A", "3B", "3C")[n % 60 % 3],
             "subject": ("maths", "physics", "chemistry")[n // 60], "points": points,
             "day": date(2024, 5, 13) + timedelta(r.randrange(40)), "passed": points >= 10}
        )  # fmt: skip
    return {"exams": rows}


def _tickets(r: random.Random) -> dict[str, list[Row]]:
    rows = []
    for n in range(200):
        opened = datetime(2023, 3, 1, 8) + timedelta(minutes=r.randrange(900_000))
        rows.append(
            {"id": f"T{5000 + n}", "opened": opened,
             "priority": r.choice(("high", "medium", "low")),
             "team": r.choice(("network", "hardware", "software", "telephony")),
             "status": r.choice(("open", "closed", "waiting")),
             "hours": round(r.uniform(0.2, 40), 1)}
        )  # fmt: skip
    return {"tickets": rows}


def _shops(r: random.Random) -> dict[str, list[Row]]:
    names = ("harbour", "station", "market", "old_town", "airport", "campus", "park")
    areas = r.sample(range(80, 900, 5), len(names))
    shops = [
        {"shop": name, "region": r.choice(("north", "south", "west")), "area": areas.pop(),
         "employees": r.randint(3, 25)} for name in names
    ]  # fmt: skip
    sales = [
        {"shop": name, "month": date(year, month, 1), "revenue": r.randint(9_000, 95_000),
         "visitors": r.randint(400, 9_000)}
        for name in names for year in (2023, 2024) for month in range(1, 13)
    ]  # fmt: skip
    return {"shops": shops, "sales": sales}


_MAKERS = {
    "orders": _orders, "staff": _staff, "weather": _weather, "books": _books, "budget": _budget,
    "countries": _countries, "energy": _energy, "exams": _exams, "tickets": _tickets,
    "shops": _shops,
}  # fmt: skip
SETS = tuple(_MAKERS)


def translated(value: Any, language: str) -> Any:
    """Return a value as that language writes it."""
    if isinstance(value, tuple):  # a book's title
        noun, place = value
        return VALUES["book_title"][language].format(noun=VALUES[noun][language], place=place)
    return VALUES[value][language] if isinstance(value, str) and value in VALUES else value


def localized(name: str, language: str) -> dict[str, tuple[str, list[str], list[list[Any]]]]:
    """Return by table: its title, its columns' titles and its rows."""
    found = {}
    for key, rows in tables(name).items():
        headers = [COLUMNS[key][column][language] for column in rows[0]]
        values = [[translated(value, language) for value in row.values()] for row in rows]
        found[key] = (TITLES[key][language], headers, values)
    return found
