"""What POST /responses asks for, in the canonical form.

Whatever would need something kept by us (`previous_response_id`, `conversation`, `background`) is
refused by name. A tool that runs at OpenAI is among the fields that only this dialect has: nobody
else knows it, so it is refused by name too, or dropped where that is allowed. It does not know
deployments or prices.
"""

import re
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from tramontane.errors import InvalidRequest
from tramontane.wire.canonical import (
    Call,
    File,
    Format,
    Image,
    Message,
    Part,
    Request,
    Result,
    Role,
    Text,
    Thinking,
    Tool,
    ToolChoice,
)
from tramontane.wire.dialect import Asked
from tramontane.wire.openai.addresses import address_not_allowed, refuse_references
from tramontane.wire.openai.intent import read_flag, read_text, read_top, wrong
from tramontane.wire.openai.responses.sealed import opened

EXAMPLE = '{"model": "large", "input": "Hello"}'
_CONTROLLED = frozenset(
    ("model", "input", "instructions", "stream", "max_output_tokens", "tools", "text", "store")
)
_PLAIN = _CONTROLLED.union((
    "background", "conversation", "include", "max_tool_calls", "metadata", "parallel_tool_calls",
    "previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_options",
    "prompt_cache_retention", "reasoning", "safety_identifier", "service_tier", "stream_options",
    "temperature", "tool_choice", "top_logprobs", "top_p", "truncation", "user",
))  # fmt: skip
_HINTS = ("prompt_cache_key", "prompt_cache_retention", "safety_identifier", "service_tier")
_KEPT = {
    "previous_response_id": "send the whole conversation in 'input'",
    "conversation": "send the whole conversation in 'input'",
    "prompt": "send its text in 'instructions' and 'input'",
    "background": "leave it out, or use the stream",
    "store": 'send "store": false or leave it out; the answer says "store": false',
}
_DATA = re.compile(r"data:([\w.+-]+/[\w.+-]+)[^,]{0,200};base64,")

T = TypeVar("T")


class _TextConfig(msgspec.Struct):
    format: "_Format | None" = None
    verbosity: str | None = None


class _Format(msgspec.Struct):
    type: str
    name: str = "answer"
    schema: Raw = Raw(b"null")
    description: str | None = None
    strict: bool | None = None


class _Reasoning(msgspec.Struct):
    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None


class _Body(msgspec.Struct):
    input: str | list[Raw] | None = None
    instructions: str | None = None
    max_output_tokens: int | None = None
    parallel_tool_calls: bool | None = None
    reasoning: _Reasoning | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_logprobs: int | None = None
    include: list[str] | None = None
    text: _TextConfig | None = None
    tools: list[Raw] | None = None
    tool_choice: Raw = Raw(b"null")
    truncation: str | None = None
    user: str | None = None


class _Kind(msgspec.Struct):
    type: str = "message"


class _Part(msgspec.Struct):
    type: str
    text: str = ""
    refusal: str = ""
    image_url: str | None = None
    detail: str | None = None
    file_data: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    filename: str | None = None
    prompt_cache_breakpoint: Raw = Raw(b"null")


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Part]


class _Call(msgspec.Struct):
    call_id: str
    name: str
    arguments: str


class _Output(msgspec.Struct):
    call_id: str
    output: str | list[_Part]


class _Thought(msgspec.Struct):
    text: str = ""


class _ReasoningItem(msgspec.Struct):
    summary: list[_Thought] = []
    content: list[_Thought] | None = None
    encrypted_content: str | None = None


class _Tool(msgspec.Struct):
    type: str
    name: str = ""
    description: str | None = None
    parameters: Raw = Raw(b"null")
    strict: bool | None = None


class _Choice(msgspec.Struct):
    type: str
    name: str | None = None
    mode: str = "auto"
    tools: list[_Tool] = []


def read_response(body: bytes) -> Asked:
    """Return what is asked. Raises InvalidRequest, which names the field at fault."""
    fields = read_top(body, controlled=_CONTROLLED, plain=_PLAIN, example=EXAMPLE)
    model = read_text(fields, "model")
    stream = read_flag(fields, "stream")
    _refuse_kept(fields)
    said = _decode(_Body, body, "")
    if said.input is None and said.instructions is None:
        raise wrong("input", "a string or an array of items", fields.get("input"))
    if said.max_output_tokens is not None and said.max_output_tokens < 1:
        raise InvalidRequest(
            "The field 'max_output_tokens' must be at least 1.",
            code="invalid_value",
            param="max_output_tokens",
        )
    text = said.text or _TextConfig()
    tools, elsewhere = _tools(said.tools or ())
    tool_choice, tools = _tool_choice(said.tool_choice, tools)
    messages, media = _messages(said)
    extra = {name: fields[name] for name in _HINTS if _says(fields, name)} | elsewhere
    if said.truncation not in (None, "disabled"):  # else what is too long is refused
        extra["truncation"] = fields["truncation"]
    if text.verbosity is not None:
        extra["verbosity"] = Raw(msgspec.json.encode(text.verbosity))
    shows_logprobs = said.top_logprobs is not None or (
        "message.output_text.logprobs" in (said.include or ())
    )
    request = Request(
        model=model,
        messages=messages,
        tools=tools,
        tool_choice=tool_choice,
        parallel_tool_calls=said.parallel_tool_calls if tools else None,
        format=_format(text.format),
        max_tokens=said.max_output_tokens,
        temperature=said.temperature,
        top_p=said.top_p,
        logprobs=(said.top_logprobs or 0) if shows_logprobs else None,
        effort=said.reasoning.effort if said.reasoning is not None else None,
        user=said.user,
        stream=stream,
        include_usage=True,
        extra=extra,
    )
    return Asked(
        request=request,
        fields=fields,
        prompt_bytes=len(body) - media[1],
        images=media[0],
    )


def _says(fields: dict[str, Raw], name: str) -> bool:
    raw = fields.get(name)
    return raw is not None and bytes(raw) not in (b"null", b'"auto"')


def _refuse_kept(fields: dict[str, Raw]) -> None:
    for name, instead in _KEPT.items():
        raw = fields.get(name)
        if raw is not None and bytes(raw) not in (b"null", b"false"):
            raise InvalidRequest(
                f"Responses are not kept here, so there is no '{name}': {instead}.",
                code="unsupported_parameter",
                param=name,
            )


def _messages(said: _Body) -> tuple[tuple[Message, ...], tuple[int, int]]:
    """Return the messages, and (images, bytes of their data).

    A file's bytes stay part of the prompt's; its tokens have no bound of their own.
    """
    messages: list[Message] = []
    if said.instructions:
        messages.append(Message("system", (Text(said.instructions),)))
    if isinstance(said.input, str):
        messages.append(Message("user", (Text(said.input),)))
        return tuple(messages), (0, 0)
    for i, raw in enumerate(said.input or ()):
        _add(messages, raw, f"input[{i}]")
    data = [len(p.data) for m in messages for p in _media(m.parts)]
    return tuple(messages), (len(data), sum(data))


def _media(parts: Iterable[Part]) -> Iterable[Image]:
    for part in parts:
        if isinstance(part, Image):
            yield part
        elif isinstance(part, Result):
            yield from _media(part.parts)


def _add(messages: list[Message], raw: Raw, place: str) -> None:
    kind = _decode(_Kind, raw, place).type
    if kind == "message":
        message = _decode(_Message, raw, place)
        parts = _parts(message.content, f"{place}.content")
        role: Role = "system" if message.role == "developer" else message.role  # type: ignore[assignment]
        if role not in ("system", "user", "assistant"):
            raise _unknown(f"{place}.role", message.role)
        if role == "assistant":
            _add_spoken(messages, parts, begins=True)
        else:
            messages.append(Message(role, parts))
    elif kind == "function_call":
        call = _decode(_Call, raw, place)
        _add_spoken(messages, (Call(call.call_id, call.name, call.arguments),))
    elif kind == "function_call_output":
        output = _decode(_Output, raw, place)
        parts = _parts(output.output, f"{place}.output")
        given = tuple(p for p in parts if isinstance(p, Text | Image | File))
        messages.append(Message("tool", (Result(output.call_id, given),)))
    elif kind == "reasoning":
        _add_spoken(messages, _thoughts(_decode(_ReasoningItem, raw, place)))
    elif kind == "item_reference":
        raise InvalidRequest(
            "Responses are not kept here, so an item cannot be referred to: send the item itself"
            ' (many clients do so with "store": false).',
            code="unsupported_parameter",
            param=place,
        )
    else:
        raise _unknown(f"{place}.type", kind)


def _add_spoken(messages: list[Message], parts: tuple[Part, ...], *, begins: bool = False) -> None:
    """Add what the assistant said: thoughts, text and calls of one turn are one message."""
    last = messages[-1] if messages else None
    if last is not None and last.role == "assistant":
        has_spoken = any(isinstance(part, Text | Call) for part in last.parts)
        if not (begins and has_spoken):
            messages[-1] = Message("assistant", last.parts + parts)
            return
    messages.append(Message("assistant", parts))


def _thoughts(item: _ReasoningItem) -> tuple[Part, ...]:
    if item.encrypted_content is not None:
        sealed = opened(item.encrypted_content)
        if sealed is not None:
            return sealed
    text = "\n".join(thought.text for thought in item.content or item.summary)
    return (Thinking(text),) if text else ()


def _parts(content: str | list[_Part], place: str) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (Text(content),)
    return tuple(_part(part, f"{place}[{i}]") for i, part in enumerate(content))


def _part(part: _Part, place: str) -> Text | Image | File:
    is_breakpoint = bytes(memoryview(part.prompt_cache_breakpoint)[:4]) != b"null"
    if part.type in ("input_text", "output_text", "text", "summary_text"):
        return Text(part.text, is_breakpoint)
    if part.type == "refusal":
        return Text(part.refusal)
    if part.file_id is not None or part.file_url is not None:
        raise InvalidRequest(
            "Files are taken with the request only: send their data in 'file_data' or 'image_url'"
            ' ("data:application/pdf;base64,…").',
            code="unsupported_parameter",
            param=place,
        )
    if part.type == "input_image":
        found = _DATA.match(part.image_url or "")
        if found is None or part.image_url is None:
            raise address_not_allowed(f"{place}.image_url")
        data = part.image_url[found.end() :]
        return Image(found[1], data, part.detail, is_breakpoint)
    if part.type == "input_file" and part.file_data is not None:
        found = _DATA.match(part.file_data)
        if found is None and ":" in part.file_data[:64]:
            raise address_not_allowed(f"{place}.file_data")
        media_type = "application/pdf" if found is None else found[1]
        data = part.file_data[found.end() if found is not None else 0 :]
        return File(media_type, data, part.filename, is_breakpoint)
    raise _unknown(f"{place}.type", part.type)


def _tools(given: Iterable[Raw]) -> tuple[tuple[Tool, ...], dict[str, Raw]]:
    """Return the functions, and the tools that run elsewhere by a name for each."""
    tools = []
    elsewhere: dict[str, Raw] = {}
    for i, raw in enumerate(given):
        place = f"tools[{i}]"
        tool = _decode(_Tool, raw, place)
        if tool.type != "function":
            word = re.sub(r"[^a-z0-9_]", "_", tool.type.lower())[:60]
            elsewhere[f"{place}.{word}"] = Raw(b"true")
            continue
        made = Tool(tool.name, tool.description, is_strict=tool.strict)
        if bytes(memoryview(tool.parameters)[:4]) != b"null":
            refuse_references(tool.parameters, f"{place}.parameters")
            made = msgspec.structs.replace(made, schema=Raw(bytes(tool.parameters)))
        tools.append(made)
    return tuple(tools), elsewhere


def _tool_choice(raw: Raw, tools: tuple[Tool, ...]) -> tuple[ToolChoice | None, tuple[Tool, ...]]:
    """Return the choice, and the tools that it leaves."""
    value = _decode(str | _Choice | None, raw, "tool_choice")  # type: ignore[arg-type]
    if value is None:
        return None, tools
    if isinstance(value, str):
        return ToolChoice(_mode(value)), tools
    if value.type == "function" and value.name is not None:
        return ToolChoice("named", value.name), tools
    if value.type == "allowed_tools":
        allowed = {tool.name for tool in value.tools if tool.type == "function"}
        return ToolChoice(_mode(value.mode)), tuple(t for t in tools if t.name in allowed)
    raise _unknown("tool_choice.type", value.type)


def _mode(word: str) -> Any:
    if word not in ("auto", "none", "required"):
        raise _unknown("tool_choice", word)
    return word


def _format(form: _Format | None) -> Format | None:
    if form is None or form.type == "text":
        return None
    if form.type == "json_object":
        return Format("json_object")
    if form.type != "json_schema":
        raise _unknown("text.format.type", form.type)
    refuse_references(form.schema, "text.format.schema")
    return Format("json_schema", form.name, Raw(bytes(form.schema)), form.description, form.strict)


def _unknown(place: str, word: str) -> InvalidRequest:
    return InvalidRequest(
        f"The field '{place}' is '{word[:60]}', which is not supported here.",
        code="unsupported_parameter",
        param=place,
    )


def _decode(kind: type[T], raw: bytes | Raw, place: str) -> T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        message, _, inner = str(error).partition(" - at `$")
        param = (place + inner.rstrip("`")).lstrip(".")
        raise InvalidRequest(
            f"The field '{param or 'body'}' is wrong: {message}.", code="invalid_type", param=param
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(
            f"The field '{place or 'body'}' is not valid JSON: {error}.",
            code="invalid_json",
            param=place or None,
        ) from None
