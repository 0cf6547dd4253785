"""Tables and samples in a real Chromium, on a platform that has the guide alone: `tables.mjs`."""

import sqlite3
from collections.abc import Iterator

import pytest

from tests.platform import run_platform
from tests.studio import flows
from tramontane.studio.webapp import APP

pytestmark = pytest.mark.browser

SCRIPT = "tables.mjs"


@pytest.fixture(scope="module")
def found(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    node_path: str,
    browser_path: str,
) -> Iterator[dict[str, str | None]]:
    """Return what came of each flow: None, or what went wrong."""
    assert (APP / "index.html").exists(), "`make test` builds the app"
    folder = tmp_path_factory.mktemp("tables")
    with sqlite3.connect(folder / "loans.sqlite") as loans:
        loans.execute("CREATE TABLE loans (title TEXT, days INTEGER)")
        loans.executemany("INSERT INTO loans VALUES (?, ?)", [("Heidi", 21), ("Faust", 7)])
    loans.close()
    with run_platform(folder / "data") as platform:
        given = {
            "browser": browser_path,
            "url": platform.address,
            "link": platform.sign_in,
            "folder": str(folder),
            "left_out": flows.left_out(SCRIPT, request.config),
        }
        yield flows.run(node_path, SCRIPT, given, {})


@pytest.mark.parametrize("flow", flows.parameters(SCRIPT))
def test_flow(found: dict[str, str | None], flow: str) -> None:
    assert flow in found, "the script ended before it"
    assert found[flow] is None, found[flow]
