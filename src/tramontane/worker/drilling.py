"""Reports of drills: made some seconds after each has ended, from the gateway's access log.

It does not end drills: the parent does, which also runs without a worker.
"""

import threading
from collections.abc import Callable

import msgspec

from tramontane.config import Settings
from tramontane.datafolder import DataFolder
from tramontane.governance import overview
from tramontane.governance.drills import GRACE_MS
from tramontane.store import drills
from tramontane.store.database import Store
from tramontane.worker.jobs import go_on

POLL_S = 1.0


def report_always(
    store: Store,
    settings: Settings,
    folder: DataFolder,
    stop: threading.Event,
    clock_ms: Callable[[], int],
) -> None:
    """Report drills that have ended until `stop` is set."""
    go_on(
        lambda: step(store, settings, folder, clock_ms()) > 0,
        stop,
        failing="drills cannot be reported",
        poll_s=POLL_S,
        again_s=POLL_S,
    )


def step(store: Store, settings: Settings, folder: DataFolder, now_ms: int) -> int:
    """Report the drills that have ended and return how many these were.

    Raises Unavailable without the store, OSError where the log cannot be read.
    """
    with store.read() as c:
        due = drills.unreported(c, now_ms - GRACE_MS)
        now = overview.standing(c, settings, folder.models) if due else None
    for drill in due:
        assert now is not None
        report = overview.drill_report(drill, now, folder.access_log)
        with store.write() as c:
            drills.keep_report(c, drill.id, msgspec.json.encode(report))
    return len(due)
