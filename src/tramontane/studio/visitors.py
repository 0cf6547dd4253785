"""Visitors of an embedded assistant: nobody knows them, so they are limited, each and together.

A page of an embed is given a token; with it a visitor may ask, a few questions at a time. Memory
only, and bounded; nothing of what they ask is kept. It does not know embeds nor answers.
"""

import asyncio
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from tramontane.errors import RateLimited, Unauthenticated
from tramontane.store.names import random_base62
from tramontane.studio.slowing import network_of

LIFETIME_S = 12 * 3600
OF_VISITOR, VISITOR_REFILL_S = 12, 15.0
OF_CLIENT, CLIENT_REFILL_S = 60, 5.0  # of many people behind one address
ANSWER_MS = 300_000  # an answer whose end nobody told
STOPPING_S, STOPPING_STEPS = 2.0, 40
MOST_ENTRIES = 20_000
_PURPOSE = b"tramontane embed visitor"


class _Bucket(msgspec.Struct):
    left: float
    last_ms: int


class Visitors:
    """What visitors asked lately. `clock_ms` gives Unix milliseconds."""

    def __init__(self, pepper: bytes, clock_ms: Callable[[], int]) -> None:
        self._secret = hmac.digest(pepper, _PURPOSE, hashlib.sha256)
        self._clock_ms = clock_ms
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._answering: dict[str, int] = {}

    def token(self, embed_id: str) -> str:
        """Return a new visitor's token, for that embed only."""
        expires_s = self._clock_ms() // 1000 + LIFETIME_S
        visitor = random_base62(16)
        return f"{visitor}.{expires_s}.{self._mac(embed_id, visitor, expires_s)}"

    def check(self, embed_id: str, token: str) -> str:
        """Return who the visitor is. Raises Unauthenticated where the token is not, or too old."""
        visitor, _, rest = token[:200].partition(".")
        expires, _, mac = rest.partition(".")
        expires_s = int(expires) if expires.isascii() and expires.isdigit() else 0
        mine = self._mac(embed_id, visitor, expires_s)
        is_good = hmac.compare_digest(mine.encode(), mac.encode("utf-8", "replace"))
        if not is_good or self._clock_ms() // 1000 >= expires_s:
            raise Unauthenticated("Open this page again to go on.", code="visitor_expired")
        return visitor

    async def until_answered(self, visitor: str) -> None:
        """Return once the visitor's last question has been answered, or after two seconds.

        Who stops an answer and asks again at once comes before the end of it is known.
        """
        for _ in range(STOPPING_STEPS):
            if visitor not in self._answering:
                return
            await asyncio.sleep(STOPPING_S / STOPPING_STEPS)

    def begin(self, visitor: str, client: str) -> None:
        """Count a question, which `end` says has been answered. Raises RateLimited."""
        now_ms = self._clock_ms()
        begun_ms = self._answering.get(visitor)
        if begun_ms is not None and 0 <= now_ms - begun_ms < ANSWER_MS:
            raise _limited("The last question is still being answered.", 2.0)
        network = network_of(client)
        wanted = [(f"v {visitor}", OF_VISITOR, VISITOR_REFILL_S)]
        if network:
            wanted.append((f"c {network}", OF_CLIENT, CLIENT_REFILL_S))
        found = [self._bucket(*each, now_ms) for each in wanted]
        waits_s = [
            (1 - bucket.left) * refill_s
            for bucket, (_, _, refill_s) in zip(found, wanted, strict=True)
        ]
        if max(waits_s) > 0:
            raise _limited("Too many questions at once. Wait a little.", max(waits_s))
        for bucket in found:
            bucket.left -= 1
        self._answering[visitor] = now_ms
        if len(self._answering) > MOST_ENTRIES:
            del self._answering[next(iter(self._answering))]

    def end(self, visitor: str) -> None:
        """The visitor's question has been answered, or nobody waits for it any more."""
        self._answering.pop(visitor, None)

    def _bucket(self, name: str, size: int, refill_s: float, now_ms: int) -> _Bucket:
        found = self._buckets.pop(name, None) or _Bucket(size, now_ms)
        grown = max(0, now_ms - found.last_ms) / 1000 / refill_s
        found.left = min(size, found.left + grown)
        found.last_ms = now_ms
        self._buckets[name] = found  # the latest at the end
        if len(self._buckets) > MOST_ENTRIES:
            self._buckets.popitem(last=False)
        return found

    def _mac(self, embed_id: str, visitor: str, expires_s: int) -> str:
        said = msgspec.json.encode([embed_id, visitor, expires_s])
        return hmac.digest(self._secret, said, hashlib.sha256).hex()


def _limited(message: str, wait_s: float) -> RateLimited:
    return RateLimited(message, code="visitor_limit", retry_after_s=max(1.0, wait_s))
