"""What Bedrock's Converse and ConverseStream answer, as canonical pieces.

The stream is AWS's binary one; `metadata`, with the usage, is its last event. Converse names
neither an id nor the model: both stay empty. Facts: docs.aws.amazon.com/bedrock, ConverseResponse
and ConverseStreamOutput; botocore's model of the service (1.44).
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from tramontane.errors import RateLimited, TramontaneError, Unavailable, UpstreamFailed
from tramontane.money import Usage
from tramontane.wire.bedrock.eventstream import Corrupt, EventMessage, MessageSplitter
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
    Said,
    Text,
    TextPiece,
    Thinking,
    ThinkingPiece,
)


class _Camel(msgspec.Struct, rename="camel"):
    pass


class _ToolUse(_Camel):
    tool_use_id: str
    name: str
    input: msgspec.Raw = msgspec.Raw(b"{}")


class _ReasoningText(_Camel):
    text: str = ""
    signature: str | None = None


class _Reasoning(_Camel):
    reasoning_text: _ReasoningText | None = None
    redacted_content: str | None = None


class _Quote(_Camel):
    text: str = ""


class _Cited(_Camel):
    content: list[_Quote] = []


class _Block(_Camel):
    text: str | None = None
    tool_use: _ToolUse | None = None
    reasoning_content: _Reasoning | None = None
    citations_content: _Cited | None = None


class _Message(_Camel):
    content: list[_Block] = []


class _Output(_Camel):
    message: _Message


class _Kept(_Camel):
    ttl: str = ""
    input_tokens: int = 0


class _Usage(_Camel):
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_write_input_tokens: int = 0
    cache_details: list[_Kept] = []


class _Response(_Camel):
    output: _Output
    stop_reason: str
    usage: _Usage | None = None
    additional_model_response_fields: dict[str, Any] | None = None


class _Start(_Camel):
    tool_use: _ToolUse | None = None


class _StartEvent(_Camel):
    start: _Start
    content_block_index: int = 0


class _InputDelta(_Camel):
    input: str = ""


class _ReasoningDelta(_Camel):
    text: str | None = None
    signature: str | None = None
    redacted_content: str | None = None


class _Delta(_Camel):
    text: str | None = None
    tool_use: _InputDelta | None = None
    reasoning_content: _ReasoningDelta | None = None


class _DeltaEvent(_Camel):
    delta: _Delta
    content_block_index: int = 0


class _StopEvent(_Camel):
    stop_reason: str
    additional_model_response_fields: dict[str, Any] | None = None


class _Metadata(_Camel):
    usage: _Usage | None = None


_RESPONSE = msgspec.json.Decoder(_Response)
_START = msgspec.json.Decoder(_StartEvent)
_DELTA = msgspec.json.Decoder(_DeltaEvent)
_STOP = msgspec.json.Decoder(_StopEvent)
_METADATA = msgspec.json.Decoder(_Metadata)
_ERROR = msgspec.json.Decoder(dict[str, Any])

_REASONS: dict[str, Reason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "refusal": "refusal",
}
"""Every other (malformed_tool_use, malformed_model_output) is a failure, never a good end."""

# What an error means where its status is one that says otherwise.
_STATUSES = {
    "ModelTimeoutException": 504,
    "ModelErrorException": 502,
    "ModelStreamErrorException": 502,
    "ModelNotReadyException": 503,
    "ServiceQuotaExceededException": 429,
    "UnrecognizedClientException": 401,
    "InvalidSignatureException": 401,
    "ExpiredTokenException": 401,
    "IncompleteSignature": 401,
    "MissingAuthenticationToken": 401,
}


class Reader:
    """Reads one stream. `left`: what was whole before the part that made `feed` or `end` raise."""

    def __init__(self) -> None:
        self.left: Sequence[Piece] = ()
        self._messages = MessageSplitter()
        self._is_begun = False
        self._is_stopped = False
        self._is_ended = False
        self._failure: UpstreamFailed | None = None
        self._calls: dict[int, int] = {}  # of each block that is one

    def feed(self, payload: bytes) -> list[Piece]:
        """Return the pieces that are whole now. Raises Broken; other errors for its own."""
        pieces: list[Piece] = []
        self.left = pieces
        messages: list[EventMessage] = []
        corrupt: Corrupt | None = None
        try:
            self._messages.feed(payload, messages)
        except Corrupt as error:
            corrupt = error
        for message in messages:
            self._take(message, pieces)
        if corrupt is not None:
            raise Broken(f"The provider's stream is broken: {corrupt}.")
        return pieces

    def end(self) -> list[Piece]:
        """Return what was due. Raises Broken where the answer has not ended."""
        self.left = ()
        if self._messages.is_inside:
            raise Broken("The provider's stream ended inside a message.")
        if self._is_ended:
            return []
        if self._failure is not None:
            raise self._failure
        if not self._is_stopped:
            raise Broken("The provider's stream ended before its answer did.")
        self._is_ended = True
        return [Ended()]

    def _take(self, message: EventMessage, pieces: list[Piece]) -> None:
        kind = message.headers.get(":message-type")
        if kind != "event":
            raise _failure(message)
        name = message.headers.get(":event-type", "")
        try:
            self._event(name, message.payload, pieces)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Broken(f"The provider's event '{name}' is not Converse's: {error}") from None

    def _event(self, name: str, payload: bytes, pieces: list[Piece]) -> None:
        if not self._is_begun:
            self._is_begun = True
            pieces.append(Began("", ""))
        if name == "contentBlockDelta":
            read = _DELTA.decode(payload)
            self._delta(read.delta, read.content_block_index, pieces)
        elif name == "contentBlockStart":
            begun = _START.decode(payload)
            if (used := begun.start.tool_use) is not None:
                number = self._calls[begun.content_block_index] = len(self._calls)
                pieces.append(CallBegan(number, used.tool_use_id, used.name))
        elif name == "messageStop":
            stopped = _STOP.decode(payload)
            sequence = _sequence(stopped.additional_model_response_fields)
            try:
                reason = _reason(stopped.stop_reason, has_calls=bool(self._calls))
            except UpstreamFailed as failure:
                self._failure = failure  # raised once the usage, which is still to come, is known
            else:
                self._is_stopped = True
                pieces.append(Finished(reason, 0, sequence))
        elif name == "metadata":
            counted = _METADATA.decode(payload).usage
            if counted is not None:
                pieces.append(Counted(_usage(counted)))
            if self._failure is not None:
                raise self._failure
            if self._is_stopped and not self._is_ended:
                self._is_ended = True
                pieces.append(Ended())

    def _delta(self, delta: _Delta, block: int, pieces: list[Piece]) -> None:
        if delta.text is not None:
            pieces.append(TextPiece(delta.text))
        elif delta.tool_use is not None:
            if block not in self._calls:
                raise Broken("The provider's stream goes on with a tool call that never began.")
            pieces.append(CallPiece(self._calls[block], delta.tool_use.input))
        elif (thought := delta.reasoning_content) is not None:
            if thought.redacted_content is not None:
                pieces.append(ThinkingPiece(thought.redacted_content, is_redacted=True))
            else:
                pieces.append(ThinkingPiece(thought.text or "", signature=thought.signature))


def read_answer(body: bytes) -> Answer:
    """Return the whole answer. Raises Broken; UpstreamFailed where the model has failed."""
    try:
        response = _RESPONSE.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Broken(f"The provider's answer is not Converse's: {error}") from None
    parts = [part for block in response.output.message.content for part in [_part(block)] if part]
    reason = _reason(response.stop_reason, has_calls=any(isinstance(p, Call) for p in parts))
    choice = Choice(tuple(parts), reason, _sequence(response.additional_model_response_fields))
    usage = None if response.usage is None else _usage(response.usage)
    return Answer(id="", model="", choices=(choice,), usage=usage)


def _part(block: _Block) -> Text | Thinking | Call | None:
    if block.text is not None:
        return Text(block.text)
    if (used := block.tool_use) is not None:
        return Call(used.tool_use_id, used.name, bytes(used.input).decode())
    if (thought := block.reasoning_content) is not None:
        if thought.redacted_content is not None:
            return Thinking(thought.redacted_content, is_redacted=True)
        if thought.reasoning_text is not None:
            return Thinking(thought.reasoning_text.text, thought.reasoning_text.signature)
    if block.citations_content is not None:
        return Text("".join(quote.text for quote in block.citations_content.content))
    return None


def _reason(said: str, *, has_calls: bool) -> Reason:
    reason = _REASONS.get(said)
    if reason is None:
        raise UpstreamFailed(f"The model broke its answer off ({said}).")
    return "tool_calls" if reason == "stop" and has_calls else reason


def _sequence(fields: dict[str, Any] | None) -> str | None:
    found = (fields or {}).get("stop_sequence")
    return found if isinstance(found, str) else None


def _usage(counted: _Usage) -> Usage:
    """Return the usage: `inputTokens` are those that no cache has read or written
    (docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html).
    """
    read, written = counted.cache_read_input_tokens, counted.cache_write_input_tokens
    prompt = counted.input_tokens + read + written
    if not counted.cache_details:
        return Usage(prompt, counted.output_tokens, read, written)
    hour = sum(kept.input_tokens for kept in counted.cache_details if kept.ttl == "1h")
    return Usage(prompt, counted.output_tokens, read, written, min(hour, written))


def read_said(body: bytes) -> Said:
    """Return what an error's body says. Its kind, where the body names it, says its status too."""
    try:
        error = _ERROR.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Said()
    message = error.get("message") or error.get("Message")
    code = error.get("__type") or error.get("code")
    name = code.rpartition("#")[2] if isinstance(code, str) else None
    return Said(
        message=message if isinstance(message, str) else "",
        code=name,
        status=_STATUSES.get(name or ""),
    )


def _failure(message: EventMessage) -> TramontaneError:
    """Return what a message says that is no event."""
    name = message.headers.get(":exception-type") or message.headers.get(":error-code") or "error"
    said = read_said(message.payload).message or message.headers.get(":error-message", "")
    text = f"The provider failed ({name}): {said}"
    if name == "throttlingException":
        return RateLimited(text)
    if name == "serviceUnavailableException":
        return Unavailable(text)
    return UpstreamFailed(text)
