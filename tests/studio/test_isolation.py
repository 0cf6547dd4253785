"""No operation shows or changes what is another project's, nor anything to nobody.

Generated from the OpenAPI document: a new operation without an entry in `reach` fails.
"""

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from tests.studio.conftest import Answer, Studio, Tenant
from tests.studio.people import PAGE, Person, person
from tests.studio.reach import Attempt, Theirs, attempts, furnished
from tramontane.store import keys, members

Call = Callable[[str, str, Any], Answer]


class Operation(msgspec.Struct, frozen=True):
    """One operation of the document, and who may call it."""

    name: str
    method: str
    path: str
    ways: list[str]
    right: str | None

    @property
    def is_public(self) -> bool:
        """Whether it takes neither key nor session."""
        return not self.ways

    @property
    def takes_keys(self) -> bool:
        """Whether a key may call it."""
        return "key" in self.ways


def operations(studio: Studio) -> list[Operation]:
    """Return every operation in the document."""
    document = studio.call("GET", "/api/openapi.json").json
    return [
        Operation(
            operation["operationId"],
            method.upper(),
            path,
            [name for way in operation["security"] for name in way],
            next((right for way in operation["security"] for right in way.get("key", ())), None),
        )
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]


def tries(studio: Studio, theirs: Theirs) -> Iterator[tuple[Operation, Attempt, str]]:
    """Yield every attempt of every operation with its target."""
    known = attempts(theirs)
    for operation in operations(studio):
        for attempt in known[operation.name]:
            yield operation, attempt, operation.path.format(**attempt.path) + attempt.query


def dump(studio: Studio) -> str:
    """Return all that the store holds."""
    connection = sqlite3.connect(studio.settings.data_dir / "tramontane.db")
    try:
        return "\n".join(connection.iterdump())
    finally:
        connection.close()


@pytest.fixture
def furniture(studio: Studio, theirs: Tenant) -> Theirs:
    """The other project, with people and all that they make."""
    return furnished(studio, theirs)


def test_every_operation_has_its_attempts(studio: Studio, furniture: Theirs) -> None:
    assert {operation.name for operation in operations(studio)} == attempts(furniture).keys()


@pytest.mark.parametrize("kind", ["read", "infer", "member", "manager"])
def test_nothing_of_another_project(
    studio: Studio, ours: Tenant, furniture: Theirs, kind: str
) -> None:
    call = caller(studio, ours, kind)
    before = dump(studio)
    for operation, attempt, target in tries(studio, furniture):
        answer = call(operation.method, target, attempt.body)
        expected = expected_status(operation, attempt, kind)
        if operation.is_public and kind in ("read", "infer"):
            # A program that does not say where it comes from may be refused before all else.
            assert answer.status in (403, expected), (operation.name, answer.body)
        else:
            assert answer.status == expected, (operation.name, target, answer.body)
        shown = shown_beyond(answer, attempt)
        for canary in furniture.canaries:
            assert canary not in shown, operation.name
        if expected == 200:
            project = furniture.tenant.project
            assert project.id not in shown and '"theirs' not in shown, operation.name
    assert dump(studio) == before


def caller(studio: Studio, ours: Tenant, kind: str) -> Call:
    """Return how an outsider of that kind calls."""
    if kind in ("read", "infer"):
        secret = ours.read if kind == "read" else ours.infer
        return lambda method, target, body: studio.call(method, target, secret, json=body)
    role: Any = kind
    somebody = person(studio, "ours-somebody", ours.project, role=role)
    return lambda method, target, body: somebody.call(method, target, json=body)


def expected_status(operation: Operation, attempt: Attempt, kind: str) -> int:
    """Return what an outsider of that kind gets."""
    if operation.is_public:
        return attempt.status
    if kind in ("member", "manager"):
        return attempt.status if attempt.person is None else attempt.person
    if not operation.takes_keys or (kind == "infer" and operation.right not in (None, "infer")):
        return 403
    return attempt.status


def shown_beyond(answer: Answer, attempt: Attempt) -> str:
    """Return an answer without what was sent: that may be repeated to them."""
    shown = answer.body.decode()
    for sent in attempt.path.values():
        shown = shown.replace(sent, "")
    return shown


def test_a_colleague_and_an_administrator_do_not_see_what_is_private(
    studio: Studio, furniture: Theirs
) -> None:
    """Who looks after the platform, or works beside somebody, does not read what they wrote."""
    colleague = person(studio, "colleague", furniture.tenant.project, role="manager")
    root = person(studio, "root", is_admin=True)
    inside = person(studio, "inside", furniture.tenant.project, is_admin=True)
    before = dump(studio)
    tried = 0
    for operation, attempt, target in tries(studio, furniture):
        if not attempt.is_private:
            continue
        for somebody in (colleague, root, inside):
            answer = somebody.call(operation.method, target, json=attempt.body)
            assert answer.status == attempt.status, (operation.name, target, answer.body)
            assert furniture.canaries[-1] not in shown_beyond(answer, attempt), operation.name
            tried += 1
    assert tried > 30
    assert dump(studio) == before


def test_another_projects_thing_and_none_at_all_look_alike(
    studio: Studio, ours: Tenant, furniture: Theirs
) -> None:
    somebody = person(studio, "ours-somebody", ours.project, role="manager")
    compared = 0
    for operation, attempt, target in tries(studio, furniture):
        if attempt.status != 404 or operation.is_public or not attempt.path:
            continue
        absent = {
            name: value if value.isdigit() else f"none_{name}"[: len(value)]
            for name, value in attempt.path.items()
        }
        nowhere = operation.path.format(**absent) + attempt.query
        real = somebody.call(operation.method, target, json=attempt.body)
        none = somebody.call(operation.method, nowhere, json=attempt.body)
        assert real.status == none.status == 404, (operation.name, none.body)
        message = real.error["message"]
        for name, value in attempt.path.items():
            message = message.replace(value, absent[name])
        assert message == none.error["message"], operation.name
        assert real.error["code"] == none.error["code"]
        compared += 1
    assert compared > 20


def test_without_a_good_key_or_session_nothing_happens(
    studio: Studio, ours: Tenant, furniture: Theirs
) -> None:
    gone = person(studio, "gone", ours.project)
    with studio.store.write() as c:
        keys.revoke(c, furniture.tenant.key.id, studio.now_ms)
        members.disable(c, gone.member.id, studio.now_ms)
    before = dump(studio)
    tried = 0
    for operation, attempt, target in tries(studio, furniture):
        if operation.is_public:
            continue
        for secret in (None, "tmt_nothing", furniture.tenant.read, ours.operator[:-1]):
            answer = studio.call(operation.method, target, secret, json=attempt.body)
            assert answer.status == 401, (operation.name, target)
            tried += 1
        for cookie in ("", "x" * 43, gone.token, furniture.owner.token[:-1], "../" * 9):
            headers = {**PAGE, "cookie": f"tramontane={cookie}"}
            answer = studio.call(operation.method, target, json=attempt.body, headers=headers)
            assert answer.status == 401, (operation.name, target, cookie)
            tried += 1
    assert tried >= 9 * 40
    assert dump(studio) == before


def test_no_other_sites_page_uses_a_session(studio: Studio, furniture: Theirs) -> None:
    """Every operation that changes something, with a good cookie but from elsewhere."""
    root = person(studio, "root", furniture.tenant.project, is_admin=True)
    before = dump(studio)
    changing = 0
    for operation, attempt, target in tries(studio, furniture):
        if operation.method == "GET" or operation.is_public:
            continue
        for forged in (
            {"origin": "https://evil.example"},
            {"x-tramontane": "0"},
            {"sec-fetch-site": "cross-site"},
        ):
            headers = {**root.headers, **forged}
            answer = studio.call(operation.method, target, json=attempt.body, headers=headers)
            assert answer.status == 403, (operation.name, forged)
            assert answer.error["code"] == "cross_site", operation.name
        changing += 1
    assert changing > 25
    assert dump(studio) == before


def test_an_operator_reaches_all(studio: Studio, ours: Tenant, theirs: Tenant) -> None:
    shown = studio.call("GET", "/api/v1/projects", ours.operator).json["data"]
    assert [project["name"] for project in shown] == ["ours", "theirs"]
    assert studio.call("GET", "/api/v1/usage/req-theirs", ours.operator).status == 200
    root: Person = person(studio, "root", is_admin=True)
    assert root.call("GET", "/api/v1/usage/req-theirs").status == 200
