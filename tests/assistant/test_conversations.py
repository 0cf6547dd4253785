"""Conversations at a running platform: asked, answered, branched, followed, searched, deleted."""

import threading
from typing import Any

import pytest

from tests.assistant.talking import Event, Refused, Talker, text_of
from tests.platform import RunningPlatform
from tests.processes import RunningStandin


def put_together(begun: dict[str, Any], events: list[Event]) -> dict[str, Any]:
    """Return `begun` as a reader knows it who takes in `events`, as the app does."""
    known = {message["id"]: message for message in begun["messages"]}
    for event in events:
        data = event.data
        if event.name == "message":
            known[data["id"]] = data
        elif event.name == "snapshot":
            known.update({message["id"]: message for message in data["messages"]})
        elif event.name == "delta":
            known[data["message_id"]]["parts"][data["part"]]["text"] += data["text"]
        elif event.name == "part":
            parts = known[data["message_id"]]["parts"]
            parts[data["part"] : data["part"] + 1] = [data["value"]]
    return known


def test_a_question_is_answered_and_told_as_it_comes(ada: Talker) -> None:
    made = ada.converse("echo")
    question = "Où est la gare? " + "mot " * 60
    with ada.follow(made["id"], made["feed"]) as events:
        user, answer = ada.ask(made["id"], question)
        assert (user["role"], user["status"], text_of(user)) == ("user", "done", question)
        assert (answer["parent_id"], answer["status"]) == (user["id"], "queued")
        told = events.until_ended(answer["id"])
    assert sum(event.name == "delta" for event in told) > 3
    last = told[-1].data
    assert last["status"] == "done"
    assert text_of(last) == question
    states = [
        e.data["status"] for e in told if e.name == "message" and e.data["id"] == answer["id"]
    ]
    assert states == ["queued", "running", "done"]
    # What was told in pieces is what stands there, and what the store has.
    pieces = put_together(made, told[:-1])[answer["id"]]
    assert pieces["parts"] == last["parts"]
    shown = ada.call("GET", f"/conversations/{made['id']}")
    assert shown["title"] == "Où est la gare?"
    assert shown["shown_message_id"] == answer["id"]
    assert [m["id"] for m in shown["messages"]] == [user["id"], answer["id"]]


def test_the_receipt_is_the_bill(ada: Talker) -> None:
    made = ada.converse("echo")
    _, answer = ada.ask(made["id"], "What does this cost? " * 20)
    ended = ada.ended(made["id"], answer["id"])
    receipt = ended["receipt"]
    assert receipt["model"] == receipt["deployment"] == "echo"
    assert receipt["place"] == "127.0.0.1"
    assert receipt["estimated"] is False
    assert receipt["prompt_tokens"] > 50
    assert 0 <= receipt["first_token_ms"] <= receipt["total_ms"]

    def bill() -> Any:
        try:
            return ada.call("GET", f"/usage/{receipt['request_id']}")
        except Refused as refused:
            assert refused.status == 404
            return None

    billed = ada.until(bill, lambda found: found is not None)
    same = ("prompt_tokens", "completion_tokens", "cached_tokens", "cost", "currency", "estimated")
    assert {name: receipt[name] for name in same} == {name: billed[name] for name in same}
    assert billed["key_id"] == ada.session["projects"][0]["key_id"]


def test_a_stopped_answer_keeps_what_had_come_and_is_billed_for_it(
    ada: Talker, standin: RunningStandin
) -> None:
    made = ada.converse("echo")
    _, answer = ada.ask(made["id"], "[[standin tokens=5000 tps=200]] Tell me all")
    with ada.follow(made["id"], made["feed"]) as events:
        seen = events.until(lambda e: e.name == "delta")
        before = put_together(made, seen)[answer["id"]]
    stopped = ada.call("POST", f"/conversations/{made['id']}/messages/{answer['id']}/stop")
    assert stopped["status"] == "stopped"
    assert text_of(stopped).startswith(text_of(before))
    assert ada.call("POST", f"/conversations/{made['id']}/messages/{answer['id']}/stop") == stopped
    asked = ada.until(
        lambda: [r for r in standin.requests if r.planned_tokens == 5000],
        lambda found: found and found[-1].ended == "client_left",
    )
    assert asked[-1].completion_tokens < 2000
    # The bill comes a moment later, and says that it is an estimate.
    message = ada.until(
        lambda: ada.messages(made["id"])[answer["id"]],
        lambda m: m["receipt"]["completion_tokens"] > 0,
    )
    assert message["receipt"]["estimated"] is True


def test_an_answer_can_be_had_again_and_a_question_edited(ada: Talker) -> None:
    made = ada.converse("echo")
    path = f"/conversations/{made['id']}"
    user, first = ada.ask(made["id"], "Say one")
    ada.ended(made["id"], first["id"])
    second = ada.call("POST", f"{path}/answers", {"parent_id": user["id"], "model": "small"})
    assert (second["parent_id"], second["model"]) == (user["id"], "small")
    ended = ada.ended(made["id"], second["id"])
    assert ended["receipt"]["deployment"] == "small"
    edited, third = ada.ask(made["id"], "Say two", user["parent_id"])
    assert edited["parent_id"] is None
    assert text_of(ada.ended(made["id"], third["id"])) == "Say two"
    followed, fourth = ada.ask(made["id"], "And then?", first["id"])
    assert text_of(ada.ended(made["id"], fourth["id"])) == "And then?"
    messages = ada.messages(made["id"])
    assert {m["parent_id"] for m in messages.values()} == {
        None, user["id"], edited["id"], first["id"], followed["id"],
    }  # fmt: skip
    assert ada.call("GET", path)["shown_message_id"] == fourth["id"]
    changed = ada.call("PATCH", path, {"shown_message_id": second["id"]})
    assert changed["id"] == made["id"]
    assert ada.call("GET", path)["shown_message_id"] == second["id"]


def test_what_broke_off_goes_on_in_the_same_message(ada: Talker) -> None:
    made = ada.converse("echo")
    _, answer = ada.ask(made["id"], "[[standin fault=close_after:5]] one two three four five six")
    broken = ada.ended(made["id"], answer["id"])
    assert broken["status"] == "failed"
    assert broken["error"]["code"]
    begun = text_of(broken)
    assert begun
    path = f"/conversations/{made['id']}/messages/{answer['id']}/continue"
    queued = ada.call("POST", path)
    assert (queued["id"], queued["status"], queued["error"]) == (answer["id"], "queued", None)
    whole = ada.ended(made["id"], answer["id"])
    assert whole["status"] == "done"
    assert text_of(whole).startswith(begun)
    assert "broke off" in text_of(whole)  # the stand-in repeats what it was asked last
    assert len(whole["receipt"]["request_ids"]) == 2


def test_sent_twice_is_sent_once(ada: Talker) -> None:
    made = ada.converse("echo")
    path = f"/conversations/{made['id']}/messages"
    body = {"parent_id": None, "text": "Once only", "client_id": "the-same"}
    found: list[Any] = []
    tries = [
        threading.Thread(target=lambda: found.append(ada.call("POST", path, body)))
        for _ in range(6)
    ]
    for each in tries:
        each.start()
    for each in tries:
        each.join()
    assert len(found) == 6
    assert len({(sent["user"]["id"], sent["answer"]["id"]) for sent in found}) == 1
    assert len(ada.messages(made["id"])) == 2


def test_two_readers_agree_and_one_who_comes_back_missed_nothing(ada: Talker) -> None:
    made = ada.converse("echo")
    with ada.follow(made["id"], made["feed"]) as one, ada.follow(made["id"], made["feed"]) as two:
        _, answer = ada.ask(made["id"], "[[standin tokens=400 tps=400]] count")
        told = one.until_ended(answer["id"])
        also = two.until_ended(answer["id"])
    assert [(e.id, e.name, e.data) for e in told] == [(e.id, e.name, e.data) for e in also]
    for at in (0, 1, len(told) // 2, len(told) - 2):
        with ada.follow(made["id"], told[at].id) as again:
            rest = again.until_ended(answer["id"])
        assert [(e.id, e.name, e.data) for e in rest] == [
            (e.id, e.name, e.data) for e in told[at + 1 :]
        ]


def test_whoever_comes_in_the_middle_sees_it_whole(ada: Talker) -> None:
    made = ada.converse("echo")
    _, answer = ada.ask(made["id"], "[[standin tokens=600 tps=300]] go on")
    for _ in range(3):
        begun = ada.call("GET", f"/conversations/{made['id']}")
        with ada.follow(made["id"], begun["feed"]) as events:
            told = events.until(lambda e: e.name == "delta")
            told += events.until(lambda e: e.name == "delta")
        partly = text_of(put_together(begun, told)[answer["id"]])
        assert text_of(ada.messages(made["id"])[answer["id"]]).startswith(partly)
    begun = ada.call("GET", f"/conversations/{made['id']}")
    with ada.follow(made["id"], begun["feed"]) as events:
        told = events.until_ended(answer["id"])
    assert put_together(begun, told[:-1])[answer["id"]]["parts"] == told[-1].data["parts"]


def test_a_reader_who_does_not_read_holds_nobody_up(ada: Talker) -> None:
    made = ada.converse("echo")
    with ada.follow(made["id"], made["feed"]) as slow, ada.follow(made["id"], made["feed"]) as one:
        _, answer = ada.ask(made["id"], "[[standin tokens=20000 tps=0]] all at once")
        told = one.until_ended(answer["id"])
        whole = told[-1].data
        assert whole["receipt"]["completion_tokens"] == 20_000
        assert put_together(made, told[:-1])[answer["id"]]["parts"] == whole["parts"]
        late = slow.until_ended(answer["id"])
        assert put_together(made, late)[answer["id"]]["parts"] == whole["parts"]


def test_without_a_known_event_a_snapshot_comes_first(ada: Talker) -> None:
    made = ada.converse("echo")
    user, answer = ada.ask(made["id"], "[[standin tokens=300 tps=300]] slowly")
    with ada.follow(made["id"]) as events:
        first = next(iter(events))
    assert first.name == "snapshot"
    assert [m["id"] for m in first.data["messages"]] == [answer["id"]]
    assert first.data["conversation"]["is_running"] is True
    with ada.follow(made["id"], "00000000-17") as events:
        first = next(iter(events))
    assert [m["id"] for m in first.data["messages"]] == [user["id"], answer["id"]]
    ada.ended(made["id"], answer["id"])


def test_too_long_is_said_with_by_how_much_and_trimmed_on_demand(ada: Talker) -> None:
    made = ada.converse("small")
    path = f"/conversations/{made['id']}"
    with pytest.raises(Refused) as refused:
        ada.ask(made["id"], "word " * 1000)
    assert (refused.value.code, refused.value.param) == ("context_length_exceeded", "text")
    assert "about 95" in refused.value.message
    assert ada.messages(made["id"]) == {}
    parent = None
    for turn in range(20):
        try:
            _, answer = ada.ask(made["id"], f"turn {turn} " + "word " * 40, parent)
        except Refused as full:
            assert (full.code, full.param) == ("context_length_exceeded", "trim")
            break
        parent = ada.ended(made["id"], answer["id"])["id"]
    else:
        raise AssertionError("it was never too long")
    count = len(ada.messages(made["id"]))
    _, answer = ada.ask(made["id"], "the last " + "word " * 40, parent, trim=True)
    ended = ada.ended(made["id"], answer["id"])
    assert ended["status"] == "done"
    assert ended["receipt"]["left_out"] > 0
    assert len(ada.messages(made["id"])) == count + 2
    assert ada.call("GET", path)["title"].startswith("turn 0")


def test_what_cannot_be_asked_is_refused(ada: Talker) -> None:
    made = ada.converse("echo")
    tries: list[tuple[dict[str, Any], str]] = [
        ({"text": "  "}, "invalid_value"),
        ({"text": "a\0b"}, "invalid_value"),
        ({"client_id": ""}, "invalid_value"),
        ({"parent_id": "msg_nobody"}, "not_found"),
        ({"colour": "red"}, "unknown_field"),
    ]
    for wrong, code in tries:
        body = {"parent_id": None, "text": "x", "client_id": "x", **wrong}
        with pytest.raises(Refused) as refused:
            ada.call("POST", f"/conversations/{made['id']}/messages", body)
        assert refused.value.code == code, wrong
    for wrong, code in (({"temperature": 9}, "invalid_value"), ({"tempo": 1}, "unknown_field")):
        with pytest.raises(Refused) as refused:
            ada.converse("echo", parameters=wrong)
        assert refused.value.code == code
    with pytest.raises(Refused) as refused:
        ada.converse("ehco")
    assert refused.value.code == "model_not_found"
    assert "echo" in refused.value.message
    assert ada.messages(made["id"]) == {}


def test_whoever_waits_is_told_their_place(ada: Talker) -> None:
    before, after = ada.converse("narrow"), ada.converse("narrow")
    _, busy = ada.ask(before["id"], "[[standin tokens=2000 tps=200]] take your time")
    ada.until(
        lambda: ada.messages(before["id"])[busy["id"]]["status"], lambda status: status == "running"
    )
    with ada.follow(after["id"], after["feed"]) as events:
        _, answer = ada.ask(after["id"], "and me?")
        told = events.until(lambda e: e.name == "queued")[-1].data
        assert (told["message_id"], told["position"]) == (answer["id"], 1)
        assert told["eta_s"] > 0
        assert ada.messages(after["id"])[answer["id"]]["status"] == "queued"
        ada.call("POST", f"/conversations/{before['id']}/messages/{busy['id']}/stop")
        assert text_of(events.until_ended(answer["id"])[-1].data) == "and me?"


def test_an_answer_is_not_built_upon_while_it_is_written(ada: Talker) -> None:
    made = ada.converse("echo")
    _, answer = ada.ask(made["id"], "[[standin tokens=2000 tps=200]] long")
    with pytest.raises(Refused) as refused:
        ada.ask(made["id"], "next", answer["id"])
    assert (refused.value.status, refused.value.code) == (409, "answer_running")
    ada.call("POST", f"/conversations/{made['id']}/messages/{answer['id']}/stop")
    _, following = ada.ask(made["id"], "next", answer["id"])
    assert ada.ended(made["id"], following["id"])["status"] == "done"


def test_lists_tell_of_changes_and_have_pages(ada: Talker) -> None:
    with ada.following("/events") as events:
        assert next(iter(events)).name == "begin"
        made = [ada.converse("echo")["id"] for _ in range(5)]
        told = [next(iter(events)) for _ in range(5)]
        assert [event.data["id"] for event in told] == made
        ada.call("PATCH", f"/conversations/{made[0]}", {"pinned": True, "title": " My  list "})
        changed = next(iter(events)).data
        assert (changed["title"], bool(changed["pinned_at"])) == ("My list", True)
        ada.call("PATCH", f"/conversations/{made[1]}", {"archived": True})
        assert next(iter(events)).data["archived_at"]
        ada.call("DELETE", f"/conversations/{made[2]}")
        gone = next(iter(events))
        assert (gone.name, gone.data) == ("deleted", {"id": made[2]})
    found: list[str] = []
    cursor = ""
    while True:
        page = ada.call("GET", f"/conversations?limit=2{cursor}")
        found += [each["id"] for each in page["data"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert found[0] == made[0]
    assert len(found) == len(set(found))
    assert not {made[1], made[2]} & set(found)
    put_away = ada.call("GET", "/conversations?archived=true")["data"]
    assert made[1] in [each["id"] for each in put_away]


def test_what_is_deleted_is_gone(ada: Talker) -> None:
    made = ada.converse("echo")
    _, answer = ada.ask(made["id"], "[[standin tokens=3000 tps=100]] zanzibar")
    with ada.follow(made["id"], made["feed"]) as events:
        ada.call("DELETE", f"/conversations/{made['id']}")
        told = [event.name for event in events]  # the stream ends
    assert told[-1] == "deleted"
    assert ada.call("GET", "/search?q=zanzibar")["data"] == []
    for path in ("", "/events"):
        with pytest.raises(Refused) as refused:
            ada.call("GET", f"/conversations/{made['id']}{path}")
        assert refused.value.status == 404
    with pytest.raises(Refused) as refused:
        ada.call("POST", f"/conversations/{made['id']}/messages/{answer['id']}/stop")
    assert refused.value.status == 404


def test_search_finds_words_as_they_are_meant(ada: Talker) -> None:
    made = ada.converse("small")
    _, answer = ada.ask(made["id"], "Le théâtre de Genève est fermé le mardi")
    ada.ended(made["id"], answer["id"])
    found = ada.call("GET", "/search?q=theatre%20gen")
    hits = [hit for hit in found["data"] if hit["conversation_id"] == made["id"]]
    assert {hit["role"] for hit in hits} == {None, "user", "assistant"}
    marked = [[p["text"] for p in hit["snippet"] if p["match"]] for hit in hits]
    assert marked == [["théâtre", "Genève"]] * 3
    assert ada.call("GET", "/search?q=theatre%20mercredi")["data"] == []
    for odd in ('"', "*", "AND", "a%3A(", "NEAR(x%20y)", "%2D%2D", "%F0%9F%98%80"):
        ada.call("GET", f"/search?q={odd}")


def test_an_answer_is_rated_by_its_reader(ada: Talker) -> None:
    made = ada.converse("echo")
    user, answer = ada.ask(made["id"], "Was this good?")
    ada.ended(made["id"], answer["id"])
    path = f"/conversations/{made['id']}/messages/{answer['id']}/rating"
    rated = ada.call("PUT", path, {"rating": "down", "reason": "too short"})
    assert (rated["rating"], rated["rating_reason"]) == ("down", "too short")
    assert ada.messages(made["id"])[answer["id"]]["rating"] == "down"
    cleared = ada.call("PUT", path, {"rating": None})
    assert (cleared["rating"], cleared["rating_reason"]) == (None, None)
    with pytest.raises(Refused):
        ada.call("PUT", path.replace(answer["id"], user["id"]), {"rating": "up"})


def test_refusals_of_the_gateway_are_the_answers_error(ada: Talker) -> None:
    made = ada.converse("echo")
    _, answer = ada.ask(made["id"], "[[standin status=429 retry_after_s=7]] hello")
    ended = ada.ended(made["id"], answer["id"])
    assert ended["status"] == "failed"
    assert ended["error"]["code"]
    assert ended["error"]["message"]
    assert ended["parts"] == []


def invited(ada: Talker, platform: RunningPlatform, email: str) -> Talker:
    """Return another member of the project."""
    body = {"email": email, "project_id": ada.project_id, "role": "member"}
    link = ada.call("POST", "/invitations", body)
    return Talker(platform.port).begin(link["url"], email)


def test_others_see_what_is_shared_and_only_while_it_is(
    ada: Talker, platform: RunningPlatform
) -> None:
    ben = invited(ada, platform, "ben@example.org")
    made = ada.converse("echo")
    _, answer = ada.ask(made["id"], "The secret word is ornithorhynchus")
    ada.ended(made["id"], answer["id"])
    path = f"/conversations/{made['id']}"

    def is_hidden() -> bool:
        tries = [("GET", path), ("GET", f"{path}/events"), ("PATCH", path), ("DELETE", path)]
        tries += [("POST", f"{path}/messages/{answer['id']}/stop")]
        for method, target in tries:
            with pytest.raises(Refused) as refused:
                ben.call(method, target, {} if method == "PATCH" else None)
            assert refused.value.status == 404, target
        assert ben.call("GET", "/search?q=ornithorhynchus")["data"] == []
        listed = ben.call("GET", "/conversations?shared=true")["data"]
        return made["id"] not in [each["id"] for each in listed]

    assert is_hidden()
    with ben.following("/events") as lists:
        assert next(iter(lists)).name == "begin"
        ada.call("PATCH", path, {"shared": True})
        told = next(iter(lists)).data
        assert (told["id"], told["is_mine"], told["owner_name"]) == (made["id"], False, "Ada")
        shown = ben.call("GET", path)
        assert shown["is_mine"] is False
        assert text_of(shown["messages"][1]) == "The secret word is ornithorhynchus"
        assert len(ben.call("GET", "/search?q=ornithorhynchus")["data"]) == 3
        for method, body in (("PATCH", {"title": "mine"}), ("DELETE", None)):
            with pytest.raises(Refused) as refused:
                ben.call(method, path, body)
            assert (refused.value.status, refused.value.code) == (403, "read_only")
        with pytest.raises(Refused) as refused:
            ben.ask(made["id"], "and me?", answer["id"])
        assert refused.value.code == "read_only"
        with ben.follow(made["id"], shown["feed"]) as events:
            ada.call("PATCH", path, {"shared": False})
            assert [event.name for event in events] == ["conversation"]  # then it ends
        assert (gone := next(iter(lists))).name == "deleted" and gone.data["id"] == made["id"]
    assert is_hidden()


def test_temporary_conversations_are_in_no_list(ada: Talker) -> None:
    made = ada.converse("echo", is_temporary=True)
    _, answer = ada.ask(made["id"], "Do not keep the word xylophone")
    assert ada.ended(made["id"], answer["id"])["status"] == "done"
    listed = ada.call("GET", "/conversations?limit=200")["data"]
    assert made["id"] not in [each["id"] for each in listed]
    assert ada.call("GET", "/search?q=xylophone")["data"] == []
    with pytest.raises(Refused):
        ada.call("PATCH", f"/conversations/{made['id']}", {"shared": True})


def test_keys_hold_no_conversations(platform: RunningPlatform) -> None:
    program = Talker(platform.port)
    for path in ("/conversations", "/search?q=x", "/events"):
        with pytest.raises(Refused) as refused:
            program.call("GET", path)
        assert refused.value.status == 401
