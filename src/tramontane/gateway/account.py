"""What the gateway tells the studio and the command line of deployments at work.

Told at the private door only: how many requests are inside and wait, when the next would have its
turn, how fast answers came in the last minute. It does not know engines, only what passes here.
"""

from collections import deque
from collections.abc import Iterable, Mapping

import msgspec

from tramontane.gateway.service import Service

WINDOW_S = 60


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment now. `eta_s`: when who came now would have its turn, None where at once.

    `tokens_per_s` is what all its answers together gave while any was under way, in the last
    minute; None where none ended. `last_used_ms` is the Unix time at which it was seen at work
    last, None where it never was.
    """

    in_flight: int
    waiting: int
    places: int
    eta_s: float | None
    tokens_per_s: float | None
    requests_last_minute: int
    last_used_ms: int | None


class _Second(msgspec.Struct, frozen=True):
    """What had been served up to the end of one busy second."""

    second: int
    served: int
    tokens: int


class Account:
    """Remembers the busy seconds of the last minute, by deployment."""

    def __init__(self) -> None:
        self._seconds: dict[str, deque[_Second]] = {}
        self._last_used_ms: dict[str, int] = {}
        self._before: dict[str, tuple[int, int]] = {}  # what had been served before the window

    def note(self, services: Iterable[Service], now_s: float, now_ms: int) -> None:
        """Take down who is at work; call this once a second. What is idle costs a comparison."""
        second = int(now_s)
        for service in services:
            gate, name = service.gate, service.deployment.name
            seconds = self._seconds.get(name)
            served = seconds[-1].served if seconds else self._before.get(name, (0, 0))[0]
            if not gate.in_flight and gate.served == served:
                continue
            if seconds is None:
                seconds = self._seconds[name] = deque(maxlen=WINDOW_S)
            if len(seconds) == WINDOW_S:
                self._before[name] = (seconds[0].served, seconds[0].tokens)
            seconds.append(_Second(second, gate.served, service.completion_tokens))
            self._last_used_ms[name] = now_ms

    def forget(self, name: str) -> None:
        """There is no such deployment any more."""
        self._seconds.pop(name, None)
        self._last_used_ms.pop(name, None)
        self._before.pop(name, None)

    def loads(self, services: Mapping[str, Service], now_s: float) -> dict[str, Load]:
        """Return how each of `services` is now, by name."""
        return {name: self._load(service, now_s) for name, service in services.items()}

    def _load(self, service: Service, now_s: float) -> Load:
        gate, name = service.gate, service.deployment.name
        seconds = self._seconds.get(name, deque())
        while seconds and seconds[0].second <= int(now_s) - WINDOW_S:
            gone = seconds.popleft()
            self._before[name] = (gone.served, gone.tokens)
        served_before, tokens_before = self._before.get(name, (0, 0))
        tokens = service.completion_tokens - tokens_before
        is_full = gate.is_held or gate.waiting > 0 or gate.in_flight >= gate.max_in_flight
        eta_s = gate.predicted_wait_s(gate.waiting) if is_full else None
        return Load(
            in_flight=gate.in_flight,
            waiting=gate.waiting,
            places=gate.max_in_flight,
            eta_s=None if eta_s is None else round(eta_s, 2),
            tokens_per_s=round(tokens / len(seconds), 1) if seconds and tokens else None,
            requests_last_minute=gate.served - served_before,
            last_used_ms=self._last_used_ms.get(name),
        )
