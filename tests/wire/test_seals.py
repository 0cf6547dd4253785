"""Seals are cut off ids, and off nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tramontane.wire.google.signatures import seal
from tramontane.wire.seals import bare, without_seals

SEALED = seal("call_0c7d3bc48cfb926fbe26957f", "c3RhbmRpbjpm+/==")


def test_calls_and_results_still_meet() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "assistant", "tool_calls": [{"id": SEALED, "type": "function"}]},
        {"role": "tool", "tool_call_id": SEALED, "content": f'id "{SEALED}" and {SEALED}'},
    ]
    for separators in ((",", ":"), (", ", ": ")):
        raw = json.dumps(messages, separators=separators).encode()
        calls, result = json.loads(without_seals(raw))
        assert calls["tool_calls"][0]["id"] == result["tool_call_id"] == bare(SEALED)
        assert len(bare(SEALED)) <= 40
        assert result["content"] == messages[1]["content"]  # a text that speaks of one is left


@pytest.mark.parametrize("text", ["", "no_seal", "a__ts__b c", "__ts__"])
def test_other_texts_are_left(text: str) -> None:
    raw = json.dumps([{"content": text}]).encode()
    assert without_seals(raw) == raw


@given(st.text(max_size=40))
def test_what_has_no_seal_is_the_very_same(text: str) -> None:
    raw = json.dumps({"content": text}).encode()
    assert without_seals(raw) is raw
    assert bare(text) == text
