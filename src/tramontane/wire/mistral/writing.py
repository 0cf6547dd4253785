"""Answers as a client of Mistral's dialect gets them: whole, and as the chunks of a stream.

A tool call stands whole in one chunk, usage in the last chunk, which is the one with the finish
reason: so a choice's end is held until it is known what follows. An answer that goes on from the
client's own words (`prefix`) begins with them, as Mistral's do; canonical answers go on without.
It does not know HTTP.
"""

import base64
import struct
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from tramontane.errors import TramontaneError
from tramontane.money import Usage
from tramontane.wire import canonical as c
from tramontane.wire.dialect import Asked
from tramontane.wire.mistral import errors
from tramontane.wire.mistral.asking import prefix_of

DONE = b"data: [DONE]\n\n"
_encode = msgspec.json.Encoder().encode
_REASONS: dict[c.Reason, str] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "error",  # of the words that the dialect has, the one that is no good end
    "refusal": "error",
}


def write(answer: c.Answer, asked: Asked) -> bytes:
    """Return the whole answer's body."""
    prefix = prefix_of(asked.request)
    body: dict[str, Any] = {
        "id": answer.id,
        "object": "chat.completion",
        "created": answer.created_s or int(time.time()),
        "model": answer.model,
        "choices": [_whole(i, choice, prefix) for i, choice in enumerate(answer.choices)],
    }
    if answer.usage is not None:
        body["usage"] = usage_body(answer.usage)
    return _encode(body)


def write_embeddings(answer: c.Answer, asked: Asked) -> bytes:
    """Return the embeddings' body, numbers packed where base64 was asked for."""
    is_packed = bytes(asked.fields.get("encoding_format", b"")) == b'"base64"'
    data = [
        {"object": "embedding", "index": i, "embedding": _packed(v) if is_packed else v}
        for i, v in enumerate(answer.vectors)
    ]
    body: dict[str, Any] = {
        "id": answer.id,
        "object": "list",
        "data": data,
        "model": answer.model,
    }
    if answer.usage is not None:
        body["usage"] = usage_body(answer.usage)
    return _encode(body)


def _packed(numbers: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def usage_body(usage: Usage) -> dict[str, Any]:
    """Return `usage` as the dialect spells it."""
    body: dict[str, Any] = {
        "prompt_tokens": usage.prompt_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "completion_tokens": usage.completion_tokens,
    }
    if usage.cached_tokens:
        body["num_cached_tokens"] = usage.cached_tokens
        body["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
    return body


def _whole(index: int, choice: c.Choice, prefix: str) -> dict[str, Any]:
    calls = [
        _call(call.id, place, call.name, call.arguments)
        for place, call in enumerate(part for part in choice.parts if isinstance(part, c.Call))
    ]
    message = {
        "role": "assistant",
        "tool_calls": calls or None,
        "content": _content((c.Text(prefix), *choice.parts) if prefix else choice.parts),
        "prefix": False,
    }
    return {"index": index, "message": message, "finish_reason": _REASONS[choice.reason]}


def _content(parts: Sequence[c.Text | c.Thinking | c.Call]) -> str | list[dict[str, Any]]:
    if not any(isinstance(part, c.Thinking) for part in parts):
        return "".join(part.text for part in parts if isinstance(part, c.Text))
    chunks: list[dict[str, Any]] = []
    for part in parts:
        if isinstance(part, c.Thinking):
            if not part.is_redacted:
                chunks.append(_thought(part.text, part.signature))
        elif isinstance(part, c.Text):
            chunks.append({"type": "text", "text": part.text})
    return chunks


def _thought(text: str, signature: str | None) -> dict[str, Any]:
    chunk: dict[str, Any] = {
        "type": "thinking",
        "thinking": [{"type": "text", "text": text}] if text else [],
    }
    if signature is not None:
        chunk["signature"] = signature
    return chunk


def _call(call_id: str, index: int, name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments or "{}"}
    return {"id": call_id, "type": "function", "function": function, "index": index}


class _State:
    """What is held of one choice: calls that are not whole, its end."""

    __slots__ = ("calls", "has_begun", "reason")

    def __init__(self) -> None:
        self.calls: dict[int, tuple[str, str, list[str]]] = {}
        self.has_begun = False
        self.reason: str | None = None


class Writer:
    """One stream to a client; each choice begins with `prefix`."""

    def __init__(self, prefix: str = "") -> None:
        self._head = b""
        self._prefix = prefix
        self._choices: dict[int, _State] = {}
        self._held: int | None = None  # the choice whose end waits
        self._usage: Usage | None = None

    def write(self, pieces: Sequence[c.Piece]) -> bytes:
        """Return the chunks for `pieces`; `[DONE]` with Ended."""
        out: list[bytes] = []
        for piece in pieces:
            if isinstance(piece, c.TextPiece):
                if piece.text:
                    self._say(piece.choice, piece.text, out)
            elif isinstance(piece, c.ThinkingPiece):
                if not piece.is_redacted:
                    self._say(piece.choice, [_thought(piece.text, piece.signature)], out)
            elif isinstance(piece, c.CallBegan):
                self._state(piece.choice).calls[piece.call] = (piece.id, piece.name, [])
            elif isinstance(piece, c.CallPiece):
                self._state(piece.choice).calls[piece.call][2].append(piece.arguments)
            elif isinstance(piece, c.Finished):
                self._release(out)
                self._state(piece.choice).reason = _REASONS[piece.reason]
                self._held = piece.choice
            elif isinstance(piece, c.Counted):
                self._usage = piece.usage
            elif isinstance(piece, c.Began):
                self._begin(piece)
            else:
                self._release(out, self._usage)
                out.append(DONE)
        return b"".join(out)

    def fail(self, error: TramontaneError) -> bytes:
        """Return the error's event; no `[DONE]` follows."""
        return errors.render_event(error)

    def _begin(self, began: c.Began) -> None:
        self._head = (
            b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b,"choices":[{'
            % (_encode(began.id), began.created_s or int(time.time()), _encode(began.model))
        )
        self._usage = began.usage or self._usage

    def _state(self, choice: int) -> _State:
        state = self._choices.get(choice)
        if state is None:
            state = self._choices[choice] = _State()
        return state

    def _say(self, choice: int, content: str | list[dict[str, Any]], out: list[bytes]) -> None:
        state = self._state(choice)
        role = b""
        if not state.has_begun:
            state.has_begun = True
            role = b'"role":"assistant",'
            if self._prefix:
                self._say_first(choice, out)
                role = b""
        out.append(
            b'%b"index":%d,"delta":{%b"content":%b},"finish_reason":null}]}\n\n'
            % (self._head, choice, role, _encode(content))
        )

    def _say_first(self, choice: int, out: list[bytes]) -> None:
        out.append(
            b'%b"index":%d,"delta":{"role":"assistant","content":%b},"finish_reason":null}]}\n\n'
            % (self._head, choice, _encode(self._prefix))
        )

    def _release(self, out: list[bytes], usage: Usage | None = None) -> None:
        """Write the end that was held: with it the calls, whole, and usage where it is the last."""
        if self._held is None:
            return
        choice, self._held = self._held, None
        state = self._state(choice)
        delta: dict[str, Any] = {} if state.has_begun else {"role": "assistant"}
        delta["content"] = ""
        if state.calls:
            delta["tool_calls"] = [
                _call(call_id, index, name, "".join(arguments))
                for index, (call_id, name, arguments) in sorted(state.calls.items())
            ]
        tail = b"" if usage is None else b',"usage":' + _encode(usage_body(usage))
        out.append(
            b'%b"index":%d,"delta":%b,"finish_reason":"%b"}]%b}\n\n'
            % (self._head, choice, _encode(delta), str(state.reason).encode(), tail)
        )
