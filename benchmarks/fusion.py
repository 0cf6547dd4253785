"""What vectors add to the search by words: `python benchmarks/fusion.py QUESTIONS CORPUS…`.

No model for embeddings is at hand, so a small one is made here of the corpus (JSON lines with lang
and text), by random indexing (Kanerva, Kristofersson and Holst, 2000): a word is the sum of the
random vectors of the passages that hold it, a text that of its words, by their rarity. Nobody would
deploy it; it shows whether the fusion does harm, and what a poor second opinion is worth. Recall of
the search by words, by vectors alone, and of both, on questions that were not in the corpus; then
how long the nearest of `--passages` vectors of 384 numbers take to find.
"""

import argparse
import collections
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.retrieval import Library, Question, _compare, _cut, _rate, lines, read
from tramontane.documents.search import find
from tramontane.documents.vectors import Vector, nearest, packed
from tramontane.documents.wordindex import scope
from tramontane.store import vectors
from tramontane.store.database import Store, migrate, open_store
from tramontane.text.stems import stems

DIMENSIONS = 384
TRAINED_ON = 12_000
SEED = 20261122
MODEL = "random-indexing"
Floats = np.ndarray[tuple[int], np.dtype[np.float32]]


class Meaning:
    """Vectors of texts in one language, made of the company that words keep."""

    def __init__(self, texts: Sequence[str], language: str) -> None:
        rng = np.random.default_rng(SEED)
        self._language = language
        self._words: dict[str, Floats] = {}
        held: collections.Counter[str] = collections.Counter()
        for text in texts:
            sign = rng.choice((-1.0, 1.0), DIMENSIONS).astype(np.float32)
            for word in set(stems(text, language)):
                held[word] += 1
                self._words[word] = self._words[word] + sign if word in self._words else sign.copy()
        for word, vector in self._words.items():
            rarity = math.log(len(texts) / held[word])
            self._words[word] = vector * np.float32(rarity / (np.linalg.norm(vector) + 1e-9))

    def of(self, text: str) -> list[float]:
        """Return the vector of a text; any direction where no word of it is known."""
        found = [self._words[word] for word in stems(text, self._language) if word in self._words]
        whole = np.sum(found, axis=0) if found else np.ones(DIMENSIONS)
        return [float(value) for value in whole] if np.any(whole) else [1.0] * DIMENSIONS


def _taught(path: Path) -> tuple[str, list[str]]:
    texts: list[str] = []
    language = ""
    for line in lines(path):
        given = msgspec.json.decode(line)
        language = given["lang"]
        texts += _cut(given["text"])
        if len(texts) >= TRAINED_ON:
            break
    return language, texts[:TRAINED_ON]


def compare(store: Store, path: Path, asked: Sequence[Question]) -> None:
    """Print what is found by words, by vectors, and by both."""
    language, texts = _taught(path)
    mine = [each for each in asked if each.lang == language]
    if not mine:
        return
    meaning = Meaning(texts, language)
    library = Library(store, f"fusion-{language}")
    articles: dict[int, dict[str, None]] = {}
    for each in mine:
        articles.setdefault(each.article, {})[each.context] = None
    for contexts in articles.values():
        library.add(contexts, language)
        document = library.homes[next(iter(contexts))]
        with store.write() as c:
            vectors.put(c, document, MODEL, 1, [packed(meaning.of(text)) for text in contexts])
    words: list[bool] = []
    near: list[bool] = []
    both: list[bool] = []
    for each in mine:
        vector = Vector(MODEL, packed(meaning.of(each.question)))
        with store.read() as c:
            by_words = find(c, [library.id], each.question, language, 5).hits
            by_vector = find(c, [library.id], "", language, 5, vector=vector).hits
            by_both = find(c, [library.id], each.question, language, 5, vector=vector).hits
        for kept, hits in ((words, by_words), (near, by_vector), (both, by_both)):
            kept.append(each.context in [hit.text for hit in hits])
    print(f"\n{language}: {len(mine)} questions, {len({e.context for e in mine})} passages")
    print(f"  vectors alone {_rate(near)}")
    _compare("fused", both, words)


def speed(store: Store, count: int) -> None:
    """Print how long the nearest of `count` vectors take."""
    library = Library(store, "speed")
    library.add([f"text {n}" for n in range(count)], "en")
    rng = np.random.default_rng(SEED)
    document = library.homes["text 0"]
    rows = rng.standard_normal((count, DIMENSIONS)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    halves = rows.astype("<f2")
    for begin in range(0, count, 64):
        with store.write() as c:
            some = [row.tobytes() for row in halves[begin : begin + 64]]
            vectors.put(c, document, MODEL, begin + 1, some)
    where = scope([library.id])
    assert where is not None
    took = []
    for row in rows[:40]:
        begun = time.perf_counter()
        with store.read() as c:
            nearest(c, where, Vector(MODEL, row.astype("<f2").tobytes()), 60)
        took.append(1_000 * (time.perf_counter() - begun))
    print(
        f"\nnearest of {count}: p50 {statistics.median(took):.0f} ms, most {max(took):.0f} ms;"
        f" load {os.getloadavg()[0]:.1f}"
    )


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("questions", type=Path)
    parser.add_argument("corpus", type=Path, nargs="+")
    parser.add_argument("--passages", type=int, default=100_000)
    args = parser.parse_args()
    asked = read(args.questions)
    with tempfile.TemporaryDirectory() as folder:
        migrate(f"sqlite:///{folder}/t.db")
        store = open_store(f"sqlite:///{folder}/t.db")
        for path in args.corpus:
            compare(store, path, asked)
        speed(store, args.passages)
        store.close()


if __name__ == "__main__":
    main()
