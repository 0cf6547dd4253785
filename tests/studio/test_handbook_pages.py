"""The handbook in a real Chromium on a real platform: `handbook.mjs`."""

from collections.abc import Iterator

import pytest

from tests.platform import run_platform
from tests.studio import flows

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SCRIPT = "handbook.mjs"
FLOWS = flows.names_in(SCRIPT)


@pytest.fixture(scope="module")
def results(
    tmp_path_factory: pytest.TempPathFactory, node_path: str, browser_path: str
) -> Iterator[dict[str, str | None]]:
    """What came of each flow: None, or what went wrong."""
    folder = tmp_path_factory.mktemp("handbook")
    config = folder / "tramontane.toml"
    config.write_text("demo = false\nguide = false\n")  # nothing else is needed
    with run_platform(folder / "data", "--config", str(config)) as platform:
        yield flows.run(node_path, SCRIPT, {"browser": browser_path, "url": platform.address}, {})


@pytest.mark.parametrize("flow", FLOWS)
def test_flow(results: dict[str, str | None], flow: str) -> None:
    assert flow in results, "the script ended before it"
    assert results[flow] is None, results[flow]
