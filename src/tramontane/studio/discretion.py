"""What people may know of one another's use.

A member sees what they use themselves and what their project uses altogether; who looks after the
project, or the platform, sees everybody's. It does not know how use is counted.
"""

import msgspec
from sqlalchemy import Connection

from tramontane.store import keys
from tramontane.store.usage import UsageRow
from tramontane.studio.auth import Caller

_COUNTED = (
    "requests",
    "estimated_requests",
    "unpriced_requests",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "cost_nano",
)


def hidden_keys(c: Connection, caller: Caller) -> frozenset[str]:
    """Return the keys of colleagues whose use is not the caller's to see."""
    if caller.member is None or caller.is_operator:
        return frozenset()
    own_id = caller.member.id
    return frozenset(
        key.id
        for key in keys.list_all(c, caller.project_ids)
        if key.member_id not in (None, own_id) and not caller.may_manage(key.project_id)
    )


def together(rows: list[UsageRow], hidden: frozenset[str]) -> list[UsageRow]:
    """Return `rows` with those of hidden keys as one, without a key, in each group."""
    found: dict[tuple[str | None, ...], UsageRow] = {}
    for row in rows:
        if row.key_id in hidden:
            row = msgspec.structs.replace(row, key_id=None, key=None)
        where = (row.deployment, row.provider, row.region)
        group = (row.day, row.project_id, row.key_id, row.model, *where)
        found[group] = _sum(found[group], row) if group in found else row
    return list(found.values())


def _sum(one: UsageRow, other: UsageRow) -> UsageRow:
    sums = {name: getattr(one, name) + getattr(other, name) for name in _COUNTED}
    return msgspec.structs.replace(one, **sums)
