"""The ledger, its journal and the way into the store, under a simulated disk, clock and crashes.

Each schedule is a seed: holds, checkpoints and settles between syncs and imports, on a disk that
fills up, fails and tears, ended by killed processes and losses of power at any operation. A slow,
obvious model knows what must be billed. What it holds the parts to:

- killed: every hold is billed exactly once, and as settled where `settle` had returned;
- power lost: the same for all that had been synced; nothing is billed twice or below zero;
- budgets: the counters always equal a sum over all attempts, and no window is ever overspent by
  usage within its holds, wherever the clock jumps; unless a settle was lost with the power, and
  its hold billed at more.
"""

from collections import Counter
from collections.abc import Sequence
from random import Random

import msgspec
import pytest

from tramontane.errors import BudgetExhausted, Unavailable
from tramontane.gateway.ledger import Ledger
from tramontane.money import Price, Usage, cost_nano
from tramontane.store.journal import Hold, Importer, SyncJob, Writer, recover
from tramontane.store.journal.simulated_disk import Crash, SimulatedDisk
from tramontane.store.opening import resume_ms
from tramontane.store.records import Budget, Owner, SpentWindows, UsageRecord, Window
from tramontane.store.windows import DAY_MS, bounds

HOUR_MS = 3_600_000
WINDOWS: tuple[Window, ...] = ("day", "month", "total")
MONTH_END_MS = bounds("month", 1_772_000_000_000).end_ms or 0
KEYS = {"key_a": "prj_a", "key_b": "prj_a", "key_c": "prj_c"}
PRICES = (Price(2_000_000, 6_000_000, 1_000_000, 3), Price(), Price(999_999, 1_000_001, 7, 0))

Owners = tuple[tuple[Owner, str], tuple[Owner, str]]


class Attempt(msgspec.Struct):
    """What the model knows of one attempt."""

    hold: Hold
    life: int
    delivered_tokens: int = 0
    settled: UsageRecord | None = None
    is_written: bool = True  # False: the disk refused the settle, which waits in memory
    synced_hold: bool = False
    synced_settle: bool = False
    synced_tokens: int = 0
    final: bool = False
    row: UsageRecord | None = None

    @property
    def owners(self) -> Owners:
        return ("project", self.hold.record.project_id), ("key", self.hold.record.key_id)

    def least(self, tokens: int) -> int:
        record = self.hold.record
        tokens = min(tokens, record.output_bound_tokens)
        cost = cost_nano(record.price, Usage(record.prompt_estimate_tokens, tokens))
        return min(cost, record.bound_nano)


class World:
    """One schedule: a machine with a gateway and a worker, and the model beside them."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.disk = SimulatedDisk(self.random)
        self.clock_ms = MONTH_END_MS - self.random.choice((0, 1, 26)) * HOUR_MS - 1_000
        self.now_ms = 0  # the model's: it never goes back
        self.rows: dict[tuple[str, int], UsageRecord] = {}
        self.attempts: dict[tuple[str, int], Attempt] = {}
        self.beginning: tuple[str, int] | None = None  # a hold that has not returned
        self.untold: set[tuple[str, int]] = set()  # holds that never returned
        self.limits = self._draw_limits()
        self.exceeded: set[tuple[Owner, str]] = set()
        self.excesses = 0
        self.life = 0
        self.seen: Counter[str] = Counter()
        self.start()

    # -- the machine ----------------------------------------------------------------------------

    def start(self) -> None:
        """A gateway starts, as `open_ledger` does it, and a worker where there is none."""
        self.life += 1
        self.disk.lock("lock")
        recover(self.disk, self.insert, self.clock_ms)
        assert not [n for n in self.disk.names() if n.endswith((".open", ".done"))]
        latest_ms = max((row.started_at_ms for row in self.rows.values()), default=None)
        self.now_ms = resume_ms(latest_ms, self.clock_ms)
        self.writer = Writer(
            self.disk,
            segment_bytes=self.random.choice((2_500, 4_000, 8_000)),
            randbits=self.random.getrandbits,
        )
        self.ledger = Ledger(
            self.writer,
            lambda: self.clock_ms,
            self.spend(),
            start_ms=self.now_ms,
            on_excess=self.on_excess,
        )
        self.set_budgets()
        self.job: SyncJob | None = None
        self.claims: list[tuple[Attempt, bool, int]] = []
        self.importer = Importer(self.disk, self.insert)

    def insert(self, rows: Sequence[UsageRecord]) -> None:
        """The store: a transaction that may be cut short before or after it is kept."""
        self.disk.step()
        for row in rows:
            self.rows.setdefault((row.request_id, row.attempt), row)
        self.disk.step()

    def spend(self) -> dict[tuple[Owner, str], SpentWindows]:
        owners: set[tuple[Owner, str]] = {("project", p) for p in KEYS.values()}
        owners |= {("key", k) for k in KEYS}
        rows = list(self.rows.values())
        return {
            owner: SpentWindows(*(self.sum_of_rows(rows, owner, w, self.now_ms) for w in WINDOWS))
            for owner in owners
        }

    @staticmethod
    def sum_of_rows(
        rows: Sequence[UsageRecord], owner: tuple[Owner, str], window: Window, at_ms: int
    ) -> int:
        inside = bounds(window, at_ms)
        return sum(
            row.cost_nano
            for row in rows
            if owner[1] in (row.project_id, row.key_id) and inside.holds(row.started_at_ms)
        )

    def crash(self, where: str) -> None:
        """Everything ends here; some other day the machine runs again."""
        power_loss = self.random.random() < 0.5
        self.seen[f"{'power loss' if power_loss else 'kill'} in {where}"] += 1
        importer = self.importer
        while True:
            self.disk.restart(power_loss=power_loss)
            if self.random.random() < 0.2:
                self.disk.crash_in = self.random.randint(1, 30)
            self.clock_ms += self.random.choice((0, 0, 5_000, -HOUR_MS, HOUR_MS))
            try:
                self.start()
            except Crash:
                self.seen["crash while starting"] += 1
                power_loss = power_loss or self.random.random() < 0.2
                continue
            break
        self.disk.crash_in = None
        if not power_loss and where != "import_" and self.random.random() < 0.5:
            self.importer = importer  # the worker lived on
        self.judge(power_loss)

    # -- what may happen ------------------------------------------------------------------------

    def hold(self, prices: Sequence[Price] = PRICES) -> None:
        key_id = self.random.choice(list(KEYS))
        price = self.random.choice(prices)
        prompt, output = self.random.randrange(1_000), self.random.randrange(2_000)
        identity = (f"req_{len(self.attempts)}_{self.life}", self.random.randrange(2))
        self.beginning = identity
        self.tick()
        available = self.ledger.available_nano(KEYS[key_id], key_id)
        bound = cost_nano(price, Usage(prompt, output))
        try:
            hold = self.ledger.hold(
                request_id=identity[0],
                attempt=identity[1],
                project_id=KEYS[key_id],
                key_id=key_id,
                model="large",
                deployment=self.random.choice(("a", "large-in-frankfurt" * 3)),
                price=price,
                prompt_bound_tokens=prompt,
                prompt_estimate_tokens=self.random.randrange(1_200),
                output_bound_tokens=output,
            )
        except BudgetExhausted:
            assert available is not None and available < bound
            self.seen["refused: budget"] += 1
        except Unavailable as error:
            assert error.code == "metering_unavailable"
            assert not available or available >= bound
            self.seen["refused: journal"] += 1
        else:
            assert available is None or available >= bound
            self.attempts[identity] = Attempt(hold, self.life)
            self.seen["hold"] += 1
        self.beginning = None

    def rush(self) -> None:
        """Short requests come and go, segment after segment, while older ones stay open."""
        for _ in range(self.random.randrange(25)):
            known = len(self.attempts)
            self.hold((Price(),))
            if len(self.attempts) > known:
                self.finish(next(reversed(self.attempts.values())), Usage(0, 0))
            if self.random.random() < 0.3:
                self.end_sync()
                self.begin_sync()
            if self.random.random() < 0.1:
                self.import_()

    def open_attempt(self) -> Attempt | None:
        found = [a for a in self.attempts.values() if a.life == self.life and a.settled is None]
        return self.random.choice(found) if found else None

    def deliver(self) -> None:
        attempt = self.open_attempt()
        if attempt is None:
            return
        for _ in range(self.random.choice((1, 1, 1, 20))):
            tokens = attempt.delivered_tokens + self.random.randrange(600)
            try:
                self.ledger.checkpoint(attempt.hold, tokens)
            except Unavailable:
                self.seen["checkpoint refused"] += 1
                return
            attempt.delivered_tokens = tokens
            if attempt.hold.checkpoint_tokens > tokens:
                self.seen["checkpoint of the whole bound"] += 1

    def settle(self) -> None:
        attempt = self.open_attempt()
        if attempt is None:
            return
        record = attempt.hold.record
        prompt = self.random.randint(0, record.prompt_estimate_tokens)
        output = self.random.randint(0, record.output_bound_tokens)
        usage = Usage(prompt, output, self.random.randint(0, prompt))
        self.finish(attempt, usage)

    def exceed(self) -> None:
        attempt = self.open_attempt()
        if attempt is not None and self.random.random() < 0.2:
            output = attempt.hold.record.output_bound_tokens + self.random.randrange(1, 5_000)
            self.finish(attempt, Usage(attempt.hold.record.prompt_estimate_tokens, output))

    def finish(self, attempt: Attempt, usage: Usage) -> None:
        record = attempt.hold.record
        self.tick()
        cost = cost_nano(record.price, usage)
        free = self.random.random() < 0.1
        settled = UsageRecord(
            request_id=record.request_id,
            attempt=record.attempt,
            project_id=record.project_id,
            key_id=record.key_id,
            model=record.model,
            deployment=record.deployment,
            started_at_ms=record.started_at_ms,
            settled_at_ms=self.now_ms,
            prompt_tokens=0 if free else usage.prompt_tokens,
            completion_tokens=0 if free else usage.completion_tokens,
            cached_tokens=0 if free else usage.cached_tokens,
            cost_nano=0 if free else cost,
            estimated=False,
            status="refused" if free else "ok",
        )
        attempt.settled, attempt.is_written = settled, False
        excesses = self.excesses
        if settled.cost_nano > record.bound_nano:
            self.exceeded.update(attempt.owners)
            excesses += 1
        for _ in range(self.random.choice((1, 1, 1, 2))):  # a second time changes nothing
            if free:
                self.ledger.release(attempt.hold, status="refused")
            else:
                assert self.ledger.settle(attempt.hold, usage, estimated=False, status="ok") == cost
        assert self.excesses == excesses
        attempt.is_written = not self.disk.fail_write
        self.seen["settle" if attempt.is_written else "settle in memory only"] += 1

    def begin_sync(self) -> None:
        if self.job is None:
            self.job = self.writer.begin_sync()
            self.claims = [
                (a, a.settled is not None, a.delivered_tokens)
                for a in self.attempts.values()
                if a.life == self.life
            ]

    def run_sync(self) -> None:
        if self.job is not None and not (self.job.synced or self.job.sync_error):
            self.job.run()

    def end_sync(self) -> None:
        self.run_sync()
        if self.job is None:
            return
        job, self.job = self.job, None
        self.writer.end_sync(job)
        if job.sync_error or job.create_error:
            self.seen["sync failed" if job.sync_error else "no room for a segment"] += 1
        if job.sync and job.synced:
            for attempt, is_settled, tokens in self.claims:
                attempt.synced_hold = True
                attempt.synced_settle |= is_settled
                attempt.synced_tokens = max(attempt.synced_tokens, tokens)

    def import_(self) -> None:
        imported = self.importer.step()
        self.seen["imported"] += imported.rows
        self.seen["damaged segments"] += len(imported.damaged)

    def jump(self) -> None:
        self.clock_ms += self.random.choice((1, 1_000, 60_000, HOUR_MS, -HOUR_MS, DAY_MS // 2))

    def disturb(self) -> None:
        fault = self.random.choice(("full", "fail_sync", "fail_write"))
        setattr(self.disk, fault, not getattr(self.disk, fault))

    def mend(self) -> None:
        self.disk.full = self.disk.fail_sync = self.disk.fail_write = False

    def change_budgets(self) -> None:
        self.seen["budgets changed"] += 1
        self.limits = self._draw_limits()
        self.set_budgets()

    def _draw_limits(self) -> dict[tuple[Owner, str, Window], int]:
        owners = [("project", "prj_a"), ("key", "key_a"), ("key", "key_b"), ("project", "prj_c")]
        return {
            (owner, id_, window): self.random.randrange(60_000)  # type: ignore[misc]
            for owner, id_ in owners
            for window in WINDOWS
            if self.random.random() < 0.4
        }

    def set_budgets(self) -> None:
        self.ledger.set_budgets(
            Budget(
                id=f"{owner}{id_}{window}",
                project_id=KEYS.get(id_, id_),
                key_id=id_ if owner == "key" else None,
                window=window,
                limit_nano=limit,
            )
            for (owner, id_, window), limit in self.limits.items()
        )

    def on_excess(self, hold: Hold, cost: int) -> None:
        assert cost > hold.record.bound_nano
        self.excesses += 1
        self.seen["excess"] += 1

    def tick(self) -> None:
        self.now_ms = max(self.now_ms, self.clock_ms)

    # -- the model's judgement ------------------------------------------------------------------

    def judge(self, power_loss: bool) -> None:
        """Compare what the store has with what each attempt must have left, after a restart."""
        for identity, attempt in self.attempts.items():
            row = self.rows.get(identity)
            if attempt.final:
                assert row == attempt.row, "a bill has changed"
                continue
            exact = attempt.settled is not None and row == attempt.settled
            if power_loss:
                must_be_exact = attempt.synced_settle
                must_be_there = attempt.synced_hold
                least = attempt.least(attempt.synced_tokens)
            else:
                must_be_exact = attempt.settled is not None and attempt.is_written
                must_be_there = True
                least = attempt.least(attempt.delivered_tokens)
            assert exact or not must_be_exact, (attempt, row)
            assert row is not None or not must_be_there, attempt
            if row is not None and not exact:
                assert row.estimated and row.status == "gateway_lost", (attempt, row)
                assert least <= row.cost_nano <= attempt.hold.record.bound_nano, (attempt, row)
                assert row.started_at_ms == attempt.hold.record.started_at_ms <= row.settled_at_ms
                if attempt.settled is not None and row.cost_nano > attempt.settled.cost_nano:
                    # The settle is lost, and what it had given back may have been spent since.
                    self.exceeded.update(attempt.owners)
            attempt.final, attempt.row = True, row
        assert all(row.cost_nano >= 0 for row in self.rows.values())
        if self.beginning is not None:  # it may have been written though nobody was told
            self.untold.add(self.beginning)
            self.beginning = None
        assert self.rows.keys() <= self.attempts.keys() | self.untold, "billed without a hold"
        self.check_no_overspending()

    def check_counters(self) -> None:
        """The ledger's counters are what a sum over everything gives."""
        self.tick()
        present = [a for a in self.attempts.values() if a.life == self.life]
        now = {(a.hold.record.request_id, a.hold.record.attempt) for a in present}
        charged = [row for identity, row in self.rows.items() if identity not in now]
        charged += [a.settled for a in present if a.settled is not None]
        for owner in self.spend():
            account = self.ledger.account(*owner)
            for window in WINDOWS:
                inside = bounds(window, self.now_ms)
                spent = self.sum_of_rows(charged, owner, window, self.now_ms)
                held = sum(
                    a.hold.record.bound_nano
                    for a in present
                    if a.settled is None
                    and owner in a.owners
                    and inside.holds(a.hold.record.started_at_ms)
                )
                assert (account.spent_in(window), account.held_in(window)) == (spent, held)
            lefts = [account.left_in(window) for window in account.limits]
            assert not lefts or account.available_nano == min(lefts)

    def check_no_overspending(self) -> None:
        rows = list(self.rows.values())
        for owner, id_, window in self.limits:
            if (owner, id_) in self.exceeded or self.seen["budgets changed"]:
                continue
            for at_ms in {row.started_at_ms // DAY_MS * DAY_MS for row in rows}:
                spent = self.sum_of_rows(rows, (owner, id_), window, at_ms)
                assert spent <= self.limits[owner, id_, window]


def run(seed: int) -> Counter[str]:
    """Run one schedule; return how often what happened in it."""
    world = World(seed)
    random = world.random
    actions = (
        (world.hold, 10),
        (world.rush, 1),
        (world.deliver, 8),
        (world.settle, 8),
        (world.exceed, 1),
        (world.begin_sync, 6),
        (world.run_sync, 3),
        (world.end_sync, 6),
        (world.import_, 3),
        (world.jump, 2),
        (world.disturb, 1),
        (world.mend, 1),
        (world.change_budgets, 0.3 if seed % 2 else 0),
    )
    # Each schedule has much of some actions and none of others: what is rare together is seen so.
    weights = [weight * random.choice((0, 0.3, 1, 1, 4)) for _, weight in actions]
    weights[0] += 1
    crashes = random.choice((0.005, 0.03, 0.1))
    for _ in range(random.randrange(20, 120)):
        ((act, _),) = random.choices(actions, weights)
        if random.random() < crashes:
            world.disk.crash_in = random.randint(1, 12)
        try:
            act()
            if random.random() < 0.2:
                world.check_counters()
        except Crash:
            world.crash(act.__name__)
    end(world)
    return world.seen


def end(world: World) -> None:
    """Let every request end, and the gateway: nothing is held, all of it is in the store."""
    world.mend()
    world.disk.crash_in = None
    while attempt := world.open_attempt():
        world.finish(attempt, Usage(0, 1))
    for _ in range(40):  # the writer tries a failed creation again after a while
        world.end_sync()
        world.begin_sync()
    world.end_sync()
    world.check_counters()
    assert world.ledger.open_holds == 0
    assert all(world.ledger.account(*owner).held_nano == 0 for owner in world.spend())
    world.ledger.close()
    world.import_()
    world.judge(power_loss=False)
    assert not [n for n in world.disk.names() if n.endswith((".open", ".done"))]


HAPPENS = {
    "hold", "settle", "settle in memory only", "imported", "excess", "refused: budget",
    "refused: journal", "checkpoint of the whole bound", "sync failed", "no room for a segment",
    "crash while starting", "kill in hold", "kill in deliver", "kill in settle",
    "kill in run_sync", "kill in import_", "power loss in hold", "power loss in settle",
    "power loss in run_sync", "power loss in import_", "damaged segments",
}  # fmt: skip


def test_hundreds_of_schedules() -> None:
    seen: Counter[str] = Counter()
    for seed in range(400):
        try:
            seen += run(seed)
        except BaseException:
            print(f"schedule {seed}")  # noqa: T201 - how to see it again
            raise
    assert HAPPENS <= seen.keys(), HAPPENS - seen.keys()


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_a_hundred_thousand_schedules(block: int) -> None:
    for seed in range(1_000_000 + block * 5_000, 1_000_000 + (block + 1) * 5_000):
        try:
            run(seed)
        except BaseException:
            print(f"schedule {seed}")  # noqa: T201
            raise
