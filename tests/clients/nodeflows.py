"""Runs the Node client's flows; see the scripts in node/."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.clients.flows import PATIENCE_S, Target

FOLDER = Path(__file__).parent / "node"
CANCELLED_TOKENS = 43_211
FLOWS = 12


def run_node_flows(node: str, target: Target) -> None:
    """Fail the test with what each failed flow says."""
    run_script(node, target, "flows.mjs", FLOWS)
    assert_cancelled(target)


def run_script(node: str, target: Target, script: str, flows_count: int) -> None:
    """Run the flows of one script; fail the test with what each failed flow says."""
    if not (FOLDER / "node_modules" / "openai").is_dir():
        pytest.fail(f"there is no openai in {FOLDER}; `make test` installs it (npm ci)")
    ran = subprocess.run(
        [node, script],
        cwd=FOLDER,
        env=os.environ
        | {"BASE_URL": target.base_url, "API_KEY": target.api_key, "MODEL": target.model},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    flows = [json.loads(line) for line in ran.stdout.splitlines()]
    failed = [f"{flow['flow']}: {flow['error']}" for flow in flows if flow["error"]]
    assert not failed, "\n".join(failed)
    assert len(flows) == flows_count, ran.stderr
    assert ran.returncode == 0


def assert_cancelled(target: Target) -> None:
    """The stream that was left in the middle ended at the stand-in too."""
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        (request,) = [r for r in target.requests() if r.planned_tokens == CANCELLED_TOKENS]
        if request.ended == "client_left":
            return
        assert request.ended == "open"
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
