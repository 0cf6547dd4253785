"""What happens, told to everybody who follows: numbered events in rings of bounded size.

A follower holds its place in a ring and no queue of its own, so a slow one costs nothing and
holds up nobody: when the ring has gone on without it, it is told so and begins anew. It does not
know what an event says, nor how it is sent. One event loop only.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Collection
from itertools import islice

import msgspec

RING_EVENTS_MAX = 4_096
RING_BYTES_MAX = 524_288
FEED_BYTES_MAX = 16_777_216
RINGS_MAX = 2_048


class Audience(msgspec.Struct, frozen=True):
    """Who is told: the owner, unless told otherwise, and the others of a project where named."""

    member_id: str
    project_id: str | None = None
    is_for_owner: bool = True

    def holds(self, member_id: str, project_ids: Collection[str]) -> bool:
        """Whether a member of those projects is to be told."""
        if member_id == self.member_id:
            return self.is_for_owner
        return self.project_id is not None and self.project_id in project_ids


class Happened(msgspec.Struct, frozen=True):
    """One event: its name, and its JSON for the owner of the conversation and for others."""

    number: int
    name: str
    own: bytes
    others: bytes
    audience: Audience | None = None


class Missed(Exception):
    """The ring does not go back that far."""


class Ring:
    """The last events of one conversation, or of the lists; made by `Feed`."""

    def __init__(self, floor: int) -> None:
        self.floor = floor  # everything after this number is here
        self.last = floor
        self.size_bytes = 0
        self.followers = 0
        self._events: deque[Happened] = deque()
        self._waiting: set[asyncio.Future[None]] = set()
        self.is_closed = False

    def since(self, number: int) -> list[Happened]:
        """Return the events after `number`. Raises Missed."""
        if number < self.floor or number > self.last:
            raise Missed
        behind = 0
        for event in reversed(self._events):
            if event.number <= number:
                break
            behind += 1
        return list(islice(self._events, len(self._events) - behind, None))

    def add(self, event: Happened) -> int:
        """Keep `event` and wake who waits; return by how many bytes the ring has grown."""
        before = self.size_bytes
        self._events.append(event)
        self.size_bytes += _size(event)
        self.last = event.number
        while len(self._events) > RING_EVENTS_MAX or self.size_bytes > RING_BYTES_MAX:
            dropped = self._events.popleft()
            self.floor = dropped.number
            self.size_bytes -= _size(dropped)
        self.wake()
        return self.size_bytes - before

    def forget(self) -> int:
        """Drop every event; return how many bytes that frees."""
        freed, self.size_bytes = self.size_bytes, 0
        self._events.clear()
        self.floor = self.last
        return freed

    def wake(self) -> None:
        """Let every follower look again."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    async def changed(self, timeout_s: float) -> None:
        """Wait until something happens, at most that long."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await asyncio.wait((future,), timeout=timeout_s)
        finally:
            self._waiting.discard(future)


class Feed:
    """All rings. Event ids are BOOT-N: `boot` is new with each start, N counts all events."""

    def __init__(self, boot: str) -> None:
        self._boot = boot
        self._number = 0
        self._rings: OrderedDict[str, Ring] = OrderedDict()
        self._bytes = 0
        self.lists = Ring(0)

    def ring(self, conversation_id: str) -> Ring:
        """Return that conversation's ring, from now on where there was none."""
        ring = self._rings.get(conversation_id)
        if ring is None:
            ring = self._rings[conversation_id] = Ring(self._number)
        self._rings.move_to_end(conversation_id)
        self._shrink()
        return ring

    def tell(
        self,
        ring: Ring,
        name: str,
        own: object,
        others: object = None,
        audience: Audience | None = None,
    ) -> None:
        """Add an event; `others` is what those who do not own the conversation get instead."""
        self._number += 1
        data = msgspec.json.encode(own)
        also = data if others is None else msgspec.json.encode(others)
        self._bytes += ring.add(Happened(self._number, name, data, also, audience))
        self._shrink()

    def drop(self, conversation_id: str) -> None:
        """Forget a conversation that was deleted, once its followers have been told."""
        ring = self._rings.pop(conversation_id, None)
        if ring is not None:
            ring.is_closed = True
            self._bytes -= ring.size_bytes
            ring.wake()

    def discard(self, conversation_id: str) -> None:
        """Forget a ring in which nothing is and that nobody follows: there is no conversation."""
        ring = self._rings.get(conversation_id)
        if ring is not None and not ring.followers and not ring.size_bytes:
            del self._rings[conversation_id]

    def close(self) -> None:
        """End every follower: the studio stops."""
        for ring in (self.lists, *self._rings.values()):
            ring.is_closed = True
            ring.wake()

    def recheck(self) -> None:
        """Let every follower see whether it may still follow."""
        for ring in (self.lists, *self._rings.values()):
            ring.wake()

    def event_id(self, number: int) -> str:
        """Return the id of the event of that number."""
        return f"{self._boot}-{number}"

    def number(self, event_id: str) -> int | None:
        """Return the number of an event of this start; None for any other text."""
        boot, _, number = event_id.rpartition("-")
        if boot != self._boot or not number.isascii() or not number.isdigit():
            return None
        return int(number[:20])

    def _shrink(self) -> None:
        while self._bytes > FEED_BYTES_MAX:
            fullest = next((ring for ring in self._rings.values() if ring.size_bytes), self.lists)
            self._bytes -= fullest.forget()
        if len(self._rings) > RINGS_MAX:
            idle = next((n for n, ring in self._rings.items() if not ring.followers), None)
            if idle is not None:
                self._bytes -= self._rings.pop(idle).size_bytes


async def follow(ring: Ring, number: int, keep_s: float) -> AsyncIterator[list[Happened]]:
    """Yield the events after `number` as they come; an empty list after each quiet `keep_s`, and
    when followers are to see whether they may still follow.

    Ends when the ring is closed. Raises Missed where the ring has gone on without this follower.
    """
    ring.followers += 1
    try:
        while True:
            events = ring.since(number)
            if events:
                number = events[-1].number
                yield events
                continue
            if ring.is_closed:
                return
            await ring.changed(keep_s)
            if ring.last == number and not ring.is_closed:
                yield []
    finally:
        ring.followers -= 1


def _size(event: Happened) -> int:
    return len(event.own) + (0 if event.others is event.own else len(event.others)) + 120
