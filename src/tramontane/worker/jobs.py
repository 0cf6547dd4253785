"""What the worker's jobs have in common: one thing that waits is taken by a lease, again and again.

It does not know what is done with what was taken.
"""

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from tramontane.errors import TramontaneError
from tramontane.store.database import Store

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Lost(Exception):
    """What was taken is no longer ours: given up, taken by another, or to be let go."""


def take(
    store: Store,
    is_waiting: Callable[[Connection], bool],
    claim: Callable[[Connection], T | None],
) -> T | None:
    """Return what `claim` takes, None where nothing waits or another was quicker.

    The store is only read while nothing waits. Raises Unavailable where it cannot be used.
    """
    with store.read() as c:
        if not is_waiting(c):
            return None
    with store.write() as c:
        return claim(c)


def go_on(
    step: Callable[[], bool],
    stop: threading.Event,
    *,
    failing: str,
    poll_s: float,
    again_s: float,
) -> None:
    """Do `step` until `stop` is set: at once again where it found something, else after `poll_s`.

    Where the store or the disk fails it is tried again after `again_s`; the log says so once, in
    the words of `failing` ("models cannot be fetched").
    """
    failed = False
    while not stop.is_set():
        try:
            found = step()
        except (TramontaneError, OSError) as error:
            if not failed:
                _log.error("%s just now, will try on: %s", failing, error)
            failed = True
            stop.wait(again_s)
        else:
            failed = False
            if not found:
                stop.wait(poll_s)
