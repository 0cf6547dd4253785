"""A model file made servable here: what is asked for, checked against the file and the memory.

The command line, the studio and the worker deploy through it. It writes nothing.
"""

import msgspec
from sqlalchemy import Connection

from tramontane.config import DeploymentSettings, Settings
from tramontane.engines.memory import (
    Memory,
    gigabytes,
    most_context,
    need,
    verdict,
)
from tramontane.engines.plan import BUILT_IN, SLOTS, served_context
from tramontane.engines.pull_lines import Shape
from tramontane.errors import Conflict, InvalidRequest
from tramontane.store import publications, routes
from tramontane.store.records import ModelFile, StoredDeployment


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """As what a model file is to be deployed. `anyway`: although it may not fit into memory."""

    name: str
    settings: DeploymentSettings
    card_id: str | None = None
    anyway: bool = False


def stored(wanted: Wanted, file: ModelFile, now_ms: int) -> StoredDeployment:
    """Return the deployment of `file`, to be stored. Raises InvalidRequest for its context."""
    check_context(wanted.settings, file.name, file.context_tokens)
    return StoredDeployment(
        name=wanted.name,
        model_sha256=file.sha256,
        settings=msgspec.json.encode(msgspec.structs.replace(wanted.settings, model=file.name)),
        created_at_ms=now_ms,
        card_id=wanted.card_id,
    )


def check_context(settings: DeploymentSettings, name: str, trained_tokens: int | None) -> None:
    """Raise InvalidRequest for a context longer than the model `name` was trained on."""
    asked = settings.context_tokens
    if trained_tokens is not None and asked is not None and asked > trained_tokens:
        raise InvalidRequest(
            f"{name} was trained on contexts of {trained_tokens:,} tokens; {asked:,} are too many",
            param="context_tokens",
        )


def needed_bytes(shape: Shape, settings: DeploymentSettings, trained_tokens: int | None) -> int:
    """Return the memory that serving it so takes."""
    slots = settings.max_in_flight or SLOTS
    return need(shape, served_context(settings, trained_tokens), slots).total_bytes


def check_fits(wanted: Wanted, shape: Shape, trained_tokens: int | None, available: Memory) -> None:
    """Raise Conflict (`does_not_fit`), with what would fit, where memory does not suffice."""
    settings = wanted.settings
    needed = needed_bytes(shape, settings, trained_tokens)
    if wanted.anyway or verdict(needed, available) != "no":
        return
    assert available.available_bytes is not None
    slots = settings.max_in_flight or SLOTS
    context = served_context(settings, trained_tokens)
    raise Conflict(
        f"It does not fit: serving it takes about {gigabytes(needed)} of memory with {slots} x"
        f" {context:,} tokens, and {gigabytes(available.available_bytes)} are free."
        f" {_what_would(shape, slots, context, available.available_bytes)}"
        " Or deploy it anyway (--anyway).",
        code="does_not_fit",
        param="context_tokens",
    )


def _what_would(shape: Shape, slots: int, context: int, available_bytes: int) -> str:
    for count in (slots, 1):
        fitting = min(most_context(shape, count, available_bytes), context)
        if fitting >= 256:
            return f"A context of {fitting:,} tokens with {count} at once would fit."
    share = available_bytes / max(1, shape.file_bytes)
    if share < 0.25:
        return "A smaller model would fit, or another machine."
    return "A smaller quantisation of it might fit, or a smaller model."


def check_free(c: Connection, settings: Settings, name: str) -> None:
    """Raise Conflict where a deployment, route or publication is called so already."""
    _, public = routes.known(c, settings)
    if name in public | BUILT_IN | publications.named(c):
        raise Conflict(f"{name!r} is taken; choose another name, or remove it first.", param="name")
