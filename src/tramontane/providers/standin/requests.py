"""The requests of the OpenAI dialect as typed structs, checked as strictly as the API does.

Facts from the published description of the API. It does not know what is answered.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tramontane.providers.standin.refusals import Refused, of_validation

Temperature = Annotated[float, Meta(ge=0, le=2)]
Share = Annotated[float, Meta(ge=0, le=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Several = Annotated[int, Meta(ge=1, le=128)]
Stop = str | Annotated[list[str], Meta(max_length=4)]
CallId = Annotated[str, Meta(max_length=40)]
Seed = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class _Strict(msgspec.Struct, forbid_unknown_fields=True):
    pass


class _Part(_Strict, tag_field="type"):
    pass


class TextPart(_Part, tag="text"):
    """Text among the parts of a message."""

    text: str
    prompt_cache_breakpoint: dict[str, Any] | None = None


class RefusalPart(_Part, tag="refusal"):
    """A refusal that the assistant gave earlier."""

    refusal: str


class ImageURL(_Strict):
    """Where an image is; `data:` holds it."""

    url: str
    detail: Literal["auto", "low", "high", "original"] | None = None


class ImagePart(_Part, tag="image_url"):
    """An image."""

    image_url: ImageURL
    prompt_cache_breakpoint: dict[str, Any] | None = None


class AudioPart(_Part, tag="input_audio"):
    """Sound."""

    input_audio: dict[str, str]
    prompt_cache_breakpoint: dict[str, Any] | None = None


class FilePart(_Part, tag="file"):
    """A file."""

    file: dict[str, str]
    prompt_cache_breakpoint: dict[str, Any] | None = None


Texts = str | Annotated[list[TextPart], Meta(min_length=1)]
UserParts = str | Annotated[list[TextPart | ImagePart | AudioPart | FilePart], Meta(min_length=1)]
AssistantParts = str | Annotated[list[TextPart | RefusalPart], Meta(min_length=1)]


class CalledFunction(_Strict):
    """A function the assistant called earlier."""

    name: str
    arguments: str


class FunctionCall(_Strict, tag_field="type", tag="function"):
    """A tool call the assistant made earlier."""

    id: CallId
    function: CalledFunction


class CustomCall(_Strict, tag_field="type", tag="custom"):
    """A call of a custom tool the assistant made earlier."""

    id: str
    custom: dict[str, str]


class _Message(_Strict, tag_field="role", kw_only=True):
    name: str | None = None


class DeveloperMessage(_Message, tag="developer"):
    """Instructions."""

    content: Texts


class SystemMessage(_Message, tag="system"):
    """Instructions, as older models call them."""

    content: Texts


class UserMessage(_Message, tag="user"):
    """What the user says."""

    content: UserParts


class AssistantMessage(_Message, tag="assistant"):
    """What the assistant said earlier."""

    content: AssistantParts | None = None
    refusal: str | None = None
    tool_calls: list[FunctionCall | CustomCall] | None = None
    function_call: CalledFunction | None = None
    audio: dict[str, str] | None = None
    annotations: list[dict[str, Any]] | None = None


class ToolMessage(_Message, tag="tool"):
    """What a tool answered."""

    content: Texts
    tool_call_id: CallId


class FunctionMessage(_Message, tag="function"):
    """What a function answered (the older form)."""

    content: str | None


Message = (
    DeveloperMessage
    | SystemMessage
    | UserMessage
    | AssistantMessage
    | ToolMessage
    | FunctionMessage
)


class Function(_Strict):
    """A function that may be called."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class FunctionTool(_Strict, tag_field="type", tag="function"):
    """A tool that is a function."""

    function: Function


class CustomTool(_Strict, tag_field="type", tag="custom"):
    """A tool that takes free text."""

    custom: dict[str, Any]


class JSONSchema(_Strict):
    """The schema an answer must conform to."""

    name: str
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class TextFormat(_Part, tag="text"):
    """An answer in plain text."""


class ObjectFormat(_Part, tag="json_object"):
    """An answer that is some JSON object."""


class SchemaFormat(_Part, tag="json_schema"):
    """An answer that conforms to a schema."""

    json_schema: JSONSchema


class StreamOptions(_Strict):
    """What a stream carries besides the answer."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class _Sampling(msgspec.Struct, kw_only=True):
    model: str
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Several | None = None
    stop: Stop | None = None
    temperature: Temperature | None = None
    top_p: Share | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, Annotated[int, Meta(ge=-100, le=100)]] | None = None
    seed: Seed | None = None
    user: str | None = None


class ChatRequest(_Sampling, kw_only=True):
    """The body of POST /v1/chat/completions."""

    messages: Annotated[list[Message], Meta(min_length=1)]
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    tools: Annotated[list[FunctionTool | CustomTool], Meta(max_length=128)] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: TextFormat | ObjectFormat | SchemaFormat | None = None
    functions: Annotated[list[Function], Meta(min_length=1, max_length=128)] | None = None
    function_call: str | dict[str, str] | None = None
    metadata: dict[str, str] | None = None
    store: bool | None = None
    service_tier: Literal["auto", "default", "flex", "scale", "priority", "fast"] | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = (
        None
    )
    verbosity: Literal["low", "medium", "high"] | None = None
    modalities: list[Literal["text", "audio"]] | None = None
    audio: dict[str, Any] | None = None
    prediction: dict[str, Any] | None = None
    web_search_options: dict[str, Any] | None = None
    moderation: dict[str, Any] | None = None
    safety_identifier: Annotated[str, Meta(max_length=64)] | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: dict[str, Any] | None = None
    prompt_cache_retention: Literal["in_memory", "in-memory", "24h"] | None = None


class CompletionRequest(_Sampling, kw_only=True):
    """The body of POST /v1/completions."""

    prompt: str | Annotated[list[str | int | list[int]], Meta(min_length=1)] | None
    max_tokens: Annotated[int, Meta(ge=0)] | None = None
    logprobs: Annotated[int, Meta(ge=0, le=5)] | None = None
    echo: bool | None = None
    best_of: Annotated[int, Meta(ge=0, le=20)] | None = None
    suffix: str | None = None


class EmbeddingRequest(msgspec.Struct, kw_only=True):
    """The body of POST /v1/embeddings."""

    model: str
    input: str | Annotated[list[str | int | list[int]], Meta(min_length=1, max_length=2048)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1, le=4096)] | None = None
    user: str | None = None


class StrictChatRequest(ChatRequest, forbid_unknown_fields=True):
    """The same, refusing what the API does not know."""


class StrictCompletionRequest(CompletionRequest, forbid_unknown_fields=True):
    """The same, refusing what the API does not know."""


class StrictEmbeddingRequest(EmbeddingRequest, forbid_unknown_fields=True):
    """The same, refusing what the API does not know."""


class Decoders:
    """One decoder per kind of body; `allow_unknown_fields` is for fields of other servers."""

    def __init__(self, *, allow_unknown_fields: bool) -> None:
        strict = not allow_unknown_fields
        self._chat = msgspec.json.Decoder(StrictChatRequest if strict else ChatRequest)
        self._completion = msgspec.json.Decoder(
            StrictCompletionRequest if strict else CompletionRequest
        )
        self._embedding = msgspec.json.Decoder(
            StrictEmbeddingRequest if strict else EmbeddingRequest
        )

    def chat(self, body: bytes) -> ChatRequest:
        """Return the request; Refused as the API refuses."""
        try:
            request = self._chat.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _refusal(error) from None
        _check_stream_options(request)
        if request.max_tokens is not None and request.max_completion_tokens is not None:
            raise Refused(
                "'max_tokens' and 'max_completion_tokens' may not be set together.",
                param="max_tokens",
                code="invalid_parameter_combination",
            )
        if request.top_logprobs is not None and not request.logprobs:
            raise Refused("'top_logprobs' needs 'logprobs' to be true.", param="top_logprobs")
        if request.tools is not None and not request.tools:
            raise Refused("'tools' must not be empty.", param="tools", code="empty_array")
        if request.tool_choice is not None:
            _check_tool_choice(request)
        _check_tool_messages(request.messages)
        return request

    def completion(self, body: bytes) -> CompletionRequest:
        """Return the request; Refused as the API refuses."""
        try:
            request = self._completion.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _refusal(error) from None
        _check_stream_options(request)
        if isinstance(request.prompt, list):
            check_uniform(request.prompt, "prompt")
        return request

    def embedding(self, body: bytes) -> EmbeddingRequest:
        """Return the request; Refused as the API refuses."""
        try:
            request = self._embedding.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _refusal(error) from None
        inputs = request.input
        if isinstance(inputs, list):
            check_uniform(inputs, "input")
        if inputs == "" or (isinstance(inputs, list) and ("" in inputs or [] in inputs)):
            raise Refused("'input' may not be empty.", param="input", code="invalid_value")
        return request


def check_uniform(items: list[str | int | list[int]], param: str) -> None:
    """Raise Refused where texts, token numbers and lists of them are mixed."""
    if len({type(item) for item in items}) > 1:
        raise Refused(
            f"'{param}' must hold texts only or tokens only.", param=param, code="invalid_type"
        )


def _refusal(error: Exception) -> Refused:
    if isinstance(error, msgspec.DecodeError):
        return of_validation(error)
    return Refused("The body of the request is not valid UTF-8.")


def _check_stream_options(request: _Sampling) -> None:
    if request.stream_options is not None and not request.stream:
        raise Refused("'stream_options' needs 'stream' to be true.", param="stream_options")


def _check_tool_choice(request: ChatRequest) -> None:
    choice = request.tool_choice
    if not request.tools:
        raise Refused("'tool_choice' needs 'tools'.", param="tool_choice")
    if isinstance(choice, str):
        if choice not in ("none", "auto", "required"):
            raise Refused(
                f"'tool_choice' may not be '{choice}'.", param="tool_choice", code="invalid_value"
            )
        return
    name = chosen_function(request)
    known = {tool.function.name for tool in request.tools if isinstance(tool, FunctionTool)}
    if name is not None and name not in known:
        raise Refused(f"'tools' holds no function '{name}'.", param="tool_choice")


def chosen_function(request: ChatRequest) -> str | None:
    """Return the function that `tool_choice` demands by name, or None."""
    choice = request.tool_choice
    if isinstance(choice, dict) and choice.get("type") == "function":
        function = choice.get("function")
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise Refused(
                "'tool_choice.function.name' is required.",
                param="tool_choice.function",
                code="missing_required_parameter",
            )
        return str(function["name"])
    return None


def _check_tool_messages(messages: list[Message]) -> None:
    called: set[str] = set()
    for place, message in enumerate(messages):
        if isinstance(message, AssistantMessage):
            called.update(call.id for call in message.tool_calls or ())
        elif isinstance(message, ToolMessage) and message.tool_call_id not in called:
            raise Refused(
                f"'messages[{place}]' answers a tool call that no message before it makes.",
                param=f"messages[{place}].role",
            )
