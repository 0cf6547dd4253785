"""`tramontane model`: a real file from the library to a deployment and back."""

from pathlib import Path

import msgspec
import pytest

from tests.cli.ran import Run
from tests.engines.tiny import write_tiny
from tramontane.catalog.cards import Card, Claim, ModelFileFact
from tramontane.config import DeploymentSettings
from tramontane.store import cards, deployments
from tramontane.store.database import open_store
from tramontane.store.records import StoredDeployment


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("models") / "Tiny Llama_v1.gguf")


def test_a_file_is_added_listed_shown_and_removed(run: Run, data_dir: Path, tiny: Path) -> None:
    added = run("model", "add", tiny, "--json").json
    assert added["name"] == "tiny-llama_v1"
    assert added["size_bytes"] == tiny.stat().st_size
    assert (added["architecture"], added["deployments"]) == ("llama", [])
    assert run("model", "list", "--json").json == {"data": [added], "remote": []}
    shown = run("model", "show", added["sha256"][:8], "--json").json
    assert Path(shown["path"]).read_bytes() == tiny.read_bytes()
    assert shown["deployments"] == []
    assert run("model", "rm", "tiny-llama_v1", "--json").json["removed"]["name"] == added["name"]
    assert run("model", "list", "--json").json == {"data": [], "remote": []}
    assert [path.name for path in (data_dir / "models").glob("*.gguf")] == []


def test_a_licence_that_forbids_the_use_must_have_been_read(
    run: Run, data_dir: Path, tiny: Path
) -> None:
    added = run("model", "add", tiny, "--name", "tiny").status
    sha256 = run("model", "show", "tiny", "--json").json["sha256"]
    licence = Claim(value="CC-BY-NC-4.0", source="one", record="r")
    file = ModelFileFact(uri="hf:lab/Paint-GGUF:p.gguf", source="one", sha256=sha256)
    card = Card(id="lab/paint", facts={"licence": (licence,)}, files=(file,))
    store = open_store(f"sqlite:///{data_dir / 'tramontane.db'}")
    with store.write() as c:
        encoded = msgspec.json.encode(card)
        cards.put(c, card_id="lab/paint", data=encoded, project_id=None, now_ms=1)
    store.close()
    refused = run("model", "deploy", "tiny")
    assert (added, refused.status) == (0, 1)
    assert "forbids commercial use" in refused.err and "--licence-read" in refused.err
    assert run("model", "show", "tiny", "--json").json["deployments"] == []
    read = run("model", "deploy", "tiny", "--licence-read")
    assert read.status == 0 and "note: its licence is" in read.err


def test_a_model_is_deployed_and_undeployed(run: Run, data_dir: Path, tiny: Path) -> None:
    run("model", "add", tiny, "--name", "tiny")
    made = run(
        "model", "deploy", "tiny", "--name", "chat", "--context", 512, "--slots", 3, "--threads", 1,
        "--max-output", 100, "--price-in", "0.15", "--price-out", "0.6", "--price-cached", "0.1",
        "--price-request", "0.001", "--share-prompt-cache", "--json",
    ).json  # fmt: skip
    assert made == {
        "deployment": "chat",
        "model": "tiny",
        "state": "not started",
        "message": None,
        "context_tokens": 512,
        "slots": 3,
        "threads": 1,
        "capable": False,
        "max_output_tokens": 100,
        "input_per_mtok": "0.15",
        "output_per_mtok": "0.60",
        "cached_input_per_mtok": "0.10",
        "request": "0.001",
        "currency": "USD",
        "share_prompt_cache": True,
        "scale_to_zero_after_s": None,
        "embeddings": False,
    }
    store = open_store(f"sqlite:///{data_dir / 'tramontane.db'}")
    with store.read() as c:
        (stored,) = deployments.list_all(c)
    store.close()
    settings = msgspec.json.decode(stored.settings, type=DeploymentSettings)
    assert (settings.model, settings.max_in_flight, settings.threads) == ("tiny", 3, 1)
    assert run("model", "show", "tiny", "--json").json["deployments"] == [made]
    assert run("model", "list", "--json").json["data"][0]["deployments"] == ["chat"]
    assert "0.60" in run("model", "show", "tiny").out
    refused = run("model", "rm", "tiny")
    assert (refused.status, "deployed as chat" in refused.err) == (1, True)
    assert run("model", "undeploy", "chat").out == "undeployed: chat\n"
    assert run("model", "undeploy", "chat").status == 1
    plain = run("model", "deploy", "tiny", "--json").json
    assert plain["deployment"] == "tiny"
    assert (plain["context_tokens"], plain["slots"]) == (4_096, 4)
    sleepy = run("model", "deploy", "tiny", "--scale-to-zero", "10m", "--json").json
    assert sleepy["scale_to_zero_after_s"] == 600
    vectors = run("model", "deploy", "tiny", "--embeddings", "--json").json
    assert vectors["embeddings"] is True
    assert "tramontane model show tiny" in run("model", "deploy", "tiny").out
    short = run("model", "deploy", "tiny", "--context", 256)
    assert "context of 256 tokens is short" in short.err
    relied_on = run("model", "deploy", "tiny", "--context", 256, "--capable", "--json")
    assert relied_on.json["capable"] is True and "short" not in relied_on.err


def test_a_file_added_again_is_mended_and_keeps_its_name(
    run: Run, data_dir: Path, tiny: Path, tmp_path: Path
) -> None:
    first = run("model", "add", tiny, "--name", "tiny", "--json").json
    run("model", "deploy", "tiny")
    (copy,) = (data_dir / "models").glob("*.gguf")
    copy.chmod(0o644)
    copy.write_bytes(b"spoilt")
    assert "here already, as 'tiny'" in run("model", "add", tiny, "--name", "other").err
    again = run("model", "add", tiny, "--name", "other", "--json").json
    assert again == {**first, "deployments": ["tiny"]}
    assert copy.read_bytes() == tiny.read_bytes()
    other = write_tiny(tmp_path / "tiny.gguf", seed=1)
    for file in (other, write_tiny(tmp_path / "big.gguf", layers=2)):
        refused = run("model", "add", file, "--name", "tiny")
        assert (refused.status, "another model is named 'tiny'" in refused.err) == (1, True)
    assert len(list((data_dir / "models").glob("*.gguf"))) == 1


def test_deployments_of_the_configuration_file_count(run: Run, tmp_path: Path, tiny: Path) -> None:
    config = tmp_path / "t.toml"
    config.write_text('[deployments.fixed]\nmodel = "tiny"\n')
    run("model", "add", tiny, "--name", "tiny")
    (listed,) = run("model", "list", "--config", config, "--json").json["data"]
    assert listed["deployments"] == ["fixed"]
    assert "deployed as fixed" in run("model", "rm", "tiny", "--config", config).err
    deploy = run("model", "deploy", "tiny", "--name", "fixed", "--config", config)
    assert "configuration file" in deploy.err
    assert (
        "take [deployments.fixed] out" in run("model", "undeploy", "fixed", "--config", config).err
    )


def test_mistakes_say_what_to_change(run: Run, tmp_path: Path, tiny: Path) -> None:
    liar = tmp_path / "liar.gguf"
    liar.write_bytes(b"no model at all")
    assert run("model", "add", liar).status == 1
    assert run("model", "add", tmp_path / "missing.gguf").status == 2
    assert run("model", "add", tiny, "--name", "A B").status == 1
    run("model", "add", tiny, "--name", "tiny")
    assert "did you mean tiny" in run("model", "deploy", "tinny").err
    assert "price" in run("model", "deploy", "tiny", "--price-in", "free").err
    long = run("model", "deploy", "tiny", "--context", 100_000)
    assert (long.status, "trained on contexts of 4,096 tokens" in long.err) == (1, True)
    above = run("model", "deploy", "tiny", "--price-in", "1", "--price-cached", "2")
    assert "above input_per_mtok" in above.err
    assert run("model", "deploy", "tiny", "--slots", 0).status == 2
    assert "no time such as 90s" in run("model", "deploy", "tiny", "--scale-to-zero", "soon").err
    endless = write_tiny(tmp_path / "endless.gguf", context_tokens=1 << 30)
    run("model", "add", endless, "--name", "endless")
    large = ("model", "deploy", "endless", "--context", 1 << 30, "--slots", 1_000)
    refused = run(*large)
    assert "It does not fit" in refused.err and "would fit" in refused.err
    assert run(*large, "--anyway", "--json").json["context_tokens"] == 1 << 30
    assert run("model", "undeploy", "endless").status == 0
    assert run("model", "rm", "endless").status == 0
    assert run("model", "list", "--json").json["data"][0]["deployments"] == []


def test_one_entered_in_the_page_is_listed_and_undeployed(run: Run, data_dir: Path) -> None:
    run("model", "list")  # makes the store
    url = "https://api.mistral.ai/v1"
    store = open_store(f"sqlite:///{data_dir / 'tramontane.db'}")
    with store.write() as c:
        settings = msgspec.json.encode(DeploymentSettings(url=url, upstream_model="small"))
        sealed = b"\x01sealed-canary"
        entered = StoredDeployment(
            name="far", settings=settings, sealed_key=sealed, created_at_ms=1
        )
        deployments.put(c, entered)
    store.close()
    shown = {
        "deployment": "far",
        "provider": "mistral",
        "url": url,
        "upstream_model": "small",
        "source": "store",
    }
    assert run("model", "list", "--json").json["remote"] == [shown]
    listed = run("model", "list").out
    assert "served elsewhere:" in listed and url in listed and "canary" not in listed
    assert run("model", "undeploy", "far", "--json").json == {"removed": "far"}
    assert run("model", "list", "--json").json["remote"] == []
