"""Routes entered in the page: what is taken, what is shown, what they change."""

from typing import Any

from tests.studio.conftest import Studio, Tenant

BEST = {
    "deployments": [
        {"deployment": "large", "weight": 95},
        {"deployment": "small", "weight": 5, "when": {"has_images": False}},
    ],
    "retries": 2,
}


def put(studio: Studio, ours: Tenant, name: str, body: dict[str, Any]) -> Any:
    return studio.call("PUT", f"/api/v1/routes/{name}", ours.operator, json=body)


def test_one_is_entered_replaced_and_removed(studio: Studio, ours: Tenant) -> None:
    made = put(studio, ours, "best", BEST)
    assert made.status == 200
    assert made.json["source"] == "store" and made.json["retries"] == 2
    assert made.json["deployments"][1]["when"]["has_images"] is False
    shown = studio.call("GET", "/api/v1/deployments", ours.operator).json["data"]
    names = {deployment["name"]: deployment["models"] for deployment in shown}
    assert "best" in names["large"] and "best" in names["small"]
    replaced = put(studio, ours, "best", {"deployments": [{"deployment": "small"}]})
    listed = studio.call("GET", "/api/v1/routes", ours.operator).json["data"]
    assert listed == [replaced.json]
    gone = studio.call("DELETE", "/api/v1/routes/best", ours.operator)
    assert gone.status == 204
    assert studio.call("GET", "/api/v1/routes", ours.operator).json == {"data": []}
    assert studio.call("DELETE", "/api/v1/routes/best", ours.operator).status == 404


def test_mistakes_name_what_is_wrong(studio: Studio, ours: Tenant) -> None:
    for body, status, said in (
        ({"deployments": []}, 400, "at least one"),
        ({"deployments": [{"deployment": "larg"}]}, 404, "large"),
        ({"deployments": [{"deployment": "large"}], "fallbacks": ["nobody"]}, 404, "nobody"),
        ({"deployments": [{"deployment": "large"}], "fallbacks": ["best"]}, 404, "best"),
        ({"deployments": [{"deployment": "large", "weight": -1}]}, 400, "weight"),
        ({"deployments": [{"deployment": "large"}], "deadline_s": 0}, 400, "deadline_s"),
        ({"deployments": [{"deployment": "large"}], "retries": 10**30}, 400, "retries"),
        (
            {"deployments": [{"deployment": "large", "when": {"min_prompt_tokens": 10**30}}]},
            400,
            "min_prompt_tokens",
        ),
        (
            {"deployments": [{"deployment": "large", "when": {"max_prompt_tokens": -1}}]},
            400,
            "max_prompt_tokens",
        ),
        ({"deployments": [{"deployment": "large"}], "order": 1}, 400, "order"),
    ):
        refused = put(studio, ours, "best", body)
        assert refused.status == status, (body, refused.body)
        assert said in refused.body.decode(), (body, refused.body)


def test_only_operators_see_or_change_them(studio: Studio, ours: Tenant) -> None:
    for method in ("GET", "PUT", "DELETE"):
        path = "/api/v1/routes" if method == "GET" else "/api/v1/routes/best"
        body = BEST if method == "PUT" else None
        assert studio.call(method, path, ours.read, json=body).status == 403


def test_what_stands_for_nothing_any_more_is_said(studio: Studio, ours: Tenant) -> None:
    far = {"name": "far", "url": "https://api.mistral.ai/v1"}
    assert studio.call("POST", "/api/v1/deployments", ours.operator, json=far).status == 201
    body = {"deployments": [{"deployment": "far"}, {"deployment": "large"}], "fallbacks": ["small"]}
    assert put(studio, ours, "best", body).json["missing"] == []
    taken = studio.call("POST", "/api/v1/deployments", ours.operator, json={**far, "name": "best"})
    assert taken.status == 409
    assert studio.call("DELETE", "/api/v1/deployments/far", ours.operator).status == 204
    (route,) = studio.call("GET", "/api/v1/routes", ours.operator).json["data"]
    assert route["missing"] == ["far"]
