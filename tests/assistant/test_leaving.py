"""Whoever is disabled or leaves a project: their streams end, and what had come is kept."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.assistant.talking import Refused, Talker, text_of
from tests.assistant.test_conversations import invited
from tests.platform import RunningPlatform
from tests.processes import RunningStandin

LONG = "[[standin tokens=4000 tps=50]] Tell me all"
PASSWORD = "correct horse battery staple"


def leave_by_disabling(ada: Talker, member_id: str) -> Callable[[], Any]:
    """Disable somebody; return what lets them in again."""
    path = f"/members/{member_id}"
    ada.call("PATCH", path, {"disabled": True})
    return lambda: ada.call("PATCH", path, {"disabled": False})


def leave_the_project(ada: Talker, member_id: str) -> Callable[[], Any]:
    """Take somebody out of the project; return what takes them in again."""
    path = f"/projects/{ada.project_id}/members/{member_id}"
    ada.call("DELETE", path)
    return lambda: ada.call("PUT", path, {"role": "member"})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "leave"), [("dis", leave_by_disabling), ("out", leave_the_project)]
)
def test_an_answer_under_way_ends_when_its_reader_leaves(
    ada: Talker,
    platform: RunningPlatform,
    standin: RunningStandin,
    name: str,
    leave: Callable[[Talker, str], Callable[[], Any]],
) -> None:
    email = f"{name}@example.org"
    ben = invited(ada, platform, email)
    made = ben.converse("echo")
    known = len(standin.requests)
    _, answer = ben.ask(made["id"], LONG)
    with ben.follow(made["id"], made["feed"]) as events:
        events.until(lambda e: e.name == "delta")
        come_back = leave(ada, ben.session["member"]["id"])
        list(events)  # the stream ends by itself
    with pytest.raises(Refused) as refused:
        ben.call("GET", f"/conversations/{made['id']}")
    assert refused.value.status in (401, 404)
    (asked,) = ada.until(
        lambda: [r for r in list(standin.requests)[known:] if r.planned_tokens == 4000],
        lambda found: found and found[-1].ended == "client_left",
    )
    assert asked.completion_tokens < 1000, "50 a second, so well within 20 s of 80"
    come_back()
    again = Talker(platform.port)
    again.session = again.call("POST", "/session", {"email": email, "password": PASSWORD})
    kept = again.ended(made["id"], answer["id"])
    assert kept["status"] == "failed" and kept["error"]["code"] == "access_ended"
    assert text_of(kept)
    _, second = again.ask(made["id"], "And now?", answer["id"], client_id="again")
    said = again.ended(made["id"], second["id"])
    assert said["status"] == "done", said["error"]


@pytest.mark.slow
def test_signing_out_everywhere_ends_what_is_followed_but_not_the_answer(
    ada: Talker, platform: RunningPlatform
) -> None:
    ben = invited(ada, platform, "everywhere@example.org")
    made = ben.converse("echo")
    _, answer = ben.ask(made["id"], "[[standin tokens=900 tps=120]] Go on without me")
    with ben.follow(made["id"], made["feed"]) as events:
        events.until(lambda e: e.name == "delta")
        ben.call("DELETE", "/me/sessions")
        list(events)
    body = {"email": "everywhere@example.org", "password": PASSWORD}
    again = Talker(platform.port)
    again.session = again.call("POST", "/session", body)
    assert again.ended(made["id"], answer["id"])["status"] == "done"
