"""Crashes: what was acknowledged is there, what was being written ends with what had come."""

import hashlib
import http.client
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.assistant.conftest import config_file
from tests.assistant.talking import Refused, Talker, text_of
from tests.platform import RunningPlatform, run_platform
from tests.processes import RunningStandin

WORDS = ("alpha", "bravo", "écho", "φῶς", "😀", "golf\nhotel\tindia", '"juliett"', "\\kilo", "‮")


def kill_all(platform: RunningPlatform) -> None:
    """End every process of the platform at once, as losing the machine would."""
    parent = psutil.Process(platform.process.pid)
    for process in [parent, *parent.children(recursive=True)]:
        process.kill()
    platform.process.wait(30)


def kill_part(platform: RunningPlatform, part: str) -> None:
    """End one process of the platform; its supervisor starts another."""
    for child in psutil.Process(platform.process.pid).children():
        if part in " ".join(child.cmdline()):
            os.kill(child.pid, signal.SIGKILL)


@contextmanager
def at(
    folder: Path, standin: RunningStandin, ada: Talker | None
) -> Iterator[tuple[Talker, RunningPlatform]]:
    """Yield the first administrator at a platform over `folder`, signed in as before."""
    config = config_file(folder, standin.url)
    with run_platform(folder / "data", "--config", str(config)) as platform:
        if ada is None:
            assert platform.sign_in is not None
            yield Talker(platform.port).begin(platform.sign_in), platform
        else:
            ada.port = platform.port
            yield ada, platform


def until_up(ada: Talker) -> None:
    """Wait for the studio that was started in place of the one that was killed.

    After each further kill its supervisor waits longer, up to 15 s.
    """
    deadline = time.monotonic() + 60
    while True:
        try:
            ada.call("GET", "/session")
            return
        except (Refused, OSError, http.client.HTTPException):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_killed_studio_leaves_an_answer_with_what_had_come(
    ada: Talker, platform: RunningPlatform
) -> None:
    made = ada.converse("echo")
    user, answer = ada.ask(made["id"], "[[standin tokens=5000 tps=100]] on and on")
    heard = ""
    with ada.follow(made["id"], made["feed"]) as events:
        while len(heard) < 500:  # a second and a half, so five checkpoints
            last = events.until(lambda e: e.name == "delta")[-1]
            heard += last.data["text"]
    kill_part(platform, "tramontane.studio")
    until_up(ada)
    found = ada.messages(made["id"])
    assert found[user["id"]]["status"] == "done"
    ended = found[answer["id"]]
    assert ended["status"] == "interrupted"
    assert heard[:200] in text_of(ended)
    assert ended["receipt"]["request_id"]
    # A reader who comes back with an event of the studio that was is given everything anew.
    with ada.follow(made["id"], last.id) as events:
        first = next(iter(events))
    assert first.name == "snapshot"
    assert {m["id"]: m["status"] for m in first.data["messages"]}[answer["id"]] == "interrupted"
    # Its bill was settled by the gateway, and is found.
    billed = ada.until(
        lambda: ada.messages(made["id"])[answer["id"]]["receipt"],
        lambda receipt: receipt["completion_tokens"] > 0,
    )
    assert billed["estimated"] is True
    again = ada.call("POST", f"/conversations/{made['id']}/messages/{answer['id']}/continue")
    assert again["status"] == "queued"
    assert ada.ended(made["id"], answer["id"])["status"] == "done"


@pytest.mark.slow
def test_a_killed_gateway_costs_an_answer_its_end_and_nothing_else(
    ada: Talker, platform: RunningPlatform
) -> None:
    made = ada.converse("echo")
    with ada.follow(made["id"], made["feed"]) as events:
        _, answer = ada.ask(made["id"], "[[standin tokens=5000 tps=100]] on and on")
        heard = events.until(lambda e: e.name == "part")[-1].data["value"]["text"]
        kill_part(platform, "tramontane.gateway")
    until_up(ada)
    ended = ada.ended(made["id"], answer["id"])
    assert (ended["status"], ended["error"]["code"]) == ("failed", "gateway_lost")
    assert text_of(ended).startswith(heard)
    ada.call("POST", f"/conversations/{made['id']}/messages/{answer['id']}/continue")
    assert ada.ended(made["id"], answer["id"])["status"] == "done"


@pytest.mark.slow
def test_a_studio_that_is_stopped_ends_its_answers_whole(
    tmp_path: Path, standin: RunningStandin
) -> None:
    with at(tmp_path, standin, None) as (ada, platform):
        made = ada.converse("echo")
        _, answer = ada.ask(made["id"], "[[standin tokens=5000 tps=200]] on and on")
        with ada.follow(made["id"], made["feed"]) as events:
            events.until(lambda e: e.name == "delta")
            began_s = time.monotonic()
            platform.process.send_signal(signal.SIGTERM)
            told = list(events)
            assert platform.process.wait(30) == 0
            assert time.monotonic() - began_s < 15  # open streams hold nothing up
    heard = "".join(e.data["text"] for e in told if e.name == "delta")
    with at(tmp_path, standin, ada) as (ada, _):
        ended = ada.messages(made["id"])[answer["id"]]
        assert ended["status"] == "interrupted"
        assert heard in text_of(ended)


class Writer:
    """Asks as fast as it can, and remembers what was acknowledged."""

    def __init__(self, ada: Talker, conversation_id: str, seed: int) -> None:
        self.acknowledged: dict[str, str] = {}  # id: hash of the text
        self.unsure: list[tuple[str, str]] = []  # client_id, text
        self._ada = ada
        self._id = conversation_id
        self._random = random.Random(seed)
        self._is_stopped = False

    def run(self, name: str) -> None:
        """Ask until the platform is gone."""
        for n in range(10_000):
            words = self._random.choices(WORDS, k=self._random.choice((1, 20, 3_000)))
            text = "[[standin tokens=3 tps=0]] " + " ".join(words)
            client_id = f"{name}-{n}"
            body = {"parent_id": None, "text": text, "client_id": client_id}
            try:
                sent = self._ada.call("POST", f"/conversations/{self._id}/messages", body)
            except Refused as refused:
                if refused.code == "too_many_answers":
                    time.sleep(0.02)
                    continue
                self.unsure.append((client_id, text))
                return
            except (OSError, http.client.HTTPException):
                self.unsure.append((client_id, text))
                return
            self.acknowledged[sent["user"]["id"]] = hashed(text)


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("platforms", "studios"),
    [(1, 1), pytest.param(20, 3, marks=pytest.mark.slow)],
    ids=["few", "many"],
)
def test_what_was_acknowledged_is_there_after_a_crash(
    tmp_path: Path, standin: RunningStandin, platforms: int, studios: int
) -> None:
    """The whole platform is killed so often, and before that its studio alone, each time."""
    chance = random.Random(platforms)
    ada: Talker | None = None
    conversation_id = ""
    acknowledged: dict[str, str] = {}
    unsure: list[tuple[str, str]] = []
    for life in range(platforms + 1):
        with at(tmp_path, standin, ada) as (ada, platform):
            conversation_id = conversation_id or ada.converse("echo")["id"]
            for kill in range(studios + 1):
                check(ada, conversation_id, acknowledged, unsure)
                if life == platforms:
                    break
                writer = Writer(ada, conversation_id, life * 1_000 + kill)
                threads = [
                    threading.Thread(target=writer.run, args=(f"k{life}-{kill}-{n}",))
                    for n in range(3)
                ]
                for thread in threads:
                    thread.start()
                time.sleep(chance.uniform(0.2, 1.2))
                if kill == studios:
                    kill_all(platform)
                else:
                    kill_part(platform, "tramontane.studio")
                for thread in threads:
                    thread.join()
                acknowledged |= writer.acknowledged
                unsure = writer.unsure
                if kill < studios:
                    until_up(ada)
    assert len(acknowledged) >= platforms * studios


def check(
    ada: Talker, conversation_id: str, acknowledged: dict[str, str], unsure: list[tuple[str, str]]
) -> None:
    """All that was acknowledged is there, as it was, with one answer; what was not can be sent."""
    found = ada.messages(conversation_id)
    there = {id_: hashed(text_of(found[id_])) for id_ in acknowledged}
    assert there == acknowledged
    answers: dict[str, list[str]] = {}
    for message in found.values():
        answers.setdefault(message["parent_id"], []).append(message["status"])
    for id_ in acknowledged:
        assert len(answers[id_]) == 1
        assert answers[id_][0] in ("done", "failed", "interrupted")
    for client_id, text in unsure:
        body = {"parent_id": None, "text": text, "client_id": client_id}
        path = f"/conversations/{conversation_id}/messages"
        first, second = (ada.call("POST", path, body) for _ in range(2))
        assert first["user"] == second["user"]
        assert text_of(first["user"]) == text
