"""Good documents spoilt at random: each must be read or refused, whatever is wrong with it."""

import random
from pathlib import Path

from tests.documents import made
from tests.documents.reading import answers
from tramontane.documents.extract import Ended
from tramontane.documents.extract.records import Refused


def corpus(folder: Path) -> list[Path]:
    """Return one good file of each kind that is made here."""
    for name in ("docx", "pptx", "xlsx", "odt", "eml", "csv"):
        getattr(made, name)(folder / f"good.{name}")
    made.report_pdf(folder / "good.pdf", 2)
    made.scanned_pdf(folder / "scan.pdf", 1)
    (folder / "good.html").write_text(made.HTML)
    (folder / "good.md").write_text(made.MARKDOWN)
    return sorted(folder.iterdir())


def spoilt(data: bytes, chance: random.Random) -> bytes:
    """Return `data` with some bytes changed, cut out, doubled or swapped."""
    made_bytes = bytearray(data)
    for _ in range(chance.choice((1, 2, 5, 20))):
        at = chance.randrange(max(1, len(made_bytes)))
        length = chance.choice((1, 1, 4, 40, 400))
        way = chance.randrange(4)
        if way == 0:
            made_bytes[at : at + 1] = bytes([chance.randrange(256)])
        elif way == 1:
            del made_bytes[at : at + length]
        elif way == 2:
            made_bytes[at:at] = made_bytes[at : at + length]
        else:
            made_bytes[at : at + length] = chance.randbytes(length)
    return bytes(made_bytes)


def spoil(folder: Path, tries: int, seed: int) -> int:
    """Read `tries` spoilt files of each kind; return how many were refused."""
    chance = random.Random(seed)
    refused = 0
    path = folder / "spoilt"
    for good in corpus(folder):
        data = good.read_bytes()
        for _ in range(tries):
            path.write_bytes(spoilt(data, chance) or b"x")
            said = answers(path, good.name)
            assert isinstance(said[-1], Ended | Refused)
            refused += isinstance(said[-1], Refused)
    return refused
