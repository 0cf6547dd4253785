"""A stream's chunks gathered into one answer."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tramontane.wire.openai.aggregate import Aggregate, Malformed

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 300) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(("index", "delta", "content", "tool_calls", "function", "name", "logprobs",
                         "arguments", "id", "finish_reason", "choices", "usage")),
        inner,
    ),
    max_leaves=12,
)  # fmt: skip


def gathered(*chunks: dict[str, Any]) -> dict[str, Any]:
    aggregate = Aggregate()
    for chunk in chunks:
        aggregate.add(json.dumps(chunk).encode())
    found = json.loads(aggregate.result())
    assert isinstance(found, dict)
    return found


def delta(finish: str | None = None, index: int = 0, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": fields, "finish_reason": finish}]}


@given(st.lists(st.text(), min_size=1))
def test_texts_are_joined(texts: list[str]) -> None:
    found = gathered(*[delta(content=text) for text in texts], delta("stop"))
    (choice,) = found["choices"]
    assert choice["message"]["content"] == "".join(texts)
    assert (choice["finish_reason"], choice["index"]) == ("stop", 0)


def test_the_first_chunk_names_the_answer_and_the_last_usage_counts() -> None:
    found = gathered(
        {"id": "c-1", "created": 5, "model": "demo", "usage": {"prompt_tokens": 1}, "choices": []},
        {"id": "c-2", "created": 6, "model": "other", **delta("stop", content="x")},
        {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1}},
        {"choices": [], "usage": None},
    )
    assert (found["id"], found["created"], found["model"]) == ("c-1", 5, "demo")
    assert found["object"] == "chat.completion"
    assert found["usage"] == {"prompt_tokens": 3, "completion_tokens": 1}


def test_choices_come_in_the_order_of_their_indexes() -> None:
    found = gathered(delta(index=1, content="b"), delta(index=0, content="a"), delta("stop", 1))
    assert [c["message"]["content"] for c in found["choices"]] == ["a", "b"]
    assert [c["finish_reason"] for c in found["choices"]] == [None, "stop"]


def test_tool_calls_are_put_together_from_their_pieces() -> None:
    found = gathered(
        delta(tool_calls=[{"index": 0, "id": "call_1", "function": {"name": "get"}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": '{"a"'}}]),
        delta(tool_calls=[{"index": 1, "id": "call_2", "function": {"name": "put"}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": ":1}"}}]),
        delta("tool_calls"),
    )  # fmt: skip
    message = found["choices"][0]["message"]
    assert message["content"] is None
    assert message["tool_calls"] == [
        {"id": "call_1", "type": "function", "function": {"name": "get", "arguments": '{"a":1}'}},
        {"id": "call_2", "type": "function", "function": {"name": "put", "arguments": ""}},
    ]


def test_logprobs_are_joined() -> None:
    first, second = delta(content="a"), delta(content="b")
    first["choices"][0]["logprobs"] = {"content": [{"token": "a"}], "refusal": None}
    second["choices"][0]["logprobs"] = {"content": [{"token": "b"}], "refusal": None}
    found = gathered(first, second, delta("stop"))
    assert found["choices"][0]["logprobs"]["content"] == [{"token": "a"}, {"token": "b"}]


def test_a_hundred_thousand_tokens_are_gathered_in_one_pass() -> None:
    """Joined piece by piece this would copy gigabytes."""
    aggregate = Aggregate()
    piece = json.dumps(delta(content="x" * 40)).encode()
    for _ in range(100_000):
        aggregate.add(piece)
    assert len(json.loads(aggregate.result())["choices"][0]["message"]["content"]) == 4_000_000


@pytest.mark.parametrize("data", [b"", b"[]", b"5", b"{", b'{"choices":{"a":1}}', b'{"choices":5}'])
def test_what_is_no_chunk_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        Aggregate().add(data)


@settings(max_examples=60, deadline=None)
@given(st.lists(JSON, max_size=4))
def test_whatever_comes_is_gathered_or_malformed(choices: list[Any]) -> None:
    aggregate = Aggregate()
    try:
        aggregate.add(json.dumps({"choices": choices}).encode())
    except Malformed:
        return
    assert json.loads(aggregate.result())["object"] == "chat.completion"
