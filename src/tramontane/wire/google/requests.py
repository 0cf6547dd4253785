"""A canonical request as the body of Google's generateContent.

Facts: ai.google.dev/api/generate-content and the types of Google's own client (google-genai 3.4).
System messages wherever they stand become the one `systemInstruction`, since there is no other
place for them. It does not know addresses, keys or answers.
"""

import re
from typing import Any

import msgspec

from tramontane.errors import InvalidRequest
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
)
from tramontane.wire.google.signatures import MARK, SKIPPED, unseal
from tramontane.wire.unsaid import Unsaid

DIALECT = "google"
Json = dict[str, Any]

_OLDER = re.compile(r"gemini-(?:1|2)(?:\.\d+)?-")
_GEMINI = re.compile(r"gemini-\d")
# reasoning_effort as Google's own OpenAI-compatible address maps it.
_LEVELS = {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "XHIGH"}
_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576}
_RESOLUTIONS = {"low": "MEDIA_RESOLUTION_LOW", "high": "MEDIA_RESOLUTION_HIGH"}
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "named": "ANY"}


def body(request: Request, model: str, unsaid: Unsaid) -> Json:
    """Return the body for `model`; what has no place goes to `unsaid`. Raises InvalidRequest."""
    unsaid.leave_set(request, "min_p", "logit_bias", "safe_prompt", "user", "suffix", "dimensions")
    unsaid.leave_extra(request)
    if request.parallel_tool_calls is False:
        unsaid.leave("parallel_tool_calls")
    written: Json = {"contents": _contents(request, model, unsaid)}
    if (instruction := _instruction(request, unsaid)) is not None:
        written["systemInstruction"] = instruction
    if request.tools:
        written["tools"] = [{"functionDeclarations": [_tool(tool) for tool in request.tools]}]
    if (choice := _tool_choice(request)) is not None:
        written["toolConfig"] = {"functionCallingConfig": choice}
    if config := _config(request, model, unsaid):
        written["generationConfig"] = config
    return written


# --- messages -------------------------------------------------------------------------------------


def _instruction(request: Request, unsaid: Unsaid) -> Json | None:
    said = [p for message in request.messages if message.role == "system" for p in message.parts]
    if not all(isinstance(part, Text) for part in said):
        unsaid.leave("messages.content")
    parts = [{"text": part.text} for part in said if isinstance(part, Text) and part.text]
    return {"parts": parts} if parts else None


def _contents(request: Request, model: str, unsaid: Unsaid) -> list[Json]:
    names = {
        part.id: part.name
        for message in request.messages
        for part in message.parts
        if isinstance(part, Call)
    }
    contents: list[Json] = []
    for message in request.messages:
        if message.role == "system":
            continue
        if message.name is not None:
            unsaid.leave("messages.name")
        if message.is_prefix:
            unsaid.leave("prefix")
            continue  # without its meaning it would be an answer already given
        role = "model" if message.role == "assistant" else "user"
        parts = _parts(message, names, is_sealed=_needs_seals(model))
        if not parts:
            continue
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"] += parts  # one turn: results of parallel calls stand together
        else:
            contents.append({"role": role, "parts": parts})
    return contents


def _needs_seals(model: str) -> bool:
    name = model.rpartition("/")[2]
    return _GEMINI.match(name) is not None and _OLDER.match(name) is None


def _parts(message: Message, names: dict[str, str], *, is_sealed: bool) -> list[Json]:
    written: list[Json] = []
    has_call = False
    for part in message.parts:
        if isinstance(part, Thinking):
            _seal_last(written, part)
        elif isinstance(part, Call):
            written.append(_call(part, must_seal=is_sealed and not has_call))
            has_call = True
        elif isinstance(part, Result):
            written.append(_result(part, names))
        elif not isinstance(part, Text) or part.text:
            written.append(_plain(part))
    return written


def _seal_last(written: list[Json], thinking: Thinking) -> None:
    """Give the text before it its seal back; other thoughts, other makers' too, are not sent."""
    if thinking.text or not (thinking.signature or "").startswith(MARK):
        return
    if not written or "text" not in written[-1]:
        written.append({"text": ""})
    written[-1]["thoughtSignature"] = (thinking.signature or "")[len(MARK) :]


def _plain(part: Part) -> Json:
    if isinstance(part, Text):
        return {"text": part.text}
    assert isinstance(part, Image | File)
    return {"inlineData": {"mimeType": part.media_type, "data": part.data}}


def _call(call: Call, *, must_seal: bool) -> Json:
    bare, signature = unseal(call.id)
    written: Json = {"functionCall": {"id": bare, "name": call.name, "args": _arguments(call)}}
    if signature is None and must_seal:
        signature = SKIPPED
    if signature is not None:
        written["thoughtSignature"] = signature
    return written


def _arguments(call: Call) -> msgspec.Raw:
    try:
        msgspec.json.decode(call.arguments or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        raise InvalidRequest(
            f"The arguments of the tool call '{call.id}' are no JSON object, and this model's"
            " provider (google) takes nothing else.",
            param="messages",
        ) from None
    return msgspec.Raw((call.arguments or "{}").encode())


def _result(result: Result, names: dict[str, str]) -> Json:
    name = result.name or names.get(result.id)
    if name is None:
        raise InvalidRequest(
            f"The result of the tool call '{result.id}' stands without that call, and this model's"
            " provider (google) must know the function's name.",
            param="messages",
        )
    texts = [part.text for part in result.parts if isinstance(part, Text)]
    said = {"error" if result.is_error else "output": "\n".join(texts)}
    response: Json = {"id": unseal(result.id)[0], "name": name, "response": said}
    data = [_plain(part) for part in result.parts if not isinstance(part, Text)]
    if data:
        response["parts"] = data
    return {"functionResponse": response}


# --- tools and settings ---------------------------------------------------------------------------


def _tool(tool: Tool) -> Json:
    declared: Json = {"name": tool.name}
    if tool.description:
        declared["description"] = tool.description
    declared["parametersJsonSchema"] = _schema(tool.schema)
    return declared


def _schema(raw: msgspec.Raw, description: str | None = None) -> Json | bool:
    """Return the schema without `$schema`, which names a draft and asks for nothing."""
    schema = msgspec.json.decode(raw)
    if isinstance(schema, dict):
        schema.pop("$schema", None)
        if description:
            schema.setdefault("description", description)
    return schema  # type: ignore[no-any-return]


def _tool_choice(request: Request) -> Json | None:
    if not request.tools:
        return None
    choice = request.tool_choice
    mode = "auto" if choice is None else choice.mode
    if mode == "auto":
        # VALIDATED holds a call to its schema, and lets the model answer in words as AUTO does.
        is_strict = any(tool.is_strict for tool in request.tools)
        return {"mode": "VALIDATED"} if is_strict else ({"mode": "AUTO"} if choice else None)
    written: Json = {"mode": _MODES[mode]}
    if choice is not None and choice.name is not None and mode == "named":
        written["allowedFunctionNames"] = [choice.name]
    return written


def _config(request: Request, model: str, unsaid: Unsaid) -> Json:
    config: Json = {
        "maxOutputTokens": request.max_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "topK": request.top_k,
        "candidateCount": request.choices if request.choices > 1 else None,
        "frequencyPenalty": request.frequency_penalty,
        "presencePenalty": request.presence_penalty,
        "stopSequences": list(request.stop) or None,
        "seed": request.seed,
        "thinkingConfig": _thinking(request, model, unsaid),
        "mediaResolution": _resolution(request, unsaid),
    }
    if request.logprobs is not None:
        config["responseLogprobs"] = True
        config["logprobs"] = request.logprobs or None
    if request.format is not None:
        config |= _format(request.format)
    return {name: value for name, value in config.items() if value is not None}


def _format(form: Format) -> Json:
    written: Json = {"responseMimeType": "application/json"}
    if form.kind == "json_schema" and form.schema is not None:
        written["responseJsonSchema"] = _schema(form.schema, form.description)
    return written


def _thinking(request: Request, model: str, unsaid: Unsaid) -> Json | None:
    tokens, effort = request.thinking_tokens, request.effort
    if tokens is not None:
        return {"thinkingBudget": tokens, "includeThoughts": tokens > 0}
    if effort is None:
        return None
    if effort == "none":
        return {"thinkingBudget": 0}
    if effort not in _LEVELS:
        unsaid.leave("reasoning_effort")
        return None
    if _OLDER.match(model.rpartition("/")[2]):
        return {"thinkingBudget": _BUDGETS[effort], "includeThoughts": True}
    return {"thinkingLevel": _LEVELS[effort], "includeThoughts": True}


def _resolution(request: Request, unsaid: Unsaid) -> str | None:
    """Return the one resolution of all pictures, as far as they say any."""
    said = {
        part.detail
        for message in request.messages
        for part in message.parts
        if isinstance(part, Image) and part.detail not in (None, "auto")
    }
    if not said:
        return None
    detail = said.pop()
    if said or detail not in _RESOLUTIONS:
        unsaid.leave("image_url.detail")
        return None
    return _RESOLUTIONS[detail]
