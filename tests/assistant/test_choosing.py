"""Which model answers where nobody has chosen one."""

from typing import Any

import pytest

from tramontane.assistant.choosing import best_model
from tramontane.assistant.served import Served
from tramontane.money import Price


def served(**facts: Any) -> Served:
    known: dict[str, Any] = {"deployment": "d", "models": (), "kind": "remote", "price": Price()}
    return Served(**(known | facts))


GUIDE = served(kind="guide", is_capable=False)
DEMO = served(kind="local", is_demonstration=True)
SHORT = served(kind="local", is_capable=False, state="asleep")
LARGE = served(price=Price(5, 5))
ASLEEP = served(kind="local", state="asleep")
GONE = served(state="failed")
STARTING = served(state="starting")
UNSTATED = served(price=Price(is_known=False))


@pytest.mark.parametrize(
    ("models", "preferred", "best"),
    [
        ({}, None, ""),
        ({"demo": DEMO, "guide": GUIDE}, None, "guide"),
        ({"a": SHORT, "guide": GUIDE}, "a", "guide"),
        ({"a": STARTING, "guide": GUIDE}, "a", "guide"),
        ({"a": SHORT, "b": STARTING}, None, "b"),
        ({"a": GONE, "b": SHORT}, "a", "b"),
        ({"guide": GUIDE, "large": LARGE}, "guide", "large"),
        ({"a": LARGE, "own": served(price=Price(9, 9))}, "own", "own"),
        ({"a": ASLEEP, "large": LARGE}, None, "large"),
        ({"a": ASLEEP, "large": LARGE}, "a", "a"),
        ({"a": UNSTATED, "large": LARGE}, None, "large"),
        ({"a": LARGE, "b": served(price=Price(4, 5))}, None, "b"),
        ({"b": LARGE, "a": LARGE}, None, "a"),
    ],
)
def test_the_best_model(models: dict[str, Served], preferred: str | None, best: str) -> None:
    assert best_model(models, preferred) == best
