"""What a command left behind."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple


class Ran(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout of a command that succeeded."""
        assert self.status == 0, self.err
        return json.loads(self.out)


Run = Callable[..., Ran]
