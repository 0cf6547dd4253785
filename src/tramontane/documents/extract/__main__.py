"""The child that reads one document: `python -m tramontane.documents.extract`.

It has an Order as a line on stdin and answers on stdout, a line of JSON for each page. Before it
looks at the document it gives up every right that reading does not need. It ends when stdin does.
"""

import os
import sys
import threading
from collections.abc import Iterator

import msgspec

from tramontane.documents.extract import kinds, sandbox
from tramontane.documents.extract.blocks import Notes, Opened, Page
from tramontane.documents.extract.composing import Composer
from tramontane.documents.extract.reasons import Unreadable
from tramontane.documents.extract.records import At, Began, Ended, Line, Order, PageRead, Refused
from tramontane.documents.extract.source import Source

OUT_OF_MEMORY = 3  # the exit status that says so


def lines(order: Order) -> Iterator[Line]:
    """Yield what the document holds, in this process; Refused last where it cannot be read."""
    try:
        yield from _read(Source(order.descriptor, order.name, order.skipped), order)
    except Unreadable as error:
        yield Refused(error.reason, error.message)
    except RecursionError:
        yield Refused("corrupt", "The file is nested deeper than any document should be.")


def _read(source: Source, order: Order) -> Iterator[Line]:
    notes = Notes()
    kind = kinds.kind_of(source)
    reader = kinds.reader(kind)
    kinds.compare(kind, order.name, notes)
    composer = Composer()
    pages = 0
    holds_something = False
    for part in reader(source, order.limits, notes):
        if isinstance(part, At):
            yield part
        elif isinstance(part, Opened):
            title = " ".join(part.title.split())[:300] if part.title else None
            holds_something = part.is_table
            yield Began(kind, part.label, part.pages, title or None, part.is_table)
        elif part.number > order.limits.pages:
            notes.add("pages_cut", f"Only the first {order.limits.pages} pages were read.")
            break
        else:
            pages = part.number
            read = _page(part, composer)
            holds_something = holds_something or bool(read.passages) or read.is_scanned
            yield read
    if not holds_something:
        raise Unreadable("empty", "No text was found in the file.")
    yield Ended(composer.language, notes.all(), pages)


def _page(page: Page, composer: Composer) -> PageRead:
    return PageRead(page.number, composer.passages(page.number, page.blocks), page.is_scanned)


def main() -> int:
    """Read one order, answer it, and return the exit status."""
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    answer = os.dup(1)
    os.dup2(2, 1)  # what libraries print is no part of the answer
    sandbox.limit(order.limits, os.fstat(order.descriptor).st_size)
    sandbox.lock(order.descriptor)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    encode = msgspec.json.Encoder().encode
    try:
        for line in lines(order):
            _write(answer, encode(line) + b"\n")
    except MemoryError:
        return OUT_OF_MEMORY
    except BrokenPipeError:
        return 0  # the parent has left
    return 0


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _end_with_parent() -> None:
    while os.read(0, 4_096):  # not through a buffer: its lock would be held when we end
        pass
    os._exit(0)


if __name__ == "__main__":
    status = main()
    os._exit(status)  # nothing is left to write, and tearing down a broken file may hang
