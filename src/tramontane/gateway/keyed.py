"""A request with an Idempotency-Key: asked once, answered as often as it is repeated.

The key counts for one API key and one path. The same request again gets the answer that was kept;
another request under that key, or the same one while the first is under way, is refused. What has
failed is not kept, and may be tried again. It does not know what an exchange does in between.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Protocol

from tramontane.errors import Conflict, InvalidRequest, TramontaneError
from tramontane.gateway.desk import Client
from tramontane.gateway.endpoints import Endpoint
from tramontane.gateway.replays import ANSWER_BYTES_MOST, Kept, Replays
from tramontane.wire.dialect import EVENT_STREAM

HEADER = b"idempotency-key"
KEY_BYTES_MOST = 255
REPLAYED = b"x-tramontane-replayed: true\r\n"
# A repetition costs nothing and takes nothing from any limit.
_NOT_REPEATED = (b"x-ratelimit-", b"x-tramontane-cost:", b"x-tramontane-currency:")


class Running(Protocol):
    """An exchange that has been started, or is about to be."""

    @property
    def is_over(self) -> bool: ...
    def start(
        self, body: bytes, endpoint: Endpoint, *, model: str | None, query: bytes, drops: bool
    ) -> None: ...
    def client_left(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


class Connection(Client, Protocol):
    """A client's connection, which can be refused too."""

    def refuse(self, error: TramontaneError) -> None: ...


def name_of(key_id: str, path: bytes, key: bytes) -> bytes:
    """Return what the answer is kept under. Raises InvalidRequest where `key` is none."""
    if not 0 < len(key) <= KEY_BYTES_MOST or any(byte <= 0x20 or byte >= 0x7F for byte in key):
        raise InvalidRequest(
            f"An Idempotency-Key has 1 to {KEY_BYTES_MOST} visible ASCII characters; take a UUID.",
            code="invalid_idempotency_key",
        )
    return sha256(b"%b\n%b\n%b" % (key_id.encode(), path, key)).digest()


class Recorder:
    """Passes an answer on to the client and keeps it. What ends well ends once it is kept."""

    __slots__ = ("_client", "_fields", "_kept", "_media_type", "_payloads", "_size", "ended")

    def __init__(self, client: Client, kept: Callable[[Kept, Callable[[], None]], None]) -> None:
        self._client = client
        self._kept = kept
        self._fields = b""
        self._media_type = b""
        self._payloads: list[bytes] = []
        self._size = 0
        self.ended: Callable[[], None] = lambda: None

    @property
    def is_open(self) -> bool:
        """Somebody will come for the answer, be it later."""
        return True

    @property
    def write_blocked_s(self) -> float | None:
        """Since when the client has not read."""
        return self._client.write_blocked_s

    def respond(self, status: int, fields: bytes, body: bytes) -> None:
        """Pass on a whole answer."""
        client = self._client

        def go() -> None:
            if client.is_open:
                client.respond(status, fields, body)

        if status != 200:
            self.ended()
            go()
            return
        self._add(body)
        self._fields = fields
        self._keep(status, go)

    def start_stream(
        self, fields: bytes, *, keeps_body: bool = False, media_type: bytes = EVENT_STREAM
    ) -> None:
        """Begin a stream."""
        self._fields, self._media_type = fields, media_type
        if self._client.is_open:
            self._client.start_stream(fields, keeps_body=keeps_body, media_type=media_type)

    def release_body(self) -> None:
        """The request is sent on nowhere any more."""
        self._client.release_body()

    def write_chunks(self, framed: bytes, payload: bytes) -> None:
        """Pass on `framed`, which is `payload` in chunks."""
        self._add(payload)
        self._client.write_chunks(framed, payload)

    def write_payload(self, payload: bytes) -> None:
        """Pass on more of the stream; what tells of the queue is not kept."""
        if not payload.startswith(b":"):
            self._add(payload)
        self._client.write_payload(payload)

    def end_stream(self) -> None:
        """End the stream."""
        client = self._client

        def go() -> None:
            if client.is_open:
                client.end_stream()

        self._keep(200, go)

    def break_stream(self) -> None:
        """The answer is not whole, and not kept."""
        self.ended()
        if self._client.is_open:
            self._client.break_stream()

    def _add(self, payload: bytes) -> None:
        self._size += len(payload)
        if self._size <= ANSWER_BYTES_MOST:
            self._payloads.append(payload)
        else:
            self._payloads.clear()

    def _keep(self, status: int, then: Callable[[], None]) -> None:
        body = b"".join(self._payloads) if self._size <= ANSWER_BYTES_MOST else None
        self._kept(Kept(b"", 0, status, self._fields, self._media_type, body), then)


class KeyedExchange:
    """One such request; `make` returns an exchange that answers to what it is given."""

    __slots__ = (
        "_asked", "_client", "_clock_ms", "_exchange", "_key", "_key_id", "_make", "_name",
        "_path", "_recorder", "_replays",
    )  # fmt: skip

    def __init__(
        self,
        replays: Replays,
        client: Connection,
        make: Callable[[Client], Running],
        clock_ms: Callable[[], int],
        *,
        key_id: str,
        path: bytes,
        key: bytes,
    ) -> None:
        self._replays = replays
        self._client = client
        self._make = make
        self._clock_ms = clock_ms
        self._key_id = key_id
        self._path = path
        self._key = key
        self._name = b""
        self._asked = b""
        self._exchange: Running | None = None
        self._recorder = Recorder(client, self._keep)
        self._recorder.ended = self._release

    def start(
        self, body: bytes, endpoint: Endpoint, *, model: str | None, query: bytes, drops: bool
    ) -> None:
        """Answer what was kept for this request, or have it answered."""
        try:
            name = self._name = name_of(self._key_id, self._path, self._key)
            if name in self._replays.under_way:
                raise Conflict(
                    "A request with this Idempotency-Key is still being answered. Wait for it.",
                    code="idempotency_in_progress",
                    retry_after_s=1,
                )
        except TramontaneError as error:
            self._client.refuse(error)
            return
        self._replays.under_way.add(name)

        def found(kept: Kept | None, digest: bytes) -> None:
            self._asked = digest
            if not self._client.is_open:
                self._release()
            elif kept is None:
                exchange = self._exchange = self._make(self._recorder)
                exchange.start(body, endpoint, model=model, query=query, drops=drops)
            else:
                self._release()
                self._repeat(kept, digest)

        self._replays.look_up(name, (b"%b\n%d\n" % (query, drops), body), found)

    def client_left(self) -> None:
        """The client is gone; what is answered all the same is kept for when it comes again."""
        exchange = self._exchange
        if exchange is not None:
            exchange.client_left()
            if exchange.is_over:
                self._release()

    def pause(self) -> None:
        """The client reads too slowly."""
        if self._exchange is not None:
            self._exchange.pause()

    def resume(self) -> None:
        """The client has caught up."""
        if self._exchange is not None:
            self._exchange.resume()

    def _repeat(self, kept: Kept, digest: bytes) -> None:
        client = self._client
        if kept.asked != digest:
            client.refuse(
                InvalidRequest(
                    "This Idempotency-Key stands for another request. Take a new one for each"
                    " request, and the same one only to repeat it unchanged.",
                    status=422,
                    code="idempotency_key_reused",
                )
            )
        elif kept.body is None:
            client.refuse(
                Conflict(
                    "This request has been answered. Its answer was too large to be kept for a"
                    " repetition; take a new Idempotency-Key to ask again.",
                    code="idempotency_answer_not_kept",
                )
            )
        else:
            self._replays.replayed += 1
            fields = _repeated(kept.fields)
            if kept.media_type:
                client.start_stream(fields, media_type=_known(kept.media_type))
                if kept.body:
                    client.write_payload(kept.body)
                client.end_stream()
            else:
                client.respond(kept.status, fields, kept.body)

    def _keep(self, kept: Kept, then: Callable[[], None]) -> None:
        whole = Kept(
            self._asked, self._clock_ms(), kept.status, kept.fields, kept.media_type, kept.body
        )

        def done() -> None:
            self._release()
            then()

        self._replays.keep(self._name, whole, done)

    def _release(self) -> None:
        self._replays.under_way.discard(self._name)


def _known(media_type: bytes) -> bytes:
    return EVENT_STREAM if media_type == EVENT_STREAM else media_type


def _repeated(fields: bytes) -> bytes:
    """Return the header lines of a repetition."""
    lines = fields.split(b"\r\n")
    return (
        b"".join(
            line + b"\r\n" for line in lines if line and not line.lower().startswith(_NOT_REPEATED)
        )
        + REPLAYED
    )
