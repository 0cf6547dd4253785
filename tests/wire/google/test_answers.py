"""What Google's answers mean, and that no cut of a stream changes that (RE8)."""

import json
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tramontane.errors import TramontaneError, UpstreamFailed
from tramontane.money import Usage
from tramontane.wire.canonical import (
    Answer,
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
from tramontane.wire.google.upstream import UPSTREAM

USAGE = {
    "promptTokenCount": 10,
    "cachedContentTokenCount": 4,
    "candidatesTokenCount": 5,
    "thoughtsTokenCount": 7,
    "totalTokenCount": 22,
}


def candidate(*parts: Any, finish: str | None = None, **fields: Any) -> Any:
    made: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, **fields}
    return {**made, "finishReason": finish} if finish else made


def response(*candidates: Any, **fields: Any) -> bytes:
    made = {"candidates": candidates, "modelVersion": "gemini-3-pro", "responseId": "r1"}
    return json.dumps({**made, **fields}, ensure_ascii=False).encode()


def stream(*responses: bytes, border: bytes = b"\r\n\r\n") -> bytes:
    return b"".join(b"data: " + one + border for one in responses)


CALL = {"functionCall": {"name": "f", "args": {"city": "Évora"}}, "thoughtSignature": "c2Vh"}
RICH = stream(
    response(candidate({"text": "Hm ", "thought": True}), usageMetadata={"promptTokenCount": 10}),
    response(candidate({"text": "Grüße, "}), candidate({"text": "Ciao"}, index=1)),
    response(candidate({"text": "日本", "thoughtSignature": "dGV4dA=="})),
    response(candidate(CALL, {"functionCall": {"name": "g", "id": "own", "args": {}}})),
    response(candidate({"text": ""}, finish="STOP"), candidate(finish="MAX_TOKENS", index=1)),
    response(usageMetadata=USAGE),
)


def read(data: bytes, cuts: Sequence[int] = ()) -> list[Piece]:
    reader = UPSTREAM.reader()
    pieces: list[Piece] = []
    places = [0, *sorted(cuts), len(data)]
    for start, end in pairwise(places):
        pieces += reader.feed(data[start:end])
    return pieces + reader.end()


def test_a_stream_with_everything() -> None:
    pieces = read(RICH)
    assert pieces[0] == Began("r1", "gemini-3-pro", Usage(10, 0, 0))
    begun = [piece for piece in pieces if isinstance(piece, CallBegan)]
    assert [(one.call, one.name) for one in begun] == [(0, "f"), (1, "g")]
    assert begun[0].id.endswith("__ts__c2Vh")
    assert begun[1].id == "own"
    assert [piece for piece in pieces if not isinstance(piece, CallBegan)][1:] == [
        ThinkingPiece("Hm ", 0),
        Counted(Usage(10, 0, 0), 0),
        TextPiece("Grüße, ", 0),
        TextPiece("Ciao", 1),
        TextPiece("日本", 0),
        ThinkingPiece("", 0, "google:dGV4dA=="),
        CallPiece(0, '{"city": "Évora"}'),
        CallPiece(1, "{}"),
        Finished("tool_calls", 0),
        Finished("length", 1),
        Counted(Usage(10, 12, 4), 7),
        Ended(),
    ]


CUTS = st.lists(st.integers(0, len(RICH)), max_size=12)


@settings(deadline=None, max_examples=40)
@given(CUTS)
def test_any_cut_gives_the_same_pieces(cuts: list[int]) -> None:
    assert read(RICH, cuts) == read(RICH)


@pytest.mark.slow
@settings(deadline=None, max_examples=5_000)
@given(CUTS)
def test_five_thousand_cuts_give_the_same_pieces(cuts: list[int]) -> None:
    assert read(RICH, cuts) == read(RICH)


def test_byte_by_byte_and_with_other_borders() -> None:
    assert read(RICH, tuple(range(len(RICH)))) == read(RICH)
    assert read(RICH.replace(b"\r\n", b"\n")) == read(RICH)
    assert read(b": hello\n\n" + RICH) == read(RICH)


WHOLES = [part.removeprefix(b"data: ") for part in RICH.split(b"\r\n\r\n") if part]


@pytest.mark.parametrize("length", range(len(WHOLES) - 2))
def test_a_stream_cut_off_between_events_has_not_ended(length: int) -> None:
    with pytest.raises(Broken):
        read(stream(*WHOLES[:length]))


@pytest.mark.parametrize("at", range(1, len(RICH) - len(stream(WHOLES[-1])) - 2, 23))
def test_a_stream_cut_off_anywhere_has_not_ended(at: int) -> None:
    with pytest.raises(Broken):
        read(RICH[:at])


def test_a_whole_answer() -> None:
    thought = {"text": "Hm", "thought": True}
    body = response(
        candidate(thought, {"text": "Hel"}, {"text": "lo"}, CALL, finish="STOP"),
        usageMetadata=USAGE,
    )
    answer = UPSTREAM.read(body)
    assert isinstance(answer, Answer)
    (choice,) = answer.choices
    said, called = choice.parts[:2], choice.parts[2]
    assert said == (Thinking("Hm"), Text("Hello"))
    assert isinstance(called, Call)
    assert (called.name, json.loads(called.arguments)) == ("f", {"city": "Évora"})
    assert (choice.reason, answer.usage) == ("tool_calls", Usage(10, 12, 4))
    assert answer.thinking_tokens == 7
    assert UPSTREAM.read(body) == answer  # the ids of calls too


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        (USAGE, Usage(10, 12, 4)),  # thoughts beside the answer
        ({**USAGE, "candidatesTokenCount": 12}, Usage(10, 12, 4)),  # thoughts within it
        ({"promptTokenCount": 3, "totalTokenCount": 3}, Usage(3, 0, 0)),
        ({"promptTokenCount": 3, "candidatesTokenCount": 2}, Usage(3, 2, 0)),  # no total
        (
            {
                "promptTokenCount": 3,
                "toolUsePromptTokenCount": 4,
                "candidatesTokenCount": 2,
                "totalTokenCount": 9,
            },
            Usage(7, 2, 0),
        ),
    ],
)
def test_usage(counted: Any, expected: Usage) -> None:
    body = response(candidate({"text": "x"}, finish="STOP"), usageMetadata=counted)
    assert UPSTREAM.read(body).usage == expected


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("LANGUAGE", "content_filter"),
    ],
)
def test_why_an_answer_ended(said: str, reason: str) -> None:
    body = response({"finishReason": said, "index": 0})
    assert UPSTREAM.read(body).choices[0].reason == reason
    assert Finished(reason) in read(stream(body))


@pytest.mark.parametrize("said", ["MALFORMED_FUNCTION_CALL", "OTHER", "UNEXPECTED_TOOL_CALL", "?"])
def test_what_is_no_end_is_a_failure_and_its_usage_is_known(said: str) -> None:
    body = response(candidate({"text": "Hel"}, finish=said), usageMetadata=USAGE)
    with pytest.raises(UpstreamFailed, match="broke its answer off"):
        UPSTREAM.read(body)
    reader = UPSTREAM.reader()
    with pytest.raises(UpstreamFailed):
        reader.feed(stream(body))
    assert list(reader.left)[1:] == [TextPiece("Hel"), Counted(Usage(10, 12, 4), 7)]


def test_a_prompt_that_is_blocked_whole() -> None:
    feedback = {"blockReason": "SAFETY"}
    body = json.dumps({"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 3}})
    answer = UPSTREAM.read(body.encode())
    assert [(c.parts, c.reason) for c in answer.choices] == [((), "content_filter")]
    assert answer.usage == Usage(3)
    assert read(stream(body.encode()))[-3:] == [
        Finished("content_filter"),
        Counted(Usage(3), 0),
        Ended(),
    ]


def test_log_probabilities_as_openai_writes_them() -> None:
    result = {
        "chosenCandidates": [{"token": "é", "tokenId": 1, "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "x", "logProbability": -1.5}]}],
    }
    body = response(candidate({"text": "é"}, finish="STOP", logprobsResult=result))
    raw = UPSTREAM.read(body).choices[0].logprobs
    assert raw is not None
    assert json.loads(bytes(raw)) == {
        "content": [
            {
                "token": "é",
                "logprob": -0.5,
                "bytes": [195, 169],
                "top_logprobs": [{"token": "x", "logprob": -1.5, "bytes": [120]}],
            }
        ],
        "refusal": None,
    }


BROKEN = [
    b"",
    b"[]",
    b"{",
    b'{"candidates": 3}',
    b"\xff",
    b"[" * 100_000,
    response(candidate({"inlineData": {"mimeType": "image/png", "data": "AA"}}, finish="STOP")),
    response(candidate({"functionCall": {}}, finish="STOP")),
    response(),
    response(candidate({"text": "no end"})),
]


@pytest.mark.parametrize("body", BROKEN)
def test_what_is_no_answer_is_broken(body: bytes) -> None:
    with pytest.raises(Broken):
        UPSTREAM.read(body)
    with pytest.raises(Broken):
        read(stream(body))


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda b: b"data: " + b + b"\n\n"))
def test_no_bytes_do_worse_than_fail(data: bytes) -> None:
    for attempt in (lambda: read(data), lambda: UPSTREAM.read(data)):
        with suppress(TramontaneError):
            attempt()
    UPSTREAM.read_error(data)


def test_errors_in_its_own_words() -> None:
    error = {
        "code": 400,
        "message": "API key not valid.",
        "status": "INVALID_ARGUMENT",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
        ],
    }
    said = UPSTREAM.read_error(json.dumps({"error": error}).encode())
    assert (said.message, said.code, said.status) == ("API key not valid.", "API_KEY_INVALID", 401)
    error["details"] = [{"fieldViolations": [{"field": "contents[0].parts"}]}]
    said = UPSTREAM.read_error(json.dumps([{"error": error}]).encode())
    assert (said.code, said.param, said.status) == ("INVALID_ARGUMENT", "contents[0].parts", None)
    error["details"] = [{"@type": "x/google.rpc.RetryInfo", "retryDelay": "37.5s"}]
    said = UPSTREAM.read_error(json.dumps({"error": error}).encode())
    assert said.retry_after_s == 37.5
    with pytest.raises(UpstreamFailed, match="API key"):
        read(stream(json.dumps({"error": error}).encode()))


def test_embeddings() -> None:
    body = b'{"usageMetadata": {"promptTokenCount": 5}, "embeddings": [{"values": [0.5, 1]}]}'
    answer = UPSTREAM.read(body)
    assert (answer.vectors, answer.usage) == (((0.5, 1.0),), Usage(5))
    with pytest.raises(Broken):
        UPSTREAM.read(b'{"embeddings": [{"values": ["x"]}]}')
