"""Who goes next, per deployment: a bounded first-in-first-out queue before `max_in_flight` places.

Pure over a clock in seconds: used by the gateway and by simulations alike. A gate never leaves a
place idle beside a waiter, but while it is held: then nobody gets one, and all queue. It does not
know connections; a waiter is told by its callback.
"""

from collections import OrderedDict
from collections.abc import Callable

from tramontane.errors import Overloaded, TramontaneError

Moved = Callable[[int, float], None]
"""Told a waiter's position, 1 being next, and in how many seconds its turn may come."""

SERVICE_S_ASSUMED = 2.0
OVERDUE = 0.25  # of a service time: what one that should have left already may still take
LEARNT_FROM = 20  # requests, the latest counting most
SLOTS_SEARCHED = 8


class Permit:
    """A place at a deployment. `slot` is its number, for engines that keep state per place.

    `is_same_tenant` tells that what the slot keeps is the same tenant's. Set `was_served` once the
    engine has begun to answer: until then the slot may still keep what another tenant left.
    """

    __slots__ = ("granted_s", "is_same_tenant", "slot", "tenant", "was_served")

    def __init__(self, slot: int, tenant: str, granted_s: float, is_same_tenant: bool) -> None:
        self.slot = slot
        self.tenant = tenant
        self.granted_s = granted_s
        self.is_same_tenant = is_same_tenant
        self.was_served = False


Refused = Callable[[TramontaneError], None]
_Waiter = tuple[str, Callable[[Permit], None], Moved | None, Refused | None]


class _Hold:
    """Why nobody is admitted. `expected_s` is how long it lasts, `ends_s` when it ends by that."""

    __slots__ = ("ends_s", "expected_s", "queued")

    def __init__(self, queued: Callable[[], None]) -> None:
        self.queued = queued
        self.expected_s = 0.0
        self.ends_s = 0.0


class FifoGate:
    """Admits at most `max_in_flight`; at most `queue_limit` wait."""

    def __init__(self, max_in_flight: int, queue_limit: int, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._free = list(range(max_in_flight))  # the latest used stands last
        self._taken: dict[int, float] = {}  # since when, by slot
        self._last_tenant: dict[int, str] = {}
        self._waiters: OrderedDict[int, _Waiter] = OrderedDict()
        self._tickets = 0
        self._service_s = SERVICE_S_ASSUMED
        self._hold: _Hold | None = None
        self._places = max_in_flight  # none while it is held
        self.served = 0  # requests that had a place and have left
        self.opened_s: float | None = None  # when it was held last; None: never
        self.max_in_flight = max_in_flight
        self.queue_limit = queue_limit
        self.in_flight = 0

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiters)

    def enter(self, tenant: str) -> Permit | None:
        """Return a permit where a place is free and nobody waits; else None: call `wait`."""
        if self.in_flight >= self._places or self._waiters:
            return None
        return self._grant(tenant)

    @property
    def is_held(self) -> bool:
        """Whether nobody is admitted, however many places there are."""
        return self._hold is not None

    def hold(self, queued: Callable[[], None]) -> None:
        """Admit nobody from now on; `queued` is called for each that comes."""
        self._hold = _Hold(queued)
        self._places = 0

    def expect(self, opens_in_s: float) -> None:
        """Say in how many seconds a held gate is likely to be opened."""
        if self._hold is not None:
            self._hold.expected_s = opens_in_s
            self._hold.ends_s = self._clock_s() + opens_in_s

    def open(self) -> None:
        """Admit again, those first who have waited; what slots kept is gone."""
        self._hold = None
        self._places = self.max_in_flight
        self._last_tenant.clear()
        self.opened_s = self._clock_s()
        self._serve_waiters()

    def dismiss(self, error: TramontaneError) -> None:
        """Send all away who wait and said how they are `refused`."""
        for ticket, (_, _, _, refused) in tuple(self._waiters.items()):
            if refused is not None:
                del self._waiters[ticket]
                refused(error)

    def wait(
        self,
        tenant: str,
        admitted: Callable[[Permit], None],
        moved: Moved | None = None,
        refused: Refused | None = None,
    ) -> int:
        """Queue; `admitted(permit)` is called when a place is given. Returns a ticket.

        `moved` is told where in the queue it stands, each time that `tell_positions` is called.
        `refused` is told why, instead, where nobody will be admitted any more.
        Raises Overloaded, with the predicted wait as `retry_after_s`, where the queue is full.
        """
        hold = self._hold
        if len(self._waiters) >= self.queue_limit:
            if hold is not None:
                hold.queued()  # though there is no room: the next one may find it open
            raise Overloaded(
                f"Too many requests are waiting for this model ({len(self._waiters)}).",
                code="overloaded",
                retry_after_s=self.predicted_wait_s(len(self._waiters)),
            )
        self._tickets += 1
        self._waiters[self._tickets] = (tenant, admitted, moved, refused)
        if hold is not None:
            hold.queued()
        return self._tickets

    def cancel(self, ticket: int) -> None:
        """Leave the queue; nothing happens where the ticket has been served."""
        self._waiters.pop(ticket, None)

    def release(self, permit: Permit) -> None:
        """Give a place back, and on to whoever waits longest."""
        self.in_flight -= 1
        self._taken.pop(permit.slot, None)
        if permit.slot < self.max_in_flight:
            self._free.append(permit.slot)
            if permit.was_served:
                self._last_tenant[permit.slot] = permit.tenant
        served_s = self._clock_s() - permit.granted_s
        self.served += 1
        weight = 1 / self.served if self.served < LEARNT_FROM else 1 / LEARNT_FROM
        self._service_s += weight * (served_s - self._service_s)
        self._serve_waiters()

    def resize(self, max_in_flight: int, queue_limit: int) -> None:
        """Take over changed limits; those inside stay."""
        if max_in_flight != self.max_in_flight:
            self._free = [slot for slot in range(max_in_flight) if slot not in self._taken]
            self._last_tenant.clear()  # an engine with other slots is another process
        self.max_in_flight = max_in_flight
        self._places = 0 if self._hold is not None else max_in_flight
        self.queue_limit = queue_limit
        self._serve_waiters()

    def predicted_wait_s(self, ahead: int) -> float:
        """Return within how many seconds one gets a place, with `ahead` waiters before one.

        In whole rounds, since those inside may all have come, and will leave, at the same time.
        """
        rounds = -(-(ahead + 1) // self.max_in_flight)
        return self._opens_in_s() + rounds * self._service_s

    def tell_positions(self) -> None:
        """Tell each waiter that asked for it where it stands; call this while anybody waits."""
        turns_s = self._turns_s()
        places = len(turns_s)
        for i, (_, _, moved, _) in enumerate(tuple(self._waiters.values())):
            if moved is not None:
                moved(i + 1, turns_s[i % places] + i // places * self._service_s)

    def _turns_s(self) -> list[float]:
        """Return in how many seconds each place may become free, the soonest first; one at least.

        Places beyond `max_in_flight`, which has shrunk, go to nobody. All of a held gate become
        free when it is opened.
        """
        if self._hold is not None:
            return [self._opens_in_s()] * self.max_in_flight
        now_s, service_s = self._clock_s(), self._service_s
        left = sorted(
            max(granted_s + service_s - now_s, OVERDUE * service_s)
            for granted_s in self._taken.values()
        )
        return left[max(0, len(left) - self.max_in_flight) :] or [service_s]

    def _opens_in_s(self) -> float:
        hold = self._hold
        if hold is None:
            return 0.0
        return max(hold.ends_s - self._clock_s(), OVERDUE * hold.expected_s)

    def _serve_waiters(self) -> None:
        while self._waiters and self.in_flight < self._places:
            _, (tenant, admitted, _, _) = self._waiters.popitem(last=False)
            admitted(self._grant(tenant))

    def _grant(self, tenant: str) -> Permit:
        self.in_flight += 1
        slot = self._choose_slot(tenant)
        self._taken[slot] = granted_s = self._clock_s()
        is_same = self._last_tenant.pop(slot, None) == tenant
        return Permit(slot, tenant, granted_s, is_same)

    def _choose_slot(self, tenant: str) -> int:
        """Return a free slot: one that served `tenant` last, else the one unused for longest."""
        free, last = self._free, self._last_tenant
        if last.get(free[-1]) == tenant:
            return free.pop()
        for i in range(len(free) - 2, max(-1, len(free) - 1 - SLOTS_SEARCHED), -1):
            if last.get(free[i]) == tenant:
                return free.pop(i)
        return free.pop(0)
