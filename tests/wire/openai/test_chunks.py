"""An engine's events as clients get them, and forced calls out of text, however it is cut."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tramontane.wire.openai.aggregate import Aggregate, Malformed
from tramontane.wire.openai.chunks import Chunks

TOP = {"id": "chatcmpl-a1", "object": "chat.completion.chunk", "created": 5, "model": "m"}
TIMINGS = {"timings": {"prompt_n": 1}, "__verbose": {"prompt": "secret"}, "prompt_progress": {}}


def event(delta: Any, finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, **more}
    extras = {"system_fingerprint": "b0-unknown"} | TIMINGS
    return json.dumps({**TOP, "choices": [choice], **extras}).encode()


USAGE = json.dumps(
    {
        **TOP,
        "choices": [],
        **TIMINGS,
        "usage": {
            "completion_tokens": 2,
            "prompt_tokens": 3,
            "total_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 1},
        },
    }
).encode()


def rendered(*events: bytes, **options: Any) -> list[Any]:
    chunks = Chunks(**{"shows_usage": False, **options})
    found = [chunks.render(data) for data in events]
    return [json.loads(chunk) for chunk in found if chunk]


def test_nothing_of_the_engine_s_own_is_left() -> None:
    first, text, last = rendered(
        event({"role": "assistant", "content": None}), event({"content": "Hi"}), event({}, "stop")
    )
    assert first == {
        **TOP,
        "choices": [
            {
                "index": 0,
                "delta": {"role": "assistant", "content": ""},
                "logprobs": None,
                "finish_reason": None,
            }
        ],
    }
    assert text["choices"][0]["delta"] == {"content": "Hi"}
    assert last["choices"][0] == {
        "index": 0,
        "delta": {},
        "logprobs": None,
        "finish_reason": "stop",
    }


def test_the_role_comes_first_even_where_the_engine_forgot_it() -> None:
    (first,) = rendered(event({"content": "é"}))
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": "é"}


def test_an_event_that_says_nothing_is_left_out() -> None:
    assert len(rendered(event({"role": "assistant"}), event({}), event({}), event({}, "stop"))) == 2


def test_usage_stands_in_every_chunk_where_it_was_asked_for() -> None:
    first, last = rendered(event({"content": "Hi"}), USAGE, shows_usage=True)
    assert first["usage"] is None
    assert last["choices"] == []
    assert last["usage"] == {
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "total_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 1},
    }
    assert "timings" not in last


@pytest.mark.parametrize("top", [0, 1, 2])
def test_log_probabilities_are_as_many_as_were_asked_for(top: int) -> None:
    others = [{"id": i, "token": "x", "bytes": [120], "logprob": -i} for i in range(2)]
    token = {"id": 9, "token": "H", "bytes": [72], "logprob": -0.5, "top_logprobs": others}
    (chunk,) = rendered(event({"content": "H"}, logprobs={"content": [token]}), top_logprobs=top)
    shown = chunk["choices"][0]["logprobs"]
    assert shown["refusal"] is None
    assert shown["content"][0]["top_logprobs"] == [
        {"token": "x", "logprob": -i, "bytes": [120]} for i in range(top)
    ]
    assert "id" not in shown["content"][0]


@pytest.mark.parametrize("data", [b"", b"[]", b'{"choices":5}', b'{"choices":[{"delta":[]}]}'])
def test_what_is_no_chunk_is_said(data: bytes) -> None:
    with pytest.raises(Malformed):
        rendered(data)


ARGUMENTS = ('{"a": "}"}', "{}", '{"a": {"b": [1, {}]}}', '{"name": "x", "arguments": {}}')


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(ARGUMENTS),
    st.sampled_from(("", " ", "\n  ")),
    st.lists(st.integers(0, 90), max_size=12),
)
def test_a_forced_call_is_the_same_however_its_text_is_cut(
    arguments: str, space: str, cuts: list[int]
) -> None:
    text = f'{{{space}"name"{space}: "f",{space}"arguments":{space}{arguments}{space}}}'
    borders = sorted({0, *(cut for cut in cuts if cut < len(text)), len(text)})
    pieces = [text[a:b] for a, b in pairwise(borders)]
    events = [event({"role": "assistant", "content": None})]
    events += [event({"content": piece}) for piece in pieces]
    chunks = rendered(*events, event({}, "stop"), is_forced=True)
    calls = [c["choices"][0]["delta"].get("tool_calls") for c in chunks]
    (begun,), *rest = [call for call in calls if call]
    assert begun == {
        "index": 0,
        "id": "call_a1",
        "type": "function",
        "function": {"name": "f", "arguments": begun["function"]["arguments"]},
    }
    assert all(set(piece) == {"index", "function"} for (piece,) in rest)
    joined = "".join(call[0]["function"]["arguments"] for call in calls if call)
    assert joined.strip() == arguments
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assert chunks[0]["choices"][0]["delta"]["content"] is None
    assert all("content" not in c["choices"][0]["delta"] for c in chunks[1:])


def test_a_forced_call_that_was_cut_short_says_so() -> None:
    chunks = rendered(
        event({"content": '{"name": "f", "arguments": {"a": {}}'}),
        event({}, "length"),
        is_forced=True,
    )
    pieces = [c["choices"][0]["delta"].get("tool_calls", []) for c in chunks]
    assert "".join(p[0]["function"]["arguments"] for p in pieces if p) == '{"a": {}}'
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"
    (unfinished,) = rendered(event({"content": '{"na'}, "length"), is_forced=True)
    assert unfinished["choices"][0]["delta"] == {"role": "assistant", "content": None}


def test_a_gathered_call_has_no_content() -> None:
    aggregate = Aggregate()
    chunks = Chunks(shows_usage=True, is_forced=True)
    for data in (event({"content": '{"name": "f", "arguments": {}}'}), event({}, "stop"), USAGE):
        aggregate.add(chunks.render(data))
    answer = json.loads(aggregate.result())
    (choice,) = answer["choices"]
    assert choice["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "tool_calls": [
            {"id": "call_a1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        ],
    }
    assert choice["finish_reason"] == "tool_calls"
    assert "system_fingerprint" not in answer
