"""What a client that streams hears while its request waits for a place.

Comments, which every reader of Server-Sent Events passes over (WHATWG HTML §9.2.6). The first one
commits the status 200. It does not know queues, nor how the comments reach the client.
"""

from collections.abc import Callable
from math import ceil

SILENT_S = 2.0
BETWEEN_S = 1.0


class Waiting:
    """One request's time in one queue. `say` gets each comment, ready to be sent."""

    __slots__ = ("_began_s", "_clock_s", "_said", "_said_s", "_say")

    def __init__(self, clock_s: Callable[[], float], say: Callable[[bytes], None]) -> None:
        self._clock_s = clock_s
        self._say = say
        self._began_s = clock_s()
        self._said_s = 0.0
        self._said: tuple[int, int] | None = None

    def moved(self, position: int, eta_s: float) -> None:
        """The gate's word. It is passed on after SILENT_S, and then where it has changed."""
        now_s = self._clock_s()
        if now_s - self._began_s < SILENT_S:
            return
        words = (position, max(1, ceil(eta_s)))
        if self._said is not None and (words == self._said or now_s - self._said_s < BETWEEN_S):
            return
        self._said, self._said_s = words, now_s
        self._say(b": queued position=%d eta_s=%d\n\n" % words)


def moved_to(deployment: str) -> bytes:
    """Return the comment before another queue's positions, which may be higher again."""
    return b": moved deployment=%b\n\n" % deployment.encode()


def serving(deployment: str) -> bytes:
    """Return the comment once its turn has come; it stands for the header that was not sent."""
    return b": serving deployment=%b\n\n" % deployment.encode()
