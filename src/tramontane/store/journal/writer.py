"""Appends holds, checkpoints and settles to the gateway's own segments.

One thread (the gateway's loop) calls `hold`, `checkpoint` and `settle`; each has been written when
it returns, so a killed process loses nothing. What waits for the disk happens in a `SyncJob`,
which another thread runs between `begin_sync` and `end_sync`: it syncs, prepares a spare segment
and gives up finished ones. So no two threads ever share state, and a simulation can put a crash
between any two operations.

The promise when the disk fails: no new hold is given without room, already taken from the disk,
to settle it. After a failed sync or write, every open hold and every settle that is not known to
be on the disk is written again to another segment; until that has worked, holds are refused.

A segment is "open" while holds in it may be unsettled and "done" afterwards; done segments need
no other to be understood. It does not know budgets, prices or the store.
"""

import errno
import os
import secrets
from collections.abc import Callable, Iterator

import msgspec

from tramontane.errors import Unavailable
from tramontane.store.journal.disk import Disk
from tramontane.store.journal.records import (
    FRAME_BYTES,
    HEAD_BYTES,
    CheckpointRecord,
    HoldRecord,
    SettleRecord,
    encode,
    write_frame,
    write_head,
)

SEGMENT_BYTES = 8 << 20
# What a settle may take beyond its hold's bytes: two times, three counts, a cost, a status of up
# to STATUS_BYTES, its frame. And the room a hold takes: its settle, a copy of it, a checkpoint.
STATUS_BYTES = 32
_SETTLE_BYTES = 64 + STATUS_BYTES
_RESERVE_BYTES = _SETTLE_BYTES + 96
_RETRY_SYNCS = 20  # how many times to call `begin_sync` before trying a failed creation again


class Segment:
    """A segment file that this process writes. Counts are of records appended, ever."""

    __slots__ = ("bad", "capacity", "fd", "open_holds", "released_at", "retired_at", "salt", "stem")

    def __init__(self, stem: str, fd: int, salt: int, capacity: int) -> None:
        self.stem = stem
        self.fd = fd
        self.salt = salt
        self.capacity = capacity
        self.open_holds = 0
        self.released_at = 0  # once this many are synced and no hold is open, it is done
        self.retired_at = 0  # the count when the last record went into it
        self.bad = False  # a write or sync failed: never trust a sync of it again


class Hold(msgspec.Struct, eq=False, gc=False):
    """A hold that is not settled yet, and where the journal has it. `cost_nano` is -1 until then.

    Read by everyone, changed by the ledger and its writer only.
    """

    record: HoldRecord
    payload: bytes
    segment: Segment
    reserve_bytes: int
    checkpoint_tokens: int = 0
    cost_nano: int = -1


class SyncJob:
    """Work for the disk that another thread does, once, by calling `run`."""

    def __init__(self, disk: Disk, mark: int, settles: int, rewrites: int) -> None:
        self._disk = disk
        self.mark = mark
        self.settles = settles
        self.rewrites = rewrites
        self.sync: list[Segment] = []
        self.finish: list[Segment] = []
        self.create: tuple[int, int, int] | None = None  # sequence, salt, size in bytes
        self.synced = False
        self.created: Segment | None = None
        self.finished: list[Segment] = []
        self.sync_error: OSError | None = None
        self.create_error: OSError | None = None

    def run(self) -> None:
        """Do it; failures are kept for `end_sync`."""
        try:
            for segment in self.sync:
                self._disk.sync(segment.fd)
            self.synced = True
        except OSError as error:
            self.sync_error = error
        for segment in self.finish:
            self._finish(segment)
        if self.create is not None:
            try:
                self.created = _create(self._disk, *self.create)
            except OSError as error:
                self.create_error = error

    def _finish(self, segment: Segment) -> None:
        try:
            self._disk.rename(segment.stem + ".open", segment.stem + ".done")
        except OSError:
            return  # tried again by the next job
        self._disk.close(segment.fd)
        self.finished.append(segment)


class Writer:
    """The journal of one gateway. `begin_sync` should be called every 50 ms or so.

    Creating it takes the first segments from the disk; where that fails it starts all the same,
    refuses holds, and tries again.
    """

    def __init__(
        self,
        disk: Disk,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        randbits: Callable[[int], int] = secrets.randbits,
    ) -> None:
        self.fault: str | None = None  # why holds are refused, for operators
        self._disk = disk
        self._pwrite = disk.pwrite
        self._segment_bytes = segment_bytes
        self._randbits = randbits
        self._sequence = max((_sequence(name) for name in disk.names()), default=0)
        self._active: Segment | None = None
        self._spare: Segment | None = None
        self._retired: list[Segment] = []
        self._open: dict[Hold, None] = {}
        self._unsynced: list[bytes] = []  # settles that a loss of power could still take
        self._offset = 0
        self._limit = 0  # the active segment's capacity; 0 where it must not take holds
        self._reserved_bytes = 0
        self._appended = 0
        self._synced = 0
        self._rewrites = 0
        self._wait_syncs = 0
        self._job: SyncJob | None = None
        for _ in range(2):
            self.sync()

    @property
    def open_holds(self) -> int:
        """How many holds are not settled."""
        return len(self._open)

    @property
    def unsynced_records(self) -> int:
        """How many records a loss of power could take."""
        return self._appended - self._synced

    def hold(self, record: HoldRecord) -> Hold:
        """Journal `record` and take room for its settle. Raises Unavailable: nothing is held."""
        payload = encode(record)
        reserve_bytes = 3 * len(payload) + _RESERVE_BYTES
        size = len(payload) + FRAME_BYTES + reserve_bytes
        if self._offset + size + self._reserved_bytes > self._limit and not self._rotate(size):
            raise self._refusal()
        segment = self._active
        assert segment is not None
        try:
            self._write(write_frame(payload, segment.salt))
        except OSError as error:
            self._fail(error)
            if self._limit:  # there was a spare segment
                return self.hold(record)
            raise self._refusal() from error
        hold = Hold(record, payload, segment, reserve_bytes)
        segment.open_holds += 1
        self._reserved_bytes += reserve_bytes
        self._open[hold] = None
        return hold

    def checkpoint(self, hold: Hold, completion_tokens: int) -> None:
        """Journal that up to `completion_tokens` may be delivered. Raises Unavailable: do not.

        Without room in the journal the hold's whole bound is noted, once, out of its reserve.
        """
        if completion_tokens <= hold.checkpoint_tokens:
            return
        data = self._checkpoint_data(hold, completion_tokens)
        if self._offset + len(data) + self._reserved_bytes > self._limit:
            if self._rotate(len(data)):
                data = self._checkpoint_data(hold, completion_tokens)
            else:
                completion_tokens = max(completion_tokens, hold.record.output_bound_tokens)
                data = self._checkpoint_data(hold, completion_tokens)
                if len(data) + len(hold.payload) + _SETTLE_BYTES > hold.reserve_bytes:
                    raise self._refusal()
                hold.reserve_bytes -= len(data)
                self._reserved_bytes -= len(data)
        try:
            self._write(data)
        except OSError as error:
            self._fail(error)
            if self._limit == 0:
                raise self._refusal() from error
            self.checkpoint(hold, completion_tokens)
            return
        hold.checkpoint_tokens = completion_tokens
        if hold.segment is not self._active:
            self._move(hold)

    def settle(self, hold: Hold, record: SettleRecord) -> None:
        """Journal the end of `hold`. Never refused: where the disk fails, it is written later."""
        payload = encode(record)
        self._unsynced.append(payload)
        del self._open[hold]
        self._reserved_bytes -= hold.reserve_bytes
        segment = hold.segment
        segment.open_holds -= 1
        assert self._active is not None
        try:
            self._write(write_frame(payload, self._active.salt))
        except OSError as error:
            self._fail(error)
        segment.released_at = self._appended

    def _write(self, data: bytes) -> None:
        # Counted first: a record that could not be written is not on the disk either, and nothing
        # that waits for it may be given up.
        self._appended += 1
        assert self._active is not None
        written = self._pwrite(self._active.fd, data, self._offset)
        if written != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._offset += written

    def _checkpoint_data(self, hold: Hold, completion_tokens: int) -> bytes:
        """Return frames for the active segment; with the hold, where that lies in another."""
        assert self._active is not None
        salt = self._active.salt
        data = write_frame(_checkpoint_payload(hold.record, completion_tokens), salt)
        return data if hold.segment is self._active else write_frame(hold.payload, salt) + data

    def _move(self, hold: Hold) -> None:
        """The active segment has `hold` as well now: the one before needs it no longer."""
        assert self._active is not None
        hold.segment.open_holds -= 1
        hold.segment.released_at = self._appended
        self._active.open_holds += 1
        hold.segment = self._active

    # -- changing segments ----------------------------------------------------------------------

    def _rotate(self, size_bytes: int) -> bool:
        """Go on in the spare segment where `size_bytes` fit there; return whether they do."""
        spare = self._spare
        if self._limit == 0 or spare is None:
            return False
        if HEAD_BYTES + size_bytes + self._reserved_bytes > spare.capacity:
            return False
        self._activate(spare, HEAD_BYTES)
        return True

    def _activate(self, segment: Segment, offset: int) -> None:
        if self._active is not None:
            self._retire(self._active)
        if segment is self._spare:
            self._spare = None
        self._active = segment
        self._offset = offset
        self._limit = segment.capacity

    def _retire(self, segment: Segment) -> None:
        segment.retired_at = segment.released_at = self._appended
        self._retired.append(segment)

    def _fail(self, error: OSError) -> None:
        """The active segment cannot be written or synced: no holds until it is replaced."""
        self.fault = f"the metering journal cannot be written: {error.strerror or error}"
        self._limit = 0
        if self._active is not None:
            self._active.bad = True
        self._replace()

    def _replace(self) -> None:
        """Write all that matters again, to the spare segment, and go on there; where possible."""
        spare = self._spare
        if spare is None or spare.capacity < self._needed_bytes():
            return
        copies = list(self._copies())
        data = b"".join([write_frame(payload, spare.salt) for payload in copies])
        try:
            written = self._pwrite(spare.fd, data, HEAD_BYTES)
        except OSError:
            written = -1
        if written != len(data):
            spare.bad = True
            self._spare = None
            self._retire(spare)
            self._wait_syncs = _RETRY_SYNCS
            return
        self._appended += len(copies)
        self._rewrites += 1
        self._activate(spare, HEAD_BYTES + len(data))
        for segment in self._retired:
            segment.open_holds = 0
            segment.released_at = self._appended
        for hold in self._open:
            hold.segment = spare
        spare.open_holds = len(self._open)
        self.fault = None

    def _copies(self) -> Iterator[bytes]:
        for hold in self._open:
            yield hold.payload
            if hold.checkpoint_tokens:
                yield _checkpoint_payload(hold.record, hold.checkpoint_tokens)
        yield from self._unsynced

    def _needed_bytes(self) -> int:
        """How large a segment must be to replace the active one, whether or not that failed."""
        needed = HEAD_BYTES + self._reserved_bytes
        if self._limit == 0:
            needed += sum(len(payload) + FRAME_BYTES for payload in self._copies())
        return needed

    def _refusal(self) -> Unavailable:
        return Unavailable(
            "Usage cannot be recorded at the moment, so no request is accepted. Try again later;"
            " if it lasts, the operator finds the reason in the gateway's log (most often a full"
            " disk).",
            code="metering_unavailable",
            retry_after_s=1 if self.fault is None else 10,
        )

    # -- syncing --------------------------------------------------------------------------------

    def begin_sync(self) -> SyncJob | None:
        """Return what the disk should do now; None where that is nothing, or not done yet.

        Run it on any thread, then hand it to `end_sync` on this one.
        """
        if self._job is not None:
            return None
        if self._limit == 0:  # a spare that was too small may do now
            self._replace()
        job = SyncJob(self._disk, self._appended, len(self._unsynced), self._rewrites)
        # While nothing can be trusted to the active segment there is nothing worth waiting for.
        if self._active is not None and self._limit and self._appended > self._synced:
            job.sync = [s for s in self._retired if s.retired_at > self._synced and not s.bad]
            job.sync.append(self._active)
        job.finish = [
            s for s in self._retired if not s.open_holds and s.released_at <= self._synced
        ]
        self._wait_syncs -= 1
        needed = self._needed_bytes()
        if self._spare is not None and self._spare.capacity >= 2 * needed:
            self.fault = self.fault if self._limit == 0 else None
        elif self._wait_syncs <= 0:
            self._sequence += 1
            size = max(self._segment_bytes, 4 * needed)
            job.create = (self._sequence, self._randbits(32), size)
        if not (job.sync or job.finish or job.create):
            return None
        self._job = job
        return job

    def end_sync(self, job: SyncJob) -> None:
        """Take in what `job` did; one that never ran is no failure."""
        self._job = None
        self._retired = [s for s in self._retired if s not in job.finished]
        if job.created is not None:
            if self._spare is not None:
                self._retire(self._spare)
            self._spare = job.created
        if job.create_error is not None:
            self._wait_syncs = _RETRY_SYNCS
            self.fault = f"no room for the metering journal: {job.create_error.strerror}"
        if job.sync_error is not None:
            self._sync_failed(job, job.sync_error)
        elif job.synced and job.sync:
            self._synced = job.mark
            del self._unsynced[: job.settles]
        if self._active is None and self._spare is not None:
            self._activate(self._spare, HEAD_BYTES)
        elif self._limit == 0:
            self._replace()

    def _sync_failed(self, job: SyncJob, error: OSError) -> None:
        for segment in job.sync:
            segment.bad = True
        # Where all was written again meanwhile, to a segment that this job did not sync, no
        # record depends on the failed ones.
        if self._rewrites == job.rewrites:
            self._fail(error)

    def sync(self) -> None:
        """Sync at once, on this thread."""
        job = self.begin_sync()
        if job is not None:
            job.run()
            self.end_sync(job)

    def close(self) -> None:
        """Sync, close every file, unlock. What is not settled stays for the next start to read.

        What the disk has refused until now is tried once more, on a new segment.
        """
        self._wait_syncs = 0
        for _ in range(3 if self._limit == 0 else 1):  # create, write again, sync
            self.sync()
        whole = self._limit > 0 and self._synced == self._appended
        self._limit = 0
        if self._active is not None:
            self._active.released_at = self._appended if whole else self._appended + 1
            self._retired.append(self._active)
        if self._spare is not None:
            self._disk.close(self._spare.fd)
            self._disk.unlink(self._spare.stem + ".open")
        for segment in self._retired:
            if not segment.open_holds and segment.released_at <= self._synced:
                self._disk.rename(segment.stem + ".open", segment.stem + ".done")
            self._disk.close(segment.fd)
        self._disk.unlock()


def _checkpoint_payload(record: HoldRecord, completion_tokens: int) -> bytes:
    return encode(CheckpointRecord(record.request_id, record.attempt, completion_tokens))


def _create(disk: Disk, sequence: int, salt: int, size_bytes: int) -> Segment:
    stem = f"{sequence:010d}-{salt:08x}"
    fd = disk.create(stem + ".open")
    try:
        disk.allocate(fd, size_bytes)
        if disk.pwrite(fd, write_head(salt, sequence), 0) != HEAD_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        disk.sync(fd)
        disk.sync_folder()
    except OSError:
        disk.close(fd)
        disk.unlink(stem + ".open")
        raise
    return Segment(stem, fd, salt, size_bytes)


def _sequence(name: str) -> int:
    digits = name.partition("-")[0]
    return int(digits) if digits.isdigit() else 0
