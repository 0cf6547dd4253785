"""What commands print: one JSON document, or tables for people.

Records look as in the API: moments as RFC 3339, money as decimals, no digest.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from tramontane.money import format_nano
from tramontane.store.windows import time_name

_SECRET_FIELDS = frozenset({"digest", "nonce"})
_WORTH_A_BAR_BYTES = 100_000_000


def view(record: msgspec.Struct) -> dict[str, Any]:
    """Return the fields of `record` as the API spells them (`created_at_ms` is `created_at`)."""
    found: dict[str, Any] = {}
    for name, value in msgspec.structs.asdict(record).items():
        if name in _SECRET_FIELDS:
            continue
        if name.endswith("_at_ms"):
            found[name.removesuffix("_ms")] = None if value is None else time_name(value)
        elif name.endswith("_nano"):
            found[name.removesuffix("_nano")] = None if value is None else format_nano(value)
        elif name == "policy":
            found[name] = None if value is None else msgspec.json.decode(value)
        else:
            found[name] = value
    return found


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document."""
    print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def print_fields(fields: Mapping[str, Any]) -> None:
    """Print names and values below one another."""
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        print(f"{name.replace('_', ' '):<{width}}  {cell(value)}")


def print_table(columns: Iterable[str], rows: Iterable[Iterable[Any]], empty: str) -> None:
    """Print `rows` as a table, or the sentence `empty` where there are none."""
    cells = [[cell(value) for value in row] for row in rows]
    if not cells:
        print(empty)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column, values in zip(columns, zip(*cells, strict=True), strict=True):
        numbers = all(is_number(value) for value in values)
        table.add_column(column, justify="right" if numbers else "left", overflow="fold")
    for row in cells:
        table.add_row(*row)
    # Into a pipe nothing is folded: lines stay lines.
    width = None if sys.stdout.isatty() else 10_000
    Console(width=width, markup=False, highlight=False, emoji=False).print(table)


@contextmanager
def copying(size_bytes: int) -> Iterator[Callable[[int, int], None] | None]:
    """Yield what to call with bytes done and bytes in all, drawing a bar where it is worth one."""
    if size_bytes < _WORTH_A_BAR_BYTES or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("copying", total=size_bytes)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def cell(value: Any) -> str:
    """Return `value` as one line of printable text; a dash for nothing."""
    if value is None or value == () or value == []:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, (tuple, list)):
        value = ", ".join(map(str, value))
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(value))


def is_number(text: str) -> bool:
    """Return whether a cell holds a number, so that its column is set to the right."""
    return text.split(" ", 1)[0].replace(",", "").replace(".", "").isdigit()


def models_text(models: Iterable[str] | None) -> str:
    """Return which models may be asked for, in words."""
    return "every model" if models is None else ", ".join(models) or "no model"
