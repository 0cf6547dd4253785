"""Budgets: one per owner and window, replaced by setting it again."""

import pytest

from tramontane.config import LimitDefaults
from tramontane.errors import InvalidRequest, NotFound
from tramontane.store import budgets, keys, projects
from tramontane.store.database import Store


def test_setting_replaces_and_clearing_removes(store: Store) -> None:
    with store.write() as c:
        one = projects.create(c, name="one", defaults=LimitDefaults(), now_ms=1)
        two = projects.create(c, name="two", defaults=LimitDefaults(), now_ms=1)
        key, _ = keys.create(c, bytes(32), project_id=one.id, name="k", now_ms=1)
        budgets.set(c, project_id=one.id, window="day", limit_nano=5)
        day = budgets.set(c, project_id="one", window="day", limit_nano=7)
        month = budgets.set(c, project_id=one.id, window="month", limit_nano=0)
        of_key = budgets.set(c, project_id=one.id, key_id=key.id, window="day", limit_nano=3)
        budgets.set(c, project_id=two.id, window="total", limit_nano=9)
    with store.read() as c:
        assert budgets.list_all(c, (one.id,)) == [day, month, of_key]
        assert len(budgets.list_all(c)) == 4
    revision = store.revision()
    with store.write() as c:
        assert budgets.set(c, project_id=one.id, window="day", limit_nano=None) is None
        assert budgets.list_all(c, (one.id,)) == [month, of_key]
    assert store.revision() == revision + 1


def test_wrong_budgets_are_refused(store: Store) -> None:
    with store.write() as c:
        one = projects.create(c, name="one", defaults=LimitDefaults(), now_ms=1)
        two = projects.create(c, name="two", defaults=LimitDefaults(), now_ms=1)
        key, _ = keys.create(c, bytes(32), project_id=two.id, name="k", now_ms=1)
        with pytest.raises(InvalidRequest, match="no key of one"):
            budgets.set(c, project_id=one.id, key_id=key.id, window="day", limit_nano=1)
        for limit_nano in (-1, 2**63):
            with pytest.raises(InvalidRequest, match="zero or more"):
                budgets.set(c, project_id=one.id, window="day", limit_nano=limit_nano)
        with pytest.raises(InvalidRequest, match="window"):
            budgets.set(c, project_id=one.id, window="week", limit_nano=1)  # type: ignore[arg-type]
        with pytest.raises(NotFound):
            budgets.set(c, project_id="three", window="day", limit_nano=1)
