"""The first page is light: its bytes and requests, counted in a real Chromium: `weight.mjs`."""

from collections.abc import Iterator

import pytest

from tests.platform import run_platform
from tests.studio import flows
from tramontane.studio.webapp import APP

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SCRIPT = "weight.mjs"


@pytest.fixture(scope="module")
def results(
    tmp_path_factory: pytest.TempPathFactory, node_path: str, browser_path: str
) -> Iterator[dict[str, str | None]]:
    """What came of each flow: None, or what went wrong."""
    assert (APP / "index.html").exists(), "`make test` builds the app"
    with run_platform(tmp_path_factory.mktemp("weight") / "data") as platform:
        given = {"browser": browser_path, "url": platform.address, "link": platform.sign_in}
        yield flows.run(node_path, SCRIPT, given, {})


@pytest.mark.parametrize("flow", flows.names_in(SCRIPT))
def test_flow(results: dict[str, str | None], flow: str) -> None:
    assert flow in results, "the script ended before it"
    assert results[flow] is None, results[flow]
