"""Projects: listed, made, changed, closed and opened again."""

from tests.studio.conftest import Studio, Tenant

BAD_INPUT = [
    ({}, "name"),
    ({"name": 3}, "name"),
    ({"name": ""}, "name"),
    ({"name": "Not Allowed"}, "name"),
    ({"name": "x" * 65}, "name"),
    ({"name": "new", "id": "prj_mine"}, "id"),
    ({"name": "new", "closed_reason": "x"}, "closed_reason"),
    ({"name": "new", "tokens_per_minute": 0}, "tokens_per_minute"),
    ({"name": "new", "tokens_per_minute": -1}, "tokens_per_minute"),
    ({"name": "new", "tokens_per_minute": 1.5}, "tokens_per_minute"),
    ({"name": "new", "tokens_per_minute": None}, "tokens_per_minute"),
    ({"name": "new", "requests_per_minute": 10**30}, "requests_per_minute"),
    ({"name": "new", "allowed_models": "large"}, "allowed_models"),
    ({"name": "new", "allowed_models": [1]}, "allowed_models[0]"),
    ({"name": "new", "allowed_models": ["a b"]}, "allowed_models"),
]


def test_a_reader_sees_its_own(studio: Studio, ours: Tenant, theirs: Tenant) -> None:
    shown = studio.call("GET", "/api/v1/projects", ours.read).json["data"]
    assert shown == [
        {
            "id": ours.project.id,
            "name": "ours",
            "requests_per_minute": 1000,
            "tokens_per_minute": 400_000,
            "allowed_models": None,
            "closed_reason": None,
            "created_at": "2023-11-14T22:13:20Z",
        }
    ]
    for name in ("ours", ours.project.id):
        answer = studio.call("GET", f"/api/v1/projects/{name}", ours.read)
        assert answer.status == 200
        assert answer.json == shown[0]


def test_an_operator_makes_and_changes(studio: Studio, ours: Tenant) -> None:
    made = studio.call(
        "POST",
        "/api/v1/projects",
        ours.operator,
        json={"name": "new", "tokens_per_minute": 5, "allowed_models": ["large", "demo"]},
    )
    assert made.status == 201
    project = made.json
    assert project["tokens_per_minute"] == 5
    assert project["requests_per_minute"] == 1000
    assert project["allowed_models"] == ["demo", "large"]
    path = f"/api/v1/projects/{project['id']}"
    changed = studio.call("PATCH", path, ours.operator, json={"allowed_models": None}).json
    assert changed == project | {"allowed_models": None}
    closed = studio.call("PATCH", path, ours.operator, json={"closed_reason": "unpaid"}).json
    assert closed["closed_reason"] == "unpaid"
    kept = studio.call("PATCH", path, ours.operator, json={"requests_per_minute": 7}).json
    assert kept["closed_reason"] == "unpaid"
    opened = studio.call("PATCH", path, ours.operator, json={"closed_reason": None}).json
    assert opened["closed_reason"] is None
    assert opened["requests_per_minute"] == 7
    assert studio.call("GET", path, ours.operator).json == opened


def test_a_change_raises_the_revision(studio: Studio, ours: Tenant) -> None:
    before = studio.store.revision()
    studio.call("PATCH", "/api/v1/projects/ours", ours.operator, json={"closed_reason": "x"})
    assert studio.store.revision() > before


def test_bad_input_names_its_field(studio: Studio, ours: Tenant) -> None:
    for body, param in BAD_INPUT:
        answer = studio.call("POST", "/api/v1/projects", ours.operator, json=body)
        assert answer.status == 400, body
        assert answer.error["param"] == param
        assert answer.error["type"] == "invalid_request_error"


def test_a_name_is_given_once(studio: Studio, ours: Tenant) -> None:
    answer = studio.call("POST", "/api/v1/projects", ours.operator, json={"name": "ours"})
    assert answer.status == 409
    assert answer.error["code"] == "conflict"
    assert answer.error["param"] == "name"


def test_an_operator_is_told_of_the_nearest(studio: Studio, ours: Tenant) -> None:
    answer = studio.call("GET", "/api/v1/projects/our", ours.operator)
    assert answer.status == 404
    assert "did you mean ours" in answer.error["message"]
