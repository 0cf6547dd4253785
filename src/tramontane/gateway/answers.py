"""An upstream's answer as an exchange awaits it, and what its refusals mean for the client."""

import random
import re
from collections.abc import Callable
from functools import partial

import msgspec

from tramontane.errors import (
    InvalidRequest,
    RateLimited,
    TramontaneError,
    Unavailable,
    UpstreamFailed,
)
from tramontane.gateway.directory import Deployment
from tramontane.gateway.engine_stream import EngineStream
from tramontane.gateway.flow import Signal
from tramontane.gateway.relay import Gathered, Progress, Sink, StreamRelay
from tramontane.gateway.translated_stream import PassedStream, TranslatedSink, TranslatedStream
from tramontane.gateway.translation import Translation
from tramontane.wire.canonical import Said
from tramontane.wire.dialect import StreamReader, StreamWriter
from tramontane.wire.http import ResponseHead
from tramontane.wire.openai.chunks import Chunks
from tramontane.wire.openai.engine_errors import explain_refusal

FAILURES = frozenset((401, 403, 404, *range(500, 600)))
"""Statuses that say nothing of the request: the deployment itself is not as it should be."""
UNWELL = FAILURES | {429}

RETRY_AFTER_MOST_S = 3600.0
KEY_PART_LEAST = 16  # shorter ones could be anybody's words
TOO_LARGE = b"is too large to process"  # an input to be embedded: a 500 of the engine's
_is_word = re.compile(r"[\w.-]{1,64}").fullmatch


class WholeBody:
    """A body that is no stream, kept until it is whole."""

    __slots__ = ("_limit_bytes", "_pieces", "_size", "progress")

    def __init__(self, limit_bytes: int) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._limit_bytes = limit_bytes
        self.progress = Progress()

    def feed(self, payload: bytes, framed: bytes | None) -> None:
        """Keep what came; raises UpstreamFailed past the limit."""
        self._size += len(payload)
        if self._size > self._limit_bytes:
            raise UpstreamFailed("The upstream's answer is too large.")
        self._pieces.append(payload)

    def end(self) -> None:
        """Nothing to check: the framing says where it ends."""

    def result(self) -> bytes:
        """Return the whole body."""
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)


Body = StreamRelay | EngineStream | TranslatedStream | PassedStream | Gathered | WholeBody


class Answer:
    """An upstream's answer as the exchange awaits it: first the head, then the end."""

    __slots__ = ("_body", "_early", "_note_bytes", "ended", "head")

    def __init__(self, note_bytes: Callable[[], None]) -> None:
        self._note_bytes = note_bytes
        self._body: Body | None = None
        self._early: bytes | None = None  # the whole body, here before anybody asked for it
        self.head: Signal[ResponseHead] = Signal()
        self.ended: Signal[None] = Signal()

    def read_into(self, body: Body) -> None:
        """Choose who takes the body; called as soon as the head is known."""
        self._body = body
        early = self._early
        if early is not None:
            self._early = None
            self.body_received(early, None)
            if not self.ended.is_given:  # else it was broken, whatever its framing says
                self.answer_ended()

    def head_received(self, head: ResponseHead) -> None:
        self.head.resolve(head)

    def answer_received(self, head: ResponseHead, body: bytes) -> None:
        self._early = body
        self.head.resolve(head)

    def body_received(self, payload: bytes, framed: bytes | None) -> None:
        body = self._body
        if body is None:
            return
        self._note_bytes()
        try:
            body.feed(payload, framed)
        except TramontaneError as error:
            self.ended.fail(error)
            return
        if body.progress.is_done:
            self.ended.resolve(None)

    def answer_ended(self) -> None:
        try:
            if self._body is not None:
                self._body.end()
        except TramontaneError as error:
            self.ended.fail(error)
        else:
            self.ended.resolve(None)

    def answer_failed(self, error: UpstreamFailed) -> None:
        self.head.fail(error)
        self.ended.fail(error)


def relay_for(
    begin: Callable[[], Sink],
    translation: Translation | None,
    writer: StreamWriter | None,
    chunks: Chunks | None,
    *,
    choices: int,
    drops_usage: bool,
    checkpoint: Callable[[int], None],
    settle: Callable[[Progress], None],
) -> StreamRelay | EngineStream | TranslatedStream | PassedStream:
    """Return what takes a stream: an engine's where there are `chunks`, else a provider's, spliced
    where there is no `translation`. `begin` is called before the first bytes go out.
    """
    if chunks is not None:
        if translation is not None and writer is not None:
            reader = translation.upstream.reader()
            begin = partial(_translated, begin, reader, writer)
        return EngineStream(
            begin, chunks, drops_usage=drops_usage, checkpoint=checkpoint, settle=settle
        )
    if translation is not None and writer is not None:
        return translation.relay(
            begin, writer, choices=choices, checkpoint=checkpoint, settle=settle
        )
    return StreamRelay(
        begin, choices=choices, drops_usage=drops_usage, checkpoint=checkpoint, settle=settle
    )


def _translated(begin: Callable[[], Sink], reader: StreamReader, writer: StreamWriter) -> Sink:
    return TranslatedSink(begin(), reader, writer)


def require_type(head: ResponseHead, expected: bytes) -> None:
    """Raise UpstreamFailed unless the answer is of the `expected` content type."""
    if not head.content_type.startswith(expected):
        shown = head.content_type[:60].decode("latin-1") or "no content-type"
        raise UpstreamFailed(f"The upstream answered with {shown} instead of {expected.decode()}.")


def refusal(
    head: ResponseHead,
    body: bytes,
    deployment: Deployment,
    offered: Deployment,
    translation: Translation | None = None,
) -> TramontaneError:
    """Return what an upstream's status other than 200 means for the client, to whom `deployment`
    is `offered`.

    400, 413 and 422 are the client's own (its message is kept); 401 to 404 mean that our
    configuration is wrong, which is not the client's to see as its own.
    """
    status, name = head.status, offered.shown_name
    body = _without_key(body, deployment)
    if deployment.is_local and (status in (400, 501) or TOO_LARGE in body):
        operation = "chat" if translation is None else translation.operation
        return explain_refusal(_error_of(body), operation)
    if status in (400, 413, 422):
        said = _said(_error_of(body)) if translation is None else translation.read_error(body)
        if said.status is None:
            return _invalid(said)
        status = said.status
    if status == 429:
        return RateLimited(
            f"The provider of '{name}' is limiting our requests.",
            code="upstream_rate_limited",
            retry_after_s=_wait_s(head, body, translation),
        )
    if status in (401, 403, 404):
        return UpstreamFailed(
            f"The provider of '{name}' refused our key, model or path (status {status}):"
            " its operator must check the deployment's settings.",
            code="upstream_refused",
        )
    if 300 <= status < 400:
        return UpstreamFailed("The upstream answered with a redirect, which is never followed.")
    if status in (503, 529):  # the latter is Anthropic's word for it
        return Unavailable(
            f"The provider of '{name}' is overloaded.",
            code="upstream_overloaded",
            retry_after_s=_wait_s(head, body, translation),
        )
    return UpstreamFailed(f"The upstream of '{name}' failed with status {status}.")


def _invalid(said: Said) -> InvalidRequest:
    error = InvalidRequest(
        said.message[:2000] or "The model refused this request as invalid.",
        code=said.code if said.code is not None and _is_word(said.code) else "invalid_request",
        param=said.param[:200] if said.param is not None else None,
    )
    error.status = 400
    return error


def _without_key(body: bytes, deployment: Deployment) -> bytes:
    """A provider may repeat our key in its error: the client must not see it."""
    authorization = deployment.authorization
    if authorization is not None:
        body = body.replace(authorization.removeprefix(b"Bearer "), b"[key]")
    secret = deployment.secret or ""
    for part in (secret, *secret.split(":")):  # AWS's have up to three, which are sent apart
        if len(part) >= KEY_PART_LEAST or (part and part == secret):
            body = body.replace(part.encode(), b"[key]")
    return body


def _said(error: dict[str, object]) -> Said:
    message, code, param = error.get("message"), error.get("code"), error.get("param")
    return Said(
        message=message if isinstance(message, str) else "",
        code=code if isinstance(code, str) else None,
        param=param if isinstance(param, str) else None,
    )


def _error_of(body: bytes) -> dict[str, object]:
    try:
        error = msgspec.json.decode(body, type=dict[str, object]).get("error")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return error if isinstance(error, dict) else {}


def _wait_s(head: ResponseHead, body: bytes, translation: Translation | None) -> float:
    """Return how long to wait: as the head says, else as the body does, else about a second."""
    told = _seconds(head.retry_after)
    if not told and translation is not None:
        told = translation.read_error(body).retry_after_s
    return min(told, RETRY_AFTER_MOST_S) if told else 1 + random.random()


def _seconds(value: bytes) -> float | None:
    if not value.isdigit():
        return None
    return min(float(value), RETRY_AFTER_MOST_S)
