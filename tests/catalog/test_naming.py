"""How names become one: what is packaging, what is a date, what is another model."""

import pytest

from tramontane.catalog import naming
from tramontane.catalog.offernames import family_of, placed

SAME = [
    ("meta", "Meta-Llama-3.1-8B-Instruct", "llama3-1-8b-instruct-v1:0"),
    ("meta", "Meta-Llama-3.1-70B-Instruct-Turbo", "llama-3.1-70b-instruct"),
    ("meta", "Llama-2-7b-chat-hf", "llama-2-7b-chat-fp16"),
    ("meta", "llama-3.3-70b-versatile", "Llama-3.3-70B-Instruct"),
    ("anthropic", "claude-3-5-sonnet-20241022-v2:0", "claude-3.5-sonnet"),
    ("anthropic", "claude-opus-4-1@20250805", "claude-4.1-opus"),
    ("anthropic", "claude-v2:1", "claude-2.1"),
    ("openai", "gpt-4o-2024-11-20", "gpt-4o:extended"),
    ("openai", "gpt-35-turbo", "gpt-3.5-turbo"),
    ("mistral", "mistral-7b-instruct-v0:2", "Mistral-7B-Instruct-v0.2"),
    ("alibaba", "Qwen3-235B-A22B-Instruct-2507-FP8", "qwen3-235b-a22b-instruct-2507-maas"),
    ("google", "gemini-flash-1.5", "gemini-1.5-flash"),
    ("amazon", "nova-lite-v1:0:300k", "nova-lite-v1"),
    ("cohere", "c4ai-command-r-v01", "command-r-v01"),
    (None, "Agents-A1-APEX-I-Quality", "agents-a1"),
    (None, "Qwen2.5-7B-Instruct.Q4_K_M.gguf", "qwen2.5-7b-instruct"),
]
OTHER = [
    ("meta", "Llama-3.1-8B", "Llama-3.1-8B-Instruct"),
    ("alibaba", "qwen2.5-1.5b", "qwen2.5-15b"),
    ("alibaba", "qwen2-5-7b", "qwen-25-7b"),
    ("mistral", "mistral-large-2407", "mistral-large-2411"),
    ("mistral", "mistral-large-latest", "mistral-large"),
    ("deepseek", "deepseek-v3", "deepseek-v3-0324"),
    ("amazon", "titan-embed-text-v1", "titan-embed-text-v2:0"),
    ("stability-ai", "stable-image-core-v1:0", "stable-image-core-v1:1"),
    ("moonshotai", "kimi-k2-thinking", "kimi-k2-instruct"),
    ("openai", "gpt-3.5-turbo", "gpt-3.5-turbo-instruct"),
    ("cohere", "rerank-v3-5:0", "rerank-v3"),
    ("anthropic", "claude-3.5-sonnet-v2", "claude-3.5-sonnet"),
]


@pytest.mark.parametrize(("publisher", "one", "other"), SAME)
def test_one_model_by_two_names(publisher: str | None, one: str, other: str) -> None:
    assert naming.named(publisher, one).key == naming.named(publisher, other).key


@pytest.mark.parametrize(("publisher", "one", "other"), OTHER)
def test_two_models_that_look_alike(publisher: str | None, one: str, other: str) -> None:
    assert naming.named(publisher, one).key != naming.named(publisher, other).key


@pytest.mark.parametrize("name", [name for _p, *names in (*SAME, *OTHER) for name in names])
def test_what_is_made_one_stays_so(name: str) -> None:
    once = naming.plain(name)
    assert naming.plain(once) == once


def test_publishers_have_one_word_and_packagers_none() -> None:
    assert naming.publisher_of("meta-llama") == naming.publisher_of("Meta") == "meta"
    assert naming.publisher_of("Mistral AI") == naming.publisher_of("mistralai") == "mistral"
    assert naming.publisher_of("bartowski") is None
    assert naming.publisher_of("Somebody New") == "somebody-new"


def test_a_packager_writes_whose_it_is() -> None:
    assert naming.of_pair("mistralai_Mistral-7B-GGUF") == ("mistralai", "Mistral-7B-GGUF")
    assert naming.of_pair("Llama-3_1-Nemotron") is None


@pytest.mark.parametrize(
    ("model", "provider", "publisher", "name"),
    [
        ("us.anthropic.claude-opus-4-1-20250805-v1:0", "amazon-bedrock", "anthropic",
         "claude-opus-4-1-20250805-v1:0"),
        ("@cf/meta/llama-3-8b-instruct", "cloudflare-workers-ai", "meta", "llama-3-8b-instruct"),
        ("accounts/fireworks/models/qwen2p5-7b", "fireworks-ai", None, "qwen2.5-7b"),
        ("anthropic--claude-4-opus", "sap-ai-core", "anthropic", "claude-4-opus"),
        ("mistral-large-2411", "mistral", "mistral", "mistral-large-2411"),
        ("claude-opus-4", "google-vertex", None, "claude-opus-4"),
        ("nova-3", "deepgram", "deepgram", "nova-3"),
        ("TEE/glm-5", "nano-gpt", None, "glm-5"),
    ],
)  # fmt: skip
def test_a_seller_tells_the_maker(
    model: str, provider: str, publisher: str | None, name: str
) -> None:
    place = placed(model, provider)
    assert place is not None
    assert (place.publisher, place.name) == (publisher, name)


def test_a_router_is_no_model_and_a_family_is_only_a_place_to_look() -> None:
    assert placed("openrouter/auto", "openrouter") is None
    assert family_of("llama-3.1-tulu-3-70b") == "meta"
    assert family_of("wanderer-7b") is None
