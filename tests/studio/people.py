"""Signed-in members of a studio under test: their browser, without a browser."""

from collections.abc import Mapping

import msgspec

from tests.studio.conftest import NOW_MS, Answer, Studio
from tramontane.store import members, memberships, sessions
from tramontane.store.records import Member, Project, Role

HOST = "127.0.0.1:8080"
PAGE = {"x-forwarded-host": HOST, "origin": f"http://{HOST}", "x-tramontane": "1"}
"""What our own page sends with each request on loopback, without a cookie."""


class Person(msgspec.Struct, frozen=True):
    """A member who is signed in."""

    studio: Studio
    member: Member
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """What their browser sends with each request."""
        return {**PAGE, "cookie": f"tramontane={self.token}"}

    def call(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return the answer to one request of theirs."""
        sent = {**self.headers, **(headers or {})}
        return self.studio.call(method, path, json=json, body=body, headers=sent)


def person(
    studio: Studio,
    name: str,
    *projects: Project,
    role: Role = "member",
    is_admin: bool = False,
) -> Person:
    """Return a new member `name`@example.org of `projects`, signed in, without a password."""
    with studio.store.write() as c:
        member = members.create(
            c,
            email=f"{name}@example.org",
            name=name.title(),
            password_hash=None,
            is_admin=is_admin,
            now_ms=NOW_MS,
        )
        for project in projects:
            memberships.put(c, member=member, project_id=project.id, role=role, now_ms=NOW_MS)
        _, token = sessions.create(
            c,
            studio.pepper,
            member_id=member.id,
            user_agent="Firefox",
            settings=studio.settings.sessions,
            now_ms=studio.now_ms,
        )
    return Person(studio, member, token)
