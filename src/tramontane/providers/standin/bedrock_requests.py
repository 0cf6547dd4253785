"""The requests of Bedrock's Converse as typed structs, checked as strictly as the API does.

Facts from the service's published model (botocore) and docs.aws.amazon.com/bedrock. It does not
know what is answered; it shares no code with `wire`.
"""

import base64
import binascii
import re
from typing import Annotated, Any, Literal

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
    SchemaFormat,
    SystemMessage,
    TextPart,
    ToolMessage,
    UserMessage,
)

_NAME = re.compile(r"[a-zA-Z0-9\s\-()\[\]]{1,200}")
ToolName = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]+$", min_length=1, max_length=64)]
ToolUseId = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_.:-]+$", min_length=1, max_length=64)]
NonEmpty = Annotated[str, Meta(min_length=1)]
Metadata = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}$")]


class _Strict(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    pass


class Source(_Strict):
    """Data."""

    bytes: NonEmpty


class ImageBlock(_Strict):
    """An image."""

    format: Literal["png", "jpeg", "gif", "webp"]
    source: Source


class DocumentBlock(_Strict):
    """A document."""

    format: Literal["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"]
    name: str
    source: Source


class ToolUse(_Strict):
    """A call that the model made."""

    tool_use_id: ToolUseId
    name: ToolName
    input: dict[str, Any]


class ResultBlock(_Strict):
    """A piece of what a tool gave back."""

    text: str | None = None
    json: dict[str, Any] | None = None
    image: ImageBlock | None = None
    document: DocumentBlock | None = None


class ToolResult(_Strict):
    """What a tool gave back."""

    tool_use_id: ToolUseId
    content: list[ResultBlock]
    status: Literal["success", "error"] | None = None


class CachePoint(_Strict):
    """Where the cache may end."""

    type: Literal["default"]
    ttl: Literal["5m", "1h"] | None = None


class ReasoningText(_Strict):
    """What the model thought."""

    text: str
    signature: str | None = None


class Reasoning(_Strict):
    """What the model thought, legibly or not."""

    reasoning_text: ReasoningText | None = None
    redacted_content: str | None = None


class Block(_Strict):
    """One block of a message; one of its fields is set."""

    text: str | None = None
    image: ImageBlock | None = None
    document: DocumentBlock | None = None
    tool_use: ToolUse | None = None
    tool_result: ToolResult | None = None
    cache_point: CachePoint | None = None
    reasoning_content: Reasoning | None = None


class Turn(_Strict):
    """A message."""

    role: Literal["user", "assistant"]
    content: Annotated[list[Block], Meta(min_length=1)]


class SystemBlock(_Strict):
    """A piece of the instructions."""

    text: NonEmpty | None = None
    cache_point: CachePoint | None = None


class Inference(_Strict):
    """The settings that all models have."""

    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    stop_sequences: Annotated[list[NonEmpty], Meta(max_length=2500)] | None = None


class InputSchema(_Strict):
    """The schema of a tool's arguments."""

    json: dict[str, Any]


class Specification(_Strict):
    """A tool."""

    name: ToolName
    input_schema: InputSchema
    description: NonEmpty | None = None
    strict: bool | None = None


class Tool(_Strict):
    """A tool, or where the cache of them may end."""

    tool_spec: Specification | None = None
    cache_point: CachePoint | None = None


class NamedTool(_Strict):
    """The tool that must be called."""

    name: ToolName


class ToolChoice(_Strict):
    """How tools are chosen among; one of its fields is set."""

    auto: dict[str, Any] | None = None
    any: dict[str, Any] | None = None
    tool: NamedTool | None = None


class ToolConfig(_Strict):
    """The tools."""

    tools: Annotated[list[Tool], Meta(min_length=1)]
    tool_choice: ToolChoice | None = None


class SchemaDefinition(_Strict):
    """A schema, as text."""

    schema: str
    name: str | None = None
    description: str | None = None


class Structure(_Strict):
    """The structure of an answer."""

    json_schema: SchemaDefinition


class TextFormat(_Strict):
    """The form of an answer."""

    type: Literal["json_schema"]
    structure: Structure


class OutputConfig(_Strict):
    """What the answer is to be."""

    text_format: TextFormat | None = None
    effort: Annotated[str, Meta(max_length=16)] | None = None


class Converse(_Strict):
    """The body of model/NAME/converse."""

    messages: Annotated[list[Turn], Meta(min_length=1)]
    system: list[SystemBlock] = []
    inference_config: Inference = msgspec.field(default_factory=Inference)
    tool_config: ToolConfig | None = None
    output_config: OutputConfig | None = None
    additional_model_request_fields: dict[str, Any] = {}
    additional_model_response_field_paths: list[str] = []
    request_metadata: dict[str, Metadata] = {}
    guardrail_config: dict[str, str] | None = None
    performance_config: dict[str, str] | None = None
    service_tier: dict[str, str] | None = None


_CONVERSE = msgspec.json.Decoder(Converse)


def read_converse(body: bytes) -> Converse:
    """Return the request; Refused as the API refuses."""
    try:
        request = _CONVERSE.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _invalid(f"The request does not fit the service's model: {error}") from None
    _check_turns(request.messages)
    has_calls = any(block.tool_use for turn in request.messages for block in turn.content)
    if has_calls and request.tool_config is None:
        raise _invalid("The toolConfig field must be defined when using toolUse and toolResult.")
    return request


def _invalid(message: str) -> Refused:
    return Refused(message, code="ValidationException")


def _check_turns(turns: list[Turn]) -> None:
    if turns[0].role != "user":
        raise _invalid("A conversation must start with a user message.")
    open_calls: set[str] = set()
    for place, turn in enumerate(turns):
        if place and turn.role == turns[place - 1].role:
            raise _invalid("Roles must alternate between 'user' and 'assistant'.")
        results = {block.tool_result.tool_use_id for block in turn.content if block.tool_result}
        if results != open_calls:
            raise _invalid(
                f"The toolResult blocks at messages.{place}.content must be those of the toolUse"
                " blocks of the turn before."
            )
        open_calls = {block.tool_use.tool_use_id for block in turn.content if block.tool_use}
        names: set[str] = set()
        for block in turn.content:
            _check_block(block, turn.role, names)


def _check_block(block: Block, role: str, names: set[str]) -> None:
    said = [value for value in msgspec.structs.asdict(block).values() if value is not None]
    if len(said) != 1:
        raise _invalid("A content block holds exactly one thing.")
    if block.text is not None and not block.text.strip():
        raise _invalid("The text field in the ContentBlock object is blank.")
    if role == "assistant" and (block.image or block.document):
        raise _invalid("Images and documents are the user's.")
    source = block.image or block.document
    if source is not None:
        _check_base64(source.source.bytes)
    if (document := block.document) is not None:
        if _NAME.fullmatch(document.name) is None or "  " in document.name:
            raise _invalid("The document file name can only contain alphanumeric characters, …")
        if document.name in names:
            raise _invalid("The document names of a message must differ.")
        names.add(document.name)


def _check_base64(data: str) -> None:
    try:
        base64.b64decode(data, validate=True)
    except binascii.Error:
        raise _invalid("The bytes of a block are not base64.") from None


def as_chat(request: Converse, model: str) -> ChatRequest:
    """Return the same in the form that answers are made for."""
    config = request.inference_config
    messages: list[Message] = []
    if system := "\n".join(block.text for block in request.system if block.text):
        messages.append(SystemMessage(content=system))
    for turn in request.messages:
        messages += _messages(turn)
    chat = ChatRequest(
        model=model,
        messages=messages,
        stop=config.stop_sequences,
        max_tokens=config.max_tokens,
        tools=_tools(request.tool_config),
        tool_choice=_choice(request.tool_config),
    )
    output = request.output_config
    if output is not None and output.text_format is not None:
        text = output.text_format.structure.json_schema.schema
        try:
            schema = msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.DecodeError:
            raise _invalid("The schema of the text format is no JSON object.") from None
        chat.response_format = SchemaFormat(json_schema=JSONSchema(name="answer", schema=schema))
    return chat


def _messages(turn: Turn) -> list[Message]:
    texts = [block.text for block in turn.content if block.text is not None]
    if turn.role == "assistant":
        calls: list[Any] = [
            FunctionCall(
                id=used.tool_use_id,
                function=CalledFunction(
                    name=used.name, arguments=msgspec.json.encode(used.input).decode()
                ),
            )
            for used in (block.tool_use for block in turn.content)
            if used is not None
        ]
        return [AssistantMessage(content="\n".join(texts) or None, tool_calls=calls or None)]
    made: list[Message] = []
    for block in turn.content:
        if (result := block.tool_result) is not None:
            text = msgspec.json.encode([piece.text or piece.json for piece in result.content])
            made.append(ToolMessage(content=text.decode(), tool_call_id=result.tool_use_id))
    said: list[Any] = []
    for block in turn.content:
        if block.text is not None:
            said.append(TextPart(text=block.text))
        elif block.image is not None:
            url = f"data:image/{block.image.format};base64,{block.image.source.bytes}"
            said.append(ImagePart(image_url=ImageURL(url=url)))
    if said:
        made.append(UserMessage(content=said))
    return made


def _tools(config: ToolConfig | None) -> list[Any] | None:
    specs = [tool.tool_spec for tool in config.tools] if config is not None else []
    tools = [
        FunctionTool(
            function=Function(
                name=spec.name, description=spec.description, parameters=spec.input_schema.json
            )
        )
        for spec in specs
        if spec is not None
    ]
    return tools or None


def _choice(config: ToolConfig | None) -> str | dict[str, Any] | None:
    choice = config.tool_choice if config is not None else None
    if choice is None:
        return None
    if choice.tool is not None:
        return {"type": "function", "function": {"name": choice.tool.name}}
    return "required" if choice.any is not None else "auto"
