"""What a provider answers in Mistral's dialect, in the canonical form: whole answers and streams.

A tool call comes whole in one chunk, usage with the last one; neither is taken for granted. It
does not know HTTP.
"""

from typing import Any

import msgspec
from msgspec import Raw

from tramontane.errors import UpstreamFailed
from tramontane.money import Usage
from tramontane.wire import canonical as c
from tramontane.wire.mistral.errors import read_error
from tramontane.wire.reading import EventReader

DONE = b"[DONE]"
_encode = msgspec.json.Encoder().encode
_REASONS: dict[str, c.Reason] = {
    "stop": "stop",
    "length": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}


class _Chunk(msgspec.Struct, gc=False):
    """Any content chunk; of those without text nothing is said to the client."""

    type: str = "text"
    text: str = ""
    thinking: "list[_Chunk]" = []
    signature: str | None = None


class _Function(msgspec.Struct, gc=False):
    name: str = ""
    arguments: str | dict[str, Any] = ""


class _Call(msgspec.Struct, gc=False):
    function: _Function
    id: str | None = None
    index: int | None = None


class _Message(msgspec.Struct, gc=False):
    content: str | list[_Chunk] | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct, gc=False):
    index: int = 0
    message: _Message | None = None
    delta: _Message | None = None
    finish_reason: str | None = None


class _Details(msgspec.Struct, gc=False):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: int = 0
    completion_tokens: int | None = None
    num_cached_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    prompt_token_details: _Details | None = None


class _Vector(msgspec.Struct, gc=False):
    embedding: list[float]
    index: int = 0


class _Body(msgspec.Struct, gc=False):
    id: str = ""
    model: str = ""
    created: int = 0
    choices: list[_Choice] = []
    usage: _Usage | None = None
    object: str = ""
    error: Raw = Raw(b"null")
    detail: Raw = Raw(b"null")


class _Embeddings(msgspec.Struct, gc=False):
    data: list[_Vector]
    id: str = ""
    model: str = ""
    usage: _Usage | None = None


_BODY = msgspec.json.Decoder(_Body).decode
_EMBEDDINGS = msgspec.json.Decoder(_Embeddings).decode
_NOTHING = Raw(b"null")
_FAULTS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read(body: bytes) -> c.Answer:
    """Return the whole answer of chat or fim. Raises Broken; UpstreamFailed for its own error."""
    try:
        said = _BODY(body)
    except _FAULTS as error:
        raise c.Broken(f"The upstream's answer is not in its dialect: {error}.") from None
    if not said.choices:
        raise c.Broken("The upstream's answer holds no choice.")
    return c.Answer(
        id=said.id,
        model=said.model,
        created_s=said.created,
        choices=tuple(_choice(choice) for choice in said.choices),
        usage=_usage(said.usage),
    )


def read_embeddings(body: bytes) -> c.Answer:
    """Return the vectors, in the order of the inputs. Raises Broken."""
    try:
        said = _EMBEDDINGS(body)
    except _FAULTS as error:
        raise c.Broken(f"The upstream's answer is not in its dialect: {error}.") from None
    said.data.sort(key=lambda vector: vector.index)
    vectors = tuple(tuple(vector.embedding) for vector in said.data)
    usage = _usage(said.usage, gives_text=False)
    return c.Answer(id=said.id, model=said.model, vectors=vectors, usage=usage)


def _usage(said: _Usage | None, *, gives_text: bool = True) -> Usage | None:
    if said is None or (said.completion_tokens is None and gives_text):
        return None  # half a count is none: it would bill the other half at nothing
    cached = said.num_cached_tokens
    for details in (said.prompt_tokens_details, said.prompt_token_details):
        if cached is None and details is not None:
            cached = details.cached_tokens
    prompt_tokens = max(0, said.prompt_tokens)
    cached = max(0, min(cached or 0, prompt_tokens))
    return Usage(prompt_tokens, max(0, said.completion_tokens or 0), cached)


def _choice(choice: _Choice) -> c.Choice:
    message = choice.message or _Message()
    parts: list[c.Text | c.Thinking | c.Call] = []
    content = message.content
    for chunk in [_Chunk(text=content)] if isinstance(content, str) else content or ():
        if chunk.type == "thinking":
            parts.append(c.Thinking(_thought(chunk), chunk.signature))
        elif chunk.text:
            parts.append(c.Text(chunk.text))
    for call in message.tool_calls or ():
        parts.append(c.Call(call.id or "", call.function.name, _arguments(call.function)))
    return c.Choice(tuple(parts), _reason(choice.finish_reason))


def _thought(chunk: _Chunk) -> str:
    return "".join(piece.text for piece in chunk.thinking)


def _arguments(function: _Function) -> str:
    given = function.arguments
    return given if isinstance(given, str) else _encode(given).decode()


def _reason(said: str | None) -> c.Reason:
    if said == "error":
        raise UpstreamFailed("The provider's model failed while it answered.")
    return _REASONS.get(said or "stop", "stop")


class Reader(EventReader):
    """Reads one stream of chat or fim."""

    def __init__(self) -> None:
        super().__init__()
        self._has_begun = False
        self._unfinished: set[int] = set()
        self._calls: dict[tuple[int, int], str] = {}

    def take(self, data: bytes, event: bytes, out: list[c.Piece]) -> None:
        """Add what one chunk says."""
        if data == DONE:
            if self._unfinished or not self._has_begun:
                raise c.Broken("The upstream's stream ended before its answer did.")
            self._end(out)
            return
        try:
            said = _BODY(data)
        except _FAULTS as error:
            raise c.Broken(
                f"The upstream sent an event that is not in its dialect: {error}."
            ) from None
        if said.object == "error" or said.error != _NOTHING or said.detail != _NOTHING:
            told = read_error(data).message
            raise UpstreamFailed(
                f"The provider ended its stream with an error: {told[:500]}"
                if told
                else "The provider ended its stream with an error."
            )
        if not self._has_begun:
            self._has_begun = True
            out.append(c.Began(said.id, said.model, created_s=said.created))
        for choice in said.choices:
            self._take_choice(choice, out)
        if said.usage is not None and (usage := _usage(said.usage)) is not None:
            out.append(c.Counted(usage))

    def _take_choice(self, choice: _Choice, out: list[c.Piece]) -> None:
        number = choice.index
        delta = choice.delta or _Message()
        if choice.finish_reason is None:
            self._unfinished.add(number)
        content = delta.content
        if isinstance(content, str):
            if content:
                out.append(c.TextPiece(content, number))
        else:
            for chunk in content or ():
                if chunk.type == "thinking":
                    out.append(c.ThinkingPiece(_thought(chunk), number, chunk.signature))
                elif chunk.text:
                    out.append(c.TextPiece(chunk.text, number))
        for place, call in enumerate(delta.tool_calls or ()):
            self._take_call(number, place, call, out)
        if choice.finish_reason is not None:
            self._unfinished.discard(number)
            out.append(c.Finished(_reason(choice.finish_reason), number))

    def _take_call(self, choice: int, place: int, call: _Call, out: list[c.Piece]) -> None:
        """A call is whole, or its name comes first and further arguments under the same index."""
        given = None if call.id in (None, "", "null") else call.id
        counted = [key[1] for key in self._calls if key[0] == choice]
        index = call.index if call.index is not None else place
        known = self._calls.get((choice, index))
        if known is not None and (given is not None and given != known):
            index, known = max(counted) + 1, None  # every call says index 0
        if known is None:
            call_id = given or f"call{choice:02d}{index:03d}"
            self._calls[choice, index] = call_id
            out.append(c.CallBegan(index, call_id, call.function.name, choice))
        arguments = _arguments(call.function)
        if arguments:
            out.append(c.CallPiece(index, arguments, choice))

    def finish(self, out: list[c.Piece]) -> None:
        """The body has ended without [DONE]: well, where every choice has ended."""
        if self._unfinished or not self._has_begun:
            raise c.Broken("The upstream's stream ended before its answer did.")
        self._end(out)

    def _end(self, out: list[c.Piece]) -> None:
        self.is_done = True
        out.append(c.Ended())
