"""Play schedules: `python -m tests.gateway.simulation FIRST [COUNT]`; one alone shows its trace."""

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.gateway.simulation.world import run
from tramontane.datafolder import DataFolder

FAILURES_MOST = 20


def say(text: str) -> None:
    """Write a line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def show(seed: int, folder: Path) -> None:
    """Play one schedule and tell its story."""
    world = run(seed, folder, traces=True)
    say("\n".join(world.trace or ()))
    tell(world.seen)


def play(first: int, count: int, folder: Path) -> int:
    """Play many; return how many failed, at most FAILURES_MOST."""
    seen: Counter[str] = Counter()
    failed = played = 0
    began_s = time.monotonic()
    for seed in range(first, first + count):
        try:
            seen += run(seed, folder).seen
        except Exception as error:  # noqa: BLE001 - the outer edge of a schedule
            failed += 1
            say(f"schedule {seed}: {type(error).__name__}: {str(error)[:300]}")
        played += 1
        if failed == FAILURES_MOST:
            break
        if played % 1_000 == 0:
            say(f"{played} schedules, {time.monotonic() - began_s:.0f} s, {failed} failed")
    tell(seen)
    say(f"{failed} of {played} schedules failed, {time.monotonic() - began_s:.0f} s")
    return failed


def tell(seen: Counter[str]) -> None:
    """Write what happened, and how often."""
    for name, number in sorted(seen.items()):
        say(f"{number:9d} {name}")


def main() -> int:
    """Return 1 where a schedule failed."""
    first, count = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    with tempfile.TemporaryDirectory() as folder:
        data = DataFolder(Path(folder) / "data")
        data.prepare()
        if count > 1:
            return 1 if play(first, count, data.path) else 0
        show(first, data.path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
