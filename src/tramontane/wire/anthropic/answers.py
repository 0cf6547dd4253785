"""What a provider answers in Anthropic's form, as the canonical form has it.

Tokens read from and written to the cache are reported apart there, and are part of the prompt
here. Blocks of kinds that were never asked for are passed over. It does not know HTTP.
"""

import msgspec
from msgspec import Raw

from tramontane.money import Usage
from tramontane.wire.anthropic import errors
from tramontane.wire.canonical import (
    Answer,
    Began,
    Broken,
    Call,
    CallBegan,
    CallPiece,
    Choice,
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
from tramontane.wire.reading import EventReader

_REASONS: dict[str, Reason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
}


class _Kept(msgspec.Struct):
    ephemeral_1h_input_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: _Kept | None = None


class _Block(msgspec.Struct):
    type: str
    text: str = ""
    thinking: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""
    name: str = ""
    input: Raw = Raw(b"{}")


class _Message(msgspec.Struct):
    id: str
    model: str
    content: list[_Block]
    usage: _Usage
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    signature: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _Error(msgspec.Struct):
    type: str = ""


class _Event(msgspec.Struct):
    type: str
    index: int = 0
    delta: _Delta | None = None
    content_block: _Block | None = None
    message: _Message | None = None
    usage: _Usage | None = None
    error: _Error | None = None


_WHOLE = msgspec.json.Decoder(_Message).decode
_EVENT = msgspec.json.Decoder(_Event).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read(body: bytes) -> Answer:
    """Return the whole answer. Raises Broken."""
    try:
        message = _WHOLE(body)
    except _UNREADABLE as error:
        raise Broken(f"The provider's answer is not a message: {error}.") from None
    parts = [part for block in message.content if (part := _part(block)) is not None]
    choice = Choice(tuple(parts), _reason(message.stop_reason), stop_sequence=message.stop_sequence)
    usage = _usage(message.usage)
    return Answer(id=message.id, model=message.model, choices=(choice,), usage=usage)


def _part(block: _Block) -> Text | Thinking | Call | None:
    if block.type == "text":
        return Text(block.text)
    if block.type == "thinking":
        return Thinking(block.thinking, signature=block.signature or None)
    if block.type == "redacted_thinking":
        return Thinking(block.data, is_redacted=True)
    if block.type == "tool_use":
        return Call(block.id, block.name, bytes(block.input).decode())
    return None


def _reason(stop_reason: str | None) -> Reason:
    return _REASONS.get(stop_reason or "", "stop")


def _usage(usage: _Usage) -> Usage | None:
    if usage.input_tokens is None or usage.output_tokens is None:
        return None  # half a count is none: it would bill the other half at nothing
    cached = max(0, usage.cache_read_input_tokens or 0)
    written = max(0, usage.cache_creation_input_tokens or 0)
    hour = usage.cache_creation.ephemeral_1h_input_tokens if usage.cache_creation else 0
    return Usage(
        prompt_tokens=max(0, usage.input_tokens) + cached + written,
        completion_tokens=max(0, usage.output_tokens),
        cached_tokens=cached,
        cache_write_tokens=written,
        cache_write_1h_tokens=min(max(0, hour or 0), written),
    )


class Reader(EventReader):
    """Reads one stream. Counts are running totals: what an event leaves out stays as it was."""

    def __init__(self) -> None:
        super().__init__()
        self._usage = _Usage()
        self._calls = 0
        self._open: dict[int, _Open] = {}
        self._has_begun = False
        self._is_finished = False

    def take(self, data: bytes, event: bytes, out: list[Piece]) -> None:
        """Add to `out` what one event says. Raises Broken, or what an error event means."""
        try:
            said = _EVENT(data)
        except _UNREADABLE as error:
            raise Broken(f"The provider sent an event that is malformed: {error}.") from None
        if said.type == "error":
            raise errors.of_stream(said.error.type if said.error is not None else "")
        if said.type == "message_start" and said.message is not None:
            self._begin(said.message, out)
        elif said.type == "ping":
            return
        elif not self._has_begun:
            raise Broken(f"The provider's stream began with '{said.type[:64]}'.")
        elif said.type == "content_block_delta" and said.delta is not None:
            self._more(said.index, said.delta, out)
        elif said.type == "content_block_start" and said.content_block is not None:
            self._open_block(said.index, said.content_block, out)
        elif said.type == "content_block_stop":
            self._close_block(said.index, out)
        elif said.type == "message_delta":
            self._finish(said, out)
        elif said.type == "message_stop":
            if not self._is_finished:
                raise Broken("The provider's stream ended without saying why.")
            self.is_done = True
            out.append(Ended())

    def finish(self, out: list[Piece]) -> None:
        """Without `message_stop` the answer is whole where a reason was given."""
        if not self._is_finished:
            raise Broken("The provider's stream ended before its answer did.")
        out.append(Ended())

    def _begin(self, message: _Message, pieces: list[Piece]) -> None:
        if self._has_begun:
            raise Broken("The provider's stream began twice.")
        self._has_begun = True
        self._usage = message.usage
        pieces.append(Began(message.id, message.model, _usage(message.usage)))

    def _open_block(self, index: int, block: _Block, pieces: list[Piece]) -> None:
        if block.type == "tool_use":
            opened = self._open[index] = _Open(self._calls)
            pieces.append(CallBegan(self._calls, block.id, block.name))
            self._calls += 1
            arguments = bytes(block.input).decode()
            if arguments.strip("{} \t\r\n"):  # given at once, not piece by piece
                opened.has_arguments = True
                pieces.append(CallPiece(opened.call, arguments))
        elif block.type == "redacted_thinking":
            pieces.append(ThinkingPiece(block.data, is_redacted=True))
        elif block.text:
            pieces.append(TextPiece(block.text))
        elif block.thinking or block.signature:
            pieces.append(ThinkingPiece(block.thinking, signature=block.signature or None))

    def _more(self, index: int, delta: _Delta, pieces: list[Piece]) -> None:
        if delta.type == "text_delta":
            pieces.append(TextPiece(delta.text))
        elif delta.type == "input_json_delta":
            opened = self._open.get(index)
            if opened is not None and delta.partial_json:
                opened.has_arguments = True
                pieces.append(CallPiece(opened.call, delta.partial_json))
        elif delta.type == "thinking_delta":
            pieces.append(ThinkingPiece(delta.thinking))
        elif delta.type == "signature_delta":
            pieces.append(ThinkingPiece("", signature=delta.signature))

    def _close_block(self, index: int, pieces: list[Piece]) -> None:
        opened = self._open.pop(index, None)
        if opened is not None and not opened.has_arguments:
            pieces.append(CallPiece(opened.call, "{}"))

    def _finish(self, event: _Event, pieces: list[Piece]) -> None:
        if event.usage is not None:
            known, said = self._usage, event.usage
            for name in _Usage.__struct_fields__:
                if (count := getattr(said, name)) is not None:
                    setattr(known, name, count)
        delta = event.delta
        if delta is not None and delta.stop_reason is not None and not self._is_finished:
            self._is_finished = True
            pieces.append(Finished(_reason(delta.stop_reason), stop_sequence=delta.stop_sequence))
        usage = _usage(self._usage)
        if usage is not None:
            pieces.append(Counted(usage))


class _Open:
    """A call whose block is open."""

    __slots__ = ("call", "has_arguments")

    def __init__(self, call: int) -> None:
        self.call = call
        self.has_arguments = False
