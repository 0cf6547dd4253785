"""The start page in a real Chromium: `start_page.mjs` has the flows, one browser runs them all."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.studio.conftest import DAY_MS, Studio
from tests.studio.front import Front, serving
from tramontane.config import DeploymentSettings, PriceSettings, Settings
from tramontane.datafolder import DataFolder
from tramontane.store import usage
from tramontane.store.database import open_store
from tramontane.studio.server import clock_ms

pytestmark = pytest.mark.browser

HERE = Path(__file__).parent
SCRIPT = HERE / "start_page.mjs"
FLOWS = re.findall(r'^  "([^"]+)": async', SCRIPT.read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def results(
    tmp_path_factory: pytest.TempPathFactory,
    empty_store_file: Path,
    node_path: str,
    browser_path: str,
) -> Iterator[dict[str, str | None]]:
    """What came of each flow: None, or what went wrong."""
    assert (HERE / "node_modules").exists(), "`make test` installs what drives the browser"
    data = tmp_path_factory.mktemp("data")
    large = DeploymentSettings(
        url="http://127.0.0.1:9/v1",
        price=PriceSettings(input_per_mtok="0.15", output_per_mtok="0.60"),
        context_tokens=128_000,
    )
    settings = Settings(data=str(data), deployments={"large": large})
    folder = DataFolder(data)
    folder.prepare()
    shutil.copy(empty_store_file, folder.database)
    store = open_store(settings.store_url)
    try:
        yield _run(Studio(settings, store, folder.pepper()), node_path, browser_path)
    finally:
        store.close()


def _run(studio: Studio, node_path: str, browser_path: str) -> dict[str, str | None]:
    studio.now_ms = clock_ms()
    tenant = studio.tenant("ours")
    with studio.store.write() as c:
        records = [
            studio.record(
                f"r{n}", tenant.project, tenant.key, started_at_ms=studio.now_ms - n * DAY_MS
            )
            for n in range(1, 10)
        ]
        recent = studio.record("r0", tenant.project, tenant.key, started_at_ms=studio.now_ms)
        usage.insert_many(c, [*records, recent])
    found: dict[str, str | None] = {}
    with serving(Front(studio, tenant)) as address:
        command = [node_path, str(SCRIPT)]
        keys = {"read": tenant.read, "infer": tenant.infer}
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None and process.stdout is not None

            def say(line: Any) -> None:
                assert process.stdin is not None
                process.stdin.write(msgspec.json.encode(line) + b"\n")
                process.stdin.flush()

            say({"browser": browser_path, "url": address.url, "keys": keys})
            for line in process.stdout:
                told = msgspec.json.decode(line)
                if "please" in told:
                    address.stop() if told["please"] == "stop" else address.start()
                    say("done")
                else:
                    found[told["flow"]] = told["error"]
    return found


@pytest.mark.parametrize("flow", FLOWS)
def test_flow(results: dict[str, str | None], flow: str) -> None:
    assert flow in results, "the script ended before it"
    assert results[flow] is None, results[flow]
