"""What two people who change one thing are told: the second gets what the first made of it.

The answer is a 409 with the error as everywhere, and beside it `current`. It does not know what
was changed.
"""

from typing import Any

import msgspec
from litestar import MediaType, Request, Response

from tramontane.errors import Conflict
from tramontane.studio.errors import envelope


class ChangedMeanwhile(Conflict):
    """Somebody else changed it after the caller had read it. `current` is how it is now."""

    code = "changed_meanwhile"

    def __init__(self, current: msgspec.Struct) -> None:
        super().__init__(
            "Somebody changed this after you opened it. Nothing was overwritten: look at what is"
            " there now, and send your change with its version.",
            param="version",
        )
        self.current = current


def render(_: Request[Any, Any, Any], error: ChangedMeanwhile) -> Response[dict[str, Any]]:
    """Return the error with what is there now."""
    body = {"error": envelope(error).error, "current": error.current}
    return Response(body, status_code=409, media_type=MediaType.JSON)
