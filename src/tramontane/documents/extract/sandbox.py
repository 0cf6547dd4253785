"""What the child may not do: use much memory or processor time, write a file, start a program,
reach the network. It does not know documents.
"""

import resource

from tramontane.documents.extract.records import Limits


def limit(limits: Limits) -> None:
    """Bound memory, processor time and open files; no file may grow by a single byte."""
    for name, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),  # a core would hold the document
        (resource.RLIMIT_NOFILE, 64),
    ):
        _limit(name, most)


def _limit(name: int, most: int) -> None:
    _, hard = resource.getrlimit(name)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    try:
        resource.setrlimit(name, (most, most))
    except (ValueError, OSError):
        return  # macOS refuses some; the limits of time and output hold all the same


def lock(descriptor: int) -> None:
    """Give up the network, writing and other programs for good, as far as the system can."""
