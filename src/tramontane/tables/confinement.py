"""Limits that a child process of this package puts on itself before it touches anything foreign.

Python, DuckDB and the readers of files are all native code with bugs of their own; what holds are
the kernel's limits and the parent's deadline. It does not know what the child does.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Mapping

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_KEPT = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


def environment(environ: Mapping[str, str], folder: str) -> dict[str, str]:
    """Return the variables that a child gets: no keys of anybody, `folder` for what is temporary.

    One thread for allocation, since every arena of its own costs 64 MiB of addresses.
    """
    kept = {name: environ[name] for name in _KEPT if name in environ}
    return {**kept, "HOME": folder, "TMPDIR": folder, "MALLOC_ARENA_MAX": "2"}


def confine(
    *, memory_bytes: int | None, processor_s: int, file_bytes: int, with_network: bool = False
) -> None:
    """Limit this process: addresses, processor time, size of a file written, sockets.

    Without `memory_bytes`, `limit_memory` comes later.

    Call it before any thread is started, else the network stays. Each limit is as good as the
    kernel gives: macOS refuses some, a hardened Linux refuses to take the network away.
    """
    if sys.platform == "linux":
        _confine_linux(with_network)
    if memory_bytes is not None:
        limit_memory(memory_bytes)
    _limit(resource.RLIMIT_CPU, processor_s)
    _limit(resource.RLIMIT_FSIZE, file_bytes)
    _limit(resource.RLIMIT_CORE, 0)  # it would hold what people asked
    _limit(resource.RLIMIT_NOFILE, 256)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # an error of the write that is too much


def limit_memory(memory_bytes: int) -> None:
    """Limit the addresses of this process, as good as the kernel does."""
    _limit(resource.RLIMIT_AS, memory_bytes)


def _confine_linux(with_network: bool) -> None:
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if not with_network:
            libc.unshare(_CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWUSER | _CLONE_NEWNET)


def _limit(name: int, most: int) -> None:
    _, hard = resource.getrlimit(name)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(name, (most, most))
