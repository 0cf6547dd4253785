"""An answer about all of a long document: notes on every part of it, then one answer from them."""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from tests.assistant import shelves
from tests.assistant.desk import Desk, ScriptedTokens, spoken
from tramontane.assistant.tokenstream import Event
from tramontane.errors import Overloaded
from tramontane.money import format_nano
from tramontane.store.database import Store
from tramontane.store.messages import ChecksPart, Message, SourcesPart

TEXTS = [
    (f"Chapter {n // 5}", f"The town of number {n} has {n * 7} wells. " + "It is old. " * 60)
    for n in range(1, 61)
]
QUESTION = "How many wells has the town of number 60?"


class Reader(ScriptedTokens):
    """Notes the wells of each town that it is shown, then answers; `fails_at` that request."""

    def __init__(self, fails_at: int = 0) -> None:
        super().__init__(spoken(""))
        self.fails_at = fails_at

    def stream(self, key_id: str, body: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
        """Yield notes, or the answer."""
        if len(self.bodies) + 1 == self.fails_at:
            self.scripts = [[Overloaded("Too much at once.", retry_after_s=3)]]
            return super().stream(key_id, body)
        system, user = body["messages"][0]["content"], body["messages"][-1]["content"]
        if "long document in parts" in system:
            found = re.findall(r"\[(\d+)\] [^\n]*\n[^\n]*number (\d+) has (\d+) wells", user)
            text = "\n".join(f"- number {town}: {wells} [{n}]" for n, town, wells in found)
        else:
            assert "Notes on all 60 passages" in user and "number 60: 420 [60]" in user
            text = 'It "has 420 wells" [60], and number 1 has "8 wells" [1].'
        self.scripts = [spoken(text, number=len(self.bodies) + 1)]
        return super().stream(key_id, body)


def asked(
    store: Store, tokens: ScriptedTokens, texts: Sequence[tuple[str, str]] = TEXTS, **served: Any
) -> tuple[Message, Desk]:
    desk = Desk(store, tokens, **served)
    own = shelves.own_library(store, desk.conversation.id, desk.place.project_id, desk.member.id)
    shelves.document(store, own, texts=texts)

    async def run() -> Message:
        return await desk.answered(desk.order(QUESTION, reads_whole=True))

    return asyncio.run(run()), desk


def test_a_long_document_is_read_whole(store: Store) -> None:
    tokens = Reader()
    answer, _ = asked(store, tokens, context_tokens=3_000)
    assert answer.status == "done", answer.error
    assert len(tokens.bodies) > 5
    (sources,) = [part for part in answer.parts if isinstance(part, SourcesPart)]
    assert {source.number for source in sources.sources} == set(range(1, 61))
    (checks,) = [part for part in answer.parts if isinstance(part, ChecksPart)]
    quotes = {check.text: check.verdict for check in checks.checks if check.kind == "quote"}
    assert sorted(quotes.values()) == ["proven", "unproven"]
    assert next(v for text, v in quotes.items() if "420" in text) == "proven"


def test_every_request_is_on_the_receipt(store: Store) -> None:
    tokens = Reader()
    answer, _ = asked(store, tokens, context_tokens=3_000)
    receipt = answer.receipt
    assert receipt is not None
    assert len(set(receipt.request_ids)) == len(tokens.bodies)
    assert receipt.prompt_tokens == 1_000 * len(tokens.bodies)
    assert receipt.cost == format_nano(442_500 * len(tokens.bodies))


def test_what_fits_is_shown_at_once(store: Store) -> None:
    tokens = ScriptedTokens(spoken("It has 420 [60]."))
    answer, _ = asked(store, tokens, context_tokens=100_000)
    question = tokens.bodies[0]["messages"][-1]["content"]  # a title may be asked for behind it
    assert answer.status == "done" and "[60] report.pdf" in question


def test_a_failure_half_way_ends_with_its_reason_and_is_billed(store: Store) -> None:
    answer, _ = asked(store, Reader(fails_at=4), context_tokens=3_000)
    assert answer.status == "failed" and answer.error is not None
    assert answer.error.code == Overloaded.code
    assert answer.receipt is not None and len(answer.receipt.request_ids) >= 2


def test_too_many_requests_are_refused_before_the_first(store: Store) -> None:
    tokens = Reader()
    answer, _ = asked(store, tokens, texts=TEXTS * 7, context_tokens=300)
    assert answer.error is not None and answer.error.code == "too_long_to_read"
    assert "421 requests" in answer.error.message and not tokens.bodies
