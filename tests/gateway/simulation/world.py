"""One schedule: a machine with a gateway and a worker, its clients and upstreams, all by a seed.

`run(seed)` plays it to its end and judges it. It draws what happens and when; who is right is
`oracle`'s.
"""

import asyncio
import hmac
import logging
import random as global_random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import msgspec

from tests.gateway.simulation import oracle
from tests.gateway.simulation.clients import Asker, Client
from tests.gateway.simulation.clockwork import Clockwork
from tests.gateway.simulation.life import Life
from tests.gateway.simulation.network import Network, Server
from tests.gateway.simulation.upstreams import Studio, Upstream
from tramontane.config import (
    DeploymentSettings,
    PriceSettings,
    RouteSettings,
    ServerSettings,
    Settings,
    UpstreamSettings,
)
from tramontane.gateway.news import News
from tramontane.store.journal import Importer, recover
from tramontane.store.journal.simulated_disk import Crash, SimulatedDisk
from tramontane.store.opening import resume_ms
from tramontane.store.records import (
    Budget,
    EngineInstance,
    Key,
    ModelFile,
    Opening,
    Owner,
    Picture,
    Project,
    SpentWindows,
    UsageRecord,
    Window,
)
from tramontane.store.windows import DAY_MS, bounds

HOUR_MS = 3_600_000
WINDOWS: tuple[Window, ...] = ("day", "month", "total")
MONTH_END_MS = bounds("month", 1_772_000_000_000).end_ms or 0
KEYS = {"key_a": "prj_a", "key_b": "prj_a", "key_c": "prj_c"}
ADDRESSES = {
    "asks": "127.0.0.2:80",
    "always": "127.0.0.3:80",
    "never": "127.0.0.4:80",
    "engine": "127.0.0.5:7000",
}
PATIENCE_S = 900.0  # four requests to a studio that hangs
_ENCODE = msgspec.json.Encoder().encode


class World:
    """See the module. `folder` has a pepper and may be shared by all schedules."""

    def __init__(self, seed: int, folder: Path, *, traces: bool = False) -> None:
        self.random = random = Random(seed)
        self.clockwork = Clockwork()
        self.network = Network(self.clockwork, random)
        self.disk = SimulatedDisk(random)
        self.rows: dict[tuple[str, int], UsageRecord] = {}
        self.seen: Counter[str] = Counter()
        self.trace: list[str] | None = [] if traces else None
        self.wall_ms = MONTH_END_MS - random.choice((0, 1, 26)) * HOUR_MS - 1_003_000
        self.pepper = (folder / "pepper").read_bytes()
        self.digests = {k: hmac.digest(self.pepper, k.encode(), "sha256") for k in KEYS}
        self.settings = self._draw_settings(folder)
        self.lives: list[Life] = []
        self.unrecovered: list[Life] = []  # whose journals nobody has read to the end
        self.life: Life | None = None
        self.crash_in_next_start: int | None = None
        self.clients: list[Client] = []
        self.backlog: list[Client] = []
        self.upstreams = self._draw_upstreams()
        self.asker = Asker(random, list(KEYS))
        self.importer = Importer(self.disk, self.insert)
        # What the store has of the configuration:
        self.revision = 0
        self.revoked: set[str] = set()
        self.closed: set[str] = set()
        self.engine_nonce = 0
        self.is_engine_up = True
        self.limits = self._draw_limits()
        self.all_limits = [dict(self.limits)]
        self.per_minute = random.choice((3, 60, 100_000, 100_000, 100_000, 100_000))

    # --- what the machine is like ----------------------------------------------------------------

    def _draw_settings(self, folder: Path) -> Settings:
        random = self.random
        price = PriceSettings(input_per_mtok="2", output_per_mtok="6", cached_input_per_mtok="1")
        free = PriceSettings()

        def deployment(name: str) -> DeploymentSettings:
            return DeploymentSettings(
                url=f"http://{ADDRESSES[name]}/v1",
                price=price if random.random() < 0.8 else free,
                max_in_flight=random.choice((1, 2, 1_024)),
                queue_limit=random.choice((0, 1, 256)),
                queue_timeout_s=random.choice((0.3, 2.0, 5.0)),
                max_output_tokens=random.choice((None, None, 500)),
                stream_usage={"asks": "ask", "always": "always", "never": "never"}[name],  # type: ignore[arg-type]
            )

        return Settings(
            data=str(folder),
            demo=False,
            server=ServerSettings(
                max_connections=random.choice((3, *(4_096,) * 9)),
                body_bytes=random.choice((1_000, *(100_000,) * 5)),
                all_bodies_bytes=random.choice((2_000, *(1_000_000,) * 5)),
                head_timeout_s=1.0,
                body_timeout_s=2.0,
                idle_timeout_s=2.0,
                write_timeout_s=1.5,
                studio_timeout_s=20.0,  # less than the end waits
                drain_s=random.choice((0.0, 0.5, 5.0)),
            ),
            upstream=UpstreamSettings(
                connect_timeout_s=0.5,
                first_byte_timeout_s=random.choice((0.2, 2.0)),
                idle_timeout_s=random.choice((0.15, 1.5)),
                pool_idle_s=1.0,
                answer_bytes=random.choice((2_000, 1_000_000)),
            ),
            deployments={
                **{name: deployment(name) for name in ("asks", "always", "never")},
                "engine": DeploymentSettings(
                    model="file", max_in_flight=random.choice((1, 4)), queue_timeout_s=2.0,
                    price=price,
                ),
            },
            routes={"chain": RouteSettings(deployments=("always", "engine", "asks"), retries=0)},
        )  # fmt: skip

    def _draw_upstreams(self) -> dict[str, Upstream]:
        upstreams = {}
        usage = {"asks": "ask", "always": "always", "never": "never", "engine": "ask"}
        for name, address in ADDRESSES.items():
            upstreams[name] = upstream = Upstream(
                name,
                self.clockwork,
                self.random,
                is_engine=name == "engine",
                gives_usage=usage[name],
                life=lambda: len(self.lives),
                log=self.log,
            )
            self.network.servers[address] = Server(upstream.accept)
        self.network.servers["studio.sock"] = Server(Studio(self.clockwork, self.random).accept)
        return upstreams

    def _draw_limits(self) -> dict[tuple[Owner, str, Window], int]:
        owners: list[tuple[Owner, str]] = [
            ("project", "prj_a"), ("key", "key_a"), ("key", "key_b"), ("project", "prj_c"),
        ]  # fmt: skip
        if self.random.random() < 0.5:
            return {}
        most = self.random.choice((4_000_000, 40_000_000))
        return {
            (owner, id_, window): self.random.randrange(most)
            for owner, id_ in owners
            for window in WINDOWS
            if self.random.random() < 0.3
        }

    def picture(self) -> Picture:
        """Return the store's configuration as it is now."""
        self.revision += 1
        return Picture(
            revision=self.revision,
            projects=tuple(
                Project(
                    id=project, name=project, requests_per_minute=self.per_minute,
                    tokens_per_minute=1_000_000, created_at_ms=0,
                    closed_reason="no more" if project in self.closed else None,
                )
                for project in ("prj_a", "prj_c")
            ),
            keys=tuple(
                Key(
                    id=key, project_id=project, name=key, prefix=key, created_at_ms=0,
                    digest=self.digests[key],
                )
                for key, project in KEYS.items()
                if key not in self.revoked
            ),
            budgets=tuple(
                Budget(
                    id=f"{owner}{id_}{window}", project_id=KEYS.get(id_, id_),
                    key_id=id_ if owner == "key" else None, window=window, limit_nano=limit,
                )
                for (owner, id_, window), limit in self.limits.items()
            ),
            models=(
                ModelFile(
                    sha256="0" * 64, name="file", size_bytes=1, architecture="llama",
                    context_tokens=2_000, added_at_ms=0,
                ),
            ),
            deployments=(),
            instances=(
                EngineInstance(
                    deployment="engine", nonce=f"{self.engine_nonce}",
                    address=ADDRESSES["engine"] if self.is_engine_up else None,
                    state="ready" if self.is_engine_up else "backing_off", updated_at_ms=0,
                ),
            ),
        )  # fmt: skip

    def barred(self) -> frozenset[str]:
        """Return the keys that may not be served."""
        return frozenset(k for k, p in KEYS.items() if k in self.revoked or p in self.closed)

    # --- the store and the worker ----------------------------------------------------------------

    def insert(self, rows: Sequence[UsageRecord]) -> None:
        """A transaction of the store, which may be cut short before or after it is kept."""
        self.disk.step()
        for row in rows:
            self.rows.setdefault((row.request_id, row.attempt), row)
        self.disk.step()

    def spend(self, now_ms: int) -> tuple[tuple[Owner, str, SpentWindows], ...]:
        """Return what was spent in the windows of `now_ms`."""
        owners: list[tuple[Owner, str]] = [("project", p) for p in sorted(set(KEYS.values()))]
        owners += [("key", key) for key in KEYS]
        return tuple(
            (owner, id_, SpentWindows(*(oracle.spent(self.rows.values(), id_, w, now_ms)
                                        for w in WINDOWS)))
            for owner, id_ in owners
        )  # fmt: skip

    def import_(self) -> None:
        """The worker's step, again and again."""
        self.clockwork.after(0.4, self.import_)
        try:
            self.importer.step()
        except OSError:
            self.seen["import failed"] += 1

    # --- lives and deaths ------------------------------------------------------------------------

    def clock_ms(self) -> int:
        """The wall clock, which may be set."""
        return self.wall_ms + int(self.clockwork.now_s * 1_000)

    def start(self) -> None:
        """Start the gateway as the parent does: its predecessor's journal first."""
        life = Life(len(self.lives) + 1, self.network, self.disk, self.settings, self.clock_ms)
        self.lives.append(life)
        self.life = life
        self.log(f"life {life.number} starts")
        self.disk.crash_in, self.crash_in_next_start = self.crash_in_next_start, None
        self.disk.lock("lock")
        try:
            recovered = recover(self.disk, self.insert, self.clock_ms())
        except OSError:
            self.seen["recovery failed"] += 1
            life.loop.is_dead = True  # the parent tries again
            return
        self.seen["billed as lost"] += recovered.lost
        self.unrecovered.clear()
        now_ms = self.clock_ms()
        latest_ms = max((row.started_at_ms for row in self.rows.values()), default=None)
        start_ms = resume_ms(latest_ms, now_ms)
        life.barred = self.barred()
        opening = Opening(self.spend(start_ms), start_ms, recovered.settled, recovered.lost)
        life.start(opening, self.picture(), self.random)
        waiting, self.backlog = self.backlog, []
        for client in waiting:
            self.connect(client)

    def bury(self, life: Life) -> None:
        """The gateway's process has ended, with the machine or alone; another will start."""
        random = self.random
        if not life.ended_by:
            life.ended_by = "power" if random.random() < 0.3 else "kill"
        self.log(f"life {life.number} ends: {life.ended_by}")
        self.seen[f"ended by {life.ended_by}"] += 1
        life.bury()
        is_power = life.ended_by == "power"
        if life.ended_by != "stop":
            self.disk.restart(power_loss=is_power)
        self.unrecovered.append(life)
        if is_power:
            self.importer = Importer(self.disk, self.insert)
            for earlier in self.unrecovered:  # what they left was not yet safe
                earlier.ended_by = "power"
        self.life = None
        if random.random() < 0.1:
            self.crash_in_next_start = random.randint(1, 25)
        self.clockwork.after(random.choice((0.0, 0.3)), self.start)

    def connect(self, client: Client) -> None:
        """A client connects; while there is no gateway, the parent's socket lets it wait."""
        life = self.life
        if life is None or not life.is_accepting:
            self.backlog.append(client)
            return
        ours, theirs = self.network.link(life.loop, f"client {client.number}")
        ours.protocol, theirs.protocol = life.accept(is_private=client.is_private), client
        ours.protocol.connection_made(ours)
        if theirs.is_lost:
            return
        client.connection_made(theirs)

    # --- what may happen -------------------------------------------------------------------------

    def tell(self, *, picture: bool = True) -> None:
        """The parent tells the gateway what has changed, or that nothing has."""
        if self.life is not None and self.life.is_accepting:
            self.life.barred = self.barred()
            self.life.tell(News(picture=self.picture() if picture else None), _ENCODE)

    def heartbeat(self) -> None:
        self.clockwork.after(5.0, self.heartbeat)
        self.tell(picture=False)

    def revoke(self) -> None:
        self.revoked.add(self.random.choice(list(KEYS)))
        self.tell()

    def close_project(self) -> None:
        project = self.random.choice(("prj_a", "prj_c"))
        self.closed ^= {project}
        self.tell()

    def change_budgets(self) -> None:
        self.limits = self._draw_limits()
        self.all_limits.append(dict(self.limits))
        self.tell()

    def restart_engine(self) -> None:
        """An engine's child dies and comes again; its connections are gone."""
        for end in list(self.network.ends):
            if end.name == ADDRESSES["engine"]:
                end.other.close()
        self.engine_nonce += 1
        self.is_engine_up = self.random.random() < 0.8
        self.tell()

    def jump(self) -> None:
        self.wall_ms += self.random.choice((-HOUR_MS, HOUR_MS, 60_000, DAY_MS // 2))

    def disturb(self) -> None:
        fault = self.random.choice(("full", "fail_sync", "fail_write"))
        setattr(self.disk, fault, not getattr(self.disk, fault))
        self.clockwork.after(self.random.choice((0.1, 1.0)), self.mend)

    def mend(self) -> None:
        self.disk.full = self.disk.fail_sync = self.disk.fail_write = False

    def crash(self) -> None:
        """At the disk's next operations, or at once."""
        if self.random.random() < 0.5:
            self.disk.crash_in = self.random.randint(1, 12)
        elif self.life is not None:
            self.life.loop.is_dead = True

    def stop(self) -> None:
        if self.life is not None and self.life.is_accepting:
            self.life.stop()

    def trouble_network(self) -> None:
        server = self.network.servers[self.random.choice(list(self.network.servers))]
        if self.random.random() < 0.5:
            server.refuses = not server.refuses
        else:
            server.is_silent = not server.is_silent

    def vanish(self) -> None:
        """Some connection carries nothing any more; not the studio's, which is on this machine."""
        ends = [end for end in self.network.ends if end.name != "studio.sock"]
        if ends:
            self.random.choice(ends).stall()

    # --- from beginning to end -------------------------------------------------------------------

    def run(self) -> None:
        """Play the schedule."""
        random = self.random
        span_s = random.choice((0.5, 2.0, 2.0, 6.0))
        is_store_gone = random.random() < 0.02
        if is_store_gone:
            span_s = 75.0
        else:
            self.heartbeat()
        self.clockwork.after(0.4, self.import_)
        self.clockwork.after(0, self.start)
        for number in range(random.choice((1, 3, 6, 12))):
            client = Client(number, self.asker, self.clockwork, random, self.log)
            self.clients.append(client)
            self.clockwork.after(span_s * random.random(), self.connect, client)
        events: tuple[Callable[[], None], ...] = (
            self.revoke, self.close_project, self.change_budgets, self.restart_engine, self.jump,
            self.disturb, self.crash, self.stop, self.trouble_network, self.vanish,
        )  # fmt: skip
        for event in random.sample(events, random.choice((0, 1, 3, 6))):
            for _ in range(random.choice((1, 1, 3))):
                self.clockwork.after(span_s * random.random(), self.happen, event)
        self.play(self.clockwork.now_s + span_s, lambda: False)
        self.finish()

    def happen(self, event: Callable[[], None]) -> None:
        self.log(event.__name__)
        self.seen[event.__name__] += 1
        event()

    def play(self, until_s: float, is_over: Callable[[], bool]) -> bool:
        """Let time pass until `until_s`, or until `is_over`; return whether it is."""
        step, clockwork = self.clockwork.step, self.clockwork
        while clockwork.now_s < until_s:
            try:
                step()
            except Crash:
                self.log("crash")
                if self.life is not None:
                    self.life.loop.is_dead = True
            life = self.life
            if life is not None:
                if life.has_stopped:
                    life.ended_by = "stop"
                if life.loop.is_dead or life.has_stopped:
                    self.bury(life)
                elif life.loop.problems:
                    life.loop.check()
            if is_over():
                return True
        return False

    def finish(self) -> None:
        """Let everything end by itself, look whether anything is left, stop, and judge."""
        self.log("the end begins")
        self.mend()
        self.disk.crash_in = None
        all_over = self.play(
            self.clockwork.now_s + PATIENCE_S,
            lambda: self.life is not None and self.life.is_accepting
            and all(client.is_finished for client in self.clients),
        )  # fmt: skip
        waiting = [client.number for client in self.clients if not client.is_finished]
        assert all_over, f"clients that wait for ever: {waiting}"
        self.crash_in_next_start = self.disk.crash_in = None
        life = self.life
        assert life is not None
        assert not life.has_failed, "a part that everything rests on has died"
        assert self.play(self.clockwork.now_s + 30, lambda: oracle.is_idle(life)), (
            oracle.what_is_left(life)
        )
        oracle.check_idle(life)
        life.stop()
        assert self.play(self.clockwork.now_s + 30, lambda: self.life is None)
        self.importer.step()
        recover(self.disk, self.insert, self.clock_ms())
        left = [name for name in self.disk.names() if name.endswith((".open", ".done"))]
        assert not left, left
        oracle.judge(self)

    def log(self, text: str) -> None:
        """Note what happened, where somebody will look at it."""
        if self.trace is not None:
            self.trace.append(f"{self.clockwork.now_s - 1_000:9.4f} {text}")


def run(seed: int, folder: Path, *, traces: bool = False) -> World:
    """Play the schedule of `seed`; return its world. Raises where something was wrong."""
    world = World(seed, folder, traces=traces)
    state = global_random.getstate()
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    global_random.seed(seed)  # the product draws a wait from it
    try:
        world.run()
    except BaseException:
        if world.life is not None:
            world.life.loop.is_dead = True
        if world.trace is not None:
            print("\n".join(world.trace[-400:]))  # noqa: T201 - what led there
        raise
    finally:
        asyncio._set_running_loop(None)
        logging.disable(level)
        global_random.setstate(state)
    return world
