"""What the child may not do: use much memory or processor time, write a file, start a program,
reach the network. It does not know documents.

Limits of the process hold everywhere. On Linux a filter of system calls (seccomp) and, where the
kernel has it, Landlock come on top; on macOS its sandbox. None of them needs any right.
"""

import contextlib
import ctypes
import resource
import sys

from tramontane.documents.extract import sandbox_linux
from tramontane.documents.extract.records import Limits

_MACOS_PROFILE = (
    b"(version 1)(allow default)(deny network*)(deny file-write*)"
    b"(deny process-exec*)(deny process-fork)"
)


def limit(limits: Limits, file_bytes: int) -> None:
    """Bound memory, processor time and open files; no file may grow by a single byte.

    The document itself, `file_bytes` of it, is mapped into memory and does not count.
    """
    for name, most in (
        (resource.RLIMIT_AS, limits.memory_bytes + file_bytes),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),  # a core would hold the document
        (resource.RLIMIT_NOFILE, 64),
    ):
        _limit(name, most)


def _limit(name: int, most: int) -> None:
    _, hard = resource.getrlimit(name)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    # macOS refuses some; the limits of time and output, which the parent keeps, hold all the same.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(name, (most, most))


def lock(descriptor: int) -> tuple[str, ...]:
    """Give up the network, writing and other programs for good, as far as the system can.

    The file at `descriptor` stays readable. Return what holds now: of "seccomp", "landlock" and
    "seatbelt". Call it before other threads begin.
    """
    if sys.platform == "darwin":
        return _lock_macos()
    if sys.platform.startswith("linux"):
        return sandbox_linux.lock(descriptor)
    return ()


def _lock_macos() -> tuple[str, ...]:
    with contextlib.suppress(OSError, AttributeError):
        system = ctypes.CDLL("/usr/lib/libSystem.dylib")
        error = ctypes.c_char_p()
        if system.sandbox_init(_MACOS_PROFILE, ctypes.c_uint64(0), ctypes.byref(error)) == 0:
            return ("seatbelt",)
    return ()
