"""The questions the guide is measured on, and how its answers are counted.

`questions/LANGUAGE.tsv` holds, line by line, whether the question may be used in development
("dev") or is only counted ("held"), the pages that answer it ("-": none, the honest answer is that
it does not know), and the question.
"""

import re
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Literal, NamedTuple

from tramontane import guide

FOLDER = Path(__file__).parent / "questions"
TODAY = date(2026, 11, 22)

Part = Literal["development", "held out"]
Outcome = Literal["right", "wrong page", "did not know", "honest", "made up"]


class Question(NamedTuple):
    """A question with the pages that answer it; empty where none does."""

    text: str
    pages: frozenset[str]


def read(language: str, part: Part) -> list[Question]:
    """Return one half of a language's questions."""
    found = []
    for line in (FOLDER / f"{language}.tsv").read_text(encoding="utf-8").splitlines():
        which, expected, text = line.split("\t")
        if which == ("dev" if part == "development" else "held"):
            found.append(Question(text, frozenset(expected.split(",")) - {"-"}))
    return found


def ask(question: str) -> str:
    """Return the guide's answer to somebody of whom nothing is known."""
    context = guide.Context(today=TODAY)
    pieces = guide.answer([guide.Message("user", question)], context)
    return "".join(piece.text for piece in pieces if isinstance(piece, guide.Piece))


def judge(question: Question, language: str) -> Outcome:
    """Return what became of one question."""
    said = ask(question.text)
    if "](/docs/" in said and ("\n> " in said or "**" in said):
        found = re.search(r"\]\(/docs/([a-z]{2})/([a-z-]+)", said)
        assert found is not None
        if not question.pages:
            return "made up"
        is_right = found[1] == language and found[2] in question.pages
        return "right" if is_right else "wrong page"
    return "did not know" if question.pages else "honest"


def count(language: str, part: Part) -> Counter[Outcome]:
    """Return how many questions came out how."""
    return Counter(judge(question, language) for question in read(language, part))
