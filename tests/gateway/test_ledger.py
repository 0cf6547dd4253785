"""Budgets: what is refused and what that says, windows, excess, clocks, and killed gateways."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests import empty
from tests.gateway.opened import open_ledger
from tramontane.errors import BudgetExhausted, Conflict
from tramontane.gateway.ledger import MAX_TOKENS, Ledger
from tramontane.money import COST_MOST_NANO, NANO, Price, Usage, bound_nano, cost_nano
from tramontane.store import schema, usage
from tramontane.store.database import Store, open_store
from tramontane.store.journal import Hold, Writer
from tramontane.store.journal.simulated_disk import SimulatedDisk
from tramontane.store.opening import resume_ms
from tramontane.store.records import Budget, Owner, SpentWindows, Window
from tramontane.store.windows import DAY_MS, bounds

HOUR_MS = 3_600_000
NOON_MS = int(datetime(2026, 2, 27, 12, tzinfo=UTC).timestamp() * 1000)
CENT = NANO // 100
PRICE = Price(NANO * 10_000, NANO * 10_000, NANO * 1_000, 0)  # a cent a token
FREE = Price()


class Desk:
    """A ledger on a simulated disk, with a clock to turn."""

    def __init__(
        self,
        *budgets: Budget,
        spend: dict[tuple[Owner, str], SpentWindows] | None = None,
        now_ms: int = NOON_MS,
    ) -> None:
        self.now_ms = now_ms
        self.excesses: list[tuple[str, int]] = []
        self.serial = 0
        disk = SimulatedDisk(random.Random(1))
        self.writer = Writer(disk, segment_bytes=1 << 20, randbits=random.Random(2).getrandbits)
        self.ledger = Ledger(
            self.writer,
            lambda: self.now_ms,
            spend or {},
            start_ms=now_ms,
            on_excess=lambda hold, cost: self.excesses.append((hold.record.request_id, cost)),
            currency="EUR",
        )
        self.ledger.set_budgets(budgets, {"prj_a": "alpha", "key_1": "laptop"})

    def hold(
        self, output: int = 10, *, prompt: int = 0, key: str = "key_1", price: Price = PRICE
    ) -> Hold:
        self.serial += 1
        return self.ledger.hold(
            request_id=f"req_{self.serial}",
            attempt=0,
            project_id="prj_a",
            key_id=key,
            model="large",
            deployment="large-eu",
            price=price,
            prompt_bound_tokens=prompt,
            prompt_estimate_tokens=prompt,
            output_bound_tokens=output,
        )

    def settle(self, hold: Hold, output: int) -> int:
        return self.ledger.settle(hold, Usage(0, output), estimated=False, status="ok")

    def refused(self, output: int = 10, key: str = "key_1") -> BudgetExhausted:
        before = self.ledger.open_holds
        with pytest.raises(BudgetExhausted) as caught:
            self.hold(output, key=key)
        assert self.ledger.open_holds == before
        assert (caught.value.status, caught.value.code) == (429, "insufficient_quota")
        return caught.value

    @property
    def available(self) -> int | None:
        return self.ledger.available_nano("prj_a", "key_1")


def budget(cents: int, window: Window = "day", key: str | None = None) -> Budget:
    return Budget(
        id=f"bud_{window}_{key}", project_id="prj_a", key_id=key, window=window,
        limit_nano=cents * CENT,
    )  # fmt: skip


def test_what_one_attempt_costs_always_fits_into_the_store() -> None:
    """Whatever a deployment is said to cost, and however much its server counts."""
    desk = Desk()
    held = desk.hold(price=Price(request_nano=10**19))
    assert held.record.bound_nano == COST_MOST_NANO
    counted = Usage(MAX_TOKENS, MAX_TOKENS)
    charged = desk.ledger.settle(held, counted, estimated=False, status="ok")
    assert charged == COST_MOST_NANO
    assert desk.ledger.account("project", "prj_a").spent_nano == COST_MOST_NANO


def test_a_hold_takes_its_bound_and_a_settle_gives_the_rest_back() -> None:
    desk = Desk(budget(100))
    hold = desk.hold(30, prompt=20)
    assert hold.record.bound_nano == 50 * CENT
    assert desk.available == 50 * CENT
    cost = desk.ledger.settle(hold, Usage(20, 5, 10), estimated=False, status="ok")
    assert cost == 10 * CENT + 10 * CENT // 10 + 5 * CENT
    assert desk.available == 100 * CENT - cost
    assert desk.ledger.open_holds == 0


def test_the_tightest_of_all_budgets_counts() -> None:
    desk = Desk(budget(100), budget(90, "month"), budget(50, "total", "key_1"))
    assert desk.available == 50 * CENT
    assert desk.ledger.available_nano("prj_a", "key_2") == 90 * CENT
    assert desk.ledger.available_nano("prj_b", "key_3") is None
    desk.hold(60, key="key_2")
    assert desk.available == 30 * CENT
    desk.refused(31)
    desk.hold(30)


def test_without_budgets_nothing_is_refused() -> None:
    desk = Desk()
    assert desk.available is None
    desk.settle(desk.hold(10**9), 10**9)
    desk.ledger.set_budgets([budget(1, "total")])
    assert desk.available is not None
    assert desk.available < 0


def test_a_released_hold_costs_nothing() -> None:
    desk = Desk(budget(100))
    hold = desk.hold(30, price=Price(1, 1, 1, request_nano=5 * CENT))
    desk.ledger.release(hold, status="upstream_failed")
    assert (hold.cost_nano, desk.available, desk.ledger.open_holds) == (0, 100 * CENT, 0)


def test_a_hold_is_charged_once() -> None:
    desk = Desk(budget(100))
    hold = desk.hold(30)
    assert desk.settle(hold, 10) == 10 * CENT
    assert desk.settle(hold, 30) == 10 * CENT
    desk.ledger.release(hold, status="late")
    desk.ledger.checkpoint(hold, 20)
    assert desk.available == 90 * CENT


class TestRefusals:
    """A refusal says which budget, how much, and what would help."""

    def test_it_resets_at_the_end_of_the_window(self) -> None:
        desk = Desk(budget(100))
        desk.settle(desk.hold(95), 95)
        error = desk.refused(10)
        assert error.message == (
            "The daily budget of the project 'alpha' cannot afford this request: limit 1.00 EUR,"
            " spent 0.95 EUR, held by open requests 0.00 EUR, left 0.05 EUR; this request may cost"
            " up to 0.10 EUR."
            " It resets at 2026-02-28T00:00:00Z. Until then, ask for fewer output tokens."
        )
        assert error.retry_after_s == 12 * 3600
        assert (error.may_cost, error.left, error.currency) == ("0.10", "0.05", "EUR")
        desk.now_ms += int(error.retry_after_s * 1000) - 1
        desk.refused(10)
        desk.now_ms += 1
        desk.hold(10)

    def test_a_month_and_a_key(self) -> None:
        desk = Desk(budget(100, "month", "key_1"))
        desk.settle(desk.hold(100), 100)
        error = desk.refused()
        assert "The monthly budget of the key 'laptop'" in error.message
        assert "resets at 2026-03-01T00:00:00Z." in error.message
        assert error.retry_after_s == 36 * 3600

    def test_a_total_does_not_reset(self) -> None:
        desk = Desk(budget(100, "total"), budget(100))
        desk.settle(desk.hold(100), 100)
        error = desk.refused()
        assert "The total budget" in error.message
        assert "It does not reset." in error.message
        assert error.retry_after_s is None

    def test_open_requests_may_give_back(self) -> None:
        desk = Desk(budget(100))
        hold = desk.hold(95)
        error = desk.refused(10)
        assert "held by open requests 0.95 EUR" in error.message
        assert "once open requests have ended" in error.message
        assert error.retry_after_s == 2
        desk.settle(hold, 1)
        desk.hold(10)

    def test_waiting_does_not_help_a_request_above_the_limit(self) -> None:
        error = Desk(budget(100)).refused(101)
        assert "above the whole limit: ask for fewer output tokens" in error.message
        assert error.retry_after_s is None

    def test_a_used_up_budget_still_serves_what_is_free(self) -> None:
        desk = Desk(budget(10))
        desk.settle(desk.hold(10), 10)
        desk.settle(desk.hold(10, price=FREE), 10)
        desk.refused(1)


class TestExcess:
    """What exceeds its hold is charged, told, and closes the account until it is covered."""

    def overspent(self, window: Window = "day") -> Desk:
        desk = Desk(budget(100, window))
        assert desk.settle(desk.hold(100), 150) == 150 * CENT
        assert desk.excesses == [("req_1", 150 * CENT)]
        assert desk.available == -50 * CENT
        desk.refused(0)
        with pytest.raises(BudgetExhausted):
            desk.hold(10, price=FREE)
        return desk

    def test_until_the_window_ends(self) -> None:
        desk = self.overspent()
        desk.now_ms += 12 * HOUR_MS
        desk.hold(100)

    def test_until_the_limit_is_raised(self) -> None:
        desk = self.overspent("total")
        desk.now_ms += 400 * DAY_MS
        desk.refused(0)
        desk.ledger.set_budgets([budget(149, "total")])
        desk.refused(0)
        desk.ledger.set_budgets([budget(150, "total")])
        desk.settle(desk.hold(10, price=FREE), 1)
        desk.ledger.set_budgets([])
        desk.hold(1_000)

    def test_covered_at_once_it_closes_nothing(self) -> None:
        desk = Desk(budget(1_000))
        desk.settle(desk.hold(100), 150)
        assert len(desk.excesses) == 1
        desk.hold(850)

    def test_absurd_counts_are_cut(self) -> None:
        desk = Desk(budget(100))
        hold = desk.hold(10)
        cost = desk.ledger.settle(hold, Usage(-5, 10**30, 7), estimated=False, status="x" * 99)
        assert cost == cost_nano(PRICE, Usage(0, MAX_TOKENS, 0)) < 2**63
        assert desk.ledger.settle(hold, Usage(), estimated=False, status="ok") == cost
        free = Desk()
        assert free.ledger.settle(free.hold(), Usage(2, 0, 9), estimated=False, status="ok") == (
            cost_nano(PRICE, Usage(2, 0, 2))
        )


class TestTime:
    """Windows are fixed when a hold begins; time does not run backwards."""

    def test_a_settle_is_charged_to_the_day_of_its_hold(self) -> None:
        desk = Desk(budget(100), budget(150, "total"), now_ms=NOON_MS + 12 * HOUR_MS - 1)
        late = desk.hold(80)
        desk.now_ms += 1
        assert desk.available == 70 * CENT  # by the total; the new day is whole
        desk.settle(late, 60)
        day = desk.ledger.account("project", "prj_a")
        assert (day.spent_in("day"), day.held_in("day"), day.spent_in("total")) == (
            0, 0, 60 * CENT,
        )  # fmt: skip
        assert desk.available == 90 * CENT
        desk.hold(90)

    def test_a_clock_set_back_gives_no_fresh_budget(self) -> None:
        desk = Desk(budget(100), now_ms=NOON_MS + 12 * HOUR_MS + 60_000)
        desk.settle(desk.hold(100), 100)
        desk.now_ms -= HOUR_MS  # yesterday again, of which nothing was spent
        desk.refused(1)
        assert desk.ledger.clock_behind_ms == HOUR_MS
        desk.now_ms += 2 * HOUR_MS
        assert desk.ledger.clock_behind_ms == 0
        desk.refused(1)
        desk.now_ms += DAY_MS
        desk.hold(100)

    def test_nor_does_a_start_while_it_is_back(self) -> None:
        latest = NOON_MS + 12 * HOUR_MS + 60_000
        assert resume_ms(latest, latest - HOUR_MS) == latest
        assert resume_ms(latest, latest + 1) == latest + 1
        assert resume_ms(None, latest) == latest
        wrong = latest + 365 * DAY_MS
        assert resume_ms(wrong, latest) == latest, "a wrong clock does not freeze budgets"

    @settings(max_examples=100, deadline=None)
    @given(st.data())
    def test_no_jump_charges_twice_or_below_zero(self, data: st.DataObject) -> None:
        """RE10, beside a slow model: each attempt counts in the windows it began in."""
        midnight = bounds("month", NOON_MS).end_ms or 0
        desk = Desk(budget(200), budget(300, "month"), now_ms=midnight - 30 * 60_000)
        now_ms = desk.now_ms
        begun: list[tuple[Hold, int]] = []
        jumps = st.sampled_from([0, 1, 60_000, HOUR_MS, -HOUR_MS, -DAY_MS])
        for _ in range(data.draw(st.integers(1, 25))):
            desk.now_ms += data.draw(jumps)
            now_ms = max(now_ms, desk.now_ms)
            opened = [(hold, at_ms) for hold, at_ms in begun if hold.cost_nano < 0]
            settles: bool = data.draw(st.booleans())
            if opened and settles:
                hold = opened[data.draw(st.integers(0, len(opened) - 1))][0]
                desk.settle(hold, data.draw(st.integers(0, hold.record.output_bound_tokens)))
            else:
                with suppress(BudgetExhausted):
                    begun.append((desk.hold(data.draw(st.integers(0, 120))), now_ms))
            account = desk.ledger.account("project", "prj_a")
            limits: dict[Window, int] = {"day": 200, "month": 300}
            for window, limit in limits.items():
                inside = [h for h, at in begun if bounds(window, now_ms).holds(at)]
                spent = sum(hold.cost_nano for hold in inside if hold.cost_nano >= 0)
                held = sum(hold.record.bound_nano for hold in inside if hold.cost_nano < 0)
                assert (account.spent_in(window), account.held_in(window)) == (spent, held)
                assert 0 <= spent + held <= limit * CENT
        assert not desk.excesses


@given(
    st.builds(Price, *[st.integers(0, 10**15)] * 4),
    st.integers(0, MAX_TOKENS),
    st.integers(0, MAX_TOKENS),
    st.data(),
)
def test_a_bound_is_an_upper_bound(
    price: Price, prompt: int, output: int, data: st.DataObject
) -> None:
    cached_nano = min(price.cached_nano_per_mtok, price.input_nano_per_mtok)
    price = Price(
        price.input_nano_per_mtok, price.output_nano_per_mtok, cached_nano, price.request_nano
    )
    bound = bound_nano(price, prompt, output)
    assert bound == cost_nano(price, Usage(prompt, output))
    used = data.draw(st.integers(0, prompt))
    less = Usage(used, data.draw(st.integers(0, output)), data.draw(st.integers(0, used)))
    assert 0 <= cost_nano(price, less) <= bound


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32))
def test_no_order_of_many_clients_overspends(seed: int) -> None:
    """RE3: 64 clients, one small budget each of a project and a key, usage within the holds."""
    dice = random.Random(seed)
    desk = Desk(budget(500), budget(200, "total", "key_1"), budget(100, "day", "key_2"))
    clients: list[Hold | None] = [None] * 64
    for _ in range(600):
        n = dice.randrange(64)
        hold = clients[n]
        if hold is None:
            with suppress(BudgetExhausted):
                clients[n] = desk.hold(dice.randrange(30), key=f"key_{n % 4}")
        else:
            desk.settle(hold, dice.randint(0, hold.record.output_bound_tokens))
            clients[n] = None
    for hold in clients:
        if hold is not None:
            desk.settle(hold, hold.record.output_bound_tokens)
    assert desk.ledger.open_holds == 0
    limits: dict[tuple[Owner, str], int] = {
        ("project", "prj_a"): 500, ("key", "key_1"): 200, ("key", "key_2"): 100,
    }  # fmt: skip
    for (owner, id_), limit in limits.items():
        account = desk.ledger.account(owner, id_)
        assert account.held_nano == 0
        assert account.spent_nano <= limit * CENT
        assert account.available_nano == limit * CENT - account.spent_nano


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    path = tmp_path / "tramontane.db"
    path.write_bytes(empty.store())
    return f"sqlite:///{path}"


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    opened = open_store(store_url)
    yield opened
    opened.close()


def clock_ms() -> int:
    return time.time_ns() // 1_000_000


def real_hold(ledger: Ledger, number: int, key: str = "key") -> Hold:
    return ledger.hold(
        request_id=f"req_{number}", attempt=0, project_id="prj", key_id=key, model="m",
        deployment="d", price=PRICE, prompt_bound_tokens=9, prompt_estimate_tokens=4,
        output_bound_tokens=50,
    )  # fmt: skip


def test_it_starts_with_what_was_spent(tmp_path: Path, store: Store) -> None:
    folder = tmp_path / "journal"
    ledger, recovered = open_ledger(folder, store, clock_ms)
    assert (recovered.settled, recovered.lost) == (0, 0)
    ledger.settle(real_hold(ledger, 1), Usage(4, 6), estimated=False, status="ok")
    real_hold(ledger, 2)
    ledger.close()
    ledger, recovered = open_ledger(folder, store, clock_ms)
    assert (recovered.settled, recovered.lost) == (1, 1)
    for account in (ledger.account("project", "prj"), ledger.account("key", "key")):
        assert (account.spent_nano, account.held_nano) == (14 * CENT, 0)
    ledger.close()


def test_one_gateway_for_each_journal(tmp_path: Path, store: Store) -> None:
    ledger, _ = open_ledger(tmp_path / "journal", store, clock_ms)
    with pytest.raises(Conflict, match=f"in use by process {os.getpid()}"):
        open_ledger(tmp_path / "journal", store, clock_ms)
    ledger.close()
    open_ledger(tmp_path / "journal", store, clock_ms)[0].close()


def test_the_journal_is_synced_beside_the_loop(tmp_path: Path, store: Store) -> None:
    ledger, _ = open_ledger(tmp_path / "journal", store, clock_ms)

    async def serve() -> None:
        task = asyncio.create_task(ledger.run(0.001))
        for number in range(200):
            hold = real_hold(ledger, number)
            ledger.checkpoint(hold, 5)
            if number % 20 == 0:
                await asyncio.sleep(0.002)
            ledger.settle(hold, Usage(4, 6), estimated=False, status="ok")
        while ledger.unsynced_records:
            await asyncio.sleep(0.001)
        real_hold(ledger, 1_000)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(serve())
    assert ledger.fault is None
    ledger.close()
    assert ledger.unsynced_records == 0
    _, recovered = open_ledger(tmp_path / "journal", store, clock_ms)
    assert (recovered.settled, recovered.lost) == (200, 1)


GATEWAY = textwrap.dedent(
    """
    import random, sys, time
    from pathlib import Path
    from tramontane.gateway.ledger import open_ledger
    from tramontane.store.opening import prepare
    from tramontane.money import Price, Usage
    from tramontane.store.database import open_store

    folder, url, life, seed = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    price = Price(10**13, 10**13, 10**13, 0)
    dice = random.Random(seed)
    clock_ms = lambda: time.time_ns() // 10**6
    opening = prepare(Path(folder), open_store(url), clock_ms)
    ledger = open_ledger(Path(folder), opening, clock_ms)
    held = []
    for number in range(10**9):
        name = f"req_{life}_{number}"
        held.append(
            ledger.hold(
                request_id=name, attempt=0, project_id="prj", key_id="key", model="m",
                deployment="d", price=price, prompt_bound_tokens=9, prompt_estimate_tokens=4,
                output_bound_tokens=50,
            )
        )
        print("hold", name, flush=True)
        if len(held) > 5:
            hold = held.pop(dice.randrange(6))
            ledger.checkpoint(hold, 20)
            print("deliver", hold.record.request_id, flush=True)
            cost = ledger.settle(hold, Usage(9, 11), estimated=False, status="ok")
            print("settle", hold.record.request_id, cost, flush=True)
        if number % 50 == 0:
            ledger._writer.sync()
    """
)


def test_a_killed_gateway_has_billed_exactly_once(
    tmp_path: Path, store_url: str, store: Store
) -> None:
    """Real processes, files and signals; a few, since each is slow. The simulation has the many."""
    told: dict[str, list[str]] = {}  # the last that each request's client could have heard
    dice = random.Random(7)
    for life in range(3):
        command = [
            sys.executable, "-c", GATEWAY, str(tmp_path / "journal"), store_url, str(life), "3",
        ]  # fmt: skip
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(dice.randrange(1, 400))]
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.readlines()  # said before, heard after
        child.wait()
        child.stdout.close()
        for line in lines:
            if line.endswith("\n"):
                what, request_id, *cost = line.split()
                told[request_id] = [what, *cost]
    ledger, _ = open_ledger(tmp_path / "journal", store, clock_ms)
    ledger.close()
    with store.read() as c:
        rows = {row["request_id"]: row for row in c.execute(select(schema.usage)).mappings()}
        spent = usage.spend(c, clock_ms())
    assert len(told) > 60
    assert told.keys() <= rows.keys()
    assert len(rows) - len(told) <= 3, "at most the hold that each kill cut short is not told"
    for request_id, (what, *cost) in told.items():
        row = rows[request_id]
        if what == "settle":
            assert (row["cost_nano"], row["status"]) == (int(*cost), "ok")
        elif row["status"] == "gateway_lost":
            tokens = 4 + 20 * (what == "deliver")
            assert tokens * CENT <= row["cost_nano"] <= 59 * CENT
            assert row["estimated"]
    assert spent["project", "prj"].total_nano == sum(r["cost_nano"] for r in rows.values())
