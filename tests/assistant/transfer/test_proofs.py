"""Exports of answers from documents and tables: what is shown in them, and what is taken back."""

import msgspec
import pytest

from tramontane.assistant.transfer import markdown, own
from tramontane.assistant.views import message_view, without_ways_in
from tramontane.store.conversations import Conversation
from tramontane.store.messages import (
    Check,
    ChecksPart,
    FileReference,
    FilesPart,
    Message,
    ResultColumn,
    ResultPart,
    Source,
    SourcesPart,
    TextPart,
    ToolPart,
)

SOURCES = tuple(
    Source(
        number=n, document_id="doc_1", document="plan|b_1.pdf", passage=n, page=n + 2, heading="A"
    )
    for n in (1, 2)
)
RESULT = ResultPart(
    id="c1",
    title="sales.csv",
    tables=("tbl_1",),
    sql="SELECT 1",
    columns=(ResultColumn("region", "text"), ResultColumn("n|m", "number")),
    rows=(("a|b", 1), (None, 2)),
    row_count=120,
)
CHECKS = (
    Check(part=3, start=0, text="so it is", kind="quote", verdict="proven", source=1),
    Check(part=3, start=9, text="[1]", kind="citation", verdict="proven", source=1),
    Check(part=3, start=20, text="*77*", kind="number", verdict="unproven"),
)
QUESTION = Message(
    id="m1", conversation_id="c", role="user", created_at_ms=0, updated_at_ms=0,
    parts=(FilesPart((FileReference("doc_1", "plan.pdf", "pdf", 9),)), TextPart("Why?")),
)  # fmt: skip
ANSWER = Message(
    id="m2", conversation_id="c", parent_id="m1", role="assistant", model="large",
    created_at_ms=1, updated_at_ms=1,
    parts=(
        SourcesPart(SOURCES, 9),
        ToolPart(id="c1", name="query_table", arguments="{}", result="{}"),
        RESULT,
        TextPart("“so it is” [1], 77"),
        ChecksPart(CHECKS),
    ),
)  # fmt: skip
CONVERSATION = Conversation(
    id="c", member_id="m", owner_name="Ada", project_id="p", title="T", title_source="none",
    model="large", created_at_ms=0, updated_at_ms=0,
)  # fmt: skip


@pytest.mark.parametrize("language", ["de", "en", "es", "fr", "it"])
def test_markdown_shows_sources_results_and_what_is_not_proven(language: str) -> None:
    text = markdown.render(CONVERSATION, [QUESTION, ANSWER], language, 0)
    assert "plan.pdf*" in text
    assert "| region | n\\|m |\n| --- | --- |\n| a\\|b | 1 |\n|  | 2 |" in text
    assert "120" in text
    assert "```sql\nSELECT 1\n```" in text
    assert "- \\[1\\] plan|b\\_1.pdf" in text
    assert "\\[2\\]" not in text  # it was not cited
    assert "\\*77\\*" in text
    assert "query_table" not in text  # its result stands there


def test_our_own_export_comes_back_without_its_marks() -> None:
    views = [msgspec.to_builtins(message_view(each)) for each in (QUESTION, ANSWER)]
    element = {"format": own.FORMAT, "conversation": {"id": "c", "title": "T", "messages": views}}
    found = own.read(element, "key")
    assert found.messages[0].parts[0] == QUESTION.parts[0]
    assert [type(part).__name__ for part in found.messages[1].parts] == [
        "SourcesPart",
        "ToolUse",
        "ResultPart",
        "Text",
    ]


def test_a_stranger_sees_what_was_said_and_no_way_in() -> None:
    shown = [without_ways_in(each) for each in (QUESTION, ANSWER)]
    said = msgspec.json.encode([message_view(each) for each in shown]).decode()
    assert "doc_1" not in said
    assert "tbl_1" not in said
    assert "plan|b_1.pdf" in said
