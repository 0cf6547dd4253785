"""`python -m tramontane.store.journal DIR [FILE ...]` prints a journal, one JSON object a line.

For operators and tests: it only reads, whether or not a gateway is writing.
"""

import argparse
import sys
from pathlib import Path
from typing import TextIO

import msgspec

from tramontane.store.journal.records import (
    CheckpointRecord,
    HoldRecord,
    Record,
    SettleRecord,
    read_segment,
)

_KINDS: dict[type[Record], str] = {
    HoldRecord: "hold",
    CheckpointRecord: "checkpoint",
    SettleRecord: "settle",
}


def print_journal(folder: Path, out: TextIO) -> None:
    """Write every record in the segments of `folder`, and a line where one is damaged."""
    for path in sorted(folder.iterdir()):
        if path.suffix not in (".open", ".done", ".damaged"):
            continue
        try:
            contents = read_segment(path.read_bytes())
        except FileNotFoundError:
            continue  # moved into the store meanwhile
        for record in contents.records:
            fields = msgspec.to_builtins(record)
            names = record.__struct_fields__
            line: dict[str, object] = {"segment": path.name, "kind": _KINDS[type(record)]}
            line.update(zip(names, fields[1:], strict=True))
            _print(line, out)
        if contents.damaged_bytes:
            _print({"segment": path.name, "damaged_bytes": contents.damaged_bytes}, out)


def _print(line: dict[str, object], out: TextIO) -> None:
    out.write(msgspec.json.encode(line).decode() + "\n")


def main() -> int:
    """Return the exit status: 2 where there is no such folder."""
    parser = argparse.ArgumentParser(prog="tramontane.store.journal", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="the journal's folder")
    folder = parser.parse_args().folder
    if not folder.is_dir():
        sys.stderr.write(f"{folder}: no such folder; the journal is in DATA/journal\n")
        return 2
    print_journal(folder, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
