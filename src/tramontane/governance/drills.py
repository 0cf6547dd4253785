"""The report of a drill: what was answered without them, how fast and at what cost, beside before.

Pure: requests come in as the access log has them, and figures go out. It does not know whether a
failure was the drill's doing; it tells where there were some before, too.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec

from tramontane.governance.access import AccessLine
from tramontane.governance.survival import Outcome

QUIET_MS = 5_000
"""So long without a failure, and service has recovered."""
GRACE_MS = 3_000
"""So long after its end a drill is reported: what ended last has then been written down."""
BEFORE_MOST_MS = 3_600_000
"""As long as the drill took, but this long at most, is looked at for what was before."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the requests that began in a span of time.

    `answered` came to their end; `failed` are errors of this side or the upstream's; `refused` were
    refused for what they were or who asked (limits, budgets, rights); `left` were given up by their
    client. Times are medians and 95th percentiles of what was answered, None where nothing was.
    `answered_share` is of answered and failed, None where there were neither. Costs are nano-units.
    """

    from_ms: int
    to_ms: int
    requests: int
    answered: int
    failed: int
    refused: int
    left: int
    answered_share: float | None
    first_token_p50_ms: int | None
    first_token_p95_ms: int | None
    total_p50_ms: int | None
    total_p95_ms: int | None
    prompt_tokens: int
    completion_tokens: int
    cost_nano: int
    by_deployment: dict[str, int]


class ModelReport(msgspec.Struct, frozen=True, kw_only=True):
    """One public name: how it was expected to fare, and how it did.

    `recovery_ms`: from the drill's start to the end of the last failure before five quiet seconds;
    0 where there was no failure, None where it never recovered.
    """

    model: str
    expected: Outcome
    before: Figures
    during: Figures
    recovery_ms: int | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A drill that has ended. `taken` are the deployments that were away.

    `expected_to_stand` are the figures of the names that were expected to; `recovery_ms` is the
    longest of theirs, None where one of them never recovered.
    """

    without: str
    started_at_ms: int
    ended_at_ms: int
    taken: tuple[str, ...]
    before: Figures
    during: Figures
    expected_to_stand: Figures
    recovery_ms: int | None
    models: tuple[ModelReport, ...]


def report(
    *,
    without: str,
    started_at_ms: int,
    ended_at_ms: int,
    lines: Sequence[AccessLine],
    taken: Iterable[str],
    expected: dict[str, Outcome],
) -> Report:
    """Return the report. `lines` are those of before and of the drill itself.

    `expected` says of each public name that rests on what was taken how it should fare
    (`survival.Outcome`); other names are expected to stand.
    """
    before_ms = min(ended_at_ms - started_at_ms, BEFORE_MOST_MS)
    before = [line for line in lines if started_at_ms - before_ms <= line.at_ms < started_at_ms]
    during = [line for line in lines if started_at_ms <= line.at_ms < ended_at_ms]
    span_before = (started_at_ms - before_ms, started_at_ms)
    span = (started_at_ms, ended_at_ms)
    models = [
        ModelReport(
            model=model,
            expected=expected.get(model, "stands"),
            before=figures([x for x in before if x.model == model], span_before),
            during=figures([x for x in during if x.model == model], span),
            recovery_ms=recovery_ms([x for x in during if x.model == model], started_at_ms),
        )
        for model in sorted({line.model for line in during if line.model})
    ]
    lost = {model for model, outcome in expected.items() if outcome == "lost"}
    standing = [m.recovery_ms for m in models if m.model not in lost]
    return Report(
        without=without,
        started_at_ms=started_at_ms,
        ended_at_ms=ended_at_ms,
        taken=tuple(sorted(taken)),
        before=figures(before, span_before),
        during=figures(during, span),
        expected_to_stand=figures([x for x in during if x.model not in lost], span),
        recovery_ms=None if None in standing else max((r or 0 for r in standing), default=0),
        models=tuple(models),
    )


def figures(lines: Sequence[AccessLine], span: tuple[int, int]) -> Figures:
    """Return what became of the requests `lines`, which began in `span`."""
    answered = [line for line in lines if is_answered(line)]
    failed = sum(map(is_failed, lines))
    left = sum(line.outcome == "client_left" for line in lines)
    by_deployment: dict[str, int] = {}
    for line in answered:
        by_deployment[line.deployment] = by_deployment.get(line.deployment, 0) + 1
    first = [line.first_token_ms for line in answered]
    total = [line.total_ms for line in answered]
    return Figures(
        from_ms=span[0],
        to_ms=span[1],
        requests=len(lines),
        answered=len(answered),
        failed=failed,
        refused=len(lines) - len(answered) - failed - left,
        left=left,
        answered_share=len(answered) / (len(answered) + failed) if answered or failed else None,
        first_token_p50_ms=percentile(first, 0.5),
        first_token_p95_ms=percentile(first, 0.95),
        total_p50_ms=percentile(total, 0.5),
        total_p95_ms=percentile(total, 0.95),
        prompt_tokens=sum(line.prompt_tokens for line in lines),
        completion_tokens=sum(line.completion_tokens for line in lines),
        cost_nano=sum(line.cost_nano for line in lines),
        by_deployment=dict(sorted(by_deployment.items())),
    )


def is_answered(line: AccessLine) -> bool:
    """Return whether that request came to its end."""
    return line.status == 200 and line.outcome != "client_left"


def is_failed(line: AccessLine) -> bool:
    """Return whether that request failed on this side or the upstream's."""
    return line.status >= 500 and line.outcome != "client_left"


def recovery_ms(during: Sequence[AccessLine], started_at_ms: int) -> int | None:
    """Return how long after its start the drill's first failures were over.

    0 without failures, None where nothing was answered after them.
    """
    over_ms = started_at_ms
    for end_ms in sorted(line.end_ms for line in during if is_failed(line)):
        if end_ms - over_ms > QUIET_MS and over_ms > started_at_ms:
            break
        over_ms = end_ms
    if over_ms == started_at_ms:
        return 0
    if not any(is_answered(line) and line.end_ms >= over_ms for line in during):
        return None
    return over_ms - started_at_ms


def percentile(values: Sequence[int], share: float) -> int | None:
    """Return the smallest value that `share` of them do not exceed; None where there are none.

    >>> percentile([5, 1, 9, 7], 0.5), percentile([5], 0.95), percentile([], 0.5)
    (5, 5, None)
    """
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
