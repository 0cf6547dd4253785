"""How much memory processes take: their resident pages, a model's mapped file among them.

From /proc on Linux, from `ps` elsewhere. It does not know which process serves what.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

PS_TIMEOUT_S = 5.0


def resident_bytes(pids: Iterable[int], proc: Path = Path("/proc")) -> dict[int, int]:
    """Return the bytes by process; one that has ended is left out."""
    wanted = list(pids)
    if not wanted:
        return {}
    if not (proc / "self/statm").exists():
        return _asked(wanted)
    page = os.sysconf("SC_PAGE_SIZE")
    found = {}
    for pid in wanted:
        with contextlib.suppress(OSError, ValueError, IndexError):
            found[pid] = int((proc / str(pid) / "statm").read_text().split()[1]) * page
    return found


def _asked(pids: list[int]) -> dict[int, int]:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        ran = subprocess.run(
            ["/bin/ps", "-o", "pid=,rss=", "-p", ",".join(map(str, pids))],
            capture_output=True,
            text=True,
            timeout=PS_TIMEOUT_S,
            check=False,
        )
        return read_ps(ran.stdout)
    return {}


def read_ps(said: str) -> dict[int, int]:
    """Return the bytes by process from `ps -o pid=,rss=`, which counts in units of 1,024.

    >>> read_ps("  71  2048\\n 300 1\\n")
    {71: 2097152, 300: 1024}
    """
    rows = [line.split() for line in said.splitlines()]
    return {
        int(row[0]): int(row[1]) * 1_024
        for row in rows
        if len(row) == 2 and row[0].isdigit() and row[1].isdigit()
    }
