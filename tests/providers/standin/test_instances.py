"""Values made from schemas are valid under them, by the judgement of an independent validator."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from tramontane.providers.standin.instances import instance

SCHEMAS: list[dict[str, Any]] = [
    {},
    {"type": "string", "minLength": 12, "maxLength": 14},
    {"type": "integer", "minimum": 7, "exclusiveMaximum": 9},
    {"type": "integer", "exclusiveMinimum": 7},
    {"type": "number", "maximum": -3.25},
    {"type": "number", "multipleOf": 0.25, "minimum": 1.1},
    {"type": ["null", "string"]},
    {"enum": ["red", "blue"]},
    {"const": {"a": [1]}},
    {"anyOf": [{"type": "null"}, {"type": "integer"}]},
    {"type": "array", "items": {"type": "boolean"}, "minItems": 3},
    {"type": "string", "format": "date-time"},
    {"allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}], "type": "object"},
    {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
        "required": ["city", "days"],
        "additionalProperties": False,
    },
    {
        "type": "object",
        "properties": {"head": {"$ref": "#/$defs/node"}},
        "required": ["head"],
        "$defs": {
            "node": {
                "type": "object",
                "properties": {
                    "left": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                    "right": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                    "rest": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                },
                "required": ["left", "right", "rest"],
            }
        },
    },
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_instances_conform(schema: dict[str, Any]) -> None:
    Draft202012Validator(schema).validate(instance(schema))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "minimum": 3, "maximum": 2},
        {"$ref": "#/$defs/none"},
        {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        {"type": "colour"},
    ],
    ids=str,
)
def test_the_impossible_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"schema|type|reference|refers"):
        instance(schema)


leaf = st.sampled_from([{"type": name} for name in ("string", "integer", "boolean", "null")])
schemas = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.builds(lambda s: {"type": "array", "items": s, "minItems": 1}, inner),
        st.builds(lambda s: {"anyOf": [s, {"type": "null"}]}, inner),
        st.dictionaries(st.sampled_from("abc"), inner).map(
            lambda p: {"type": "object", "properties": p, "required": list(p)}
        ),
    ),
)


@settings(deadline=None)
@given(schemas)
def test_any_plain_schema_is_met(schema: dict[str, Any]) -> None:
    Draft202012Validator(schema).validate(instance(schema))
