"""Answers as the browser draws them, in a real Chromium under the product's own policy."""

import subprocess
from pathlib import Path

import pytest

from tests.studio import flows
from tramontane.studio.edge import HEADERS

SCRIPT = "renderer.mjs"
SAMPLES = Path(__file__).parent / "samples"
BUILD = Path(__file__).parents[2] / "web" / "tests" / "build_page.mjs"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def found(
    request: pytest.FixtureRequest,
    node_path: str,
    browser_path: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str | None]:
    """Return what came of each flow."""
    folder = tmp_path_factory.mktemp("renderer")
    subprocess.run([node_path, str(BUILD), str(folder)], check=True)
    given = {
        "browser": browser_path,
        "folder": str(folder),
        "headers": {name.decode(): value.decode() for name, value in HEADERS},
        "samples": {path.stem: path.read_text(encoding="utf-8") for path in SAMPLES.glob("*.md")},
        "left_out": flows.left_out(SCRIPT, request.config),
    }
    return flows.run(node_path, SCRIPT, given, {})


@pytest.mark.parametrize("name", flows.parameters(SCRIPT))
def test_renderer(found: dict[str, str | None], name: str) -> None:
    assert name in found, "the script ended before it"
    assert found[name] is None, found[name]
