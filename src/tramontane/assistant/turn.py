"""One answer, with the tools that it may call: asks, runs what is called, asks again.

It does not know conversations or the store. Which tools may run is decided by `allowed` alone:
nothing that a model, a document or a result says can add to it.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Protocol, TypeAlias

import msgspec

from tramontane.assistant.context import Chat, assistant_message, tool_message
from tramontane.assistant.tokenstream import Event, TextDelta, ToolCallDelta
from tramontane.store.messages import ToolPart
from tramontane.tools import Tool

ROUNDS_MAX = 8
CALLS_MAX = 16  # of one round
ARGUMENT_CHARACTERS_MAX = 100_000
RESULT_CHARACTERS_MAX = 20_000

Piece: TypeAlias = Event | ToolPart
"""What happens in a turn: a `ToolPart` comes without its result when it is called, then with it."""

_OBJECT = msgspec.json.Decoder(dict[str, Any]).decode


class Tokens(Protocol):
    """Where answers come from: `tokens.TokenClient`."""

    def stream(self, key_id: str, body: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
        """Yield what a model answers."""
        ...


async def turn(
    tokens: Tokens,
    key_id: str,
    body: Mapping[str, Any],
    allowed: Mapping[str, Tool],
) -> AsyncGenerator[Piece, None]:
    """Yield what the model of `body` says and calls until it is done, or has called 8 times.

    Closing it ends the request under way. Raises what `tokens.stream` raises.
    """
    messages: Chat = list(body["messages"])
    for round_ in range(ROUNDS_MAX + 1):
        asked = {**body, "messages": messages}
        if allowed:
            asked["tools"] = [tool.offer() for tool in allowed.values()]
            if round_ == ROUNDS_MAX:
                asked["tool_choice"] = "none"
        text: list[str] = []
        calls = _Calls()
        async with aclosing(tokens.stream(key_id, asked)) as events:
            async for event in events:
                if isinstance(event, ToolCallDelta):
                    calls.add(event)
                    continue
                if isinstance(event, TextDelta):
                    text.append(event.text)
                yield event
        made = calls.made(round_)
        if not made or not allowed or round_ == ROUNDS_MAX:
            return
        answered = []
        for call in made:
            yield call
            result = await _run(call, allowed)
            answered.append(result)
            yield result
        messages.append(assistant_message("".join(text), answered))
        messages += [tool_message(part) for part in answered]


class _Calls:
    """Puts the calls of one round together from their pieces."""

    def __init__(self) -> None:
        self._by_index: dict[int, list[str]] = {}
        self._size = 0

    def add(self, piece: ToolCallDelta) -> None:
        if piece.index not in self._by_index and len(self._by_index) >= CALLS_MAX:
            return
        call = self._by_index.setdefault(piece.index, ["", "", ""])
        call[0] = piece.id or call[0]
        call[1] = piece.name or call[1]
        self._size += len(piece.arguments)
        if self._size <= ARGUMENT_CHARACTERS_MAX:
            call[2] += piece.arguments

    def made(self, round_: int) -> list[ToolPart]:
        return [
            ToolPart(id=id_ or f"call_{round_}_{index}", name=name, arguments=arguments or "{}")
            for index, (id_, name, arguments) in sorted(self._by_index.items())
        ]


async def _run(call: ToolPart, allowed: Mapping[str, Tool]) -> ToolPart:
    """Return `call` with its result, which says so where it could not be made."""
    tool = allowed.get(call.name)
    if tool is None:
        names = ", ".join(allowed)
        return _result(call, f"There is no such tool here. There are: {names}.", is_error=True)
    try:
        arguments = _OBJECT(call.arguments.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        return _result(call, "The arguments are no JSON object.", is_error=True)
    found = await asyncio.to_thread(tool.run, arguments)
    return _result(call, found.text[:RESULT_CHARACTERS_MAX], is_error=found.is_error)


def _result(call: ToolPart, text: str, *, is_error: bool) -> ToolPart:
    return msgspec.structs.replace(call, result=text, is_error=is_error)
