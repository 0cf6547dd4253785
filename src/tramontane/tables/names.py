"""Names in SQL for tables and columns: readable, plain, and close to what stood in the file.

It does not know the tables of others; who joins them makes their names differ (`distinct`).
"""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

NAME_CHARACTERS_MAX = 60
_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ı": "i"})
# What DuckDB, PostgreSQL, MySQL or SQLite take for their own where a name should stand.
_RESERVED_WORDS = """
    all analyse analyze and any array as asc asof asymmetric between both by case cast check collate
    column columns constraint create cross current_date current_time current_timestamp default
    deferrable desc describe distinct do else end except exists false fetch filter for foreign from
    full group groups having in index initially inner insert intersect interval into is join key
    lambda lateral leading left like limit natural not null offset on only or order outer over
    partition pivot pivot_longer pivot_wider placing positional primary qualify range rank
    references returning right row rows select semi anti set show some summarize symmetric table
    tablesample then to trailing true union unique unpivot update using values variadic view when
    where window with
"""
_RESERVED = frozenset(_RESERVED_WORDS.split())


def plain(title: str, otherwise: str) -> str:
    """Return `title` as a name: lower-case letters of any script, digits and single `_`.

    `otherwise` where nothing is left; a reserved word gets `_` behind it.
    """
    text = unicodedata.normalize("NFKD", title.lower().translate(_LETTERS))
    text = "".join(mark for mark in text if not unicodedata.combining(mark))
    text = text.replace("%", " percent ").replace("&", " and ")
    text = re.sub(r"[^\w]+|_+", "_", unicodedata.normalize("NFC", text)).strip("_")
    text = "".join(mark for mark in text if mark == "_" or mark.isalpha() or mark in _DIGITS)
    text = re.sub(r"_+", "_", text)[:NAME_CHARACTERS_MAX].strip("_")
    if not text:
        return otherwise
    if text[0] in _DIGITS:
        text = f"{otherwise.rstrip('_0123456789') or 'n'}_{text}"
    return f"{text}_" if text in _RESERVED else text


_DIGITS = frozenset("0123456789")


def distinct(names: Iterable[str]) -> list[str]:
    """Return the names with `_2`, `_3`, … behind those that came before, whatever their case."""
    taken = set[str]()
    made = []
    for name in names:
        found, number = name, 2
        while found.lower() in taken:
            tail = f"_{number}"
            head = name[: NAME_CHARACTERS_MAX - len(tail)].rstrip("_")
            found, number = head + tail, number + 1
        taken.add(found.lower())
        made.append(found)
    return made


def of_file(name: str) -> str:
    """Return the title of a file's table: its name without folders and without its ending."""
    stem = PurePosixPath(name.replace("\\", "/")).name
    head, _, tail = stem.rpartition(".")
    while head and len(tail) <= 8 and tail.lower() in _ENDINGS:
        stem = head
        head, _, tail = stem.rpartition(".")
    return stem or name


_ENDING_WORDS = "csv tsv tab txt xlsx xlsm xls ods json jsonl ndjson parquet sqlite sqlite3 db gz"
_ENDINGS = frozenset(_ENDING_WORDS.split())
