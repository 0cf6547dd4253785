"""Each format but PDF: headings, lists and tables whole, what is not read left out, titles."""

import json
import sqlite3
import zipfile
from pathlib import Path

import pytest

from tests.documents import bombs, made
from tests.documents.reading import read, refusal


def test_word(tmp_path: Path) -> None:
    path = tmp_path / "bericht.docx"
    made.docx(path)
    reading = read(path)
    assert (reading.began.kind, reading.began.label) == ("docx", "part")
    assert reading.began.title == "Jahresbericht der Stadtwerke"
    found = [(p.kind, p.heading, p.text) for p in reading.passages]
    assert found[1] == ("heading", "Jahresbericht", "Energie")
    assert found[2][:2] == ("text", "Jahresbericht › Energie")
    energy = "Jahresbericht › Energie › Leitungen"
    items = "Erdkabel erneuert\nFreileitungen abgebaut\nUmspannwerk geplant"
    rows = "Jahr | Strom (GWh) | Anteil\n2023 | 398 | 55 %\n2024 | 412 | 61 %"
    assert found[4:6] == [("list", energy, items), ("table", energy, rows)]
    assert found[7][:2] == ("text", "Jahresbericht › Wasser")
    assert {p.language for p in reading.passages} == {"de"}
    assert all(p.boxes == b"" for p in reading.passages)


def test_word_reads_inserted_text_notes_and_boxes_and_no_deleted_text(tmp_path: Path) -> None:
    path = tmp_path / "changed.docx"
    mc = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    bombs.word(
        path,
        f"<w:document {bombs.WORD} {mc}><w:body><w:p><w:r><w:t>The fee is </w:t></w:r>"
        "<w:del><w:r><w:delText>ten</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>twelve</w:t></w:r></w:ins><w:r><w:t> euros</w:t><w:tab/>"
        "<w:t>a month.</w:t></w:r></w:p>"
        "<w:sdt><w:sdtContent><w:p><w:r><w:t>In a field of a form.</w:t></w:r></w:p></w:sdtContent>"
        "</w:sdt><w:p><w:r><mc:AlternateContent><mc:Choice><w:txbxContent><w:p><w:r><w:t>In a box."
        "</w:t></w:r></w:p></w:txbxContent></mc:Choice><mc:Fallback><w:txbxContent><w:p><w:r><w:t>"
        "In a box.</w:t></w:r></w:p></w:txbxContent></mc:Fallback></mc:AlternateContent><w:t>Around"
        " it.</w:t></w:r></w:p></w:body></w:document>",
    )
    (passage,) = read(path).passages
    assert passage.text == (
        "The fee is twelve euros a month.\nIn a field of a form.\nIn a box.\nAround it."
    )


NUMBERING = f"""<w:numbering {bombs.WORD}><w:abstractNum w:abstractNumId="0">
<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="§ %1"/></w:lvl>
<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%1.%2)"/>
</w:lvl></w:abstractNum><w:abstractNum w:abstractNumId="1"><w:lvl w:ilvl="0"><w:start w:val="3"/>
<w:numFmt w:val="upperRoman"/><w:lvlText w:val="%1."/></w:lvl></w:abstractNum>
<w:num w:numId="7"><w:abstractNumId w:val="0"/></w:num>
<w:num w:numId="8"><w:abstractNumId w:val="1"/></w:num></w:numbering>"""
STYLES = f"""<w:styles {bombs.WORD}><w:style w:styleId="H1"><w:name w:val="heading 1"/><w:pPr>
<w:numPr><w:numId w:val="7"/></w:numPr></w:pPr></w:style>
<w:style w:styleId="H1b"><w:name w:val="Own"/><w:basedOn w:val="H1"/></w:style></w:styles>"""


def test_word_counts_as_word_does(tmp_path: Path) -> None:
    path = tmp_path / "statute.docx"

    def paragraph(text: str, style: str = "", number: str = "") -> str:
        says = f'<w:pStyle w:val="{style}"/>' if style else ""
        if number:
            numbered, level = number.split(".")
            says += f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{numbered}"/></w:numPr>'
        return f"<w:p><w:pPr>{says}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"

    body = (
        paragraph("Scope", "H1") + paragraph("towns", number="7.1") + paragraph("", number="7.1")
        + paragraph("villages", number="7.1") + paragraph("Fees", "H1b")
        + paragraph("rivers", number="7.1") + paragraph("No number", "H1", "0.0")
        + paragraph("third", number="8.0") + paragraph("fourth", number="8.0")
    )  # fmt: skip
    bombs.word(path, f"<w:document {bombs.WORD}><w:body>{body}</w:body></w:document>")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("word/numbering.xml", NUMBERING)
        archive.writestr("word/styles.xml", STYLES)
    assert [(p.kind, p.text) for p in read(path).passages] == [
        ("heading", "§ 1 Scope"),
        ("list", "1.a) towns\n1.c) villages"),
        ("heading", "§ 2 Fees"),
        ("list", "2.a) rivers"),
        ("heading", "No number"),
        ("list", "III. third\nIV. fourth"),
    ]


def test_slides(tmp_path: Path) -> None:
    path = tmp_path / "show.pptx"
    made.pptx(path)
    reading = read(path)
    assert (reading.began.kind, reading.began.label, reading.began.pages) == ("pptx", "slide", 3)
    assert reading.began.title == "Résultats du trimestre"
    second = [(p.kind, p.text) for p in reading.pages[1].passages]
    assert second == [
        ("heading", "Chiffre d'affaires"),
        ("list", "Le chiffre d'affaires a atteint 3,2 millions d'euros.\nLa marge a baissé."),
        ("table", "Région | Ventes\nBretagne | 1 204"),
    ]
    notes = reading.pages[2].passages[-1]
    assert (notes.heading, notes.text) == (
        "Perspectives",
        "Ne pas oublier de parler du recrutement.",
    )


def test_sheets(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    made.xlsx(path, 250)
    reading = read(path)
    assert (reading.began.kind, reading.began.label, reading.began.pages) == ("xlsx", "sheet", 2)
    assert reading.began.is_table
    lines = "\n".join(reading.texts("table")).split("\n")
    assert lines[0] == "Región | Importe | Fecha | Abierto"
    assert lines[1].startswith("Región 1 | ") and lines[1].endswith("| 2024-01-01 | true")
    assert "rows_cut" in reading.notes and "Región 200" not in "\n".join(lines)
    assert reading.pages[1].passages[0].text == "Notas"


def test_a_sheet_of_ten_thousand_columns(tmp_path: Path) -> None:
    path = tmp_path / "wide.xlsx"
    bombs.wide_xlsx(path, 10_000, 3)
    reading = read(path)
    assert reading.notes == {"columns_cut": (1,)}
    (table,) = reading.texts("table")
    assert table.split("\n")[2].count(" | ") == 59


def test_open_document(tmp_path: Path) -> None:
    path = tmp_path / "relazione.odt"
    made.odt(path)
    reading = read(path)
    assert (reading.began.kind, reading.began.title) == ("odt", "Relazione del comune")
    assert [(p.kind, p.heading, p.text) for p in reading.passages] == [
        ("heading", "", "Relazione annuale"),
        ("text", "Relazione annuale", "Il comune ha speso 4,1 milioni di euro per le scuole."),
        ("heading", "Relazione annuale", "Scuole"),
        ("list", "Relazione annuale › Scuole", "Nuova palestra\nTetto rifatto"),
        ("table", "Relazione annuale › Scuole", "Scuola | Alunni\nManzoni | 312"),
    ]


def test_html(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(made.HTML)
    reading = read(path)
    assert (reading.began.kind, reading.began.title) == ("html", "Water supply & sewage")
    assert [(p.kind, p.heading, p.text) for p in reading.passages] == [
        ("heading", "", "Water supply"),
        (
            "text",
            "Water supply",
            "The town pumps 9.4 million cubic metres a year from two wells.",
        ),
        ("heading", "Water supply", "Prices"),
        ("list", "Water supply › Prices", "Household: 2.10 per m³\nIndustry: 1.80"),
        ("table", "Water supply › Prices", "Year | Price\n2023 | 2.05"),
        ("text", "Water supply › Prices", "1. Pump\n2. Filter\nline one\nline two"),
    ]


@pytest.mark.parametrize("declared", ["iso-8859-1", "utf-8", "windows-1252"])
def test_html_in_older_encodings(tmp_path: Path, declared: str) -> None:
    path = tmp_path / "old.htm"
    page = f'<html><meta charset="{declared}"><p>Straße nach Süden, 5 € für Öl</p></html>'
    path.write_bytes(page.encode("cp1252"))
    assert read(path).texts() == ["Straße nach Süden, 5 € für Öl"]


def test_markdown(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text(made.MARKDOWN)
    reading = read(path)
    assert (reading.began.kind, reading.began.title) == ("md", "Notes on the harbour")
    assert [(p.kind, p.heading, p.text) for p in reading.passages] == [
        ("heading", "", "Harbour"),
        ("text", "Harbour", "The harbour handled 1,204 ships last year, see the register."),
        ("heading", "Harbour", "Cranes"),
        ("list", "Harbour › Cranes", "3. The old crane was sold.\n4. The new one lifts 60 t."),
        ("table", "Harbour › Cranes", "Crane | Tonnes\nNorth | 60\nSouth | 25"),
        ("text", "Harbour › Cranes", "# not a heading\nmake cranes"),
    ]


def test_text(tmp_path: Path) -> None:
    path = tmp_path / "brief.txt"
    prose = "Die Brücke wurde im vergangenen Jahr von Grund auf erneuert und ist nun auch für Ver-"
    text = f"1.2 Die Brücke\n\n{prose}\nkehr mit schweren Lastwagen frei.\n\n- eins\n- zwei\n"
    path.write_bytes(text.encode())
    reading = read(path)
    assert [(p.kind, p.heading) for p in reading.passages] == [
        ("heading", ""),
        ("text", "1.2 Die Brücke"),
    ]
    whole = prose[:-1] + "kehr mit schweren Lastwagen frei."
    assert reading.passages[1].text == f"{whole}\n- eins\n- zwei"


def test_text_of_mixed_encodings(tmp_path: Path) -> None:
    path = tmp_path / "mixed.txt"
    path.write_bytes("Gebühren für Müll\n".encode() + "Öl und Straße\n".encode("cp1252"))
    reading = read(path)
    assert reading.texts() == ["Gebühren für Müll\nÖl und Straße"]
    assert "mixed_encodings" in reading.notes


def test_a_long_text_is_cut_into_parts_at_headings(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    paragraphs = made.prose("es") * 4
    path.write_text("\n\n".join(f"{n}. CAPÍTULO\n\n{text}" for n, text in enumerate(paragraphs, 1)))
    reading = read(path)
    sizes = [sum(len(p.text) for p in page.passages) for page in reading.pages]
    assert len(sizes) > 5 and max(sizes) <= 4_600 and min(sizes[:-1]) >= 1_000
    assert all(page.passages[-1].kind != "heading" for page in reading.pages)
    assert all(len(p.text) <= 1_200 for p in reading.passages)
    said = " ".join(" ".join(p.text for p in reading.passages if p.kind != "heading").split())
    assert all(" ".join(text.split())[:150] in said for text in paragraphs)


def test_mail(tmp_path: Path) -> None:
    path = tmp_path / "angebot.eml"
    made.eml(path, attachments=("Vertrag.pdf", "Übersicht.xlsx"))
    reading = read(path)
    assert (reading.began.kind, reading.began.title) == (
        "eml",
        "Angebot für die Brücke über die Lahn",
    )
    text = "\n".join(reading.texts())
    assert text.startswith("From: Anna Berg <anna@example.invalid>")
    assert "liegt bei 1,2 Millionen Euro." in text
    (note,) = reading.ended.notes
    assert note.code == "attachments" and "Vertrag.pdf, Übersicht.xlsx" in note.message


@pytest.mark.parametrize(("separator", "kind"), [(";", "csv"), (",", "csv"), ("\t", "tsv")])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_csv(tmp_path: Path, separator: str, kind: str, encoding: str) -> None:
    path = tmp_path / "data"
    # A comma in a number is no separator: those rows are quoted by nobody here.
    if separator == ",":
        path.write_bytes("Region,Umsatz\nSüd,12.5\nNord,7\n".encode(encoding))
    else:
        made.csv(path, separator=separator, encoding=encoding)
    reading = read(path)
    assert (reading.began.kind, reading.began.is_table, reading.ended.pages) == (kind, True, 1)
    (table,) = reading.texts()
    assert table.startswith("Region | Umsatz") and "\nSüd" in table


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([{"region": "Süd", "sales": 12}, {"region": "Nord", "sales": None}]),
        '{"region": "Süd", "sales": 12}\n{"region": "Nord", "sales": null}\n',
        json.dumps({"ok": True, "rows": [{"region": "Süd", "sales": 12}, {"region": "Nord"}]}),
    ],
)
def test_json_that_is_a_table(tmp_path: Path, text: str) -> None:
    path = tmp_path / "data.json"
    path.write_text(text)
    reading = read(path)
    assert (reading.began.kind, reading.began.is_table) == ("json", True)
    assert reading.texts() == ["region | sales\nSüd | 12\nNord"]


def test_json_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"colour": "red",\n "nested": {"deep": [1, 2, 3]}}')
    reading = read(path)
    assert (reading.began.kind, reading.began.is_table) == ("json", False)
    assert '"colour": "red"' in reading.texts()[0]


def test_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    database = sqlite3.connect(path)
    with database:
        database.execute("CREATE TABLE city (name TEXT, people INTEGER)")
        database.executemany("INSERT INTO city VALUES (?, ?)", [("Lyon", 522_000), ("Köln", None)])
    database.close()
    reading = read(path)
    assert (reading.began.kind, reading.began.is_table) == ("sqlite", True)
    assert reading.texts() == ["city", "name | people\nLyon | 522000\nKöln"]


def test_parquet_is_recognised(tmp_path: Path) -> None:
    import duckdb

    path = tmp_path / "data.parquet"
    duckdb.execute(f"COPY (SELECT 1 AS a) TO '{path}' (FORMAT parquet)")
    reading = read(path)
    assert (reading.began.kind, reading.began.is_table, reading.pages) == ("parquet", True, [])
    path.write_bytes(path.read_bytes()[:-9])
    assert refusal(path).reason == "corrupt"
