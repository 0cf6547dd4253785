"""The studio's one catalogue: loaded when it is first asked for, made anew when it has changed.

It is put together from the package's cards, or an update's in the data folder, and the store's own
cards. That takes a moment and memory, so it neither delays the studio's start nor runs on its event
loop: only routes on threads ask for it. It does not know who asks.
"""

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import Connection

from tramontane.catalog.cards import Card
from tramontane.catalog.machine import Memory
from tramontane.catalog.prices import Exchange
from tramontane.config import DeploymentSettings, Settings
from tramontane.datafolder import DataFolder
from tramontane.engines.memory import memory_now
from tramontane.store import cards, deployments, models
from tramontane.store.database import Store
from tramontane.studio import serving

if TYPE_CHECKING:
    from tramontane.catalog.finding import Finder

MEMORY_MS = 10_000
"""For so long the machine's free memory is taken to be as it was read."""


class StudioCatalogue:
    """The catalogue of one studio; safe to share between threads."""

    def __init__(self, settings: Settings, store: Store, clock_ms: Callable[[], int]) -> None:
        self._settings = settings
        self.exchange = Exchange(settings.currency, settings.exchange_rates)
        self._path = DataFolder(settings.data_dir).catalogue
        self._store = store
        self._clock_ms = clock_ms
        self._lock = threading.Lock()
        self._finder: Finder | None = None
        self._seen: tuple[int, object] | None = None  # the store's revision, the file's state
        self._made_of: tuple[object, object] | None = None  # own cards, the file's state
        self._served: tuple[Finder, object, dict[str, str]] | None = None
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
            own = own_cards(c)
        if finder is not None and self._made_of == (own, file):
            return finder
        found = made(None if file is None else self._path, own, self.exchange)
        self._made_of = own, file
        return found

    def here(self, found: Iterable[serving.Deployment]) -> dict[str, list[serving.Deployment]]:
        """Return which of the deployments serve which cards."""
        finder = self.finder()
        with self._lock:
            if self._served is None or self._served[:2] != (finder, self._seen):
                with self._store.read() as c:
                    self._served = finder, self._seen, cards_served(finder, self._settings, c)
            card_ids = self._served[2]
        serving_card: dict[str, list[serving.Deployment]] = {}
        for deployment in found:
            card_id = card_ids.get(deployment.name)
            if card_id is not None:
                serving_card.setdefault(card_id, []).append(deployment)
        return serving_card

    def memory(self) -> Memory | None:
        """Return what memory is free on this machine; None where the system does not say."""
        now_ms = self._clock_ms()
        if self._memory is None or now_ms - self._memory[0] > MEMORY_MS:
            free = memory_now().available_bytes
            self._memory = now_ms, None if free is None else Memory(free)
        return self._memory[1]


def made(
    path: Path | None, own: Iterable[tuple[str | None, bytes]], exchange: Exchange
) -> "Finder":
    """Return the catalogue of the packed file, None for the package's, with own cards.

    Raises InvalidRequest where the file is damaged.
    """
    # They load numpy, which a studio without visitors to its catalogue does without.
    from tramontane.catalog.finding import Finder, OwnCard
    from tramontane.catalog.packing import load

    added = [OwnCard(msgspec.json.decode(data, type=Card), of) for of, data in own]
    return Finder(load(path), added, exchange)


def own_cards(c: Connection) -> tuple[tuple[str | None, bytes], ...]:
    """Return the project and the JSON of every card that was added here, by id."""
    return tuple((card.project_id, card.data) for card in cards.list_all(c))


def cards_served(finder: "Finder", settings: Settings, c: Connection) -> dict[str, str]:
    """Return the card of each deployment, by its name, as far as one is known: the one it was
    deployed from, else the one its file or its provider's name for it belongs to.
    """
    found: dict[str, str | None] = {}
    files = models.list_all(c)
    sha256_by_reference = {ref: file.sha256 for file in files for ref in (file.name, file.sha256)}
    for stored in deployments.list_all(c):
        own = msgspec.json.decode(stored.settings, type=DeploymentSettings)
        found[stored.name] = stored.card_id or finder.card_of(
            sha256=stored.model_sha256, model=own.upstream_model
        )
    for name, own in settings.deployments.items():
        sha256 = sha256_by_reference.get(own.model or "")
        found[name] = finder.card_of(sha256=sha256, model=own.upstream_model)
    return {name: card_id for name, card_id in found.items() if card_id is not None}


def _state_of(path: Path) -> object:
    """Return what changes when the file does; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
