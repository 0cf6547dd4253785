"""What a gateway is given when it starts: its predecessor's journal settled, what was spent, and
the configuration. It knows the store, so that gateways need not.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from tramontane.store import (
    budgets,
    deployments,
    drills,
    engines,
    keys,
    models,
    projects,
    providers,
    publications,
    routes,
    usage,
)
from tramontane.store.database import Store
from tramontane.store.journal import FolderDisk, recover
from tramontane.store.records import Opening, Picture, UsageRecord

_CLOCK_TOLERANCE_MS = 26 * 3_600_000


def prepare(folder: Path, store: Store, clock_ms: Callable[[], int]) -> Opening:
    """Move all that is in the journal `folder` to the store, and return what was spent.

    Open holds are settled as lost. Raises Conflict while a gateway uses the folder, Unavailable
    without the store, OSError.
    """
    disk = FolderDisk(folder)
    disk.lock("lock")
    try:
        recovered = recover(disk, lambda rows: _insert(store, rows), clock_ms())
        now_ms = clock_ms()
        with store.read() as connection:
            start_ms = resume_ms(usage.latest_start_ms(connection), now_ms)
            spend = usage.spend(connection, start_ms)
    finally:
        disk.unlock()
    rows = tuple((owner, id_, spent) for (owner, id_), spent in spend.items())
    return Opening(rows, start_ms, recovered.settled, recovered.lost)


def picture(store: Store) -> Picture:
    """Return the configuration as it is now. Raises Unavailable without the store."""
    with store.read() as c:
        return Picture(
            revision=store.revision(),
            projects=tuple(projects.list_all(c)),
            keys=tuple(key for key in keys.list_all(c) if key.revoked_at_ms is None),
            budgets=tuple(budgets.list_all(c)),
            models=tuple(models.list_all(c)),
            deployments=tuple(deployments.list_all(c)),
            instances=tuple(engines.list_instances(c)),
            providers=tuple(providers.list_all(c)),
            routes=tuple(routes.list_all(c)),
            drills=tuple(drills.running(c)),
            publications=publications.for_gateways(c),
        )


def _insert(store: Store, rows: Sequence[UsageRecord]) -> None:
    with store.write() as connection:
        usage.insert_many(connection, rows)


def resume_ms(latest_ms: int | None, now_ms: int) -> int:
    """Return `now_ms`, or `latest_ms`, when the latest hold began, where the clock is behind it.

    More than a day ahead it came from a wrong clock, and must not freeze the windows for long.
    """
    if latest_ms is not None and now_ms < latest_ms <= now_ms + _CLOCK_TOLERANCE_MS:
        return latest_ms
    return now_ms
