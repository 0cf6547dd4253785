"""Documents that tests make: what is in them is known, and nothing of anybody else's is.

The prose is the handbook's, in five languages; each page of a report also states one fact that is
found nowhere else in it. What bursts is in `bombs.py`.
"""

import io
import random
import zipfile
from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path

import msgspec
from PIL import Image, ImageDraw
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from tramontane.handbook import pages as handbook_pages

LANGUAGES = ("de", "fr", "es", "it", "en")
LAST_OF_PROSE = 22  # a page more in the handbook would change every file that is made here
LATER = "--scale-to-zero"  # in a section that came later
MARGIN = 72.0
SIZE = 10.5
LEADING = 13.5
RUNNING_HEAD = {
    "de": "Bericht über die Gemeinden",
    "fr": "Rapport sur les communes",
    "es": "Informe sobre los municipios",
    "it": "Rapporto sui comuni",
    "en": "Report on the municipalities",
}
CHAPTER = {"de": "Kapitel", "fr": "Chapitre", "es": "Capítulo", "it": "Capitolo", "en": "Chapter"}
SENTENCE = {
    "de": "Im Jahr {year} zählte die Gemeinde {place} genau {number} Einwohner.",
    "fr": "En {year}, la commune de {place} comptait exactement {number} habitants.",
    "es": "En {year}, el municipio de {place} contaba exactamente con {number} habitantes.",
    "it": "Nel {year} il comune di {place} contava esattamente {number} abitanti.",
    "en": "In {year} the municipality of {place} had exactly {number} inhabitants.",
}
QUESTION = {
    "de": "Wie viele Einwohner zählte {place}?",
    "fr": "Combien d'habitants comptait {place} ?",
    "es": "¿Cuántos habitantes tenía {place}?",
    "it": "Quanti abitanti contava {place}?",
    "en": "How many inhabitants did {place} have?",
}
COLUMNS = {
    "de": ("Gemeinde", "Fläche", "Anteil"),
    "fr": ("Commune", "Superficie", "Part"),
    "es": ("Municipio", "Superficie", "Parte"),
    "it": ("Comune", "Superficie", "Quota"),
    "en": ("Municipality", "Area", "Share"),
}
GROUPS = {"de": ".", "fr": " ", "es": ".", "it": ".", "en": ","}


class Fact(msgspec.Struct, frozen=True):
    """What one page states and no other: `sentence` as it stands there, and who asks for it."""

    page: int
    language: str
    place: str
    number: str
    sentence: str
    question: str


def grouped(number: int, language: str) -> str:
    """Return `number` as the language writes it: 48.312, 48 312, 48,312."""
    return f"{number:,}".replace(",", GROUPS[language])


def facts(pages: int, languages: Sequence[str] = LANGUAGES, seed: int = 7) -> list[Fact]:
    """Return what `report_pdf` states on each page; languages change every few pages."""
    chance = random.Random(seed)
    made = []
    names: set[str] = set()
    for page in range(1, pages + 1):
        language = languages[_chapter(page, pages, languages) % len(languages)]
        while (place := _name(chance)) in names:
            continue
        names.add(place)
        number = grouped(chance.randrange(1_000, 99_000), language)
        year = chance.randrange(1990, 2026)
        sentence = SENTENCE[language].format(year=year, place=place, number=number)
        question = QUESTION[language].format(place=place)
        made.append(Fact(page, language, place, number, sentence, question))
    return made


def _chapter(page: int, pages: int, languages: Sequence[str]) -> int:
    return (page - 1) // max(1, min(12, pages // len(languages)))


def _name(chance: random.Random) -> str:
    syllables = [chance.choice("BDFGLMNRSTV") + chance.choice("aeiou")]
    syllables += [chance.choice("bdfglmnrstv") + chance.choice("aeiou") for _ in range(3)]
    return "".join(syllables)


def prose(language: str) -> list[str]:
    """Return paragraphs in `language`."""
    first = [page for page in handbook_pages(language) if page.number <= LAST_OF_PROSE]
    sections = [section for page in first for section in page.sections]
    texts = [" ".join(section.text.split()) for section in sections if LATER not in section.text]
    return [text for text in texts if len(text) > 200]


def report_pdf(path: Path, pages: int = 320, languages: Sequence[str] = LANGUAGES) -> list[Fact]:
    """Write a report with running heads, chapters, paragraphs, hyphens and tables.

    Return its facts. A table stands on each fifth page, see `table_rows`.
    """
    canvas = Canvas(str(path), pagesize=A4, pageCompression=1, invariant=1)
    canvas.setTitle("Report on the municipalities, in five languages")
    known = facts(pages, languages)
    for fact in known:
        _report_page(canvas, fact, pages, languages)
        canvas.showPage()
    canvas.save()
    return known


def _report_page(canvas: Canvas, fact: Fact, pages: int, languages: Sequence[str]) -> None:
    width, height = A4
    language, page = fact.language, fact.page
    canvas.setFont("Helvetica", 8)
    canvas.drawString(MARGIN, height - 40, RUNNING_HEAD[language])
    canvas.drawCentredString(width / 2, 34, f"{page} / {pages}")
    y = height - MARGIN
    chapter = _chapter(page, pages, languages)
    if page == 1 or _chapter(page - 1, pages, languages) != chapter:
        canvas.setFont("Helvetica-Bold", 20)
        canvas.drawString(MARGIN, y - 10, f"{CHAPTER[language]} {chapter + 1}")
        y -= 48
    canvas.setFont("Helvetica-Bold", 13)
    canvas.drawString(MARGIN, y, f"{chapter + 1}.{page} {fact.place}")
    y -= 26
    texts = prose(language)
    chance = random.Random(page)
    paragraphs = [chance.choice(texts)[:700], fact.sentence, chance.choice(texts)[:900]]
    for paragraph in paragraphs:
        y = draw_paragraph(canvas, paragraph, MARGIN, y, width - 2 * MARGIN) - LEADING * 0.7
    if page % 5 == 0:
        draw_table(canvas, table_rows(fact), MARGIN, y, (180.0, 110.0, 90.0))


def table_rows(fact: Fact) -> list[tuple[str, ...]]:
    """Return the rows of the table on the page of `fact`, its head first."""
    chance = random.Random(fact.page * 31)
    rows: list[tuple[str, ...]] = [COLUMNS[fact.language]]
    for _ in range(6):
        area = grouped(chance.randrange(1_000, 9_999), fact.language)
        rows.append((_name(chance), f"{area} km²", f"{chance.randrange(1, 99)} %"))
    return rows


def draw_paragraph(canvas: Canvas, text: str, x: float, y: float, width: float) -> float:
    """Draw `text` from `y` downwards, long words broken; return where the next may begin."""
    for line in wrapped(text, width):
        canvas.setFont("Helvetica", SIZE)
        canvas.drawString(x, y, line)
        y -= LEADING
    return y


def wrapped(text: str, width: float) -> list[str]:
    """Return `text` in lines; a long word at the end of a line is broken."""
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if stringWidth(longer, "Helvetica", SIZE) <= width:
            line = longer
            continue
        half = len(word) // 2
        broken = f"{line} {word[:half]}-".strip()
        if word.isalpha() and len(word) > 9 and stringWidth(broken, "Helvetica", SIZE) <= width:
            lines.append(broken)
            line = word[half:]
        else:
            lines.append(line)
            line = word
    return [*lines, line]


def draw_table(
    canvas: Canvas,
    rows: Sequence[Sequence[str]],
    x: float,
    y: float,
    widths: Sequence[float],
) -> None:
    """Draw `rows` without rules, numbers to the right."""
    for row in rows:
        left = x
        for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
            if index:
                canvas.drawRightString(left + width - 6, y, cell)
            else:
                canvas.drawString(left, y, cell)
            left += width
        y -= LEADING


def columns_pdf(path: Path, left: Sequence[str], right: Sequence[str], title: str) -> None:
    """Write one page: a title over two columns of paragraphs, drawn line by line across both."""
    canvas = Canvas(str(path), pagesize=A4, invariant=1)
    canvas.setFont("Helvetica-Bold", 18)
    canvas.drawString(MARGIN, A4[1] - MARGIN, title)
    width = (A4[0] - 2 * MARGIN - 24) / 2
    halves = [[line for text in texts for line in wrapped(text, width)] for texts in (left, right)]
    y = A4[1] - MARGIN - 40
    for at in range(max(map(len, halves))):
        for column, lines in enumerate(halves):
            if at < len(lines):
                canvas.setFont("Helvetica", SIZE)
                canvas.drawString(MARGIN + column * (width + 24), y, lines[at])
        y -= LEADING
    canvas.save()


def scanned_pdf(path: Path, pages: int = 1, *, text_pages: Sequence[int] = ()) -> None:
    """Write pages that are pictures of text; those in `text_pages` (from 1) hold text instead."""
    canvas = Canvas(str(path), pagesize=A4, invariant=1)
    for page in range(1, pages + 1):
        if page in text_pages:
            draw_paragraph(canvas, prose("en")[page % 5], MARGIN, 700, A4[0] - 2 * MARGIN)
        else:
            canvas.drawImage(ImageReader(picture(f"Scanned page {page}")), 0, 0, *A4)
        canvas.showPage()
    canvas.save()


def picture(text: str, size: tuple[int, int] = (620, 877)) -> Image.Image:
    """Return a picture of `text`."""
    image = Image.new("L", size, 255)
    ImageDraw.Draw(image).text((60, 80), text, fill=0)
    return image


def broken_pdf(path: Path, pages: int = 3) -> None:
    """Write a PDF of which only the first part is there, and no page can be found."""
    report_pdf(path, pages)
    path.write_bytes(path.read_bytes()[:700])


def encrypted_pdf(path: Path, password: str = "open sesame") -> None:
    """Write a PDF that opens with `password` only."""
    canvas = Canvas(str(path), encrypt=StandardEncryption(password, strength=128), invariant=1)
    canvas.drawString(MARGIN, 700, "Nobody reads this without the password.")
    canvas.save()


def docx(path: Path) -> None:
    """Write a Word document: title, two levels of headings, a list, a table."""
    from docx import Document

    document = Document()
    document.core_properties.title = "Jahresbericht der Stadtwerke"
    document.add_heading("Jahresbericht", 0)
    document.add_heading("Energie", 1)
    document.add_paragraph(
        "Die Stadtwerke haben im vergangenen Jahr 412 Gigawattstunden Strom geliefert, "
        "davon stammten 61 Prozent aus erneuerbaren Quellen."
    )
    document.add_heading("Leitungen", 2)
    for item in ("Erdkabel erneuert", "Freileitungen abgebaut", "Umspannwerk geplant"):
        document.add_paragraph(item, style="List Bullet")
    table = document.add_table(rows=0, cols=3)
    for row in (
        ("Jahr", "Strom (GWh)", "Anteil"),
        ("2023", "398", "55 %"),
        ("2024", "412", "61 %"),
    ):
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text
    document.add_heading("Wasser", 1)
    document.add_paragraph("Das Wasserwerk hat 9,4 Millionen Kubikmeter Wasser aufbereitet.")
    document.save(str(path))


def pptx(path: Path) -> None:
    """Write three slides: a title, points with a table, and speaker's notes."""
    from pptx import Presentation
    from pptx.util import Inches

    show = Presentation()
    show.core_properties.title = "Résultats du trimestre"
    first = show.slides.add_slide(show.slide_layouts[0])
    first.shapes.title.text = "Résultats du trimestre"
    first.placeholders[1].text = "Direction des finances"
    second = show.slides.add_slide(show.slide_layouts[1])
    second.shapes.title.text = "Chiffre d'affaires"
    second.placeholders[
        1
    ].text = "Le chiffre d'affaires a atteint 3,2 millions d'euros.\nLa marge a baissé."
    shape = second.shapes.add_table(2, 2, Inches(1), Inches(4), Inches(6), Inches(1))
    for row, cells in enumerate((("Région", "Ventes"), ("Bretagne", "1 204"))):
        for column, text in enumerate(cells):
            shape.table.cell(row, column).text = text
    third = show.slides.add_slide(show.slide_layouts[5])
    third.shapes.title.text = "Perspectives"
    third.notes_slide.notes_text_frame.text = "Ne pas oublier de parler du recrutement."
    show.save(str(path))


def xlsx(path: Path, rows: int = 30) -> None:
    """Write a workbook of two sheets: regions with numbers and dates, and a note."""
    import datetime

    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.title = "Ventas"
    sheet.append(["Región", "Importe", "Fecha", "Abierto"])
    chance = random.Random(3)
    for row in range(rows):
        day = datetime.date(2024, 1, 1) + datetime.timedelta(days=row)
        sheet.append([f"Región {row + 1}", chance.randrange(100_000) / 100, day, row % 2 == 0])
    book.create_sheet("Notas").append(["Fuente", "Datos propios"])
    book.save(str(path))


ODF = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"'
)
ODT_BODY = (
    '<text:h text:outline-level="1">Relazione annuale</text:h>'
    "<text:p>Il comune ha speso <text:span>4,1 milioni</text:span> di euro<text:s text:c='1'/>per"
    " le scuole.</text:p>"
    '<text:h text:outline-level="2">Scuole</text:h>'
    "<text:list><text:list-item><text:p>Nuova palestra</text:p></text:list-item>"
    "<text:list-item><text:p>Tetto rifatto</text:p></text:list-item></text:list>"
    "<table:table><table:table-row><table:table-cell><text:p>Scuola</text:p></table:table-cell>"
    "<table:table-cell><text:p>Alunni</text:p></table:table-cell></table:table-row>"
    "<table:table-row><table:table-cell><text:p>Manzoni</text:p></table:table-cell>"
    "<table:table-cell><text:p>312</text:p></table:table-cell></table:table-row></table:table>"
)


def odt(path: Path, body: str = ODT_BODY, prologue: str = "") -> None:
    """Write an OpenDocument text with `body`; `prologue` stands before the root."""
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?>{prologue}<office:document-content {ODF}>'
        f"<office:body><office:text>{body}</office:text></office:body></office:document-content>"
    )
    meta = (
        f'<?xml version="1.0"?><office:document-meta {ODF}><office:meta>'
        "<dc:title>Relazione del comune</dc:title></office:meta></office:document-meta>"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", content, zipfile.ZIP_DEFLATED)
        archive.writestr("meta.xml", meta, zipfile.ZIP_DEFLATED)


HTML = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<title>Water supply &amp; sewage</title><style>p { color: red }</style>
<script>document.write("never this")</script></head><body><nav>Home · Contact</nav>
<h1>Water supply</h1><p>The town pumps <b>9.4 million</b> cubic metres
a year from two wells.</p><h2>Prices</h2><ul><li>Household: 2.10 per m³</li>
<li>Industry: 1.80</li></ul>
<table><tr><th>Year</th><th>Price</th></tr><tr><td>2023</td><td>2.05</td></tr></table>
<p hidden>Nor this.</p><ol><li>Pump<li>Filter</ol><pre>line one
line two</pre></body></html>"""

MARKDOWN = """---
title: Notes on the harbour
---
# Harbour

The harbour handled **1,204 ships** last year, see [the register](https://example.invalid/r).

## Cranes

3. The old crane was sold.
4. The new one lifts 60 t.

| Crane | Tonnes |
| --- | ---: |
| North | 60 |
| South | 25 |

```sh
# not a heading
make cranes
```
"""


def eml(path: Path, *, attachments: Sequence[str] = ("Vertrag.pdf",)) -> None:
    """Write an e-mail in German with `attachments` of a few bytes."""
    message = EmailMessage()
    message["From"] = "Anna Berg <anna@example.invalid>"
    message["To"] = "amt@example.invalid"
    message["Subject"] = "Angebot für die Brücke über die Lahn"
    message["Date"] = "Tue, 03 Mar 2026 09:12:00 +0100"
    message.set_content(
        "Guten Tag,\n\nunser Angebot für die Brücke liegt bei 1,2 Millionen Euro.\n"
    )
    message.add_alternative("<p>unser Angebot für die Brücke</p>", subtype="html")
    for name in attachments:
        message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename=name)
    path.write_bytes(message.as_bytes())


def csv(path: Path, rows: int = 100, *, separator: str = ";", encoding: str = "utf-8") -> None:
    """Write a table of regions with decimal commas."""
    lines = [separator.join(("Region", "Umsatz", "Datum"))]
    chance = random.Random(5)
    for row in range(rows):
        amount = f"{chance.randrange(1_000_000) / 100:.2f}".replace(".", ",")
        lines.append(separator.join((f"Süd {row}", amount, f"{row % 28 + 1:02}.03.2025")))
    path.write_bytes("\n".join(lines).encode(encoding))


def png(size: tuple[int, int] = (20, 20)) -> bytes:
    """Return a small picture."""
    buffer = io.BytesIO()
    picture("x", size).save(buffer, "PNG")
    return buffer.getvalue()
