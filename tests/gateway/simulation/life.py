"""One life of the gateway's process: started as `serve` does it, ended by a stop or a crash.

The real process, ledger and writer, over the simulated loop and disk; only the parts of `serve`
that need sockets, signals and stdin are replaced. A dead process does nothing any more, whatever
its coroutines still try on their way out.
"""

import asyncio
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, cast

from tests.gateway.simulation.clockwork import SimulatedLoop
from tests.gateway.simulation.network import Network
from tramontane.config import Settings
from tramontane.gateway.door import DoorConnection
from tramontane.gateway.ledger import Ledger
from tramontane.gateway.news import Launch, News
from tramontane.gateway.process import GatewayProcess
from tramontane.gateway.server import ClientConnection
from tramontane.gateway.telemetry import Telemetry
from tramontane.money import Price, Usage
from tramontane.store.journal import Disk, Hold, SyncJob, Writer
from tramontane.store.journal.simulated_disk import Crash, SimulatedDisk
from tramontane.store.records import Opening, Picture

SYNC_INTERVAL_S = 0.2
SERVICE_KEY = "service"
_NOTHING: dict[str, Any] = {"names": [], "create": 0, "read": b""}


class Attempt:
    """What the gateway did about one attempt: its hold, and how it was settled."""

    __slots__ = ("hold", "is_synced", "is_written", "life", "settled", "settled_synced", "synced")

    def __init__(self, hold: Hold, life: "Life") -> None:
        self.hold = hold
        self.life = life
        self.settled: tuple[Usage, int, bool, str] | None = None  # usage, cost, estimated, status
        self.is_written = False
        self.synced = False
        self.settled_synced = False


class WatchedLedger(Ledger):
    """The ledger, and a note of all that it was asked."""

    def watch(self, life: "Life") -> None:
        self._life = life

    def hold(self, **asked: Any) -> Hold:
        life = self._life
        identity = (asked["request_id"], asked["attempt"])
        life.beginning = identity
        assert asked["key_id"] not in life.barred, "a hold for a key that has been revoked"
        hold = super().hold(**asked)
        life.beginning = None
        if not life.loop.is_dead:
            assert identity not in life.attempts, "a second hold for one attempt"
            life.attempts[identity] = Attempt(hold, life)
        return hold

    def settle(
        self,
        hold: Hold,
        usage: Usage,
        *,
        estimated: bool,
        status: str,
        price: Price | None = None,
        own_price: Price | None = None,
    ) -> int:
        is_first = hold.cost_nano < 0
        self._life.settling = hold
        cost = super().settle(
            hold, usage, estimated=estimated, status=status, price=price, own_price=own_price
        )
        if is_first:
            self._life.note(hold, usage, cost, estimated, status)
        return cost

    def release(self, hold: Hold, *, status: str) -> None:
        is_first = hold.cost_nano < 0
        self._life.settling = hold
        super().release(hold, status=status)
        if is_first:
            self._life.note(hold, Usage(), 0, False, status)


class ProcessDisk:
    """The disk as one process sees it: once that is dead, nothing it does arrives."""

    def __init__(self, disk: SimulatedDisk, loop: SimulatedLoop) -> None:
        self._disk = disk
        self._loop = loop

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._disk, name)

        def call(*args: Any) -> Any:
            if self._loop.is_dead:
                return len(args[1]) if name == "pwrite" else _NOTHING.get(name)
            try:
                return method(*args)
            except Crash:
                self._loop.is_dead = True
                raise

        return call


class Life:
    """The process from its start on. Raises Crash where the disk ends it."""

    def __init__(
        self,
        number: int,
        network: Network,
        disk: SimulatedDisk,
        settings: Settings,
        clock_ms: Callable[[], int],
    ) -> None:
        self.number = number
        self.loop = SimulatedLoop(network.clockwork, network)
        self.disk = cast(Disk, ProcessDisk(disk, self.loop))
        self.attempts: dict[tuple[str, int], Attempt] = {}
        self.beginning: tuple[str, int] | None = None
        self.settling: Hold | None = None
        self.excesses: list[Hold] = []
        self.barred: frozenset[str] = frozenset()  # keys that may not be served any more
        self.is_accepting = False
        self.has_stopped = False
        self.wrote_all_down = False
        self.ended_by = ""  # "kill" or "power", where it was
        self._real_disk = disk
        self._network = network
        self._settings = settings
        self._clock_ms = clock_ms
        self._background: list[asyncio.Task[None]] = []

    def start(self, opening: Opening, picture: Picture, random: Random) -> None:
        """Serve."""
        loop = self.loop
        asyncio._set_running_loop(loop.as_loop)
        launch = Launch(
            self._settings, 0, "studio.sock", "gateway.sock", SERVICE_KEY, opening, picture
        )
        self.gateway = GatewayProcess(
            loop.as_loop, launch, loop.time, self._clock_ms, Telemetry(access_log=None)
        )
        writer = Writer(
            self.disk,
            segment_bytes=random.choice((4_000, 12_000, 40_000)),
            randbits=random.getrandbits,
        )
        spend: Mapping[Any, Any] = {(owner, id_): spent for owner, id_, spent in opening.spend}
        self.ledger = WatchedLedger(
            writer,
            self._clock_ms,
            spend,
            start_ms=opening.start_ms,
            on_excess=self._on_excess,
            currency=self._settings.currency,
        )
        self.ledger.watch(self)
        loop.on_job = self._watch_job
        self.gateway.open(self.ledger)
        self._background = [
            loop.create_task(self.gateway.sweep()),
            loop.create_task(self.ledger.run(SYNC_INTERVAL_S)),
        ]
        self.is_accepting = True

    @property
    def has_failed(self) -> bool:
        """Whether the sweeper or the ledger's task has ended, though nobody asked it to."""
        return any(task.done() for task in self._background)

    def accept(self, *, is_private: bool) -> ClientConnection:
        """Return the protocol of a new client's connection."""
        return (DoorConnection if is_private else ClientConnection)(self.gateway)

    def tell(self, news: News, encode: Callable[[News], bytes]) -> None:
        """Hand a line to the process, as the supervisor does."""
        self.gateway.tell(encode(news))
        for exchange in self.gateway._exchanges:
            assert exchange.principal.key.id not in self.barred, "still served, though revoked"

    def stop(self) -> None:
        """Stop in an orderly way, as on SIGTERM; `has_stopped` tells when that is done."""
        self.is_accepting = False
        self.loop.create_task(self._stop())

    async def _stop(self) -> None:
        await self.gateway.drain()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        assert self.ledger.open_holds == 0, "stopped with open holds"
        disk = self._real_disk
        self.wrote_all_down = not (disk.full or disk.fail_sync or disk.fail_write)
        self.gateway.close()
        if self.wrote_all_down:
            for attempt in self.attempts.values():
                attempt.synced = attempt.settled_synced = True
        self.has_stopped = True

    def bury(self) -> None:
        """The process is gone: the system closes its connections, and nothing of it runs."""
        self.is_accepting = False
        self.loop.is_dead = True
        asyncio._set_running_loop(None)
        self._network.kill(self.loop)
        self.loop.die()

    # --- what is noted ---------------------------------------------------------------------------

    def note(self, hold: Hold, usage: Usage, cost: int, estimated: bool, status: str) -> None:
        if self.loop.is_dead:
            return
        self.settling = None
        attempt = self.attempts[(hold.record.request_id, hold.record.attempt)]
        assert attempt.settled is None, "settled twice"
        attempt.settled = (usage, cost, estimated, status)
        attempt.is_written = not self._real_disk.fail_write

    def _on_excess(self, hold: Hold, cost: int) -> None:
        self.excesses.append(hold)
        self.gateway.raise_alarm(hold, cost)

    def _watch_job(self, run: Callable[[], Any]) -> Callable[[], Any]:
        """Note what a sync that works makes sure of: all that was written before it began."""
        job = cast(SyncJob, run.__self__)  # type: ignore[attr-defined]
        claims = [
            (attempt, attempt.settled is not None)
            for attempt in self.attempts.values()
            if not attempt.settled_synced
        ]

        def watched() -> None:
            run()
            if job.synced and job.sync:
                for attempt, is_settled in claims:
                    attempt.synced = True
                    attempt.settled_synced |= is_settled

        return watched
