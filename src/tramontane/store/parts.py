"""What a message consists of: the parts as they are stored, sent and imported.

Plain records: whoever reads them needs no store.
"""

from typing import Any, TypeAlias

import msgspec


class TextPart(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    """Markdown."""

    text: str


class ReasoningPart(msgspec.Struct, frozen=True, tag_field="type", tag="reasoning"):
    """What a model says that it thought."""

    text: str


class ToolPart(msgspec.Struct, frozen=True, tag_field="type", tag="tool", kw_only=True):
    """A call of a tool with its result; None while there is none. `arguments` is JSON."""

    id: str
    name: str
    arguments: str
    result: str | None = None
    is_error: bool = False


class FileReference(msgspec.Struct, frozen=True):
    """A document as it was when it was attached."""

    document_id: str
    name: str
    kind: str
    size_bytes: int


class FilesPart(msgspec.Struct, frozen=True, tag_field="type", tag="files"):
    """What a question brings along."""

    files: tuple[FileReference, ...]


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A passage that the model was shown, as `[number]`. Its text stays in the document alone, so
    that deleting the document leaves nothing here.

    `label` is what `page` counts: "page", "slide", "sheet" or "part".
    """

    number: int
    document_id: str
    document: str
    passage: int
    page: int
    label: str = "page"
    heading: str = ""


class SourcesPart(msgspec.Struct, frozen=True, tag_field="type", tag="sources"):
    """What was found for the question: `searched` is how many passages there are in all."""

    sources: tuple[Source, ...]
    searched: int


class ResultColumn(msgspec.Struct, frozen=True):
    """`type`: "number", "text", "date", "moment", "truth"."""

    name: str
    type: str


class ResultPart(msgspec.Struct, frozen=True, tag_field="type", tag="result", kw_only=True):
    """What a question to tables gave. `id` is that of the tool's call, `chart` is Vega-Lite
    without its data; `is_edited`: a person changed the SQL afterwards.
    """

    id: str
    title: str
    tables: tuple[str, ...]
    sql: str
    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[Any, ...], ...]
    row_count: int
    is_truncated: bool = False
    took_ms: int = 0
    chart: dict[str, Any] | None = None
    is_edited: bool = False


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What was found about `text`, which stands in part `part` from character `start` (code points)
    on.

    `kind`: "quote" (a span in quotation marks), "citation" (`[n]`), "number".
    `verdict`: "proven", "calculated" (from proven numbers), "asked" (it is in the question),
    "unproven". A proven quote names its `source` and where it stands in that passage; a proven
    number the `cell`: id of the result, row, column (both from 0).
    """

    part: int
    start: int
    text: str
    kind: str
    verdict: str
    source: int | None = None
    at: tuple[int, int] | None = None
    cell: tuple[str, int, int] | None = None


class ChecksPart(msgspec.Struct, frozen=True, tag_field="type", tag="checks"):
    """What the platform found when it compared the answer with its sources and results."""

    checks: tuple[Check, ...]


class ProgressPart(msgspec.Struct, frozen=True, tag_field="type", tag="progress"):
    """How far long work has come: `step` is "reading" or "joining"."""

    step: str
    done: int
    total: int


Part: TypeAlias = (
    TextPart
    | ReasoningPart
    | ToolPart
    | FilesPart
    | SourcesPart
    | ResultPart
    | ChecksPart
    | ProgressPart
)
