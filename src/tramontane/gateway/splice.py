"""Everything that is not a token path: passed on to the studio as it comes, both ways.

Heads are rebuilt from allow-lists; bodies stream through with back-pressure. Host, scheme and
client address reach the studio in headers that are set here and never taken from the client, but
for the address that a proxy in front, which the configuration trusts, has seen.
"""

from typing import TYPE_CHECKING

from tramontane.errors import (
    PayloadTooLarge,
    TramontaneError,
    Unavailable,
    UpstreamFailed,
    UpstreamTimeout,
)
from tramontane.gateway.flow import Flow
from tramontane.gateway.forwarded import Proxies
from tramontane.gateway.upstream import UpstreamConnection, UpstreamPool
from tramontane.wire.http import LAST_CHUNK, REASONS, ResponseHead, chunk, header_fields

if TYPE_CHECKING:
    from tramontane.gateway.requests import Request
    from tramontane.gateway.server import ClientConnection

BUFFERED_BYTES = 262_144
REQUEST_FIELDS = frozenset(
    b"""accept accept-encoding accept-language authorization api-key x-api-key content-type cookie
    if-match if-modified-since if-none-match last-event-id origin range referer user-agent
    sec-fetch-dest sec-fetch-mode sec-fetch-site x-csrf-token x-tramontane
    idempotency-key""".split()
)
RESPONSE_FIELDS = frozenset(
    b"""allow cache-control content-disposition content-encoding content-language
    content-security-policy content-type cross-origin-opener-policy cross-origin-resource-policy
    etag last-modified link location permissions-policy referrer-policy retry-after set-cookie
    strict-transport-security vary www-authenticate x-content-type-options x-frame-options
    x-request-id accept-ranges content-range""".split()
)


class Splice:
    """One request passed through. The studio's answer streams back as it comes."""

    __slots__ = (
        "_answered", "_client", "_connection", "_flow", "_framed", "_is_body_chunked", "_is_done",
        "_is_reused", "_pending", "_pending_bytes", "_pool", "_proxies", "_request", "_scheme",
        "_waiting_s",
    )  # fmt: skip

    def __init__(
        self,
        client: "ClientConnection",
        request: "Request",
        pool: UpstreamPool,
        scheme: bytes,
        proxies: Proxies,
    ) -> None:
        self._client = client
        self._request = request
        self._pool = pool
        self._scheme = scheme
        self._proxies = proxies
        self._connection: UpstreamConnection | None = None
        self._flow: Flow | None = None
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._is_reused = False
        self._is_body_chunked = request.length is None and b"transfer-encoding" in request.fields
        self._framed = False
        self._answered = False
        self._is_done = False
        self._waiting_s: float | None = None  # since when the studio neither takes nor answers

    def start(self) -> None:
        """Begin: connect, send the head and what has come of the body."""
        self._flow = Flow(self._run(), self._crashed)
        self._flow.start()

    def upload_received(self, data: bytes) -> None:
        """Take in a piece of the request's body, to be passed on with the next `flush`."""
        self._pending.append(data)
        self._pending_bytes += len(data)

    def flush(self) -> None:
        """Pass on what has come: once a read, since a read may hold thousands of pieces."""
        if self._connection is not None:
            self._connection.write(self._take_pending())
        elif self._pending_bytes > BUFFERED_BYTES:
            self._client.pause_reading()

    def _take_pending(self) -> bytes:
        pending, self._pending, self._pending_bytes = self._pending, [], 0
        data = pending[0] if len(pending) == 1 else b"".join(pending)
        return chunk(data) if data and self._is_body_chunked else data

    def upload_ended(self) -> None:
        """The request is whole."""
        connection = self._connection
        if connection is not None:
            connection.owes_body = False
            self.flush()
            if self._is_body_chunked:
                connection.write(LAST_CHUNK)

    def upload_refused(self, error: TramontaneError) -> None:
        """The rest of the upload is not taken: say so, or close where an answer has begun."""
        self.client_left()
        if self._answered:
            self._client.abort()
        else:
            self._fail(error)

    def client_left(self) -> None:
        """The client is gone: so is this request."""
        self._is_done = True
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.detach()

    def pause(self) -> None:
        """The client reads too slowly."""
        if self._connection is not None:
            self._connection.pause()

    def resume(self) -> None:
        """The client has caught up."""
        if self._connection is not None:
            self._connection.resume()

    def sweep(self, now_s: float, patience_s: float) -> None:
        """Give up a studio that takes no more of an upload, or does not begin to answer."""
        connection = self._connection
        if self._request.is_complete:
            is_owing = not self._answered
        else:
            is_owing = connection is not None and connection.is_write_paused
        if not is_owing:
            return
        if self._waiting_s is None:
            self._waiting_s = now_s
        elif now_s - self._waiting_s > patience_s:
            self.upload_refused(UpstreamTimeout("This part did not go on in time."))

    async def _run(self) -> None:
        request = self._request
        try:
            # Only what may be sent again goes out on a kept connection: it may just be closing.
            may_repeat = request.method in (b"GET", b"HEAD") and not request.has_body
            connection = self._pool.take_idle() if may_repeat and not self._is_reused else None
            self._is_reused = connection is not None
            if connection is None:
                connection = await self._pool.connect()
        except TramontaneError:
            self._fail(Unavailable("This part is starting, or not up.", retry_after_s=1))
            return
        if self._is_done:
            connection.close()
            return
        self._connection = connection
        connection.write_paused = self._write_paused
        connection.owes_body = request.has_body and not request.is_complete
        sent = self._head_bytes() + self._take_pending()
        if request.is_complete and self._is_body_chunked:
            sent += LAST_CHUNK
        connection.send(sent, self, is_head=request.method == b"HEAD")
        if not connection.is_write_paused:
            self._client.resume_reading()
        if self._client.write_blocked_s is not None:
            connection.pause()

    def _write_paused(self, paused: bool) -> None:
        if paused:
            self._client.pause_reading()
        else:
            self._waiting_s = None
            self._client.resume_reading()

    def _head_bytes(self) -> bytes:
        request = self._request
        lines = [b"%b %b HTTP/1.1" % (request.method, request.target), b"host: studio"]
        for name, value in request.fields.items():
            if name in REQUEST_FIELDS:
                lines.append(name + b": " + value)
        if request.length is not None:
            lines.append(b"content-length: %d" % request.length)
        elif self._is_body_chunked:
            lines.append(b"transfer-encoding: chunked")
        lines.append(b"x-forwarded-host: " + request.fields.get(b"host", b""))
        lines.append(b"x-forwarded-proto: " + self._scheme)
        client = self._proxies.client(self._client.peer, request.fields.get(b"x-forwarded-for"))
        lines.append(b"x-forwarded-for: " + client.encode())
        return b"\r\n".join(lines) + b"\r\n\r\n"

    # --- the studio's answer ---------------------------------------------------------------------

    def head_received(self, head: ResponseHead) -> None:
        self._answered = True
        request = self._request
        fields = [
            name + b": " + value + b"\r\n"
            for name, value in header_fields(head.raw)
            if name in RESPONSE_FIELDS
        ]
        if head.length is not None:
            if head.status not in (204, 304):
                fields.append(b"content-length: %d\r\n" % head.length)
        elif request.method == b"HEAD":
            pass  # no body follows, so nothing frames it
        elif not request.is_http_10:
            fields.append(b"transfer-encoding: chunked\r\n")
            self._framed = True
        else:
            request.keep_alive = False
        if not request.is_complete or not request.keep_alive:
            request.keep_alive = False
            fields.append(b"connection: close\r\n")
        status_line = b"HTTP/1.1 %d %b\r\n" % (head.status, REASONS.get(head.status, b""))
        self._client.write_raw(status_line + b"".join(fields) + b"\r\n")

    def answer_received(self, head: ResponseHead, body: bytes) -> None:
        self.head_received(head)
        self.body_received(body, None)
        self.answer_ended()

    def body_received(self, payload: bytes, framed: bytes | None) -> None:
        if self._framed:
            self._client.write_raw(chunk(payload) if framed is None else framed)
        else:
            self._client.write_raw(payload)

    def answer_ended(self) -> None:
        self._finish()
        if self._framed:
            self._client.write_raw(LAST_CHUNK)
        self._client.finish()

    def answer_failed(self, error: UpstreamFailed) -> None:
        connection = self._connection
        self._finish()
        if self._answered:
            self._client.abort()
        elif self._is_reused and connection is not None and not connection.got_bytes:
            self._is_done = False
            self.start()
        else:
            self._fail(Unavailable("This part stopped while answering.", retry_after_s=1))

    def _finish(self) -> None:
        self._is_done = True
        if self._connection is not None:
            self._connection.write_paused = None
        self._connection = None
        self._client.resume_reading()

    def _fail(self, error: TramontaneError) -> None:
        if self._answered or not self._client.is_open:
            return
        self._answered = True
        self._is_done = True
        if not self._request.is_complete:
            self._request.keep_alive = False
        self._client.refuse(error)

    def _crashed(self, error: Exception) -> None:
        self._fail(PayloadTooLarge("The request could not be passed on."))
        raise error
