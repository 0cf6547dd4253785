"""Steps 1 and 2: clients' connections, from bytes to a request with a principal.

Heads are parsed by httptools (llhttp, strict) and held to caps on size and time; ambiguous
framing is refused. Token paths go to an `Exchange`, a few answers are given here, everything else
is spliced to the studio. It does not know models, prices or what a body means.
"""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Protocol, cast
from urllib.parse import unquote_to_bytes

import httptools

from tramontane.config import ServerSettings
from tramontane.errors import (
    InvalidRequest,
    NotFound,
    Overloaded,
    PayloadTooLarge,
    TramontaneError,
)
from tramontane.gateway.directory import Principal
from tramontane.gateway.exchange import Exchange, error_fields
from tramontane.wire.http import LAST_CHUNK, REASONS, chunk
from tramontane.wire.openai import errors as openai_errors

if TYPE_CHECKING:
    from tramontane.gateway.splice import Splice

HEADER_FIELDS_MAX = 100
PIPELINED_MAX = 16
LINGER_S = 2.0
WRITE_HIGH_BYTES = 65_536
TOKEN_PATHS = {b"/v1/chat/completions": "chat"}
_SINGLE = frozenset((b"host", b"authorization", b"content-type", b"content-length"))
_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-cache\r\n"
)


class Request:
    """One request as its head told it; `body` grows until `is_complete`."""

    __slots__ = (
        "body", "expects_continue", "fields", "fields_bytes", "is_complete", "is_http_10",
        "keep_alive", "length", "method", "path", "principal", "query", "refusal", "size",
        "splice", "target",
    )  # fmt: skip

    def __init__(self) -> None:
        self.method = b""
        self.target = b""
        self.path = b""
        self.query = b""
        self.fields: dict[bytes, bytes] = {}
        self.fields_bytes = 0
        self.length: int | None = None
        self.body: list[bytes] = []
        self.size = 0
        self.is_complete = False
        self.is_http_10 = False
        self.keep_alive = True
        self.expects_continue = False
        self.principal: Principal | None = None
        self.refusal: TramontaneError | None = None
        self.splice: Splice | None = None

    @property
    def credential(self) -> bytes | None:
        """The API key as sent, in any of the headers that client libraries use."""
        fields = self.fields
        return fields.get(b"authorization") or fields.get(b"x-api-key") or fields.get(b"api-key")


class Gateway(Protocol):
    """What connections need of the process around them."""

    settings: ServerSettings
    now_s: float  # coarse: set by the sweeper
    date_field: bytes
    buffered_bytes: int
    is_draining: bool

    def authenticate(self, credential: bytes | None) -> Principal: ...
    def still_holds(self, principal: Principal) -> bool: ...
    def new_exchange(self, client: "ClientConnection", principal: Principal) -> Exchange: ...
    def new_request_id(self) -> str: ...
    def local_answer(self, request: Request) -> "tuple[int, bytes, bytes] | None": ...
    def new_splice(self, client: "ClientConnection", request: Request) -> "Splice": ...
    def count_refused(self, status: int, code: str) -> None: ...
    def connected(self, client: "ClientConnection") -> None: ...
    def disconnected(self, client: "ClientConnection") -> None: ...


class ClientConnection(asyncio.Protocol):
    """One client's connection: requests come one after another, answers in the same order."""

    __slots__ = (
        "_active", "_credential", "_discarding", "_exchange", "_gateway", "_parser", "_principal",
        "_queue", "_reading", "_request", "_transport", "deadline_s", "is_open", "peer",
        "write_blocked_s",
    )  # fmt: skip

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._request: Request | None = None  # being read
        self._queue: deque[Request] = deque()  # read, waiting for their turn
        self._active: Request | None = None  # being answered
        self._exchange: Exchange | None = None
        self._credential: bytes | None = None  # of the last request, and whose it was
        self._principal: Principal | None = None
        self._discarding = False
        self._reading = True
        self.is_open = False
        self.peer = ""
        self.deadline_s: float | None = None
        self.write_blocked_s: float | None = None

    # --- transport -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)
        self.is_open = True
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]) if isinstance(peer, tuple) else "local"
        self.deadline_s = self._gateway.now_s + self._gateway.settings.idle_timeout_s
        self._gateway.connected(self)

    def data_received(self, data: bytes) -> None:
        if self._discarding:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse_connection(
                InvalidRequest("Upgrade is not supported.", code="upgrade_not_supported"), 501
            )
            return
        except httptools.HttpParserError as error:
            self._refuse_framing(error)
            return
        request = self._request
        if request is not None and not request.is_complete and self._active is not request:
            self._check_unfinished(request)
        if self._queue and self._active is None:
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        gateway = self._gateway
        for request in (self._request, self._active, *self._queue):
            if request is not None:
                self._release_body(request)
        exchange, self._exchange = self._exchange, None
        splice = self._active.splice if self._active is not None else None
        self._active = None
        self._queue.clear()
        gateway.disconnected(self)
        if exchange is not None:
            exchange.client_left()
        if splice is not None:
            splice.client_left()

    def pause_writing(self) -> None:
        self.write_blocked_s = self._gateway.now_s
        if self._exchange is not None:
            self._exchange.pause()
        elif self._active is not None and self._active.splice is not None:
            self._active.splice.pause()

    def resume_writing(self) -> None:
        self.write_blocked_s = None
        if self._exchange is not None:
            self._exchange.resume()
        elif self._active is not None and self._active.splice is not None:
            self._active.splice.resume()

    def pause_reading(self) -> None:
        """Read no more of this client for now."""
        if self._reading and self._transport is not None and self.is_open:
            self._reading = False
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if not self._reading and self._transport is not None and self.is_open:
            self._reading = True
            self._transport.resume_reading()

    # --- the parser's callbacks ------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._request = Request()
        self.deadline_s = self._gateway.now_s + self._gateway.settings.head_timeout_s

    def on_url(self, url: bytes) -> None:
        assert self._request is not None
        self._request.target += url
        self._request.fields_bytes += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        request = self._request
        assert request is not None
        name = name.lower()
        fields = request.fields
        request.fields_bytes += len(name) + len(value) + 4
        if name in fields:
            if name in _SINGLE:
                request.refusal = InvalidRequest(
                    f"The header '{name.decode('latin-1')}' stands twice.", code="duplicate_header"
                )
            else:
                value = fields[name] + (b"; " if name == b"cookie" else b", ") + value
        elif len(fields) >= HEADER_FIELDS_MAX:
            request.refusal = _head_too_large()
            return
        fields[name] = value

    def on_headers_complete(self) -> None:
        request = self._request
        assert request is not None
        parser, gateway = self._parser, self._gateway
        request.method = parser.get_method()
        request.is_http_10 = parser.get_http_version() == "1.0"
        request.keep_alive = parser.should_keep_alive() and not gateway.is_draining
        request.path, _, request.query = request.target.partition(b"?")
        fields = request.fields
        length = fields.get(b"content-length")
        if length is not None:
            request.length = int(length)
        request.expects_continue = b"expect" in fields
        if request.fields_bytes > gateway.settings.head_bytes:
            request.refusal = _head_too_large()
        if request.refusal is None:
            try:
                self._admit(request)
            except TramontaneError as error:
                request.refusal = error
        if request.refusal is None:
            if request.expects_continue and self._active is None:
                self.write_raw(b"HTTP/1.1 100 Continue\r\n\r\n")
            if request.splice is not None and self._active is None:
                self._active = request
                request.splice.start()
        self.deadline_s = gateway.now_s + gateway.settings.body_timeout_s

    def on_body(self, data: bytes) -> None:
        request = self._request
        assert request is not None
        if request.refusal is not None:
            return
        request.size += len(data)
        gateway = self._gateway
        if request.splice is not None:
            if request.size > gateway.settings.upload_bytes:
                request.refusal = _body_too_large(gateway.settings.upload_bytes)
                request.splice.client_left()
                return
            request.splice.upload_received(data)
            self.deadline_s = gateway.now_s + gateway.settings.body_timeout_s
            return
        if request.size > gateway.settings.body_bytes:
            request.refusal = _body_too_large(gateway.settings.body_bytes)
            return
        gateway.buffered_bytes += len(data)
        request.body.append(data)
        if gateway.buffered_bytes > gateway.settings.all_bodies_bytes:
            request.refusal = Overloaded(
                "Too many large requests are arriving at once.", retry_after_s=1
            )

    def on_message_complete(self) -> None:
        request = self._request
        assert request is not None
        request.is_complete = True
        self._request = None
        self.deadline_s = None
        if request is self._active:
            if request.splice is not None:
                request.splice.upload_ended()
            return
        self._queue.append(request)
        if len(self._queue) + (self._active is not None) > 1:
            self.pause_reading()
        if len(self._queue) > PIPELINED_MAX:
            request.refusal = InvalidRequest("Too many pipelined requests.", code="pipelining")

    # --- from head to answer ---------------------------------------------------------------------

    def _admit(self, request: Request) -> None:
        """Check what the head alone tells, and step 2. Raises what refuses the request."""
        fields, path = request.fields, request.path
        if b"host" not in fields and not request.is_http_10:
            raise InvalidRequest("The header 'host' is missing.", code="missing_host")
        if not path.startswith(b"/"):
            raise InvalidRequest("The request target must begin with '/'.", code="invalid_target")
        if path not in TOKEN_PATHS:
            if path.startswith((b"/v1/", b"/health", b"/ready", b"/metrics")) or path == b"/v1":
                return
            request.splice = self._gateway.new_splice(self, request)
            return
        if request.method != b"POST":
            error = InvalidRequest(f"Use POST for {path.decode()}.", code="method_not_allowed")
            error.status = 405
            raise error
        request.principal = self._authenticate(request.credential)
        if b"content-encoding" in fields and fields[b"content-encoding"] != b"identity":
            error = InvalidRequest("Send the body without content-encoding.", code="encoding")
            error.status = 415
            raise error
        if request.length is not None and request.length > self._gateway.settings.body_bytes:
            raise _body_too_large(self._gateway.settings.body_bytes)

    def _authenticate(self, credential: bytes | None) -> Principal:
        """Step 2; a connection that goes on with the same key is not looked up again."""
        principal = self._principal
        if (
            principal is None
            or credential != self._credential
            or not self._gateway.still_holds(principal)
        ):
            principal = self._principal = self._gateway.authenticate(credential)
            self._credential = credential
        return principal

    def _check_unfinished(self, request: Request) -> None:
        """After a read that did not complete a request: refuse early what can only be refused."""
        if request.fields_bytes > self._gateway.settings.head_bytes:
            request.refusal = request.refusal or _head_too_large()
        if request.refusal is not None and self._active is None and not self._queue:
            self._refuse_connection(request.refusal)

    def _next(self) -> None:
        """Answer the request that has waited longest."""
        request = self._active = self._queue.popleft()
        if not self._queue:
            self.resume_reading()
        if request.refusal is not None:
            self._refuse_connection(request.refusal)
        elif request.principal is not None:
            body = request.body[0] if len(request.body) == 1 else b"".join(request.body)
            exchange = self._gateway.new_exchange(self, request.principal)
            self._exchange = exchange
            if request.body:
                self._release_body(request)
            exchange.start(body)
        elif request.splice is not None:
            request.splice.start()
            request.splice.upload_ended()
        else:
            self._answer_locally(request)

    def _answer_locally(self, request: Request) -> None:
        try:
            answer = self._gateway.local_answer(request)
            if answer is None:
                raise NotFound(
                    f"There is nothing at {unquote_to_bytes(request.path).decode('latin-1')[:200]}."
                    " Chat is at POST /v1/chat/completions, models at GET /v1/models.",
                    code="unknown_path",
                )
        except TramontaneError as error:
            self.refuse(error)
            return
        status, fields, body = answer
        self.respond(status, fields, body)

    def refuse(self, error: TramontaneError) -> None:
        """Answer with `error` in the dialect's form."""
        self._gateway.count_refused(error.status, error.code)
        fields = error_fields(error, self._gateway.new_request_id())
        self.respond(error.status, fields, openai_errors.render(error))

    def _refuse_connection(self, error: TramontaneError, status: int | None = None) -> None:
        """Answer with `error` and close, reading away for a moment what the client still sends."""
        if status is not None:
            error.status = status
        if self._active is None:
            self._active = self._request or Request()
        self._active.keep_alive = False
        self._discarding = True
        self.refuse(error)

    def _refuse_framing(self, error: httptools.HttpParserError) -> None:
        if self._active is not None and self._exchange is not None:
            self._exchange.throw(InvalidRequest("The connection broke the protocol."))
            self.abort()
            return
        text = str(error)[:200] or type(error).__name__
        self._refuse_connection(
            InvalidRequest(f"This is not a valid HTTP/1.1 request: {text}.", code="malformed_http")
        )

    # --- answering -------------------------------------------------------------------------------

    def write_raw(self, data: bytes) -> None:
        """Send bytes that are framed already."""
        if self.is_open and self._transport is not None:
            self._transport.write(data)

    def respond(self, status: int, fields: bytes, body: bytes) -> None:
        """Send one whole answer. `fields` are header lines; JSON unless they say otherwise."""
        request = self._active
        keep_alive = request is not None and request.keep_alive
        type_field = b"" if b"content-type:" in fields else b"content-type: application/json\r\n"
        head = b"HTTP/1.1 %d %b\r\n%bcontent-length: %d\r\n%b%b%b\r\n" % (
            status,
            REASONS.get(status, b""),
            type_field,
            len(body),
            self._gateway.date_field,
            fields,
            b"" if keep_alive else b"connection: close\r\n",
        )
        if request is not None and request.method == b"HEAD":
            body = b""
        self.write_raw(head + body)
        self.finish()

    def start_stream(self, fields: bytes) -> None:
        """Begin an event stream."""
        request = self._active
        assert request is not None
        if request.is_http_10:
            request.keep_alive = False
            framing = b""
        else:
            framing = b"transfer-encoding: chunked\r\n"
        close = b"" if request.keep_alive else b"connection: close\r\n"
        date = self._gateway.date_field
        self.write_raw(b"%b%b%b%b%b\r\n" % (_STREAM_HEAD, framing, close, date, fields))

    def write_chunks(self, framed: bytes, payload: bytes) -> None:
        """Pass on `framed`, which is `payload` in chunks."""
        if self.is_open and self._transport is not None:
            is_http_10 = self._active is not None and self._active.is_http_10
            self._transport.write(payload if is_http_10 else framed)

    def write_payload(self, payload: bytes) -> None:
        """Send `payload` as one chunk."""
        if self._active is not None and self._active.is_http_10:
            self.write_raw(payload)
        else:
            self.write_raw(chunk(payload))

    def end_stream(self) -> None:
        """End the stream; the connection stays."""
        if self._active is not None and not self._active.is_http_10:
            self.write_raw(LAST_CHUNK)
        self.finish()

    def break_stream(self) -> None:
        """End the stream and the connection after it: the answer is not whole."""
        if self._active is not None:
            self._active.keep_alive = False
            if not self._active.is_http_10:
                self.write_raw(LAST_CHUNK)
        self.finish()

    def finish(self) -> None:
        """The answer is out: on to the next request, or close."""
        request, self._active, self._exchange = self._active, None, None
        gateway = self._gateway
        if not self.is_open or self._transport is None:
            return
        if request is not None and request.body:
            self._release_body(request)
        if request is None or not request.keep_alive:
            if self._discarding or (request is not None and not request.is_complete):
                self._discarding = True
                self.deadline_s = gateway.now_s + LINGER_S
                if self._transport.can_write_eof():
                    self._transport.write_eof()
            else:
                self._transport.close()
            return
        if self._request is None:
            self.deadline_s = gateway.now_s + gateway.settings.idle_timeout_s
        if self._queue:
            asyncio.get_running_loop().call_soon(self._next_if_idle)

    def _next_if_idle(self) -> None:
        if self._queue and self._active is None and self.is_open:
            self._next()

    def _release_body(self, request: Request) -> None:
        self._gateway.buffered_bytes -= sum(map(len, request.body))
        request.body.clear()

    # --- the sweeper -----------------------------------------------------------------------------

    def sweep(self, now_s: float) -> None:
        """Close or refuse what has taken too long."""
        if self.write_blocked_s is not None:
            if now_s - self.write_blocked_s > self._gateway.settings.write_timeout_s:
                self.abort()
            return
        if self.deadline_s is None or now_s < self.deadline_s:
            return
        if self._discarding or self._request is None:
            self.abort()
        elif self._active is not None:
            self.abort()  # an upload that stalled
        else:
            error = InvalidRequest("The request took too long to arrive.", code="request_timeout")
            self._refuse_connection(error, 408)

    def drain(self) -> None:
        """Close once what is under way has been answered."""
        if self._active is not None:
            self._active.keep_alive = False
        elif self._request is None and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()


def _head_too_large() -> TramontaneError:
    error = PayloadTooLarge("The request's head is too large.", code="head_too_large")
    error.status = 431
    return error


def _body_too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The request's body is larger than {limit} bytes.")
