"""What is settled between projects: statements of a month.

Pure. A buyer's statement and a publisher's are sums over the very same settled attempts, so they
agree to the nano-unit; each line has a digest that both can compare. It does not know who may see
one, nor the store.
"""

import hashlib
import re
from collections.abc import Iterable

import msgspec

from tramontane.store.trades import Trade
from tramontane.store.windows import DAY_MS, Bounds, bounds, read_time

FINAL_AFTER_MS = DAY_MS
"""So long after a month's end its statement stands: what began before it has been settled."""

_MONTH = re.compile(r"\d{4}-\d{2}", re.ASCII)
_FORM = "tramontane statement 1"


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What a project bought and sold in a month (UTC). `is_final`: nothing is to be added."""

    project_id: str
    month: str
    currency: str
    bought: tuple[Trade, ...]
    sold: tuple[Trade, ...]
    is_final: bool

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the whole: its lines' digests in order, and what serving cost."""
        content = (
            _FORM,
            self.project_id,
            self.month,
            self.currency,
            [line_digest(self.month, self.currency, trade) for trade in self.bought],
            [
                (line_digest(self.month, self.currency, trade), trade.serving_cost_nano)
                for trade in self.sold
            ],
        )
        return _sha256(content)


def statement(
    trades: Iterable[Trade], *, project_id: str, month: str, currency: str, now_ms: int
) -> Statement:
    """Return the project's statement of `trades`, all of them of that month. Raises ValueError."""
    mine = sorted(trades, key=_order)
    end_ms = month_bounds(month).end_ms
    assert end_ms is not None
    return Statement(
        project_id=project_id,
        month=month,
        currency=currency,
        bought=tuple(trade for trade in mine if trade.buyer_id == project_id),
        sold=tuple(trade for trade in mine if trade.publisher_id == project_id),
        is_final=now_ms >= end_ms + FINAL_AFTER_MS,
    )


def month_bounds(month: str) -> Bounds:
    """Return from when until when a month such as 2026-11 lasts, in UTC. Raises ValueError."""
    if _MONTH.fullmatch(month) is None:
        raise ValueError(month)
    try:
        return bounds("month", read_time(f"{month}-01"))
    except OverflowError:  # the last month of all has no next one
        raise ValueError(month) from None


def line_digest(month: str, currency: str, trade: Trade) -> str:
    """Return the SHA-256 of what both sides know of one line: compare it with the other's."""
    return _sha256(
        (
            _FORM,
            month,
            currency,
            trade.publication_id,
            trade.version,
            trade.buyer_id,
            trade.publisher_id,
            trade.requests,
            trade.prompt_tokens,
            trade.completion_tokens,
            trade.cached_tokens,
            trade.cost_nano,
        )
    )


def _order(trade: Trade) -> tuple[str, int, str]:
    return trade.name, trade.version, trade.buyer_id


def _sha256(content: object) -> str:
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()
