"""LangChain's standard tests for langchain-mistralai, through the gateway.

They run as those for langchain-openai do. `mistral` is spliced to a provider of the dialect,
`openai` translated to one of OpenAI's, `claude` to one of Anthropic's.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.clients.test_langchain_openai import FOLDER, script
from tests.processes import run_standin
from tests.running import RunningGateway, run_gateway
from tramontane.providers.standin import StandinOptions


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    folder = tmp_path_factory.mktemp("langchain") / "data"
    with run_standin(StandinOptions(script=tuple(script()))) as standin:
        base = standin.url.removesuffix("/v1")
        settings = {
            "deployments.mistral": {"url": f"{base}/mistral/v1", "dialect": "mistral"},
            "deployments.openai": {"url": standin.url},
            "deployments.claude": {"url": standin.url, "dialect": "anthropic"},
        }
        with run_gateway(folder, None, settings) as running:
            yield running


def passed(gateway: RunningGateway, model: str, *options: str) -> int:
    """Run the tests against `model`; return how many passed, with none that failed."""
    environ = {
        **os.environ,
        "LANGCHAIN_URL": f"{gateway.address}/mistral/v1",
        "LANGCHAIN_KEY": gateway.key,
        "LANGCHAIN_MODEL": model,
        "LANGSMITH_TRACING": "false",
    }
    tests = FOLDER / "standard_mistral.py"
    command = [sys.executable, "-m", "pytest", "-c", str(FOLDER / "pytest.ini"), str(tests)]
    ran = subprocess.run(
        [*command, *options],
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    found = re.search(r"(\d+) passed", ran.stdout)
    assert found is not None, ran.stdout[-2000:]
    return int(found[1])


@pytest.mark.slow
def test_a_spliced_model(gateway: RunningGateway) -> None:
    assert passed(gateway, "mistral") >= 48


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "options", "least"),
    [("openai", (), 48), ("claude", ("-k", "TestChat and not json_mode"), 42)],
)
def test_translated_models(
    gateway: RunningGateway, model: str, options: tuple[str, ...], least: int
) -> None:
    assert passed(gateway, model, *options) >= least
