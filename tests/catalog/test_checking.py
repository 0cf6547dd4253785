"""The check of the catalogue against its sources finds what is there, and what is not."""

import msgspec
import pytest

from tests.catalog.excerpt import built, files
from tests.clients.published import ROOT
from tramontane.catalog import building, checking, packing
from tramontane.catalog.cards import Card, Claim, Field
from tramontane.catalog.raw import RawRecords


def test_every_claim_and_price_of_the_excerpts_stands_in_its_record() -> None:
    cards = built().cards
    found = checking.check_cards(cards, RawRecords(files()), seed=1, count=len(cards))
    assert found.failures == ()
    assert found.claims > 400
    assert found.prices > 60


def changed(card: Card, claim: Claim) -> Card:
    return msgspec.structs.replace(card, facts={**card.facts, "context_tokens": (claim,)})


@pytest.mark.parametrize(
    "claim",
    [
        Claim(value=123_457, source="models_dev", record="models/openai/gpt-5-nano"),
        Claim(value=400_000, source="models_dev", record="models/openai/gpt-none"),
    ],
)
def test_a_claim_that_its_record_does_not_hold_is_found(claim: Claim) -> None:
    card = next(card for card in built().cards if card.id == "openai/gpt-5-nano")
    found = checking.check_cards([changed(card, claim)], RawRecords(files()), seed=1, count=1)
    assert [failure.what for failure in found.failures] == ["context_tokens"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("input_modalities", ["text", "video"]),
        ("languages", ["it"]),
        ("limitations", "It is often wrong about birds and their names."),
        ("licence", "MIT"),
        ("parameters", 8_000_000_000),
        ("base_model", "Lab/Some-4B"),
    ],
)
def test_each_kind_of_fact_is_looked_up(field: Field, value: object) -> None:
    card = next(card for card in built().cards if card.id == "openai/gpt-5-nano")
    claim = Claim(value=value, source="models_dev", record="models/openai/gpt-5-nano")
    wrong = msgspec.structs.replace(card, facts={field: (claim,)}, offers=())
    found = checking.check_cards([wrong], RawRecords(files()), seed=1, count=1)
    assert [failure.what for failure in found.failures] == [field]


def test_a_price_in_the_wrong_unit_is_found() -> None:
    card = next(card for card in built().cards if card.id == "openai/gpt-5-nano")
    offer = next(offer for offer in card.offers if offer.source == "litellm")
    wrong = msgspec.structs.replace(offer, input_per_mtok="0.00000005")
    cards = [msgspec.structs.replace(card, facts={}, offers=(wrong,))]
    found = checking.check_cards(cards, RawRecords(files()), seed=1, count=1)
    assert [failure.what for failure in found.failures] == ["input_per_mtok"]


def test_a_draw_is_the_same_for_the_same_seed() -> None:
    matched = built().matched
    one = checking.sample_pairs(matched, seed=1, count=12)
    assert one == checking.sample_pairs(matched, seed=1, count=12)
    assert one != checking.sample_pairs(matched, seed=2, count=12)
    assert len(one) == 12


@pytest.mark.slow
def test_the_package_holds_what_its_sources_say() -> None:
    folder = ROOT.parent / "shared" / "data" / "catalog"
    if not folder.is_dir():
        pytest.fail(f"{folder} is missing: the sources that the catalogue was built of")
    sources = building.read_folder(folder)
    found = building.build(sources)
    again = packing.packed(
        found.cards, found.sources, found.built_on,
        providers=found.providers, left_out=found.left_out,
    )  # fmt: skip
    assert again == (ROOT / "src/tramontane/catalog/data/catalogue.bin").read_bytes(), (
        "make catalogue"
    )
    checked = checking.check_cards(found.cards, RawRecords(sources), seed=1, count=len(found.cards))
    assert checked.failures == ()
