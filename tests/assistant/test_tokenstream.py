"""From the bytes of a stream to typed events, whatever the reads' borders."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tramontane.assistant.tokenstream import (
    Event,
    Finished,
    Opened,
    Queued,
    ReasoningDelta,
    TextDelta,
    TokenStream,
    ToolCallDelta,
    error_of,
)
from tramontane.errors import (
    BudgetExhausted,
    Forbidden,
    Overloaded,
    Stopping,
    TramontaneError,
    UpstreamFailed,
    UpstreamTimeout,
)
from tramontane.money import Usage

FIELDS = {"x-request-id": "req_1", "x-tramontane-deployment": "large"}


def chunk(**fields: Any) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def delta(**fields: Any) -> bytes:
    return chunk(choices=[{"index": 0, "delta": fields, "finish_reason": None}])


END = chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
USAGE = chunk(choices=[], usage={"prompt_tokens": 7, "completion_tokens": 3})
DONE = b"data: [DONE]\n\n"
WHOLE = (
    b": queued position=2 eta_s=8\n\n: queued position=1 eta_s=3.5\n\n"
    b": serving deployment=small\n\n"
    + delta(role="assistant", content="")
    + delta(reasoning_content="Hm, ")
    + delta(reasoning="well")
    + delta(content="Grüße ")
    + b": keep\n\n"
    + delta(content="東京")
    + delta(tool_calls=[{"index": 0, "id": "c1", "function": {"name": "f", "arguments": ""}}])
    + delta(tool_calls=[{"index": 0, "function": {"arguments": '{"a":'}}])
    + delta(tool_calls=[{"index": 0, "function": {"arguments": "1}"}}])
    + chunk(choices=[{"index": 1, "delta": {"content": "another choice"}}])
    + END
    + USAGE
    + DONE
)
EVENTS: list[Event] = [
    Queued(2, 8.0),
    Queued(1, 3.5),
    Opened("req_1", "best", "small"),
    ReasoningDelta("Hm, "),
    ReasoningDelta("well"),
    TextDelta("Grüße "),
    TextDelta("東京"),
    ToolCallDelta(0, "c1", "f", ""),
    ToolCallDelta(0, None, None, '{"a":'),
    ToolCallDelta(0, None, None, "1}"),
    Finished("stop", Usage(7, 3, 0)),
]


def read(*pieces: bytes, fields: dict[str, str] | None = None) -> list[Event]:
    stream = TokenStream("best")
    stream.begin(FIELDS if fields is None else fields)
    events = [event for piece in pieces for event in stream.feed(piece)]
    stream.end()
    return events


@given(st.lists(st.integers(0, len(WHOLE)), max_size=12))
def test_any_split_gives_the_same_events(cuts: list[int]) -> None:
    borders = [0, *sorted(cuts), len(WHOLE)]
    pieces = [WHOLE[a:b] for a, b in pairwise(borders)]
    assert read(*pieces, fields={"x-request-id": "req_1"}) == EVENTS


def test_who_did_not_wait_hears_of_the_deployment_in_the_head() -> None:
    assert read(delta(content="Hi") + END + DONE) == [
        Opened("req_1", "best", "large"),
        TextDelta("Hi"),
        Finished("stop", None),
    ]


def test_another_deployment_that_takes_over_is_said() -> None:
    named = [b": serving deployment=%b\n\n" % name for name in (b"a", b"a", b"b")]
    events = read(*named, END + DONE, fields={"x-request-id": "r"})
    assert events[:2] == [Opened("r", "best", "a"), Opened("r", "best", "b")]


def test_the_pieces_of_mistrals_reasoning_models_are_read() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}
    assert read(
        delta(content=[thinking]) + delta(content=[{"type": "text", "text": "Hi"}, 7]) + END + DONE
    )[1:3] == [ReasoningDelta("Hm"), TextDelta("Hi")]


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        delta(content="Hi"),
        delta(content="Hi") + END,
        b"data: {\n\n" + DONE,
        b"data: []\n\n" + DONE,
        b'data: {"choices": 7}\n\n' + DONE,
        b"data: \xff\n\n" + DONE,
        b"data: " + b"[" * 100_000 + b"\n\n" + DONE,
    ],
)
def test_what_is_cut_short_or_broken_is_an_error(broken: bytes) -> None:
    with pytest.raises(UpstreamFailed):
        read(broken)


def test_what_follows_the_end_is_not_read() -> None:
    assert read(delta(content="Hi") + END + DONE, b"data: {\n\n")[-1] == Finished("stop", None)


def envelope(**error: Any) -> bytes:
    return json.dumps({"error": {"message": "m", "type": "t", "param": None, **error}}).encode()


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        ({"code": "insufficient_quota"}, 429, BudgetExhausted),
        ({"code": "overloaded"}, 503, Overloaded),
        ({"code": "stopping"}, None, Stopping),
        ({"code": "upstream_timeout"}, None, UpstreamTimeout),
        ({"code": "access_ended"}, 403, Forbidden),
        ({"code": "access_ended", "type": "permission_error"}, None, Forbidden),
        ({"code": "gateway_failed", "type": "server_error"}, None, UpstreamFailed),
        ({"code": "odd", "type": "odd"}, 418, TramontaneError),
    ],
)
def test_errors_come_back_as_what_they_were(
    error: dict[str, Any], status: int | None, kind: type[TramontaneError]
) -> None:
    found = error_of(envelope(**error), status, {"retry-after-ms": "1500"})
    assert type(found) is kind
    assert (found.code, found.message, found.retry_after_s) == (error["code"], "m", 1.5)
    assert status is None or found.status == status


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"error": 7}', b"\xff", b"[" * 100_000])
def test_an_error_that_cannot_be_read_is_one_all_the_same(body: bytes) -> None:
    assert error_of(body, 502, {}).status == 502


def test_an_error_within_the_stream_keeps_its_wait() -> None:
    said = envelope(code="overloaded", type="server_error")
    with pytest.raises(Overloaded) as caught:
        read(b": queued position=1 eta_s=1\n\n", b"data: " + said + b"\nretry: 2500\n\n")
    assert caught.value.retry_after_s == 2.5
