"""How long a request waits at a gate. It does not know what it waits for, nor who asks."""

from collections.abc import Callable

from tramontane.errors import Overloaded
from tramontane.gateway.admission import FifoGate


class Patience:
    """One request's at one gate, in seconds. While the gate is held no time passes.

    `within` cuts a time short to what the whole request has left: that runs on.
    """

    __slots__ = ("_began_s", "_clock_s", "_gate", "_timeout_s", "_within")

    def __init__(
        self,
        gate: FifoGate,
        timeout_s: float,
        within: Callable[[float], float],
        clock_s: Callable[[], float],
    ) -> None:
        self._gate = gate
        self._timeout_s = timeout_s
        self._within = within
        self._clock_s = clock_s
        self._began_s = clock_s()

    def ends_s(self) -> float:
        """Return when it ends, as things are now."""
        return self._clock_s() + self._left_s()

    def late(self) -> Overloaded | float:
        """Return the refusal where it has ended, else when it will."""
        left_s = self._left_s()
        if left_s > 0:
            return self._clock_s() + left_s
        return Overloaded(
            f"Waited {self._clock_s() - self._began_s:.3g} seconds for a place at this model.",
            retry_after_s=self._gate.predicted_wait_s(self._gate.waiting),
        )

    def _left_s(self) -> float:
        now_s, gate = self._clock_s(), self._gate
        since_s = now_s if gate.is_held else max(self._began_s, gate.opened_s or self._began_s)
        return self._within(since_s + self._timeout_s - now_s)
