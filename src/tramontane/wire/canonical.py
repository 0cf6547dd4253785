"""The one form between dialects: a chat request, its whole answer, the pieces of a stream.

A dialect reads its own form into these and writes these in its own form; no dialect knows another.
What a dialect cannot express it names (`inexpressible`), it never leaves it out in silence. Nothing
here knows JSON, framing, providers or prices.

Roles: `system` (also OpenAI's developer), `user`, `assistant`, `tool`. A message is a tuple of
parts in order; calls stand in the assistant's, results in the tool's. Images and files are data,
never addresses.
"""

from typing import Literal

import msgspec

from tramontane.errors import InvalidRequest, TramontaneError
from tramontane.money import Usage

Role = Literal["system", "user", "assistant", "tool"]
Operation = Literal[
    "chat", "completions", "fim", "embeddings", "moderations", "count_tokens"
]  # fmt: skip
Reason = Literal["stop", "length", "tool_calls", "content_filter", "refusal"]
"""Why an answer ended. `refusal`: the model declined; most dialects call it `content_filter`."""


class Text(msgspec.Struct, frozen=True, tag="text", gc=False):
    """`is_breakpoint`: what comes before may be kept in the provider's prompt cache."""

    text: str
    is_breakpoint: bool = False


class Image(msgspec.Struct, frozen=True, tag="image", gc=False):
    """A picture; `data` is base64, `media_type` such as image/png; `detail` as OpenAI has it."""

    media_type: str
    data: str
    detail: str | None = None
    is_breakpoint: bool = False


class File(msgspec.Struct, frozen=True, tag="file", gc=False):
    """A document such as a PDF; `data` is base64."""

    media_type: str
    data: str
    name: str | None = None
    is_breakpoint: bool = False


class Thinking(msgspec.Struct, frozen=True, tag="thinking", gc=False):
    """What a model thought before it answered. `signature` is its maker's seal, and opaque; with
    `is_redacted` the text is opaque too.
    """

    text: str
    signature: str | None = None
    is_redacted: bool = False


class Call(msgspec.Struct, frozen=True, tag="call", gc=False):
    """A tool call; `arguments` is JSON text, as the model wrote it."""

    id: str
    name: str
    arguments: str
    is_breakpoint: bool = False


class Result(msgspec.Struct, frozen=True, tag="result"):
    """What the tool of the call `id` gave back."""

    id: str
    parts: tuple[Text | Image | File, ...]
    name: str | None = None
    is_error: bool = False
    is_breakpoint: bool = False


Part = Text | Image | File | Thinking | Call | Result


class Message(msgspec.Struct, frozen=True):
    """One message. `is_prefix`: an assistant's last message that the answer is to go on from."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    is_prefix: bool = False


class Tool(msgspec.Struct, frozen=True):
    """A function that the model may call; `schema` is the JSON Schema of its arguments, as JSON."""

    name: str
    description: str | None = None
    schema: msgspec.Raw = msgspec.Raw(b'{"type":"object","properties":{}}')
    is_strict: bool | None = None
    is_breakpoint: bool = False


class ToolChoice(msgspec.Struct, frozen=True):
    """`named`: the tool `name` must be called."""

    mode: Literal["auto", "none", "required", "named"]
    name: str | None = None


class Format(msgspec.Struct, frozen=True):
    """The form of the answer: any JSON object, or one of a schema (JSON)."""

    kind: Literal["json_object", "json_schema"]
    name: str = "answer"
    schema: msgspec.Raw | None = None
    description: str | None = None
    is_strict: bool | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A chat request. None: not said. `extra` are fields that only the client's dialect has, by
    name: a dialect that knows one takes it, every other names it as inexpressible.

    `thinking_tokens`: how much may be thought; 0: not at all. `effort`: minimal to high.

    Other operations have no messages: `completions` and `fim` go on from each of `inputs` (up to
    `suffix`) and answer with Text, one choice after another; `embeddings` measure them, and
    `moderations` judge them. `count_tokens` counts those of the messages, free of charge. An input
    is text or, in OpenAI's dialect alone, token numbers.
    """

    model: str
    messages: tuple[Message, ...] = ()
    operation: Operation = "chat"
    inputs: tuple[str | tuple[int, ...], ...] = ()
    suffix: str | None = None
    dimensions: int | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    format: Format | None = None
    max_tokens: int | None = None
    choices: int = 1
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    logprobs: int | None = None  # how many other tokens to show beside each; 0: the chosen only
    logit_bias: dict[str, float] | None = None
    effort: str | None = None
    thinking_tokens: int | None = None
    shows_thinking: Literal["all", "seal", "none"] = "all"  # to the client; seal: no text of it
    safe_prompt: bool | None = None
    user: str | None = None
    stream: bool = False
    include_usage: bool = False
    extra: dict[str, msgspec.Raw] = {}


class Choice(msgspec.Struct, frozen=True):
    """One of the answers; its parts are Text, Thinking and Call. `logprobs` is OpenAI's JSON."""

    parts: tuple[Text | Thinking | Call, ...]
    reason: Reason = "stop"
    stop_sequence: str | None = None
    logprobs: msgspec.Raw | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer; `usage` None where the provider did not count. `vectors` are embeddings.

    `thinking_tokens`: those of `usage.completion_tokens` that were thought, where that was counted.
    `service_tier`: the one that served it, where the provider says so.
    """

    id: str
    model: str
    choices: tuple[Choice, ...] = ()
    vectors: tuple[tuple[float, ...], ...] = ()
    usage: Usage | None = None
    thinking_tokens: int | None = None
    created_s: int = 0
    service_tier: str | None = None


# --- the pieces of a stream -------------------------------------------------------------------


class Began(msgspec.Struct, frozen=True, gc=False):
    """The first piece of every stream. `usage`: where the provider counts the prompt at once."""

    id: str
    model: str
    usage: Usage | None = None
    created_s: int = 0


class TextPiece(msgspec.Struct, frozen=True, gc=False):
    """More of the answer's text; `logprobs` is OpenAI's JSON for it."""

    text: str
    choice: int = 0
    logprobs: msgspec.Raw | None = None


class ThinkingPiece(msgspec.Struct, frozen=True, gc=False):
    """More of its thinking, or at the end of it the `signature`."""

    text: str
    choice: int = 0
    signature: str | None = None
    is_redacted: bool = False


class CallBegan(msgspec.Struct, frozen=True, gc=False):
    """A tool call; `call` counts them from 0 within the choice."""

    call: int
    id: str
    name: str
    choice: int = 0


class CallPiece(msgspec.Struct, frozen=True, gc=False):
    """More of a call's arguments: JSON text, cut anywhere."""

    call: int
    arguments: str
    choice: int = 0


class Finished(msgspec.Struct, frozen=True, gc=False):
    """A choice has ended."""

    reason: Reason
    choice: int = 0
    stop_sequence: str | None = None


class Counted(msgspec.Struct, frozen=True, gc=False):
    """What has been used so far; the last one counts. The rest is as in `Answer`."""

    usage: Usage
    thinking_tokens: int | None = None
    service_tier: str | None = None


class Ended(msgspec.Struct, frozen=True, gc=False):
    """The last piece: the provider has said all. Without it a stream has broken off."""


Piece = Began | TextPiece | ThinkingPiece | CallBegan | CallPiece | Finished | Counted | Ended


def inexpressible(field: str, dialect: str, because: str = "") -> InvalidRequest:
    """Return the refusal of `field` (as the client spells it) where `dialect` has no such thing, or
    not so `because` of something, a sentence.
    """
    what = f"has nothing like '{field}'."
    if because:
        what = f"cannot do with '{field}' what is asked: {because}"
    return InvalidRequest(
        f"The provider of this model ({dialect}) {what} Leave it out, choose a"
        " model of another provider, or send the header 'x-tramontane-drop: true' to have it"
        " dropped and named in the answer's header 'x-tramontane-dropped'.",
        code="unsupported_parameter",
        param=field,
    )


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's error in its own words; `code` and `param` where it names them. `status` is the
    HTTP status that it means, where it came with another one. `retry_after_s`: where it says so
    in its body and not in the head.
    """

    message: str = ""
    code: str | None = None
    param: str | None = None
    status: int | None = None
    retry_after_s: float | None = None


class Broken(TramontaneError):
    """What came is not the dialect: a reader raises it, the message says what is wrong."""

    status = 502
    code = "upstream_error"
