"""The made set: every false quote and number is marked, and no true one is."""

from collections import Counter
from collections.abc import Sequence

import pytest

from tests.assistant.lies import Case, Statement, cases
from tramontane.assistant.checking import checked
from tramontane.store.messages import Check, Part, SourcesPart, TextPart


def wrong(case: Case, spans: Sequence[tuple[int, int]], checks: Sequence[Check]) -> list[Statement]:
    """Return the statements that were judged otherwise than they are."""
    found = []
    for statement, (start, end) in zip(case.statements, spans, strict=True):
        about = [c for c in checks if c.kind == statement.kind and start <= c.start < end]
        is_marked = any(check.verdict == "unproven" for check in about)
        if not about or is_marked == statement.is_true:
            found.append(statement)
    return found


def judged(rounds: int) -> tuple[Counter[str], list[Statement]]:
    """Return how many statements there are of each sort, and those that were judged wrongly."""
    counts: Counter[str] = Counter()
    failed = []
    for case in cases(rounds):
        text, spans = case.answer()
        sources = SourcesPart(tuple(each.source for each in case.shown), 2)
        parts: list[Part] = [sources, *case.results, TextPart(text)]
        found = checked(parts, case.shown, "", case.language)
        assert found is not None
        failed += wrong(case, spans, found.checks)
        counts.update(f"{s.is_true} {s.kind}" for s in case.statements)
    return counts, failed


@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_every_lie_is_marked_and_nothing_true(rounds: int) -> None:
    counts, failed = judged(rounds)
    assert not failed, [(each.how, each.text) for each in failed[:10]]
    assert min(counts.values()) >= 60 * rounds, counts
