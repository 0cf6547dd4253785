"""Links to conversations: made, opened, taken back; what they show and what not."""

from typing import Any

import msgspec
import pytest

from tests.studio.conftest import NOW_MS, Studio, Tenant
from tests.studio.people import Person, person
from tramontane.store import conversations, documents, libraries, members, messages
from tramontane.store.messages import Message, Receipt, Source, SourcesPart


@pytest.fixture
def ada(studio: Studio, ours: Tenant) -> Person:
    """A member of `ours`."""
    return person(studio, "ada", ours.project)


@pytest.fixture
def eve(studio: Studio, theirs: Tenant) -> Person:
    """A member of another project."""
    return person(studio, "eve", theirs.project)


def written(studio: Studio, owner: Person, tenant: Tenant, **fields: Any) -> str:
    """Return a conversation with two answers to one question, the second shown and rated."""
    with studio.store.write() as c:
        found = conversations.create(
            c,
            member_id=owner.member.id,
            project_id=tenant.project.id,
            model="large",
            title="The wind",
            title_source="member",
            instructions="secret instructions",
            now_ms=NOW_MS,
            **fields,
        )
        question = messages.new(found.id, "user", None, NOW_MS, text="What is it?")
        first = messages.new(found.id, "assistant", question.id, NOW_MS, text="A breeze.")
        receipt = Receipt(request_id="r", model="large", deployment="large", cost="0.123")
        second: Message = messages.new(
            found.id,
            "assistant",
            question.id,
            NOW_MS,
            text="A cold wind.",
            model="large",
            receipt=receipt,
            rating="up",
            rating_reason="very good",
        )
        messages.add(c, (question, first, second))
        conversations.change(c, found.id, shown_message_id=second.id)
    return found.id


def test_a_link_shows_the_branch_as_it_was(
    studio: Studio, ours: Tenant, ada: Person, eve: Person
) -> None:
    conversation_id = written(studio, ada, ours)
    made = ada.call("POST", f"/api/v1/conversations/{conversation_id}/shares")
    assert made.status == 201
    url = made.json["url"]
    assert url.startswith("http://127.0.0.1:8080/#/shared/")
    body = {"token": url.rpartition("/")[2]}
    with studio.store.write() as c:
        later = messages.new(
            conversation_id, "user", made.json["message_id"], NOW_MS, text="later words"
        )
        messages.add(c, (later,))
        conversations.change(c, conversation_id, shown_message_id=later.id)
    shown = eve.call("POST", "/api/v1/shared", json=body)
    assert shown.status == 200
    assert [part["text"] for m in shown.json["messages"] for part in m["parts"]] == [
        "What is it?",
        "A cold wind.",
    ]
    assert (shown.json["title"], shown.json["owner_name"]) == ("The wind", "Ada")
    assert (shown.json["is_mine"], shown.json["feed"]) == (False, "")
    for hidden in (b"secret instructions", b"0.123", b"very good", b"A breeze", b"later words"):
        assert hidden not in shown.body
    assert eve.call("GET", f"/api/v1/conversations/{conversation_id}").status == 404


def test_a_link_opens_no_document_outside_the_project(
    studio: Studio, ours: Tenant, ada: Person, eve: Person
) -> None:
    conversation_id = written(studio, ada, ours)
    with studio.store.write() as c:
        library = libraries.demand(
            c, conversation_id=conversation_id, project_id=ours.project.id,
            member_id=ada.member.id, now_ms=NOW_MS,
        )  # fmt: skip
        document, _ = documents.add(
            c, library_id=library.id, member_id=None, name="plan.pdf", sha256="ab" * 32,
            size_bytes=9, now_ms=NOW_MS,
        )  # fmt: skip
        source = Source(number=1, document_id=document.id, document="plan.pdf", passage=1, page=1)
        end = conversations.get(c, conversation_id).shown_message_id
        found = messages.get(c, conversation_id, end or "")
        parts = (SourcesPart((source,), 1), *found.parts)
        messages.put(c, msgspec.structs.replace(found, parts=parts))
    made = ada.call("POST", f"/api/v1/conversations/{conversation_id}/shares")
    body = {"token": made.json["url"].rpartition("/")[2]}
    bea = person(studio, "bea", ours.project)
    assert document.id.encode() in bea.call("POST", "/api/v1/shared", json=body).body
    shown = eve.call("POST", "/api/v1/shared", json=body).body
    assert document.id.encode() not in shown
    assert b"plan.pdf" in shown
    for path in ("", "/file", "/pages/1", "/passages/1"):
        assert eve.call("GET", f"/api/v1/documents/{document.id}{path}").status == 404


def test_taking_it_back(studio: Studio, ours: Tenant, ada: Person, eve: Person) -> None:
    path = f"/api/v1/conversations/{written(studio, ada, ours)}/shares"
    made = [ada.call("POST", path).json for _ in range(2)]
    listed = ada.call("GET", path).json["data"]
    assert {share["id"] for share in listed} == {share["id"] for share in made}
    assert "url" not in listed[0] and "token" not in str(listed)
    share = f"/api/v1/shares/{made[0]['id']}"
    assert eve.call("DELETE", share).status == 404
    assert ada.call("DELETE", share).status == 204
    assert ada.call("DELETE", share).status == 204
    assert ada.call("DELETE", "/api/v1/shares/share_nothing").status == 404
    bodies = [{"token": each["url"].rpartition("/")[2]} for each in made]
    gone, there = [eve.call("POST", "/api/v1/shared", json=body) for body in bodies]
    assert (gone.status, gone.error["code"], there.status) == (404, "link_unusable", 200)
    for token in ("", "x", "é" * 20, "x" * 1000):
        assert eve.call("POST", "/api/v1/shared", json={"token": token}).body == gone.body
    assert len(ada.call("GET", path).json["data"]) == 1


def test_only_its_owner_shares(studio: Studio, ours: Tenant, ada: Person, eve: Person) -> None:
    conversation_id = written(studio, ada, ours)
    path = f"/api/v1/conversations/{conversation_id}/shares"
    ben = person(studio, "ben", ours.project)
    for someone in (eve, ben):
        assert someone.call("POST", path).status == 404
        assert someone.call("GET", path).status == 404
    shared = {"shared": True}
    assert ada.call("PATCH", f"/api/v1/conversations/{conversation_id}", json=shared).status == 200
    assert ben.call("POST", path).error["code"] == "read_only"
    temporary = written(studio, ada, ours, is_temporary=True)
    assert ada.call("POST", f"/api/v1/conversations/{temporary}/shares").status == 400


def test_links_end_with_the_conversation_and_the_account(
    studio: Studio, ours: Tenant, ada: Person, eve: Person
) -> None:
    kept, gone = written(studio, ada, ours), written(studio, ada, ours)
    tokens = [
        ada.call("POST", f"/api/v1/conversations/{each}/shares").json["url"].rpartition("/")[2]
        for each in (kept, gone)
    ]
    assert ada.call("DELETE", f"/api/v1/conversations/{gone}").status == 204
    statuses = [eve.call("POST", "/api/v1/shared", json={"token": t}).status for t in tokens]
    assert statuses == [200, 404]
    with studio.store.write() as c:
        members.set_admin(c, eve.member.id, True)
        members.disable(c, ada.member.id, NOW_MS)
    assert eve.call("POST", "/api/v1/shared", json={"token": tokens[0]}).status == 404


def test_the_token_is_nowhere_in_the_store(studio: Studio, ours: Tenant, ada: Person) -> None:
    path = f"/api/v1/conversations/{written(studio, ada, ours)}/shares"
    token = ada.call("POST", path).json["url"].rpartition("/")[2]
    for file in studio.settings.data_dir.glob("tramontane.db*"):
        assert token.encode() not in file.read_bytes()
