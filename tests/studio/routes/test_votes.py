"""Votes over the API: kept for the project, summed up for who belongs to it."""

from typing import Any

import pytest

from tests.studio.conftest import Studio, Tenant
from tests.studio.people import person


def vote(project_id: str, **changes: Any) -> dict[str, Any]:
    """A vote that is right, but for `changes`."""
    return {"project_id": project_id, "models": ["large", "small"], "winner": "large", **changes}


def test_votes_are_kept_and_summed_up(studio: Studio, ours: Tenant, theirs: Tenant) -> None:
    nina, eve = person(studio, "nina", ours.project), person(studio, "eve", theirs.project)
    given = {
        "is_blind": True,
        "prompt_sha256": "ab" * 32,
        "prompt_characters": 12,
        "language": "fr",
        "figures": {"large": {"first_token_ms": 80, "tokens_per_s": 31.5, "cost": "0.0015"}},
    }
    first = nina.call("POST", "/api/v1/votes", json=vote(ours.project.id, **given))
    assert first.status == 201
    assert first.json["summary"] == [
        {"model": "large", "comparisons": 1, "wins": 1, "ties": 0, "none_good": 0},
        {"model": "small", "comparisons": 1, "wins": 0, "ties": 0, "none_good": 0},
    ]
    none_good = vote(ours.project.id, winner=None, none_good=True)
    for body in (vote(ours.project.id, winner=None), none_good):
        assert nina.call("POST", "/api/v1/votes", json=body).status == 201
    three = vote(ours.project.id, models=["large", "small", "guide"], winner="guide")
    assert nina.call("POST", "/api/v1/votes", json=three).status == 201
    assert eve.call("POST", "/api/v1/votes", json=vote(theirs.project.id)).status == 201

    def sums(query: str, key: str | None) -> dict[str, tuple[int, ...]]:
        path = f"/api/v1/votes/summary{query}"
        answer = nina.call("GET", path) if key is None else studio.call("GET", path, key)
        return {
            row["model"]: (row["comparisons"], row["wins"], row["ties"], row["none_good"])
            for row in answer.json["data"]
        }

    two = "?models=large&models=small"
    assert sums(two, None) == {"large": (3, 1, 1, 1), "small": (3, 0, 1, 1)}
    assert sums("", None) == {
        "guide": (1, 1, 0, 0),
        "large": (4, 1, 1, 1),
        "small": (4, 0, 1, 1),
    }
    assert sums(two, theirs.read)["large"] == (1, 1, 0, 0)
    assert sums(two, ours.operator)["large"] == (4, 2, 1, 1)
    assert sums(f"{two}&project_id=theirs", ours.operator)["large"] == (1, 1, 0, 0)
    assert sums("?models=unheard-of", None) == {"unheard-of": (0, 0, 0, 0)}


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"models": ["large"]}, "models"),
        ({"models": ["large", "large"]}, "models"),
        ({"models": ["a", "b", "c", "d", "e"]}, "models"),
        ({"models": ["large", ""]}, "models"),
        ({"winner": "other"}, "winner"),
        ({"none_good": True}, "none_good"),
        ({"prompt_sha256": "the prompt itself"}, "prompt_sha256"),
        ({"prompt": "the prompt itself"}, "prompt"),
        ({"language": "xx"}, "language"),
        ({"figures": {"other": {}}}, "figures"),
        ({"figures": {"large": {"cost": "cheap"}}}, "figures.large.cost"),
    ],
)
def test_a_wrong_vote_is_not_kept(
    studio: Studio, ours: Tenant, changes: dict[str, Any], param: str
) -> None:
    nina = person(studio, "nina", ours.project)
    answer = nina.call("POST", "/api/v1/votes", json=vote(ours.project.id, **changes))
    assert answer.status == 400, answer.body
    assert answer.error["param"] == param
    assert nina.call("GET", "/api/v1/votes/summary").json["data"] == []
