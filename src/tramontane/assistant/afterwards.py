"""What follows an answer: its receipt put right by the bills, and a better title.

Whatever goes wrong here leaves the answer as it is. It does not know how an answer is written.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import aclosing, suppress

import msgspec

from tramontane.assistant import receipts, telling, titles
from tramontane.assistant.feed import Feed
from tramontane.assistant.orders import Order
from tramontane.assistant.served import Served
from tramontane.assistant.tokenstream import TextDelta
from tramontane.assistant.turn import Tokens
from tramontane.errors import NotFound, TramontaneError
from tramontane.store import conversations, messages, usage
from tramontane.store.conversations import Conversation
from tramontane.store.database import Store
from tramontane.store.messages import RUNNING, Message

BILL_AFTER_S = (1.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)

_log = logging.getLogger(__name__)


class Afterwards:
    """Bills and titles; `is_running` says whether a conversation is being answered."""

    def __init__(
        self,
        store: Store,
        tokens: Tokens,
        feed: Feed,
        served: Callable[[], Mapping[str, Served]],
        is_running: Callable[[str], bool],
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._feed = feed
        self._served = served
        self._is_running = is_running

    async def bill(self, message: Message) -> None:
        """Put the receipt right once the requests' bills are in the store."""
        assert message.receipt is not None
        for wait_s in BILL_AFTER_S:
            await asyncio.sleep(wait_s)
            with suppress(TramontaneError):
                is_settled, changed = await asyncio.to_thread(self._settle, message)
                if changed is not None:
                    telling.message(self._feed, changed)
                if is_settled:
                    return

    def _settle(self, told: Message) -> tuple[bool, Message | None]:
        """Return whether nothing is left to do, and the message where its receipt changed."""
        known = told.receipt
        assert known is not None
        with self._store.read() as c:
            bills = [bill for id_ in known.request_ids for bill in usage.attempts(c, id_)]
        found = receipts.billed(known, bills)
        if found is None or found == known:
            return found is not None, None
        with self._store.write() as c:
            try:
                now = messages.get(c, told.conversation_id, told.id)
            except NotFound:
                return True, None
            if now.status in RUNNING or now.receipt is None:
                return True, None  # it is being continued, and will be billed anew
            if now.receipt.request_ids != known.request_ids:
                return True, None
            messages.put_receipt(c, told.id, found)
        return True, msgspec.structs.replace(now, receipt=found)

    async def title(self, order: Order, answer: Message) -> None:
        """Ask a capable model that costs nothing for a better title; what goes wrong leaves the
        one there is.
        """
        served = await asyncio.to_thread(self._served)
        of = [s for s in served.values() if order.model in s.models]
        may_ask = bool(of) and all(_gives_titles(s) for s in of)
        if not may_ask or order.conversation.is_temporary or not answer.text.strip():
            return
        asked = titles.request(order.question, answer.text)
        body = {"model": order.model, "messages": asked, "max_tokens": titles.TOKENS}
        said: list[str] = []
        try:
            async with aclosing(self._tokens.stream(order.key_id, body)) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        said.append(event.text)
            title = titles.from_model("".join(said))
            if title is not None:
                changed = await asyncio.to_thread(self._entitle, order.conversation.id, title)
                if changed is not None:
                    running = self._is_running(changed.id)
                    telling.conversation(self._feed, changed, is_running=running)
        except TramontaneError as error:
            _log.info("no title was made: %s", error.code)

    def _entitle(self, conversation_id: str, title: str) -> Conversation | None:
        with self._store.write() as c:
            try:
                known = conversations.get(c, conversation_id)
            except NotFound:
                return None
            if known.title_source != "question":
                return None  # somebody was faster
            return conversations.change(c, conversation_id, title=title, title_source="model")


def _gives_titles(served: Served) -> bool:
    """Whether it can be relied on for a title, which no receipt shows and so must cost nothing."""
    return served.is_capable and not served.is_demonstration and titles.is_free(served.price)
