"""Answering over a real store, without a gateway: what models say is scripted."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from tramontane.assistant import orders
from tramontane.assistant.answering import Answering
from tramontane.assistant.feed import Feed
from tramontane.assistant.holdings import Holdings
from tramontane.assistant.orders import Asking, Order, Persona
from tramontane.assistant.served import Served
from tramontane.assistant.tokenstream import Event, Finished, Opened, TextDelta
from tramontane.config import LimitDefaults
from tramontane.money import Price, Usage
from tramontane.store import conversations, members, memberships, messages, projects
from tramontane.store.conversations import Conversation
from tramontane.store.database import Store
from tramontane.store.messages import Message
from tramontane.tools import ALL

PRICE = Price(150_000_000, 600_000_000, 75_000_000, 0)
Step = Event | Exception | float | asyncio.Event


class ScriptedTokens:
    """Says what each request is to hear: events, seconds to wait, something to wait for, errors.

    The last script is said again and again.
    """

    def __init__(self, *scripts: list[Step]) -> None:
        self.scripts = list(scripts)
        self.bodies: list[Mapping[str, Any]] = []
        self.closed = 0

    async def stream(self, key_id: str, body: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
        """Yield the next script."""
        self.bodies.append(body)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        try:
            for step in script:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, float):
                    await asyncio.sleep(step)
                elif isinstance(step, asyncio.Event):
                    await step.wait()
                else:
                    yield step
        finally:
            self.closed += 1


def opened(number: int = 1) -> Opened:
    """The beginning of an answer."""
    return Opened(f"req-{number}", "large", "large")


def spoken(*texts: str, number: int = 1) -> list[Step]:
    """A whole answer."""
    used = Usage(prompt_tokens=1_000, completion_tokens=500, cached_tokens=100)
    return [opened(number), *map(TextDelta, texts), Finished("stop", used)]


class Desk:
    """One member with a conversation, and answers from a script."""

    def __init__(
        self,
        store: Store,
        tokens: ScriptedTokens,
        holdings: Holdings | None = None,
        **served: Any,
    ) -> None:
        self.store = store
        self.tokens = tokens
        self.now_ms = 1_700_000_000_000
        fields = {"kind": "remote", "price": PRICE, "place": "api.example.org", **served}
        self.served = {"large": Served(deployment="large", models=("large",), **fields)}
        self.feed = Feed("boot")
        self.answering = Answering(
            store,
            tokens,
            self.feed,
            lambda: self.served,
            ALL,
            "EUR",
            lambda: self.now_ms,
            holdings,
        )
        with store.write() as c:
            project = projects.create(c, name="p", defaults=LimitDefaults(), now_ms=1)
            self.member = members.create(
                c, email="ada@example.org", name="Ada", password_hash=None, now_ms=1
            )
            self.place = memberships.put(
                c, member=self.member, project_id=project.id, role="member", now_ms=1
            )
        self.conversation = self.converse()

    def converse(self, **fields: Any) -> Conversation:
        """Return a new conversation."""
        with self.store.write() as c:
            return conversations.create(
                c,
                member_id=self.member.id,
                project_id=self.place.project_id,
                model="large",
                now_ms=self.now_ms,
                **fields,
            )

    def asking(self, **fields: Any) -> Asking:
        """Return who asks, of which models."""
        known = {"key_id": self.place.key_id, "served": self.served, "now_ms": self.now_ms}
        return Asking(**{**known, "persona": Persona(), **fields})

    def order(
        self,
        text: str = "Hello?",
        parent_id: str | None = None,
        attachments: Sequence[str] = (),
        **fields: Any,
    ) -> Order:
        """Keep a question and return the order for its answer."""
        asking = self.asking(**fields)
        with self.store.write() as c:
            conversation = conversations.get(c, self.conversation.id)
            client_id = f"c{len(messages.list_all(c, conversation.id))}"
            _, _, order = orders.send(
                c,
                conversation,
                asking,
                parent_id=parent_id,
                text=text,
                client_id=client_id,
                attachments=attachments,
            )
        assert order is not None
        return order

    def kept(self, message_id: str) -> Message:
        """Return a message as the store has it."""
        with self.store.read() as c:
            return messages.get(c, self.conversation.id, message_id)

    async def answered(self, order: Order) -> Message:
        """Return the answer to `order`, once it has ended."""
        self.answering.begin(order)
        (live,) = [
            live
            for live in self.answering.running_in(self.conversation.id)
            if live.message.id == order.answer.id
        ]
        assert live.task is not None
        await live.task
        return self.kept(order.answer.id)
