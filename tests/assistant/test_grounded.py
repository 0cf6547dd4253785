"""Answers from documents: what is found is put before the model, numbered, and kept by place."""

import asyncio
from typing import Any

import pytest

from tests.assistant import shelves
from tests.assistant.desk import Desk, ScriptedTokens, opened, spoken
from tramontane.assistant import orders
from tramontane.assistant.tokenstream import Finished, TextDelta, ToolCallDelta
from tramontane.config import LimitDefaults
from tramontane.errors import InvalidRequest, NotFound, Unavailable
from tramontane.money import Usage
from tramontane.store import conversations, documents, projects
from tramontane.store.database import Store
from tramontane.store.documents import Document, Problem
from tramontane.store.messages import (
    ChecksPart,
    FilesPart,
    Message,
    SourcesPart,
    TextPart,
    ToolPart,
)


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


def long_german() -> list[tuple[str, str]]:
    filler = "Der Ausschuss beriet über Straßen, Brücken und Schulen der Gemeinde. "
    many = [("", f"Absatz {at}. {filler * 12}") for at in range(30)]
    return [*many, ("Mieten", "Die Mieten des Amtes stiegen im Jahr 2024 auf 38 Prozent.")]


def test_a_question_is_searched_for_in_the_documents_language(store: Store) -> None:
    said = spoken("de: Wie hoch waren die Mieten des Amtes? Miete")
    tokens = ScriptedTokens(said, spoken("38 % [1].", number=2))
    desk = Desk(store, tokens)
    put_in(desk, "bericht.pdf", texts=long_german(), language="de")
    answer = asked(desk, "Combien coûtent les loyers du bureau cette année-là ?")
    assert "German" in tokens.bodies[0]["messages"][0]["content"]
    assert sources(answer).sources[0].heading == "Mieten"
    assert answer.receipt is not None
    assert len(answer.receipt.request_ids) == 2


def test_a_translation_that_fails_is_done_without(store: Store) -> None:
    tokens = ScriptedTokens([opened(1), Unavailable("no")], spoken("Rien."))
    desk = Desk(store, tokens)
    put_in(desk, "bericht.pdf", texts=long_german(), language="de")
    assert asked(desk, "Combien coûtent les loyers du bureau cette année-là ?").text == "Rien."


def test_a_follow_up_is_searched_with_the_question_before(store: Store) -> None:
    tokens = ScriptedTokens(spoken("Travel fell [1]."), spoken("To Rouen."))
    desk = Desk(store, tokens)
    many = [("", f"Paragraph {at} about roofs and bridges. " * 30) for at in range(30)]
    put_in(desk, texts=[*many, *shelves.REPORT])
    first = asked(desk, "How did travel costs of the office change after the move?")
    second = asked(desk, "And why?", parent_id=first.id)
    shown = [source.heading for source in sources(second).sources]
    assert "Costs › 2024" in shown
    earlier = tokens.bodies[-1]["messages"][2]
    assert earlier == {"role": "assistant", "content": "Travel fell."}


def test_a_stopped_answer_is_checked_too(store: Store) -> None:
    never = asyncio.Event()
    tokens = ScriptedTokens([opened(1), TextDelta('It says "the moon fell" [1] and'), never])
    desk = Desk(store, tokens)
    put_in(desk)

    async def run() -> Message:
        order = desk.order("What does it say?")
        desk.answering.begin(order)
        (live,) = desk.answering.running_in(desk.conversation.id)
        while not live.has_said:
            await asyncio.sleep(0.01)
        await desk.answering.stop(order.answer.id)
        return desk.kept(order.answer.id)

    answer = asyncio.run(run())
    assert answer.status == "stopped"
    checks = answer.parts[-1]
    assert isinstance(checks, ChecksPart)
    assert [check.verdict for check in checks.checks] == ["unproven", "proven"]


def test_a_continued_answer_keeps_its_sources_and_is_checked_anew(store: Store) -> None:
    tokens = ScriptedTokens(
        [*spoken("Rents took 38% [1]")[:-1], Unavailable("no")], spoken(" [9].")
    )
    desk = Desk(store, tokens)
    put_in(desk)
    first = asked(desk, "What share had rents?")
    assert first.status == "failed"
    with store.write() as c:
        conversation = conversations.get(c, desk.conversation.id)
        order = orders.go_on(c, conversation, desk.asking(), message_id=first.id)
    assert not any(isinstance(part, ChecksPart) for part in order.answer.parts)
    answer = asyncio.run(desk.answered(order))
    assert sources(answer) == sources(first)
    assert answer.text == "Rents took 38% [1] [9]."
    checks = answer.parts[-1]
    assert isinstance(checks, ChecksPart)
    assert [check.verdict for check in checks.checks] == ["proven", "proven", "unproven"]
    assert "[1] report.pdf" in tokens.bodies[-1]["messages"][1]["content"]


def test_a_library_of_another_project_is_not_looked_into(store: Store) -> None:
    desk = Desk(store, ScriptedTokens(spoken("Yes.")))
    with store.write() as c:
        other = projects.create(c, name="other", defaults=LimitDefaults(), now_ms=1)
    theirs = shelves.library(store, other.id)
    shelves.document(store, theirs)
    ours = shelves.library(store, desk.place.project_id)
    shelves.document(store, ours, "ours.pdf", [("", "Ours says that rents took 41%.")])
    with store.write() as c:
        conversations.change(c, desk.conversation.id, library_ids=(theirs, ours))
    answer = asked(desk, "What share had rents?")
    assert {source.document for source in sources(answer).sources} == {"ours.pdf"}
    assert sources(answer).searched == 1


def test_a_small_window_is_not_overfilled(store: Store) -> None:
    tokens = ScriptedTokens(spoken("Yes [1]."))
    desk = Desk(store, tokens, context_tokens=1_500)
    many = [("", f"Paragraph {at} about roofs and bridges. " * 25) for at in range(30)]
    put_in(desk, texts=many)
    asked(desk, "What of roofs and bridges?")
    sent = sum(len(message["content"]) for message in tokens.bodies[0]["messages"])
    assert 2_000 < sent < 1_500 * 4


def test_a_prompt_that_was_too_long_is_sent_with_fewer_passages(store: Store) -> None:
    refused = InvalidRequest("too long", code="context_length_exceeded")
    tokens = ScriptedTokens([refused], [refused], spoken("Yes."))
    desk = Desk(store, tokens)
    many = [("", f"Paragraph {at} about roofs and bridges. " * 25) for at in range(30)]
    put_in(desk, texts=many)
    answer = asked(desk, "What of roofs and bridges?")
    assert answer.text == "Yes."
    assert len(sources(answer).sources) == 2  # of eight


def test_a_model_is_told_what_could_not_be_read(store: Store) -> None:
    tokens = ScriptedTokens(spoken("I cannot see it."), spoken("I cannot see it."))
    desk = Desk(store, tokens)
    made = put_in(desk, "locked.pdf", is_read=False)
    with store.write() as c:
        claimed = documents.claim(c, 1, 1, ids=[made.id])
        assert claimed is not None
        documents.fail(c, claimed, Problem("document_encrypted", "It is protected."), 2)
    first = asked(desk, "What is in it?")  # the page does not send along what cannot be read
    (message,) = tokens.bodies[0]["messages"]
    assert "could not read these files" in message["content"]
    assert "locked.pdf: It is protected." in message["content"]
    assert "Begin your answer by saying so" in message["content"]
    asked(desk, "And now?", parent_id=first.id)
    assert "locked.pdf" not in str(tokens.bodies[-1]["messages"][-1]["content"])


def test_an_answer_stopped_while_it_waits_shows_no_progress(store: Store) -> None:
    desk = Desk(store, ScriptedTokens(spoken("Never.")))
    made = put_in(desk, is_read=False)

    async def run() -> Message:
        order = desk.order("What share had rents?", attachments=[made.id])
        desk.answering.begin(order)
        (live,) = desk.answering.running_in(desk.conversation.id)
        while not live.snapshot().parts:
            await asyncio.sleep(0.01)
        await desk.answering.stop(order.answer.id)
        return desk.kept(order.answer.id)

    answer = asyncio.run(run())
    assert (answer.status, answer.parts) == ("stopped", ())
