"""Status, deployments and model files: what a key may use, and nothing of the machine."""

from collections.abc import Iterable

from tests.studio.conftest import NOW_MS, Studio, Tenant
from tramontane import __version__
from tramontane.store import engines, keys
from tramontane.store.records import EngineInstance, ModelFile


def engine(state: str, message: str = "") -> EngineInstance:
    return EngineInstance(
        deployment="small",
        nonce="n0nce",
        address="127.0.0.1:4321" if state == "ready" else None,
        state=state,  # type: ignore[arg-type]
        message=message,
        pid=4242,
        updated_at_ms=NOW_MS,
    )


def secret_for(studio: Studio, tenant: Tenant, models: Iterable[str]) -> str:
    with studio.store.write() as c:
        _, secret = keys.create(
            c,
            studio.pepper,
            project_id=tenant.project.id,
            name="narrow",
            rights=("infer", "read"),
            allowed_models=models,
            now_ms=NOW_MS,
        )
    return secret


def test_who_is_calling(studio: Studio, ours: Tenant) -> None:
    status = studio.call("GET", "/api/v1/status", ours.read).json
    assert status["version"] == __version__
    assert status["time"] == "2023-11-14T22:13:20Z"
    assert status["parts"] == {"studio": "ready", "store": "ready"}
    assert status["key"] == {
        "name": "ours-read",
        "prefix": ours.read[:12],
        "rights": ["infer", "read"],
        "project_id": ours.project.id,
        "project": "ours",
        "closed_reason": None,
        "expires_at": None,
    }


def test_what_it_may_use(studio: Studio, ours: Tenant, small_file: ModelFile) -> None:
    with studio.store.write() as c:
        engines.put_instance(c, engine("ready"))
    large, small = studio.call("GET", "/api/v1/status", ours.infer).json["deployments"]
    assert large == {
        "name": "large",
        "models": ["large"],
        "engine": "remote",
        "state": "unprobed",
        "message": "",
        "price": {
            "currency": "USD",
            "input_per_mtok": "0.15",
            "output_per_mtok": "0.60",
            "cached_input_per_mtok": "0.15",
            "cache_write_per_mtok": "0.15",
            "request": "0.00",
            "known": True,
            "long_context": [],
        },
        "context_tokens": 128_000,
        "max_output_tokens": None,
        "demonstration": False,
    }
    assert (small["state"], small["engine"], small["context_tokens"]) == (
        "ready",
        "llama.cpp",
        1024,
    )


def test_a_message_may_name_files_so_operators_only_see_it(
    studio: Studio, ours: Tenant, small_file: ModelFile
) -> None:
    with studio.store.write() as c:
        engines.put_instance(c, engine("failed", "cannot read data/models/x.gguf"))
    for path in ("/api/v1/status", "/api/v1/deployments"):
        for secret, shown in ((ours.read, "The operator can see why."), (ours.operator, "cannot")):
            answer = studio.call("GET", path, secret).json
            small = (answer.get("deployments") or answer["data"])[1]
            assert small["state"] == "failed"
            assert small["message"].startswith(shown)


def test_a_file_that_is_not_there_is_a_failure(studio: Studio, ours: Tenant) -> None:
    small = studio.call("GET", "/api/v1/status", ours.operator).json["deployments"][1]
    assert small["state"] == "failed"
    assert "small-file" in small["message"]


def test_only_what_the_key_may_use_is_shown(
    studio: Studio, ours: Tenant, small_file: ModelFile
) -> None:
    narrow = secret_for(studio, ours, ["small", "other"])
    status = studio.call("GET", "/api/v1/status", narrow).json
    assert [d["name"] for d in status["deployments"]] == ["small"]
    shown = studio.call("GET", "/api/v1/deployments", narrow).json["data"]
    assert [d["name"] for d in shown] == ["small"]
    files = studio.call("GET", "/api/v1/models", narrow).json["data"]
    assert [(f["name"], f["deployments"]) for f in files] == [("small-file", ["small"])]


def test_a_file_that_serves_nothing_usable_is_not_shown(
    studio: Studio, ours: Tenant, small_file: ModelFile
) -> None:
    narrow = secret_for(studio, ours, ["large"])
    assert studio.call("GET", "/api/v1/models", narrow).json == {"data": []}
    (file,) = studio.call("GET", "/api/v1/models", ours.operator).json["data"]
    assert file == {
        "sha256": "ab" * 32,
        "name": "small-file",
        "size_bytes": 12_000_000,
        "architecture": "llama",
        "parameters": 8_000_000,
        "quantisation": "Q8_0",
        "context_tokens": 1024,
        "has_chat_template": True,
        "added_at": "2023-11-14T22:13:20Z",
        "deployments": ["small"],
    }


def test_origins_are_for_operators_and_keys_of_providers_for_nobody(
    studio: Studio, ours: Tenant, small_file: ModelFile
) -> None:
    with studio.store.write() as c:
        engines.put_instance(c, engine("ready"))
    for secret, origin in ((ours.read, None), (ours.operator, "http://10.9.8.7:9001")):
        answer = studio.call("GET", "/api/v1/deployments", secret)
        large, small = answer.json["data"]
        assert large["origin"] == origin
        assert (large["upstream_model"] is None) == (origin is None)
        assert small["state_since"] == "2023-11-14T22:13:20Z"
        for canary in ("LARGE_KEY", "n0nce", "4321", "4242", "/v1"):
            assert canary not in answer.body.decode()
