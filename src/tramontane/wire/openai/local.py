"""What a local engine is given: allow-listed fields only, each of the right type.

llama.cpp's server knows many fields that the OpenAI dialect does not (slots, templates, files);
none of them is the caller's to set.
"""

from typing import Any, Literal

import msgspec

from tramontane.errors import InvalidRequest
from tramontane.wire.openai.intent import Intent


class _Function(msgspec.Struct):
    name: str


class _Tool(msgspec.Struct):
    type: Literal["function"]
    function: _Function


class _Format(msgspec.Struct):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: dict[str, Any] | None = None


class _Message(msgspec.Struct):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[dict[str, Any]] | None = None


_TYPES: dict[str, Any] = {
    "messages": list[_Message],
    "tools": list[_Tool] | None,
    "tool_choice": Literal["none", "auto", "required"] | dict[str, Any] | None,
    "parallel_tool_calls": bool | None,
    "response_format": _Format | None,
    "stop": str | list[str] | None,
    "seed": int | None,
    "temperature": float | None,
    "top_p": float | None,
    "top_k": int | None,
    "min_p": float | None,
    "frequency_penalty": float | None,
    "presence_penalty": float | None,
    "logit_bias": dict[str, float] | None,
    "logprobs": bool | None,
    "top_logprobs": int | None,
}
_DECODERS = {name: msgspec.json.Decoder(type_) for name, type_ in _TYPES.items()}


def local_fields(fields: dict[str, msgspec.Raw], intent: Intent) -> dict[str, msgspec.Raw]:
    """Return the fields for a local engine. InvalidRequest names the first that is wrong."""
    if intent.choices != 1:
        raise InvalidRequest(
            "A model that runs here gives one answer per request: leave out 'n' or set it to 1.",
            code="invalid_value",
            param="n",
        )
    kept = {"model": fields["model"]}
    for name, decoder in _DECODERS.items():
        raw = fields.get(name)
        if raw is None or bytes(memoryview(raw)[:5]) == b"null":
            continue
        _check(name, raw, decoder)
        kept[name] = raw
    limit = fields.get("max_completion_tokens") or fields.get("max_tokens")
    if limit is not None:
        kept["max_tokens"] = limit
    return kept


def _check(name: str, raw: msgspec.Raw, decoder: "msgspec.json.Decoder[Any]") -> None:
    try:
        decoder.decode(raw)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
        param = name + place.rstrip("`").replace("...", "")
        raise InvalidRequest(
            f"The field '{param}' is wrong: {message}.", code="invalid_type", param=param
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(
            f"The field '{name}' is not valid JSON: {error}.", code="invalid_json", param=name
        ) from None
