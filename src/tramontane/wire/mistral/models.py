"""The list of models as Mistral's clients read it: cards with what each model can do.

What nobody has said of a model (its context's length, whether it sees) is left out. It does not
know keys.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from tramontane.errors import NotFound, TramontaneError
from tramontane.wire.dialect import Shown
from tramontane.wire.mistral import errors


class Models:
    """GET /models, and /models/{model}."""

    method = b"GET"

    def answer(
        self, models: Sequence[Shown], *, name: str | None, body: bytes, query: bytes
    ) -> bytes:
        """Return the list, or the card of `name`. Raises NotFound."""
        cards = [_card(model) for model in models if name is None or model.name == name]
        if name is None:
            return msgspec.json.encode({"object": "list", "data": cards})
        if not cards:
            raise NotFound(
                f"There is no model '{name[:200]}' that this key may use.",
                code="model_not_found",
                param="model_id",
            )
        return msgspec.json.encode(cards[0])

    def error(self, error: TramontaneError) -> tuple[int, bytes]:
        """Return status and body of a refusal."""
        return errors.render(error)


def _card(model: Shown) -> dict[str, Any]:
    card: dict[str, Any] = {
        "id": model.name,
        "object": "model",
        "created": model.created_s,
        "owned_by": "tramontane",
        "capabilities": {
            "completion_chat": True,
            "function_calling": model.supports_tools or not model.is_local,
            "fine_tuning": False,
        },
        "name": model.name,
        "aliases": [],
        "type": "base",
    }
    if model.context_tokens is not None:
        card["max_context_length"] = model.context_tokens
    return card


MODELS = Models()
