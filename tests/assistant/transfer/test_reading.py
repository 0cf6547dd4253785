"""Uploaded files, honest and hostile, read in the limited child."""

import io
import json
import tempfile
import zipfile
from typing import Any

import pytest

from tests.assistant.transfer.samples import chatgpt, chatgpt_rich, node, openwebui
from tramontane.assistant.transfer import file as transfer_file
from tramontane.assistant.transfer.file import MAX_DEPTH, Refused
from tramontane.assistant.transfer.reading import Ended, lines, read
from tramontane.assistant.transfer.records import ImportedConversation, Skipped


def zipped(**members: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/") + ".json", data)
    return target.getvalue()


def found(data: bytes) -> list[Any]:
    """Read in this process; the last line says how it ended."""
    with tempfile.TemporaryFile() as target:
        target.write(data)
        return list(lines(target, "en"))


BOTH = json.dumps([chatgpt_rich(), openwebui()]).encode()


def test_a_file_is_read_by_a_child() -> None:
    with tempfile.TemporaryFile() as target:
        target.write(b"\xef\xbb\xbf " + BOTH)
        result = list(read(target, "en"))
    assert [type(each) for each in result] == [ImportedConversation] * 2
    assert [each.title for each in result] == ["Le vent", "Sums"]


def test_a_zip_is_read_by_a_child() -> None:
    parts = {
        "export__conversations-000": json.dumps([chatgpt_rich()]).encode(),
        "export__conversations-001": json.dumps([openwebui()]).encode(),
        "export__user": b'{"email": "a@b.example"}',
    }
    with tempfile.TemporaryFile() as target:
        target.write(zipped(**parts))
        result = list(read(target, "fr"))
    assert [each.title for each in result] == ["Le vent", "Sums"]


def test_one_bad_element_does_not_spoil_the_others() -> None:
    odd = ["{}", '{"mapping": {"a": 1}}', '{"a": "\\ud83d"}', '{"a": NaN}', '{"a" 1}', "[1]"]
    good = json.dumps(chatgpt_rich())
    every = ",".join([*odd, good, '7, null, "text"'])
    result = found(f"[{every}]".encode())
    assert [type(each) for each in result] == [Skipped] * 6 + [ImportedConversation, Ended]
    assert result[-1] == Ended()


def test_a_list_may_be_wrapped() -> None:
    wrapped = b'\xef\xbb\xbf{ "conversations" : ' + BOTH + b', "other": 1}'
    result = found(wrapped)
    assert [each.title for each in result[:-1]] == ["Le vent", "Sums"]
    assert result[-1] == Ended()


def test_half_a_character_is_mended() -> None:
    nodes = [node("a", None, "user", "half \ud83d")]
    (conversation, _) = found(json.dumps([chatgpt(nodes, "a")]).encode())
    assert conversation.messages[0].parts[0].text == "half �"


def test_nesting_is_bounded() -> None:
    deep = b'{"title": "Deep", "mapping": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001
    assert found(b"[" + deep + b"]") == [Skipped("Deep", "too_nested"), Ended()]
    long = b'{"title": "Long", "mapping": "' + b"x" * 17_000_000 + b'"}'
    assert found(b"[" + long + b"]") == [Skipped("Long", "too_large"), Ended()]
    shallow = b'{"title": "Deep", "x": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}"
    assert found(b"[" + shallow + b"]") == [Skipped("Deep", "too_nested"), Ended()]
    # Many small lists take much memory: they may not take ours.
    with tempfile.TemporaryFile() as target:
        target.write(b'[{"mapping": [' + b"[],[{}]," * 400_000 + b"0]}]")
        assert list(read(target, "en")) == [Skipped("", "not_understood")]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not_json"),
        (b"  \n", "not_json"),
        (b"<html>", "not_json"),
        (b'"text"', "not_json"),
        (b"[", "not_json"),
        (b'[{"title": "cut of', "not_json"),
        (b'[{"title": "cut off"', "not_json"),
        (b'["' + b'\\"' * 5_000_000, "not_json"),
        (b"{}}", "not_json"),
        (b"[" + b"{}," * 100_001 + b"{}]", "too_many"),
        (b"PK\x03\x04 but no zip", "bad_zip"),
        (zipped(user=b"{}", chat=b"[]"), "no_conversations_in_zip"),
        (zipped(conversations=b"[]")[:-30], "bad_zip"),
    ],
    ids=range(13),
)
def test_files_that_cannot_be_read(data: bytes, reason: str) -> None:
    assert found(data)[-1] == Ended(reason)
    with tempfile.TemporaryFile() as target:
        target.write(data)
        with pytest.raises(Refused) as caught:
            list(read(target, "en"))
    assert caught.value.reason == reason


def test_a_zip_is_bounded_by_what_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer_file, "MAX_UNPACKED_BYTES", 3_000_000)
    bomb = zipped(conversations=b" " * 4_000_000 + b"[]")
    assert len(bomb) < 10_000
    assert found(bomb) == [Ended("unpacked_too_large")]
    # A header that says less than there is.
    lying = bytearray(zipped(conversations=b"[]" + b" " * 100_000))
    size = (100_002).to_bytes(4, "little")
    while (at := lying.find(size)) >= 0:
        lying[at : at + 4] = (2).to_bytes(4, "little")
    assert found(bytes(lying))[-1] in (Ended("bad_zip"), Ended())


def test_a_list_of_nothing() -> None:
    assert found(b"[]") == [Ended()]
    assert found(b'{"format": "tramontane.export"}\n{"format": 7}\n') == [
        Skipped("", "not_understood"),
        Ended(),
    ]
