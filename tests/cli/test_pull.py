"""`tramontane model pull`: fetched here where no platform runs, and what it says."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.ran import Run
from tests.engines.tiny import write_tiny
from tests.hub import REPOSITORY, StandInHub, run_hub
from tramontane.cli.platform import is_served
from tramontane.datafolder import DataFolder


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandInHub]:
    path = write_tiny(tmp_path_factory.mktemp("hub") / "tiny.gguf")
    with run_hub({"tiny-Q8_0.gguf": path.read_bytes()}) as running:
        running.moved["old/name"] = REPOSITORY
        yield running


@pytest.fixture
def config(tmp_path: Path, hub: StandInHub) -> Path:
    path = tmp_path / "t.toml"
    path.write_text(f'[hub]\nurl = "{hub.url}"\n')
    return path


def test_a_model_is_fetched_and_deployed_without_a_platform(
    run: Run, data_dir: Path, config: Path, hub: StandInHub
) -> None:
    assert not is_served(DataFolder(data_dir))
    ran = run(
        "model", "pull", "hf:old/name", "--as", "mine", "--deploy", "chat", "--slots", 2,
        "--scale-to-zero", "90s", "--config", config,
    )  # fmt: skip
    assert ran.status == 0, ran.err
    assert f"old/name is called {REPOSITORY} now" in ran.err
    assert "tiny-Q8_0.gguf was chosen" in ran.err and "deployed: chat" in ran.out
    (shown,) = run("model", "show", "mine", "--json").json["deployments"]
    assert (shown["deployment"], shown["slots"], shown["scale_to_zero_after_s"]) == ("chat", 2, 90)
    again = run("model", "pull", f"hf:{REPOSITORY}:Q8_0", "--config", config, "--json").json
    assert (again["status"], again["name"], again["model"]["name"]) == ("done", "mine", "mine")
    listed = run("model", "pulls", "--json").json["data"]
    assert [pull["status"] for pull in listed] == ["done", "done"]
    assert "wanted" not in listed[0]
    for name in ("chat", "mine"):
        assert run("model", "undeploy" if name == "chat" else "rm", name).status == 0
    assert not list((data_dir / "models").iterdir())


def test_what_goes_wrong_is_said(run: Run, data_dir: Path, config: Path, hub: StandInHub) -> None:
    wrong = run("model", "pull", "https://hub.example/org/repo")
    assert (wrong.status, "Write hf:ORG/REPO" in wrong.err) == (1, True)
    assert "--deploy NAME" in run("model", "pull", "hf:a/b", "--slots", 1).err
    missing = run("model", "pull", f"hf:{REPOSITORY}:tiny-Q9.gguf", "--config", config)
    assert (missing.status, "nearest are tiny-Q8_0.gguf" in missing.err) == (1, True)
    dead = config.with_name("dead.toml")
    dead.write_text('[hub]\nurl = "http://hub.invalid"\n')
    offline = run("model", "pull", "hf:a/b", "--config", dead)
    assert (offline.status, "It waits as pul_" in offline.err) == (1, True), offline.err
    waiting = run("model", "pulls", "--json").json["data"][0]
    assert (waiting["status"], waiting["problem"]["code"]) == ("queued", "hub_unreachable")
    assert "cancelled" in run("model", "pulls", "--cancel", waiting["id"]).out


def test_a_licence_that_forbids_the_use_must_have_been_read(run: Run, config: Path) -> None:
    asked = ("model", "pull", "hf:black-forest-labs/FLUX.1-Kontext-dev", "--config", config)
    refused = run(*asked)
    assert refused.status == 1
    assert "forbids commercial use and use in production" in refused.err
    assert "--licence-read" in refused.err
    assert run("model", "pulls", "--json").json["data"] == []
    read = run(*asked, "--licence-read")  # it is not at this hub, which is another matter
    assert "note: its licence is FLUX.1 [dev] Non-Commercial License" in read.err
    assert "forbids" not in read.err
