"""Brings the store up to what is settled, for commands that report spending.

Settled requests reach the store from the metering journal within seconds while the platform runs;
a command that reports must not wait for that, nor miss what a stopped platform left behind.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from tramontane.cli.platform import Platform
from tramontane.errors import TramontaneError

if TYPE_CHECKING:
    from tramontane.store.journal import FolderDisk


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """What a report cannot hold yet. `journal_problem` says why settled requests may be missing."""

    open_requests: int = 0
    damaged_segments: tuple[str, ...] = ()
    journal_problem: str | None = None


def import_settled(platform: Platform) -> Pending:
    """Move what is settled into the store and return what is still pending, also said on stderr.

    A journal that cannot be read stops no report.
    """
    from tramontane.store import usage
    from tramontane.store.journal import FolderDisk, Importer
    from tramontane.store.records import UsageRecord

    def insert(rows: Sequence[UsageRecord]) -> None:
        with platform.store.write() as c:
            usage.insert_many(c, rows)

    try:
        disk = FolderDisk(platform.folder.journal)
        Importer(disk, insert).step()
        pending = Pending(
            open_requests=_count_open(platform, disk),
            damaged_segments=tuple(n for n in sorted(disk.names()) if n.endswith(".damaged")),
        )
    except (OSError, TramontaneError) as error:
        pending = Pending(journal_problem=f"the metering journal could not be read: {error}")
    for sentence in _sentences(pending):
        print(f"note: {sentence}", file=sys.stderr)
    return pending


def _count_open(platform: Platform, disk: "FolderDisk") -> int:
    """Return how many attempts are held in the journal and settled nowhere."""
    from tramontane.store import usage

    left = _unsettled(disk)
    with platform.store.read() as c:
        for request_id in {request_id for request_id, _ in left}:
            left -= {(request_id, known.attempt) for known in usage.attempts(c, request_id)}
    return len(left)


def _unsettled(disk: "FolderDisk") -> set[tuple[str, int]]:
    """Return what is held in the open segments and not settled in them."""
    from tramontane.store.journal import HoldRecord, SettleRecord
    from tramontane.store.journal.records import read_segment

    held: set[tuple[str, int]] = set()
    settled: set[tuple[str, int]] = set()
    for name in disk.names():
        if not name.endswith(".open"):
            continue
        try:
            records = read_segment(disk.read(name)).records
        except FileNotFoundError:
            continue  # done meanwhile
        for record in records:
            if isinstance(record, HoldRecord):
                held.add((record.request_id, record.attempt))
            elif isinstance(record, SettleRecord):
                settled.add((record.request_id, record.attempt))
    return held - settled


def _sentences(pending: Pending) -> list[str]:
    found = []
    if pending.open_requests:
        found.append(
            f"requests not settled yet, so not counted: {pending.open_requests}; those of a"
            " platform that was killed are billed at its next start"
        )
    if pending.damaged_segments:
        found.append(
            "part of the metering journal was damaged, and what could be read was counted; see"
            f" {', '.join(pending.damaged_segments)} in the journal folder"
        )
    if pending.journal_problem:
        found.append(pending.journal_problem)
    return found
