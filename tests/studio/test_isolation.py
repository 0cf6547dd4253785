"""No operation shows or changes what is another project's, nor anything without a key.

Generated from the OpenAPI document: a new operation without an entry here fails.
"""

import sqlite3
from typing import Any

import msgspec
import pytest

from tests.studio.conftest import Studio, Tenant
from tramontane.store import keys


class Attempt(msgspec.Struct, frozen=True):
    """How to reach for another project's things. `status` is for a key that may read its own."""

    status: int
    query: str = ""
    path: dict[str, str] = {}
    body: Any = None


def attempts(theirs: Tenant) -> dict[str, list[Attempt]]:
    """Return, for each operation, how a key of another project reaches for `theirs`."""
    project = theirs.project
    of_them = [f"?project_id={project.id}", f"?project_id={project.name}"]
    budget = {"project_id": project.id, "window": "day", "limit": "1"}
    key = {"project_id": project.id, "name": "new"}
    listed = [Attempt(200), *(Attempt(404, query) for query in of_them)]
    return {
        "getStatus": [Attempt(200)],
        "listProjects": [Attempt(200)],
        "createProject": [Attempt(403, body={"name": "new"})],
        "getProject": [
            Attempt(404, path={"project_id": project.id}),
            Attempt(404, path={"project_id": project.name}),
        ],
        "changeProject": [
            Attempt(403, path={"project_id": project.id}, body={"closed_reason": "gone"})
        ],
        "listKeys": listed,
        "createKey": [Attempt(403, body=key)],
        "revokeKey": [Attempt(403, path={"key_id": theirs.key.id})],
        "listBudgets": listed,
        "setBudget": [Attempt(403, body=budget)],
        "removeBudget": [Attempt(403, path={"budget_id": theirs.budget.id})],
        "reportUsage": [
            Attempt(200, "?by=project&by=key"),
            Attempt(404, f"?by=day&project_id={project.id}"),
            Attempt(404, f"?format=csv&project_id={project.name}"),
        ],
        "getRequestUsage": [Attempt(404, path={"request_id": f"req-{project.name}"})],
        "listModels": [Attempt(200)],
        "listDeployments": [Attempt(200)],
    }


def operations(studio: Studio) -> dict[str, tuple[str, str]]:
    """Return method and path of every operation in the document, by its identifier."""
    document = studio.call("GET", "/api/openapi.json").json
    return {
        operation["operationId"]: (method.upper(), path)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


def dump(studio: Studio) -> str:
    """Return all that the store holds."""
    connection = sqlite3.connect(studio.settings.data_dir / "tramontane.db")
    try:
        return "\n".join(connection.iterdump())
    finally:
        connection.close()


def test_every_operation_has_its_attempts(studio: Studio, theirs: Tenant) -> None:
    assert operations(studio).keys() == attempts(theirs).keys()


@pytest.mark.parametrize("kind", ["read", "infer"])
def test_nothing_of_another_project(
    studio: Studio, ours: Tenant, theirs: Tenant, kind: str
) -> None:
    before = dump(studio)
    secret = ours.read if kind == "read" else ours.infer
    for name, (method, path) in operations(studio).items():
        for attempt in attempts(theirs)[name]:
            target = path.format(**attempt.path) + attempt.query
            answer = studio.call(method, target, secret, json=attempt.body)
            expected = attempt.status if kind == "read" or name == "getStatus" else 403
            assert answer.status == expected, (name, target, answer.body)
            # What they sent may be repeated to them, nothing else of the other's.
            shown = answer.body.decode()
            for canary in (theirs.key.id, theirs.key.prefix, theirs.budget.id, "theirs-read"):
                assert canary not in shown, name
            if expected == 200:
                assert theirs.project.id not in shown and '"theirs' not in shown, name
    assert dump(studio) == before


def test_another_projects_thing_and_none_at_all_look_alike(
    studio: Studio, ours: Tenant, theirs: Tenant
) -> None:
    for path in ("/api/v1/projects/{}", "/api/v1/keys?project_id={}"):
        real = studio.call("GET", path.format("theirs"), ours.read)
        none = studio.call("GET", path.format("nobody"), ours.read)
        assert real.status == none.status == 404
        assert real.error["message"].replace("theirs", "nobody") == none.error["message"]
    real = studio.call("GET", "/api/v1/usage/req-theirs", ours.read)
    none = studio.call("GET", "/api/v1/usage/req-nobody", ours.read)
    assert real.body == none.body


def test_without_a_good_key_nothing_happens(studio: Studio, ours: Tenant, theirs: Tenant) -> None:
    with studio.store.write() as c:
        keys.revoke(c, theirs.key.id, studio.now_ms)
    before = dump(studio)
    tried = 0
    for name, (method, path) in operations(studio).items():
        for attempt in attempts(theirs)[name]:
            target = path.format(**attempt.path) + attempt.query
            for secret in (None, "tmt_nothing", theirs.read, ours.operator[:-1]):
                answer = studio.call(method, target, secret, json=attempt.body)
                assert answer.status == 401, (name, target)
                tried += 1
    assert tried >= 4 * len(attempts(theirs))
    assert dump(studio) == before


def test_an_operator_reaches_all(studio: Studio, ours: Tenant, theirs: Tenant) -> None:
    shown = studio.call("GET", "/api/v1/projects", ours.operator).json["data"]
    assert [project["name"] for project in shown] == ["ours", "theirs"]
    assert studio.call("GET", "/api/v1/usage/req-theirs", ours.operator).status == 200
