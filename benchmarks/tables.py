"""Tables: how fast a file is loaded and how soon a question is answered, and what memory it takes.

    python benchmarks/tables.py [--megabytes 1000] [--questions 200]

Beside each question stands the same one asked of DuckDB in this process, with the file already
open: what the child, its locks and the check cost. Prints Markdown.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import duckdb

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.tables.test_large import Watch, write
from tramontane.tables.load import LoadLimits, load
from tramontane.tables.query import QueryLimits, QueryPool, QueryTable

SQL = {
    "count": "SELECT count(*) FROM data",
    "by group": "SELECT region, sum(quantity * price) FROM data GROUP BY 1 ORDER BY 2 DESC",
    "over time": "SELECT date_trunc('month', day), avg(price) FROM data GROUP BY 1 ORDER BY 1",
    "first rows": "SELECT * FROM data LIMIT 100",
}
PAUSE_S = 0.4  # a person's; the next child warms up meanwhile


def loaded(folder: Path, megabytes: int) -> tuple[Path, str]:
    """Return the tables of a file of that size, and a row of the report."""
    path, target = folder / f"data{megabytes}.csv", folder / "tables" / f"doc_{megabytes}.duckdb"
    rows = write(path, megabytes * 10**6)
    with Watch() as watch:
        began_s = time.perf_counter()
        load(path, "csv", "data.csv", target, LoadLimits())
        took_s = time.perf_counter() - began_s
    size = path.stat().st_size / 1e6
    path.unlink()
    report = (
        f"| {size:,.0f} MB, {rows:,} rows | {took_s:.1f} s | {size / took_s:.0f} MB/s |"
        f" {watch.most / 1e6:.0f} MB | {target.stat().st_size / 1e6:.0f} MB |"
    )
    return target, report


async def asked(path: Path, sql: str, questions: int) -> list[float]:
    """Return how long each of so many questions took, in milliseconds."""
    pool = QueryPool(QueryLimits(timeout_s=60.0))
    table = QueryTable(name="data", path=str(path), inner="data")
    took = []
    try:
        await pool.run(sql, [table])
        for _ in range(questions):
            await asyncio.sleep(PAUSE_S)
            began_s = time.perf_counter()
            await pool.run(sql, [table])
            took.append((time.perf_counter() - began_s) * 1000)
    finally:
        pool.close()
    return took


def bare(path: Path, sql: str, questions: int) -> list[float]:
    """Return the same of DuckDB in this process."""
    took = []
    with duckdb.connect(str(path), read_only=True, config={"threads": 2}) as connection:
        connection.execute(sql).fetchall()
        for _ in range(questions):
            began_s = time.perf_counter()
            connection.execute(sql).fetchmany(1_000)
            took.append((time.perf_counter() - began_s) * 1000)
    return took


def quantile(values: list[float], at: float) -> float:
    """Return that quantile."""
    found = sorted(values)
    return found[min(len(found) - 1, int(at * len(found)))]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1_000)
    parser.add_argument("--questions", type=int, default=200)
    given = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, first = loaded(folder, 10)
        large, second = loaded(folder, given.megabytes)
        print("| file | time | rate | most memory | on the disk after |\n|---|---|---|---|---|")
        print(f"{first}\n{second}\n")
        print("| question | rows of | p50 | p99 | DuckDB alone, p50 | times |")
        print("|---|---|---|---|---|---|")
        for size, path in (("10 MB", small), (f"{given.megabytes:,} MB", large)):
            for what, sql in SQL.items():
                count = given.questions if size == "10 MB" else max(10, given.questions // 10)
                took, alone = asyncio.run(asked(path, sql, count)), bare(path, sql, count)
                middle, base = statistics.median(took), statistics.median(alone)
                print(
                    f"| {what} | {size} | {middle:.0f} ms | {quantile(took, 0.99):.0f} ms |"
                    f" {base:.1f} ms | {middle / base:.1f} |"
                )


if __name__ == "__main__":
    main()
