"""When engines rest and wake: by hand, then a seeded world of a parent, a gate and its clients."""

import heapq
from collections.abc import Callable
from itertools import count
from random import Random

import pytest

from tramontane.errors import Overloaded, TramontaneError, Unavailable
from tramontane.gateway.admission import FifoGate, Permit
from tramontane.gateway.news import Wish
from tramontane.gateway.sleeping import BELIEVE_S, TELL_AGAIN_S, Seen, Sleeper, Stage

AFTER_S = 10.0
PROBLEM = Unavailable("The engine could not be started.")


class Bench:
    """A sleeper with a clock that is set by hand, and what came of it."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.told: list[Wish] = []
        self.admitted: list[Permit] = []
        self.refused: list[TramontaneError] = []
        self.gate = FifoGate(2, 8, lambda: self.now_s)
        self.sleeper = Sleeper("small", self.gate, lambda: self.now_s, self.told.append)

    def see(self, state: str, nonce: str = "n1", *, after_s: float | None = AFTER_S) -> None:
        seen = Seen(state=state, nonce=nonce, after_s=after_s, cold_start_s=3.0)
        self.sleeper.see(seen, PROBLEM)

    def wait(self) -> int:
        return self.gate.wait("a", self.admitted.append, None, self.refused.append)

    def pass_s(self, seconds: float) -> None:
        self.now_s += seconds
        self.sleeper.sweep()


@pytest.fixture
def bench() -> Bench:
    """A bench whose engine is ready."""
    made = Bench()
    made.see("ready")
    return made


@pytest.fixture
def resting(bench: Bench) -> Bench:
    """A bench whose engine was just asked to end."""
    bench.pass_s(AFTER_S)
    assert bench.told == [Wish("rest", "small", "n1")]
    return bench


def test_it_rests_once_nobody_was_there_for_so_long(bench: Bench) -> None:
    bench.pass_s(AFTER_S - 1)
    permit = bench.gate.enter("a")
    assert permit is not None
    bench.pass_s(3 * AFTER_S)  # somebody is inside
    bench.gate.release(permit)
    bench.pass_s(AFTER_S - 1)
    passing = bench.gate.enter("a")
    assert passing is not None
    bench.gate.release(passing)  # between two looks
    bench.pass_s(1)
    bench.pass_s(AFTER_S - 1)
    assert bench.told == []
    bench.pass_s(1)
    assert bench.told == [Wish("rest", "small", "n1")]
    assert bench.gate.enter("a") is None


def test_one_that_is_not_to_sleep_does_not(bench: Bench) -> None:
    bench.see("ready", after_s=None)
    bench.pass_s(1000)
    assert bench.told == []
    assert bench.gate.enter("a") is not None


def test_many_who_come_wake_it_once_and_hear_when(resting: Bench) -> None:
    bench = resting
    heard: list[tuple[int, float]] = []
    bench.gate.wait("a", bench.admitted.append, lambda place, eta_s: heard.append((place, eta_s)))
    for _ in range(4):
        bench.wait()
    assert bench.told[1:] == [Wish("wake", "small")]
    bench.now_s += 1
    bench.gate.tell_positions()
    assert heard == [(1, 2.0)]  # of three seconds
    assert bench.gate.predicted_wait_s(0) > 2.0
    bench.see("asleep")
    bench.see("starting", "n2")
    assert bench.admitted == []
    bench.see("ready", "n2")
    assert len(bench.admitted) == 2
    assert len(bench.told) == 2


def test_a_child_that_was_asked_to_end_is_not_taken_for_its_successor(resting: Bench) -> None:
    bench = resting
    bench.wait()
    bench.see("ready", "n1")  # told before it was ended
    assert bench.admitted == []
    bench.see("ready", "n2")
    assert len(bench.admitted) == 1


def test_a_child_that_does_not_end_is_used_in_the_end(resting: Bench) -> None:
    bench = resting
    bench.wait()
    bench.see("ready", "n1")
    bench.pass_s(BELIEVE_S - 1)
    assert bench.admitted == []
    bench.pass_s(1)
    assert len(bench.admitted) == 1


def test_it_is_called_again_while_it_sleeps_on(resting: Bench) -> None:
    bench = resting
    ticket = bench.wait()
    bench.see("asleep")
    bench.pass_s(TELL_AGAIN_S)
    assert bench.told[1:] == [Wish("wake", "small")] * 2
    bench.gate.cancel(ticket)
    bench.pass_s(TELL_AGAIN_S)
    assert bench.sleeper.stage is Stage.RESTING
    bench.wait()
    assert len(bench.told) == 4


@pytest.mark.parametrize("state", ["backing_off", "failed"])
def test_who_waits_for_a_start_that_fails_is_told_so(state: str, resting: Bench) -> None:
    bench = resting
    bench.wait()
    bench.see("starting", "n2")
    bench.see(state, "n2")
    assert bench.refused == [PROBLEM]
    bench.wait()  # by a request that was on its way here
    assert bench.refused == [PROBLEM] * 2
    bench.see("starting", "n3")
    bench.wait()
    bench.see("ready", "n3")
    assert (len(bench.admitted), len(bench.refused)) == (1, 2)


def test_who_waits_for_one_that_is_taken_away_is_told_so(resting: Bench) -> None:
    resting.wait()
    resting.sleeper.end(PROBLEM)
    assert resting.refused == [PROBLEM]


def test_who_finds_no_room_to_wait_wakes_it_all_the_same(resting: Bench) -> None:
    bench = resting
    bench.gate.resize(2, 0)
    with pytest.raises(Overloaded) as refused:
        bench.wait()
    assert bench.told[1:] == [Wish("wake", "small")]
    assert (refused.value.retry_after_s or 0) >= 3.0
    bench.see("asleep")
    bench.pass_s(0.25)
    bench.see("starting", "n2")
    bench.see("ready", "n2")
    assert bench.gate.enter("a") is not None


def test_a_gateway_that_begins_while_it_sleeps_wakes_it() -> None:
    bench = Bench()
    bench.see("asleep", "n0")
    assert bench.gate.enter("a") is None
    bench.wait()
    assert bench.told == [Wish("wake", "small")]


# --- a world --------------------------------------------------------------------------------------


class World:
    """A parent, a gateway and clients over one clock; what each tells another comes late."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now_s = 0.0
        self.order = count()
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        # The parent's: the child there is, and whether it answers.
        self.state, self.nonce, self.serial = "asleep", "", 0
        self.serving: str | None = None
        self.starts = self.rests = 0
        # What is under way between the two, each in order.
        self.up_s = self.down_s = 0.0
        self.lines: list[Wish] = []
        # The gateway's and its clients'.
        self.life = 0
        self.address = ""  # the nonce of the child that requests are sent to
        self.inside: set[int] = set()
        self.open: set[int] = set()
        self.answered = self.refused = self.left = self.lost = 0
        self.failed_at_s = -1.0
        self.begin_gateway()
        self.sweep()

    def at(self, delay_s: float, what: Callable[[], None]) -> None:
        heapq.heappush(self.events, (self.now_s + delay_s, next(self.order), what))

    def run(self, until_s: float) -> None:
        while self.events and self.events[0][0] <= until_s:
            self.now_s, _, what = heapq.heappop(self.events)
            what()

    # --- the parent, as engines.supervisor is

    def report(self, state: str) -> None:
        """Show the gateway the store as it is now, a little later; earlier news come first."""
        self.state = state
        life, seen = (
            self.life,
            Seen(state=state, nonce=self.nonce, after_s=AFTER_S, cold_start_s=2.0),
        )
        self.down_s = max(self.down_s, self.now_s + self.random.choice((0.0, 0.01, 0.6)))

        def arrive() -> None:
            if life == self.life:
                self.see(seen)

        self.at(self.down_s - self.now_s, arrive)

    def granted(self, wish: Wish) -> None:
        if wish.kind == "rest" and wish.nonce == self.nonce and self.state != "asleep":
            assert not self.inside, "an engine was ended that somebody asks"
            self.serving = None
            self.rests += 1
            self.report("asleep")
        elif wish.kind == "wake" and self.state == "asleep":
            self.start()

    def start(self) -> None:
        self.starts += 1
        self.serial += 1
        self.nonce = nonce = f"n{self.serial}"
        self.report("starting")

        def up() -> None:
            if self.nonce != nonce or self.state != "starting":
                return
            if self.random.random() < 0.1:
                self.fail()
                return
            self.serving = nonce
            self.report("ready")

        self.at(self.random.uniform(0.2, 4.0), up)

    def fail(self) -> None:
        """The child has crashed, or did not start: another follows, or it is left asleep."""
        self.serving = None
        self.failed_at_s = self.now_s
        nonce = self.nonce
        self.report("backing_off")

        def again() -> None:
            if self.nonce == nonce and self.state == "backing_off":
                if self.random.random() < 0.3:
                    self.report("asleep")
                else:
                    self.start()

        self.at(self.random.uniform(0.1, 1.0), again)

    # --- the gateway

    def begin_gateway(self) -> None:
        """A new process: what its predecessor said was read to its end, its clients are gone."""
        self.life += 1
        lines, self.lines = self.lines, []
        self.lost += len(self.open)
        self.open.clear()
        self.inside.clear()
        for wish in lines:
            self.granted(wish)
        self.gate = FifoGate(2, 1_000, lambda: self.now_s)
        self.sleeper = Sleeper("small", self.gate, lambda: self.now_s, self.tell)
        self.see(Seen(state=self.state, nonce=self.nonce, after_s=AFTER_S, cold_start_s=2.0))

    def see(self, seen: Seen) -> None:
        if seen.state == "ready":
            self.address = seen.nonce
        self.sleeper.see(seen, PROBLEM)

    def tell(self, wish: Wish) -> None:
        self.lines.append(wish)
        life = self.life
        self.up_s = max(self.up_s, self.now_s + self.random.choice((0.0, 0.005, 0.3)))

        def arrive() -> None:
            if life == self.life:
                self.lines.remove(wish)
                self.granted(wish)

        self.at(self.up_s - self.now_s, arrive)

    def sweep(self) -> None:
        self.at(0.25, self.sweep)
        self.sleeper.sweep()

    # --- clients

    def ask(self, number: int) -> None:
        self.open.add(number)
        life, gate = self.life, self.gate

        def admitted(permit: Permit) -> None:
            if number not in self.open or life != self.life:
                gate.release(permit)
                return
            crashed = self.now_s - self.failed_at_s < 1.0  # and the gateway may not know it yet
            assert self.serving == self.address or crashed, "sent to an engine that has ended"
            self.inside.add(number)
            self.at(self.random.expovariate(2.0), lambda: leave(permit))

        def leave(permit: Permit) -> None:
            if life != self.life:
                return
            self.inside.discard(number)
            self.open.discard(number)
            self.answered += 1
            gate.release(permit)

        def refused(error: TramontaneError) -> None:
            self.open.discard(number)
            self.refused += 1
            assert self.now_s - self.failed_at_s < 2.5, "refused although no start has failed"

        def give_up() -> None:
            if life == self.life and number in self.open and number not in self.inside:
                gate.cancel(ticket)
                self.open.discard(number)
                self.left += 1

        permit = gate.enter("a")
        if permit is not None:
            admitted(permit)
            return
        ticket = gate.wait("a", admitted, None, refused)
        if self.random.random() < 0.1:
            self.at(self.random.uniform(0.0, 3.0), give_up)


def live(seed: int, hours: float) -> World:
    """Return the world after so long: visitors in bursts, a crash or a new gateway now and then."""
    world = World(seed)
    random = world.random
    numbers = count()

    def visit() -> None:
        # Around the moment of falling asleep more often than not.
        world.at(random.choice((0.2, AFTER_S - 0.3, AFTER_S, AFTER_S + 0.3, 60.0)), visit)
        for _ in range(random.choice((1, 1, 1, 5, 20))):
            world.at(random.uniform(0.0, 0.5), lambda: world.ask(next(numbers)))

    def trouble() -> None:
        world.at(random.expovariate(1 / 300), trouble)
        if random.random() < 0.5:
            world.begin_gateway()
        elif world.serving is not None:
            world.fail()

    def other_news() -> None:
        world.at(random.expovariate(1.0), other_news)
        world.report(world.state)  # something else in the store has changed

    world.at(0.0, visit)
    world.at(0.0, other_news)
    world.at(100.0, trouble)
    world.run(hours * 3600)
    asked = next(numbers)
    seen = world.answered + world.refused + world.left + world.lost + len(world.open)
    assert seen == asked, "requests were lost"
    world.events = [e for e in world.events if e[2] not in (visit, trouble, other_news)]
    world.run(world.now_s + 120.0)
    assert not world.open, "somebody waits for ever"
    return world


@pytest.mark.parametrize("seed", range(4))
def test_nobody_is_lost_and_no_engine_ends_under_a_request(seed: int) -> None:
    world = live(seed, hours=1.0)
    assert world.rests > 20 and world.starts > 20
    assert world.answered > 10 * (world.refused + world.lost)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 160))
def test_nobody_is_lost_in_many_worlds(seed: int) -> None:
    live(seed, hours=8.0)
