"""What projects bought of one another: sums over the settled attempts of publications.

It does not know months or statements: `governance.settlement` does.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, distinct, func, or_, select

from tramontane.store import schema


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """What one project bought under one version of one publication. Money is in nano-units.

    `name` is the publication's, `cost_nano` what was paid, `serving_cost_nano` what serving it
    cost the publisher. `requests` counts each once, however often it was tried.
    """

    publication_id: str
    version: int
    name: str
    buyer_id: str
    publisher_id: str
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cost_nano: int
    serving_cost_nano: int


def of_project(c: Connection, project_id: str, since_ms: int, until_ms: int) -> list[Trade]:
    """Return what that project bought and sold from `since_ms` up to, not including, `until_ms`,
    by when the requests began, which is what budgets count by.
    """
    t = schema.usage.c
    groups = (t.publication_id, t.publication_version, t.project_id, t.publisher_id)
    query = (
        select(
            t.publication_id,
            t.publication_version.label("version"),
            func.max(t.model).label("name"),
            t.project_id.label("buyer_id"),
            t.publisher_id,
            func.count(distinct(t.request_id)).label("requests"),
            *(
                func.sum(column).label(column.name)
                for column in (
                    t.prompt_tokens,
                    t.completion_tokens,
                    t.cached_tokens,
                    t.cost_nano,
                    t.serving_cost_nano,
                )
            ),
        )
        .where(
            t.publication_id != "",
            or_(t.project_id == project_id, t.publisher_id == project_id),
            t.started_at_ms >= since_ms,
            t.started_at_ms < until_ms,
        )
        .group_by(*groups)
        .order_by(*groups)
    )
    return [_trade(row) for row in c.execute(query).mappings()]


def _trade(row: Mapping[Any, Any]) -> Trade:
    # PostgreSQL sums whole numbers into decimals.
    fields: dict[str, Any] = {
        str(name): value if isinstance(value, str) else int(value) for name, value in row.items()
    }
    return Trade(**fields)
