"""Answers as they are written: kept while they grow, whole at their end, whatever ends them."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from tests.assistant.desk import Desk, ScriptedTokens, Step, opened, spoken
from tramontane.assistant.tokenstream import (
    Finished,
    Queued,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from tramontane.datafolder import DataFolder
from tramontane.documents.files import FileStore
from tramontane.errors import BudgetExhausted, Forbidden, InvalidRequest, Unavailable
from tramontane.money import NANO, Price, Usage
from tramontane.store import conversations, keys, messages, usage
from tramontane.store.database import Store
from tramontane.store.messages import ReasoningPart, TextPart, ToolPart
from tramontane.store.records import UsageRecord
from tramontane.studio import upkeep


@pytest.fixture
def desk(store: Store) -> Callable[..., Desk]:
    """A maker of desks whose models say what they are told to."""

    def make(*scripts: list[Step], **served: Any) -> Desk:
        return Desk(store, ScriptedTokens(*scripts), **served)

    return make


def indexed(desk: Desk, word: str) -> int:
    """Return how many messages the index of words knows with that word."""
    query = text("SELECT count(*) FROM messages_words WHERE messages_words MATCH :word")
    with desk.store.read() as c:
        return int(c.scalar(query, {"word": word}) or 0)


def test_a_whole_answer_with_its_receipt(desk: Callable[..., Desk]) -> None:
    async def main() -> None:
        d = desk(
            [
                opened(),
                ReasoningDelta("think"),
                ReasoningDelta("ing"),
                TextDelta("Bon"),
                TextDelta("jour\0"),
                Finished("stop", Usage(1_000, 500, 100)),
            ],
            is_capable=False,
        )
        answer = await d.answered(d.order())
        assert answer.status == "done"
        assert answer.parts == (ReasoningPart("thinking"), TextPart("Bonjour�"))
        receipt = answer.receipt
        assert receipt is not None
        assert (receipt.prompt_tokens, receipt.completion_tokens) == (1_000, 500)
        # 900 at 0.15, 100 at 0.075, 500 at 0.60 per million.
        assert (receipt.cost, receipt.currency) == ("0.0004425", "EUR")
        assert (receipt.place, receipt.estimated, receipt.finish) == (
            "api.example.org", False, "stop",
        )  # fmt: skip
        assert d.tokens.closed == 1
        await d.answering.close()

    asyncio.run(main())


def test_what_has_come_is_kept_while_it_grows_and_searched_at_its_end(
    desk: Callable[..., Desk],
) -> None:
    async def main() -> None:
        go = asyncio.Event()
        d = desk(
            [opened(), TextDelta("mirabelle "), go, TextDelta("quince"), Finished("stop", None)]
        )
        order = d.order()
        d.answering.begin(order)
        while not d.kept(order.answer.id).parts:
            await asyncio.sleep(0.02)
        kept = d.kept(order.answer.id)
        assert (kept.status, kept.text) == ("running", "mirabelle ")
        assert kept.receipt is not None and kept.receipt.request_id == "req-1"
        assert indexed(d, "mirabelle") == 0
        go.set()
        while d.answering.is_running(d.conversation.id):
            await asyncio.sleep(0.01)
        assert d.kept(order.answer.id).text == "mirabelle quince"
        assert indexed(d, "mirabelle") == 1
        await d.answering.close()

    asyncio.run(main())


def test_a_late_checkpoint_changes_nothing_that_has_ended(desk: Callable[..., Desk]) -> None:
    async def main() -> None:
        d = desk(spoken("all of it"))
        order = d.order()
        early = order.answer
        ended = await d.answered(order)
        with d.store.write() as c:
            messages.update_running(c, [early])
        assert d.kept(ended.id) == ended
        await d.answering.close()

    asyncio.run(main())


def test_stopped_before_it_began(desk: Callable[..., Desk]) -> None:
    async def main() -> None:
        d = desk(spoken("never"))
        order = d.order()
        d.answering.begin(order)
        await d.answering.stop(order.answer.id)
        assert d.kept(order.answer.id).status == "stopped"
        assert not d.answering.is_running(d.conversation.id)
        await d.answering.stop(order.answer.id)  # a second time changes nothing
        await d.answering.close()

    asyncio.run(main())


def test_stopped_by_several_at_once(desk: Callable[..., Desk]) -> None:
    async def main() -> None:
        d = desk([opened(), TextDelta("half"), asyncio.Event()])
        order = d.order()
        d.answering.begin(order)
        while not d.kept(order.answer.id).parts:
            await asyncio.sleep(0.02)
        stops = (d.answering.stop(order.answer.id) for _ in range(5))
        await asyncio.gather(*stops, d.answering.stop_all(d.conversation.id))
        kept = d.kept(order.answer.id)
        assert (kept.status, kept.text) == ("stopped", "half")
        assert d.tokens.closed == 1  # the request was ended, and with it what it costs
        await d.answering.close()

    asyncio.run(main())


def test_a_studio_that_ends_keeps_everything_and_another_takes_over(
    desk: Callable[..., Desk],
) -> None:
    async def main() -> None:
        d = desk([opened(), TextDelta("so far"), asyncio.Event()])
        order = d.order()
        d.answering.begin(order)
        await asyncio.sleep(0.05)
        await d.answering.close()
        kept = d.kept(order.answer.id)
        assert (kept.status, kept.text) == ("interrupted", "so far")
        left = d.order("And one that a crash left?", kept.id)
        with d.store.write() as c:
            parts = (TextPart("some of it"),)
            messages.update_running(c, [_with(left.answer, status="running", parts=parts)])
        await d.answering.take_over()
        taken = d.kept(left.answer.id)
        assert (taken.status, taken.text) == ("interrupted", "some of it")
        assert indexed(d, "some") == 1
        await d.answering.close()

    asyncio.run(main())


def test_a_store_that_cannot_write_for_a_while_loses_nothing(
    desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        monkeypatch.setattr("tramontane.assistant.answering.STORE_AGAIN_S", 0.01)
        d = desk(spoken("kept in the end"))
        order = d.order()
        write, left = d.store.write, 3

        @contextmanager
        def failing() -> Iterator[Any]:
            nonlocal left
            if left > 0:
                left -= 1
                raise Unavailable("the disk is full", code="store_unavailable")
            with write() as c:
                yield c

        monkeypatch.setattr(d.store, "write", failing)
        assert (await d.answered(order)).text == "kept in the end"
        assert left == 0
        await d.answering.close()

    asyncio.run(main())


def test_the_place_in_line_is_told(desk: Callable[..., Desk]) -> None:
    async def main() -> None:
        d = desk([Queued(3, 8.0), Queued(1, 2.0), *spoken("hi")])
        ring = d.feed.ring(d.conversation.id)
        await d.answered(d.order())
        told = [event.name for event in ring.since(ring.floor)]
        assert told[:5] == ["message", "conversation", "queued", "queued", "message"]
        await d.answering.close()

    asyncio.run(main())


def test_a_member_who_has_just_joined_is_waited_for(
    desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        monkeypatch.setattr("tramontane.assistant.answering.AGAIN_AFTER_S", (0.01, 0.01))
        refused = Forbidden("not yet", code="access_ended")
        starting = Unavailable("starting", retry_after_s=1)
        d = desk([refused], [starting], spoken("welcome"), is_capable=False)
        first = await d.answered(d.order())
        assert (first.status, first.text) == ("done", "welcome")
        d.tokens.scripts = [[refused]]
        with d.store.write() as c:
            keys.revoke(c, d.place.key_id, 2, of_member=True)
        second = await d.answered(d.order(parent_id=first.id))
        assert second.status == "failed"
        assert second.error is not None and second.error.code == "access_ended"
        assert len(d.tokens.bodies) == 4
        await d.answering.close()

    asyncio.run(main())


def test_what_was_still_too_long_is_trimmed_more(desk: Callable[..., Desk]) -> None:
    async def main() -> None:
        long = InvalidRequest("too long", code="context_length_exceeded")
        d = desk(spoken("x" * 3_000), is_capable=False, context_tokens=100_000)
        parent = None
        for _ in range(4):
            parent = (await d.answered(d.order("y" * 3_000, parent))).id
        d.served = {"large": _with(d.served["large"], context_tokens=6_500)}
        d.tokens.scripts = [[long], [long], spoken("fits")]
        d.tokens.bodies.clear()
        answer = await d.answered(d.order("and now?", parent, is_trimming=True))
        assert (answer.status, answer.text) == ("done", "fits")
        sizes = [len(body["messages"]) for body in d.tokens.bodies]
        assert sizes == sorted(sizes, reverse=True) and sizes[-1] < sizes[0]
        assert answer.receipt is not None and answer.receipt.left_out == 9 - sizes[-1]
        d.tokens.scripts = [[long]]
        answer = await d.answered(d.order("short", None, is_trimming=True))
        assert answer.status == "failed"  # there is nothing to leave out
        await d.answering.close()

    asyncio.run(main())


def test_tools_run_in_the_turn_and_cost_is_of_all_requests(desk: Callable[..., Desk]) -> None:
    async def main() -> None:
        call: list[Step] = [
            opened(1),
            TextDelta("Let me see. "),
            ToolCallDelta(0, "a", "calculator", '{"expression":'),
            ToolCallDelta(0, None, None, ' "6*7"}'),
            Finished("tool_calls", Usage(100, 10, 0)),
        ]
        d = desk(call, spoken("It is 42.", number=2), supports_tools=True, is_capable=False)
        answer = await d.answered(d.order("6*7?"))
        text_, tool, end = answer.parts
        assert isinstance(tool, ToolPart) and tool.result is not None
        assert (text_, end) == (TextPart("Let me see. "), TextPart("It is 42."))
        assert "42" in tool.result
        assert answer.receipt is not None
        assert answer.receipt.request_ids == ("req-1", "req-2")
        assert answer.receipt.prompt_tokens == 1_100
        assert [m["role"] for m in d.tokens.bodies[1]["messages"]] == ["user", "assistant", "tool"]
        d.served = {"large": _with(d.served["large"], supports_tools=False)}
        await d.answered(d.order("again?", answer.id))
        assert "tools" not in d.tokens.bodies[-1]
        await d.answering.close()

    asyncio.run(main())


def test_a_model_that_refuses_tools_is_asked_without(desk: Callable[..., Desk]) -> None:
    async def main() -> None:
        refusal = InvalidRequest('"auto" tool choice requires --enable-auto-tool-choice')
        d = desk([refusal], spoken("without"), supports_tools=True, is_capable=False)
        first = await d.answered(d.order())
        assert (first.status, first.text) == ("done", "without")
        await d.answered(d.order("again", first.id))
        assert ["tools" in body for body in d.tokens.bodies] == [True, False, False]
        d.tokens.scripts = [[InvalidRequest("temperature is out of range")]]
        assert (await d.answered(d.order("third", first.id))).status == "failed"
        await d.answering.close()

    asyncio.run(main())


def test_the_bill_has_the_last_word(
    desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        monkeypatch.setattr("tramontane.assistant.afterwards.BILL_AFTER_S", (0.01,) * 500)
        d = desk([opened(), TextDelta("half"), asyncio.Event()])
        order = d.order()
        d.answering.begin(order)
        while not d.kept(order.answer.id).parts:
            await asyncio.sleep(0.02)
        await d.answering.stop(order.answer.id)
        receipt = d.kept(order.answer.id).receipt
        assert receipt is not None
        assert (receipt.estimated, receipt.prompt_tokens, receipt.cost) == (True, 0, "0.00")
        with d.store.write() as c:
            usage.insert_many(c, [_bill(d, "req-1")])
        ring = d.feed.ring(d.conversation.id)
        at = ring.last
        while not (told := ring.since(at)):
            await asyncio.sleep(0.01)
        assert [event.name for event in told] == ["message"]
        receipt = d.kept(order.answer.id).receipt
        assert receipt is not None
        assert (receipt.prompt_tokens, receipt.completion_tokens) == (70, 7)
        assert (receipt.cost, receipt.estimated) == ("0.0000123", True)
        await d.answering.close()

    asyncio.run(main())


def _bill(d: Desk, request_id: str) -> UsageRecord:
    return UsageRecord(
        request_id=request_id,
        attempt=0,
        project_id=d.place.project_id,
        key_id=d.place.key_id,
        model="large",
        deployment="large",
        started_at_ms=1,
        settled_at_ms=2,
        prompt_tokens=70,
        completion_tokens=7,
        cached_tokens=0,
        cost_nano=12_300,
        estimated=True,
        status="client_left",
    )


def test_what_a_budget_lacks_is_kept_with_the_answer(desk: Callable[..., Desk]) -> None:
    async def main() -> None:
        refused = BudgetExhausted("too dear").telling("0.40", "0.10", "EUR")
        d = desk([refused])
        error = (await d.answered(d.order("what is it?"))).error
        assert error is not None and error.code == "insufficient_quota"
        assert (error.may_cost, error.left, error.currency) == ("0.40", "0.10", "EUR")
        await d.answering.close()

    asyncio.run(main())


def test_a_capable_model_that_is_free_is_asked_for_a_title_once(desk: Callable[..., Desk]) -> None:
    async def main() -> None:
        said = [spoken("An answer."), spoken("A better title"), spoken("More.")]
        d = desk(*said, price=Price())
        first = await d.answered(d.order("what is it? tell me"))
        while d.answering._behind and len(d.tokens.bodies) < 2:
            await asyncio.sleep(0.01)
        while (found := _title(d))[1] != "model":
            await asyncio.sleep(0.01)
        assert found == ("A better title", "model")
        await d.answered(d.order("more", first.id))
        await d.answered(d.order("from the beginning", None))
        assert len(d.tokens.bodies) == 4
        await d.answering.close()

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["not capable", "demonstration", "renamed", "temporary", "priced"])
def test_no_title_is_asked_for_in_vain(desk: Callable[..., Desk], kind: str) -> None:
    async def main() -> None:
        fields: dict[str, dict[str, Any]] = {
            "not capable": {"is_capable": False},
            "demonstration": {"is_demonstration": True},
            "priced": {"price": Price(NANO // 10, NANO * 4 // 10)},
        }
        facts = {"price": Price()} | fields.get(kind, {})
        d = desk(spoken("An answer."), spoken("A title"), **facts)
        if kind == "temporary":
            d.conversation = d.converse(is_temporary=True)
        if kind == "renamed":
            with d.store.write() as c:
                conversations.change(c, d.conversation.id, title="Mine", title_source="member")
        await d.answered(d.order("what is it? tell me"))
        await asyncio.sleep(0.05)
        assert len(d.tokens.bodies) == 1
        assert _title(d)[0] == ("Mine" if kind == "renamed" else "what is it?")
        await d.answering.close()

    asyncio.run(main())


def _title(d: Desk) -> tuple[str, str]:
    with d.store.read() as c:
        found = conversations.get(c, d.conversation.id)
    return found.title, found.title_source


def test_temporary_conversations_go_a_day_after_their_last_use(
    desk: Callable[..., Desk], tmp_path: Path
) -> None:
    async def main() -> None:
        d = desk(spoken("gone tomorrow"))
        kept = d.conversation
        d.conversation = d.converse(is_temporary=True)
        order = d.order()
        await d.answered(order)
        day_ms = upkeep.TEMPORARY_MS
        files = FileStore(DataFolder(tmp_path))
        assert await upkeep.sweep(d.store, files, d.answering, d.now_ms + day_ms) == 0
        assert await upkeep.sweep(d.store, files, d.answering, d.now_ms + day_ms + 1) == 1
        with d.store.read() as c:
            assert messages.list_all(c, d.conversation.id) == []
            assert conversations.get(c, kept.id)
        assert indexed(d, "tomorrow") == 0
        await d.answering.close()

    asyncio.run(main())


def test_a_conversation_deleted_while_it_is_answered(desk: Callable[..., Desk]) -> None:
    async def main() -> None:
        go = asyncio.Event()
        d = desk([opened(), TextDelta("x"), go, Finished("stop", None)])
        order = d.order()
        d.answering.begin(order)
        await asyncio.sleep(0.02)
        with d.store.write() as c:
            conversations.remove(c, d.conversation.id)
        go.set()
        while d.answering.is_running(d.conversation.id):
            await asyncio.sleep(0.01)
        with d.store.read() as c:
            assert messages.list_all(c, d.conversation.id) == []
        await d.answering.close()

    asyncio.run(main())


def _with(record: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(record, **changes)
