"""From the journal into a real store: each row once, no file removed before its rows are kept."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import select

from tramontane.errors import Unavailable
from tramontane.money import Price
from tramontane.store import schema, usage
from tramontane.store.database import Store
from tramontane.store.journal import (
    FolderDisk,
    Hold,
    HoldRecord,
    Importer,
    SettleRecord,
    Writer,
    recover,
)
from tramontane.store.records import UsageRecord

PRICE = Price(1_000_000, 2_000_000, 1_000_000, 5)  # 1 and 2 nano-units a token


@pytest.fixture
def disk(tmp_path: Path) -> FolderDisk:
    return FolderDisk(tmp_path / "journal")


@pytest.fixture
def insert(store: Store) -> Callable[[Sequence[UsageRecord]], None]:
    def keep(rows: Sequence[UsageRecord]) -> None:
        with store.write() as c:
            usage.insert_many(c, rows)

    return keep


def rows(store: Store) -> dict[str, tuple[str, int, bool]]:
    t = schema.usage.c
    with store.read() as c:
        found = c.execute(select(t.request_id, t.status, t.cost_nano, t.estimated))
        return {row[0]: (row[1], row[2], row[3]) for row in found}


def hold(writer: Writer, request_id: str, estimate: int = 10, output: int = 100) -> Hold:
    bound = 5 + 50 + 2 * output
    return writer.hold(
        HoldRecord(request_id, 0, "p", "k", "m", "d", 1_000, PRICE, bound, estimate, output)
    )


def settle(writer: Writer, held: Hold, cost: int = 7) -> None:
    request_id = held.record.request_id
    writer.settle(
        held,
        SettleRecord(request_id, 0, "p", "k", "m", "d", 1_000, 2_000, 3, 4, 0, cost, False, "ok"),
    )


def test_settles_are_in_the_store_while_the_segment_is_open(
    disk: FolderDisk, store: Store, insert: Callable[[Sequence[UsageRecord]], None]
) -> None:
    writer, importer = Writer(disk), Importer(disk, insert)
    assert importer.step().rows == 0
    held = [hold(writer, f"r{n}") for n in range(3)]
    settle(writer, held[0])
    assert importer.step().rows == 1
    settle(writer, held[1])
    assert importer.step().rows == 1
    assert importer.step().rows == 0
    assert rows(store) == {"r0": ("ok", 7, False), "r1": ("ok", 7, False)}
    settle(writer, held[2])
    writer.close()
    assert importer.step().rows == 1, "what was read is not read again"
    assert [n for n in disk.names() if n.endswith((".open", ".done"))] == []
    assert len(rows(store)) == 3


def test_a_large_segment_moves_in_batches(
    disk: FolderDisk, store: Store, insert: Callable[[Sequence[UsageRecord]], None]
) -> None:
    writer = Writer(disk)
    sizes: list[int] = []

    def count(batch: Sequence[UsageRecord]) -> None:
        sizes.append(len(batch))
        insert(batch)

    for n in range(5_000):
        settle(writer, hold(writer, f"r{n}"))
    writer.close()
    assert Importer(disk, count).step().rows == 5_000
    assert max(sizes) <= 2_000
    assert len(rows(store)) == 5_000


def test_a_store_that_fails_loses_nothing(
    disk: FolderDisk, store: Store, insert: Callable[[Sequence[UsageRecord]], None]
) -> None:
    writer = Writer(disk)
    settle(writer, hold(writer, "r0"))
    writer.close()
    fails = [True, False]

    def unsure(batch: Sequence[UsageRecord]) -> None:
        if fails.pop(0):
            raise Unavailable("the store cannot be used: disk I/O error")
        insert(batch)

    importer = Importer(disk, unsure)
    with pytest.raises(Unavailable):
        importer.step()
    assert any(name.endswith(".done") for name in disk.names())
    assert importer.step().rows == 1
    assert rows(store) == {"r0": ("ok", 7, False)}


def test_a_damaged_segment_is_read_and_kept(
    disk: FolderDisk,
    store: Store,
    insert: Callable[[Sequence[UsageRecord]], None],
    tmp_path: Path,
) -> None:
    writer = Writer(disk)
    for n in range(3):
        settle(writer, hold(writer, f"r{n}"))
    writer.close()
    (path,) = (tmp_path / "journal").glob("*.done")
    data = bytearray(path.read_bytes())
    at = data.index(b"r1", data.index(b"r1") + 1)  # in its settle
    data[at] ^= 0xFF
    path.write_bytes(data)
    imported = Importer(disk, insert).step()
    assert imported == (imported.__class__(rows=2, damaged=(path.stem + ".damaged",)))
    assert rows(store).keys() == {"r0", "r2"}
    assert path.with_suffix(".damaged").read_bytes() == bytes(data)
    assert Importer(disk, insert).step().damaged == (), "said once"


def test_a_start_bills_what_a_lost_gateway_left_open(
    disk: FolderDisk, store: Store, insert: Callable[[Sequence[UsageRecord]], None]
) -> None:
    writer = Writer(disk)
    settle(writer, hold(writer, "settled"))
    hold(writer, "nothing delivered")
    delivered = hold(writer, "partly delivered")
    writer.checkpoint(delivered, 20)
    writer.checkpoint(delivered, 40)
    beyond = hold(writer, "beyond its bound", estimate=50, output=30)
    writer.checkpoint(beyond, 64)
    # No close: the process is gone. Its descriptors end with this test.
    recovered = recover(disk, insert, now_ms=3_000)
    assert (recovered.settled, recovered.lost, recovered.damaged_bytes) == (1, 3, 0)
    assert rows(store) == {
        "settled": ("ok", 7, False),
        "nothing delivered": ("gateway_lost", 5 + 10, True),
        "partly delivered": ("gateway_lost", 5 + 10 + 80, True),
        "beyond its bound": ("gateway_lost", 5 + 50 + 60, True),
    }
    assert [n for n in disk.names() if n.endswith((".open", ".done"))] == []
    assert recover(disk, insert, now_ms=4_000).lost == 0


def test_a_bill_that_is_in_the_store_already_stays(
    disk: FolderDisk, store: Store, insert: Callable[[Sequence[UsageRecord]], None]
) -> None:
    """A segment with the settle is gone, one with the hold came back: power was lost meanwhile."""
    insert(
        [
            UsageRecord(
                request_id="r0", attempt=0, project_id="p", key_id="k", model="m", deployment="d",
                started_at_ms=1_000, settled_at_ms=2_000, prompt_tokens=1, completion_tokens=1,
                cached_tokens=0, cost_nano=7, estimated=False, status="ok",
            )
        ]
    )  # fmt: skip
    hold(Writer(disk), "r0")
    assert recover(disk, insert, now_ms=3_000).lost == 1
    assert rows(store) == {"r0": ("ok", 7, False)}


def test_a_worker_outlives_the_gateway(
    disk: FolderDisk, store: Store, insert: Callable[[Sequence[UsageRecord]], None]
) -> None:
    importer = Importer(disk, insert)
    for life in range(3):
        writer = Writer(disk)
        settle(writer, hold(writer, f"a{life}"))
        importer.step()
        settle(writer, hold(writer, f"b{life}"))
        recover(disk, insert, now_ms=3_000)
    writer = Writer(disk)
    settle(writer, hold(writer, "c"))
    assert importer.step().rows == 1
    assert len(rows(store)) == 7
