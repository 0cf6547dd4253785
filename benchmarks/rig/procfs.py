"""Accounts of CPU and memory, read from Linux's /proc.

CPU is read twice over: `schedstat` (nanoseconds, summed over a process's threads) gives the
figure, `stat` (10 ms ticks, the thread group's total) checks it. It does not know which process
plays which part.
"""

import os
import socket
from collections.abc import Iterable
from pathlib import Path

import msgspec

PROC = Path("/proc")


class CpuTime(msgspec.Struct, frozen=True):
    """CPU used so far, in seconds, by both clocks."""

    sched_s: float
    ticks_s: float

    def since(self, earlier: "CpuTime") -> "CpuTime":
        """Return what was used after `earlier`."""
        return CpuTime(self.sched_s - earlier.sched_s, self.ticks_s - earlier.ticks_s)


def cpu_time(pids: Iterable[int]) -> CpuTime:
    """Return the CPU that `pids` have used, all threads included; gone processes count zero."""
    sched_ns = ticks = 0
    for pid in pids:
        try:
            stat = (PROC / str(pid) / "stat").read_text()
            tasks = os.listdir(PROC / str(pid) / "task")
        except OSError:
            continue
        fields = stat.rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
        for task in tasks:
            try:
                text = (PROC / str(pid) / "task" / task / "schedstat").read_text()
            except OSError:
                continue
            sched_ns += int(text.split()[0])
    return CpuTime(sched_ns / 1e9, ticks / os.sysconf("SC_CLK_TCK"))


def core_busy_s(core: int) -> float:
    """Return how long `core` has been busy since boot, in seconds; steal counts as busy."""
    with open(PROC / "stat") as file:
        for line in file:
            name, *values = line.split()
            if name == f"cpu{core}":
                user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, values[:8])
                total = user + nice + system + irq + softirq + steal
                return total / os.sysconf("SC_CLK_TCK")
    raise ValueError(f"no core {core} on this machine")


def memory_mb(pids: Iterable[int], field: str = "VmRSS") -> float:
    """Return the resident memory of `pids` in MB (1e6 bytes); `VmHWM` gives the peak."""
    total_kib = 0
    for pid in pids:
        try:
            text = (PROC / str(pid) / "status").read_text()
        except OSError:
            continue
        for line in text.splitlines():
            if line.startswith(field + ":"):
                total_kib += int(line.split()[1])
    return total_kib * 1024 / 1e6


def tree(root: int) -> list[int]:
    """Return `root` and every descendant alive now."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parent = int(stat.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def command(pid: int) -> str:
    """Return the command line of `pid`, words joined by spaces."""
    return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()


def pin(pid: int, core: int) -> None:
    """Bind every thread of `pid` to `core`; threads it starts later inherit that."""
    for task in os.listdir(PROC / str(pid) / "task"):
        os.sched_setaffinity(int(task), {core})


def serving_pid(client: socket.socket, among: Iterable[int]) -> int:
    """Return which process of `among` holds the far end of the loopback connection `client`.

    This finds the process on the path of a request whatever it calls itself. Raises
    LookupError where none does (the connection must have been accepted).
    """
    client_port, server_port = client.getsockname()[1], client.getpeername()[1]
    inode = ""
    for line in (PROC / "net" / "tcp").read_text().splitlines()[1:]:
        fields = line.split()
        local, remote = fields[1], fields[2]
        if (int(local[9:], 16), int(remote[9:], 16)) == (server_port, client_port):
            inode = fields[9]
    for pid in among:
        folder = PROC / str(pid) / "fd"
        for descriptor in os.listdir(folder):
            try:
                if os.readlink(folder / descriptor) == f"socket:[{inode}]":
                    return pid
            except OSError:
                continue
    raise LookupError("no process of the gateway holds the connection")
