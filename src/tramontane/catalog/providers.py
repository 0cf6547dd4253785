"""Who sells the use of models: one word for each provider across sources, and how it is reached.

`KINDS` names those that Tramontane can deploy through under a kind of its own; any other with a
base address goes through `compatible`. Hosts and jurisdictions, of all that a provider offers or of
a region of it, stand here only where our own facts (`governance/facts.toml`, `providers/kinds`)
know them; a test holds them equal. It does not know a
price.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

import msgspec


class Provider(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who sells. `kind` is a `providers.kinds`; `url` the base address where it speaks OpenAI's
    dialect; `publisher` whose own models it is the first to sell.
    """

    id: str
    title: str
    kind: str | None = None
    url: str | None = None
    host: str | None = None
    jurisdiction: str | None = None
    publisher: str | None = None
    website: str | None = None


KINDS: Mapping[str, str] = MappingProxyType(
    {
        "amazon-bedrock": "bedrock",
        "anthropic": "anthropic",
        "azure": "azure_openai",
        "azure-foundry": "azure",
        "cerebras": "cerebras",
        "deepinfra": "deepinfra",
        "deepseek": "deepseek",
        "fireworks-ai": "fireworks",
        "google": "google",
        "google-vertex": "vertex",
        "groq": "groq",
        "huggingface": "huggingface",
        "mistral": "mistral",
        "nebius": "nebius",
        "openai": "openai",
        "openrouter": "openrouter",
        "ovhcloud": "ovhcloud",
        "scaleway": "scaleway",
        "togetherai": "together",
        "xai": "xai",
    }
)
"""The kind to deploy through, by provider."""

HOSTS: Mapping[str, str] = MappingProxyType(
    {
        "amazon-bedrock": "Amazon Web Services",
        "azure": "Microsoft Azure",
        "azure-foundry": "Microsoft Azure",
        "google": "Google Cloud",
        "google-vertex": "Google Cloud",
        "nebius": "Nebius",
        "ovhcloud": "OVHcloud",
        "scaleway": "Scaleway",
    }
)
JURISDICTIONS: Mapping[str, str] = MappingProxyType(
    {"deepseek": "CN", "ovhcloud": "EU", "scaleway": "FR"}
)
REGIONS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "amazon-bedrock": MappingProxyType(
            {
                "ap-northeast-1": "JP",
                "ap-northeast-2": "KR",
                "ap-northeast-3": "JP",
                "ap-south-1": "IN",
                "ap-south-2": "IN",
                "ap-southeast-1": "SG",
                "ap-southeast-2": "AU",
                "ca-central-1": "CA",
                "eu-central-1": "DE",
                "eu-central-2": "CH",
                "eu-north-1": "SE",
                "eu-south-1": "IT",
                "eu-south-2": "ES",
                "eu-west-1": "IE",
                "eu-west-2": "GB",
                "eu-west-3": "FR",
                "sa-east-1": "BR",
                "us-east-1": "US",
                "us-east-2": "US",
                "us-west-2": "US",
                "au": "AU",
                "eu": "EU",
                "jp": "JP",
                "us": "US",
            }
        ),
        "azure": MappingProxyType({"eu": "EU", "us": "US"}),
    }
)
"""Where what is offered in a region is processed, by provider. Bedrock's profiles of several
regions (`eu`, `us`) stay within what they are called by; Azure's are its data zones:
https://learn.microsoft.com/azure/foundry-classic/foundry-models/concepts/deployment-types, read on
2026-11-22.
"""

PUBLISHERS: Mapping[str, str] = MappingProxyType(
    {
        "ai21": "ai21",
        "alibaba": "alibaba",
        "alibaba-cn": "alibaba",
        "alibaba-coding-plan": "alibaba",
        "alibaba-coding-plan-cn": "alibaba",
        "alibaba-token-plan": "alibaba",
        "alibaba-token-plan-cn": "alibaba",
        "anthropic": "anthropic",
        "black-forest-labs": "black-forest-labs",
        "cohere": "cohere",
        "deepseek": "deepseek",
        "google": "google",
        "google-vertex": "google",
        "inception": "inception",
        "meta": "meta",
        "minimax": "minimax",
        "minimax-cn": "minimax",
        "mistral": "mistral",
        "moonshotai": "moonshotai",
        "moonshotai-cn": "moonshotai",
        "morph": "morph",
        "nvidia": "nvidia",
        "openai": "openai",
        "perplexity": "perplexity",
        "poolside": "poolside",
        "runwayml": "runwayml",
        "sakana": "sakana",
        "sarvam": "sarvam",
        "stability-ai": "stability-ai",
        "stepfun": "stepfun",
        "upstage": "upstage",
        "volcengine": "bytedance",
        "voyageai": "voyageai",
        "writer": "writer",
        "xai": "xai",
        "xiaomi": "xiaomi",
        "xiaomi-token-plan-ams": "xiaomi",
        "xiaomi-token-plan-cn": "xiaomi",
        "xiaomi-token-plan-sgp": "xiaomi",
        "zai": "zhipuai",
        "zai-coding-plan": "zhipuai",
        "zhipuai": "zhipuai",
        "deepgram": "deepgram",
        "elevenlabs": "elevenlabs",
        "recraft": "recraft",
        "assemblyai": "assemblyai",
        "soniox": "soniox",
        "gigachat": "gigachat",
    }
)
"""Whose own models a provider sells first, by provider."""

_NAMES = {
    "ai21": "ai21 vertex_ai-ai21_models",
    "alibaba": "alibaba dashscope qwen_ai_platform qwencloud",
    "amazon-bedrock": "amazon-bedrock bedrock bedrock_converse bedrock_mantle aws",
    "amazon-nova": "amazon_nova",
    "anthropic": "anthropic",
    "azure": "azure azure_text",
    "azure-foundry": "azure-cognitive-services azure_ai",
    "black-forest-labs": "black_forest_labs",
    "cloudflare-workers-ai": "cloudflare-workers-ai cloudflare",
    "cohere": "cohere cohere_chat",
    "digitalocean": "digitalocean gradient_ai",
    "fireworks-ai": "fireworks-ai fireworks_ai fireworks_ai-embedding-models fireworks",
    "friendli": "friendli friendliai",
    "github-copilot": "github-copilot github_copilot",
    "gmicloud": "gmicloud gmi",
    "google": "google gemini",
    "google-vertex": "google-vertex google-vertex-anthropic vertex_ai vertex_ai-language-models"
    " vertex_ai-anthropic_models vertex_ai-mistral_models vertex_ai-llama_models"
    " vertex_ai-embedding-models vertex_ai-video-models vertex_ai-deepseek_models"
    " vertex_ai-qwen_models vertex_ai-zai_models vertex_ai-openai_models vertex_ai-text-models"
    " vertex_ai-image-models vertex_ai-code-text-models vertex_ai-chat-models",
    "inference": "inference inferenceapis",
    "lambda": "lambda lambda_ai",
    "meta": "meta meta_llama llama",
    "minimax": "minimax",
    "mistral": "mistral codestral text-completion-codestral",
    "moonshotai": "moonshotai moonshot",
    "novita-ai": "novita-ai novita",
    "nvidia": "nvidia nvidia_nim",
    "ollama": "ollama",
    "openai": "openai text-completion-openai chatgpt",
    "opencode-go": "opencode-go opencode_go",
    "perplexity": "perplexity perplexity-agent",
    "snowflake-cortex": "snowflake-cortex snowflake",
    "stability-ai": "stability",
    "stepfun": "stepfun stepfun-ai",
    "togetherai": "togetherai together_ai together",
    "vercel": "vercel vercel_ai_gateway",
    "voyageai": "voyageai voyage",
    "xai": "xai x-ai",
    "xiaomi": "xiaomi xiaomi_mimo",
    "zhipuai": "zhipuai bigmodel",
    "morph": "morph",
    "v0": "v0",
    "featherless": "featherless_ai",
    "deepinfra": "deepinfra",
}
_ONE = MappingProxyType({n: provider for provider, names in _NAMES.items() for n in names.split()})

TITLES: Mapping[str, str] = MappingProxyType(
    {
        "ai21": "AI21",
        "amazon-bedrock": "Amazon Bedrock",
        "amazon-nova": "Amazon Nova",
        "azure": "Azure OpenAI",
        "azure-foundry": "Azure AI Foundry",
        "black-forest-labs": "Black Forest Labs",
        "elevenlabs": "ElevenLabs",
        "gigachat": "GigaChat",
        "google": "Google Gemini API",
        "google-vertex": "Google Vertex AI",
        "hyperbolic": "Hyperbolic",
        "lambda": "Lambda",
        "oci": "Oracle Cloud",
        "replicate": "Replicate",
        "runwayml": "Runway",
        "sambanova": "SambaNova",
        "stability-ai": "Stability AI",
        "voyageai": "Voyage AI",
        "watsonx": "IBM watsonx",
    }
)
"""What a provider is called where models.dev does not say or says something longer."""


LOCAL = frozenset({"atomic-chat", "lemonade", "lmstudio", "ollama"})
"""Programs that serve on one's own machine: their "prices" of nothing are no offers."""


def provider_id(name: str) -> str:
    """Return the one word for the provider that a source calls `name`."""
    plain = name.strip().lower()
    return _ONE.get(plain, re.sub(r"[^a-z0-9.]+", "-", plain).strip("-"))


def provider_named(name: str, title: str | None = None) -> Provider:
    """Return what is known of the provider that a source calls `name`, without its address."""
    found = provider_id(name)
    return Provider(
        id=found,
        title=TITLES.get(found) or title or found.replace("-", " ").replace("_", " ").title(),
        kind=KINDS.get(found),
        host=HOSTS.get(found),
        jurisdiction=JURISDICTIONS.get(found),
        publisher=PUBLISHERS.get(found),
    )


def jurisdiction_in(provider: Provider, region: str | None) -> str | None:
    """Return where what it offers in that region is processed; None where nobody has said."""
    if region is None:
        return provider.jurisdiction
    return REGIONS.get(provider.id, {}).get(region, provider.jurisdiction)
