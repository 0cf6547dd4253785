"""What runs just now: to operators with the machine, to others what they may use."""

import os

import msgspec

from tests.studio.conftest import Studio, Tenant
from tests.studio.routes.test_status import engine, secret_for
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
