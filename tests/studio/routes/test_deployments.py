"""Models served elsewhere, entered in the page: what is taken, what is shown, what is kept."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.processes import RunningStandin, run_standin
from tests.studio.conftest import Studio, Tenant
from tramontane.providers.standin import StandinOptions
from tramontane.store import deployments

KEY = "sk-canary-0123456789abcdef"
URL = "https://api.mistral.ai/v1"


@pytest.fixture(scope="module")
def standin() -> Iterator[RunningStandin]:
    """Yield a provider that wants a key."""
    with run_standin(StandinOptions(api_key=KEY, models=("large", "small"))) as running:
        yield running


def entered(**changes: Any) -> dict[str, Any]:
    return {"name": "far", "url": URL, **changes}


def test_one_is_entered_shown_and_removed(studio: Studio, ours: Tenant) -> None:
    body = entered(
        url=f" {URL}/ ",
        upstream_model="mistral-small-latest",
        key=KEY,
        price={"input_per_mtok": "0.10", "output_per_mtok": "0.30"},
        context_tokens=128_000,
        languages=["fr", "de", "fr"],
        open_weights=True,
    )
    made = studio.call("POST", "/api/v1/deployments", ours.operator, json=body)
    assert made.status == 201
    assert KEY.encode() not in made.body
    shown = made.json
    assert (shown["name"], shown["models"], shown["engine"]) == ("far", ["far"], "remote")
    assert (shown["source"], shown["state"]) == ("store", "unprobed")
    assert (shown["origin"], shown["upstream_model"]) == (
        "https://api.mistral.ai:443", "mistral-small-latest",
    )  # fmt: skip
    assert (shown["languages"], shown["open_weights"]) == (["fr", "de"], True)
    assert shown["price"]["output_per_mtok"] == "0.30"
    listed = studio.call("GET", "/api/v1/deployments", ours.operator)
    assert shown in listed.json["data"] and KEY.encode() not in listed.body
    with studio.store.read() as c:
        (stored,) = deployments.list_all(c)
    assert stored.sealed_key is not None and KEY.encode() not in stored.sealed_key
    assert b'"stream_usage":"always"' in stored.settings  # how this provider differs
    removed = studio.call("DELETE", "/api/v1/deployments/far", ours.operator)
    assert removed.status == 204
    with studio.store.read() as c:
        assert deployments.list_all(c) == []


def test_what_is_not_said_is_unknown(studio: Studio, ours: Tenant) -> None:
    made = studio.call("POST", "/api/v1/deployments", ours.operator, json=entered())
    shown = made.json
    assert (shown["languages"], shown["open_weights"], shown["context_tokens"]) == (None,) * 3
    assert shown["price"]["input_per_mtok"] == "0.00"
    with studio.store.read() as c:
        assert deployments.list_all(c)[0].sealed_key is None


@pytest.mark.parametrize(
    ("changes", "status", "param"),
    [
        ({"url": "https://evil.example/v1"}, 403, "url"),
        ({"url": "http://169.254.169.254/v1"}, 400, "url"),
        ({"url": "http://10.0.0.1/v1"}, 403, "url"),
        ({"url": ""}, 400, "url"),
        ({"url": "https://api.mistral.ai/" + "x" * 3000}, 400, "url"),
        ({"name": "No Name"}, 400, "name"),
        ({"name": "key_x"}, 400, "name"),
        ({"key": KEY + " x"}, 400, "key"),
        ({"key": KEY + "é"}, 400, "key"),
        ({"key": KEY * 1000}, 400, "key"),
        ({"price": {"input_per_mtok": "cheap"}}, 400, "price"),
        ({"price": {"input_per_mtok": "-1"}}, 400, "price"),
        ({"price": {"currency": "XXX"}}, 400, "price"),
        ({"context_tokens": 0}, 400, "context_tokens"),
        ({"languages": ["French"]}, 400, "languages"),
        ({"upstream_model": "a\nb"}, 400, "upstream_model"),
        ({"key_env": "PATH"}, 400, "key_env"),
        ({"key_file": "/etc/passwd"}, 400, "key_file"),
        ({"ca_file": "/etc/passwd"}, 400, "ca_file"),
        ({"name": "large"}, 409, "name"),
        ({"name": "small"}, 409, "name"),
        ({"name": "demo"}, 409, "name"),
        ({"name": "guide"}, 409, "name"),
    ],
)
def test_what_cannot_be_is_refused_without_a_word_of_the_key(
    studio: Studio, ours: Tenant, changes: dict[str, Any], status: int, param: str
) -> None:
    body = {"key": KEY, **entered(**changes)}
    answer = studio.call("POST", "/api/v1/deployments", ours.operator, json=body)
    assert (answer.status, answer.error["param"]) == (status, param)
    assert KEY.encode() not in answer.body
    with studio.store.read() as c:
        assert deployments.list_all(c) == []


def test_a_name_is_taken_once(studio: Studio, ours: Tenant) -> None:
    for status in (201, 409):
        answer = studio.call("POST", "/api/v1/deployments", ours.operator, json=entered())
        assert answer.status == status


def test_what_the_file_says_is_removed_there(studio: Studio, ours: Tenant) -> None:
    for name, status in (("large", 409), ("demo", 409), ("nothing", 404)):
        assert studio.call("DELETE", f"/api/v1/deployments/{name}", ours.operator).status == status


def test_only_operators_may(studio: Studio, ours: Tenant) -> None:
    for method, path, body in (
        ("GET", "/api/v1/providers", None),
        ("POST", "/api/v1/deployments", entered(key=KEY)),
        ("POST", "/api/v1/deployments/test", {"url": URL, "key": KEY}),
        ("DELETE", "/api/v1/deployments/large", None),
    ):
        answer = studio.call(method, path, ours.read, json=body)
        assert (answer.status, answer.error["code"]) == (403, "right_missing")


def test_providers_are_listed(studio: Studio, ours: Tenant) -> None:
    listed = studio.call("GET", "/api/v1/providers", ours.operator).json
    assert listed["allows_loopback"] is True
    mistral = {"name": "mistral", "title": "Mistral AI", "url": URL, "needs_key": True}
    assert mistral in listed["data"]


def trial(studio: Studio, ours: Tenant, body: dict[str, Any]) -> Any:
    answer = studio.call("POST", "/api/v1/deployments/test", ours.operator, json=body)
    assert answer.status == 200, answer.body
    assert KEY.encode() not in answer.body
    return answer.json


def test_an_address_and_a_key_are_tried(
    studio: Studio, ours: Tenant, standin: RunningStandin
) -> None:
    found = trial(studio, ours, {"url": standin.url, "key": KEY})
    assert (found["ok"], found["problem"], found["models"]) == (True, None, ["large", "small"])
    assert found["first_token_ms"] is None
    found = trial(studio, ours, {"url": standin.url, "key": KEY, "upstream_model": "large"})
    assert found["ok"] and found["first_token_ms"] >= 1
    found = trial(studio, ours, {"url": standin.url, "key": "sk-wrong"})
    assert (found["ok"], found["problem"]) == (False, "key_refused")
    found = trial(studio, ours, {"url": "http://127.0.0.1:9/v1", "key": KEY})
    assert (found["ok"], found["problem"]) == (False, "unreachable")


@pytest.mark.parametrize("url", ["http://10.0.0.1/v1", "https://evil.example/v1", "http://[::]/"])
def test_nobody_is_asked_who_may_not_be_entered(studio: Studio, ours: Tenant, url: str) -> None:
    body = {"url": url, "key": KEY}
    answer = studio.call("POST", "/api/v1/deployments/test", ours.operator, json=body)
    assert (answer.status, answer.error["code"]) == (403, "origin_not_allowed")
