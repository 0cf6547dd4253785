"""What a bill is made from, read out of whatever an upstream says."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tramontane.money import Usage
from tramontane.wire.openai.events import Event, read_answer_usage, read_event
from tramontane.wire.openai.provider import Counts, usage_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
ANSWERED: dict[str, Any] = {"prompt_tokens": 9, "completion_tokens": 4}
NAMES = st.sampled_from(("choices", "usage", "error", "id", "prompt_tokens", "finish_reason"))


def test_a_chunk_of_text_says_nothing() -> None:
    data = b'{"id":"x","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}'
    assert read_event(data) == Event()


def test_finished_choices_are_named() -> None:
    data = b'{"choices":[{"index":2,"finish_reason":"stop"},{"index":0,"finish_reason":"length"}]}'
    assert read_event(data).finished == (2, 0)
    assert read_event(b'{"choices":[{"index":0,"finish_reason":""}]}').finished == ()


def test_usage_alone_is_told_from_usage_beside_text() -> None:
    usage = b'"usage":{"prompt_tokens":9,"completion_tokens":4}'
    alone = read_event(b'{"choices":[],%b}' % usage)
    assert (alone.usage, alone.is_usage_only) == (Usage(9, 4), True)
    beside = read_event(b'{"choices":[{"index":0}],%b}' % usage)
    assert (beside.usage, beside.is_usage_only) == (Usage(9, 4), False)
    assert not read_event(b'{"choices":[],"usage":null}').is_usage_only
    assert not read_event(b'{"choices":[]}').is_usage_only


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 4}, Usage(9, 4)),
        ({"prompt_tokens": 9, "completion_tokens": None}, None),
        ({"prompt_tokens": 9}, None),
        ({"prompt_tokens": 9.0, "completion_tokens": 3.2}, Usage(9, 4)),
        ({"prompt_tokens": -9, "completion_tokens": -4}, Usage()),
        (ANSWERED | {"prompt_tokens_details": {"cached_tokens": 5}}, Usage(9, 4, 5)),
        (ANSWERED | {"prompt_tokens_details": {"cached_tokens": 50}}, Usage(9, 4, 9)),
        (ANSWERED | {"prompt_tokens_details": {"cached_tokens": -1}}, Usage(9, 4)),
        (ANSWERED | {"prompt_tokens_details": {"cached_tokens": None}}, Usage(9, 4)),
        (ANSWERED | {"num_cached_tokens": 5}, Usage(9, 4, 5)),
        (ANSWERED | {"prompt_tokens_details": {"cache_write_tokens": 5}}, Usage(9, 4, 0, 5)),
        (
            ANSWERED | {"prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 50}},
            Usage(9, 4, 5, 4),
        ),
        (ANSWERED | {"total_tokens": 13}, Usage(9, 4)),
        (ANSWERED | {"total_tokens": 107}, Usage(9, 98)),  # with 94 of thinking
        (ANSWERED | {"total_tokens": 3}, Usage(9, 4)),
        (ANSWERED | {"total_tokens": None}, Usage(9, 4)),
        (ANSWERED | {"prompt_tokens_details": None}, Usage(9, 4)),
        ({"prompt_tokens": None, "completion_tokens": 4}, None),
        ({"completion_tokens": 4}, None),
        ({"prompt_tokens": "9"}, None),
        ({"prompt_tokens": [9]}, None),
        ("many", None),
        ({}, None),
        (None, None),
    ],
)
def test_usage_in_every_shape(usage: Any, expected: Usage | None) -> None:
    body = msgspec.json.encode({"choices": [], "usage": usage})
    assert read_answer_usage(body) == expected
    assert read_event(body).usage == expected
    assert read_event(body).is_valid
    if isinstance(usage, dict) and "num_cached_tokens" not in usage and expected is not None:
        counts = msgspec.convert(usage, Counts)  # translation counts the same
        assert usage_of(counts) == expected


def test_an_error_is_one_unless_an_answer_comes_with_it() -> None:
    assert read_event(b'{"error":{"message":"no"}}').is_error
    assert read_event(b'{"error":"no"}').is_error
    assert read_event(b'{"object":"error","message":"no"}').is_error
    assert not read_event(b'{"error":null}').is_error
    assert not read_event(b'{"error":{"message":"no"},"choices":[]}').is_error


@pytest.mark.parametrize("data", [b"", b"[]", b"5", b"{", b'{"a":}', b'{"a":"\xff', b"[DONE]"])
def test_what_is_no_object_is_not_valid(data: bytes) -> None:
    assert not read_event(data).is_valid
    with pytest.raises(ValueError, match="no JSON object"):
        read_answer_usage(data)


@pytest.mark.parametrize("depth", [10, 900, 5_000, 200_000])
def test_deep_nesting_is_read_or_not_valid(depth: int) -> None:
    data = b'{"x":' + b"[" * depth + b"]" * depth + b"}"
    assert read_event(data).usage is None
    try:
        assert read_answer_usage(data) is None
    except ValueError:
        assert not read_event(data).is_valid


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NAMES, JSON, max_size=4))
def test_any_object_is_valid_and_read_without_a_fault(said: dict[str, Any]) -> None:
    data = msgspec.json.encode(said)
    event = read_event(data)
    assert event.is_valid
    usage = read_answer_usage(data)
    for found in (event.usage, usage):
        if found is not None:
            assert 0 <= found.cached_tokens <= found.prompt_tokens
            assert found.completion_tokens >= 0
            assert all(type(count) is int for count in msgspec.structs.astuple(found))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_without_a_fault(data: bytes) -> None:
    read_event(data)
    try:
        read_answer_usage(data)
    except ValueError:
        assert not read_event(data).is_valid
