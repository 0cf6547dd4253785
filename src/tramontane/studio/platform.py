"""What every route of the studio is handed: the settings, the store, the pepper and the clock."""

from collections.abc import Callable

import msgspec
from litestar.di import NamedDependency

from tramontane.config import Settings
from tramontane.store.database import Store


class Platform(msgspec.Struct, frozen=True):
    """One platform, built once by `application.create`. `clock_ms` gives Unix milliseconds."""

    settings: Settings
    store: Store
    pepper: bytes
    clock_ms: Callable[[], int]


GivenPlatform = NamedDependency[Platform]
"""The parameter of a route that is handed the platform."""
