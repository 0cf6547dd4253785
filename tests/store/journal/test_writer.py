"""The writer on a disk that fills up, fails and comes back.

That nothing is lost or billed twice, in any order of these, is shown by the simulation in
tests/gateway; here each promise is seen once, by itself.
"""

from pathlib import Path
from random import Random

import pytest

from tramontane.errors import Unavailable
from tramontane.money import Price
from tramontane.store.journal import FolderDisk, Hold, HoldRecord, SettleRecord, Writer
from tramontane.store.journal.records import CheckpointRecord, Record, read_segment
from tramontane.store.journal.simulated_disk import SimulatedDisk

SEGMENT_BYTES = 4_000


class Journal:
    """A writer on a simulated disk, and what a test asks of it."""

    def __init__(self) -> None:
        self.disk = SimulatedDisk(Random(1))
        self.writer = self.start()
        self._serial = 0

    def start(self) -> Writer:
        self.writer = Writer(self.disk, segment_bytes=SEGMENT_BYTES, randbits=Random(2).getrandbits)
        return self.writer

    def hold(self) -> Hold:
        self._serial += 1
        return self.writer.hold(
            HoldRecord(
                f"req_{self._serial:06d}", 0, "prj", "key", "large", "eu", 5, Price(), 9, 10, 800
            )
        )

    def settle(self, hold: Hold) -> None:
        r = hold.record
        self.writer.settle(
            hold,
            SettleRecord(
                r.request_id, 0, "prj", "key", "large", "eu", 5, 6, 7, 8, 0, 9, False, "ok" * 16
            ),
        )

    def fill(self) -> list[Hold]:
        """Take holds until none is given; return them."""
        holds = []
        with pytest.raises(Unavailable) as refused:
            while True:
                holds.append(self.hold())
        assert refused.value.code == "metering_unavailable"
        assert refused.value.status == 503
        assert refused.value.retry_after_s
        return holds

    def syncs(self, times: int = 30) -> None:
        for _ in range(times):
            self.writer.sync()

    def records(self, kind: type[Record]) -> list[str]:
        contents = [read_segment(self.disk.read(name)) for name in self.disk.names()]
        return [r.request_id for c in contents for r in c.records if isinstance(r, kind)]


@pytest.fixture
def journal() -> Journal:
    return Journal()


def test_a_full_disk_refuses_holds_and_never_a_settle(journal: Journal) -> None:
    journal.disk.full = True
    first = journal.fill()  # both segments that were taken before are used up
    assert len(first) > 8
    journal.syncs()
    assert journal.writer.fault == "no room for the metering journal: No space left on device"
    for hold in first:
        journal.settle(hold)
    assert sorted(journal.records(SettleRecord)) == [hold.record.request_id for hold in first]
    assert journal.writer.open_holds == 0
    journal.disk.full = False
    journal.syncs()
    assert journal.writer.fault is None
    journal.settle(journal.hold())


def test_with_the_disk_full_from_the_start_it_waits_for_room() -> None:
    journal = Journal()
    journal.disk.restart(power_loss=True)
    journal.disk.full = True
    journal.start()
    before = journal.disk.names()
    assert journal.fill() == []
    journal.syncs()
    assert journal.fill() == []
    assert journal.disk.names() == before, "what could not be made whole was left behind"
    journal.disk.full = False
    journal.syncs()
    journal.settle(journal.hold())


def test_without_room_a_checkpoint_notes_the_whole_bound_once(journal: Journal) -> None:
    journal.disk.full = True
    holds = journal.fill()
    # What else is left goes to the checkpoints of one hold.
    for tokens in range(1, 500):
        journal.writer.checkpoint(holds[0], tokens)
    assert holds[0].checkpoint_tokens == 800
    before = len(journal.records(CheckpointRecord))
    for tokens in range(500, 800):
        journal.writer.checkpoint(holds[0], tokens)
    assert len(journal.records(CheckpointRecord)) == before
    for hold in holds[1:]:
        journal.writer.checkpoint(hold, 1)
        assert hold.checkpoint_tokens in (1, 800)
    assert holds[-1].checkpoint_tokens == 800
    for hold in holds:
        journal.settle(hold)
    assert len(journal.records(SettleRecord)) == len(holds)


def test_a_failed_sync_has_all_written_again_elsewhere(journal: Journal) -> None:
    kept, ended = journal.hold(), journal.hold()
    journal.writer.checkpoint(kept, 64)
    journal.settle(ended)
    journal.disk.fail_sync = True
    journal.writer.sync()
    assert journal.writer.fault is None, "the spare segment took over"
    journal.disk.fail_sync = False
    journal.syncs(3)
    assert journal.writer.unsynced_records == 0
    journal.disk.restart(power_loss=True)
    assert kept.record.request_id in journal.records(HoldRecord)
    assert kept.record.request_id in journal.records(CheckpointRecord)
    assert ended.record.request_id in journal.records(SettleRecord)


def test_while_syncs_fail_without_a_spare_holds_are_refused(journal: Journal) -> None:
    hold = journal.hold()
    journal.disk.full = journal.disk.fail_sync = True
    for _ in range(2):  # the first failure is answered with the spare segment
        journal.writer.sync()
    assert journal.fill() == []
    assert journal.writer.fault
    journal.settle(hold)
    journal.disk.full = journal.disk.fail_sync = False
    journal.syncs()
    journal.disk.restart(power_loss=True)
    assert hold.record.request_id in journal.records(SettleRecord)


def test_a_disk_that_cannot_be_written_keeps_settles_in_memory(journal: Journal) -> None:
    hold, other = journal.hold(), journal.hold()
    journal.disk.fail_write = True
    journal.settle(hold)
    with pytest.raises(Unavailable, match="Usage cannot be recorded"):
        journal.hold()
    with pytest.raises(Unavailable):
        journal.writer.checkpoint(other, 1)
    assert journal.records(SettleRecord) == []
    journal.disk.fail_write = False
    journal.syncs()
    assert journal.records(SettleRecord) == [hold.record.request_id]
    journal.writer.checkpoint(other, 1)
    journal.settle(other)


def test_closing_writes_down_what_the_disk_had_refused(journal: Journal) -> None:
    """The disk has come back just now, and nothing has tried it since."""
    hold = journal.hold()
    journal.disk.fail_write = True
    journal.settle(hold)
    with pytest.raises(Unavailable):
        journal.hold()
    journal.writer.sync()
    journal.disk.fail_write = False
    journal.writer.close()
    assert journal.records(SettleRecord) == [hold.record.request_id]


def test_a_segment_is_done_once_nothing_needs_it(journal: Journal) -> None:
    long = journal.hold()
    while len(journal.disk.names()) < 5:
        journal.settle(journal.hold())
        journal.writer.sync()
    states = sorted(name.rpartition(".")[::2] for name in journal.disk.names())
    assert states[0][1] == "open", "it has a hold that is open"
    assert [state for _, state in states[1:]].count("done") == len(states) - 3
    journal.writer.checkpoint(long, 5)  # that takes the hold along to the active segment
    journal.syncs(2)
    states = sorted(name.rpartition(".")[::2] for name in journal.disk.names())
    assert states[0][1] == "done"
    journal.settle(long)


def test_many_open_holds_ask_for_larger_segments(journal: Journal) -> None:
    holds = []
    for _ in range(300):
        try:
            holds.append(journal.hold())
        except Unavailable:
            journal.syncs(2)
            holds.append(journal.hold())
    for hold in holds:
        journal.settle(hold)
    assert len(set(journal.records(SettleRecord))) == 300


def test_a_job_that_never_ran_is_no_sync(journal: Journal) -> None:
    hold = journal.hold()
    job = journal.writer.begin_sync()
    assert job is not None
    assert journal.writer.begin_sync() is None
    journal.writer.end_sync(job)
    assert journal.writer.unsynced_records == 1
    journal.settle(hold)
    journal.writer.sync()
    assert journal.writer.unsynced_records == 0


def test_closing_leaves_only_what_matters(tmp_path: Path) -> None:
    journal = Journal()
    journal.disk = FolderDisk(tmp_path)  # type: ignore[assignment]
    journal.start()
    hold = journal.hold()
    journal.settle(hold)
    journal.writer.close()
    assert {path.suffix for path in tmp_path.iterdir()} == {".done"}
    journal.start()
    journal.hold()
    journal.writer.close()
    suffixes = sorted(path.suffix for path in tmp_path.iterdir())
    assert suffixes == [".done", ".open"]
