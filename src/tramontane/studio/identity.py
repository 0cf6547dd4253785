"""Whose key or session it is, from the store.

It does not know what a caller may do, nor how a session came to be: `studio.sign_in` does.
"""

import contextlib

from tramontane.errors import TramontaneError, Unauthenticated
from tramontane.store import members, memberships, sessions
from tramontane.store.keys import authenticate
from tramontane.studio.auth import Caller
from tramontane.studio.platform import Platform


class Identity:
    """Looks callers up for the gate. Both methods wait for the store."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def by_key(self, secret: str) -> Caller:
        """Return the key with that secret and its project. Raises Unauthenticated."""
        platform = self._platform
        with platform.store.read() as c:
            key, project = authenticate(c, platform.pepper, secret, platform.clock_ms())
        return Caller(key=key, project=project)

    def by_session(self, token: str) -> Caller:
        """Return the member signed in with that token. Raises Unauthenticated."""
        platform = self._platform
        now_ms = platform.clock_ms()
        with platform.store.read() as c:
            session = sessions.authenticate(
                c, platform.pepper, token, platform.settings.sessions, now_ms
            )
            member = members.get(c, session.member_id)
            places = memberships.list_all(c, member_id=member.id)
        if member.disabled_at_ms is not None:
            raise Unauthenticated("This account has been disabled.", code="signed_out")
        if now_ms - session.seen_at_ms >= sessions.SEEN_EVERY_MS:
            # Nobody is signed out because the disk is full just now.
            with contextlib.suppress(TramontaneError), platform.store.write() as c:
                sessions.touch(c, session, now_ms)
        return Caller(member=member, session=session, memberships=tuple(places))
