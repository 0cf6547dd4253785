"""Steps 1 and 2: clients' connections, from bytes to a request with a principal.

Heads are parsed by httptools (llhttp, strict) and held to caps on size and time; ambiguous
framing is refused. Token paths go to an `Exchange`, a few answers are given here, everything else
is spliced to the studio. Answers leave in the order of the requests, refusals too. It does not
know models, prices or what a body means.
"""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote_to_bytes

import httptools

from tramontane.errors import InvalidRequest, NotFound, Overloaded, TramontaneError
from tramontane.gateway import endpoints
from tramontane.gateway.directory import Principal
from tramontane.gateway.endpoints import Endpoint
from tramontane.gateway.exchange import Exchange
from tramontane.gateway.fields import error_fields
from tramontane.gateway.keyed import KeyedExchange
from tramontane.gateway.reception import Gateway
from tramontane.gateway.requests import (
    Request,
    body_too_large,
    content_encoded,
    head_too_large,
    method_not_allowed,
    require_text,
)
from tramontane.wire.dialect import EVENT_STREAM
from tramontane.wire.http import LAST_CHUNK, REASONS, chunk

if TYPE_CHECKING:
    from tramontane.gateway.splice import Splice

PIPELINED_MAX = 16
READ_AHEAD = 4  # requests; a client that leaves is noticed while its connection is read
LINGER_S = 2.0
WRITE_HIGH_BYTES = 65_536
FRAMING_MOST = 8  # bytes read per byte of body: one-byte chunks take six
UPLOAD_LEAST_BYTES_S = 4_096
PUBLIC_PATHS = frozenset((b"/health", b"/ready"))
OWN_PATHS = PUBLIC_PATHS | {b"/metrics", b"/v1"}
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-cache\r\n"
)
_OTHER_STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncache-control: no-cache\r\n"


class ClientConnection(asyncio.Protocol):
    """One client's connection: requests come one after another, answers in the same order."""

    __slots__ = (
        "_active", "_credential", "_discarding", "_exchange", "_gateway", "_has_parted", "_parser",
        "_paused_s", "_principal", "_queue", "_reading", "_request", "_transport", "deadline_s",
        "is_open", "peer", "write_blocked_s",
    )  # fmt: skip

    is_private = False

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._request: Request | None = None  # being read
        self._queue: deque[Request] = deque()  # read, waiting for their turn
        self._active: Request | None = None  # being answered
        self._exchange: Exchange | KeyedExchange | None = None
        self._credential: bytes | None = None  # of the last request, and whose it was
        self._principal: Principal | None = None
        self._discarding = False
        self._has_parted = False  # the last answer is out, or on its way: no other follows
        self._reading = True
        self._paused_s = 0.0  # since when nothing is read, where it is not
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
        before = self._request
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._discarding = True  # its request is refused; what follows is another protocol
        except httptools.HttpParserCallbackError:
            raise  # a fault of ours
        except httptools.HttpParserError as error:
            self._break_off(error)
        if self._has_parted:
            return
        request = self._request
        if request is not None:
            self._check_unfinished(request, len(data) if request is before else 0)
        if self._queue and self._active is None and self.write_blocked_s is None:
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
        else:
            self._go_on()

    def pause_reading(self) -> None:
        """Read no more of this client for now."""
        if self._reading and self._transport is not None and self.is_open:
            self._reading = False
            self._paused_s = self._gateway.now_s
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on. While nothing was read, the client's time stood still."""
        if not self._reading and self._transport is not None and self.is_open:
            self._reading = True
            if self.deadline_s is not None:
                self.deadline_s += self._gateway.now_s - self._paused_s
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
        assert self._request is not None
        self._request.add_field(name, value)

    def on_headers_complete(self) -> None:
        request = self._request
        assert request is not None
        parser, gateway = self._parser, self._gateway
        version = parser.get_http_version()
        request.has_head = True
        request.method = parser.get_method()
        request.is_http_10 = version == "1.0"
        request.keep_alive = (
            parser.should_keep_alive() and not request.is_http_10 and not gateway.is_draining
        )
        request.path, _, request.query = request.target.partition(b"?")
        length = request.fields.get(b"content-length")
        if length is not None:
            request.length = int(length)
        if request.refusal is None:
            try:
                request.check_head(version, parser.should_upgrade(), gateway.settings.head_bytes)
                self._admit(request)
            except TramontaneError as error:
                request.refusal = error
        self.deadline_s = gateway.now_s + gateway.settings.body_timeout_s
        if self._active is None and not self._queue and self.write_blocked_s is None:
            self._begin(request)

    def on_body(self, data: bytes) -> None:
        request = self._request
        assert request is not None
        if request.refusal is not None:
            return
        request.size += len(data)
        gateway = self._gateway
        settings = gateway.settings
        if request.splice is not None:
            if request.size > settings.upload_bytes:
                self._refuse_body(request, body_too_large(settings.upload_bytes))
                return
            request.splice.upload_received(data)
        elif request.size > settings.body_bytes:
            self._refuse_body(request, body_too_large(settings.body_bytes))
        elif request.principal is not None:  # nobody else's body is wanted here
            gateway.buffered_bytes += len(data)
            request.held_bytes += len(data)
            request.add_body(data)
            if gateway.buffered_bytes > settings.all_bodies_bytes:
                error = Overloaded("Too many large requests are in memory.", retry_after_s=1)
                self._refuse_body(request, error)

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
        queue = self._queue
        if len(queue) >= PIPELINED_MAX:
            if queue[-1].refusal is not None:
                self._release_body(request)
                return  # nothing after a refused request is answered
            request.refusal = InvalidRequest("Too many pipelined requests.", code="pipelining")
        queue.append(request)
        if len(queue) + (self._active is not None) > READ_AHEAD:
            self.pause_reading()

    # --- from head to answer ---------------------------------------------------------------------

    def _admit(self, request: Request) -> None:
        """Step 2, before anything else is told. Raises what refuses the request."""
        path, settings = request.path, self._gateway.settings
        found = endpoints.find(path) or endpoints.of_models(path, request.fields)
        if found is not None:
            request.place, request.model = found
            principal = self._authenticate(request)
            method = b"POST" if isinstance(request.place, Endpoint) else request.place.method
            if request.method != method and (request.method, method) != (b"HEAD", b"GET"):
                raise method_not_allowed(method.decode(), path)
            if request.fields.get(b"content-encoding", b"identity").lower() != b"identity":
                raise content_encoded()
            if request.length is not None and request.length > settings.body_bytes:
                raise body_too_large(settings.body_bytes)
            request.principal = principal
        elif path in OWN_PATHS or path.startswith(endpoints.STARTS):
            if path not in PUBLIC_PATHS:
                self._gateway.identify(request.credential)
        else:
            if request.length is not None and request.length > settings.upload_bytes:
                raise body_too_large(settings.upload_bytes)
            request.splice = self._gateway.new_splice(self, request)

    def _authenticate(self, request: Request) -> Principal:
        """Step 2; a connection that goes on with the same key is not looked up again."""
        principal, credential = self._principal, request.credential
        if (
            principal is None
            or credential != self._credential
            or not self._gateway.still_holds(principal)
        ):
            principal = self._principal = self._gateway.authenticate(credential)
            self._credential = credential
        return principal

    def _begin(self, request: Request) -> None:
        """The turn of a request that is still arriving: ask for its body, or pass it on."""
        if request.refusal is not None:
            return  # once this read is over
        if request.expects_continue:
            request.expects_continue = False
            self.write_raw(_CONTINUE)
        if request.splice is not None:
            self._active = request
            request.splice.start()

    def _check_unfinished(self, request: Request, grown_bytes: int) -> None:
        """After a read that did not complete a request: refuse early what can only be refused."""
        request.raw_bytes += grown_bytes
        if request.splice is not None:
            self._note_upload(request.splice, grown_bytes)
        most = self._gateway.settings.head_bytes
        if request.has_head:
            most = 2 * most + FRAMING_MOST * request.size
        if request.refusal is None and max(request.raw_bytes, request.fields_bytes) > most:
            self._refuse_body(request, head_too_large())
        if request.refusal is not None and self._active is None and not self._queue:
            self._refuse_connection(request.refusal)

    def _note_upload(self, splice: "Splice", grown_bytes: int) -> None:
        """Slower than UPLOAD_LEAST_BYTES_S over its whole length, or stalled, is too slow."""
        splice.flush()
        most_s = self._gateway.now_s + self._gateway.settings.body_timeout_s
        spared_s = grown_bytes / UPLOAD_LEAST_BYTES_S
        self.deadline_s = min((self.deadline_s or most_s) + spared_s, most_s)

    def _refuse_body(self, request: Request, error: TramontaneError) -> None:
        request.refusal = error
        self._release_body(request)
        if request is self._active and request.splice is not None:
            request.splice.upload_refused(error)

    def _break_off(self, error: httptools.HttpParserError) -> None:
        """What came is no request: refused in its turn, and nothing after it is read."""
        text = str(error)[:200] or type(error).__name__
        request, self._request = self._request or Request(), None
        request.keep_alive = False
        self._discarding = True
        if request.refusal is None:
            self._refuse_body(
                request,
                InvalidRequest(
                    f"This is not a valid HTTP/1.1 request: {text}.", code="malformed_http"
                ),
            )
        if request is not self._active:
            self._queue.append(request)

    def _go_on(self) -> None:
        """Turn to the next request, if there is one and nothing holds it up."""
        if self._active is not None or not self.is_open or self.write_blocked_s is not None:
            return
        if self._has_parted:
            return
        request = self._request
        if self._queue:
            self._next()
        elif request is not None and request.has_head:
            if request.refusal is not None:
                self._refuse_connection(request.refusal)
            else:
                self._begin(request)

    def _next(self) -> None:
        """Answer the request that has waited longest."""
        request = self._active = self._queue.popleft()
        if not self._queue:
            self.resume_reading()
        if request.refusal is not None:
            self._refuse_connection(request.refusal)
        elif request.principal is not None:
            self._begin_exchange(request, request.principal)
        elif request.splice is not None:
            request.splice.start()
            request.splice.upload_ended()
        else:
            self._answer_locally(request)

    def _begin_exchange(self, request: Request, principal: Principal) -> None:
        gateway = self._gateway
        if not gateway.still_holds(principal):  # its key may be gone since the head came
            try:
                principal = self._authenticate(request)
            except TramontaneError as error:
                self.refuse(error)
                return
        pieces = request.body
        body = bytes(pieces[0]) if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()  # still counted, until the answer begins
        place = request.place
        assert place is not None
        try:
            require_text(body)
            if not isinstance(place, Endpoint):
                answer = gateway.answer(place, principal, request, body)
        except TramontaneError as error:
            self.refuse(error)
            return
        if not isinstance(place, Endpoint):
            fields = b"x-request-id: %b\r\n" % gateway.new_request_id().encode()
            self.respond(200, fields, answer)
            return
        exchange = self._exchange = gateway.new_exchange(self, principal, request)
        exchange.start(
            body,
            place,
            model=request.model,
            query=place.query_of(request.query, request.fields),
            drops=request.drops,
        )

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
        fields += b"x-request-id: %b\r\n" % self._gateway.new_request_id().encode()
        self.respond(status, fields, body)

    def refuse(self, error: TramontaneError) -> None:
        """Answer with `error` in the dialect's form."""
        self._gateway.count_refused(error.status, error.code)
        fields = error_fields(error, self._gateway.new_request_id())
        path = self._active.path if self._active is not None else b""
        status, body = endpoints.speaker(path).error(error)
        self.respond(status, fields, body)

    def _refuse_connection(self, error: TramontaneError) -> None:
        """Answer with `error` and close, reading away for a moment what the client still sends."""
        if self._active is None:
            self._active = self._request or Request()
        self._active.keep_alive = False
        self._discarding = True
        self.refuse(error)

    # --- answering -------------------------------------------------------------------------------

    def write_raw(self, data: bytes) -> None:
        """Send bytes that are framed already."""
        if self.is_open and self._transport is not None:
            self._transport.write(data)

    def respond(self, status: int, fields: bytes, body: bytes) -> None:
        """Send one whole answer. `fields` are header lines; JSON unless they say otherwise."""
        request = self._active
        keep_alive = request is not None and request.keep_alive
        if request is not None:
            fields = endpoints.named_again(request.path, fields)
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

    def start_stream(
        self, fields: bytes, *, keeps_body: bool = False, media_type: bytes = EVENT_STREAM
    ) -> None:
        """Begin a stream. `keeps_body`: the request may still be sent on, and counts."""
        request = self._active
        assert request is not None
        if not keeps_body:
            self._release_body(request)
        if request.is_http_10:
            framing = b""
        else:
            framing = b"transfer-encoding: chunked\r\n"
        close = b"" if request.keep_alive else b"connection: close\r\n"
        date = self._gateway.date_field
        head = _STREAM_HEAD if media_type is EVENT_STREAM else _OTHER_STREAM_HEAD % media_type
        fields = endpoints.named_again(request.path, fields)
        self.write_raw(b"%b%b%b%b%b\r\n" % (head, framing, close, date, fields))

    def release_body(self) -> None:
        """The request is sent on nowhere any more."""
        if self._active is not None:
            self._release_body(self._active)

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
        if request is not None:
            self._release_body(request)
        if request is None or not request.keep_alive:
            is_all_read = request is not None and request.is_complete and self._reading
            self._discarding = self._has_parted = True
            if is_all_read and not self._queue:
                self.deadline_s = gateway.now_s + gateway.settings.write_timeout_s
                self._transport.close()  # once the client has taken what is written
            else:  # closed with something unread, the answer might not arrive
                self.resume_reading()
                self.deadline_s = gateway.now_s + LINGER_S
                if self._transport.can_write_eof():
                    self._transport.write_eof()
            return
        if self._request is None:
            self.deadline_s = gateway.now_s + gateway.settings.idle_timeout_s
        if self._queue or self._request is not None:
            asyncio.get_running_loop().call_soon(self._go_on)

    def _release_body(self, request: Request) -> None:
        if request.held_bytes:
            self._gateway.buffered_bytes -= request.held_bytes
            request.held_bytes = 0
        request.body.clear()

    # --- the sweeper -----------------------------------------------------------------------------

    def sweep(self, now_s: float) -> None:
        """Close or refuse what has taken too long."""
        if self.write_blocked_s is not None:
            if now_s - self.write_blocked_s > self._gateway.settings.write_timeout_s:
                self.abort()
            return
        active = self._active
        if active is not None and active.splice is not None:
            active.splice.sweep(now_s, self._gateway.settings.studio_timeout_s)
        if self.deadline_s is None or now_s < self.deadline_s:
            return
        if active is not None and (active.is_complete or not self._reading):
            return  # whatever follows it has its time afterwards; so has what is held back here
        if self._discarding or self._request is None or active is not None:
            self.abort()  # lingered enough, idle, or an upload that stalled
        else:
            self._refuse_connection(
                InvalidRequest(
                    "The request took too long to arrive.", status=408, code="request_timeout"
                )
            )

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered."""
        return self._active is not None

    def drain(self) -> None:
        """Close once what is under way has been answered."""
        under_way = [r for r in (self._active, self._request, *self._queue) if r is not None]
        for request in under_way:
            request.keep_alive = False
        if not under_way and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()
