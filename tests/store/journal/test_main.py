"""`python -m tramontane.store.journal DIR`, as operators and other tests use it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tramontane.money import Price
from tramontane.store.journal import FolderDisk, HoldRecord, SettleRecord, Writer


def run(folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tramontane.store.journal", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_prints_a_journal_in_use(tmp_path: Path) -> None:
    disk = FolderDisk(tmp_path)
    disk.lock("lock")
    writer = Writer(disk)
    hold = writer.hold(
        HoldRecord("req_1", 0, "prj", "key", "large", "eu", 5, Price(1, 2, 1, 0), 99, 10, 20)
    )
    writer.checkpoint(hold, 8)
    writer.settle(
        hold,
        SettleRecord("req_1", 0, "prj", "key", "large", "eu", 5, 6, 10, 7, 3, 42, False, "ok"),
    )
    found = run(tmp_path)
    assert (found.returncode, found.stderr) == (0, "")
    lines: list[dict[str, Any]] = [json.loads(line) for line in found.stdout.splitlines()]
    assert [line["kind"] for line in lines] == ["hold", "checkpoint", "settle"]
    assert {line["request_id"] for line in lines} == {"req_1"}
    assert lines[0]["price"][:4] == [1, 2, 1, 0]
    assert lines[1]["completion_tokens"] == 8
    assert (lines[2]["cost_nano"], lines[2]["status"], lines[2]["cached_tokens"]) == (42, "ok", 3)
    segment = tmp_path / lines[0]["segment"]
    segment.write_bytes(segment.read_bytes()[:200] + b"torn")
    assert json.loads(run(tmp_path).stdout.splitlines()[-1])["damaged_bytes"] > 0


def test_no_such_folder(tmp_path: Path) -> None:
    found = run(tmp_path / "none")
    assert found.returncode == 2
    assert "no such folder" in found.stderr
