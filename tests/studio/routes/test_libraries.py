"""Libraries and their documents over the API: filled, read, searched, shared in a project, gone."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.studio.conftest import NOW_MS, Answer, Studio, Tenant, call
from tests.studio.people import Person, person
from tests.studio.shelf import read_all
from tramontane.assistant.feed import Feed
from tramontane.datafolder import DataFolder
from tramontane.documents.files import FileStore
from tramontane.store import conversations, libraries
from tramontane.studio import upkeep

API = "/api/v1"
TEXT = b"Die Mieten in Genf stiegen 2024 um 3,5 Prozent."


@pytest.fixture
def ann(studio: Studio, ours: Tenant) -> Person:
    """A member of our project."""
    return person(studio, "ann", ours.project)


@pytest.fixture
def library(ann: Person, ours: Tenant) -> str:
    """A library that Ann has made."""
    made = ann.call(
        "POST", f"{API}/libraries", json={"name": "Mieten", "project_id": ours.project.id}
    )
    assert made.status == 201, made.body
    return str(made.json["id"])


def bring(who: Person, place: str, content: bytes = TEXT, name: str = "a/mieten.txt") -> Answer:
    """Return the answer to a file that is sent to a place."""
    return who.call("POST", f"{API}/{place}/documents?name={name}", body=content)


def begun(studio: Studio, who: Person, project_id: str, **fields: Any) -> str:
    """Return a conversation of theirs."""
    with studio.store.write() as c:
        made = conversations.create(
            c,
            member_id=who.member.id,
            project_id=project_id,
            model="large",
            now_ms=NOW_MS,
            **fields,
        )
    return made.id


def on_disk(studio: Studio) -> list[str]:
    """Return the names of the files that are kept."""
    found = (studio.settings.data_dir / "files").glob("??/*")
    return sorted(path.name for path in found)


def test_a_document_from_its_bytes_to_its_place(studio: Studio, ann: Person, library: str) -> None:
    sent = bring(ann, f"libraries/{library}")
    assert sent.status == 201, sent.body
    document = sent.json
    assert (document["name"], document["status"], document["kind"]) == (
        "a/mieten.txt",
        "queued",
        None,
    )
    assert on_disk(studio) == [document["sha256"]]
    again = bring(ann, f"libraries/{library}", name="b.txt")
    assert (again.status, again.json["is_duplicate"], again.json["id"]) == (
        200,
        True,
        document["id"],
    )
    at = f"{API}/documents/{document['id']}"
    assert ann.call("GET", f"{at}/pages/1").status == 404, "it has not been read yet"
    assert read_all(studio) == 1
    read = ann.call("GET", at).json
    assert (read["status"], read["pages"], read["label"], read["language"]) == (
        "ready",
        1,
        "part",
        "de",
    )
    page = ann.call("GET", f"{at}/pages/1").json
    assert [passage["text"] for passage in page["passages"]] == [TEXT.decode()]
    assert ann.call("GET", f"{at}/pages/2").status == 404
    passage = ann.call("GET", f"{at}/passages/1?start=4&end=10").json
    assert (passage["number"], passage["rectangles"]) == (1, [])
    assert ann.call("GET", f"{at}/passages/9").status == 404
    found = ann.call("GET", f"{API}/libraries/{library}/search?q=Wie+stieg+die+Miete").json
    assert found["searched"] == 1
    (hit,) = found["data"]
    assert (hit["document_id"], hit["passage"], hit["page"]) == (document["id"], 1, 1)
    assert [piece["text"] for piece in hit["snippet"] if piece["match"]] == ["Mieten", "stiegen"]
    assert "".join(piece["text"] for piece in hit["snippet"]) == TEXT.decode()
    shown = ann.call("GET", f"{API}/libraries/{library}").json
    assert (shown["documents"], shown["size_bytes"], shown["is_mine"]) == (1, len(TEXT), True)
    assert ann.call("DELETE", at).status == 204
    assert ann.call("GET", at).status == 404
    assert on_disk(studio) == []


def test_a_later_version_takes_its_place(studio: Studio, ann: Person, library: str) -> None:
    first = bring(ann, f"libraries/{library}").json
    read_all(studio)
    second = bring(ann, f"libraries/{library}", b"Die Mieten fielen.").json
    assert (second["version"], second["versions"]) == (2, 2)
    read_all(studio)
    listed = ann.call("GET", f"{API}/libraries/{library}/documents").json["data"]
    assert [each["id"] for each in listed] == [second["id"]]
    versions = ann.call("GET", f"{API}/documents/{first['id']}/versions").json["data"]
    assert [each["version"] for each in versions] == [2, 1]
    found = ann.call("GET", f"{API}/libraries/{library}/search?q=Mieten").json["data"]
    assert [each["document_id"] for each in found] == [second["id"]]
    old = ann.call("GET", f"{API}/documents/{first['id']}/passages/1").json
    assert old["text"] == TEXT.decode(), "what was quoted from it can still be shown"
    assert ann.call("DELETE", f"{API}/documents/{first['id']}").status == 204
    assert ann.call("GET", f"{API}/documents/{second['id']}").status == 404


async def read_bytes(studio: Studio, who: Person, path: str, **headers: str) -> Answer:
    """Return the answer to a client that stays until it has all of it."""
    return await call(studio.app, "GET", path, {**who.headers, **headers}, b"", stays=True)


def test_the_bytes_come_back_whole_or_in_part(
    studio: Studio, ann: Person, library: str, run: Callable[..., Any]
) -> None:
    content = bytes(range(256)) * 3_000
    name = "Z%C3%BCrich%20%22x%22.html"
    document = bring(ann, f"libraries/{library}", content, name).json
    at = f"{API}/documents/{document['id']}/file"
    whole = run(read_bytes(studio, ann, at))
    assert (whole.status, whole.body == content) == (200, True)
    assert whole.headers["content-type"] == "application/octet-stream", "never run as a page"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["content-disposition"] == (
        "attachment; filename=\"Zrich  x .html\"; filename*=UTF-8''Z%C3%BCrich%20%22x%22.html"
    )
    size = len(content)
    for field, first, last in (
        ("bytes=0-0", 0, 0),
        ("bytes=100-299999", 100, 299_999),
        ("bytes=767990-", size - 10, size - 1),
        ("bytes=-5", size - 5, size - 1),
        ("bytes=5-99999999", 5, size - 1),
    ):
        part = run(read_bytes(studio, ann, at, range=field))
        assert part.status == 206, field
        assert part.body == content[first : last + 1], field
        assert part.headers["content-range"] == f"bytes {first}-{last}/{size}"
        assert part.headers["content-length"] == str(last - first + 1)
    for field in ("bytes=9999999-", "bytes=7-3"):
        refused = run(read_bytes(studio, ann, at, range=field))
        assert (refused.status, refused.error["code"]) == (416, "range_not_satisfiable")
    for field in ("bytes=0-1,5-9", "lines=1-2", "bytes=-"):
        assert run(read_bytes(studio, ann, at, range=field)).status == 200, field
    known = run(read_bytes(studio, ann, at, **{"if-none-match": whole.headers["etag"]}))
    assert (known.status, known.body) == (304, b"")


def test_bad_uploads_say_what_to_change(studio: Studio, ann: Person, library: str) -> None:
    place = f"{API}/libraries/{library}/documents"
    for path, body, code in (
        (f"{place}?name=a.txt", b"", "document_empty"),
        (place, b"x", "missing_field"),
        (f"{place}?name=%20", b"x", "invalid_request"),
        (f"{place}?name={'x' * 500}", b"x", "invalid_request"),
        (f"{place}?name=a&nmae=b", b"x", "unknown_field"),
    ):
        answer = ann.call("POST", path, body=body)
        assert answer.status == 400, answer.body
        assert answer.error["code"] in (code, "invalid_value"), (path, answer.body)
    assert on_disk(studio) == []
    leftovers = (studio.settings.data_dir / "files").glob(".incoming*")
    assert list(leftovers) == []


def test_everybody_in_the_project_fills_it_and_few_delete(
    studio: Studio, ours: Tenant, ann: Person, library: str
) -> None:
    ben = person(studio, "ben", ours.project)
    boss = person(studio, "boss", ours.project, role="manager")
    root = person(studio, "root", is_admin=True)
    first = bring(ann, f"libraries/{library}").json
    theirs = bring(ben, f"libraries/{library}", b"von Ben", "ben.txt").json
    assert theirs["may_delete"] is True
    shown = ben.call("GET", f"{API}/libraries/{library}").json
    assert (shown["is_mine"], shown["may_change"], shown["may_delete"]) == (False, True, False)
    assert ben.call("PATCH", f"{API}/libraries/{library}", json={"name": "Mieten 2"}).status == 200
    for path in (f"libraries/{library}", f"documents/{first['id']}"):
        refused = ben.call("DELETE", f"{API}/{path}")
        assert (refused.status, refused.error["code"]) == (403, "not_yours")
        assert root.call("GET", f"{API}/{path}").status == 404, "who belongs to no project"
    assert ben.call("DELETE", f"{API}/documents/{theirs['id']}").status == 204
    # Keys fill and search it, and delete what keys have made.
    place = f"{API}/libraries/{library}/documents?name=key.txt"
    made = studio.call("POST", place, ours.read, body=b"from a program")
    assert made.status == 201, made.body
    assert studio.call("DELETE", f"{API}/documents/{first['id']}", ours.read).status == 403
    assert studio.call("DELETE", f"{API}/documents/{made.json['id']}", ours.read).status == 204
    own = studio.call("POST", f"{API}/libraries", ours.infer, json={"name": "from a program"})
    assert own.json["project_id"] == ours.project.id
    assert studio.call("GET", f"{API}/libraries", ours.infer).status == 403
    assert studio.call("DELETE", f"{API}/libraries/{own.json['id']}", ours.infer).status == 204
    assert boss.call("DELETE", f"{API}/libraries/{library}").status == 204
    assert on_disk(studio) == []
    assert ben.call("GET", f"{API}/libraries").json == {"data": []}


def test_a_conversations_documents_are_its_owners_and_go_with_it(
    studio: Studio, ours: Tenant, ann: Person, library: str
) -> None:
    ben = person(studio, "ben", ours.project)
    conversation = begun(studio, ann, ours.project.id)
    place = f"conversations/{conversation}"
    assert ann.call("GET", f"{API}/{place}/documents").json == {"data": []}
    document = bring(ann, place).json
    read_all(studio)
    (listed,) = ann.call("GET", f"{API}/{place}/documents").json["data"]
    assert (listed["id"], listed["status"]) == (document["id"], "ready")
    names = [each["name"] for each in ann.call("GET", f"{API}/libraries").json["data"]]
    assert names == ["Mieten"], "it is in no list"
    at = f"{API}/documents/{document['id']}"
    assert ben.call("GET", at).status == 404
    assert studio.call("GET", at, ours.operator).status == 404
    assert ann.call("PATCH", f"{API}/{place}", json={"shared": True}).status == 200
    assert ben.call("GET", at).json["may_delete"] is False
    assert ben.call("GET", f"{API}/{place}/documents/search?q=Mieten").json["data"]
    for answer in (
        ben.call("DELETE", at),
        ben.call("POST", f"{at}/retry"),
        bring(ben, place, b"mine too"),
        bring(ben, f"libraries/{document['library_id']}", b"mine too"),
    ):
        assert (answer.status, answer.error["code"]) == (403, "read_only")
    assert ann.call("DELETE", f"{API}/{place}").status == 204
    assert ann.call("GET", at).status == 404
    assert on_disk(studio) == []
    with studio.store.read() as c:
        assert libraries.of_conversation(c, conversation) is None


def test_a_conversation_is_called_after_its_first_file_until_there_is_a_question(
    studio: Studio, ours: Tenant, ann: Person
) -> None:
    at = f"{API}/conversations/{begun(studio, ann, ours.project.id)}"
    assert ann.call("GET", at).json["title"] in ("", None)
    for name in ("reports/annual.txt", "second.txt"):
        sent = ann.call("POST", f"{at}/documents?name={name}", body=name.encode())
        assert sent.status == 201, sent.body
    assert ann.call("GET", at).json["title"] == "annual.txt"
    with studio.store.read() as c:
        assert conversations.get(c, at.rpartition("/")[2]).title_source == "none"


def test_a_conversation_asks_the_libraries_that_it_is_given(
    studio: Studio, ours: Tenant, theirs: Tenant, ann: Person, library: str
) -> None:
    bring(ann, f"libraries/{library}")
    read_all(studio)
    with studio.store.write() as c:
        foreign = libraries.create(c, project_id=theirs.project.id, name="F", now_ms=NOW_MS)
    conversation = begun(studio, ann, ours.project.id)
    at = f"{API}/conversations/{conversation}"
    search = f"{at}/documents/search?q=Mieten"
    assert ann.call("GET", search).json["searched"] == 0
    refused = ann.call("PATCH", at, json={"library_ids": [library, foreign.id]})
    assert (refused.status, refused.error["param"]) == (404, "library_ids")
    changed = ann.call("PATCH", at, json={"library_ids": [library]})
    assert changed.status == 200, changed.body
    assert ann.call("GET", at).json["library_ids"] == [library]
    assert len(ann.call("GET", search).json["data"]) == 1
    assert ann.call("DELETE", f"{API}/libraries/{library}").status == 204
    assert ann.call("GET", at).json["library_ids"] == []
    assert ann.call("GET", search).json["searched"] == 0


def test_a_temporary_conversations_documents_go_with_it(
    studio: Studio, ours: Tenant, ann: Person, run: Callable[..., Any]
) -> None:
    conversation = begun(studio, ann, ours.project.id, is_temporary=True)
    document = bring(ann, f"conversations/{conversation}").json
    assert on_disk(studio) == [document["sha256"]]

    class Idle:
        feed = Feed("test")

        def is_running(self, _: str) -> bool:
            return False

    files = FileStore(DataFolder(studio.settings.data_dir))
    then_ms = NOW_MS + upkeep.TEMPORARY_MS + 1
    answering: Any = Idle()
    assert run(upkeep.sweep(studio.store, files, answering, then_ms)) == 1
    assert on_disk(studio) == []
    assert ann.call("GET", f"{API}/documents/{document['id']}").status == 404


def test_the_document_of_the_api_says_what_is_sent(studio: Studio) -> None:
    described = studio.call("GET", "/api/openapi.json").json["paths"]
    sent = described["/api/v1/libraries/{library_id}/documents"]["post"]
    assert list(sent["requestBody"]["content"]) == ["application/octet-stream"]
    assert sent["responses"]["200"]["content"] == sent["responses"]["201"]["content"]


@pytest.fixture
def run() -> Callable[..., Any]:
    """Run what is asynchronous to its end."""
    import asyncio

    return asyncio.run
