"""XML read as a stream, without entities of its own, and never deeper than a document should be.

Names come with a short prefix for the namespaces in PREFIXES, "w:p", and bare for others. It does
not know formats.
"""

from collections.abc import Callable, Iterator
from typing import IO
from xml.parsers import expat

import msgspec

from tramontane.documents.extract.reasons import Unreadable, corrupt

DEPTH_MOST = 512
CHUNK_BYTES = 65_536
PREFIXES = {
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main": "w",
    "http://purl.oclc.org/ooxml/wordprocessingml/main": "w",
    "http://schemas.openxmlformats.org/drawingml/2006/main": "a",
    "http://purl.oclc.org/ooxml/drawingml/main": "a",
    "http://schemas.openxmlformats.org/presentationml/2006/main": "p",
    "http://purl.oclc.org/ooxml/presentationml/main": "p",
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships": "r",
    "http://purl.oclc.org/ooxml/officeDocument/relationships": "r",
    "http://schemas.openxmlformats.org/markup-compatibility/2006": "mc",
    "http://schemas.openxmlformats.org/package/2006/relationships": "rel",
    "http://schemas.openxmlformats.org/officeDocument/2006/math": "m",
    "http://purl.org/dc/elements/1.1/": "dc",
    "urn:oasis:names:tc:opendocument:xmlns:office:1.0": "office",
    "urn:oasis:names:tc:opendocument:xmlns:text:1.0": "text",
    "urn:oasis:names:tc:opendocument:xmlns:table:1.0": "table",
    "urn:oasis:names:tc:opendocument:xmlns:drawing:1.0": "draw",
    "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0": "manifest",
}
_SEPARATOR = "\x1f"


class Start(msgspec.Struct):
    """An element begins."""

    name: str
    attributes: dict[str, str]


class End(msgspec.Struct):
    """An element ends."""

    name: str


Event = Start | End | str


def events(file: IO[bytes]) -> Iterator[Event]:
    """Yield what stands in `file`, text as str. Raises Unreadable for broken or dangerous XML."""
    found: list[Event] = []
    parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
    parser.buffer_text = True
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    short: dict[str, str] = {}
    depth = 0

    def named(name: str) -> str:
        if name not in short:
            space, _, local = name.rpartition(_SEPARATOR)
            prefix = PREFIXES.get(space)
            short[name] = f"{prefix}:{local}" if prefix else local
        return short[name]

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEPTH_MOST:
            raise Unreadable("corrupt", "The file is nested deeper than any document should be.")
        found.append(Start(named(name), {named(key): v for key, v in attributes.items()}))

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        found.append(End(named(name)))

    def declared(*_: object) -> None:
        raise Unreadable(
            "corrupt", "The file declares XML entities, as no document of this kind does."
        )

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = found.append
    parser.EntityDeclHandler = declared
    try:
        while chunk := file.read(CHUNK_BYTES):
            parser.Parse(chunk)
            yield from found
            found.clear()
        parser.Parse(b"", True)
        yield from found
    except expat.ExpatError:
        raise corrupt() from None


def walk(
    file: IO[bytes],
    start: Callable[[str, dict[str, str]], None],
    text: Callable[[str], None],
    end: Callable[[str], None],
) -> Iterator[None]:
    """Tell of what stands in `file`, and yield after each end, when something may be whole.

    Raises Unreadable as `events` does.
    """
    for event in events(file):
        if isinstance(event, str):
            text(event)
        elif isinstance(event, Start):
            start(event.name, event.attributes)
        else:
            end(event.name)
            yield
