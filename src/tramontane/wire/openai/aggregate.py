"""A stream's events gathered into the answer of a request that asked for no stream.

Local engines are always asked for a stream, since only a stream frees its slot when the client
leaves. It does not know where events come from, and takes none of them for well formed.
"""

from typing import Any

import msgspec

CALLS_MAX = 256
_TEXTS = ("content", "reasoning_content", "refusal")


class Malformed(ValueError):
    """An event is no chunk of a chat completion."""


class Aggregate:
    """Builds a `chat.completion` from `chat.completion.chunk` events."""

    def __init__(self) -> None:
        self._top: dict[str, Any] = {}
        self._choices: dict[int, _Choice] = {}
        self._usage: Any = None

    def add(self, data: bytes) -> None:
        """Take in one event's JSON. Raises Malformed; the aggregate is of no use then."""
        try:
            event = msgspec.json.decode(data, type=dict[str, Any])
            for name in ("id", "created", "model"):
                if name in event:
                    self._top.setdefault(name, event[name])
            self._usage = event.get("usage") or self._usage
            for part in event.get("choices") or ():
                self._choice(part.get("index", 0)).add(part)
        except (ValueError, AttributeError, TypeError, RecursionError) as error:
            raise Malformed(str(error)) from error

    def _choice(self, index: Any) -> "_Choice":
        if type(index) is not int:
            raise TypeError("the index of a choice is no number")
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice()
        return choice

    def result(self) -> bytes:
        """Return the JSON of the whole answer."""
        return msgspec.json.encode(
            {
                "id": self._top.get("id"),
                "object": "chat.completion",
                "created": self._top.get("created"),
                "model": self._top.get("model"),
                "choices": [
                    {"index": index, **choice.result()}
                    for index, choice in sorted(self._choices.items())
                ],
                "usage": self._usage,
            }
        )


class _Choice:
    """One choice; texts are kept in pieces, so that long answers cost no more per token."""

    __slots__ = ("_calls", "_finish", "_logprobs", "_texts")

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}
        self._calls: list[_Call] = []
        self._logprobs: dict[str, Any] | None = None
        self._finish: Any = None

    def add(self, part: dict[str, Any]) -> None:
        delta = part.get("delta") or {}
        for name in _TEXTS:
            if delta.get(name) is not None:
                self._texts.setdefault(name, []).append(_text(delta[name]))
        for piece in delta.get("tool_calls") or ():
            self._call(piece.get("index", len(self._calls))).add(piece)
        if part.get("logprobs"):
            self._logprobs = self._logprobs or {}
            for name, values in part["logprobs"].items():
                if values is not None:
                    self._logprobs.setdefault(name, []).extend(values)
        self._finish = part.get("finish_reason") or self._finish

    def _call(self, index: Any) -> "_Call":
        if type(index) is not int or not 0 <= index < CALLS_MAX:
            raise TypeError("the index of a tool call is out of range")
        while len(self._calls) <= index:
            self._calls.append(_Call())
        return self._calls[index]

    def result(self) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
        message |= {name: "".join(pieces) for name, pieces in self._texts.items()}
        if self._calls:
            message["content"] = message["content"] or None
            message["tool_calls"] = [call.result() for call in self._calls]
        logprobs = self._logprobs and {"content": None, "refusal": None, **self._logprobs}
        return {"message": message, "logprobs": logprobs, "finish_reason": self._finish}


class _Call:
    """One tool call."""

    __slots__ = ("_arguments", "_id", "_name")

    def __init__(self) -> None:
        self._id: Any = None
        self._name = ""
        self._arguments: list[str] = []

    def add(self, piece: dict[str, Any]) -> None:
        self._id = piece.get("id") or self._id
        function = piece.get("function") or {}
        self._name += _text(function.get("name") or "")
        self._arguments.append(_text(function.get("arguments") or ""))

    def result(self) -> dict[str, Any]:
        function = {"name": self._name, "arguments": "".join(self._arguments)}
        return {"id": self._id, "type": "function", "function": function}


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError("a text is no string")
    return value
