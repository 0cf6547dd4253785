"""OV4 and the order of the queue: properties of the first-in-first-out gate, by a slow model."""

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tramontane.errors import Overloaded
from tramontane.gateway.admission import FifoGate, Permit

TENANTS = st.sampled_from(("alpha", "beta", "gamma"))


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def gate_of(places: int, queue: int = 100, clock: Clock | None = None) -> FifoGate:
    return FifoGate(places, queue, clock or Clock())


def must(permit: Permit | None) -> Permit:
    assert permit is not None
    return permit


class Gate(RuleBasedStateMachine):
    """Any sequence of what callers can do, beside a model that is plainly right."""

    def __init__(self) -> None:
        super().__init__()
        self.places = 2
        self.queue_limit = 3
        self.clock = Clock()
        self.gate = gate_of(self.places, self.queue_limit, self.clock)
        self.inside: list[Permit] = []
        self.queue: deque[tuple[int, str]] = deque()  # ticket, tenant
        self.admitted: list[tuple[int, Permit]] = []
        self.kept: dict[int, str] = {}  # slot: whose state the engine keeps there

    def note(self, permit: Permit) -> None:
        assert permit.slot not in {other.slot for other in self.inside}, "a slot given twice"
        assert permit.slot < self.places
        assert permit.is_same_tenant <= (self.kept.get(permit.slot) == permit.tenant)
        self.inside.append(permit)

    @rule(tenant=TENANTS)
    def enter(self, tenant: str) -> None:
        permit = self.gate.enter(tenant)
        assert (permit is not None) == (not self.queue and len(self.inside) < self.places)
        if permit is not None:
            assert permit.tenant == tenant
            self.note(permit)

    @rule(tenant=TENANTS)
    def wait(self, tenant: str) -> None:
        if len(self.inside) < self.places and not self.queue:
            return  # callers wait only after `enter` has said no
        box: list[int] = []
        try:
            ticket = self.gate.wait(tenant, lambda p: self.admitted.append((box[0], p)))
        except Overloaded as error:
            assert len(self.queue) >= self.queue_limit
            assert (error.retry_after_s or 0) > 0
            return
        box.append(ticket)
        assert len(self.queue) < self.queue_limit
        self.queue.append((ticket, tenant))

    @precondition(lambda self: self.queue)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        ticket, tenant = data.draw(st.sampled_from(sorted(self.queue)))
        self.queue.remove((ticket, tenant))
        self.gate.cancel(ticket)
        self.gate.cancel(ticket)

    @precondition(lambda self: self.inside)
    @rule(data=st.data(), was_served=st.booleans())
    def release(self, data: st.DataObject, was_served: bool) -> None:
        self.clock.now_s += 0.5
        permit = self.inside.pop(data.draw(st.integers(0, len(self.inside) - 1)))
        permit.was_served = was_served
        if was_served:
            self.kept[permit.slot] = permit.tenant
        self.gate.release(permit)
        self.take_admitted()

    @rule(places=st.integers(1, 5), queue_limit=st.integers(0, 4))
    def resize(self, places: int, queue_limit: int) -> None:
        if places != self.places:
            self.kept.clear()
        self.places, self.queue_limit = places, queue_limit
        self.gate.resize(places, queue_limit)
        self.take_admitted()

    def take_admitted(self) -> None:
        for ticket, permit in self.admitted:
            expected, tenant = self.queue.popleft()
            assert (ticket, permit.tenant) == (expected, tenant), "out of order"
            self.note(permit)
        self.admitted.clear()

    @invariant()
    def no_place_is_idle_beside_a_waiter(self) -> None:
        assert not self.queue or len(self.inside) >= self.places

    @invariant()
    def counts_agree(self) -> None:
        assert self.gate.in_flight == len(self.inside)
        assert self.gate.waiting == len(self.queue)


TestGate = Gate.TestCase
TestGate.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)


def test_a_tenant_gets_the_place_that_keeps_its_state() -> None:
    gate = gate_of(4)
    permits = {name: must(gate.enter(name)) for name in ("alpha", "beta", "gamma")}
    slots = {name: permit.slot for name, permit in permits.items()}
    for permit in permits.values():
        assert not permit.is_same_tenant
        permit.was_served = True
        gate.release(permit)
    for name in ("gamma", "alpha", "beta"):
        again = must(gate.enter(name))
        assert (again.slot, again.is_same_tenant) == (slots[name], True)


def test_a_place_whose_engine_never_answered_is_nobodys() -> None:
    """What another tenant left there may still be in the engine's slot."""
    gate = gate_of(1)
    first = must(gate.enter("alpha"))
    first.was_served = True
    gate.release(first)
    unserved = must(gate.enter("beta"))
    gate.release(unserved)
    assert not must(gate.enter("beta")).is_same_tenant


def test_the_full_queue_is_small_work() -> None:
    gate = gate_of(1, 0)
    gate.enter("alpha")
    with pytest.raises(Overloaded) as caught:
        gate.wait("beta", lambda permit: None)
    assert caught.value.code == "overloaded"
    assert gate.waiting == 0


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 8),
    st.integers(1, 30),
    st.floats(0.05, 30),
    st.floats(1.2, 6),
)
def test_coming_back_when_told_works(
    places: int, queue_limit: int, service_s: float, burst: float
) -> None:
    """A burst beyond places and queue; as many as can wait come back once, when told to."""
    clock = Clock()
    gate = gate_of(places, queue_limit, clock)
    events: list[tuple[float, int, Callable[[], None]]] = []
    serial = 0

    def at(due_s: float, action: Callable[[], None]) -> None:
        nonlocal serial
        serial += 1
        heappush(events, (due_s, serial, action))

    def serve(permit: Permit) -> None:
        at(clock.now_s + service_s, lambda: gate.release(permit))

    def run_until(end_s: float) -> None:
        while events and events[0][0] <= end_s:
            clock.now_s, _, action = heappop(events)
            action()
        clock.now_s = end_s

    def ask() -> float | None:
        permit = gate.enter("a")
        if permit is not None:
            serve(permit)
            return None
        try:
            gate.wait("a", serve)
        except Overloaded as error:
            return error.retry_after_s
        return None

    for _ in range(20):  # it learns how long a service takes
        ask()
        run_until(clock.now_s + service_s / places)
    run_until(clock.now_s + (queue_limit + places) * service_s)
    refused = [s for s in (ask() for _ in range(int(burst * (places + queue_limit)))) if s]
    results: list[bool] = []
    for wait_s in refused[:queue_limit]:
        at(clock.now_s + wait_s + 0.001, lambda: results.append(ask() is None))
    run_until(clock.now_s + 100 * (queue_limit + places) * service_s)
    assert results == [True] * min(len(refused), queue_limit)
