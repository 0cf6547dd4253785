"""Mistral AI's own API."""

from tramontane.providers.kind import Kind, Region

MISTRAL = Kind(
    name="mistral",
    title="Mistral AI",
    dialect="mistral",
    url="https://api.mistral.ai/v1",
    regions=(
        Region(name="global", title="Anywhere"),
        Region(
            name="eu",
            title="European Union",
            jurisdiction="EU",
            url="https://api.eu.mistral.ai/v1",
        ),
        Region(
            name="us", title="United States", jurisdiction="US", url="https://api.us.mistral.ai/v1"
        ),
    ),
    default_region="global",
    stream_usage="always",  # its API has no stream_options
    sources=(
        "https://docs.mistral.ai/studio/regional-inference (regional requests cost 1.1 times)",
        "https://docs.mistral.ai/api",
        "https://legal.mistral.ai/terms",
    ),
    checked="2026-11-22",
)
