"""Runs LangChain's standard tests against a gateway, and scripts the model that they expect.

They run in a pytest of their own, since they need plugins and settings that ours does not have.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.running import RunningGateway
from tramontane.providers.standin import Behaviour, Rule
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


def passed(file: str, gateway: RunningGateway, path: str, model: str, *options: str) -> int:
    """Run the tests of `file` against `model` at `path` of the gateway.

    Return how many passed, with none that failed.
    """
    environ = {
        **os.environ,
        "LANGCHAIN_URL": f"{gateway.address}{path}",
        "LANGCHAIN_KEY": gateway.key,
        "LANGCHAIN_MODEL": model,
        "LANGSMITH_TRACING": "false",
    }
    command = [sys.executable, "-m", "pytest", "-c", str(FOLDER / "pytest.ini")]
    ran = subprocess.run(
        [*command, str(FOLDER / file), *options],
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
