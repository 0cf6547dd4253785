"""Keys: issued once, listed without secrets, revoked; never wider than the key that issues."""

from tests.studio.conftest import DAY_MS, Answer, Studio, Tenant
from tests.studio.people import Person, person
from tramontane.governance import policies
from tramontane.store import keys, memberships, projects

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


def issue(person: Person, **changes: object) -> Answer:
    """Return the answer to a member who wants a key of the project `ours`."""
    return person.call("POST", "/api/v1/keys", json={"project_id": "ours", "name": "k", **changes})


def test_a_manager_looks_after_the_projects_keys(
    studio: Studio, ours: Tenant, theirs: Tenant
) -> None:
    boss = person(studio, "boss", ours.project, role="manager")
    made = issue(boss, name="website", requests_per_minute=5)
    assert made.status == 201
    key, secret = made.json["key"], made.json["secret"]
    assert (key["rights"], key["member_id"]) == (["infer", "read"], None)
    assert studio.call("GET", "/api/v1/status", secret).json["key"]["project"] == "ours"
    assert studio.call("POST", "/api/v1/keys", secret, json={}).error["code"] == "right_missing"

    path = f"/api/v1/keys/{key['id']}"
    changes = {"name": "shop", "requests_per_minute": None, "expires_at": "2023-12-01"}
    changed = boss.call("PATCH", path, json={**changes, "allowed_models": ["large"]})
    assert changed.status == 200
    assert changed.json == key | {
        "name": "shop",
        "requests_per_minute": None,
        "allowed_models": ["large"],
        "expires_at": "2023-12-01T00:00:00Z",
    }
    assert boss.call("PATCH", path, json={"name": "ours-read"}).status == 409
    assert boss.call("PATCH", path, json={"rights": ["operate"]}).error["param"] == "rights"
    shown = {k["name"]: k for k in boss.call("GET", "/api/v1/keys").json["data"]}
    assert shown["shop"] == changed.json and "theirs-read" not in shown
    assert boss.call("DELETE", path).json["state"] == "revoked"
    assert studio.call("GET", "/api/v1/status", secret).status == 401
    assert boss.call("PATCH", path, json={"name": "again"}).status == 409
    assert boss.call("DELETE", f"/api/v1/keys/{ours.key.id}").status == 200


def test_a_managers_key_may_do_no_more_than_the_manager(
    studio: Studio, ours: Tenant, theirs: Tenant
) -> None:
    boss = person(studio, "boss", ours.project, theirs.project, role="manager")
    narrow = policies.write(policies.Policy(local_only=True))
    with studio.store.write() as c:
        projects.update(c, ours.project.id, allowed_models=["small", "large"])
        place = memberships.get(c, boss.member.id, ours.project.id)
        keys.set_policy(c, place.key_id, narrow)
    for changes, status, param in (
        ({"rights": ["infer", "operate"]}, 403, "rights"),
        ({"rights": ["operate"]}, 403, "rights"),
        ({"allowed_models": ["other"]}, 400, "allowed_models"),
        ({"project_id": "elsewhere"}, 404, "project_id"),
    ):
        answer = issue(boss, **changes)
        assert (answer.status, answer.error["param"]) == (status, param), changes
    made = issue(boss).json["key"]
    with studio.store.read() as c:
        key = keys.get(c, made["id"])
        assert key.policy == narrow  # that of the manager's own place goes with it
        assert keys.usable_models(key, projects.get(c, "ours")) == ("large", "small")
    more = boss.call("PATCH", f"/api/v1/keys/{key.id}", json={"allowed_models": ["other"]})
    assert more.error["param"] == "allowed_models"


def test_what_a_manager_may_not_touch(studio: Studio, ours: Tenant, theirs: Tenant) -> None:
    boss = person(studio, "boss", ours.project, role="manager")
    ada = person(studio, "ada", ours.project)
    with studio.store.read() as c:
        operating = keys.get(c, "ours-operator", ours.project.id)
        place = memberships.get(c, ada.member.id, ours.project.id)
    for who, key_id, status in (
        (boss, operating.id, 403),
        (boss, place.key_id, 409),
        (boss, theirs.key.id, 404),
        (boss, "key_nothing", 404),
        (ada, ours.key.id, 403),
        (ada, theirs.key.id, 404),
    ):
        path = f"/api/v1/keys/{key_id}"
        assert who.call("PATCH", path, json={"name": "mine"}).status == status
        assert who.call("DELETE", path).status == status
    assert issue(ada).error["code"] == "managers_only"
    assert issue(boss, project_id="theirs").status == 404
    assert studio.call("PATCH", f"/api/v1/keys/{ours.key.id}", ours.read, json={}).status == 403
    root = person(studio, "root", is_admin=True)
    assert issue(root, name="more", rights=["operate"]).status == 201
    assert root.call("DELETE", f"/api/v1/keys/{operating.id}").status == 200


def test_an_operator_renames_and_limits_a_key(studio: Studio, ours: Tenant) -> None:
    path = f"/api/v1/keys/{ours.key.id}"
    said = {"name": "new", "tokens_per_minute": 7}
    assert studio.call("PATCH", path, ours.operator, json=said).json["tokens_per_minute"] == 7
    for body, param in (
        ({"expires_at": "2001-01-01"}, "expires_at"),
        ({"requests_per_minute": 0}, "requests_per_minute"),
        ({"name": "a b"}, "name"),
        ({"digest": "00"}, "digest"),
    ):
        answer = studio.call("PATCH", path, ours.operator, json=body)
        assert (answer.status, answer.error["param"]) == (400, param)
