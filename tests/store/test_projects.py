"""Projects: names, limits, closing, and the revision that gateways poll."""

import msgspec
import pytest

from tramontane.config import LimitDefaults
from tramontane.errors import Conflict, InvalidRequest, NotFound
from tramontane.store import projects
from tramontane.store.database import Store


def test_a_project_starts_with_the_default_limits(store: Store) -> None:
    with store.write() as c:
        made = projects.create(c, name="research", defaults=LimitDefaults(), now_ms=7)
    assert (made.requests_per_minute, made.tokens_per_minute) == (1_000, 400_000)
    assert (made.allowed_models, made.closed_reason, made.created_at_ms) == (None, None, 7)
    with store.read() as c:
        assert projects.list_all(c) == [made]
        assert projects.get(c, "research") == projects.get(c, made.id) == made


@pytest.mark.parametrize(
    "name", ["", "Upper", "with space", "-first", ".x", "a/b", "é", "a" * 65, "a\n", "prj_abc"]
)
def test_wrong_names_are_refused(store: Store, name: str) -> None:
    with pytest.raises(InvalidRequest) as caught, store.write() as c:
        projects.create(c, name=name, defaults=LimitDefaults(), now_ms=1)
    assert caught.value.param == "name"


@pytest.mark.parametrize("name", ["a", "0", "a.b_c-d", "a" * 64])
def test_right_names_are_taken_once(store: Store, name: str) -> None:
    with store.write() as c:
        projects.create(c, name=name, defaults=LimitDefaults(), now_ms=1)
    with pytest.raises(Conflict), store.write() as c:
        projects.create(c, name=name, defaults=LimitDefaults(), now_ms=1)


def test_an_unknown_project_comes_with_the_nearest_names(store: Store) -> None:
    with store.write() as c:
        projects.create(c, name="research", defaults=LimitDefaults(), now_ms=1)
        with pytest.raises(NotFound, match="did you mean research"):
            projects.get(c, "reserch")


def test_changes_are_kept_and_nothing_else_changes(store: Store) -> None:
    with store.write() as c:
        made = projects.create(c, name="one", defaults=LimitDefaults(), now_ms=1)
        other = projects.create(c, name="two", defaults=LimitDefaults(), now_ms=1)
        changed = projects.update(
            c, made.id, name="uno", tokens_per_minute=5, allowed_models=["b", "a", "b"]
        )
    expected = msgspec.structs.replace(
        made, name="uno", tokens_per_minute=5, allowed_models=("a", "b")
    )
    assert changed == expected
    with store.read() as c:
        assert projects.list_all(c) == [other, expected]
    with store.write() as c:
        assert projects.update(c, made.id, allowed_models=None).allowed_models is None
        assert projects.update(c, made.id, name="uno").name == "uno"
        with pytest.raises(Conflict):
            projects.update(c, made.id, name="two")
        for wrong in (0, -1, 10**13):
            with pytest.raises(InvalidRequest):
                projects.update(c, made.id, requests_per_minute=wrong)
        with pytest.raises(InvalidRequest):
            projects.update(c, made.id, allowed_models=["with space"])


def test_closing_and_opening(store: Store) -> None:
    with store.write() as c:
        made = projects.create(c, name="one", defaults=LimitDefaults(), now_ms=1)
        assert projects.close(c, made.id, "unpaid").closed_reason == "unpaid"
        assert projects.get(c, made.id).closed_reason == "unpaid"
        with pytest.raises(InvalidRequest):
            projects.close(c, made.id, " ")
        assert projects.open(c, made.id).closed_reason is None


def test_every_change_moves_the_revision_and_no_read_does(store: Store) -> None:
    seen = [store.revision()]
    with store.write() as c:
        made = projects.create(c, name="one", defaults=LimitDefaults(), now_ms=1)
    seen.append(store.revision())
    with store.write() as c:
        projects.update(c, made.id, tokens_per_minute=5)
    seen.append(store.revision())
    with store.write() as c:
        projects.close(c, made.id, "unpaid")
    seen.append(store.revision())
    with store.write() as c:
        projects.open(c, made.id)
    seen.append(store.revision())
    assert seen == sorted(set(seen))
    with store.write() as c:
        projects.list_all(c)
        projects.update(c, made.id)
    assert store.revision() == seen[-1]
