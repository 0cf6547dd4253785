"""What Ollama's clients ask for, in the canonical form.

Options that say how a server is to load a model are left to whoever runs it here; those that say
how to sample are kept, and refused by name where a provider has nothing like them. It does not
know deployments or prices.
"""

import re
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from tramontane.errors import InvalidRequest
from tramontane.wire.canonical import (
    Call,
    Format,
    Image,
    Message,
    Operation,
    Part,
    Request,
    Result,
    Text,
    Thinking,
    Tool,
)
from tramontane.wire.dialect import Asked
from tramontane.wire.openai.addresses import refuse_references
from tramontane.wire.openai.intent import read_top

_CONTROLLED = frozenset(
    ("model", "messages", "prompt", "input", "stream", "options", "tools", "format", "images")
)
_PLAIN = _CONTROLLED.union((
    "context", "dimensions", "keep_alive", "logprobs", "raw", "suffix", "system", "template",
    "think", "top_logprobs", "truncate",
))  # fmt: skip
# How a server loads and runs a model: whoever runs it here has decided that.
_RUNNING = frozenset((
    "embedding_only", "f16_kv", "logits_all", "low_vram", "main_gpu", "num_batch", "num_ctx",
    "num_gpu", "num_keep", "num_thread", "numa", "use_mlock", "use_mmap", "vocab_only",
))  # fmt: skip
_SAID = frozenset((
    "num_predict", "temperature", "top_k", "top_p", "min_p", "seed", "stop",
    "presence_penalty", "frequency_penalty",
))  # fmt: skip
# Ollama gives no media type with a picture; these are how base64 of each kind begins.
_PICTURES = {
    "iVBORw0KGgo": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
}
_is_base64 = re.compile(r"[0-9A-Za-z+/]*={0,2}").fullmatch
T = TypeVar("T")


class Timed(Asked, frozen=True, kw_only=True):
    """A request, and when it came, since answers say how long they took.

    `name` is the model as the client wrote it. `is_chat` False: /api/generate.
    """

    begun_ns: int
    name: str
    is_chat: bool = True


class _Options(msgspec.Struct):
    num_predict: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None


class _Function(msgspec.Struct):
    name: str
    arguments: Raw = Raw(b"{}")


class _Call(msgspec.Struct):
    function: _Function
    id: str | None = None


class _Message(msgspec.Struct):
    role: str
    content: str | None = None
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[_Call] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class _ToolFunction(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: Raw = Raw(b"null")


class _Tool(msgspec.Struct):
    function: _ToolFunction
    type: str | None = "function"


class _Body(msgspec.Struct):
    model: str
    messages: list[_Message] | None = None
    prompt: str | None = None
    suffix: str | None = None
    system: str | None = None
    images: list[str] | None = None
    tools: list[_Tool] | None = None
    stream: bool | None = None
    raw: bool | None = None
    think: bool | str | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    template: str | None = None
    context: list[int] | None = None


class _Embed(msgspec.Struct):
    model: str
    input: str | list[str] | None = None
    prompt: str | None = None
    dimensions: int | None = None


def read_chat(body: bytes, now_ns: int) -> Timed:
    """Return what POST /api/chat asks for. Raises InvalidRequest."""
    fields, said = _read(body)
    if not said.messages:
        raise InvalidRequest(
            "The field 'messages' must hold at least one message: models here are always loaded.",
            code="missing_field",
            param="messages",
        )
    messages = tuple(_messages(said.messages))
    return _asked(fields, said, body, now_ns, operation="chat", messages=messages)


def read_generate(body: bytes, now_ns: int) -> Timed:
    """Return what POST /api/generate asks for: a chat of one question or, where it is `raw` or
    has a `suffix`, text that goes on. Raises InvalidRequest.
    """
    fields, said = _read(body)
    for name in ("template", "context"):
        if getattr(said, name):
            raise InvalidRequest(
                f"The field '{name}' is not supported: a model's own template is used, and nothing"
                " is kept between requests. Use /api/chat with the whole conversation.",
                code="unsupported_parameter",
                param=name,
            )
    if not said.prompt:
        raise InvalidRequest(
            "The field 'prompt' must hold a text: models here are always loaded.",
            code="missing_field",
            param="prompt",
        )
    if said.raw or said.suffix:
        operation: Operation = "fim" if said.suffix else "completions"
        return _asked(fields, said, body, now_ns, operation=operation, inputs=(said.prompt,))
    messages = [_Message("system", said.system)] if said.system else []
    messages.append(_Message("user", said.prompt, images=said.images))
    return _asked(fields, said, body, now_ns, operation="chat", messages=tuple(_messages(messages)))


def read_embed(body: bytes, now_ns: int) -> Timed:
    """Return what POST /api/embed, or /api/embeddings, asks for. Raises InvalidRequest."""
    fields = _top(body)
    said = _decode(_Embed, body)
    given = said.input if said.input is not None else said.prompt
    inputs = (given,) if isinstance(given, str) else tuple(given or ())
    if not inputs:
        raise InvalidRequest(
            "The field 'input' must be a text or an array of texts.",
            code="missing_field",
            param="input",
        )
    request = Request(
        model=_name(said.model),
        operation="embeddings",
        inputs=inputs,
        dimensions=said.dimensions or None,
        extra=_unknown(fields),
    )
    return Timed(
        request=request,
        fields=fields,
        prompt_bytes=len(body),
        begun_ns=now_ns,
        name=said.model,
    )


def _top(body: bytes) -> dict[str, Raw]:
    example = '{"model": "large", "messages": [{"role": "user", "content": "Hello"}]}'
    return read_top(body, controlled=_CONTROLLED, plain=_PLAIN, example=example)


def _read(body: bytes) -> tuple[dict[str, Raw], _Body]:
    return _top(body), _decode(_Body, body)


def _asked(
    fields: dict[str, Raw],
    said: _Body,
    body: bytes,
    now_ns: int,
    *,
    operation: Operation,
    messages: tuple[Message, ...] = (),
    inputs: tuple[str, ...] = (),
) -> Timed:
    given = _decode(dict[str, Raw] | None, fields.get("options", Raw(b"null")), "options") or {}
    options = _decode(_Options, msgspec.json.encode(given), "options")
    limit = options.num_predict
    think = said.think
    request = Request(
        model=_name(said.model),
        operation=operation,
        messages=messages,
        inputs=inputs,
        suffix=said.suffix or None,
        tools=tuple(_tools(said.tools or ())),
        format=_format(fields.get("format")),
        max_tokens=limit if limit is not None and limit > 0 else None,  # -1, -2: no limit
        temperature=options.temperature,
        top_p=options.top_p,
        top_k=options.top_k,
        min_p=options.min_p,
        frequency_penalty=options.frequency_penalty,
        presence_penalty=options.presence_penalty,
        stop=(options.stop,) if isinstance(options.stop, str) else tuple(options.stop or ()),
        seed=options.seed,
        logprobs=(said.top_logprobs or 0) if said.logprobs else None,
        effort=think if isinstance(think, str) else "medium" if think else None,
        thinking_tokens=0 if think is False else None,
        stream=said.stream is not False,
        include_usage=True,
        extra=_unknown(fields) | _extra(given),
    )
    pictures = [part for m in messages for part in m.parts if isinstance(part, Image)]
    return Timed(
        request=request,
        fields=fields,
        prompt_bytes=len(body) - sum(len(picture.data) for picture in pictures),
        images=len(pictures),
        begun_ns=now_ns,
        name=said.model,
        is_chat=said.messages is not None,
    )


def _extra(options: dict[str, Raw]) -> dict[str, Raw]:
    known = _SAID | _RUNNING
    return {name: raw for name, raw in options.items() if name not in known and not _is_null(raw)}


def _unknown(fields: dict[str, Raw]) -> dict[str, Raw]:
    return {name: raw for name, raw in fields.items() if name not in _PLAIN and not _is_null(raw)}


def _is_null(raw: Raw) -> bool:
    return bytes(memoryview(raw)[:4]) == b"null"


def _name(model: str) -> str:
    """Ollama's clients add `:latest` to a name without a tag."""
    return model.removesuffix(":latest")


def _messages(given: Iterable[_Message]) -> Iterable[Message]:
    """Calls have no ids in this dialect: results are matched by name, then by order."""
    waiting: list[tuple[str, str]] = []  # id and name of calls without a result
    made = 0
    for i, message in enumerate(given):
        text = (Text(message.content),) if message.content else ()
        pictures = tuple(_picture(data, f"messages[{i}]") for data in message.images or ())
        if message.role == "assistant":
            calls = []
            for call in message.tool_calls or ():
                call_id = call.id or f"call_{made}"
                made += 1
                waiting.append((call_id, call.function.name))
                calls.append(Call(call_id, call.function.name, _arguments(call.function)))
            thoughts = (Thinking(message.thinking),) if message.thinking else ()
            yield Message("assistant", (*thoughts, *text, *calls))
        elif message.role == "tool":
            call_id = _answered(message, waiting)
            parts = (*text, *pictures)
            yield Message("tool", (Result(call_id, parts, message.tool_name),))
        elif message.role in ("system", "user"):
            spoken: tuple[Part, ...] = (*text, *pictures) or (Text(""),)
            yield Message(message.role, spoken)  # type: ignore[arg-type]
        else:
            raise InvalidRequest(
                f"The role '{message.role[:40]}' is not one of system, user, assistant, tool.",
                code="invalid_value",
                param=f"messages[{i}].role",
            )


def _answered(message: _Message, waiting: list[tuple[str, str]]) -> str:
    """Return the id of the call whose result `message` is, and take it off `waiting`."""
    for at, (call_id, name) in enumerate(waiting):
        if message.tool_call_id is not None:
            if message.tool_call_id != call_id:
                continue
        elif message.tool_name is not None and message.tool_name != name:
            continue
        del waiting[at]
        return call_id
    return message.tool_call_id or "call_0"


def _arguments(function: _Function) -> str:
    return bytes(function.arguments).decode("utf-8", "replace")


def _picture(data: str, place: str) -> Image:
    begin = next((begin for begin in _PICTURES if data.startswith(begin)), None)
    if begin is None or _is_base64(data) is None:
        raise InvalidRequest(
            "Images are taken as base64 of a PNG, JPEG, GIF or WebP file, and nothing is fetched.",
            code="address_not_allowed",
            param=f"{place}.images",
        )
    return Image(_PICTURES[begin], data)


def _tools(given: Iterable[_Tool]) -> Iterable[Tool]:
    for i, tool in enumerate(given):
        function = tool.function
        made = Tool(function.name, function.description)
        if not _is_null(function.parameters):
            refuse_references(function.parameters, f"tools[{i}].function.parameters")
            made = msgspec.structs.replace(made, schema=Raw(bytes(function.parameters)))
        yield made


def _format(raw: Raw | None) -> Format | None:
    if raw is None or _is_null(raw) or bytes(raw) == b'""':
        return None
    if bytes(raw) == b'"json"':
        return Format("json_object")
    if bytes(memoryview(raw)[:1]) != b"{":
        raise InvalidRequest(
            "The field 'format' must be \"json\" or a JSON Schema.",
            code="invalid_value",
            param="format",
        )
    refuse_references(raw, "format")
    return Format("json_schema", schema=Raw(bytes(raw)))


def _decode(kind: Any, raw: bytes | Raw, place: str = "") -> Any:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        message, _, inner = str(error).partition(" - at `$")
        param = (place + inner.rstrip("`")).lstrip(".")
        raise InvalidRequest(
            f"The field '{param or 'body'}' is wrong: {message}.", code="invalid_type", param=param
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.", code="invalid_json") from None
