"""What stored records and settings come to together. It does not know the database."""

from collections.abc import Iterable, Mapping

import msgspec

from tramontane.config import RouteSettings
from tramontane.store.records import StoredRoute


def merged_routes(
    given: Mapping[str, RouteSettings], stored: Iterable[StoredRoute]
) -> dict[str, RouteSettings]:
    """Return every route by name. The configuration file's win over the stored."""
    found = {
        route.name: msgspec.json.decode(route.settings, type=RouteSettings) for route in stored
    }
    return found | dict(given)
