"""Colleagues see their own use and the project's, not one another's; managers see everybody's."""

from typing import Any

import msgspec

from tests.studio.conftest import Studio, Tenant
from tests.studio.people import Person, person
from tramontane.money import parse_nano
from tramontane.store import budgets, keys, memberships, usage
from tramontane.store.usage import UsageRow
from tramontane.studio.discretion import together


def used(studio: Studio, tenant: Tenant, who: Person, request_id: str) -> str:
    """Have somebody use something; return the key it is billed to."""
    with studio.store.write() as c:
        place = memberships.get(c, who.member.id, tenant.project.id)
        record = studio.record(request_id, tenant.project, keys.get(c, place.key_id))
        usage.insert_many(c, [record])
        budgets.set(
            c,
            project_id=tenant.project.id,
            key_id=place.key_id,
            window="day",
            limit_nano=parse_nano("1"),
        )
    return place.key_id


def seen(who: Person, path: str) -> Any:
    """Return the data of a list as somebody sees it."""
    return who.call("GET", f"/api/v1/{path}").json["data"]


def test_whose_use_everybody_sees(studio: Studio, ours: Tenant) -> None:
    ada, bob = person(studio, "ada", ours.project), person(studio, "bob", ours.project)
    eve = person(studio, "eve", ours.project)
    boss = person(studio, "boss", ours.project, role="manager")
    root = person(studio, "root", is_admin=True)
    key_ids = {
        who.member.id: used(studio, ours, who, f"req-{who.member.name}") for who in (ada, bob, eve)
    }
    own, bobs = key_ids[ada.member.id], key_ids[bob.member.id]
    lines = {line.get("key"): line["requests"] for line in seen(ada, "usage?by=key")}
    assert lines == {"ours-read": 1, "ada": 1, None: 2}
    assert ada.call("GET", "/api/v1/usage").json["total"]["requests"] == 4
    csv = ada.call("GET", "/api/v1/usage?by=day&by=key&format=csv").body.decode()
    assert "bob" not in csv and bobs not in csv and csv.count("\n") == 4
    shown = {key["member_id"] for key in seen(ada, "keys")}
    assert shown == {None, ada.member.id}
    assert {budget["key_id"] for budget in seen(ada, "budgets")} == {None, own}
    assert ada.call("GET", "/api/v1/usage/req-Ada").status == 200
    hidden = ada.call("GET", "/api/v1/usage/req-Bob")
    none = ada.call("GET", "/api/v1/usage/req-Nobody")
    assert (hidden.status, hidden.body) == (404, none.body)
    for other in (boss, root):
        lines = {line.get("key"): line["requests"] for line in seen(other, "usage?by=key")}
        assert lines == {"ours-read": 1, "ada": 1, "bob": 1, "eve": 1}
        assert other.call("GET", "/api/v1/usage/req-Bob").status == 200
        assert {budget["key_id"] for budget in seen(other, "budgets")} >= set(key_ids.values())


def test_who_sees_what_each_person_used(studio: Studio, ours: Tenant, theirs: Tenant) -> None:
    ada = person(studio, "ada", ours.project, theirs.project)
    bob, eve = person(studio, "bob", ours.project), person(studio, "eve", theirs.project)
    boss = person(studio, "boss", ours.project, role="manager")
    used(studio, theirs, eve, "req-Eve")
    for who in (ada, bob):
        used(studio, ours, who, f"req-{who.member.name}")

    def lines(who: Person, query: str = "") -> dict[tuple[str | None, str], int]:
        data = seen(who, f"usage?by=member{query}")
        return {(line.get("member"), line["user"]): line["requests"] for line in data}

    assert lines(ada) == {(None, "program"): 2, ("Ada", "person"): 1, (None, "colleagues"): 2}
    assert lines(ada, "&project_id=ours")[None, "colleagues"] == 1
    assert lines(boss) == {(None, "program"): 1, ("Ada", "person"): 1, ("Bob", "person"): 1}
    assert ("Eve", "person") in lines(person(studio, "root", is_admin=True))
    text = ada.call("GET", "/api/v1/usage?by=day&by=member&format=csv").body.decode()
    assert "Ada" in text and "Bob" not in text and bob.member.id not in text
    assert "key_id" not in text.partition("\n")[0]
    # A program is told that people use something, and not who.
    told = studio.call("GET", "/api/v1/usage?by=member,key", ours.read).body.decode()
    assert "Ada" not in told and ada.member.id not in told and '"colleagues"' in told


def test_sums_stay_the_same() -> None:
    def row(key: str, requests: int, **fields: Any) -> UsageRow:
        return UsageRow(
            key_id=key,
            key=key,
            requests=requests,
            estimated_requests=1,
            unpriced_requests=0,
            prompt_tokens=requests * 10,
            completion_tokens=requests,
            cached_tokens=0,
            cache_write_tokens=0,
            cost_nano=requests * 7,
            **fields,
        )

    rows = [row("a", 1), row("b", 2), row("c", 4), row("d", 8)]
    found = together(rows, frozenset({"b", "d"}))
    assert [(line.key_id, line.requests) for line in found] == [("a", 1), (None, 10), ("c", 4)]
    for name in ("estimated_requests", "prompt_tokens", "completion_tokens", "cost_nano"):
        assert sum(getattr(r, name) for r in found) == sum(getattr(r, name) for r in rows)
    assert together(rows, frozenset()) == rows
    by_day = [msgspec.structs.replace(row("b", 1), day=day) for day in ("1", "2")]
    assert len(together(by_day, frozenset({"b"}))) == 2
