"""Passages are found by what they say, in whichever language, and nobody else's ever."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tramontane.config import Settings
from tramontane.documents import search
from tramontane.documents.search import Found, find, indexed
from tramontane.documents.translation import languages_of
from tramontane.store import documents, libraries, passages, projects
from tramontane.store.database import Store, open_store
from tramontane.store.passages import StoredPassage

NOW_MS = 1_800_000_000_000


class Shelf:
    """A store with libraries, each filled with documents of passages."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._count = 0
        with store.write() as c:
            self._project = projects.create(
                c, name="city", defaults=Settings().limits, now_ms=NOW_MS
            ).id

    def library(self) -> str:
        with self.store.write() as c:
            return libraries.create(c, project_id=self._project, name="L", now_ms=NOW_MS).id

    def document(
        self, library_id: str, *texts: str, language: str | None = "en", heading: str = "",
        name: str | None = None, is_ready: bool = True,
    ) -> str:  # fmt: skip
        """Return the identifier of a new document whose passages are `texts`."""
        self._count += 1
        now_ms = NOW_MS + self._count  # one after another: the oldest comes first in some things
        with self.store.write() as c:
            document, _ = documents.add(
                c, library_id=library_id, member_id=None, name=name or f"{self._count}.pdf",
                sha256=f"{self._count:064x}", size_bytes=1, now_ms=now_ms,
            )  # fmt: skip
            claimed = documents.claim(c, now_ms, 60_000)
            assert claimed is not None
            passages.add(c, library_id, (
                (
                    StoredPassage(
                        document_id=document.id, number=number, page=number, kind="text",
                        heading=heading, text=text, language=language, boxes=b"",
                    ),
                    indexed(heading, text, language),
                )
                for number, text in enumerate(texts, 1)
            ))  # fmt: skip
            if is_ready:
                documents.finish(c, claimed, language=language, notes=[], now_ms=now_ms)
        return document.id

    def find(self, library_ids: list[str], question: str, language: str | None = "en") -> Found:
        with self.store.read() as c:
            return find(c, library_ids, question, language)


@pytest.fixture
def shelf(empty_store_file: Path, tmp_path: Path) -> Iterator[Shelf]:
    shutil.copy(empty_store_file, tmp_path / "t.db")
    store = open_store(f"sqlite:///{tmp_path / 't.db'}")
    yield Shelf(store)
    store.close()


def texts(found: Found) -> list[str]:
    return [hit.text for hit in found.hits]


def test_the_passage_that_answers_comes_first(shelf: Shelf) -> None:
    library = shelf.library()
    document = shelf.document(
        library,
        "The council met on Monday in the town hall.",
        "Rents rose by 3.5 % in 2024, more than wages.",
        "The park has old trees, and the rents of the kiosks are low.",
    )
    found = shelf.find([library], "How much did the rent rise in 2024?")
    assert found.searched == 3
    assert (found.hits[0].document_id, found.hits[0].passage_number) == (document, 2)
    assert found.hits[0].document == "1.pdf"
    assert found.hits[0].score > found.hits[1].score


@pytest.mark.parametrize("language", ["de", None])
def test_a_german_compound_that_nobody_wrote_is_found_by_its_two_words(
    shelf: Shelf, language: str | None
) -> None:
    library = shelf.library()
    wanted = "Die Kündigung ist mit einer Frist von sechs Monaten möglich."
    shelf.document(library, wanted, "Die Arbeitszeit beträgt 41 Stunden.", language="de")
    assert texts(shelf.find([library], "Kündigungsfrist", language))[:1] == [wanted]
    assert texts(shelf.find([library], "Kündigungsgrund", language)) == []
    assert texts(shelf.find([library], "Kündigungsfrist", "en")) == []
    shelf.document(library, "Es gilt eine Kündigungsfrist.", language="de")
    found = texts(shelf.find([library], "Kündigungsfrist", language))
    assert found == ["Es gilt eine Kündigungsfrist."]  # what is there is what is meant


def test_nothing_is_found_where_nothing_fits(shelf: Shelf) -> None:
    library = shelf.library()
    shelf.document(library, "The council met on Monday.")
    assert shelf.find([library], "Is there a volcano?") == Found([], 1)
    assert shelf.find([library], "") == Found([], 1)
    assert shelf.find([], "council") == Found([], 0)
    with shelf.store.read() as c:
        assert find(c, [library], "council", "en", document_ids=[]) == Found([], 0)


def test_what_others_keep_is_not_found_and_changes_nothing(shelf: Shelf) -> None:
    mine = shelf.library()
    shelf.document(mine, "The bridge was closed in May.", "The tunnel was closed in May too.")
    before = shelf.find([mine], "When was the bridge closed?")
    theirs = shelf.library()
    shelf.document(theirs, *("The bridge is a secret, closed." for _ in range(50)))
    assert shelf.find([mine], "When was the bridge closed?") == before
    assert len(before.hits) == 2
    assert shelf.find([mine], "secret").hits == []


@pytest.mark.parametrize(
    ("language", "text", "asked", "question"),
    [
        ("de", "Die Häuser der Straße wurden 1990 verkauft.", "de", "Welches Haus wurde verkauft?"),
        ("fr", "Les élections municipales ont eu lieu en mars.", "fr", "élection municipale"),
        ("fr", "Les élections municipales ont eu lieu en mars.", "fr", "ELECTIONS MUNICIPALES"),
        ("es", "Las canciones se vendieron mucho.", "es", "¿Qué canción se vendió?"),
        ("it", "Le università pubbliche costano meno.", "it", "università pubblica"),
        ("de", "Angela Merkel regierte 16 Jahre.", "fr", "Qui est Angela Merkel ?"),
        ("fr", "La ville compte 1 345 596 habitants.", "en", "Which one has 1,345,596 people?"),
        ("it", "Il presidente Obama parlò.", "de", "Wann sprach Obama?"),
        (None, "Rijksoverheid contracten 2024", None, "contract rijksoverheid"),
    ],
)  # fmt: skip
def test_words_are_found_in_another_form_or_language(
    shelf: Shelf, language: str | None, text: str, asked: str | None, question: str
) -> None:
    library = shelf.library()
    shelf.document(library, text, language=language)
    shelf.document(library, "Lorem ipsum dolor sit amet.", language=None)
    assert texts(shelf.find([library], question, asked))[:1] == [text]


def test_headings_count(shelf: Shelf) -> None:
    library = shelf.library()
    shelf.document(library, "They rose by a third.", heading="Costs › Housing")
    shelf.document(library, "They fell by a third.", heading="Costs › Energy")
    assert texts(shelf.find([library], "housing costs"))[0] == "They rose by a third."


def test_what_is_not_ready_or_superseded_is_not_found(shelf: Shelf) -> None:
    library = shelf.library()
    shelf.document(library, "The bridge is being read.", is_ready=False)
    old = shelf.document(library, "The bridge is old.")
    with shelf.store.write() as c:
        passages.set_aside(c, old)
    assert shelf.find([library], "bridge").hits == []


def test_the_same_text_is_shown_once_and_documents_can_be_chosen(shelf: Shelf) -> None:
    here, there = shelf.library(), shelf.library()
    shelf.document(here, "The bridge is long.")
    wanted = shelf.document(there, "The bridge is long.", "A bridge of stone.")
    assert sorted(texts(shelf.find([here, there], "bridge"))) == [
        "A bridge of stone.",
        "The bridge is long.",
    ]
    with shelf.store.read() as c:
        found = find(c, [here, there], "bridge", "en", document_ids=[wanted])
    assert {hit.document_id for hit in found.hits} == {wanted}


def test_deleted_passages_leave_nothing_in_the_index(shelf: Shelf) -> None:
    library = shelf.library()
    document = shelf.document(library, "The bridge is long.")
    with shelf.store.write() as c:
        passages.remove(c, [document])
    with shelf.store.read() as c:
        assert not c.exec_driver_sql("SELECT * FROM passages_words_terms").all()


@pytest.mark.parametrize("question", ['"', "a OR b NEAR(", "' OR 1=1 --", "\x00", "*", "x" * 9000,
                                      " ".join(f"w{n}" for n in range(5_000))])  # fmt: skip
def test_no_question_breaks_the_search(shelf: Shelf, question: str) -> None:
    library = shelf.library()
    shelf.document(library, "The bridge is long.")
    shelf.find([library], question)


def test_a_translated_question_finds_what_its_words_do_not(shelf: Shelf) -> None:
    library = shelf.library()
    shelf.document(library, "Die Mieten stiegen stark.", language="de")
    shelf.document(library, "Die Parks sind schön.", language="de")
    question = "De combien les loyers ont-ils augmenté ?"
    assert texts(shelf.find([library], question, "fr")) == []
    with shelf.store.read() as c:
        assert languages_of(c, [library]) == {"de"}
        assert languages_of(c, [library], []) == set()
        found = find(c, [library], question, "fr", translations={"de": "Wie stiegen die Mieten?"})
    assert texts(found) == ["Die Mieten stiegen stark."]


def test_in_a_large_library_common_words_do_not_decide_what_is_looked_at() -> None:
    asked = [("report",), ("bonn",), ("rent", "rente"), ("zzz",)]
    counts = {"report": 90_000, "bonn": 40, "rent": 900, "rente": 50, "zzz": 0}
    assert search._telling(asked, counts, 100_000) == asked[1:]
    assert search._telling(asked, counts | {"report": 450}, 500) == asked  # all are looked at
    assert search._telling(asked[:2], counts, 100_000) == asked[:2]  # one word is not enough
