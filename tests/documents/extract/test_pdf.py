"""PDF: pages, words with rectangles, paragraphs, headings, tables, running lines, scans."""

import itertools
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table

from tests.documents import made
from tests.documents.reading import Reading, read, refusal
from tramontane.documents.passage import rectangles

PAGES = 40


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[Reading, list[made.Fact]]:
    path = tmp_path_factory.mktemp("pdf") / "report.pdf"
    known = made.report_pdf(path, PAGES)
    return read(path), known


Report = tuple[Reading, list[made.Fact]]


def test_each_page_is_there_with_its_fact(report: Report) -> None:
    reading, known = report
    assert (reading.began.kind, reading.began.label, reading.began.pages) == ("pdf", "page", PAGES)
    assert reading.began.title == "Report on the municipalities, in five languages"
    assert [page.page for page in reading.pages] == list(range(1, PAGES + 1))
    for fact in known:
        texts = [passage.text for passage in reading.pages[fact.page - 1].passages]
        assert sum(fact.sentence in text for text in texts) == 1, fact
    assert reading.ended.pages == PAGES


def test_words_broken_at_the_end_of_a_line_are_whole_again(report: Report) -> None:
    reading, _ = report
    texts = {language: " ".join(made.prose(language)) for language in made.LANGUAGES}
    for passage in reading.passages:
        if passage.kind in ("text", "list"):
            for paragraph in passage.text.split("\n"):
                known = [*texts.values(), *(fact.sentence for fact in report[1])]
                assert any(paragraph.rstrip("-") in text for text in known), paragraph


def test_passages_have_their_language(report: Report) -> None:
    reading, known = report
    for fact in known:
        for passage in reading.pages[fact.page - 1].passages:
            assert passage.language == fact.language, (fact, passage)
    assert reading.ended.language in made.LANGUAGES


def test_a_blank_that_kerning_hides_in_a_heading_is_there() -> None:
    with as_file(files("tramontane.samples") / "report.en.pdf") as path:
        headings = read(path).texts("heading")
    assert "9 What was not reached" in headings
    assert "8 The browser app" in headings


def test_headings_are_found_by_their_size(report: Report) -> None:
    reading, known = report
    for fact in known:
        passages = reading.pages[fact.page - 1].passages
        heading = next(p for p in passages if p.text.endswith(fact.place) and p.kind == "heading")
        assert heading.heading.startswith(made.CHAPTER[fact.language])
        body = next(p for p in passages if fact.sentence in p.text)
        assert body.heading == f"{heading.heading} › {heading.text}"


def test_tables_stay_whole(report: Report) -> None:
    reading, known = report
    for fact in known[4::5]:
        tables = [p for p in reading.pages[fact.page - 1].passages if p.kind == "table"]
        rows = [" | ".join(row) for row in made.table_rows(fact)]
        assert [table.text.split("\n") for table in tables] == [rows]
    assert len(reading.texts("table")) == PAGES // 5


def test_running_lines_are_left_out_and_noted(report: Report) -> None:
    reading, _ = report
    assert "running_lines" in reading.notes
    everything = "\n".join(reading.texts())
    assert not any(head in everything for head in made.RUNNING_HEAD.values())
    assert f"/ {PAGES}" not in everything


def test_passages_are_of_a_size_to_be_quoted(report: Report) -> None:
    reading, _ = report
    lengths = [len(p.text) for p in reading.passages if p.kind != "heading"]
    assert max(lengths) <= 1_200
    assert [p.number for p in reading.passages] == list(range(1, len(reading.passages) + 1))


def test_rectangles_are_where_the_words_are_drawn(tmp_path: Path) -> None:
    path = tmp_path / "words.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    canvas.setFont("Helvetica", 12)
    canvas.drawString(100, 700, "one remarkable word")
    canvas.save()
    (passage,) = read(path).passages
    start = passage.text.index("remarkable")
    (found,) = rectangles(passage.boxes, len(passage.text), start, start + 10)
    before = canvas.stringWidth("one ", "Helvetica", 12)
    width = canvas.stringWidth("remarkable", "Helvetica", 12)
    left, top, right, bottom = found
    assert left * A4[0] == pytest.approx(100 + before, abs=1)
    assert right * A4[0] == pytest.approx(100 + before + width, abs=1)
    assert top * A4[1] == pytest.approx(A4[1] - 700 - 12, abs=4)
    assert bottom * A4[1] == pytest.approx(A4[1] - 700, abs=4)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rectangles_of_a_turned_page_are_as_it_is_shown(tmp_path: Path, rotation: int) -> None:
    path = tmp_path / "turned.pdf"
    canvas = Canvas(str(path), pagesize=(400, 800))
    canvas.setPageRotation(rotation)
    canvas.drawString(40, 750, "corner")  # at the upper left, before it is turned
    canvas.save()
    (passage,) = read(path).passages
    ((left, top, right, bottom),) = rectangles(passage.boxes, len(passage.text))
    centre = ((left + right) / 2, (top + bottom) / 2)
    corner = {90: (1, 0), 180: (1, 1), 270: (0, 1)}[rotation]
    assert abs(centre[0] - corner[0]) < 0.2 and abs(centre[1] - corner[1]) < 0.2


def test_a_passage_over_two_lines_has_two_rectangles(report: Report) -> None:
    reading, known = report
    passage = next(p for p in reading.passages if known[0].sentence in p.text)
    whole = rectangles(passage.boxes, len(passage.text))
    assert len(whole) >= 3
    for left, top, right, bottom in whole:
        assert 0 < left < right < 1 and 0 < top < bottom < 1
    assert all(a[1] < b[1] for a, b in itertools.pairwise(whole))


def test_hyphens(tmp_path: Path) -> None:
    path = tmp_path / "hyphens.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    lines = ("Die Wirtschafts-", "politik und die Kosten-", "Nutzen-Rechnung, Umsatz-",
             "und Lohnsteuer, peut-", "être, the well-known and well-", "known case")  # fmt: skip
    for number, line in enumerate(lines):
        canvas.drawString(72, 700 - 14 * number, line)
    canvas.save()
    (text,) = read(path).texts()
    assert text == (
        "Die Wirtschaftspolitik und die Kosten-Nutzen-Rechnung, Umsatz- und Lohnsteuer, "
        "peut-être, the well-known and well-known case"
    )


def test_columns_are_read_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "columns.pdf"
    texts = made.prose("fr")
    made.columns_pdf(path, texts[:3], texts[3:5], "Deux colonnes")
    reading = read(path)
    assert reading.texts("heading") == ["Deux colonnes"]
    assert not reading.texts("table")
    whole = " ".join(" ".join(reading.texts("text") + reading.texts("list")).split())
    places = [whole.find(" ".join(text.split()[2:9])) for text in texts[:5]]
    assert places == sorted(places) and places[0] >= 0


def test_scanned_pages_are_said_so(tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    made.scanned_pdf(path, 4, text_pages=(2,))
    reading = read(path)
    assert [page.is_scanned for page in reading.pages] == [True, False, True, True]
    assert reading.notes["scanned"] == (1, 3, 4)
    assert reading.pages[1].passages


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    path = tmp_path / "file.pdf"
    made.broken_pdf(path)
    assert refusal(path).reason == "corrupt"
    made.encrypted_pdf(path)
    assert refusal(path).reason == "encrypted"
    canvas = Canvas(str(path))
    canvas.showPage()
    canvas.save()
    assert refusal(path).reason == "empty"


def test_a_password_only_for_changes_does_not_keep_from_reading(tmp_path: Path) -> None:
    path = tmp_path / "owner.pdf"
    made.encrypted_pdf(path, "")
    assert "without the password" in read(path).texts()[0]


def test_dots_before_page_numbers_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "contents.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    for number, line in enumerate(("Introduction " + ". " * 60 + "3", "Method " + "." * 90 + "17")):
        canvas.drawString(72, 700 - 14 * number, line)
    canvas.save()
    (passage,) = read(path).passages
    assert (passage.kind, passage.text) == ("list", "Introduction 3\nMethod 17")


def test_ruled_tables_have_the_cells_that_are_drawn(tmp_path: Path) -> None:
    path = tmp_path / "ruled.pdf"
    style = getSampleStyleSheet()["BodyText"]
    long = "Erneuerung der Brücke über die Lahn, zwei Kreisverkehre und Radwege an der Straße"
    rows = [
        ["Bereich", "Erläuterung", "2025", "2026"],
        ["Schulen", "Neubau der Grundschule", "3.200.000", "5.900.000"],
        ["Straßen", Paragraph(long, style), "1.100.000", "870.000"],
        ["Summe", "", "4.300.000", "6.770.000"],
    ]
    table = Table(
        rows, colWidths=[60, 160, 55, 55], style=[("GRID", (0, 0), (-1, -1), 0.5, "black")]
    )
    before = Paragraph("Der Haushalt sieht die folgenden Ausgaben vor.", style)
    after = Paragraph("Alle Beträge sind in Euro angegeben und vorläufig.", style)
    SimpleDocTemplate(str(path)).build([before, table, after])
    reading = read(path)
    assert [p.kind for p in reading.passages] == ["text", "table", "text"]
    lines = reading.passages[1].text.split("\n")
    assert lines == [
        "Bereich | Erläuterung | 2025 | 2026",
        "Schulen | Neubau der Grundschule | 3.200.000 | 5.900.000",
        f"Straßen | {long} | 1.100.000 | 870.000",
        "Summe |  | 4.300.000 | 6.770.000",
    ]
    start = reading.passages[1].text.index("870.000")
    ((left, _, right, _),) = rectangles(
        reading.passages[1].boxes, len(reading.passages[1].text), start, start + 7
    )
    assert 0.5 < left < right < 0.85


def test_lists_keep_their_items_apart(tmp_path: Path) -> None:
    path = tmp_path / "list.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    lines = ("• The first item goes on in a second line, which begins further to the", "  right.",
             "• The second item.", "• The third item.")  # fmt: skip
    for number, line in enumerate(lines):
        canvas.drawString(72 if line[0] == "•" else 82, 700 - 14 * number, line.strip())
    canvas.save()
    (passage,) = read(path).passages
    assert passage.kind == "list"
    assert passage.text.split("\n") == [f"{lines[0]} right.", *lines[2:]]


def test_what_is_filled_into_a_form_is_read_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "form.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    for number, label in enumerate(("Name:", "Wohnort:", "Bemerkung:")):
        canvas.drawString(72, 700 - 40 * number, label)
    for number, value in enumerate(("Erika Mustermann", "Gelsenkirchen")):
        canvas.acroForm.textfield(
            name=value, value=value, x=140, y=695 - 40 * number, width=200, height=18
        )
    canvas.linkURL("https://example.invalid", (72, 100, 200, 120))
    canvas.save()
    text = " ".join(read(path).texts()).replace(" | ", " ").replace("\n", " ")
    assert text == "Name: Erika Mustermann Wohnort: Gelsenkirchen Bemerkung:"


def test_rectangles_of_a_cropped_page_are_of_what_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "cropped.pdf"
    canvas = Canvas(str(path), pagesize=(600, 800))
    canvas.setCropBox((100, 200, 500, 700))
    canvas.setFont("Helvetica", 10)
    canvas.drawString(300, 450, "middle")
    canvas.save()
    (passage,) = read(path).passages
    ((left, top, _, bottom),) = rectangles(passage.boxes, len(passage.text))
    assert left == pytest.approx(0.5, abs=0.01)
    assert top < 0.5 < bottom + 0.01


def test_letters_that_are_only_drawn_are_a_picture_too(tmp_path: Path) -> None:
    path = tmp_path / "outlines.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    for number in range(400):
        x, y = 60 + number % 20 * 24, 700 - number // 20 * 24
        canvas.lines([(x, y, x + 8, y + 12), (x + 8, y + 12, x + 16, y)])
    canvas.save()
    assert read(path).notes["scanned"] == (1,)


@pytest.mark.parametrize("language", made.LANGUAGES)
def test_the_reports_that_ship_are_read_well(language: str) -> None:
    with as_file(files("tramontane.samples") / f"report.{language}.pdf") as path:
        reading = read(path)
    assert reading.ended.language == language
    assert not {"damaged_pages", "hidden_text", "scanned"} & reading.notes.keys()
    tables = [[row.split(" | ") for row in text.split("\n")] for text in reading.texts("table")]
    costs = next(table for table in tables if table[0][1:3] == ["Tramontane", "nginx"])
    assert len(costs) == 9 and {len(row) for row in costs} == {5}
    headings = [text for text in reading.texts("heading") if text[:2] in ("1 ", "2 ", "3 ", "4 ")]
    assert len(headings) == 4
