"""The studio's one catalogue: loaded when it is first asked for, made anew when it has changed.

It is put together from the package's cards, or an update's in the data folder, and the store's own
cards. That takes a moment and memory, so it neither delays the studio's start nor runs on its event
loop: only routes on threads ask for it. It does not know who asks.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import select

from tramontane.catalog.cards import Card
from tramontane.catalog.machine import Memory
from tramontane.catalog.prices import Exchange
from tramontane.config import Settings
from tramontane.datafolder import DataFolder
from tramontane.engines.memory import memory_now
from tramontane.store import deployments, models, schema
from tramontane.store.database import Store
from tramontane.studio import serving

if TYPE_CHECKING:
    from tramontane.catalog.finding import Finder

MEMORY_MS = 10_000
"""For so long the machine's free memory is taken to be as it was read."""


class StudioCatalogue:
    """The catalogue of one studio; safe to share between threads."""

    def __init__(self, settings: Settings, store: Store, clock_ms: Callable[[], int]) -> None:
        self.exchange = Exchange(settings.currency, settings.exchange_rates)
        self._path = DataFolder(settings.data_dir).catalogue
        self._store = store
        self._clock_ms = clock_ms
        self._lock = threading.Lock()
        self._finder: Finder | None = None
        self._seen: tuple[int, object] | None = None  # the store's revision, the file's state
        self._made_of: tuple[object, object] | None = None  # own cards, the file's state
        self._memory: tuple[int, Memory | None] | None = None

    def finder(self) -> "Finder":
        """Return the catalogue as it is now.

        Raises InvalidRequest where its file is damaged, Unavailable without the store.
        """
        with self._lock:
            seen = self._store.revision(), _state_of(self._path)
            if self._finder is None or self._seen != seen:
                self._finder = self._renewed(self._finder, seen[1])
                self._seen = seen
            return self._finder

    def _renewed(self, finder: "Finder | None", file: object) -> "Finder":
        """Return a catalogue of what is there now: the same one where that is the same."""
        with self._store.read() as c:
            t = schema.cards.c
            rows = c.execute(select(t.id, t.project_id, t.data).order_by(t.id)).all()
        own = tuple((str(row.id), row.project_id, bytes(row.data)) for row in rows)
        if finder is not None and self._made_of == (own, file):
            return finder
        # They load numpy, which a studio without visitors to its catalogue does without.
        from tramontane.catalog.finding import Finder, OwnCard
        from tramontane.catalog.packing import load

        cards = [OwnCard(msgspec.json.decode(data, type=Card), of) for _, of, data in own]
        found = Finder(load(None if file is None else self._path), cards, self.exchange)
        self._made_of = own, file
        return found

    def here(self, found: Iterable[serving.Deployment]) -> dict[str, list[serving.Deployment]]:
        """Return which of the deployments serve which cards."""
        cards = self._cards_of_deployments(found)
        serving_card: dict[str, list[serving.Deployment]] = {}
        for deployment in found:
            card_id = cards.get(deployment.name)
            if card_id is not None:
                serving_card.setdefault(card_id, []).append(deployment)
        return serving_card

    def _cards_of_deployments(self, found: Iterable[serving.Deployment]) -> Mapping[str, str]:
        finder = self.finder()
        with self._store.read() as c:
            said = {stored.name: stored.card_id for stored in deployments.list_all(c)}
            files = models.list_all(c)
        sha256_by_reference = {ref: f.sha256 for f in files for ref in (f.name, f.sha256)}
        cards: dict[str, str] = {}
        for deployment in found:
            own = deployment.settings
            card_id = said.get(deployment.name) or finder.card_of(
                sha256=sha256_by_reference.get(own.model or ""), model=own.upstream_model
            )
            if card_id is not None:
                cards[deployment.name] = card_id
        return cards

    def memory(self) -> Memory | None:
        """Return what memory is free on this machine; None where the system does not say."""
        now_ms = self._clock_ms()
        if self._memory is None or now_ms - self._memory[0] > MEMORY_MS:
            free = memory_now().available_bytes
            self._memory = now_ms, None if free is None else Memory(free)
        return self._memory[1]


def _state_of(path: Path) -> object:
    """Return what changes when the file does; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
