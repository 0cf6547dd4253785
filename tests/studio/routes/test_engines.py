"""What runs just now: to operators with the machine, to others what they may use."""

import os

import msgspec
import pytest

from tests.studio.conftest import NOW_MS, Studio, Tenant
from tests.studio.people import person
from tests.studio.routes.test_status import engine, secret_for
from tramontane.assistant.gateway_loads import Load
from tramontane.store import engines
from tramontane.store.records import ModelFile

NOT_ASKED = {"in_flight": None, "waiting": None, "eta_s": None, "requests_last_minute": None}


def test_an_operator_sees_engines_and_the_machine(
    studio: Studio, ours: Tenant, small_file: ModelFile
) -> None:
    asleep = msgspec.structs.replace(engine("asleep", "slept"), pid=None, cold_start_ms=1_250)
    with studio.store.write() as c:
        engines.put_instance(c, asleep)
    told = studio.call("GET", "/api/v1/engines", ours.operator).json
    machine = told["machine"]
    assert machine["cores"] >= 1 and machine["load_1m"] >= 0
    assert machine["memory_total_bytes"] > machine["memory_available_bytes"] > 0
    large, small = told["data"]
    assert (
        small.items()
        >= {
            "deployment": "small",
            "engine": "llama.cpp",
            "state": "asleep",
            "message": "slept",
            "since": "2023-11-14T22:13:20Z",
            "slots": 4,
            "cold_start_s": 1.25,
            "pid": None,
            "resident_bytes": None,
            "is_local": True,
        }.items()
    )
    assert large["is_local"] is False and large["slots"] is None
    assert large.items() >= NOT_ASKED.items()  # there is no gateway


def test_memory_is_that_of_the_engines_process(
    studio: Studio, ours: Tenant, small_file: ModelFile
) -> None:
    with studio.store.write() as c:
        engines.put_instance(c, msgspec.structs.replace(engine("ready"), pid=os.getpid()))
    small = studio.call("GET", "/api/v1/engines", ours.operator).json["data"][1]
    assert small["pid"] == os.getpid()
    assert small["resident_bytes"] > 10_000_000


def test_others_see_what_they_may_use_and_nothing_of_the_machine(
    studio: Studio, ours: Tenant, small_file: ModelFile
) -> None:
    with studio.store.write() as c:
        engines.put_instance(c, engine("backing_off", "no /models/file"))
    told = studio.call("GET", "/api/v1/engines", secret_for(studio, ours, ["small"])).json
    assert told["machine"] is None
    (small,) = told["data"]
    assert (small["deployment"], small["state"], small["pid"]) == ("small", "backing_off", None)
    assert "/models" not in small["message"]


def test_others_traffic_is_told_to_operators_only(
    studio: Studio, ours: Tenant, small_file: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = Load(
        in_flight=4, waiting=2, places=4, eta_s=3.5, tokens_per_s=71.5, requests_last_minute=3817,
        last_used_ms=NOW_MS,
    )  # fmt: skip
    monkeypatch.setattr(studio.platform.tokens, "loads", lambda: {"small": busy})
    with studio.store.write() as c:
        engines.put_instance(c, msgspec.structs.replace(engine("asleep"), pid=None))
    traffic = ("in_flight", "tokens_per_s", "requests_last_minute", "last_used_at")
    all_of_it = studio.call("GET", "/api/v1/engines", ours.operator).json["data"][1]
    at = "2023-11-14T22:13:20Z"
    assert [all_of_it[name] for name in traffic] == [4, 71.5, 3817, at]
    assert all_of_it["since"] == at
    deployed = studio.call("GET", "/api/v1/deployments", ours.operator).json["data"]
    assert at in [one["state_since"] for one in deployed]
    manager = person(studio, "boss", ours.project, role="manager")
    for told in (
        studio.call("GET", "/api/v1/engines", ours.read).json,
        manager.call("GET", "/api/v1/engines").json,
    ):
        small = told["data"][1]
        assert [small[name] for name in (*traffic, "since")] == [None] * 5
        assert (small["state"], small["waiting"], small["eta_s"]) == ("asleep", 2, 3.5)
    for path in ("deployments", "models", "status", "engines"):
        body = manager.call("GET", f"/api/v1/{path}").body.decode()
        assert "small" in body and "71.5" not in body and "3817" not in body
    deployed = manager.call("GET", "/api/v1/deployments").json["data"]
    assert [one["state_since"] for one in deployed if one["name"] == "small"] == [None]
