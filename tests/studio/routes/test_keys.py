"""Keys: issued once, listed without secrets, revoked; never wider than the key that issues."""

from tests.studio.conftest import DAY_MS, Studio, Tenant
from tramontane.store import keys

BAD_INPUT = [
    ({"name": "new"}, "project_id"),
    ({"project_id": "ours"}, "name"),
    ({"project_id": "ours", "name": "a b"}, "name"),
    ({"project_id": "ours", "name": "new", "rights": ["all"]}, "rights[0]"),
    ({"project_id": "ours", "name": "new", "rights": []}, "rights"),
    ({"project_id": "ours", "name": "new", "digest": "00"}, "digest"),
    ({"project_id": "ours", "name": "new", "expires_at": "tomorrow"}, "expires_at"),
    ({"project_id": "ours", "name": "new", "expires_at": "2001-01-01"}, "expires_at"),
    ({"project_id": "ours", "name": "new", "expires_at": 5}, "expires_at"),
    ({"project_id": "ours", "name": "new", "requests_per_minute": 0}, "requests_per_minute"),
]


CREATED = "2023-11-14T22:13:20Z"


def test_a_reader_sees_its_projects_keys(studio: Studio, ours: Tenant, theirs: Tenant) -> None:
    answer = studio.call("GET", "/api/v1/keys", ours.read)
    names = {key["name"] for key in answer.json["data"]}
    assert names == {"ours-read", "ours-infer", "ours-operator"}
    for secret in (ours.read, ours.infer, ours.operator):
        assert secret not in answer.body.decode()
    assert "digest" not in answer.body.decode()


def test_an_operator_sees_all_or_one_projects(studio: Studio, ours: Tenant, theirs: Tenant) -> None:
    assert len(studio.call("GET", "/api/v1/keys", ours.operator).json["data"]) == 6
    for reference in ("theirs", theirs.project.id):
        path = f"/api/v1/keys?project_id={reference}"
        assert len(studio.call("GET", path, ours.operator).json["data"]) == 3


def test_a_new_key_works_and_its_secret_is_shown_once(studio: Studio, ours: Tenant) -> None:
    body = {"project_id": "ours", "name": "new", "rights": ["read"], "expires_at": "2023-11-20"}
    answer = studio.call("POST", "/api/v1/keys", ours.operator, json=body)
    assert answer.status == 201
    issued = answer.json
    assert issued["key"] == {
        "id": issued["key"]["id"],
        "project_id": ours.project.id,
        "member_id": None,
        "name": "new",
        "prefix": issued["secret"][:12],
        "state": "active",
        "rights": ["read"],
        "allowed_models": None,
        "requests_per_minute": None,
        "tokens_per_minute": None,
        "expires_at": "2023-11-20T00:00:00Z",
        "revoked_at": None,
        "created_at": CREATED,
    }
    assert studio.call("GET", "/api/v1/budgets", issued["secret"]).status == 200
    assert issued["secret"] not in studio.call("GET", "/api/v1/keys", ours.read).body.decode()
    studio.now_ms += 7 * DAY_MS
    assert studio.call("GET", "/api/v1/budgets", issued["secret"]).status == 401
    shown = studio.call("GET", "/api/v1/keys", ours.operator).json["data"]
    assert [key["state"] for key in shown if key["name"] == "new"] == ["expired"]


def test_revoking_is_final_and_may_be_repeated(studio: Studio, ours: Tenant) -> None:
    path = f"/api/v1/keys/{ours.key.id}"
    first = studio.call("DELETE", path, ours.operator)
    assert first.status == 200
    assert first.json["state"] == "revoked"
    assert first.json["revoked_at"] == CREATED
    studio.now_ms += 60_000
    assert studio.call("DELETE", path, ours.operator).json == first.json
    assert studio.call("GET", "/api/v1/status", ours.read).status == 401
    assert studio.call("DELETE", "/api/v1/keys/key_nothing", ours.operator).status == 404


def test_bad_input_names_its_field(studio: Studio, ours: Tenant) -> None:
    for body, param in BAD_INPUT:
        answer = studio.call("POST", "/api/v1/keys", ours.operator, json=body)
        assert answer.status == 400, body
        assert answer.error["param"] == param


def test_a_new_key_is_never_wider_than_its_issuer(studio: Studio, ours: Tenant) -> None:
    with studio.store.write() as c:
        _, narrow = keys.create(
            c,
            studio.pepper,
            project_id=ours.project.id,
            name="narrow",
            rights=("read", "operate"),
            allowed_models=("demo",),
            requests_per_minute=10,
            expires_at_ms=studio.now_ms + DAY_MS,
            now_ms=studio.now_ms,
        )
    fits = {
        "project_id": "ours",
        "name": "new",
        "rights": ["read"],
        "allowed_models": ["demo"],
        "requests_per_minute": 10,
        "expires_at": "2023-11-15",
    }
    for change, param in (
        ({"rights": ["infer"]}, "rights"),
        ({"allowed_models": None}, "allowed_models"),
        ({"allowed_models": ["demo", "large"]}, "allowed_models"),
        ({"requests_per_minute": None}, "requests_per_minute"),
        ({"requests_per_minute": 11}, "requests_per_minute"),
        ({"expires_at": None}, "expires_at"),
        ({"expires_at": "2023-12-15"}, "expires_at"),
    ):
        answer = studio.call("POST", "/api/v1/keys", narrow, json=fits | change)
        assert (answer.status, answer.error["param"]) == (403, param), change
    assert studio.call("POST", "/api/v1/keys", narrow, json=fits).status == 201
