"""Requests and tokens per minute, as token buckets that refill evenly.

Pure over a clock in seconds. It does not know budgets: money is the ledger's.
"""

from tramontane.errors import RateLimited
from tramontane.gateway.directory import Principal


class Bucket:
    """`per_minute` units a minute; a full bucket allows that many at once. May go negative."""

    __slots__ = ("_level", "_updated_s", "per_minute")

    def __init__(self, per_minute: int, now_s: float) -> None:
        self.per_minute = per_minute
        self._level = float(per_minute)
        self._updated_s = now_s

    def level(self, now_s: float) -> float:
        """Return what is left now."""
        elapsed = now_s - self._updated_s
        if elapsed > 0:
            self._level = min(self.per_minute, self._level + elapsed * self.per_minute / 60)
            self._updated_s = now_s
        return self._level

    def take(self, amount: float) -> None:
        """Take `amount`; a negative one gives back what an estimate took too much."""
        self._level = min(self.per_minute, self._level - amount)

    def wait_s(self, amount: float, now_s: float) -> float:
        """Return the seconds until `amount` can be taken; 0 where it can be now."""
        missing = min(amount, self.per_minute) - self.level(now_s)
        return max(0.0, missing * 60 / self.per_minute) if self.per_minute else 60.0

    def reset_s(self, now_s: float) -> float:
        """Return the seconds until the bucket is full."""
        return self.wait_s(self.per_minute, now_s)

    def resize(self, per_minute: int) -> None:
        """Take over a changed limit."""
        if per_minute != self.per_minute:
            self._level = min(self._level + per_minute - self.per_minute, per_minute)
            self.per_minute = per_minute


class Limits:
    """The buckets of every project and key seen."""

    __slots__ = ("_requests", "_tokens")

    def __init__(self) -> None:
        self._requests: dict[str, Bucket] = {}
        self._tokens: dict[str, Bucket] = {}

    def admit(self, principal: Principal, tokens: int, now_s: float) -> "Admitted":
        """Take one request and `tokens` (an estimate) from the principal's buckets.

        Raises RateLimited, with the seconds to wait, and takes nothing then. An estimate above a
        whole minute's tokens waits for a full bucket.
        """
        key, project = principal.key, principal.project
        requests = [_bucket(self._requests, project.id, project.requests_per_minute, now_s)]
        token_buckets = [_bucket(self._tokens, project.id, project.tokens_per_minute, now_s)]
        if key.requests_per_minute is not None:
            requests.append(_bucket(self._requests, key.id, key.requests_per_minute, now_s))
        if key.tokens_per_minute is not None:
            token_buckets.append(_bucket(self._tokens, key.id, key.tokens_per_minute, now_s))
        for bucket in requests:
            if bucket.level(now_s) < 1:
                raise _limited("requests", bucket, bucket.wait_s(1, now_s))
        for bucket in token_buckets:
            if bucket.level(now_s) < min(tokens, bucket.per_minute):
                raise _limited("tokens", bucket, bucket.wait_s(tokens, now_s))
        for bucket in requests:
            bucket.take(1)
        for bucket in token_buckets:
            bucket.take(tokens)
        return Admitted(requests, token_buckets, tokens)


class Admitted:
    """What one request took, to be reconciled with what it used."""

    __slots__ = ("_token_buckets", "_tokens", "request_bucket", "token_bucket")

    def __init__(self, requests: list[Bucket], token_buckets: list[Bucket], tokens: int) -> None:
        self._token_buckets = token_buckets
        self._tokens = tokens
        self.request_bucket = requests[-1]
        self.token_bucket = token_buckets[-1]

    def reconcile(self, tokens: int) -> None:
        """Replace the estimate by the tokens really used."""
        for bucket in self._token_buckets:
            bucket.take(tokens - self._tokens)
        self._tokens = tokens

    def headers(self, now_s: float) -> bytes:
        """Return OpenAI's rate-limit header fields for the narrowest limits."""
        requests, tokens = self.request_bucket, self.token_bucket
        return (
            b"x-ratelimit-limit-requests: %d\r\nx-ratelimit-remaining-requests: %d\r\n"
            b"x-ratelimit-reset-requests: %b\r\nx-ratelimit-limit-tokens: %d\r\n"
            b"x-ratelimit-remaining-tokens: %d\r\nx-ratelimit-reset-tokens: %b\r\n"
        ) % (
            requests.per_minute,
            max(0, int(requests.level(now_s))),
            _duration(requests.reset_s(now_s)),
            tokens.per_minute,
            max(0, int(tokens.level(now_s))),
            _duration(tokens.reset_s(now_s)),
        )


def _bucket(buckets: dict[str, Bucket], owner: str, per_minute: int, now_s: float) -> Bucket:
    bucket = buckets.get(owner)
    if bucket is None:
        bucket = buckets[owner] = Bucket(per_minute, now_s)
    elif bucket.per_minute != per_minute:
        bucket.resize(per_minute)
    return bucket


def _limited(kind: str, bucket: Bucket, wait_s: float) -> RateLimited:
    return RateLimited(
        f"The limit of {bucket.per_minute} {kind} per minute is used up."
        f" Try again in {wait_s:.1f} seconds, or ask for a higher limit.",
        code=f"{kind}_per_minute_exceeded",
        retry_after_s=wait_s,
    )


def _duration(seconds: float) -> bytes:
    """Return OpenAI's spelling of a duration: `120ms`, `6.5s`, `1m30s`."""
    if seconds < 1:
        return b"%dms" % int(seconds * 1000)
    if seconds < 60:
        return f"{seconds:.3f}".rstrip("0").rstrip(".").encode() + b"s"
    return b"%dm%ds" % divmod(int(seconds), 60)
