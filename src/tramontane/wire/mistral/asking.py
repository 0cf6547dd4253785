"""Canonical requests written for a provider that speaks Mistral's dialect.

Ids of tool calls are nine letters or digits there, so others get one made from them, the same in
the call and in its result. Hints (marks for a prompt cache, the end user's name, that a result is
an error, which its text says too) are left out and named. It does not know addresses or keys.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from tramontane.errors import InvalidRequest
from tramontane.wire import canonical as c
from tramontane.wire.dialect import Written
from tramontane.wire.unsaid import Unsaid

NAME = "mistral"
KNOWN_EXTRA = frozenset(
    ("metadata", "prediction", "prompt_mode", "guardrails", "prompt_cache_key", "min_tokens")
)
TEMPERATURE_MAX = 1.5
_DETAILS = ("low", "auto", "high")
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_is_id = re.compile(r"[0-9A-Za-z]{9}").fullmatch
_encode = msgspec.json.Encoder().encode


def write_chat(request: c.Request, model: str, *, drops: bool) -> Written:
    """Return `request` for /chat/completions. Raises InvalidRequest for what cannot be said."""
    unsaid = Unsaid(NAME, drops=drops)
    messages = _Messages(unsaid)
    fields: dict[str, Any] = {"model": model, "messages": messages.write(request.messages)}
    _write_sampling(request, fields, unsaid)
    if request.tools:
        fields["tools"] = [_tool(tool) for tool in request.tools]
        messages.saw_breakpoint |= any(tool.is_breakpoint for tool in request.tools)
    if request.tool_choice is not None and request.tools:
        fields["tool_choice"] = _choice(request.tool_choice)
    if request.parallel_tool_calls is not None and request.tools:
        fields["parallel_tool_calls"] = request.parallel_tool_calls
    if request.format is not None:
        fields["response_format"] = _format(request.format)
    for name, value in (
        ("presence_penalty", request.presence_penalty),
        ("frequency_penalty", request.frequency_penalty),
        ("safe_prompt", request.safe_prompt),
        ("n", request.choices if request.choices != 1 else None),
    ):
        if value is not None:
            fields[name] = value
    hints = ["thinking.budget_tokens"] if _write_thinking(request, fields, unsaid) else []
    unsaid.leave_set(request, "top_k", "min_p", "logprobs", "logit_bias")
    if messages.saw_breakpoint:
        hints.append("cache_control")
    if messages.saw_error:
        hints.append("is_error")
    written = _written("/chat/completions", request, fields, unsaid, hints)
    return msgspec.structs.replace(written, echo=prefix_of(request))


def prefix_of(request: c.Request) -> str:
    """Return the text that Mistral's answers to `request` begin with, mostly none."""
    last = request.messages[-1] if request.messages else None
    if last is None or not last.is_prefix:
        return ""
    return "".join(part.text for part in last.parts if isinstance(part, c.Text))


def write_fim(request: c.Request, model: str, *, drops: bool) -> Written:
    """Return `request` for /fim/completions. Raises InvalidRequest for what cannot be said."""
    unsaid = Unsaid(NAME, drops=drops)
    prompt = request.inputs[0] if len(request.inputs) == 1 else None
    if not isinstance(prompt, str):
        raise InvalidRequest(
            f"The provider of this model ({NAME}) takes one prompt, as text.",
            code="unsupported_parameter",
            param="prompt",
        )
    fields: dict[str, Any] = {"model": model, "prompt": prompt}
    if request.suffix is not None:
        fields["suffix"] = request.suffix
    _write_sampling(request, fields, unsaid)
    unsaid.leave_set(
        request, "choices", "presence_penalty", "frequency_penalty", "top_k", "min_p", "logprobs",
        "logit_bias",
    )  # fmt: skip
    return _written("/fim/completions", request, fields, unsaid, [])


def write_embeddings(request: c.Request, model: str, *, drops: bool) -> Written:
    """Return `request` for /embeddings. Raises InvalidRequest for what cannot be said."""
    unsaid = Unsaid(NAME, drops=drops)
    if not all(isinstance(text, str) for text in request.inputs):
        raise InvalidRequest(
            f"The provider of this model ({NAME}) embeds texts, not token numbers.",
            code="unsupported_parameter",
            param="input",
        )
    fields: dict[str, Any] = {"model": model, "input": list(request.inputs)}
    if request.dimensions is not None:
        fields["output_dimension"] = request.dimensions
    return _written("/embeddings", request, fields, unsaid, [])


def _written(
    path: str, request: c.Request, fields: dict[str, Any], unsaid: Unsaid, hints: list[str]
) -> Written:
    for name in KNOWN_EXTRA.intersection(request.extra):
        fields[name] = request.extra[name]
    unsaid.leave_extra(request, KNOWN_EXTRA)
    if request.user is not None:
        hints.append("user")
    return Written(path=path, body=_encode(fields), dropped=(*unsaid.names, *hints))


def _write_sampling(request: c.Request, fields: dict[str, Any], unsaid: Unsaid) -> None:
    temperature = request.temperature
    if temperature is not None and temperature > TEMPERATURE_MAX:
        unsaid.leave("temperature")
        temperature = None
    for name, value in (
        ("max_tokens", request.max_tokens),
        ("temperature", temperature),
        ("top_p", request.top_p),
        ("random_seed", request.seed),
        ("stream", request.stream or None),
        ("stop", list(request.stop) or None),
    ):
        if value is not None:
            fields[name] = value


def _write_thinking(request: c.Request, fields: dict[str, Any], unsaid: Unsaid) -> bool:
    """Mistral's models think or do not. Return whether how much was said in vain."""
    if request.thinking_tokens == 0 or request.effort == "none":
        fields["reasoning_effort"] = "none"
    elif request.effort == "high":
        fields["reasoning_effort"] = "high"
    elif request.effort is not None:
        unsaid.leave("reasoning_effort")
    elif request.thinking_tokens is not None:
        fields["reasoning_effort"] = "high"
        return True
    return False


def _tool(tool: c.Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "parameters": tool.schema}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.is_strict is not None:
        function["strict"] = tool.is_strict
    return {"type": "function", "function": function}


def _choice(choice: c.ToolChoice) -> object:
    if choice.mode == "named":
        return {"type": "function", "function": {"name": choice.name}}
    return choice.mode


def _format(form: c.Format) -> dict[str, Any]:
    if form.kind == "json_object" or form.schema is None:
        return {"type": "json_object"}
    schema: dict[str, Any] = {"name": form.name, "schema": form.schema}
    if form.description is not None:
        schema["description"] = form.description
    if form.is_strict is not None:
        schema["strict"] = form.is_strict
    return {"type": "json_schema", "json_schema": schema}


def call_id(given: str) -> str:
    """Return an id that Mistral takes: `given` where it is one, else always the same for it."""
    if _is_id(given):
        return given
    number = int.from_bytes(hashlib.sha256(given.encode("utf-8", "surrogatepass")).digest())
    letters = []
    for _ in range(9):
        number, place = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[place])
    return "".join(letters)


class _Messages:
    def __init__(self, unsaid: Unsaid) -> None:
        self._unsaid = unsaid
        self.saw_breakpoint = False
        self.saw_error = False

    def write(self, messages: Iterable[c.Message]) -> list[dict[str, Any]]:
        out: list[dict[str, Any]] = []
        for message in messages:
            if message.name is not None and message.role != "tool":
                self._unsaid.leave("messages.name")
            rest: list[c.Part] = []
            for part in message.parts:
                if isinstance(part, c.Result):
                    out.append(self._result(part))
                else:
                    rest.append(part)
            if message.role == "assistant":
                out.append(self._assistant(message, rest))
            elif rest:
                out.append({"role": message.role, "content": self._content(rest)})
            elif message.role != "tool" and not message.parts:
                out.append({"role": message.role, "content": ""})
        return out

    def _result(self, result: c.Result) -> dict[str, Any]:
        said: dict[str, Any] = {
            "role": "tool",
            "tool_call_id": call_id(result.id),
            "content": self._content(result.parts),
        }
        if result.name is not None:
            said["name"] = result.name
        self.saw_breakpoint |= result.is_breakpoint
        self.saw_error |= result.is_error
        return said

    def _assistant(self, message: c.Message, parts: list[c.Part]) -> dict[str, Any]:
        said: dict[str, Any] = {"role": "assistant"}
        calls = [part for part in parts if isinstance(part, c.Call)]
        content = self._content([part for part in parts if not isinstance(part, c.Call)])
        said["content"] = content
        if calls:
            said["tool_calls"] = [
                {
                    "id": call_id(call.id),
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments or "{}"},
                }
                for call in calls
            ]
            self.saw_breakpoint |= any(call.is_breakpoint for call in calls)
        if message.is_prefix:
            said["prefix"] = True
        return said

    def _content(self, parts: Iterable[c.Part]) -> str | list[dict[str, Any]]:
        chunks = [chunk for part in parts if (chunk := self._chunk(part)) is not None]
        if len(chunks) == 1 and chunks[0]["type"] == "text":
            return str(chunks[0]["text"])
        return chunks or ""

    def _chunk(self, part: c.Part) -> dict[str, Any] | None:
        if isinstance(part, c.Thinking):
            if part.is_redacted:  # opaque, and another maker's: nothing that could be said here
                return None
            return {"type": "thinking", "thinking": [{"type": "text", "text": part.text}]}
        if isinstance(part, c.Call | c.Result):
            return None  # written beside the content
        self.saw_breakpoint |= part.is_breakpoint
        if isinstance(part, c.Text):
            return {"type": "text", "text": part.text}
        address = f"data:{part.media_type};base64,{part.data}"
        if isinstance(part, c.Image):
            image: dict[str, Any] = {"url": address}
            if part.detail in _DETAILS:
                image["detail"] = part.detail
            return {"type": "image_url", "image_url": image}
        said = {"type": "document_url", "document_url": address}
        if part.name is not None:
            said["document_name"] = part.name
        return said
