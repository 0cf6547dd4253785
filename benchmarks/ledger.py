"""CPU per hold and settle: `python benchmarks/ledger.py [DIR]` (the folder decides the disk).

The real ledger over the real journal, synced between rounds as `run` does; 1,000 keys with a
project and a key budget each. Prints the median and the best of the rounds in microseconds.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from tramontane.gateway.ledger import Ledger
from tramontane.money import Price, Usage
from tramontane.store.journal import FolderDisk, Writer
from tramontane.store.records import Budget

KEYS = 1_000
ROUNDS = 30
PER_ROUND = 2_000
PRICE = Price(150_000_000, 600_000_000, 75_000_000, 0)


def clock_ms() -> int:
    return time.time_ns() // 1_000_000


def budgets() -> list[Budget]:
    found: list[Budget] = []
    for n in range(KEYS):
        project = f"prj_{n % 100:08d}"
        for key in (None, f"key_{n:08d}"):
            for window in ("day", "month", "total"):
                found.append(
                    Budget(
                        id=f"bud_{len(found)}",
                        project_id=project,
                        key_id=key,
                        window=window,
                        limit_nano=10**18,
                    )
                )
    return found


def one_round(ledger: Ledger, start: int, *, checkpoints: bool) -> float:
    names = [(f"prj_{n % 100:08d}", f"key_{n % KEYS:08d}") for n in range(PER_ROUND)]
    ids = [f"req_{start + n:024x}" for n in range(PER_ROUND)]
    usage = Usage(900, 180, 512)
    began = time.thread_time_ns()
    for (project, key), request_id in zip(names, ids, strict=True):
        hold = ledger.hold(
            request_id=request_id,
            attempt=0,
            project_id=project,
            key_id=key,
            model="large",
            deployment="large-eu",
            price=PRICE,
            prompt_bound_tokens=1_256,
            prompt_estimate_tokens=400,
            output_bound_tokens=1_000,
        )
        if checkpoints:
            ledger.checkpoint(hold, 256)
        ledger.settle(hold, usage, estimated=False, status="ok")
    return (time.thread_time_ns() - began) / PER_ROUND / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory(dir=folder) as place:
        writer = Writer(FolderDisk(Path(place)))
        ledger = Ledger(writer, clock_ms, {}, start_ms=clock_ms())
        ledger.set_budgets(budgets())
        for what, checkpoints in (("hold + settle", False), ("hold + checkpoint + settle", True)):
            taken = []
            for number in range(ROUNDS):
                start = (number + ROUNDS * checkpoints) * PER_ROUND
                taken.append(one_round(ledger, start, checkpoints=checkpoints))
                writer.sync()
            best, median = min(taken), statistics.median(taken)
            print(f"{what}: median {median:.2f} µs, best {best:.2f} µs of CPU")
        ledger.close()


if __name__ == "__main__":
    main()
