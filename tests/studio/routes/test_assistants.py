"""Assistants: those that ship in five languages, one's own, a project's, copies."""

import json
from typing import Any

import pytest

from tests.studio.conftest import Studio, Tenant
from tests.studio.people import Person, person
from tramontane.assistant.shipped import LANGUAGES
from tramontane.tools import ALL

PATH = "/api/v1/assistants"
SHIPPED = ["letter", "translation", "minutes", "form", "tutor"]
FIELDS = {
    "name": "Permits",
    "description": "Answers about permits.",
    "instructions": "You know permits.",
    "model": "large",
    "starters": ["What do I need?", "  ", "How long does it take?"],
    "tools": ["calculator"],
    "parameters": {"temperature": 0.5},
}


@pytest.fixture
def ada(studio: Studio, ours: Tenant) -> Person:
    """A member of `ours`."""
    return person(studio, "ada", ours.project)


@pytest.fixture
def ben(studio: Studio, ours: Tenant) -> Person:
    """Another member of `ours`."""
    return person(studio, "ben", ours.project)


def made(by: Person, **fields: object) -> Any:
    answer = by.call("POST", PATH, json={**FIELDS, **fields})
    assert answer.status == 201, answer.body
    return answer.json


@pytest.mark.parametrize("language", LANGUAGES)
def test_five_ship_in_each_language(ada: Person, language: str) -> None:
    found = ada.call("GET", f"{PATH}?language={language}").json["data"]
    assert [one["id"] for one in found] == [f"shipped:{name}" for name in SHIPPED]
    for one in found:
        assert one["is_shipped"] and not one["may_edit"] and one["language"] == language
        assert len(set(one["starters"])) == 4
        assert 3 <= len(one["name"]) <= 40 and 40 <= len(one["description"]) <= 140
        assert len(one["instructions"]) > 800
        assert set(one["tools"]) <= ALL.keys()
        assert ada.call("GET", f"{PATH}/{one['id']}?language={language}").json == one
    if language != "en":
        english = json.dumps(ada.call("GET", f"{PATH}?language=en").json)
        texts = [t for one in found for t in (one["description"], one["instructions"])]
        assert not [text for text in texts if json.dumps(text) in english]


def test_the_reader_s_language_is_the_one_shown(ada: Person) -> None:
    assert ada.call("PATCH", "/api/v1/me", json={"language": "it"}).status == 200
    assert ada.call("GET", PATH).json["data"][0]["name"] == "Lettera in linguaggio chiaro"
    assert ada.call("GET", f"{PATH}?language=fr").json["data"][1]["name"] == "Traduction"
    assert ada.call("GET", f"{PATH}?language=xx").status == 400


def test_one_s_own(ada: Person, ben: Person) -> None:
    own = made(ada)
    expected = {**FIELDS, "starters": ["What do I need?", "How long does it take?"]}
    assert {name: own[name] for name in FIELDS} == expected
    assert (own["is_mine"], own["may_edit"], own["language"]) == (True, True, None)
    assert ada.call("GET", PATH).json["data"][5:] == [own]
    path = f"{PATH}/{own['id']}"
    assert len(ben.call("GET", PATH).json["data"]) == 5
    change: dict[str, object] = {"version": 1, "model": None, "starters": []}
    for method, body in (("GET", None), ("PATCH", change), ("DELETE", None)):
        assert ben.call(method, path, json=body).status == 404
    assert ben.call("POST", f"{path}/copy", json={}).status == 404
    changed = ada.call("PATCH", path, json=change).json
    assert (changed["model"], changed["starters"], changed["name"]) == (None, [], "Permits")
    assert ada.call("DELETE", path).status == 204
    assert ada.call("GET", path).status == 404


def test_a_project_s(
    studio: Studio, ours: Tenant, theirs: Tenant, ada: Person, ben: Person
) -> None:
    shared = made(ada, project_id=ours.project.id)
    path = f"{PATH}/{shared['id']}"
    outside = person(studio, "eve", theirs.project)
    admin = person(studio, "kim", theirs.project, is_admin=True)
    manager = person(studio, "mia", ours.project, role="manager")
    for someone in (outside, admin):
        assert someone.call("GET", path).status == 404
    assert outside.call("GET", f"{PATH}?project_id={ours.project.id}").status == 404
    assert outside.call("POST", PATH, json={**FIELDS, "project_id": ours.project.id}).status == 404
    assert ben.call("GET", path).json["may_edit"] is False
    assert ben.call("PATCH", path, json={"version": 1, "name": "x"}).status == 403
    assert ben.call("DELETE", path).status == 403
    copy = ben.call("POST", f"{path}/copy", json={"name": "Mine"})
    assert copy.status == 201
    assert (copy.json["name"], copy.json["project_id"], copy.json["is_mine"]) == (
        "Mine",
        None,
        True,
    )
    assert manager.call("PATCH", path, json={"version": 1, "name": "Better"}).status == 200
    late = ada.call("PATCH", path, json={"version": 1, "name": "Late"})
    assert (late.status, late.error["code"]) == (409, "changed_meanwhile")
    assert late.json["current"]["name"] == "Better"
    assert manager.call("DELETE", path).status == 204


def test_one_that_ships_is_copied_then_changed(ada: Person) -> None:
    path = f"{PATH}/shipped:letter"
    for method, body in (("PATCH", {"version": 1, "name": "x"}), ("DELETE", None)):
        assert ada.call(method, path, json=body).status == 403
    copy = ada.call("POST", f"{path}/copy?language=de", json={}).json
    assert copy["name"] == "Brief in klarer Sprache"
    assert not copy["is_shipped"]
    assert ada.call("PATCH", f"{PATH}/{copy['id']}", json={"version": 1, "name": "x"}).status == 200
    assert ada.call("GET", f"{PATH}/shipped:nothing").status == 404
    assert ada.call("POST", f"{PATH}/shipped:nothing/copy", json={}).status == 404


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"description": "x" * 501}, "description"),
        ({"instructions": "x" * 20_001}, "instructions"),
        ({"starters": ["x"] * 9}, "starters"),
        ({"starters": ["x" * 501]}, "starters"),
        ({"tools": ["rm"]}, "tools"),
        ({"parameters": {"temperature": 3}}, "parameters.temperature"),
    ],
)
def test_bad_input_names_its_field(ada: Person, change: dict[str, object], param: str) -> None:
    answer = ada.call("POST", PATH, json={**FIELDS, **change})
    assert (answer.status, answer.error["param"]) == (400, param), answer.body
