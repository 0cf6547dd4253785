"""Every dialect that providers speak, by its name and by what is asked for.

Each is imported when the first request needs it.
"""

from functools import cache
from importlib import import_module
from typing import cast

from tramontane.wire.dialect import Upstream

# dialect → operation → module and name of its `Upstream`
_PLACES: dict[str, dict[str, tuple[str, str]]] = {
    "openai": {
        "chat": ("tramontane.wire.openai.chat", "UPSTREAM"),
        "completions": ("tramontane.wire.openai.completions", "UPSTREAM"),
        "fim": ("tramontane.wire.openai.completions", "UPSTREAM"),
        "embeddings": ("tramontane.wire.openai.embeddings", "UPSTREAM"),
    },
    "engine": {  # of our own, here
        "chat": ("tramontane.wire.openai.chat", "ENGINE"),
        "completions": ("tramontane.wire.openai.engine", "COMPLETIONS"),
        "fim": ("tramontane.wire.openai.infill", "INFILL"),
        "embeddings": ("tramontane.wire.openai.engine", "EMBEDDINGS"),
    },
    "mistral": {
        "chat": ("tramontane.wire.mistral.chat", "CHAT"),
        "fim": ("tramontane.wire.mistral.chat", "FIM"),
        "embeddings": ("tramontane.wire.mistral.chat", "EMBEDDINGS"),
    },
    "azure": {
        "chat": ("tramontane.wire.azure.upstream", "CHAT"),
        "embeddings": ("tramontane.wire.azure.upstream", "EMBEDDINGS"),
    },
    "azure_openai": {
        "chat": ("tramontane.wire.azure.upstream", "OPENAI_CHAT"),
        "completions": ("tramontane.wire.azure.upstream", "OPENAI_COMPLETIONS"),
        "fim": ("tramontane.wire.azure.upstream", "OPENAI_COMPLETIONS"),
        "embeddings": ("tramontane.wire.azure.upstream", "OPENAI_EMBEDDINGS"),
    },
    "google": {
        "chat": ("tramontane.wire.google.upstream", "UPSTREAM"),
        "embeddings": ("tramontane.wire.google.upstream", "UPSTREAM"),
    },
    "anthropic": {
        "chat": ("tramontane.wire.anthropic.provider", "PROVIDER"),
        "count_tokens": ("tramontane.wire.anthropic.counting", "COUNTER"),
    },
    "bedrock": {"chat": ("tramontane.wire.bedrock.upstream", "UPSTREAM")},
}


@cache
def find(dialect: str, operation: str = "chat") -> Upstream | None:
    """Return the side of `dialect` towards providers, None where it has no such operation."""
    place = _PLACES.get(dialect, {}).get(operation)
    if place is None:
        return None
    return cast(Upstream, getattr(import_module(place[0]), place[1]))
