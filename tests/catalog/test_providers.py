"""Providers: one word each, and what is said of them is what the platform's own facts say."""

import tomllib
from pathlib import Path

from tramontane.catalog import packing, providers
from tramontane.providers.registry import KINDS

FACTS = Path(__file__).parents[2] / "src" / "tramontane" / "governance" / "facts.toml"


def test_one_word_across_sources() -> None:
    for name in ("bedrock", "bedrock_converse", "amazon-bedrock", "aws"):
        assert providers.provider_id(name) == "amazon-bedrock"
    assert providers.provider_id("vertex_ai-anthropic_models") == "google-vertex"
    assert providers.provider_id("fireworks_ai") == providers.provider_id("fireworks")
    assert providers.provider_id("Somebody_New") == "somebody-new"


def test_kinds_are_those_that_can_be_deployed_through() -> None:
    assert set(providers.KINDS.values()) <= set(KINDS)
    for provider in packing.load().providers.values():
        assert provider.kind is None or provider.kind in KINDS
        if provider.kind == "compatible":
            assert provider.url is not None
            assert provider.url.startswith("https://")


def test_hosts_and_jurisdictions_are_our_own_facts() -> None:
    facts = tomllib.loads(FACTS.read_text())
    for provider, host in providers.HOSTS.items():
        assert facts[providers.KINDS[provider]]["host"] == host
    for provider, jurisdiction in providers.JURISDICTIONS.items():
        assert facts[providers.KINDS[provider]]["jurisdiction"] == jurisdiction
    with_place = {
        provider for provider, kind in providers.KINDS.items()
        if "jurisdiction" in facts.get(kind, {})
    }  # fmt: skip
    assert with_place == set(providers.JURISDICTIONS)


def test_regions_are_those_of_the_kinds() -> None:
    bedrock = dict(providers.REGIONS["amazon-bedrock"])
    regions = {region.name: region.jurisdiction for region in KINDS["bedrock"].regions}
    assert {name: bedrock.pop(name, None) for name in regions} == regions
    place_of_model = KINDS["bedrock"].place_of_model
    assert place_of_model is not None
    for geography, place in bedrock.items():  # profiles of several regions
        assert place_of_model(f"{geography}.amazon.nova-pro-v1:0", None) == place
    assert providers.REGIONS.keys() == {"amazon-bedrock", "azure"}


def test_every_offers_provider_is_known() -> None:
    loaded = packing.load()
    for card in loaded.cards():
        for offer in card.offers:
            provider = loaded.providers[offer.provider]
            assert offer.jurisdiction == providers.jurisdiction_in(provider, offer.region)
