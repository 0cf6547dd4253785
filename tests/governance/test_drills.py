"""A drill's report, worked by hand."""

from tramontane.governance.access import AccessLine
from tramontane.governance.drills import figures, recovery_ms, report

START_MS = 1_000_000
END_MS = START_MS + 60_000


def line(
    at_ms: int,
    *,
    model: str = "large",
    status: int = 200,
    outcome: str = "ok",
    deployment: str = "b",
    total_ms: int = 100,
    cost_nano: int = 10,
) -> AccessLine:
    return AccessLine(
        at_ms, "r", model, deployment, status, outcome, 10, 5, cost_nano, total_ms // 2, total_ms
    )


def test_who_failed_is_told_from_who_was_refused_and_who_left() -> None:
    found = figures(
        [
            line(1),
            line(2, total_ms=300),
            line(3, status=503, outcome="taken_away", deployment=""),
            line(4, status=502, outcome="upstream_failed"),
            line(5, status=429, outcome="rate_limit_exceeded"),
            line(6, outcome="client_left"),
        ],
        (0, 10),
    )
    counted = (found.requests, found.answered, found.failed, found.refused, found.left)
    assert counted == (6, 2, 2, 1, 1)
    assert found.answered_share == 0.5
    assert (found.total_p50_ms, found.total_p95_ms, found.first_token_p50_ms) == (100, 300, 50)
    assert found.by_deployment == {"b": 2}


def test_recovery_is_the_end_of_the_first_failures() -> None:
    failed = {"status": 502, "outcome": "upstream_error"}
    during = [
        line(START_MS + 100, **failed),  # type: ignore[arg-type]
        line(START_MS + 900, **failed),  # type: ignore[arg-type]
        line(START_MS + 1_100),
        line(START_MS + 30_000, **failed),  # type: ignore[arg-type]
        line(START_MS + 31_000),
    ]
    assert recovery_ms(during, START_MS) == 1_000
    assert recovery_ms(during[:2], START_MS) is None
    assert recovery_ms([line(START_MS)], START_MS) == 0
    assert recovery_ms([], START_MS) == 0


def test_the_drill_stands_beside_what_was_before_and_lost_names_apart() -> None:
    lines = [
        line(START_MS - 70_000),  # longer ago than the drill took
        line(START_MS - 10, deployment="a", cost_nano=30),
        line(START_MS, cost_nano=50),
        line(START_MS + 5, model="only-a", status=503, outcome="taken_away", deployment=""),
        line(END_MS),
    ]
    found = report(
        without="provider:a",
        started_at_ms=START_MS,
        ended_at_ms=END_MS,
        lines=lines,
        taken=["a"],
        expected={"only-a": "lost", "large": "stands"},
    )
    assert (found.before.requests, found.during.requests) == (1, 2)
    assert found.during.answered_share == 0.5
    assert found.expected_to_stand.answered_share == 1.0
    assert found.recovery_ms == 0
    assert [(m.model, m.expected, m.recovery_ms) for m in found.models] == [
        ("large", "stands", 0),
        ("only-a", "lost", None),
    ]
    assert (found.before.cost_nano, found.models[0].during.cost_nano) == (30, 50)


def test_a_drill_in_which_nobody_asked_says_so() -> None:
    found = report(
        without="provider:a",
        started_at_ms=START_MS,
        ended_at_ms=END_MS,
        lines=[],
        taken=["a"],
        expected={},
    )
    assert found.during.answered_share is None and found.recovery_ms == 0 and found.models == ()
