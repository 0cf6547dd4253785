"""A whole response as clients of OpenAI's Responses know it: what was asked, items, usage.

It does not know streams, deployments or prices.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from tramontane.errors import RateLimited, TramontaneError
from tramontane.money import Usage
from tramontane.wire.canonical import Answer, Call, Choice, Reason, Text, Thinking
from tramontane.wire.dialect import Asked
from tramontane.wire.openai.responses.sealed import sealed

Item = dict[str, Any]
_ECHOED = (
    "instructions", "max_output_tokens", "max_tool_calls", "prompt_cache_key", "reasoning",
    "safety_identifier", "service_tier", "user",
)  # fmt: skip


class Shape(msgspec.Struct, frozen=True):
    """How one client wants its answer. `echo` is what each response says again of the request.

    `summarizes`: thoughts are shown as a summary. `seals`: they come with their maker's seal.
    """

    echo: dict[str, Any]
    summarizes: bool
    seals: bool


class _Reasoning(msgspec.Struct):
    summary: str | None = None
    generate_summary: str | None = None


class _Text(msgspec.Struct):
    format: Raw = Raw(b'{"type":"text"}')


def shape_of(asked: Asked) -> Shape:
    """Return what of the request its answer depends on."""
    fields = asked.fields
    reasoning = _decode(_Reasoning, fields.get("reasoning")) or _Reasoning()
    include = _decode(list[str], fields.get("include")) or []
    text = fields.get("text", Raw(b'{"format":{"type":"text"}}'))
    if _decode(_Text, text) is None or b'"format"' not in bytes(text):
        text = Raw(b'{"format":{"type":"text"}}')
    echo: dict[str, Any] = {name: _kept(fields.get(name)) for name in _ECHOED}
    echo |= {
        "background": False,
        "metadata": _kept(fields.get("metadata"), b"{}"),
        "parallel_tool_calls": _kept(fields.get("parallel_tool_calls"), b"true"),
        "previous_response_id": None,
        "store": False,
        "temperature": _kept(fields.get("temperature"), b"1.0"),
        "text": _kept(text),
        "tool_choice": _kept(fields.get("tool_choice"), b'"auto"'),
        "tools": _kept(fields.get("tools"), b"[]"),
        "top_logprobs": _kept(fields.get("top_logprobs"), b"0"),
        "top_p": _kept(fields.get("top_p"), b"1.0"),
        "truncation": "disabled",
    }
    return Shape(
        echo,
        (reasoning.summary or reasoning.generate_summary) is not None,
        "reasoning.encrypted_content" in include,
    )


def _kept(raw: Raw | None, instead: bytes = b"null") -> Raw:
    if raw is None or bytes(memoryview(raw)[:4]) == b"null":
        return Raw(instead)
    return Raw(bytes(raw))  # a copy: a long stream holds nothing else of its request


def _decode(kind: Any, raw: Raw | None) -> Any:
    try:
        return None if raw is None else msgspec.json.decode(raw, type=kind | None)
    except msgspec.DecodeError:
        return None


def response_id(answer_id: str) -> str:
    """Return the response's id for that of the provider's answer."""
    return "resp_" + answer_id.removeprefix("resp_").removeprefix("chatcmpl-")


def response(
    shape: Shape,
    *,
    answer_id: str,
    created_s: int,
    model: str,
    status: str,
    output: Sequence[Item] = (),
    usage: Usage | None = None,
    thinking_tokens: int | None = None,
    reason: Reason = "stop",
    error: TramontaneError | None = None,
) -> dict[str, Any]:
    """Return the response object."""
    why = incomplete_reason(reason)
    return {
        "id": answer_id,
        "object": "response",
        "created_at": created_s,
        "status": status,
        "error": None if error is None else {"code": error_code(error), "message": error.message},
        "incomplete_details": {"reason": why} if status == "incomplete" else None,
        "model": model,
        "output": output,
        "usage": None if usage is None else usage_body(usage, thinking_tokens),
        **shape.echo,
    }


def status_of(reason: Reason) -> str:
    """Return whether a response that ended for `reason` is whole."""
    return "completed" if incomplete_reason(reason) is None else "incomplete"


def incomplete_reason(reason: Reason) -> str | None:
    """Return why a response is not whole, None where it is."""
    if reason == "length":
        return "max_output_tokens"
    return "content_filter" if reason in ("content_filter", "refusal") else None


def error_code(error: TramontaneError) -> str:
    """Return the word for `error` among the few that the dialect has."""
    return "rate_limit_exceeded" if isinstance(error, RateLimited) else "server_error"


def usage_body(usage: Usage, thinking_tokens: int | None) -> dict[str, Any]:
    """Return `usage` as the dialect spells it; thoughts that nobody counted are not counted."""
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": thinking_tokens or 0},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


# --- items ------------------------------------------------------------------------------------


def message_item(item_id: str, content: list[Any], status: str) -> Item:
    """Return the item of what was said."""
    return {
        "type": "message",
        "id": item_id,
        "status": status,
        "role": "assistant",
        "content": content,
    }


def text_part(text: str, logprobs: list[Any] | None = None) -> dict[str, Any]:
    """Return a part of text."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs or []}


def call_item(item_id: str, call: Call, status: str) -> Item:
    """Return the item of a call."""
    return {
        "type": "function_call",
        "id": item_id,
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
        "status": status,
    }


def reasoning_item(item_id: str, thoughts: Sequence[Thinking], shape: Shape, status: str) -> Item:
    """Return the item of what was thought."""
    text = "".join(thought.text for thought in thoughts if not thought.is_redacted)
    shown = [{"type": "summary_text" if shape.summarizes else "reasoning_text", "text": text}]
    item: Item = {
        "type": "reasoning",
        "id": item_id,
        "summary": shown if shape.summarizes and text else [],
        "status": status,
    }
    if not shape.summarizes and text:
        item["content"] = shown
    if shape.seals:
        item["encrypted_content"] = sealed(thoughts)
    return item


def items_of(choice: Choice, answer_id: str, shape: Shape) -> list[Item]:
    """Return what one answer holds: thoughts, text and calls that follow each other are one."""
    items: list[Item] = []
    end = "completed" if choice.reason in ("stop", "tool_calls") else "incomplete"
    base = answer_id.removeprefix("resp_")
    for kind, parts in _groups(choice.parts):
        number = len(items)
        if kind is Thinking:
            items.append(reasoning_item(f"rs_{base}_{number}", parts, shape, end))
        elif kind is Text:
            logprobs = tokens_of(choice.logprobs) if choice.logprobs is not None else None
            part = text_part("".join(part.text for part in parts), logprobs)
            items.append(message_item(f"msg_{base}_{number}", [part], end))
        else:
            items.extend(
                call_item(f"fc_{base}_{number + i}", call, end) for i, call in enumerate(parts)
            )
    return items


def _groups(parts: Iterable[Text | Thinking | Call]) -> list[tuple[type, list[Any]]]:
    groups: list[tuple[type, list[Any]]] = []
    for part in parts:
        if isinstance(part, Text) and not part.text:
            continue
        if not groups or groups[-1][0] is not type(part):
            groups.append((type(part), []))
        groups[-1][1].append(part)
    return groups


class _Logprobs(msgspec.Struct):
    content: list[Any] | None = None


def tokens_of(logprobs: Raw) -> list[Any]:
    """Return the tokens of a chat choice's log probabilities; none where they have another form."""
    try:
        return msgspec.json.decode(logprobs, type=_Logprobs).content or []
    except msgspec.DecodeError:
        return []


def write_response(answer: Answer, asked: Asked) -> bytes:
    """Return the whole answer's body."""
    shape = shape_of(asked)
    choice = answer.choices[0] if answer.choices else Choice(())
    answer_id = response_id(answer.id)
    return msgspec.json.encode(
        response(
            shape,
            answer_id=answer_id,
            created_s=answer.created_s or int(time.time()),
            model=answer.model,
            status=status_of(choice.reason),
            output=items_of(choice, answer_id, shape),
            usage=answer.usage,
            thinking_tokens=answer.thinking_tokens,
            reason=choice.reason,
        )
    )
