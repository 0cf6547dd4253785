"""Answers as they arrive: usage, finish, errors, of one body or of stream events.

It reads what bills and endings depend on, by JSON and never by pattern, and leaves the rest as
it came. It does not know framing or connections.
"""

from math import ceil
from typing import Any

import msgspec

from tramontane.money import Usage

DONE = b"[DONE]"


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | float | None = None
    cache_write_tokens: int | float | None = None


class _Usage(msgspec.Struct):  # some servers count in floats
    prompt_tokens: int | float | None = None
    completion_tokens: int | float | None = None
    total_tokens: int | float | None = None
    prompt_tokens_details: _PromptDetails | None = None
    num_cached_tokens: int | float | None = None  # Mistral's


class _Choice(msgspec.Struct):
    index: int = 0
    finish_reason: str | None = None


class _Answer(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None
    service_tier: Any = None
    object: Any = None  # "error" in Mistral's errors, which have no field of that name


class Event(msgspec.Struct, frozen=True):
    """What one answer or stream event says.

    `finished` are the indexes of the choices it ends; `is_usage_only` marks the extra event that
    `stream_options.include_usage` asks for; `is_valid` is False where it is no JSON object.
    `service_tier` is the one that served it, which need not be the one that was asked for.
    """

    usage: Usage | None = None
    finished: tuple[int, ...] = ()
    is_usage_only: bool = False
    is_error: bool = False
    is_valid: bool = True
    service_tier: str | None = None


class _UsageOnly(msgspec.Struct):
    usage: _Usage | None = None


class _TierOnly(msgspec.Struct):
    service_tier: Any = None


_DECODE = msgspec.json.Decoder(_Answer).decode
_DECODE_USAGE = msgspec.json.Decoder(_UsageOnly).decode
_DECODE_TOP = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def read_event(data: bytes) -> Event:
    """Return what the JSON of one stream event says; nothing where it has another shape."""
    try:
        answer = _DECODE(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Event(is_valid=_is_object(data))
    choices = answer.choices
    return Event(
        usage=_usage(answer.usage),
        finished=tuple(c.index for c in choices if c.finish_reason) if choices else (),
        is_usage_only=choices == [] and answer.usage is not None,
        is_error=choices is None and (answer.error is not None or answer.object == "error"),
        service_tier=answer.service_tier if isinstance(answer.service_tier, str) else None,
    )


def read_answer_usage(body: bytes, *, gives_text: bool = True) -> Usage | None:
    """Return the usage of a whole answer; None where it gives none that can be read.

    Without `gives_text` (embeddings), no completion has to be counted. Raises ValueError where
    `body` is no JSON object.
    """
    try:
        return _usage(_DECODE_USAGE(body).usage, gives_text=gives_text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if not _is_object(body):
            raise ValueError("the answer is no JSON object") from None
        return None


def read_service_tier(body: bytes) -> str | None:
    """Return which tier served a whole answer; None where it does not say."""
    try:
        tier = msgspec.json.decode(body, type=_TierOnly).service_tier
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return tier if isinstance(tier, str) else None


def _is_object(data: bytes) -> bool:
    try:
        _DECODE_TOP(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _usage(usage: _Usage | None, *, gives_text: bool = True) -> Usage | None:
    if usage is None or usage.prompt_tokens is None:
        return None
    if usage.completion_tokens is None and gives_text:
        return None  # half a count is none: it would bill the other half at nothing
    details = usage.prompt_tokens_details
    cached = details.cached_tokens if details is not None else None
    if cached is None:
        cached = usage.num_cached_tokens
    written = details.cache_write_tokens if details is not None else None
    prompt_tokens = max(0, ceil(usage.prompt_tokens))
    cached_tokens = max(0, min(int(cached or 0), prompt_tokens))
    return Usage(
        prompt_tokens,
        made_tokens(
            prompt_tokens, usage.completion_tokens, usage.total_tokens if gives_text else 0
        ),
        cached_tokens,
        max(0, min(int(written or 0), prompt_tokens - cached_tokens)),
    )


def made_tokens(prompt_tokens: int, counted: float | None, total: float | None) -> int:
    """Return the tokens of an answer: what the total holds beyond the prompt, where that is more
    than was `counted`. Some servers (xAI, Gemini's as OpenAI's) leave out there what was thought.
    """
    return max(0, ceil(counted or 0), ceil(total or 0) - prompt_tokens)
