"""When an engine may stop for want of requests, and when it is wanted again: pure over a clock.

Only the gateway sees requests, so it decides, and it asks the parent, which runs the engines. Its
rule makes the end of an engine safe: the gate is held *before* the parent is asked, so nobody is
inside, nobody can come in, and whoever comes meanwhile waits at the gate until another child is
ready. What it is told may be old: a child that it has asked to end is known by its nonce. It does
not know processes, sockets or the store.
"""

from collections.abc import Callable
from enum import Enum

import msgspec

from tramontane.errors import TramontaneError, Unavailable
from tramontane.gateway.admission import FifoGate
from tramontane.gateway.directory import Deployment
from tramontane.gateway.news import Wish

COLD_START_S_ASSUMED = 5.0  # of one that was never started
TELL_AGAIN_S = 2.0  # while it sleeps on although somebody waits
BELIEVE_S = 10.0  # after so long, a child that should have ended is there to stay


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What the store says of a deployment's engine. `after_s` None: it is not to sleep."""

    state: str
    nonce: str = ""
    after_s: float | None = None
    cold_start_s: float | None = None


class Stage(Enum):
    """Where an engine stands by what is known here."""

    AWAKE = "awake"  # the gate is open
    RESTING = "resting"  # it sleeps, or will in a moment; nobody waits
    WAKING = "waking"  # it starts, or will in a moment
    BROKEN = "broken"  # its start has failed: nobody waits


class Sleeper:
    """One deployment whose engine stops when nobody asks it anything."""

    __slots__ = (
        "_clock_s", "_ended", "_gate", "_idle_since_s", "_name", "_problem", "_seen", "_served",
        "_tell", "_told_s", "stage",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        gate: FifoGate,
        clock_s: Callable[[], float],
        tell: Callable[[Wish], None],
    ) -> None:
        """`tell` passes a wish on to the parent, in order, and never waits."""
        self._name = name
        self._gate = gate
        self._clock_s = clock_s
        self._tell = tell
        self._seen = Seen(state="starting")
        self._ended: str | None = None  # the child that was asked to end last
        self._idle_since_s = clock_s()
        self._served = gate.served
        self._told_s = clock_s()
        self._problem: TramontaneError | None = None
        self.stage = Stage.AWAKE

    def see(self, seen: Seen, problem: TramontaneError | None) -> None:
        """Take in how the engine is; `problem` is what to say to who waits where it cannot serve.

        Where it is ready, its address must be known by now: the gate may be opened.
        """
        self._seen, self._problem = seen, problem
        if seen.state == "ready":
            if self.stage is Stage.AWAKE or seen.nonce != self._ended:
                self._open()
        elif seen.state == "asleep":
            self._lie()
        elif seen.state == "starting":
            if self.stage is not Stage.WAKING:
                self._hold(Stage.WAKING)
                self._told_s = self._clock_s()
                self._gate.expect(self._cold_start_s)
        else:
            self._hold(Stage.BROKEN)
            self._dismiss()

    def end(self, problem: TramontaneError) -> None:
        """There is no such deployment any more: who waits is told `problem`."""
        self._problem = problem
        self._hold(Stage.BROKEN)
        self._dismiss()

    def sweep(self) -> None:
        """Look whether it has been idle for long enough; call this every now and then."""
        now_s, gate = self._clock_s(), self._gate
        if self.stage is Stage.AWAKE:
            if gate.in_flight or gate.waiting or gate.served != self._served:
                self._idle_since_s, self._served = now_s, gate.served
            elif self._seen.after_s is not None and now_s - self._idle_since_s >= (
                self._seen.after_s
            ):
                self._rest()
        elif self.stage is Stage.WAKING:
            waited_s = now_s - self._told_s
            if self._seen.state == "asleep" and not gate.waiting:
                self.stage = Stage.RESTING  # whoever wanted it has left
            elif self._seen.state == "asleep" and waited_s >= TELL_AGAIN_S:
                self._call()
            elif self._seen.state == "ready" and waited_s >= BELIEVE_S:
                self._open()

    def _open(self) -> None:
        if self.stage is Stage.AWAKE:
            return
        self.stage = Stage.AWAKE
        self._idle_since_s = self._clock_s()
        self._gate.open()

    def _rest(self) -> None:
        self._hold(Stage.RESTING)
        self._ended = self._seen.nonce
        self._tell(Wish("rest", self._name, self._ended))

    def _lie(self) -> None:
        if self.stage in (Stage.AWAKE, Stage.BROKEN):
            self._hold(Stage.RESTING)
        if self.stage is Stage.RESTING and self._gate.waiting:
            self._call()

    def _call(self) -> None:
        """Somebody waits: have it started."""
        self.stage = Stage.WAKING
        self._told_s = self._clock_s()
        self._gate.expect(self._cold_start_s)
        self._tell(Wish("wake", self._name))

    def _hold(self, stage: Stage) -> None:
        if not self._gate.is_held:
            self._gate.hold(self._queued)
        self.stage = stage

    def _queued(self) -> None:
        """Somebody has come to a gate that is held."""
        if self.stage is Stage.RESTING:
            self._call()
        elif self.stage is Stage.BROKEN:
            self._dismiss()

    def _dismiss(self) -> None:
        if self._problem is not None:
            self._gate.dismiss(self._problem)

    @property
    def _cold_start_s(self) -> float:
        known_s = self._seen.cold_start_s
        return COLD_START_S_ASSUMED if known_s is None else known_s


class Sleepers:
    """Those of the deployments that may sleep, and none of the others: they cost nothing."""

    def __init__(self, clock_s: Callable[[], float], tell: Callable[[Wish], None]) -> None:
        self._clock_s = clock_s
        self._tell = tell
        self._sleepers: dict[str, Sleeper] = {}

    def see(self, deployment: Deployment, gate: Callable[[Deployment], FifoGate]) -> None:
        """Take in how `deployment` is now; its `gate` knows the address it has, if any."""
        name = deployment.name
        sleeper = self._sleepers.get(name)
        if sleeper is None:
            if deployment.sleeps_after_s is None:
                return
            sleeper = Sleeper(name, gate(deployment), self._clock_s, self._tell)
            self._sleepers[name] = sleeper
        seen = Seen(
            state=deployment.state,
            nonce=deployment.nonce,
            after_s=deployment.sleeps_after_s,
            cold_start_s=deployment.cold_start_s,
        )
        reason = f"The model '{name}' is not up. {deployment.unavailable_reason or ''}"
        sleeper.see(seen, Unavailable(reason.rstrip(), retry_after_s=2))
        if deployment.sleeps_after_s is None and sleeper.stage is Stage.AWAKE:
            del self._sleepers[name]

    def forget(self, name: str) -> None:
        """There is no such deployment any more."""
        if name in self._sleepers:
            self._sleepers.pop(name).end(Unavailable(f"The model '{name}' was taken away."))

    def sweep(self) -> None:
        """Have engines rest that have been idle for long enough; call this every now and then."""
        for sleeper in self._sleepers.values():
            sleeper.sweep()
