"""OV10: a storm of failures is not made worse by retries, and is over when it is over."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gateway.storms import Load, Weather, refusing, run_load
from tests.running import run_gateway
from tramontane.gateway.retries import BUDGET_SHARE, FAILOVERS_LEAST

STORMS: dict[str, tuple[bytes | None, float]] = {
    "s500": (refusing(500), 1.0),
    "s429": (refusing(429), 1.0),
    "s503": (refusing(503, b"retry-after: 1\r\n"), 1.0),
    "hangs_up": (None, 1.0),
    "every_third": (refusing(500), 0.33),
    "most": (refusing(429), 0.7),
}
RECOVERY_S = 2.0


class Seen:
    """What was asked of whom, before, in and after a storm."""

    def __init__(self, load: Load, upstreams: tuple[Weather, Weather], cleared_s: float) -> None:
        self.load = load
        self.admitted = len(load.asked)
        self.upstream = sum(upstream.asked for upstream in upstreams)
        self.cleared_s = cleared_s


def storm(
    folder: Path,
    name: str,
    *,
    both: bool,
    per_s: float = 150,
    lasts_s: float = 1.2,
    after_s: float = RECOVERY_S + 0.3,
) -> Seen:
    """Have `first` (and `second`) fail for `lasts_s` seconds under load."""
    answer, bad = STORMS[name]

    async def run() -> Seen:
        async with Weather(1) as first, Weather(2) as second:
            cleared_s = 0.0

            def begin() -> None:
                first.turn(answer, bad)
                if both:
                    second.turn(answer, bad)

            def end() -> None:
                nonlocal cleared_s
                first.clear()
                second.clear()
                cleared_s = time.monotonic()

            urls = {
                f"deployments.{name}.url": f"http://127.0.0.1:{upstream.port}/v1"
                for name, upstream in (("first", first), ("second", second))
            }
            routed = {"routes.best": {"deployments": ["first", "second"], "retries": 2}}
            story: list[tuple[float, Callable[[], None]]] = [
                (0.3, begin), (lasts_s, end), (after_s, lambda: None),
            ]  # fmt: skip
            with run_gateway(folder, None, {**urls, **routed}) as gateway:
                load = await run_load(gateway.port, gateway.key, "best", per_s, story)
            return Seen(load, (first, second), cleared_s)

    return asyncio.run(run())


def check_attempts(seen: Seen) -> None:
    """A tenth more than was asked, and those that were under way when a provider went away."""
    more = max(FAILOVERS_LEAST, BUDGET_SHARE * seen.admitted)
    assert seen.upstream <= seen.admitted + more, (seen.upstream, seen.admitted)


def check(seen: Seen) -> None:
    check_attempts(seen)
    assert seen.load.recovered_s(seen.cleared_s) < RECOVERY_S


def test_a_storm_everywhere_is_not_made_worse_and_ends_at_once(tmp_path: Path) -> None:
    check(storm(tmp_path, "s429", both=True))


def test_where_one_provider_fails_the_other_takes_over(tmp_path: Path) -> None:
    seen = storm(tmp_path, "hangs_up", both=False, after_s=0.2)
    assert all(status == 200 for _, status, _ in seen.load.asked)
    check_attempts(seen)


@pytest.mark.slow
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("name", STORMS)
def test_storms_of_every_kind(tmp_path: Path, name: str, both: bool) -> None:
    seen = storm(tmp_path, name, both=both, per_s=250, lasts_s=12)
    check(seen)
    if not both:
        answered = sum(status == 200 for _, status, _ in seen.load.asked)
        assert answered >= 0.99 * seen.admitted, (answered, seen.admitted)
