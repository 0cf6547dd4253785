"""Mistral's API of libraries: what its clients send and are answered; keys and projects apart."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.studio.conftest import Answer, Studio, Tenant
from tests.studio.people import person
from tests.studio.reach import furnished
from tests.studio.shelf import read_all

BASE = "/mistral/v1/libraries"
FORM = {"content-type": "multipart/form-data; boundary=bBb"}


def form(content: bytes, name: str = "Bericht.txt") -> bytes:
    """Return the form that a client uploads a file with."""
    head = f'--bBb\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    return head.encode() + b"Content-Type: text/plain\r\n\r\n" + content + b"\r\n--bBb--\r\n"


@pytest.fixture
def call(studio: Studio, ours: Tenant) -> Callable[..., Answer]:
    """Call Mistral's API with our project's key."""
    return lambda method, path="", **sent: studio.call(method, BASE + path, ours.read, **sent)


def test_a_library_from_beginning_to_end(studio: Studio, call: Callable[..., Answer]) -> None:
    made = call("POST", json={"name": "Rents", "description": "By year", "chunk_size": 512})
    assert made.status == 201, made.body
    library = made.json
    assert (library["name"], library["owner_type"], library["nb_documents"]) == (
        "Rents",
        "Workspace",
        0,
    )
    path = f"/{library['id']}/documents"
    sent = call("POST", path, body=form(b"Die Mieten stiegen 2024."), headers=FORM)
    assert sent.status == 201, sent.body
    document = sent.json
    assert (document["name"], document["extension"], document["size"]) == ("Bericht.txt", "txt", 24)
    assert document["process_status"] == "todo"
    again = call("POST", path, body=form(b"Die Mieten stiegen 2024.", "b.txt"), headers=FORM)
    assert (again.status, again.json["id"]) == (200, document["id"])
    read_all(studio)
    one = f"{path}/{document['id']}"
    assert call("GET", f"{one}/status").json == {
        "document_id": document["id"],
        "process_status": "done",
        "processing_status": "Completed",
    }
    assert call("GET", f"{one}/text_content").json == {"text": "Die Mieten stiegen 2024."}
    renamed = call("PUT", one, json={"name": "Mieten.txt"}).json
    assert (renamed["name"], renamed["number_of_pages"]) == ("Mieten.txt", 1)
    listed = call("GET", f"{path}?search=miet&page_size=1").json
    assert [each["id"] for each in listed["data"]] == [document["id"]]
    assert listed["pagination"] == {
        "total_items": 1,
        "total_pages": 1,
        "current_page": 0,
        "page_size": 1,
        "has_more": False,
    }
    assert call("POST", f"{one}/reprocess").status == 204
    assert call("GET", one).json["process_status"] == "todo"
    assert call("PUT", f"/{library['id']}", json={"name": "Mieten"}).status == 200
    changed = call("PATCH", f"/{library['id']}", json={"description": None}).json
    assert (changed["name"], changed["description"], changed["nb_documents"]) == (
        "Mieten",
        "By year",
        1,
    )
    assert [each["id"] for each in call("GET").json["data"]] == [library["id"]]
    assert call("DELETE", one).status == 204
    gone = call("GET", one)
    assert (gone.status, gone.json["type"]) == (404, "not_found")
    assert call("DELETE", f"/{library['id']}").json["name"] == "Mieten"
    assert call("GET").json["data"] == []


def test_lists_come_in_pages(call: Callable[..., Answer]) -> None:
    names = [f"Library {number}" for number in range(5)]
    for name in names:
        assert call("POST", json={"name": name}).status == 201
    seen: list[str] = []
    token = ""
    for _ in range(3):
        page = call("GET", f"?page_size=2{token}").json
        seen += [each["name"] for each in page["data"]]
        token = f"&page_token={page['next_page_token']}"
    assert (seen, page["next_page_token"]) == (names, None)
    assert page["pagination"]["total_pages"] == 3
    assert [each["name"] for each in call("GET", "?page=4&page_size=1").json["data"]] == names[4:]
    assert len(call("GET", "?search=y+3").json["data"]) == 1
    assert call("GET", "?page_token=x").status == 422


def test_errors_have_mistrals_form(studio: Studio, call: Callable[..., Answer]) -> None:
    wrong = call("POST", json={"nmae": "x"})
    assert wrong.status == 422
    assert wrong.json["detail"][0]["loc"][0] == "body"
    assert wrong.json["detail"][0]["type"] in ("missing_field", "unknown_field")
    library = call("POST", json={"name": "L"}).json
    path = f"/{library['id']}/documents"
    for body, headers in (
        (b"x", {"content-type": "application/pdf"}),
        (form(b"x")[:-20], FORM),
        (form(b""), FORM),
        (form(b"x", ""), FORM),
    ):
        answer = call("POST", path, body=body, headers=headers)
        assert answer.status == 422, answer.body
        assert answer.json["detail"][0]["msg"]
    assert call("GET", f"{path}?filters_attributes=a").status == 422
    assert call("GET", "/lib_none").json["message"] == "there is no such library"
    nothing = call("GET", "/lib_none/nothing/here")
    assert (nothing.status, nothing.json["type"]) == (404, "not_found")
    assert call("POST", "/lib_none").json["type"] == "method_not_allowed"
    nobody = studio.call("GET", BASE, "tmt_nothing")
    assert (nobody.status, nobody.json["type"]) == (401, "unauthorized")


def test_keys_only_and_their_own_project(
    studio: Studio, ours: Tenant, theirs: Tenant, call: Callable[..., Answer]
) -> None:
    furniture = furnished(studio, theirs)
    ann = person(studio, "ann", theirs.project)
    assert ann.call("GET", BASE).json["code"] == "keys_only"
    assert studio.call("GET", BASE, ours.infer).status == 403
    shelves: list[Any] = [furniture.shelf, furniture.own_shelf]
    for shelf in shelves:
        library = f"/{shelf.library_id}"
        document = f"{library}/documents/{shelf.document_id}"
        for method, path, sent in (
            ("GET", library, {}),
            ("PUT", library, {"json": {"name": "mine"}}),
            ("DELETE", library, {}),
            ("GET", f"{library}/documents", {}),
            ("POST", f"{library}/documents", {"body": form(b"x"), "headers": FORM}),
            ("GET", document, {}),
            ("PUT", document, {"json": {"name": "mine"}}),
            ("DELETE", document, {}),
            ("GET", f"{document}/text_content", {}),
            ("GET", f"{document}/status", {}),
            ("POST", f"{document}/reprocess", {}),
        ):
            for key in (ours.read, ours.operator):
                answer = studio.call(method, BASE + path, key, **sent)
                assert answer.status == 404, (method, path, answer.body)
    assert call("GET").json["data"] == []
    # A key of their project reads the project's library, not that of somebody's conversation.
    seen = studio.call("GET", f"{BASE}/{furniture.shelf.library_id}", theirs.read)
    assert seen.json["nb_documents"] == 1
    own = studio.call("GET", f"{BASE}/{furniture.own_shelf.library_id}", theirs.read)
    assert own.status == 404
    # What a person made is not a key's to delete.
    refused = studio.call("DELETE", f"{BASE}/{furniture.shelf.library_id}", theirs.read)
    assert (refused.status, refused.json["code"]) == (403, "not_yours")
