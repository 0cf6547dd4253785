"""Receipts and reports through the API: whole, signed, and for those who may read."""

import io
from base64 import b64encode
from typing import Any

import docx
import pytest
from PIL import Image

from tests.studio.conftest import NOW_MS, Studio, Tenant
from tests.studio.people import Person, person
from tramontane.assistant.signed import record, signing
from tramontane.store import conversations, documents, libraries, messages, passages
from tramontane.store.messages import (
    Check,
    ChecksPart,
    Receipt,
    ResultColumn,
    ResultPart,
    Source,
    SourcesPart,
    TextPart,
)
from tramontane.store.passages import StoredPassage

SENTENCE = "The bridge was built in 1932 and is 412 metres long."


class Answered:
    """A conversation with one answer that quotes a document and a result."""

    def __init__(self, studio: Studio, owner: Person, project_id: str) -> None:
        with studio.store.write() as c:
            conversation = conversations.create(
                c, member_id=owner.member.id, project_id=project_id, model="large",
                now_ms=NOW_MS, title="Bridges",
            )  # fmt: skip
            library = libraries.demand(
                c, conversation_id=conversation.id, project_id=project_id,
                member_id=owner.member.id, now_ms=NOW_MS,
            )  # fmt: skip
            document, _ = documents.add(
                c, library_id=library.id, name="bridges.pdf", sha256="ab" * 32, size_bytes=9,
                member_id=owner.member.id, now_ms=NOW_MS,
            )  # fmt: skip
            passage = StoredPassage(
                document_id=document.id, number=7, page=3, kind="text", heading="History",
                text=SENTENCE, language="en", boxes=b"",
            )  # fmt: skip
            passages.add(c, library.id, [(passage, ["bridg"])])
            question = messages.new(
                conversation.id, "user", None, NOW_MS, text="When was it built?"
            )
            source = Source(
                number=1, document_id=document.id, document="bridges.pdf", passage=7, page=3
            )
            said = 'It says "built in 1932" [1]; the three cost 12.5 in all.'
            result = ResultPart(
                id="call_1", title="Cost", tables=(), sql="SELECT sum(cost) AS cost FROM bridges",
                columns=(ResultColumn("cost", "number"),), rows=((12.5,),), row_count=1,
            )  # fmt: skip
            checks = (
                Check(part=2, start=8, text='"built in 1932"', kind="quote", verdict="proven",
                      source=1, at=(15, 28)),
            )  # fmt: skip
            parts = (SourcesPart((source,), 1), result, TextPart(said), ChecksPart(checks))
            answer = messages.new(
                conversation.id, "assistant", question.id, NOW_MS + 1, parts=parts, model="large",
                receipt=Receipt(request_id="req_1", model="large", deployment="large"),
            )  # fmt: skip
            messages.add(c, (question, answer))
            conversations.change(c, conversation.id, shown_message_id=answer.id)
        self.address = f"/api/v1/conversations/{conversation.id}"
        self.receipt = f"{self.address}/messages/{answer.id}/receipt"
        self.question_id, self.document_id = question.id, document.id


@pytest.fixture
def ada(studio: Studio, ours: Tenant) -> Person:
    return person(studio, "ada", ours.project)


@pytest.fixture
def answered(studio: Studio, ada: Person, ours: Tenant) -> Answered:
    return Answered(studio, ada, ours.project.id)


def test_a_receipt_holds_everything_and_is_signed(
    studio: Studio, ada: Person, answered: Answered
) -> None:
    answer = ada.call("GET", answered.receipt)
    assert answer.status == 200, answer.body
    file, document = record.decode(answer.body)
    assert file.question == "When was it built?"
    assert [(s.number, s.document, s.sha256, s.page, s.text) for s in file.sources] == [
        (1, "bridges.pdf", "ab" * 32, 3, SENTENCE)
    ]
    assert (file.results[0].sql, file.results[0].rows) == (
        "SELECT sum(cost) AS cost FROM bridges", ((12.5,),),
    )  # fmt: skip
    assert file.made_by is not None and file.made_by.request_id == "req_1"
    assert signing.is_signed(file.key, file.signature, record.signed_bytes(document))
    key = ada.call("GET", "/api/v1/receipts/key").json
    assert key == {
        "algorithm": "ed25519", "key": file.key, "fingerprint": signing.fingerprint(file.key),
    }  # fmt: skip


def test_what_was_deleted_is_in_no_receipt(studio: Studio, ada: Person, answered: Answered) -> None:
    with studio.store.write() as c:
        documents.remove(c, [answered.document_id])
    answer = ada.call("GET", answered.receipt)
    assert SENTENCE.encode() not in answer.body
    assert record.decode(answer.body)[0].sources[0].text is None


def test_a_question_has_no_receipt(ada: Person, answered: Answered) -> None:
    address = f"{answered.address}/messages/{answered.question_id}/receipt"
    assert ada.call("GET", address).status == 400


def report(by: Person, answered: Answered, **given: Any) -> Any:
    return by.call("POST", f"{answered.address}/report", json=given)


def test_reports_in_three_forms(ada: Person, answered: Answered) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, "PNG")
    charts = {"call_1": b64encode(picture.getvalue()).decode()}
    page = report(ada, answered, format="html", charts=charts)
    assert page.status == 200 and page.headers["content-type"].startswith("text/html")
    assert b"attachment" in page.headers["content-disposition"].encode()
    assert b"built in 1932" in page.body and b"<script" not in page.body
    assert f'src="data:image/png;base64,{charts["call_1"]}"'.encode() in page.body
    assert report(ada, answered, format="markdown").body.decode().startswith("# Bridges")
    word = docx.Document(io.BytesIO(report(ada, answered, format="docx", charts=charts).body))
    assert any("built in 1932" in paragraph.text for paragraph in word.paragraphs)
    assert len(word.inline_shapes) == 1


def test_a_chart_that_is_none_is_named(ada: Person, answered: Answered) -> None:
    refused = report(ada, answered, format="html", charts={"call_1": "nonsense"})
    assert refused.status == 400 and "call_1" in refused.json["error"]["message"]


def test_what_reading_it_whole_takes(studio: Studio, ada: Person, answered: Answered) -> None:
    with studio.store.write() as c:
        document = documents.get(c, answered.document_id)
        claimed = documents.claim(c, NOW_MS, 60_000, ids=[document.id])
        assert claimed is not None
        documents.renew(c, claimed, NOW_MS + 60_000, kind="pdf")
        documents.finish(c, claimed, language="en", notes=[], now_ms=NOW_MS)
    found = ada.call("GET", f"{answered.address}/reading").json
    assert (found["passages"], found["requests"], found["fits"]) == (1, 1, True)
    assert found["is_possible"] and float(found["cost"]) > 0
    assert ada.call("GET", f"{answered.address}/reading?model=none").status == 404


def test_a_colleague_who_may_not_read_gets_neither(
    studio: Studio, ours: Tenant, answered: Answered
) -> None:
    bob = person(studio, "bob", ours.project)
    assert bob.call("GET", answered.receipt).status == 404
    assert report(bob, answered, format="html").status == 404
