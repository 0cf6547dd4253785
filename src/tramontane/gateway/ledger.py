"""Who may still spend what: budgets in memory, over the journal that makes each bill good.

`hold` takes an upper bound from every budget that applies, `settle` puts what was really used in
its place. Both are synchronous and take a few microseconds; `run` keeps the journal synced beside
them. Windows (day, month; UTC) are fixed when a hold begins, and time never runs backwards here:
while the clock is behind the latest hold, that hold's windows stay.

It knows neither requests nor routes, nor the store: what was spent before is handed to it.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tramontane.errors import BudgetExhausted
from tramontane.money import (
    COST_MOST_NANO,
    Price,
    Usage,
    bound_nano,
    cost_nano,
    format_nano,
)
from tramontane.store.journal import (
    STATUS_BYTES,
    FolderDisk,
    Hold,
    HoldRecord,
    SaleRecord,
    SettleRecord,
    Writer,
)
from tramontane.store.records import Budget, Opening, Owner, SpentWindows, Window
from tramontane.store.windows import DAY_MS, bounds, time_name

SYNC_INTERVAL_S = 0.05

# Beyond any answer; a count above it is a mistake of the engine or provider, and is cut.
MAX_TOKENS = (1 << 31) - 1

_UNLIMITED_NANO = 1 << 80
_HELD_RETRY_S = 2.0  # open requests may end soon
_ADJECTIVES: dict[Window, str] = {"day": "daily", "month": "monthly", "total": "total"}


class Account:
    """What one project or key has spent and holds, and what its budgets leave."""

    __slots__ = (
        "_held_before_nano",
        "_limits",
        "_spent_before_nano",
        "available_nano",
        "held_nano",
        "id",
        "owner",
        "spent_nano",
    )

    def __init__(self, owner: Owner, id_: str, spent: SpentWindows) -> None:
        self.owner = owner
        self.id = id_
        self.spent_nano = spent.total_nano
        self.held_nano = 0
        self.available_nano = _UNLIMITED_NANO  # by every budget; negative where overspent
        self._limits: dict[Window, int] = {}
        # Spent and held outside of each window, so that the hot path counts in one place only.
        self._spent_before_nano: dict[Window, int] = {
            "day": spent.total_nano - spent.day_nano,
            "month": spent.total_nano - spent.month_nano,
            "total": 0,
        }
        self._held_before_nano: dict[Window, int] = {"day": 0, "month": 0, "total": 0}

    @property
    def limits(self) -> Mapping[Window, int]:
        """The limits that apply, in nano-units."""
        return self._limits

    def spent_in(self, window: Window) -> int:
        """Return what was spent in the present window, in nano-units."""
        return self.spent_nano - self._spent_before_nano[window]

    def held_in(self, window: Window) -> int:
        """Return what holds begun in the present window may still cost, in nano-units."""
        return self.held_nano - self._held_before_nano[window]

    def left_in(self, window: Window) -> int:
        """Return what the limit of `window`, which must be set, leaves; negative if overspent."""
        return self._limits[window] - self.spent_in(window) - self.held_in(window)

    def set_limits(self, limits: dict[Window, int]) -> None:
        """Put `limits` in the place of all limits."""
        self._limits = limits
        self._count()

    def begin(self, window: Window) -> None:
        """A new window has begun: nothing was spent or held in it."""
        self._spent_before_nano[window] = self.spent_nano
        self._held_before_nano[window] = self.held_nano
        self._count()

    def hold(self, bound: int) -> None:
        """Keep `bound` nano-units free for a hold."""
        self.held_nano += bound
        self.available_nano -= bound

    def settle(self, bound: int, cost: int) -> None:
        """Put a cost in the place of a hold, both in nano-units."""
        self.held_nano -= bound
        self.spent_nano += cost
        self.available_nano += bound - cost

    def settle_before(self, window: Window, bound: int, cost: int) -> None:
        """Correct a settle, counted already, of a hold begun before the present `window`."""
        self._spent_before_nano[window] += cost
        self._held_before_nano[window] -= bound
        self._count()

    def _count(self) -> None:
        lefts = [self.left_in(window) for window in self._limits]
        self.available_nano = min(lefts, default=_UNLIMITED_NANO)


class Ledger:
    """The budgets of every project and key. One thread only; see `open_ledger`.

    `spend` is what the store has for the windows that `start_ms` falls in: time begins there, even
    if the clock is behind. `on_excess(hold, cost)` is told of each cost above its hold.
    """

    def __init__(
        self,
        writer: Writer,
        clock_ms: Callable[[], int],
        spend: Mapping[tuple[Owner, str], SpentWindows],
        *,
        start_ms: int,
        on_excess: Callable[[Hold, int], None] | None = None,
        currency: str = "",
    ) -> None:
        self._writer = writer
        self._clock_ms = clock_ms
        self._on_excess = on_excess
        self._currency = currency and f" {currency}"
        self._names: Mapping[str, str] = {}
        self._projects: dict[str, Account] = {}
        self._keys: dict[str, Account] = {}
        for (owner, id_), spent in spend.items():
            self._accounts(owner)[id_] = Account(owner, id_, spent)
        self._now_ms = start_ms
        self._day = bounds("day", self._now_ms)
        self._month = bounds("month", self._now_ms)
        self._day_end_ms = self._day.start_ms + DAY_MS

    # -- budgets --------------------------------------------------------------------------------

    def set_budgets(
        self, budgets: Iterable[Budget], names: Mapping[str, str] | None = None
    ) -> None:
        """Put `budgets` in the place of all budgets; `names` of projects and keys, by id."""
        self._names = names or {}
        limits: dict[tuple[Owner, str], dict[Window, int]] = {}
        for budget in budgets:
            owner: Owner = "project" if budget.key_id is None else "key"
            of_owner = limits.setdefault((owner, budget.key_id or budget.project_id), {})
            known = of_owner.get(budget.window, budget.limit_nano)
            of_owner[budget.window] = min(known, budget.limit_nano)
        for owner, id_ in limits:
            self._account(owner, id_)
        for account in (*self._projects.values(), *self._keys.values()):
            account.set_limits(limits.get((account.owner, account.id), {}))

    def available_nano(self, project_id: str, key_id: str) -> int | None:
        """Return what every budget of both leaves, open holds taken off; None where unlimited.

        Negative where a budget is overspent.
        """
        self._tick()
        project = self._projects.get(project_id)
        key = self._keys.get(key_id)
        lefts = [a.available_nano for a in (project, key) if a is not None and a.limits]
        return min(lefts, default=None)

    def account(self, owner: Owner, id_: str) -> Account:
        """Return what is known of a project or key, for reading."""
        self._tick()
        return self._account(owner, id_)

    def _accounts(self, owner: Owner) -> dict[str, Account]:
        return self._projects if owner == "project" else self._keys

    def _account(self, owner: Owner, id_: str) -> Account:
        accounts = self._accounts(owner)
        if id_ not in accounts:
            accounts[id_] = Account(owner, id_, SpentWindows())
        return accounts[id_]

    # -- one attempt ----------------------------------------------------------------------------

    def hold(
        self,
        *,
        request_id: str,
        attempt: int,
        project_id: str,
        key_id: str,
        model: str,
        deployment: str,
        price: Price,
        prompt_bound_tokens: int,
        prompt_estimate_tokens: int,
        output_bound_tokens: int,
        provider: str = "",
        region: str = "",
        sale: SaleRecord | None = None,
    ) -> Hold:
        """Return a hold on what the attempt can cost at most, in every budget that applies.

        (`request_id`, `attempt`) must never have been used before: a bill is kept once for each.
        Raises BudgetExhausted, or Unavailable where the journal cannot be written.
        """
        now_ms = self._tick()
        bound = _bound(price, prompt_bound_tokens, output_bound_tokens)
        project = self._projects.get(project_id) or self._account("project", project_id)
        key = self._keys.get(key_id) or self._account("key", key_id)
        if bound > project.available_nano or bound > key.available_nano:
            raise self._exhausted((project, key), bound)
        if prompt_estimate_tokens > prompt_bound_tokens:
            prompt_estimate_tokens = prompt_bound_tokens
        hold = self._writer.hold(
            HoldRecord(
                request_id,
                attempt,
                project_id,
                key_id,
                model,
                deployment,
                now_ms,
                price,
                bound,
                prompt_estimate_tokens,
                output_bound_tokens,
                provider,
                region,
                sale,
            )
        )
        project.hold(bound)
        key.hold(bound)
        return hold

    def require(
        self,
        project_id: str,
        key_id: str,
        price: Price,
        prompt_bound_tokens: int,
        output_bound_tokens: int,
    ) -> None:
        """Raise BudgetExhausted where `hold` would now; nothing is kept free."""
        self._tick()
        bound = _bound(price, prompt_bound_tokens, output_bound_tokens)
        accounts = (self._account("project", project_id), self._account("key", key_id))
        if any(bound > account.available_nano for account in accounts):
            raise self._exhausted(accounts, bound)

    def checkpoint(self, hold: Hold, completion_tokens: int) -> None:
        """Note that up to `completion_tokens` may now be delivered; call before delivering them.

        Raises Unavailable where that cannot be noted: deliver no more.
        """
        if hold.cost_nano < 0:
            self._writer.checkpoint(hold, completion_tokens)

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
        """Charge `usage` in the place of `hold`; return the cost in nano-units.

        `price` is the one that it was served at, where that is not the hold's; `own_price` that of
        its publisher, where it is bought: then no more than the hold is charged, for the tokens
        are counted by who is paid for them.
        It has been written when this returns. A hold is charged once: settling it again changes
        nothing and returns the first cost. `status` is a word of up to STATUS_BYTES.
        """
        record = hold.record
        cost = cost_nano(price or record.price, usage)
        sale = record.sale
        serving = 0
        if sale is not None:
            serving = cost_nano(own_price or sale.own_price, usage)
            if cost > record.bound_nano:
                cost, estimated = record.bound_nano, True
        return self._settle(hold, usage, cost, serving, estimated, status)

    def release(self, hold: Hold, *, status: str) -> None:
        """Settle `hold` at no cost: nothing reached, or came from, the engine or provider."""
        self._settle(hold, Usage(), 0, 0, False, status)

    def _settle(
        self, hold: Hold, usage: Usage, cost: int, serving: int, estimated: bool, status: str
    ) -> int:
        if hold.cost_nano >= 0:
            return hold.cost_nano
        record = hold.record
        prompt, completion, cached, written = (
            usage.prompt_tokens,
            usage.completion_tokens,
            usage.cached_tokens,
            usage.cache_write_tokens,
        )
        if (
            not (0 <= cached <= prompt <= MAX_TOKENS and 0 <= completion <= MAX_TOKENS)
            or not 0 <= written <= prompt - cached
        ):
            return self._settle_absurd(hold, usage, estimated, status)
        if cost > COST_MOST_NANO or serving > COST_MOST_NANO:
            cost, serving = min(cost, COST_MOST_NANO), min(serving, COST_MOST_NANO)
            estimated = True
        now_ms = self._tick()
        hold.cost_nano = cost
        sale = record.sale
        self._writer.settle(
            hold,
            SettleRecord(
                record.request_id,
                record.attempt,
                record.project_id,
                record.key_id,
                record.model,
                record.deployment,
                record.started_at_ms,
                now_ms,
                prompt,
                completion,
                cached,
                cost,
                estimated,
                status[:STATUS_BYTES],
                record.provider,
                record.region,
                written,
                record.price.is_known,
                "" if sale is None else sale.publication_id,
                "" if sale is None else sale.publisher_id,
                serving,
                0 if sale is None else sale.version,
            ),
        )
        bound = record.bound_nano
        project, key = self._projects[record.project_id], self._keys[record.key_id]
        project.settle(bound, cost)
        key.settle(bound, cost)
        if record.started_at_ms < self._day.start_ms:
            self._settle_late(record, (project, key), cost)
        if cost > bound and self._on_excess is not None:
            self._on_excess(hold, cost)
        return cost

    def _settle_absurd(self, hold: Hold, usage: Usage, estimated: bool, status: str) -> int:
        """An engine or provider has counted what cannot be: charge the nearest that can."""
        prompt = min(max(usage.prompt_tokens, 0), MAX_TOKENS)
        completion = min(max(usage.completion_tokens, 0), MAX_TOKENS)
        cached = min(max(usage.cached_tokens, 0), prompt)
        written = min(max(usage.cache_write_tokens, 0), prompt - cached)
        hour = min(max(usage.cache_write_1h_tokens, 0), written)
        nearest = Usage(prompt, completion, cached, written, hour)
        return self.settle(hold, nearest, estimated=estimated, status=status)

    def _settle_late(self, record: HoldRecord, accounts: Sequence[Account], cost: int) -> None:
        for account in accounts:
            account.settle_before("day", record.bound_nano, cost)
            if record.started_at_ms < self._month.start_ms:
                account.settle_before("month", record.bound_nano, cost)

    # -- time -----------------------------------------------------------------------------------

    def _tick(self) -> int:
        """Return the time in ms, never less than before, with the windows as they are then."""
        now_ms = self._clock_ms()
        if now_ms <= self._now_ms:
            return self._now_ms
        self._now_ms = now_ms
        if now_ms >= self._day_end_ms:
            self._begin_windows(now_ms)
        return now_ms

    def _begin_windows(self, now_ms: int) -> None:
        self._day = bounds("day", now_ms)
        self._day_end_ms = self._day.start_ms + DAY_MS
        begun: list[Window] = ["day"]
        if not self._month.holds(now_ms):
            self._month = bounds("month", now_ms)
            begun.append("month")
        for account in (*self._projects.values(), *self._keys.values()):
            for window in begun:
                account.begin(window)

    # -- refusing -------------------------------------------------------------------------------

    def _exhausted(self, accounts: Sequence[Account], bound: int) -> BudgetExhausted:
        """Say which budget is in the way; of several, the one that resets last."""
        order: tuple[Window, ...] = ("total", "month", "day")
        in_the_way = [
            (window, account)
            for window in order
            for account in accounts
            if window in account.limits and bound > account.left_in(window)
        ]
        window, account = in_the_way[0]
        limit, spent, held = (
            account.limits[window],
            account.spent_in(window),
            account.held_in(window),
        )
        name = self._names.get(account.id, account.id)
        left = max(0, limit - spent - held)
        # Most dialects have room for words only: what `telling` says stands here as well.
        message = (
            f"The {_ADJECTIVES[window]} budget of the {account.owner} '{name}' cannot afford this"
            f" request: limit {self._money(limit)}, spent {self._money(spent)}, held by open"
            f" requests {self._money(held)}, left {self._money(left)}; this request may cost up to"
            f" {self._money(bound)}."
        )
        end_ms = bounds(window, self._now_ms).end_ms
        resets = "It does not reset." if end_ms is None else f"It resets at {time_name(end_ms)}."
        retry_after_s = None if end_ms is None else (end_ms - self._now_ms) / 1000
        if bound > limit:
            advice = " The request is above the whole limit: ask for fewer output tokens."
            retry_after_s = None
        elif spent + bound <= limit:
            advice = " It can be afforded once open requests have ended."
            retry_after_s = min(_HELD_RETRY_S, retry_after_s or _HELD_RETRY_S)
        elif limit - spent - held > 0:
            advice = " Until then, ask for fewer output tokens." if end_ms is not None else ""
        else:
            advice = ""
        refused = BudgetExhausted(f"{message} {resets}{advice}", retry_after_s=retry_after_s)
        return refused.telling(format_nano(bound), format_nano(left), self._currency.strip())

    def _money(self, nano: int) -> str:
        return format_nano(nano) + self._currency

    # -- the journal ----------------------------------------------------------------------------

    @property
    def open_holds(self) -> int:
        """How many holds are not settled; 0 when no request is open."""
        return self._writer.open_holds

    @property
    def unsynced_records(self) -> int:
        """How many records a loss of power could take."""
        return self._writer.unsynced_records

    @property
    def fault(self) -> str | None:
        """What is wrong with the journal's disk; None when nothing is."""
        return self._writer.fault

    @property
    def clock_behind_ms(self) -> int:
        """How far the clock is behind the latest hold; windows stand still meanwhile."""
        return max(0, self._now_ms - self._clock_ms())

    async def run(self, interval_s: float = SYNC_INTERVAL_S) -> None:
        """Sync the journal every `interval_s`, on a thread, until cancelled."""
        loop = asyncio.get_running_loop()
        job = None
        try:
            with ThreadPoolExecutor(1, "journal") as thread:
                while True:
                    await asyncio.sleep(interval_s)
                    job = self._writer.begin_sync()
                    if job is not None:
                        await loop.run_in_executor(thread, job.run)
                        self._writer.end_sync(job)
                        job = None
        finally:
            # Cancelled while the thread was at it: leaving the executor has waited for it.
            if job is not None:
                self._writer.end_sync(job)

    def close(self) -> None:
        """Sync and close the journal. `run` must have been cancelled."""
        self._writer.close()


def _bound(price: Price, prompt_tokens: int, output_tokens: int) -> int:
    return min(bound_nano(price, prompt_tokens, output_tokens), COST_MOST_NANO)


def open_ledger(
    folder: Path,
    opening: Opening,
    clock_ms: Callable[[], int],
    *,
    on_excess: Callable[[Hold, int], None] | None = None,
    currency: str = "",
) -> Ledger:
    """Return the ledger of the one gateway that uses `folder`, which `store.opening` has emptied.

    Blocks on the disk. Raises Conflict while another gateway uses the folder, OSError.
    """
    disk = FolderDisk(folder)
    disk.lock("lock")
    try:
        return Ledger(
            Writer(disk),
            clock_ms,
            {(owner, id_): spent for owner, id_, spent in opening.spend},
            start_ms=opening.start_ms,
            on_excess=on_excess,
            currency=currency,
        )
    except BaseException:
        disk.unlock()
        raise
