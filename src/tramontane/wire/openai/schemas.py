"""JSON schemas that an engine here turns into a grammar: what it can bear, and what it holds to.

llama.cpp's server converts schemas on the thread that serves everybody. Some take it seconds, some
hang it for good, so these are refused before they reach it (docs/decisions/004). Patterns are
rewritten in its dialect. Where the caller asks for `strict`, whatever the grammar would not hold
the answer to is refused; else it is left to the model. It does not validate schemas otherwise.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from tramontane.errors import InvalidRequest
from tramontane.wire.openai.patterns import PatternNotHeld, grammar_pattern

BYTES_MAX = 65_536
DEPTH_MAX = 64
SCHEMAS_MAX = 2_000
ALTERNATIVES_MAX = 500
PATTERN_MAX = 1_000
REPEATS_MAX = 100_000

Schema = dict[str, Any]

_NOT_HELD = frozenset(
    (
        "$dynamicRef", "$recursiveRef", "contains", "dependencies", "dependentRequired",
        "dependentSchemas", "else", "if", "maxContains", "maxProperties", "minContains",
        "minProperties", "multipleOf", "not", "patternProperties", "propertyNames", "then",
        "unevaluatedItems", "unevaluatedProperties", "uniqueItems",
    )
)  # fmt: skip
_RANGES = (
    ("minLength", "maxLength"), ("minItems", "maxItems"), ("minimum", "maximum"),
)  # fmt: skip
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_MAPS = ("properties", "$defs", "definitions")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems", "items")
_SINGLE = ("items", "additionalProperties")


def grammar_schema(
    raw: msgspec.Raw, param: str, *, strict: bool, pointer: str = "#"
) -> msgspec.Raw:
    """Return the schema `raw` as the engine gets it, to stand at `pointer` of what it is sent.

    Raises InvalidRequest, which names `param`.
    """
    if memoryview(raw).nbytes > BYTES_MAX:
        raise _refused(param, f"it is larger than {BYTES_MAX:,} bytes")
    try:
        schema = msgspec.json.decode(raw, type=Schema)
        _Check(schema, param, strict, pointer).run()
        return msgspec.Raw(msgspec.json.encode(schema))
    except msgspec.ValidationError:
        raise _refused(param, "it must be an object") from None
    except RecursionError:
        raise _refused(param, f"it is deeper than {DEPTH_MAX} levels") from None


class _Check:
    """One schema while it is checked; patterns and references are rewritten in place."""

    def __init__(self, root: Schema, param: str, strict: bool, pointer: str) -> None:
        self._root = root
        self._param = param
        self._strict = strict
        self._pointer = pointer
        self._repeats = 0
        self._alternatives: dict[int, int] = {}

    def run(self) -> None:
        found = [(self._root, "")]
        depth = 0
        level = found
        while level:
            level = [part for schema, place in level for part in _inner(schema, place)]
            found += level
            depth += 1
            if depth > DEPTH_MAX:
                raise self._refused(f"it is deeper than {DEPTH_MAX} levels")
            if len(found) > SCHEMAS_MAX:
                raise self._refused(f"it holds more than {SCHEMAS_MAX:,} schemas")
        for schema, place in found:
            self._check_one(schema, place)
        for schema, _ in found:
            reference = schema.get("$ref")
            if isinstance(reference, str) and reference.startswith("#/"):
                schema["$ref"] = self._pointer + reference[1:]

    def _check_one(self, schema: Schema, place: str) -> None:
        if self._count(schema) > ALTERNATIVES_MAX:
            raise self._refused(
                f"there are more than {ALTERNATIVES_MAX} alternatives or optional properties", place
            )
        for least, most in _RANGES:
            low, high = _number(schema.get(least)), _number(schema.get(most))
            if low is not None and high is not None and low > high:
                raise self._refused(f"'{least}' is above '{most}'", place)
            if most != "maximum":
                self._repeats += int(min(high or low or 0, REPEATS_MAX))
        if self._repeats > REPEATS_MAX:
            raise self._refused(f"lengths add up to more than {REPEATS_MAX:,}")
        if self._strict:
            self._check_held(schema, place)
        if "pattern" in schema:
            self._rewrite_pattern(schema, place)

    def _check_held(self, schema: Schema, place: str) -> None:
        for name, value in schema.items():
            if name in _NOT_HELD and value is not False:
                raise self._refused(f"answers cannot be held to '{name}'", place)
        if "pattern" in schema and ("minLength" in schema or "maxLength" in schema):
            raise self._refused("answers are held to a pattern or to a length, not both", place)
        kinds = schema.get("type")
        if kinds == "number" or (isinstance(kinds, list) and {"number", "integer"} & set(kinds)):
            for name in _BOUNDS:
                if name in schema:
                    raise self._refused(
                        f"answers can be held to '{name}' for whole numbers only", place
                    )

    def _rewrite_pattern(self, schema: Schema, place: str) -> None:
        pattern = schema["pattern"]
        try:
            if not isinstance(pattern, str) or len(pattern) > PATTERN_MAX:
                raise PatternNotHeld(f"it must be a string of at most {PATTERN_MAX:,} characters")
            schema["pattern"] = grammar_pattern(pattern)
        except PatternNotHeld as error:
            if self._strict:
                raise self._refused(
                    f"answers cannot be held to this pattern: {error}", place
                ) from None
            del schema["pattern"]

    def _count(self, schema: Schema) -> int:
        """Return how many ways this place can go on, as far as references lead."""
        key = id(schema)
        if key in self._alternatives:
            return self._alternatives[key]
        self._alternatives[key] = 0  # what leads back to itself adds nothing
        total = sum(
            self._count(branch)
            for name in ("anyOf", "oneOf", "allOf")
            for branch in _list(schema.get(name))
            if isinstance(branch, dict)
        )
        target = self._target(schema.get("$ref"))
        if target is not None:
            total += self._count(target)
        properties = schema.get("properties")
        if isinstance(properties, dict):
            required = {name for name in _list(schema.get("required")) if isinstance(name, str)}
            total += sum(name not in required for name in properties)
        kinds, values = _list(schema.get("type")), _list(schema.get("enum"))
        total = self._alternatives[key] = max(1, total + len(kinds) + len(values))
        return total

    def _target(self, reference: object) -> Schema | None:
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return None
        found: Any = self._root
        for step in reference[2:].split("/"):
            found = found.get(step) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else None

    def _refused(self, reason: str, place: str = "") -> InvalidRequest:
        return _refused((self._param + place)[:500], reason)


def _inner(schema: Schema, place: str) -> Iterator[tuple[Schema, str]]:
    """Yield the schemas right inside `schema`; `true` is spelt {} for the engine."""
    for name in _SINGLE:
        inner = schema.get(name)
        if inner is True and name == "items":
            inner = schema[name] = {}
        if isinstance(inner, dict):
            yield inner, f"{place}.{name}"
    for names in (_MAPS, _LISTS):
        for name in names:
            inner = schema.get(name)
            if names is _MAPS and isinstance(inner, dict):
                parts: list[tuple[Any, Any]] = list(inner.items())
            elif names is _LISTS and isinstance(inner, list):
                parts = list(enumerate(inner))
            else:
                continue
            for key, part in parts:
                if part is True:
                    part = inner[key] = {}
                if isinstance(part, dict):
                    yield part, f"{place}.{name}.{str(key)[:60]}"


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _refused(param: str, reason: str) -> InvalidRequest:
    return InvalidRequest(
        f"The schema in '{param}' cannot be used: {reason}.", code="invalid_schema", param=param
    )
