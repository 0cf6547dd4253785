"""Drills in the store: one at a time, and an end that needs nobody."""

import pytest

from tramontane.errors import Conflict, InvalidRequest, NotFound
from tramontane.store import drills
from tramontane.store.database import Store
from tramontane.store.opening import picture

NOW_MS = 1_700_000_000_000
FOR_MS = 600_000


def begun(store: Store, now_ms: int = NOW_MS) -> str:
    with store.write() as c:
        return drills.start(c, without="provider:mistral", for_ms=FOR_MS, now_ms=now_ms).id


def test_a_running_drill_is_in_the_picture_and_raises_the_revision(store: Store) -> None:
    before = store.revision()
    drill_id = begun(store)
    assert store.revision() > before
    assert [d.id for d in picture(store).drills] == [drill_id]


def test_only_one_runs_at_a_time(store: Store) -> None:
    begun(store)
    with pytest.raises(Conflict, match="provider:mistral"):
        begun(store, NOW_MS + FOR_MS - 1)
    begun(store, NOW_MS + FOR_MS)  # the first one's time has passed


def test_it_ends_at_its_time_and_not_before(store: Store) -> None:
    drill_id = begun(store)
    with store.write() as c:
        drills.end_due(c, NOW_MS + FOR_MS - 1)
        assert drills.running(c)
        drills.end_due(c, NOW_MS + FOR_MS + 700)
        assert drills.get(c, drill_id).ended_at_ms == NOW_MS + FOR_MS
    assert picture(store).drills == ()


def test_ending_it_early_says_when_and_twice_is_once(store: Store) -> None:
    drill_id = begun(store)
    with store.write() as c:
        assert drills.end(c, drill_id, NOW_MS + 1_000).ended_at_ms == NOW_MS + 1_000
        assert drills.end(c, drill_id, NOW_MS + 9_000).ended_at_ms == NOW_MS + 1_000


def test_a_clock_set_back_ends_it(store: Store) -> None:
    begun(store)
    with store.write() as c:
        drills.end_due(c, NOW_MS - 3_600_000)
        (drill,) = drills.list_all(c)
    assert drill.ended_at_ms == drill.started_at_ms


@pytest.mark.parametrize("for_ms", [0, 4_999, 24 * 3_600_000 + 1])
def test_its_length_has_bounds(store: Store, for_ms: int) -> None:
    with store.write() as c, pytest.raises(InvalidRequest):
        drills.start(c, without="provider:mistral", for_ms=for_ms, now_ms=NOW_MS)


def test_a_report_is_kept_without_a_new_revision(store: Store) -> None:
    drill_id = begun(store)
    before = store.revision()
    with store.write() as c:
        drills.keep_report(c, drill_id, b"{}")
        assert drills.get(c, drill_id).report == b"{}"
    assert store.revision() == before


def test_an_unknown_drill_is_named(store: Store) -> None:
    with store.read() as c, pytest.raises(NotFound, match="drl_x"):
        drills.get(c, "drl_x")
