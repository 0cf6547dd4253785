"""Prepaid projects: made by an invitation, once, with what was paid; topped up and recorded."""

import threading
from typing import Any

import pytest

from tests.studio.conftest import DAY_MS, Answer, Studio, Tenant
from tests.studio.people import PAGE, Person, person
from tramontane.errors import NotFound
from tramontane.store import links, members, memberships, prepayments, projects, usage
from tramontane.store.database import Store

PASSWORD = "quatre mots et encore un"


@pytest.fixture
def root(studio: Studio, ours: Tenant) -> Person:
    """An administrator."""
    return person(studio, "root", is_admin=True)


def invite(who: Person, **fields: Any) -> Answer:
    """Return the answer to inviting somebody to a new project."""
    sent = {"new_project": "acme", "prepaid": "50.00", "email": "eve@example.org", **fields}
    return who.call("POST", "/api/v1/invitations", json=sent)


def token_of(made: Answer) -> str:
    assert made.status == 201, made.body
    return str(made.json["url"].partition("/#/welcome/")[2])


def accept(studio: Studio, token: str, **fields: Any) -> Answer:
    """Return the answer to using a link."""
    given = {"token": token, "password": PASSWORD, "name": "Eve", **fields}
    return studio.call("POST", "/api/v1/links/accept", json=given, headers=PAGE)


def names(store: Store) -> list[str]:
    with store.read() as c:
        return [project.name for project in projects.list_all(c)]


def test_who_accepts_manages_a_new_project_that_can_spend_what_was_paid(
    studio: Studio, root: Person
) -> None:
    made = invite(root)
    assert (made.json["new_project"], made.json["prepaid"], made.json["role"]) == (
        "acme", "50.00", "manager",
    )  # fmt: skip
    token = token_of(made)
    told = studio.call("POST", "/api/v1/links/check", json={"token": token}, headers=PAGE).json
    assert (told["new_project"], told["prepaid"], told["currency"]) == ("acme", "50.00", "USD")
    assert names(studio.store) == ["ours"]  # not before it is accepted
    answer = accept(studio, token)
    assert answer.status == 200, answer.body
    (place,) = answer.json["projects"]
    assert place["role"] == "manager"
    with studio.store.read() as c:
        project = projects.get(c, "acme")
        budget = prepayments.total_budget(c, project.id)
        (paid,) = prepayments.list_all(c, project.id)
    assert project.allowed_models is None
    assert budget is not None and budget.limit_nano == 50 * 10**9 == paid.amount_nano
    assert paid.recorded_by == root.member.id
    again = accept(studio, token)
    assert (again.status, again.error["code"]) == (404, "link_unusable")
    assert names(studio.store) == ["acme", "ours"]


def test_an_invitation_narrows_what_the_new_project_may_use(studio: Studio, root: Person) -> None:
    made = invite(root, allowed_models=["small", "large", "small"])
    assert made.json["allowed_models"] == ["large", "small"]
    (listed,) = root.call("GET", "/api/v1/invitations").json["data"]
    assert listed["allowed_models"] == ["large", "small"]
    token = token_of(made)
    told = studio.call("POST", "/api/v1/links/check", json={"token": token}, headers=PAGE).json
    assert told["allowed_models"] == ["large", "small"]
    assert accept(studio, token).status == 200
    with studio.store.read() as c:
        assert projects.get(c, "acme").allowed_models == ("large", "small")


def test_two_at_once_make_one_project(studio: Studio, root: Person) -> None:
    token = token_of(invite(root, email=None))
    statuses: list[int] = []

    def use(n: int) -> None:
        statuses.append(accept(studio, token, email=f"eve{n}@example.org").status)

    threads = [threading.Thread(target=use, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 404]
    assert names(studio.store) == ["acme", "ours"]


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"prepaid": None}, 400, "prepaid"),
    ({"prepaid": "0"}, 400, "prepaid"),
    ({"prepaid": "-5"}, 400, "prepaid"),
    ({"prepaid": "1000001"}, 400, "prepaid"),
    ({"prepaid": "0.0000000001"}, 400, "prepaid"),
    ({"prepaid": "much"}, 400, "prepaid"),
    ({"prepaid": "NaN"}, 400, "prepaid"),
    ({"new_project": "ours"}, 409, "new_project"),
    ({"new_project": "Not a name"}, 400, "new_project"),
    ({"new_project": ""}, 400, "new_project"),
    ({"project_id": "ours"}, 400, "project_id"),
    ({"is_admin": True}, 400, "is_admin"),
    ({"new_project": None, "project_id": "ours"}, 400, "prepaid"),
    ({"new_project": None}, 400, "project_id"),
    ({"email": "nobody"}, 400, "email"),
    ({"allowed_models": ["no such\nname"]}, 400, "allowed_models"),
    (
        {"new_project": None, "prepaid": None, "project_id": "ours", "allowed_models": ["large"]},
        400,
        "allowed_models",
    ),
]


def test_what_cannot_be_promised(studio: Studio, root: Person) -> None:
    for fields, status, param in REFUSED:
        refused = invite(root, **fields)
        assert (refused.status, refused.error["param"]) == (status, param), fields


def test_only_operators_promise_projects_and_only_while_they_are(
    studio: Studio, ours: Tenant, root: Person
) -> None:
    boss = person(studio, "boss", ours.project, role="manager")
    assert invite(boss).status == 403
    other = person(studio, "other", is_admin=True)
    token = token_of(invite(root))
    taken = invite(other, email="max@example.org")
    assert (taken.status, taken.error["param"]) == (409, "new_project")  # promised already
    newer = token_of(invite(other))  # to the same address: in the place of the first
    assert accept(studio, token).status == 404
    with studio.store.write() as c:
        members.set_admin(c, other.member.id, False)
        with pytest.raises(NotFound):  # who made it may not grant it any more
            links.find(c, studio.pepper, newer, studio.now_ms)
    assert accept(studio, newer).status == 404
    late = token_of(invite(root))
    studio.now_ms += 7 * DAY_MS
    assert accept(studio, late).status == 404
    assert "acme" not in names(studio.store)


def test_a_name_that_is_taken_meanwhile_leaves_the_link_good(studio: Studio, root: Person) -> None:
    token = token_of(invite(root))
    made = root.call("POST", "/api/v1/projects", json={"name": "acme"}).json
    refused = accept(studio, token)
    assert (refused.status, refused.error["code"]) == (409, "project_name_taken")
    with studio.store.read() as c:
        assert members.find(c, "eve@example.org") is None  # nothing was changed
    root.call("PATCH", f"/api/v1/projects/{made['id']}", json={"name": "acme-old"})
    assert accept(studio, token).status == 200


def test_topping_up_adds_to_what_is_left_once_for_each_reference(
    studio: Studio, ours: Tenant, root: Person
) -> None:
    eve = accept(studio, token_of(invite(root)))
    assert eve.status == 200
    with studio.store.write() as c:
        project = projects.get(c, "acme")
        usage.insert_many(c, [studio.record("r", project, ours.key, cost_nano=20 * 10**9)])
    path = f"/api/v1/projects/{project.id}/prepaid"
    studio.now_ms += 1
    topped = root.call("POST", path, json={"amount": "10.5", "reference": "R-7"})
    assert topped.status == 201
    told = topped.json
    assert (told["limit"], told["spent"], told["left"]) == ("60.50", "20.00", "40.50")
    assert [(p["amount"], p["reference"], p["recorded_by"]) for p in told["data"]] == [
        ("50.00", None, "Root"),
        ("10.50", "R-7", "Root"),
    ]
    again = root.call("POST", path, json={"amount": "10.5", "reference": " R-7 "})
    assert (again.status, again.error["code"]) == (409, "already_recorded")
    for amount in ("0", "-1", "1e30", "x", ""):
        refused = root.call("POST", path, json={"amount": amount})
        assert (refused.status, refused.error["param"]) == (400, "amount"), amount
    unlimited = root.call("POST", "/api/v1/projects/ours/prepaid", json={"amount": "5"})
    assert (unlimited.status, unlimited.error["code"]) == (409, "no_prepaid_budget")
    boss = person(studio, "boss", project, role="manager")
    assert boss.call("POST", path, json={"amount": "1"}).status == 403
    assert boss.call("GET", path).json["left"] == "40.50"
    (budget,) = boss.call("GET", "/api/v1/budgets").json["data"]
    assert (budget["window"], budget["limit"], budget["left"]) == ("total", "60.50", "40.50")
    with studio.store.read() as c:
        assert len(memberships.list_all(c, project_id=project.id)) == 2
