"""Rights never grow: people grant, take and hand on at random, beside an obvious model of who may.

The model knows nobody's rights but by its own rules; after every step the store must agree with it,
and each live key must be some enabled member's place, or a program's that somebody made who might.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.studio.conftest import NOW_MS, Studio
from tests.studio.people import PAGE, Person, person
from tramontane.config import LimitDefaults, Settings
from tramontane.datafolder import DataFolder
from tramontane.store import keys, members, memberships, projects, sessions
from tramontane.store.database import open_store

PROJECTS = ("one", "two")
ROLES = ("member", "manager")
MOST_PEOPLE = 6
WHO = st.integers(0, MOST_PEOPLE - 1)
RIGHTS = st.sampled_from((("infer",), ("infer", "read"), ("infer", "operate"), ("operate",)))


class Someone(msgspec.Struct):
    """What the model knows of a person."""

    browser: Person
    is_admin: bool
    roles: dict[str, str]
    is_disabled: bool = False

    def manages(self, project: str) -> bool:
        """Whether they may say who belongs to it."""
        return not self.is_disabled and (self.is_admin or self.roles.get(project) == "manager")


class Invited(msgspec.Struct):
    """An invitation that was made."""

    token: str
    maker: Someone
    project: str
    role: str
    is_admin: bool
    is_used: bool = False

    def is_usable(self) -> bool:
        """Whether it works now, by its maker's rights now."""
        maker = self.maker
        may = (maker.is_admin and not maker.is_disabled) or (
            not self.is_admin and maker.manages(self.project)
        )
        return may and not self.is_used


class Issued(msgspec.Struct):
    """A key of a program that somebody made."""

    id: str
    secret: str
    project: str
    rights: tuple[str, ...]
    is_revoked: bool = False


class Rights(RuleBasedStateMachine):
    """Some people, two projects, and everything that one may do to another's rights."""

    empty_store: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        chosen = Settings(data=str(self.folder), demo=False, guide=False)
        data = DataFolder(self.folder)
        data.prepare()
        shutil.copy(self.empty_store, data.database)
        self.store = open_store(chosen.store_url)
        self.studio = Studio(chosen, self.store, data.pepper())
        self.people: list[Someone] = []
        self.links: list[Invited] = []
        self.programs: list[Issued] = []

    def teardown(self) -> None:
        """Let go of the store."""
        self.store.close()
        shutil.rmtree(self.folder)

    @initialize()
    def begin(self) -> None:
        """An administrator, a manager of the first project, a member of it, and a stranger."""
        with self.store.write() as c:
            one, _ = (
                projects.create(c, name=name, defaults=LimitDefaults(), now_ms=NOW_MS)
                for name in PROJECTS
            )
        root = person(self.studio, "root", is_admin=True)
        boss = person(self.studio, "boss", one, role="manager")
        ada = person(self.studio, "ada", one)
        self.people = [
            Someone(root, True, {}),
            Someone(boss, False, {"one": "manager"}),
            Someone(ada, False, {"one": "member"}),
            Someone(person(self.studio, "stranger"), False, {}),
        ]

    def someone(self, number: int) -> Someone:
        """Return one of the people."""
        return self.people[number % len(self.people)]

    def call(self, actor: Someone, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return status and JSON of what `actor` asks for."""
        answer = actor.browser.call(method, f"/api/v1{path}", json=body)
        return answer.status, answer.json if answer.body else None

    def refusal(self, actor: Someone, project: str) -> int | None:
        """Return the status with which the model refuses `actor` in that project, None if not."""
        if actor.is_disabled:
            return 401
        if not actor.is_admin and project not in actor.roles:
            return 404
        return None if actor.manages(project) else 403

    def is_last_admin(self, target: Someone) -> bool:
        """Whether nobody else administers."""
        admins = [p for p in self.people if p.is_admin and not p.is_disabled]
        return admins == [target]

    @rule(by=WHO, of=WHO, project=st.sampled_from(PROJECTS), role=st.sampled_from(ROLES))
    def place(self, by: int, of: int, project: str, role: str) -> None:
        """Take somebody into a project, or change their role."""
        actor, target = self.someone(by), self.someone(of)
        expected = self.refusal(actor, project)
        if expected is None:
            is_known = actor.is_admin or any(actor.manages(known) for known in target.roles)
            expected = 404 if not is_known else 409 if target.is_disabled else 200
        path = f"/projects/{project}/members/{target.browser.member.id}"
        assert self.call(actor, "PUT", path, {"role": role})[0] == expected
        if expected == 200:
            target.roles[project] = role

    @rule(by=WHO, of=WHO, project=st.sampled_from(PROJECTS))
    def displace(self, by: int, of: int, project: str) -> None:
        """Take somebody out of a project."""
        actor, target = self.someone(by), self.someone(of)
        expected = self.refusal(actor, project)
        if expected is None:
            expected = 204 if project in target.roles else 404
        path = f"/projects/{project}/members/{target.browser.member.id}"
        assert self.call(actor, "DELETE", path)[0] == expected
        if expected == 204:
            del target.roles[project]

    @rule(by=WHO, of=WHO, is_admin=st.booleans())
    def crown(self, by: int, of: int, is_admin: bool) -> None:
        """Make somebody an administrator, or no longer."""
        actor, target = self.someone(by), self.someone(of)
        expected = self.change_refused(actor, target if not is_admin else None)
        path = f"/members/{target.browser.member.id}"
        assert self.call(actor, "PATCH", path, {"is_admin": is_admin})[0] == expected
        if expected == 200:
            target.is_admin = is_admin

    @rule(by=WHO, of=WHO, is_disabled=st.booleans())
    def lock(self, by: int, of: int, is_disabled: bool) -> None:
        """Disable somebody, or let them in again."""
        actor, target = self.someone(by), self.someone(of)
        expected = self.change_refused(actor, target if is_disabled else None)
        path = f"/members/{target.browser.member.id}"
        assert self.call(actor, "PATCH", path, {"disabled": is_disabled})[0] == expected
        if expected == 200 and is_disabled != target.is_disabled:
            target.is_disabled = is_disabled
            if not is_disabled:
                self.sign_in_again(target)

    def change_refused(self, actor: Someone, loses: Someone | None) -> int:
        """Return the status of a change that administrators may make."""
        if actor.is_disabled:
            return 401
        if not actor.is_admin:
            return 403
        return 409 if loses is not None and self.is_last_admin(loses) else 200

    def sign_in_again(self, target: Someone) -> None:
        """Give somebody a new session: the old ones ended when they were disabled."""
        with self.store.write() as c:
            _, token = sessions.create(
                c,
                self.studio.pepper,
                member_id=target.browser.member.id,
                user_agent="",
                settings=self.studio.settings.sessions,
                now_ms=NOW_MS,
            )
        target.browser = msgspec.structs.replace(target.browser, token=token)

    @rule(
        by=WHO,
        project=st.sampled_from(PROJECTS),
        role=st.sampled_from(ROLES),
        is_admin=st.booleans(),
    )
    def invite(self, by: int, project: str, role: str, is_admin: bool) -> None:
        """Make a link."""
        actor = self.someone(by)
        expected = self.refusal(actor, project)
        if expected is None or expected == 403:
            may = actor.is_admin if is_admin else actor.manages(project)
            expected = 201 if may else 403
        body = {"project_id": project, "role": role, "is_admin": is_admin}
        status, said = self.call(actor, "POST", "/invitations", body)
        assert status == expected
        if status == 201:
            token = said["url"].partition("/#/welcome/")[2]
            self.links.append(Invited(token, actor, project, role, is_admin))

    @precondition(lambda self: self.links and len(self.people) < MOST_PEOPLE)
    @rule(number=st.integers(0, 20))
    def use(self, number: int) -> None:
        """Somebody new uses a link, good or bad."""
        link = self.links[number % len(self.links)]
        name = f"new{len(self.people)}"
        body = {
            "token": link.token,
            "password": "four words and more",
            "email": f"{name}@example.org",
            "name": name,
        }
        answer = self.studio.call("POST", "/api/v1/links/accept", json=body, headers=PAGE)
        assert answer.status == (200 if link.is_usable() else 404), answer.body
        if answer.status == 200:
            link.is_used = True
            token = answer.headers["set-cookie"].partition(";")[0].partition("=")[2]
            with self.store.read() as c:
                member = members.get(c, f"{name}@example.org")
            browser = Person(self.studio, member, token)
            self.people.append(Someone(browser, link.is_admin, {link.project: link.role}))

    @rule(by=WHO, project=st.sampled_from(PROJECTS), rights=RIGHTS)
    def issue(self, by: int, project: str, rights: tuple[str, ...]) -> None:
        """Make a key for a program: managers one that uses models, administrators any."""
        actor = self.someone(by)
        expected = self.refusal(actor, project)
        if expected is None:
            expected = 403 if "operate" in rights and not actor.is_admin else 201
        name = f"program-{len(self.programs)}"
        body = {"project_id": project, "name": name, "rights": rights}
        status, said = self.call(actor, "POST", "/keys", body)
        assert status == expected
        if status == 201:
            self.programs.append(Issued(said["key"]["id"], said["secret"], project, rights))

    @precondition(lambda self: self.programs)
    @rule(by=WHO, number=st.integers(0, 20), method=st.sampled_from(("PATCH", "DELETE")))
    def look_after(self, by: int, number: int, method: str) -> None:
        """Limit a program's key, or end it."""
        actor, program = self.someone(by), self.programs[number % len(self.programs)]
        expected = self.refusal(actor, program.project) or 200
        if "operate" in program.rights and not actor.is_admin and expected == 200:
            expected = 403
        if expected == 200 and method == "PATCH" and program.is_revoked:
            expected = 409
        body = {"tokens_per_minute": 9} if method == "PATCH" else None
        assert self.call(actor, method, f"/keys/{program.id}", body)[0] == expected
        program.is_revoked |= expected == 200 and method == "DELETE"

    @precondition(lambda self: self.programs)
    @rule(number=st.integers(0, 20), project=st.sampled_from(PROJECTS))
    def reach(self, number: int, project: str) -> None:
        """A program tries to see a project, and to make another key."""
        program = self.programs[number % len(self.programs)]
        may_operate = "operate" in program.rights
        seen = may_operate or ("read" in program.rights and program.project == project)
        expected = 200 if seen else 404 if "read" in program.rights else 403
        tried: list[tuple[str, str, object, int]] = [
            ("GET", f"/projects/{project}", None, expected)
        ]
        if not may_operate:
            tried.append(("POST", "/keys", {"project_id": project, "name": "more"}, 403))
        for method, path, body, status in tried:
            answer = self.studio.call(method, f"/api/v1{path}", program.secret, json=body)
            assert answer.status == (401 if program.is_revoked else status)

    @invariant()
    def the_store_agrees(self) -> None:
        """Nobody has more, or less, than the model says."""
        with self.store.read() as c:
            found = {member.id: member for member in members.list_all(c)}
            places = memberships.list_all(c)
            live = {key.id: key for key in keys.list_all(c) if key.revoked_at_ms is None}
        enabled = set()
        for program in self.programs:
            if not program.is_revoked:
                assert live.pop(program.id).rights == program.rights
        for someone in self.people:
            member = found.pop(someone.browser.member.id)
            assert member.is_admin == someone.is_admin
            assert (member.disabled_at_ms is not None) == someone.is_disabled
            own = [place for place in places if place.member_id == member.id]
            assert {place.project_name: place.role for place in own} == someone.roles
            if not someone.is_disabled:
                enabled |= {place.key_id for place in own}
        assert not found
        assert live.keys() == enabled


def run(empty_store_file: Path, monkeypatch: pytest.MonkeyPatch, examples: int, steps: int) -> None:
    """Try so many histories of so many steps."""
    monkeypatch.setattr(Rights, "empty_store", empty_store_file, raising=False)
    run_state_machine_as_test(
        Rights,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_rights_never_grow(empty_store_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(empty_store_file, monkeypatch, examples=8, steps=30)


@pytest.mark.slow
def test_rights_never_grow_in_many_histories(
    empty_store_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(empty_store_file, monkeypatch, examples=1000, steps=50)
