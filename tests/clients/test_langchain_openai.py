"""LangChain's standard tests for langchain-openai, through the gateway.

They run in a pytest of their own, since they need plugins and settings that ours does not have.
`bench` is spliced to a provider of OpenAI's dialect, `claude` translated to one of Anthropic's.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import run_standin
from tests.running import RunningGateway, run_gateway
from tramontane.providers.standin import Behaviour, Rule, StandinOptions
from tramontane.providers.standin.behaviour import ScriptedCall

FOLDER = Path(__file__).parent / "langchain"
ROUNDS = 16
WEATHER = "What is the weather in San Francisco"


def script() -> Iterator[Rule]:
    """What the tests expect of any model worth testing."""
    magic = (ScriptedCall("magic_function", {"input": 3}),)
    yield Rule(contains="magic_function(3)", reply=Behaviour(tool_calls=magic))
    yield Rule(contains="as a JSON with", reply=Behaviour(answer='{"setup":"a","punchline":"b"}'))
    for _ in range(ROUNDS):  # of asking for a tool, and answering with what it gave back
        yield Rule(contains=WEATHER, times=1, reply=Behaviour(tool="get_weather"))
        yield Rule(contains=WEATHER, times=1, reply=Behaviour(answer="It is sunny."))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    folder = tmp_path_factory.mktemp("langchain") / "data"
    with run_standin(StandinOptions(script=tuple(script()))) as standin:
        claude = {"url": f"{standin.url}", "dialect": "anthropic"}
        with run_gateway(folder, standin.url, {"deployments.claude": claude}) as running:
            yield running


def passed(gateway: RunningGateway, model: str, *options: str) -> int:
    """Run the tests against `model`; return how many passed, with none that failed."""
    environ = {
        **os.environ,
        "LANGCHAIN_URL": f"{gateway.address}/v1",
        "LANGCHAIN_KEY": gateway.key,
        "LANGCHAIN_MODEL": model,
        "LANGSMITH_TRACING": "false",
    }
    tests = FOLDER / "standard_openai.py"
    command = [sys.executable, "-m", "pytest", "-c", str(FOLDER / "pytest.ini"), str(tests)]
    ran = subprocess.run(
        [*command, *options], env=environ, capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    found = re.search(r"(\d+) passed", ran.stdout)
    assert found is not None, ran.stdout[-2000:]
    return int(found[1])


@pytest.mark.slow
def test_a_spliced_model(gateway: RunningGateway) -> None:
    assert passed(gateway, "bench") >= 91


@pytest.mark.slow
def test_a_translated_model(gateway: RunningGateway) -> None:
    # Anthropic's dialect knows schemas, but no other JSON mode, and no embeddings.
    only = "(TestChatCompletions or TestResponses) and not json_mode"
    assert passed(gateway, "claude", "-k", only) >= 84
