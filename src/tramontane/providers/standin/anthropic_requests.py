"""A Messages request as Anthropic's API takes it, checked as strictly as the API does.

Facts from the types of its maker's own client library. It shares nothing with `wire`, and does not
know what is answered.
"""

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tramontane.providers.standin import tokens
from tramontane.providers.standin.refusals import Refused

TOKENS_PER_DOCUMENT = 170
THINKING_LEAST = 1024
Share = Annotated[float, Meta(ge=0, le=1)]


class _Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class _Typed(_Strict, tag_field="type"):
    pass


class Cache(_Strict):
    """A mark of the prompt cache."""

    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = None


class _Block(_Typed, kw_only=True):
    cache_control: Cache | None = None


class Text(_Block, tag="text", kw_only=True):
    """Text, never empty."""

    text: Annotated[str, Meta(min_length=1)]
    citations: list[dict[str, Any]] | None = None


class Data(_Typed, tag="base64"):
    """Data of an image or a document."""

    media_type: str
    data: str


class Plain(_Typed, tag="text"):
    """Text of a document."""

    media_type: Literal["text/plain"]
    data: str


class Url(_Typed, tag="url"):
    """An address, which the API would fetch."""

    url: str


class Image(_Block, tag="image", kw_only=True):
    """An image."""

    source: Data | Url


class Document(_Block, tag="document", kw_only=True):
    """A document."""

    source: Data | Plain | Url
    title: str | None = None
    context: str | None = None
    citations: dict[str, bool] | None = None


class Thinking(_Typed, tag="thinking"):
    """Earlier thinking."""

    thinking: str
    signature: str


class Redacted(_Typed, tag="redacted_thinking"):
    """Earlier thinking, sealed."""

    data: str


class ToolUse(_Block, tag="tool_use", kw_only=True):
    """An earlier call."""

    id: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]+$")]
    name: str
    input: dict[str, Any]
    caller: dict[str, Any] | None = None


class ToolResult(_Block, tag="tool_result", kw_only=True):
    """What a tool gave back."""

    tool_use_id: str
    content: str | list[Text | Image | Document] | None = None
    is_error: bool | None = None


Block = Text | Image | Document | Thinking | Redacted | ToolUse | ToolResult


class Message(_Strict):
    """One turn."""

    role: Literal["user", "assistant"]
    content: Annotated[str, Meta(min_length=1)] | list[Block]


class Tool(_Strict):
    """A tool of the client's."""

    name: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,128}$")]
    input_schema: dict[str, Any]
    type: Literal["custom"] | None = None
    description: str | None = None
    strict: bool | None = None
    cache_control: Cache | None = None
    eager_input_streaming: bool | None = None
    defer_loading: bool | None = None
    input_examples: list[dict[str, Any]] | None = None


class Choice(_Strict):
    """Which tool is to be called."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class ThinkingConfig(_Strict):
    """How much is to be thought."""

    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: int | None = None
    display: Literal["summarized", "omitted"] | None = None


class OutputFormat(_Strict):
    """The form of the answer."""

    type: Literal["json_schema"]
    schema: dict[str, Any]


class OutputConfig(_Strict):
    """How the answer is to be."""

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: OutputFormat | None = None


class Metadata(_Strict):
    """Whose request it is."""

    user_id: str | None = None


class CountRequest(_Strict, kw_only=True):
    """A request for a count."""

    model: Annotated[str, Meta(min_length=1)]
    messages: Annotated[list[Message], Meta(min_length=1)]
    system: str | list[Text] | None = None
    tools: list[Tool] | None = None
    tool_choice: Choice | None = None
    thinking: ThinkingConfig | None = None
    output_config: OutputConfig | None = None
    cache_control: Cache | None = None


class MessagesRequest(CountRequest, kw_only=True):
    """A request for a message."""

    max_tokens: Annotated[int, Meta(ge=1)]
    stream: bool | None = None
    temperature: Share | None = None
    top_p: Share | None = None
    top_k: Annotated[int, Meta(ge=0)] | None = None
    stop_sequences: list[str] | None = None
    metadata: Metadata | None = None
    service_tier: Literal["auto", "standard_only"] | None = None


_MESSAGES = msgspec.json.Decoder(MessagesRequest)
_COUNT = msgspec.json.Decoder(CountRequest)


def read(body: bytes) -> MessagesRequest:
    """Return the request. Raises Refused as the API would."""
    request: MessagesRequest = _decode(body, _MESSAGES)
    _check_turns(request.messages)
    _check_thinking(request)
    names = [tool.name for tool in request.tools or ()]
    if len(set(names)) < len(names):
        raise Refused("tools: Tool names must be unique.")
    choice = request.tool_choice
    if choice is not None and choice.type == "tool" and choice.name not in names:
        raise Refused(f"Tool '{choice.name}' not found in provided tools")
    if any(not stop.strip() for stop in request.stop_sequences or ()):
        raise Refused("stop_sequences: each stop sequence must contain non-whitespace")
    return request


def read_count(body: bytes) -> CountRequest:
    """Return the request for a count. Raises Refused as the API would."""
    request: CountRequest = _decode(body, _COUNT)
    _check_turns(request.messages)
    return request


def _decode(body: bytes, decoder: "msgspec.json.Decoder[Any]") -> Any:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        finding, _, place = str(error).partition(" - at `$")
        missing = re.match(r"Object missing required field `(\w+)`", finding)
        path = place.rstrip("`").lstrip(".")
        if missing is not None:
            path = f"{path}.{missing[1]}".lstrip(".")
            raise Refused(f"{path}: Field required", param=path) from None
        raise Refused(f"{path}: {finding}", param=path or None) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(f"The request body is not valid JSON: {error}") from None


def _check_turns(messages: list[Message]) -> None:
    """The first turn is the user's, and every call is answered in the turn after it."""
    if messages[0].role != "user":
        raise Refused('messages: first message must use the "user" role')
    due: set[str] = set()
    for place, message in enumerate(messages):
        blocks = message.content if isinstance(message.content, list) else []
        given = {block.tool_use_id for block in blocks if isinstance(block, ToolResult)}
        if message.role == "user":
            if due - given:
                missing = ", ".join(sorted(due - given))
                raise Refused(
                    f"messages.{place}: `tool_use` ids were found without `tool_result` blocks"
                    f" immediately after: {missing}."
                )
            if given - due:
                raise Refused(f"messages.{place}: unexpected `tool_use_id` found in `tool_result`")
        elif given:
            raise Refused(f"messages.{place}: `tool_result` blocks can only be in `user` messages")
        due = {block.id for block in blocks if isinstance(block, ToolUse)}
        if message.role == "user" and due:
            raise Refused(
                f"messages.{place}: `tool_use` blocks can only be in `assistant` messages"
            )
        for block in blocks:
            if isinstance(block, Thinking) and not block.signature:
                raise Refused(f"messages.{place}: Invalid `signature` in `thinking` block")


def _check_thinking(request: MessagesRequest) -> None:
    thinking = request.thinking
    if thinking is None or thinking.type == "disabled":
        return
    if thinking.type == "enabled":
        if thinking.budget_tokens is None or thinking.budget_tokens < THINKING_LEAST:
            raise Refused(
                "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
            )
        if thinking.budget_tokens >= request.max_tokens:
            raise Refused("`max_tokens` must be greater than `thinking.budget_tokens`")
    if request.temperature not in (None, 1):
        raise Refused("`temperature` may only be set to 1 when thinking is enabled.")
    if request.tool_choice is not None and request.tool_choice.type in ("any", "tool"):
        raise Refused("Thinking may not be enabled when tool_choice forces tool use.")


def last_user_text(request: CountRequest) -> str:
    """Return the text of the last user turn that has any."""
    for message in reversed(request.messages):
        if message.role == "user" and (found := _texts(message.content)):
            return "\n".join(found)
    return ""


def _texts(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content]
    return [block.text for block in content or () if isinstance(block, Text)]


def is_kept_an_hour(request: CountRequest) -> bool:
    """Whether a mark of the cache asks for an hour."""
    marks: list[Any] = [request.cache_control]
    marks += [tool.cache_control for tool in request.tools or ()]
    for content in (request.system, *(message.content for message in request.messages)):
        if isinstance(content, list):
            marks += [getattr(block, "cache_control", None) for block in content]
    return any(mark is not None and mark.ttl == "1h" for mark in marks)


def prompt_tokens(request: CountRequest) -> tuple[int, int]:
    """Return (all the prompt's tokens, those before the last mark of the cache)."""
    total, marked = tokens.TOKENS_PER_REQUEST, 0
    for tool in request.tools or ():
        total += tokens.count(msgspec.json.encode(tool).decode())
        marked = total if tool.cache_control is not None else marked
    if isinstance(request.system, str):
        total += tokens.count(request.system)
    for part in request.system or () if not isinstance(request.system, str) else ():
        total += tokens.count(part.text)
        marked = total if part.cache_control is not None else marked
    for message in request.messages:
        total += tokens.TOKENS_PER_MESSAGE
        if isinstance(message.content, str):
            total += tokens.count(message.content)
            continue
        for block in message.content:
            total += _block_tokens(block)
            if not isinstance(block, Thinking | Redacted) and block.cache_control is not None:
                marked = total
    return total, total if request.cache_control is not None else marked


def _block_tokens(block: Block) -> int:
    if isinstance(block, Text):
        return tokens.count(block.text)
    if isinstance(block, Image):
        return tokens.TOKENS_PER_IMAGE
    if isinstance(block, Document):
        if isinstance(block.source, Plain):
            return tokens.count(block.source.data)
        return TOKENS_PER_DOCUMENT
    if isinstance(block, ToolUse):
        return tokens.count(block.name) + tokens.count(msgspec.json.encode(block.input).decode())
    if isinstance(block, ToolResult):
        if isinstance(block.content, str):
            return tokens.count(block.content)
        return sum(_block_tokens(inner) for inner in block.content or ())
    return 0  # earlier thinking is not counted
