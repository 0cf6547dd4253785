"""The gateway's process: builds its parts once and keeps them in step with the store's picture.

Started by `tramontane serve` with a listening socket and, on stdin, one JSON line (`Launch`);
further lines (`News`) tell of changes in the store and of the other parts; the end of stdin means
that the supervisor is gone. It never asks the store itself, and its loop never waits for a disk.
"""

import asyncio
import gc
import logging
import os
import random
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from pathlib import Path
from urllib.parse import unquote

import msgspec
import uvloop

from tramontane import log, sockets
from tramontane.clock import clock_ms
from tramontane.config import ServerSettings
from tramontane.datafolder import DataFolder
from tramontane.errors import (
    Forbidden,
    NotFound,
    Stopping,
    TramontaneError,
    Unauthenticated,
    Unavailable,
)
from tramontane.gateway import keyed, listening, listing, routing
from tramontane.gateway.account import Account
from tramontane.gateway.admission import FifoGate
from tramontane.gateway.auth import (
    Authenticator,
    Deputy,
    access_ended,
    has_expired,
    names_of,
    require,
    require_open,
)
from tramontane.gateway.desk import Client
from tramontane.gateway.directory import Deployment, Directory, Principal, build
from tramontane.gateway.door import DoorConnection
from tramontane.gateway.exchange import Exchange
from tramontane.gateway.forwarded import Proxies
from tramontane.gateway.keyed import KeyedExchange
from tramontane.gateway.ledger import Ledger, open_ledger
from tramontane.gateway.limits import Limits
from tramontane.gateway.listing import openai_model
from tramontane.gateway.news import Launch, News
from tramontane.gateway.replays import Replays
from tramontane.gateway.requests import Request, method_not_allowed
from tramontane.gateway.retries import Resilience
from tramontane.gateway.server import OWN_PATHS, ClientConnection
from tramontane.gateway.service import Service, state_of
from tramontane.gateway.sleeping import Sleepers
from tramontane.gateway.splice import Splice
from tramontane.gateway.telemetry import AccessLog, Telemetry
from tramontane.gateway.upstream import UpstreamPool
from tramontane.store.journal import Hold
from tramontane.store.records import Picture
from tramontane.wire.dialect import Local

SWEEP_S = 0.25
LINE_BYTES_MOST = 1 << 30  # of a picture with every key
FLUSH_S = 1.0  # for the last words to connections that are being closed
ENGINE_IDLE_S = 3.0  # llama.cpp closes idle connections after 5 s
STORE_GONE_S = 60.0

_log = logging.getLogger(__name__)


class GatewayProcess:
    """Everything that connections and exchanges share."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        launch: Launch,
        clock_s: Callable[[], float],
        clock_ms: Callable[[], int],
        telemetry: Telemetry,
        draw: Callable[[], float] = random.random,
        say: Callable[[bytes], None] = lambda line: None,
    ) -> None:
        """`say` passes a line on to the parent, without waiting."""
        settings = launch.settings
        folder = DataFolder(settings.data_dir)
        self._loop = loop
        self._settings = settings
        self._folder = folder
        self._pepper = folder.pepper()
        self._authenticator = Authenticator(self._pepper)
        self._deputy = Deputy(launch.service_key)
        # In the order in which they came: who is seen to first must not be left to chance.
        self._connections: dict[ClientConnection, None] = {}
        self._exchanges: dict[Exchange, None] = {}
        self._services: dict[str, Service] = {}
        self._account = Account()
        self._sleepers = Sleepers(clock_s, lambda wish: say(msgspec.json.encode(wish) + b"\n"))
        self._studio = UpstreamPool(
            loop,
            None,
            settings.upstream,
            socket_path=launch.studio_socket,
            clock_s=clock_s,
        )
        self._replays = Replays(folder.replays, self._pepper, clock_ms, self._from_thread)
        self._boot = secrets.token_hex(6)
        self._serial = 0
        self._parts: dict[str, str] = {}
        self._launch = launch
        self._started_s = clock_ms() // 1000
        self._store_seen_s = clock_s()
        self._is_ready = False
        self._excesses = 0
        self._scheme = b"https" if settings.server.tls_cert_file else b"http"
        self._proxies = Proxies(settings.server.trusted_proxies)
        # What exchanges (Desk) and connections (Gateway) see:
        self.settings: ServerSettings = settings.server
        self.directory = Directory(revision=-1)
        self.limits = Limits()
        self.telemetry = telemetry
        self.currency = settings.currency
        self.first_byte_timeout_s = settings.upstream.first_byte_timeout_s
        self.idle_timeout_s = settings.upstream.idle_timeout_s
        self.answer_bytes = settings.upstream.answer_bytes
        self.clock_s = clock_s
        self.clock_ms = clock_ms
        self.draw = draw
        breaks = settings.upstream.circuit_breaker
        self.resilience = Resilience(clock_s, draw, breaks_circuits=breaks)
        self.now_s = clock_s()
        self.date_field = b""
        self.buffered_bytes = 0
        self.is_draining = False
        self.ledger: Ledger

    # --- start and stop ------------------------------------------------------------------------

    def open(self, ledger: Ledger) -> None:
        """Take over `ledger` and the picture; from then on tokens are served."""
        self.ledger = ledger
        self._swap(self._launch.picture)
        self._is_ready = True
        lost = self._launch.opening.lost
        if lost:
            _log.warning("%d requests of the last run were billed by estimate", lost)

    def raise_alarm(self, hold: Hold, cost_nano: int) -> None:
        """An engine or provider used more than could be foreseen: charged, and said aloud."""
        self._excesses += 1
        _log.error(
            "%s cost %d nano-units, its hold was %d; its budget is closed until it covers that",
            hold.record.request_id,
            cost_nano,
            hold.record.bound_nano,
        )

    def _swap(self, picture: Picture) -> None:
        directory = self.directory = build(
            self._settings, self._pepper, os.environ, self._folder.models, picture
        )
        self.limits.take_over(directory.principals.values())
        self.ledger.set_budgets(directory.budgets, names_of(directory))
        for deployment in directory.deployments.values():
            if deployment.origin is not None:
                self._refresh_service(deployment)
            self._sleepers.see(deployment, lambda one: self.service(one).gate)
        for name in set(self._services) - set(directory.deployments):
            self._services.pop(name).pool.close()
            self._sleepers.forget(name)
            self._account.forget(name)
        self.resilience.take_over(directory.deployments, directory.routes)
        self._end_revoked()

    def _end_revoked(self) -> None:
        now_ms = self.clock_ms()
        for exchange in list(self._exchanges):
            key = exchange.principal.key
            principal = self.directory.principals.get(key.digest)
            if principal is None or has_expired(principal, now_ms):
                exchange.throw(
                    Unauthenticated("This API key has been revoked or has expired.")
                    if key.member_id is None
                    else access_ended()
                )
            elif principal.project.closed_reason is not None:
                exchange.throw(Forbidden("The project has been closed.", code="project_closed"))

    def _refresh_service(self, deployment: Deployment) -> None:
        old = self._services.get(deployment.name)
        if old is None:
            self._services[deployment.name] = self._new_service(deployment)
            return
        before = old.deployment
        old.serve(deployment)
        same_place = (before.origin, before.authorization, before.ca_file) == (
            deployment.origin,
            deployment.authorization,
            deployment.ca_file,
        )
        if not same_place:
            old.pool.close()
            old.pool = self._new_pool(deployment)
            old.has_failed = None
            self.resilience.forget(deployment.name)
        old.gate.resize(deployment.max_in_flight, deployment.queue_limit)

    def _new_service(self, deployment: Deployment) -> Service:
        gate = FifoGate(deployment.max_in_flight, deployment.queue_limit, self.clock_s)
        return Service(deployment, gate, self._new_pool(deployment))

    def _new_pool(self, deployment: Deployment) -> UpstreamPool:
        settings = self._settings.upstream
        if deployment.is_local:
            settings = msgspec.structs.replace(settings, pool_idle_s=ENGINE_IDLE_S)
        return UpstreamPool(
            self._loop,
            deployment.origin,
            settings,
            ca_file=deployment.ca_file,
            clock_s=self.clock_s,
        )

    async def drain(self) -> None:
        """Let what is under way finish, up to `drain_s`; then end it with an error."""
        self.is_draining = True
        for connection in list(self._connections):
            connection.drain()
        deadline_s = self.clock_s() + self.settings.drain_s
        while self._is_busy() and self.clock_s() < deadline_s:
            await asyncio.sleep(0.05)
        for exchange in list(self._exchanges):
            exchange.throw(Stopping("The gateway is stopping.", retry_after_s=2))
        deadline_s = self.clock_s() + FLUSH_S
        while self._connections and self.clock_s() < deadline_s:
            await asyncio.sleep(0.02)
        for connection in list(self._connections):
            connection.abort()
        for exchange in list(self._exchanges):  # for clients that have left, or begun since
            exchange.throw(Stopping("The gateway is stopping.", retry_after_s=2))

    def _is_busy(self) -> bool:
        """Whether anything is under way; an answer whose client has left is still to be billed."""
        return bool(self._exchanges) or any(c.is_busy for c in self._connections)

    def close(self) -> None:
        """Write everything down and let go."""
        self._studio.close()
        self._replays.close()
        for service in self._services.values():
            service.pool.close()
        if self._is_ready:
            self.ledger.close()
        if self.telemetry.access_log is not None:
            self.telemetry.access_log.close()

    def tell(self, line: bytes) -> None:
        """Take in a line of the supervisor's."""
        news = msgspec.json.decode(line, type=News)
        self._store_seen_s = self.clock_s()
        if news.parts is not None:
            self._parts = news.parts
        if news.picture is not None:
            self._swap(news.picture)

    async def sweep(self) -> None:
        """Watch over deadlines until cancelled."""
        turn = 0
        while True:
            self.now_s = now_s = self.clock_s()
            date = formatdate(self.clock_ms() / 1000, usegmt=True)
            self.date_field = b"date: %b\r\n" % date.encode()
            for exchange in list(self._exchanges):
                error = exchange.is_overdue(now_s)
                if error is not None:
                    exchange.throw(error)
            self._sleepers.sweep()
            if turn % 2 == 0:
                for service in self._services.values():
                    if service.gate.waiting:
                        service.gate.tell_positions()
            if turn % 4 == 0:
                for connection in list(self._connections):
                    connection.sweep(now_s)
                self._end_revoked()
                self._studio.sweep(now_s)
                self._replays.sweep(now_s)
                self._account.note(self._services.values(), now_s, self.clock_ms())
                for service in self._services.values():
                    service.pool.sweep(now_s)
            turn += 1
            await asyncio.sleep(SWEEP_S)

    # --- what exchanges need (Desk) --------------------------------------------------------------

    def service(self, deployment: Deployment) -> Service:
        """Return what is kept for `deployment` between requests."""
        service = self._services.get(deployment.name)
        if service is None:
            own = deployment if deployment.sale is None else deployment.sale.own
            service = self._services[deployment.name] = self._new_service(own)
        return service

    def new_request_id(self) -> str:
        """Return an id that no other request of any gateway has."""
        self._serial += 1
        return f"req_{self._boot}{self._serial:08x}"

    def later(self, callback: Callable[[], None]) -> None:
        """Call `callback` in the loop's next turn."""
        self._loop.call_soon(callback)

    def _from_thread(self, callback: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(callback)

    def after(self, delay_s: float, callback: Callable[[], None]) -> None:
        """Call `callback` in `delay_s` seconds."""
        self._loop.call_later(delay_s, callback)

    def exchange_ended(self, exchange: Exchange) -> None:
        """Forget `exchange`."""
        self._exchanges.pop(exchange, None)

    # --- what connections need (Gateway) ---------------------------------------------------------

    def still_holds(self, principal: Principal) -> bool:
        """Whether what `authenticate` returned earlier would be returned again now."""
        directory = self.directory
        return (
            directory.principals.get(principal.key.digest) is principal
            and principal.key.expires_at_ms is None
            and self.now_s - self._store_seen_s <= STORE_GONE_S
        )

    def identify(self, credential: bytes | None) -> Principal:
        """Return whose key it is, whatever it may do. Raises Unauthenticated, Unavailable."""
        if not self._is_ready:
            raise Unavailable("Tramontane is starting.", code="starting", retry_after_s=1)
        return self._authenticator.principal(self.directory, credential, self.clock_ms())

    def authenticate(self, credential: bytes | None) -> Principal:
        """Step 2. Raises Unauthenticated, Forbidden, Unavailable."""
        return self._admitted(self.identify(credential))

    def act_for(self, credential: bytes | None, key_id: bytes | None) -> Principal:
        """Step 2 at the private door. Raises as `authenticate` does."""
        if not self._is_ready:
            raise Unavailable("Tramontane is starting.", code="starting", retry_after_s=1)
        now_ms = self.clock_ms()
        return self._admitted(self._deputy.principal(self.directory, credential, key_id, now_ms))

    def _admitted(self, principal: Principal) -> Principal:
        if self.clock_s() - self._store_seen_s > STORE_GONE_S:
            raise Unavailable("The store cannot be reached.", code="store_gone", retry_after_s=5)
        require(principal, "infer")
        require_open(principal)
        return principal

    def new_exchange(
        self, client: ClientConnection, principal: Principal, request: Request
    ) -> Exchange | KeyedExchange:
        """Return an exchange for one request."""
        key = request.fields.get(keyed.HEADER)
        if key is None:
            return self._new_exchange(client, principal)
        return KeyedExchange(
            self._replays,
            client,
            lambda recorder: self._new_exchange(recorder, principal),
            self.clock_ms,
            key_id=principal.key.id,
            path=request.path,
            key=key,
        )

    def _new_exchange(self, client: Client, principal: Principal) -> Exchange:
        exchange = Exchange(self, client, principal)
        self._exchanges[exchange] = None
        return exchange

    def new_splice(self, client: ClientConnection, request: Request) -> Splice:
        """Return a way to the studio for one request."""
        return Splice(client, request, self._studio, self._scheme, self._proxies)

    def count_refused(self, status: int, code: str) -> None:
        """Count a request that the edge refused."""
        self.telemetry.count_refused(status, code)

    def connected(self, client: ClientConnection) -> None:
        """Remember `client`; close it again where there are too many."""
        self._connections[client] = None
        if len(self._connections) > self.settings.max_connections and not client.is_private:
            client.abort()

    def disconnected(self, client: ClientConnection) -> None:
        """Forget `client`."""
        self._connections.pop(client, None)

    def local_answer(self, request: Request) -> tuple[int, bytes, bytes] | None:
        """Answer what needs neither a model nor the studio; None where the path is unknown."""
        path = request.path
        if request.method not in (b"GET", b"HEAD"):
            if path in OWN_PATHS or path.startswith(b"/v1/models"):
                raise method_not_allowed("GET", path)
            return None
        if path == b"/health":
            return 200, b"", b'{"status":"ok"}'
        if path == b"/ready":
            return self._ready(request)
        if path == b"/metrics":
            return self._metrics(request)
        if path == b"/v1/models":
            return self._list_models(request)
        if path.startswith(b"/v1/models/"):
            return self._show_model(request)
        return None

    def answer(self, place: Local, principal: Principal, request: Request, body: bytes) -> bytes:
        """Answer for a dialect what needs no model. Raises what refuses it, in no dialect yet."""
        directory = self.directory
        names = routing.visible_models(directory, principal)
        models = [listing.shown(directory, principal, n, self._started_s) for n in names]
        return place.answer(models, name=request.model, body=body, query=request.query)

    def _ready(self, request: Request) -> tuple[int, bytes, bytes]:
        states = {
            name: state_of(deployment, self._services.get(name))
            for name, deployment in self.directory.deployments.items()
            if deployment.project_id is None or request.is_private
        }
        body = {
            "status": "ready" if self._is_ready else "starting",
            "parts": {"gateway": "ready" if self._is_ready else "starting", **self._parts},
            "models": states,
        }
        return 200 if self._is_ready else 503, b"", msgspec.json.encode(body)

    def loads(self) -> bytes:
        """Return how busy deployments are, as JSON: for the private door."""
        return msgspec.json.encode(self._account.loads(self._services, self.clock_s()))

    def _metrics(self, request: Request) -> tuple[int, bytes, bytes]:
        require(self.identify(request.credential), "operate")
        gates = [(n, s.gate.waiting, s.gate.in_flight) for n, s in self._services.items()]
        body = self.telemetry.render(gates, self._gauges())
        return 200, b"content-type: text/plain; version=0.0.4; charset=utf-8\r\n", body

    def _gauges(self) -> Iterable[tuple[str, str, float]]:
        return [
            ("tramontane_connections", "Open client connections.", len(self._connections)),
            ("tramontane_open_holds", "Holds not yet settled.", self.ledger.open_holds),
            ("tramontane_excesses", "Requests that cost more than held.", self._excesses),
            ("tramontane_replayed", "Answers given from what was kept.", self._replays.replayed),
            ("tramontane_buffered_bytes", "Request bodies in memory.", self.buffered_bytes),
            (
                "tramontane_circuits_open",
                "Deployments that have failed too often to be asked just now.",
                self.resilience.open_circuits,
            ),
            (
                "tramontane_journal_failing",
                "1 while usage cannot be recorded, so that nothing is served.",
                self.ledger.fault is not None,
            ),
            (
                "tramontane_clock_behind_seconds",
                "How far the clock is behind the latest hold.",
                self.ledger.clock_behind_ms / 1000,
            ),
        ]

    def _list_models(self, request: Request) -> tuple[int, bytes, bytes]:
        principal = self.authenticate(request.credential)
        names = routing.visible_models(self.directory, principal)
        body = {"object": "list", "data": [openai_model(n, self._started_s) for n in names]}
        return 200, b"", msgspec.json.encode(body)

    def _show_model(self, request: Request) -> tuple[int, bytes, bytes]:
        principal = self.authenticate(request.credential)
        name = unquote(request.path[len(b"/v1/models/") :].decode("latin-1"))
        if name not in routing.visible_models(self.directory, principal):
            raise NotFound(
                f"The model '{name[:100]}' does not exist.", code="model_not_found", param="model"
            )
        return 200, b"", msgspec.json.encode(openai_model(name, self._started_s))


async def serve(launch: Launch, lines: asyncio.StreamReader) -> int:
    """Serve until SIGTERM or the end of stdin; return the exit status."""
    loop = asyncio.get_running_loop()
    folder = DataFolder(launch.settings.data_dir)
    telemetry = Telemetry(AccessLog(folder.logs / "access.jsonl"))
    # Through a transport: a parent that does not read keeps nobody waiting.
    lines_up, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, sys.stdout)
    gateway = GatewayProcess(loop, launch, time.monotonic, clock_ms, telemetry, say=lines_up.write)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    tls = listening.tls_context(launch.settings.server)
    server = await loop.create_server(
        lambda: ClientConnection(gateway),
        sock=socket.socket(fileno=launch.listen_fd),
        ssl=tls,
        ssl_handshake_timeout=launch.settings.server.head_timeout_s if tls is not None else None,
        backlog=1024,
    )
    door = await loop.create_unix_server(
        lambda: DoorConnection(gateway), sock=sockets.listen(Path(launch.gateway_socket))
    )
    background = [
        loop.create_task(gateway.sweep()),
        loop.create_task(_listen_to_parent(gateway, lines, stopped)),
    ]
    try:
        ledger = open_ledger(
            folder.journal,
            launch.opening,
            clock_ms,
            on_excess=gateway.raise_alarm,
            currency=launch.settings.currency,
        )
        gateway.open(ledger)
        background.append(loop.create_task(gateway.ledger.run()))
        for task in background:
            task.add_done_callback(lambda ended: _stop_if_failed(ended, stopped))
        lines_up.write(b"ready\n")
        await stopped.wait()
        server.close()
        door.close()
        await gateway.drain()
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        gateway.close()
        lines_up.close()
    return 0


def _stop_if_failed(task: "asyncio.Task[None]", stopped: asyncio.Event) -> None:
    """A part that everything rests on has died: stop, so that the supervisor starts anew."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _log.critical("the gateway stops", exc_info=error)
        stopped.set()


async def _listen_to_parent(
    gateway: GatewayProcess, lines: asyncio.StreamReader, stopped: asyncio.Event
) -> None:
    try:
        while line := await lines.readline():
            try:
                gateway.tell(line)
            except (TramontaneError, msgspec.DecodeError) as error:
                _log.error("what the supervisor told was not understood: %s", error)
    finally:
        stopped.set()  # nobody would tell of revoked keys any more


async def _main() -> int:
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=LINE_BYTES_MOST)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    launch = msgspec.json.decode(await lines.readline(), type=Launch)
    log.configure(launch.settings.log_level)
    try:
        return await serve(launch, lines)
    except TramontaneError as error:
        _log.error("%s", error)
        return 1


def main() -> int:
    """Run the gateway's process."""
    gc.collect()
    gc.freeze()  # what was imported stays: no collection needs to look at it again
    gc.set_threshold(100_000, 50, 100)
    listening.allow_files()
    return uvloop.run(_main())


if __name__ == "__main__":
    sys.exit(main())
