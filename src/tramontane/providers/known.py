"""Providers whose OpenAI-compatible addresses Tramontane knows, so that nobody has to look them up.

Each is fixed: a key entered for it goes to that origin only. To add one, add a row. It does not
know their models or prices.
"""

import msgspec

from tramontane.config import MaxTokensField, StreamUsage


class KnownProvider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider: `url` is the base address up to the version; the rest is how it differs."""

    name: str
    title: str
    url: str
    max_tokens_field: MaxTokensField = "max_tokens"
    stream_usage: StreamUsage = "ask"


def _known(name: str, title: str, url: str) -> KnownProvider:
    return KnownProvider(name=name, title=title, url=url)


PROVIDERS = (
    _known("anthropic", "Anthropic", "https://api.anthropic.com/v1"),
    _known("cerebras", "Cerebras", "https://api.cerebras.ai/v1"),
    _known("deepinfra", "DeepInfra", "https://api.deepinfra.com/v1/openai"),
    _known("deepseek", "DeepSeek", "https://api.deepseek.com/v1"),
    _known("fireworks", "Fireworks AI", "https://api.fireworks.ai/inference/v1"),
    _known("google", "Google Gemini", "https://generativelanguage.googleapis.com/v1beta/openai"),
    _known("groq", "Groq", "https://api.groq.com/openai/v1"),
    _known("huggingface", "Hugging Face", "https://router.huggingface.co/v1"),
    _known("ionos", "IONOS AI Model Hub", "https://openai.inference.de-txl.ionos.com/v1"),
    KnownProvider(
        name="mistral",
        title="Mistral AI",
        url="https://api.mistral.ai/v1",
        stream_usage="always",  # its API has no stream_options
    ),
    _known("nebius", "Nebius Token Factory", "https://api.tokenfactory.nebius.com/v1"),
    KnownProvider(
        name="openai",
        title="OpenAI",
        url="https://api.openai.com/v1",
        max_tokens_field="max_completion_tokens",
    ),
    _known("openrouter", "OpenRouter", "https://openrouter.ai/api/v1"),
    _known("ovhcloud", "OVHcloud AI Endpoints", "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1"),
    _known("scaleway", "Scaleway Generative APIs", "https://api.scaleway.ai/v1"),
    _known("together", "Together AI", "https://api.together.xyz/v1"),
    _known("xai", "xAI", "https://api.x.ai/v1"),
)
"""Sorted by name, so that the order means nothing."""
