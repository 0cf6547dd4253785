"""What Anthropic's paths give without asking a model: lists of models, a count of tokens.

The count is an estimate from the length of what was sent, and says so in the field `estimated`.
It does not know deployments.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import msgspec

from tramontane.errors import InvalidRequest, NotFound, TramontaneError
from tramontane.wire.anthropic import errors
from tramontane.wire.anthropic.client import COUNT_TOKENS
from tramontane.wire.canonical import Call, File, Image, Message, Request, Result, Text, Thinking
from tramontane.wire.dialect import Shown

PAGE = 20
PAGE_MOST = 1_000
BYTES_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4
TOKENS_PER_IMAGE = 1_600  # the most that its documentation gives for one image
BYTES_PER_FILE_TOKEN = 26  # of base64: some 60 kB and 2,300 tokens a page of a PDF

_ENCODE = msgspec.json.Encoder().encode


class _Base:
    method = b"GET"

    def error(self, error: TramontaneError) -> tuple[int, bytes]:
        """Return status and body of a refusal."""
        return errors.status_of(error), errors.render(error)


class ModelList(_Base):
    """GET /v1/models."""

    def answer(
        self, models: Sequence[Shown], *, name: str | None, body: bytes, query: bytes
    ) -> bytes:
        """Return one page of `models`. Raises InvalidRequest."""
        asked = {key: values[-1] for key, values in parse_qs(query.decode("latin-1")).items()}
        limit = _limit(asked.get("limit"))
        names = [model.name for model in models]
        page = list(models)
        has_more = False
        if (before := asked.get("before_id")) is not None:
            page = page[: _place(names, before, "before_id")]
            has_more = len(page) > limit
            page = page[-limit:]
        else:
            if (after := asked.get("after_id")) is not None:
                page = page[_place(names, after, "after_id") + 1 :]
            has_more = len(page) > limit
            page = page[:limit]
        return _ENCODE(
            {
                "data": [_shown(model) for model in page],
                "has_more": has_more,
                "first_id": page[0].name if page else None,
                "last_id": page[-1].name if page else None,
            }
        )


class OneModel(_Base):
    """GET /v1/models/NAME."""

    def answer(
        self, models: Sequence[Shown], *, name: str | None, body: bytes, query: bytes
    ) -> bytes:
        """Return the model `name`. Raises NotFound."""
        for model in models:
            if model.name == name:
                return _ENCODE(_shown(model))
        raise NotFound(
            f"There is no model '{(name or '')[:100]}' for this key.", code="model_not_found"
        )


class TokenCount(_Base):
    """POST /v1/messages/count_tokens."""

    method = b"POST"

    def answer(
        self, models: Sequence[Shown], *, name: str | None, body: bytes, query: bytes
    ) -> bytes:
        """Return an estimate of the prompt's tokens. Raises InvalidRequest, NotFound."""
        request = COUNT_TOKENS.read(body, None, query).request
        if all(model.name != request.model for model in models):
            raise NotFound(
                f"There is no model '{request.model[:100]}' for this key.",
                code="model_not_found",
                param="model",
            )
        return _ENCODE({"input_tokens": estimate_tokens(request), "estimated": True})


def estimate_tokens(request: Request) -> int:
    """Return about how many tokens the prompt of `request` has."""
    tokens = sum(TOKENS_PER_MESSAGE + _tokens(message) for message in request.messages)
    for tool in request.tools:
        size = len(tool.name) + len(tool.description or "") + len(bytes(tool.schema))
        tokens += TOKENS_PER_MESSAGE + -(-size // BYTES_PER_TOKEN)
    return tokens


def _tokens(message: Message) -> int:
    tokens = text_bytes = 0
    pending: list[Any] = list(message.parts)
    while pending:
        part = pending.pop()
        if isinstance(part, Text | Thinking):
            text_bytes += len(part.text.encode())
        elif isinstance(part, Call):
            text_bytes += len(part.name) + len(part.arguments)
        elif isinstance(part, Image):
            tokens += TOKENS_PER_IMAGE
        elif isinstance(part, File):
            tokens += len(part.data) // BYTES_PER_FILE_TOKEN
        elif isinstance(part, Result):
            pending.extend(part.parts)
    return tokens + -(-text_bytes // BYTES_PER_TOKEN)


def _shown(model: Shown) -> dict[str, Any]:
    created = datetime.fromtimestamp(model.created_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "type": "model",
        "id": model.name,
        "display_name": model.name,
        "created_at": created,
        "lifecycle": "active",
        "max_input_tokens": model.context_tokens,
        "max_tokens": model.max_output_tokens,
    }


def _limit(text: str | None) -> int:
    if text is None:
        return PAGE
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= PAGE_MOST:
        raise InvalidRequest(
            f"limit: it must be between 1 and {PAGE_MOST}.", code="invalid_value", param="limit"
        )
    return int(text)


def _place(names: list[str], name: str, param: str) -> int:
    if name not in names:
        raise InvalidRequest(
            f"{param}: there is no model '{name[:100]}'.", code="invalid_value", param=param
        )
    return names.index(name)


MODELS = ModelList()
MODEL = OneModel()
COUNT = TokenCount()
