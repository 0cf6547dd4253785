"""One client connection: requests in, plans played out. The only part that touches a socket.

Requests on one connection are answered in order, one at a time. It does not know what a plan
says.
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import cast

import httptools

from tramontane.providers.standin.director import Incoming
from tramontane.providers.standin.plan import Plan
from tramontane.providers.standin.service import Service
from tramontane.providers.standin.tally import Ended, Request
from tramontane.providers.standin.wheel import Wheel

MAX_BODY_BYTES = 256 * 1024 * 1024
BURST_WRITES = 256
_RESET = struct.pack("ii", 1, 0)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_BAD = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Player:
    """Plays one plan on a connection. Outlives the connection only as an entry of the wheel."""

    __slots__ = ("_connection", "_due_s", "_kept", "_place", "_plan", "is_done", "is_waiting")

    def __init__(self, connection: "Connection", plan: Plan, kept: Request | None) -> None:
        self._connection = connection
        self._plan = plan
        self._kept = kept
        self._place = 0
        self._due_s = 0.0
        self.is_done = False
        self.is_waiting = False

    def start(self) -> None:
        """Write at once what waits for nothing."""
        plan = self._plan
        connection = self._connection
        if not plan.first_delay_s and len(plan.writes) == 1 and plan.ending == "keep":
            self._place = 1
            connection.transport.write(plan.writes[0])
            self._finish("complete")
            return
        now_s = connection.loop.time()
        self._due_s = now_s + plan.first_delay_s
        if plan.first_delay_s:
            connection.wheel.add(self, self._due_s)
        elif (next_s := self.step()) is not None:
            connection.wheel.add(self, next_s)

    def step(self) -> float | None:
        """Write what is due; return when the next write is."""
        if self.is_done:
            return None
        connection = self._connection
        if connection.is_paused:
            self.is_waiting = True
            return None
        plan, place = self._plan, self._place
        writes = plan.writes
        if place >= len(writes):
            self._end()
            return None
        if plan.interval_s:
            connection.transport.write(writes[place])
            self._place = place = place + 1
            self._due_s += plan.interval_s
        else:
            burst = writes[place : place + BURST_WRITES]
            connection.transport.writelines(burst)
            self._place = place = place + len(burst)
            self._due_s = connection.loop.time()
        if place == len(writes) and plan.ending != "reset":  # bytes must be out before a reset
            self._end()
            return None
        return self._due_s

    def resume(self) -> None:
        """Go on after the client has read what was waiting for it."""
        if self.is_waiting and not self.is_done:
            self.is_waiting = False
            self._due_s = self._connection.loop.time()
            self._connection.wheel.add(self, self._due_s)

    def _end(self) -> None:
        if self._plan.ending != "hang":
            self._finish("fault" if self._plan.is_spoilt else "complete")

    def _finish(self, ended: Ended) -> None:
        self.account(ended)
        self._connection.played(self._plan)

    def interrupt(self, ended: Ended) -> None:
        """Note that it ends here as `ended`, unless all was written already."""
        if not self.is_done:
            plan = self._plan
            is_over = self._place == len(plan.writes) and plan.ending != "hang"
            self.account(("fault" if plan.is_spoilt else "complete") if is_over else ended)

    def account(self, ended: Ended) -> None:
        """Note in the tally what was written."""
        self.is_done = True
        kept, plan, place = self._kept, self._plan, self._place
        if kept is None:
            return
        kept.completion_tokens = sum(plan.tokens[:place])
        kept.usage_sent = 0 <= plan.usage_write < place
        kept.response_bytes = sum(map(len, plan.writes[:place]))
        self._connection.service.tally.end(kept, ended)


class Connection(asyncio.Protocol):
    """The protocol of one accepted connection; `gone` is called once when it is lost."""

    def __init__(
        self, service: Service, wheel: Wheel, gone: Callable[["Connection"], None]
    ) -> None:
        self.service = service
        self.wheel = wheel
        self.loop = asyncio.get_running_loop()
        self.is_paused = False
        self._gone = gone
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Incoming] = deque()
        self._player: Player | None = None
        self._is_stale = False
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._body_bytes = 0

    # -- the loop's side ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        """Parse, and answer what is complete."""
        if self._is_stale:
            self.reset()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError:
            raise  # our own mistake, not the client's: the loop reports it and closes
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._give_up(_BAD)

    def pause_writing(self) -> None:
        """Stop playing: the client does not read."""
        self.is_paused = True

    def resume_writing(self) -> None:
        """Go on playing."""
        self.is_paused = False
        if self._player is not None:
            self._player.resume()

    def eof_received(self) -> bool:
        """Treat a half-closed connection as closed, as most servers do."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Settle what was being played."""
        if self._player is not None:
            self._player.interrupt("client_left")
        self._player = None
        self._waiting.clear()
        self._gone(self)

    # -- the parser's side --------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._url = b""
        self._headers = {}
        self._body = []
        self._body_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Keep the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a field; the last of a name wins."""
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """Ask for the body where the client waits to be asked."""
        if self._headers.get(b"expect", b"").lower() == b"100-continue":
            self.transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        self._body.append(body)
        self._body_bytes += len(body)
        if self._body_bytes > MAX_BODY_BYTES:
            self._give_up(_TOO_LARGE)

    def on_message_complete(self) -> None:
        """Answer, or wait until the request before it is answered."""
        path, _, query = self._url.decode("latin-1").partition("?")
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        method = self._parser.get_method().decode("latin-1")
        incoming = Incoming(method, path, self._headers, body, query)
        if self._player is None:
            self._play(incoming)
        else:
            self._waiting.append(incoming)

    # -- playing ------------------------------------------------------------------------------

    def _play(self, incoming: Incoming) -> None:
        plan, kept = self.service.respond(incoming)
        if incoming.headers.get(b"connection", b"").lower() == b"close" and plan.ending == "keep":
            plan.ending = "close"
        self._player = Player(self, plan, kept)
        self._player.start()

    def played(self, plan: Plan) -> None:
        """Go on to the next request, or close as `plan` says."""
        self._player = None
        if plan.ending == "reset":
            self.reset()
        elif plan.ending == "close":
            self.transport.close()
        else:
            self._is_stale = plan.is_stale
            if self._waiting:
                self._play(self._waiting.popleft())

    def stop(self) -> None:
        """Close now; what was being played ends as "stopped"."""
        if self._player is not None:
            self._player.interrupt("stopped")
        self.transport.abort()

    def reset(self) -> None:
        """Close so that the client sees a reset, not an end."""
        sock: socket.socket | None = self.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def _give_up(self, answer: bytes) -> None:
        self.transport.write(answer)
        self.transport.close()
