"""Usage: reports in two forms, and the bill of one request."""

import csv
import io

import pytest

from tests.studio.conftest import DAY_MS, NOW_MS, Studio, Tenant
from tramontane.money import parse_nano
from tramontane.store import usage

BAD_INPUT = [
    ("by=week", "by"),
    ("by=day,", "by"),
    ("by=", "by"),
    ("since=yesterday", "since"),
    ("until=20231114T99", "until"),
    ("until=0001-01-01", "until"),
    ("since=9999-12-31T23:59:59-14:00", "since"),
    ("format=xml", "format"),
    ("sinse=2023-11-14", "sinse"),
    ("by=day&platform=1", "platform"),
    ("caller=x", "caller"),
    ("span=week", "span"),
    ("span=7d&since=2023-11-14", "span"),
]


@pytest.fixture
def busy(studio: Studio, ours: Tenant) -> Tenant:
    """Our project with four requests more: yesterday's, another model's, one tried twice."""
    records = [
        studio.record("r1", ours.project, ours.key, started_at_ms=NOW_MS - DAY_MS),
        studio.record("r2", ours.project, ours.key, model="demo", cost_nano=0),
        studio.record("r3", ours.project, ours.key, estimated=True, status="upstream_failed"),
        studio.record("r3", ours.project, ours.key, attempt=2, cached_tokens=50),
    ]
    with studio.store.write() as c:
        usage.insert_many(c, records)
    return ours


def test_a_report_by_day_and_model(studio: Studio, busy: Tenant, theirs: Tenant) -> None:
    report = studio.call("GET", "/api/v1/usage?by=day,model", busy.read).json
    assert report["by"] == ["day", "model"]
    assert report["currency"] == "USD"
    assert [(line["day"], line["model"], line["requests"]) for line in report["data"]] == [
        ("2023-11-13", "large", 1),
        ("2023-11-14", "demo", 1),
        ("2023-11-14", "large", 2),
    ]
    assert report["data"][2] == {
        "day": "2023-11-14",
        "model": "large",
        "requests": 2,
        "estimated_requests": 1,
        "unpriced_requests": 0,
        "prompt_tokens": 300,
        "completion_tokens": 60,
        "cached_tokens": 50,
        "cache_write_tokens": 0,
        "cost": "0.0045",
    }
    assert report["total"]["cost"] == "0.006"
    assert report["total"]["requests"] == 4
    repeated = studio.call("GET", "/api/v1/usage?by=day&by=model&by=day", busy.read)
    assert repeated.json == report


def test_a_report_is_bounded_by_moments(studio: Studio, busy: Tenant) -> None:
    def requests(query: str) -> int:
        answer = studio.call("GET", f"/api/v1/usage?{query}", busy.read)
        count: int = answer.json["total"]["requests"]
        return count

    assert requests("since=2023-11-14") == 3
    assert requests("until=2023-11-14") == 1
    assert requests("since=2023-11-13T22:13:20Z&until=2023-11-13T22:13:21Z") == 1
    assert requests("until=2023-11-13T22:13:20Z") == 0
    assert requests("since=2023-11-13T23:13:20%2B01:00&until=2023-11-14") == 1
    assert requests("since=2023-11-13T23:13:21%2B01:00&until=2023-11-14") == 0
    assert requests("since=2030-01-01") == 0


def test_a_report_of_a_time_by_name(studio: Studio, busy: Tenant) -> None:
    report = studio.call("GET", "/api/v1/usage?by=day&span=today", busy.read).json
    assert (report["since"], report["until"]) == ("2023-11-14T00:00:00Z", "2023-11-15T00:00:00Z")
    assert report["total"]["requests"] == 3
    assert studio.call("GET", "/api/v1/usage?span=7d", busy.read).json["total"]["requests"] == 4


def test_names_stand_beside_identifiers(studio: Studio, busy: Tenant, theirs: Tenant) -> None:
    lines = studio.call("GET", "/api/v1/usage?by=project,key", busy.operator).json["data"]
    assert {(line["project"], line["key"]) for line in lines} == {
        ("ours", "ours-read"),
        ("theirs", "theirs-read"),
    }
    one = studio.call("GET", "/api/v1/usage?by=project&project_id=theirs", busy.operator).json
    assert [line["project"] for line in one["data"]] == ["theirs"]


@pytest.mark.parametrize(
    ("query", "accept"),
    [
        ("&format=csv", "application/json"),
        ("", "text/csv"),
        ("", "text/csv, application/json;q=0.5"),
    ],
)
def test_a_report_as_csv(studio: Studio, busy: Tenant, query: str, accept: str) -> None:
    path = f"/api/v1/usage?by=project,model{query}"
    answer = studio.call("GET", path, busy.read, headers={"accept": accept})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert [(row["project"], row["model"], row["requests"]) for row in rows] == [
        ("ours", "demo", "1"),
        ("ours", "large", "3"),
    ]
    assert rows[1]["cost"] == "0.006"
    assert rows[1]["currency"] == "USD"


def test_a_report_is_json_otherwise(studio: Studio, ours: Tenant) -> None:
    for accept in ("*/*", "application/json", "text/html, */*", "nonsense", ""):
        answer = studio.call("GET", "/api/v1/usage", ours.read, headers={"accept": accept})
        assert answer.headers["content-type"] == "application/json"
        assert answer.json["data"][0]["requests"] == 1


def test_bad_input_names_its_field(studio: Studio, ours: Tenant) -> None:
    for query, param in BAD_INPUT:
        answer = studio.call("GET", f"/api/v1/usage?{query}", ours.read)
        assert answer.status == 400, query
        assert answer.error["param"] == param, query


def test_the_bill_of_a_request(studio: Studio, busy: Tenant) -> None:
    bill = studio.call("GET", "/api/v1/usage/r3", busy.read).json
    assert bill["cost"] == "0.003"
    assert bill["estimated"] is True
    assert (bill["prompt_tokens"], bill["completion_tokens"]) == (200, 40)
    assert bill["cached_tokens"] == 50
    assert [attempt["status"] for attempt in bill["attempts"]] == ["upstream_failed", "ok"]
    assert bill["attempts"][1] == {
        "attempt": 2,
        "deployment": "large",
        "provider": "",
        "region": "",
        "started_at": "2023-11-14T22:13:19Z",
        "settled_at": "2023-11-14T22:13:20Z",
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "cached_tokens": 50,
        "cache_write_tokens": 0,
        "cost": "0.0015",
        "cost_known": True,
        "estimated": False,
        "status": "ok",
    }


def test_a_bill_that_has_not_come_yet(studio: Studio, ours: Tenant) -> None:
    answer = studio.call("GET", "/api/v1/usage/r9", ours.read)
    assert answer.status == 404
    assert "ask again" in answer.error["message"]
    with studio.store.write() as c:
        record = studio.record("r9", ours.project, ours.key, cost_nano=parse_nano("12.5"))
        usage.insert_many(c, [record])
    assert studio.call("GET", "/api/v1/usage/r9", ours.read).json["cost"] == "12.50"
