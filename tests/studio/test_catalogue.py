"""The catalogue and what follows from it, in a real Chromium on a real platform: `catalogue.mjs`.

One platform and one browser run all its flows in their order, from the first administrator on:
finding, comparing, deploying; playground, engines.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.hub import StandInHub, run_hub
from tests.platform import run_platform
from tests.processes import run_standin
from tests.studio import flows
from tramontane.engines.plan import DEMO_PATH
from tramontane.providers.standin import Behaviour, Rule, StandinOptions
from tramontane.studio.webapp import APP

pytestmark = pytest.mark.browser

SCRIPT = "catalogue.mjs"
# Where the catalogue's cards say that files are; the demonstration model stands in for them.
NEMO = "bartowski/Mistral-Nemo-Instruct-2407-GGUF"
CHIBI = "mradermacher/Llama-3.2-Chibi-3B-GGUF"
# An account of a kind that the catalogue's offers name, whose address is the stand-in.
CONFIG = """
currency = "EUR"

[exchange_rates]
USD = "0.86"

[hub]
url = "{hub}"

[deployments.large]
url = "{url}"
context_tokens = 32000
capable = true
price = {{ input_per_mtok = "0.15", output_per_mtok = "0.60" }}

[providers.mistral]
kind = "mistral"
url = "{url}"
key_env = "CATALOGUE_KEY"
"""


@pytest.fixture(scope="module")
def results(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    node_path: str,
    browser_path: str,
) -> Iterator[dict[str, str | None]]:
    """What came of each flow: None, or what went wrong."""
    assert (APP / "index.html").exists(), "`make test` builds the app"
    folder = tmp_path_factory.mktemp("catalogue")
    config = folder / "tramontane.toml"
    behaviour = Behaviour(answer="The stand-in has answered.")
    slow = Rule(contains="history", reply=Behaviour(answer="Once upon a time " * 200, tps=20))
    options = StandinOptions(
        behaviour=behaviour, models=("large", "open-mistral-nemo"), script=(slow,)
    )
    demo = DEMO_PATH.read_bytes()
    repositories = {
        NEMO: {"Mistral-Nemo-Instruct-2407-Q4_K_M.gguf": demo},
        CHIBI: {"Llama-3.2-Chibi-3B.Q2_K.gguf": demo, "Llama-3.2-Chibi-3B.Q8_0.gguf": demo},
    }
    with run_standin(options) as standin, run_hub(None, None, **_named(repositories)) as hub:
        config.write_text(CONFIG.format(url=standin.url, hub=hub.url))
        arguments = ("--config", str(config))
        environ = {"CATALOGUE_KEY": "none"}
        with run_platform(folder / "data", *arguments, environ=environ) as platform:
            given: dict[str, Any] = {
                "browser": browser_path,
                "url": platform.address,
                "link": platform.sign_in,
                "key": platform.key,
                "standin": standin.url,
                "repository": NEMO,
                "files": str(folder),
                "left_out": flows.left_out(SCRIPT, request.config),
            }
            yield flows.run(node_path, SCRIPT, given, _pleas(hub))


def _named(repositories: dict[str, dict[str, bytes]]) -> dict[str, dict[str, bytes]]:
    return {name.replace("/", "__"): files for name, files in repositories.items()}


def _pleas(hub: StandInHub) -> flows.Pleas:
    """What the flows can ask of the hub: to be slow, to hold still, to break off, to let nobody
    in, and what parts it was asked for.
    """

    def slow(told: dict[str, Any]) -> dict[str, Any]:
        hub.pause_s = told["pause_s"]
        return {}

    def cut(told: dict[str, Any]) -> dict[str, Any]:
        hub.cut_after = [told["after"]] * told["times"]
        return {}

    def hold(told: dict[str, Any]) -> dict[str, Any]:
        (hub.blocked.clear if told["held"] else hub.blocked.set)()
        return {}

    def gate(told: dict[str, Any]) -> dict[str, Any]:
        hub.gated = {NEMO} if told["gated"] else set()
        return {}

    def ranges(_: dict[str, Any]) -> list[str | None]:
        return [each.range for each in hub.downloads()]

    return {"slow": slow, "hold": hold, "cut": cut, "gate": gate, "ranges": ranges}


@pytest.mark.parametrize("flow", flows.parameters(SCRIPT))
def test_flow(results: dict[str, str | None], flow: str) -> None:
    assert flow in results, "the script ended before it"
    assert results[flow] is None, results[flow]
