"""The metering journal: what each request may cost and did cost, kept by the gateway on its disk
until the store has it.

`records` is the format, `writer` appends, `importer` moves into the store, `disk` is the seam
below; `python -m tramontane.store.journal DIR` prints one. It does not know budgets.
"""

from tramontane.store.journal.disk import Disk, FolderDisk
from tramontane.store.journal.importer import Imported, Importer, Recovered, recover
from tramontane.store.journal.records import (
    CheckpointRecord,
    HoldRecord,
    SaleRecord,
    SettleRecord,
)
from tramontane.store.journal.writer import STATUS_BYTES, Hold, SyncJob, Writer

__all__ = [
    "STATUS_BYTES",
    "CheckpointRecord",
    "Disk",
    "FolderDisk",
    "Hold",
    "HoldRecord",
    "Imported",
    "Importer",
    "Recovered",
    "SaleRecord",
    "SettleRecord",
    "SyncJob",
    "Writer",
    "recover",
]
