"""The questions that the samples offer are answered, and rightly: by the guide alone, offline."""

import csv
import io
import re
import statistics
import time
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.platform import run_platform
from tests.studio.screenshots import Client
from tramontane import samples
from tramontane.guide.conversation import ColumnFacts, TableFacts
from tramontane.guide.tables import Asked, ask

TYPES = ("text", "text", "text", "date", "number", "number", "number", "truth", "truth")
SQL_TYPES = {"text": "VARCHAR", "date": "DATE", "number": "DECIMAL(18, 6)", "truth": "BOOLEAN"}
# What the report's sentences that answer the first three questions hold, in any language, and what
# the list does that answers the last.
FIGURES = (r"1[., \N{NO-BREAK SPACE}]000", r"4[.,]6", r"146")
LISTED = r"(?s)> 1\. .*4[.,]6.*> 2\. .*1[.,]7.*> 3\. .*97.*> 4\. .*0[.,]33"
REACHED_WITH = "50"


def rows_of(language: str) -> tuple[list[str], list[list[str]]]:
    head, *rows = csv.reader(io.StringIO(samples.sample("table", language).body.decode()))
    return head, rows


def facts_of(language: str) -> TableFacts:
    head, rows = rows_of(language)
    columns = []
    for at, (title, kind) in enumerate(zip(head, TYPES, strict=True)):
        values = sorted({row[at] for row in rows if row[at]})
        ends = (values[0], values[-1]) if kind == "date" else (None, None)
        some = tuple(values[:40]) if kind == "text" else ()
        made: dict[str, Any] = {"type": kind, "minimum": ends[0], "maximum": ends[1]}
        columns.append(ColumnFacts(name=f"c{at}", title=title, values=some, **made))
    return TableFacts(name="prices", title="Prices", row_count=len(rows), columns=tuple(columns))


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The table, in a database in memory."""
    path = tmp_path_factory.mktemp("prices") / "prices.csv"
    path.write_bytes(samples.sample("table", "en").body)
    columns = ", ".join(f"'c{at}': '{SQL_TYPES[kind]}'" for at, kind in enumerate(TYPES))
    connection = duckdb.connect(":memory:")
    source = f"read_csv('{path}', skip = 1, header = false, columns = {{{columns}}})"
    connection.execute(f"CREATE TABLE prices AS SELECT * FROM {source}")
    yield connection
    connection.close()


def highest_averages(rows: list[list[str]]) -> list[tuple[str, float]]:
    of: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        of[row[0]].append(float(row[5]))
    means = [(provider, statistics.fmean(values)) for provider, values in of.items()]
    return sorted(means, key=lambda pair: (-pair[1], pair[0]))[:10]


@pytest.mark.parametrize("language", samples.LANGUAGES)
def test_the_questions_to_the_table(prices: Any, language: str) -> None:
    _, rows = rows_of("en")
    facts = facts_of(language)
    found = []
    for question in samples.sample("table", language).questions:
        asked = ask(question, (), [facts], language)
        assert isinstance(asked, Asked), question
        found.append(prices.execute(asked.sql).fetchall())
    highest, months, share, median = found
    assert [row[0] for row in highest] == [provider for provider, _ in highest_averages(rows)]
    assert float(highest[0][1]) == pytest.approx(highest_averages(rows)[0][1])
    of_months = defaultdict(set)
    for row in rows:
        of_months[row[3][:7]].add(row[1])
    assert [(str(m)[:7], n) for m, n in months] == [
        (month, len(of_months[month])) for month in sorted(of_months)
    ]
    opened = [row for row in rows if row[7] == "true"]
    assert float(share[0][0]) == pytest.approx(100 * len(opened) / len(rows))
    assert Decimal(median[0][0]) == statistics.median([Decimal(row[5]) for row in opened])


@pytest.mark.parametrize("language", samples.LANGUAGES)
def test_each_question_after_any_others_is_answered_as_alone(language: str) -> None:
    facts = facts_of(language)
    questions = samples.sample("table", language).questions
    for question in questions:
        alone = ask(question, (), [facts], language)
        for earlier in [*((one,) for one in questions), questions]:
            assert ask(question, earlier, [facts], language) == alone, (question, earlier)


@pytest.mark.slow
def test_the_questions_to_the_report(tmp_path: Path) -> None:
    with run_platform(tmp_path / "data") as platform:
        client = Client(platform.address)
        assert platform.sign_in is not None
        client.accept(platform.sign_in, name="Ada Keller", email="ada@example.org")
        project = client.ask("GET", "/session")["projects"][0]["id"]
        for language in samples.LANGUAGES:
            client.ask("PATCH", "/me", {"language": language})
            body = {"sample": "report", "project_id": project, "language": language}
            made = client.ask("POST", "/samples", body)
            last = None
            *questions, of_goals = made["questions"]
            for question, figure in zip(questions, FIGURES, strict=True):
                last, text = answered(client, made, question, last)
                bold = re.search(r"\*\*.?[“«„].*?\*\*", text)
                assert bold is not None and re.search(figure, bold[0]), (question, text)
            _, text = answered(client, made, of_goals, last)
            assert re.search(LISTED, text) and REACHED_WITH not in text, text


def answered(client: Client, made: Any, question: str, after: str | None) -> tuple[str, str]:
    """Return the identifier of the answer to `question`, and its text."""
    path = f"/conversations/{made['conversation_id']}"
    first = [made["document_id"]] if after is None else []
    body = {"text": question, "client_id": question, "parent_id": after, "attachments": first}
    client.ask("POST", f"{path}/messages", body)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        last = client.ask("GET", path)["messages"][-1]
        if last["role"] == "assistant" and last["status"] not in ("queued", "running"):
            texts = [part["text"] for part in last["parts"] if part["type"] == "text"]
            return last["id"], "\n\n".join(texts)
        time.sleep(0.1)
    raise AssertionError(f"no answer to {question!r}")
