"""Reads the header of a GGUF file without trusting it (REQUIREMENTS, SE10).

Every count and length is compared with what the file can hold before anything is allocated, and
every tensor must lie inside the file, aligned, apart from the others; so a file that passes is
whole, and one that lies costs bounded time and memory. Tensor data is never read. It does not
know what an architecture needs, and never renders a chat template: llama.cpp does both, with its
own interpreter, inside the engine child, where a hostile file harms nobody else.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import math
import os
import re
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from tramontane.errors import InvalidModelFile

MAX_HEADER_BYTES = 128 << 20
MAX_ENTRIES = 65_536
MAX_TENSORS = 65_536
MAX_KEY_BYTES = 1_024
MAX_STRING_BYTES = 16 << 20
MAX_STRINGS = 4_000_000  # in all arrays together; vocabularies and merges stay far below
MAX_KEPT_BYTES = 4_096
MAX_SUMMED = 4_096  # numbers of an array: layers have one each, vocabularies are longer
MAX_TEMPLATE_BYTES = 256 << 10
MAX_TENSOR_NAME_BYTES = 63  # ggml's own limit
MAX_DIMENSIONS = 4
MAX_ALIGNMENT_BYTES = 65_536

TEMPLATE_KEY = "tokenizer.chat_template"
_DAMAGED = "download or convert it again"
_CONVERT = "convert it with llama.cpp's convert_hf_to_gguf.py, or download a .gguf of it"

_STRING, _ARRAY, _BOOL = 8, 9, 7
_SCALARS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    _BOOL: struct.Struct("<B"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
_U32, _U64 = _SCALARS[4], _SCALARS[10]
_WHOLE_NUMBERS = (0, 1, 2, 3, 4, 5, 10, 11)

# ggml's tensor types: number -> name, elements in a block, bytes of a block.
_TENSOR_TYPES = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 40),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
    42: ("Q2_0", 64, 18),
}

# llama.cpp's `general.file_type`: what the whole file is called, as users know it.
_FILE_TYPES = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    19: "IQ2_XXS",
    20: "IQ2_XS",
    21: "Q2_K_S",
    22: "IQ3_XS",
    23: "IQ3_XXS",
    24: "IQ1_S",
    25: "IQ4_NL",
    26: "IQ3_S",
    27: "IQ3_M",
    28: "IQ2_S",
    29: "IQ2_M",
    30: "IQ4_XS",
    31: "IQ1_M",
    32: "BF16",
    36: "TQ1_0",
    37: "TQ2_0",
    38: "MXFP4_MOE",
    39: "NVFP4",
    40: "Q1_0",
}

# What else a file may begin with, what that is and what to do.
_OTHER_FORMATS = (
    (b"PK\x03\x04", "a zip archive, perhaps a PyTorch checkpoint", _CONVERT),
    (b"\x80", "a pickle, which runs code when loaded and is never opened here", _CONVERT),
    (b"lmgg", "in the GGML format that came before GGUF", _CONVERT),
    (b"fmgg", "in the GGML format that came before GGUF", _CONVERT),
    (b"tjgg", "in the GGML format that came before GGUF", _CONVERT),
    (b"\x89HDF", "an HDF5 file", _CONVERT),
    (b"\x1f\x8b", "compressed with gzip", "unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it first"),
    (b"\xfd7zXZ", "compressed with xz", "unpack it first"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file", "run `git lfs pull`"),
    (b"<", "a web page, perhaps a download that failed", _DAMAGED),
)
_NOT_A_MODEL = {
    "adapter": ("is a LoRA adapter", "merge it into its base model first"),
    "mmproj": ("is a vision projector", "give the language model it belongs to"),
    "imatrix": ("is an importance matrix", "give the model it was measured on"),
    "vocab": ("is a vocabulary without weights", "give the whole model"),
}

Scalar = str | int | float | bool
T = TypeVar("T")


class GGUFHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What a GGUF file says of itself, checked against its own size.

    `parameters` counts the elements of all tensors. `quantisation` is the file type's name, else
    the tensor type that most bytes have. `metadata` holds scalars and short strings only,
    `lengths` how long each array is, `sums` what those of few whole numbers sum to.
    """

    version: int
    architecture: str
    name: str | None
    size_bytes: int
    data_offset_bytes: int
    tensor_count: int
    parameters: int
    quantisation: str
    context_tokens: int | None
    chat_template: str | None
    metadata: dict[str, Scalar]
    lengths: dict[str, int]
    sums: dict[str, int]


class HeaderUnfinished(Exception):
    """Not enough of the file is there yet to read its header; nothing is wrong with it so far."""


class _Tensor(msgspec.Struct, frozen=True):
    name: str
    type: str
    elements: int
    offset_bytes: int
    size_bytes: int


def read_header(path: Path, name: str | None = None) -> GGUFHeader:
    """Return the checked header of the file at `path`, called `name` in messages.

    Raises InvalidModelFile, and nothing else, saying what is wrong and what to do.
    """
    name = name or path.name
    return _opened(path, name, lambda file, size: _read(_Reader(file, name, size)))


def read_beginning(path: Path, name: str, size_bytes: int, *, is_part: bool = False) -> GGUFHeader:
    """Return the header of a file that is to have `size_bytes`, of which `path` has the beginning.

    `is_part`: it may be the first of several. Raises InvalidModelFile as `read_header` does,
    HeaderUnfinished where more must be there.
    """
    return _opened(path, name, lambda file, _: _read(_Reader(file, name, size_bytes), is_part))


class Layout(msgspec.Struct, frozen=True):
    """Where things stand in a file: `entries` as key, begin, end; `tensors` as begin and end of
    what is said of each, and its offset in the data, which begins at `data_offset_bytes`.
    """

    version: int
    entries: tuple[tuple[str, int, int], ...]
    tensors: tuple[tuple[int, int, int], ...]
    data_offset_bytes: int
    alignment_bytes: int
    size_bytes: int


def read_layout(path: Path) -> Layout:
    """Return the layout of a file, which may be a part of a model. Raises InvalidModelFile."""
    return _opened(path, path.name, lambda file, size: _layout(_Reader(file, path.name, size)))


def _opened(path: Path, name: str, read: Callable[[BinaryIO, int], T]) -> T:
    if "\0" in str(path):
        raise InvalidModelFile("a file's name cannot hold a NUL character")
    try:
        # Not blocking, so that a pipe in the place of a file cannot hold us.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise InvalidModelFile(f"{name}: is no regular file; give a .gguf file")
            with open(descriptor, "rb", buffering=1 << 18, closefd=False) as file:
                return read(file, status.st_size)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise InvalidModelFile(f"{name}: cannot be read ({error.strerror})") from None


class _Reader:
    """Takes bytes off the front of a file, never more than it has or a header may have."""

    def __init__(self, file: BinaryIO, name: str, size_bytes: int) -> None:
        self.start = file.read(32)
        file.seek(0)
        self._file = file
        self._name = name
        self._is_beginning = os.fstat(file.fileno()).st_size < size_bytes
        self.size_bytes = size_bytes
        self.position = 0
        self.lengths: dict[str, int] = {}
        self.sums: dict[str, int] = {}
        self._strings_left = MAX_STRINGS

    def refuse(self, problem: str, mend: str = _DAMAGED) -> InvalidModelFile:
        """Return the error to raise, with the file's name in front."""
        return InvalidModelFile(f"{self._name}: {problem}; {mend}")

    def need(self, length: int, what: str) -> None:
        """Raise unless `length` more bytes can be there."""
        if length > self.size_bytes - self.position:
            raise self.refuse(f"ends inside {what}, so it is cut short or its header lies")
        if length > MAX_HEADER_BYTES - self.position:
            raise self.refuse(f"its header is longer than {MAX_HEADER_BYTES >> 20} MiB")

    def take(self, length: int, what: str) -> bytes:
        self.need(length, what)
        data = self._file.read(length)
        if len(data) != length:
            if self._is_beginning:
                raise HeaderUnfinished
            raise self.refuse("became shorter while it was read")
        self.position += length
        return data

    def skip(self, length: int, what: str) -> None:
        self.need(length, what)
        self._file.seek(length, os.SEEK_CUR)
        self.position += length

    def number(self, layout: struct.Struct, what: str) -> int:
        value: int = layout.unpack(self.take(layout.size, what))[0]
        return value

    def text(self, limit_bytes: int, what: str) -> str:
        length = self.number(_U64, what)
        if length > limit_bytes:
            raise self.refuse(f"{what} is {length} bytes long, more than {limit_bytes}")
        data = self.take(length, what)
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise self.refuse(f"{what} is not UTF-8") from None

    def skip_strings(self, count: int, what: str) -> None:
        """Pass over `count` strings of any bytes: tokens need not be UTF-8."""
        self.need(8 * count, what)
        if count > self._strings_left:
            raise self.refuse(f"holds more than {MAX_STRINGS} strings in arrays")
        self._strings_left -= count
        for _ in range(count):
            length = self.number(_U64, what)
            if length > MAX_KEPT_BYTES:
                self.skip(length, what)
            elif length:
                self.take(length, what)  # quicker than to seek


def _read_counts(reader: _Reader) -> tuple[int, int]:
    tensor_count = reader.number(_U64, "its tensor count")
    entry_count = reader.number(_U64, "its entry count")
    # The smallest entry is key length, a letter, type, one byte; the smallest tensor likewise.
    for count, limit, least, what in (
        (entry_count, MAX_ENTRIES, 14, "metadata entries"),
        (tensor_count, MAX_TENSORS, 33, "tensors"),
    ):
        if count > limit or count * least > reader.size_bytes:
            raise reader.refuse(f"claims {count} {what}")
    return tensor_count, entry_count


def _layout(reader: _Reader) -> Layout:
    version = _read_version(reader)
    tensor_count, entry_count = _read_counts(reader)
    metadata: dict[str, Scalar] = {}
    entries = []
    for _ in range(entry_count):
        begin = reader.position
        key = reader.text(MAX_KEY_BYTES, "a metadata key")
        value = _read_value(reader, key)
        if value is not None:
            metadata[key] = value
        entries.append((key, begin, reader.position))
    alignment = _alignment_bytes(reader, metadata)
    tensors, found = [], []
    for _ in range(tensor_count):
        begin = reader.position
        found.append(_read_tensor(reader))
        tensors.append((begin, reader.position, found[-1].offset_bytes))
    data_offset = -(-reader.position // alignment) * alignment
    _check_layout(reader, found, alignment, data_offset)
    return Layout(
        version, tuple(entries), tuple(tensors), data_offset, alignment, reader.size_bytes
    )


def _read(reader: _Reader, is_part: bool = False) -> GGUFHeader:
    version = _read_version(reader)
    tensor_count, entry_count = _read_counts(reader)
    if tensor_count == 0 and not is_part:
        raise reader.refuse("holds no tensors", "give a model file with its weights")
    metadata = _read_metadata(reader, entry_count)
    architecture = _check_kind(reader, metadata, is_part)
    alignment = _alignment_bytes(reader, metadata)
    tensors = _read_tensors(reader, tensor_count)
    data_offset = -(-reader.position // alignment) * alignment
    _check_layout(reader, tensors, alignment, data_offset)
    template = metadata.pop(TEMPLATE_KEY, None)
    context = metadata.get(f"{architecture}.context_length")
    return GGUFHeader(
        version=version,
        architecture=architecture,
        name=_printable(metadata.get("general.name")),
        size_bytes=reader.size_bytes,
        data_offset_bytes=data_offset,
        tensor_count=tensor_count,
        parameters=sum(tensor.elements for tensor in tensors),
        quantisation=_quantisation(metadata, tensors),
        context_tokens=context if type(context) is int and 0 < context < 1 << 31 else None,
        chat_template=template if isinstance(template, str) else None,
        metadata=metadata,
        lengths=reader.lengths,
        sums=reader.sums,
    )


def _read_version(reader: _Reader) -> int:
    start = reader.start
    if start[:4] != b"GGUF":
        raise reader.refuse(*_explain_start(start))
    reader.skip(4, "its first fields")
    version = reader.number(_U32, "its first fields")
    if version in (2, 3):
        return version
    if version == 1:
        raise reader.refuse("is GGUF version 1, which llama.cpp no longer reads", "convert it anew")
    if version & 0xFFFF == 0:
        raise reader.refuse("was written for big-endian machines", "convert it for little-endian")
    raise reader.refuse(f"is GGUF version {version}, unknown here", "update Tramontane")


def _explain_start(start: bytes) -> tuple[str, str]:
    """Return what a file that begins with `start` is, and what to do."""
    if not start:
        return "is empty", _DAMAGED
    if start[8:9] == b"{":
        return "is no GGUF file: it is a safetensors file", _CONVERT
    for magic, meaning, mend in _OTHER_FORMATS:
        if start.startswith(magic):
            return f"is no GGUF file: it is {meaning}", mend
    return f"is no GGUF file: begins with {start[:8]!r}, not b'GGUF'", _CONVERT


def _read_metadata(reader: _Reader, count: int) -> dict[str, Scalar]:
    metadata: dict[str, Scalar] = {}
    seen = set[str]()
    for _ in range(count):
        key = reader.text(MAX_KEY_BYTES, "a metadata key")
        if not key or not key.isprintable():
            raise reader.refuse("has a metadata key that is empty or not printable")
        if key in seen:
            raise reader.refuse(f"has the metadata key {key} twice")
        seen.add(key)
        value = _read_value(reader, key)
        if value is not None:
            metadata[key] = value
    return metadata


def _read_value(reader: _Reader, key: str) -> Scalar | None:
    """Return a scalar or short string; None for what is passed over."""
    kind = reader.number(_U32, f"the type of {key}")
    if kind == _ARRAY:
        _skip_array(reader, key)
        return None
    if kind == _STRING:
        if key.startswith(TEMPLATE_KEY):
            return reader.text(MAX_TEMPLATE_BYTES, key)
        text = reader.text(MAX_STRING_BYTES, key)
        return text if len(text) <= MAX_KEPT_BYTES else None
    layout = _SCALARS.get(kind)
    if layout is None:
        raise reader.refuse(f"gives {key} the unknown type {kind}")
    (value,) = layout.unpack(reader.take(layout.size, key))
    if kind == _BOOL:
        if value > 1:
            raise reader.refuse(f"gives {key} the truth value {value}")
        return bool(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value  # type: ignore[no-any-return]


def _skip_array(reader: _Reader, key: str) -> None:
    kind = reader.number(_U32, f"the type of {key}")
    count = reader.number(_U64, f"the length of {key}")
    if kind == _ARRAY:
        raise reader.refuse(f"nests arrays in {key}, which llama.cpp does not read")
    reader.lengths[key] = count
    if kind in _WHOLE_NUMBERS and count <= MAX_SUMMED:
        layout = struct.Struct(f"<{count}{_SCALARS[kind].format[1:]}")
        reader.sums[key] = sum(layout.unpack(reader.take(layout.size, key)))
        return
    if kind == _STRING:
        reader.skip_strings(count, key)
    elif kind in _SCALARS:
        reader.skip(count * _SCALARS[kind].size, key)
    else:
        raise reader.refuse(f"gives {key} the unknown type {kind}")


def _check_kind(reader: _Reader, metadata: dict[str, Scalar], is_part: bool) -> str:
    """Return the architecture; raise for what is GGUF, but no whole model."""
    architecture = metadata.get("general.architecture")
    kind = "mmproj" if architecture == "clip" else metadata.get("general.type", "model")
    if isinstance(kind, str) and kind in _NOT_A_MODEL:
        raise reader.refuse(*_NOT_A_MODEL[kind])
    parts = metadata.get("split.count", 0)
    if type(parts) is int and parts > 1 and not is_part:
        raise reader.refuse(
            f"is one of {parts} parts of a model", "join them with `llama-gguf-split --merge`"
        )
    if not isinstance(architecture, str) or not re.fullmatch(r"[a-z0-9_.-]{1,64}", architecture):
        raise reader.refuse("names no architecture (general.architecture)")
    return architecture


def _alignment_bytes(reader: _Reader, metadata: dict[str, Scalar]) -> int:
    value = metadata.get("general.alignment", 32)
    if type(value) is not int or not 0 < value <= MAX_ALIGNMENT_BYTES or value & (value - 1):
        raise reader.refuse(f"asks for an alignment of {value} bytes, which is no power of two")
    return value


def _read_tensors(reader: _Reader, count: int) -> list[_Tensor]:
    names = set[str]()
    tensors: list[_Tensor] = []
    for _ in range(count):
        tensor = _read_tensor(reader)
        if tensor.name in names:
            raise reader.refuse(f"has the tensor {tensor.name} twice")
        names.add(tensor.name)
        tensors.append(tensor)
    return tensors


def _read_tensor(reader: _Reader) -> _Tensor:
    name = reader.text(MAX_TENSOR_NAME_BYTES, "a tensor's name")
    if not name or not name.isprintable():
        raise reader.refuse("has a tensor whose name is empty or not printable")
    rank = reader.number(_U32, f"the shape of {name}")
    if not 1 <= rank <= MAX_DIMENSIONS:
        raise reader.refuse(f"gives the tensor {name} {rank} dimensions")
    shape = struct.unpack(f"<{rank}Q", reader.take(8 * rank, f"the shape of {name}"))
    number = reader.number(_U32, f"the type of {name}")
    offset = reader.number(_U64, f"the offset of {name}")
    if number not in _TENSOR_TYPES:
        raise reader.refuse(f"gives the tensor {name} the type {number}, unknown here")
    kind, block, block_bytes = _TENSOR_TYPES[number]
    elements = math.prod(shape)
    if not 0 < elements < 1 << 63:
        raise reader.refuse(f"gives the tensor {name} the impossible shape {list(shape)}")
    if shape[0] % block:
        raise reader.refuse(f"gives the tensor {name} rows of {shape[0]}, no multiple of {block}")
    return _Tensor(name, kind, elements, offset, elements // block * block_bytes)


def _check_layout(
    reader: _Reader, tensors: list[_Tensor], alignment: int, data_offset: int
) -> None:
    end = 0
    before = ""
    for tensor in sorted(tensors, key=lambda tensor: tensor.offset_bytes):
        if tensor.offset_bytes % alignment:
            raise reader.refuse(f"puts the tensor {tensor.name} off its alignment of {alignment}")
        if tensor.offset_bytes < end:
            raise reader.refuse(f"puts the tensors {before} and {tensor.name} over each other")
        end = tensor.offset_bytes + tensor.size_bytes
        before = tensor.name
        if data_offset + end > reader.size_bytes:
            missing = data_offset + end - reader.size_bytes
            raise reader.refuse(
                f"is {missing} bytes too short for its tensor {tensor.name}, so it is cut short or"
                " its header lies"
            )


def _quantisation(metadata: dict[str, Scalar], tensors: list[_Tensor]) -> str:
    named = metadata.get("general.file_type")
    if type(named) is int and named in _FILE_TYPES:
        return _FILE_TYPES[named]
    sizes: dict[str, int] = {}
    for tensor in tensors:
        sizes[tensor.type] = sizes.get(tensor.type, 0) + tensor.size_bytes
    return max(sizes, key=lambda kind: sizes[kind], default="F32")


def _printable(name: Scalar | None) -> str | None:
    if not isinstance(name, str):
        return None
    return "".join(letter for letter in name if letter.isprintable())[:200] or None
