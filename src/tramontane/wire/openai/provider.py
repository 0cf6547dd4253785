"""What all operations of OpenAI's dialect share towards providers: the key, errors, counts.

It does not know what is asked.
"""

from math import ceil
from typing import Any

import msgspec

from tramontane.money import Usage
from tramontane.wire.canonical import Said
from tramontane.wire.openai.events import made_tokens


def bearer(secret: str | None) -> bytes:
    """Return the head's line that proves who asks."""
    return b"" if secret is None else b"authorization: Bearer %b\r\n" % secret.encode()


class _Error(msgspec.Struct):
    message: Any = None
    code: Any = None
    param: Any = None


class _Failed(msgspec.Struct):
    error: _Error | str | None = None


_FAILED = msgspec.json.Decoder(_Failed)


def read_said(body: bytes) -> Said:
    """Return what an error's body says; empty where it is not in this form."""
    try:
        error = _FAILED.decode(body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Said()
    if isinstance(error, str):
        return Said(message=error)
    if error is None:
        return Said()
    message, code, param = error.message, error.code, error.param
    return Said(
        message=message if isinstance(message, str) else "",
        code=code if isinstance(code, str) else None,
        param=param if isinstance(param, str) else None,
    )


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | float | None = None
    cache_write_tokens: int | float | None = None


class _CompletionDetails(msgspec.Struct):
    reasoning_tokens: int | float | None = None


class Counts(msgspec.Struct):
    """Usage as OpenAI spells it; some servers count in floats. Embeddings have no completion."""

    prompt_tokens: int | float | None = None
    completion_tokens: int | float | None = None
    total_tokens: int | float | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


def thinking_of(counts: Counts | None) -> int | None:
    """Return how many of the completion's tokens were thought, None where that is not said."""
    details = counts.completion_tokens_details if counts is not None else None
    if details is None or details.reasoning_tokens is None:
        return None
    return max(0, int(details.reasoning_tokens))


def usage_of(counts: Counts | None, *, gives_text: bool = True) -> Usage | None:
    """Return the usage; None where it is not whole: half a count would bill the rest at nothing."""
    if counts is None or counts.prompt_tokens is None:
        return None
    if counts.completion_tokens is None and gives_text:
        return None
    details = counts.prompt_tokens_details or _PromptDetails()
    prompt_tokens = max(0, ceil(counts.prompt_tokens))
    cached = max(0, min(int(details.cached_tokens or 0), prompt_tokens))
    return Usage(
        prompt_tokens,
        made_tokens(
            prompt_tokens, counts.completion_tokens, counts.total_tokens if gives_text else 0
        ),
        cached,
        max(0, min(int(details.cache_write_tokens or 0), prompt_tokens - cached)),
    )


def usage_body(
    usage: Usage, thinking_tokens: int | None = None, *, gives_text: bool = True
) -> dict[str, Any]:
    """Return `usage` as OpenAI spells it; `thinking_tokens` where that was counted."""
    if not gives_text:
        return {"prompt_tokens": usage.prompt_tokens, "total_tokens": usage.prompt_tokens}
    body: dict[str, Any] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }
    if thinking_tokens is not None:
        body["completion_tokens_details"] = {"reasoning_tokens": thinking_tokens}
    if usage.cache_write_tokens:
        body["prompt_tokens_details"]["cache_write_tokens"] = usage.cache_write_tokens
    return body
