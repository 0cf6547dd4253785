"""A value that conforms to a JSON schema: what a structured answer or a tool call is filled with.

Covers what the structured outputs of OpenAI's API accept, and more; `pattern`, `not` and
conditional keywords are not understood. Deterministic: one schema gives one value.
"""

import math
from collections.abc import Mapping
from typing import Any

_FORMATS = {
    "date-time": "2024-05-04T03:02:01Z",
    "date": "2024-05-04",
    "time": "03:02:01Z",
    "duration": "P1D",
    "email": "someone@example.org",
    "hostname": "example.org",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.org/",
    "uuid": "6f0f2a1c-0d38-4c0e-9f0a-2b1c3d4e5f60",
}
_MAX_DEPTH = 32
_MAX_VALUES = 10_000


def instance(schema: Mapping[str, Any] | bool, text: str = "text") -> Any:
    """Return a value valid under `schema`; `text` is what free strings hold.

    Raises ValueError where the schema refers to what is not there, or cannot be satisfied.
    """
    return _Builder(schema if isinstance(schema, Mapping) else {}, text).build(schema, 0)


class _Builder:
    def __init__(self, root: Mapping[str, Any], text: str) -> None:
        self.root = root
        self.text = text
        self.values_left = _MAX_VALUES

    def build(self, schema: Mapping[str, Any] | bool, depth: int) -> Any:
        self.values_left -= 1
        if schema is False or depth > _MAX_DEPTH or self.values_left < 0:
            raise ValueError("the schema cannot be satisfied, or only by an endless value")
        if schema is True:
            return self.text
        schema = self.resolve(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                return self.first_possible(schema[keyword], depth)
        types = schema.get("type") or ("object" if "properties" in schema else "string")
        if isinstance(types, list):
            return self.first_possible([{**schema, "type": name} for name in types], depth)
        return self.of_type(types, schema, depth)

    def resolve(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        seen = 0
        while "$ref" in schema:
            reference = schema["$ref"]
            found: Any = self.root
            for name in str(reference).lstrip("#/").split("/") if reference != "#" else ():
                name = name.replace("~1", "/").replace("~0", "~")
                if not isinstance(found, Mapping) or name not in found:
                    raise ValueError(f"the schema refers to '{reference}', which is not in it")
                found = found[name]
            seen += 1
            if seen > _MAX_DEPTH or not isinstance(found, Mapping):
                raise ValueError(f"the reference '{reference}' leads nowhere")
            schema = found
        for part in schema.get("allOf", ()):
            schema = _merge(self.resolve(part), {k: v for k, v in schema.items() if k != "allOf"})
        return schema

    def first_possible(self, schemas: list[Mapping[str, Any]], depth: int) -> Any:
        problem = ValueError("the schema offers no alternative")
        if depth > 2:  # a schema that refers to itself ends by its plain alternatives
            schemas = sorted(schemas, key=lambda schema: "$ref" in schema)
        for schema in schemas:
            try:
                return self.build(schema, depth + 1)
            except ValueError as error:
                problem = error
        raise problem

    def of_type(self, name: str, schema: Mapping[str, Any], depth: int) -> Any:
        if name == "object":
            properties = schema.get("properties", {})
            wanted = schema.get("required", properties if depth == 0 else ())
            return {n: self.build(properties.get(n, True), depth + 1) for n in wanted}
        if name == "array":
            size = max(schema.get("minItems", 0), 0 if depth else 1)
            size = min(size, schema.get("maxItems", size))
            return [self.build(schema.get("items", True), depth + 1) for _ in range(size)]
        if name in ("integer", "number"):
            return _number(schema, whole=name == "integer")
        if name == "string":
            return self.string(schema)
        if name in ("boolean", "null"):
            return True if name == "boolean" else None
        raise ValueError(f"'{name}' is no JSON type")

    def string(self, schema: Mapping[str, Any]) -> str:
        text = _FORMATS.get(schema.get("format", ""), self.text)
        if (shortest := schema.get("minLength", 0)) > _MAX_VALUES:
            raise ValueError(f"a string of {shortest} characters is too long")
        text = text.ljust(shortest, ".")
        return text[: schema.get("maxLength")]


def _merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**under, **over}
    if "properties" in under and "properties" in over:
        merged["properties"] = {**under["properties"], **over["properties"]}
    if "required" in under and "required" in over:
        merged["required"] = [*under["required"], *over["required"]]
    return merged


def _number(schema: Mapping[str, Any], *, whole: bool) -> float:
    step = schema.get("multipleOf", 1 if whole else 0.5)
    low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    above, below = (
        schema.get("exclusiveMinimum", -math.inf),
        schema.get("exclusiveMaximum", math.inf),
    )
    if low <= step <= high and above < step < below:
        return step  # type: ignore[no-any-return]
    if math.isfinite(low) or math.isfinite(above):
        value = math.ceil(max(low, above) / step) * step
        value = value + step if value <= above else value
    else:
        value = math.floor(min(high, below) / step) * step
        value = value - step if value >= below else value
    if not (low <= value <= high and above < value < below):
        raise ValueError("the schema leaves no number between its bounds")
    return int(value) if whole else value
