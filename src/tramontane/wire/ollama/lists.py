"""What Ollama's clients ask about models: which there are, which run, what one can do.

Sizes and digests of files are nobody's business here and are left empty. Models are deployed by
an operator, so pulling, making and deleting them is refused.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from tramontane import __version__
from tramontane.errors import InvalidRequest, NotFound, TramontaneError
from tramontane.wire.dialect import Local, Shown
from tramontane.wire.ollama.answering import timestamp, write_error

SPOKEN = "0.12.6"
"""The version of Ollama whose API is spoken: some clients will not talk to an older one."""


class _Named(msgspec.Struct):
    model: str = ""
    name: str = ""


class _Listed:
    """What every path here shares."""

    method = b"GET"

    def error(self, error: TramontaneError) -> tuple[int, bytes]:
        """Return status and body of a refusal."""
        return error.status, write_error(error)


class Tags(_Listed):
    """GET /api/tags, and with `runs_here` GET /api/ps."""

    def __init__(self, *, runs_here: bool = False) -> None:
        self._runs_here = runs_here

    def answer(
        self, models: Sequence[Shown], *, name: str | None, body: bytes, query: bytes
    ) -> bytes:
        """Return the models that the key may use; of /api/ps those that run here."""
        if self._runs_here:
            return msgspec.json.encode({"models": [_running(m) for m in models if m.is_local]})
        return msgspec.json.encode({"models": [_listed(model) for model in models]})


class Show(_Listed):
    """POST /api/show."""

    method = b"POST"

    def answer(
        self, models: Sequence[Shown], *, name: str | None, body: bytes, query: bytes
    ) -> bytes:
        """Return what is known of one model. Raises NotFound, InvalidRequest."""
        try:
            named = msgspec.json.decode(body, type=_Named)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise InvalidRequest(
                'The body must be a JSON object such as {"model": "large"}.', code="invalid_json"
            ) from None
        wanted = (named.model or named.name).removesuffix(":latest")
        for model in models:
            if model.name == wanted:
                return msgspec.json.encode(_shown(model))
        raise NotFound(f"model '{wanted[:100]}' not found", code="model_not_found", param="model")


class Version(_Listed):
    """GET /api/version."""

    def answer(
        self, models: Sequence[Shown], *, name: str | None, body: bytes, query: bytes
    ) -> bytes:
        """Return the version of the API that is spoken, and ours."""
        return msgspec.json.encode({"version": SPOKEN, "tramontane": __version__})


class Managed(_Listed):
    """What changes the models of a server: not through this API. Always refused."""

    def __init__(self, method: bytes) -> None:
        self.method = method

    def answer(
        self, models: Sequence[Shown], *, name: str | None, body: bytes, query: bytes
    ) -> bytes:
        """Raise InvalidRequest."""
        raise InvalidRequest(
            "Models are added and removed by whoever runs this platform ('tramontane model add',"
            " 'tramontane model deploy'), not through Ollama's API.",
            code="unsupported_operation",
        )


PATHS: dict[str, Local] = {
    "/api/tags": Tags(),
    "/api/ps": Tags(runs_here=True),
    "/api/show": Show(),
    "/api/version": Version(),
    **{f"/api/{word}": Managed(b"POST") for word in ("pull", "push", "create", "copy")},
    "/api/delete": Managed(b"DELETE"),
    "/api/blobs/{model}": Managed(b"POST"),
}


def _details(model: Shown) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "gguf" if model.is_local else "",
        "family": "",
        "families": [],
        "parameter_size": "",
        "quantization_level": "",
    }


def _listed(model: Shown) -> dict[str, Any]:
    return {
        "name": model.name,
        "model": model.name,
        "modified_at": timestamp(model.created_s * 1_000_000_000),
        "size": 0,
        "digest": "",
        "details": _details(model),
    }


def _running(model: Shown) -> dict[str, Any]:
    body = _listed(model)
    del body["modified_at"]
    body["size_vram"] = 0
    if model.context_tokens is not None:
        body["context_length"] = model.context_tokens
    return body


def _capabilities(model: Shown) -> list[str]:
    if model.gives_vectors:
        return ["embedding"]
    return ["completion", "tools"] if model.supports_tools else ["completion"]


def _shown(model: Shown) -> dict[str, Any]:
    info: dict[str, Any] = {"general.architecture": "tramontane", "general.basename": model.name}
    if model.context_tokens is not None:
        info["tramontane.context_length"] = model.context_tokens
    return {
        "license": "",
        "modelfile": "",
        "parameters": "",
        "template": "",
        "details": _details(model),
        "model_info": info,
        "capabilities": _capabilities(model),
        "modified_at": timestamp(model.created_s * 1_000_000_000),
    }
