"""The header reader against whole files, lying files and mutated ones."""

import os
import struct
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.engines.tiny import BYTES, SPECIAL, TEMPLATE, write_tiny
from tramontane.engines.gguf import (
    MAX_HEADER_BYTES,
    MAX_KEY_BYTES,
    MAX_STRINGS,
    MAX_TEMPLATE_BYTES,
    GGUFHeader,
    read_header,
)
from tramontane.errors import InvalidModelFile

U32, STRING, ARRAY = 4, 8, 9


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def entry(key: str | bytes, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def tensor(
    name: str | bytes = "w",
    shape: tuple[int, ...] = (32,),
    kind: int = 0,
    offset: int = 0,
    rank: int | None = None,
) -> bytes:
    rank = len(shape) if rank is None else rank
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", rank, *shape, kind, offset)


ARCHITECTURE = entry("general.architecture", STRING, text("llama"))


def file(
    *,
    magic: bytes = b"GGUF",
    version: int = 3,
    entries: tuple[bytes, ...] = (ARCHITECTURE,),
    tensors: tuple[bytes, ...] = (tensor(),),
    entry_count: int | None = None,
    tensor_count: int | None = None,
    data_bytes: int = 128,
    alignment: int = 32,
) -> bytes:
    """Return a GGUF file; what is not given is right."""
    counts = (
        len(tensors) if tensor_count is None else tensor_count,
        len(entries) if entry_count is None else entry_count,
    )
    head = magic + struct.pack("<IQQ", version, *counts) + b"".join(entries + tensors)
    return head + bytes(-len(head) % alignment) + bytes(data_bytes)


def array(key: str, kind: int, count: int, values: bytes) -> bytes:
    return entry(key, ARRAY, struct.pack("<IQ", kind, count) + values)


HUGE = (1 << 64) - 1
LIES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "one byte": (b"G", "is no GGUF file"),
    "magic only": (b"GGUF", "cut short"),
    "first fields cut": (file()[:23], "cut short"),
    "pickle": (b"\x80\x04\x95" + bytes(64), "pickle, which runs code"),
    "zip": (b"PK\x03\x04" + bytes(64), "zip archive"),
    "safetensors": (struct.pack("<Q", 60) + b'{"__metadata__":{}}' + bytes(60), "safetensors"),
    "old GGML": (b"tjgg" + bytes(64), "GGML format"),
    "gzip": (b"\x1f\x8b\x08" + bytes(64), "gzip"),
    "web page": (b"<!DOCTYPE html><html>", "web page"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "text": (b"hello, I am a model, load me", "begins with b'hello, I'"),
    "small letters": (file(magic=b"gguf"), "begins with b'gguf"),
    "version 0": (file(version=0), "big-endian"),
    "version 1": (file(version=1), "version 1"),
    "version 4": (file(version=4), "version 4, unknown"),
    "big-endian": (file(version=3 << 24), "big-endian"),
    "no tensors": (file(tensors=()), "no tensors"),
    "tensor count huge": (file(tensor_count=HUGE), "claims 18446744073709551615 tensors"),
    "tensor count too large": (file(tensor_count=50), "claims 50 tensors"),
    "tensor count off by one": (file(tensor_count=2), "tensor"),
    "entry count huge": (file(entry_count=HUGE), "metadata entries"),
    "entry count 2^63": (file(entry_count=1 << 63), "metadata entries"),
    "entry count off by one": (file(entry_count=2), "type 0|not printable|impossible|lies|twice"),
    "key past the end": (file(entries=(struct.pack("<Q", 900) + b"a",)), "cut short"),
    "key length huge": (file(entries=(struct.pack("<Q", HUGE),)), "is 18446744073709551615 bytes"),
    "key too long": (
        file(entries=(entry("k" * (MAX_KEY_BYTES + 1), U32, bytes(4)),)),
        "more than",
    ),
    "key empty": (file(entries=(entry("", U32, bytes(4)),)), "empty"),
    "key with a line end": (file(entries=(entry("a\nb", U32, bytes(4)),)), "not printable"),
    "key not UTF-8": (file(entries=(entry(b"\xff\xfe", U32, bytes(4)),)), "not UTF-8"),
    "key twice": (file(entries=(ARCHITECTURE, ARCHITECTURE)), "general.architecture twice"),
    "unknown type": (file(entries=(ARCHITECTURE, entry("a", 13, bytes(8)))), "unknown type 13"),
    "truth value 2": (file(entries=(ARCHITECTURE, entry("a", 7, b"\x02"))), "truth value 2"),
    "string past the end": (
        file(entries=(ARCHITECTURE, entry("a", STRING, struct.pack("<Q", 1 << 20)))),
        "cut short",
    ),
    "string huge": (
        file(entries=(ARCHITECTURE, entry("a", STRING, struct.pack("<Q", HUGE)))),
        "bytes long",
    ),
    "string not UTF-8": (
        file(entries=(ARCHITECTURE, entry("a", STRING, text(b"\xc3(")))),
        "a is not UTF-8",
    ),
    "nested array": (
        file(entries=(ARCHITECTURE, array("a", ARRAY, 1, bytes(12)))),
        "nests arrays in a",
    ),
    "array of nothing known": (
        file(entries=(ARCHITECTURE, array("a", 99, 1, bytes(8)))),
        "unknown type 99",
    ),
    "array count huge": (file(entries=(ARCHITECTURE, array("a", U32, HUGE, b""))), "cut short"),
    "array count overflows": (
        file(entries=(ARCHITECTURE, array("a", 10, 1 << 61, b""))),
        "cut short",
    ),
    "strings past the end": (
        file(entries=(ARCHITECTURE, array("a", STRING, 3, text("x")))),
        "cut short|bytes long",
    ),
    "string count huge": (
        file(entries=(ARCHITECTURE, array("a", STRING, 1 << 60, b""))),
        "cut short",
    ),
    "template too long": (
        file(
            entries=(
                ARCHITECTURE,
                entry("tokenizer.chat_template", STRING, text("x" * (MAX_TEMPLATE_BYTES + 1))),
            )
        ),
        "more than 262144",
    ),
    "no architecture": (
        file(entries=(entry("general.name", STRING, text("x")),)),
        "no architecture",
    ),
    "architecture a number": (
        file(entries=(entry("general.architecture", U32, bytes(4)),)),
        "no architecture",
    ),
    "architecture a path": (
        file(entries=(entry("general.architecture", STRING, text("../../etc")),)),
        "no architecture",
    ),
    "alignment 0": (
        file(entries=(ARCHITECTURE, entry("general.alignment", U32, bytes(4)))),
        "alignment of 0",
    ),
    "alignment 48": (
        file(entries=(ARCHITECTURE, entry("general.alignment", U32, struct.pack("<I", 48)))),
        "alignment of 48",
    ),
    "alignment huge": (
        file(entries=(ARCHITECTURE, entry("general.alignment", U32, struct.pack("<I", 1 << 31)))),
        "alignment of 2147483648",
    ),
    "alignment a string": (
        file(entries=(ARCHITECTURE, entry("general.alignment", STRING, text("32")))),
        "alignment of 32",
    ),
    "adapter": (
        file(entries=(ARCHITECTURE, entry("general.type", STRING, text("adapter")))),
        "LoRA adapter",
    ),
    "projector": (
        file(entries=(entry("general.architecture", STRING, text("clip")),)),
        "vision projector",
    ),
    "part of a model": (
        file(entries=(ARCHITECTURE, entry("split.count", 2, struct.pack("<H", 3)))),
        "one of 3 parts",
    ),
    "tensor name empty": (file(tensors=(tensor(""),)), "empty"),
    "tensor name too long": (file(tensors=(tensor("n" * 64),)), "64 bytes long"),
    "tensor name not UTF-8": (file(tensors=(tensor(b"\xff"),)), "not UTF-8"),
    "tensor name with NUL": (file(tensors=(tensor("a\0b"),)), "not printable"),
    "tensor twice": (
        file(tensors=(tensor(), tensor(offset=128)), data_bytes=256),
        "the tensor w twice",
    ),
    "no dimensions": (file(tensors=(tensor(shape=()),)), "0 dimensions"),
    "five dimensions": (file(tensors=(tensor(shape=(1,) * 5),)), "5 dimensions"),
    "2^32-1 dimensions": (file(tensors=(tensor(rank=(1 << 32) - 1),)), "dimensions"),
    "a dimension of 0": (file(tensors=(tensor(shape=(32, 0)),)), "impossible shape"),
    "dimensions overflow": (
        file(tensors=(tensor(shape=(1 << 32, 1 << 32)),)),
        "impossible shape",
    ),
    "dimensions wrap to 32": (
        file(tensors=(tensor(shape=(1 << 63, 2, 1, 32)),)),
        "impossible shape",
    ),
    "rows no block": (file(tensors=(tensor(shape=(33,), kind=8),)), "rows of 33"),
    "tensor type unknown": (file(tensors=(tensor(kind=1000),)), "type 1000"),
    "tensor type removed": (file(tensors=(tensor(kind=4),)), "type 4,"),
    "offset off alignment": (file(tensors=(tensor(offset=1),)), "off its alignment"),
    "offset past the end": (file(tensors=(tensor(offset=1 << 40),)), "too short"),
    "offset 2^64-32": (file(tensors=(tensor(offset=HUGE - 31),)), "too short"),
    "data cut": (file(data_bytes=127), "1 bytes too short"),
    "tensors over each other": (
        file(tensors=(tensor("a"), tensor("b", offset=32)), data_bytes=512),
        "over each other",
    ),
    "tensors in one place": (
        file(tensors=(tensor("a"), tensor("b")), data_bytes=512),
        "over each other",
    ),
}


def refusal(path: Path) -> str:
    with pytest.raises(InvalidModelFile) as caught:
        read_header(path)
    assert caught.value.code == "invalid_model_file"
    return caught.value.message


@pytest.mark.parametrize("name", LIES)
def test_a_lying_file_is_refused_with_its_lie(name: str, tmp_path: Path) -> None:
    data, meaning = LIES[name]
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    message = refusal(path)
    assert any(part in message for part in meaning.split("|")), message
    assert message.startswith("model.gguf: ")


def test_the_builder_of_lies_builds_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(file())
    header = read_header(path)
    assert (header.architecture, header.parameters, header.quantisation) == ("llama", 32, "F32")
    assert header.data_offset_bytes + 128 == header.size_bytes


def test_a_header_longer_than_allowed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    count = MAX_HEADER_BYTES + 1
    with path.open("wb") as output:
        output.write(file(entries=(ARCHITECTURE, array("a", 0, count, b"")), data_bytes=0))
        output.truncate(2 * MAX_HEADER_BYTES)  # sparse: claims much, holds nothing
    assert "longer than 128 MiB" in refusal(path)


def test_too_many_strings_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    with path.open("wb") as output:
        output.write(
            file(entries=(ARCHITECTURE, array("a", STRING, MAX_STRINGS + 1, b"")), data_bytes=0)
        )
        output.truncate(MAX_HEADER_BYTES)
    assert "strings in arrays" in refusal(path)


@pytest.mark.parametrize("cut", [1, 24, 25, 100, 5000, 10_000])
def test_a_cut_file_is_refused(cut: int, tmp_path: Path) -> None:
    whole = write_tiny(tmp_path / "tiny.gguf").read_bytes()
    path = tmp_path / "cut.gguf"
    path.write_bytes(whole[:-cut])
    assert "too short" in refusal(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "no regular file" in refusal(pipe)
    assert "no regular file" in refusal(tmp_path)
    assert "No such file" in refusal(tmp_path / "nothing.gguf")
    assert "NUL" in refusal(Path("a\0b"))
    assert "no regular file" in refusal(Path("/dev/zero"))


def test_a_whole_file_is_described(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "tiny.gguf", context_tokens=512)
    reader = gguf.GGUFReader(path)
    header = read_header(path)
    assert header == GGUFHeader(
        version=3,
        architecture="llama",
        name="tiny",
        size_bytes=path.stat().st_size,
        data_offset_bytes=reader.data_offset,
        tensor_count=len(reader.tensors),
        parameters=sum(int(tensor.n_elements) for tensor in reader.tensors),
        quantisation="F32",
        context_tokens=512,
        chat_template=TEMPLATE,
        metadata=header.metadata,
        lengths=header.lengths,
        sums=header.sums,
    )
    assert header.lengths["tokenizer.ggml.tokens"] == len(SPECIAL) + len(BYTES)
    assert header.metadata["llama.embedding_length"] == 32
    assert "tokenizer.ggml.tokens" not in header.metadata
    assert "tokenizer.chat_template" not in header.metadata


@pytest.mark.parametrize("quantisation", ["Q8_0", "Q4_0", "Q5_1", "Q6_K", "BF16", "F16"])
def test_every_tensor_type_has_the_size_that_the_gguf_package_gives_it(
    quantisation: str, tmp_path: Path
) -> None:
    kind = gguf.GGMLQuantizationType[quantisation]
    path = tmp_path / "quantised.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    block, block_bytes = gguf.GGML_QUANT_SIZES[kind]
    rows = np.zeros((3, 256 // block * block_bytes), dtype=np.uint8)
    writer.add_tensor("a", rows, raw_dtype=kind)
    writer.add_tensor("b", rows, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    header = read_header(path)
    assert (header.quantisation, header.parameters) == (quantisation, 2 * 3 * 256)
    path.write_bytes(path.read_bytes()[: header.data_offset_bytes + rows.nbytes])
    assert "too short" in refusal(path)


def test_a_name_cannot_carry_control_characters(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(
        file(entries=(ARCHITECTURE, entry("general.name", STRING, text("a\x1b[31m\nb"))))
    )
    assert read_header(path).name == "a[31mb"


# Mutations: what a damaged or hostile file may be, starting from a whole one.

EDGES = [0, 1, 2, 3, 31, 63, 64, 127, 255, 1 << 15, 1 << 31, (1 << 32) - 1, 1 << 62, 1 << 63, HUGE]
Mutation = Callable[[bytearray], None]


def _mutation(name: str, at: int, length: int, value: int) -> Mutation:
    def put(layout: str, limit: int) -> Mutation:
        def apply(data: bytearray) -> None:
            packed = struct.pack(layout, value & limit)
            start = at % max(1, len(data))
            data[start : start + len(packed)] = packed

        return apply

    def cut(data: bytearray) -> None:
        del data[at % max(1, len(data)) :][:length]
        del data[len(data) - min(length, len(data)) :]

    def remove(data: bytearray) -> None:
        start = at % max(1, len(data))
        del data[start : start + length]

    def repeat(data: bytearray) -> None:
        start = at % max(1, len(data))
        data[start:start] = data[start : start + length]

    return {
        "byte": put("<B", 0xFF),
        "u32": put("<I", 0xFFFF_FFFF),
        "u64": put("<Q", HUGE),
        "cut": cut,
        "remove": remove,
        "repeat": repeat,
    }[name]


mutations = st.lists(
    st.builds(
        _mutation,
        st.sampled_from(["byte", "byte", "u32", "u64", "u64", "cut", "remove", "repeat"]),
        # Most of the header lies in the first kilobyte; the vocabulary follows.
        st.one_of(st.integers(0, 1_000), st.integers(0, 6_000)),
        st.integers(1, 400),
        st.one_of(st.sampled_from(EDGES), st.integers(0, HUGE)),
    ),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_tiny(tmp_path_factory.mktemp("gguf") / "tiny.gguf", width=8).read_bytes()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutants") / "mutant.gguf"


def check_mutant(data: bytes, place: Path) -> None:
    place.write_bytes(data)
    try:
        header = read_header(place)
    except InvalidModelFile as error:
        assert error.message.startswith("mutant.gguf: ")
        return
    assert header.tensor_count > 0
    assert header.parameters > 0
    assert 0 < header.data_offset_bytes < header.size_bytes == len(data)


quiet = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None)


@settings(quiet, max_examples=150)
@given(changes=mutations)
def test_mutants_are_read_or_refused(whole: bytes, place: Path, changes: list[Mutation]) -> None:
    data = bytearray(whole)
    for change in changes:
        change(data)
    check_mutant(bytes(data), place)


@settings(quiet, max_examples=100)
@given(tail=st.binary(max_size=400))
@example(tail=b"")
def test_noise_after_the_magic_is_refused(place: Path, tail: bytes) -> None:
    place.write_bytes(b"GGUF\x03\0\0\0" + tail)
    refusal(place)


@pytest.mark.slow
@settings(quiet, max_examples=100_000)
@given(changes=mutations)
def test_mutants_are_read_or_refused_in_full_count(
    whole: bytes, place: Path, changes: list[Mutation]
) -> None:
    data = bytearray(whole)
    for change in changes:
        change(data)
    check_mutant(bytes(data), place)


@pytest.mark.slow
def test_every_byte_and_every_cut_of_the_header(whole: bytes, place: Path) -> None:
    """Each header byte set to 0, 255 and flipped; each length of the file up to the data."""
    place.write_bytes(whole)
    header_bytes = read_header(place).data_offset_bytes
    tried = 0
    for at in range(header_bytes):
        for value in {0x00, 0xFF, whole[at] ^ 0x01, whole[at] ^ 0x80} - {whole[at]}:
            check_mutant(whole[:at] + bytes([value]) + whole[at + 1 :], place)
            tried += 1
        place.write_bytes(whole[:at])
        refusal(place)
        tried += 1
    assert tried > 4 * header_bytes
