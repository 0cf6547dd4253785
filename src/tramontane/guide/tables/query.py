"""What was understood of a question: a query in the grammar's own terms, before it is SQL.

It does not know words.
"""

from typing import Any, Literal

import msgspec

from tramontane.guide.conversation import ColumnFacts, TableFacts

Operation = Literal["count", "distinct", "sum", "mean", "median", "min", "max", "value"]
Grain = Literal["year", "quarter", "month", "week", "day"]
Test = Literal[
    "eq", "ne", "gt", "ge", "lt", "le", "between", "contains", "starts", "ends", "empty", "present",
    "true", "false", "within", "outside", "after", "since", "before", "until",
]  # fmt: skip


class Filter(msgspec.Struct, frozen=True):
    """A condition on one column; several `values` are alternatives, but two for "between"."""

    column: ColumnFacts
    test: Test
    values: tuple[Any, ...] = ()


class Dimension(msgspec.Struct, frozen=True):
    """What rows are grouped by: a column, or a grain of its dates."""

    column: ColumnFacts
    grain: Grain | None = None


class Measure(msgspec.Struct, frozen=True):
    """What is calculated; `column` None: rows are counted."""

    operation: Operation
    column: ColumnFacts | None = None


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A question to one table.

    `kind`: "total" (measures, by groups where there are any), "top" (groups in the order of the
    first measure), "rows" (rows in the order of `sort`), "list" (the different values of the
    groups), "share" (of `part` in all; of each group where there is no part), "compare" (the
    measure under each of two `sides`). `kept` holds those measures, groups and filters that the
    question does not say itself, but has from the one before it; None where it stands on its own.
    """

    table: TableFacts
    kind: Literal["total", "top", "rows", "list", "share", "compare"] = "total"
    measures: tuple[Measure, ...] = ()
    filters: tuple[Filter, ...] = ()
    groups: tuple[Dimension, ...] = ()
    part: tuple[Filter, ...] = ()
    sides: tuple[Filter, ...] = ()
    sort: ColumnFacts | None = None
    is_descending: bool = True
    limit: int | None = None
    ignored: tuple[str, ...] = ()
    kept: "Query | None" = None


class Choice(msgspec.Struct, frozen=True):
    """A question back: `say` names its sentence, `slot` what the answer to it decides."""

    say: str
    slot: str
    candidates: tuple[str, ...]
    word: str = ""
    table: str = ""
