"""Which records are one model: the rules, the traps, that order means nothing, and the sample that
was judged.
"""

import csv
import random
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.catalog.excerpt import DATA, built, read
from tramontane.catalog import building, checking, merging, packing
from tramontane.catalog.cards import Card, Offer
from tramontane.catalog.matching import match
from tramontane.catalog.reading import Reading
from tramontane.catalog.sources.table import READERS

JUDGED = DATA.parent / "matching_judged.tsv"
ALL = [reading for reader in READERS for reading in read(reader.source.id).readings]
DATES = {reader.source.id: reader.source.date for reader in READERS}


def cards_of(readings: list[Reading]) -> list[Card]:
    return list(building.made(match(readings), DATES))


def records(card_id: str) -> set[tuple[str, str]]:
    for members in built().matched.groups:
        if merging.card_id(members) == card_id:
            return {(m.reading.source, m.reading.record) for m in members}
    raise AssertionError(f"no card {card_id}")


def reading(source: str, record: str, name: str, **given: Any) -> Reading:
    return Reading(source=source, record=record, name=name, **given)


def offer(provider: str, model: str) -> Offer:
    return Offer(
        provider=provider, provider_title=provider, model=model, source="s", record=model,
        date="2026-01-01",
    )  # fmt: skip


def test_one_model_of_six_sources() -> None:
    assert {source for source, _record in records("openai/gpt-oss-20b")} == {
        "azureml", "gpustack", "helm", "litellm", "localai", "models_dev", "xinference",
    }  # fmt: skip


def test_names_that_look_right_and_are_not() -> None:
    assert ("localai", "whisper-1") in records("openai/whisper-base")
    assert records("openai/whisper-1") == {("litellm", "whisper-1")}
    assert ("localai", "whisper-large-q5_0") in records("openai/whisper-large-v3")
    assert records("mistral/codestral-latest") == {
        ("models_dev", "models/mistral/codestral-latest")
    }
    assert ("models_dev", "models/moonshotai/kimi-k2-thinking-turbo") not in records(
        "moonshotai/kimi-k2-thinking"
    )
    unplaced = {reading.record for reading in built().matched.unplaced}
    assert "digitalocean/llama3-8b-instruct" in unplaced  # entitled Llama 3.1


def test_a_chat_offer_under_the_bases_name_is_the_chat_model() -> None:
    assert ("litellm", "snowflake/llama3-8b") in records("meta/llama-3-8b-instruct")
    assert ("xinference", "llm/llama-3/8/meta-llama/Meta-Llama-3-8B") in records("meta/llama-3-8b")


def test_a_link_to_a_sibling_is_not_believed() -> None:
    """models.dev links an offer called and entitled "… Instruct 2507" with the model before it."""
    linked = reading(
        "models_dev", "seller/big-instruct-2507", "big", publisher="lab", same_as="lab/big",
        called="big-instruct-2507", offers=(offer("seller", "big-instruct-2507"),),
    )  # fmt: skip
    big = reading("models_dev", "models/lab/big", "big", publisher="lab", same_as="lab/big")
    newer = reading("helm", "lab/big-instruct-2507", "big-instruct-2507", publisher="lab")
    found = {card.id: len(card.offers) for card in cards_of([linked, big, newer])}
    assert found == {"lab/big": 0, "lab/big-instruct-2507": 1}
    alone = {card.id: len(card.offers) for card in cards_of([linked, big])}
    assert alone == {"lab/big": 1}, "nobody else knows a model by that name"


def test_a_link_to_another_version_is_not_believed_nor_what_it_told() -> None:
    linked = reading(
        "models_dev", "seller/big-4", "big-4-5", publisher="lab", same_as="lab/big-4-5",
        called="big-4", nearness=2, offers=(offer("seller", "big-4"),),
        facts={"name": "Big 4.5", "context_tokens": 9},
    )  # fmt: skip
    known = [reading("helm", f"lab/{name}", name, publisher="lab") for name in ("big-4", "big-4-5")]
    found = {card.id: (len(card.offers), len(card.facts)) for card in cards_of([linked, *known])}
    assert found == {"lab/big-4": (1, 0), "lab/big-4-5": (0, 0)}


def test_sellers_of_base_models_do_sell_base_models() -> None:
    base = reading("x", "b", "Llama-9-8B", publisher="meta", repository="meta-llama/Llama-9-8B")
    chat = reading(
        "x", "c", "Llama-9-8B-Instruct", publisher="meta",
        repository="meta-llama/Llama-9-8B-Instruct",
    )  # fmt: skip
    for provider, expected in (("snowflake-cortex", "instruct"), ("togetherai", "8b")):
        sold = reading(
            "y", provider, "llama-9-8b", publisher="meta", offers=(offer(provider, "llama-9-8b"),)
        )
        (found,) = [c for c in cards_of([base, chat, sold]) if c.offers]
        assert found.id.endswith(expected)


def test_a_title_and_another_source_of_the_very_same_offer() -> None:
    found = records("meta/llama-3.1-8b-instruct")
    assert ("models_dev", "vercel/meta/llama-3.1-8b") in found  # entitled … Instruct
    assert ("litellm", "vercel_ai_gateway/meta/llama-3.1-8b") in found


def test_archived_entries_and_unknown_names_make_no_card() -> None:
    alone = [r for r in ALL if r.source == "azureml" and r.record.startswith("foundrylocal/")]
    assert cards_of(alone) == []
    assert len(match(alone).unplaced) == len(alone)


def test_a_name_that_is_not_its_files_joins_nothing() -> None:
    known = reading("x", "a", "Some-Model-2-7B", publisher="acme")
    entry = reading("localai", "b", "some-model-2-7b", is_alone=True)
    assert len(cards_of([known, entry])) == 2
    assert len(cards_of([known, reading("localai", "b", "some-model-2-7b")])) == 1


@settings(max_examples=8, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_records_means_nothing(chance: random.Random) -> None:
    shuffled = list(ALL)
    chance.shuffle(shuffled)
    assert cards_of(shuffled) == cards_of(ALL)


def test_the_same_records_twice_are_the_same_cards() -> None:
    assert cards_of(ALL + ALL) == cards_of(ALL)


@settings(max_examples=8, deadline=None)
@given(st.sets(st.integers(min_value=0, max_value=len(ALL) - 1), min_size=2, max_size=60))
def test_every_certain_record_is_on_exactly_one_card(chosen: set[int]) -> None:
    some = [ALL[at] for at in sorted(chosen)]
    matched = match(some)
    placed = [m.reading for members in matched.groups for m in members]
    assert len(placed) + len(matched.unplaced) == len(some)
    assert all(not (r.is_certain and r.publisher) or r.offers for r in matched.unplaced)
    ids = [card.id for card in building.made(matched, DATES)]
    assert len(ids) == len(set(ids))


def judged() -> list[dict[str, str]]:
    with JUDGED.open(newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def test_the_judged_sample_is_precise_enough() -> None:
    pairs = judged()
    assert len(pairs) >= 300
    assert {pair["verdict"] for pair in pairs} <= {"same", "other"}
    right, tried = checking.counts(pair for pair in pairs if pair["drawn_from"] == "every")
    assert right / tried >= 0.99
    assert all(pair["note"] for pair in pairs if pair["verdict"] == "other")


def test_what_was_judged_is_what_the_package_holds() -> None:
    on: dict[tuple[str, str], set[str]] = defaultdict(set)
    catalogue = packing.load()
    for card in catalogue.cards():
        for said in card.facts.values():
            for claim in said:
                on[claim.source, claim.record].add(card.id)
        for sold in card.offers:
            on[sold.source, sold.record].add(card.id)
    seen = 0
    for pair in judged():
        for place in (
            (pair["source"], pair["record"]), (pair["other_source"], pair["other_record"]),
        ):  # fmt: skip
            if place in on:
                seen += 1
                assert on[place] == {pair["card"]}, place
    assert seen > 600  # a reseller's record whose facts others said nearer leaves no trace


@pytest.mark.parametrize(
    ("right", "tried", "low"), [(300, 300, 0.987), (0, 0, 0.0), (99, 100, 0.945)]
)
def test_intervals(right: int, tried: int, low: float) -> None:
    assert checking.interval(right, tried)[0] == pytest.approx(low, abs=0.001)
