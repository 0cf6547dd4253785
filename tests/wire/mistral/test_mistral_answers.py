"""Answers of Mistral's dialect, read from providers and written for clients."""

import itertools
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tramontane.errors import (
    NotFound,
    RateLimited,
    TramontaneError,
    Unauthenticated,
    UpstreamFailed,
)
from tramontane.money import Usage
from tramontane.wire import canonical as c
from tramontane.wire.dialect import Asked, Shown
from tramontane.wire.echo import Unechoed, without_echo
from tramontane.wire.mistral.chat import CHAT, CHAT_CLIENT, EMBEDDINGS, EMBEDDINGS_CLIENT
from tramontane.wire.mistral.models import MODELS

USAGE = Usage(30, 12, 5)
PIECES: list[c.Piece] = [
    c.Began("id1", "m", created_s=7),
    c.ThinkingPiece("hm, "),
    c.ThinkingPiece("yes"),
    c.TextPiece("Grüße "),
    c.TextPiece("東京"),
    c.CallBegan(0, "abcdefghi", "f"),
    c.CallPiece(0, '{"a":'),
    c.CallBegan(1, "jklmnopqr", "g"),
    c.CallPiece(0, "1}"),
    c.Finished("tool_calls"),
    c.Counted(USAGE),
    c.Ended(),
]
ASKED = Asked(request=c.Request(model="m"), fields={}, prompt_bytes=1)


def chunks_of(stream: bytes) -> list[Any]:
    *events, done = stream.decode().strip().split("\n\n")
    assert done == "data: [DONE]"
    return [json.loads(event.removeprefix("data: ")) for event in events]


def stream_of(pieces: list[c.Piece], asked: Asked = ASKED) -> bytes:
    return CHAT_CLIENT.writer(asked).write(pieces)


def test_calls_stand_whole_in_the_last_chunk_with_the_count() -> None:
    *first, last = chunks_of(stream_of(PIECES))
    assert all("usage" not in chunk for chunk in first)
    assert last["choices"][0]["finish_reason"] == "tool_calls"
    calls = last["choices"][0]["delta"]["tool_calls"]
    assert [call["function"]["arguments"] for call in calls] == ['{"a":1}', "{}"]
    assert [call["index"] for call in calls] == [0, 1]
    assert last["usage"] == {
        "prompt_tokens": 30,
        "completion_tokens": 12,
        "total_tokens": 42,
        "num_cached_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 5},
    }
    assert first[0]["choices"][0]["delta"]["role"] == "assistant"


def test_a_choice_ends_once_and_the_count_is_with_the_last() -> None:
    pieces: list[c.Piece] = [
        c.Began("i", "m"),
        c.TextPiece("a", 0),
        c.TextPiece("b", 1),
        c.Finished("stop", 0),
        c.Finished("length", 1),
        c.Counted(USAGE),
        c.Ended(),
    ]
    chunks = chunks_of(stream_of(pieces))
    ends = [c_["choices"][0] for c_ in chunks if c_["choices"][0]["finish_reason"]]
    assert [(end["index"], end["finish_reason"]) for end in ends] == [(0, "stop"), (1, "length")]
    assert ["usage" in chunk for chunk in chunks] == [False, False, False, True]


def test_an_answer_goes_on_from_the_words_that_were_given() -> None:
    begun = c.Message("assistant", (c.Text("Once "),), is_prefix=True)
    asked = Asked(request=c.Request(model="m", messages=(begun,)), fields={}, prompt_bytes=1)
    pieces: list[c.Piece] = [c.Began("i", "m"), c.TextPiece("upon"), c.Finished("stop"), c.Ended()]
    chunks = chunks_of(stream_of(pieces, asked))
    assert [chunk["choices"][0]["delta"]["content"] for chunk in chunks] == ["Once ", "upon", ""]
    answer = c.Answer(id="i", model="m", choices=(c.Choice((c.Text("upon"),)),))
    body = json.loads(CHAT_CLIENT.write(answer, asked))
    assert body["choices"][0]["message"]["content"] == "Once upon"


@given(st.lists(st.integers(0, 1200), max_size=30))
def test_any_cut_of_a_stream_gives_equal_pieces(cuts: list[int]) -> None:
    stream = stream_of(PIECES)
    reader = CHAT.reader()
    found: list[c.Piece] = []
    places = sorted({cut for cut in cuts if cut < len(stream)} | {0, len(stream)})
    for start, end in itertools.pairwise(places):
        found += reader.feed(stream[start:end])
    found += reader.end()
    assert found == [
        c.Began("id1", "m", created_s=7),
        c.ThinkingPiece("hm, "),
        c.ThinkingPiece("yes"),
        c.TextPiece("Grüße "),
        c.TextPiece("東京"),
        c.CallBegan(0, "abcdefghi", "f"),
        c.CallPiece(0, '{"a":1}'),
        c.CallBegan(1, "jklmnopqr", "g"),
        c.CallPiece(1, "{}"),
        c.Finished("tool_calls"),
        c.Counted(USAGE),
        c.Ended(),
    ]


def test_a_stream_cut_anywhere_before_its_end_is_no_answer() -> None:
    stream = stream_of(PIECES)
    end = stream.index(b'"finish_reason":"tool_calls"')
    for cut in range(end):
        reader = CHAT.reader()
        with pytest.raises((c.Broken, UpstreamFailed)):
            reader.feed(stream[:cut])
            reader.end()


def event(**fields: Any) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def chunk(delta: dict[str, Any], finish: str | None = None, **fields: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return event(id="i", model="m", created=3, choices=[choice], **fields)


def test_a_stream_as_the_api_sends_it() -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    call = {"id": "abcdefghi", "function": {"name": "f", "arguments": {"a": 1}}}
    second = {"id": "jklmnopqr", "function": {"name": "f", "arguments": "{}"}}
    stream = (
        chunk({"role": "assistant", "content": ""})
        + chunk({"content": [thought]})
        + chunk({"content": [{"type": "text", "text": "a"}, {"type": "reference"}]})
        + chunk({"content": "", "tool_calls": [{**call, "index": 0}]})
        + chunk({"content": "", "tool_calls": [{**second, "index": 0}]}, "tool_calls")
        + event(id="i", model="m", choices=[], usage={"prompt_tokens": 3, "completion_tokens": 4})
        + b"data: [DONE]\n\n"
    )
    assert CHAT.reader().feed(stream) == [
        c.Began("i", "m", created_s=3),
        c.ThinkingPiece("hm"),
        c.TextPiece("a"),
        c.CallBegan(0, "abcdefghi", "f"),
        c.CallPiece(0, '{"a":1}'),
        c.CallBegan(1, "jklmnopqr", "f"),
        c.CallPiece(1, "{}"),
        c.Finished("tool_calls"),
        c.Counted(Usage(3, 4)),
        c.Ended(),
    ]


@pytest.mark.parametrize(
    "bad",
    [
        event(object="error", message="busy", type="x", code="1"),
        event(error={"message": "busy"}),
        event(detail="busy"),
        chunk({"content": "x"}, "error"),
        b"data: {\n\n",
        b"data: [DONE]\n\n",
        b"what\n\n",
    ],
)
def test_what_ends_a_stream_badly(bad: bytes) -> None:
    reader = CHAT.reader()
    reader.feed(chunk({"content": "x"}))
    with pytest.raises((c.Broken, UpstreamFailed)):
        reader.feed(bad)


def test_whole_answers_both_ways() -> None:
    answer = c.Answer(
        id="i",
        model="m",
        created_s=9,
        choices=(
            c.Choice((c.Thinking("hm"), c.Text("a"), c.Call("abcdefghi", "f", "{}")), "tool_calls"),
            c.Choice((c.Text("b"),), "length"),
        ),
        usage=USAGE,
    )
    assert CHAT.read(CHAT_CLIENT.write(answer, ASKED)) == answer
    for body in (b"{", b"[]", b'{"choices":[]}', b'{"choices":[{"message":{"content":3}}]}'):
        with pytest.raises(c.Broken):
            CHAT.read(body)


def test_half_a_count_is_none_and_counts_stay_within_bounds() -> None:
    def counted(**usage: int) -> Usage | None:
        message = {"message": {"content": "a"}, "finish_reason": "stop"}
        return CHAT.read(json.dumps({"choices": [message], "usage": usage}).encode()).usage

    assert counted(prompt_tokens=3) is None
    assert counted(prompt_tokens=3, completion_tokens=2, num_cached_tokens=9) == Usage(3, 2, 3)
    assert counted(prompt_tokens=-3, completion_tokens=-2) == Usage(0, 0, 0)


def test_a_filtered_answer_is_no_good_end() -> None:
    answer = c.Answer(id="i", model="m", choices=(c.Choice((), "content_filter"),))
    assert json.loads(CHAT_CLIENT.write(answer, ASKED))["choices"][0]["finish_reason"] == "error"


def test_embeddings_both_ways() -> None:
    answer = c.Answer(id="i", model="m", vectors=((0.5, -1.0), (2.0, 0.25)), usage=Usage(3))
    body = EMBEDDINGS_CLIENT.write(answer, ASKED)
    assert EMBEDDINGS.read(body) == answer
    asked = EMBEDDINGS_CLIENT.read(
        b'{"model":"m","input":"x","encoding_format":"base64"}', None, b""
    )
    packed = json.loads(EMBEDDINGS_CLIENT.write(answer, asked))
    assert packed["data"][0]["embedding"] == "AAAAPwAAgL8="


def test_refusals() -> None:
    def refused(error: TramontaneError) -> tuple[int, Any]:
        status, body = CHAT_CLIENT.error(error)
        return status, json.loads(body)

    status, body = refused(Unauthenticated("No."))
    assert (status, body["object"], body["type"]) == (401, "error", "invalid_authentication")
    assert refused(NotFound("No.", code="model_not_found"))[1]["code"] == "model_not_found"
    assert refused(RateLimited("No."))[0] == 429
    with pytest.raises(TramontaneError) as caught:
        CHAT_CLIENT.read(b'{"model":"m","messages":[{"role":"user"}]}', None, b"")
    status, body = refused(caught.value)
    assert status == 422
    assert body["detail"] == [
        {
            "type": "missing",
            "loc": ["body", "messages", 0, "content"],
            "msg": "The field 'messages[0].content' is missing.",
        }
    ]
    assert (
        CHAT_CLIENT.writer(ASKED)
        .fail(RateLimited("No.", retry_after_s=2))
        .endswith(b"retry: 2000\n\n")
    )


@pytest.mark.parametrize(
    ("body", "message", "param"),
    [
        ({"object": "error", "message": "a", "param": "p", "code": "1500"}, "a", "p"),
        ({"detail": [{"loc": ["body", "x", 0], "msg": "m"}]}, "m: x.0", "x.0"),
        ({"detail": "Unauthorized"}, "Unauthorized", None),
        (
            {"object": "error", "message": {"detail": [{"loc": ["body", "n"], "msg": "m"}]}},
            "m: n",
            "n",
        ),
        ({"message": [{"loc": ["body", "n"], "msg": "m"}], "object": "Error"}, "m: n", "n"),
        ({"message": "no", "request_id": "r"}, "no", None),
        ({"error": {"message": "no"}}, "no", None),
        ([], "", None),
    ],
)
def test_what_providers_say_of_errors(body: Any, message: str, param: str | None) -> None:
    said = CHAT.read_error(json.dumps(body).encode())
    assert (said.message, said.param) == (message, param)


def test_cards_of_models() -> None:
    shown = [Shown(name="a", context_tokens=9, is_local=True), Shown(name="b/c")]
    listed = json.loads(MODELS.answer(shown, name=None, body=b"", query=b""))
    assert [card["id"] for card in listed["data"]] == ["a", "b/c"]
    assert "max_context_length" not in listed["data"][1]
    card = json.loads(MODELS.answer(shown, name="a", body=b"", query=b""))
    assert card["max_context_length"] == 9
    assert not card["capabilities"]["function_calling"]
    with pytest.raises(NotFound):
        MODELS.answer(shown, name="c", body=b"", query=b"")


@given(st.lists(st.text("ab", max_size=3), max_size=6), st.text("ab", min_size=1, max_size=4))
def test_an_echo_is_taken_off_however_it_is_cut(texts: list[str], echo: str) -> None:
    said = "".join(texts)

    class Fixed:
        left: Sequence[c.Piece] = ()

        def feed(self, payload: bytes) -> list[c.Piece]:
            return [c.TextPiece(texts[payload[0]])]

        def end(self) -> list[c.Piece]:
            return [c.Finished("stop"), c.Ended()]

    reader = Unechoed(Fixed(), echo)
    pieces = [piece for i in range(len(texts)) for piece in reader.feed(bytes([i]))]
    pieces += reader.end()
    told = "".join(piece.text for piece in pieces if isinstance(piece, c.TextPiece))
    assert told == said.removeprefix(echo)
    whole = without_echo(c.Answer(id="", model="", choices=(c.Choice((c.Text(said),)),)), echo)
    (choice,) = whole.choices
    assert "".join(p.text for p in choice.parts if isinstance(p, c.Text)) == told
