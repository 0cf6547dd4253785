"""What a file is, is found from its bytes; what cannot be read says what to do instead."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.documents import made
from tests.documents.reading import read, refusal


@pytest.mark.parametrize(
    ("maker", "kind"),
    [
        (lambda path: made.report_pdf(path, 1), "pdf"),
        (made.docx, "docx"),
        (made.pptx, "pptx"),
        (made.xlsx, "xlsx"),
        (made.odt, "odt"),
        (made.eml, "eml"),
        (made.csv, "csv"),
    ],
)
def test_the_name_counts_for_nothing(
    tmp_path: Path, maker: Callable[[Path], object], kind: str
) -> None:
    path = tmp_path / "file"
    maker(path)
    assert read(path).began.kind == kind
    other = "report.html" if kind != "html" else "report.pdf"
    reading = read(path, other)
    assert reading.began.kind == kind
    assert "other_kind" in reading.notes


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        ("<!-- saved --><html><p>x</p></html>", "a", "html"),
        ("<p>a fragment</p>", "a.html", "html"),
        ("# Title\n\n- [a](b)\n\n```\nx\n```\n", "a", "md"),
        ("# Title only", "readme.md", "md"),
        ("Dear all,\nplease come, if you can, on Monday.\n", "a", "txt"),
        ("Dear all, yes\nplease come, now\nor, else\nso, be it\n", "letter.txt", "txt"),
        ("one column\n1\n2\n", "a.csv", "csv"),
        ("From: the desk of the mayor\n\nDear all", "a", "txt"),
        ("[Note: this is prose] and goes on.", "a", "txt"),
    ],
)
def test_texts_are_told_apart(tmp_path: Path, text: str, name: str, kind: str) -> None:
    path = tmp_path / "file"
    path.write_text(text)
    assert read(path, name).began.kind == kind


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (made.png(), "picture"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, ".docx"),
        (b"{\\rtf1 text}", ".docx"),
        (b"\x7fELF\x02\x01\x01" + b"\0" * 100, "program"),
        (bytes(range(256)) * 8, "neither text"),
    ],
)
def test_other_kinds_say_what_to_do(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "file.pdf"
    path.write_bytes(data)
    refused = refusal(path)
    assert refused.reason == "unsupported" and said in refused.message


def test_other_zips_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "file.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "text")
    assert refusal(path).reason == "unsupported"
    path.write_bytes(path.read_bytes()[:40])
    assert refusal(path).reason == "corrupt"


def test_protected_office_files_are_said_so(tmp_path: Path) -> None:
    path = tmp_path / "file.docx"
    name = "EncryptedPackage".encode("utf-16-le")
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + name)
    assert refusal(path).reason == "encrypted"
    encryption = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        '<manifest:file-entry manifest:full-path="content.xml"><manifest:encryption-data/>'
        "</manifest:file-entry></manifest:manifest>"
    )
    made.odt(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("META-INF/manifest.xml", encryption)
    assert refusal(path).reason == "encrypted"


@pytest.mark.parametrize("data", [b" \n\t\n", b"\xef\xbb\xbf", b"<html><body></body></html>"])
def test_nothing_but_space_is_empty(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(data)
    assert refusal(path).reason == "empty"
