"""Answers in Ollama's form: one JSON object, or one to a line of a stream.

Calls are whole, without pieces; times are in nanoseconds and measured here. Of an answer that was
no stream only the whole time is known. It does not know deployments or prices.
"""

import datetime
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from tramontane.errors import TramontaneError
from tramontane.money import Usage
from tramontane.wire.canonical import (
    Answer,
    Began,
    Broken,
    Call,
    CallBegan,
    CallPiece,
    Choice,
    Counted,
    Ended,
    Finished,
    Piece,
    Reason,
    Text,
    TextPiece,
    Thinking,
    ThinkingPiece,
)
from tramontane.wire.ollama.asking import Timed

NDJSON = b"application/x-ndjson"
_encode = msgspec.json.Encoder().encode
_REASONS: dict[Reason, str] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "stop",
    "content_filter": "content_filter",
    "refusal": "content_filter",
}


class _Logprobs(msgspec.Struct):
    content: list[Any] | None = None


def write_error(error: TramontaneError) -> bytes:
    """Return the body of a refusal."""
    return _encode({"error": error.message})


def write_answer(answer: Answer, asked: Timed, now_ns: int) -> bytes:
    """Return the body of a whole answer to /api/chat or /api/generate."""
    choice = answer.choices[0] if answer.choices else Choice(())
    text = "".join(part.text for part in choice.parts if isinstance(part, Text))
    thoughts = [part for part in choice.parts if isinstance(part, Thinking)]
    thinking = "".join(part.text for part in thoughts if not part.is_redacted)
    calls = [part for part in choice.parts if isinstance(part, Call)]
    body = _said(asked, now_ns, text, thinking, _calls(calls, choice.reason), choice.logprobs)
    body |= _end(choice.reason, answer.usage)
    body |= {"total_duration": now_ns - asked.begun_ns, "load_duration": 0}
    return _encode(body)


def write_vectors(answer: Answer, asked: Timed, now_ns: int) -> bytes:
    """Return the body of an answer to /api/embed."""
    body: dict[str, Any] = {
        "model": asked.name,
        "embeddings": answer.vectors,
        "total_duration": now_ns - asked.begun_ns,
        "load_duration": 0,
    }
    if answer.usage is not None:
        body["prompt_eval_count"] = answer.usage.prompt_tokens
    return _encode(body)


def write_vector(answer: Answer) -> bytes:
    """Return the body of an answer to /api/embeddings, the older form. Raises Broken."""
    if not answer.vectors:
        raise Broken("The provider's answer holds no embedding.")
    return _encode({"embedding": answer.vectors[0]})


def _said(
    asked: Timed,
    now_ns: int,
    text: str,
    thinking: str = "",
    calls: Sequence[dict[str, Any]] = (),
    logprobs: Raw | None = None,
) -> dict[str, Any]:
    body: dict[str, Any] = {"model": asked.name, "created_at": timestamp(now_ns)}
    if asked.is_chat:
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if thinking:
            message["thinking"] = thinking
        if calls:
            message["tool_calls"] = calls
        body["message"] = message
    else:
        body["response"] = text
        if thinking:
            body["thinking"] = thinking
    if logprobs is not None:
        body["logprobs"] = msgspec.json.decode(logprobs, type=_Logprobs).content or []
    body["done"] = False
    return body


def _end(reason: Reason, usage: Usage | None) -> dict[str, Any]:
    body: dict[str, Any] = {"done": True, "done_reason": _REASONS[reason]}
    if usage is not None:
        body["prompt_eval_count"] = usage.prompt_tokens
        body["eval_count"] = usage.completion_tokens
    return body


def _calls(calls: Sequence[Call], reason: Reason) -> list[dict[str, Any]]:
    """Return the calls with their arguments as objects; one that was cut short is none."""
    found: list[dict[str, Any]] = []
    for call in calls:
        try:
            arguments = msgspec.json.decode(call.arguments or "{}", type=dict[str, Any])
        except msgspec.DecodeError:
            if reason == "length":
                continue
            raise Broken("The model called a tool with arguments that are no object.") from None
        function = {"index": len(found), "name": call.name, "arguments": arguments}
        found.append({"id": call.id, "function": function})
    return found


def timestamp(now_ns: int) -> str:
    """Return a time as RFC 3339 has it, in UTC."""
    seconds, rest_ns = divmod(now_ns, 1_000_000_000)
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest_ns:09d}Z"


class LineWriter:
    """One stream to a client."""

    __slots__ = ("_asked", "_calls", "_clock_ns", "_first_ns", "_reason", "_usage")

    def __init__(self, asked: Timed, clock_ns: Callable[[], int]) -> None:
        # Nothing else of the request is held while its answer streams.
        request = msgspec.structs.replace(asked.request, messages=(), inputs=(), tools=())
        self._asked = msgspec.structs.replace(asked, request=request, fields={})
        self._clock_ns = clock_ns
        self._first_ns = 0
        self._calls: dict[int, tuple[CallBegan, list[str]]] = {}
        self._reason: Reason = "stop"
        self._usage: Usage | None = None

    def write(self, pieces: Sequence[Piece]) -> bytes:
        """Return the lines for `pieces`; the last one, with `Ended`, says that it is done."""
        out: list[bytes] = []
        now_ns = self._clock_ns()
        for piece in pieces:
            if isinstance(piece, TextPiece):
                if piece.choice == 0 and (piece.text or piece.logprobs is not None):
                    self._line(out, now_ns, piece.text, logprobs=piece.logprobs)
            elif isinstance(piece, ThinkingPiece):
                if piece.choice == 0 and piece.text and not piece.is_redacted:
                    self._line(out, now_ns, "", thinking=piece.text)
            else:
                self._note(piece, out, now_ns)
        return b"".join(out)

    def fail(self, error: TramontaneError) -> bytes:
        """Return the error's line; none that is done follows."""
        return write_error(error) + b"\n"

    def _line(
        self,
        out: list[bytes],
        now_ns: int,
        text: str,
        thinking: str = "",
        calls: Sequence[dict[str, Any]] = (),
        logprobs: Raw | None = None,
    ) -> None:
        self._first_ns = self._first_ns or now_ns
        out.append(_encode(_said(self._asked, now_ns, text, thinking, calls, logprobs)) + b"\n")

    def _note(self, piece: Piece, out: list[bytes], now_ns: int) -> None:
        if isinstance(piece, CallBegan):
            if piece.choice == 0:
                self._calls[piece.call] = piece, []
        elif isinstance(piece, CallPiece):
            if piece.choice == 0:
                self._calls[piece.call][1].append(piece.arguments)
        elif isinstance(piece, Finished):
            if piece.choice == 0:
                self._reason = piece.reason
                self._end_calls(out, now_ns)
        elif isinstance(piece, Began | Counted):
            self._usage = piece.usage or self._usage
        elif isinstance(piece, Ended):
            self._end(out, now_ns)

    def _end_calls(self, out: list[bytes], now_ns: int) -> None:
        made = [Call(b.id, b.name, "".join(pieces)) for b, pieces in self._calls.values()]
        self._calls.clear()
        calls = _calls(made, self._reason)
        if calls:
            self._line(out, now_ns, "", calls=calls)

    def _end(self, out: list[bytes], now_ns: int) -> None:
        self._end_calls(out, now_ns)
        begun_ns, first_ns = self._asked.begun_ns, self._first_ns or now_ns
        body = _said(self._asked, now_ns, "") | _end(self._reason, self._usage)
        body |= {
            "total_duration": now_ns - begun_ns,
            "load_duration": 0,
            "prompt_eval_duration": first_ns - begun_ns,
            "eval_duration": max(1, now_ns - first_ns),  # clients divide by it
        }
        out.append(_encode(body) + b"\n")
