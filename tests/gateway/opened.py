"""A ledger over a real journal and store, as the platform opens it."""

from collections.abc import Callable
from pathlib import Path

from tramontane.gateway import ledger
from tramontane.gateway.ledger import Ledger
from tramontane.store.database import Store
from tramontane.store.opening import prepare
from tramontane.store.records import Opening


def open_ledger(folder: Path, store: Store, clock_ms: Callable[[], int]) -> tuple[Ledger, Opening]:
    """Return the ledger, and with what it begins."""
    opening = prepare(folder, store, clock_ms)
    return ledger.open_ledger(folder, opening, clock_ms), opening
