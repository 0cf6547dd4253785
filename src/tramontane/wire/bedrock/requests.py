"""A canonical request as the body of Bedrock's Converse.

Facts: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and botocore's
model of the service (1.44). What Converse leaves to the model's maker (`top_k`, thinking) goes into
`additionalModelRequestFields` for the makers known here. System messages wherever they stand
become `system`. It does not know addresses, keys or answers.
"""

import hashlib
import re
from typing import Any

import msgspec

from tramontane.errors import InvalidRequest
from tramontane.wire import claude
from tramontane.wire.canonical import (
    Call,
    File,
    Format,
    Image,
    Message,
    Part,
    Request,
    Result,
    Text,
    Thinking,
    Tool,
    inexpressible,
)
from tramontane.wire.unsaid import Unsaid

DIALECT = "bedrock"
Json = dict[str, Any]

STOP_SEQUENCE = "/stop_sequence"
_FOREIGN = "google:"  # Google's seals are marked; whoever else's are the maker's own
_CALL_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_METADATA = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{1,256}")
_UNNAMEABLE = re.compile(r"[^a-zA-Z0-9\-()\[\]]+")
_MAKER = re.compile(
    r"\b(anthropic|amazon|mistral|cohere|meta|deepseek|qwen|openai|ai21|writer|moonshot)(?:ai)?\."
)
_CACHING = frozenset(("anthropic", "amazon"))
_IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
_OPEN_XML = "application/vnd.openxmlformats-officedocument."
_DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    _OPEN_XML + "wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    _OPEN_XML + "spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
_EFFORTS = frozenset(("low", "medium", "high", "xhigh", "max"))
_NOVA_EFFORTS = frozenset(("low", "medium", "high"))


def maker_of(model: str) -> str:
    """Return who made the model, as far as its id says.

    >>> maker_of("eu.anthropic.claude-sonnet-4-5-20250929-v1:0")
    'anthropic'
    """
    found = _MAKER.search(model)
    return found[1] if found is not None else ""


def body(request: Request, model: str, unsaid: Unsaid) -> Json:
    """Return the body for `model`; what has no place goes to `unsaid`. Raises InvalidRequest."""
    unsaid.leave_set(
        request,
        *("choices", "min_p", "frequency_penalty", "presence_penalty", "seed", "logprobs"),
        *("logit_bias", "safe_prompt"),
    )
    unsaid.leave_extra(request)
    if request.parallel_tool_calls is False:
        unsaid.leave("parallel_tool_calls")
    maker = maker_of(model)
    writer = _Writer(is_caching=maker in _CACHING, unsaid=unsaid)
    written: Json = {
        "messages": writer.messages(request.messages),
        "system": writer.system(request.messages) or None,
        "inferenceConfig": _inference(request) or None,
        "toolConfig": writer.tools(request),
    }
    output = _output(request, unsaid)
    fields = _additional(request, maker, unsaid)
    _think(request, model, maker, output, fields, unsaid)
    written["outputConfig"] = output or None
    written["additionalModelRequestFields"] = fields or None
    if request.stop and maker == "anthropic":
        written["additionalModelResponseFieldPaths"] = [STOP_SEQUENCE]
    if request.user is not None:
        if _METADATA.fullmatch(request.user):
            written["requestMetadata"] = {"user": request.user}
        else:
            unsaid.leave("user")
    return {name: value for name, value in written.items() if value is not None}


# --- settings -------------------------------------------------------------------------------------


def _inference(request: Request) -> Json:
    config = {
        "maxTokens": request.max_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "stopSequences": list(request.stop) or None,
    }
    return {name: value for name, value in config.items() if value is not None}


def _output(request: Request, unsaid: Unsaid) -> Json:
    config: Json = {}
    form = request.format
    if form is not None and form.kind == "json_schema" and form.schema is not None:
        config["textFormat"] = _format(form)
    elif form is not None:
        unsaid.leave("response_format")  # any JSON object: Converse knows schemas only
    return config


def _format(form: Format) -> Json:
    assert form.schema is not None
    definition: Json = {"schema": bytes(form.schema).decode(), "name": form.name}
    if form.description:
        definition["description"] = form.description
    return {"type": "json_schema", "structure": {"jsonSchema": definition}}


def _additional(request: Request, maker: str, unsaid: Unsaid) -> Json:
    """Return what only the model's maker knows: Anthropic's and Amazon's own parameter pages."""
    fields: Json = {}
    if request.top_k is not None:
        if maker in ("anthropic", "mistral"):
            fields["top_k"] = request.top_k
        elif maker == "amazon":
            fields["inferenceConfig"] = {"topK": request.top_k}
        elif maker == "cohere":
            fields["k"] = request.top_k
        else:
            unsaid.leave("top_k")
    return fields


def _think(
    request: Request, model: str, maker: str, output: Json, fields: Json, unsaid: Unsaid
) -> None:
    """Say how much is to be thought, as the model's maker has it; `output` is Converse's own."""
    tokens, effort = request.thinking_tokens, request.effort
    if maker == "anthropic":
        _think_as_claude(request, model, output, fields, unsaid)
    elif tokens:
        unsaid.leave("thinking")
    elif maker == "openai" and "gpt-oss" not in model:
        told = "none" if tokens == 0 else effort
        if told == "minimal":
            unsaid.leave("reasoning_effort")
        elif told is not None:
            fields["reasoning"] = {"effort": told}
    elif effort in (None, "none"):
        return
    elif maker == "amazon" and effort in _NOVA_EFFORTS:
        fields["reasoningConfig"] = {"type": "enabled", "maxReasoningEffort": effort}
    elif maker in ("openai", "moonshot"):
        fields["reasoning_effort"] = effort
    elif not maker and effort in _EFFORTS:
        output["effort"] = effort
    else:
        unsaid.leave("reasoning_effort")


def _think_as_claude(
    request: Request, model: str, output: Json, fields: Json, unsaid: Unsaid
) -> None:
    tokens, effort, limit = request.thinking_tokens, request.effort, request.max_tokens
    is_adaptive = claude.is_adaptive(model)
    if tokens == 0 or (tokens is None and effort == "none"):
        if is_adaptive:
            fields["thinking"] = {"type": "disabled"}
        return
    if effort is not None and (is_adaptive or tokens is not None):
        output["effort"] = claude.EFFORTS.get(effort, effort)
    if tokens is None and (effort is None or effort == "minimal"):
        return
    if tokens is None and is_adaptive:
        fields["thinking"] = {"type": "adaptive"}
        return
    if tokens is None:
        assert effort is not None
        tokens = claude.BUDGETS.get(effort, claude.THINKING_LEAST)
        tokens = tokens if limit is None else min(tokens, limit // 2)
        if tokens < claude.THINKING_LEAST:  # no room for it beside the answer
            unsaid.leave("reasoning_effort", claude.NO_ROOM)
            return
    fields["thinking"] = {"type": "enabled", "budget_tokens": tokens}


# --- messages and tools ---------------------------------------------------------------------------


class _Writer:
    """Writes the messages of one request."""

    def __init__(self, *, is_caching: bool, unsaid: Unsaid) -> None:
        self._is_caching = is_caching
        self._unsaid = unsaid
        self._documents: set[str] = set()

    def system(self, messages: tuple[Message, ...]) -> list[Json]:
        """Return the system blocks."""
        blocks: list[Json] = []
        for message in messages:
            for part in message.parts if message.role == "system" else ():
                if not isinstance(part, Text):
                    self._unsaid.leave("messages.content")
                elif part.text:
                    blocks.append({"text": part.text})
                    self._mark(blocks, part.is_breakpoint)
        return blocks

    def messages(self, messages: tuple[Message, ...]) -> list[Json]:
        """Return the turns: neighbours of one role are one turn, as Converse wants them."""
        turns: list[Json] = []
        for message in messages:
            if message.role == "system":
                continue
            if message.name is not None:
                self._unsaid.leave("messages.name")
            if message.is_prefix:
                self._unsaid.leave("prefix")
                continue  # without its meaning it would be an answer already given
            role = "assistant" if message.role == "assistant" else "user"
            blocks: list[Json] = []
            for part in message.parts:
                self._part(part, blocks)
            if not blocks:
                continue
            if turns and turns[-1]["role"] == role:
                turns[-1]["content"] += blocks
            else:
                turns.append({"role": role, "content": blocks})
        return turns

    def tools(self, request: Request) -> Json | None:
        """Return the tools and how they are chosen among."""
        choice = request.tool_choice
        if not request.tools:
            return None
        if choice is not None and choice.mode == "none":
            if any(isinstance(p, Call) for message in request.messages for p in message.parts):
                self._unsaid.leave(
                    "tool_choice"
                )  # past calls need their tools; none cannot be said
            else:
                return None
        tools: list[Json] = []
        for tool in request.tools:
            tools.append({"toolSpec": _specification(tool)})
            self._mark(tools, tool.is_breakpoint)
        config: Json = {"tools": tools}
        if choice is not None and choice.mode == "required":
            config["toolChoice"] = {"any": {}}
        elif choice is not None and choice.mode == "named":
            config["toolChoice"] = {"tool": {"name": choice.name}}
        elif choice is not None and choice.mode == "auto":
            config["toolChoice"] = {"auto": {}}
        return config

    def _mark(self, blocks: list[Json], is_breakpoint: bool) -> None:
        """Mark where the cache may end, where the maker has one; it changes no answer."""
        if is_breakpoint and self._is_caching:
            blocks.append({"cachePoint": {"type": "default"}})

    def _part(self, part: Part, blocks: list[Json]) -> None:
        if isinstance(part, Thinking):
            if (block := _thinking(part)) is not None:
                blocks.append(block)
            return
        if isinstance(part, Text):
            if part.text:
                blocks.append({"text": part.text})
        elif isinstance(part, Call):
            blocks.append(_call(part))
        elif isinstance(part, Result):
            blocks.append(self._result(part))
        else:
            blocks.append(self._data(part))
        self._mark(blocks, part.is_breakpoint)

    def _result(self, result: Result) -> Json:
        content = [
            {"text": part.text or " "} if isinstance(part, Text) else self._data(part)
            for part in result.parts
        ]
        written: Json = {
            "toolUseId": call_id(result.id),
            "content": content or [{"text": " "}],  # a block of text may not be empty
        }
        if result.is_error:
            written["status"] = "error"
        return {"toolResult": written}

    def _data(self, part: Image | File) -> Json:
        source = {"bytes": part.data}
        if isinstance(part, Image):
            if part.detail not in (None, "auto"):
                self._unsaid.leave("image_url.detail")
            form = _IMAGES.get(part.media_type)
            if form is None:
                raise inexpressible(part.media_type, DIALECT)
            return {"image": {"format": form, "source": source}}
        form = _DOCUMENTS.get(part.media_type)
        if form is None:
            raise inexpressible(part.media_type, DIALECT)
        return {"document": {"format": form, "name": self._title(part.name), "source": source}}

    def _title(self, name: str | None) -> str:
        """Return a name that Converse allows, and that no other document has."""
        title = _UNNAMEABLE.sub(" ", name or "").strip()[:180] or "document"
        wanted, number = title, 1
        while title in self._documents:
            number += 1
            title = f"{wanted} ({number})"
        self._documents.add(title)
        return title


def call_id(given: str) -> str:
    """Return `given` as Converse takes ids: one that it would refuse becomes its digest."""
    if _CALL_ID.fullmatch(given):
        return given
    return "call_" + hashlib.sha256(given.encode()).hexdigest()[:32]


def _thinking(part: Thinking) -> Json | None:
    """Return the block; None for thoughts without a seal, or with another maker's."""
    if part.is_redacted:
        return {"reasoningContent": {"redactedContent": part.text}}
    if not part.signature or part.signature.startswith(_FOREIGN):
        return None
    return {"reasoningContent": {"reasoningText": {"text": part.text, "signature": part.signature}}}


def _call(call: Call) -> Json:
    arguments = (call.arguments or "{}").encode()
    try:
        msgspec.json.decode(arguments, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        raise InvalidRequest(
            f"The arguments of the tool call '{call.id}' are no JSON object, and this model's"
            " provider (bedrock) takes nothing else.",
            param="messages",
        ) from None
    used = {"toolUseId": call_id(call.id), "name": call.name, "input": msgspec.Raw(arguments)}
    return {"toolUse": used}


def _specification(tool: Tool) -> Json:
    written: Json = {"name": tool.name, "inputSchema": {"json": tool.schema}}
    if tool.description:
        written["description"] = tool.description
    if tool.is_strict is not None:
        written["strict"] = tool.is_strict
    return written
