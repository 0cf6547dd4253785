"""What the assistant knows of a deployment: what it costs, where it runs, what it can do.

It does not know how deployments are configured: the studio puts these together.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from tramontane.money import Price
from tramontane.store.records import EngineState

Kind = Literal["guide", "local", "remote"]
State = Literal[EngineState, "unprobed"]
HERE = "here"
BROKEN: tuple[State, ...] = ("failed", "stopped")
ANSWERING: tuple[State, ...] = ("ready", "asleep", "unprobed")
"""States of what answers when it is asked: one that sleeps is woken, one elsewhere is tried."""


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment. `models` are the names to ask for, `place` is "here" or the host.

    `version` is the name that its provider is asked for. None is unknown: nobody has said.
    """

    deployment: str
    models: tuple[str, ...]
    kind: Kind
    price: Price
    place: str = HERE
    provider: str | None = None
    state: State = "ready"
    message: str = ""
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    is_capable: bool = True
    is_demonstration: bool = False
    supports_tools: bool = False
    languages: tuple[str, ...] | None = None
    open_weights: bool | None = None
    version: str | None = None
    region: str | None = None


def by_model(deployments: Iterable[Served]) -> dict[str, Served]:
    """Return the first deployment of each public name, in the order of the names."""
    found: dict[str, Served] = {}
    for served in deployments:
        for model in served.models:
            found.setdefault(model, served)
    return dict(sorted(found.items()))
