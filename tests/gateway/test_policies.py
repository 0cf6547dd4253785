"""Policies at route time: refused before a deployment is chosen, with reason and nearest model."""

from pathlib import Path

import msgspec
import pytest

from tramontane.config import (
    DeploymentSettings,
    FactSettings,
    PriceSettings,
    ProviderSettings,
    RouteSettings,
    Settings,
)
from tramontane.errors import Forbidden
from tramontane.gateway.answers import refusal
from tramontane.gateway.directory import Directory, Principal, build
from tramontane.gateway.routing import Facts, plan, visible_models
from tramontane.governance.policies import Policy, write
from tramontane.store.records import Budget, Key, Picture, Project
from tramontane.wire.http import ResponseHead

CHEAP = PriceSettings(input_per_mtok="0.1", output_per_mtok="0.3")
SETTINGS = Settings(
    demo=False,
    providers={
        "paris": ProviderSettings(kind="mistral", region="eu", key_env="K"),
        "frankfurt": ProviderSettings(kind="bedrock", region="eu-central-1", key_env="K"),
        "anywhere": ProviderSettings(kind="openai", key_env="K"),
    },
    deployments={
        "mistral-large": DeploymentSettings(provider="paris", price=CHEAP),
        "nova-pro": DeploymentSettings(provider="frankfurt", price=CHEAP),
        "gpt": DeploymentSettings(provider="anywhere", price=CHEAP),
        "gpt-open": DeploymentSettings(provider="anywhere", price=CHEAP, open_weights=True),
        "tiered": DeploymentSettings(
            provider="anywhere",
            price=PriceSettings(
                input_per_mtok="0.1",
                output_per_mtok="0.3",
                service_tiers={"flex": "0.5", "priority": "2"},
            ),
        ),
        "unpriced": DeploymentSettings(provider="anywhere"),
        "free": DeploymentSettings(provider="anywhere", price="free"),
    },
    routes={"best": RouteSettings(deployments=("gpt", "mistral-large"), fallbacks=("nova-pro",))},
    independence={"nova-pro": FactSettings(jurisdiction="US")},
)


def known(
    of_project: Policy | None = None,
    of_key: Policy | None = None,
    budgets: tuple[Budget, ...] = (),
) -> tuple[Directory, Principal]:
    project = Project(
        id="prj_a", name="law", requests_per_minute=1, tokens_per_minute=1, created_at_ms=0,
        policy=write(of_project or Policy()),
    )  # fmt: skip
    key = Key(
        id="key_a", project_id="prj_a", name="k", prefix="k", digest=b"d", created_at_ms=0,
        policy=write(of_key or Policy()),
    )  # fmt: skip
    picture = Picture(
        revision=1, projects=(project,), keys=(key,), budgets=budgets, models=(), deployments=(),
        instances=(),
    )  # fmt: skip
    directory = build(SETTINGS, b"p" * 32, {"K": "secret"}, Path("nowhere"), picture)
    return directory, directory.principals_by_id["key_a"]


def tried(
    found: tuple[Directory, Principal], model: str, tier: str | None = None
) -> tuple[str, ...]:
    facts = Facts(model=model, service_tier=tier)
    planned = plan(*found, facts, now_ms=0, draw=lambda: 0.0)
    return tuple(deployment.name for deployment in planned.deployments)


def test_what_is_ruled_out_is_left_out_of_routes() -> None:
    assert tried(known(), "best") == ("gpt", "mistral-large", "nova-pro")
    eu = known(Policy(jurisdictions=("EU",)))
    assert tried(eu, "best") == ("mistral-large",)  # the operator said where nova-pro really is
    assert visible_models(*eu) == ["guide", "mistral-large", "best"]


def test_a_refusal_says_why_and_what_is_nearest() -> None:
    found = known(Policy(jurisdictions=("EU",)))
    with pytest.raises(Forbidden) as caught:
        tried(found, "gpt")
    assert caught.value.code == "policy_jurisdiction"
    assert "a place that is not known" in caught.value.message
    assert "nearest allowed model is '" in caught.value.message
    with pytest.raises(Forbidden, match="processed in US") as caught:
        tried(found, "nova-pro")
    assert "'mistral-large'" in caught.value.message or "'best'" in caught.value.message


def test_both_the_projects_and_the_keys_have_to_be_kept() -> None:
    found = known(Policy(no_training=True), Policy(open_weight_only=True))
    assert visible_models(*found) == ["guide", "gpt-open"]
    with pytest.raises(Forbidden) as caught:
        tried(known(Policy(local_only=True), Policy(open_weight_only=True)), "gpt-open")
    assert caught.value.code == "policy_local"
    assert "'guide'" in caught.value.message  # it is all that is left


def test_who_has_a_budget_does_not_use_what_nobody_has_priced() -> None:
    assert tried(known(), "unpriced") == ("unpriced",)
    of_project = Budget(id="b", project_id="prj_a", window="day", limit_nano=1)
    of_key = msgspec.structs.replace(of_project, key_id="key_a")
    of_other = msgspec.structs.replace(of_project, key_id="key_b")
    for budget in (of_project, of_key):
        found = known(budgets=(budget,))
        with pytest.raises(Forbidden, match="the operator can set a price") as caught:
            tried(found, "unpriced")
        assert caught.value.code == "policy_unpriced"
        assert tried(found, "free") == ("free",)
    assert tried(known(budgets=(of_other,)), "unpriced") == ("unpriced",)


def test_a_ceiling_is_kept_at_the_tier_that_is_asked_for() -> None:
    found = known(Policy(max_output_per_mtok="0.5"))
    assert tried(found, "tiered") == ("tiered",)
    assert tried(found, "tiered", "flex") == ("tiered",)
    with pytest.raises(Forbidden) as refused:
        tried(found, "tiered", "priority")
    assert refused.value.code == "policy_price"
    assert "0.60" in refused.value.message


@pytest.mark.parametrize(
    "secret", ["sk-short", "AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMIK7MDENG:c2Vzc2lvbg==token"]
)
def test_no_part_of_a_key_comes_back_in_a_refusal(secret: str) -> None:
    directory, _ = known()
    deployment = msgspec.structs.replace(directory.deployments["gpt"], secret=secret)
    parts = [secret, *secret.split(":")]
    body = msgspec.json.encode({"error": {"message": f"no: {' '.join(parts)}"}})
    error = refusal(
        ResponseHead(400, 0, None, False, True, b"application/json", b""),
        body,
        deployment,
        deployment,
    )
    assert error.message.startswith("no: [key]")
    assert not any(part in error.message for part in parts)


def test_what_is_known_of_a_deployment() -> None:
    directory, _ = known()
    large = directory.deployments["mistral-large"]
    assert (large.dialect, large.provider, large.region) == ("mistral", "paris", "eu")
    assert large.secret == "secret" and large.origin is not None
    assert (large.origin.host, large.terms.facts.seat) == ("api.eu.mistral.ai", "FR")
    assert {"provider:paris", "jurisdiction:EU"} <= large.facts
    assert directory.deployments["guide"].provider == "local"
