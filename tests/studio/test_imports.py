"""What was read is kept whole or not at all, and what could not be finished goes on next time."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests import empty
from tests.assistant.transfer.samples import chatgpt_rich, openwebui
from tramontane.assistant.transfer import chatgpt, keeping
from tramontane.assistant.transfer.reading import read
from tramontane.assistant.transfer.records import WORDS
from tramontane.config import LimitDefaults
from tramontane.errors import InvalidRequest
from tramontane.store import conversations, members, memberships, messages, projects
from tramontane.store.database import Store, open_store
from tramontane.store.records import Member, Membership
from tramontane.studio import imports
from tramontane.studio.imports import Import

NOW_MS = 1_800_000_000_000


class Desk:
    """A store with one member of one project."""

    def __init__(self, folder: Path) -> None:
        url = f"sqlite:///{folder / 'tramontane.db'}"
        (folder / "tramontane.db").write_bytes(empty.store())
        self.folder = folder
        self.store: Store = open_store(url)
        with self.store.write() as c:
            project = projects.create(c, name="ours", defaults=LimitDefaults(), now_ms=NOW_MS)
            self.member: Member = members.create(
                c, email="ada@example.org", name="Ada", password_hash=None, now_ms=NOW_MS
            )
            memberships.put(
                c, member=self.member, project_id=project.id, role="member", now_ms=NOW_MS
            )
            self.place: Membership = memberships.list_all(c, member_id=self.member.id)[0]

    def take(
        self, *elements: Any, timer_s: Callable[[], float] = time.monotonic
    ) -> imports.ImportReport:
        """Return the report of an import of `elements`."""
        desk = (self.store, self.folder, self.member, self.place)
        taking = Import(*desk, lambda: NOW_MS, timer_s)
        with taking.file() as file:
            file.add(json.dumps(elements).encode())
            return taking.take(file, {}).report

    def titles(self) -> list[str]:
        """Return the titles of what is there."""
        with self.store.read() as c:
            return [each.title for each in conversations.list_of_member(c, self.member.id)]


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    """A desk whose store is closed at the end."""
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


def test_a_conversation_is_there_whole_or_not_at_all(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = chatgpt.read(chatgpt_rich(), "x", WORDS["en"])
    add = messages.add

    def break_off(c: Any, new: Any) -> None:
        add(c, list(new)[:3])
        raise InvalidRequest("the power went")

    monkeypatch.setattr(messages, "add", break_off)
    options = {"member_id": desk.member.id, "project_id": desk.place.project_id, "model": ""}
    with pytest.raises(InvalidRequest), desk.store.write() as c:
        keeping.keep(c, first, now_ms=NOW_MS, **options)
    assert desk.titles() == []
    monkeypatch.undo()
    assert desk.take(chatgpt_rich()).messages == 7


def test_what_was_deleted_here_comes_back(desk: Desk) -> None:
    desk.take(chatgpt_rich())
    with desk.store.write() as c:
        (found,) = conversations.list_of_member(c, desk.member.id)
        conversations.remove(c, found.id)
    assert desk.take(chatgpt_rich()).conversations == 1


def test_times_of_the_future_and_of_nowhere(desk: Desk) -> None:
    element = chatgpt_rich()
    element["create_time"] = 9e10
    element["update_time"] = "soon"
    desk.take(element)
    with desk.store.read() as c:
        (found,) = conversations.list_of_member(c, desk.member.id)
    assert found.created_at_ms == NOW_MS
    assert NOW_MS >= found.updated_at_ms > 0


def test_an_import_that_runs_out_of_time_goes_on_the_next_time(desk: Desk) -> None:
    times = iter([0.0, 1.0, imports.WORK_S + 1])
    report = desk.take(chatgpt_rich(), openwebui(), timer_s=lambda: next(times))
    assert (report.conversations, report.skipped[-1].code) == (1, "unfinished")
    report = desk.take(chatgpt_rich(), openwebui())
    assert (report.conversations, report.already_here) == (1, 1)
    assert sorted(desk.titles()) == ["Le vent", "Sums"]


def test_a_child_is_ended_at_its_deadline(tmp_path: Path) -> None:
    with open(tmp_path / "file", "w+b") as file:
        file.write(json.dumps([chatgpt_rich()] * 2000).encode())
        with pytest.raises(Exception, match="too_much"):
            list(read(file, "en", deadline_s=0.0, folder=tmp_path))


def test_models_that_are_not_served_are_not_asked(desk: Desk) -> None:
    desk.take(openwebui())
    with desk.store.read() as c:
        (found,) = conversations.list_of_member(c, desk.member.id)
        every = messages.list_all(c, found.id)
    assert found.model == ""
    assert {each.model for each in every} == {None, "mistral-small", "llama"}
    assert msgspec.json.encode(every[0].parts) == b'[{"type":"text","text":"2+3?\\n\\n[sums.csv]"}]'
