"""One prompt to one model of the playground, told as events, with what it took.

Times are measured here, from the moment at which the gateway was asked; what it cost is reckoned
from the deployment's price as the gateway does, and the bill has the last word. It does not know
who asks, nor that others are asked beside it.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any

import msgspec

from tramontane.assistant.served import Served
from tramontane.assistant.tokenstream import (
    Event,
    Finished,
    Opened,
    Queued,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from tramontane.assistant.turn import Tokens
from tramontane.errors import BudgetExhausted, Forbidden, TramontaneError, Unavailable
from tramontane.money import Usage, cost_nano, format_nano
from tramontane.studio.following import Following

FIRST_S = 5.0
KEEP_S = 15.0
SPAN_S = 0.05  # what comes within less says nothing of how fast it was written
AGAIN_AFTER_S = (0.3, 0.6, 1.0, 2.0)
_KEEP = b": keep\n\n"


class End(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer took. `first_token_ms` and `total_ms` count from the request; `tokens_per_s`
    is of the part after the first piece, null where that came too quickly to be measured. Unless
    `cost_known`, nobody has said what it costs, or only its bill will tell. `provider` and `region`
    are null where nobody has said. `woken`: its engine slept when it was asked, so both times
    hold that wait.
    """

    first_token_ms: int | None
    total_ms: int
    prompt_tokens: int | None
    completion_tokens: int | None
    tokens_per_s: float | None
    cost: str
    cost_known: bool
    currency: str
    request_id: str
    finish_reason: str
    deployment: str
    provider: str | None
    region: str | None
    place: str | None
    woken: bool


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """What prices and states are read from: the deployments by name, and the currency."""

    served: Mapping[str, Served]
    model: str
    currency: str


async def ask(
    tokens: Tokens,
    key_id: str,
    body: Mapping[str, Any],
    sheet: Sheet,
    clock_s: Callable[[], float],
) -> AsyncIterator[bytes]:
    """Return the events of the answer to `body`, once it has begun or waits.

    Raises the gateway's error where it refuses before. Closing the events ends the request.
    """
    for wait_s in (*AGAIN_AFTER_S, None):
        watch = Stopwatch(sheet, clock_s)
        source = Following(tokens.stream(key_id, body))
        try:
            return _events(source, await source.next(FIRST_S), watch)
        except (Unavailable, Forbidden) as error:
            # A new member reaches the gateway within a second or two; so does one that restarted.
            if error.code not in ("unavailable", "access_ended") or wait_s is None:
                raise
        except asyncio.CancelledError:
            await source.close()
            raise
        await asyncio.sleep(wait_s)
    raise AssertionError  # the last try returns or raises


async def _events(
    source: Following[Event], first: Event | None, watch: "Stopwatch"
) -> AsyncGenerator[bytes, None]:
    try:
        piece = first
        while not source.is_over:
            yield _KEEP if piece is None else watch.told(piece)
            piece = await source.next(KEEP_S)
    except TramontaneError as error:
        yield _sent(
            "error",
            {
                "code": error.code,
                "message": error.message,
                "param": error.param,
                "retry_after_s": error.retry_after_s,
                **(error.amounts if isinstance(error, BudgetExhausted) else {}),
            },
        )
    finally:
        await source.close()


class Stopwatch:
    """Tells each event of one answer, and knows when the first and the last piece of it came."""

    def __init__(self, sheet: Sheet, clock_s: Callable[[], float]) -> None:
        self._sheet = sheet
        self._clock_s = clock_s
        self._begun_s = clock_s()
        self._first_s: float | None = None
        self._last_s = self._begun_s
        self._opened = Opened("", sheet.model, "")

    def told(self, event: Event) -> bytes:
        """Return `event` as it is sent."""
        match event:
            case Queued(position, eta_s):
                return _sent("queued", {"position": position, "eta_s": eta_s})
            case Opened():
                self._opened = event
                return _sent("opened", {"request_id": event.request_id, **self._whereabouts()})
            case TextDelta(text):
                return self._delta({"text": text})
            case ReasoningDelta(text):
                return self._delta({"reasoning": text})
            case ToolCallDelta(index, id_, name, arguments):
                call = {"index": index, "id": id_, "name": name, "arguments": arguments}
                return self._delta({"tool_calls": [call]})
            case Finished(reason, usage):
                return _sent("end", msgspec.to_builtins(self.end(reason, usage)))

    def end(self, reason: str, usage: Usage | None) -> End:
        """Return what the answer took, as of now."""
        first_s, total_s = self._first_s, self._clock_s() - self._begun_s
        nano = self._nano(usage)
        return End(
            first_token_ms=None if first_s is None else _ms(first_s - self._begun_s),
            total_ms=_ms(total_s),
            prompt_tokens=None if usage is None else usage.prompt_tokens,
            completion_tokens=None if usage is None else usage.completion_tokens,
            tokens_per_s=self._rate(usage),
            cost=format_nano(nano or 0),
            cost_known=nano is not None,
            currency=self._sheet.currency,
            request_id=self._opened.request_id,
            finish_reason=reason,
            woken=self._is_woken(),
            **self._whereabouts(),
        )

    def _delta(self, data: dict[str, Any]) -> bytes:
        self._last_s = self._clock_s()
        if self._first_s is None:
            self._first_s = self._last_s
        return _sent("delta", data)

    def _rate(self, usage: Usage | None) -> float | None:
        """Tokens a second between the first piece, which is one token, and the last."""
        if usage is None or self._first_s is None or usage.completion_tokens < 2:
            return None
        span_s = self._last_s - self._first_s
        return round((usage.completion_tokens - 1) / span_s, 1) if span_s >= SPAN_S else None

    def _nano(self, usage: Usage | None) -> int | None:
        """Return the cost; None where no price is known, or a price that is not the deployment's
        own applies.
        """
        served = self._sheet.served.get(self._opened.deployment)
        if usage is None or served is None or self._sheet.model not in served.models:
            return None
        return cost_nano(served.price, usage) if served.price.is_known else None

    def _is_woken(self) -> bool:
        """The price list is of the moment before the gateway was asked."""
        served = self._sheet.served.get(self._opened.deployment)
        return served is not None and served.state == "asleep"

    def _whereabouts(self) -> dict[str, Any]:
        served = self._sheet.served.get(self._opened.deployment)
        return {
            "deployment": self._opened.deployment,
            "provider": served.provider if served else None,
            "region": served.region if served else None,
            "place": served.place if served else None,
        }


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _sent(name: str, data: Mapping[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), msgspec.json.encode(data))
