"""What readers thought of answers: thumbs with a reason, without what was said.

It does not know who may ask for it.
"""

from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection, select

from tramontane.store import schema
from tramontane.store.messages import Receipt


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """One rated answer."""

    message_id: str
    conversation_id: str
    project_id: str
    project: str
    model: str | None
    deployment: str
    assistant_id: str | None
    rating: str
    reason: str | None
    answered_at_ms: int


def list_all(
    c: Connection,
    *,
    project_id: str | None = None,
    since_ms: int | None = None,
    until_ms: int | None = None,
) -> Iterator[Feedback]:
    """Yield every rated answer given here, oldest first; imported ones are left out."""
    messages, conversations, projects = schema.messages, schema.conversations, schema.projects
    joined = messages.join(conversations, conversations.c.id == messages.c.conversation_id)
    joined = joined.join(projects, projects.c.id == conversations.c.project_id)
    query = (
        select(
            messages.c.id,
            messages.c.conversation_id,
            conversations.c.project_id,
            projects.c.name,
            messages.c.model,
            messages.c.receipt,
            conversations.c.assistant_id,
            messages.c.rating,
            messages.c.rating_reason,
            messages.c.created_at_ms,
        )
        .select_from(joined)
        .where(messages.c.rating.is_not(None), messages.c.receipt.is_not(None))
    )
    if project_id is not None:
        query = query.where(conversations.c.project_id == project_id)
    if since_ms is not None:
        query = query.where(messages.c.created_at_ms >= since_ms)
    if until_ms is not None:
        query = query.where(messages.c.created_at_ms < until_ms)
    for row in c.execute(query.order_by(messages.c.created_at_ms, messages.c.row)):
        receipt = msgspec.json.decode(row[5], type=Receipt)
        yield Feedback(
            message_id=row[0],
            conversation_id=row[1],
            project_id=row[2],
            project=row[3],
            model=row[4],
            deployment=receipt.deployment,
            assistant_id=row[6],
            rating=row[7],
            reason=row[8],
            answered_at_ms=row[9],
        )
