"""How much memory processes take, by the system's own words."""

import os
from pathlib import Path

from tramontane.engines.resident import read_ps, resident_bytes


def test_this_process_is_found_and_one_that_ended_is_not() -> None:
    found = resident_bytes([os.getpid(), 2**22 + 1])
    assert list(found) == [os.getpid()]
    assert 5_000_000 < found[os.getpid()] < 1 << 40
    assert resident_bytes([]) == {}


def test_without_proc_ps_is_asked(tmp_path: Path) -> None:
    found = resident_bytes([os.getpid()], proc=tmp_path)
    assert list(found) == [os.getpid()]
    assert read_ps("  PID RSS\n 5 x\n\n 71  2048\n") == {71: 2_097_152}
