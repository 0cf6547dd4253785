"""What the search of documents finds, and how fast: `python benchmarks/retrieval.py --help`.

`quality QUESTIONS [--haystack QUESTIONS]` asks questions whose passage and answer are known (JSON
lines, also .xz, with lang, article, context, question, answers): recall@5 and how often the first
extract holds the answer, against plain BM25 without stems and the sentence that shares most words
with the question; 95 % intervals by bootstrap. `across QUESTIONS` asks in one language for passages
in another. `handbook FOLDER` asks the guide's own questions of the handbook, in French too. `speed
QUESTIONS CORPUS…` fills a store with passages of texts (JSON lines with lang and text) and asks the
same questions: medians, 99th percentiles, memory, and tantivy's beside them where it is installed.
"""

import argparse
import collections
import lzma
import math
import os
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tramontane.config import Settings
from tramontane.documents.search import Hit, find, indexed
from tramontane.guide import evidence, extracts
from tramontane.guide.conversation import SourceText
from tramontane.handbook import pages
from tramontane.store import documents, libraries, passages, projects
from tramontane.store.database import Store, migrate, open_store
from tramontane.store.passages import StoredPassage
from tramontane.text.sentences import sentences
from tramontane.text.stems import variants

SEED = 20261122
BOOTSTRAPS = 2_000
K1, B = 1.2, 0.75
PASSAGE_CHARACTERS = 900
AT_ONCE = 2_000
NOW_MS = 1_800_000_000_000
_WORD = re.compile(r"\w+")


class Question(msgspec.Struct):
    """A question with the passage that it was written for."""

    lang: str
    article: int
    context: str
    question: str
    answers: list[str]
    id: str = ""


def lines(path: Path) -> Iterator[bytes]:
    opener: Callable[..., Any] = lzma.open if path.suffix == ".xz" else open
    with opener(path, "rb") as file:
        yield from file


def read(path: Path) -> list[Question]:
    found = [msgspec.json.decode(line, type=Question) for line in lines(path)]
    for question in found:
        question.answers = [answer for answer in question.answers if answer.strip()]
    return [question for question in found if question.answers]


class Library:
    """A library in a store of its own, filled document by document."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._count = 0
        self.homes: dict[str, str] = {}
        """The document of each text."""
        with store.write() as c:
            project = projects.create(c, name=name, defaults=Settings().limits, now_ms=NOW_MS)
            self.id = libraries.create(c, project_id=project.id, name=name, now_ms=NOW_MS).id

    def add(self, texts: Collection[str], language: str) -> None:
        """Keep a document of these passages."""
        self._count += 1
        with self._store.write() as c:
            document, _ = documents.add(
                c, library_id=self.id, member_id=None, name=f"{self._count}.txt",
                sha256=f"{self._count:064x}", size_bytes=1, now_ms=NOW_MS,
            )  # fmt: skip
            claimed = documents.claim(c, NOW_MS, 60_000, [document.id])
            assert claimed is not None
            rows = (
                StoredPassage(
                    document_id=document.id, number=number, page=number, kind="text", heading="",
                    text=text, language=language, boxes=b"",
                )
                for number, text in enumerate(texts, 1)
            )  # fmt: skip
            passages.add(c, self.id, ((row, indexed("", row.text, language)) for row in rows))
            documents.finish(c, claimed, language=language, notes=[], now_ms=NOW_MS)
        self.homes |= dict.fromkeys(texts, document.id)


class Plain:
    """BM25 over words as they stand, and the sentence that shares most of them: what is beaten."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        words = [_plain_words(text) for text in texts]
        self._lengths = [len(each) for each in words]
        self._mean = sum(self._lengths) / len(words)
        self._lists: dict[str, list[tuple[int, int]]] = collections.defaultdict(list)
        for at, each in enumerate(words):
            for word, count in collections.Counter(each).items():
                self._lists[word].append((at, count))

    def find(self, question: str, limit: int) -> list[str]:
        scores: dict[int, float] = collections.defaultdict(float)
        for word in set(_plain_words(question)):
            held = self._lists.get(word, [])
            rare = math.log(1 + (len(self._texts) - len(held) + 0.5) / (len(held) + 0.5))
            for at, count in held:
                norm = K1 * (1 - B + B * self._lengths[at] / self._mean)
                scores[at] += rare * count * (K1 + 1) / (count + norm)
        best = sorted(scores, key=lambda at: (-scores[at], at))[:limit]
        return [self._texts[at] for at in best]

    def sentence(self, question: str, language: str) -> tuple[str, str]:
        """Return the best passage, and of it the sentence that shares most words."""
        found = self.find(question, 1)
        if not found:
            return "", ""
        asked = set(_plain_words(question))
        split = [found[0][start:end] for start, end in sentences(found[0], language)]
        return found[0], max(split, key=lambda one: len(asked.intersection(_plain_words(one))))


def _plain_words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def quality(args: argparse.Namespace) -> None:
    """Print recall@5 and the rate of right sentences by language, with intervals."""
    asked = read(args.questions)
    known = asked + [each for path in args.haystack for each in read(path)]
    with tempfile.TemporaryDirectory() as folder:
        migrate(f"sqlite:///{folder}/t.db")
        store = open_store(f"sqlite:///{folder}/t.db")
        for language in sorted({each.lang for each in asked}):
            articles: dict[int, dict[str, None]] = {}
            for each in known:
                if each.lang == language:
                    articles.setdefault(each.article, {})[each.context] = None
            library = Library(store, f"quality-{language}")
            for texts in articles.values():
                library.add(texts, language)
            plain = Plain([text for texts in articles.values() for text in texts])
            mine = [each for each in asked if each.lang == language]
            rows = [_judged(store, library, plain, each) for each in mine]
            size = sum(len(texts) for texts in articles.values())
            print(f"\n{language}: {len(mine)} questions, {size} passages")
            _compare("recall@5", [row[0] for row in rows], [row[1] for row in rows])
            _compare("sentence", [row[2] for row in rows], [row[3] for row in rows])
            print(f"  one of the extracts   {_rate([row[4] for row in rows])}")
            print(f"  said not to be there  {_rate([row[5] for row in rows])}")
            absent = [_is_refused(store, library, each) for each in mine if len(articles) > 1]
            print(f"  the same without its article: said not to be there {_rate(absent)}")
        store.close()


def _judged(store: Store, library: Library, plain: Plain, asked: Question) -> list[bool]:
    with store.read() as c:
        hits = find(c, [library.id], asked.question, asked.lang).hits
    shown = extracts.choose(asked.question, [_source(hit) for hit in hits], asked.lang)
    right = [_is_right(asked, hits[s.passage].text, s) for s in shown]
    where, sentence = plain.sentence(asked.question, asked.lang)
    return [
        asked.context in [hit.text for hit in hits[:5]],
        asked.context in plain.find(asked.question, 5),
        bool(right) and right[0],
        where == asked.context and any(answer in sentence for answer in asked.answers),
        any(right),
        not shown,
    ]


def _is_refused(store: Store, library: Library, asked: Question) -> bool:
    """Whether nothing is said where the article that has the answer is left out."""
    others = {*library.homes.values()} - {library.homes[asked.context]}
    with store.read() as c:
        hits = find(c, [library.id], asked.question, asked.lang, document_ids=others).hits
    return not extracts.choose(asked.question, [_source(hit) for hit in hits], asked.lang)


def _source(hit: Hit) -> SourceText:
    return SourceText(
        number=1, document=hit.document, page=hit.page, text=hit.text, language=hit.language
    )


def _is_right(asked: Question, text: str, sentence: evidence.Sentence) -> bool:
    said = text[sentence.start : sentence.end]
    return text == asked.context and any(answer in said for answer in asked.answers)


def _compare(name: str, ours: list[bool], plain: list[bool]) -> None:
    difference = [one - other for one, other in zip(ours, plain, strict=True)]
    low, high = _interval(difference)
    gain = 100 * statistics.mean(difference)
    print(
        f"  {name:10} ours {_rate(ours)}   plain {_rate(plain)}"
        f"   difference {gain:+.1f} ({low:+.1f} to {high:+.1f})"
    )


def _rate(hits: Sequence[float]) -> str:
    if not hits:
        return "-"
    low, high = _interval(hits)
    return f"{100 * statistics.mean(hits):.1f} % ({low:.1f} to {high:.1f})"


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of the mean in per cent, by bootstrap over questions."""
    rng = random.Random(SEED)
    means = sorted(
        100 * sum(rng.choices(values, k=len(values))) / len(values) for _ in range(BOOTSTRAPS)
    )
    return means[int(0.025 * BOOTSTRAPS)], means[int(0.975 * BOOTSTRAPS)]


def across(args: argparse.Namespace) -> None:
    """Print recall@5 where the question is in another language than the passages.

    Questions with the same identifier are translations of each other, as in XQuAD.
    """
    asked = read(args.questions)
    by_id: dict[str, dict[str, Question]] = collections.defaultdict(dict)
    for each in asked:
        by_id[each.id][each.lang] = each
    with tempfile.TemporaryDirectory() as folder:
        migrate(f"sqlite:///{folder}/t.db")
        store = open_store(f"sqlite:///{folder}/t.db")
        for there in sorted({each.lang for each in asked}):
            library = Library(store, f"across-{there}")
            texts = dict.fromkeys(each.context for each in asked if each.lang == there)
            library.add(texts, there)
            plain = Plain(list(texts))
            for here in sorted({each.lang for each in asked} - {there}):
                pairs = [of for of in by_id.values() if here in of and there in of]
                if not pairs:
                    continue
                print(f"\n{here} asks {there}: {len(pairs)} questions, {len(texts)} passages")
                rows = [_across(store, library, plain, of[here], of[there]) for of in pairs]
                _compare("recall@5", [row[0] for row in rows], [row[2] for row in rows])
                _compare("translated", [row[1] for row in rows], [row[2] for row in rows])
        store.close()


def _across(
    store: Store, library: Library, plain: Plain, asked: Question, same: Question
) -> list[bool]:
    """Return whether the passage is found as it is asked, and with a perfect translation."""
    with store.read() as c:
        found = [
            find(c, [library.id], asked.question, asked.lang, 5, translations=translations).hits
            for translations in ({}, {same.lang: same.question})
        ]
    hits = [any(hit.text == same.context for hit in each) for each in found]
    return [*hits, same.context in plain.find(asked.question, 5)]


def handbook(args: argparse.Namespace) -> None:
    """Print recall@5 of the handbook's pages, for which there are questions in French too."""
    with tempfile.TemporaryDirectory() as folder:
        migrate(f"sqlite:///{folder}/t.db")
        store = open_store(f"sqlite:///{folder}/t.db")
        for file in sorted(args.questions.glob("*.tsv")):
            language = file.stem
            library = Library(store, f"handbook-{language}")
            texts: dict[str, str] = {}
            for page in pages(language):
                sections = [f"{one.title}\n\n{one.text}" for one in page.sections]
                texts |= dict.fromkeys(sections, page.slug)
                library.add(sections, language)
            plain = Plain(list(texts))
            ours, others = [], []
            for line in file.read_text(encoding="utf-8").splitlines():
                _, expected, question = line.split("\t")
                if expected == "-":
                    continue
                wanted = set(expected.split(","))
                with store.read() as c:
                    hits = find(c, [library.id], question, language).hits[:5]
                ours.append(any(texts[hit.text] in wanted for hit in hits))
                others.append(any(texts[text] in wanted for text in plain.find(question, 5)))
            print(f"\n{language}: {len(ours)} questions, {len(texts)} sections")
            _compare("recall@5", ours, others)
        store.close()


def speed(args: argparse.Namespace) -> None:
    """Print how long searches take among `--passages` passages, ours and tantivy's."""
    with tempfile.TemporaryDirectory() as folder:
        path = args.keep or Path(folder) / "t.db"
        is_new = not path.exists()
        migrate(f"sqlite:///{path}")
        store = open_store(f"sqlite:///{path}")
        if is_new:
            begun = time.process_time()
            _fill(store, args.corpus, args.passages)
            print(f"filled in {time.process_time() - begun:.0f} s of CPU")
        with store.read() as c:
            library = c.exec_driver_sql("SELECT id FROM libraries").scalar_one()
            size = c.exec_driver_sql("SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'passages_w%'")
            print(
                f"index {size.scalar_one() / 1e6:.0f} MB, store {path.stat().st_size / 1e6:.0f} MB"
            )
        asked = [(each.question, each.lang) for each in read(args.questions)]
        random.Random(SEED).shuffle(asked)
        asked = asked[: args.searches]
        before = _resident_mb()

        def ours(question: str, language: str) -> int:
            with store.read() as c:
                return len(find(c, [library], question, language).hits)

        _timed("tramontane", ours, asked)
        print(f"resident {before:.0f} MB before, {_resident_mb():.0f} MB after")
        print(f"load average {os.getloadavg()}")
        try:
            import tantivy  # type: ignore[import-not-found]
        except ImportError:
            print("tantivy: not installed")
        else:
            _timed("tantivy", _tantivy(tantivy, store), asked)
        store.close()


def _fill(store: Store, corpus: Sequence[Path], count: int) -> None:
    library = Library(store, "speed")
    for path in corpus:
        texts: list[str] = []
        left, language = count // len(corpus), ""
        for line in lines(path):
            given = msgspec.json.decode(line)
            texts += _cut(given["text"])
            language = given["lang"]
            if len(texts) >= min(left, AT_ONCE):
                library.add(texts[:left], language)
                left -= len(texts[:left])
                texts = []
            if left <= 0:
                break


def _cut(text: str) -> Iterator[str]:
    """Yield passages of whole sentences."""
    begin = 0
    for _, end in sentences(text):
        if end - begin >= PASSAGE_CHARACTERS:
            yield text[begin:end].strip()
            begin = end
    if text[begin:].strip():
        yield text[begin:].strip()


def _timed(name: str, search: Callable[[str, str], int], asked: Sequence[tuple[str, str]]) -> None:
    for question, language in asked[:30]:
        search(question, language)
    took, cpu, found = [], time.process_time(), 0
    for question, language in asked:
        begun = time.perf_counter()
        found += search(question, language)
        took.append(1_000 * (time.perf_counter() - begun))
    cpu = 1_000 * (time.process_time() - cpu) / len(asked)
    p99 = statistics.quantiles(took, n=100)[98]
    print(
        f"{name}: {len(asked)} searches, p50 {statistics.median(took):.1f} ms, p99 {p99:.1f} ms,"
        f" CPU {cpu:.1f} ms each, {found} hits"
    )


def _tantivy(tantivy: Any, store: Store) -> Callable[[str, str], int]:
    """Return a search of the same stems in an index of tantivy's, in memory."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("stems", stored=False, tokenizer_name="whitespace")
    builder.add_text_field("text", stored=True, tokenizer_name="raw", index_option="basic")
    schema = builder.build()
    index = tantivy.Index(schema)
    writer = index.writer(100_000_000, 1)
    with store.read() as c:
        for stems, text in c.exec_driver_sql("SELECT stems, text FROM passages"):
            writer.add_document(tantivy.Document(stems=stems, text=text))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()
    others = ("de", "en", "es", "fr", "it")

    def search(question: str, language: str) -> int:
        terms = [stem for group in variants(question, language, others) for stem in group]
        of = [(tantivy.Occur.Should, tantivy.Query.term_query(schema, "stems", t)) for t in terms]
        hits = searcher.search(tantivy.Query.boolean_query(of), 60).hits
        return len([searcher.doc(address)["text"] for _, address in hits][:8])

    return search


def _resident_mb() -> float:
    import psutil

    return float(psutil.Process().memory_info().rss) / 1e6


def main() -> None:
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("quality")
    one.add_argument("questions", type=Path)
    one.add_argument("--haystack", type=Path, nargs="*", default=[])
    one.set_defaults(run=quality)
    four = commands.add_parser("across")
    four.add_argument("questions", type=Path)
    four.set_defaults(run=across)
    three = commands.add_parser("handbook")
    three.add_argument("questions", type=Path, help="the folder tests/guide/questions")
    three.set_defaults(run=handbook)
    two = commands.add_parser("speed")
    two.add_argument("questions", type=Path)
    two.add_argument("corpus", type=Path, nargs="+")
    two.add_argument("--passages", type=int, default=100_000)
    two.add_argument("--searches", type=int, default=500)
    two.add_argument("--keep", type=Path, help="a store to fill, or filled before")
    two.set_defaults(run=speed)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
