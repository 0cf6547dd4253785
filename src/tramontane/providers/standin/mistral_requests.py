"""Requests of Mistral's API, checked as its published description has them.

They become requests as `answers` knows them. Independent of `wire` on purpose: a stand-in that
shared the gateway's code would repeat its mistakes.
"""

import re
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from tramontane.providers.standin import answers, tokens
from tramontane.providers.standin.refusals import Refused
from tramontane.providers.standin.requests import ChatRequest

_is_id = re.compile(r"[a-zA-Z0-9]{9}").fullmatch


class _Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class _Chunk(_Strict):
    type: Literal[
        "text", "image_url", "document_url", "reference", "file", "thinking", "input_audio"
    ]
    text: str | None = None
    image_url: str | dict[str, str] | None = None
    document_url: str | None = None
    document_name: str | None = None
    reference_ids: list[int] | None = None
    file_id: str | None = None
    thinking: list[dict[str, Any]] | None = None
    closed: bool | None = None
    input_audio: str | None = None


class _Called(_Strict):
    name: str
    arguments: str | dict[str, Any]


class _Call(_Strict):
    function: _Called
    id: str = "null"
    type: Literal["function"] = "function"
    index: int = 0


class _System(_Strict, tag_field="role", tag="system"):
    content: str | list[_Chunk]


class _User(_Strict, tag_field="role", tag="user"):
    content: str | list[_Chunk] | None


class _Assistant(_Strict, tag_field="role", tag="assistant"):
    content: str | list[_Chunk] | None = None
    tool_calls: list[_Call] | None = None
    prefix: bool = False


class _Result(_Strict, tag_field="role", tag="tool"):
    content: str | list[_Chunk] | None
    tool_call_id: str | None = None
    name: str | None = None


class _Function(_Strict):
    name: str
    parameters: dict[str, Any]
    description: str = ""
    strict: bool = False


class _Tool(_Strict):
    function: _Function
    type: Literal["function"] = "function"


class _Name(_Strict):
    name: str


class _Chosen(_Strict):
    function: _Name
    type: Literal["function"] = "function"


class _Schema(_Strict):
    name: str
    schema: dict[str, Any]
    description: str | None = None
    strict: bool = False


class _Format(_Strict):
    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: _Schema | None = None


class _Prediction(_Strict):
    type: Literal["content"] = "content"
    content: str = ""


class _Sampling(_Strict):
    model: str
    temperature: Annotated[float, Meta(ge=0, le=1.5)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] = 1.0
    max_tokens: Annotated[int, Meta(ge=0)] | None = None
    stream: bool = False
    stop: str | list[str] | None = None
    random_seed: Annotated[int, Meta(ge=0)] | None = None
    metadata: dict[str, Any] | None = None
    prompt_cache_key: str | None = None


class ChatBody(_Sampling, kw_only=True):
    """The body of POST /v1/chat/completions."""

    messages: list[_System | _User | _Assistant | _Result]
    response_format: _Format | None = None
    tools: list[_Tool] | None = None
    tool_choice: Literal["auto", "none", "any", "required"] | _Chosen = "auto"
    presence_penalty: Annotated[float, Meta(ge=-2, le=2)] = 0.0
    frequency_penalty: Annotated[float, Meta(ge=-2, le=2)] = 0.0
    n: Annotated[int, Meta(ge=1)] | None = None
    prediction: _Prediction | None = None
    parallel_tool_calls: bool = True
    prompt_mode: Literal["reasoning"] | None = None
    reasoning_effort: Literal["high", "none"] | None = None
    guardrails: list[dict[str, Any]] | None = None
    safe_prompt: bool = False


class FIMBody(_Sampling, kw_only=True):
    """The body of POST /v1/fim/completions."""

    prompt: str
    suffix: str | None = ""
    min_tokens: Annotated[int, Meta(ge=0)] | None = None


class EmbeddingBody(_Strict):
    """The body of POST /v1/embeddings."""

    model: str
    input: str | list[str]
    metadata: dict[str, Any] | None = None
    output_dimension: Annotated[int, Meta(gt=0)] | None = None
    output_dtype: Literal["float"] = "float"
    encoding_format: Literal["float"] = "float"


class ModerationBody(_Strict):
    """The body of POST /v1/moderations."""

    model: str
    input: str | list[str]
    metadata: dict[str, Any] | None = None


class Chat(msgspec.Struct, frozen=True):
    """A request as `answers` knows it, and what is Mistral's own; `prefix` begins the answer."""

    request: ChatRequest
    prompt_tokens: int
    is_stream: bool
    choices: int = 1
    prefix: str = ""


class Invalid(Refused):
    """What is wrong in a request, as FastAPI tells it: status 422."""

    def __init__(self, kind: str, place: list[str | int], message: str) -> None:
        super().__init__(message, status=422)
        self.detail = [{"type": kind, "loc": ["body", *place], "msg": message}]


_Body = TypeVar("_Body", bound=_Strict)
_STEP = re.compile(r"[^.\[\]]+")


def decode(form: type[_Body], body: bytes) -> _Body:
    """Return the body. Raises Invalid."""
    try:
        return msgspec.json.decode(body, type=form)
    except msgspec.ValidationError as error:
        finding, _, place = str(error).partition(" - at `$")
        steps = [int(s) if s.isdigit() else s for s in _STEP.findall(place.rstrip("`"))]
        for words, kind, message in (
            ("Object missing required field `", "missing", "Field required"),
            ("Object contains unknown field `", "extra_forbidden", "Extra inputs not permitted"),
        ):
            if finding.startswith(words):
                name = finding.removeprefix(words).rstrip("`")
                raise Invalid(kind, [*steps, name], message) from None
        raise Invalid("value_error", list(steps), finding) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid("json_invalid", [], f"JSON decode error: {error}") from None


def read_chat(body: ChatBody) -> Chat:
    """Return `body` as `answers` takes it. Raises Refused as the API does."""
    if not body.messages:
        raise Refused("Conversation must have at least one message", code="3230")
    last = body.messages[-1]
    if isinstance(last, _System) or (isinstance(last, _Assistant) and not last.prefix):
        role = "system" if isinstance(last, _System) else "assistant"
        raise Refused(
            "Expected last role User or Tool (or Assistant with prefix True) for serving but got "
            + role,
            code="3230",
        )
    said = [_message(message) for message in body.messages]
    tools = msgspec.to_builtins(body.tools or [])
    for tool in tools:
        tool["function"].pop("strict")
    form: dict[str, Any] | None = None
    if body.response_format is not None and body.response_format.type != "text":
        form = msgspec.to_builtins(body.response_format)
        if form is not None and form.get("json_schema") is None:
            form.pop("json_schema", None)
        if body.response_format.type == "json_schema" and body.response_format.json_schema is None:
            raise Refused("response_format json_schema needs a schema", code="3051")
    fields = {
        "model": body.model,
        "messages": said,
        "max_tokens": body.max_tokens or None,
        "stop": body.stop,
        "tools": tools or None,
        "tool_choice": _choice(body) if tools else None,
        "response_format": form,
    }
    request = msgspec.convert(fields, ChatRequest)
    prefix = last.content if isinstance(last, _Assistant) and isinstance(last.content, str) else ""
    return Chat(request, answers.chat_prompt_tokens(request), body.stream, body.n or 1, prefix)


def _choice(body: ChatBody) -> object:
    choice = body.tool_choice
    if isinstance(choice, _Chosen):
        return {"type": "function", "function": {"name": choice.function.name}}
    return "required" if choice == "any" else choice


def _message(message: _System | _User | _Assistant | _Result) -> dict[str, Any]:
    if isinstance(message, _System):
        return {"role": "system", "content": _texts(message.content)}
    if isinstance(message, _User):
        return {"role": "user", "content": _parts(message.content)}
    if isinstance(message, _Result):
        _check_id(message.tool_call_id)
        return {
            "role": "tool",
            "content": _texts(message.content),
            "tool_call_id": message.tool_call_id or "",
        }
    calls = []
    for call in message.tool_calls or ():
        _check_id(call.id)
        arguments = call.function.arguments
        text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
        function = {"name": call.function.name, "arguments": text}
        calls.append({"type": "function", "id": call.id, "function": function})
    return {"role": "assistant", "content": _texts(message.content), "tool_calls": calls or None}


def _check_id(call_id: str | None) -> None:
    if call_id not in (None, "null") and not _is_id(call_id or ""):
        raise Refused(
            f"Tool call id was {call_id} but must be a-z, A-Z, 0-9, with a length of 9.",
            code="3280",
        )


def _texts(content: str | list[_Chunk] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(chunk.text for chunk in content if chunk.text is not None)


def _parts(content: str | list[_Chunk] | None) -> str | list[dict[str, Any]]:
    if content is None or isinstance(content, str):
        return content or ""
    parts: list[dict[str, Any]] = []
    for chunk in content:
        url = chunk.image_url
        if url is not None:
            address = url if isinstance(url, str) else url.get("url", "")
            parts.append({"type": "image_url", "image_url": {"url": address}})
        else:
            parts.append({"type": "text", "text": chunk.text or chunk.document_name or ""})
    return parts


def fim_as_chat(body: FIMBody, echo: str) -> Chat:
    """Return `body` as a chat whose only message is `echo`."""
    fields = {
        "model": body.model,
        "messages": [{"role": "user", "content": echo}],
        "max_tokens": body.max_tokens or None,
        "stop": body.stop,
    }
    prompt = tokens.count(body.prompt) + tokens.count(body.suffix or "")
    return Chat(msgspec.convert(fields, ChatRequest), prompt, body.stream)
