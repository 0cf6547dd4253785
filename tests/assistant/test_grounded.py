"""Answers from documents: what is found is put before the model, numbered, and kept by place."""

import asyncio
from typing import Any

import pytest

from tests.assistant import shelves
from tests.assistant.desk import Desk, ScriptedTokens, opened, spoken
from tramontane.assistant.tokenstream import Finished, ToolCallDelta
from tramontane.errors import NotFound
from tramontane.money import Usage
from tramontane.store.database import Store
from tramontane.store.documents import Document
from tramontane.store.messages import FilesPart, Message, SourcesPart, TextPart, ToolPart


def put_in(desk: Desk, name: str = "report.pdf", **fields: Any) -> Document:
    """Put a document into the desk's conversation."""
    own = shelves.own_library(
        desk.store, desk.conversation.id, desk.place.project_id, desk.member.id
    )
    return shelves.document(desk.store, own, name, **fields)


def sources(message: Message) -> SourcesPart:
    (found,) = [part for part in message.parts if isinstance(part, SourcesPart)]
    return found


def asked(desk: Desk, text: str, **fields: Any) -> Message:
    async def run() -> Message:
        return await desk.answered(desk.order(text, **fields))

    return asyncio.run(run())


def test_a_question_is_answered_from_numbered_passages(store: Store) -> None:
    tokens = ScriptedTokens(spoken("Rents took 38% [1]."))
    desk = Desk(store, tokens)
    made = put_in(desk)
    answer = asked(desk, "How much did the office spend?", attachments=[made.id])
    first = sources(answer).sources[0]
    assert (first.number, first.document, first.page, first.label) == (1, "report.pdf", 1, "page")
    assert sources(answer).searched == 4
    assert [type(part) for part in answer.parts[:2]] == [SourcesPart, TextPart]
    system, user = tokens.bodies[0]["messages"]
    assert "numbered passages" in system["content"]
    assert "[1] report.pdf · page 1 · Costs › 2024\nThe office spent 4.2" in user["content"]
    assert user["content"].endswith("\n\nHow much did the office spend?")


def test_files_stand_first_in_the_question(store: Store) -> None:
    desk = Desk(store, ScriptedTokens(spoken("Yes.")))
    made = put_in(desk)
    order = desk.order("What is this?", attachments=[made.id, made.id])
    question = desk.kept(order.answer.parent_id or "")
    files, text = question.parts
    assert isinstance(files, FilesPart)
    assert [(f.document_id, f.name, f.kind) for f in files.files] == [(made.id, made.name, "pdf")]
    assert text == TextPart("What is this?")


def test_only_the_conversation_s_own_documents_can_be_attached(store: Store) -> None:
    desk = Desk(store, ScriptedTokens(spoken("Yes.")))
    shelf = shelves.library(store, desk.place.project_id)
    other = shelves.document(store, shelf)
    for named in (other.id, "doc_none"):
        with pytest.raises(NotFound, match="in this conversation") as refused:
            desk.order("What is this?", attachments=[named])
        assert refused.value.param == "attachments"


def test_without_documents_nothing_is_added(store: Store) -> None:
    tokens = ScriptedTokens(spoken("Yes."))
    desk = Desk(store, tokens)
    assert asked(desk, "Hello?").parts == (TextPart("Yes."),)
    assert tokens.bodies[0]["messages"] == [{"role": "user", "content": "Hello?"}]


def test_a_model_searches_on_and_numbers_go_on(store: Store) -> None:
    used = Usage(prompt_tokens=10, completion_tokens=5)
    call = ToolCallDelta(index=0, id="c1", name="search_documents", arguments='{"query":"Brest"}')
    tokens = ScriptedTokens([opened(1), call, Finished("tool_calls", used)], spoken("No [9]."))
    desk = Desk(store, tokens, supports_tools=True)
    many = [("", f"Paragraph {at} about rents and roofs. " * 30) for at in range(30)]
    put_in(desk, texts=[*many, *shelves.REPORT])
    answer = asked(desk, "What did roofs and rents cost?")
    found = sources(answer).sources
    assert [source.number for source in found] == list(range(1, len(found) + 1))
    (kept,) = [part for part in answer.parts if isinstance(part, ToolPart)]
    assert kept.result is not None
    assert "report.pdf · page" in kept.result
    assert "director" not in kept.result  # the text stays in the document alone
    shown = tokens.bodies[1]["messages"][-1]
    assert shown["role"] == "tool"
    assert "the director said" in shown["content"]


def test_an_answer_waits_until_documents_are_read(store: Store) -> None:
    desk = Desk(store, ScriptedTokens(spoken("38% [1].")))
    made = put_in(desk, is_read=False)

    async def run() -> tuple[Message, Message]:
        order = desk.order("What share had rents?", attachments=[made.id])
        desk.answering.begin(order)
        (live,) = desk.answering.running_in(desk.conversation.id)
        while not live.snapshot().parts:
            await asyncio.sleep(0.01)
        waiting = live.snapshot()
        shelves.read(store, made)
        assert live.task is not None
        await live.task
        return waiting, desk.kept(order.answer.id)

    waiting, answer = asyncio.run(run())
    assert waiting.status == "queued"
    assert waiting.parts[0].step == "reading"  # type: ignore[union-attr]
    assert answer.status == "done"
    assert sources(answer).sources
    assert isinstance(answer.parts[1], TextPart)
