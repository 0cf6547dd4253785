"""Statements: what both sides are shown of the same bills, and who sees them."""

import csv
import io
from typing import Any

import msgspec
import pytest

from tests.studio.conftest import DAY_MS, NOW_MS, Studio, Tenant
from tests.studio.people import person
from tramontane.money import format_nano, parse_nano
from tramontane.store import usage

MONTH = "2023-11"


@pytest.fixture
def seller(studio: Studio) -> Tenant:
    """Who sells."""
    return studio.tenant("seller")


@pytest.fixture
def buyer(studio: Studio, seller: Tenant) -> Tenant:
    """Who has bought three requests under two versions, one of them the month before."""
    buyer = studio.tenant("buyer")
    sold = {
        "model": "seller/legal",
        "deployment": "own",
        "publication_id": "pub_1",
        "publisher_id": seller.project.id,
        "publication_version": 1,
        "cost_nano": 1_000_000_001,
        "serving_cost_nano": 400_000_000,
    }
    records = [
        studio.record("b1", buyer.project, buyer.key, **sold),
        studio.record("b2", buyer.project, buyer.key, **{**sold, "cached_tokens": 60}),
        studio.record(
            "b3", buyer.project, buyer.key, **{**sold, "publication_version": 2, "cost_nano": 7}
        ),
        studio.record("b4", buyer.project, buyer.key, started_at_ms=NOW_MS - 30 * DAY_MS, **sold),
        studio.record("own", seller.project, seller.key, model="seller/legal", deployment="own"),
    ]
    with studio.store.write() as c:
        usage.insert_many(c, records)
    return buyer


def asked(studio: Studio, tenant: Tenant, query: str = f"?month={MONTH}") -> Any:
    answer = studio.call("GET", f"/api/v1/statements{query}", tenant.read)
    assert answer.status == 200, answer.body
    return answer.json


def test_both_sides_agree_to_the_nano_unit(studio: Studio, seller: Tenant, buyer: Tenant) -> None:
    bought, sold = asked(studio, buyer), asked(studio, seller)
    assert [(b["version"], b["requests"], b["cost"]) for b in bought["bought"]] == [
        (1, 2, "2.000000002"),
        (2, 1, "0.000000007"),
    ]
    assert [(s["version"], s["buyer"], s["income"], s["serving_cost"]) for s in sold["sold"]] == [
        (1, "buyer", "2.000000002", "0.80"),
        (2, "buyer", "0.000000007", "0.40"),
    ]
    assert [b["digest"] for b in bought["bought"]] == [s["digest"] for s in sold["sold"]]
    assert bought["totals"] == {"bought": "2.000000009", "sold": "0.00", "serving_cost": "0.00"}
    assert sold["totals"] == {"bought": "0.00", "sold": "2.000000009", "serving_cost": "1.20"}
    assert not bought["sold"] and not sold["bought"]
    assert "serving_cost" not in msgspec.json.encode(bought["bought"]).decode()
    assert sum(parse_nano(b["cost"]) for b in bought["bought"]) == parse_nano("2.000000009")
    assert bought["digest"] == asked(studio, buyer)["digest"] != sold["digest"]
    assert asked(studio, buyer, "?month=2023-10")["totals"]["bought"] == format_nano(1_000_000_001)


def test_a_month_is_final_a_day_after_its_end(studio: Studio, buyer: Tenant) -> None:
    before = asked(studio, buyer)
    assert before["is_final"] is False and before == asked(studio, buyer, "")
    assert asked(studio, buyer, "?month=2023-10")["is_final"] is True
    first_of_december_ms = 1_701_388_800_000
    studio.now_ms = first_of_december_ms + DAY_MS - 1
    assert asked(studio, buyer)["is_final"] is False
    studio.now_ms += 1
    after = asked(studio, buyer)
    assert after["is_final"] is True and after["digest"] == before["digest"]
    with studio.store.write() as c:
        usage.insert_many(
            c,
            [
                studio.record(
                    "late",
                    buyer.project,
                    buyer.key,
                    publication_id="pub_1",
                    publisher_id="prj_gone",
                    status="gateway_lost",
                )
            ],
        )
    assert asked(studio, buyer)["digest"] != before["digest"]  # whatever comes late is seen


def test_a_statement_as_csv(studio: Studio, seller: Tenant, buyer: Tenant) -> None:
    answer = studio.call("GET", f"/api/v1/statements?month={MONTH}&format=csv", seller.read)
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert [(r["side"], r["counterpart"], r["amount"], r["serving_cost"]) for r in rows] == [
        ("sold", "buyer", "2.000000002", "0.80"),
        ("sold", "buyer", "0.000000007", "0.40"),
    ]
    digests = [line["digest"] for line in asked(studio, buyer)["bought"]]
    assert [row["digest"] for row in rows] == digests


def test_who_sees_which(studio: Studio, seller: Tenant, buyer: Tenant) -> None:
    query = f"?month={MONTH}&project_id={buyer.project.id}"
    assert studio.call("GET", f"/api/v1/statements{query}", seller.read).status == 404
    assert asked(studio, seller, f"?month={MONTH}&project_id=seller")["project"] == "seller"
    operator = studio.call("GET", f"/api/v1/statements{query}", seller.operator)
    assert operator.json["project"] == "buyer"
    nobody = person(studio, "nobody")
    missing = nobody.call("GET", "/api/v1/statements")
    assert (missing.status, missing.error["param"]) == (400, "project_id")
    for month in ("2023-13", "2023-1", "november", "2023-11-01", "0000-01", "9999-12"):
        refused = studio.call("GET", f"/api/v1/statements?month={month}", buyer.read)
        assert (refused.status, refused.error["param"]) == (400, "month"), month


def test_what_serves_a_publication_is_in_no_report_to_who_buys(
    studio: Studio, seller: Tenant, buyer: Tenant
) -> None:
    report = studio.call("GET", "/api/v1/usage?by=deployment", buyer.read).json["data"]
    assert {line["deployment"] for line in report} == {"seller/legal", "large"}
    bill = studio.call("GET", "/api/v1/usage/b1", buyer.read).json
    assert [attempt["deployment"] for attempt in bill["attempts"]] == ["seller/legal"]
    own = studio.call("GET", "/api/v1/usage?by=deployment", seller.read).json["data"]
    assert {line["deployment"] for line in own} == {"own", "large"}
    all_of_them = studio.call("GET", "/api/v1/usage?by=deployment", buyer.operator).json["data"]
    assert {line["deployment"] for line in all_of_them} == {"own", "large"}
