"""Answers as they arrive: usage, finish, errors, of one body or of stream events.

It reads what bills and endings depend on, by JSON and never by pattern, and leaves the rest as
it came. It does not know framing or connections.
"""

import msgspec

from tramontane.money import Usage

DONE = b"[DONE]"


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    finish_reason: str | None = None


class _Answer(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: msgspec.Raw | None = None


class Event(msgspec.Struct, frozen=True):
    """What one answer or stream event says.

    `finished` are the indexes of the choices it ends; `is_usage_only` marks the extra event that
    `stream_options.include_usage` asks for; `is_valid` is False where it is no JSON object.
    """

    usage: Usage | None = None
    finished: tuple[int, ...] = ()
    is_usage_only: bool = False
    is_error: bool = False
    is_valid: bool = True


class _UsageOnly(msgspec.Struct):
    usage: _Usage | None = None


_DECODE = msgspec.json.Decoder(_Answer).decode
_DECODE_USAGE = msgspec.json.Decoder(_UsageOnly).decode


def read_event(data: bytes) -> Event:
    """Return what the JSON of one stream event says."""
    try:
        answer = _DECODE(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Event(is_valid=False)
    choices = answer.choices
    return Event(
        usage=_usage(answer.usage),
        finished=tuple(c.index for c in choices if c.finish_reason) if choices else (),
        is_usage_only=choices == [] and answer.usage is not None,
        is_error=answer.error is not None and choices is None,
    )


def read_answer_usage(body: bytes) -> Usage | None:
    """Return the usage of a whole answer; None where it gives none. ValueError if no JSON."""
    return _usage(_DECODE_USAGE(body).usage)


def _usage(usage: _Usage | None) -> Usage | None:
    if usage is None or usage.prompt_tokens is None:
        return None
    details = usage.prompt_tokens_details
    cached = details.cached_tokens if details is not None else None
    return Usage(
        max(0, usage.prompt_tokens),
        max(0, usage.completion_tokens or 0),
        max(0, min(cached or 0, usage.prompt_tokens)),
    )
