"""Kinds of providers and accounts with them: where they answer, and whose key goes where."""

import re
from datetime import date

import msgspec
import pytest

from tramontane.config import DeploymentSettings, ProviderSettings, Settings, parse_origin
from tramontane.errors import ConfigError, InvalidRequest
from tramontane.money import Price
from tramontane.places import EEA, EU, is_within
from tramontane.providers import registry, remote
from tramontane.providers.kind import Kind
from tramontane.providers.registry import KINDS, providers, resolve
from tramontane.store.records import StoredDeployment, StoredProvider
from tramontane.wire import upstreams

PEPPER = b"p" * 32
KEY = "sk-canary-0123456789"


def stored(name: str = "mine", **said: str) -> StoredProvider:
    settings = ProviderSettings(**{"kind": "mistral", **said})  # type: ignore[arg-type]
    return registry.account(PEPPER, name, settings, KEY, by_command=False, now_ms=1)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_each_kind_says_where_it_answers_and_where_that_was_read(kind: Kind) -> None:
    assert upstreams.find(kind.dialect) is not None
    names = [region.name for region in kind.regions]
    assert len(set(names)) == len(names)
    assert kind.default_region is None or kind.default_region in names
    for region in kind.regions or (None,):
        url = kind.url_in(None if region is None else region.name)
        assert (url or kind.url_example or "").startswith("https://")
        if url is not None:
            assert parse_origin(url).tls
            assert registry.at_address(url) == (kind, region) or kind.url == url
        if region is not None and region.jurisdiction is not None:
            parts = region.jurisdiction.split("+")
            assert all(re.fullmatch("[A-Z]{2}|EEA", part) for part in parts)
    if kind.regions:
        assert kind.sources and date.fromisoformat(kind.checked) <= date.today()


def test_places() -> None:
    assert len(EU) == 27 and len(EEA) == 30
    assert is_within("SE", ["EU"]) and is_within("NO", ["EEA"]) and not is_within("NO", ["EU"])
    assert not is_within("EU", ["FR"]) and not is_within(None, ["EU", "EEA", "US"])
    assert not is_within("EEA+CH", ["EU"]) and is_within("EEA+CH", ["CH", "EEA"])


def test_a_region_is_an_address_and_a_place() -> None:
    eu = resolve("m", ProviderSettings(kind="mistral", region="eu"))
    assert (eu.url, eu.region, eu.jurisdiction) == ("https://api.eu.mistral.ai/v1", "eu", "EU")
    anywhere = resolve("m", ProviderSettings(kind="mistral"))
    assert (anywhere.url, anywhere.jurisdiction) == ("https://api.mistral.ai/v1", None)
    paris = resolve("b", ProviderSettings(kind="bedrock", region="eu-west-3"))
    assert paris.url == "https://bedrock-runtime.eu-west-3.amazonaws.com"
    assert (paris.jurisdiction, paris.no_training) == ("FR", True)
    told = ProviderSettings(kind="bedrock", region="eu-west-3", jurisdiction="EU")
    assert resolve("b", told).jurisdiction == "EU"  # an inference profile of several regions


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"kind": "mistrall"}, "no kind of provider"),
        ({"kind": "mistral", "region": "moon"}, "does not offer the region"),
        ({"kind": "bedrock"}, "Say the region"),
        ({"kind": "bedrock", "region": "eu-west-3.evil.example/"}, "does not offer the region"),
        ({"kind": "azure_openai", "region": "swedencentral"}, "Say the address"),
        ({"kind": "compatible"}, "Say the address"),
        (
            {"kind": "mistral", "region": "eu", "url": "https://api.mistral.ai/v1"},
            "is its region 'global'",
        ),
        ({"kind": "compatible", "url": "http://169.254.169.254/v1"}, "link-local"),
        ({"kind": "compatible", "url": "https://u:p@example.org/v1"}, "no user"),
    ],
)
def test_what_cannot_be_used_says_why(said: dict[str, str], problem: str) -> None:
    settings = ProviderSettings(**said)  # type: ignore[arg-type]
    found = resolve("it", settings)
    assert found.problem is not None and problem in found.problem and found.url == ""
    with pytest.raises(InvalidRequest, match=problem):
        registry.account(PEPPER, "it", settings, KEY, by_command=True, now_ms=1)
    deployment = {"d": DeploymentSettings(provider="it")}
    (model,) = remote.remote_models(
        Settings(providers={"it": settings}, deployments=deployment), []
    ).values()
    with pytest.raises(ConfigError, match=problem):
        remote.read_key(model, PEPPER, {})


def test_an_address_of_ones_own_promises_no_region() -> None:
    proxy = ProviderSettings(kind="mistral", url="https://proxy.example.org/v1")
    assert (resolve("p", proxy).region, resolve("p", proxy).jurisdiction) == ("", None)
    said = msgspec.structs.replace(proxy, region="eu")
    assert (resolve("p", said).region, resolve("p", said).jurisdiction) == ("eu", "EU")
    known = ProviderSettings(kind="mistral", url="https://api.eu.mistral.ai/v1/")
    assert (resolve("p", known).region, resolve("p", known).url[-3:]) == ("eu", "/v1")


def test_a_key_opens_for_its_account_at_its_address_only() -> None:
    """Whoever can change a row of the store cannot have the key sent elsewhere (SE6)."""
    (good,) = providers(Settings(), [stored()]).values()
    assert registry.read_key(good, PEPPER, {}) == KEY
    row = stored()
    elsewhere = ProviderSettings(kind="compatible", url="https://evil.example/v1")
    other_region = ProviderSettings(kind="mistral", region="us")
    changed = (
        msgspec.structs.replace(row, name="other"),
        msgspec.structs.replace(row, settings=msgspec.json.encode(elsewhere)),
        msgspec.structs.replace(row, settings=msgspec.json.encode(other_region)),
    )
    for moved in changed:
        (found,) = providers(Settings(), [moved]).values()
        with pytest.raises(ConfigError, match="enter the key again"):
            registry.read_key(found, PEPPER, {})
    with pytest.raises(ConfigError, match="enter the key again"):
        registry.read_key(good, b"q" * 32, {})


def test_a_row_of_the_store_names_no_variable_and_no_file() -> None:
    """Else a changed row would send what the gateway's environment holds to its own address."""
    names = ProviderSettings(
        kind="compatible", url="https://evil.example/v1", key_env="OTHER_KEY", key_file="pepper"
    )
    row = StoredProvider(
        name="it", kind="compatible", settings=msgspec.json.encode(names), created_at_ms=1
    )
    (found,) = providers(Settings(), [row]).values()
    assert registry.read_key(found, PEPPER, {"OTHER_KEY": "stolen"}) is None
    with pytest.raises(InvalidRequest, match="configuration file"):
        registry.account(PEPPER, "it", names, None, by_command=True, now_ms=1)
    own = DeploymentSettings(url="https://evil.example/v1", key_env="OTHER_KEY")
    of_account = DeploymentSettings(provider="mine", key_env="OTHER_KEY")
    for settings, key in ((own, None), (of_account, KEY)):
        deployment = StoredDeployment(
            name="d", settings=msgspec.json.encode(settings), created_at_ms=1
        )
        (model,) = remote.remote_models(Settings(), [deployment], [stored()]).values()
        assert remote.read_key(model, PEPPER, {"OTHER_KEY": "stolen"}) == key


def test_a_deployment_inherits_from_its_account() -> None:
    settings = Settings(
        providers={
            "eu": ProviderSettings(kind="mistral", region="eu", key_env="K", no_training=True)
        },
        deployments={
            "large": DeploymentSettings(provider="eu", upstream_model="mistral-large-latest"),
            "gone": DeploymentSettings(provider="nobody"),
            "direct": DeploymentSettings(url="https://eu.api.openai.com/v1", price="free"),
        },
    )
    found = remote.remote_models(settings, [])
    large = found["large"]
    assert (large.url, large.settings.dialect) == ("https://api.eu.mistral.ai/v1", "mistral")
    assert (large.provider, large.kind, large.region) == ("eu", "mistral", "eu")
    assert (large.jurisdiction, large.no_training) == ("EU", True)
    assert remote.read_key(large, PEPPER, {"K": KEY}) == KEY
    assert remote.price_of(large, settings) == Price(is_known=False)
    assert "no provider 'nobody'" in (found["gone"].problem or "")
    direct = found["direct"]
    assert (direct.provider, direct.region, direct.jurisdiction) == ("openai", "eu", "EEA+CH")
    assert remote.price_of(direct, settings) == Price()


def test_where_a_name_means_several_regions_it_is_not_the_region_that_counts() -> None:
    account = ProviderSettings(kind="bedrock", region="eu-central-1", key_env="K")
    profile = "arn:aws:bedrock:eu-central-1:1:application-inference-profile/abc"
    model = "arn:aws:bedrock:eu-central-1::foundation-model/amazon.nova-pro-v1:0"
    for name, told, place in (
        ("amazon.nova-pro-v1:0", None, "DE"),
        (model, None, "DE"),
        ("eu.amazon.nova-pro-v1:0", None, "EU"),
        ("arn:aws:bedrock:eu-central-1:1:inference-profile/us.meta.llama", None, "US"),
        ("global.anthropic.claude", None, None),
        (profile, None, None),
        (profile, "EU", "EU"),
    ):
        said = msgspec.structs.replace(account, jurisdiction=told)
        deployment = DeploymentSettings(provider="aws", upstream_model=name)
        settings = Settings(providers={"aws": said}, deployments={"d": deployment})
        (found,) = remote.remote_models(settings, []).values()
        assert found.jurisdiction == place, name
    azure = ProviderSettings(
        kind="azure_openai", region="swedencentral", url="https://x.openai.azure.com/openai"
    )
    assert resolve("a", azure).jurisdiction is None  # a Global deployment is processed anywhere
    standard = msgspec.structs.replace(azure, jurisdiction="SE")
    assert resolve("a", standard).jurisdiction == "SE"


def test_the_file_wins_over_the_store() -> None:
    settings = Settings(providers={"mine": ProviderSettings(kind="openai", key_env="K")})
    (found,) = providers(settings, [stored()]).values()
    assert (found.kind.name, found.is_entered) == ("openai", False)
    with pytest.raises(ConfigError, match="K is not set"):
        registry.read_key(found, PEPPER, {})
    (keyless,) = providers(Settings(providers={"a": ProviderSettings(kind="openai")}), []).values()
    with pytest.raises(ConfigError, match="needs a key"):
        registry.read_key(keyless, PEPPER, {})
