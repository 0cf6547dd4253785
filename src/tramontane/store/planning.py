"""What stored records and settings come to together. It does not know the database."""

from collections.abc import Iterable, Mapping

import msgspec

from tramontane.config import RouteSettings, Settings
from tramontane.store.records import StoredDeployment, StoredRoute


def merged_routes(
    given: Mapping[str, RouteSettings], stored: Iterable[StoredRoute]
) -> dict[str, RouteSettings]:
    """Return every route by name. The configuration file's win over the stored."""
    found = {
        route.name: msgspec.json.decode(route.settings, type=RouteSettings) for route in stored
    }
    return found | dict(given)


def owners(settings: Settings, stored: Iterable[StoredDeployment]) -> dict[str, str]:
    """Return whose own which deployment is; those of the configuration file are everybody's."""
    return {
        record.name: record.project_id
        for record in stored
        if record.project_id is not None and record.name not in settings.deployments
    }
