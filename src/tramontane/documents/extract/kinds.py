"""Which kind of document some bytes are: found from the bytes, not from the name.

A name's ending decides only between kinds that are all plain text (Markdown, CSV, text). It does
not read documents; `reader` says who does.
"""

import importlib
import re
import zipfile
from pathlib import PurePosixPath
from typing import cast

from tramontane.documents.extract.blocks import Notes, Reader
from tramontane.documents.extract.formats import tabular
from tramontane.documents.extract.reasons import Unreadable, corrupt
from tramontane.documents.extract.source import Source
from tramontane.text import encodings

# Each format is imported only where it is needed: the child reads one document.
_FORMATS = {
    "pdf": ("pdf", "read"),
    "docx": ("docx", "read"),
    "pptx": ("pptx", "read"),
    "xlsx": ("sheets", "read"),
    "ods": ("sheets", "read"),
    "odt": ("odt", "read"),
    "html": ("html", "read"),
    "md": ("markdown", "read"),
    "txt": ("plain", "read"),
    "csv": ("tabular", "read_text"),
    "tsv": ("tabular", "read_text"),
    "json": ("tabular", "read_json"),
    "parquet": ("tabular", "read_parquet"),
    "sqlite": ("tabular", "read_sqlite"),
    "eml": ("mail", "read"),
}
KINDS = frozenset(_FORMATS)
# Endings that mean a kind under another name.
_SAME = {"htm": "html", "xhtml": "html", "markdown": "md", "text": "txt", "log": "txt",
         "tab": "tsv", "jsonl": "json", "ndjson": "json", "geojson": "json", "db": "sqlite",
         "sqlite3": "sqlite", "pq": "parquet", "docm": "docx", "pptm": "pptx", "xlsm": "xlsx",
         "ott": "odt", "ots": "ods"}  # fmt: skip
_TEXTS = frozenset({"txt", "md", "csv", "tsv"})
_OFFICE = (("word/", "docx"), ("ppt/", "pptx"), ("xl/", "xlsx"))
_OPEN = {"opendocument.text": "odt", "opendocument.spreadsheet": "ods"}
_REFUSED = (
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"II*\x00", "a picture"),
    (b"MM\x00*", "a picture"),
    (b"BM", "a picture"),
    (b"\x1f\x8b", "a packed file"),
    (b"7z\xbc\xaf", "a packed file"),
    (b"Rar!", "a packed file"),
    (b"ID3", "a recording"),
    (b"OggS", "a recording"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)  # fmt: skip
_HINTS = {
    "a picture": "Have a program recognise its text (OCR) and add that as a PDF.",
    "a packed file": "Unpack it and add what is in it.",
    "a recording": "Add what is said in it as text.",
    "a program": "Add documents and tables only.",
}
_HEADER = re.compile(rb"\A(?:[A-Za-z][\w-]{0,60}:[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*)+", re.ASCII)
_MAIL = re.compile(rb"^(?:from|received|message-id|mime-version|date):", re.I | re.M)
_HTML = re.compile(
    rb"\A\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)",
    re.IGNORECASE | re.DOTALL,
)
_MARKS = re.compile(r"^(?:#{1,6} \S|```|\|.+\|$|\[[^\]]+\]: )|\]\(\S+?\)", re.MULTILINE)


def kind_of(source: Source) -> str:
    """Return the kind. Raises Unreadable for what nothing here reads, and says what to do."""
    head = source.head(8_192)
    if b"%PDF-" in head[:1_024]:
        return "pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zipped(source)
    if head.startswith(b"SQLite format 3\x00"):
        return "sqlite"
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        raise _old_office(source)
    if head.lstrip().startswith(b"{\\rtf"):
        raise Unreadable("unsupported", "RTF files are not read. Save it as .docx and add that.")
    for begin, what in _REFUSED:
        if head.startswith(begin) and _is_binary(head):
            raise Unreadable("unsupported", f"This is {what}, which is not read. {_HINTS[what]}")
    return _text(source, head)


def reader(kind: str) -> Reader:
    """Return what reads `kind`."""
    module, function = _FORMATS[kind]
    loaded = importlib.import_module(f"tramontane.documents.extract.formats.{module}")
    return cast(Reader, getattr(loaded, function))


def compare(kind: str, name: str, notes: Notes) -> None:
    """Note where the ending of `name` is that of another kind."""
    ending = _ending(name)
    if ending in KINDS and ending != kind and not {ending, kind} <= _TEXTS:
        notes.add("other_kind", f"Its name ends like a {ending} file, but it is a {kind} file.")


def _ending(name: str) -> str:
    ending = PurePosixPath(name.replace("\\", "/")).suffix.lower().lstrip(".")
    return _SAME.get(ending, ending)


def _zipped(source: Source) -> str:
    try:
        with zipfile.ZipFile(source.file()) as archive:
            names = archive.namelist()
            first = archive.infolist()[0] if names else None
            said = b""
            if first is not None and first.filename == "mimetype" and first.file_size < 200:
                said = archive.read(first)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, RuntimeError):
        raise corrupt() from None
    for ending, kind in _OPEN.items():
        if said.decode("ascii", "replace").removesuffix("-template").endswith(ending):
            return kind
    if "[Content_Types].xml" in names:
        for folder, kind in _OFFICE:
            if any(name.startswith(folder) for name in names):
                return kind
    raise Unreadable(
        "unsupported",
        "This is a packed file (ZIP), which is not read. Unpack it and add its files.",
    )


def _old_office(source: Source) -> Unreadable:
    """Return why an OLE file is not read: a protected new document, or an old one."""
    if "EncryptedPackage".encode("utf-16-le") in source.head(4 * 1024 * 1024):
        return Unreadable(
            "encrypted",
            "The file is protected with a password. Save a copy without one and add that.",
        )
    return Unreadable(
        "unsupported",
        "Files of Office 97 (.doc, .xls, .ppt, .msg) are not read. "
        "Save it as .docx, .xlsx or .pptx and add that.",
    )


def _text(source: Source, head: bytes) -> str:
    """Return which kind of text it is."""
    if _is_binary(head):
        raise Unreadable(
            "unsupported",
            "This file is neither text nor a kind of document that is read here: PDF, DOCX, PPTX, "
            "XLSX, ODT, ODS, HTML, Markdown, text, CSV, JSON, Parquet, SQLite, EML.",
        )
    if _HTML.match(head):
        return "html"
    fields = _HEADER.match(head)
    if fields and len(_MAIL.findall(fields[0])) >= 2:
        return "eml"
    ending = _ending(source.name)
    text = encodings.decode(source.head(65_536)).text
    if not text.strip("\ufeff \t\r\n\x00"):
        raise Unreadable("empty", "There is no text in the file, only spaces or empty lines.")
    if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[") and _is_json(source, text, ending):
        return "json"
    if ending == "md" or ending == "txt":
        return ending
    table = _table(text, ending)
    if table is not None:
        return table
    if ending == "html" and re.search(r"<(p|h1|div|table)\b", text, re.IGNORECASE):
        return "html"
    return "md" if len(_MARKS.findall(text[:16_384])) >= 3 else "txt"


def _is_json(source: Source, text: str, ending: str) -> bool:
    if ending == "json" or tabular.records(source) is not None:
        return True
    return bool(re.match(r"\s*(?:\{\s*(?:\"|\})|\[\s*(?:[\"\d{\[\]]|true|false|null))", text)) and (
        text.rstrip("\x00 \r\n\t")[-1:] in ("}", "]")
    )


def _table(text: str, ending: str) -> str | None:
    """Return csv or tsv where the lines are rows of cells."""
    mark = tabular.separator(text)
    how_regular = tabular.regularity(text, mark)
    if ending in ("csv", "tsv"):
        return "tsv" if mark == "\t" and how_regular else ending
    if how_regular < 0.95 or len(text.splitlines()) < 3:
        return None
    return "tsv" if mark == "\t" else "csv"


def _is_binary(head: bytes) -> bool:
    if encodings.encoding_of(head).startswith(("utf-16", "utf-32")):
        return False
    strange = sum(byte < 9 or 13 < byte < 27 or 27 < byte < 32 for byte in head)
    return strange > len(head) * 0.02
