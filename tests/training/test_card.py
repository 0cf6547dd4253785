"""A card survives its file, and the hash is the file's."""

import hashlib
from pathlib import Path

import msgspec
import pytest

from tramontane.training.card import Card, read_card, sha256_of, write_card

COMMITTED = Path(__file__).parents[2] / "src" / "tramontane" / "engines" / "demo" / "card.json"


def test_writing_and_reading_gives_the_same_card(tmp_path: Path) -> None:
    card = read_card(COMMITTED)
    write_card(tmp_path / "card.json", card)
    assert read_card(tmp_path / "card.json") == card


def test_a_card_without_its_limits_is_refused(tmp_path: Path) -> None:
    fields = msgspec.json.decode(COMMITTED.read_bytes())
    del fields["cannot"]
    (tmp_path / "card.json").write_bytes(msgspec.json.encode(fields))
    with pytest.raises(msgspec.ValidationError, match="cannot"):
        read_card(tmp_path / "card.json")


def test_the_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert sha256_of(tmp_path / "file") == hashlib.sha256(b"abc").hexdigest()


def test_the_card_type_names_what_it_cannot_do() -> None:
    assert {"cannot", "data", "bits_per_byte", "sha256"} <= set(Card.__struct_fields__)
