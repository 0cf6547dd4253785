"""What a seller's title says beyond the name: which of several models is sold under it."""

from typing import Any

import pytest

from tests.catalog.test_matching import cards_of, offer, reading
from tramontane.catalog import titles
from tramontane.catalog.reading import Reading


def sold(name: str, title: str, seller: str = "seller", **given: Any) -> Reading:
    """A reseller's offer of `lab`'s model."""
    told: dict[str, Any] = {"publisher": "lab", "nearness": 2, **given}
    return reading(
        "models_dev", f"{seller}/{name}", name, facts={"name": title},
        offers=(offer(seller, name),), **told,
    )  # fmt: skip


def test_a_bare_name_is_the_model_that_its_title_names() -> None:
    known = [
        reading("helm", name, name, publisher="lab")
        for name in ("big-235b-a22b", "big-235b-a22b-instruct-2507")
    ]
    offers = [
        sold("big-235b", "Big 235B A22B Instruct 2507", "one"),
        sold("big-235b", "Lab: Big 235B A22B", "two"),
        reading(
            "litellm", "one/big-235b", "big-235b", publisher="lab", nearness=2,
            offers=(offer("one", "big-235b"),),
        ),
    ]  # fmt: skip
    found = {card.id: sorted(o.provider for o in card.offers) for card in cards_of(known + offers)}
    assert found == {"lab/big-235b-a22b": ["two"], "lab/big-235b-a22b-instruct-2507": ["one"]}


def test_a_version_that_only_titles_name_is_a_card_of_its_own() -> None:
    offers = [
        sold("small", "Small 1.1", "one"), sold("small", "Small", "two"),
        sold("small", "Small 1.1 (free)", "three"),
    ]  # fmt: skip
    found = {card.id: len(card.offers) for card in cards_of(offers)}
    assert found == {"lab/small": 1, "lab/small-1.1": 2}


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("big-8b-instruct", "Big 8B"),  # the name says more
        ("big-8b", "Big 8B 128k"),  # how long a prompt may be
        ("big-8b", "Big 8B (20% off)"),
        ("big-v1", "Big 1.0"),
        ("big:thinking", "Big Thinking"),  # how it is served
        ("big-2512", "Big 3 2512"),  # another way to count the same versions
        ("big-2025-07-28", "Big 0728"),
        ("big-latest", "Big 3.2"),  # of another day
        ("big-8b", "Nano Banana 2"),
    ],
)
def test_titles_that_say_nothing_more(name: str, title: str) -> None:
    assert titles.fuller(sold(name, title), "lab") is None


def test_the_size_alone_leads_only_to_who_describes_the_model() -> None:
    coder = sold("coder", "Coder 480B A35B")
    other = sold("coder", "Coder", "two")
    alone = [coder, other, sold("coder-480b-a35b", "Coder 480B A35B", "three")]
    assert {card.id: len(card.offers) for card in cards_of(alone)} == {
        "lab/coder": 2, "lab/coder-480b-a35b": 1,
    }  # fmt: skip
    at_hub = reading(
        "x",
        "c",
        "Coder-480B-A35B-Instruct",
        publisher="lab",
        repository="Lab/Coder-480B-A35B-Instruct",
    )
    found = {card.id: len(card.offers) for card in cards_of([coder, other, at_hub])}
    assert found == {"lab/coder": 1, "lab/coder-480b-a35b-instruct": 1}


def test_a_makers_moving_name_is_what_a_reseller_entitles_it() -> None:
    third = reading("helm", "deepseek/deepseek-v3", "deepseek-v3", publisher="deepseek")
    resold = sold("deepseek-chat", "DeepSeek V3", publisher="deepseek")
    own = sold("deepseek-chat", "DeepSeek V3", "deepseek", publisher="deepseek", nearness=1)
    found = {card.id: len(card.offers) for card in cards_of([third, resold, own])}
    assert found == {"deepseek/deepseek-v3": 1, "deepseek/deepseek-chat": 1}
