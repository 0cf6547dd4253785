"""Sessions: who is signed in where. Only a keyed hash of each cookie is stored.

A session ends when it was not used for a while, at a fixed age, or when somebody ends it. It does
not know cookies, nor how a member proved who they are.
"""

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from tramontane.config import SessionSettings
from tramontane.errors import NotFound, Unauthenticated
from tramontane.store import schema
from tramontane.store.keys import digest
from tramontane.store.names import new_id, random_base62
from tramontane.store.records import Session

TOKEN_LENGTH = 43  # 256 bits
SEEN_EVERY_MS = 300_000  # a session's last use is known to five minutes
_USER_AGENT_LENGTH = 300


def create(
    c: Connection,
    pepper: bytes,
    *,
    member_id: str,
    user_agent: str,
    settings: SessionSettings,
    now_ms: int,
) -> tuple[Session, str]:
    """Return a new session and its token, which cannot be had again.

    Sessions that ended by themselves are cleared away on the way.
    """
    clear(c, settings, now_ms)
    token = random_base62(TOKEN_LENGTH)
    session = Session(
        id=new_id("ses"),
        digest=digest(pepper, token.encode()),
        member_id=member_id,
        user_agent="".join(ch for ch in user_agent if ch.isprintable())[:_USER_AGENT_LENGTH],
        created_at_ms=now_ms,
        seen_at_ms=now_ms,
        expires_at_ms=now_ms + round(settings.lifetime_s * 1000),
    )
    c.execute(insert(schema.sessions), msgspec.structs.asdict(session))
    return session, token


def authenticate(
    c: Connection, pepper: bytes, token: str, settings: SessionSettings, now_ms: int
) -> Session:
    """Return the session of that token. Raises Unauthenticated."""
    wanted = schema.sessions.c.digest == digest(pepper, token.encode())
    row = c.execute(select(schema.sessions).where(wanted)).mappings().one_or_none()
    session = None if row is None else Session(**row)
    if session is None or not is_alive(session, settings, now_ms):
        raise Unauthenticated("You are signed out. Sign in again.", code="signed_out")
    return session


def is_alive(session: Session, settings: SessionSettings, now_ms: int) -> bool:
    """Return whether the session has neither been left unused for too long nor grown too old."""
    idle_ms = round(settings.idle_timeout_s * 1000)
    # A clock set back must not make a session last for ever: it lives between its two ends.
    return (
        session.created_at_ms - idle_ms
        <= now_ms
        < min(session.expires_at_ms, session.seen_at_ms + idle_ms)
    )


def is_signed_in(c: Connection, session_id: str, settings: SessionSettings, now_ms: int) -> bool:
    """Return whether that session still holds; open streams ask this from time to time."""
    row = (
        c.execute(select(schema.sessions).where(schema.sessions.c.id == session_id))
        .mappings()
        .one_or_none()
    )
    return row is not None and is_alive(Session(**row), settings, now_ms)


def touch(c: Connection, session: Session, now_ms: int) -> None:
    """Note that the session was used."""
    t = schema.sessions
    c.execute(update(t).where(t.c.id == session.id).values(seen_at_ms=now_ms))


def list_all(
    c: Connection, member_id: str, settings: SessionSettings, now_ms: int
) -> list[Session]:
    """Return a member's sessions that hold, last used first."""
    t = schema.sessions
    rows = c.execute(
        select(t).where(t.c.member_id == member_id).order_by(t.c.seen_at_ms.desc(), t.c.id)
    )
    found = [Session(**row) for row in rows.mappings()]
    return [session for session in found if is_alive(session, settings, now_ms)]


def end(c: Connection, session_id: str, member_id: str) -> None:
    """End one session of that member. Raises NotFound."""
    t = schema.sessions
    mine = (t.c.id == session_id) & (t.c.member_id == member_id)
    if c.execute(delete(t).where(mine)).rowcount == 0:
        raise NotFound("there is no such session", param="session_id")


def end_token(c: Connection, pepper: bytes, token: str) -> None:
    """End the session of that token, if there is one."""
    mine = schema.sessions.c.digest == digest(pepper, token.encode())
    c.execute(delete(schema.sessions).where(mine))


def end_all(c: Connection, member_id: str) -> None:
    """Sign a member out everywhere."""
    c.execute(delete(schema.sessions).where(schema.sessions.c.member_id == member_id))


def clear(c: Connection, settings: SessionSettings, now_ms: int) -> None:
    """Forget the sessions that ended by themselves."""
    t = schema.sessions
    unused = t.c.seen_at_ms < now_ms - round(settings.idle_timeout_s * 1000)
    c.execute(delete(t).where((t.c.expires_at_ms <= now_ms) | unused))


def last_seen(c: Connection) -> dict[str, int]:
    """Return when each member who is signed in somewhere was last seen, in Unix milliseconds."""
    t = schema.sessions.c
    found: dict[str, int] = {}
    for member_id, seen_at_ms in c.execute(select(t.member_id, t.seen_at_ms)):
        found[member_id] = max(seen_at_ms, found.get(member_id, 0))
    return found
