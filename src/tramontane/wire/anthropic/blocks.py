"""The published form of a Messages request, as typed structs: decoded strictly, written again.

What is not known here is refused, so that a provider is never sent what nobody has looked at.
Addresses and ids of files are read only to be refused by name. It does not know the canonical form.
"""

from typing import Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType


class _Strict(
    msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True, gc=False
):
    pass


class CacheControl(_Strict):
    """A mark: what comes before may be kept in the prompt cache, for five minutes unless said."""

    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = None


class _Block(_Strict, tag_field="type"):
    pass


class Base64Image(_Block, tag="base64"):
    """An image's data."""

    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"]
    data: str


class Base64Document(_Block, tag="base64"):
    """A PDF's data."""

    media_type: Literal["application/pdf"]
    data: str


class PlainText(_Block, tag="text"):
    """A document of plain text."""

    media_type: Literal["text/plain"]
    data: str


class Url(_Block, tag="url"):
    """An address that the provider would fetch."""

    url: str


class StoredFile(_Block, tag="file"):
    """A file kept at the provider."""

    file_id: str


class Citations(_Strict):
    """Whether the answer is to cite the document."""

    enabled: bool | None = None


class TextBlock(_Block, tag="text"):
    """Text."""

    text: str
    cache_control: CacheControl | None = None
    citations: list[Raw] | None = None


class ImageBlock(_Block, tag="image"):
    """An image."""

    source: Base64Image | Url | StoredFile
    cache_control: CacheControl | None = None
    transformations: Raw | UnsetType = UNSET


class Parts(_Block, tag="content"):
    """A document given as blocks."""

    content: str | list[TextBlock | ImageBlock]


class DocumentBlock(_Block, tag="document"):
    """A document."""

    source: Base64Document | PlainText | Parts | Url | StoredFile
    cache_control: CacheControl | None = None
    citations: Citations | None = None
    context: str | None = None
    title: str | None = None


class SearchResultBlock(_Block, tag="search_result"):
    """What a search of the client's own has found; `source` is named, never fetched."""

    content: list[TextBlock]
    source: str
    title: str
    cache_control: CacheControl | None = None
    citations: Citations | None = None


class ThinkingBlock(_Block, tag="thinking"):
    """What the model thought earlier, with its seal."""

    thinking: str
    signature: str = ""


class RedactedThinkingBlock(_Block, tag="redacted_thinking"):
    """What it thought and nobody may read."""

    data: str


class ToolUseBlock(_Block, tag="tool_use"):
    """A tool that the model called earlier."""

    id: str
    name: str
    input: Raw
    cache_control: CacheControl | None = None
    caller: Raw | UnsetType = UNSET
    toolset_name: str | None = None


class ToolResultBlock(_Block, tag="tool_result"):
    """What a tool gave back."""

    tool_use_id: str
    content: str | list[TextBlock | ImageBlock | DocumentBlock | SearchResultBlock] | None = None
    is_error: bool | None = None
    cache_control: CacheControl | None = None
    toolset_name: str | None = None


Block = (
    TextBlock
    | ImageBlock
    | DocumentBlock
    | SearchResultBlock
    | ThinkingBlock
    | RedactedThinkingBlock
    | ToolUseBlock
    | ToolResultBlock
)


class Message(_Strict):
    """One message."""

    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class Tool(_Strict):
    """A function of the client's own. `defer_loading` and what follows no other dialect has."""

    name: str
    input_schema: Raw
    type: Literal["custom"] | None = None
    description: str | None = None
    strict: bool | None = None
    cache_control: CacheControl | None = None
    eager_input_streaming: bool | None = None
    defer_loading: bool | None = None
    input_examples: list[Raw] | None = None
    allowed_callers: list[str] | None = None


class ToolChoice(_Strict):
    """Whether and which tool is to be called."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(_Strict):
    """How much may be thought, and whether it is shown."""

    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: int | None = None
    display: Literal["summarized", "omitted"] | None = None


class OutputFormat(_Strict):
    """The form of the answer."""

    type: Literal["json_schema"]
    schema: Raw


class OutputConfig(_Strict):
    """How the answer is to be."""

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: OutputFormat | None = None


class Metadata(_Strict):
    """Whose request it is, as the client calls them."""

    user_id: str | None = None
