"""Answers are written here, not in a browser's tab: one task for each, until its end.

What arrives is told at once and kept in the store at most every 300 ms, so that a crash costs no
more than that. It does not know who asks: an `Order` has been checked and kept before.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from typing import Any, TypeVar

import msgspec

from tramontane.assistant import context, receipts, telling, whole
from tramontane.assistant.afterwards import Afterwards
from tramontane.assistant.brief import Brief
from tramontane.assistant.checking import checked
from tramontane.assistant.feed import Feed
from tramontane.assistant.holdings import Holdings
from tramontane.assistant.live import Asked, Live
from tramontane.assistant.orders import Order
from tramontane.assistant.query_tool import QueryTable
from tramontane.assistant.served import Served
from tramontane.assistant.sql_by_text import turn_by_text
from tramontane.assistant.tokenstream import (
    Finished,
    Opened,
    Queued,
    ReasoningDelta,
    TextDelta,
)
from tramontane.assistant.turn import AnyTool, Piece, Tokens, turn
from tramontane.documents.translation import Ask
from tramontane.errors import (
    BudgetExhausted,
    Forbidden,
    InvalidRequest,
    NotFound,
    TramontaneError,
    Unavailable,
)
from tramontane.store import conversations, keys, messages, projects
from tramontane.store.conversations import Conversation
from tramontane.store.database import Store
from tramontane.store.messages import (
    Failure,
    Message,
    ProgressPart,
    Receipt,
    ResultPart,
    SourcesPart,
    ToolPart,
)
from tramontane.tools import Tool

T = TypeVar("T")
CHECKPOINT_S = 0.3
AGAIN_AFTER_S = (0.3, 0.6, 1.0, 2.0, 4.0)
STORE_AGAIN_S = 1.0
TRIM_AGAIN_MAX = 4
TRANSLATION_TOKENS = 400

_log = logging.getLogger(__name__)


class Answering:
    """All answers under way. `served` reads the deployments by name; it runs on a thread."""

    def __init__(
        self,
        store: Store,
        tokens: Tokens,
        feed: Feed,
        served: Callable[[], Mapping[str, Served]],
        tools: Mapping[str, Tool],
        currency: str,
        clock_ms: Callable[[], int],
        holdings: Holdings | None = None,
    ) -> None:
        self.feed = feed
        self.holdings = holdings or Holdings(store)
        self._store = store
        self._tokens = tokens
        self._served = served
        self._tools = tools
        self._currency = currency
        self._clock_ms = clock_ms
        self._live: dict[str, Live] = {}
        self._toolless: set[str] = set()  # models that have refused tools
        self._behind: set[asyncio.Task[None]] = set()  # titles, bills, checkpoints
        self._afterwards = Afterwards(store, tokens, feed, served, self.is_running)
        self._checkpoints: asyncio.Task[None] | None = None
        self._is_closing = False

    # --- what others ask -------------------------------------------------------------------------

    def is_running(self, conversation_id: str) -> bool:
        """Whether an answer is being written in that conversation."""
        return any(live.conversation_id == conversation_id for live in self._live.values())

    def running_in(self, conversation_id: str) -> list[Live]:
        """Return the answers being written in that conversation."""
        return [live for live in self._live.values() if live.conversation_id == conversation_id]

    def count(self, member_id: str) -> int:
        """Return how many answers are being written for that member."""
        return sum(live.member_id == member_id for live in self._live.values())

    def begin(self, order: Order) -> None:
        """Begin to write an answer that the store has, as queued."""
        live = Live(order.answer, order.conversation.member_id, self.feed, self._now_s())
        self._live[order.answer.id] = live
        telling.message(self.feed, order.answer)
        telling.conversation(self.feed, order.conversation, is_running=True)
        live.task = asyncio.get_running_loop().create_task(self._write(live, order))
        if self._checkpoints is None or self._checkpoints.done():
            self._checkpoints = self._later(self._keep_checkpoints())

    async def stop(self, message_id: str) -> None:
        """End that answer with what has arrived; nothing happens where it has ended."""
        live = self._live.get(message_id)
        if live is not None:
            await self._end(live, "stopped")

    async def stop_all(self, conversation_id: str) -> None:
        """End every answer of that conversation."""
        for live in self.running_in(conversation_id):
            await self._end(live, "stopped")

    async def close(self) -> None:
        """End everything, with what has arrived: the studio stops."""
        self._is_closing = True
        ends = (self._end(live, "interrupted") for live in [*self._live.values()])
        await asyncio.gather(*ends, return_exceptions=True)
        for task in [*self._behind]:
            task.cancel()
        await asyncio.gather(*self._behind, return_exceptions=True)

    async def take_over(self) -> None:
        """Mark what the last studio left unfinished; whoever wrote it is gone."""
        left = await asyncio.to_thread(self._interrupt_left)
        for message in left:
            if message.receipt is not None:
                self._later(self._afterwards.bill(message))

    async def _end(self, live: Live, why: Any) -> None:
        live.ended_by = live.ended_by or why
        assert live.task is not None
        await asyncio.sleep(0)  # a task cancelled before it began would keep nothing
        live.task.cancel()
        await asyncio.wait((live.task,))

    # --- one answer ------------------------------------------------------------------------------

    async def _write(self, live: Live, order: Order) -> None:
        """Write one answer, and keep it however it ends."""
        status, error = "done", None
        try:
            await self._ask(live, order)
        except asyncio.CancelledError:
            status = live.ended_by or "interrupted"
        except TramontaneError as refused:
            status, error = "failed", _failure(refused)
        except Exception as fault:  # noqa: BLE001 - the outer edge of a task
            _log.error("an answer failed: %s", type(fault).__name__, exc_info=fault)
            status, error = "failed", _failure(TramontaneError("Something failed here."))
        # Nothing may end this early: what has arrived is to be kept.
        finishing = asyncio.get_running_loop().create_task(self._finish(live, order, status, error))
        while not finishing.done():
            with suppress(asyncio.CancelledError):
                await asyncio.shield(finishing)

    async def _ask(self, live: Live, order: Order) -> None:
        """Ask for the answer; where that was too long, with fewer passages, and where it is to be
        trimmed, with fewer messages.
        """
        served = await asyncio.to_thread(self._served)
        ask = self._translator(live, order, served)
        live.brief = brief = await self.holdings.brief(order, live, ask)
        if order.reads_whole:
            await self._read_whole(live, order, served, brief)
        self._show_sources(live, brief)
        sent = order.sent
        for left in reversed(range(TRIM_AGAIN_MAX)):
            live.left_out = sent.left_out
            try:
                await self._take_patiently(live, order, served, sent.chat, brief)
                return
            except InvalidRequest as error:
                if error.code != "context_length_exceeded" or not left or live.has_said:
                    raise
                if brief.evidence.shorten():
                    self._show_sources(live, brief)
                    continue
                if not order.is_trimming:
                    raise
                shorter = order.shorter(sent, is_least=left == 1)
                if shorter is None:
                    raise
                sent = shorter

    async def _read_whole(
        self, live: Live, order: Order, served: Mapping[str, Served], brief: Brief
    ) -> None:
        """Have the model note what all of the documents say, where they do not fit at once."""
        every = await self.holdings.everything(order.scope)
        window = order.context_tokens or whole.WINDOW_TOKENS
        plan = whole.plan(every, order.question, window)
        if plan.requests > whole.REQUESTS_MAX:
            raise whole.too_long(plan)
        if len(plan.stretches) < 2:
            brief.evidence.shown = every
            return

        async def ask(chat: context.Chat, max_tokens: int) -> str:
            body = {"model": order.model, "messages": chat, "max_tokens": max_tokens}
            said = await self._asked_aside(live, order.key_id, body)
            live.receipt = self._receipt(live, order, served, order.answer.receipt)
            return said

        notes = await whole.read(plan, order.question, window, ask, brief.nonce, live.progress)
        live.progress(None)
        brief.evidence.shown = list(notes.cited)
        brief.notes = whole.block(notes, len(every), brief.nonce)

    def _translator(self, live: Live, order: Order, served: Mapping[str, Served]) -> Ask | None:
        """Return what asks the answer's own model to say a question in other languages; None where
        that is not to be trusted with it.
        """
        of = [each for each in served.values() if order.model in each.models]
        if not of or not all(
            s.is_capable and not s.is_demonstration and s.kind != "guide" for s in of
        ):
            return None

        async def ask(prompt: str) -> str:
            chat = [{"role": "user", "content": prompt}]
            body = {"model": order.model, "messages": chat, "max_tokens": TRANSLATION_TOKENS}
            return await self._asked_aside(live, order.key_id, body)

        return ask

    async def _asked_aside(self, live: Live, key_id: str, body: Mapping[str, Any]) -> str:
        """Return what a model says to a request whose text is not the answer's."""
        said: list[str] = []
        asked: Asked | None = None
        async with aclosing(self._tokens.stream(key_id, body)) as events:
            async for event in events:
                match event:
                    case Opened(request_id, _, deployment):
                        if asked is not None:
                            live.asked.remove(asked)  # another deployment has taken over
                        asked = Asked(request_id, deployment)
                        live.asked.append(asked)
                        if live.message.status != "running":
                            live.become(status="running")
                    case Finished(_, used) if asked is not None:
                        asked.usage = used
                    case TextDelta(text):
                        said.append(text)
        return "".join(said)

    def _show_sources(self, live: Live, brief: Brief) -> None:
        found = brief.sources()
        if found is not None:
            live.add(found)

    async def _take_patiently(
        self,
        live: Live,
        order: Order,
        served: Mapping[str, Served],
        chat: context.Chat,
        brief: Brief,
    ) -> None:
        """Ask, and ask again while the gateway is between two lives, or does not know a member yet
        who has just joined.
        """
        for wait_s in (*AGAIN_AFTER_S, None):
            try:
                await self._take_all(live, order, served, chat, brief)
                return
            except (Unavailable, Forbidden) as error:
                may_pass = error.code in ("unavailable", "access_ended")
                if not may_pass or live.has_said or wait_s is None:
                    raise
                if isinstance(error, Forbidden):
                    await asyncio.to_thread(self._check_key, order.key_id, error)
            await asyncio.sleep(wait_s)

    def _check_key(self, key_id: str, refused: Forbidden) -> None:
        """Raise `refused` where the key has ended by what the store says, too."""
        with self._store.read() as c:
            key = keys.get(c, key_id)
            project = projects.get(c, key.project_id)
        if key.revoked_at_ms is not None or project.closed_reason is not None:
            raise refused

    async def _take_all(
        self,
        live: Live,
        order: Order,
        served: Mapping[str, Served],
        chat: context.Chat,
        brief: Brief,
    ) -> None:
        allowed = self._allowed(order, served, brief)
        try:
            await self._take_one(live, order, served, chat, allowed, brief)
        except InvalidRequest as error:
            if not allowed or live.has_said or "tool" not in error.message.lower():
                raise
            # Nobody says beforehand whether a model served elsewhere knows tools: now it has.
            self._toolless.add(order.model)
            await self._take_one(live, order, served, chat, {}, brief)

    async def _take_one(
        self,
        live: Live,
        order: Order,
        served: Mapping[str, Served],
        chat: context.Chat,
        allowed: Mapping[str, AnyTool],
        brief: Brief,
    ) -> None:
        body = order.body(brief.chat(chat, has_tools=bool(allowed)))
        query = brief.tools.get(QueryTable.name)
        if query is not None and not allowed:
            pieces = turn_by_text(self._tokens, order.key_id, body, query, live.call_ids)
        else:
            pieces = turn(self._tokens, order.key_id, body, allowed, live.call_ids)
        async with aclosing(pieces):
            await self._take(pieces, live, order, served)

    def _allowed(
        self, order: Order, served: Mapping[str, Served], brief: Brief
    ) -> dict[str, AnyTool]:
        """Return the tools that are offered: those allowed, of a model that knows tools.

        Beside documents there is none that reaches out: nothing of them can be carried away.
        """
        of = [s for s in served.values() if order.model in s.models]
        if order.model in self._toolless or not of or not all(s.supports_tools for s in of):
            return {}
        offered: dict[str, AnyTool] = {
            name: tool
            for name, tool in self._tools.items()
            if (order.tools is None or name in order.tools)
            and (order.scope.is_empty or not tool.reaches_out)
        }
        return offered | dict(brief.tools)

    async def _take(
        self,
        pieces: AsyncGenerator[Piece, None],
        live: Live,
        order: Order,
        served: Mapping[str, Served],
    ) -> None:
        before = order.answer.receipt
        async for piece in pieces:
            match piece:
                case TextDelta(text):
                    self._first(live)
                    live.add_text("text", text)
                case ReasoningDelta(text):
                    self._first(live)
                    live.add_text("reasoning", text)
                case Queued(position, eta_s):
                    live.wait(position, eta_s)
                case Opened(request_id, _, deployment):
                    if live.asked and live.asked[-1].request_id == request_id:
                        live.asked.pop()  # another deployment has taken over
                    live.asked.append(Asked(request_id, deployment))
                    live.receipt = self._receipt(live, order, served, before)
                    if live.message.status != "running":
                        live.become(status="running")
                case Finished(reason, used):
                    live.asked[-1].usage = used
                    live.finish = reason
                    live.receipt = self._receipt(live, order, served, before)
                case ToolPart():
                    self._first(live)
                    live.add_call(piece)
                case SourcesPart() | ResultPart():
                    live.add(piece)

    def _first(self, live: Live) -> None:
        if live.first_token_s is None:
            live.first_token_s = self._now_s()

    def _receipt(
        self, live: Live, order: Order, served: Mapping[str, Served], before: Receipt | None
    ) -> Receipt | None:
        found = receipts.receipt(
            live.asked, served, before, model=order.model, currency=self._currency
        )
        if found is None:
            return None
        first_s = live.first_token_s
        return msgspec.structs.replace(
            found,
            first_token_ms=None if first_s is None else _ms(first_s - live.started_s),
            total_ms=_ms(self._now_s() - live.started_s),
            finish=live.finish,
            left_out=live.left_out,
        )

    async def _finish(self, live: Live, order: Order, status: str, error: Failure | None) -> None:
        """Keep the answer as it ended, with what was checked in it; see to its bill and title."""
        live.progress(None)  # it may have been stopped while documents were being read
        await self._check(live, order)
        message = msgspec.structs.replace(
            live.snapshot(), status=status, error=error, updated_at_ms=self._clock_ms()
        )
        conversation = await self._insist(lambda: self._put(message))
        del self._live[message.id]
        if conversation is None:
            return  # it was deleted meanwhile
        telling.message(self.feed, message)
        running = self.is_running(conversation.id)
        telling.conversation(self.feed, conversation, is_running=running)
        if message.receipt is not None:
            self._later(self._afterwards.bill(message))
        if status == "done" and order.is_first and conversation.title_source == "question":
            self._later(self._afterwards.title(order, message))

    async def _check(self, live: Live, order: Order) -> None:
        """Compare what was said with what was shown; an answer is not lost for a fault in that."""
        brief = live.brief
        if brief is None or brief.is_empty or not live.has_said:
            return
        parts, shown = live.snapshot().parts, brief.evidence.shown
        try:
            found = await asyncio.to_thread(checked, parts, shown, order.question, brief.language)
        except Exception as fault:  # noqa: BLE001 - the outer edge of a task
            _log.error("an answer was not checked: %s", type(fault).__name__, exc_info=fault)
            return
        if found is not None:
            live.add(found)

    def _put(self, message: Message) -> Conversation | None:
        with self._store.write() as c:
            messages.put(c, message)
            try:
                return conversations.get(c, message.conversation_id)
            except NotFound:
                return None

    async def _insist(self, work: Callable[[], T]) -> T:
        """Run `work` on a thread until the store takes it; while it cannot, nothing is lost."""
        while True:
            try:
                return await asyncio.to_thread(work)
            except Unavailable as error:
                if self._is_closing:
                    raise
                _log.warning("an answer was not stored, will try again: %s", error)
                await asyncio.sleep(STORE_AGAIN_S)

    # --- meanwhile and afterwards ----------------------------------------------------------------

    def _later(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)
        return task

    async def _keep_checkpoints(self) -> None:
        while self._live:
            await asyncio.sleep(CHECKPOINT_S)
            changed = [live for live in self._live.values() if live.is_changed]
            for live in changed:
                live.is_changed = False
            snapshots = [live.snapshot() for live in changed]
            if not snapshots:
                continue
            try:
                await asyncio.to_thread(self._checkpoint, snapshots)
            except TramontaneError as error:
                _log.warning("a checkpoint was not stored, will try again: %s", error)
                for live in changed:
                    live.is_changed = True

    def _checkpoint(self, snapshots: list[Message]) -> None:
        with self._store.write() as c:
            messages.update_running(c, snapshots)

    def _interrupt_left(self) -> list[Message]:
        with self._store.write() as c:
            left = [
                msgspec.structs.replace(
                    m,
                    status="interrupted",
                    parts=tuple(p for p in m.parts if not isinstance(p, ProgressPart)),
                    updated_at_ms=self._clock_ms(),
                )
                for m in messages.unfinished(c)
            ]
            for message in left:
                messages.put(c, message)
        return left

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()


def _failure(error: TramontaneError) -> Failure:
    known = Failure(error.code, error.message, error.retry_after_s)
    if not isinstance(error, BudgetExhausted):
        return known
    return msgspec.structs.replace(known, **error.amounts)


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))
