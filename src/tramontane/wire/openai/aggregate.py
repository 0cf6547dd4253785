"""A stream's events gathered into the answer of a request that asked for no stream.

Local engines are always asked for a stream, since only a stream frees its slot when the client
leaves. It does not know where events come from.
"""

from typing import Any

import msgspec


class Aggregate:
    """Builds a `chat.completion` from `chat.completion.chunk` events."""

    def __init__(self) -> None:
        self._top: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}
        self._usage: Any = None

    def add(self, data: bytes) -> None:
        """Take in one event's JSON; msgspec.DecodeError where it is none."""
        event = msgspec.json.decode(data, type=dict[str, Any])
        for name in ("id", "created", "model", "system_fingerprint"):
            if name in event:
                self._top.setdefault(name, event[name])
        self._usage = event.get("usage") or self._usage
        for part in event.get("choices") or ():
            self._add_choice(part)

    def _add_choice(self, part: dict[str, Any]) -> None:
        choice = self._choices.setdefault(
            part.get("index", 0),
            {"message": {"role": "assistant", "content": None}, "logprobs": None, "finish": None},
        )
        message = choice["message"]
        delta = part.get("delta") or {}
        for name in ("content", "reasoning_content", "refusal"):
            if delta.get(name) is not None:
                message[name] = (message.get(name) or "") + delta[name]
        for call in delta.get("tool_calls") or ():
            _add_call(message.setdefault("tool_calls", []), call)
        if part.get("logprobs"):
            logprobs = choice["logprobs"] or {}
            for name, values in part["logprobs"].items():
                if values is not None:
                    logprobs[name] = logprobs.get(name, []) + values
            choice["logprobs"] = logprobs
        if part.get("finish_reason"):
            choice["finish"] = part["finish_reason"]

    def result(self) -> bytes:
        """Return the JSON of the whole answer."""
        return msgspec.json.encode(
            {
                "id": self._top.get("id"),
                "object": "chat.completion",
                "created": self._top.get("created"),
                "model": self._top.get("model"),
                "system_fingerprint": self._top.get("system_fingerprint"),
                "choices": [
                    {
                        "index": index,
                        "message": {"refusal": None, **choice["message"]},
                        "logprobs": choice["logprobs"],
                        "finish_reason": choice["finish"],
                    }
                    for index, choice in sorted(self._choices.items())
                ],
                "usage": self._usage,
            }
        )


def _add_call(calls: list[dict[str, Any]], piece: dict[str, Any]) -> None:
    index = piece.get("index", len(calls))
    while len(calls) <= index < 256:
        calls.append({"id": None, "type": "function", "function": {"name": "", "arguments": ""}})
    call = calls[index]
    call["id"] = piece.get("id") or call["id"]
    function = piece.get("function") or {}
    call["function"]["name"] += function.get("name") or ""
    call["function"]["arguments"] += function.get("arguments") or ""
