"""The conversation in a real Chromium on a real platform, with the guide and a scripted model."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.platform import run_platform
from tests.processes import run_standin
from tests.studio import flows
from tramontane.providers.standin import Behaviour, Rule, ScriptedCall, StandinOptions
from tramontane.studio.webapp import APP

pytestmark = pytest.mark.browser

SCRIPT = "conversation.mjs"
SAMPLES = Path(__file__).parent / "samples"
CONFIG = """
[deployments.large]
url = "{url}"
context_tokens = 32000
capable = true
price = {{ input_per_mtok = "0.15", output_per_mtok = "0.60" }}

[deployments.tiny]
url = "{url}"
upstream_model = "large"
context_tokens = 600
max_in_flight = 1
price = {{ input_per_mtok = "0.50", output_per_mtok = "0.50" }}
"""


def sample(name: str, tps: float) -> Behaviour:
    text = (SAMPLES / f"{name}.md").read_text(encoding="utf-8")
    return Behaviour(answer=text, tps=tps, tokens_per_event=2)


SUM = ScriptedCall(name="calculator", arguments={"expression": "19.6/100*2480"})
RULES = (
    Rule(contains="slow", reply=Behaviour(answer="mo il vent sol mar " * 800, tps=15)),
    Rule(contains="unhurried", reply=sample("report", 180)),
    Rule(contains="report", reply=sample("report", 1500)),
    Rule(contains="arabic", reply=sample("arabic", 1500)),
    Rule(contains="malicious", reply=sample("malicious", 3000)),
    Rule(contains="calculate", times=1, reply=Behaviour(tool_calls=(SUM,))),
    Rule(contains="calculate", reply=Behaviour(answer="19.6 % of 2,480 is **486.08**.")),
    Rule(
        contains="breaks",
        times=1,
        reply=Behaviour(tps=60, answer="vent " * 400, fault="reset_after:60"),
    ),
    Rule(contains="refused", reply=Behaviour(status=500, error_message="the engine has a fault")),
)


@pytest.fixture(scope="module")
def found(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    node_path: str,
    browser_path: str,
) -> Iterator[dict[str, str | None]]:
    """Return what came of each flow: None, or what went wrong."""
    assert (APP / "index.html").exists(), "`make test` builds the app"
    folder = tmp_path_factory.mktemp("conversation")
    config = folder / "tramontane.toml"
    behaviour = Behaviour(answer="A cold, dry wind from the north.", tps=400)
    options = StandinOptions(behaviour=behaviour, models=("large",), script=RULES)
    with run_standin(options) as standin, ExitStack() as platforms:
        config.write_text(CONFIG.format(url=standin.url))
        data, arguments = folder / "data", ("--config", str(config))
        platform = platforms.enter_context(run_platform(data, *arguments))
        port = str(platform.port)

        def restart(_: dict[str, Any]) -> dict[str, Any]:
            platforms.close()
            platforms.enter_context(run_platform(data, *arguments, "--port", port))
            return {}

        given = {
            "browser": browser_path,
            "url": platform.address,
            "link": platform.sign_in,
            "left_out": flows.left_out(SCRIPT, request.config),
        }
        yield flows.run(node_path, SCRIPT, given, {"restart": restart})


@pytest.mark.parametrize("name", flows.parameters(SCRIPT))
def test_flow(found: dict[str, str | None], name: str) -> None:
    assert name in found, "the script ended before it"
    assert found[name] is None, found[name]
