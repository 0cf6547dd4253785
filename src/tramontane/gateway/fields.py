"""The header lines of answers and refusals. It does not know how either is framed."""

from collections.abc import Sequence
from urllib.parse import quote

import msgspec

from tramontane.errors import BudgetExhausted, TramontaneError, Unauthenticated
from tramontane.gateway.directory import Deployment
from tramontane.money import NANO

RETRY_WORTH_S = 60.0


def deployment_fields(deployment: Deployment) -> bytes:
    """Return the lines that say what has served a request, the same for each of its answers."""
    model = msgspec.json.decode(deployment.upstream_model, type=str)
    if deployment.sale is not None:
        model = ""  # what it is there is its publisher's to know
    named = [("deployment", deployment.shown_name), ("model", model)]
    named += [("provider", deployment.provider), ("region", deployment.region)]
    lines = [f"x-tramontane-{name}: {_plain(value)}\r\n" for name, value in named if value]
    if deployment.is_demonstration:
        lines.append("x-tramontane-demonstration: true\r\n")
    if not deployment.price.is_known:
        lines.append("x-tramontane-cost: unknown\r\n")
    return "".join(lines).encode()


def _plain(value: str) -> str:
    return quote(value, safe=" !#$&'()*+,/:;=?@[]<>|~")


def answer_fields(
    request_id: str,
    named: bytes,
    limits: bytes,
    *,
    dropped: Sequence[str],
    attempts: int,
    cost_nano: int | None,
    currency: str,
) -> bytes:
    """Return the lines of an answer; `cost_nano` None where it is not known yet."""
    fields = b"x-request-id: %b\r\n%b%b" % (request_id.encode(), named, limits)
    if attempts > 1:
        fields += b"x-tramontane-attempts: %d\r\n" % attempts
    if dropped:
        fields += b"x-tramontane-dropped: %b\r\n" % _plain(", ".join(dropped)).encode()
    if cost_nano is not None and b"x-tramontane-cost:" not in named:
        fields += b"x-tramontane-cost: %b\r\nx-tramontane-currency: %b\r\n" % (
            b"%d.%09d" % divmod(cost_nano, NANO),
            currency.encode(),
        )
    return fields


def error_fields(error: TramontaneError, request_id: str) -> bytes:
    """Return the header fields that go with `error`."""
    fields = b"x-request-id: %b\r\n" % request_id.encode()
    if error.retry_after_s is not None:
        whole = max(1, int(error.retry_after_s + 0.999))
        fields += b"retry-after: %d\r\nretry-after-ms: %d\r\n" % (
            whole,
            max(1, int(error.retry_after_s * 1000 + 0.999)),
        )
    if isinstance(error, BudgetExhausted) and (error.retry_after_s or 1e9) > RETRY_WORTH_S:
        fields += b"x-should-retry: false\r\n"
    if isinstance(error, Unauthenticated):
        fields += b"www-authenticate: Bearer\r\n"
    return fields
