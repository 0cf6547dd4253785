"""Conversations and messages: kept, listed, and gone when they are deleted."""

import asyncio
import time
from collections.abc import Iterator

import msgspec
import pytest
from sqlalchemy import Connection, update

from tests.store.databases import on_sqlite
from tramontane.config import LimitDefaults
from tramontane.errors import InvalidRequest, NotFound
from tramontane.store import conversations, members, messages, projects, schema
from tramontane.store.conversations import Parameters
from tramontane.store.database import Store, sqlite_path
from tramontane.store.messages import Failure, Receipt, TextPart, ToolPart
from tramontane.studio import upkeep

Ids = tuple[str, str]


@pytest.fixture
def ids(store: Store) -> Iterator[Ids]:
    """A member and a project."""
    with store.write() as c:
        member = members.create(
            c, email="ada@example.org", name="Ada", password_hash=None, now_ms=1
        )
        project = projects.create(c, name="p", defaults=LimitDefaults(), now_ms=1)
    yield member.id, project.id


def made(store: Store, ids: Ids, now_ms: int = 1, **changes: object) -> str:
    """Return the id of a new conversation."""
    with store.write() as c:
        found = conversations.create(
            c, member_id=ids[0], project_id=ids[1], model="m", now_ms=now_ms
        )
        conversations.change(c, found.id, **changes)
    return found.id


def test_a_message_is_read_as_it_was_written(store: Store, ids: Ids) -> None:
    conversation_id = made(store, ids)
    whole = messages.new(
        conversation_id,
        "assistant",
        None,
        5,
        status="failed",
        parts=(TextPart("a\n😀"), ToolPart(id="c", name="n", arguments="{}", result="r")),
        model="m",
        receipt=Receipt(request_id="r", request_ids=("r", "s"), model="m", deployment="d"),
        error=Failure("code", "words", 1.5),
        rating="up",
        rating_reason="because",
    )
    with store.write() as c:
        messages.add(c, [whole])
        assert messages.get(c, conversation_id, whole.id) == whole
        changed = msgspec.structs.replace(whole, status="done", error=None)
        messages.put(c, changed)
        assert messages.list_all(c, conversation_id) == [changed]
        other = made_in(c, ids)
        with pytest.raises(NotFound):
            messages.get(c, other, whole.id)


def made_in(c: Connection, ids: Ids) -> str:
    return conversations.create(
        c,
        member_id=ids[0],
        project_id=ids[1],
        model="m",
        now_ms=1,
    ).id


def test_a_branch_is_the_way_to_its_end(store: Store, ids: Ids) -> None:
    conversation_id = made(store, ids)
    found: dict[str, messages.Message] = {}
    with store.write() as c:
        for name, parent in (("a", None), ("b", "a"), ("c", "b"), ("B", "a"), ("C", "B")):
            parent_id = found[parent].id if parent else None
            found[name] = messages.new(conversation_id, "user", parent_id, 1, text=name)
            messages.add(c, [found[name]])
        for end, way in (("c", "abc"), ("C", "aBC"), ("a", "a")):
            branch = messages.branch(c, conversation_id, found[end].id)
            assert "".join(message.text for message in branch) == way
        assert messages.branch(c, conversation_id, None) == []
        with pytest.raises(NotFound):
            messages.branch(c, conversation_id, "msg_nobody")
        with pytest.raises(NotFound):
            messages.branch(c, made_in(c, ids), found["a"].id)


def test_pages_hold_everything_once_pinned_first(store: Store, ids: Ids) -> None:
    wanted = [made(store, ids, n % 4, pinned_at_ms=9 if n % 5 == 0 else None) for n in range(23)]
    seen: list[conversations.Conversation] = []
    after = None
    with store.read() as c:
        while page := conversations.page(
            c, project_ids=[ids[1]], member_id=ids[0], after=after, limit=4
        ):
            seen += page
            after = conversations.position(page[-1])
    assert sorted(each.id for each in seen) == sorted(wanted)
    order = [(each.pinned_at_ms is None, -each.updated_at_ms) for each in seen]
    assert order == sorted(order)


def test_titles_are_one_line(store: Store, ids: Ids) -> None:
    conversation_id = made(store, ids, title="  a \n b ")
    with store.write() as c:
        assert conversations.get(c, conversation_id).title == "a b"
        for wrong in ("", " \n", "x" * 201):
            with pytest.raises(InvalidRequest):
                conversations.change(c, conversation_id, title=wrong)


def test_parameters_are_kept_and_those_of_a_later_release_do_no_harm(
    store: Store, ids: Ids
) -> None:
    conversation_id = made(store, ids, parameters=Parameters(temperature=0.5, tools=("a",)))
    with store.write() as c:
        kept = conversations.get(c, conversation_id).parameters
        assert kept == Parameters(temperature=0.5, tools=("a",))
        c.execute(update(schema.conversations).values(parameters=b'{"later":1}'))
        assert conversations.get(c, conversation_id).parameters == Parameters()


@on_sqlite
def test_what_is_deleted_is_nowhere_in_the_file(
    store: Store, store_url: str, ids: Ids, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "TIDY_PAUSE_S", 0.0)
    canary = "xylographischer"
    for n in range(30):
        conversation_id = made(store, ids, title=f"kept {n}")
        with store.write() as c:
            for at in range(20):
                words = " ".join(f"word{(n * 20 + at) % 97}x{k}" for k in range(40))
                messages.add(c, [messages.new(conversation_id, "user", None, 1, text=words)])
    secret = made(store, ids, title=canary)
    with store.write() as c:
        for n in range(20):
            text = f"{canary} {n} " + "filling " * 300
            messages.add(c, [messages.new(secret, "user", None, 1, text=text)])
    path = sqlite_path(store_url)
    assert path is not None

    def in_files() -> bool:
        with store.write() as c:
            c.commit()
        store.close()  # folds the log into the file
        return any(
            canary.encode() in file.read_bytes() for file in path.parent.glob(path.name + "*")
        )

    assert in_files()
    with store.write() as c:
        conversations.remove(c, secret)
    began_s = time.monotonic()
    asyncio.run(upkeep.tidy(store))
    assert time.monotonic() - began_s < 20
    assert not in_files()
    with store.read() as c:
        kept = conversations.page(c, project_ids=[ids[1]], member_id=ids[0], limit=100)
    assert len(kept) == 30
