"""Accounts with providers, entered in the page: what is taken, tried, shown and kept; policies."""

from collections.abc import Iterator

import pytest

from tests.processes import RunningStandin, run_standin
from tests.studio.conftest import Studio, Tenant
from tests.studio.people import person
from tramontane.providers.standin import StandinOptions
from tramontane.store import providers

KEY = "sk-canary-0123456789abcdef"


@pytest.fixture(scope="module")
def standin() -> Iterator[RunningStandin]:
    """Yield a provider that wants a key."""
    with run_standin(StandinOptions(api_key=KEY, models=("large", "small"))) as running:
        yield running


def test_an_account_is_entered_used_and_removed(studio: Studio, ours: Tenant) -> None:
    body = {"name": "paris", "kind": "mistral", "region": "eu", "key": KEY, "no_training": True}
    made = studio.call("POST", "/api/v1/providers", ours.operator, json=body)
    assert made.status == 201 and KEY.encode() not in made.body
    assert made.json == {
        "name": "paris", "kind": "mistral", "title": "Mistral AI", "dialect": "mistral",
        "url": "https://api.eu.mistral.ai/v1", "region": "eu", "jurisdiction": "EU",
        "no_training": True, "source": "store", "problem": None, "deployments": [],
    }  # fmt: skip
    again = studio.call("POST", "/api/v1/providers", ours.operator, json=body)
    assert (again.status, again.error["param"]) == (409, "name")
    with studio.store.read() as c:
        (stored,) = providers.list_all(c)
    assert stored.sealed_key is not None and KEY.encode() not in stored.sealed_key
    assert not stored.by_command

    deployment = {"name": "grand", "provider": "paris", "upstream_model": "mistral-large-latest"}
    shown = studio.call("POST", "/api/v1/deployments", ours.operator, json=deployment).json
    assert (shown["provider"], shown["region"], shown["dialect"]) == ("paris", "eu", "mistral")
    assert (shown["origin"], shown["price"]["known"]) == ("https://api.eu.mistral.ai:443", False)
    (account,) = studio.call("GET", "/api/v1/providers", ours.operator).json["accounts"]
    assert account["deployments"] == ["grand"]
    held = studio.call("DELETE", "/api/v1/providers/paris", ours.operator)
    assert held.status == 409 and "grand" in held.error["message"]
    assert studio.call("DELETE", "/api/v1/deployments/grand", ours.operator).status == 204
    assert studio.call("DELETE", "/api/v1/providers/paris", ours.operator).status == 204
    assert studio.call("DELETE", "/api/v1/providers/paris", ours.operator).status == 404


def test_kinds_come_with_regions_and_sources(studio: Studio, ours: Tenant) -> None:
    kinds = {
        kind["name"]: kind
        for kind in studio.call("GET", "/api/v1/providers", ours.operator).json["kinds"]
    }
    assert {"mistral", "openai", "azure", "azure_openai", "anthropic", "google", "bedrock"} <= {
        *kinds
    }
    regions = {region["name"]: region["jurisdiction"] for region in kinds["bedrock"]["regions"]}
    assert regions["eu-west-3"] == "FR" and kinds["bedrock"]["needs_region"]
    assert all(kind["sources"] and kind["checked"] for kind in kinds.values() if kind["regions"])


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"kind": "mistral"}, 400, "invalid_request", "key"),
        ({"kind": "mistral", "key": "two words"}, 400, "invalid_request", "key"),
        ({"kind": "mistral", "region": "moon", "key": KEY}, 400, "region_not_offered", "region"),
        ({"kind": "nobody", "key": KEY}, 400, "unknown_provider_kind", "kind"),
        ({"kind": "bedrock", "key": KEY}, 400, "invalid_request", "region"),
        ({"kind": "azure_openai", "key": KEY}, 400, "invalid_request", "url"),
        ({"kind": "mistral", "key": KEY, "name": "No Name"}, 400, "invalid_request", "name"),
        (
            {"kind": "mistral", "key": KEY, "url": "https://api.mistral.ai.evil.example/v1"},
            403,
            "origin_not_allowed",
            "url",
        ),
        (
            {"kind": "compatible", "url": "http://169.254.169.254/v1"},
            400,
            "invalid_request",
            "url",
        ),
        ({"kind": "compatible", "url": "http://10.0.0.1/v1"}, 403, "origin_not_allowed", "url"),
        (
            {"kind": "mistral", "key": KEY, "jurisdiction": "eu"},
            400,
            "invalid_request",
            "jurisdiction",
        ),
    ],
)
def test_bad_input_says_what_is_wrong(
    studio: Studio, ours: Tenant, body: dict[str, str], status: int, code: str, param: str | None
) -> None:
    answer = studio.call("POST", "/api/v1/providers", ours.operator, json={"name": "wrong", **body})
    assert (answer.status, answer.error["code"]) == (status, code), answer.error
    assert param is None or answer.error["param"] == param
    assert KEY.encode() not in answer.body
    with studio.store.read() as c:
        assert providers.list_all(c) == []


def test_a_try_asks_for_real(studio: Studio, ours: Tenant, standin: RunningStandin) -> None:
    url = f"http://127.0.0.1:{standin.port}/v1"
    for name, key, problem in (("good", KEY, None), ("bad", "sk-wrong-canary", "key_refused")):
        body = {"name": name, "kind": "compatible", "url": url, "key": key}
        assert studio.call("POST", "/api/v1/providers", ours.operator, json=body).status == 201
        path = f"/api/v1/providers/{name}/test"
        asked = {"upstream_model": "small"}
        tried = studio.call("POST", path, ours.operator, json=asked).json
        assert (tried["ok"], tried["problem"]) == (problem is None, problem)
        assert "canary" not in str(tried)
        if problem is None:
            assert set(tried["models"]) == {"large", "small"} and tried["first_token_ms"] >= 1
        assert studio.call("DELETE", f"/api/v1/providers/{name}", ours.operator).status == 204
    assert studio.call("POST", path, ours.operator, json={}).status == 404


def test_a_policy_is_set_shown_and_kept_by_whoever_may(
    studio: Studio, ours: Tenant, theirs: Tenant
) -> None:
    path = f"/api/v1/projects/{ours.project.name}/policy"
    policy = {"jurisdictions": ["EU"], "no_training": True, "max_output_per_mtok": "10"}
    assert studio.call("PUT", path, ours.read, json=policy).status == 403
    found = studio.call("PUT", path, ours.operator, json=policy)
    assert found.status == 200 and found.json["jurisdictions"] == ["EU"]
    assert studio.call("GET", path, ours.read).json == found.json
    assert studio.call("GET", path, theirs.read).status == 404
    key_path = f"/api/v1/keys/{ours.key.id}/policy"
    assert studio.call("PUT", key_path, ours.operator, json={"local_only": True}).status == 200
    assert studio.call("GET", key_path, ours.read).json["local_only"] is True
    assert studio.call("GET", key_path, theirs.read).status == 404
    wrong = studio.call("PUT", path, ours.operator, json={"jurisdictions": ["Europe"]})
    assert (wrong.status, wrong.error["param"]) == (400, "jurisdictions")
    for one in (path, key_path):
        cleared = studio.call("PUT", one, ours.operator, json={})
        assert cleared.json["local_only"] is False


def test_members_are_offered_what_their_project_may_use(studio: Studio, ours: Tenant) -> None:
    ada = person(studio, "ada", ours.project)

    def offered() -> set[str]:
        listed = ada.call("GET", f"/api/v1/assistant/models?project_id={ours.project.id}").json
        return {model["name"] for model in listed["data"]} & {"grand", "giant", "unpriced"}

    prices = {"input_per_mtok": "0.5", "output_per_mtok": "1.5"}
    for name, kind, price in (
        ("grand", {"kind": "mistral", "region": "eu"}, prices),
        ("giant", {"kind": "openai"}, prices),
        ("unpriced", {"kind": "anthropic"}, None),
    ):
        account = {"name": f"of-{name}", "key": KEY, **kind}
        model = {"name": name, "provider": f"of-{name}", "price": price}
        for path, body in (("providers", account), ("deployments", model)):
            made = studio.call("POST", f"/api/v1/{path}", ours.operator, json=body)
            assert made.status == 201, made.error
    assert offered() == {"grand", "giant"}  # the project has a budget
    path = f"/api/v1/projects/{ours.project.id}/policy"
    assert studio.call("PUT", path, ours.operator, json={"jurisdictions": ["EU"]}).status == 200
    assert offered() == {"grand"}
    studio.call("PUT", path, ours.operator, json={})
    for name in ("grand", "giant", "unpriced"):
        studio.call("DELETE", f"/api/v1/deployments/{name}", ours.operator)
        studio.call("DELETE", f"/api/v1/providers/of-{name}", ours.operator)
