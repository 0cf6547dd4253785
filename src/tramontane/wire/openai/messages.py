"""A conversation as an engine here gets it: checked message by message, and written anew.

The engine's templates know text, tool calls and their results. It does not know what a model or
its template makes of them.
"""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from tramontane.errors import InvalidRequest


class _Text(msgspec.Struct, tag_field="type", tag="text"):
    text: str


class _Refusal(msgspec.Struct, tag_field="type", tag="refusal"):
    refusal: str


class _Called(msgspec.Struct):
    name: str
    arguments: str


class _Call(msgspec.Struct):
    id: str
    function: _Called
    type: Literal["function"] = "function"


class _Message(msgspec.Struct):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[_Text | _Refusal] | UnsetType | None = UNSET
    name: str | UnsetType = UNSET
    tool_calls: list[_Call] | UnsetType | None = UNSET
    tool_call_id: str | UnsetType = UNSET


_DECODE = msgspec.json.Decoder(list[_Message]).decode
_ARGUMENTS = msgspec.json.Decoder(dict[str, Any]).decode


def engine_messages(raw: Raw, model: str) -> Raw:
    """Return the messages for the engine. InvalidRequest names the place that is wrong."""
    try:
        messages = _DECODE(raw)
    except msgspec.ValidationError as error:
        raise _explain(error, model) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(
            f"The field 'messages' is not valid JSON: {error}.",
            code="invalid_json",
            param="messages",
        ) from None
    for i, message in enumerate(messages):
        _mend(message, f"messages[{i}]")
    return Raw(msgspec.json.encode(messages))


def _mend(message: _Message, place: str) -> None:
    """Check what types alone do not tell, and spell it as the engine knows it."""
    if message.role == "developer":
        message.role = "system"
    if isinstance(message.content, list):
        message.content = [
            _Text(part.refusal) if isinstance(part, _Refusal) else part for part in message.content
        ]
    if not message.tool_calls:
        message.tool_calls = UNSET
    if message.content is UNSET or message.content is None:
        if message.role != "assistant" or message.tool_calls is UNSET:
            raise _missing(f"{place}.content", "the text of the message")
        message.content = None
    if message.role == "tool" and message.tool_call_id is UNSET:
        raise _missing(f"{place}.tool_call_id", "the id of the call that this is the result of")
    for j, call in enumerate(message.tool_calls or ()):
        arguments = call.function.arguments = call.function.arguments or "{}"
        try:
            _ARGUMENTS(arguments)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            param = f"{place}.tool_calls[{j}].function.arguments"
            raise InvalidRequest(
                f"The field '{param}' must hold a JSON object, not {arguments[:40]!r}.",
                code="invalid_value",
                param=param,
            ) from None


def _missing(param: str, what: str) -> InvalidRequest:
    return InvalidRequest(
        f"The field '{param}' is missing; it must be {what}.", code="missing_field", param=param
    )


def _explain(error: msgspec.ValidationError, model: str) -> InvalidRequest:
    message, _, place = str(error).partition(" - at `$")
    param = "messages" + place.rstrip("`")
    if ".content[" in place and place.endswith(".type`"):
        kind = message.removeprefix("Invalid value ")
        return InvalidRequest(
            f"The model '{model}' reads text only, not content of the type {kind}.",
            code="unsupported_content",
            param=param,
        )
    code = "missing_field" if message.startswith("Object missing") else "invalid_type"
    if message.startswith("Invalid enum"):
        code = "invalid_value"
        message += "; roles are system, developer, user, assistant and tool"
    return InvalidRequest(f"The field '{param}' is wrong: {message}.", code=code, param=param)
