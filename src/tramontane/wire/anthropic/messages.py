"""A Messages request as the canonical form has it.

What only this dialect has goes into `extra` by its name: a provider of this dialect gets it as it
was written, any other refuses it. What would have a provider fetch an address, run code, act on
files of its own or charge by a rate that nobody has entered is refused here. It does not know
JSON's top level.
"""

import re
from collections.abc import Sequence
from typing import TypeVar

import msgspec
from msgspec import Raw

from tramontane.errors import InvalidRequest
from tramontane.wire.anthropic import blocks
from tramontane.wire.canonical import (
    Call,
    File,
    Image,
    Message,
    Part,
    Result,
    Role,
    Text,
    Thinking,
    Tool,
)
from tramontane.wire.openai.addresses import refuse_addresses

_T = TypeVar("_T")
is_seal = re.compile(r"[A-Za-z0-9+/_=-]+").fullmatch
_REFERENCES = (b'"$ref"', b'"$dynamicRef"', b'"$recursiveRef"', b"\\u")
_REFERENCE_NAMES = frozenset(("$ref", "$dynamicRef", "$recursiveRef"))
CLIENT_TOOLS = ("bash_", "text_editor_", "computer_", "memory_", "browser_toolset_")
CLIENT_TOOL_TOKENS = 1_536
"""The most that one of these is described by: its documentation gives up to 735, and 499 before."""


class Counted:
    """What reading a request has found: `images`, the bytes of their data, what is `extra`, and
    the tokens of tools that the provider describes itself, and how many documents are `cited`:
    each of their sentences is numbered for the model, so that bytes do not bound their tokens.
    """

    __slots__ = ("_noted", "cited", "data_bytes", "extra", "images", "tool_tokens")

    def __init__(self) -> None:
        self.images = 0
        self.data_bytes = 0
        self.tool_tokens = 0
        self.cited = 0
        self.extra: dict[str, Raw] = {}
        self._noted: set[str] = set()

    def note(self, place: str, name: str, value: object) -> None:
        """Note what only this dialect has, by the first place where it stands."""
        if name not in self._noted:
            self._noted.add(name)
            self.extra[f"{place}.{name}"] = Raw(msgspec.json.encode(value))


def read_messages(messages: list[blocks.Message], counted: Counted) -> list[Message]:
    """Return `messages` in the canonical form. Raises InvalidRequest."""
    if not messages:
        raise wrong("messages", "it must hold at least one message")
    read: list[Message] = []
    for i, message in enumerate(messages):
        place = f"messages[{i}].content"
        content = message.content
        if isinstance(content, str):
            read.append(Message(message.role, (Text(content),)))
        elif message.role == "user":
            read.extend(_user(content, place, counted))
        else:
            read.append(_message(message.role, content, place, counted))
    last = read[-1]
    if last.role == "assistant":
        read[-1] = Message(last.role, last.parts, is_prefix=True)
    return read


def sealed(messages: list[blocks.Message]) -> list[blocks.Message]:
    """Return `messages` without thoughts that bear no seal of this dialect's: another maker's, for
    which a provider would refuse the whole conversation.
    """
    kept = []
    for message in messages:
        content = message.content
        if isinstance(content, list) and any(map(_is_foreign, content)):
            content = [block for block in content if not _is_foreign(block)]
            if not content:
                continue
            message = blocks.Message(role=message.role, content=content)
        kept.append(message)
    return kept


def _is_foreign(block: blocks.Block) -> bool:
    return isinstance(block, blocks.ThinkingBlock) and is_seal(block.signature) is None


def _user(content: list[blocks.Block], place: str, counted: Counted) -> list[Message]:
    """A user's turn holds the results of tools too: each becomes a message of the tool's."""
    read: list[Message] = []
    parts: list[Part] = []
    for i, block in enumerate(content):
        here = f"{place}[{i}]"
        if isinstance(block, blocks.ToolResultBlock):
            if parts:
                read.append(Message("user", tuple(parts)))
                parts = []
            read.append(Message("tool", (_result(block, here, counted),)))
        elif isinstance(
            block, blocks.ToolUseBlock | blocks.ThinkingBlock | blocks.RedactedThinkingBlock
        ):
            raise wrong(here, "a user's message holds no thinking and no call of a tool")
        else:
            parts.extend(_parts(block, here, counted))
    if parts or not read:
        read.append(Message("user", tuple(parts)))
    return read


def _message(role: Role, content: list[blocks.Block], place: str, counted: Counted) -> Message:
    parts: list[Part] = []
    for i, block in enumerate(content):
        here = f"{place}[{i}]"
        if isinstance(block, blocks.TextBlock):
            parts.append(_text(block, here, counted))
        elif role == "system" or isinstance(block, blocks.ToolResultBlock):
            raise wrong(here, f"it does not belong into a message of the {role}")
        elif isinstance(block, blocks.ThinkingBlock):
            parts.append(Thinking(block.thinking, signature=block.signature or None))
        elif isinstance(block, blocks.RedactedThinkingBlock):
            parts.append(Thinking(block.data, is_redacted=True))
        elif isinstance(block, blocks.ToolUseBlock):
            parts.append(_call(block, here))
        else:
            parts.extend(_parts(block, here, counted))
    return Message(role, tuple(parts))


def _call(block: blocks.ToolUseBlock, place: str) -> Call:
    arguments = bytes(block.input)
    if not arguments.startswith(b"{"):
        raise wrong(f"{place}.input", "it must be an object")
    try:
        written = arguments.decode()
    except UnicodeDecodeError:
        raise wrong(f"{place}.input", "it is not UTF-8", "invalid_json") from None
    return Call(block.id, block.name, written, is_breakpoint=block.cache_control is not None)


def _result(block: blocks.ToolResultBlock, place: str, counted: Counted) -> Result:
    parts: list[Text | Image | File] = []
    if isinstance(block.content, str):
        parts.append(Text(block.content))
    else:
        for i, inner in enumerate(block.content or ()):
            parts.extend(_parts(inner, f"{place}.content[{i}]", counted))
    return Result(
        block.tool_use_id,
        tuple(parts),
        is_error=block.is_error is True,
        is_breakpoint=block.cache_control is not None,
    )


def _text(block: blocks.TextBlock, place: str, counted: Counted) -> Text:
    if block.citations:
        counted.note(place, "citations", block.citations)
    return Text(block.text, is_breakpoint=block.cache_control is not None)


def _parts(block: blocks.Block, place: str, counted: Counted) -> Sequence[Text | Image | File]:
    if isinstance(block, blocks.TextBlock):
        return (_text(block, place, counted),)
    if isinstance(block, blocks.ImageBlock):
        return (_image(block, place, counted),)
    if isinstance(block, blocks.SearchResultBlock):
        _note_citations(block.citations, place, counted)
        found = [f"{block.title}\n{block.source}\n", *(text.text for text in block.content)]
        return (Text("\n".join(found), is_breakpoint=block.cache_control is not None),)
    assert isinstance(block, blocks.DocumentBlock)
    return _document(block, place, counted)


def _image(block: blocks.ImageBlock, place: str, counted: Counted) -> Image:
    source = block.source
    if isinstance(source, blocks.Url | blocks.StoredFile):
        raise _elsewhere(source, f"{place}.source")
    counted.images += 1
    counted.data_bytes += len(source.data)
    if block.transformations is not msgspec.UNSET:
        counted.note(place, "transformations", block.transformations)
    return Image(source.media_type, source.data, is_breakpoint=block.cache_control is not None)


def _document(
    block: blocks.DocumentBlock, place: str, counted: Counted
) -> Sequence[Text | Image | File]:
    """A document of text becomes text, below its title and what is said about it."""
    source = block.source
    marked = block.cache_control is not None
    _note_citations(block.citations, place, counted)
    if isinstance(source, blocks.Url | blocks.StoredFile):
        raise _elsewhere(source, f"{place}.source")
    about = [text for text in (block.title, block.context) if text]
    if isinstance(source, blocks.Base64Document):
        file = File(source.media_type, source.data, name=block.title, is_breakpoint=marked)
        return (Text(block.context), file) if block.context else (file,)
    if isinstance(source, blocks.PlainText):
        return (Text("\n\n".join([*about, source.data]), is_breakpoint=marked),)
    if isinstance(source.content, str):
        return (Text("\n\n".join([*about, source.content]), is_breakpoint=marked),)
    parts: list[Text | Image | File] = [Text("\n\n".join(about))] if about else []
    for i, inner in enumerate(source.content):
        parts.extend(_parts(inner, f"{place}.source.content[{i}]", counted))
    return parts


def _note_citations(citations: blocks.Citations | None, place: str, counted: Counted) -> None:
    if citations is not None and citations.enabled:
        counted.cited += 1
        counted.note(place, "citations", citations)


def read_tools(raws: list[Raw], counted: Counted) -> tuple[list[Raw], tuple[Tool, ...]]:
    """Return the tools as they may be sent to a provider of this dialect, and those that any
    provider knows. Raises InvalidRequest.
    """
    sent: list[Raw] = []
    known: list[Tool] = []
    for i, raw in enumerate(raws):
        place = f"tools[{i}]"
        kind = _tool_kind(raw, place)
        if kind is None or kind == "custom":
            tool = decode(f"tools[{i}]", raw, _TOOL)
            _refuse_references(tool.input_schema, f"{place}.input_schema")
            for name in ("defer_loading", "input_examples"):
                if getattr(tool, name):
                    counted.note(place, name, getattr(tool, name))
            if tool.allowed_callers not in (None, ["direct"]):
                raise _run_by_provider(place, "code execution")
            sent.append(Raw(msgspec.json.encode(tool)))
            known.append(
                Tool(
                    tool.name,
                    tool.description,
                    tool.input_schema,
                    tool.strict,
                    tool.cache_control is not None,
                )
            )
        elif kind.startswith(CLIENT_TOOLS):
            fields = decode(place, raw, _FIELDS)
            refuse_addresses(place, raw)
            sent.append(Raw(msgspec.json.encode(fields)))
            counted.note(place, "type", kind)
            counted.tool_tokens += CLIENT_TOOL_TOKENS
        else:
            raise _run_by_provider(f"{place}.type", kind[:64])
    return sent, tuple(known)


class _Kind(msgspec.Struct):
    type: str | None = None


_KIND = msgspec.json.Decoder(_Kind)
_TOOL = msgspec.json.Decoder(blocks.Tool)
_FIELDS = msgspec.json.Decoder(dict[str, Raw])


def _tool_kind(raw: Raw, place: str) -> str | None:
    return decode(place, raw, _KIND).type


def decode(place: str, raw: Raw, decoder: "msgspec.json.Decoder[_T]") -> _T:
    """Return `raw` as `decoder` reads it. Raises InvalidRequest that names what is wrong."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        message, _, inner = str(error).partition(" - at `$")
        code = "missing_field" if "missing required" in message else "invalid_type"
        raise wrong(place + inner.rstrip("`"), message, code) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise wrong(place, f"it is not valid JSON: {error}", "invalid_json") from None


def wrong(place: str, reason: str, code: str = "invalid_value") -> InvalidRequest:
    """Return the refusal of what stands at `place`."""
    return InvalidRequest(f"{place}: {reason}.", code=code, param=place)


def _elsewhere(source: blocks.Url | blocks.StoredFile, place: str) -> InvalidRequest:
    if isinstance(source, blocks.Url):
        return InvalidRequest(
            f"{place}: addresses are not fetched here; send the data itself, as base64.",
            code="address_not_allowed",
            param=f"{place}.url",
        )
    return InvalidRequest(
        f"{place}: files kept at a provider cannot be used here; send the data as base64.",
        code="file_not_allowed",
        param=f"{place}.file_id",
    )


def _run_by_provider(place: str, kind: str) -> InvalidRequest:
    return InvalidRequest(
        f"{place}: '{kind}' is run by the provider, which fetches or executes and charges for it"
        " apart; here only tools that the client runs may be offered.",
        code="tool_not_allowed",
        param=place,
    )


def _refuse_references(schema: Raw, place: str) -> None:
    """Raise InvalidRequest where `schema` refers to elsewhere."""
    text = bytes(schema)
    if not text.startswith(b"{"):
        raise wrong(place, "it must be an object", "invalid_type")
    if not any(name in text for name in _REFERENCES):
        return
    try:
        pending = [msgspec.json.decode(text)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise wrong(place, f"it is not valid JSON: {error}", "invalid_json") from None
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            for name, inner in value.items():
                if name in _REFERENCE_NAMES and isinstance(inner, str) and inner[:1] != "#":
                    raise InvalidRequest(
                        f"{place}: a schema may refer only to places within itself.",
                        code="address_not_allowed",
                        param=place,
                    )
                pending.append(inner)
        elif isinstance(value, list):
            pending.extend(value)
