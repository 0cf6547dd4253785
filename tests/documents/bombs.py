"""Documents that are meant to do harm: what unpacks to too much, nests too deep or never ends.

Each function writes one file. `scale` makes it small for the fast suite: 1 is the real thing.
"""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from tests.documents import made

MIB = 1024 * 1024
WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/'
    'content-types"><Default Extension="xml" ContentType="application/xml"/></Types>'
)
LAUGHS = "".join(
    f'<!ENTITY l{n} "{"".join(f"&l{n - 1};" for _ in range(10))}">' for n in range(1, 10)
)


def word(path: Path, document: bytes | str) -> None:
    """Write a Word document whose main part is `document`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        archive.writestr("word/document.xml", document)


def zip_bomb(path: Path, scale: float) -> None:
    """A Word document of a few kB that unpacks to 2 GB."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        with archive.open("word/document.xml", "w", force_zip64=True) as part:
            part.write(f"<w:document {WORD}><w:body>".encode())
            for _ in range(max(1, int(2_048 * scale))):
                part.write(b" " * MIB)


def lying_zip(path: Path, scale: float) -> None:
    """The same, but it claims to unpack to 100 bytes."""
    zip_bomb(path, scale)
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        at = data.rfind(signature)
        data[at + offset : at + offset + 4] = struct.pack("<I", 100)
    path.write_bytes(data)


def overlapping_zip(path: Path, scale: float) -> None:
    """A directory of many entries that all lead to the same packed bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b" " * MIB)
    data = packed.getvalue()
    at = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entry, local = data[at:end], data[:at]
    count = int(4_000 * scale)
    entries = b"".join(
        entry.replace(b"word/document.xml", b"word/%08d.xml" % n + b"x") for n in range(count)
    )
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, len(entries), at, 0)
    path.write_bytes(local + entries + tail)


def many_entries(path: Path, scale: float) -> None:
    """A zip of very many empty files."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        for number in range(int(60_000 * scale)):
            archive.writestr(f"word/{number}", b"")


def laughs_docx(path: Path, scale: float) -> None:
    """Entities that grow tenfold nine times, in a Word document."""
    prologue = f'<!DOCTYPE d [<!ENTITY l0 "ha">{LAUGHS}]>'
    word(path, f"{prologue}<w:document {WORD}><w:body><w:p><w:r><w:t>&l9;</w:t></w:r></w:p>"
               "</w:body></w:document>")  # fmt: skip


def laughs_odt(path: Path, scale: float) -> None:
    """The same in an OpenDocument text."""
    made.odt(path, "<text:p>&l9;</text:p>", f'<!DOCTYPE d [<!ENTITY l0 "ha">{LAUGHS}]>')


def quadratic_odt(path: Path, scale: float) -> None:
    """One long entity, used very often."""
    prologue = f'<!DOCTYPE d [<!ENTITY a "{"a" * 50_000}">]>'
    made.odt(path, f"<text:p>{'&a;' * 50_000}</text:p>", prologue)


def outside_odt(path: Path, scale: float) -> None:
    """An entity that is a file of the machine."""
    prologue = '<!DOCTYPE d [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    made.odt(path, "<text:p>&f;</text:p>", prologue)


def outside_dtd_odt(path: Path, scale: float) -> None:
    """A document type that is somewhere else."""
    made.odt(path, "<text:p>text</text:p>", '<!DOCTYPE d SYSTEM "http://127.0.0.1:9/evil.dtd">')


def deep_docx(path: Path, scale: float) -> None:
    """Tables in tables, 200,000 deep."""
    depth = int(200_000 * scale)
    word(path, f"<w:document {WORD}>{'<w:tbl>' * depth}{'</w:tbl>' * depth}</w:document>")


def deep_html(path: Path, scale: float) -> None:
    """A million elements in each other."""
    depth = int(1_000_000 * scale)
    path.write_text("<!doctype html><title>t</title>" + "<div>" * depth + "the innermost word")


def wide_html(path: Path, scale: float) -> None:
    """A table of one row and very many cells."""
    cells = int(2_000_000 * scale)
    path.write_text("<!doctype html><table><tr>" + "<td>x" * cells + "</table>")


def deep_json(path: Path, scale: float) -> None:
    """A million lists in each other."""
    depth = int(1_000_000 * scale)
    path.write_text("[" * depth + "]" * depth)


def deep_markdown(path: Path, scale: float) -> None:
    """Quotes in quotes, and brackets that never close."""
    depth = int(100_000 * scale)
    path.write_text("# t\n\n" + ">" * depth + " x\n\n" + "[" * depth + "\n\n```\n")


def deep_eml(path: Path, scale: float) -> None:
    """Parts in parts, 2,000 deep."""
    depth = int(2_000 * scale)
    lines = ["From: a@example.invalid", "MIME-Version: 1.0"]
    for level in range(depth):
        lines += [f'Content-Type: multipart/mixed; boundary="b{level}"', "", f"--b{level}"]
    lines += ["Content-Type: text/plain", "", "the innermost word"]
    lines += [f"--b{level}--" for level in reversed(range(depth))]
    path.write_text("\n".join(lines))


def pdf(path: Path, *objects: bytes) -> None:
    """Write a PDF of `objects`, numbered from 1; the first is its catalogue."""
    data = b"%PDF-1.7\n"
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    trailer = b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Size %d/Root 1 0 R>>\n"
    end = b"startxref\n%d\n%%%%EOF\n" % len(data)
    path.write_bytes(data + trailer % (count, table, count) + end)


def stream(content: bytes, more: bytes = b"") -> bytes:
    """Return an object that holds `content`, packed."""
    packed = zlib.compress(content, 9)
    head = b"<<%s/Filter/FlateDecode/Length %d>>" % (more, len(packed))
    return head + b"stream\n" + packed + b"\nendstream"


CATALOGUE = b"<</Type/Catalog/Pages 2 0 R>>"
PAGES = b"<</Type/Pages/Count 1/Kids[3 0 R]>>"
FONT = b"<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>"
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources %s>>"


def flate_pdf(path: Path, scale: float) -> None:
    """A page whose content is 1 GB of nothing, packed a thousandfold."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b" " * MIB) for _ in range(int(1_024 * scale)))
    packed += packer.flush()
    head = b"<</Filter/FlateDecode/Length %d>>stream\n" % len(packed)
    pdf(path, CATALOGUE, PAGES, PAGE % FONT, head + packed + b"\nendstream")


def wordy_pdf(path: Path, scale: float) -> None:
    """A page of ten million words."""
    words = b"BT /F 1 Tf 1 0 0 1 10 700 Tm " + b"(word ) Tj " * int(10_000_000 * scale) + b"ET"
    pdf(path, CATALOGUE, PAGES, PAGE % FONT, stream(words))


def forms_pdf(path: Path, scale: float) -> None:
    """Forms that each draw the next ten times."""
    depth = max(3, int(12 * scale))
    kinds = b"/Type/XObject/Subtype/Form/BBox[0 0 600 800]"
    forms = []
    for level in range(depth):
        below = b"/Resources<</XObject<</X %d 0 R>>>>" % (5 + level + 1)
        forms.append(stream(b"/X Do " * 10, kinds + below))
    forms.append(stream(b"BT /F 9 Tf (ha) Tj ET", kinds + b"/Resources" + FONT))
    resources = b"<</XObject<</X 5 0 R>>>>"
    pdf(path, CATALOGUE, PAGES, PAGE % resources, stream(b"/X Do"), *forms)


def loop_pdf(path: Path, scale: float) -> None:
    """A tree of pages that contains itself, and a form that draws itself."""
    pages = b"<</Type/Pages/Count 2/Kids[3 0 R 2 0 R]>>"
    form = stream(b"/X Do", b"/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 5 0 R>>>>")
    pdf(path, CATALOGUE, pages, PAGE % b"<</XObject<</X 5 0 R>>>>", stream(b"/X Do"), form)


def counting_pdf(path: Path, scale: float) -> None:
    """It claims two thousand million pages and has one."""
    pages = b"<</Type/Pages/Count 2000000000/Kids[3 0 R]>>"
    pdf(path, CATALOGUE, pages, PAGE % FONT, stream(b"BT /F 9 Tf (one) Tj ET"))


def deep_pdf(path: Path, scale: float) -> None:
    """Lists in lists, 500,000 deep, where the resources should be."""
    depth = int(500_000 * scale)
    pdf(path, CATALOGUE, PAGES, PAGE % (b"[" * depth + b"]" * depth), stream(b"BT ET"))


def picture_pdf(path: Path, scale: float) -> None:
    """A picture that claims 100,000 by 100,000 points."""
    picture = stream(
        b"\0" * 1_000,
        b"/Type/XObject/Subtype/Image/Width 100000/Height 100000/BitsPerComponent 8"
        b"/ColorSpace/DeviceRGB",
    )
    resources = b"<</XObject<</I 5 0 R>>>>"
    pdf(path, CATALOGUE, PAGES, PAGE % resources, stream(b"600 0 0 800 0 0 cm /I Do"), picture)


def picture_docx(path: Path, scale: float) -> None:
    """A Word document with a picture that unpacks to 900 million points."""
    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    image = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk
    image += struct.pack(">I", zlib.crc32(chunk))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        body = "<w:p><w:r><w:t>One sentence beside the picture.</w:t></w:r></w:p>"
        archive.writestr("word/document.xml", f"<w:document {WORD}><w:body>{body}</w:body>"
                                              "</w:document>")  # fmt: skip
        archive.writestr("word/media/image1.png", image)


SHEET = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def sheet(path: Path, rows: str) -> None:
    """Write a workbook of one sheet that holds `rows`."""
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    packages = "http://schemas.openxmlformats.org/package/2006/relationships"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{packages}"><Relationship Id="r1" '
            f'Type="{relations}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{packages}"><Relationship Id="r1" '
            f'Type="{relations}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook {SHEET} xmlns:r="{relations}"><sheets>'
            '<sheet name="Wide" sheetId="1" r:id="r1"/></sheets></workbook>',
        )
        archive.writestr(
            "xl/worksheets/sheet1.xml",
            f"<worksheet {SHEET}><sheetData>{rows}</sheetData></worksheet>",
        )


def column_name(index: int) -> str:
    """Return a column's letters: 0 is A."""
    name = ""
    index += 1
    while index:
        index, letter = divmod(index - 1, 26)
        name = chr(65 + letter) + name
    return name


def wide_xlsx(path: Path, columns: int = 10_000, rows: int = 20) -> None:
    """Write a sheet of very many columns."""
    names = [column_name(index) for index in range(columns)]
    sheet(
        path,
        "".join(
            f'<row r="{row}">'
            + "".join(f'<c r="{name}{row}"><v>{row}</v></c>' for name in names)
            + "</row>"
            for row in range(1, rows + 1)
        ),
    )


def sparse_xlsx(path: Path, scale: float) -> None:
    """Two cells, in the first and the last corner of the largest sheet there can be."""
    last = max(1_000, int(1_048_576 * scale))
    sheet(
        path,
        '<row r="1"><c r="A1"><v>1</v></c></row>'
        f'<row r="{last}"><c r="XFD{last}"><v>2</v></c></row>',
    )


def repeated_ods(path: Path, scale: float) -> None:
    """One cell that stands there sixteen thousand times a million times."""
    rows = int(1_048_576 * scale)
    content = (
        f"<office:document-content {made.ODF}><office:body><office:spreadsheet>"
        f'<table:table table:name="S"><table:table-row table:number-rows-repeated="{rows}">'
        '<table:table-cell table:number-columns-repeated="16384" office:value-type="float" '
        'office:value="1"><text:p>1</text:p></table:table-cell></table:table-row></table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)


def one_line(path: Path, scale: float) -> None:
    """A text of 300 MB without a line's end or a space."""
    path.write_bytes(b"a" * int(300 * MIB * scale))


def one_cell(path: Path, scale: float) -> None:
    """A CSV file with one cell of 200 MB."""
    path.write_bytes(b'name;text\n1;"' + b"a" * int(200 * MIB * scale) + b'"\n2;b\n')


def one_string(path: Path, scale: float) -> None:
    """A JSON file with one string of 200 MB."""
    path.write_text(json.dumps([{"a": "b" * int(200 * MIB * scale)}]))


BOMBS: dict[str, tuple[str, Callable[[Path, float], None]]] = {
    function.__name__: (ending, function)
    for ending, function in (
        ("docx", zip_bomb),
        ("docx", lying_zip),
        ("docx", overlapping_zip),
        ("docx", many_entries),
        ("docx", laughs_docx),
        ("odt", laughs_odt),
        ("odt", quadratic_odt),
        ("odt", outside_odt),
        ("odt", outside_dtd_odt),
        ("docx", deep_docx),
        ("html", deep_html),
        ("html", wide_html),
        ("json", deep_json),
        ("md", deep_markdown),
        ("eml", deep_eml),
        ("pdf", flate_pdf),
        ("pdf", wordy_pdf),
        ("pdf", forms_pdf),
        ("pdf", loop_pdf),
        ("pdf", counting_pdf),
        ("pdf", deep_pdf),
        ("pdf", picture_pdf),
        ("docx", picture_docx),
        ("xlsx", sparse_xlsx),
        ("ods", repeated_ods),
        ("txt", one_line),
        ("csv", one_cell),
        ("json", one_string),
    )
}
