"""Prompts: one's own and a project's, changed by two people at once."""

import threading

import pytest

from tests.studio.conftest import Studio, Tenant
from tests.studio.people import Person, person

BODY = "Write to {{ name }} about {{subject}}. Dear {{name}}, {not one}, {{\n}}."


@pytest.fixture
def ada(studio: Studio, ours: Tenant) -> Person:
    """A member of `ours`."""
    return person(studio, "ada", ours.project)


@pytest.fixture
def ben(studio: Studio, ours: Tenant) -> Person:
    """Another member of `ours`."""
    return person(studio, "ben", ours.project)


def made(by: Person, project_id: str | None = None, **fields: object) -> dict[str, object]:
    body = {"title": " A  letter ", "body": BODY, "project_id": project_id, **fields}
    answer = by.call("POST", "/api/v1/prompts", json=body)
    assert answer.status == 201, answer.body
    found: dict[str, object] = answer.json
    return found


def test_one_s_own(studio: Studio, ada: Person, ben: Person) -> None:
    prompt = made(ada)
    assert (prompt["title"], prompt["variables"]) == ("A letter", ["name", "subject"])
    assert (prompt["version"], prompt["is_mine"], prompt["owner_name"]) == (1, True, "Ada")
    path = f"/api/v1/prompts/{prompt['id']}"
    assert ada.call("GET", "/api/v1/prompts").json == {"data": [prompt]}
    assert ben.call("GET", "/api/v1/prompts").json == {"data": []}
    for method, body in (
        ("GET", None),
        ("PATCH", {"version": 1, "title": "Mine"}),
        ("DELETE", None),
    ):
        assert ben.call(method, path, json=body).status == 404
    assert ada.call("DELETE", path).status == 204
    assert ada.call("GET", path).status == 404


def test_a_project_s(
    studio: Studio, ours: Tenant, theirs: Tenant, ada: Person, ben: Person
) -> None:
    prompt = made(ada, ours.project.id)
    path = f"/api/v1/prompts/{prompt['id']}"
    outside = person(studio, "eve", theirs.project)
    manager = person(studio, "mia", ours.project, role="manager")
    for method, body in (("GET", None), ("PATCH", {"version": 1, "title": "x"}), ("DELETE", None)):
        assert outside.call(method, path, json=body).status == 404
    listed = f"/api/v1/prompts?project_id={ours.project.id}"
    assert outside.call("GET", listed).status == 404
    assert outside.call("POST", "/api/v1/prompts", json={
        "title": "t", "body": "b", "project_id": ours.project.id
    }).status == 404  # fmt: skip
    (seen,) = ben.call("GET", listed).json["data"]
    assert (seen["is_mine"], seen["may_delete"]) == (False, False)
    changed = ben.call("PATCH", path, json={"version": 1, "title": "Better"}).json
    assert (changed["title"], changed["version"], changed["body"]) == ("Better", 2, BODY)
    assert ben.call("DELETE", path).status == 403
    alone = ben.call("PATCH", path, json={"version": 2, "project_id": None})
    assert (alone.status, alone.error["param"]) == (403, "project_id")
    assert manager.call("DELETE", path).status == 204


def test_its_owner_says_who_sees_it(ours: Tenant, theirs: Tenant, ada: Person, ben: Person) -> None:
    prompt = made(ada)
    path = f"/api/v1/prompts/{prompt['id']}"
    there = {"version": 1, "project_id": theirs.project.id}
    assert ada.call("PATCH", path, json=there).status == 404
    here = {"version": 1, "project_id": ours.project.id}
    assert ada.call("PATCH", path, json=here).json["project_id"] == ours.project.id
    assert ben.call("GET", path).status == 200
    assert ada.call("PATCH", path, json={"version": 2, "project_id": None}).status == 200
    assert ben.call("GET", path).status == 404


def test_two_people_change_one_prompt(ours: Tenant, ada: Person, ben: Person) -> None:
    path = f"/api/v1/prompts/{made(ada, ours.project.id)['id']}"
    first = ada.call("PATCH", path, json={"version": 1, "body": "Ada was here"})
    second = ben.call("PATCH", path, json={"version": 1, "body": "Ben was here"})
    assert first.status == 200
    assert (second.status, second.error["code"]) == (409, "changed_meanwhile")
    assert second.json["current"] == ben.call("GET", path).json
    assert second.json["current"]["body"] == "Ada was here"
    again = {"version": second.json["current"]["version"], "body": "Ada and Ben were here"}
    assert ben.call("PATCH", path, json=again).json["version"] == 3


def test_of_many_changes_at_once_one_is_kept(ours: Tenant, ada: Person) -> None:
    path = f"/api/v1/prompts/{made(ada, ours.project.id)['id']}"
    statuses: list[int] = []

    def change(n: int) -> None:
        body = {"version": 1, "body": f"Version {n}"}
        statuses.append(ada.call("PATCH", path, json=body).status)

    threads = [threading.Thread(target=change, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [409] * 7
    assert ada.call("GET", path).json["version"] == 2


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"title": "  "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"body": " \n"}, "body"),
        ({"body": "x" * 20_001}, "body"),
        ({"body": 7}, "body"),
        ({"owner": "me"}, "owner"),
    ],
)
def test_bad_input_names_its_field(ada: Person, change: dict[str, object], param: str) -> None:
    body = {"title": "t", "body": "b"} | change
    answer = ada.call("POST", "/api/v1/prompts", json=body)
    assert (answer.status, answer.error["param"]) == (400, param)
    path = f"/api/v1/prompts/{made(ada)['id']}"
    answer = ada.call("PATCH", path, json={"version": 1} | change)
    assert (answer.status, answer.error["param"]) == (400, param)


def test_keys_have_no_prompts(studio: Studio, ours: Tenant) -> None:
    answer = studio.call("GET", "/api/v1/prompts", ours.operator)
    assert (answer.status, answer.error["code"]) == (403, "people_only")
