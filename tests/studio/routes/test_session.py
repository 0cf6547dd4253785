"""Signing in and out: one answer for every failure, a cookie that fits how the request came."""

import pytest
from argon2 import PasswordHasher

from tests.studio.conftest import DAY_MS, NOW_MS, Answer, Studio, Tenant
from tests.studio.people import PAGE, Person, person
from tramontane.store import members, memberships

PASSWORD = "Vier Wörter, ein Satz"


def sign_in(
    studio: Studio,
    email: str = "ada@example.org",
    password: str = PASSWORD,
    headers: dict[str, str] | None = None,
) -> Answer:
    """Return the answer to a sign-in, from our own page on loopback where not said otherwise."""
    body = {"email": email, "password": password}
    sent = PAGE if headers is None else headers
    return studio.call("POST", "/api/v1/session", json=body, headers=sent)


@pytest.fixture
def ada(studio: Studio, ours: Tenant) -> Person:
    """A member of `ours` who has a password."""
    ada = person(studio, "ada", ours.project)
    with studio.store.write() as c:
        members.set_password_hash(c, ada.member.id, hashed(studio, PASSWORD))
    return ada


def hashed(studio: Studio, password: str) -> str:
    """Return a hash of `password` of other parameters: it is renewed when it is first used."""
    return PasswordHasher(time_cost=1, memory_cost=16, parallelism=1).hash(password)


def token_of(answer: Answer) -> str:
    """Return the token that an answer's cookie keeps."""
    return answer.headers["set-cookie"].partition(";")[0].partition("=")[2]


def test_signing_in_gives_a_session_and_its_cookie(studio: Studio, ada: Person) -> None:
    answer = sign_in(studio, "  ADA@Example.org ")
    assert answer.status == 200, answer.body
    said = answer.json
    assert said["member"]["email"] == "ada@example.org"
    assert said["member"]["preferences"]["theme"] == "system"
    (place,) = said["projects"]
    assert (place["name"], place["role"], place["closed_reason"]) == ("ours", "member", None)
    assert said["platform"] == {"is_loopback": True, "has_capable_model": True}
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("tramontane=")
    assert cookie.endswith("; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict")
    kept = Person(studio, ada.member, token_of(answer))
    assert kept.call("GET", "/api/v1/session").json == said


def test_over_https_the_cookie_is_bound_to_the_host(studio: Studio, ada: Person) -> None:
    page = {"x-forwarded-host": "ai.example.org", "x-forwarded-proto": "https", "x-tramontane": "1"}
    cookie = sign_in(studio, headers=page).headers["set-cookie"]
    assert cookie.startswith("__Host-tramontane=") and cookie.endswith("; Secure")
    sent = {**page, "cookie": cookie.partition(";")[0]}
    assert studio.call("GET", "/api/v1/session", headers=sent).status == 200
    loose = {**page, "cookie": sent["cookie"].removeprefix("__Host-")}
    assert studio.call("GET", "/api/v1/session", headers=loose).status == 401


def test_in_clear_over_a_network_nobody_signs_in(studio: Studio, ada: Person) -> None:
    for host in ("ai.example.org", "10.0.0.4:8080", "localhost.evil.org", ""):
        answer = sign_in(
            studio, headers={**PAGE, "x-forwarded-host": host, "origin": f"http://{host}"}
        )
        assert answer.status == 403
        assert answer.error["code"] == "https_required"
        assert "server.tls_cert_file" in answer.error["message"]
        assert "set-cookie" not in answer.headers
        sent = {"x-forwarded-host": host, "cookie": f"tramontane={ada.token}"}
        assert studio.call("GET", "/api/v1/session", headers=sent).status == 401


def test_failures_look_alike(studio: Studio, ada: Person) -> None:
    wrong = sign_in(studio, password="not this one at all")
    unknown = sign_in(studio, "nobody@example.org")
    with studio.store.write() as c:
        members.create(c, email="sso@example.org", name="S", password_hash=None, now_ms=NOW_MS)
        bob = members.create(
            c,
            email="bob@example.org",
            name="Bob",
            password_hash=hashed(studio, PASSWORD),
            now_ms=NOW_MS,
        )
        members.disable(c, bob.id, NOW_MS)
    disabled, no_password = sign_in(studio, "bob@example.org"), sign_in(studio, "sso@example.org")
    assert wrong.status == 401
    assert wrong.error["code"] == "invalid_credentials"
    for other in (unknown, disabled, no_password):
        assert (other.status, other.headers, other.body) == (401, wrong.headers, wrong.body)


@pytest.mark.parametrize("email", ["ada@example.org", "nobody@example.org"])
def test_guessing_is_slowed_whether_the_account_is_there(
    studio: Studio, ada: Person, email: str
) -> None:
    for _ in range(6):
        assert sign_in(studio, email, "wrong wrong wrong").status == 401
    for password in ("wrong wrong wrong", PASSWORD):
        slowed = sign_in(studio, email, password)
        assert (slowed.status, slowed.error["code"]) == (429, "slow_down")
        assert slowed.headers["retry-after"] == "1"
    studio.now_ms += 1000
    assert sign_in(studio, email, "wrong wrong wrong").status == 401
    assert sign_in(studio, email).headers["retry-after"] == "2"
    studio.now_ms += 2000
    if email.startswith("ada"):
        assert sign_in(studio, email).status == 200
        assert sign_in(studio, email, "wrong wrong wrong").status == 401


def test_an_old_hash_is_renewed(studio: Studio, ada: Person) -> None:
    assert sign_in(studio).status == 200
    with studio.store.read() as c:
        kept = members.password_hash(c, ada.member.id)
    assert kept is not None and kept.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert sign_in(studio).status == 200


def test_signing_in_again_ends_the_browsers_last_session(studio: Studio, ada: Person) -> None:
    first = token_of(sign_in(studio))
    second = token_of(sign_in(studio, headers={**PAGE, "cookie": f"tramontane={first}"}))
    assert first != second
    assert Person(studio, ada.member, first).call("GET", "/api/v1/session").status == 401
    assert Person(studio, ada.member, second).call("GET", "/api/v1/session").status == 200


def test_signing_out_ends_the_session(studio: Studio, ada: Person) -> None:
    answer = ada.call("DELETE", "/api/v1/session")
    assert answer.status == 204
    assert answer.headers["set-cookie"].startswith("tramontane=; Path=/; Max-Age=0;")
    refused = ada.call("GET", "/api/v1/session")
    assert (refused.status, refused.error["code"]) == (401, "signed_out")


def test_a_session_ends_unused_and_of_age(studio: Studio, ada: Person) -> None:
    for day in range(6, 30, 6):
        studio.now_ms = NOW_MS + day * DAY_MS
        assert ada.call("GET", "/api/v1/session").status == 200, day
    studio.now_ms = NOW_MS + 30 * DAY_MS
    assert ada.call("GET", "/api/v1/session").status == 401
    studio.now_ms = NOW_MS
    bob = person(studio, "bob")
    studio.now_ms = NOW_MS + 7 * DAY_MS
    assert bob.call("GET", "/api/v1/session").status == 401


def test_a_member_reads_their_projects_and_no_other(
    studio: Studio, ada: Person, ours: Tenant, theirs: Tenant
) -> None:
    assert [p["name"] for p in ada.call("GET", "/api/v1/projects").json["data"]] == ["ours"]
    assert ada.call("GET", "/api/v1/usage?by=key").json["total"]["requests"] == 1
    assert ada.call("GET", "/api/v1/projects/theirs").status == 404
    status = ada.call("GET", "/api/v1/status").json
    assert status["key"] is None and len(status["deployments"]) >= 2
    with studio.store.write() as c:
        memberships.put(
            c, member=ada.member, project_id=theirs.project.id, role="member", now_ms=NOW_MS
        )
    assert ada.call("GET", "/api/v1/projects/theirs").status == 200
    assert ada.call("GET", "/api/v1/usage?by=key").json["total"]["requests"] == 2


def test_an_administrator_operates(studio: Studio, ours: Tenant, theirs: Tenant) -> None:
    root = person(studio, "root", is_admin=True)
    assert len(root.call("GET", "/api/v1/projects").json["data"]) == 2
    made = root.call("POST", "/api/v1/keys", json={"project_id": "theirs", "name": "made"})
    assert made.status == 201
    assert studio.call("GET", "/api/v1/status", made.json["secret"]).status == 200


def test_keys_do_not_sign_in(studio: Studio, ours: Tenant) -> None:
    for key in (ours.read, ours.operator):
        refused = studio.call("GET", "/api/v1/session", key)
        assert (refused.status, refused.error["code"]) == (403, "people_only")


def test_a_members_key_cannot_be_sent_nor_revoked_alone(
    studio: Studio, ada: Person, ours: Tenant
) -> None:
    (key,) = [
        k
        for k in studio.call("GET", "/api/v1/keys", ours.operator).json["data"]
        if k["member_id"] == ada.member.id
    ]
    assert key["name"] == "ada" and key["rights"] == ["infer", "read"]
    assert studio.call("GET", "/api/v1/status", f"{key['prefix']}_{'x' * 33}").status == 401
    refused = studio.call("DELETE", f"/api/v1/keys/{key['id']}", ours.operator)
    assert refused.status == 409
