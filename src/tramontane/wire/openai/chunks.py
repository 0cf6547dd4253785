"""An engine's stream events as OpenAI spells them.

llama.cpp's server adds timings and token numbers, leaves out the role where the first token is
half a character, and begins with a null for text. A forced tool call comes as text (see `tools`)
and leaves as a tool call. It does not know how events are framed, nor what is billed.
"""

import re
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from tramontane.wire.openai.aggregate import Malformed

_CALL_HEAD = re.compile(
    r'\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*(?=\S)', re.DOTALL
)
_CLOSING = re.compile(r"[\s}]*\Z")


class _Likely(msgspec.Struct):
    token: str
    logprob: float
    bytes: list[int] | None = None


class _Token(msgspec.Struct):
    token: str
    logprob: float
    bytes: list[int] | None = None
    top_logprobs: list[_Likely] = []


class _Logprobs(msgspec.Struct):
    content: list[_Token] | None = None
    refusal: None = None


class _Delta(msgspec.Struct):
    role: str | UnsetType = UNSET
    content: str | UnsetType | None = UNSET
    reasoning_content: str | UnsetType | None = UNSET
    tool_calls: Raw | UnsetType = UNSET


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Delta = msgspec.field(default_factory=_Delta)
    logprobs: _Logprobs | None = None
    finish_reason: str | None = None


class _Details(msgspec.Struct):
    cached_tokens: int = 0


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    prompt_tokens_details: _Details | None = None


class _Chunk(msgspec.Struct):
    id: str = ""
    object: str = "chat.completion.chunk"
    created: int = 0
    model: str = ""
    choices: list[_Choice] = []
    usage: _Usage | UnsetType | None = UNSET


_DECODE = msgspec.json.Decoder(_Chunk).decode
_ENCODE = msgspec.json.Encoder().encode


class Chunks:
    """Renders the events of one stream, in their order.

    `shows_usage`: the client has asked for usage, so every chunk has the field. `top_logprobs`: so
    many other tokens are shown beside each. `is_forced`: the text is one tool call.
    """

    __slots__ = ("_call", "_has_begun", "_top_logprobs", "shows_usage")

    def __init__(self, *, shows_usage: bool, top_logprobs: int = 0, is_forced: bool = False):
        self.shows_usage = shows_usage
        self._top_logprobs = top_logprobs
        self._call = _ForcedCall() if is_forced else None
        self._has_begun = False

    def render(self, data: bytes) -> bytes:
        """Return the JSON of the chunk for that of the engine's event; nothing where it would say
        nothing. Raises Malformed.
        """
        try:
            chunk = _DECODE(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Malformed(str(error)) from None
        chunk.object = "chat.completion.chunk"
        if not self.shows_usage:
            chunk.usage = UNSET
        elif chunk.usage is UNSET:
            chunk.usage = None
        for choice in chunk.choices:
            if self._call is not None:
                self._call.rewrite(choice, chunk.id)
            self._mend(choice)
        if chunk.choices and chunk.choices == [_Choice(index=chunk.choices[0].index)]:
            return b""
        return _ENCODE(chunk)

    def _mend(self, choice: _Choice) -> None:
        delta = choice.delta
        if not self._has_begun:
            self._has_begun = True
            delta.role = "assistant"
            if delta.content is UNSET or delta.content is None:
                delta.content = "" if self._call is None and delta.tool_calls is UNSET else None
        else:
            delta.role = UNSET
            if delta.content is None:
                delta.content = UNSET
        if choice.logprobs is not None:
            for token in choice.logprobs.content or ():
                del token.top_logprobs[self._top_logprobs :]


class _ForcedCall:
    """Turns the text `{"name": …, "arguments": {…}}` into the pieces of a tool call."""

    __slots__ = ("_head", "_held", "_is_open")

    def __init__(self) -> None:
        self._head = ""
        self._held = ""
        self._is_open = False

    def rewrite(self, choice: _Choice, chunk_id: str) -> None:
        delta = choice.delta
        text = delta.content if isinstance(delta.content, str) else ""
        delta.content = UNSET
        pieces: list[dict[str, Any]] = []
        if not self._is_open:
            self._head += text
            begun = _CALL_HEAD.match(self._head)
            text = ""
            if begun is not None:
                self._is_open = True
                text = self._head[begun.end() :]
                name = msgspec.json.decode(begun[1], type=str)
                call_id = "call_" + chunk_id.removeprefix("chatcmpl-")
                function = {"name": name, "arguments": ""}
                pieces.append({"index": 0, "id": call_id, "type": "function", "function": function})
        if self._is_open:
            text = self._next(text, choice.finish_reason)
            if text:
                pieces.append({"index": 0, "function": {"arguments": text}})
            if choice.finish_reason == "stop":
                choice.finish_reason = "tool_calls"
        if pieces:
            if len(pieces) == 2:
                pieces[0]["function"]["arguments"] = text
            delta.tool_calls = Raw(msgspec.json.encode(pieces[:1]))

    def _next(self, text: str, finish_reason: str | None) -> str:
        """Return what is surely of the arguments; the last brace closes the form around them."""
        self._held += text
        closing = _CLOSING.search(self._held)
        assert closing is not None
        at = closing.start()
        if finish_reason == "stop":
            at = max(at, self._held.rfind("}"))
        elif finish_reason is not None:  # cut short: nothing was closed
            at = len(self._held)
        ready, self._held = self._held[:at], self._held[at:]
        return ready
