"""What fits into memory, by what a card says."""

import pytest

from tests.catalog.making import card
from tramontane.catalog.cards import ModelFileFact
from tramontane.catalog.machine import (
    Memory,
    bits_per_weight,
    fits,
    least_needed_bytes,
    needed_bytes,
    weight_bytes,
)

GB = 10**9


def test_weights_at_a_quantisation() -> None:
    # As published: Llama 3.1 8B has 8.03e9 parameters, its Q4_K_M file 4.92e9 bytes, Q8_0 8.54e9.
    assert weight_bytes(8_030_000_000, "Q4_K_M") == pytest.approx(4.92e9, rel=0.03)
    assert weight_bytes(8_030_000_000, "q8_0") == pytest.approx(8.54e9, rel=0.03)
    assert bits_per_weight("UD-Q4_K_XL") == bits_per_weight("Q4_K_XL")
    assert bits_per_weight("Q99") is None
    assert weight_bytes(GB, "Q99") == weight_bytes(GB, None)


def test_longer_conversations_take_more_up_to_what_is_served_at_once() -> None:
    of = {tokens: needed_bytes(size_bytes=5 * GB, parameters=8 * GB, context_tokens=tokens)
          for tokens in (2_048, 16_384, 131_072)}  # fmt: skip
    assert 5 * GB < (of[2_048] or 0) < (of[16_384] or 0) == of[131_072]
    assert needed_bytes(size_bytes=None, parameters=None) is None


def test_verdicts() -> None:
    memory = Memory(10 * GB)
    assert [fits(needed, memory) for needed in (8 * GB, 9 * GB, 11 * GB, None)] == [
        "yes", "tight", "no", "unknown",
    ]  # fmt: skip
    assert fits(GB, None) == "unknown"


def test_the_smallest_file_counts_and_closed_models_have_none() -> None:
    files = tuple(
        ModelFileFact(uri=f"hf:a/b:{size}", source="s", size_bytes=size)
        for size in (9 * GB, 5 * GB, None)
    )
    with_files = least_needed_bytes(card("a/b", files=files, parameters=8 * GB))
    by_parameters = least_needed_bytes(card("a/b", parameters=8 * GB))
    assert with_files is not None and 5 * GB < with_files < 9 * GB
    assert by_parameters is not None and 5 * GB < by_parameters < 8 * GB
    assert least_needed_bytes(card("a/b", openness="closed", parameters=8 * GB)) is None
    assert least_needed_bytes(card("a/b")) is None
