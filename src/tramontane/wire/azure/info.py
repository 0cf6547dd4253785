"""What Azure's clients read of models: `info` of one model, and lists.

It does not know keys.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

import msgspec

from tramontane.errors import InvalidRequest, NotFound, TramontaneError
from tramontane.wire.azure import errors
from tramontane.wire.dialect import Shown


class Info:
    """GET /info: the model that `?model=` names, or the only one there is."""

    method = b"GET"

    def answer(
        self, models: Sequence[Shown], *, name: str | None, body: bytes, query: bytes
    ) -> bytes:
        """Return the model's info. Raises NotFound, InvalidRequest where several could be meant."""
        named = parse_qs(query.decode("latin-1")).get("model", [])
        found = [model for model in models if not named or model.name == named[0]]
        if not found:
            raise NotFound(
                f"There is no model '{named[0][:200]}' that this key may use."
                if named
                else "There is no model that this key may use.",
                code="model_not_found",
                param="model",
            )
        if len(found) > 1:
            raise InvalidRequest(
                "Several models answer here: say which with '?model=NAME'.",
                code="missing_field",
                param="model",
            )
        info: dict[str, Any] = {
            "model_name": found[0].name,
            "model_type": "chat_completion",
            "model_provider_name": "tramontane",
        }
        return msgspec.json.encode(info)

    def error(self, error: TramontaneError) -> tuple[int, bytes]:
        """Return status and body of a refusal."""
        return errors.render(error)


class Models:
    """GET /openai/models: the list of deployments."""

    method = b"GET"

    def answer(
        self, models: Sequence[Shown], *, name: str | None, body: bytes, query: bytes
    ) -> bytes:
        """Return the list, or the entry of `name`. Raises NotFound."""
        entries = [
            {
                "id": model.name,
                "object": "model",
                "created_at": model.created_s,
                "created": model.created_s,
                "owned_by": "tramontane",
                "status": "succeeded",
                "capabilities": {"inference": True, "chat_completion": True},
            }
            for model in models
            if name is None or model.name == name
        ]
        if name is None:
            return msgspec.json.encode({"object": "list", "data": entries})
        if not entries:
            raise NotFound(
                f"There is no model '{name[:200]}' that this key may use.",
                code="model_not_found",
                param="model",
            )
        return msgspec.json.encode(entries[0])

    def error(self, error: TramontaneError) -> tuple[int, bytes]:
        """Return status and body of a refusal."""
        return errors.render(error)


INFO = Info()
MODELS = Models()
