"""Requests of the Mistral dialect as typed structs, checked as strictly as its API does.

Facts from the published description of the API. Images and documents are `data:` addresses, each
occurrence checked while it is decoded; no field may name another. It does not know the canonical
form.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw

TOKENS_MAX = 10_000_000
CHOICES_MAX = 128
INPUTS_MAX = 2_048
NULL = Raw(b"null")  # the default of Raw fields: a union of Raw with None takes null only

_DATA = r"^data:[\w.+-]+/[\w.+-]+(?:;[\w.+-]+=[\w.+-]+)*;base64,"
DataAddress = Annotated[str, Meta(pattern=_DATA)]
Count = Annotated[int, Meta(ge=1, le=TOKENS_MAX)]
Temperature = Annotated[float, Meta(ge=0, le=1.5)]
Share = Annotated[float, Meta(ge=0, le=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Seed = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class _Strict(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    pass


class TextChunk(_Strict, tag_field="type", tag="text"):
    """Text."""

    text: str


class ImageURL(_Strict):
    """Where an image is: in the address itself."""

    url: DataAddress
    detail: Literal["low", "auto", "high"] | None = None


class ImageChunk(_Strict, tag_field="type", tag="image_url"):
    """An image."""

    image_url: ImageURL | DataAddress


class DocumentChunk(_Strict, tag_field="type", tag="document_url"):
    """A document."""

    document_url: DataAddress
    document_name: str | None = None


class ReferenceChunk(_Strict, tag_field="type", tag="reference"):
    """What an answer is founded on, as the provider numbers it."""

    reference_ids: list[int | str]
    text: str | None = None


class ToolReferenceChunk(_Strict, tag_field="type", tag="tool_reference"):
    """What a tool of the provider has found."""

    tool: str | None = None
    title: str | None = None
    description: str | None = None


class FileChunk(_Strict, tag_field="type", tag="file"):
    """A file that the provider keeps."""

    file_id: Annotated[str, Meta(pattern=r"^[\w.-]{1,200}$")]


class AudioChunk(_Strict, tag_field="type", tag="input_audio"):
    """Sound, in base64."""

    input_audio: Annotated[str, Meta(pattern=rf"(?:{_DATA})|^[0-9A-Za-z+/=_-]*$")]


class ThinkChunk(_Strict, tag_field="type", tag="thinking"):
    """What the model thought."""

    thinking: list[TextChunk | ReferenceChunk | ToolReferenceChunk]
    signature: str | None = None
    closed: bool | None = None


Chunk = (
    TextChunk | ImageChunk | DocumentChunk | ReferenceChunk | FileChunk | AudioChunk | ThinkChunk
)


class Function(_Strict):
    """A call's function; `arguments` is JSON text or the object itself."""

    name: str
    arguments: str | dict[str, Any]


class Call(_Strict):
    """A tool call that the assistant made."""

    function: Function
    id: str | None = None
    type: Literal["function"] | None = None
    index: int | None = None


class _Message(_Strict, tag_field="role"):
    pass


class SystemMessage(_Message, tag="system"):
    """Instructions."""

    content: str | list[TextChunk | ThinkChunk]


class UserMessage(_Message, tag="user"):
    """What the user says."""

    content: str | list[Chunk] | None


class AssistantMessage(_Message, tag="assistant"):
    """What the assistant said; with `prefix` the answer goes on from it."""

    content: str | list[Chunk] | None = None
    tool_calls: list[Call] | None = None
    prefix: bool | None = None


class ToolMessage(_Message, tag="tool"):
    """What a tool gave back."""

    content: str | list[Chunk] | None
    tool_call_id: str | None = None
    name: str | None = None


Message = SystemMessage | UserMessage | AssistantMessage | ToolMessage


class FunctionDefinition(_Strict):
    """A function that may be called."""

    name: Annotated[str, Meta(min_length=1)]
    parameters: dict[str, Any]
    description: str | None = None
    strict: bool | None = None


class Tool(_Strict):
    """A tool."""

    function: FunctionDefinition
    type: Literal["function"] | None = None


class FunctionName(_Strict):
    """The function to call."""

    name: str


class NamedTool(_Strict):
    """The tool to call."""

    function: FunctionName
    type: Literal["function"] | None = None


class JSONSchema(_Strict):
    """The schema that an answer is to conform to."""

    name: str
    schema: Raw
    description: str | None = None
    strict: bool | None = None


class ResponseFormat(_Strict):
    """The form of the answer."""

    type: Literal["text", "json_object", "json_schema"] | None = None
    json_schema: JSONSchema | None = None


class _Sampling(_Strict, kw_only=True):
    model: str
    temperature: Temperature | None = None
    top_p: Share | None = None
    max_tokens: Count | None = None
    stream: bool | None = None
    stop: str | list[str] | None = None
    random_seed: Seed | None = None
    metadata: dict[str, Raw] | None = None
    prompt_cache_key: str | None = None


class ChatRequest(_Sampling, kw_only=True):
    """The body of POST /v1/chat/completions."""

    messages: Annotated[list[Message], Meta(min_length=1)]
    response_format: ResponseFormat | None = None
    tools: Annotated[list[Tool], Meta(max_length=1024)] | None = None
    tool_choice: Literal["auto", "none", "any", "required"] | NamedTool | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    n: Annotated[int, Meta(ge=1, le=CHOICES_MAX)] | None = None
    prediction: Raw = NULL
    parallel_tool_calls: bool | None = None
    prompt_mode: str | None = None
    reasoning_effort: str | None = None
    guardrails: Raw = NULL
    safe_prompt: bool | None = None


class FIMRequest(_Sampling, kw_only=True):
    """The body of POST /v1/fim/completions."""

    prompt: str
    suffix: str | None = None
    min_tokens: Annotated[int, Meta(ge=0, le=TOKENS_MAX)] | None = None


class EmbeddingRequest(_Strict, kw_only=True):
    """The body of POST /v1/embeddings."""

    model: str
    input: str | Annotated[list[str], Meta(min_length=1, max_length=INPUTS_MAX)]
    metadata: dict[str, Raw] | None = None
    output_dimension: Annotated[int, Meta(ge=1, le=65_536)] | None = None
    output_dtype: Literal["float", "int8", "uint8", "binary", "ubinary"] | None = None
    encoding_format: Literal["float", "base64"] | None = None


class ModerationRequest(_Strict, kw_only=True):
    """The body of POST /v1/moderations."""

    model: str
    input: str | Annotated[list[str], Meta(min_length=1, max_length=INPUTS_MAX)]
    metadata: dict[str, Raw] | None = None
