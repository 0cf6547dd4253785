"""Schemas that would stall or hang an engine are refused; others reach it in its own spelling."""

import json
from typing import Any

import msgspec
import pytest

from tramontane.errors import InvalidRequest
from tramontane.wire.openai.schemas import grammar_schema


def prepared(schema: Any, *, strict: bool = False, pointer: str = "#") -> Any:
    raw = msgspec.Raw(json.dumps(schema).encode())
    return json.loads(bytes(grammar_schema(raw, "here", strict=strict, pointer=pointer)))


def refusal(schema: Any, *, strict: bool = False) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        prepared(schema, strict=strict)
    assert caught.value.code == "invalid_schema"
    return caught.value


def nested(levels: int) -> Any:
    schema: Any = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    return schema


def doubling(kind: str) -> Any:
    leaf = {"type": "string", "maxLength": 5}
    definitions: dict[str, Any] = {"n0": leaf}
    for i in range(1, 25):
        definitions[f"n{i}"] = {kind: [{"$ref": f"#/$defs/n{i - 1}"}] * 2}
    return {"$defs": definitions, "$ref": "#/$defs/n24"}


OPTIONAL = {f"p{i}": {"type": "string"} for i in range(501)}
CHAIN = {f"n{i}": {"anyOf": [{"$ref": f"#/$defs/n{i + 1}"}]} for i in range(1_900)}

TOO_MUCH: dict[str, Any] = {
    "a length that cannot be": {"type": "string", "minLength": 10, "maxLength": 2},
    "a count that cannot be": {"type": "array", "minItems": 5, "maxItems": 2},
    "a number that cannot be": {"type": "integer", "minimum": 5, "maximum": 2},
    "one deep inside": {"anyOf": [{"items": {"minLength": 3, "maxLength": 2}}]},
    "one in a definition": {"$defs": {"x": {"minLength": 3, "maxLength": 2}}},
    "too deep": nested(65),
    "far too deep": nested(400),
    "many alternatives": {"enum": [f"value {i}" for i in range(501)]},
    "many optional properties": {"type": "object", "properties": OPTIONAL},
    "alternatives that double": doubling("anyOf"),
    "alternatives that double in oneOf": doubling("oneOf"),
    "a long chain of references": {"$defs": CHAIN, "$ref": "#/$defs/n0"},
    "many schemas": {"prefixItems": [{"type": "string"}] * 2_001},
    "long lengths": {"prefixItems": [{"type": "string", "maxLength": 60_000}] * 2},
    "many bytes": {"description": "x" * 70_000},
    "no object": [],
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_what_an_engine_cannot_bear_is_refused(name: str) -> None:
    refusal(TOO_MUCH[name])


def test_a_refusal_names_the_place() -> None:
    error = refusal({"properties": {"a": {"items": {"minLength": 3, "maxLength": 2}}}})
    assert error.param == "here.properties.a.items"
    assert "'minLength' is above 'maxLength'" in error.message


@pytest.mark.parametrize("levels", [20_000, 200_000])
def test_depth_alone_breaks_nothing(levels: int) -> None:
    raw = msgspec.Raw(b'{"items":' * levels + b"{}" + b"}" * levels)
    with pytest.raises(InvalidRequest):
        grammar_schema(raw, "here", strict=False)


NOT_HELD: dict[str, Any] = {
    "not": {"not": {"type": "string"}},
    "uniqueItems": {"type": "array", "uniqueItems": True},
    "a bound on a number": {"type": "number", "minimum": 1},
    "a bound on a number or null": {"type": ["number", "null"], "exclusiveMaximum": 1},
    "multipleOf": {"type": "integer", "multipleOf": 3},
    "a look-ahead": {"type": "string", "pattern": "^(?=a)a$"},
    "a pattern and a length": {"type": "string", "pattern": "^a*$", "maxLength": 3},
    "a pattern that is none": {"type": "string", "pattern": 5},
    "a very long pattern": {"type": "string", "pattern": "a" * 1_001},
}


@pytest.mark.parametrize("name", NOT_HELD)
def test_strict_refuses_what_answers_would_not_be_held_to(name: str) -> None:
    refusal({"properties": {"x": NOT_HELD[name]}}, strict=True)
    prepared({"properties": {"x": NOT_HELD[name]}})


def test_strict_takes_what_clients_send() -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "pattern": r"^\w+$"},
            "age": {"type": "integer", "minimum": 0, "maximum": 150},
            "kind": {"enum": ["a", "b"]},
            "next": {"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]},
            "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": False},
        },
        "required": ["name", "age", "kind", "next", "tags"],
        "additionalProperties": False,
        "$defs": {"n": {"type": "object", "properties": {"next": {"$ref": "#/$defs/n"}}}},
    }
    held = prepared(schema, strict=True)
    assert held["properties"].pop("name") == {"type": "string", "pattern": "^[0-9A-Z\\u005fa-z]+$"}
    schema["properties"].pop("name")  # type: ignore[attr-defined]
    assert held == schema


def test_a_pattern_that_cannot_be_held_is_left_to_the_model() -> None:
    schema = {"type": "string", "pattern": "^(?=a)a$", "maxLength": 5}
    assert prepared(schema) == {"type": "string", "maxLength": 5}


def test_true_is_spelt_as_the_engine_knows_it() -> None:
    schema = {"properties": {"a": True}, "items": True, "anyOf": [True, {"type": "null"}]}
    held = prepared(schema)
    assert held == {"properties": {"a": {}}, "items": {}, "anyOf": [{}, {"type": "null"}]}


def test_references_follow_a_schema_that_is_put_elsewhere() -> None:
    schema = {"$defs": {"q": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/q"}}}
    held = prepared(schema, pointer="#/$defs/p0")
    assert held["properties"]["a"] == {"$ref": "#/$defs/p0/$defs/q"}
