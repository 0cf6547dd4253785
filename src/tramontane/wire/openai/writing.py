"""Answers for clients of OpenAI's dialect: whole, and as the chunks of a stream.

Thinking stands in `reasoning_content`, as other servers have it, and with its maker's seal in
`thinking_blocks`, which a client may send back. It does not know who answered.
"""

import time
from collections.abc import Sequence
from typing import Any

import msgspec

from tramontane.errors import TramontaneError
from tramontane.money import Usage
from tramontane.wire import canonical as c
from tramontane.wire.openai import errors
from tramontane.wire.openai.provider import usage_body

_encode = msgspec.json.Encoder().encode
_REASONS = {"refusal": "content_filter"}
DONE = b"data: [DONE]\n\n"


def write_answer(answer: c.Answer, asked_model: str) -> bytes:
    """Return the body of a whole answer."""
    body: dict[str, Any] = {
        "id": answer.id or "chatcmpl-0",
        "object": "chat.completion",
        "created": answer.created_s or int(time.time()),
        "model": answer.model or asked_model,
        "choices": [_choice(i, choice) for i, choice in enumerate(answer.choices)],
    }
    if answer.usage is not None:
        body["usage"] = usage_body(answer.usage, answer.thinking_tokens)
    return _encode(body)


def _choice(index: int, choice: c.Choice) -> dict[str, Any]:
    text = "".join(part.text for part in choice.parts if isinstance(part, c.Text))
    calls = [part for part in choice.parts if isinstance(part, c.Call)]
    thoughts = [part for part in choice.parts if isinstance(part, c.Thinking)]
    message: dict[str, Any] = {"role": "assistant", "content": text or None, "refusal": None}
    if not text and not calls:
        message["content"] = ""
    if thoughts:
        message["reasoning_content"] = "".join(t.text for t in thoughts if not t.is_redacted)
        if any(t.signature or t.is_redacted for t in thoughts):
            message["thinking_blocks"] = [_thought(t) for t in thoughts]
    if calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in calls
        ]
    return {
        "index": index,
        "message": message,
        "logprobs": choice.logprobs,
        "finish_reason": _REASONS.get(choice.reason, choice.reason),
    }


def _thought(thought: c.Thinking) -> dict[str, Any]:
    if thought.is_redacted:
        return {"type": "redacted_thinking", "data": thought.text}
    return {"type": "thinking", "thinking": thought.text, "signature": thought.signature or ""}


class ChatWriter:
    """One stream to a client: a chunk for each piece, one more for usage where it was asked for."""

    __slots__ = ("_head", "_model", "_roles", "_shows_usage", "_tail", "_thought", "_usage")

    def __init__(self, model: str, *, shows_usage: bool) -> None:
        self._model = model
        self._shows_usage = shows_usage
        self._usage: Usage | None = None
        self._thought: int | None = None
        self._roles: set[int] = set()
        self._head = self._tail = b""

    def write(self, pieces: Sequence[c.Piece]) -> bytes:
        """Return the chunks for `pieces`; with `Ended` usage and `[DONE]`."""
        out: list[bytes] = []
        for piece in pieces:
            if type(piece) is c.TextPiece:
                self._text(piece, out)
            elif isinstance(piece, c.Began):
                self._begin(piece)
            elif isinstance(piece, c.Counted):
                self._usage, self._thought = piece.usage, piece.thinking_tokens
            elif isinstance(piece, c.Ended):
                self._end(out)
            else:
                self._rare(piece, out)
        return b"".join(out)

    def fail(self, error: TramontaneError) -> bytes:
        """Return the error as the last event."""
        return errors.render_event(error)

    def _begin(self, began: c.Began) -> None:
        """What every chunk begins and ends with."""
        head = {
            "id": began.id or "chatcmpl-0",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": began.model or self._model,
        }
        self._head = b"data: " + _encode(head)[:-1] + b',"choices":['
        self._tail = b'],"usage":null}\n\n' if self._shows_usage else b"]}\n\n"
        self._usage = began.usage

    def _text(self, piece: c.TextPiece, out: list[bytes]) -> None:
        index = piece.choice
        if index not in self._roles:
            self._open(index, out)
        out.append(
            b'%b{"index":%d,"delta":{"content":%b},"logprobs":%b,"finish_reason":null}%b'
            % (
                self._head,
                index,
                _encode(piece.text),
                b"null" if piece.logprobs is None else bytes(piece.logprobs),
                self._tail,
            )
        )

    def _open(self, index: int, out: list[bytes], content: str | None = "") -> None:
        self._roles.add(index)
        self._chunk(out, index, {"role": "assistant", "content": content})

    def _chunk(
        self, out: list[bytes], index: int, delta: dict[str, Any], reason: str | None = None
    ) -> None:
        if index not in self._roles:
            self._open(index, out, None)
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}
        out.append(self._head + _encode(choice) + self._tail)

    def _rare(self, piece: c.Piece, out: list[bytes]) -> None:
        if isinstance(piece, c.CallPiece):
            call: dict[str, Any] = {
                "index": piece.call,
                "function": {"arguments": piece.arguments},
            }
            self._chunk(out, piece.choice, {"tool_calls": [call]})
        elif isinstance(piece, c.CallBegan):
            call = {
                "index": piece.call,
                "id": piece.id,
                "type": "function",
                "function": {"name": piece.name, "arguments": ""},
            }
            self._chunk(out, piece.choice, {"tool_calls": [call]})
        elif isinstance(piece, c.ThinkingPiece):
            self._chunk(out, piece.choice, _thinking(piece))
        elif isinstance(piece, c.Finished):
            self._chunk(out, piece.choice, {}, _REASONS.get(piece.reason, piece.reason))

    def _end(self, out: list[bytes]) -> None:
        if self._shows_usage and self._usage is not None:
            tail = b'],"usage":%b}\n\n' % _encode(usage_body(self._usage, self._thought))
            out.append(self._head + tail)
        out.append(DONE)


def _thinking(piece: c.ThinkingPiece) -> dict[str, Any]:
    if piece.is_redacted:
        return {"thinking_blocks": [{"type": "redacted_thinking", "data": piece.text}]}
    delta: dict[str, Any] = {}
    if piece.text:
        delta["reasoning_content"] = piece.text
    if piece.signature is not None:
        block = {"type": "thinking", "thinking": "", "signature": piece.signature}
        delta["thinking_blocks"] = [block]
    return delta
