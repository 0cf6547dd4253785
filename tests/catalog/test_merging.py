"""A card of several sources: whose word counts, what is a conflict, one offer of several."""

from typing import Any

from tests.catalog.excerpt import card
from tramontane.catalog import trust
from tramontane.catalog.cards import Card, Field, Offer, agrees
from tramontane.catalog.matching import match
from tramontane.catalog.merging import card as merged
from tramontane.catalog.merging import shortened
from tramontane.catalog.reading import Nearness, Reading
from tramontane.catalog.sources.table import READERS

DATES = {reader.source.id: reader.source.date for reader in READERS}


def said(
    source: str, facts: dict[Field, Any], *, nearness: Nearness = 0, record: str = "r",
    offers: tuple[Offer, ...] = (), updated: str = "",
) -> Reading:  # fmt: skip
    return Reading(
        source=source, record=record, name="m-1-2-b", publisher="acme", facts=facts,
        nearness=nearness, offers=offers, updated=updated,
    )  # fmt: skip


def made(*readings: Reading) -> Card:
    (members,) = match(readings).groups
    return merged(members, DATES)


def sold(source: str, date: str, price: str | None) -> Offer:
    return Offer(
        provider="p", provider_title="P", model="M", source=source, record="r", date=date,
        input_per_mtok=price,
    )  # fmt: skip


def test_each_claim_says_who_said_it_where() -> None:
    found = card("openai/gpt-oss-20b")
    licence = found.facts["licence"]
    assert licence[0].value == "Apache-2.0"
    assert {(claim.source, claim.record) for claim in licence} >= {("gpustack", "gpt-oss-20b")}
    assert found.openness == "open_weights"
    assert found.value("repository") == "openai/gpt-oss-20b"
    assert any(file.sha256 for file in found.files)


def test_the_nearest_source_is_shown_and_the_others_kept() -> None:
    found = made(
        said("helm", {"parameters": 9_000_000_000}),
        said("gpustack", {"parameters": 8_000_000_000}),
    )
    assert found.value("parameters") == 8_000_000_000
    assert [claim.source for claim in found.conflicts("parameters")] == ["helm"]


def test_of_one_source_the_newest_is_shown() -> None:
    found = made(
        said("models_dev", {"context_tokens": 1_000}, record="a", updated="2025-01-01"),
        said("models_dev", {"context_tokens": 9_000}, record="b", updated="2026-01-01"),
    )
    assert found.value("context_tokens") == 9_000
    assert found.facts["context_tokens"][0].date is None  # the day it was read on is the source's


def test_a_reseller_counts_only_where_nobody_nearer_speaks() -> None:
    reseller = said("models_dev", {"context_tokens": 1_000}, nearness=2)
    maker = said("litellm", {"context_tokens": 9_000}, nearness=1, record="m")
    assert [c.value for c in made(reseller, maker).facts["context_tokens"]] == [9_000]
    assert made(reseller).value("context_tokens") == 1_000


def test_of_resellers_most_count() -> None:
    found = made(
        said("litellm", {"context_tokens": 5}, nearness=2, record="a"),
        said("litellm", {"context_tokens": 9}, nearness=2, record="b"),
        said("models_dev", {"context_tokens": 5}, nearness=2, record="c"),
    )
    assert found.value("context_tokens") == 5


def test_a_resellers_day_of_release_needs_another() -> None:
    one = said("models_dev", {"released_on": "2025-03-04"}, nearness=2, record="a")
    two = said("models_dev", {"released_on": "2025-03-04"}, nearness=2, record="b")
    january = [
        said("models_dev", {"released_on": "2024-01-01"}, nearness=2, record=r) for r in "cd"
    ]
    assert made(one).value("released_on") is None
    assert made(one, two).value("released_on") == "2025-03-04"
    assert made(*january).value("released_on") is None


def test_one_offer_of_several_sources_is_the_newest_that_has_a_price() -> None:
    found = made(
        said("models_dev", {}, offers=(sold("models_dev", "2026-07-02", "1"),), record="a"),
        said("litellm", {}, offers=(sold("litellm", "2026-11-21", "2"),), record="b"),
        said("genai_prices", {}, offers=(sold("genai_prices", "2026-12-01", None),), record="c"),
    )
    (offer,) = found.offers
    assert (offer.input_per_mtok, offer.source) == ("2", "litellm")


def test_texts_are_not_conflicts_and_descriptions_are_short() -> None:
    long = "One sentence about it that goes on for quite a while, so that it is long enough. " * 9
    found = made(said("helm", {"description": long}), said("localai", {"description": "Other."}))
    assert len(found.facts["description"]) == 1
    assert len(found.value("description")) <= 281
    assert shortened("Short.") == "Short."
    assert shortened("word " * 100).endswith("…")


def test_what_agrees() -> None:
    assert agrees(131_072, 128_000)
    assert not agrees(131_072, 100_000)
    assert agrees("2025-03-17", "2025-03")
    assert not agrees("2025-03-17", "2025-04")
    assert agrees(["text", "image"], ["text"])
    assert not agrees(["text"], ["text", "image"])
    assert not agrees(True, False)
    assert agrees("Qwen/Qwen3-8B", "qwen/qwen3-8b")
    assert not agrees("MIT", "Apache-2.0")


def test_every_source_has_its_place_in_every_order() -> None:
    sources = {reader.source.id for reader in READERS}
    for order, why in trust.TRUST.values():
        assert set(order) >= sources
        assert why
    assert set(trust.ORDERS.values()) <= set(trust.TRUST)
