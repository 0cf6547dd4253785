"""What people may know of one another's use.

A member sees what they use themselves and what their project uses altogether; who looks after the
project, or the platform, sees everybody's. It does not know how use is counted.
"""

import contextlib
from collections.abc import Collection

from msgspec.structs import replace
from sqlalchemy import Connection

from tramontane.errors import NotFound
from tramontane.store import keys
from tramontane.store.records import Key
from tramontane.store.usage import UsageRow, User
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
_GROUPED = (
    "day", "project_id", "key_id", "member_id", "user", "model", "deployment", "provider", "region",
)  # fmt: skip


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


def seen_key(c: Connection, caller: Caller, key_id: str) -> Key:
    """Return that key, or NotFound alike whether it is not the caller's to see or nobody's."""
    if caller.is_operator:
        return keys.get(c, key_id)  # which names the nearest
    key: Key | None = None
    with contextlib.suppress(NotFound):  # said below, as of another's
        key = keys.get(c, key_id)
    if key is None or not caller.may_see(key.project_id) or key.id in hidden_keys(c, caller):
        raise NotFound(f"there is no key {key_id[:80]!r}", param="key_id")
    return key


def together(
    rows: list[UsageRow], hidden: frozenset[str], groups: Collection[str] = ("key",)
) -> list[UsageRow]:
    """Return `rows`, which are by key among others, with those of hidden keys as one of colleagues
    in each of the `groups`, and without keys unless these hold them.
    """
    found: dict[tuple[object, ...], UsageRow] = {}
    for row in rows:
        if row.key_id in hidden:
            user: User | None = None if row.user is None else "colleagues"
            row = replace(row, key_id=None, key=None, member_id=None, member=None, user=user)
        if "key" not in groups:
            row = replace(row, key_id=None, key=None)
        group = tuple(getattr(row, name) for name in _GROUPED)
        found[group] = _sum(found[group], row) if group in found else row
    return list(found.values())


def _sum(one: UsageRow, other: UsageRow) -> UsageRow:
    sums = {name: getattr(one, name) + getattr(other, name) for name in _COUNTED}
    return replace(one, **sums)
