"""What ships to be tried: a report of our own and an openly licensed table, in five languages.

The report is made by `scripts/sample_reports.py`, the table by `scripts/sample_table.py`. This
module knows nothing of conversations or libraries.
"""

from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

Kind = Literal["report", "table"]
LANGUAGES = ("en", "fr", "de", "es", "it")
_HERE = Path(__file__).parent


class Sample(msgspec.Struct, frozen=True):
    """A file called `name`, a conversation's title, and questions that the file answers."""

    name: str
    title: str
    body: bytes
    questions: tuple[str, ...]


def sample(kind: Kind, language: str) -> Sample:
    """Return the sample in `language`, in English where there is none in it."""
    language = language if language in LANGUAGES else "en"
    texts = _texts()[kind][language]
    body = _report(language) if kind == "report" else _table(language)
    return Sample(texts["name"], texts["title"], body, tuple(texts["questions"]))


def _report(language: str) -> bytes:
    return (_HERE / f"report.{language}.pdf").read_bytes()


def _table(language: str) -> bytes:
    """Return the table with its heads in `language`: people ask for columns by their names."""
    _, _, rows = (_HERE / "model_prices.csv").read_bytes().partition(b"\n")
    return ",".join(_about_table()["heads"][language]).encode() + b"\n" + rows


@cache
def _texts() -> Any:
    return msgspec.json.decode((_HERE / "samples.json").read_bytes())


@cache
def _about_table() -> Any:
    return msgspec.json.decode((_HERE / "model_prices.json").read_bytes())
