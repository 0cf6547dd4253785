"""The endpoint /v1/messages: a request read, answers and errors written in Anthropic's form.

It does not know providers, headers or sockets.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs

import msgspec
from msgspec import Raw

from tramontane.errors import InvalidRequest, TramontaneError
from tramontane.wire.anthropic import blocks, errors, writing
from tramontane.wire.anthropic.messages import (
    Counted,
    decode,
    read_messages,
    read_tools,
    sealed,
    wrong,
)
from tramontane.wire.canonical import Answer, Format, Message, Request, Text, ToolChoice
from tramontane.wire.dialect import EVENT_STREAM, Asked
from tramontane.wire.openai.addresses import refuse_addresses

TOKENS_MAX = 10_000_000
NULL = b"null"

_TOP = msgspec.json.Decoder(dict[str, Raw])
_ENCODE = msgspec.json.Encoder().encode
_STR = msgspec.json.Decoder(str)
_INT = msgspec.json.Decoder(int)
_FLOAT = msgspec.json.Decoder(float)
_FLAG = msgspec.json.Decoder(bool)
_STOPS = msgspec.json.Decoder(list[str])
_SYSTEM = msgspec.json.Decoder(str | list[blocks.TextBlock])
_MESSAGES = msgspec.json.Decoder(list[blocks.Message])
_RAWS = msgspec.json.Decoder(list[Raw])
_CHOICE = msgspec.json.Decoder(blocks.ToolChoice)
_THINKING = msgspec.json.Decoder(blocks.Thinking)
_OUTPUT = msgspec.json.Decoder(blocks.OutputConfig)
_FORMAT = msgspec.json.Decoder(blocks.OutputFormat)
_METADATA = msgspec.json.Decoder(blocks.Metadata)
_CACHE = msgspec.json.Decoder(blocks.CacheControl)

KNOWN = frozenset((
    "model", "messages", "max_tokens", "system", "stop_sequences", "stream", "temperature",
    "top_p", "top_k", "tools", "tool_choice", "thinking", "metadata", "output_config",
    "output_format", "cache_control", "service_tier", "context_management", "diagnostics",
    "speed",
))  # fmt: skip
_OPERATORS = frozenset((
    "container", "mcp_servers", "inference_geo", "user_profile_id", "workspace_id",
))  # fmt: skip
_HARMLESS = {"service_tier": b'"auto"', "speed": b'"standard"'}


_SPELLING: Mapping[str, str] = MappingProxyType(
    {
        "response_format": "output_config.format",
        "reasoning_effort": "output_config.effort",
        "user": "metadata.user_id",
        "stop": "stop_sequences",
    }
)


class Messages:
    """POST /v1/messages. `needs_limit`: `max_tokens` must be said."""

    dialect = "anthropic"
    spelling = _SPELLING
    stream_type = EVENT_STREAM

    def __init__(self, *, needs_limit: bool = True) -> None:
        self._needs_limit = needs_limit

    def read(self, body: bytes, model: str | None, query: bytes) -> Asked:
        """Return what is asked; `fields` is what was understood, written anew."""
        fields = _top(body)
        counted = Counted()
        _set_aside(fields, counted)
        named = _read(fields, "model", _STR) if model is None else model
        if not named:
            raise wrong("model", "it must be the name of a model", "missing_field")
        if "messages" not in fields:
            raise wrong("messages", "the field is missing", "missing_field")
        messages = decode("messages", fields["messages"], _MESSAGES)
        fields["messages"] = Raw(_ENCODE(sealed(messages)))
        system = _system(fields)
        read = read_messages(messages, counted)
        request = Request(
            model=named,
            messages=(system, *read) if system is not None else tuple(read),
            **self._settings(fields, counted),
        )
        return Asked(
            request=request,
            fields=fields,
            prompt_bytes=len(body) - counted.data_bytes + counted.tool_tokens,
            images=counted.images,
            files=counted.cited,
            features=_betas(query),
        )

    def _settings(self, fields: dict[str, Raw], counted: Counted) -> dict[str, Any]:
        found: dict[str, Any] = {}
        limit = _read(fields, "max_tokens", _INT)
        if limit is None and self._needs_limit:
            raise wrong("max_tokens", "the field is missing", "missing_field")
        if limit is not None and not 1 <= limit <= TOKENS_MAX:
            raise wrong("max_tokens", f"it must be between 1 and {TOKENS_MAX}")
        found["max_tokens"] = limit
        found["stream"] = _read(fields, "stream", _FLAG) or False
        found["include_usage"] = True
        found["temperature"] = _between(fields, "temperature", _FLOAT, 0, 1)
        found["top_p"] = _between(fields, "top_p", _FLOAT, 0, 1)
        found["top_k"] = _between(fields, "top_k", _INT, 0, TOKENS_MAX)
        found["stop"] = tuple(_read(fields, "stop_sequences", _STOPS) or ())
        _thinking(fields, found)
        _output(fields, found)
        _tools(fields, found, counted)
        metadata = _read(fields, "metadata", _METADATA)
        found["user"] = metadata.user_id if metadata is not None else None
        _read(fields, "cache_control", _CACHE)
        found["extra"] = counted.extra
        return found

    def write(self, answer: Answer, asked: Asked) -> bytes:
        """Return the whole answer's body."""
        return writing.whole(answer, shows_thinking=asked.request.shows_thinking)

    def writer(self, asked: Asked) -> writing.EventWriter:
        """Return the writer of one stream."""
        return writing.EventWriter(shows_thinking=asked.request.shows_thinking)

    def error(self, error: TramontaneError) -> tuple[int, bytes]:
        """Return status and body of a refusal."""
        return errors.status_of(error), errors.render(error)


def _betas(query: bytes) -> tuple[str, ...]:
    """Return what the field `anthropic-beta` asks for."""
    if b"anthropic-beta=" not in query:
        return ()
    asked = parse_qs(query.decode("latin-1")).get("anthropic-beta", [])
    return tuple(name.strip() for value in asked for name in value.split(",") if name.strip())


def _top(body: bytes) -> dict[str, Raw]:
    try:
        fields = _TOP.decode(body)
    except msgspec.ValidationError:
        raise InvalidRequest(
            'The body must be a JSON object such as {"model": "demo", "max_tokens": 100,'
            ' "messages": [{"role": "user", "content": "Hello"}]}.',
            code="invalid_json",
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(
            f"The body is not valid JSON: {error}. Check quotes, commas and brackets.",
            code="invalid_json",
        ) from None
    return {name: raw for name, raw in fields.items() if bytes(memoryview(raw)[:4]) != NULL}


def _set_aside(fields: dict[str, Raw], counted: Counted) -> None:
    """Refuse the fields that nobody knows or may set; note those that only this dialect has."""
    for name in list(fields):
        if name in KNOWN:
            continue
        if name in _OPERATORS:
            raise InvalidRequest(
                f"{name}: this is for the platform's operator to decide, not for a request.",
                code="field_not_allowed",
                param=name[:100],
            )
        raise InvalidRequest(
            f"{name[:100]}: there is no such field.", code="unknown_field", param=name[:100]
        )
    for name, usual in _HARMLESS.items():
        if name in fields and bytes(fields[name]) == usual:
            del fields[name]
    if "speed" in fields:
        raise InvalidRequest(
            "speed: it is charged at a rate of its own, which is not known here.",
            code="field_not_allowed",
            param="speed",
        )
    for name in ("context_management", "diagnostics"):
        if name in fields:
            refuse_addresses(name, fields[name])
            counted.extra[name] = fields[name]
    if "service_tier" in fields:
        if bytes(fields["service_tier"]) != b'"standard_only"':
            raise wrong("service_tier", "it must be 'auto' or 'standard_only'")
        counted.extra["service_tier"] = Raw(b'"default"')  # as most call it


def _system(fields: dict[str, Raw]) -> Message | None:
    system = _read(fields, "system", _SYSTEM)
    if not system:
        fields.pop("system", None)
        return None
    fields["system"] = Raw(_ENCODE(system))
    if isinstance(system, str):
        return Message("system", (Text(system),))
    return Message(
        "system",
        tuple(Text(block.text, is_breakpoint=block.cache_control is not None) for block in system),
    )


def _thinking(fields: dict[str, Raw], found: dict[str, Any]) -> None:
    """Nothing is shown of thinking that was not asked for: the first block is then the answer."""
    thinking = _read(fields, "thinking", _THINKING)
    found["shows_thinking"] = "none"
    if thinking is None:
        return
    if thinking.type != "disabled":
        found["shows_thinking"] = "seal" if thinking.display == "omitted" else "all"
    if thinking.type == "disabled":
        found["thinking_tokens"] = 0
    elif thinking.type == "enabled":
        budget = thinking.budget_tokens
        if budget is None or budget < 1024:
            raise wrong("thinking.budget_tokens", "it must be at least 1024")
        if found["max_tokens"] is not None and budget >= found["max_tokens"]:
            raise wrong("thinking.budget_tokens", "it must be less than 'max_tokens'")
        found["thinking_tokens"] = budget
    fields["thinking"] = Raw(_ENCODE(thinking))


def _output(fields: dict[str, Raw], found: dict[str, Any]) -> None:
    config = _read(fields, "output_config", _OUTPUT)
    form = _read(fields, "output_format", _FORMAT)  # where the field was before
    if config is not None:
        found["effort"] = config.effort
        form = config.format or form
    if form is not None:
        found["format"] = Format("json_schema", schema=form.schema, is_strict=True)


def _tools(fields: dict[str, Raw], found: dict[str, Any], counted: Counted) -> None:
    raws = _read(fields, "tools", _RAWS)
    choice = _read(fields, "tool_choice", _CHOICE)
    if raws:
        sent, found["tools"] = read_tools(raws, counted)
        fields["tools"] = Raw(_ENCODE(sent))
    if choice is None:
        return
    if choice.type == "tool":
        if choice.name is None:
            raise wrong("tool_choice.name", "the field is missing", "missing_field")
        found["tool_choice"] = ToolChoice("named", choice.name)
    elif choice.type == "any":
        found["tool_choice"] = ToolChoice("required")
    else:
        found["tool_choice"] = ToolChoice(choice.type)
    if choice.disable_parallel_tool_use is not None:
        found["parallel_tool_calls"] = not choice.disable_parallel_tool_use


def _read(fields: dict[str, Raw], name: str, decoder: "msgspec.json.Decoder[Any]") -> Any:
    raw = fields.get(name)
    return None if raw is None else decode(name, raw, decoder)


def _between(
    fields: dict[str, Raw],
    name: str,
    decoder: "msgspec.json.Decoder[Any]",
    least: float,
    most: float,
) -> Any:
    value = _read(fields, name, decoder)
    if value is not None and not least <= value <= most:
        raise wrong(name, f"it must be between {least} and {most}")
    return value


MESSAGES = Messages()
