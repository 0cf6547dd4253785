"""Tools and JSON schemas as somebody types them, checked before a model is asked.

Each error names the place, as `tools.0.function.parameters.properties.city.type`. Pure; it holds
nobody to what a certain model can bear: the gateway does, for the deployment that answers.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tramontane.errors import InvalidRequest

TOOLS_MAX = 64
DEPTH_MAX = 32
KINDS = ("array", "boolean", "integer", "null", "number", "object", "string")
FORMS = ("text", "json_object", "json_schema")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_SCHEMAS = ("properties", "patternProperties", "$defs", "definitions")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE = ("items", "additionalProperties", "not", "contains", "propertyNames")


def check_tools(tools: Sequence[Any]) -> None:
    """Raise InvalidRequest, naming the place, unless `tools` are functions as OpenAI writes them,
    each with a name of its own.
    """
    if len(tools) > TOOLS_MAX:
        raise _wrong("tools", f"at most {TOOLS_MAX} tools can be offered")
    names: set[str] = set()
    for number, tool in enumerate(tools):
        at = f"tools.{number}"
        function = _object(_object(tool, at).get("function"), f"{at}.function")
        if tool.get("type") != "function":
            raise _wrong(f"{at}.type", 'must be "function"')
        name = function.get("name")
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            raise _wrong(f"{at}.function.name", "up to 64 letters, digits, - and _ make a name")
        if name in names:
            raise _wrong(f"{at}.function.name", f"{name!r} is the name of another tool already")
        names.add(name)
        if not isinstance(function.get("description", ""), str):
            raise _wrong(f"{at}.function.description", "must be a text")
        if "parameters" in function:
            parameters = _object(function["parameters"], f"{at}.function.parameters")
            if parameters.get("type", "object") != "object":
                raise _wrong(f"{at}.function.parameters.type", 'must be "object"')
            check_schema(parameters, f"{at}.function.parameters")


def check_format(form: Mapping[str, Any]) -> None:
    """Raise InvalidRequest, naming the place, unless `form` is a `response_format`."""
    kind = form.get("type")
    if kind not in FORMS:
        raise _wrong("response_format.type", f"must be one of {', '.join(FORMS)}")
    if kind != "json_schema":
        return
    at = "response_format.json_schema"
    named = _object(form.get("json_schema"), at)
    name = named.get("name")
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise _wrong(f"{at}.name", "up to 64 letters, digits, - and _ make a name")
    if not isinstance(named.get("strict"), bool | None):
        raise _wrong(f"{at}.strict", "must be true or false")
    check_schema(_object(named.get("schema"), f"{at}.schema"), f"{at}.schema")


def check_schema(schema: Any, at: str, depth: int = 0) -> None:
    """Raise InvalidRequest, naming the place below `at`, where a JSON schema is none."""
    if isinstance(schema, bool):
        return
    own = _object(schema, at)
    if depth > DEPTH_MAX:
        raise _wrong(at, f"schemas go at most {DEPTH_MAX} levels deep")
    _check_kind(own.get("type"), f"{at}.type")
    if "enum" in own and (not isinstance(own["enum"], list) or not own["enum"]):
        raise _wrong(f"{at}.enum", "must be a list of at least one value")
    required = own.get("required", [])
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        raise _wrong(f"{at}.required", "must be a list of names")
    for name in _SCHEMAS:
        for key, inner in _object(own.get(name, {}), f"{at}.{name}").items():
            check_schema(inner, f"{at}.{name}.{key[:60]}", depth + 1)
    for name in _LISTS:
        _check_list(own.get(name), f"{at}.{name}", depth)
    for name in _SINGLE:
        if name in own and not isinstance(own[name], list):
            check_schema(own[name], f"{at}.{name}", depth + 1)


def _check_kind(kind: Any, at: str) -> None:
    for one in kind if isinstance(kind, list) else [kind]:
        if one is not None and one not in KINDS:
            raise _wrong(at, f"{str(one)[:40]!r} is none of {', '.join(KINDS)}")


def _check_list(schemas: Any, at: str, depth: int) -> None:
    if schemas is None:
        return
    if not isinstance(schemas, list) or not schemas:
        raise _wrong(at, "must be a list of at least one schema")
    for number, inner in enumerate(schemas):
        check_schema(inner, f"{at}.{number}", depth + 1)


def _object(value: Any, at: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(at, "must be an object, { … }")
    return value


def _wrong(at: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"{at}: {why}.", param=at[:200], code="invalid_value")
