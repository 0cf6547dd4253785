"""Nothing is stepped early, everything in the order it is due."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from tramontane.providers.standin.wheel import TICK_S, Wheel


class Loop(asyncio.SelectorEventLoop):
    """A loop whose clock moves only from timer to timer."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 100.0

    def time(self) -> float:
        return self.now_s


class Member:
    """Notes when it is stepped; wants `steps` of `interval_s`."""

    def __init__(self, loop: Loop, due_s: float, interval_s: float, steps: int) -> None:
        self.loop = loop
        self.due_s = due_s
        self.interval_s = interval_s
        self.left = steps
        self.late_s: list[float] = []

    def step(self) -> float | None:
        self.late_s.append(self.loop.time() - self.due_s)
        self.due_s += self.interval_s
        self.left -= 1
        return self.due_s if self.left else None


delays = st.floats(0, 0.2)
members = st.lists(st.tuples(delays, st.floats(0.0001, 0.05), st.integers(1, 20)), max_size=20)


@settings(deadline=None)
@given(members)
def test_steps_are_never_early_and_hardly_late(wanted: list[tuple[float, float, int]]) -> None:
    loop = Loop()
    try:
        wheel = Wheel(loop)
        made = [Member(loop, 100.0 + due, every, steps) for due, every, steps in wanted]
        for member in made:
            wheel.add(member, member.due_s)
        while any(member.left for member in made):
            loop.call_soon(loop.stop)
            loop.run_forever()
            loop.now_s += TICK_S
        for member, (_, every, _) in zip(made, wanted, strict=True):
            assert min(member.late_s) >= -1e-9
            # A member due more than once a tick falls behind by design: one step a turn.
            assert max(member.late_s) <= 3 * TICK_S + 1e-9 or every < TICK_S
    finally:
        loop.close()


def test_closing_stops_everything() -> None:
    loop = Loop()
    member = Member(loop, 100.0, 0.001, 99)
    wheel = Wheel(loop)
    wheel.add(member, member.due_s)
    wheel.close()
    loop.now_s += 1
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    assert member.late_s == []
