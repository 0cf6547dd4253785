"""What members change about themselves, and where they are signed in."""

from typing import Any

import pytest

from tests.studio.conftest import Studio, Tenant
from tests.studio.people import Person, person
from tests.studio.routes.test_session import PASSWORD, hashed, sign_in, token_of
from tramontane.store import members

NEW_PASSWORD = "quatre mots et encore un"


@pytest.fixture
def ada(studio: Studio, ours: Tenant) -> Person:
    """A member who has a password."""
    ada = person(studio, "ada", ours.project)
    with studio.store.write() as c:
        members.set_password_hash(c, ada.member.id, hashed(studio, PASSWORD))
    return ada


def test_name_language_and_preferences(ada: Person) -> None:
    changed = ada.call("PATCH", "/api/v1/me", json={"name": " Ada L. ", "language": "fr"}).json
    assert (changed["name"], changed["language"]) == ("Ada L.", "fr")
    sent: dict[str, Any] = {"theme": "dark", "default_model": "large", "sidebar": {"open": True}}
    ada.call("PATCH", "/api/v1/me", json={"preferences": sent})
    kept = ada.call("PATCH", "/api/v1/me", json={"preferences": {"default_model": None}}).json
    assert kept["preferences"] == {
        "theme": "dark",
        "default_model": None,
        "default_project_id": None,
        "sidebar": {"open": True},
    }
    assert ada.call("GET", "/api/v1/me").json == kept
    assert ada.call("GET", "/api/v1/session").json["member"] == kept


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"name": ""}, "name"),
        ({"language": "tlh"}, "language"),
        ({"preferences": {"theme": "pink"}}, "preferences"),
        ({"preferences": {"default_model": 5}}, "preferences"),
        ({"preferences": {"much": "x" * 9000}}, "preferences"),
        ({"is_admin": True}, "is_admin"),
        ({"email": "eve@example.org"}, "email"),
    ],
)
def test_what_cannot_be_changed_so(ada: Person, changes: dict[str, Any], param: str) -> None:
    before = ada.call("GET", "/api/v1/me").json
    answer = ada.call("PATCH", "/api/v1/me", json=changes)
    assert (answer.status, answer.error["param"]) == (400, param)
    assert ada.call("GET", "/api/v1/me").json == before


def test_a_new_password_signs_out_every_other_browser(studio: Studio, ada: Person) -> None:
    other = Person(studio, ada.member, token_of(sign_in(studio)))
    wrong = ada.call(
        "POST", "/api/v1/me/password", json={"current": NEW_PASSWORD, "new": NEW_PASSWORD}
    )
    assert (wrong.status, wrong.error["code"]) == (401, "invalid_credentials")
    weak = ada.call("POST", "/api/v1/me/password", json={"current": PASSWORD, "new": "short"})
    assert (weak.status, weak.error["code"]) == (400, "weak_password")
    assert other.call("GET", "/api/v1/me").status == 200
    answer = ada.call(
        "POST", "/api/v1/me/password", json={"current": PASSWORD, "new": NEW_PASSWORD}
    )
    assert answer.status == 204
    for old in (ada, other):
        assert old.call("GET", "/api/v1/me").status == 401
    assert Person(studio, ada.member, token_of(answer)).call("GET", "/api/v1/me").status == 200
    assert sign_in(studio, password=NEW_PASSWORD).status == 200


def test_sessions_are_listed_and_ended_one_by_one_and_all(studio: Studio, ada: Person) -> None:
    studio.now_ms += 1000
    other = Person(studio, ada.member, token_of(sign_in(studio)))
    listed = ada.call("GET", "/api/v1/me/sessions").json["data"]
    assert [session["is_this_one"] for session in listed] == [False, True]
    assert listed[1]["user_agent"] == "Firefox"
    assert "digest" not in listed[0] and other.token not in str(listed)
    eve = person(studio, "eve")
    assert eve.call("DELETE", f"/api/v1/me/sessions/{listed[0]['id']}").status == 404
    assert ada.call("DELETE", f"/api/v1/me/sessions/{listed[0]['id']}").status == 204
    assert other.call("GET", "/api/v1/me").status == 401
    third = Person(studio, ada.member, token_of(sign_in(studio)))
    everywhere = ada.call("DELETE", "/api/v1/me/sessions")
    assert everywhere.status == 204 and "Max-Age=0" in everywhere.headers["set-cookie"]
    for ended in (ada, third):
        assert ended.call("GET", "/api/v1/me").status == 401
    assert eve.call("GET", "/api/v1/me").status == 200
