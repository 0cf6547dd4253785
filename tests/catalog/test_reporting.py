"""The page on the sources says what the packed catalogue holds."""

import csv
from pathlib import Path

from tests.catalog.excerpt import DATA
from tramontane.catalog import packing, reporting

PAGE = Path(__file__).parents[2] / "docs" / "catalogue-sources.md"


def test_the_page_is_up_to_date() -> None:
    with (DATA.parent / "matching_judged.tsv").open(newline="") as lines:
        judged = list(csv.DictReader(lines, delimiter="\t"))
    tables = reporting.tables(packing.load(), judged)
    page = PAGE.read_text()
    for name in tables:
        assert f"<!-- table {name} -->" in page
    assert reporting.filled(page, tables) == page, "fill it anew: make catalogue"


def test_a_page_without_marks_stays_as_it_is() -> None:
    assert reporting.filled("plain", {"totals": "x"}) == "plain"
    page = "a\n<!-- table totals -->\nold\n<!-- end -->\nb"
    assert reporting.filled(page, {"totals": "new"}) == page.replace("old", "new")
