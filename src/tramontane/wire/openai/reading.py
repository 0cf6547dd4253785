"""A chat request of a client of OpenAI's dialect, in the canonical form.

`intent` has read its top level and refused what is ambiguous or names an address. Hints that change
no answer (notes for the provider's own pages, for its cache or its speed) end here. It does not
know who will answer.
"""

from typing import Any, Literal

import msgspec
from msgspec import Raw

from tramontane.errors import InvalidRequest
from tramontane.wire import canonical as c
from tramontane.wire.dialect import Asked
from tramontane.wire.openai.intent import Intent, encode

HINTS = frozenset((
    "metadata", "prediction", "prompt_cache_key", "prompt_cache_retention", "safety_identifier",
    "store",
))  # fmt: skip
_USE_INSTEAD = {"functions": "tools", "function_call": "tool_choice"}


class _Mark(msgspec.Struct):
    type: str = ""


class _URL(msgspec.Struct):
    url: str
    detail: str | None = None


class _FileData(msgspec.Struct):
    file_data: str | None = None
    filename: str | None = None


class _Part(msgspec.Struct):
    type: str
    text: str = ""
    refusal: str = ""
    image_url: _URL | str | None = None
    file: _FileData | None = None
    cache_control: _Mark | None = None


class _Called(msgspec.Struct):
    name: str
    arguments: str = ""


class _Call(msgspec.Struct):
    id: str = ""
    type: str = "function"
    function: _Called | None = None


class _Thought(msgspec.Struct):
    type: str = "thinking"
    thinking: str = ""
    data: str = ""
    signature: str | None = None


class _Message(msgspec.Struct):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[_Part] | None = None
    name: str | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None
    thinking_blocks: list[_Thought] | None = None


class _Function(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: Raw = Raw(b"null")  # a union of it with None takes null only
    strict: bool | None = None


class _Tool(msgspec.Struct):
    type: str = "function"
    function: _Function | None = None
    cache_control: _Mark | None = None


class _Named(msgspec.Struct):
    name: str


class _Choice(msgspec.Struct):
    type: str = "function"
    function: _Named | None = None


class _Schema(msgspec.Struct):
    name: str = "answer"
    schema: Raw = Raw(b"null")
    description: str | None = None
    strict: bool | None = None


class _Format(msgspec.Struct):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _Schema | None = None


class _Chat(msgspec.Struct):
    """What has a canonical name; other fields are extra."""

    messages: list[_Message]
    tools: list[_Tool] | None = None
    tool_choice: _Choice | Literal["auto", "none", "required"] | None = None
    parallel_tool_calls: bool | None = None
    response_format: _Format | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: dict[str, float] | None = None
    reasoning_effort: str | None = None
    user: str | None = None


_DECODE = msgspec.json.Decoder(_Chat).decode
_READ = frozenset((
    *_Chat.__struct_fields__, "model", "stream", "stream_options", "max_tokens",
    "max_completion_tokens", "n",
))  # fmt: skip
# Said out loud, these ask for nothing but what is done anyway.
_USUAL = {"modalities": (b'["text"]',), "service_tier": (b'"auto"', b'"default"')}


def asked_of(intent: Intent) -> Asked:
    """Return the rest of what a chat request asks for. InvalidRequest names the wrong field."""
    fields = intent.fields
    try:
        chat = _DECODE(encode(fields))
    except msgspec.ValidationError as error:
        raise _wrong(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.", code="invalid_json") from None
    messages = []
    for i, message in enumerate(chat.messages):
        messages.append(_message(message, f"messages[{i}]"))
    stop = (chat.stop,) if isinstance(chat.stop, str) else tuple(chat.stop or ())
    request = c.Request(
        model=intent.model,
        messages=tuple(messages),
        tools=tuple(_tool(tool, f"tools[{i}]") for i, tool in enumerate(chat.tools or ())),
        tool_choice=_tool_choice(chat.tool_choice),
        parallel_tool_calls=chat.parallel_tool_calls,
        format=_format(chat.response_format),
        max_tokens=intent.max_tokens,
        choices=intent.choices,
        temperature=chat.temperature,
        top_p=chat.top_p,
        top_k=chat.top_k,
        min_p=chat.min_p,
        frequency_penalty=chat.frequency_penalty,
        presence_penalty=chat.presence_penalty,
        stop=stop,
        seed=chat.seed,
        logprobs=(chat.top_logprobs or 0) if chat.logprobs else None,
        logit_bias=chat.logit_bias or None,
        effort=chat.reasoning_effort,
        user=chat.user,
        stream=intent.stream,
        include_usage=intent.include_usage,
        extra=_extra(fields),
    )
    return Asked(
        request=request, fields=fields, prompt_bytes=intent.prompt_bytes, images=intent.images
    )


def _extra(fields: dict[str, Raw]) -> dict[str, Raw]:
    if fields.keys() <= _READ:
        return {}
    extra = {}
    for name, raw in fields.items():
        if name in _READ or name in HINTS:
            continue
        value = bytes(raw)
        if value != b"null" and value.replace(b" ", b"") not in _USUAL.get(name, ()):
            if name in _USE_INSTEAD:
                raise InvalidRequest(
                    f"The field '{name}' is not supported here: use '{_USE_INSTEAD[name]}'.",
                    code="unsupported_field",
                    param=name,
                )
            extra[name] = raw
    return extra


def _message(message: _Message, place: str) -> c.Message:
    content = message.content
    if message.role == "tool":
        return c.Message("tool", (_result(message, place),))
    parts: list[c.Part] = [_thinking(thought) for thought in message.thinking_blocks or ()]
    if isinstance(content, str):
        if content or not message.tool_calls:
            parts.append(c.Text(content))
    elif content is not None:
        parts += [_part(part, f"{place}.content[{i}]") for i, part in enumerate(content)]
    elif message.refusal:
        parts.append(c.Text(message.refusal))
    for i, call in enumerate(message.tool_calls or ()):
        if call.function is None:
            raise _unsupported(f"{place}.tool_calls[{i}]", call.type)
        parts.append(c.Call(call.id, call.function.name, call.function.arguments or "{}"))
    role: c.Role = "system" if message.role == "developer" else message.role
    return c.Message(role, tuple(parts), message.name)


def _thinking(thought: _Thought) -> c.Thinking:
    if thought.type == "redacted_thinking":
        return c.Thinking(thought.data, None, is_redacted=True)
    return c.Thinking(thought.thinking, thought.signature)


def _result(message: _Message, place: str) -> c.Result:
    if not message.tool_call_id:
        raise InvalidRequest(
            f"The field '{place}.tool_call_id' is missing; it must be the id of the call that this"
            " is the result of.",
            code="missing_field",
            param=f"{place}.tool_call_id",
        )
    if isinstance(message.content, str) or message.content is None:
        return c.Result(message.tool_call_id, (c.Text(message.content or ""),), message.name)
    parts = tuple(_part(part, f"{place}.content[{i}]") for i, part in enumerate(message.content))
    marked = any(part.cache_control is not None for part in message.content)
    return c.Result(message.tool_call_id, parts, message.name, is_breakpoint=marked)


def _part(part: _Part, place: str) -> c.Text | c.Image | c.File:
    marked = part.cache_control is not None
    if part.type == "text":
        return c.Text(part.text, marked)
    if part.type == "refusal":
        return c.Text(part.refusal, marked)
    if part.type == "image_url" and part.image_url is not None:
        image = part.image_url
        url, detail = (image, None) if isinstance(image, str) else (image.url, image.detail)
        media_type, data = _data(url, f"{place}.image_url")
        return c.Image(media_type, data, detail, marked)
    if part.type == "file" and part.file is not None and part.file.file_data is not None:
        text = part.file.file_data
        if not text.startswith("data:"):
            return c.File("application/pdf", text, part.file.filename, marked)
        media_type, data = _data(text, f"{place}.file.file_data")
        return c.File(media_type, data, part.file.filename, marked)
    raise _unsupported(place, part.type)


def _data(url: str, place: str) -> tuple[str, str]:
    head, comma, data = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        raise InvalidRequest(
            f"The field '{place}' must be data, such as data:image/png;base64,…",
            code="invalid_value",
            param=place,
        )
    return head[5:].partition(";")[0], data


def _tool(tool: _Tool, place: str) -> c.Tool:
    function = tool.function
    if function is None:
        raise _unsupported(place, tool.type)
    marked = tool.cache_control is not None
    if bytes(function.parameters) == b"null":
        return c.Tool(
            function.name, function.description, is_strict=function.strict, is_breakpoint=marked
        )
    return c.Tool(function.name, function.description, function.parameters, function.strict, marked)


def _tool_choice(choice: Any) -> c.ToolChoice | None:
    if choice is None or isinstance(choice, str):
        return None if choice is None else c.ToolChoice(choice)  # type: ignore[arg-type]
    if choice.function is None:
        raise _unsupported("tool_choice", choice.type)
    return c.ToolChoice("named", choice.function.name)


def _format(form: _Format | None) -> c.Format | None:
    if form is None or form.type == "text":
        return None
    if form.type == "json_object":
        return c.Format("json_object")
    asked = form.json_schema or _Schema()
    schema = None if bytes(asked.schema) == b"null" else asked.schema
    return c.Format("json_schema", asked.name, schema, asked.description, asked.strict)


def _unsupported(place: str, kind: str) -> InvalidRequest:
    return InvalidRequest(
        f"The field '{place}' is of a type that this model's provider is not given: '{kind[:60]}'.",
        code="unsupported_content",
        param=place,
    )


def _wrong(error: msgspec.ValidationError) -> InvalidRequest:
    message, _, place = str(error).partition(" - at `$.")
    param = place.rstrip("`") or None
    where = f"The field '{param}'" if param else "A field of the request"
    return InvalidRequest(f"{where} is wrong: {message}.", code="invalid_type", param=param)
