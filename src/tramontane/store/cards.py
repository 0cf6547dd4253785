"""The catalogue's own cards: what a project, or the operator for everybody, says of its models.

A card is kept as JSON (of a `catalog.cards.Card`); what stands in it is not known here.
"""

import msgspec
from sqlalchemy import Connection, delete, insert, select

from tramontane.errors import Conflict
from tramontane.store import schema
from tramontane.store.database import bump_revision
from tramontane.store.names import unknown


class StoredCard(msgspec.Struct, frozen=True, kw_only=True):
    """An own card; without a `project_id` everybody's. `data` is JSON."""

    id: str
    project_id: str | None = None
    data: bytes
    created_at_ms: int
    updated_at_ms: int


def put(
    c: Connection, *, card_id: str, data: bytes, project_id: str | None, now_ms: int
) -> StoredCard:
    """Keep a card in place of one of the same id and project.

    Raises Conflict where that id is another project's, or everybody's.
    """
    table = schema.cards
    before = c.execute(select(table).where(table.c.id == card_id)).mappings().first()
    if before is not None and before["project_id"] != project_id:
        raise Conflict(
            f"the card {card_id!r} is another project's, or everybody's; choose another id",
            param="id",
        )
    card = StoredCard(
        id=card_id,
        project_id=project_id,
        data=data,
        created_at_ms=now_ms if before is None else before["created_at_ms"],
        updated_at_ms=now_ms,
    )
    c.execute(delete(table).where(table.c.id == card_id))
    c.execute(insert(table), msgspec.structs.asdict(card))
    bump_revision(c)
    return card


def list_all(c: Connection) -> list[StoredCard]:
    """Return every own card by id."""
    rows = c.execute(select(schema.cards).order_by(schema.cards.c.id))
    return [StoredCard(**row) for row in rows.mappings()]


def get(c: Connection, card_id: str) -> StoredCard:
    """Return that card. Raises NotFound with the nearest ids."""
    table = schema.cards
    row = c.execute(select(table).where(table.c.id == card_id)).mappings().first()
    if row is None:
        raise unknown("card of our own", card_id, c.scalars(select(table.c.id)), "id")
    return StoredCard(**row)


def remove(c: Connection, card_id: str) -> StoredCard:
    """Forget that card, and return it. Raises NotFound with the nearest ids."""
    card = get(c, card_id)
    c.execute(delete(schema.cards).where(schema.cards.c.id == card_id))
    bump_revision(c)
    return card
