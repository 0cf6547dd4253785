"""One answer, with the tools that it may call: asks, runs what is called, asks again.

It does not know conversations or the store. Which tools may run is decided by `allowed` alone:
nothing that a model, a document or a result says can add to it. A tool that looks into documents or
tables is a `BoundTool`: what it may look into was decided before, and no argument names that.
"""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import aclosing
from typing import Any, Protocol, TypeAlias

import msgspec

from tramontane.assistant.context import Chat, assistant_message, tool_message
from tramontane.assistant.tokenstream import Event, TextDelta, ToolCallDelta
from tramontane.store.messages import ResultPart, SourcesPart, ToolPart
from tramontane.tools import Tool

ROUNDS_MAX = 8
CALLS_MAX = 16  # of one round
ARGUMENT_CHARACTERS_MAX = 100_000
RESULT_CHARACTERS_MAX = 20_000
CALL_ID_CHARACTERS_MAX = 200

Piece: TypeAlias = Event | ToolPart | SourcesPart | ResultPart
"""What happens in a turn: a `ToolPart` comes without its result when it is called, then with it,
then what else it brought.
"""

_OBJECT = msgspec.json.Decoder(dict[str, Any]).decode


class Tokens(Protocol):
    """Where answers come from: `tokens.TokenClient`."""

    def stream(self, key_id: str, body: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
        """Yield what a model answers."""
        ...


class Called(msgspec.Struct, frozen=True):
    """A call that was made: `kept` is what stays of it, `shown` what the model is told."""

    kept: ToolPart
    shown: str
    parts: tuple[SourcesPart | ResultPart, ...] = ()


class BoundTool(Protocol):
    """A tool that knows what it may look into."""

    def offer(self) -> dict[str, Any]:
        """Return it as an entry of `tools` in a request."""
        ...

    async def call(self, made: ToolPart, arguments: Mapping[str, Any]) -> Called:
        """Return what came of `made`; never raises for what a model wrote."""
        ...


AnyTool: TypeAlias = Tool | BoundTool


async def turn(
    tokens: Tokens,
    key_id: str,
    body: Mapping[str, Any],
    allowed: Mapping[str, AnyTool],
    known_ids: Collection[str] = (),
) -> AsyncGenerator[Piece, None]:
    """Yield what the model of `body` says and calls until it is done, or has called 8 times.

    No call gets an id of `known_ids`, which the answer has already. Closing it ends the request
    under way. Raises what `tokens.stream` raises.
    """
    messages: Chat = list(body["messages"])
    taken = {*known_ids}
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
        made = [_renamed(call, taken) for call in calls.made(round_)]
        if not made or not allowed or round_ == ROUNDS_MAX:
            return
        answered = []
        for call in made:
            yield call
            done = await run(call, allowed)
            answered.append(msgspec.structs.replace(done.kept, result=done.shown))
            yield done.kept
            for part in done.parts:
                yield part
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


def _renamed(call: ToolPart, taken: set[str]) -> ToolPart:
    """Return `call` with an id that no other has: results are found by it."""
    id_, count = call.id[:CALL_ID_CHARACTERS_MAX], 1
    while id_ in taken:
        count += 1
        id_ = f"{call.id[:CALL_ID_CHARACTERS_MAX]}-{count}"
    taken.add(id_)
    return msgspec.structs.replace(call, id=id_)


async def run(call: ToolPart, allowed: Mapping[str, AnyTool]) -> Called:
    """Return `call` with its result, which says so where it could not be made."""
    tool = allowed.get(call.name)
    if tool is None:
        names = ", ".join(allowed)
        return refused(call, f"There is no such tool here. There are: {names}.")
    try:
        arguments = _OBJECT(call.arguments.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        return refused(call, "The arguments are no JSON object.")
    if not isinstance(tool, Tool):
        return await tool.call(call, arguments)
    found = await asyncio.to_thread(tool.run, arguments)
    return _called(call, found.text[:RESULT_CHARACTERS_MAX], is_error=found.is_error)


def refused(call: ToolPart, why: str) -> Called:
    """Return `call` as one that could not be made."""
    return _called(call, why[:RESULT_CHARACTERS_MAX], is_error=True)


def _called(call: ToolPart, text: str, *, is_error: bool) -> Called:
    return Called(msgspec.structs.replace(call, result=text, is_error=is_error), text)
