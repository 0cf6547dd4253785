"""What Bedrock's answers mean, and that no cut of a stream changes that (RE8)."""

import json
import struct
import zlib
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tramontane.errors import RateLimited, TramontaneError, Unavailable, UpstreamFailed
from tramontane.money import Usage
from tramontane.wire.bedrock.upstream import UPSTREAM
from tramontane.wire.canonical import (
    Began,
    Broken,
    Call,
    CallBegan,
    CallPiece,
    Counted,
    Ended,
    Finished,
    Piece,
    Text,
    TextPiece,
    Thinking,
    ThinkingPiece,
)

USAGE = {
    "inputTokens": 3,
    "outputTokens": 5,
    "totalTokens": 20,
    "cacheReadInputTokens": 10,
    "cacheWriteInputTokens": 2,
}
COUNTED = Usage(15, 5, 10, 2)


def event(name: str, payload: Any, kind: str = "event") -> bytes:
    """One message, as it stands on the wire."""
    named = {":message-type": kind, ":content-type": "application/json"}
    named[":exception-type" if kind == "exception" else ":event-type"] = name
    headers = b"".join(
        bytes((len(key),)) + key.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for key, value in named.items()
    )
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    prelude = struct.pack(">II", len(headers) + len(body) + 16, len(headers))
    begun = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + body
    return begun + struct.pack(">I", zlib.crc32(begun))


def delta(block: int, **said: Any) -> bytes:
    payload = {"contentBlockIndex": block, "delta": said, "p": "abcdef"}
    return event("contentBlockDelta", payload)


def used(block: int, call: str, name: str) -> bytes:
    start = {"toolUse": {"toolUseId": call, "name": name}}
    return event("contentBlockStart", {"contentBlockIndex": block, "start": start})


EVENTS = (
    event("messageStart", {"role": "assistant"}),
    delta(0, reasoningContent={"text": "Hm"}),
    delta(0, reasoningContent={"signature": "sealed"}),
    event("contentBlockStop", {"contentBlockIndex": 0}),
    delta(1, reasoningContent={"redactedContent": "AAAA"}),
    delta(2, text="Grüße 日本"),
    used(3, "tooluse_a", "f"),
    delta(3, toolUse={"input": '{"city": '}),
    used(4, "tooluse_b", "g"),
    delta(4, toolUse={"input": "{}"}),
    delta(3, toolUse={"input": '"Rome"}'}),
    event("somethingNew", {"x": 1}),
    event("messageStop", {"stopReason": "tool_use"}),
    event("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}}),
)
RICH = b"".join(EVENTS)
PIECES = [
    Began("", ""),
    ThinkingPiece("Hm"),
    ThinkingPiece("", signature="sealed"),
    ThinkingPiece("AAAA", is_redacted=True),
    TextPiece("Grüße 日本"),
    CallBegan(0, "tooluse_a", "f"),
    CallPiece(0, '{"city": '),
    CallBegan(1, "tooluse_b", "g"),
    CallPiece(1, "{}"),
    CallPiece(0, '"Rome"}'),
    Finished("tool_calls"),
    Counted(COUNTED),
    Ended(),
]


def read(data: bytes, cuts: Sequence[int] = ()) -> list[Piece]:
    reader = UPSTREAM.reader()
    pieces: list[Piece] = []
    for start, end in pairwise([0, *sorted(cuts), len(data)]):
        pieces += reader.feed(data[start:end])
    return pieces + reader.end()


def test_a_stream_with_everything() -> None:
    assert read(RICH) == PIECES


CUTS = st.lists(st.integers(0, len(RICH)), max_size=12)


@settings(deadline=None, max_examples=40)
@given(CUTS)
def test_any_cut_gives_the_same_pieces(cuts: list[int]) -> None:
    assert read(RICH, cuts) == PIECES


@pytest.mark.slow
@settings(deadline=None, max_examples=5_000)
@given(CUTS)
def test_five_thousand_cuts_give_the_same_pieces(cuts: list[int]) -> None:
    assert read(RICH, cuts) == PIECES


def test_byte_by_byte() -> None:
    assert read(RICH, tuple(range(len(RICH)))) == PIECES


@pytest.mark.parametrize("count", range(len(EVENTS) - 1))
def test_a_stream_cut_off_between_messages(count: int) -> None:
    """Its answer has ended with `messageStop`; only what it used is unknown then."""
    data = b"".join(EVENTS[:count])
    if count == len(EVENTS) - 1:
        assert read(data)[-1] == Ended()
    else:
        with pytest.raises(Broken):
            read(data)


def test_usage_that_never_came_is_not_made_up() -> None:
    assert read(b"".join(EVENTS[:-1])) == [*PIECES[:-2], Ended()]


@pytest.mark.parametrize("at", range(1, len(RICH) - 1, 37))
def test_a_stream_cut_off_inside_a_message_has_not_ended(at: int) -> None:
    with pytest.raises(Broken):
        read(RICH[:at])


@pytest.mark.parametrize("at", range(0, len(RICH), 41))
def test_a_flipped_bit_breaks_the_stream_and_what_was_whole_counts(at: int) -> None:
    bad = RICH[:at] + bytes((RICH[at] ^ 1,)) + RICH[at + 1 :]
    reader = UPSTREAM.reader()
    with pytest.raises(Broken):
        reader.feed(bad)
        reader.end()
    left = list(reader.left)
    assert left == PIECES[: len(left)]


def test_a_whole_answer() -> None:
    content = [
        {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "sealed"}}},
        {"reasoningContent": {"redactedContent": "AAAA"}},
        {"text": "Hello"},
        {"toolUse": {"toolUseId": "tooluse_a", "name": "f", "input": {"city": "Rome"}}},
    ]
    answer = UPSTREAM.read(whole(content, "tool_use"))
    (choice,) = answer.choices
    assert choice.parts[:3] == (
        Thinking("Hm", "sealed"),
        Thinking("AAAA", is_redacted=True),
        Text("Hello"),
    )
    called = choice.parts[3]
    assert isinstance(called, Call)
    assert json.loads(called.arguments) == {"city": "Rome"}
    assert (choice.reason, answer.usage) == ("tool_calls", COUNTED)


def whole(content: Any, reason: str, **fields: Any) -> bytes:
    made = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": reason,
        "usage": USAGE,
        "metrics": {"latencyMs": 1},
    }
    return json.dumps({**made, **fields}).encode()


def test_what_a_cache_keeps_for_an_hour_is_counted_apart() -> None:
    details = [{"ttl": "1h", "inputTokens": 1}, {"ttl": "5m", "inputTokens": 1}]
    body = whole([{"text": "x"}], "end_turn", usage={**USAGE, "cacheDetails": details})
    assert UPSTREAM.read(body).usage == Usage(15, 5, 10, 2, 1)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
    ],
)
def test_why_an_answer_ended(said: str, reason: str) -> None:
    assert UPSTREAM.read(whole([{"text": "x"}], said)).choices[0].reason == reason
    pieces = read(event("messageStop", {"stopReason": said}))
    assert [p.reason for p in pieces if isinstance(p, Finished)] == [reason]


def test_calls_after_an_end_of_turn_are_calls() -> None:
    """Some makers' models call tools and say `end_turn`."""
    content = [{"toolUse": {"toolUseId": "a", "name": "f", "input": {}}}]
    assert UPSTREAM.read(whole(content, "end_turn")).choices[0].reason == "tool_calls"


def test_which_stop_sequence_it_was() -> None:
    told = {"additionalModelResponseFields": {"stop_sequence": "END"}}
    stopped = {"stopReason": "stop_sequence", **told}
    answer = UPSTREAM.read(whole([{"text": "x"}], "stop_sequence", **told))
    assert answer.choices[0].stop_sequence == "END"
    assert Finished("stop", 0, "END") in read(event("messageStop", stopped))


@pytest.mark.parametrize("said", ["malformed_tool_use", "malformed_model_output", "?"])
def test_what_is_no_end_is_a_failure_and_its_usage_is_known(said: str) -> None:
    with pytest.raises(UpstreamFailed, match="broke its answer off"):
        UPSTREAM.read(whole([], said))
    stopped = event("messageStop", {"stopReason": said})
    reader = UPSTREAM.reader()
    with pytest.raises(UpstreamFailed, match="broke its answer off"):
        reader.feed(EVENTS[5] + stopped + EVENTS[-1])
    assert list(reader.left) == [Began("", ""), TextPiece("Grüße 日本"), Counted(COUNTED)]
    with pytest.raises(UpstreamFailed, match="broke its answer off"):
        read(stopped)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("throttlingException", RateLimited),
        ("serviceUnavailableException", Unavailable),
        ("internalServerException", UpstreamFailed),
        ("modelStreamErrorException", UpstreamFailed),
        ("validationException", UpstreamFailed),
    ],
)
def test_an_error_within_a_stream(name: str, kind: type[TramontaneError]) -> None:
    failed = event(name, {"message": "no more"}, "exception")
    reader = UPSTREAM.reader()
    with pytest.raises(kind, match="no more"):
        reader.feed(EVENTS[0] + EVENTS[5] + failed)
    assert list(reader.left) == [Began("", ""), TextPiece("Grüße 日本")]


BROKEN = [
    event("contentBlockDelta", b"{"),
    event("contentBlockDelta", {"delta": {"text": 3}}),
    event("contentBlockDelta", {"contentBlockIndex": 9, "delta": {"toolUse": {"input": "x"}}}),
    event("messageStop", {}),
    b"data: {}\n\n" * 3,
]


@pytest.mark.parametrize("data", BROKEN)
def test_what_is_no_stream_of_converse_is_broken(data: bytes) -> None:
    with pytest.raises(Broken):
        read(data)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000])
def test_what_is_no_answer_is_broken(body: bytes) -> None:
    with pytest.raises(Broken):
        UPSTREAM.read(body)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda b: event("metadata", b)))
def test_no_bytes_do_worse_than_fail(data: bytes) -> None:
    for attempt in (lambda: read(data), lambda: UPSTREAM.read(data)):
        with suppress(TramontaneError):
            attempt()
    UPSTREAM.read_error(data)


def test_errors_in_its_own_words() -> None:
    said = UPSTREAM.read_error(b'{"message": "The model id is wrong."}')
    assert (said.message, said.code, said.status) == ("The model id is wrong.", None, None)
    said = UPSTREAM.read_error(b'{"__type": "com.amazon#ExpiredTokenException", "Message": "x"}')
    assert (said.message, said.code, said.status) == ("x", "ExpiredTokenException", 401)
