"""Files become tables: types, notes, names; nothing is lost in silence."""

import datetime as dt
import io
import json
import sqlite3
from pathlib import Path

import openpyxl
import pytest

from tests.tables.conftest import Ask, Load
from tramontane.errors import InvalidRequest
from tramontane.tables.load import Loaded, LoadLimits, load
from tramontane.tables.profile import ColumnProfile


def columns(table: Loaded) -> dict[str, ColumnProfile]:
    return {column.name: column for column in table.columns}


def codes(table: Loaded) -> set[str]:
    return {note.code for note in table.notes}


def test_a_german_table_in_windows_1252(loading: Load, ask: Ask) -> None:
    text = (
        "Region;Umsatz 2024;Datum;Anteil;Aktiv\r\n"
        "Nord;1.234,50 €;12.03.2024;12,5 %;ja\r\n"
        "Süd;99,00 €;01.04.2024;7 %;nein\r\n"
        "Ost;n/a;02.05.2024;8,25 %;ja\r\n"
    )
    (table,) = loading(text.encode("cp1252"), "Umsätze 2024.csv")
    assert (table.name, table.title, table.row_count) == ("umsatze_2024", "Umsätze 2024", 3)
    found = columns(table)
    assert [column.type for column in table.columns] == [
        "text",
        "number",
        "date",
        "number",
        "truth",
    ]
    assert (found["umsatz_2024"].unit, found["anteil"].unit) == ("€", "%")
    assert found["umsatz_2024"].nulls == 1
    assert codes(table) == {"encoding", "no_value"}
    answer = ask("SELECT sum(umsatz_2024), max(datum), min(anteil) FROM umsatze_2024", table.name)
    assert answer.rows == ((1333.5, "2024-05-02", 7),)


NUMBERS = {
    "comma": (["1.234,5", "99,25", "-7,00"], ["1234.5", "99.25", "-7"]),
    "point": (["1,234.5", "99.25", "-7.00"], ["1234.5", "99.25", "-7"]),
    "space": (["1 234,5", "99,25", "−7,00"], ["1234.5", "99.25", "-7"]),
    "narrow": (["1\u202f234,5", "99,25", "7,00-"], ["1234.5", "99.25", "-7"]),
    "swiss": (["1'234.5", "99.25", "(7.00)"], ["1234.5", "99.25", "-7"]),
    "curly": (["1’234.5", "99.25", "CHF 7"], None),
    "currency": (["$1,234.50", "$99.25", "-$7"], ["1234.5", "99.25", "-7"]),
    "behind": (["1.234,50 EUR", "99,25 EUR", "-7 EUR"], ["1234.5", "99.25", "-7"]),
    "percent": (["1,5 %", "99,25%", "-7 %"], ["1.5", "99.25", "-7"]),
    "unit": (["12.5 kg", "99 kg", "-7 kg"], ["12.5", "99", "-7"]),
    "exponent": (["1.5e3", "2E-1", "7"], ["1500", "0.2", "7"]),
    "leading": (["00123", "00456", "12"], None),
    "thousands": (["1.234.567", "2.000", "3.500"], ["1234567", "2000", "3500"]),
}


def test_numbers_of_five_languages(reading: Load, ask: Ask) -> None:
    head = "\t".join(f"c {form}" for form in NUMBERS)
    rows = ["\t".join(written[n] for written, _ in NUMBERS.values()) for n in range(3)]
    (table,) = reading("\n".join([head, *rows]), "data.tsv")
    answer = ask("SELECT * FROM data")
    for n, (form, (written, values)) in enumerate(NUMBERS.items()):
        cells = [row[n] for row in answer.rows]
        if values is None:
            assert (table.columns[n].type, cells) == ("text", written), form
        else:
            assert table.columns[n].type == "number", (form, table.notes)
            assert [float(cell) for cell in cells] == [float(value) for value in values], form


def test_decimals_are_exact(reading: Load, ask: Ask) -> None:
    reading("n,d\n1,123456789012345678.25\n2,0.10\n3,0.20\n")
    answer = ask("SELECT d FROM data ORDER BY n")
    assert [row[0] for row in answer.rows] == ["123456789012345678.25", 0.1, 0.2]
    assert ask("SELECT sum(d) FROM data WHERE n > 1").rows == ((0.3,),)


def test_thousands_or_decimals_that_nothing_decides_are_noted(reading: Load) -> None:
    (table,) = reading("a,b\nx,1.234\ny,2.500\n")
    assert "unclear_numbers" in codes(table)
    assert columns(table)["b"].maximum == 2.5
    (table,) = reading("a;b\nx;1.234\ny;2.500\n")
    assert "unclear_numbers" in codes(table)
    assert columns(table)["b"].maximum == 2500


DATES = {
    "iso": ["2024-03-12", "2024-12-03"],
    "german": ["12.03.2024", "3.12.2024"],
    "short": ["12.03.24", "03.12.24"],
    "french": ["12 mars 2024", "3 décembre 2024"],
    "german words": ["12. März 2024", "3. Dez. 2024"],
    "spanish": ["12 de marzo de 2024", "3 de diciembre de 2024"],
    "italian": ["12 marzo 2024", "3 dicembre 2024"],
    "english": ["March 12, 2024", "Dec 3, 2024"],
    "british": ["12th March 2024", "3rd December 2024"],
    "first": ["12/03/2024", "03/12/2024"],
    "slashes": ["2024/03/12", "2024/12/03"],
}


def test_dates_of_five_languages(reading: Load, ask: Ask) -> None:
    rows = ["\t".join(written[n] for written in DATES.values()) for n in range(2)]
    (table,) = reading("\n".join(["\t".join(DATES), *rows]), "data.tsv")
    assert [column.type for column in table.columns] == ["date"] * len(DATES), table.notes
    first, second = ask("SELECT * FROM data ORDER BY 1").rows
    assert set(first) == {"2024-03-12"} and set(second) == {"2024-12-03"}
    unclear = [note.message for note in table.notes if note.code == "unclear_dates"]
    assert len(unclear) == 1 and "'12/03/2024'" in unclear[0]


def test_the_column_decides_the_order_of_day_and_month(reading: Load, ask: Ask) -> None:
    (table,) = reading("n,day\n1,03/12/2024\n2,03/25/2024\n")
    assert ask("SELECT day FROM data ORDER BY n").rows == (("2024-03-12",), ("2024-03-25",))
    assert codes(table) == {"month_first"}


def test_moments(reading: Load, ask: Ask) -> None:
    (table,) = reading(
        "n,at\n1,2024-03-12T10:30:00Z\n2,2024-03-12 10:30:00+02:00\n3,2024-03-12T23:59:59.25\n"
    )
    assert columns(table)["at"].type == "moment"
    assert "zones" in codes(table)
    found = [row[0] for row in ask("SELECT at FROM data ORDER BY n").rows]
    assert found == ["2024-03-12T10:30:00", "2024-03-12T08:30:00", "2024-03-12T23:59:59.250000"]


def test_odd_rows_are_counted_and_nothing_is_lost(reading: Load, ask: Ask) -> None:
    rows = "".join(f"{n},{n}.5,x\n" for n in range(100))
    (table,) = reading("id,amount,note\n" + rows + "100,1.5,y,too,many\n101,2.5\n\n102,oops,z\n")
    assert table.row_count == 103
    assert codes(table) == {"short_rows", "long_rows", "empty_rows", "misfits"}
    answer = ask("SELECT beyond_the_last_column FROM data WHERE id = 100")
    assert answer.rows == (("too | many",),)
    assert ask("SELECT amount, amount_as_written FROM data WHERE id = 102").rows == (
        (None, "oops"),
    )
    note = next(note for note in table.notes if note.code == "misfits")
    assert "'oops'" in note.message and "1 of 103" in note.message


def test_a_column_with_many_words_stays_text(reading: Load) -> None:
    (table,) = reading("n,v\n" + "".join(f"{n},{'x' if n % 12 == 0 else n}\n" for n in range(100)))
    assert columns(table)["v"].type == "text"


def test_names(reading: Load) -> None:
    (table,) = reading("Order,order,,Größe (cm),%,2024,naïve ½,Ελλάδα\n" + "1,2,3,4,5,6,7,8\n" * 3)
    assert [column.name for column in table.columns] == [
        "order_", "order_2", "column_3", "grosse_cm", "percent", "column_2024", "naive_1_2",
        "ελλαδα",
    ]  # fmt: skip
    assert {"unnamed_columns"} <= codes(table)


def test_above_and_total(reading: Load) -> None:
    text = "Report of 2024,,\n,,\nCountry,2023,2024\nFrance,1,2\nSpain,3,4\nTotal,4,6\n"
    (table,) = reading(text)
    assert [column.title for column in table.columns] == ["Country", "2023", "2024"]
    assert codes(table) == {"above_table", "total_row"}


def test_no_header(reading: Load) -> None:
    (table,) = reading("1,2024-01-01,5.5\n2,2024-01-02,6.5\n")
    assert table.row_count == 2
    assert [column.title for column in table.columns] == ["Column 1", "Column 2", "Column 3"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])
def test_encodings(reading: Load, ask: Ask, encoding: str) -> None:
    reading("name,n\nÉtienne,1\nJürgen,2\n".encode(encoding))
    assert ask("SELECT name FROM data ORDER BY n").rows == (("Étienne",), ("Jürgen",))


def test_mixed_encodings(reading: Load, ask: Ask) -> None:
    content = "name,n\nÉtienne,1\n".encode() + "Jürgen,2\n".encode("cp1252") + b"a\0b,3\n"
    (table,) = reading(content)
    assert {"mixed_encodings", "null_characters"} <= codes(table)
    assert ask("SELECT name FROM data ORDER BY n").rows == (("Étienne",), ("Jürgen",), ("ab",))


def test_quotes(reading: Load, ask: Ask) -> None:
    reading('n,v\n1,"a, ""b""\nc"\n2,5" pipe\n')
    assert ask("SELECT v FROM data ORDER BY n").rows == (('a, "b"\nc',), ('5" pipe',))
    (table,) = reading('n,v\n1,"a\nb"\n2,"never closed\n3,c\n' + "4,d\n" * 50)
    assert table.row_count == 53 and codes(table) == {"open_quote"}
    assert ask("SELECT v FROM data WHERE n < 4").rows == (("a\nb",), ('"never closed',), ("c",))


def workbook(fill: object) -> bytes:
    book = openpyxl.Workbook()
    fill(book)  # type: ignore[operator]
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def test_a_workbook(loading: Load, ask: Ask) -> None:
    def fill(book: openpyxl.Workbook) -> None:
        first = book.active
        assert first is not None
        first.title = "Sales"
        first.append(["Report", None, None])
        first.append(["Region", "Day", "Amount"])
        first.append(["North", dt.datetime(2024, 3, 12), 1234.5])
        first.append([None, dt.datetime(2024, 3, 13, 10, 30), 99])
        first.append(["South", dt.datetime(2024, 3, 14), -7])
        first.merge_cells("A3:A4")
        second = book.create_sheet("Über uns")
        second.append(["Product", "Q1", "Q2"])
        second.append(["x", 1, 2])
        book.create_sheet("Empty")
        wide = book.create_sheet("Years")
        wide.append([None, "2023", None, "2024", None])
        wide.append(["Region", "Q1", "Q2", "Q1", "Q2"])
        wide.append(["North", 1, 2, 3, 4])
        book.create_sheet("Wide").append([f"c{n}" for n in range(1_500)])
        wide.merge_cells("B1:C1")
        wide.merge_cells("D1:E1")

    sales, about, years = loading(workbook(fill), "book.xlsx")
    assert [sales.name, about.name, years.name] == ["sales", "uber_uns", "years"]
    assert [column.type for column in sales.columns] == ["text", "moment", "number"]
    assert codes(sales) == {"above_table", "merged_cells", "sheet_empty", "sheet_left_out"}
    answer = ask("SELECT region, count(*), sum(amount) FROM sales GROUP BY 1 ORDER BY 1", "sales")
    assert answer.rows == (("North", 2, 1333.5), ("South", 1, -7))
    assert [column.title for column in years.columns] == [
        "Region", "2023 Q1", "2023 Q2", "2024 Q1", "2024 Q2",
    ]  # fmt: skip


def test_json_in_its_forms(reading: Load, ask: Ask) -> None:
    rows = [
        {"id": 1, "name": "a", "amount": 0.1, "day": "2024-03-12", "who": {"city": "Nîmes"}},
        {"id": 2, "name": "b", "amount": 0.2, "day": "2024-03-13", "tags": ["x", "y"]},
    ]
    for content in (
        json.dumps(rows),
        "\n".join(map(json.dumps, rows)),
        json.dumps({"count": 2, "data": rows}),
    ):
        (table,) = reading(content, "data.json")
        found = columns(table)
        assert found["amount"].type == "number" and found["day"].type == "date"
        answer = ask("SELECT sum(amount), max(who_city), max(tags) FROM data")
        assert answer.rows == ((0.3, "Nîmes", '["x","y"]'),), content


def test_parquet(reading: Load, ask: Ask, tmp_path: Path) -> None:
    import duckdb

    path = tmp_path / "x.parquet"
    duckdb.execute(
        "COPY (SELECT i AS id, i * 1.5 AS \"Amount in €\", DATE '2024-01-01' + i::INT AS day,"
        " {'a': i} AS inner, now() AS at FROM range(10) t(i)) TO '" + str(path) + "'"
    )
    (table,) = reading(path.read_bytes(), "data.parquet")
    types = {column.name: column.type for column in table.columns}
    assert types == {
        "id": "number", "amount_in": "number", "day": "date", "inner_a": "number", "at": "moment",
    }  # fmt: skip
    assert ask("SELECT sum(amount_in), sum(inner_a) FROM data").rows == ((67.5, 45),)


def test_sqlite(reading: Load, ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE people (id INTEGER, born TEXT, height REAL)")
        connection.executemany(
            "INSERT INTO people VALUES (?, ?, ?)", [(1, "1980-05-01", 1.8), (2, "1990-06-02", 1.65)]
        )
        connection.execute("CREATE TABLE empty (id INTEGER)")
    connection.close()
    (table,) = reading(path.read_bytes(), "people.sqlite", "sqlite")
    assert [column.type for column in table.columns] == ["number", "date", "number"]
    assert codes(table) == {"sheet_empty"}
    assert ask("SELECT max(born), sum(height) FROM people", "people").rows == (
        ("1990-06-02", 3.45),
    )


BAD = {
    "empty": (b"", "data.csv", "empty"),
    "blank": (b"\n\n , \n", "data.csv", "empty"),
    "only a header": (b"a,b,c\n", "data.csv", "empty"),
    "no workbook": (b"PK\x03\x04nonsense", "data.xlsx", "unreadable"),
    "text as workbook": (b"hello", "data.xlsx", "unreadable"),
    "no json": (b'{"a": [1, 2', "data.json", "unreadable"),
    "no parquet": (b"PAR1xxxxPAR1", "data.parquet", "unreadable"),
    "no database": (b"SQLite format 3\0" + b"x" * 4096, "data.sqlite", "unreadable"),
    "10,000 columns": (b",".join([b"x"] * 10_000) + b"\n1,2\n", "data.csv", "wide"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_files_say_what_is_wrong(reading: Load, target: Path, case: str) -> None:
    content, name, code = BAD[case]
    with pytest.raises(InvalidRequest) as raised:
        reading(content, name)
    assert raised.value.code == code
    assert len(raised.value.message) > 10
    assert not target.exists()


def test_a_bad_file_leaves_nothing(loading: Load, target: Path) -> None:
    with pytest.raises(InvalidRequest) as raised:
        loading(b"PK\x03\x04nonsense", "data.xlsx")
    assert raised.value.code == "table_unreadable"
    assert list(target.parent.iterdir()) == []


def test_a_child_that_takes_too_long_is_ended_and_leaves_nothing(
    tmp_path: Path, target: Path
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n" + "1,2\n" * 1000)
    with pytest.raises(InvalidRequest) as raised:
        load(path, "csv", "x.csv", target, LoadLimits(timeout_s=0.01))
    assert raised.value.code == "table_timeout"
    assert list(target.parent.iterdir()) == []


def test_the_profile(reading: Load) -> None:
    rows = "".join(f"{n},{n % 3},{'ab'[n % 2]},2024-01-{n % 28 + 1:02d}\n" for n in range(200))
    (table,) = reading("n,third,letter,day\n" + rows)
    found = columns(table)
    n = found["n"]
    assert (n.minimum, n.maximum, n.mean, n.median, n.distinct) == (0, 199, 99.5, 99.5, 200)
    assert sum(bar.count for bar in n.histogram) == 200 and len(n.histogram) <= 20
    assert n.histogram[0].start == 0 and n.histogram[0].end == 10
    assert found["letter"].top == (("a", 100), ("b", 100))
    assert [(bar.start, bar.count) for bar in found["third"].histogram] == [
        (0, 67),
        (1, 67),
        (2, 66),
    ]
    assert sum(bar.count for bar in found["day"].histogram) == 200
