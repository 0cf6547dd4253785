"""Whoever speaks OpenAI's dialect: any address, and the providers whose address is known."""

from tramontane.providers.kind import Kind
from tramontane.providers.known import PROVIDERS

COMPATIBLE = Kind(
    name="compatible",
    title="OpenAI-compatible server",
    dialect="openai",
    url_example="https://models.example.org/v1",
    credential="optional",
)


def known_kinds(without: frozenset[str]) -> tuple[Kind, ...]:
    """Return a kind for each known provider but those of the names `without`."""
    return tuple(
        Kind(
            name=provider.name,
            title=provider.title,
            dialect="openai",
            url=provider.url,
            max_tokens_field=provider.max_tokens_field,
            stream_usage=provider.stream_usage,
        )
        for provider in PROVIDERS
        if provider.name not in without
    )
