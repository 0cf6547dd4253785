"""The samples: put into a conversation of one's own, in five languages, by the best model there."""

import csv
import io

import pytest

from tests.studio.conftest import NOW_MS, Studio, Tenant
from tests.studio.people import Person, person
from tramontane import samples
from tramontane.datafolder import DataFolder
from tramontane.documents.files import FileStore
from tramontane.store import conversations, documents
from tramontane.store import messages as stored

LARGEST_REPORT_BYTES = 150_000
LARGEST_TABLE_BYTES = 400_000


@pytest.fixture
def ada(studio: Studio, ours: Tenant) -> Person:
    """A member of `ours`."""
    return person(studio, "ada", ours.project)


def wanted(ours: Tenant, **fields: str) -> dict[str, str]:
    return {"project_id": ours.project.id, **fields}


@pytest.mark.parametrize("language", samples.LANGUAGES)
@pytest.mark.parametrize("kind", ["report", "table"])
def test_each_sample(
    studio: Studio, ours: Tenant, ada: Person, kind: samples.Kind, language: str
) -> None:
    body = wanted(ours, sample=kind, language=language)
    answer = ada.call("POST", "/api/v1/samples", json=body)
    assert answer.status == 201, answer.body
    made = answer.json
    shipped = samples.sample(kind, language)
    assert made["questions"] == list(shipped.questions)
    assert 3 <= len(made["questions"]) <= 4
    with studio.store.read() as c:
        document = documents.get(c, made["document_id"])
        conversation = conversations.get(c, made["conversation_id"])
    assert document.name == shipped.name
    path = FileStore(DataFolder(studio.settings.data_dir)).path(document.sha256)
    assert path.read_bytes() == shipped.body
    assert (conversation.title, conversation.member_id) == (shipped.title, ada.member.id)
    listed = ada.call("GET", f"/api/v1/conversations/{conversation.id}/documents").json["data"]
    assert [each["id"] for each in listed] == [document.id]


def test_what_is_unused_is_taken_again(studio: Studio, ours: Tenant, ada: Person) -> None:
    body = wanted(ours, sample="table", language="fr")
    first = ada.call("POST", "/api/v1/samples", json=body).json
    assert ada.call("POST", "/api/v1/samples", json=body).json == first
    with studio.store.write() as c:
        asked = stored.new(first["conversation_id"], "user", None, NOW_MS, text="Combien ?")
        stored.add(c, [asked])
        conversations.change(c, first["conversation_id"], shown_message_id=asked.id)
    again = ada.call("POST", "/api/v1/samples", json=body).json
    assert again["conversation_id"] != first["conversation_id"]


def test_bad_input(ours: Tenant, ada: Person, studio: Studio) -> None:
    unknown = ada.call("POST", "/api/v1/samples", json=wanted(ours, sample="novel"))
    assert (unknown.status, unknown.error["param"]) == (400, "sample")
    by_key = studio.call("POST", "/api/v1/samples", ours.read, json=wanted(ours, sample="table"))
    assert (by_key.status, by_key.error["code"]) == (403, "people_only")


def test_a_language_that_is_not_there_is_english() -> None:
    assert samples.sample("report", "pt") == samples.sample("report", "en")


@pytest.mark.parametrize("language", samples.LANGUAGES)
def test_what_ships(language: str) -> None:
    report = samples.sample("report", language).body
    assert report.startswith(b"%PDF-") and len(report) <= LARGEST_REPORT_BYTES
    table = samples.sample("table", language).body
    assert len(table) <= LARGEST_TABLE_BYTES
    head, *rows = csv.reader(io.StringIO(table.decode()))
    assert len(head) == len(set(head)) == 9
    assert len(rows) > 3000 and {len(row) for row in rows} == {9}
