"""What a provider answers in OpenAI's dialect, in the canonical form: whole answers and streams.

Several servers that follow the dialect name thinking otherwise, leave out ids or `[DONE]`; a stream
counts as whole once each of its choices has finished. It does not know HTTP.
"""

from typing import Any

import msgspec
from msgspec import Raw

from tramontane.errors import UpstreamFailed
from tramontane.wire import canonical as c
from tramontane.wire.openai.provider import Counts, thinking_of, usage_of
from tramontane.wire.reading import EventReader

DONE = b"[DONE]"
CALLS_MAX = 256
REASONS: dict[str, c.Reason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct, gc=False):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Said(msgspec.Struct, gc=False):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct, gc=False):
    index: int = 0
    delta: _Said | None = None
    message: _Said | None = None
    finish_reason: str | None = None
    logprobs: Raw = Raw(b"null")  # a union of it with None takes null only


class _Body(msgspec.Struct, gc=False):
    id: str = ""
    model: str = ""
    created: int = 0
    choices: list[_Choice] | None = None
    usage: Counts | None = None
    error: Any = None
    service_tier: Any = None


_DECODE = msgspec.json.Decoder(_Body).decode


def _decode(data: bytes) -> _Body:
    try:
        return _DECODE(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise c.Broken("The upstream sent what is not valid in its dialect.") from None


def reason_of(word: str, *, refused: bool = False) -> c.Reason:
    """Return why an answer ended; a word that nobody knows is a plain stop."""
    reason = REASONS.get(word, "stop")
    return "refusal" if refused and reason == "stop" else reason


def read_answer(body: bytes) -> c.Answer:
    """Return the whole answer. Raises Broken."""
    answer = _decode(body)
    if answer.choices is None:
        raise c.Broken("The upstream's answer holds no choices.")
    return c.Answer(
        id=answer.id,
        model=answer.model,
        choices=tuple(_choice(choice) for choice in answer.choices),
        usage=usage_of(answer.usage),
        thinking_tokens=thinking_of(answer.usage),
        created_s=answer.created,
        service_tier=_tier(answer),
    )


def _tier(body: _Body) -> str | None:
    return body.service_tier if isinstance(body.service_tier, str) else None


def _choice(choice: _Choice) -> c.Choice:
    said = choice.message or _Said()
    parts: list[c.Text | c.Thinking | c.Call] = []
    thought = said.reasoning_content or said.reasoning
    if thought:
        parts.append(c.Thinking(thought))
    text = said.content or said.refusal
    if text:
        parts.append(c.Text(text))
    for i, call in enumerate(said.tool_calls or ()):
        function = call.function or _Function()
        call_id = call.id or f"call_{i}"
        parts.append(c.Call(call_id, function.name or "", function.arguments or "{}"))
    refused = bool(said.refusal and not said.content)
    reason = reason_of(choice.finish_reason or "stop", refused=refused)
    if said.tool_calls and reason == "stop":
        reason = "tool_calls"
    return c.Choice(tuple(parts), reason, logprobs=_shown(choice.logprobs))


def _shown(logprobs: Raw) -> Raw | None:
    return None if bytes(logprobs) == b"null" else Raw(bytes(logprobs))


class ChatReader(EventReader):
    """One stream of a provider's."""

    def __init__(self) -> None:
        super().__init__()
        self._has_begun = False
        self._id = ""
        self._calls: set[tuple[int, int]] = set()
        self._open: set[int] = set()
        self._finished: set[int] = set()
        self._refused = False

    def take(self, data: bytes, event: bytes, out: list[c.Piece]) -> None:
        """Add what one chunk says."""
        if data == DONE:
            self.is_done = True
            out.append(c.Ended())
            return
        chunk = _decode(data)
        if chunk.error is not None and not chunk.choices:
            raise UpstreamFailed("The upstream ended its stream with an error.")
        if not self._has_begun:
            self._has_begun = True
            self._id = chunk.id
            out.append(c.Began(chunk.id, chunk.model))
        for choice in chunk.choices or ():
            self._choice(choice, out)
        if chunk.usage is not None:
            usage = usage_of(chunk.usage)
            if usage is not None:
                out.append(c.Counted(usage, thinking_of(chunk.usage), _tier(chunk)))

    def _choice(self, choice: _Choice, out: list[c.Piece]) -> None:
        index = choice.index
        said = choice.delta
        self._open.add(index)
        if said is not None:
            thought = said.reasoning_content or said.reasoning
            if thought:
                out.append(c.ThinkingPiece(thought, index))
            text = said.content
            if said.refusal:
                self._refused, text = True, said.refusal
            if text:
                out.append(c.TextPiece(text, index, _shown(choice.logprobs)))
            if said.tool_calls:
                self._call(said.tool_calls, index, out)
        if choice.finish_reason and index not in self._finished:
            self._finished.add(index)
            reason = reason_of(choice.finish_reason, refused=self._refused)
            if reason == "stop" and any(of == index for of, _ in self._calls):
                reason = "tool_calls"
            out.append(c.Finished(reason, index))

    def _call(self, calls: list[_Call], choice: int, out: list[c.Piece]) -> None:
        for at, call in enumerate(calls):
            number = at if call.index is None else call.index
            if not 0 <= number < CALLS_MAX:
                raise c.Broken("The upstream numbers a tool call out of range.")
            function = call.function or _Function()
            if (choice, number) not in self._calls:
                self._calls.add((choice, number))
                call_id = call.id or f"call_{self._id}_{number}"
                out.append(c.CallBegan(number, call_id, function.name or "", choice))
            if function.arguments:
                out.append(c.CallPiece(number, function.arguments, choice))

    def finish(self, out: list[c.Piece]) -> None:
        """Without `[DONE]`, the answer is whole once each choice has finished."""
        if not self._finished or self._finished != self._open:
            raise c.Broken("The upstream's stream ended before its answer did.")
        out.append(c.Ended())
