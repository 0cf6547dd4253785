"""Independence and drills: what is shown, who may, and what cannot be asked."""

import msgspec
import pytest

from tests.studio.conftest import NOW_MS, Studio, Tenant
from tramontane.datafolder import DataFolder
from tramontane.gateway.telemetry import AccessRecord
from tramontane.store import drills, usage
from tramontane.store.opening import picture
from tramontane.worker.drilling import step


def test_shares_and_survival_are_shown_with_the_unknown(studio: Studio, ours: Tenant) -> None:
    with studio.store.write() as c:
        elsewhere = studio.record(
            "req-2", ours.project, ours.key, deployment="gone", provider="groq", prompt_tokens=340
        )
        usage.insert_many(c, [elsewhere])
    shown = studio.call("GET", "/api/v1/independence", ours.operator).json
    assert (shown["requests"], shown["tokens"], shown["currency"]) == (2, 480, "USD")
    by = {spread["dimension"]: spread for spread in shown["spreads"]}
    assert list(by) == ["provider", "host", "owner", "seat", "chip", "jurisdiction"]
    provider = by["provider"]
    largest = provider["shares"][0]
    assert (largest["name"], largest["tokens_share"]) == ("groq", 0.75)
    assert provider["by_tokens"]["hhi_least"] == pytest.approx(0.625)
    assert by["chip"]["shares"][0]["name"] == "Groq LPU"
    assert by["host"]["shares"][0]["name"] is None
    assert by["host"]["by_tokens"]["unknown_share"] >= 0.75
    model = next(m for m in shown["models"] if m["model"] == "large")
    assert model["requests"] == 2
    assert {(x["dimension"], x["outcome"]) for x in model["losses"]} >= {("provider", "lost")}


def test_time_bounds_what_is_counted(studio: Studio, ours: Tenant) -> None:
    shown = studio.call("GET", "/api/v1/independence?since=2023-12-01", ours.operator).json
    assert (shown["requests"], shown["cost"]) == (0, "0.00")
    assert shown["spreads"][0]["by_tokens"] is None
    wrong = studio.call("GET", "/api/v1/independence?since=soon", ours.operator)
    assert (wrong.status, wrong.error["param"]) == (400, "since")


def test_only_operators_may(studio: Studio, ours: Tenant) -> None:
    for method, path in (
        ("GET", "/api/v1/independence"),
        ("GET", "/api/v1/drills"),
        ("POST", "/api/v1/drills"),
    ):
        assert studio.call(method, path, ours.read, json={"without": "local"}).status == 403


def test_a_drill_runs_ends_and_is_reported(studio: Studio, ours: Tenant) -> None:
    log = DataFolder(studio.settings.data_dir).access_log
    log.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        AccessRecord(at, "r", "ours", "k", "large", d, s, o, 10, 5, 7_000_000, False, 20, 90)
        for at, d, s, o in (
            (NOW_MS - 5_000, "large", 200, "ok"),
            (NOW_MS + 1_000, "", 503, "taken_away"),
        )
    ]
    log.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    body = {"without": "10.9.8.7", "for_s": 60}
    begun = studio.call("POST", "/api/v1/drills", ours.operator, json=body)
    assert begun.status == 201
    made = begun.json
    assert (made["dimension"], made["name"], made["left_s"]) == (
        "provider",
        "10.9.8.7",
        60,
    )
    assert made["started_by"] == "ours-operator"
    assert [d.without for d in picture(studio.store).drills] == ["provider:10.9.8.7"]

    studio.now_ms += 20_000
    so_far = studio.call("GET", f"/api/v1/drills/{made['id']}", ours.operator).json
    assert so_far["left_s"] == 40
    assert "large" in so_far["report"]["taken"]
    assert so_far["report"]["during"]["failed"] == 1
    assert so_far["report"]["before"]["answered"] == 1

    second = studio.call("POST", "/api/v1/drills", ours.operator, json=body)
    assert second.status == 409
    ended = studio.call("DELETE", f"/api/v1/drills/{made['id']}", ours.operator).json
    assert ended["ended_at"] is not None and ended["left_s"] == 0 and ended["report"] is None
    assert picture(studio.store).drills == ()

    folder = DataFolder(studio.settings.data_dir)
    assert step(studio.store, studio.settings, folder, studio.now_ms + 1_000) == 0  # too soon
    assert step(studio.store, studio.settings, folder, studio.now_ms + 10_000) == 1
    assert step(studio.store, studio.settings, folder, studio.now_ms + 10_000) == 0
    report = studio.call("GET", f"/api/v1/drills/{made['id']}", ours.operator).json["report"]
    (model,) = report["models"]
    assert (model["model"], model["expected"], model["recovery_ms"]) == ("large", "lost", None)
    assert report["before"]["cost"] == "0.007"
    (listed,) = studio.call("GET", "/api/v1/drills", ours.operator).json["data"]
    assert listed["id"] == made["id"] and listed["report"] is None


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"without": "nobody"}, 404, "without"),
        ({"without": ""}, 404, "without"),
        ({"without": "provider:"}, 404, "without"),
        ({"without": "local", "for_s": 1}, 400, "for_s"),
        ({"without": "local", "for_s": 10**9}, 400, "for_s"),
        ({"without": "local", "for_s": "10m"}, 400, "for_s"),
        ({"for_s": 60}, 400, "without"),
        ({"without": "local", "from": "now"}, 400, "from"),
    ],
)
def test_what_cannot_be_asked_is_said(
    studio: Studio, ours: Tenant, body: dict[str, object], status: int, param: str
) -> None:
    answer = studio.call("POST", "/api/v1/drills", ours.operator, json=body)
    assert (answer.status, answer.error["param"]) == (status, param)
    with studio.store.read() as c:
        assert drills.list_all(c) == []


def test_an_unknown_drill_is_not_found(studio: Studio, ours: Tenant) -> None:
    for method in ("GET", "DELETE"):
        answer = studio.call(method, "/api/v1/drills/drl_nothing", ours.operator)
        assert (answer.status, answer.error["param"]) == (404, "drill_id")
