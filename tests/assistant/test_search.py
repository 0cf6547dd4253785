"""Search: what is found, what is not anybody's to find, and what a query may hold."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tramontane.assistant import search as searching
from tramontane.assistant.search import Found, Snippet, search
from tramontane.config import LimitDefaults
from tramontane.store import conversations, members, messages, projects
from tramontane.store.conversations import Conversation
from tramontane.store.database import Store
from tramontane.store.records import Member, Project


class Shelf:
    """Two members in a project, and one in another."""

    def __init__(self, store: Store) -> None:
        self.store = store
        with store.write() as c:
            self.project = projects.create(c, name="p", defaults=LimitDefaults(), now_ms=1)
            self.other = projects.create(c, name="q", defaults=LimitDefaults(), now_ms=1)
            self.ada, self.ben, self.eve = (
                members.create(c, email=f"{n}@example.org", name=n, password_hash=None, now_ms=1)
                for n in ("ada", "ben", "eve")
            )

    def put(
        self, member: Member, *texts: str, title: str = "", project: Project | None = None,
        **fields: object,
    ) -> Conversation:  # fmt: skip
        """Return a conversation of that member with those messages."""
        with self.store.write() as c:
            made = conversations.create(
                c, member_id=member.id, project_id=(project or self.project).id, model="m",
                now_ms=1, title=title,
            )  # fmt: skip
            messages.add(c, [messages.new(made.id, "user", None, 1, text=text) for text in texts])
            return conversations.change(c, made.id, **fields)

    def find(self, query: str, member: Member | None = None, **fields: object) -> list[Found]:
        """Return what that member finds in the first project."""
        who = member or self.ada
        with self.store.read() as c:
            return search(c, query, member_id=who.id, project_ids=[self.project.id], **fields)  # type: ignore[arg-type]

    def texts(self, query: str, member: Member | None = None) -> list[str]:
        """Return the texts that were found."""
        return ["".join(piece.text for piece in f.snippet) for f in self.find(query, member)]


@pytest.fixture
def shelf(store: Store) -> Shelf:
    """An empty shelf."""
    return Shelf(store)


def test_every_word_must_be_there_the_last_as_a_beginning(shelf: Shelf) -> None:
    shelf.put(shelf.ada, "the quick brown fox", "the slow brown bear")
    assert shelf.texts("brown") == ["the slow brown bear", "the quick brown fox"]  # newest first
    assert shelf.texts("quick br") == ["the quick brown fox"]
    assert shelf.texts("br quick") == []
    assert shelf.texts("QUICK Fox") == ["the quick brown fox"]
    assert shelf.texts("f") == []  # one letter alone is a word
    assert shelf.texts("") == shelf.texts("  ") == shelf.texts("?!") == []


def test_accents_and_case_do_not_matter(shelf: Shelf) -> None:
    shelf.put(shelf.ada, "Élève à Zürich: niño, più, Ἀθῆναι")
    for query in ("eleve", "ÉLÈVE", "zurich", "zürich", "nino", "piu", "ἀθῆναι", "e\u0301leve"):
        (found,) = shelf.find(query)
        assert [piece.match for piece in found.snippet].count(True) == 1, query


def test_what_matches_is_marked(shelf: Shelf) -> None:
    shelf.put(shelf.ada, "a " * 200 + "needle in\n\n a haystack " + "b " * 200)
    (found,) = shelf.find("needle hay")
    assert [piece.text for piece in found.snippet if piece.match] == ["needle", "haystack"]
    assert len("".join(piece.text for piece in found.snippet)) < 200


def test_only_ones_own_and_what_is_shared(shelf: Shelf) -> None:
    shelf.put(shelf.ada, "zebra of ada")
    shared = shelf.put(shelf.ben, "zebra of ben, shared", shared_at_ms=1)
    shelf.put(shelf.ben, "zebra of ben")
    shelf.put(shelf.eve, "zebra elsewhere", project=shelf.other, shared_at_ms=1)
    shelf.put(shelf.ada, "zebra of a project she has left", project=shelf.other)
    assert sorted(shelf.texts("zebra")) == ["zebra of ada", "zebra of ben, shared"]
    assert sorted(shelf.texts("zebra", shelf.ben)) == ["zebra of ben", "zebra of ben, shared"]
    assert shelf.texts("zebra", shelf.eve) == ["zebra of ben, shared"]
    with shelf.store.write() as c:
        conversations.change(c, shared.id, shared_at_ms=None)
    assert shelf.texts("zebra") == ["zebra of ada"]
    with shelf.store.read() as c:
        assert search(c, "zebra", member_id=shelf.ada.id, project_ids=[]) == []


def test_titles_are_found_first(shelf: Shelf) -> None:
    shelf.put(shelf.ada, "nothing of the kind", title="Déjeuner à Évian")
    shelf.put(shelf.ada, "dejeuner")
    shelf.put(shelf.ben, "x", title="Dejeuner of another")
    titled, said = shelf.find("dejeuner")
    assert (titled.message_id, titled.role, titled.title) == (None, None, "Déjeuner à Évian")
    assert titled.snippet == [Snippet("Déjeuner", match=True), Snippet(" à Évian")]
    assert said.message_id is not None
    assert shelf.find("evi dejeuner")[:1] == []
    assert shelf.find("dejeuner evi")[0].title == "Déjeuner à Évian"


def test_the_index_follows_changes_and_deletions(shelf: Shelf) -> None:
    made = shelf.put(shelf.ada, "first version")
    with shelf.store.write() as c:
        (message,) = messages.list_all(c, made.id)
        again = messages.new(made.id, "user", None, 1, text="second version")
        messages.put(c, _same(again, message.id))
    assert shelf.texts("first") == []
    assert shelf.texts("second") == ["second version"]
    with shelf.store.write() as c:
        conversations.remove(c, made.id)
        c.exec_driver_sql("INSERT INTO messages_words(messages_words) VALUES ('integrity-check')")
    assert shelf.texts("second") == []


def _same(message: messages.Message, id_: str) -> messages.Message:
    return msgspec.structs.replace(message, id=id_)


def test_there_are_no_more_than_were_asked_for(shelf: Shelf) -> None:
    shelf.put(shelf.ada, *(f"common {n}" for n in range(50)), title="common")
    assert len(shelf.find("common", limit=7)) == 7


def test_no_query_is_a_mistake(store: Store) -> None:
    @given(st.text(max_size=60))
    @settings(max_examples=60)
    def find(query: str) -> None:
        with store.read() as c:
            assert search(c, query, member_id="mem_x", project_ids=["prj_x"]) == []

    find()


@pytest.mark.parametrize(
    "query", ['"', "'", "*", "a*b", "AND", "OR NOT", "NEAR(a b)", "text:a", "owners:a", "{a}", "^a"]
)
def test_the_indexs_own_signs_are_plain_words(shelf: Shelf, query: str) -> None:
    shelf.put(shelf.ada, f"it says {query} here")
    found = shelf.texts(f"says {query} here")
    assert found == [f"it says {query} here"]


def test_snippets_are_cut_at_their_marks() -> None:
    assert searching.pieces("a \x02b\x03 c\n\n d \x02e\x03") == [
        Snippet("a "), Snippet("b", match=True), Snippet(" c d "), Snippet("e", match=True),
    ]  # fmt: skip
    assert searching.pieces("") == []
    assert searching.pieces("odd \x02 open") == [Snippet("odd "), Snippet(" open")]
