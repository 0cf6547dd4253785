"""How fast the catalogue finds, and what it takes of memory: `python benchmarks/catalogue.py`.

The same questions to the index and to SQLite (FTS5 with prefixes, facets counted by SQL over
indexed tables) over the same synthetic cards, asked in turns in one process; where words are not
ranked, both must find as many and count alike. Then the package's own cards through the API of a
platform, over its HTTP port, and what a studio takes of memory before and after it is first asked.
Every question is asked once: nothing is warm but the index itself.
"""

import argparse
import http.client
import os
import platform
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.catalog.synthetic import SEED, cards
from tests.platform import run_platform
from tramontane.catalog.finding import Finder
from tramontane.catalog.packing import load, pack
from tramontane.catalog.prices import Exchange
from tramontane.catalog.queries import FACETS, Asked, Facet, Query, read
from tramontane.catalog.rows import Row, row
from tramontane.catalog.views import FoundModels
from tramontane.catalog.words import words

EXCHANGE = Exchange("EUR", {"USD": "0.92", "CNY": "0.13"})
PARTS = ("memory", "api", "few", "many")
TEXT, FILTERS, ALL = "words", "filters", "everything"


class Question(msgspec.Struct, frozen=True):
    """A question, and of which kind."""

    kind: str
    query: Query


def questions(rows: Sequence[Row], count: int) -> list[Question]:
    """Return so many different questions about what there is, of three kinds by turns."""
    chance = random.Random(SEED)
    found = []
    for number in range(count):
        some, kind = chance.choice(rows), (TEXT, FILTERS, ALL)[number % 3]
        text = ""
        if kind != FILTERS:
            known = words(some.name)
            text = " ".join(
                word[: chance.choice((3, 9))] for word in known[: chance.choice((1, 2))]
            )
        values: dict[Facet, Iterable[str]] = {}
        if kind != TEXT:
            values["language"] = [chance.choice(some.languages or ("it",))]
            values["openness"] = chance.choice((["open"], [some.openness]))
            if some.licence and chance.random() < 0.3:
                values["licence"] = [some.licence]
            if some.offers and chance.random() < 0.3:
                values["jurisdiction"] = ["EU", "FR", "DE"]
        asked = Asked(
            text=text,
            values=values,
            min_context=chance.choice((None, "8k", "32k")) if kind != TEXT else None,
            max_price=chance.choice((None, "1", "0.4")) if kind != TEXT else None,
            sort="best" if kind == TEXT else chance.choice(("best", "price", "newest")),
        )
        found.append(Question(kind, read(asked, EXCHANGE)))
    return found


# -- the peer


class Peer:
    """The same cards in SQLite, as one would keep and ask them there."""

    def __init__(self, rows: Sequence[Row], path: Path) -> None:
        self._db = sqlite3.connect(path)
        self._db.executescript(_SCHEMA)
        for number, each in enumerate(rows):
            self._add(number, each)
        self._db.executescript(
            "ANALYZE; PRAGMA mmap_size = 1000000000; PRAGMA cache_size = -200000"
        )
        self._db.commit()

    def _add(self, number: int, each: Row) -> None:
        self._db.execute(
            "INSERT INTO card VALUES (?, ?, ?, ?, ?, ?)",
            (number, each.context_tokens, each.completeness, each.released, each.id,
             msgspec.json.encode(each)),
        )  # fmt: skip
        texts = (each.name, " ".join(each.aliases), each.publisher or "", each.description)
        self._db.execute(
            "INSERT INTO words (rowid, a, b, c, d) VALUES (?, ?, ?, ?, ?)", (number, *texts)
        )
        values = [("publisher", each.publisher), ("openness", each.openness), ("kind", each.kind)]
        values += [("licence", each.licence)]
        values += [("language", value) for value in each.languages]
        values += [("ability", value) for value in each.abilities]
        values += [("modality", value) for value in each.modalities]
        for facet, value in values:
            if value is not None:
                self._db.execute("INSERT INTO facet VALUES (?, ?, ?)", (facet, value, number))
        for offer in each.offers:
            known = offer.input_nano is not None and offer.output_nano is not None
            price = 3 * (offer.input_nano or 0) + (offer.output_nano or 0) if known else None
            place = offer.provider, offer.jurisdiction
            self._db.execute("INSERT INTO offer VALUES (?, ?, ?, ?)", (number, *place, price))

    def ask(self, query: Query) -> tuple[int, dict[str, dict[str, int]]]:
        """Return how many are found and each facet's counts; the page is read too."""
        where, values = self._where(query, None)
        total = self._db.execute(f"SELECT count(*) FROM card WHERE {where}", values).fetchone()[0]
        order = {
            "best": "completeness DESC, released DESC, id",
            "newest": "released DESC, id",
            "price": f"(SELECT min(price) FROM offer WHERE card = card.number"
            f" AND {self._offers(query, None)[0]}) IS NULL, (SELECT min(price) FROM offer WHERE"
            f" card = card.number AND {self._offers(query, None)[0]}), id",
        }[query.sort]
        more = self._offers(query, None)[1] * 2 if query.sort == "price" else []
        page = f"SELECT data FROM card WHERE {where} ORDER BY {order} LIMIT {query.limit}"
        for (data,) in self._db.execute(page, [*values, *more]):
            msgspec.json.decode(data, type=Row)
        return total, {facet: self._counts(query, facet) for facet in FACETS}

    def _counts(self, query: Query, facet: Facet) -> dict[str, int]:
        where, values = self._where(query, facet)
        if facet in ("provider", "jurisdiction"):
            offers, more = self._offers(query, facet)
            statement = (
                f"SELECT {facet}, count(DISTINCT card) FROM offer WHERE {facet} IS NOT NULL AND"
                f" {offers} AND card IN (SELECT number FROM card WHERE {where}) GROUP BY 1"
            )
            return dict(self._db.execute(statement, [*more, *values]).fetchall())
        statement = (
            f"SELECT value, count(*) FROM facet WHERE facet = '{facet}' AND card IN"
            f" (SELECT number FROM card WHERE {where}) GROUP BY 1"
        )
        return dict(self._db.execute(statement, values).fetchall())

    def _where(self, query: Query, but: Facet | None) -> tuple[str, list[object]]:
        parts, given = ["1"], []
        if query.text:
            typed = " AND ".join(f'"{word}"*' for word in words(query.text))
            parts.append("number IN (SELECT rowid FROM words WHERE words MATCH ?)")
            given.append(typed)
        if query.min_context is not None:
            parts.append("context >= ?")
            given.append(query.min_context)
        for facet, values in query.values.items():
            if facet != but and facet not in ("provider", "jurisdiction"):
                marks = ", ".join("?" * len(values))
                of_facet = f"SELECT card FROM facet WHERE facet = '{facet}'"
                parts.append(f"number IN ({of_facet} AND value IN ({marks}))")
                given += values
        offers, more = self._offers(query, but)
        if offers != "1":
            parts.append(f"number IN (SELECT card FROM offer WHERE {offers})")
            given += more
        return " AND ".join(parts), given

    def _offers(self, query: Query, but: Facet | None) -> tuple[str, list[object]]:
        parts, given = [], []
        if query.max_price_nano is not None:
            parts.append("price <= ?")
            given.append(query.max_price_nano * query.mix.parts)
        for facet in ("provider", "jurisdiction"):
            if facet in query.values and facet != but:
                values = query.values[facet]
                parts.append(f"{facet} IN ({', '.join('?' * len(values))})")
                given += values
        return " AND ".join(parts) or "1", given


_SCHEMA = """
PRAGMA journal_mode = OFF;
CREATE TABLE card (number INTEGER PRIMARY KEY, context INTEGER, completeness INTEGER,
    released INTEGER, id TEXT, data BLOB);
CREATE TABLE facet (facet TEXT, value TEXT, card INTEGER, PRIMARY KEY (facet, value, card))
    WITHOUT ROWID;
CREATE INDEX facet_card ON facet (facet, card, value);
CREATE TABLE offer (card INTEGER, provider TEXT, jurisdiction TEXT, price INTEGER);
CREATE INDEX offer_card ON offer (card);
CREATE INDEX offer_price ON offer (price, card);
CREATE VIRTUAL TABLE words USING fts5(a, b, c, d, content='', prefix='2 3', tokenize='unicode61');
"""


# -- measuring


class Taken(NamedTuple):
    """What an answer took: by the clock, and of this thread's CPU, which others' load leaves."""

    ms: float
    cpu_ms: float


def taken(ask: Callable[[], object]) -> Taken:
    began, began_cpu = time.perf_counter(), time.thread_time()
    ask()
    cpu_ms = (time.thread_time() - began_cpu) * 1000
    return Taken((time.perf_counter() - began) * 1000, cpu_ms)


HEADER = "| questions | median ms | p99 ms | longest ms | CPU, median ms | CPU, longest ms |"
RULER = "| --- | --- | --- | --- | --- | --- |"


def line(title: str, took: Sequence[Taken]) -> str:
    times, cpu = sorted(each.ms for each in took), sorted(each.cpu_ms for each in took)
    p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
    shown = (statistics.median(times), p99, times[-1], statistics.median(cpu), cpu[-1])
    return f"| {title} | {' | '.join(f'{each:.1f}' for each in shown)} |"


def against_the_peer(count: int, asked: int, *, is_alone: bool = False) -> None:
    print(f"\n## {count:,} synthetic cards, {asked} questions, each once\n")
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(folder) / "cards.bin"
        pack(cards(count), {}, "2026-01-01", packed)
        began = time.perf_counter()
        finder = Finder(load(packed), [], EXCHANGE)
        print(f"read and indexed in {time.perf_counter() - began:.1f} s")
        rows = [row(card, EXCHANGE) for card in load(packed).cards()]
        peer = None if is_alone else Peer(rows, Path(folder) / "peer.db")
    ours: dict[str, list[Taken]] = {}
    theirs: dict[str, list[Taken]] = {}
    compared = 0
    for kind, query in ((each.kind, each.query) for each in questions(rows, asked)):
        found: list[FoundModels] = []
        told: list[tuple[int, dict[str, dict[str, int]]]] = []
        took = taken(lambda q=query, kept=found: kept.append(finder.search(q)))
        ours.setdefault(kind, []).append(took)
        if peer is None:
            continue
        took = taken(lambda q=query, kept=told: kept.append(peer.ask(q)))
        theirs.setdefault(kind, []).append(took)
        if kind == FILTERS:
            check(found[0], told[0], query)
            compared += 1
    if peer is not None:
        print(f"{compared} answers compared: as many found, every facet counted alike")
    print(f"\n{HEADER}\n{RULER}")
    for kind in ours:
        print(line(f"{kind}: index", ours[kind]))
        if peer is not None:
            print(line(f"{kind}: SQLite", theirs[kind]))
    for kind in theirs:
        pairs = list(zip(ours[kind], theirs[kind], strict=True))
        ratio = statistics.median(peers.cpu_ms / own.cpu_ms for own, peers in pairs)
        print(f"{kind}: SQLite takes {ratio:.1f} times the CPU (median of each question's ratio)")


def check(found: FoundModels, peer: tuple[int, dict[str, dict[str, int]]], query: Query) -> None:
    """Stop where the two do not agree."""
    total, facets = peer
    ours = {
        facet: {each.value: each.count for each in counts if each.count}
        for facet, counts in found.facets.items()
    }
    for facet in FACETS:
        theirs = facets[facet]
        shown = ours[facet]
        if len(theirs) > len(shown):  # a long list is cut
            theirs = {value: theirs[value] for value in shown}
        assert theirs == shown, (facet, query)
    assert total == found.total, query


def through_the_api(asked: int) -> None:
    catalogue = load()
    rows = [row(card, Exchange()) for card in catalogue.cards()]
    print(f"\n## The package's {len(catalogue):,} cards through the API, {asked} questions\n")
    chance = random.Random(SEED)
    with tempfile.TemporaryDirectory() as folder, run_platform(Path(folder) / "data") as running:
        connection = http.client.HTTPConnection("127.0.0.1", running.port)

        def ask(path: str) -> bytes:
            connection.request("GET", path, headers={"Authorization": f"Bearer {running.key}"})
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, body
            return body

        ask("/api/v1/status")
        print(f"the first, which loads the catalogue: {taken(lambda: ask(target({}))).ms:.0f} ms\n")
        times, inside = [], []
        for _ in range(asked):
            some = chance.choice(rows)
            known = words(some.name)
            asked_for = {
                "q": chance.choice(known)[: chance.choice((2, 3, 9))]
                if chance.random() < 0.6
                else "",
                "language": chance.choice(("", "it", "fr", "en")),
                "openness": chance.choice(("", "open", "closed")),
                "min_context": chance.choice(("", "8k", "32k")),
                "max_price": chance.choice(("", "1", "5")),
                "sort": chance.choice(("best", "price", "newest")),
            }
            kept: list[bytes] = []
            path = target(asked_for)
            times.append(taken(lambda path=path, kept=kept: kept.append(ask(path))).ms)
            inside.append(float(msgspec.json.decode(kept[0])["took_ms"]))
    print("| through the port | median ms | p99 ms | longest ms |\n| --- | --- | --- | --- |")
    for title, found in (("answer received", times), ("of that in the catalogue", inside)):
        ordered = sorted(found)
        p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
        print(f"| {title} | {statistics.median(ordered):.1f} | {p99:.1f} | {ordered[-1]:.1f} |")


def target(asked: dict[str, str]) -> str:
    return "/api/v1/catalog/models?" + urlencode({n: value for n, value in asked.items() if value})


_MEMORY = """
import gc, sys
from pathlib import Path
def held():
    gc.collect()
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1000
import tramontane.studio.server
before = held()
assert "numpy" not in sys.modules
import numpy
with_numpy = held()
from tramontane.catalog.finding import Finder
from tramontane.catalog.packing import load
from tramontane.catalog.prices import Exchange
from tramontane.catalog.queries import Query
finder = Finder(load(Path(sys.argv[1]) if sys.argv[1] else None), [], Exchange())
finder.search(Query(text="llama"))
print(f"{len(finder):,} cards: {held() - before:.1f} MB, {with_numpy - before:.1f} of them numpy's,"
      f" beside a studio of {before:.0f} MB that has not been asked")
"""


def memory() -> None:
    print("\n## Memory of a process with the studio loaded (Linux)\n")
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(folder) / "cards.bin"
        pack(cards(1_600), {}, "2026-01-01", packed)
        for path in ("", str(packed)):
            subprocess.run([sys.executable, "-c", _MEMORY, path], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cards", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=240)
    parser.add_argument("--of-many", type=int, default=60, help="questions to all of --cards")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--without-sqlite", action="store_true")
    given = parser.parse_args()
    load_average = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()},"
        f" {platform.system()} {platform.release()}, CPython {platform.python_version()}, SQLite"
        f" {sqlite3.sqlite_version}, load average {load_average}"
    )
    if "memory" in given.only:
        memory()
    if "api" in given.only:
        through_the_api(given.questions)
    if "few" in given.only:
        against_the_peer(1_600, given.questions, is_alone=given.without_sqlite)
    if "many" in given.only:
        against_the_peer(given.cards, given.of_many, is_alone=given.without_sqlite)


if __name__ == "__main__":
    main()
