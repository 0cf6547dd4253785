"""Pulls through the API: asked for, seen, given up; what a hub has; models deployed and undone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import update

from tests.engines.tiny import write_tiny
from tests.hub import REPOSITORY, StandInHub, run_hub
from tests.studio.conftest import Studio, Tenant
from tramontane.catalog.cards import Card, Claim, ModelFileFact
from tramontane.config import HubSettings
from tramontane.datafolder import DataFolder
from tramontane.engines.deploying import Wanted
from tramontane.engines.library import ModelLibrary
from tramontane.store import cards, deployments, models, pulls, routes, schema
from tramontane.store.records import ModelFile

FILES = {
    "tiny-Q8_0.gguf": b"x" * 900,
    "tiny-Q4_K_M.gguf": b"x" * 500,
    "big/big-F16-00001-of-00002.gguf": b"x" * 4_000,
    "big/big-F16-00002-of-00002.gguf": b"x" * 3_000,
    "mmproj-tiny.gguf": b"x",
    "README.md": b"# tiny",
}


@pytest.fixture(scope="module")
def hub() -> Iterator[StandInHub]:
    with run_hub(FILES) as running:
        yield running


def ask(studio: Studio, ours: Tenant, **body: Any) -> Any:
    return studio.call("POST", "/api/v1/pulls", ours.operator, json=body)


def test_one_is_asked_for_seen_and_given_up(studio: Studio, ours: Tenant) -> None:
    deploy = {"name": "chat", "slots": 2, "scale_to_zero_after_s": 600, "languages": ["it"]}
    body = {"source": "hf:org/Tiny-GGUF:tiny.Q4_K_M.gguf", "card_id": "org/tiny", "deploy": deploy}
    made = ask(studio, ours, **body)
    assert made.status == 202
    shown = made.json
    assert (shown["status"], shown["name"], shown["bytes_total"]) == ("queued", "tiny.q4_k_m", None)
    assert (shown["source"], shown["problem"], shown["eta_s"]) == (body["source"], None, None)
    with studio.store.read() as c:
        (pull,) = pulls.list_all(c)
    wanted = msgspec.json.decode(pull.wanted or b"", type=Wanted)
    assert (wanted.name, wanted.card_id, wanted.settings.max_in_flight) == ("chat", "org/tiny", 2)
    assert wanted.settings.scale_to_zero_after_s == 600
    assert ask(studio, ours, **body).json["id"] == shown["id"], "asked for twice is once"
    path = f"/api/v1/pulls/{shown['id']}"
    assert studio.call("GET", path, ours.operator).json == shown
    assert studio.call("GET", "/api/v1/pulls", ours.operator).json["data"] == [shown]
    with studio.store.write() as c:
        held = pulls.claim(c, studio.now_ms, 1_000)
        assert held is not None
        progress = {"bytes_done": 100, "bytes_total": 1_000, "bytes_per_s": 300}
        assert pulls.renew(c, held, studio.now_ms + 1_000, studio.now_ms, **progress)
    fetching = studio.call("GET", path, ours.operator).json
    assert (fetching["status"], fetching["eta_s"]) == ("fetching", 3)
    left = ModelLibrary(DataFolder(studio.settings.data_dir).models).pull_folder(shown["id"])
    (left / "x.part").write_bytes(b"x")
    assert studio.call("DELETE", path, ours.operator).status == 204
    assert not left.exists()
    assert studio.call("GET", path, ours.operator).json["status"] == "cancelled"
    resumed = studio.call("POST", f"{path}/resume", ours.operator)
    assert (resumed.status, resumed.json["status"]) == (202, "queued")
    with studio.store.write() as c:
        held = pulls.claim(c, studio.now_ms, 1_000)
        assert held is not None
        done: dict[str, Any] = {"name": "x", "sha256": "0" * 64, "deployment": None}
        assert pulls.finish(c, held, studio.now_ms, problem=None, **done)
    assert studio.call("DELETE", path, ours.operator).status == 409
    assert studio.call("POST", f"{path}/resume", ours.operator).status == 409


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"source": "org/repo"}, 400, "source"),
        ({"source": "hf:org/repo:../x.gguf"}, 400, "source"),
        ({"source": "hf:org/repo:model.safetensors"}, 400, "source"),
        ({"source": "hf:org/repo", "name": "No Name"}, 400, "name"),
        ({"source": "hf:org/repo", "card_id": "x" * 301}, 400, "card_id"),
        ({"source": "hf:org/repo", "deploy": {"name": "No Name"}}, 400, "name"),
        ({"source": "hf:org/repo", "deploy": {"name": "large"}}, 409, "name"),
        ({"source": "hf:org/repo", "deploy": {"name": "a", "slots": 0}}, 400, "slots"),
        (
            {"source": "hf:org/repo", "deploy": {"name": "a", "context_tokens": 1}},
            400,
            "context_tokens",
        ),
        (
            {"source": "hf:org/repo", "deploy": {"name": "a", "scale_to_zero_after_s": 0}},
            400,
            "scale_to_zero_after_s",
        ),
        (
            {"source": "hf:org/repo", "deploy": {"name": "a", "price": {"request": "x"}}},
            400,
            "price",
        ),
        ({"source": "hf:org/repo", "url": "http://evil.example"}, 400, "url"),
    ],
)
def test_what_cannot_be_is_refused(
    studio: Studio, ours: Tenant, body: dict[str, Any], status: int, param: str
) -> None:
    answer = ask(studio, ours, **body)
    assert (answer.status, answer.error["param"]) == (status, param)
    with studio.store.read() as c:
        assert not pulls.list_all(c)


def test_what_a_hub_has_is_listed(studio: Studio, ours: Tenant, hub: StandInHub) -> None:
    with_hub = msgspec.structs.replace(studio.settings, hub=HubSettings(url=hub.url))
    studio = Studio(with_hub, studio.store, studio.pepper)

    def listed(source: str) -> Any:
        return studio.call("GET", f"/api/v1/hub/files?source={source}", ours.operator)

    found = listed(f"hf:{REPOSITORY}").json
    assert [(each["file"], each["parts"], each["quantisation"]) for each in found["files"]] == [
        ("tiny-Q4_K_M.gguf", 1, "Q4_K_M"),
        ("tiny-Q8_0.gguf", 1, "Q8_0"),
        ("big/big-F16-00001-of-00002.gguf", 2, "F16"),
    ]
    assert found["proposed"] == "tiny-Q4_K_M.gguf" and found["gated"] is False
    assert found["files"][0]["sha256"] == hub.hashes[REPOSITORY]["tiny-Q4_K_M.gguf"]
    assert found["files"][2]["size_bytes"] == 7_000 and found["files"][2]["sha256"] is None
    assert found["revision"] == hub.commit(REPOSITORY)
    assert found["memory"]["total_bytes"] >= found["memory"]["available_bytes"] > 0
    one = listed(f"hf:{REPOSITORY}:Q8_0").json
    assert [each["file"] for each in one["files"]] == ["tiny-Q8_0.gguf"]
    missing = listed(f"hf:{REPOSITORY}:tiny-Q8.gguf")
    assert (missing.status, missing.error["code"]) == (404, "hub_file_missing")
    assert "tiny-Q8_0.gguf" in missing.error["message"]
    hub.moved["old/name"] = REPOSITORY
    assert listed("hf:old/name").json["repository"] == REPOSITORY
    assert listed("hf:no/body").error["code"] == "hub_repository_missing"
    assert listed("nonsense").error["code"] == "invalid_source"


def test_a_file_is_deployed_and_undone_whole(studio: Studio, ours: Tenant, tmp_path: Path) -> None:
    library = ModelLibrary(DataFolder(studio.settings.data_dir).models)
    file: ModelFile = library.add(
        write_tiny(tmp_path / "t.gguf", context_tokens=1 << 20), "tiny", studio.now_ms
    )
    with studio.store.write() as c:
        models.add(c, file)

    def deploy(**changes: Any) -> Any:
        body = {"name": "chat", "model": "tiny", "context_tokens": 512, **changes}
        return studio.call("POST", "/api/v1/deployments", ours.operator, json=body)

    made = deploy(slots=2, threads=1, scale_to_zero_after_s=60, card_id="org/tiny")
    assert made.status == 201, made.body
    shown = made.json
    assert (shown["model"], shown["engine"], shown["max_in_flight"]) == ("tiny", "llama.cpp", 2)
    assert (shown["scale_to_zero_after_s"], shown["card_id"]) == (60, "org/tiny")
    assert shown["project_id"] is None
    listed = studio.call("GET", "/api/v1/deployments", ours.operator).json["data"]
    assert shown in listed
    assert deploy().status == 409
    second = {"name": "other", "model": file.sha256}
    assert deploy(**second).status == 201
    huge = deploy(name="huge", context_tokens=1 << 20, slots=1_024)
    assert (huge.status, huge.error["code"]) == (409, "does_not_fit")
    assert "would fit" in huge.error["message"]
    assert deploy(name="huge", context_tokens=1 << 20, slots=1_024, anyway=True).status == 201
    for changes, param in (
        ({"context_tokens": 2 << 20}, "context_tokens"),
        ({"model": "nothing"}, "model"),
        ({"key": "x"}, "key"),
        ({"url": "https://api.mistral.ai/v1"}, "provider"),
        ({"model": None, "url": "https://api.mistral.ai/v1", "slots": 1}, "slots"),
    ):
        assert deploy(name="new", **changes).error["param"] == param
    body = {"deployments": [{"deployment": "chat"}, {"deployment": "large"}]}
    assert studio.call("PUT", "/api/v1/routes/best", ours.operator, json=body).status < 300
    for name in ("huge", "other"):
        path = f"/api/v1/deployments/{name}?remove_file=true"
        assert studio.call("DELETE", path, ours.operator).status == 204
        assert library.path(file.sha256).exists(), "another deployment uses it"
    studio.call("DELETE", "/api/v1/deployments/chat?remove_file=true", ours.operator)
    with studio.store.read() as c:
        assert not models.list_all(c) and not deployments.list_all(c)
        (route,) = routes.list_all(c)
    assert b"chat" not in route.settings and b"large" in route.settings
    assert not list(DataFolder(studio.settings.data_dir).models.glob("*.gguf"))


def forbidding() -> Card:
    """Return a card whose licence forbids commercial use, with a file of the library."""
    said = Claim(value="FLUX.1-nc", source="one", record="r")
    licence = Claim(value="CC-BY-NC-4.0", source="one", record="r")
    file = ModelFileFact(uri="hf:lab/Paint-GGUF:paint.gguf", source="one", sha256="f" * 64)
    return Card(id="lab/paint", facts={"name": (said,), "licence": (licence,)}, files=(file,))


def test_a_licence_that_forbids_uses_must_have_been_read(studio: Studio, ours: Tenant) -> None:
    data = msgspec.json.encode(forbidding())
    with studio.store.write() as c:
        cards.put(c, card_id="lab/paint", data=data, project_id=None, now_ms=studio.now_ms)
        models.add(c, ModelFile(
            sha256="f" * 64, name="paint", size_bytes=10, added_at_ms=studio.now_ms,
            architecture="llama", context_tokens=512,
        ))  # fmt: skip
    by_place = {"source": "hf:lab/Paint-GGUF:paint.gguf"}
    by_card = {"source": "hf:elsewhere/x", "card_id": "lab/paint"}
    for body in (by_place, by_card):
        refused = ask(studio, ours, **body)
        assert (refused.status, refused.error["code"]) == (400, "licence_not_read")
        assert refused.error["param"] == "licence_read"
        assert "forbids commercial use and use in production" in refused.error["message"]
    with studio.store.read() as c:
        assert pulls.list_all(c) == []
    assert ask(studio, ours, **by_place, licence_read=True).status == 202
    assert ask(studio, ours, source="hf:nobody/knows", card_id="no/card").status == 202
    here = {"name": "paint", "model": "paint"}
    refused = studio.call("POST", "/api/v1/deployments", ours.operator, json=here)
    assert (refused.status, refused.error["code"]) == (400, "licence_not_read")
    agreed = studio.call(
        "POST", "/api/v1/deployments", ours.operator, json={**here, "licence_read": True}
    )
    assert agreed.error["code"] != "licence_not_read", "only its file is missing"
    with studio.store.write() as c:  # another file, fetched from where the card's weights lie
        models.add(c, ModelFile(
            sha256="e" * 64, name="other", size_bytes=10, added_at_ms=studio.now_ms,
            architecture="llama", context_tokens=512,
        ))  # fmt: skip
        assert pulls.sources_of(c, "e" * 64) == []
        (fetched,) = (each for each in pulls.list_all(c) if each.source == "hf:nobody/knows")
        c.execute(update(schema.pulls).where(schema.pulls.c.id == fetched.id).values(
            sha256="e" * 64, resolved="hf:lab/Paint-GGUF:other.gguf",
        ))  # fmt: skip
    other = {"name": "other", "model": "other"}
    refused = studio.call("POST", "/api/v1/deployments", ours.operator, json=other)
    assert (refused.status, refused.error["code"]) == (400, "licence_not_read")
