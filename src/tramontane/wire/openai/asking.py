"""Canonical chat requests written for whoever speaks OpenAI's dialect.

Pictures that a tool gave back follow its result in a message of the user's, since results are text
there. What was thought before is not sent. It does not know addresses or keys.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from tramontane.wire import canonical as c
from tramontane.wire.dialect import Written
from tramontane.wire.seals import bare
from tramontane.wire.unsaid import Unsaid

NAME = "openai"
PATH = "/chat/completions"
KNOWN_EXTRA = frozenset((
    "audio", "metadata", "modalities", "prediction", "prompt_cache_key", "prompt_cache_retention",
    "safety_identifier", "service_tier", "store", "verbosity", "web_search_options",
))  # fmt: skip
ENGINE_EXTRA = frozenset((
    "mirostat", "mirostat_eta", "mirostat_tau", "repeat_last_n", "repeat_penalty", "typical_p",
))  # fmt: skip
"""Ways of sampling that Ollama's clients ask for, and an engine here knows too."""
_LIKE_OPENAI = frozenset(("temperature", "top_p", "frequency_penalty", "presence_penalty", "seed"))
_encode = msgspec.json.Encoder().encode
_EFFORTS = ((4_096, "low"), (16_384, "medium"))
# Models that think unless told otherwise, and how little each can be told to: a guide of OpenAI's
# (platform.openai.com/docs/guides/reasoning). Others refuse the field, and do not think.
_LEAST = (
    (re.compile(r"(?:.*/)?gpt-(?:5\.\d|[6-9])"), "none"),
    (re.compile(r"(?:.*/)?gpt-5"), "minimal"),
    (re.compile(r"(?:.*/)?(?:o\d|gpt-oss)"), "low"),
)
_ENGINE_HINTS = frozenset(("service_tier", "verbosity"))


def write_chat(
    request: c.Request,
    model: str,
    *,
    drops: bool,
    name: str = NAME,
    max_tokens_field: str = "max_tokens",
    is_engine: bool = False,
) -> Written:
    """Return `request` for /chat/completions. Raises InvalidRequest for what cannot be said.

    `is_engine`: for an engine of our own, which samples in more ways and goes on from a prefix.
    """
    unsaid = Unsaid(name, drops=drops)
    fields: dict[str, Any] = {"model": model, "messages": list(_messages(request.messages))}
    for field in _LIKE_OPENAI:
        value = getattr(request, field)
        if value is not None:
            fields[field] = value
    if request.stop:
        fields["stop"] = list(request.stop)
    if request.max_tokens is not None:
        fields[max_tokens_field] = request.max_tokens
    if request.choices != 1 and is_engine:
        unsaid.leave("n")
    elif request.choices != 1:
        fields["n"] = request.choices
    if request.logprobs is not None:
        fields["logprobs"] = True
        fields["top_logprobs"] = request.logprobs
    if request.logit_bias is not None:
        biases = request.logit_bias.items()
        fields["logit_bias"] = {t: int(b) if b.is_integer() else b for t, b in biases}
    if request.user is not None:
        fields["user"] = request.user
    _write_tools(request, fields)
    if request.format is not None:
        fields["response_format"] = _format(request.format)
    effort = request.effort or _effort(request.thinking_tokens, model)
    if effort is not None:
        fields["reasoning_effort"] = effort
    if is_engine:
        fields |= {n: v for n in ("top_k", "min_p") if (v := getattr(request, n)) is not None}
    else:
        unsaid.leave_set(request, "top_k", "min_p")
        if request.messages and request.messages[-1].is_prefix:
            unsaid.leave("prefix")
    if request.safe_prompt:
        unsaid.leave("safe_prompt")
    known = _ENGINE_HINTS | ENGINE_EXTRA if is_engine else KNOWN_EXTRA
    unsaid.leave_extra(request, known)
    fields |= {n: raw for n, raw in request.extra.items() if n in known}
    if request.stream:
        fields["stream"] = True
        fields["stream_options"] = {"include_usage": True}
    accept = b"text/event-stream" if request.stream else b"application/json"
    return Written(
        path=PATH,
        body=_encode(fields),
        fields=b"accept: %b\r\n" % accept,
        dropped=unsaid.names,
    )


def _effort(thinking_tokens: int | None, model: str) -> str | None:
    """Return the effort of `model` that comes nearest to a budget for thinking."""
    if thinking_tokens is None:
        return None
    if thinking_tokens == 0:
        return next((least for names, least in _LEAST if names.match(model.lower())), None)
    return next((effort for most, effort in _EFFORTS if thinking_tokens <= most), "high")


def _write_tools(request: c.Request, fields: dict[str, Any]) -> None:
    if not request.tools:
        return
    fields["tools"] = [_tool(tool) for tool in request.tools]
    choice = request.tool_choice
    if choice is not None:
        named = {"type": "function", "function": {"name": choice.name}}
        fields["tool_choice"] = named if choice.mode == "named" else choice.mode
    if request.parallel_tool_calls is not None:
        fields["parallel_tool_calls"] = request.parallel_tool_calls


def _tool(tool: c.Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "parameters": tool.schema}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.is_strict is not None:
        function["strict"] = tool.is_strict
    return {"type": "function", "function": function}


def _format(form: c.Format) -> dict[str, Any]:
    if form.kind == "json_object":
        return {"type": "json_object"}
    asked: dict[str, Any] = {"name": form.name}
    for name, value in (
        ("schema", form.schema),
        ("description", form.description),
        ("strict", form.is_strict),
    ):
        if value is not None:
            asked[name] = value
    return {"type": "json_schema", "json_schema": asked}


def _messages(messages: Iterable[c.Message]) -> Iterator[dict[str, Any]]:
    shown: list[c.Text | c.Image | c.File] = []  # by tools, and not yet passed on
    for message in messages:
        if shown and message.role != "tool":
            yield {"role": "user", "content": [_part(part) for part in shown]}
            shown = []
        if message.role == "tool":
            for part in message.parts:
                if isinstance(part, c.Result):
                    yield _result(part, shown)
        else:
            yield _message(message)
    if shown:
        yield {"role": "user", "content": [_part(part) for part in shown]}


def _result(result: c.Result, shown: list[c.Text | c.Image | c.File]) -> dict[str, Any]:
    text = "\n".join(part.text for part in result.parts if isinstance(part, c.Text))
    shown += [part for part in result.parts if not isinstance(part, c.Text)]
    return {"role": "tool", "tool_call_id": bare(result.id), "content": text}


def _message(message: c.Message) -> dict[str, Any]:
    written: dict[str, Any] = {"role": message.role}
    if message.name is not None:
        written["name"] = message.name
    said = [part for part in message.parts if isinstance(part, c.Text | c.Image | c.File)]
    calls = [part for part in message.parts if isinstance(part, c.Call)]
    if len(said) == 1 and isinstance(said[0], c.Text):
        written["content"] = said[0].text
    elif said and message.role != "user" and all(isinstance(part, c.Text) for part in said):
        written["content"] = "".join(part.text for part in said if isinstance(part, c.Text))
    elif said:
        written["content"] = [_part(part) for part in said]
    else:
        written["content"] = None if calls else ""
    if calls:
        written["tool_calls"] = [
            {
                "id": bare(call.id),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in calls
        ]
    return written


def _part(part: c.Text | c.Image | c.File) -> dict[str, Any]:
    if isinstance(part, c.Text):
        return {"type": "text", "text": part.text}
    address = f"data:{part.media_type};base64,{part.data}"
    if isinstance(part, c.Image):
        image = {"url": address}
        if part.detail is not None:
            image["detail"] = part.detail
        return {"type": "image_url", "image_url": image}
    name = part.name or "document.pdf"
    return {"type": "file", "file": {"filename": name, "file_data": address}}
