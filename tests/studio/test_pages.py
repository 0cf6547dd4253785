"""The pages beside the conversation, in a real Chromium on a real platform: `pages.mjs`.

One platform and one browser run all its flows in their order, from the first administrator on.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.platform import run_platform
from tests.processes import run_standin
from tests.studio import flows
from tramontane.providers.standin import Behaviour, StandinOptions
from tramontane.studio.webapp import APP

pytestmark = pytest.mark.browser

SCRIPT = "pages.mjs"
CONFIG = """
[deployments.large]
url = "{url}"
context_tokens = 32000
capable = true
price = {{ input_per_mtok = "0.15", output_per_mtok = "0.60" }}
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
    folder = tmp_path_factory.mktemp("pages")
    data = folder / "data"
    config = folder / "tramontane.toml"
    behaviour = Behaviour(answer="The stand-in has answered.")
    options = StandinOptions(behaviour=behaviour, models=("large", "larger"))
    with run_standin(options) as standin:
        config.write_text(CONFIG.format(url=standin.url))
        with run_platform(data, "--config", str(config)) as platform:
            given = {
                "browser": browser_path,
                "url": platform.address,
                "link": platform.sign_in,
                "key": platform.key,
                "standin": standin.url,
                "files": str(folder),
                "left_out": flows.left_out(SCRIPT, request.config),
            }
            yield flows.run(node_path, SCRIPT, given, {"expire": lambda _: _expire(data)})


def _expire(data: Path) -> dict[str, Any]:
    """Let time pass for every link that waits."""
    with sqlite3.connect(data / "tramontane.db", timeout=10) as store:
        store.execute("UPDATE links SET expires_at_ms = 1 WHERE used_at_ms IS NULL")
    store.close()
    return {}


@pytest.mark.parametrize("flow", flows.parameters(SCRIPT))
def test_flow(results: dict[str, str | None], flow: str) -> None:
    assert flow in results, "the script ended before it"
    assert results[flow] is None, results[flow]
