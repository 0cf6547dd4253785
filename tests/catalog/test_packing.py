"""The packed file: whole or refused, the same for the same cards, small in memory."""

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.catalog.excerpt import built
from tramontane.catalog import packing
from tramontane.catalog.cards import Card, Claim, Offer
from tramontane.errors import InvalidRequest


def packed(cards: list[Card] | None = None) -> bytes:
    found = built()
    return packing.packed(
        found.cards if cards is None else cards, found.sources, found.built_on,
        providers=found.providers, left_out=found.left_out,
    )  # fmt: skip


def many(count: int) -> list[Card]:
    return [
        Card(id=f"acme/m-{i:05}", facts={"name": (Claim(value=str(i), source="s", record="r"),)})
        for i in range(count)
    ]


def test_what_is_packed_comes_out(tmp_path: Path) -> None:
    found = built()
    path = tmp_path / "catalogue.bin"
    packing.pack(
        reversed(found.cards), found.sources, found.built_on, path,
        providers=found.providers, left_out=found.left_out,
    )  # fmt: skip
    assert path.read_bytes() == packed()
    loaded = packing.load(path)
    assert sorted(found.cards, key=lambda card: card.id) == list(loaded.cards())
    assert loaded.sources == found.sources
    assert loaded.providers == found.providers
    assert loaded.built_on == "2026-11-21"
    assert [p.name for p in tmp_path.iterdir()] == ["catalogue.bin"]


def test_cards_are_found_by_id_across_blocks() -> None:
    cards = many(3 * packing.CARDS_A_BLOCK + 5)
    loaded = packing.unpack(packed(cards), "it")
    assert all(loaded.card(card.id) == card for card in cards)
    assert loaded.card("acme/m-00000x") is None
    assert loaded.card("") is None
    assert len(loaded) == len(cards)
    assert len(packing.unpack(packed([]), "it")) == 0


def test_offers_keep_what_they_say_and_nothing_more() -> None:
    offer = Offer(
        provider="p", provider_title="P", model="m", source="s", record="r", date="2026-01-01",
        input_per_mtok="0.1", long_context=((200_000, "1", "2"),),
    )  # fmt: skip
    card = Card(id="acme/m", facts={}, offers=(offer,))
    (found,) = packing.unpack(packed([card]), "it").cards()
    assert found == card
    assert found.offers[0].output_per_mtok is None


def test_two_cards_of_one_id_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="two cards have the id acme/m-00000"):
        packed(many(1) * 2)


DATA = packed(many(200))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_a_flipped_byte_is_found_or_does_no_harm(at: int, flip: int) -> None:
    broken = DATA[:at] + bytes([DATA[at] ^ flip]) + DATA[at + 1 :]
    try:
        found = packing.unpack(broken, "it")
        packing.check(found, "it")
    except InvalidRequest as error:
        assert "it is" in error.message


@settings(max_examples=50, deadline=None)
@given(st.integers(0, len(DATA) - 1))
def test_a_file_that_breaks_off_is_refused(length: int) -> None:
    with pytest.raises(InvalidRequest):
        packing.check(packing.unpack(DATA[:length], "it"), "it")


def test_a_block_that_would_grow_beyond_what_it_says_is_not_unpacked() -> None:
    with pytest.raises(InvalidRequest, match="no packed catalogue"):
        packing.unpack(b"PK\x03\x04" + bytes(100), "it")


def test_the_packages_catalogue_is_whole_and_stays_packed() -> None:
    tracemalloc.start()
    try:
        loaded = packing.load()
        held, _peak = tracemalloc.get_traced_memory()
        assert loaded.card("openai/gpt-oss-20b") is not None
    finally:
        tracemalloc.stop()
    assert held < 3_000_000
    packing.check(loaded, "the package's")
    assert len(loaded) >= 1_600
    assert {source.licence for source in loaded.sources.values()} == {"MIT", "Apache-2.0"}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot be read: No such file"):
        packing.load(tmp_path / "none.bin")
