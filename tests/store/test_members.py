"""Members and their places: one account an address, keys that follow the place, a last admin."""

import pytest
from sqlalchemy import Connection, update

from tramontane.config import LimitDefaults, SessionSettings
from tramontane.errors import Conflict, InvalidRequest, NotFound, Unauthenticated
from tramontane.store import keys, members, memberships, projects, schema, sessions
from tramontane.store.database import Store
from tramontane.store.records import Member, Project

PEPPER = b"p" * 32
SETTINGS = SessionSettings(idle_timeout_s=10, lifetime_s=100)


def project(c: Connection, name: str, **fields: object) -> Project:
    return projects.create(c, name=name, defaults=LimitDefaults(), now_ms=1, **fields)  # type: ignore[arg-type]


def member(c: Connection, name: str, *, is_admin: bool = False) -> Member:
    return members.create(
        c, email=f"{name}@example.org", name=name, password_hash="h", is_admin=is_admin, now_ms=1
    )


def test_an_address_has_one_account_however_it_is_written(store: Store) -> None:
    with store.write() as c:
        made = members.create(
            c, email=" Ada.Lovelace@Example.ORG", name=" Ada ", password_hash="h", now_ms=5
        )
        assert (made.email, made.name) == ("ada.lovelace@example.org", "Ada")
        for spelling in ("ADA.lovelace@example.org", "ada.lovelace@example.org "):
            assert members.find(c, spelling) == members.get(c, spelling) == made
            with pytest.raises(Conflict):
                members.create(c, email=spelling, name="Eve", password_hash="h", now_ms=5)
        assert members.credentials(c, "Ada.Lovelace@example.org") == (made, "h")
        assert members.credentials(c, "nobody@example.org") == (None, None)
        assert not hasattr(made, "password_hash")


@pytest.mark.parametrize(
    "email",
    ["", "ada", "@example.org", "ada@", "a da@example.org", "ada@exa mple.org", "a@b@c",
     "ada@example.org\nbcc: eve@example.org", "<ada@example.org>", "a" * 65 + "@example.org"],
)  # fmt: skip
def test_what_is_no_address(store: Store, email: str) -> None:
    with store.write() as c, pytest.raises(InvalidRequest):
        members.create(c, email=email, name="Ada", password_hash="h", now_ms=1)


@pytest.mark.parametrize(
    "email", ["ada@example.org", "élodie@exemple.ch", "a+b@x.org", "o'neil@example.ie", "a@b"]
)
def test_what_is_one(email: str) -> None:
    assert members.check_email(email) == email


def test_the_key_of_a_place_follows_it(store: Store) -> None:
    with store.write() as c:
        one, two = project(c, "one", allowed_models=("a", "b")), project(c, "two")
        keys.create(c, PEPPER, project_id=one.id, name="ada", now_ms=1)
        ada = member(c, "ada")
        place = memberships.put(c, member=ada, project_id="one", role="member", now_ms=2)
        key = keys.get(c, place.key_id)
        assert (key.name, key.member_id, key.rights) == ("ada-2", ada.id, ("infer", "read"))
        assert place.usable_models == ("a", "b")
        again = memberships.put(c, member=ada, project_id="one", role="manager", now_ms=3)
        assert (again.key_id, again.role) == (place.key_id, "manager")
        memberships.put(c, member=ada, project_id=two.id, role="member", now_ms=3)
        assert [p.project_name for p in memberships.list_all(c, member_id=ada.id)] == ["one", "two"]

        members.disable(c, ada.id, 7)
        assert keys.get(c, place.key_id).revoked_at_ms == 7
        with pytest.raises(Conflict):
            memberships.put(c, member=members.get(c, ada.id), project_id="one", role="member",
                            now_ms=8)  # fmt: skip
        back = members.enable(c, ada.id, 9)
        renewed = memberships.get(c, back.id, one.id)
        assert renewed.role == "manager" and renewed.key_id != place.key_id
        assert keys.get(c, renewed.key_id).revoked_at_ms is None

        memberships.remove(c, ada.id, one.id, 11)
        assert keys.get(c, renewed.key_id).revoked_at_ms == 11
        with pytest.raises(NotFound):
            memberships.remove(c, ada.id, one.id, 12)
        with pytest.raises(Conflict):
            keys.revoke(c, memberships.get(c, ada.id, two.id).key_id, 12)


def test_no_secret_has_the_digest_of_a_members_key(store: Store) -> None:
    with store.write() as c:
        one = project(c, "one")
        key = keys.create_without_secret(
            c, project_id=one.id, name="ada", member_id=member(c, "ada").id, now_ms=1
        )
        guess = f"{key.prefix}_{'x' * 33}"
        with pytest.raises(Unauthenticated):
            keys.authenticate(c, PEPPER, guess, 2)
        # Even a store that somebody wrote a digest into lets nobody in with it.
        own = keys.digest(PEPPER, guess.encode())
        c.execute(update(schema.keys).where(schema.keys.c.id == key.id).values(digest=own))
        with pytest.raises(Unauthenticated):
            keys.authenticate(c, PEPPER, guess, 2)


def test_one_administrator_is_left(store: Store) -> None:
    with store.write() as c:
        first, second = member(c, "first", is_admin=True), member(c, "second", is_admin=True)
        members.disable(c, first.id, 2)
        for is_disabled in (True, False):
            with pytest.raises(Conflict) as refused:
                if is_disabled:
                    members.disable(c, second.id, 3)
                else:
                    members.set_admin(c, second.id, False)
            assert refused.value.code == "last_admin"
        members.enable(c, first.id, 4)
        assert not members.set_admin(c, second.id, False).is_admin
        members.disable(c, second.id, 5)


def test_who_may_manage(store: Store) -> None:
    with store.write() as c:
        one, two = project(c, "one"), project(c, "two")
        root, boss, ada = member(c, "root", is_admin=True), member(c, "boss"), member(c, "ada")
        memberships.put(c, member=boss, project_id=one.id, role="manager", now_ms=1)
        memberships.put(c, member=ada, project_id=one.id, role="member", now_ms=1)
        places = (one.id, two.id, None)
        may = {
            name: [memberships.may_manage(c, id_, place) for place in places]
            for name, id_ in (("root", root.id), ("boss", boss.id), ("ada", ada.id), ("-", "mem_"))
        }
        assert may == {
            "root": [True, True, True],
            "boss": [True, False, False],
            "ada": [False, False, False],
            "-": [False, False, False],
        }
        members.disable(c, boss.id, 2)
        assert not memberships.may_manage(c, boss.id, one.id)


def test_a_session_ends_unused_of_age_or_when_it_is_told_to(store: Store) -> None:
    with store.write() as c:
        ada = member(c, "ada")

        def begin(now_ms: int) -> tuple[str, str]:
            session, token = sessions.create(
                c, PEPPER, member_id=ada.id, user_agent="A\x00gent", settings=SETTINGS,
                now_ms=now_ms,
            )  # fmt: skip
            assert session.user_agent == "Agent"
            return session.id, token

        def holds(token: str, now_ms: int) -> bool:
            try:
                sessions.authenticate(c, PEPPER, token, SETTINGS, now_ms)
            except Unauthenticated:
                return False
            return True

        id_, token = begin(1_000_000)
        assert holds(token, 1_009_999) and not holds(token, 1_010_000)
        assert not holds(token, 900_000), "a clock set back does not make it last longer"
        for now_ms in range(1_000_000, 1_100_000, 9_000):
            assert holds(token, now_ms)
            sessions.touch(c, sessions.authenticate(c, PEPPER, token, SETTINGS, now_ms), now_ms)
        assert not holds(token, 1_100_000)
        with pytest.raises(Unauthenticated):
            sessions.authenticate(c, b"q" * 32, token, SETTINGS, 1_099_000)
        other_id, other = begin(1_099_000)
        assert {s.id for s in sessions.list_all(c, ada.id, SETTINGS, 1_099_500)} == {id_, other_id}
        assert sessions.is_signed_in(c, other_id, SETTINGS, 1_099_500)
        with pytest.raises(NotFound):
            sessions.end(c, other_id, "mem_somebody")
        sessions.end(c, other_id, ada.id)
        assert not sessions.is_signed_in(c, other_id, SETTINGS, 1_099_500)
        assert not holds(other, 1_099_500)
        begin(1_300_000)
        assert sessions.last_seen(c) == {ada.id: 1_300_000}, "what had ended was cleared away"
        sessions.end_all(c, ada.id)
        assert sessions.last_seen(c) == {}
