"""`…/events`: what happens, as Server-Sent Events that go on where a reader left off.

Each event has an id; a reader that comes back with `Last-Event-ID` gets exactly what it missed, or
is told to begin anew where that is not known any more. Whoever may no longer read is let go within
five seconds.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
from litestar import Request, get
from litestar.params import FromPath
from litestar.response import Stream

from tramontane.assistant import access, reading
from tramontane.assistant.access import Reader
from tramontane.assistant.feed import Feed, Happened, Missed, follow
from tramontane.assistant.reading import Reading
from tramontane.assistant.views import MessageView, Summary, summary
from tramontane.errors import NotFound, TramontaneError, Unavailable
from tramontane.store import members, memberships, sessions
from tramontane.store.conversations import Conversation
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform, Platform

KEEP_S = 15.0
CHECK_S = 5.0
TAG = "Conversations"
_KEEP = b": keep\n\n"


class Snapshot(msgspec.Struct, frozen=True):
    """What a reader begins with: the conversation, and messages in place of what it knew."""

    conversation: Summary
    messages: list[MessageView]


@get(
    "/conversations/{conversation_id:str}/events",
    **describe(
        "followConversation", "Follow a conversation", TAG,
        people=True, is_async=True, errors=(404,),
    ),
)  # fmt: skip
async def follow_conversation(
    platform: GivenPlatform,
    caller: GivenCaller,
    conversation_id: FromPath[str],
    request: Request[Caller, Any, Any],
) -> Stream:
    """Events: `snapshot`, `message`, `delta`, `part`, `queued`, `conversation`, `deleted`."""
    follower = _Follower(platform, caller, conversation_id)
    await follower.enter()
    feed = platform.answering.feed
    given = request.headers.get("last-event-id")
    number = _known(feed, feed.ring(conversation_id).since, given)
    if number is not None:
        return _stream(follower.follow(number, None, is_whole=False))
    return _stream(follower.follow(0, await follower.read(), is_whole=given is not None))


@get(
    "/events",
    **describe("followLists", "Follow the lists of conversations", TAG, people=True, is_async=True),
)
async def follow_lists(
    platform: GivenPlatform, caller: GivenCaller, request: Request[Caller, Any, Any]
) -> Stream:
    """Events: `begin` or, where some were missed, `reload`; `conversation` (made or changed),
    `deleted`.
    """
    feed = platform.answering.feed
    given = request.headers.get("last-event-id")
    number = _known(feed, feed.lists.since, given)
    return _stream(_lists(platform, caller, number, is_resumed=given is not None))


class _Follower:
    """One reader of one conversation."""

    def __init__(self, platform: Platform, caller: Caller, conversation_id: str) -> None:
        self._platform = platform
        self._caller = caller
        self._id = conversation_id
        self._is_mine = False

    async def enter(self) -> None:
        """Raise NotFound where the reader may not read it, as things are now."""
        await asyncio.to_thread(self._enter)

    def _enter(self) -> Conversation:
        reader = reader_now(self._platform, self._caller)
        with self._platform.store.read() as c:
            found = access.readable(c, self._id, reader)
        self._is_mine = reader.owns(found)
        return found

    async def read(self) -> Reading:
        """Return all of the conversation."""
        answering = self._platform.answering
        reader = Reader(self._caller.person().id, self._caller.project_ids)
        return await reading.read(
            self._platform.store,
            answering,
            self._id,
            lambda c: access.readable(c, self._id, reader),
        )

    async def follow(
        self, number: int, first: Reading | None, *, is_whole: bool
    ) -> AsyncIterator[bytes]:
        """Yield what happens after `number`, or after `first`, which is told before it."""
        feed = self._platform.answering.feed
        watch = _Watch(self.enter)
        while True:
            if first is not None:
                yield self._snapshot(first, is_whole)
                number = first.number
            try:
                async for events in follow(feed.ring(self._id), number, CHECK_S):
                    if not await watch.allows():
                        return
                    if events:
                        number = events[-1].number
                        yield b"".join(_event(feed, each, self._is_mine) for each in events)
                    elif watch.is_quiet():
                        yield _KEEP
                return
            except Missed:
                first, is_whole = await self.read(), True

    def _snapshot(self, first: Reading, is_whole: bool) -> bytes:
        answering = self._platform.answering
        shown = [m for m in first.messages if is_whole or m.status != "done"]
        told = summary(
            first.conversation,
            is_mine=self._is_mine,
            is_running=answering.is_running(self._id),
        )
        data = msgspec.json.encode(Snapshot(told, shown))
        return _sent(answering.feed.event_id(first.number), "snapshot", data)


async def _lists(
    platform: Platform, caller: Caller, number: int | None, *, is_resumed: bool
) -> AsyncIterator[bytes]:
    feed = platform.answering.feed
    reader = await asyncio.to_thread(reader_now, platform, caller)

    async def look() -> None:
        nonlocal reader
        reader = await asyncio.to_thread(reader_now, platform, caller)

    watch = _Watch(look)
    while True:
        if number is None:
            number = feed.lists.last
            name = "reload" if is_resumed else "begin"
            yield _sent(feed.event_id(number), name, b"{}")
        try:
            async for events in follow(feed.lists, number, CHECK_S):
                if not await watch.allows():
                    return
                if events:
                    number = events[-1].number
                told = [each for each in events if _is_for(each, reader)]
                if told:
                    yield b"".join(_event(feed, each, _is_owner(each, reader)) for each in told)
                elif not events and watch.is_quiet():
                    yield _KEEP
            return
        except Missed:
            number, is_resumed = None, True


class _Watch:
    """Looks now and then whether a reader may still read, and when to say that we are here."""

    def __init__(self, check: Callable[[], Any]) -> None:
        self._check = check
        now_s = asyncio.get_running_loop().time()
        self._check_at_s = now_s + CHECK_S
        self._keep_at_s = now_s + KEEP_S

    async def allows(self) -> bool:
        now_s = asyncio.get_running_loop().time()
        if now_s < self._check_at_s:
            return True
        self._check_at_s = now_s + CHECK_S
        try:
            await self._check()
        except Unavailable:
            return True  # the store is busy; the next look will tell
        except TramontaneError:
            return False
        return True

    def is_quiet(self) -> bool:
        now_s = asyncio.get_running_loop().time()
        if now_s < self._keep_at_s:
            return False
        self._keep_at_s = now_s + KEEP_S
        return True


def reader_now(platform: Platform, caller: Caller) -> Reader:
    """Return who reads, with their projects of this moment.

    Raises NotFound once the session has ended or the member is disabled.
    """
    member = caller.person()
    with platform.store.read() as c:
        is_there = members.get(c, member.id).disabled_at_ms is None
        if caller.session is not None:
            ends, now_ms = platform.settings.sessions, platform.clock_ms()
            is_there &= sessions.is_signed_in(c, caller.session.id, ends, now_ms)
        if not is_there:
            raise NotFound("You are no longer signed in.")
        places = memberships.list_all(c, member_id=member.id)
    return Reader(member.id, tuple(place.project_id for place in places))


def _known(feed: Feed, since: Callable[[int], list[Happened]], event_id: str | None) -> int | None:
    """Return the number of that event where all that came after it is still there."""
    number = None if event_id is None else feed.number(event_id)
    if number is None:
        return None
    try:
        since(number)
    except Missed:
        return None
    return number


def _is_for(event: Happened, reader: Reader) -> bool:
    audience = event.audience
    return audience is not None and audience.holds(reader.member_id, reader.project_ids)


def _is_owner(event: Happened, reader: Reader) -> bool:
    return event.audience is not None and event.audience.member_id == reader.member_id


def _event(feed: Feed, event: Happened, is_mine: bool) -> bytes:
    return _sent(feed.event_id(event.number), event.name, event.own if is_mine else event.others)


def _sent(event_id: str, name: str, data: bytes) -> bytes:
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (event_id.encode(), name.encode(), data)


def _stream(events: AsyncIterator[bytes]) -> Stream:
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return Stream(events, media_type="text/event-stream", headers=headers)
