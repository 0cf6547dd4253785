"""Lists of models as Anthropic's API gives them. It does not know deployments."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import msgspec

from tramontane.errors import InvalidRequest, NotFound, TramontaneError
from tramontane.wire.anthropic import errors
from tramontane.wire.dialect import Shown

PAGE = 20
PAGE_MOST = 1_000

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
