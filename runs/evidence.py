"""Fits the weights with which the guide chooses a sentence: `python runs/evidence.py DATA`.

DATA is a file of questions with their passages and answers (JSON lines, also .xz): of each line are
read `lang`, `article`, `context`, `question`, `answers`. The passages of one language become a
library, an article a document; each question is searched for as the product does it, and the
weights are fitted so that the sentences with the answer get most of the probability among all that
were found (a softmax per question). A second, logistic fit tells whether an answer is there at all:
against the same questions with their article left out. The threshold keeps KEPT of those that have
an answer. Writes `src/tramontane/guide/evidence.json`; needs numpy; takes about ten minutes.
"""

import argparse
import lzma
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tramontane.config import Settings
from tramontane.documents.search import Hit, find, indexed
from tramontane.guide import evidence
from tramontane.store import documents, libraries, passages, projects
from tramontane.store.database import Store, migrate, open_store
from tramontane.store.passages import StoredPassage

SEED = 20261122
MOST_PER_LANGUAGE = 2_000
KEPT = 0.93
OPEN = -1.5
PENALTY = 1e-3
STEPS = 400
NOW_MS = 1_800_000_000_000
OUT = Path(__file__).parent.parent / "src" / "tramontane" / "guide" / "evidence.json"
Numbers = NDArray[np.float64]


class Question(msgspec.Struct):
    """A line of the data; an answer may be empty where a translation lost it."""

    lang: str
    article: int
    context: str
    question: str
    answers: list[str]


def read(path: Path) -> list[Question]:
    raw = path.read_bytes()
    text = lzma.decompress(raw) if path.suffix == ".xz" else raw
    found = [msgspec.json.decode(line, type=Question) for line in text.splitlines()]
    for question in found:
        question.answers = [answer for answer in question.answers if answer.strip()]
    return [question for question in found if question.answers]


def fill(store: Store, questions: list[Question], language: str) -> tuple[str, dict[int, str]]:
    """Return a library of the passages, and the document of each article."""
    articles: dict[int, dict[str, None]] = {}
    for each in questions:
        if each.lang == language:
            articles.setdefault(each.article, {})[each.context] = None
    with store.write() as c:
        name = f"evidence-{language}"
        limits = Settings().limits
        project = projects.create(c, name=name, defaults=limits, now_ms=NOW_MS)
        library = libraries.create(c, project_id=project.id, name=name, now_ms=NOW_MS).id
    made = {}
    for article, texts in articles.items():
        made[article] = _document(store, library, article, list(texts), language)
    return library, made


def _document(store: Store, library: str, article: int, texts: list[str], language: str) -> str:
    with store.write() as c:
        sha256 = f"{article:064x}"
        document, _ = documents.add(
            c, library_id=library, member_id=None, name=f"{article}.txt", sha256=sha256,
            size_bytes=1, now_ms=NOW_MS,
        )  # fmt: skip
        claimed = documents.claim(c, NOW_MS, 60_000, [document.id])
        assert claimed is not None
        rows = (
            StoredPassage(
                document_id=document.id, number=number, page=1, kind="text", heading="",
                text=text, language=language, boxes=b"",
            )
            for number, text in enumerate(texts, 1)
        )  # fmt: skip
        passages.add(c, library, ((row, indexed("", row.text, language)) for row in rows))
        documents.finish(c, claimed, language=language, notes=[], now_ms=NOW_MS)
    return document.id


def holds(hit: Hit, sentence: evidence.Sentence, question: Question) -> bool:
    """Whether the sentence is of the right passage and has an answer in it."""
    text = hit.text[sentence.start : sentence.end]
    return hit.text == question.context and any(answer in text for answer in question.answers)


def fit_score(groups: list[tuple[Numbers, NDArray[np.bool_]]]) -> Numbers:
    """Return the weights that make the right sentences likely among those of each question."""
    groups = [(x, y) for x, y in groups if y.any()]
    x = np.concatenate([one for one, _ in groups])
    y = np.concatenate([one for _, one in groups])
    sizes = np.array([len(one) for _, one in groups])
    starts, of = np.cumsum(sizes) - sizes, np.repeat(np.arange(len(sizes)), sizes)

    def gradient(w: Numbers) -> Numbers:
        z = x @ w
        e = np.exp(z - np.maximum.reduceat(z, starts)[of])
        p = e / np.add.reduceat(e, starts)[of]
        right = e * y
        q = right / np.add.reduceat(right, starts)[of]
        slope: Numbers = x.T @ (p - q) / len(sizes) + PENALTY * w
        return slope

    return _descend(gradient, x.shape[1])


def fit_certainty(x: Numbers, y: NDArray[np.bool_]) -> Numbers:
    """Return the weights, the last of them the bias, of a logistic regression."""
    x = np.hstack([x, np.ones((len(x), 1))])

    def gradient(w: Numbers) -> Numbers:
        slope: Numbers = x.T @ (1 / (1 + np.exp(-x @ w)) - y) / len(x) + PENALTY * w
        return slope

    return _descend(gradient, x.shape[1])


def _descend(gradient: Any, size: int, rate: float = 0.05) -> Numbers:
    """Adam (Kingma and Ba, 2015), over everything at once."""
    w, m, v = np.zeros(size), np.zeros(size), np.zeros(size)
    for step in range(1, STEPS + 1):
        g = gradient(w)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        w -= rate * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
    return w


class Case(msgspec.Struct):
    """What was found for a question: the sentences, and which of them are right."""

    sentences: list[evidence.Sentence]
    right: list[bool]


def cases(store: Store, questions: list[Question], language: str) -> Iterator[tuple[Case, Case]]:
    """Yield what is found for each question, and what without its article."""
    library, made = fill(store, questions, language)
    asked = [each for each in questions if each.lang == language]
    random.Random(SEED).shuffle(asked)
    for question in asked[:MOST_PER_LANGUAGE]:
        rest = [id_ for article, id_ in made.items() if article != question.article]
        found = []
        for only in (None, rest):
            with store.read() as c:
                hits = find(c, [library], question.question, language, document_ids=only).hits
            sentences = evidence.described(question.question, hits, language)
            right = [holds(hits[each.passage], each, question) for each in sentences]
            found.append(Case(sentences, right))
        yield found[0], found[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    questions = read(parser.parse_args().data)
    with_it: list[Case] = []
    without: list[Case] = []
    with tempfile.TemporaryDirectory() as folder:
        migrate(f"sqlite:///{folder}/t.db")
        store = open_store(f"sqlite:///{folder}/t.db")
        for language in sorted({question.lang for question in questions}):
            for there, missing in cases(store, questions, language):
                with_it.append(there)
                without.append(missing)
            print(language, len(with_it), flush=True)
        store.close()
    score = fit_score([(_features(case), np.array(case.right)) for case in with_it if case.right])
    known = np.array([_certain(case, score) for case in with_it if case.sentences])
    unknown = np.array([_certain(case, score) for case in without if case.sentences])
    is_known = np.arange(len(known) + len(unknown)) < len(known)
    certainty = fit_certainty(np.concatenate([known, unknown]), is_known)
    found = 1 / (1 + np.exp(-(known @ certainty[:-1] + certainty[-1])))
    false = 1 / (1 + np.exp(-(unknown @ certainty[:-1] + certainty[-1])))
    threshold = float(np.quantile(found, 1 - KEPT))
    for kept in (0.85, 0.9, 0.93, 0.95, 0.97):
        at = np.quantile(found, 1 - kept)
        print(f"keeping {kept:.0%}: certainty {at:.3f}, {np.mean(false >= at):.1%} made up")
    named = _named(evidence.FEATURES, score)
    weights = evidence.Weights(
        {**named, "heading": named["before"], "open": OPEN},  # the data has no headings
        _named(evidence.CERTAINTIES, certainty),
        round(float(certainty[-1]), 4),
        round(threshold, 4),
    )
    OUT.write_bytes(msgspec.json.format(msgspec.json.encode(weights), indent=2) + b"\n")


def _features(case: Case) -> Numbers:
    return np.array([sentence.features for sentence in case.sentences], dtype=np.float64)


def _certain(case: Case, score: Numbers) -> list[float]:
    best = case.sentences[int(np.argmax(_features(case) @ score))]
    value = evidence.certain(best)
    return [value[name] for name in evidence.CERTAINTIES]


def _named(names: tuple[str, ...], values: Numbers) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in zip(names, values, strict=False)}


if __name__ == "__main__":
    main()
