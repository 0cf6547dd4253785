"""SE15: whatever is sent to the own API, no answer is a fault of the server's.

Schemathesis makes requests of the description that the platform gives of itself, right and wrong
ones, of every operation.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.platform import run_platform

EXAMPLES = 60
CASES_LEAST = 8_000
SEEDS = (1, 2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_no_request_makes_the_server_fail(tmp_path: Path, seed: int) -> None:
    with run_platform(tmp_path / "data") as platform:
        command = [
            str(Path(sys.executable).with_name("st")),
            *("run", f"{platform.address}/api/openapi.json"),
            *("--header", f"Authorization: Bearer {platform.key}", "--header", "X-Tramontane: 1"),
            *("--checks", "not_a_server_error", "--max-examples", str(EXAMPLES)),
            *("--phases", "fuzzing", "--seed", str(seed), "--no-shrink", "--continue-on-failure"),
            *("--request-timeout", "30", "--warnings", "off"),
        ]
        ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ran.returncode == 0, ran.stdout[-8_000:]
    cases = re.search(r"(\d+) generated", ran.stdout)
    assert cases is not None and int(cases[1]) > CASES_LEAST, ran.stdout[-2_000:]
