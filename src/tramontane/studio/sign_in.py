"""Signing in: by password, or with a one-time link. Every way ends in `SignIns.enter`.

Single sign-on will be one more way: it proves who somebody is elsewhere and calls `enter`. Wrong
passwords, addresses that nobody has and disabled accounts get one answer, in the same time.
"""

import asyncio
from collections.abc import Callable

import msgspec
from sqlalchemy import Connection

from tramontane.config import Settings
from tramontane.errors import Conflict, InvalidRequest, Unauthenticated
from tramontane.store import links, members, memberships, prepayments, sessions
from tramontane.store.database import Store
from tramontane.store.records import Link, Member, Project
from tramontane.studio import arrival, passwords
from tramontane.studio.arrival import Arrival
from tramontane.studio.auth import Caller
from tramontane.studio.passwords import Passwords
from tramontane.studio.slowing import Slowing


class SignedIn(msgspec.Struct, frozen=True):
    """Who has just signed in, and the token for their cookie."""

    caller: Caller
    token: str


class Acceptance(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody fills in to use a link. A reset of a password needs the password only."""

    token: str
    password: str
    email: str | None = None
    name: str | None = None
    language: str | None = None


class SignIns:
    """Proves who somebody is, and signs them in. `clock_ms` gives Unix milliseconds."""

    def __init__(
        self, settings: Settings, store: Store, pepper: bytes, clock_ms: Callable[[], int]
    ) -> None:
        self._settings = settings.sessions
        self._defaults = settings.limits
        self._store = store
        self._pepper = pepper
        self._clock_ms = clock_ms
        self._passwords = Passwords()
        self._slowing = Slowing(clock_ms)

    # --- ways in ---------------------------------------------------------------------------------

    async def by_password(self, arrived: Arrival, email: str, password: str) -> SignedIn:
        """Return a new session for the owner of that address and password.

        Raises Unauthenticated (`invalid_credentials`), RateLimited, Forbidden, Overloaded.
        """
        arrival.check_entrance(arrived)
        member = await self._proved(arrived, email, password)

        def enter() -> SignedIn:
            with self._store.write() as c:
                return self.enter(c, members.get(c, member.id), arrived)

        return await asyncio.to_thread(enter)

    async def by_link(self, arrived: Arrival, given: Acceptance) -> SignedIn:
        """Use a link up and return a new session: with a new account, or a new password.

        Whoever has an account already proves it with its password. Raises NotFound
        (`link_unusable`), InvalidRequest, Unauthenticated, RateLimited, Forbidden, Overloaded.
        """
        arrival.check_entrance(arrived)
        link = await asyncio.to_thread(self.link, given.token)
        if link.purpose == "password_reset":
            return await self._by_reset(arrived, link, given)
        email = _email_for(link, given)
        known, _ = await asyncio.to_thread(self._credentials, email)
        if known is not None:
            member = await self._proved(arrived, email, given.password)
            return await asyncio.to_thread(self._join, arrived, given.token, member, None, given)
        name = members.check_name(given.name or "")
        passwords.check(given.password, email, name)
        member = Member(
            id="", email=email, name=name, language=given.language or "en", created_at_ms=0
        )
        hashed = await self._passwords.hashed(given.password)
        return await asyncio.to_thread(self._join, arrived, given.token, member, hashed, given)

    async def change_password(self, arrived: Arrival, caller: Caller, old: str, new: str) -> str:
        """Change a signed-in member's password; return the token of this browser's new session.

        Every other session of theirs ends. Raises Unauthenticated, InvalidRequest, RateLimited.
        """
        member = caller.person()
        await self._proved(arrived, member.email, old)
        passwords.check(new, member.email, member.name)
        hashed = await self._passwords.hashed(new)

        def change() -> str:
            with self._store.write() as c:
                return self._with_new_password(c, member, hashed, arrived).token

        return await asyncio.to_thread(change)

    # --- what they share -------------------------------------------------------------------------

    def enter(self, c: Connection, member: Member, arrived: Arrival) -> SignedIn:
        """Sign `member` in, who has just proved who they are: the end of every way in.

        The browser's last session, if any, ends. Raises Unauthenticated where the account has been
        disabled.
        """
        if member.disabled_at_ms is not None:
            raise _refused()
        if (last := arrival.token(arrived)) is not None:
            sessions.end_token(c, self._pepper, last)
        session, token = sessions.create(
            c,
            self._pepper,
            member_id=member.id,
            user_agent=arrived.user_agent,
            settings=self._settings,
            now_ms=self._clock_ms(),
        )
        places = memberships.list_all(c, member_id=member.id)
        return SignedIn(Caller(member=member, session=session, memberships=tuple(places)), token)

    def link(self, token: str) -> Link:
        """Return the link of that token. Raises NotFound (`link_unusable`)."""
        with self._store.read() as c:
            return links.find(c, self._pepper, token, self._clock_ms())

    async def _proved(self, arrived: Arrival, email: str, password: str) -> Member:
        """Return the member whose address and password these are."""
        folded = members.fold_email(email)
        self._slowing.begin(folded, arrived.client)
        member, hashed = await asyncio.to_thread(self._credentials, folded)
        is_right = await self._passwords.is_right(hashed, password)
        if not is_right or member is None or member.disabled_at_ms is not None:
            raise _refused()
        self._slowing.succeeded(folded, arrived.client)
        if hashed is not None and self._passwords.is_outdated(hashed):
            renewed = await self._passwords.hashed(password)
            await asyncio.to_thread(self._keep_hash, member.id, hashed, renewed)
        return member

    def _credentials(self, email: str) -> tuple[Member | None, str | None]:
        with self._store.read() as c:
            return members.credentials(c, email)

    def _keep_hash(self, member_id: str, old: str, new: str) -> None:
        with self._store.write() as c:
            if members.password_hash(c, member_id) == old:
                members.set_password_hash(c, member_id, new)

    def _join(
        self,
        arrived: Arrival,
        token: str,
        member: Member,
        hashed: str | None,
        given: Acceptance,
    ) -> SignedIn:
        """Give `member`, made first where `hashed` is given, what the link grants."""
        now_ms = self._clock_ms()
        with self._store.write() as c:
            link = links.find(c, self._pepper, token, now_ms)
            links.use(c, link, now_ms)
            if hashed is not None:
                member = members.create(
                    c,
                    email=member.email,
                    name=member.name,
                    password_hash=hashed,
                    is_admin=link.is_admin,
                    language=member.language,
                    now_ms=now_ms,
                )
            elif link.is_admin:
                member = members.set_admin(c, member.id, True)
            else:
                member = members.get(c, member.id)
            project_id = link.project_id
            if link.new_project is not None:
                project_id = self._new_project(c, link, link.new_project, now_ms).id
            if project_id is not None:
                memberships.raise_to(
                    c,
                    member=member,
                    project_id=project_id,
                    role=link.role or "member",
                    now_ms=now_ms,
                )
            return self.enter(c, member, arrived)

    def _new_project(self, c: Connection, link: Link, name: str, now_ms: int) -> Project:
        """Make the project that was promised; where that fails the link stays as it was."""
        try:
            return prepayments.open_project(
                c,
                name=name,
                amount_nano=link.prepaid_nano or 0,
                defaults=self._defaults,
                recorded_by=link.created_by or "",
                now_ms=now_ms,
                allowed_models=link.allowed_models,
            )
        except Conflict:
            raise Conflict(
                f"A project named {name!r} has been made since you were invited. Nothing was"
                " changed: ask who invited you to mend that, then use this link again.",
                code="project_name_taken",
            ) from None

    async def _by_reset(self, arrived: Arrival, link: Link, given: Acceptance) -> SignedIn:
        def owner() -> Member:
            with self._store.read() as c:
                return members.get(c, link.member_id or "")

        member = await asyncio.to_thread(owner)
        passwords.check(given.password, member.email, member.name)
        hashed = await self._passwords.hashed(given.password)

        def reset() -> SignedIn:
            now_ms = self._clock_ms()
            with self._store.write() as c:
                links.use(c, links.find(c, self._pepper, given.token, now_ms), now_ms)
                return self._with_new_password(c, members.get(c, member.id), hashed, arrived)

        return await asyncio.to_thread(reset)

    def _with_new_password(
        self, c: Connection, member: Member, hashed: str, arrived: Arrival
    ) -> SignedIn:
        members.set_password_hash(c, member.id, hashed)
        sessions.end_all(c, member.id)
        links.revoke_resets(c, member.id, self._clock_ms())
        return self.enter(c, member, arrived)


def _email_for(link: Link, given: Acceptance) -> str:
    """Return the address that a link makes an account for."""
    email = link.email if given.email is None else members.check_email(given.email)
    if email is None:
        raise InvalidRequest("Write your e-mail address.", param="email", code="missing_field")
    if link.email is not None and email != link.email:
        raise InvalidRequest(
            "This link is for another e-mail address.", param="email", code="invalid_value"
        )
    return email


def _refused() -> Unauthenticated:
    return Unauthenticated(
        "This e-mail address and password do not go together.", code="invalid_credentials"
    )
