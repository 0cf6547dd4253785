"""What one request costs: the hold of the attempt under way, its settling, and the access line.

Steps 7 and 9 of an exchange. It does not know connections or streams: it is told how many tokens
came and whether their count is the provider's own.
"""

import msgspec

from tramontane.errors import (
    Overloaded,
    RateLimited,
    TramontaneError,
    Unauthenticated,
    Unavailable,
    UpstreamFailed,
    UpstreamTimeout,
)
from tramontane.gateway.bounds import held_price
from tramontane.gateway.directory import Deployment, Principal
from tramontane.gateway.ledger import Ledger
from tramontane.gateway.limits import Admitted
from tramontane.gateway.relay import Progress
from tramontane.gateway.service import Service
from tramontane.gateway.telemetry import AccessRecord, Series, Telemetry
from tramontane.money import Price, Usage, cost_nano
from tramontane.store.journal import Hold
from tramontane.wire.openai.intent import Intent

NOTHING = Usage()
ENDED_HERE = frozenset(("client_left", "revoked", "project_closed", "stopping"))


class Bill:
    """The money side of one request; at most one hold is open at a time."""

    __slots__ = (
        "_hold", "_ledger", "_most_tokens", "_offered", "_service", "admitted", "cost_nano",
        "estimated", "first_byte_s", "intent", "series", "started_ms", "started_s", "status",
        "usage",
    )  # fmt: skip

    def __init__(self, ledger: Ledger, started_s: float, started_ms: int) -> None:
        self._ledger = ledger
        self._hold: Hold | None = None
        self._service: Service | None = None
        self._offered: Deployment | None = None
        self._most_tokens: int | None = None  # of what is bought: as many as were held for
        self.intent: Intent | None = None
        self.admitted: Admitted | None = None
        self.series: Series | None = None
        self.started_s = started_s
        self.started_ms = started_ms
        self.first_byte_s = 0.0
        self.usage = NOTHING
        self.cost_nano = 0
        self.estimated = False
        self.status: str | None = None  # None: nothing was settled

    def hold(
        self,
        principal: Principal,
        request_id: str,
        attempt: int,
        intent: Intent,
        service: Service,
        offered: Deployment,
        output_bound_tokens: int,
    ) -> None:
        """Step 7, at the price of `offered`, the service's deployment for who asks.

        Raises BudgetExhausted, or Unavailable where it cannot be written down.
        """
        deployment = service.deployment
        bound = service.bound_prompt_tokens(intent)
        self._service = service
        self._offered = offered
        sale = offered.sale
        self._most_tokens = None if sale is None else bound + output_bound_tokens
        self.status = None
        self.first_byte_s = 0.0
        self._hold = self._ledger.hold(
            request_id=request_id,
            attempt=attempt,
            project_id=principal.project.id,
            key_id=principal.key.id,
            model=intent.model,
            deployment=deployment.name,
            price=held_price(offered, intent),
            prompt_bound_tokens=bound,
            prompt_estimate_tokens=service.estimate_prompt_tokens(intent),
            output_bound_tokens=output_bound_tokens,
            provider=deployment.provider,
            region=deployment.region,
            sale=None if sale is None else sale.record(intent.service_tier),
        )

    def checkpoint(self, completion_tokens: int) -> None:
        """Note that up to `completion_tokens` may now be delivered."""
        if self._hold is not None:
            self._ledger.checkpoint(self._hold, completion_tokens)

    def settle(self, usage: Usage | None, progress: Progress | None, status: str) -> int:
        """Step 9: charge the provider's own count, or an estimate where `usage` is None.

        Returns the cost in nano-units; it has been written when this returns.
        """
        hold, self._hold = self._hold, None
        if hold is None:
            return self.cost_nano
        self.estimated = usage is None
        if usage is None:
            usage = _estimate(hold, progress, trusts_usage=self._trusts_usage())
        elif self._service is not None and self.intent is not None and not self.intent.images:
            self._service.learn(self.intent.prompt_bytes, usage.prompt_tokens)
        self.usage = usage
        self.status = status
        served = progress.service_tier if progress is not None else None
        offered = self._offered
        sale = offered.sale if offered is not None else None
        self.cost_nano = self._ledger.settle(
            hold,
            usage,
            estimated=self.estimated,
            status=status,
            price=_served_price(offered, served),
            own_price=None if sale is None else _served_price(sale.own, served),
        )
        self._count()
        return self.cost_nano

    def settle_interrupted(self, progress: Progress | None, status: str, *, was_sent: bool) -> None:
        """Charge an attempt that did not end well: nothing where nothing reached the upstream.

        What was ended on this side is charged from the prompt on, since the upstream worked on it.
        """
        if self._hold is None:
            return
        has_begun = progress is not None and progress.events > 0
        if not was_sent or (not has_begun and status not in ENDED_HERE):
            self.release(status)
        elif progress is not None and self._trusts_usage():
            self.settle(progress.final_usage, progress, status)
        else:
            self.settle(None, progress, status)

    def _trusts_usage(self) -> bool:
        return self._service is not None and self._service.deployment.trusts_stream_usage

    def release(self, status: str) -> None:
        """Settle at no cost."""
        hold, self._hold = self._hold, None
        if hold is None:
            return
        self._ledger.release(hold, status=status)
        self.usage, self.cost_nano, self.estimated, self.status = NOTHING, 0, False, status
        if self.admitted is not None:
            self.admitted.reconcile(0)

    def _count(self) -> None:
        usage, series = self.usage, self.series
        if self._service is not None:
            self._service.completion_tokens += usage.completion_tokens
        if self.admitted is not None:
            tokens, most = usage.prompt_tokens + usage.completion_tokens, self._most_tokens
            # A publisher's own server counts: it must not shut its buyers out of everything else.
            self.admitted.reconcile(tokens if most is None else min(tokens, most))
        if series is not None:
            series.prompt_tokens += usage.prompt_tokens
            series.completion_tokens += usage.completion_tokens
            series.cost_nano += self.cost_nano
            series.estimated += self.estimated
            if self.first_byte_s:
                series.first_token.observe(self.first_byte_s - self.started_s)

    def close(
        self,
        telemetry: Telemetry,
        principal: Principal,
        request_id: str,
        error: TramontaneError | None,
        now_s: float,
    ) -> None:
        """The request is over: write its access line, give back what limits took for nothing."""
        outcome = self.status or ("client_left" if error is None else error.code)
        if self.series is not None:
            self.series.count(outcome)
        elif error is not None:
            telemetry.count_refused(error.status, error.code)
        if self.status is None and self.admitted is not None:
            self.admitted.reconcile(0)
        first_s = self.first_byte_s
        telemetry.log(
            AccessRecord(
                self.started_ms,
                request_id,
                principal.project.name,
                principal.key.prefix,
                self.intent.model[:128] if self.intent is not None else "",
                self._service.deployment.name if self._service is not None else "",
                200 if error is None else error.status,
                outcome,
                self.usage.prompt_tokens,
                self.usage.completion_tokens,
                self.cost_nano,
                self.estimated,
                int((first_s - self.started_s) * 1000) if first_s else 0,
                int((now_s - self.started_s) * 1000),
                error.code if error is not None else None,
            )
        )


def status_of(error: TramontaneError) -> str:
    """Return how an attempt that ended with `error` is called in the records of usage."""
    if isinstance(error, UpstreamTimeout):
        return "upstream_timeout"
    if isinstance(error, UpstreamFailed | RateLimited | Overloaded | Unavailable):
        return "upstream_failed"
    if isinstance(error, Unauthenticated):
        return "revoked"
    return error.code


def _served_price(deployment: Deployment | None, tier: str | None) -> Price | None:
    """Return the price at the tier that served the answer, None where the hold's counts."""
    if deployment is None or tier is None or not deployment.service_tiers:
        return None
    return deployment.service_tiers.get(tier, deployment.price)


def _estimate(hold: Hold, progress: Progress | None, *, trusts_usage: bool) -> Usage:
    """Return what came by our own count, within the hold.

    Where the upstream counted as it went, that is nearer than our own count.
    """
    record = hold.record
    received = progress.tokens if progress is not None else 0
    known = progress.usage if progress is not None and trusts_usage else None
    if known is not None:
        received = max(received, known.completion_tokens)
        received = min(received, record.output_bound_tokens)
        counted = msgspec.structs.replace(known, completion_tokens=received)
        if cost_nano(record.price, counted) <= record.bound_nano:
            return counted
    return Usage(record.prompt_estimate_tokens, min(received, record.output_bound_tokens))
