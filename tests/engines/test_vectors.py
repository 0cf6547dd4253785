"""Models that give vectors: which they are, and llama.cpp's server with one of them."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.engines.child import Child
from tests.engines.tiny_bert import write_tiny_bert
from tramontane.config import DeploymentSettings, Settings
from tramontane.engines.gguf import read_header
from tramontane.engines.plan import local_models
from tramontane.store.records import ModelFile

CONTEXT_TOKENS = 128


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bert") / "bert.gguf"
    return write_tiny_bert(path, context_tokens=CONTEXT_TOKENS)


@pytest.mark.parametrize(
    ("architecture", "said", "gives_vectors"),
    [
        ("bert", None, True),
        ("nomic-bert", None, True),
        ("llama", None, False),
        ("qwen3", True, True),
        ("bert", False, False),
    ],
)
def test_a_model_is_for_vectors_by_its_architecture_or_as_it_is_set(
    architecture: str, said: bool | None, gives_vectors: bool
) -> None:
    file = ModelFile(
        sha256="0" * 64, name="m", size_bytes=1, architecture=architecture, added_at_ms=0
    )
    settings = Settings(deployments={"m": DeploymentSettings(model="m", embeddings=said)})
    plan = local_models(settings, [], [file], Path("/models"))
    assert plan["m"].gives_vectors is gives_vectors


def test_a_bert_gives_vectors(bert: Path) -> None:
    header = read_header(bert)
    assert (header.architecture, header.context_tokens) == ("bert", CONTEXT_TOKENS)
    with Child(bert, gives_vectors=True, context_tokens=CONTEXT_TOKENS) as child:

        def asked(given: Any) -> tuple[int, Any]:
            status, _, body = child.request("POST", "/v1/embeddings", {"input": given})
            return status, json.loads(body)

        status, answer = asked(["hello world", "the sea", "hello world"])
        assert status == 200 and answer["usage"]["prompt_tokens"] == 12  # [CLS] and [SEP] with each
        one, other, again = (item["embedding"] for item in answer["data"])
        assert one == pytest.approx(again, abs=1e-5) and one != pytest.approx(other, abs=1e-2)
        assert asked("hello " * (CONTEXT_TOKENS - 2))[0] == 200
        status, answer = asked("hello " * (CONTEXT_TOKENS - 1))
        assert (status, "is too large to process" in answer["error"]["message"]) == (500, True)
        child.process.send_signal(signal.SIGTERM)
        assert child.process.wait(20) == 0
