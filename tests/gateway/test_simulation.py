"""RE1: the whole gateway under a seeded simulation of clock, disk and peers.

See `simulation` for what is simulated; `python -m tests.gateway.simulation SEED` shows a schedule.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.gateway.simulation.world import run
from tramontane.datafolder import DataFolder

# What a few hundred schedules must have seen, or they prove less than they seem to.
HAPPENS = {
    "whole", "whole, without usage", "estimated", "cut, but counted", "streams done",
    "streams broken", "billed as lost", "ended by kill", "ended by power", "ended by stop",
    "budgets held", "owed", "recovery failed", "no answer", "crash", "stop", "jump", "disturb",
    "revoke", "close_project", "change_budgets", "restart_engine", "vanish", "trouble_network",
    *(f"status {status}" for status in (200, 400, 401, 403, 404, 408, 413, 429, 502, 503, 504)),
}  # fmt: skip

# Schedules that fail without what was mended: see also test_server and test_answers.
REGRESSIONS = (
    554,  # an answer behind one that closes
    1849,  # a [DONE] after a broken answer in one read
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = DataFolder(tmp_path_factory.mktemp("simulation") / "data")
    data.prepare()
    return data.path


def play(seeds: Iterable[int], folder: Path) -> Counter[str]:
    """Play schedules; return what happened in them."""
    seen: Counter[str] = Counter()
    for seed in seeds:
        try:
            seen += run(seed, folder).seen
        except BaseException:
            print(f"schedule {seed}")  # noqa: T201 - how to see it again
            raise
    return seen


def test_hundreds_of_schedules(folder: Path) -> None:
    seen = play(range(300), folder)
    assert HAPPENS <= seen.keys(), HAPPENS - seen.keys()


def test_schedules_that_once_failed(folder: Path) -> None:
    play(REGRESSIONS, folder)


def test_a_seed_is_a_schedule(folder: Path) -> None:
    """The same seed plays the same schedule, to the byte."""
    for seed in (3, 8):
        first, again = (run(seed, folder, traces=True) for _ in range(2))
        assert first.trace == again.trace
        assert [bytes(a.body) for a in first.asker.asked] == [
            bytes(a.body) for a in again.asker.asked
        ]


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_a_hundred_thousand_schedules(folder: Path, block: int) -> None:
    play(range(1_000_000 + block * 5_000, 1_000_000 + (block + 1) * 5_000), folder)
