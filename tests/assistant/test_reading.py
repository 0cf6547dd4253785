"""Who reads and then follows misses nothing and sees nothing twice, whenever they come."""

import asyncio
import random
from typing import Any

import msgspec
import pytest

from tests.assistant.desk import Desk, ScriptedTokens, Step, opened
from tramontane.assistant import telling
from tramontane.assistant.feed import Missed, follow
from tramontane.assistant.reading import read
from tramontane.assistant.tokenstream import Finished, ReasoningDelta, TextDelta, ToolCallDelta
from tramontane.assistant.views import MessageView
from tramontane.errors import NotFound
from tramontane.store import conversations
from tramontane.store.database import Store


def plain(message: MessageView) -> Any:
    """Return a message as it travels."""
    return msgspec.json.decode(msgspec.json.encode(message))


def take(known: dict[str, Any], name: str, data: Any) -> None:
    """Take in one event, as the app does."""
    if name == "message":
        known[data["id"]] = data
    elif name == "delta":
        known[data["message_id"]]["parts"][data["part"]]["text"] += data["text"]
    elif name == "part":
        parts = known[data["message_id"]]["parts"]
        assert data["part"] <= len(parts)
        parts[data["part"] : data["part"] + 1] = [data["value"]]


async def read_and_follow(desk: Desk, count: int, wait_s: float) -> dict[str, Any]:
    """Return all messages as somebody knows them who came after `wait_s`, once all have ended."""
    await asyncio.sleep(wait_s)
    id_ = desk.conversation.id

    async def begin() -> tuple[dict[str, Any], int]:
        found = await read(desk.store, desk.answering, id_, lambda c: conversations.get(c, id_))
        return {m.id: plain(m) for m in found.messages}, found.number

    def is_whole(known: dict[str, Any]) -> bool:
        ended = [m for m in known.values() if m["status"] not in ("queued", "running")]
        return len(ended) == len(known) == 2 * count

    known, number = await begin()
    while not is_whole(known):
        try:
            async for events in follow(desk.feed.ring(id_), number, 5):
                for event in events:
                    take(known, event.name, msgspec.json.decode(event.own))
                    number = event.number
                if is_whole(known):
                    break
        except Missed:
            known, number = await begin()
    return known


def script(chance: random.Random) -> list[Step]:
    """Return an answer of some parts, with pauses."""
    steps: list[Step] = [opened()]
    for _ in range(chance.randint(1, 4)):
        kind = chance.choice((TextDelta, ReasoningDelta))
        for n in range(chance.randint(1, 30)):
            steps.append(kind(f"{n} "))
            if chance.random() < 0.2:
                steps.append(chance.choice((0.0, 0.001, 0.02)))
    if chance.random() < 0.3:
        return [*steps, ToolCallDelta(0, "a", "calculator", "{}"), Finished("tool_calls", None)]
    return [*steps, Finished("stop", None)]


@pytest.mark.parametrize("seed", range(3))
def test_readers_at_any_moment_agree_with_the_store(store: Store, seed: int) -> None:
    async def main() -> None:
        chance = random.Random(seed)
        count = 12
        scripts = [script(chance) for _ in range(count * 3)]
        desk = Desk(store, ScriptedTokens(*scripts), supports_tools=True, is_capable=False)
        readers = [
            asyncio.create_task(read_and_follow(desk, count, chance.random() * 0.6))
            for _ in range(12)
        ]
        for n in range(count):
            order = desk.order(f"question {n}")
            # As the route does: the question is told, then the answer begins.
            telling.message(desk.feed, desk.kept(order.answer.parent_id or ""))
            desk.answering.begin(order)
            await asyncio.sleep(chance.random() * 0.1)
        found = await asyncio.gather(*readers)
        expected = {
            m.id: plain(m)
            for m in (
                await read(
                    store,
                    desk.answering,
                    desk.conversation.id,
                    lambda c: conversations.get(c, desk.conversation.id),
                )
            ).messages
        }
        for known in found:
            assert known == expected
        await desk.answering.close()

    asyncio.run(main())


def test_what_nobody_may_read_leaves_nothing_behind(store: Store) -> None:
    async def main() -> None:
        desk = Desk(store, ScriptedTokens([opened()]))
        before = len(desk.feed._rings)
        for n in range(20):
            with pytest.raises(NotFound):
                name = f"conv_{n}"
                await read(store, desk.answering, name, lambda c: conversations.get(c, "nobody"))
        assert len(desk.feed._rings) == before
        await desk.answering.close()

    asyncio.run(main())
