"""Rings of bounded size: everybody sees the same, slow ones cost nothing and hold up nobody."""

import asyncio
from typing import Any

import pytest

from tramontane.assistant import feed as feeds
from tramontane.assistant.feed import Audience, Feed, Happened, Missed, Ring, follow


async def collected(ring: Ring, number: int, count: int) -> list[Happened]:
    found: list[Happened] = []
    async for events in follow(ring, number, 5):
        found += events
        if len(found) >= count:
            break
    return found


def test_each_follower_sees_every_event_once_in_order() -> None:
    async def main() -> None:
        feed = Feed("boot")
        ring = feed.ring("c")
        start = ring.last
        followers = [asyncio.create_task(collected(ring, start, 100)) for _ in range(3)]
        for n in range(100):
            feed.tell(feed.ring("c"), "delta", {"n": n})
            feed.tell(feed.ring("other"), "delta", {"n": -n})
            if n % 7 == 0:
                await asyncio.sleep(0)
        lists = await asyncio.gather(*followers)
        assert lists[0] == lists[1] == lists[2]
        assert [event.own for event in lists[0]] == [b'{"n":%d}' % n for n in range(100)]
        middle = lists[0][41].number
        assert ring.since(middle) == lists[0][42:]
        assert ring.since(ring.last) == []
        assert ring.followers == 0

    asyncio.run(main())


def test_a_follower_that_was_left_behind_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "RING_EVENTS_MAX", 10)

    async def main() -> None:
        feed = Feed("boot")
        ring = feed.ring("c")
        slow = follow(ring, ring.last, 5)
        for n in range(11):
            feed.tell(ring, "delta", n)
        with pytest.raises(Missed):
            await anext(slow)
        assert [event.own for event in ring.since(ring.last - 10)] == [
            b"%d" % n for n in range(1, 11)
        ]
        with pytest.raises(Missed):
            ring.since(ring.last + 1)  # an event of another life

    asyncio.run(main())


def test_memory_is_bounded_over_all_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "FEED_BYTES_MAX", 20_000)
    monkeypatch.setattr(feeds, "RINGS_MAX", 50)

    async def main() -> None:
        feed = Feed("boot")
        followed = feed.ring("followed")
        followed.followers = 1
        for n in range(500):
            feed.tell(feed.ring(f"c{n}"), "delta", "x" * 500)
            rings: Any = feed._rings.values()
            assert sum(ring.size_bytes for ring in rings) == feed._bytes <= 20_000
        assert len(feed._rings) <= 51
        assert feed.ring("followed") is followed
        # What was dropped is not mistaken for what is there.
        with pytest.raises(Missed):
            feed.ring("c0").since(0)

    asyncio.run(main())


def test_one_event_too_large_for_the_feed_does_not_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "RING_BYTES_MAX", 1_000)
    feed = Feed("boot")
    ring = feed.ring("c")
    feed.tell(ring, "message", "x" * 5_000)
    assert ring.size_bytes == 0
    with pytest.raises(Missed):
        ring.since(0)


def test_closing_and_dropping_end_followers() -> None:
    async def main() -> None:
        feed = Feed("boot")
        tasks = [
            asyncio.create_task(collected(ring, ring.last, 9))
            for ring in (feed.lists, feed.ring("a"), feed.ring("b"))
        ]
        await asyncio.sleep(0)
        feed.tell(feed.ring("a"), "deleted", {})
        feed.drop("a")
        assert [event.name for event in await tasks[1]] == ["deleted"]
        assert not tasks[2].done()
        feed.close()
        assert await tasks[0] == await tasks[2] == []

    asyncio.run(main())


def test_quiet_followers_are_let_look_around() -> None:
    async def main() -> None:
        feed = Feed("boot")
        ring = feed.ring("c")
        quiet = follow(ring, ring.last, 0.01)
        assert await anext(quiet) == []
        patient = follow(ring, ring.last, 60)
        waiting = asyncio.ensure_future(anext(patient))
        await asyncio.sleep(0)
        feed.recheck()
        assert await waiting == []

    asyncio.run(main())


def test_ids_are_of_one_start_only() -> None:
    feed = Feed("a1b2")
    assert feed.number(feed.event_id(17)) == 17
    for other in ("a1b3-17", "17", "", "a1b2-", "a1b2--1", "a1b2-x", "a1b2-１", "a1b2-1 "):
        assert feed.number(other) is None


def test_whom_an_event_of_the_lists_is_for() -> None:
    assert Audience("me").holds("me", ())
    assert not Audience("me").holds("you", ("p",))
    assert Audience("me", "p").holds("you", ("p", "q"))
    assert not Audience("me", "p").holds("you", ("q",))
    assert not Audience("me", "p", is_for_owner=False).holds("me", ("p",))
