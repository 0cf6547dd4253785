"""Towards a provider that speaks Anthropic's Messages: requests written, answers and errors read.

Which form of thinking a model takes follows from its version, as its maker documents it. It does
not know deployments, prices or sockets.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Raw

from tramontane.errors import InvalidRequest
from tramontane.wire.anthropic import answers, errors
from tramontane.wire.anthropic.messages import is_seal
from tramontane.wire.anthropic.schemas import closed
from tramontane.wire.canonical import (
    Answer,
    Call,
    File,
    Format,
    Image,
    Message,
    Part,
    Request,
    Result,
    Said,
    Text,
    Thinking,
    Tool,
)
from tramontane.wire.claude import BUDGETS, EFFORTS, NO_ROOM, THINKING_LEAST, is_adaptive
from tramontane.wire.dialect import EVENT_STREAM, Asked, Written
from tramontane.wire.unsaid import Unsaid

VERSION = b"2023-06-01"
"""The version of the API that its own client libraries ask for."""
OUTPUT_TOKENS = 8_192
"""The limit where nobody has set one, since the API asks for one; every model in use takes it."""
PATH = "/messages"
BETAS = (
    "claude-code-", "computer-use-", "context-management-", "effort-", "extended-cache-ttl-",
    "fine-grained-tool-streaming-", "interleaved-thinking-", "model-context-window-exceeded-",
    "output-", "pdfs-",
    "prompt-caching-", "structured-outputs-", "token-efficient-tools-",
)  # fmt: skip
"""How the names of features begin that change the form of an answer, but neither have the provider
fetch or run anything nor cost another rate.
"""

_ENCODE = msgspec.json.Encoder().encode
_FIELDS = b"anthropic-version: " + VERSION + b"\r\n"
_BETA = re.compile(r"[a-z0-9-]{1,64}").fullmatch
_FOREIGN = re.compile(r"[^a-zA-Z0-9_-]")
_TIER = frozenset(("service_tier",))
_TIERS = {b'"auto"': "", b'"default"': "standard_only"}
_DOCUMENTS = ("application/pdf", "text/plain")
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_CACHE = {"type": "ephemeral"}


class Provider:
    """The upstream side; it has no state."""

    dialect = "anthropic"
    stream_type = EVENT_STREAM
    stream_end = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'

    def authorize(
        self, secret: str | None, *, host: str, path: str, body: bytes, now_s: float
    ) -> bytes:
        """Return the line with the key."""
        return b"" if secret is None else b"x-api-key: %b\r\n" % secret.encode()

    def write(self, request: Request, *, model: str, drops: bool) -> Written:
        """Return `request` for `model`. Raises InvalidRequest for what cannot be said."""
        unsaid = Unsaid(self.dialect, drops=drops)
        _leave(request, unsaid)
        system, messages = _messages(request.messages)
        body: dict[str, Any] = {
            "model": model,
            "max_tokens": request.max_tokens or OUTPUT_TOKENS,
            "messages": messages,
        }
        if system:
            body["system"] = system
        if request.tools:
            body["tools"] = [_tool(tool) for tool in request.tools]
        if (choice := _choice(request)) is not None:
            body["tool_choice"] = choice
        for name, value in (
            ("temperature", request.temperature),
            ("top_p", request.top_p),
            ("top_k", request.top_k),
        ):
            if value is not None and name not in unsaid.names:
                body[name] = value
        if request.stop:
            body["stop_sequences"] = request.stop
        if request.user is not None:
            body["metadata"] = {"user_id": request.user}
        if request.stream:
            body["stream"] = True
        if tier := _tier(request):
            body["service_tier"] = tier
        config = _output(request.format, unsaid)
        _think(request, model, body, config, unsaid)
        if config:
            body["output_config"] = config
        return Written(path=PATH, body=_ENCODE(body), fields=_FIELDS, dropped=unsaid.names)

    def forward(self, asked: Asked, *, model: str, max_tokens: int | None) -> Written:
        """Return a client's own request, as its dialect's endpoint has read it, for `model`."""
        limit = max_tokens or asked.request.max_tokens or OUTPUT_TOKENS
        changed = {"model": model, "max_tokens": limit}
        betas = [name for name in asked.features if name.startswith(BETAS) and _BETA(name)]
        dropped = tuple(
            f"anthropic-beta {name[:64]}" for name in asked.features if name not in betas
        )
        fields = _FIELDS
        if betas:
            fields += b"anthropic-beta: %b\r\n" % ",".join(betas).encode()
        body = _ENCODE({**asked.fields, **changed})
        return Written(path=PATH, body=body, fields=fields, dropped=dropped)

    def read(self, body: bytes) -> Answer:
        """Return the whole answer. Raises Broken."""
        return answers.read(body)

    def reader(self) -> answers.Reader:
        """Return the reader of one stream."""
        return answers.Reader()

    def read_error(self, body: bytes) -> Said:
        """Return what an error's body says."""
        return errors.read(body)


def _leave(request: Request, unsaid: Unsaid) -> None:
    """Leave out what this dialect has no words for; what says no more than nothing is no loss."""
    form = request.format
    for name, is_said in (
        ("n", request.choices > 1),
        ("temperature", request.temperature is not None and request.temperature > 1),
        ("min_p", bool(request.min_p)),
        ("frequency_penalty", bool(request.frequency_penalty)),
        ("presence_penalty", bool(request.presence_penalty)),
        ("seed", request.seed is not None),
        ("logprobs", request.logprobs is not None),
        ("logit_bias", bool(request.logit_bias)),
        ("safe_prompt", bool(request.safe_prompt)),
        ("response_format", form is not None and form.schema is None),
    ):
        if is_said:
            unsaid.leave(name)
    unsaid.leave_extra(request, _TIER if _tier(request) is not None else frozenset())


def _tier(request: Request) -> str | None:
    """Return the tier as it is called here: none to say for the usual one, None for another."""
    return _TIERS.get(bytes(request.extra.get("service_tier", b'"auto"')))


def _messages(messages: Sequence[Message]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the system blocks and the turns. Instructions given later on stand with the first
    ones, since most models take them there only; results of tools belong to the user's turn.
    """
    system: list[dict[str, Any]] = []
    turns: list[dict[str, Any]] = []
    for message in messages:
        blocks = [block for part in message.parts for block in _blocks(part)]
        if message.role == "system":
            system += blocks
            continue
        if not blocks:
            continue
        role = "assistant" if message.role == "assistant" else "user"
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    return system, turns


def _blocks(part: Part) -> list[dict[str, Any]]:
    if isinstance(part, Text):
        if not part.text.strip():
            return []  # the API refuses blocks of nothing
        block: dict[str, Any] = {"type": "text", "text": part.text}
    elif isinstance(part, Thinking):
        return _thought(part)
    elif isinstance(part, Image):
        block = {"type": "image", "source": _source(part.media_type, part.data, _IMAGES)}
    elif isinstance(part, File):
        block = _document(part)
    elif isinstance(part, Call):
        block = {"type": "tool_use", "id": _id(part.id), "name": part.name, "input": _input(part)}
    else:
        block = _result(part)
    if part.is_breakpoint:
        block["cache_control"] = _CACHE
    return [block]


def _thought(part: Thinking) -> list[dict[str, Any]]:
    """Only what bears its maker's seal may be shown to it again; other thoughts stay out."""
    if part.is_redacted:
        return [{"type": "redacted_thinking", "data": part.text}]
    if is_seal(part.signature or "") is None:
        return []
    return [{"type": "thinking", "thinking": part.text, "signature": part.signature}]


def _source(media_type: str, data: str, allowed: Sequence[str]) -> dict[str, str]:
    if media_type not in allowed:
        raise InvalidRequest(
            f"The provider of this model takes {', '.join(allowed)}, not {media_type[:64]}.",
            code="unsupported_content",
            param="messages",
        )
    return {"type": "base64", "media_type": media_type, "data": data}


def _document(file: File) -> dict[str, Any]:
    source = _source(file.media_type, file.data, _DOCUMENTS)
    if file.media_type == "text/plain":
        source = {"type": "text", "media_type": "text/plain", "data": _text_of(file.data)}
    block: dict[str, Any] = {"type": "document", "source": source}
    if file.name is not None:
        block["title"] = file.name
    return block


def _text_of(data: str) -> str:
    try:
        return msgspec.json.decode(b'"%b"' % data.encode(), type=bytes).decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidRequest(
            "A file's data must be base64 of a text in UTF-8.",
            code="invalid_value",
            param="messages",
        ) from None


def _id(call_id: str) -> str:
    """Return the id of a call as the API takes it: other makers' hold other characters."""
    return _FOREIGN.sub("_", call_id) or "call"


def _input(call: Call) -> Raw:
    try:
        msgspec.json.decode(call.arguments or "{}", type=dict[str, Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest(
            f"The arguments of the call '{call.id[:64]}' are not a JSON object.",
            code="invalid_value",
            param="messages",
        ) from None
    return Raw((call.arguments or "{}").encode())


def _result(result: Result) -> dict[str, Any]:
    content = [block for part in result.parts for block in _blocks(part)]
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": _id(result.id)}
    if content:
        block["content"] = content
    if result.is_error:
        block["is_error"] = True
    return block


def _tool(tool: Tool) -> dict[str, Any]:
    written: dict[str, Any] = {"name": tool.name, "input_schema": tool.schema}
    if tool.description is not None:
        written["description"] = tool.description
    if tool.is_strict is not None:
        written["strict"] = tool.is_strict
    if tool.is_breakpoint:
        written["cache_control"] = _CACHE
    return written


def _choice(request: Request) -> dict[str, Any] | None:
    chosen = request.tool_choice
    serial = request.parallel_tool_calls is False
    if chosen is None:
        if not (serial and request.tools):
            return None
        return {"type": "auto", "disable_parallel_tool_use": True}
    written: dict[str, Any]
    if not request.tools and chosen.mode in ("auto", "none"):
        return None  # which says nothing, and is refused without tools
    if chosen.mode == "named":
        written = {"type": "tool", "name": chosen.name}
    else:
        written = {"type": "any" if chosen.mode == "required" else chosen.mode}
    if serial and chosen.mode != "none":
        written["disable_parallel_tool_use"] = True
    return written


def _output(form: Format | None, unsaid: Unsaid) -> dict[str, Any]:
    if form is None or form.schema is None:
        return {}
    return {"format": {"type": "json_schema", "schema": closed(form.schema, unsaid)}}


def _think(
    request: Request,
    model: str,
    body: dict[str, Any],
    config: dict[str, Any],
    unsaid: Unsaid,
) -> None:
    """Say how much is to be thought: by budget to the models before 4.6, by effort from then on."""
    tokens, effort = request.thinking_tokens, request.effort
    if tokens == 0 or (tokens is None and effort == "none"):
        body["thinking"] = {"type": "disabled"}
        return
    if tokens is None and effort is None:
        return
    if tokens is None:
        assert effort is not None
        if is_adaptive(model):
            body["thinking"] = {"type": "adaptive"}
            config["effort"] = EFFORTS.get(effort, effort)
            return
        if effort == "minimal":
            return  # these models think only when told to
        tokens = min(BUDGETS.get(effort, THINKING_LEAST), body["max_tokens"] // 2)
        name = "reasoning_effort"
    else:
        name = "thinking"
    if not THINKING_LEAST <= tokens < body["max_tokens"]:
        unsaid.leave(name, NO_ROOM)
        return
    body["thinking"] = {"type": "enabled", "budget_tokens": tokens}


PROVIDER = Provider()
