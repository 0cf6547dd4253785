"""Makes one GGUF file of the parts of a split one, as `llama-gguf-split --merge` does.

The library keeps each model as one file under its own hash. Every count in a part has been compared
with what the part holds before it is used (`gguf`), and the result is checked like any other file.
"""

import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from tramontane.engines.gguf import Layout, read_layout
from tramontane.errors import InvalidModelFile

_CHUNK_BYTES = 4 << 20


def join(parts: Sequence[Path], target: BinaryIO, progress: Callable[[int], None]) -> None:
    """Write the model whose `parts` these are, in order; `progress` is told of bytes written.

    Raises InvalidModelFile where they do not belong together.
    """
    layouts = [read_layout(part) for part in parts]
    first = layouts[0]
    kept = [entry for entry in first.entries if not entry[0].startswith("split.")]
    if any(layout.version != first.version for layout in layouts):
        raise InvalidModelFile("the parts are of different versions of GGUF; download them again")
    tensors = sum(len(layout.tensors) for layout in layouts)
    target.write(b"GGUF" + struct.pack("<IQQ", first.version, tensors, len(kept)))
    with parts[0].open("rb") as source:
        for _, begin, end in kept:
            _copy(source, begin, end - begin, target, lambda _: None)
    base = 0
    for part, layout in zip(parts, layouts, strict=True):
        with part.open("rb") as source:
            for begin, end, offset in layout.tensors:
                _copy(source, begin, end - begin - 8, target, lambda _: None)
                target.write(struct.pack("<Q", base + offset))
        base += _padded(_data_bytes(layout), first.alignment_bytes)
    _pad(target, first.alignment_bytes)
    for part, layout in zip(parts, layouts, strict=True):
        with part.open("rb") as source:
            _copy(source, layout.data_offset_bytes, _data_bytes(layout), target, progress)
        _pad(target, first.alignment_bytes)


def _data_bytes(layout: Layout) -> int:
    return max(0, layout.size_bytes - layout.data_offset_bytes)


def _padded(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment


def _pad(target: BinaryIO, alignment: int) -> None:
    target.write(bytes(-target.tell() % alignment))


def _copy(
    source: BinaryIO, begin: int, length: int, target: BinaryIO, progress: Callable[[int], None]
) -> None:
    source.seek(begin)
    while length > 0:
        chunk = source.read(min(length, _CHUNK_BYTES))
        if not chunk:
            raise InvalidModelFile("a part became shorter while it was read; try again")
        target.write(chunk)
        length -= len(chunk)
        progress(len(chunk))
