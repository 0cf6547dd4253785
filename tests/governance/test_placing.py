"""The facts of each deployment, from the plan that the gateway serves by."""

from pathlib import Path

import pytest

from tramontane.config import DeploymentSettings, FactSettings, ProviderSettings, Settings
from tramontane.governance.facts import Facts, labels
from tramontane.governance.placing import (
    facts_by_deployment,
    facts_of_provider,
    own_chip,
)
from tramontane.providers.registry import providers
from tramontane.providers.remote import remote_models

SETTINGS = Settings(
    providers={
        "paris": ProviderSettings(kind="bedrock", region="eu-west-3"),
        "le-mistral": ProviderSettings(kind="mistral", region="eu"),
    },
    deployments={
        "claude": DeploymentSettings(provider="paris"),
        "large": DeploymentSettings(provider="le-mistral"),
        "gpt": DeploymentSettings(url="https://api.openai.com/v1"),
        "vllm": DeploymentSettings(url="http://10.0.0.7:8000/v1"),
    },
    independence={"vllm": FactSettings(owner="own", host="own", chip="NVIDIA H100")},
)


def found() -> dict[str, Facts]:
    remote = remote_models(SETTINGS, [])
    return facts_by_deployment(SETTINGS.independence, ["guide"], remote, "AMD CPU")


def test_an_account_tells_its_region_and_its_kind_the_rest() -> None:
    assert found()["claude"] == Facts(
        provider="paris",
        host="Amazon Web Services",
        owner="Amazon",
        seat="US",
        jurisdiction="FR",
    )
    large = found()["large"]
    assert (large.owner, large.seat, large.jurisdiction) == ("Mistral AI", "FR", "EU")


def test_an_address_alone_tells_the_provider_but_no_place() -> None:
    gpt = found()["gpt"]
    assert (gpt.provider, gpt.owner, gpt.jurisdiction) == ("openai", "OpenAI", None)


def test_a_server_of_ones_own_is_what_the_operator_says() -> None:
    vllm = found()["vllm"]
    assert (vllm.provider, vllm.owner, vllm.chip) == ("10.0.0.7", "own", "NVIDIA H100")
    assert found()["guide"].chip == "AMD CPU"


def test_bills_of_what_is_gone_are_still_somebodys() -> None:
    accounts = providers(SETTINGS, [])
    assert facts_of_provider("paris", {}, accounts).jurisdiction == "FR"
    assert facts_of_provider("groq", {}, accounts).chip == "Groq LPU"
    assert facts_of_provider("gone", {}, accounts) == Facts(provider="gone")
    assert facts_of_provider("local", {}, accounts).owner == "own"


def test_labels_name_what_is_known_only() -> None:
    assert labels(Facts(provider="paris", seat="US")) == {"provider:paris", "seat:US"}


@pytest.mark.parametrize(
    ("text", "chip"),
    [("vendor_id\t: GenuineIntel\n", "Intel CPU"), ("vendor_id\t: Other\n", None), ("", None)],
)
def test_the_machine_tells_its_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, chip: str | None
) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert own_chip(tmp_path / "cpuinfo") == chip
    assert own_chip(tmp_path / "missing") is None
