"""Requests and tokens per minute, as token buckets that refill evenly.

Pure over a clock in seconds. It does not know budgets: money is the ledger's.
"""

from collections.abc import Iterable

from tramontane.errors import RateLimited
from tramontane.gateway.directory import Principal

ROUNDING_S = 0.001


class Bucket:
    """`per_minute` units a minute; a full bucket allows that many at once. May go negative.

    `level` is what was left at the last `refill`.
    """

    __slots__ = ("_updated_s", "level", "per_minute")

    def __init__(self, per_minute: int, now_s: float) -> None:
        self.per_minute = per_minute
        self.level = float(per_minute)
        self._updated_s = now_s

    def refill(self, now_s: float) -> float:
        """Add what the time since the last call brings, and return the level."""
        elapsed = now_s - self._updated_s
        if elapsed > 0:
            level = self.level + elapsed * self.per_minute / 60
            self.level = level if level < self.per_minute else float(self.per_minute)
            self._updated_s = now_s
        return self.level

    def take(self, amount: float) -> None:
        """Take `amount`; a negative one gives back what an estimate took too much."""
        level = self.level - amount
        self.level = level if level < self.per_minute else float(self.per_minute)

    def wait_s(self, amount: float) -> float:
        """Return the seconds until `amount` can be taken; a whole minute's units at most."""
        if self.per_minute == 0:
            return 60.0
        return max(0.0, (min(amount, self.per_minute) - self.level) * 60 / self.per_minute)

    def resize(self, per_minute: int) -> None:
        """Take over a changed limit."""
        self.level = min(self.level + per_minute - self.per_minute, float(per_minute))
        self.per_minute = per_minute


class Limits:
    """The buckets of every project and key seen."""

    __slots__ = ("_of_principals", "_requests", "_tokens")

    def __init__(self) -> None:
        self._requests: dict[str, Bucket] = {}
        self._tokens: dict[str, Bucket] = {}
        self._of_principals: dict[int, tuple[Principal, list[Bucket], list[Bucket]]] = {}

    def take_over(self, principals: Iterable[Principal]) -> None:
        """The directory has changed: take over its limits. Levels are kept."""
        self._of_principals.clear()
        for principal in principals:
            key, project = principal.key, principal.project
            for buckets, owner, per_minute in (
                (self._requests, project.id, project.requests_per_minute),
                (self._tokens, project.id, project.tokens_per_minute),
                (self._requests, key.id, key.requests_per_minute),
                (self._tokens, key.id, key.tokens_per_minute),
            ):
                bucket = buckets.get(owner)
                if bucket is not None and per_minute not in (None, bucket.per_minute):
                    bucket.resize(per_minute)

    def admit(self, principal: Principal, tokens: int, now_s: float) -> "Admitted":
        """Take one request and `tokens` (an estimate) from the principal's buckets.

        Raises RateLimited, with the seconds to wait, and takes nothing then. An estimate above a
        whole minute's tokens waits for a full bucket.
        """
        known = self._of_principals.get(id(principal))
        if known is None or known[0] is not principal:
            known = self._look_up(principal, now_s)
        _, requests, token_buckets = known
        is_over = False
        for bucket in requests:
            if bucket.refill(now_s) < 1:
                is_over = True
        for bucket in token_buckets:
            if bucket.refill(now_s) < tokens and not 0 < bucket.per_minute <= bucket.level:
                is_over = True
        if is_over:
            raise _limited(requests, token_buckets, tokens)
        for bucket in requests:
            bucket.level -= 1
        for bucket in token_buckets:
            bucket.level -= tokens
        return Admitted(requests, token_buckets, tokens)

    def fields(self, principal: Principal, now_s: float) -> bytes:
        """Return the rate-limit header fields of `principal` as they are now."""
        _, requests, token_buckets = self._look_up(principal, now_s)
        for bucket in (*requests, *token_buckets):
            bucket.refill(now_s)
        return _fields(requests, token_buckets)

    def _look_up(
        self, principal: Principal, now_s: float
    ) -> tuple[Principal, list[Bucket], list[Bucket]]:
        key, project = principal.key, principal.project
        requests = [_bucket(self._requests, project.id, project.requests_per_minute, now_s)]
        tokens = [_bucket(self._tokens, project.id, project.tokens_per_minute, now_s)]
        if key.requests_per_minute is not None:
            requests.append(_bucket(self._requests, key.id, key.requests_per_minute, now_s))
        if key.tokens_per_minute is not None:
            tokens.append(_bucket(self._tokens, key.id, key.tokens_per_minute, now_s))
        known = self._of_principals[id(principal)] = (principal, requests, tokens)
        return known


class Admitted:
    """What one request took, to be reconciled with what it used."""

    __slots__ = ("_requests", "_token_buckets", "_tokens")

    def __init__(self, requests: list[Bucket], token_buckets: list[Bucket], tokens: int) -> None:
        self._requests = requests
        self._token_buckets = token_buckets
        self._tokens = tokens

    def reconcile(self, tokens: int) -> None:
        """Replace the estimate by the tokens really used."""
        more = tokens - self._tokens
        if more:
            self._tokens = tokens
            for bucket in self._token_buckets:
                bucket.take(more)

    def fields(self) -> bytes:
        """Return OpenAI's rate-limit header fields for the narrowest limits."""
        return _fields(self._requests, self._token_buckets)


def _fields(request_buckets: list[Bucket], token_buckets: list[Bucket]) -> bytes:
    requests, tokens = _narrowest(request_buckets), _narrowest(token_buckets)
    return (
        b"x-ratelimit-limit-requests: %d\r\nx-ratelimit-remaining-requests: %d\r\n"
        b"x-ratelimit-reset-requests: %b\r\nx-ratelimit-limit-tokens: %d\r\n"
        b"x-ratelimit-remaining-tokens: %d\r\nx-ratelimit-reset-tokens: %b\r\n"
    ) % (
        requests.per_minute,
        requests.level if requests.level > 0 else 0,
        _duration(requests),
        tokens.per_minute,
        tokens.level if tokens.level > 0 else 0,
        _duration(tokens),
    )


def _narrowest(buckets: list[Bucket]) -> Bucket:
    """Return the bucket with the least left: that of the project, or that of the key."""
    if len(buckets) == 1 or buckets[0].level <= buckets[1].level:
        return buckets[0]
    return buckets[1]


def _bucket(buckets: dict[str, Bucket], owner: str, per_minute: int, now_s: float) -> Bucket:
    bucket = buckets.get(owner)
    if bucket is None:
        bucket = buckets[owner] = Bucket(per_minute, now_s)
    return bucket  # its limit may be newer than this request's principal


def _limited(requests: list[Bucket], token_buckets: list[Bucket], tokens: int) -> RateLimited:
    """Return the refusal by the limit that has to be waited for longest."""
    waits = [(bucket.wait_s(1), "requests", bucket) for bucket in requests]
    waits += [(bucket.wait_s(tokens), "tokens", bucket) for bucket in token_buckets]
    wait_s, kind, bucket = max(waits, key=lambda w: w[0])
    return RateLimited(
        f"The limit of {bucket.per_minute} {kind} per minute is used up."
        f" Try again in {wait_s:.1f} seconds, or ask for a higher limit.",
        code=f"{kind}_per_minute_exceeded",
        retry_after_s=wait_s + ROUNDING_S,
    )


def _duration(bucket: Bucket) -> bytes:
    """Return the time until `bucket` is full in OpenAI's spelling: `120ms`, `6.5s`, `1m30s`."""
    seconds = (bucket.per_minute - bucket.level) * 60 / (bucket.per_minute or 1)
    if seconds < 1:
        return b"%dms" % (seconds * 1000)
    if seconds < 60:
        return b"%.3gs" % seconds
    return b"%dm%ds" % divmod(int(seconds), 60)
