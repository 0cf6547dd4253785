"""Files of a gigabyte stay on the disk: loading and asking take bounded memory."""

import asyncio
import threading
import time
from pathlib import Path

import psutil
import pytest

from tramontane.tables.load import LoadLimits, load
from tramontane.tables.query import QueryLimits, QueryPool, QueryTable

GIGABYTE = 10**9
MEMORY_BYTES = 2 * 1024**3


def write(path: Path, size_bytes: int) -> int:
    """Write a table of about that size; return how many rows it has."""
    head = "id,region,product,day,quantity,price,customer,comment\n"
    block = "".join(
        f"{{}}{n:04d},Region {n % 17},Product {n % 331},2024-{n % 12 + 1:02d}-{n % 28 + 1:02d},"
        f"{n % 97},{n % 9973}.{n % 100:02d},customer-{n * 7919 % 100003},"
        f'"said, ""{n}"" today"\n'
        for n in range(5_000)
    )  # fmt: skip
    count = 0
    with path.open("w") as file:
        written = file.write(head)
        while written < size_bytes:
            written += file.write(block.replace("{}", str(count // 5_000 + 1)))
            count += 5_000
    return count


class Watch:
    """The most memory that the children of this process had together, in bytes."""

    def __init__(self) -> None:
        self.most = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _look(self) -> None:
        here = psutil.Process()
        while not self._is_over.wait(0.05):
            total = 0
            for child in here.children(recursive=True):
                try:
                    total += child.memory_info().rss
                except psutil.Error:
                    continue
            self.most = max(self.most, total)


@pytest.mark.slow
def test_a_gigabyte(tmp_path: Path) -> None:
    path, target = tmp_path / "large.csv", tmp_path / "tables" / "doc_1.duckdb"
    rows = write(path, GIGABYTE)
    with Watch() as watch:
        (table,) = load(path, "csv", "large.csv", target, LoadLimits())
    assert table.row_count == rows
    assert [column.type for column in table.columns] == [
        "number", "text", "text", "date", "number", "number", "text", "text",
    ]  # fmt: skip
    assert watch.most < MEMORY_BYTES, f"{watch.most / 1e6:.0f} MB"
    assert [file.name for file in target.parent.iterdir()] == [target.name]
    pool = QueryPool(QueryLimits(timeout_s=60.0))
    asked = [QueryTable(name="large", path=str(target), inner="large")]
    sql = "SELECT region, sum(quantity * price) AS total FROM large GROUP BY 1 ORDER BY 2 DESC"
    try:
        with Watch() as watch:
            began_s = time.monotonic()
            answer = asyncio.run(pool.run(sql, asked))
            took_s = time.monotonic() - began_s
    finally:
        pool.close()
    assert len(answer.rows) == 17 and took_s < 60
    assert watch.most < MEMORY_BYTES
