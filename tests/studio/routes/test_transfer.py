"""Conversations in and out: imports, twice and hostile; exports read again; feedback."""

import asyncio
import csv
import io
import json
import zipfile
from typing import Any

import msgspec
import pytest

from tests.assistant.transfer.samples import chatgpt, chatgpt_rich, node, openwebui
from tests.studio.conftest import NOW_MS, Answer, Studio, Tenant, call
from tests.studio.people import Person, person
from tests.studio.routes.test_sharing import written
from tramontane.store import messages

IMPORTS = "/api/v1/imports"


@pytest.fixture
def ada(studio: Studio, ours: Tenant) -> Person:
    """A member of `ours`."""
    return person(studio, "ada", ours.project)


def sent(by: Person, value: object, query: str = "") -> Answer:
    """Send `value` as JSON, or as it is where it is bytes already."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return by.call("POST", IMPORTS + query, body=body)


def listed(by: Person, query: str = "") -> list[Any]:
    found: list[Any] = by.call("GET", f"/api/v1/conversations{query}").json["data"]
    return found


def whole(by: Person, title: str, query: str = "") -> Any:
    """Return the conversation of that title."""
    (found,) = [one for one in listed(by, query) if one["title"] == title]
    return by.call("GET", f"/api/v1/conversations/{found['id']}").json


def test_chatgpt_s_file(studio: Studio, ada: Person) -> None:
    studio.now_ms = NOW_MS + 1_000_000
    answer = sent(ada, [chatgpt_rich(), {"title": "Odd", "mapping": {"a": {}}}, {"b": 1}])
    assert answer.status == 200, answer.body
    report = answer.json
    assert (report["conversations"], report["messages"], report["already_here"]) == (1, 7, 0)
    assert [(s["title"], s["code"]) for s in report["skipped"]] == [
        ("Le vent", "left_out"),
        ("Odd", "empty"),
        ("", "not_understood"),
    ]
    assert "1 image, 1 file" in report["skipped"][0]["reason"]
    found = whole(ada, "Le vent")
    assert (found["created_at"], found["updated_at"]) == (
        "2023-11-14T22:13:20Z",
        "2023-11-14T22:15:00Z",
    )
    by_id = {message["id"]: message for message in found["messages"]}
    assert by_id[found["shown_message_id"]]["parts"] == [{"type": "text", "text": "Colder."}]
    thinking = next(m for m in found["messages"] if len(m["parts"]) == 3)
    assert [part["type"] for part in thinking["parts"]] == ["reasoning", "tool", "text"]
    assert thinking["model"] == "gpt-4o"
    siblings = [m for m in found["messages"] if m["parent_id"] == thinking["parent_id"]]
    assert len(siblings) == 2
    assert found["model"] == "large"  # what wrote it is not served here
    hits = ada.call("GET", "/api/v1/search?q=Alps").json["data"]
    assert [hit["title"] for hit in hits] == ["Le vent"]


def test_open_webui_s_file(ada: Person) -> None:
    assert sent(ada, [openwebui()]).json["conversations"] == 1
    found = whole(ada, "Sums", "?archived=true")
    assert found["instructions"] == "Be brief."
    ratings = {m["model"]: (m["rating"], m["rating_reason"]) for m in found["messages"]}
    assert ratings["mistral-small"] == ("up", "right")
    assert ratings["llama"] == ("down", "wrong")


def test_a_conversation_goes_on_with_the_model_that_wrote_it(ada: Person) -> None:
    nodes = [
        node("q", None, "user", "Hello there, who are you?"),
        node("a", "q", "assistant", "I", metadata={"model_slug": "large"}, at=1),
    ]
    sent(ada, [chatgpt(nodes, "a", title="")])
    found = whole(ada, "Hello there, who are you?")
    assert found["model"] == "large"


def test_twice_adds_nothing_twice(ada: Person) -> None:
    assert sent(ada, [chatgpt_rich(), openwebui()]).json["conversations"] == 2
    again = sent(ada, [openwebui(), chatgpt_rich()]).json
    assert again == {"conversations": 0, "messages": 0, "already_here": 2, "skipped": []}
    assert len(listed(ada)) + len(listed(ada, "?archived=true")) == 2
    newer = chatgpt_rich()
    nodes = newer["mapping"]
    nodes["q3"] = node("q3", "a2b", "user", "And then?", at=20)
    nodes["a3"] = node("a3", "q3", "assistant", "Spring.", at=21)
    newer["current_node"] = "a3"
    report = sent(ada, [newer]).json
    assert (report["conversations"], report["messages"], report["already_here"]) == (0, 2, 0)
    found = whole(ada, "Le vent")
    assert len(found["messages"]) == 9
    assert found["messages"][-1]["id"] == found["shown_message_id"]


def test_two_people_may_import_one_file(studio: Studio, ours: Tenant, ada: Person) -> None:
    ben = person(studio, "ben", ours.project)
    for someone in (ada, ben):
        assert sent(someone, [chatgpt_rich()]).json["conversations"] == 1
        assert len(listed(someone)) == 1


def test_where_they_go(studio: Studio, ours: Tenant, theirs: Tenant) -> None:
    both = person(studio, "kim", ours.project, theirs.project)
    ada = person(studio, "ada", ours.project)
    assert sent(ada, [openwebui()], f"?project_id={theirs.project.id}").status == 404
    sent(both, [chatgpt_rich()], f"?project_id={theirs.project.id}")
    assert listed(both)[0]["project_id"] == theirs.project.id
    usual = {"preferences": {"default_project_id": theirs.project.id}}
    assert both.call("PATCH", "/api/v1/me", json=usual).status == 200
    sent(both, [openwebui()])
    assert listed(both, "?archived=true")[0]["project_id"] == theirs.project.id
    nobody = person(studio, "nil")
    assert sent(nobody, [openwebui()]).status == 400


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "conversations.json"),
        (b"hello", "conversations.json"),
        (b'[{"title": "cut', "conversations.json"),
        (b"PK\x03\x04 no zip", "damaged"),
    ],
)
def test_files_that_are_none(ada: Person, body: bytes, words: str) -> None:
    answer = sent(ada, body)
    assert (answer.status, answer.error["code"]) == (400, "import_unreadable")
    assert words in answer.error["message"]


def test_the_report_is_in_the_reader_s_language(ada: Person) -> None:
    ada.call("PATCH", "/api/v1/me", json={"language": "fr"})
    assert "endommagé" in sent(ada, b"PK\x03\x04 no zip").error["message"]
    reasons = [s["reason"] for s in sent(ada, [chatgpt_rich(), {}]).json["skipped"]]
    assert reasons == [
        "Reprise sans 1 image, 1 fichier : le texte indique où cela se trouvait.",
        "Ce n'est pas une conversation de ChatGPT ni d'Open WebUI.",
    ]


def test_a_file_that_breaks_off(ada: Person) -> None:
    whole_file = json.dumps([chatgpt_rich(), openwebui()]).encode()
    report = sent(ada, whole_file[:-50]).json
    assert report["conversations"] == 1
    assert report["skipped"][-1]["code"] == "cut_off"


def test_too_large_a_file(ada: Person) -> None:
    headers = {"content-length": str(65 * 1024 * 1024)}
    answer = ada.call("POST", IMPORTS, body=b"[]", headers=headers)
    assert answer.status == 413


def test_a_zip(ada: Person) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", json.dumps([chatgpt_rich()]))
        archive.writestr("chat.html", "<script>alert(1)</script>")
        archive.writestr("file-1-image.png", b"\x89PNG")
    assert sent(ada, target.getvalue()).json["conversations"] == 1


def test_exports_are_imported_again(studio: Studio, ours: Tenant, ada: Person) -> None:
    conversation_id = written(studio, ada, ours)
    ada.call("POST", "/api/v1/prompts", json={"title": "t", "body": "b"})
    choice = {"project_id": ours.project.id, "models": ["large", "small"], "winner": "small"}
    for vote in ({**choice, "language": "it"}, {**choice, "winner": None, "none_good": True}):
        assert ada.call("POST", "/api/v1/votes", json=vote).status == 201
    person_beside = person(studio, "bea", ours.project)
    assert person_beside.call("POST", "/api/v1/votes", json=choice).status == 201
    request = call(studio.app, "GET", "/api/v1/export", ada.headers, b"", stays=True)
    everything = asyncio.run(request)
    assert everything.headers["content-disposition"].startswith("attachment; ")
    lines = [msgspec.json.decode(line) for line in everything.body.splitlines()]
    assert [line["format"] for line in lines] == [
        "tramontane.export",
        "tramontane.conversation",
        "tramontane.prompt",
        "tramontane.vote",
        "tramontane.vote",
    ]
    kept = {line["vote"]["winner"]: line["vote"] for line in lines[3:]}
    assert {winner: vote["detail"] for winner, vote in kept.items()} == {
        "small": {"language": "it"},
        None: {"none_good": True},
    }
    assert all(vote["models"] == ["large", "small"] for vote in kept.values())
    assert sent(ada, everything.body).json["already_here"] == 1
    ben = person(studio, "ben", ours.project)
    one = ada.call("GET", f"/api/v1/conversations/{conversation_id}/export?format=json")
    assert 'filename="The wind.json"' in one.headers["content-disposition"]
    for body in (everything.body, one.body):
        report = sent(ben, body).json
        assert (report["conversations"] + report["already_here"], report["skipped"]) == (1, [])
    copied = whole(ben, "The wind")
    original = ada.call("GET", f"/api/v1/conversations/{conversation_id}").json
    assert [m["parts"] for m in copied["messages"]] == [m["parts"] for m in original["messages"]]
    assert copied["instructions"] == original["instructions"]


def test_markdown(studio: Studio, ours: Tenant, theirs: Tenant, ada: Person) -> None:
    path = f"/api/v1/conversations/{written(studio, ada, ours)}/export"
    answer = ada.call("GET", path)
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    text = answer.body.decode()
    assert text.startswith("# The wind\n\n*Kept with Tramontane on 2023-11-14 22:13 (UTC).")
    assert "**Ada asked** · 2023-11-14 22:13\n\nWhat is it?" in text
    assert "**The model large wrote** · 2023-11-14 22:13\n\nA cold wind.\n" in text
    assert "A breeze." not in text
    eve = person(studio, "eve", theirs.project)
    assert eve.call("GET", path).status == 404
    assert ada.call("GET", f"{path}?format=pdf").status == 400


def test_titles_make_safe_names(studio: Studio, ours: Tenant, ada: Person) -> None:
    conversation_id = written(studio, ada, ours)
    for title, name in (
        ('../a"b\\c;d', ".. a b c d"),
        ("Été", "t"),
        ("風", "export"),
    ):
        ada.call("PATCH", f"/api/v1/conversations/{conversation_id}", json={"title": title})
        answer = ada.call("GET", f"/api/v1/conversations/{conversation_id}/export")
        disposition = answer.headers["content-disposition"]
        assert f'filename="{name}.md"' in disposition or name == "export"
        assert disposition.isascii() and "\\" not in disposition and "/" not in disposition


def test_feedback(studio: Studio, ours: Tenant, theirs: Tenant, ada: Person) -> None:
    written(studio, ada, ours)
    sent(ada, [openwebui()])  # ratings from elsewhere are no feedback on models here
    (found,) = studio.call("GET", "/api/v1/feedback", ours.operator).json["data"]
    assert (found["rating"], found["reason"], found["model"], found["deployment"]) == (
        "up",
        "very good",
        "large",
        "large",
    )
    assert "A cold wind" not in str(found) and "member" not in str(found)
    with studio.store.write() as c:
        messages.rate(c, found["message_id"], "down", "=HYPERLINK(1)")
    answer = studio.call("GET", "/api/v1/feedback?format=csv", ours.operator)
    assert answer.headers["content-type"].startswith("text/csv")
    (row,) = csv.DictReader(io.StringIO(answer.body.decode()))
    assert (row["rating"], row["reason"]) == ("down", "'=HYPERLINK(1)")
    assert ada.call("GET", "/api/v1/feedback").status == 403
    admin = person(studio, "kim", is_admin=True)
    assert len(admin.call("GET", "/api/v1/feedback").json["data"]) == 1
    for query in (f"project_id={theirs.project.id}", "until=2023-11-14", "since=2023-11-15"):
        path = f"/api/v1/feedback?{query}"
        assert studio.call("GET", path, ours.operator).json["data"] == []
