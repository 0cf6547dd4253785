"""Where a process's CPU goes: kernel, C libraries and Python by function.

`perf` splits kernel from user and names libraries and symbols; `py-spy` names Python functions,
each with the C code and system calls made from it. Either is left out with a word where it
is not installed.
"""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

# Threads that wait for work look busy to py-spy where their wait is a short C call.
_IDLE = ("wait (threading", "Condition.wait (threading", "_worker (concurrent/futures/thread")


def print_profile(pid: int, seconds: int, folder: Path) -> None:
    """Profile `pid` for `seconds` with each tool in turn and print what they found."""
    _perf(pid, seconds, folder / "perf.data")
    _py_spy(pid, seconds, folder / "stacks.txt")


def _perf(pid: int, seconds: int, data: Path) -> None:
    program = shutil.which("perf")
    if program is None:
        print("perf is not installed: no split into kernel and libraries")
        return
    record = [program, "record", "-q", "-F", "1999", "-p", str(pid), "-o", str(data)]
    subprocess.run([*record, "--", "sleep", str(seconds)], check=True, capture_output=True)
    for title, keys, least in (("by library", "dso", "0.3"), ("by symbol", "dso,symbol", "0.6")):
        report = [program, "report", "-q", "-i", str(data), "--stdio", "--sort", keys]
        output = subprocess.run(
            [*report, "--percent-limit", least], check=False, capture_output=True, text=True
        )
        print(f"\n-- perf, {title}")
        for line in (output.stdout or output.stderr).splitlines():
            if line.strip():
                print(line.rstrip(" -"))


def _py_spy(pid: int, seconds: int, stacks: Path) -> None:
    program = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which(
        "py-spy"
    )
    if program is None:
        print("py-spy is not installed (pip install py-spy): no split by Python function")
        return
    command = [program, "record", "-p", str(pid), "-d", str(seconds), "-r", "500", "-f", "raw"]
    done = subprocess.run(
        [*command, "--function", "-o", str(stacks)],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0 or not stacks.exists():
        print(f"py-spy failed: {done.stderr.strip()[-500:]}")
        return
    own: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for line in stacks.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        if frames[-1].startswith(_IDLE):
            continue
        own[frames[-1]] += int(count)
        for frame in set(frames):
            within[frame] += int(count)
    samples = sum(own.values())
    _print_counts("py-spy, by Python function, C and kernel it calls included", own, samples)
    _print_counts("py-spy, by Python function, all it calls included", within, samples)


def _print_counts(title: str, counts: Counter[str], samples: int) -> None:
    print(f"\n-- {title}")
    for name, count in counts.most_common(40):
        print(f"{count / max(1, samples):6.1%}  {name}")
