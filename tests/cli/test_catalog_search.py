"""`tramontane catalog search|show|compare|sources`, as a person types them."""

import shutil
from pathlib import Path

import pytest

from tests.catalog.making import SOURCES, card, offer
from tests.cli.ran import Run
from tramontane.catalog.packing import pack
from tramontane.datafolder import DataFolder

LARGE = card(
    "acme/large",
    openness="closed",
    name="Large",
    context_tokens=200_000,
    kind="chat",
    languages=["en", "it"],
    offers=(
        offer("seller", "2", "8", jurisdiction="EU", cached_input_per_mtok="0.2"),
        offer("other", "1", "1", currency="CNY"),
    ),
)
SMALL = card(
    "free/small-7b",
    openness="open_weights",
    name="Small 7B",
    parameters=7_000_000_000,
    context_tokens=32_768,
    languages=["it"],
    licence="Apache-2.0",
    publisher="Free, Inc.",
    offers=(offer("seller", "0.1", "0.3"),),
)
SILENT = card("nobody/silent", name="Silent")


@pytest.fixture(autouse=True)
def catalogue(data_dir: Path, empty_store_file: Path) -> None:
    """A platform with a catalogue of three models, as an update leaves it."""
    DataFolder(data_dir).prepare()
    shutil.copy(empty_store_file, DataFolder(data_dir).database)
    pack([LARGE, SMALL, SILENT], SOURCES, "2026-08-01", DataFolder(data_dir).catalogue)


def test_open_italian_32k_under_a_price(run: Run) -> None:
    asked = ["--open", "--language", "italiano", "--min-context", "32k", "--max-price", "1 USD"]
    found = run("catalog", "search", *asked, "--json").json
    assert [model["id"] for model in found["data"]] == ["free/small-7b"]
    assert found["data"][0]["price"]["amount"] == "0.15"
    shown = run("catalog", "search", *asked).out
    assert "free/small-7b" in shown and "0.15 USD" in shown and "7B" in shown
    assert "1 to 1 of 1. Prices: the cheapest offer above zero" in shown
    assert "in USD per million tokens, mixed 3:1" in shown


def test_words_and_orders(run: Run) -> None:
    def ids(*arguments: str) -> list[str]:
        return [each["id"] for each in run("catalog", "search", *arguments, "--json").json["data"]]

    assert ids() == ["free/small-7b", "acme/large", "nobody/silent"]
    assert ids("smal", "7b") == ["free/small-7b"]
    assert ids("--sort", "context") == ["acme/large", "free/small-7b", "nobody/silent"]
    assert ids("--publisher", "Free, Inc.") == ["free/small-7b"]
    assert ids("--jurisdiction", "eu", "--limit", "1") == ["acme/large"]
    assert ids("--mix", "1:0:9", "--max-price", "0.4") == ["free/small-7b", "acme/large"]
    assert ids("--mix", "1:0:9", "--sort", "price") == ids("--mix", "1:0:9")
    assert ids("--price-in", "1", "--price-out", "0", "--max-price", "0.5") == ["free/small-7b"]


def test_nothing_found_says_what_is_near(run: Run) -> None:
    shown = run("catalog", "search", "--licence", "apach-2").out
    assert "no model has all of that" in shown
    assert "no model has the licence 'apach-2'; the nearest: Apache-2.0" in shown
    assert "No exchange rate for CNY" in shown


def test_slips_are_explained(run: Run) -> None:
    for arguments, said in (
        (("search", "--sort", "prize"), "Did you mean price?"),
        (("search", "--max-price", "1 EUR"), "exchange_rates"),
        (("search", "--mix", "3"), "IN:OUT"),
        (("show", "nobody/none"), "search for it"),
        (("compare", "acme/large"), "2 to 6 different models"),
    ):
        ran = run("catalog", *arguments)
        assert ran.status == 1 and said in ran.err, ran


def test_a_card_with_its_sources(run: Run) -> None:
    shown = run("catalog", "show", "acme/large").out
    assert "context tokens" in shown and "200,000" in shown and "2026-08-01" in shown
    assert "Unknown, of what the EU AI Act asks for: training data summary" in shown
    assert "seller" in shown and "3.50 USD" in shown and "1.00 CNY" in shown
    view = run("catalog", "show", "acme/large", "--mix", "1:0", "--json").json
    assert [each["price"]["amount"] for each in view["offers"]] == ["2.00", "1.00"]


def test_side_by_side(run: Run) -> None:
    shown = run("catalog", "compare", "acme/large", "free/small-7b", "--mix", "1:1").out
    assert "0.20 USD (best)" in shown and "200,000 (best)" in shown
    assert "openness *" in shown and "Unknown of all: publisher country" in shown
    found = run("catalog", "compare", "acme/large", "nobody/silent", "--json").json
    assert found["prices"][1] is None


def test_sources(run: Run) -> None:
    shown = run("catalog", "sources").out
    assert "2026-08-01" in shown and "3 models, 3 offers, built on 2026-08-01" in shown
    found = run("catalog", "sources", "--json").json
    known = {each["field"]: each["known"] for each in found["completeness"]}
    assert (known["name"], known["licence"], known["paper"]) == (3, 1, 0)


def test_without_a_platform_the_packages_cards_are_shown(
    bare: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRAMONTANE_DATA", str(tmp_path / "nowhere"))
    found = bare("catalog", "search", "mistral", "--json").json
    assert found["total"] > 10
    assert not (tmp_path / "nowhere").exists()
