"""One-time links: what each is for, that it works once, and that it grants no more than its maker
may at the moment it is used.
"""

import threading
from typing import Any

import pytest

from tests.studio.conftest import DAY_MS, Answer, Studio, Tenant
from tests.studio.people import PAGE, Person, person
from tests.studio.routes.test_session import PASSWORD, hashed, sign_in, token_of
from tramontane.store import links, members, memberships
from tramontane.store.records import Link

NEW_PASSWORD = "quatre mots et encore un"


def make(studio: Studio, **fields: Any) -> str:
    """Return the token of a new link."""
    with studio.store.write() as c:
        _, token = links.create(c, studio.pepper, now_ms=studio.now_ms, **fields)
    return token


def accept(studio: Studio, token: str, **fields: Any) -> Answer:
    """Return the answer to using a link."""
    given = {"token": token, "password": NEW_PASSWORD, "name": "Bob", **fields}
    return studio.call("POST", "/api/v1/links/accept", json=given, headers=PAGE)


def check(studio: Studio, token: str) -> Answer:
    """Return what a link is said to be for."""
    return studio.call("POST", "/api/v1/links/check", json={"token": token}, headers=PAGE)


def invitation(studio: Studio, ours: Tenant, **fields: Any) -> str:
    """Return the token of an invitation into `ours`."""
    given = {"email": "bob@example.org", "role": "member", **fields}
    return make(studio, purpose="invitation", project_id=ours.project.id, **given)


def test_the_first_link_makes_an_administrator(studio: Studio, ours: Tenant) -> None:
    token = make(
        studio, purpose="first_admin", is_admin=True, project_id=ours.project.id, role="manager"
    )
    seen = check(studio, token).json
    assert (seen["purpose"], seen["email"], seen["project_name"]) == ("first_admin", None, "ours")
    assert seen["expires_at"] == "2023-11-15T22:13:20Z"
    answer = accept(studio, token, email=" Bob@Example.ORG", language="it")
    assert answer.status == 200, answer.body
    member = answer.json["member"]
    assert (member["is_admin"], member["email"], member["language"]) == (
        True,
        "bob@example.org",
        "it",
    )
    assert answer.json["projects"][0]["role"] == "manager"
    other = make(studio, purpose="first_admin", is_admin=True)
    assert check(studio, other).status == 404, "there is somebody now"


def test_an_invitation_is_bound_to_its_address_and_works_once(studio: Studio, ours: Tenant) -> None:
    token = invitation(studio, ours)
    assert check(studio, token).json["email"] == "bob@example.org"
    other = accept(studio, token, email="eve@example.org")
    assert (other.status, other.error["param"]) == (400, "email")
    answer = accept(studio, token)
    assert answer.status == 200 and not answer.json["member"]["is_admin"]
    bob = Person(studio, None, token_of(answer))  # type: ignore[arg-type]
    assert bob.call("GET", "/api/v1/me").json["name"] == "Bob"
    for answer in (check(studio, token), accept(studio, token, name="Eve")):
        assert (answer.status, answer.error["code"]) == (404, "link_unusable")
    assert sign_in(studio, "bob@example.org", NEW_PASSWORD).status == 200


def test_links_that_cannot_be_used_look_alike(studio: Studio, ours: Tenant) -> None:
    expired, revoked, used = (
        invitation(studio, ours, email=f"{name}@example.org") for name in ("a", "b", "c")
    )
    with studio.store.write() as c:
        links.revoke(c, links.find(c, studio.pepper, revoked, studio.now_ms).id, studio.now_ms)
    assert accept(studio, used).status == 200
    fresh = check(studio, expired)
    studio.now_ms += 7 * DAY_MS
    answers = [check(studio, token) for token in (expired, revoked, used, "nothing", "", "é" * 9)]
    assert fresh.status == 200
    assert {(a.status, a.body) for a in answers} == {(404, answers[0].body)}


def test_two_at_once_make_one_account(studio: Studio, ours: Tenant) -> None:
    token = invitation(studio, ours, email=None)
    answers: list[Answer] = []

    def use(name: str) -> None:
        answers.append(accept(studio, token, email=f"{name}@example.org", name=name))

    threads = [threading.Thread(target=use, args=(f"bob{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status for answer in answers) == [200, 404, 404, 404]
    with studio.store.read() as c:
        assert len(members.list_all(c)) == 1


def test_whoever_has_an_account_joins_with_their_password(
    studio: Studio, ours: Tenant, theirs: Tenant
) -> None:
    ada = person(studio, "ada", theirs.project, role="manager")
    with studio.store.write() as c:
        members.set_password_hash(c, ada.member.id, hashed(studio, PASSWORD))
    token = invitation(studio, ours, email="ada@example.org")
    wrong = accept(studio, token)
    assert (wrong.status, wrong.error["code"]) == (401, "invalid_credentials")
    joined = accept(studio, token, password=PASSWORD, name="Somebody else")
    assert joined.status == 200
    assert joined.json["member"]["name"] == "Ada"
    assert {p["name"]: p["role"] for p in joined.json["projects"]} == {
        "ours": "member",
        "theirs": "manager",
    }
    lower = make(
        studio,
        purpose="invitation",
        email="ada@example.org",
        project_id=theirs.project.id,
        role="member",
    )
    again = accept(studio, lower, password=PASSWORD)
    assert {p["name"]: p["role"] for p in again.json["projects"]}["theirs"] == "manager"


def test_guessing_an_accounts_password_through_a_link_is_slowed(
    studio: Studio, ours: Tenant
) -> None:
    person(studio, "ada", ours.project)
    token = invitation(studio, ours, email="ada@example.org")
    answers = [accept(studio, token).status for _ in range(8)]
    assert answers == [401] * 6 + [429] * 2


def test_a_reset_signs_out_everywhere_and_sets_the_password(studio: Studio, ours: Tenant) -> None:
    ada = person(studio, "ada", ours.project)
    with studio.store.write() as c:
        members.set_password_hash(c, ada.member.id, hashed(studio, PASSWORD))
    token = make(studio, purpose="password_reset", member_id=ada.member.id)
    seen = check(studio, token).json
    assert (seen["purpose"], seen["email"]) == ("password_reset", "ada@example.org")
    weak = accept(studio, token, password="ada@example.org")
    assert (weak.status, weak.error["code"]) == (400, "weak_password")
    answer = accept(studio, token)
    assert answer.status == 200 and answer.json["member"]["name"] == "Ada"
    assert ada.call("GET", "/api/v1/me").status == 401
    assert sign_in(studio, password=PASSWORD).status == 401
    assert sign_in(studio, password=NEW_PASSWORD).status == 200
    assert accept(studio, token).status == 404


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "Bob\u202egnp"}, "name"),
        ({"password": "short"}, "password"),
        ({"password": "bob@example.org"}, "password"),
        ({"language": "xx"}, "language"),
        ({"email": "no address"}, "email"),
        ({"nickname": "B"}, "nickname"),
    ],
)
def test_what_is_filled_in_wrongly(
    studio: Studio, ours: Tenant, fields: dict[str, str], param: str
) -> None:
    token = invitation(studio, ours, email=None)
    answer = accept(studio, token, **{"email": "bob@example.org", **fields})
    assert (answer.status, answer.error["param"]) == (400, param)
    assert check(studio, token).status == 200, "it can still be used"


def test_a_link_grants_no_more_than_its_maker_may_now(
    studio: Studio, ours: Tenant, theirs: Tenant
) -> None:
    """Rights never grow: a link is worth what its maker is when it is used."""
    root = person(studio, "root", is_admin=True)
    person(studio, "second", is_admin=True)
    boss = person(studio, "boss", ours.project, role="manager")

    def link(maker: Person, **fields: Any) -> str:
        return invitation(studio, ours, email=None, created_by=maker.member.id, **fields)

    of_boss, admin_of_boss = link(boss), link(boss, is_admin=True)
    of_root, admin_of_root = link(root), link(root, is_admin=True)
    reset = make(
        studio, purpose="password_reset", member_id=root.member.id, created_by=boss.member.id
    )
    elsewhere = make(
        studio,
        purpose="invitation",
        project_id=theirs.project.id,
        role="member",
        created_by=boss.member.id,
    )
    usable = [check(studio, t).status for t in (of_boss, of_root, admin_of_root)]
    assert usable == [200, 200, 200]
    for token in (admin_of_boss, reset, elsewhere):
        assert check(studio, token).status == 404
        assert accept(studio, token, email="eve@example.org").status == 404
    with studio.store.write() as c:
        memberships.put(
            c,
            member=boss.member,
            project_id=ours.project.id,
            role="member",
            now_ms=studio.now_ms,
        )
        members.set_admin(c, root.member.id, False)
    for token in (of_boss, of_root, admin_of_root):
        assert accept(studio, token, email="eve@example.org").status == 404
    with studio.store.read() as c:
        assert members.find(c, "eve@example.org") is None


def test_a_new_link_takes_the_place_of_the_old(studio: Studio, ours: Tenant) -> None:
    ada = person(studio, "ada", ours.project)
    first = make(studio, purpose="password_reset", member_id=ada.member.id)
    second = make(studio, purpose="password_reset", member_id=ada.member.id)
    assert (check(studio, first).status, check(studio, second).status) == (404, 200)
    first, second = invitation(studio, ours), invitation(studio, ours)
    assert (check(studio, first).status, check(studio, second).status) == (404, 200)
    anybody = [invitation(studio, ours, email=None) for _ in range(2)]
    assert [check(studio, token).status for token in anybody] == [200, 200]
    with studio.store.read() as c:
        assert all(isinstance(link, Link) for link in links.list_invitations(c))
        assert len(links.list_invitations(c)) == 3
