"""A model's answer as typed events, from the bytes of an OpenAI stream, and its errors as ours.

Pure: bytes in, events out, whatever the reads' borders. It does not know where they come from.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tramontane import errors
from tramontane.errors import TramontaneError, UpstreamFailed
from tramontane.money import Usage
from tramontane.wire.openai.events import DONE, read_event
from tramontane.wire.sse import EventSplitter, EventTooLarge, data_of

_QUEUED = re.compile(rb"^: queued position=(\d+) eta_s=(\d+(?:\.\d+)?)", re.MULTILINE)
_SERVING = re.compile(rb"^: serving deployment=(\S+)", re.MULTILINE)
_RETRY = re.compile(rb"^retry: ?(\d+)", re.MULTILINE)


class Queued(msgspec.Struct, frozen=True, tag="queued"):
    """The request waits for a place at the model: `position` 1 is next. Said again as it moves."""

    position: int
    eta_s: float


class Opened(msgspec.Struct, frozen=True, tag="opened"):
    """A model has taken the request. `model` is the name that was asked for, `deployment` what
    serves it. Said again, before any text, where another deployment has to take over.
    """

    request_id: str
    model: str
    deployment: str


class TextDelta(msgspec.Struct, frozen=True, tag="text"):
    """More of the answer's text."""

    text: str


class ReasoningDelta(msgspec.Struct, frozen=True, tag="reasoning"):
    """More of what the model thinks before it answers."""

    text: str


class ToolCallDelta(msgspec.Struct, frozen=True, tag="tool_call"):
    """More of call `index`. `id` and `name` come once; `arguments` are pieces of JSON to join."""

    index: int
    id: str | None
    name: str | None
    arguments: str


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """The answer is whole. `reason` is `stop`, `length`, `tool_calls` or `content_filter`.

    `usage` is what the model's own server counted; None where it gave none.
    """

    reason: str
    usage: Usage | None


Event = Queued | Opened | TextDelta | ReasoningDelta | ToolCallDelta | Finished


class _Function(msgspec.Struct, frozen=True):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(msgspec.Struct):
    index: int = 0
    id: str | None = None
    function: _Function = _Function()


class _Delta(msgspec.Struct):
    content: Any = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    error: Any = None


_decode = msgspec.json.Decoder(_Chunk).decode


class TokenStream:
    """Reads one stream. `begin` with the head's fields, then `feed`, then `end`."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._splitter = EventSplitter()
        self._request_id = ""
        self._deployment = ""
        self._is_opened = False
        self._is_done = False
        self._reason: str | None = None
        self._usage: Usage | None = None

    def begin(self, fields: Mapping[str, str]) -> None:
        """Take in the answer's head; `fields` are found by lower-case names."""
        self._request_id = fields.get("x-request-id", "")
        self._deployment = fields.get("x-tramontane-deployment", "")

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield what `data` completes. Raises the error that the stream holds, or UpstreamFailed
        where it is no such stream.
        """
        try:
            whole = self._splitter.feed(data)
        except EventTooLarge as error:
            raise UpstreamFailed(f"The answer cannot be read: {error}.") from None
        for event in whole:
            if not self._is_done:
                yield from self._read(event)

    def end(self) -> None:
        """The stream has ended. Raises UpstreamFailed where its answer has not."""
        if not self._is_done:
            raise UpstreamFailed("The answer broke off before its end.", code="answer_cut_short")

    def _read(self, event: bytes) -> Iterator[Event]:
        data = data_of(event)
        if data is None:
            yield from self._read_comment(event)
        elif data == DONE:
            self._is_done = True
            yield from self._open()
            yield Finished(self._reason or "stop", self._usage)
        else:
            yield from self._read_chunk(data, event)

    def _read_comment(self, event: bytes) -> Iterator[Event]:
        queued, serving = _QUEUED.search(event), _SERVING.search(event)
        if queued is not None:
            yield Queued(int(queued[1]), float(queued[2]))
        if serving is not None:
            deployment = serving[1].decode("latin-1")
            if deployment != self._deployment:
                self._deployment, self._is_opened = deployment, False
            yield from self._open()

    def _open(self) -> Iterator[Event]:
        if not self._is_opened:
            self._is_opened = True
            yield Opened(self._request_id, self._model, self._deployment)

    def _read_chunk(self, data: bytes, event: bytes) -> Iterator[Event]:
        try:
            chunk = _decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise UpstreamFailed("The answer holds an event that cannot be read.") from None
        if chunk.error is not None and chunk.choices is None:
            retry = _RETRY.search(event)
            raise error_of(data, None, {"retry-after-ms": retry[1].decode()} if retry else {})
        yield from self._open()
        self._usage = read_event(data).usage or self._usage
        for choice in chunk.choices or ():
            if choice.index != 0:
                continue
            if choice.delta is not None:
                yield from _deltas(choice.delta)
            self._reason = choice.finish_reason or self._reason


def _deltas(delta: _Delta) -> Iterator[Event]:
    reasoning = delta.reasoning_content or delta.reasoning
    if reasoning:
        yield ReasoningDelta(reasoning)
    yield from _content(delta.content)
    if delta.refusal:
        yield TextDelta(delta.refusal)
    for call in delta.tool_calls or ():
        function = call.function
        yield ToolCallDelta(call.index, call.id, function.name, function.arguments or "")


def _content(content: Any) -> Iterator[Event]:
    """Yield text, also in the pieces that Mistral's reasoning models send."""
    if isinstance(content, str):
        if content:
            yield TextDelta(content)
        return
    for piece in content if isinstance(content, list) else ():
        if not isinstance(piece, dict):
            continue
        if isinstance(piece.get("text"), str):
            yield TextDelta(piece["text"])
        for thought in _content(piece.get("thinking")):
            if isinstance(thought, TextDelta):
                yield ReasoningDelta(thought.text)


# --- errors ---------------------------------------------------------------------------------------

_BY_STATUS: dict[int, type[TramontaneError]] = {
    400: errors.InvalidRequest,
    401: errors.Unauthenticated,
    403: errors.Forbidden,
    404: errors.NotFound,
    409: errors.Conflict,
    413: errors.PayloadTooLarge,
    429: errors.RateLimited,
    502: errors.UpstreamFailed,
    503: errors.Unavailable,
    504: errors.UpstreamTimeout,
}
_BY_TYPE: dict[str, type[TramontaneError]] = {
    "authentication_error": errors.Unauthenticated,
    "permission_error": errors.Forbidden,
    "invalid_request_error": errors.InvalidRequest,
    "rate_limit_error": errors.RateLimited,
    "server_error": errors.UpstreamFailed,
}
_BY_CODE: dict[str, type[TramontaneError]] = {
    kind.code: kind
    for kind in (
        errors.BudgetExhausted,
        errors.Overloaded,
        errors.Stopping,
        errors.Unavailable,
        errors.UpstreamTimeout,
    )
}


class _Error(msgspec.Struct):
    message: str = ""
    type: str = ""
    param: str | None = None
    code: str | None = None
    may_cost: str | None = None
    left: str | None = None
    currency: str | None = None


class _Envelope(msgspec.Struct):
    error: _Error


def error_of(body: bytes, status: int | None, fields: Mapping[str, str]) -> TramontaneError:
    """Return the gateway's error as the exception that it was, with its code, param and wait.

    `status` None: it stood inside a stream, and its own words say of what kind it is.
    """
    try:
        said = msgspec.json.decode(body, type=_Envelope).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = _Error(message="The gateway answered with an error that cannot be read.")
    kind = _BY_CODE.get(said.code or "")
    if kind is None and status is not None:
        kind = _BY_STATUS.get(status)
    if kind is None:
        kind = _BY_TYPE.get(said.type, TramontaneError)
    error = kind(
        said.message,
        code=said.code,
        status=status,
        param=said.param,
        retry_after_s=_wait_s(fields),
    )
    if isinstance(error, errors.BudgetExhausted):
        error.telling(said.may_cost, said.left, said.currency)
    return error


def _wait_s(fields: Mapping[str, str]) -> float | None:
    text = fields.get("retry-after-ms", "")
    return int(text) / 1000 if text.isdigit() else None
