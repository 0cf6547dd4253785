"""The requests of Google's generateContent as typed structs, checked as strictly as the API does.

Facts from ai.google.dev/api and the types of Google's own client. It does not know what is
answered; it shares no code with `wire`.
"""

import base64
import binascii
import re
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from tramontane.providers.standin.refusals import Refused
from tramontane.providers.standin.requests import (
    AssistantMessage,
    CalledFunction,
    ChatRequest,
    Function,
    FunctionCall,
    FunctionTool,
    ImagePart,
    ImageURL,
    JSONSchema,
    Message,
    ObjectFormat,
    SchemaFormat,
    SystemMessage,
    TextPart,
    ToolMessage,
    UserMessage,
)

SKIPPED = "skip_thought_signature_validator"
SEAL = b"standin:"
_SEALED = re.compile(r"gemini-([3-9]|\d\d)")


class _Strict(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    pass


class Blob(_Strict):
    """Data of a media type."""

    mime_type: str
    data: str


class Called(_Strict):
    """A call that the model made."""

    name: str
    id: str | None = None
    args: dict[str, Any] = {}


class ResponsePart(_Strict):
    """Data among what a function gave back."""

    inline_data: Blob


class FunctionResponse(_Strict):
    """What a function gave back."""

    name: str
    response: dict[str, Any]
    id: str | None = None
    parts: list[ResponsePart] = []


class Part(_Strict):
    """One part of a turn; one of its fields is set."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    inline_data: Blob | None = None
    function_call: Called | None = None
    function_response: FunctionResponse | None = None


class Content(_Strict):
    """A turn."""

    parts: Annotated[list[Part], Meta(min_length=1)]
    role: Literal["user", "model"] = "user"


class Instruction(_Strict):
    """Instructions; whose they are does not matter."""

    parts: Annotated[list[Part], Meta(min_length=1)]
    role: str | None = None


class Declaration(_Strict):
    """A function that may be called."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    parameters_json_schema: dict[str, Any] | None = None
    response: dict[str, Any] | None = None
    response_json_schema: dict[str, Any] | None = None


class Tool(_Strict):
    """Functions that may be called."""

    function_declarations: list[Declaration]


class CallingConfig(_Strict):
    """How functions are chosen among."""

    mode: Literal["AUTO", "ANY", "NONE", "VALIDATED"] = "AUTO"
    allowed_function_names: list[str] | None = None


class ToolConfig(_Strict):
    """How tools are used."""

    function_calling_config: CallingConfig


class ThinkingConfig(_Strict):
    """How much is thought, and whether it is shown."""

    include_thoughts: bool | None = None
    thinking_budget: Annotated[int, Meta(ge=-1, le=32768)] | None = None
    thinking_level: Literal["MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"] | None = None


class Config(_Strict):
    """The settings of an answer."""

    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[float, Meta(ge=1)] | None = None
    candidate_count: Annotated[int, Meta(ge=1, le=8)] | None = None
    max_output_tokens: Annotated[int, Meta(ge=1)] | None = None
    stop_sequences: Annotated[list[str], Meta(max_length=5)] | None = None
    presence_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    seed: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)] | None = None
    response_logprobs: bool | None = None
    logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    response_mime_type: Literal["text/plain", "application/json"] | None = None
    response_schema: dict[str, Any] | None = None
    response_json_schema: dict[str, Any] | None = None
    thinking_config: ThinkingConfig | None = None
    media_resolution: (
        Literal["MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_MEDIUM", "MEDIA_RESOLUTION_HIGH"] | None
    ) = None


class Generate(_Strict):
    """The body of models/NAME:generateContent."""

    contents: Annotated[list[Content], Meta(min_length=1)]
    system_instruction: Instruction | None = None
    tools: list[Tool] = []
    tool_config: ToolConfig | None = None
    generation_config: Config = msgspec.field(default_factory=Config)
    safety_settings: list[dict[str, str]] | None = None


class EmbedOne(_Strict):
    """One of the texts to embed."""

    content: Instruction
    model: str | None = None
    task_type: str | None = None
    title: str | None = None
    output_dimensionality: Annotated[int, Meta(ge=1, le=4096)] | None = None


class EmbedMany(_Strict):
    """The body of models/NAME:batchEmbedContents."""

    requests: Annotated[list[EmbedOne], Meta(min_length=1, max_length=100)]


T = TypeVar("T")
# Below these, names are the caller's own.
_FREE = frozenset((
    "args", "response", "parameters", "responseSchema", "responseJsonSchema",
    "parametersJsonSchema",
))  # fmt: skip
_SNAKE = re.compile(r"_([a-z])")


def _decode(body: bytes, form: type[T]) -> T:
    try:
        return msgspec.convert(_camel(msgspec.json.decode(body)), form)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Refused(f"Invalid JSON payload received. {error}", code="INVALID_ARGUMENT") from None


def _camel(value: Any) -> Any:
    """Return `value` with names in one spelling: the API takes `topP` and `top_p` alike."""
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    named = {_SNAKE.sub(lambda m: m[1].upper(), name): item for name, item in value.items()}
    return {name: item if name in _FREE else _camel(item) for name, item in named.items()}


def read_generate(body: bytes, model: str) -> Generate:
    """Return the request; Refused as the API refuses."""
    request = _decode(body, Generate)
    config = request.generation_config
    is_schema = config.response_schema is not None or config.response_json_schema is not None
    if is_schema and config.response_mime_type != "application/json":
        raise _invalid("A response schema needs 'responseMimeType' to be 'application/json'.")
    if config.response_schema is not None and config.response_json_schema is not None:
        raise _invalid("Set 'responseSchema' or 'responseJsonSchema', not both.")
    if config.logprobs and not config.response_logprobs:
        raise _invalid("'logprobs' needs 'responseLogprobs' to be true.")
    thinking = config.thinking_config
    if thinking is not None and thinking.thinking_budget and thinking.thinking_level:
        raise _invalid("Set 'thinkingBudget' or 'thinkingLevel', not both.")
    _check_turns(request, model)
    return request


def read_embed(body: bytes) -> EmbedMany:
    """Return the request; Refused as the API refuses."""
    return _decode(body, EmbedMany)


def _invalid(message: str) -> Refused:
    return Refused(message, code="INVALID_ARGUMENT")


def _check_turns(request: Generate, model: str) -> None:
    """Refuse results that do not fit the calls before them, and calls without their seal."""
    calls: list[Called] = []
    for place, content in enumerate(request.contents):
        results = [p.function_response for p in content.parts if p.function_response is not None]
        if len(results) != len(calls):
            raise _invalid(
                "Please ensure that the number of function response parts is equal to the number"
                " of function call parts of the function call turn."
            )
        if sorted(r.name for r in results) != sorted(c.name for c in calls):
            raise _invalid("The names of function responses must be those of the calls before.")
        made = [part for part in content.parts if part.function_call is not None]
        calls = [part.function_call for part in made if part.function_call is not None]
        if made and content.role != "model":
            raise _invalid("Function calls are the model's.")
        if made and _SEALED.search(model):
            _check_seal(made[0], place)


def _check_seal(part: Part, place: int) -> None:
    signature = part.thought_signature
    if signature is None:
        raise _invalid(
            "Function call is missing a thought_signature in functionCall parts, in the "
            f"{place}. content block."
        )
    if signature == SKIPPED:
        return
    if not _decoded(signature).startswith(SEAL):
        raise _invalid("Corrupted thought signature.")


def _decoded(data: str) -> bytes:
    """Return what base64 of either alphabet says, nothing where it says nothing."""
    try:
        return base64.b64decode(data.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error:
        return b""


def as_chat(request: Generate, model: str) -> ChatRequest:
    """Return the same in the form that answers are made for."""
    config = request.generation_config
    messages: list[Message] = []
    if request.system_instruction is not None:
        messages.append(SystemMessage(content=_texts(request.system_instruction.parts)))
    for content in request.contents:
        messages += _messages(content)
    tools = [_function(one) for tool in request.tools for one in tool.function_declarations]
    chat = ChatRequest(
        model=model,
        messages=messages,
        n=config.candidate_count,
        stop=config.stop_sequences,
        max_tokens=config.max_output_tokens,
        tools=list(tools) or None,
        tool_choice=_choice(request),
    )
    if config.response_mime_type == "application/json":
        schema = config.response_schema or config.response_json_schema
        chat.response_format = (
            ObjectFormat()
            if schema is None
            else SchemaFormat(json_schema=JSONSchema(name="answer", schema=_plain(schema)))
        )
    return chat


def _messages(content: Content) -> list[Message]:
    parts = content.parts
    if content.role == "model":
        called = [part.function_call for part in parts if part.function_call is not None]
        calls: list[Any] = [
            FunctionCall(
                id=call.id or call.name,
                function=CalledFunction(
                    name=call.name, arguments=msgspec.json.encode(call.args).decode()
                ),
            )
            for call in called
        ]
        return [AssistantMessage(content=_texts(parts) or None, tool_calls=calls or None)]
    made: list[Message] = []
    for part in parts:
        if (result := part.function_response) is not None:
            text = msgspec.json.encode(result.response).decode()
            made.append(ToolMessage(content=text, tool_call_id=result.id or result.name))
    said: list[Any] = []
    for part in parts:
        if part.text is not None:
            said.append(TextPart(text=part.text))
        elif part.inline_data is not None:
            said.append(_image(part.inline_data))
    if said:
        made.append(UserMessage(content=said))
    return made


def _image(blob: Blob) -> ImagePart:
    if not _decoded(blob.data):
        raise _invalid("The data of a part is not base64.")
    return ImagePart(image_url=ImageURL(url=f"data:{blob.mime_type};base64,{blob.data}"))


def _texts(parts: list[Part]) -> str:
    return "\n".join(part.text for part in parts if part.text is not None and not part.thought)


def _function(declared: Declaration) -> FunctionTool:
    schema = declared.parameters_json_schema or _plain(declared.parameters or {})
    return FunctionTool(
        function=Function(name=declared.name, description=declared.description, parameters=schema)
    )


def _choice(request: Generate) -> str | dict[str, Any] | None:
    if request.tool_config is None:
        return None
    config = request.tool_config.function_calling_config
    if config.mode == "ANY":
        names = config.allowed_function_names
        if names:
            return {"type": "function", "function": {"name": names[0]}}
        return "required"
    return "none" if config.mode == "NONE" else "auto"


def _plain(schema: Any) -> Any:
    """Return a schema of OpenAPI's, which spells types in capitals, as JSON Schema."""
    if isinstance(schema, dict):
        return {
            name: value.lower() if name == "type" and isinstance(value, str) else _plain(value)
            for name, value in schema.items()
        }
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    return schema
