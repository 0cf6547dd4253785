"""Tools for an engine here: which it is shown, and how it is held to calling one.

A choice of "required", or of one function, is a promise. llama.cpp's server keeps it only where
the model feels like it, so the answer is held by a grammar to `{"name": …, "arguments": {…}}`,
which `chunks` renders as a tool call. That works for any model, with "auto" only for those whose
chat template shows tools. It does not know streams.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw

from tramontane.errors import InvalidRequest
from tramontane.wire.openai.schemas import grammar_schema

TOOLS_MAX = 128
TOOLS_BYTES_MAX = 131_072
NULL = Raw(b"null")
_NO_PARAMETERS = Raw(b'{"type":"object","properties":{}}')


class _Function(msgspec.Struct, omit_defaults=True):
    name: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: str | None = None
    parameters: Raw = NULL
    strict: bool | None = None


class _Tool(msgspec.Struct):
    type: Literal["function"]
    function: _Function


class _Name(msgspec.Struct):
    name: str


class _Named(msgspec.Struct, tag_field="type", tag="function"):
    function: _Name


class _NamedTool(msgspec.Struct):
    type: Literal["function"]
    function: _Name


class _Allowed(msgspec.Struct):
    mode: Literal["auto", "required"]
    tools: list[_NamedTool]


class _AllowedTools(msgspec.Struct, tag_field="type", tag="allowed_tools"):
    allowed_tools: _Allowed


_TOOLS = msgspec.json.Decoder(Annotated[list[_Tool], Meta(max_length=TOOLS_MAX)] | None)
_CHOICE = msgspec.json.Decoder(Literal["none", "auto", "required"] | _Named | _AllowedTools | None)


class Tools(msgspec.Struct, frozen=True):
    """`offered` with `choice` as the engine gets them; `forced`: the answer's form."""

    offered: Raw | None = None
    choice: Raw = Raw(b'"auto"')
    forced: Raw | None = None


def read_tools(fields: dict[str, Raw], model: str, *, supports_tools: bool) -> Tools:
    """Return what the request wants of tools. InvalidRequest names the field that is wrong."""
    tools = _read_tools(fields.get("tools"))
    choice = _read_choice(fields.get("tool_choice"))
    if not tools:
        if choice not in (None, "none", "auto"):
            raise _wrong("tool_choice", "it needs 'tools' to choose from")
        return Tools()
    mode = choice if isinstance(choice, str) else "auto"
    if isinstance(choice, _AllowedTools):
        mode = choice.allowed_tools.mode
        tools = _named(tools, [tool.function.name for tool in choice.allowed_tools.tools])
    elif isinstance(choice, _Named):
        mode = "required"
        tools = _named(tools, [choice.function.name])
    if mode == "auto" and not supports_tools:
        raise InvalidRequest(
            f"The model '{model}' was not made for tools: its chat template does not show them."
            " Leave out 'tools', or demand a call with 'tool_choice'.",
            code="tools_not_supported",
            param="tools",
        )
    offered = _offered(tools) if supports_tools else None
    if mode == "required":
        return Tools(offered, forced=_forced_form(tools))
    return Tools(offered, Raw(msgspec.json.encode(mode)))


def _read_tools(raw: Raw | None) -> list[_Tool]:
    if raw is None:
        return []
    if memoryview(raw).nbytes > TOOLS_BYTES_MAX:
        raise _wrong("tools", f"they are larger than {TOOLS_BYTES_MAX:,} bytes")
    tools = _decode("tools", raw, _TOOLS) or []
    names = set()
    for i, tool in enumerate(tools):
        if tool.function.name in names:
            raise _wrong(f"tools[{i}].function.name", f"'{tool.function.name}' stands twice")
        names.add(tool.function.name)
    return tools


def _read_choice(raw: Raw | None) -> Any:
    return None if raw is None else _decode("tool_choice", raw, _CHOICE)


def _named(tools: list[_Tool], names: list[str]) -> list[_Tool]:
    known = {tool.function.name: tool for tool in tools}
    for name in names:
        if name not in known:
            raise _wrong("tool_choice", f"there is no tool named '{name[:64]}'")
    if not names:
        raise _wrong("tool_choice", "it allows no tool")
    return [known[name] for name in dict.fromkeys(names)]


def _parameters(function: _Function, pointer: str = "#") -> Raw:
    if bytes(function.parameters) == b"null":
        return _NO_PARAMETERS
    param, strict = f"tools.{function.name}.parameters", function.strict is True
    return grammar_schema(function.parameters, param, strict=strict, pointer=pointer)


def _offered(tools: list[_Tool]) -> Raw:
    """Return the tools as the engine's template shows them to the model."""
    shown = [
        _Tool("function", _Function(f.name, f.description, _parameters(f)))
        for f in (tool.function for tool in tools)
    ]
    return Raw(msgspec.json.encode(shown))


def _forced_form(tools: list[_Tool]) -> Raw:
    """Return the response format whose every answer is a call of one of `tools`."""
    parameters, calls = {}, []
    for i, tool in enumerate(tools):
        place = f"parameters{i}"
        parameters[place] = _parameters(tool.function, f"#/$defs/{place}")
        calls.append(
            {
                "type": "object",
                "properties": {
                    "name": {"const": tool.function.name},
                    "arguments": {"$ref": f"#/$defs/{place}"},
                },
                "required": ["name", "arguments"],
                "additionalProperties": False,
            }
        )
    schema = {"$defs": parameters, **(calls[0] if len(calls) == 1 else {"anyOf": calls})}
    form = {"type": "json_schema", "json_schema": {"name": "call", "schema": schema}}
    return Raw(msgspec.json.encode(form))


def _decode(name: str, raw: Raw, decoder: "msgspec.json.Decoder[Any]") -> Any:
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
        raise _wrong(name + place.rstrip("`"), message) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(
            f"The field '{name}' is not valid JSON: {error}.", code="invalid_json", param=name
        ) from None


def _wrong(param: str, reason: str) -> InvalidRequest:
    return InvalidRequest(
        f"The field '{param}' is wrong: {reason}.", code="invalid_value", param=param
    )
