"""From an answer or an error to the plan of its response: draft, faults, framing, pace."""

import msgspec

from tramontane.providers.standin import faults
from tramontane.providers.standin.behaviour import NOTHING_SAID, Behaviour, parse_faults
from tramontane.providers.standin.encoding import Wanted
from tramontane.providers.standin.plan import Draft, Plan, framed, gather
from tramontane.providers.standin.refusals import Refused


def planned(draft: Draft, behaviour: Behaviour = NOTHING_SAID) -> Plan:
    """Return `draft` as `behaviour` has it sent, first write delayed, the others not."""
    chosen = parse_faults(behaviour.fault) if behaviour.fault else ()
    if chosen:
        faults.change_draft(draft, chosen)
    plan = framed(draft)
    if chosen:
        faults.change_plan(plan, chosen)
    gather(plan, behaviour.events_per_write or 1)
    if chosen:
        faults.change_writes(plan, chosen)
    plan.first_delay_s = (behaviour.ttft_ms or 0) / 1000
    return plan


def plain(value: object) -> Plan:
    """Return the plan of a JSON body."""
    return planned(Draft(200, [msgspec.json.encode(value)], [0]))


def refusal(refused: Refused) -> Draft:
    """Return the draft of an error."""
    draft = Draft(refused.status, [refused.body()], [0])
    if refused.retry_after_s is not None:
        draft.fields.append(b"retry-after: %d" % -(-refused.retry_after_s // 1))
    return draft


def pace(plan: Plan, behaviour: Behaviour, made_tokens: int, wanted: Wanted) -> None:
    """Space the writes of a stream, or delay the body, by the rate of tokens wanted."""
    if not behaviour.tps:
        return
    if plan.is_stream:
        together = wanted.tokens_per_event * (behaviour.events_per_write or 1)
        plan.interval_s = plan.interval_s or together / behaviour.tps / wanted.choices
    else:
        plan.first_delay_s += made_tokens / wanted.choices / behaviour.tps
