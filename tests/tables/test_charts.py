"""Which chart a result gets, by its types; none where it would say nothing."""

from typing import Any

import pytest

from tramontane.store.messages import ResultColumn
from tramontane.tables.charts import MOST_CATEGORIES, chart


def columns(**types: str) -> list[ResultColumn]:
    return [ResultColumn(name, kind) for name, kind in types.items()]


def drawn(rows: list[tuple[Any, ...]], language: str = "en", **types: str) -> dict[str, Any]:
    found = chart(columns(**types), rows, language)
    assert found is not None
    return found


def test_a_single_number_has_no_chart() -> None:
    assert chart(columns(n="number"), [(5,)]) is None
    assert chart(columns(a="number", b="number"), [(5, 6)]) is None
    assert chart(columns(city="text", n="number"), [("Lyon", 5)]) is None
    assert chart(columns(city="text", name="text"), [("Lyon", "a"), ("Paris", "b")]) is None
    assert chart([], []) is None


def test_time_is_a_line_and_says_its_peak() -> None:
    rows = [("2023-01-01", 5), ("2023-02-01", 9.5), ("2023-03-01", 7)]
    spec = drawn(rows, "fr", mois="date", ventes="number")
    assert spec["mark"]["type"] == "line"
    assert spec["encoding"]["x"]["type"] == "temporal"
    assert spec["encoding"]["y"]["title"] == "ventes"
    assert spec["title"] == "ventes : maximum en février 2023 (9,5)"
    assert "data" not in spec


def test_years_are_a_line_of_years() -> None:
    spec = drawn([(2021, 5), (2022, 9)], year="number", n="number")
    assert spec["mark"]["type"] == "line"
    assert spec["encoding"]["x"]["type"] == "ordinal"
    assert spec["title"] == "n: highest in 2022 (9)"


def test_two_numbers_are_points() -> None:
    assert drawn([(1.5, 2), (3, 4)], x="number", y="number")["mark"]["type"] == "point"


def test_categories_are_sorted_bars_and_the_title_says_only_what_is_so() -> None:
    spec = drawn([("Lyon", 5), ("Paris", 9)], "de", Stadt="text", Umsatz="number")
    assert spec["mark"]["type"] == "bar"
    assert spec["encoding"]["y"]["sort"] == "-x"
    assert spec["title"] == "Umsatz: am höchsten bei Paris (9)"
    tied = drawn([("Lyon", 9), ("Paris", 9)], "de", Stadt="text", Umsatz="number")
    assert tied["title"] == "Stadt · Umsatz"
    cut = chart(columns(city="text", n="number"), [("a", 1), ("b", 2)], is_truncated=True)
    assert cut is not None and cut["title"] == "city · n"


def test_too_many_categories_are_cut_to_the_largest_and_it_is_said() -> None:
    rows = [(f"c{n}", n) for n in range(MOST_CATEGORIES + 30)]
    spec = drawn(rows, city="text", n="number")
    assert spec["transform"][1] == {"filter": f"datum.__rank <= {MOST_CATEGORIES}"}
    assert spec["encoding"]["y"]["title"] == "city (50 largest of 80)"


def test_shares_of_a_whole_are_one_stacked_bar() -> None:
    spec = chart(
        [ResultColumn("city", "text"), ResultColumn("Share in %", "number")],
        [("Lyon", 60.0), ("Paris", 40.0)],
    )
    assert spec is not None and spec["encoding"]["x"]["stack"] == "zero"
    assert "y" not in spec["encoding"]


def test_two_categories_are_grouped() -> None:
    rows = [("Lyon", "a", 1), ("Lyon", "b", 2), ("Paris", "a", 3)]
    spec = drawn(rows, city="text", kind="text", n="number")
    assert spec["encoding"]["color"]["field"] == "kind"


def test_rows_with_the_same_category_twice_are_not_added_up_in_secret() -> None:
    assert chart(columns(city="text", n="number"), [("Lyon", 1), ("Lyon", 2)]) is None


def test_names_with_dots_and_brackets_are_fields_not_paths() -> None:
    spec = chart(
        [ResultColumn("a.b", "text"), ResultColumn("x[0]", "number")], [("p", 1), ("q", 2)]
    )
    assert spec is not None
    assert spec["encoding"]["y"]["field"] == "a\\.b"
    assert spec["encoding"]["x"]["field"] == "x\\[0\\]"


@pytest.mark.parametrize("odd", [None, float("nan"), float("inf")])
def test_odd_numbers_break_nothing(odd: float | None) -> None:
    chart(columns(city="text", n="number"), [("Lyon", odd), ("Paris", 2)])
    chart(columns(d="date", n="number"), [("2023-01-01", odd), (None, 2)])
    chart(columns(y="number", n="number"), [(odd, odd), (2020, 2)])
