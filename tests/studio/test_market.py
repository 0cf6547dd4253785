"""Models offered to other projects, and projects paid for in advance, in a real Chromium on a real
platform: `market.mjs`.

One platform and one browser run all its flows in their order, from the first administrator on.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.platform import run_platform
from tests.processes import run_standin
from tests.studio import flows
from tramontane.providers.standin import Behaviour, StandinOptions
from tramontane.studio.webapp import APP

pytestmark = pytest.mark.browser

SCRIPT = "market.mjs"
# No engine runs here: whatever is sold is the stand-in's.
CONFIG = """
currency = "EUR"
demo = false
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
    folder = tmp_path_factory.mktemp("market")
    config = folder / "tramontane.toml"
    config.write_text(CONFIG)
    options = StandinOptions(
        behaviour=Behaviour(answer="The stand-in has answered."), models=("large",)
    )
    with (
        run_standin(options) as standin,
        run_platform(folder / "data", "--config", str(config)) as platform,
    ):
        given: dict[str, Any] = {
            "browser": browser_path,
            "url": platform.address,
            "link": platform.sign_in,
            "key": platform.key,
            "standin": standin.url,
            "left_out": flows.left_out(SCRIPT, request.config),
        }
        yield flows.run(node_path, SCRIPT, given, {})


@pytest.mark.parametrize("flow", flows.parameters(SCRIPT))
def test_flow(results: dict[str, str | None], flow: str) -> None:
    assert flow in results, "the script ended before it"
    assert results[flow] is None, results[flow]
