"""What a client of the Mistral dialect asks for, in the canonical form.

What only this dialect has is kept by name in `extra`, parts of messages among them, so that no
other provider leaves it out in silence. It does not know deployments or prices.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Raw

from tramontane.errors import InvalidRequest
from tramontane.wire import canonical as c
from tramontane.wire.dialect import Asked
from tramontane.wire.mistral import requests as m
from tramontane.wire.mistral.errors import explain
from tramontane.wire.openai.addresses import file_not_allowed, refuse_addresses

_CHAT = msgspec.json.Decoder(m.ChatRequest)
_FIM = msgspec.json.Decoder(m.FIMRequest)
_EMBEDDINGS = msgspec.json.Decoder(m.EmbeddingRequest)
_MODERATIONS = msgspec.json.Decoder(m.ModerationRequest)
_TOP = msgspec.json.Decoder(dict[str, Raw])
_encode = msgspec.json.Encoder().encode

_KEPT = ("metadata", "prediction", "prompt_mode", "guardrails", "prompt_cache_key", "min_tokens")
"""Fields without a canonical name, passed on by name."""
_LOOKED_INTO = ("tools", "response_format", "guardrails", "prediction")
EFFORTS = ("none", "minimal", "low", "medium", "high")


def read_chat(body: bytes) -> Asked:
    """Return what a body of /chat/completions asks for. Raises InvalidRequest."""
    said, fields = _decode(_CHAT, body)
    conversation = _Conversation()
    messages = tuple(conversation.messages(said.messages))
    extra = _extra(fields)
    extra.update(conversation.foreign)
    thinking, effort = None, said.reasoning_effort
    if effort is not None and effort not in EFFORTS:
        raise InvalidRequest(
            f"The field 'reasoning_effort' must be one of {', '.join(EFFORTS)}.",
            code="invalid_value",
            param="reasoning_effort",
        )
    if effort == "none":
        thinking, effort = 0, None
    request = c.Request(
        model=said.model,
        messages=messages,
        tools=tuple(_tool(tool) for tool in said.tools or ()),
        tool_choice=_choice(said.tool_choice),
        parallel_tool_calls=said.parallel_tool_calls,
        format=_format(said.response_format),
        choices=said.n or 1,
        frequency_penalty=said.frequency_penalty,
        presence_penalty=said.presence_penalty,
        effort=effort,
        thinking_tokens=thinking,
        safe_prompt=said.safe_prompt,
        extra=extra,
        **_sampling(said),
    )
    return Asked(
        request=request,
        fields=fields,
        prompt_bytes=len(body) - conversation.image_bytes,
        images=conversation.images,
        files=conversation.sounds,
    )


def read_fim(body: bytes) -> Asked:
    """Return what a body of /fim/completions asks for. Raises InvalidRequest."""
    said, fields = _decode(_FIM, body)
    request = c.Request(
        model=said.model,
        operation="fim",
        inputs=(said.prompt,),
        suffix=said.suffix or None,
        extra=_extra(fields),
        **_sampling(said),
    )
    return Asked(request=request, fields=fields, prompt_bytes=len(body))


def read_embeddings(body: bytes) -> Asked:
    """Return what a body of /embeddings asks for. Raises InvalidRequest."""
    said, fields = _decode(_EMBEDDINGS, body)
    extra = {name: fields[name] for name in ("metadata",) if said.metadata is not None}
    if said.output_dtype not in (None, "float"):
        extra["output_dtype"] = fields["output_dtype"]
    request = c.Request(
        model=said.model,
        operation="embeddings",
        inputs=(said.input,) if isinstance(said.input, str) else tuple(said.input),
        dimensions=said.output_dimension,
        extra=extra,
    )
    return Asked(request=request, fields=fields, prompt_bytes=len(body))


def read_moderations(body: bytes) -> Asked:
    """Return what a body of /moderations asks for. Raises InvalidRequest."""
    said, fields = _decode(_MODERATIONS, body)
    request = c.Request(
        model=said.model,
        operation="moderations",
        inputs=(said.input,) if isinstance(said.input, str) else tuple(said.input),
        extra={"metadata": fields["metadata"]} if said.metadata is not None else {},
    )
    return Asked(request=request, fields=fields, prompt_bytes=len(body))


def _decode(decoder: "msgspec.json.Decoder[Any]", body: bytes) -> tuple[Any, dict[str, Raw]]:
    try:
        said = decoder.decode(body)
        fields = _TOP.decode(body)
    except msgspec.ValidationError as error:
        raise explain(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(
            f"The body is not valid JSON: {error}. Check quotes, commas and brackets.",
            code="invalid_json",
        ) from None
    for name in _LOOKED_INTO:
        if name in fields:
            refuse_addresses(name, fields[name])
    return said, fields


def _extra(fields: Mapping[str, Raw]) -> dict[str, Raw]:
    return {name: fields[name] for name in _KEPT if fields.get(name, m.NULL) != m.NULL}


def _sampling(said: m.ChatRequest | m.FIMRequest) -> dict[str, Any]:
    """Return the canonical fields that all answers in text share."""
    stop = said.stop
    return {
        "max_tokens": said.max_tokens,
        "temperature": said.temperature,
        "top_p": said.top_p,
        "stop": (stop,) if isinstance(stop, str) else tuple(stop or ()),
        "seed": said.random_seed,
        "stream": bool(said.stream),
        "include_usage": bool(said.stream),
    }


def _tool(tool: m.Tool) -> c.Tool:
    said = tool.function
    return c.Tool(
        name=said.name,
        description=said.description or None,
        schema=Raw(_encode(said.parameters)),
        is_strict=said.strict,
    )


def _choice(choice: str | m.NamedTool | None) -> c.ToolChoice | None:
    if isinstance(choice, m.NamedTool):
        return c.ToolChoice("named", choice.function.name)
    if choice in ("any", "required"):
        return c.ToolChoice("required")
    if choice == "none":
        return c.ToolChoice("none")
    return None if choice is None else c.ToolChoice("auto")


def _format(said: m.ResponseFormat | None) -> c.Format | None:
    if said is None or said.type in (None, "text"):
        return None
    if said.type == "json_object":
        return c.Format("json_object")
    schema = said.json_schema
    if schema is None:
        raise InvalidRequest(
            "The field 'response_format.json_schema' is missing; it must hold the schema.",
            code="missing_field",
            param="response_format.json_schema",
        )
    return c.Format("json_schema", schema.name, schema.schema, schema.description, schema.strict)


class _Conversation:
    """Reads messages; counts images, pairs results with calls, keeps what is Mistral's alone."""

    def __init__(self) -> None:
        self.images = 0
        self.image_bytes = 0
        self.sounds = 0
        self.foreign: dict[str, Raw] = {}
        self._unanswered: list[str] = []

    def messages(self, messages: list[m.Message]) -> Iterable[c.Message]:
        for message in messages:
            if isinstance(message, m.AssistantMessage):
                yield self._assistant(message, is_last=message is messages[-1])
            elif isinstance(message, m.ToolMessage):
                yield c.Message("tool", (self._result(message),))
            elif isinstance(message, m.SystemMessage):
                yield c.Message("system", tuple(self._parts(message.content)))
            else:
                yield c.Message("user", tuple(self._parts(message.content)))

    def _assistant(self, message: m.AssistantMessage, *, is_last: bool) -> c.Message:
        parts: list[c.Part] = list(self._parts(message.content))
        for call in message.tool_calls or ():
            arguments = call.function.arguments
            text = arguments if isinstance(arguments, str) else _encode(arguments).decode()
            call_id = call.id or ""
            parts.append(c.Call(call_id, call.function.name, text))
            self._unanswered.append(call_id)
        if message.prefix and not is_last:
            raise InvalidRequest(
                "Only the last message may have 'prefix': the answer goes on from it.",
                code="invalid_value",
                param="messages.prefix",
            )
        return c.Message("assistant", tuple(parts), is_prefix=bool(message.prefix))

    def _result(self, message: m.ToolMessage) -> c.Result:
        call_id = message.tool_call_id
        if call_id is None:  # allowed: then results stand in the order of the calls
            call_id = self._unanswered.pop(0) if self._unanswered else ""
        elif call_id in self._unanswered:
            self._unanswered.remove(call_id)
        parts = tuple(
            part
            for part in self._parts(message.content)
            if isinstance(part, c.Text | c.Image | c.File)
        )
        return c.Result(call_id, parts, message.name)

    def _parts(self, content: str | Iterable[Any] | None) -> Iterable[c.Part]:
        if content is None:
            return
        if isinstance(content, str):
            yield c.Text(content)
            return
        for chunk in content:
            part = self._part(chunk)
            if part is not None:
                yield part

    def _part(self, chunk: Any) -> c.Part | None:
        if isinstance(chunk, m.TextChunk):
            return c.Text(chunk.text)
        if isinstance(chunk, m.ImageChunk):
            given = chunk.image_url
            url, detail = (given, None) if isinstance(given, str) else (given.url, given.detail)
            self.images += 1
            self.image_bytes += len(url)
            return c.Image(*split_data(url), detail)
        if isinstance(chunk, m.DocumentChunk):
            return c.File(*split_data(chunk.document_url), chunk.document_name)
        if isinstance(chunk, m.ThinkChunk):
            text = "".join(t.text for t in chunk.thinking if isinstance(t, m.TextChunk))
            return c.Thinking(text, chunk.signature)
        if isinstance(chunk, m.FileChunk):
            raise file_not_allowed("messages.content.file_id")
        self.sounds += isinstance(chunk, m.AudioChunk)
        kind = type(chunk).__struct_config__.tag
        self.foreign[f"messages.content.{kind}"] = Raw(_encode(chunk))
        return None


def split_data(url: str) -> tuple[str, str]:
    """Return media type and base64 of a `data:` address; parameters are left out."""
    head, _, data = url.partition(",")
    return head.removeprefix("data:").split(";", 1)[0], data
