"""The index finds what looking at every card finds, in the same order, with the same counts."""

import random
from collections.abc import Sequence

import msgspec
import pytest

from tests.catalog.slowly import Slow, rank
from tests.catalog.synthetic import cards
from tramontane.catalog.cards import Card, Claim, Offer
from tramontane.catalog.index import Index
from tramontane.catalog.machine import Memory
from tramontane.catalog.prices import Exchange, Mix
from tramontane.catalog.queries import FACETS, OFFERED, SORTS, Facet, Query
from tramontane.catalog.rows import Row, row
from tramontane.catalog.words import words
from tramontane.places import EU

EXCHANGE = Exchange("EUR", {"USD": "0.92"})
MEMORY = Memory(24_000_000_000)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Rows of everybody, and some of two projects."""
    made = [row(card, EXCHANGE) for card in cards(160)]
    return [
        msgspec.structs.replace(each, project_id=f"p{number % 2}") if number % 10 == 0 else each
        for number, each in enumerate(made)
    ]


@pytest.fixture(scope="module")
def index(rows: list[Row]) -> Index:
    return Index(rows)


def ask(chance: random.Random, rows: Sequence[Row]) -> Query:
    """Return some question: a few conditions, taken from what there is, at times from nowhere."""
    some = chance.choice(rows)
    values: dict[Facet, tuple[str, ...]] = {}
    for facet in chance.sample(FACETS, chance.choice((0, 0, 1, 1, 2, 3))):
        of_facets: dict[Facet, Sequence[str | None]] = {
            "publisher": [some.publisher, "Nobody"],
            "openness": [some.openness, "closed"],
            "licence": [some.licence, "MIT"],
            "language": [*some.languages, "it"],
            "ability": [*some.abilities, "tools"],
            "kind": [some.kind, "chat"],
            "modality": [*some.modalities, "image"],
            "provider": [*(offer.provider for offer in some.offers), "nobody"],
            "jurisdiction": [*(offer.jurisdiction for offer in some.offers), "eu"],
        }
        found = [value for value in of_facets[facet] if value]
        values[facet] = tuple(dict.fromkeys(chance.choices(found, k=chance.randint(1, 2))))
    return Query(
        text=typed(chance, some) if chance.random() < 0.5 else "",
        values=values,
        min_context=chance.choice((None, None, 32_000)),
        max_context=chance.choice((None, None, None, 200_000)),
        min_parameters=chance.choice((None, None, None, 3_000_000_000)),
        max_parameters=chance.choice((None, None, None, 72_000_000_000)),
        max_price_nano=chance.choice((None, None, 1_000_000_000, 400_000_000)),
        mix=chance.choice(
            (Mix(), Mix(3, 1), Mix(1, 0), Mix(0, 1), Mix(99_999, 100_000, 99_998), Mix(10, 1, 30))
        ),
        fits=chance.random() < 0.15,
        offered=tuple(chance.sample(OFFERED, chance.choice((0, 0, 0, 1, 2)))),
        sort=chance.choice(SORTS),
        limit=chance.choice((1, 5, 200)),
        offset=chance.choice((0, 0, 3)),
    )


def typed(chance: random.Random, some: Row) -> str:
    """Return what somebody types who looks for the row, more or less of it."""
    known = words(
        chance.choice((some.name, some.name, some.id, some.description, "italian apache"))
    )
    picked = chance.sample(known, min(len(known), chance.choice((1, 1, 2))))
    cut = [word[: chance.choice((2, 3, 99))] for word in picked]
    return chance.choice((some.name, *[" ".join(cut)] * 4))


def test_it_agrees_with_looking_at_every_card(index: Index, rows: list[Row]) -> None:
    agree(index, rows, seed=1, questions=40)


@pytest.mark.slow
def test_it_agrees_on_many_questions(index: Index, rows: list[Row]) -> None:
    agree(index, rows, seed=2, questions=1_000)


def agree(index: Index, rows: list[Row], seed: int, questions: int) -> None:
    """Ask so many questions both ways."""
    chance = random.Random(seed)
    found_something = 0
    for _ in range(questions):
        query, seen_by = ask(chance, rows), chance.choice((None, (), ("p1",)))
        here = {chance.choice(rows).id for _ in range(5)}
        found = index.search(query, memory=MEMORY, here=here, seen_by=seen_by)
        slow = Slow(rows, query, MEMORY, here, seen_by)
        if query.text and not slow.scores:
            continue  # what may have been meant instead is tried below
        order = slow.order()
        assert found.total == len(order) == slow.total(), query
        page = order[query.offset : query.offset + query.limit]
        assert [index.ids[number] for number in found.rows] == page, query
        for facet in FACETS:
            counted = {each.value: each.count for each in found.facets[facet] if each.count}
            assert counted == slow.counts(facet), (facet, query)
        found_something += bool(page)
    assert found_something > questions // 3


def test_the_price_shown_is_the_cheapest_of_what_was_asked_for(
    index: Index, rows: list[Row]
) -> None:
    query = Query(values={"jurisdiction": ("EU",)}, sort="price", limit=200)
    found = index.search(query)
    assert found.rows
    for number, cheapest in zip(found.rows, found.cheapest, strict=True):
        offers = {offer.number: offer for offer in Slow(rows, query).offers(rows[number])}
        best = min(rank(offer, query.mix) for offer in offers.values())
        if cheapest is None:
            assert best == (3, 0)
        else:
            assert rank(offers[cheapest], query.mix) == best < (3, 0)


def test_misspelt_names_are_found(index: Index, rows: list[Row]) -> None:
    some = max(rows, key=lambda each: max(map(len, words(each.name))))
    word = max(words(some.name), key=len)
    for slip in (word[:2] + word[3:], word[:2] + word[3] + word[2] + word[4:], word[:-1] + "q"):
        numbers = index.search(Query(text=slip, limit=200)).rows
        assert some.id in {index.ids[number] for number in numbers}, slip
    assert index.search(Query(text="qqqqqqqqq")).total == 0


def made(card_id: str, name: str, **facts: object) -> Card:
    """Return a card that says so."""
    known = {"name": name, **facts}
    claims = {f: (Claim(value=v, source="s", record=name),) for f, v in known.items()}
    return Card(id=card_id, facts=claims)  # type: ignore[arg-type]  # fields of cards


def names(found_cards: Sequence[Card], text: str) -> list[str]:
    """Return the ids that `text` finds, in order."""
    small = Index([row(card, EXCHANGE) for card in found_cards])
    return [small.ids[number] for number in small.search(Query(text=text)).rows]


def test_what_no_source_says_is_counted_and_can_be_asked_for() -> None:
    known = [
        made("a/italian", "A", languages=["it"], context_tokens=32_000),
        made("a/french", "B", languages=["fr"], context_tokens=32_000),
        made("a/silent", "C", context_tokens=32_000),
        made("a/short", "D", context_tokens=4_000),
    ]
    small = Index([row(card, EXCHANGE) for card in known])
    asked = Query(values={"language": ("it",)}, min_context=32_000)
    found = small.search(asked)
    assert found.total == 1 and found.unknown == {"language": 1}
    both = small.search(msgspec.structs.replace(asked, values={"language": ("it", "unknown")}))
    assert {small.ids[number] for number in both.rows} == {"a/italian", "a/silent"}
    assert both.unknown == {} and both.unmatched == []


def test_an_offer_of_which_nobody_says_the_law_is_counted(index: Index, rows: list[Row]) -> None:
    found = index.search(Query(values={"jurisdiction": ("EU",)}))
    more = {
        each.id
        for each in rows
        if any(offer.jurisdiction is None for offer in each.offers)
        and all(offer.jurisdiction not in {"EU", *EU} for offer in each.offers)
    }
    assert more and found.unknown == {"jurisdiction": len(more)}
    either = index.search(Query(values={"jurisdiction": ("EU", "unknown")}))
    assert either.total == found.total + len(more)


def test_who_asks_for_the_union_means_its_member_states_too() -> None:
    def sold(card_id: str, *places: str) -> Card:
        offers = tuple(
            Offer(
                provider=place.lower(),
                provider_title=place,
                model="m",
                source="s",
                record="r",
                date="2026-11-01",
                jurisdiction=place,
            )
            for place in places
        )
        return msgspec.structs.replace(made(card_id, card_id), offers=offers)

    known = [sold("a/paris", "FR", "US"), sold("a/both", "FR", "DE"), sold("a/bern", "CH")]
    small = Index([row(card, EXCHANGE) for card in known])
    found = small.search(Query(values={"jurisdiction": ("eu",)}))
    assert {small.ids[number] for number in found.rows} == {"a/paris", "a/both"}
    counted = {each.value: each.count for each in found.facets["jurisdiction"]}
    assert counted == {"EU": 2, "FR": 2, "DE": 1, "US": 1, "CH": 1}
    assert small.search(Query(values={"jurisdiction": ("DE",)})).total == 1


def test_words_find_names_however_they_are_written() -> None:
    known = [
        made("meta/llama-3.1-8b", "Llama-3.1-8B-Instruct", description="Small."),
        made("meta/llama-3.1-70b", "Llama 3.1 70B"),
        made("deepseek/deepseek-v3", "DeepSeek V3", languages=["it", "zh"]),
        made("other/finetune", "Finetune", description="Made of Llama 3.1, speaks nothing."),
        made("elsewhere/été", "Été"),
    ]
    assert names(known, "llama") == ["meta/llama-3.1-8b", "meta/llama-3.1-70b", "other/finetune"]
    assert names(known, "Llama 3.1 70b") == ["meta/llama-3.1-70b"]
    assert names(known, "llama3.1")[:2] == ["meta/llama-3.1-8b", "meta/llama-3.1-70b"]
    assert names(known, "deep seek") == ["deepseek/deepseek-v3"]
    assert names(known, "lama 8b") == ["meta/llama-3.1-8b"]
    assert names(known, "italienisch") == ["deepseek/deepseek-v3"]
    assert names(known, "ete") == ["elsewhere/été"]
    assert names(known, "") == [
        "deepseek/deepseek-v3", "meta/llama-3.1-8b", "other/finetune", "elsewhere/été",
        "meta/llama-3.1-70b",
    ]  # fmt: skip


def test_equal_terms_who_publishes_or_offers_changes_no_place(rows: list[Row]) -> None:
    """Publishers and providers change their names, open and closed change sides: the order
    stays."""
    publishers = sorted({each.publisher for each in rows if each.publisher})
    renamed = dict(zip(publishers, reversed(publishers), strict=True))
    swapped = [
        msgspec.structs.replace(
            each,
            publisher=renamed.get(each.publisher or ""),
            openness="closed" if each.openness != "closed" else "open_source",
            licence=None,
            has_files=not each.has_files,
            offers=tuple(
                msgspec.structs.replace(
                    offer, provider=offer.provider[::-1], provider_title="Sponsor"
                )
                for offer in each.offers
            ),
        )
        for each in rows
    ]
    query = Query(limit=200)
    assert Index(swapped).search(query).rows == Index(rows).search(query).rows


def test_own_cards_of_another_project_leave_no_trace(rows: list[Row]) -> None:
    secret = msgspec.structs.replace(
        rows[1], id="secret/zwetschge", name="Zwetschge", publisher="Zwetschge", project_id="p9"
    )
    with_secret, without = Index([*rows, secret]), Index(rows)
    for query in (
        Query(),
        Query(text="zwetschge"),
        Query(text="zwetschke"),
        Query(values={"publisher": ("zwetschgen",)}),
        Query(values={"publisher": ("zwetschge",)}),
    ):
        seen = with_secret.search(query, seen_by=("p0", "p1"))
        assert seen == without.search(query, seen_by=("p0", "p1"))
    assert with_secret.search(Query(text="zwetschge"), seen_by=("p9",)).total == 1
    assert with_secret.search(Query(text="zwetschge")).total == 1


def test_nothing_at_all_can_be_searched() -> None:
    empty = Index([])
    found = empty.search(Query(text="llama", values={"provider": ("x",), "kind": ("chat",)}))
    assert (found.total, found.rows) == (0, [])
    assert all(not values for values in found.facets.values())
