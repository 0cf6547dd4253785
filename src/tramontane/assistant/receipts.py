"""Receipts: what an answer used and cost, first as the studio saw it, then as it was billed.

Pure. The same prices and the same arithmetic as the gateway's; where a request was not counted to
its end, or went another way, the bill has the last word.
"""

from collections.abc import Mapping, Sequence

import msgspec

from tramontane.assistant.live import Asked
from tramontane.assistant.served import HERE, Served
from tramontane.money import Usage, cost_nano, format_nano, parse_nano
from tramontane.store.messages import Receipt
from tramontane.store.records import UsageRecord


def receipt(
    asked: Sequence[Asked],
    served: Mapping[str, Served],
    before: Receipt | None,
    *,
    model: str,
    currency: str,
) -> Receipt | None:
    """Return what the requests `asked` used, together with `before`; None where none was begun.

    `served` are the deployments by name.
    """
    if not asked:
        return before
    last = served.get(asked[-1].deployment)
    used = [request.usage or Usage() for request in asked]
    nano = 0 if before is None else parse_nano(before.cost)
    for request, usage in zip(asked, used, strict=True):
        of = served.get(request.deployment)
        if of is not None and request.usage is not None:
            nano += cost_nano(of.price, usage)
    return Receipt(
        request_id=asked[-1].request_id,
        request_ids=(*(before.request_ids if before else ()), *(a.request_id for a in asked)),
        model=model,
        deployment=asked[-1].deployment,
        provider=last.provider if last else None,
        place=last.place if last else HERE,
        prompt_tokens=sum(u.prompt_tokens for u in used) + (before.prompt_tokens if before else 0),
        completion_tokens=sum(u.completion_tokens for u in used)
        + (before.completion_tokens if before else 0),
        cached_tokens=sum(u.cached_tokens for u in used) + (before.cached_tokens if before else 0),
        estimated=any(request.usage is None for request in asked)
        or (before is not None and before.estimated),
        cost=format_nano(nano),
        currency=currency,
        version=last.version if last else None,
        region=last.region if last else None,
        cost_known=all(o.price.is_known for r in asked if (o := served.get(r.deployment)))
        and (before is None or before.cost_known),
    )


def billed(known: Receipt, bills: Sequence[UsageRecord]) -> Receipt | None:
    """Return `known` as it was billed; None where the bill of a request is not there yet."""
    if not {*known.request_ids} <= {bill.request_id for bill in bills}:
        return None
    return msgspec.structs.replace(
        known,
        # Who buys knows the publication, not what it is served by.
        deployment=known.deployment if bills[-1].publication_id else bills[-1].deployment,
        prompt_tokens=sum(bill.prompt_tokens for bill in bills),
        completion_tokens=sum(bill.completion_tokens for bill in bills),
        cached_tokens=sum(bill.cached_tokens for bill in bills),
        estimated=any(bill.estimated for bill in bills),
        cost=format_nano(sum(bill.cost_nano for bill in bills)),
        region=bills[-1].region or known.region,
        cost_known=all(bill.is_priced or not bill.prompt_tokens for bill in bills),
    )
