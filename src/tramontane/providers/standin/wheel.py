"""One timer for all streams: what is due in the same millisecond is served in one turn.

A task or a timer per token would cost more than the token. It does not know what it drives.
"""

import asyncio
from heapq import heappop, heappush
from typing import Protocol

TICK_S = 0.001


class Driven(Protocol):
    """Something with a next moment."""

    def step(self) -> float | None:
        """Do what is due; return the loop's time of the next step, or None when there is none."""


class Wheel:
    """Calls `step` of each member when it is due, never early, at most a tick or so late."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._buckets: dict[int, list[Driven]] = {}
        self._ticks: list[int] = []
        self._timer: asyncio.TimerHandle | None = None
        self._armed_tick = 0
        self._is_turning = False

    def add(self, driven: Driven, due_s: float) -> None:
        """Have `driven` stepped at `due_s` of the loop's clock."""
        tick = int(due_s / TICK_S) + 1
        bucket = self._buckets.get(tick)
        if bucket is not None:
            bucket.append(driven)
            return
        self._buckets[tick] = [driven]
        heappush(self._ticks, tick)
        if not self._is_turning:
            self._arm()

    def _arm(self) -> None:
        tick = self._ticks[0]
        if self._timer is not None:
            if self._armed_tick <= tick:
                return
            self._timer.cancel()
        self._armed_tick = tick
        self._timer = self._loop.call_at(tick * TICK_S, self._turn)

    def _turn(self) -> None:
        self._timer = None
        self._is_turning = True
        now = int(self._loop.time() / TICK_S)
        ticks = self._ticks
        # What becomes due again at once waits for the next turn, so that reading goes on.
        due = []
        while ticks and ticks[0] <= now:
            due += self._buckets.pop(heappop(ticks))
        try:
            for driven in due:
                next_s = driven.step()
                if next_s is not None:
                    self.add(driven, next_s)
        finally:
            self._is_turning = False
            if ticks:
                self._arm()

    def close(self) -> None:
        """Step nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._buckets.clear()
        self._ticks.clear()
