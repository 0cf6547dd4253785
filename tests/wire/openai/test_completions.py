"""Completions and embeddings in OpenAI's form, both sides; no cut of a stream matters (RE8)."""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tramontane.errors import InvalidRequest, TramontaneError, UpstreamFailed
from tramontane.gateway.translation import intent_of
from tramontane.money import Usage
from tramontane.wire.canonical import (
    Answer,
    Began,
    Broken,
    Choice,
    Counted,
    Ended,
    Finished,
    Piece,
    Request,
    Text,
    TextPiece,
)
from tramontane.wire.openai import chat, completions, embeddings

USAGE = {"prompt_tokens": 4, "completion_tokens": 3, "total_tokens": 7}


def event(*choices: Any, **fields: Any) -> bytes:
    body = {"id": "c1", "object": "text_completion", "created": 5, "model": "m"}
    return b"data: " + json.dumps({**body, "choices": choices, **fields}).encode() + b"\n\n"


STREAM = (
    event({"index": 0, "text": "Hé"})
    + event({"index": 1, "text": "Wo", "logprobs": {"tokens": ["Wo"]}})
    + event({"index": 0, "text": "llo", "finish_reason": "stop"})
    + event({"index": 1, "text": "", "finish_reason": "length"})
    + event(usage=USAGE)
    + b"data: [DONE]\n\n"
)


def read(data: bytes, cuts: Sequence[int] = ()) -> list[Piece]:
    reader = completions.UPSTREAM.reader()
    places = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
    pieces = [p for start, end in pairwise(places) for p in reader.feed(data[start:end])]
    return pieces + reader.end()


def test_a_stream_is_read() -> None:
    *pieces, counted, ended = read(STREAM)
    assert pieces[0] == Began("c1", "m", created_s=5)
    said = [(p.choice, p.text) for p in pieces if isinstance(p, TextPiece)]
    assert said == [(0, "Hé"), (1, "Wo"), (0, "llo")]
    assert [p for p in pieces if isinstance(p, Finished)] == [
        Finished("stop", 0),
        Finished("length", 1),
    ]
    assert counted == Counted(Usage(4, 3)) and ended == Ended()


def shown(pieces: Sequence[Piece]) -> bytes:
    asked = completions.CLIENT.read(
        b'{"model":"m","prompt":"a","stream":true,"stream_options":{"include_usage":true}}',
        None,
        b"",
    )
    return completions.CLIENT.writer(asked).write(pieces)


@given(st.lists(st.integers(0, 10_000), max_size=8))
@settings(max_examples=40, deadline=None)
def test_any_cut_gives_the_same_events(cuts: list[int]) -> None:
    assert shown(read(STREAM, cuts)) == shown(read(STREAM))


def test_what_is_written_reads_as_it_was() -> None:
    assert shown(read(shown(read(STREAM)))) == shown(read(STREAM))


@pytest.mark.parametrize("at", range(10, len(STREAM) - 20, 7))
def test_a_stream_cut_off_anywhere_has_not_ended(at: int) -> None:
    whole = STREAM[:at].count(b'"finish_reason"') >= 2 and b"usage" in STREAM[:at]
    try:
        pieces = read(STREAM[:at])
    except TramontaneError:
        return
    assert whole and pieces[-1] == Ended()  # every choice had finished: only `[DONE]` is missing


def test_an_error_event_is_no_end() -> None:
    reader = completions.UPSTREAM.reader()
    with pytest.raises(UpstreamFailed):
        reader.feed(event({"index": 0, "text": "a"}) + b'data: {"error": {"message": "x"}}\n\n')
    assert [type(piece) for piece in reader.left] == [Began, TextPiece]


def test_an_answer_passes_both_sides() -> None:
    body = {
        "id": "c1",
        "created": 5,
        "model": "m",
        "choices": [
            {"index": 1, "text": "b", "finish_reason": "length"},
            {"index": 0, "text": "a", "finish_reason": "stop"},
        ],
        "usage": USAGE,
    }
    answer = completions.UPSTREAM.read(json.dumps(body).encode())
    assert answer.usage == Usage(4, 3)
    assert answer.choices == (Choice((Text("a"),)), Choice((Text("b"),), "length"))
    asked = completions.CLIENT.read(b'{"model":"m","prompt":"x"}', None, b"")
    written = json.loads(completions.CLIENT.write(answer, asked))
    assert [c["text"] for c in written["choices"]] == ["a", "b"]
    assert written["usage"]["total_tokens"] == 7
    with pytest.raises(Broken):
        completions.UPSTREAM.read(b'{"choices": []}')
    with pytest.raises(Broken):
        completions.UPSTREAM.read(b"<html>")


def test_a_request_passes_both_sides() -> None:
    body = {
        "model": "m",
        "prompt": ["a", "b"],
        "suffix": "z",
        "max_tokens": 4,
        "n": 2,
        "temperature": 0.5,
        "stop": ["x"],
        "logit_bias": {"17": -100},
        "echo": True,
    }
    asked = completions.CLIENT.read(json.dumps(body).encode(), None, b"")
    assert asked.request.operation == "fim" and asked.request.inputs == ("a", "b")
    written = completions.UPSTREAM.write(asked.request, model="theirs", drops=False)
    assert json.loads(written.body) == {**body, "model": "theirs"}
    assert written.path == "/completions"


def test_what_the_dialect_has_not_is_refused_or_dropped() -> None:
    request = Request(model="m", operation="completions", inputs=("a",), safe_prompt=True)
    with pytest.raises(InvalidRequest) as caught:
        completions.UPSTREAM.write(request, model="m", drops=False)
    assert caught.value.param == "safe_prompt"
    assert completions.UPSTREAM.write(request, model="m", drops=True).dropped == ("safe_prompt",)


def embedded(**fields: Any) -> Any:
    asked = embeddings.CLIENT.read(
        json.dumps({"model": "m", "input": "a", **fields}).encode(), None, b""
    )
    answer = Answer(id="", model="t", vectors=((0.5, -2.0),), usage=Usage(3))
    return json.loads(embeddings.CLIENT.write(answer, asked))


def test_vectors_come_as_they_were_asked_for() -> None:
    assert embedded()["data"][0]["embedding"] == [0.5, -2.0]
    assert embedded(encoding_format="float")["data"][0]["embedding"] == [0.5, -2.0]
    assert embedded(encoding_format="base64")["data"][0]["embedding"] == "AAAAPwAAAMA="
    assert embedded()["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    with pytest.raises(InvalidRequest):
        embedded(encoding_format="int8")


def test_vectors_of_a_provider_are_read_in_either_form() -> None:
    for form in ([0.5, -2.0], "AAAAPwAAAMA="):
        data = [{"index": 1, "embedding": form}, {"index": 0, "embedding": [1.0]}]
        body = json.dumps({"model": "t", "data": data, "usage": {"prompt_tokens": 2}}).encode()
        answer = embeddings.UPSTREAM.read(body)
        assert answer.vectors == ((1.0,), (0.5, -2.0)) and answer.usage == Usage(2)
    for broken in (b"{}", b'{"data": [{"embedding": "AAA="}]}', b'{"data": [{"embedding": "*"}]}'):
        with pytest.raises(Broken):
            embeddings.UPSTREAM.read(broken)


def test_tokens_that_were_thought_are_counted_where_a_provider_says_so() -> None:
    usage = {**USAGE, "completion_tokens_details": {"reasoning_tokens": 2}}
    message = {"role": "assistant", "content": "a"}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    body = {"id": "c", "model": "m", "choices": choices}
    for said, thought in ((usage, 2), (USAGE, None)):
        answer = chat.UPSTREAM.read(json.dumps({**body, "usage": said}).encode())
        assert (answer.usage, answer.thinking_tokens) == (Usage(4, 3), thought)
        asked = chat.CLIENT.read(
            b'{"model":"m","messages":[{"role":"user","content":"x"}]}', None, b""
        )
        shown = json.loads(chat.CLIENT.write(answer, asked))["usage"]
        expected = {} if thought is None else {"reasoning_tokens": 2}
        assert shown.get("completion_tokens_details", {}) == expected


def test_answers_that_are_made_and_not_shown_are_held_too() -> None:
    body = {"model": "m", "prompt": ["a", "b"], "n": 2, "best_of": 5}
    asked = completions.CLIENT.read(json.dumps(body).encode(), None, b"")
    assert asked.request.choices == 2 and intent_of(asked).choices == 10
