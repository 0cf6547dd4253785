"""Who looks after whom: administrators after all, managers after their projects, nobody beyond."""

import pytest

from tests.studio.conftest import Studio, Tenant
from tests.studio.people import Person, person
from tests.studio.routes.test_links import accept, check
from tramontane.store import keys, members, memberships


@pytest.fixture
def root(studio: Studio) -> Person:
    """An administrator."""
    return person(studio, "root", is_admin=True)


@pytest.fixture
def boss(studio: Studio, ours: Tenant) -> Person:
    """A manager of `ours`."""
    return person(studio, "boss", ours.project, role="manager")


def names(person: Person, query: str = "") -> list[str]:
    """Return the names of the members that somebody sees."""
    return [m["name"] for m in person.call("GET", f"/api/v1/members{query}").json["data"]]


def test_everybody_sees_whom_they_look_after(
    studio: Studio, ours: Tenant, theirs: Tenant, root: Person, boss: Person
) -> None:
    ada = person(studio, "ada", ours.project, theirs.project)
    person(studio, "eve", theirs.project, role="manager")
    assert names(root) == ["Ada", "Boss", "Eve", "Root"]
    assert names(root, "?project_id=theirs") == ["Ada", "Eve"]
    assert names(boss) == names(boss, "?project_id=ours") == ["Ada", "Boss"]
    (seen, _) = boss.call("GET", "/api/v1/members").json["data"]
    assert [place["name"] for place in seen["projects"]] == ["ours"]
    assert seen["last_seen_at"] and "preferences" not in seen
    assert boss.call("GET", "/api/v1/members?project_id=theirs").status == 404
    for query in ("", "?project_id=ours"):
        refused = ada.call("GET", f"/api/v1/members{query}")
        assert (refused.status, refused.error["code"]) == (403, "managers_only")
    operator = studio.call("GET", "/api/v1/members", ours.operator)
    assert len(operator.json["data"]) == 4
    assert studio.call("GET", "/api/v1/members", ours.read).status == 403


def test_an_administrator_changes_disables_and_enables(
    studio: Studio, ours: Tenant, root: Person
) -> None:
    ada = person(studio, "ada", ours.project)
    path = f"/api/v1/members/{ada.member.id}"
    changed = root.call("PATCH", path, json={"name": "Ada L.", "is_admin": True}).json
    assert (changed["name"], changed["is_admin"]) == ("Ada L.", True)
    assert ada.call("GET", "/api/v1/me").json["is_admin"], "it holds at once"
    root.call("PATCH", path, json={"is_admin": False})
    assert root.call("PATCH", path, json={"disabled": True}).json["disabled_at"] is not None
    assert ada.call("GET", "/api/v1/me").status == 401
    with studio.store.read() as c:
        (key,) = [k for k in keys.list_all(c) if k.member_id == ada.member.id]
    assert key.revoked_at_ms is not None
    back = root.call("PATCH", path, json={"disabled": False}).json
    assert back["disabled_at"] is None
    assert back["projects"][0]["key_id"] != key.id
    assert ada.call("GET", "/api/v1/me").status == 401, "old sessions do not come back"


def test_the_last_administrator_stays(studio: Studio, root: Person) -> None:
    path = f"/api/v1/members/{root.member.id}"
    for change in ({"is_admin": False}, {"disabled": True}):
        refused = root.call("PATCH", path, json=change)
        assert (refused.status, refused.error["code"]) == (409, "last_admin")
    second = person(studio, "second", is_admin=True)
    assert root.call("PATCH", path, json={"is_admin": False}).status == 200
    assert root.call("PATCH", path, json={"is_admin": True}).status == 403
    assert second.call("GET", "/api/v1/members").status == 200


def test_a_reset_is_a_link_for_administrators_to_hand_on(
    studio: Studio, ours: Tenant, root: Person, boss: Person
) -> None:
    ada = person(studio, "ada", ours.project)
    path = f"/api/v1/members/{ada.member.id}/reset"
    for other in (boss, ada):
        refused = other.call("POST", path)
        assert (refused.status, refused.error["code"]) == (403, "right_missing")
    made = root.call("POST", path).json
    origin, _, token = made["url"].partition("/#/welcome/")
    assert origin == "http://127.0.0.1:8080"
    assert check(studio, token).json["email"] == "ada@example.org"
    assert accept(studio, token).status == 200
    root.call("PATCH", f"/api/v1/members/{ada.member.id}", json={"disabled": True})
    assert root.call("POST", path).status == 409


def test_managers_say_who_belongs_to_their_projects(
    studio: Studio, ours: Tenant, theirs: Tenant, root: Person, boss: Person
) -> None:
    second = studio.tenant("second")
    with studio.store.write() as c:
        memberships.put(
            c,
            member=boss.member,
            project_id=second.project.id,
            role="manager",
            now_ms=studio.now_ms,
        )
    ada = person(studio, "ada", ours.project)
    eve = person(studio, "eve", theirs.project)
    path = f"/api/v1/projects/{{}}/members/{ada.member.id}"
    put = boss.call("PUT", path.format("second"), json={"role": "manager"})
    assert put.status == 200 and put.json["role"] == "manager"
    down = boss.call("PUT", path.format(second.project.id), json={"role": "member"})
    assert down.json == {**put.json, "role": "member"}, "the key stays"
    assert boss.call("PUT", path.format("theirs"), json={"role": "member"}).status == 404
    stranger = f"/api/v1/projects/ours/members/{eve.member.id}"
    nobody = "/api/v1/projects/ours/members/mem_nobody"
    for target in (stranger, nobody):
        for method in ("PUT", "DELETE"):
            answer = boss.call(method, target, json={"role": "member"})
            assert answer.status == 404, (method, target)
    refused = ada.call("PUT", path.format("ours"), json={"role": "manager"})
    assert (refused.status, refused.error["code"]) == (403, "managers_only")
    assert root.call("PUT", stranger, json={"role": "member"}).status == 200
    assert boss.call("DELETE", path.format("second")).status == 204
    assert boss.call("DELETE", path.format("second")).status == 404
    with studio.store.read() as c:
        of_second = [k for k in keys.list_all(c, (second.project.id,)) if k.member_id]
    ended = {k.member_id: k.revoked_at_ms is not None for k in of_second}
    assert ended == {boss.member.id: False, ada.member.id: True}


def test_a_place_that_ends_ends_its_key(studio: Studio, ours: Tenant, boss: Person) -> None:
    ada = person(studio, "ada", ours.project)
    path = f"/api/v1/projects/ours/members/{ada.member.id}"
    assert boss.call("DELETE", path).status == 204
    with studio.store.read() as c:
        (key,) = [k for k in keys.list_all(c) if k.member_id == ada.member.id]
    assert key.revoked_at_ms == studio.now_ms
    assert ada.call("GET", "/api/v1/projects").json["data"] == []
    assert ada.call("GET", "/api/v1/projects/ours").status == 404


def test_whoever_is_disabled_gets_no_place(studio: Studio, ours: Tenant, root: Person) -> None:
    ada = person(studio, "ada")
    with studio.store.write() as c:
        members.disable(c, ada.member.id, studio.now_ms)
    path = f"/api/v1/projects/ours/members/{ada.member.id}"
    refused = root.call("PUT", path, json={"role": "member"})
    assert refused.status == 409
    with studio.store.read() as c:
        assert not [k for k in keys.list_all(c) if k.member_id == ada.member.id]


def test_invitations_are_made_listed_and_taken_back(
    studio: Studio, ours: Tenant, theirs: Tenant, root: Person, boss: Person
) -> None:
    made = boss.call(
        "POST", "/api/v1/invitations", json={"project_id": "ours", "email": "Bob@Example.org"}
    )
    assert made.status == 201, made.body
    invited = made.json
    url = invited.pop("url")
    assert (invited["email"], invited["role"], invited["is_admin"]) == (
        "bob@example.org",
        "member",
        False,
    )
    assert (invited["created_by"], invited["project_name"]) == ("Boss", "ours")
    assert boss.call("GET", "/api/v1/invitations").json == {"data": [invited]}
    elsewhere = root.call("POST", "/api/v1/invitations", json={"project_id": "theirs"})
    assert len(root.call("GET", "/api/v1/invitations").json["data"]) == 2
    assert boss.call("GET", "/api/v1/invitations").json == {"data": [invited]}
    listed = root.call("GET", "/api/v1/invitations?project_id=theirs").json["data"]
    assert [link["id"] for link in listed] == [elsewhere.json["id"]]
    token = url.partition("/#/welcome/")[2]
    assert token not in str(listed)
    assert boss.call("DELETE", f"/api/v1/invitations/{elsewhere.json['id']}").status == 404
    assert check(studio, token).status == 200
    assert boss.call("DELETE", f"/api/v1/invitations/{invited['id']}").status == 204
    assert check(studio, token).status == 404
    assert boss.call("GET", "/api/v1/invitations").json == {"data": []}


def test_who_may_invite_to_what(
    studio: Studio, ours: Tenant, theirs: Tenant, root: Person, boss: Person
) -> None:
    ada = person(studio, "ada", ours.project)

    def invite(who: Person, **fields: object) -> int:
        return who.call("POST", "/api/v1/invitations", json=fields).status

    assert invite(boss, project_id="ours", role="manager") == 201
    assert invite(boss, project_id="ours", is_admin=True) == 403
    assert invite(boss, project_id="theirs") == 404
    assert invite(ada, project_id="ours") == 403
    assert invite(root, project_id="theirs", is_admin=True) == 201
    assert invite(root, project_id="nowhere") == 404
    assert invite(root, project_id="ours", email="ada@example.org") == 409
    assert invite(root, project_id="ours", role="king") == 400
    refused = studio.call("POST", "/api/v1/invitations", ours.operator, json={"project_id": "ours"})
    assert (refused.status, refused.error["code"]) == (403, "people_only")


def test_an_invitation_leads_where_people_reach_it(studio: Studio, root: Person) -> None:
    studio.tenant("one")
    page = {
        "x-forwarded-host": "ai.example.org",
        "x-forwarded-proto": "https",
        "origin": "https://ai.example.org",
        "cookie": f"__Host-tramontane={root.token}",
    }
    made = root.call("POST", "/api/v1/invitations", json={"project_id": "one"}, headers=page)
    assert made.json["url"].startswith("https://ai.example.org/#/welcome/")
