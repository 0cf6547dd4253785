"""Answers written for Anthropic's clients: one body, or the named events of a stream.

Blocks stand one after the other; a block of a call stays open beside the next one only where its
arguments are not whole yet. `stop_reason` and usage go together in `message_delta`, so they wait
for the stream's last piece. It does not know who made the answer.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import Raw

from tramontane.errors import TramontaneError
from tramontane.money import Usage
from tramontane.wire.anthropic import errors
from tramontane.wire.canonical import (
    Answer,
    Began,
    Call,
    CallBegan,
    CallPiece,
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

Shown = Literal["all", "seal", "none"]
BYTES_PER_TOKEN = 4
_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
}
_ENCODE = msgspec.json.Encoder().encode
_PING = b'event: ping\ndata: {"type":"ping"}\n\n'
_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_DELTA = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
    b'"delta":{"type":"%b","%b":%b}}\n\n'
)


def whole(answer: Answer, *, shows_thinking: Shown = "all") -> bytes:
    """Return the body of a whole answer (its first choice: this dialect has one)."""
    choice = answer.choices[0]
    content: list[dict[str, Any]] = []
    made = 0
    for part in choice.parts:
        if isinstance(part, Text):
            made += len(part.text)
            if part.text:
                content.append({"type": "text", "text": part.text})
        elif isinstance(part, Call):
            made += len(part.arguments)
            content.append(
                {"type": "tool_use", "id": part.id, "name": part.name, "input": _input(part)}
            )
        elif (block := _thought(part, shows_thinking)) is not None:
            content.append(block)
    return _ENCODE(
        {
            "id": message_id(answer.id),
            "type": "message",
            "role": "assistant",
            "model": answer.model,
            "content": content,
            "stop_reason": _reason(choice.reason, choice.stop_sequence),
            "stop_sequence": choice.stop_sequence,
            "usage": usage_of(answer.usage or Usage(0, made // BYTES_PER_TOKEN)),
        }
    )


def _input(call: Call) -> Raw:
    """The arguments as the model wrote them, if they are an object: else they would break the
    answer's JSON, and stand there as text under a name that says so.
    """
    try:
        msgspec.json.decode(call.arguments, type=dict[str, Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if not call.arguments.strip():
            return Raw(b"{}")
        return Raw(_ENCODE({"invalid_json": call.arguments}))
    return Raw(call.arguments.encode())


def _thought(part: Thinking, shown: Shown) -> dict[str, Any] | None:
    if shown == "none":
        return None
    if part.is_redacted:
        return {"type": "redacted_thinking", "data": part.text}
    text = part.text if shown == "all" else ""
    return {"type": "thinking", "thinking": text, "signature": part.signature or ""}


def message_id(upstream_id: str) -> str:
    """Return the answer's id as this dialect spells it."""
    return upstream_id if upstream_id.startswith("msg_") else f"msg_{upstream_id}"


def usage_of(usage: Usage) -> dict[str, int]:
    """Return `usage` as this dialect counts: what was cached is not among the input tokens."""
    cached, written = usage.cached_tokens, usage.cache_write_tokens
    return {
        "input_tokens": max(0, usage.prompt_tokens - cached - written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": usage.completion_tokens,
    }


def _reason(reason: Reason, stop_sequence: str | None) -> str:
    return "stop_sequence" if stop_sequence is not None else _REASONS[reason]


class EventWriter:
    """Writes one stream."""

    __slots__ = (
        "_block", "_calls", "_finished", "_kind", "_made", "_out", "_shown", "_usage",
    )  # fmt: skip

    def __init__(self, *, shows_thinking: Shown = "all") -> None:
        self._shown = shows_thinking
        self._block = -1  # the last block's index
        self._kind = ""  # text or thinking, while such a block is open
        self._calls: dict[int, _OpenCall] = {}
        self._finished: Finished | None = None
        self._usage: Usage | None = None
        self._made = 0
        self._out: list[bytes] = []

    def write(self, pieces: Sequence[Piece]) -> bytes:
        """Return the events for `pieces`."""
        out = self._out
        for piece in pieces:
            if type(piece) is TextPiece:
                if piece.text and piece.choice == 0:
                    self._text(piece.text)
            elif type(piece) is CallPiece:
                self._arguments(piece)
            elif type(piece) is ThinkingPiece:
                self._think(piece)
            elif type(piece) is CallBegan:
                self._call(piece)
            elif type(piece) is Began:
                self._begin(piece)
            elif type(piece) is Counted:
                self._usage = piece.usage
            elif type(piece) is Finished:
                self._close_all()
                self._finished = piece
            elif type(piece) is Ended:
                self._end()
        written = b"".join(out)
        out.clear()
        return written

    def fail(self, error: TramontaneError) -> bytes:
        """Return the event `error`."""
        return errors.render_event(error)

    def _begin(self, began: Began) -> None:
        self._usage = began.usage
        message: dict[str, Any] = {
            "id": message_id(began.id),
            "type": "message",
            "role": "assistant",
            "model": began.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage_of(began.usage or Usage()),
        }
        self._event("message_start", {"type": "message_start", "message": message})
        self._out.append(_PING)

    def _text(self, text: str) -> None:
        if self._kind != "text":
            self._open("text", {"type": "text", "text": ""})
        self._made += len(text)
        self._out.append(_DELTA % (self._block, b"text_delta", b"text", _ENCODE(text)))

    def _think(self, piece: ThinkingPiece) -> None:
        if self._shown == "none" or piece.choice != 0:
            return
        if piece.is_redacted:
            self._open("", {"type": "redacted_thinking", "data": piece.text})
            self._stop(self._block)
            return
        if self._kind != "thinking":
            if not piece.text and piece.signature is None:
                return
            self._open("thinking", {"type": "thinking", "thinking": "", "signature": ""})
        if piece.text and self._shown == "all":
            self._out.append(
                _DELTA % (self._block, b"thinking_delta", b"thinking", _ENCODE(piece.text))
            )
        if piece.signature is not None:
            self._out.append(
                _DELTA % (self._block, b"signature_delta", b"signature", _ENCODE(piece.signature))
            )
            self._close_text()

    def _call(self, piece: CallBegan) -> None:
        if piece.choice != 0:
            return
        self._close_text()
        for number, call in list(self._calls.items()):
            if call.is_whole():
                self._stop(call.block)
                del self._calls[number]
        self._open("", {"type": "tool_use", "id": piece.id, "name": piece.name, "input": {}})
        self._calls[piece.call] = _OpenCall(self._block)

    def _arguments(self, piece: CallPiece) -> None:
        call = self._calls.get(piece.call)
        if call is None or not piece.arguments or piece.choice != 0:
            return
        call.arguments.append(piece.arguments)
        self._made += len(piece.arguments)
        self._out.append(
            _DELTA % (call.block, b"input_json_delta", b"partial_json", _ENCODE(piece.arguments))
        )

    def _open(self, kind: str, block: dict[str, Any]) -> None:
        self._close_text()
        self._block += 1
        self._kind = kind
        self._event(
            "content_block_start",
            {"type": "content_block_start", "index": self._block, "content_block": block},
        )

    def _close_text(self) -> None:
        if self._kind:
            self._kind = ""
            self._stop(self._block)

    def _close_all(self) -> None:
        self._close_text()
        for call in self._calls.values():
            self._stop(call.block)
        self._calls.clear()

    def _stop(self, block: int) -> None:
        self._event("content_block_stop", {"type": "content_block_stop", "index": block})

    def _end(self) -> None:
        self._close_all()
        finished = self._finished or Finished("stop")
        delta = {
            "stop_reason": _reason(finished.reason, finished.stop_sequence),
            "stop_sequence": finished.stop_sequence,
        }
        usage: dict[str, int] = {"output_tokens": self._made // BYTES_PER_TOKEN}
        if self._usage is not None:
            usage = usage_of(self._usage)
        self._event("message_delta", {"type": "message_delta", "delta": delta, "usage": usage})
        self._out.append(_STOP)

    def _event(self, name: str, data: dict[str, Any]) -> None:
        self._out.append(b"event: %b\ndata: %b\n\n" % (name.encode(), _ENCODE(data)))


class _OpenCall:
    """A call whose block is open, with its arguments so far."""

    __slots__ = ("arguments", "block")

    def __init__(self, block: int) -> None:
        self.block = block
        self.arguments: list[str] = []

    def is_whole(self) -> bool:
        try:
            msgspec.json.decode("".join(self.arguments) or "{}", type=dict[str, Raw])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        return True
