"""Budgets: set, replaced, removed, and shown with what is left."""

from tests.studio.conftest import DAY_MS, NOW_MS, Studio, Tenant
from tramontane.money import parse_nano
from tramontane.store import usage

BAD_INPUT: list[tuple[dict[str, object], int, str | None]] = [
    ({"limit": "-1"}, 400, "limit"),
    ({"limit": "ten"}, 400, "limit"),
    ({"limit": "NaN"}, 400, "limit"),
    ({"limit": "0.0000000001"}, 400, "limit"),
    ({"limit": "1e30"}, 400, "limit"),
    ({"limit": 5}, 400, "limit"),
    ({"window": "week"}, 400, "window"),
    ({"key_id": "key_nothing"}, 404, "key_id"),
    ({"project_id": "nothing"}, 404, "project_id"),
    ({"spent": "0"}, 400, "spent"),
]


def test_what_is_left_is_shown(studio: Studio, ours: Tenant, theirs: Tenant) -> None:
    shown = studio.call("GET", "/api/v1/budgets", ours.read).json["data"]
    assert shown == [
        {
            "id": ours.budget.id,
            "project_id": ours.project.id,
            "project": "ours",
            "key_id": None,
            "key": None,
            "window": "day",
            "limit": "10.00",
            "spent": "0.0015",
            "left": "9.9985",
            "currency": "USD",
            "resets_at": "2023-11-15T00:00:00Z",
            "forecast": None,
            "exhausted_at": None,
            "basis": None,
            "basis_since": None,
        }
    ]
    studio.now_ms += 2 * 3_600_000  # over midnight
    (next_day,) = studio.call("GET", "/api/v1/budgets", ours.read).json["data"]
    assert (next_day["spent"], next_day["left"]) == ("0.00", "10.00")
    assert next_day["resets_at"] == "2023-11-16T00:00:00Z"


def test_setting_replaces_the_one_of_that_window(studio: Studio, ours: Tenant) -> None:
    body = {"project_id": "ours", "window": "day", "limit": "0.001"}
    answer = studio.call("PUT", "/api/v1/budgets", ours.operator, json=body)
    assert answer.status == 200
    assert (answer.json["limit"], answer.json["left"]) == ("0.001", "0.00")
    body = {"project_id": "ours", "key_id": ours.key.id, "window": "total", "limit": "3"}
    of_key = studio.call("PUT", "/api/v1/budgets", ours.operator, json=body).json
    assert of_key["key"] == "ours-read"
    assert of_key["spent"] == "0.0015"
    assert of_key["resets_at"] is None
    shown = studio.call("GET", "/api/v1/budgets", ours.read).json["data"]
    assert [(b["key"], b["window"]) for b in shown] == [(None, "day"), ("ours-read", "total")]


def test_removing(studio: Studio, ours: Tenant) -> None:
    path = f"/api/v1/budgets/{ours.budget.id}"
    answer = studio.call("DELETE", path, ours.operator)
    assert (answer.status, answer.body) == (204, b"")
    assert studio.call("GET", "/api/v1/budgets", ours.read).json == {"data": []}
    assert studio.call("DELETE", path, ours.operator).status == 404


def test_bad_input_names_its_field(studio: Studio, ours: Tenant) -> None:
    for change, status, param in BAD_INPUT:
        body = {"project_id": "ours", "window": "day", "limit": "1"} | change
        answer = studio.call("PUT", "/api/v1/budgets", ours.operator, json=body)
        assert (answer.status, answer.error["param"]) == (status, param)


def test_a_key_of_another_project_is_refused(studio: Studio, ours: Tenant, theirs: Tenant) -> None:
    body = {"project_id": "ours", "key_id": theirs.key.id, "window": "day", "limit": "1"}
    answer = studio.call("PUT", "/api/v1/budgets", ours.operator, json=body)
    assert (answer.status, answer.error["param"]) == (400, "key_id")


def test_a_budget_says_where_the_pace_leads(studio: Studio, ours: Tenant) -> None:
    records = [
        studio.record(
            f"paid-{n}", ours.project, ours.key, started_at_ms=NOW_MS - n * DAY_MS // 4 - 1000,
            cost_nano=parse_nano("2"),
        )
        for n in range(40)
    ]  # fmt: skip
    with studio.store.write() as c:
        usage.insert_many(c, records)
    (shown,) = studio.call("GET", "/api/v1/budgets", ours.read).json["data"]
    assert shown["spent"] == "8.0015"
    assert shown["basis"] == "last 7 days"
    assert shown["basis_since"] == "2023-11-07T22:13:20Z"
    assert 8.55 < float(shown["forecast"]) < 8.65  # eight a day, for less than two hours
    assert shown["exhausted_at"] is None
    body = {"project_id": "ours", "window": "total", "limit": "100"}
    total = studio.call("PUT", "/api/v1/budgets", ours.operator, json=body).json
    assert (total["forecast"], total["basis"]) == (None, "since the first request")
    assert total["exhausted_at"].startswith("2023-11-17T")
