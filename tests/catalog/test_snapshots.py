"""Dates tell models apart where one name has several."""

from typing import Any

from tests.catalog.test_matching import cards_of, offer, reading
from tramontane.catalog.reading import Reading


def dated(source: str, name: str, **given: Any) -> Reading:
    return reading(source, f"lab/{name}", name, **{"publisher": "lab", **given})


def ids(*readings: Reading) -> dict[str, int]:
    """The cards, with how many records each is made of."""
    return {card.id: len(card.aliases) for card in cards_of(list(readings))}


def named(source: str, name: str, **given: Any) -> Reading:
    return dated(source, name, aliases=(f"{source}:{name}",), **given)


def test_the_only_date_of_a_model_says_nothing() -> None:
    assert ids(named("a", "big-4-20250805"), named("b", "big-4")) == {"lab/big-4": 2}


def test_each_of_several_is_a_model_and_so_is_the_name_without() -> None:
    found = ids(
        named("a", "big-2024-05-13"), named("a", "big-2024-11-20"), named("b", "big@20241120"),
        named("b", "big"),
    )  # fmt: skip
    assert found == {"lab/big-2024-05-13": 1, "lab/big-2024-11-20": 2, "lab/big": 1}


def test_days_apart_are_one_and_weeks_where_no_source_knows_both() -> None:
    assert ids(named("a", "big-2026-04-23"), named("a", "big-2026-04-24")) == {"lab/big": 2}
    assert ids(named("a", "big-2025-11-01"), named("b", "big-2025-11-24")) == {"lab/big": 2}
    both = ids(named("a", "big-2025-07-14"), named("a", "big-2025-07-28"))
    assert both == {"lab/big-2025-07-14": 1, "lab/big-2025-07-28": 1}


def test_none_is_older_than_the_model() -> None:
    released = named("a", "big", facts={"released_on": "2025-02-19"})
    found = ids(released, named("b", "big-20240620"), named("c", "big-20250219"))
    assert found == {"lab/big": 3}


def test_an_offer_that_names_no_publisher_may_be_a_snapshot_of_a_known_model() -> None:
    model = named("a", "big")
    sold = [
        reading(
            "s", day, f"big-{day}", is_certain=False, names=(("lab", f"big-{day}"),),
            aliases=(day,), offers=(offer("seller", day),),
        )
        for day in ("2024-10-01", "2024-12-17")
    ]  # fmt: skip
    found = ids(model, *sold)
    assert found == {"lab/big": 1, "lab/big-2024-10-01": 1, "lab/big-2024-12-17": 1}
