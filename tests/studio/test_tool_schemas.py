"""Tools and JSON schemas: what is wrong is named by its place."""

from typing import Any

import pytest

from tramontane.errors import InvalidRequest
from tramontane.studio.tool_schemas import check_format, check_schema, check_tools

WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": ["integer", "null"], "enum": [1, 2, None]},
                "of": {"anyOf": [{"type": "string"}, {"type": "array", "items": {}}]},
            },
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


def function(**changes: Any) -> dict[str, Any]:
    """The tool with some of it changed."""
    return {"type": "function", "function": {**WEATHER["function"], **changes}}


def test_what_is_right_passes() -> None:
    check_tools([WEATHER, function(name="other"), {"type": "function", "function": {"name": "a"}}])
    check_format({"type": "text"})
    check_format({"type": "json_object"})
    schema = WEATHER["function"]["parameters"]
    check_format(
        {"type": "json_schema", "json_schema": {"name": "w", "schema": schema, "strict": True}}
    )


@pytest.mark.parametrize(
    ("tools", "place"),
    [
        (["x"], "tools.0"),
        ([{"type": "function"}], "tools.0.function"),
        ([{"type": "tool", "function": {"name": "a"}}], "tools.0.type"),
        ([WEATHER, function(name="get weather")], "tools.1.function.name"),
        ([WEATHER, WEATHER], "tools.1.function.name"),
        ([function(description=3)], "tools.0.function.description"),
        ([function(parameters=[])], "tools.0.function.parameters"),
        ([function(parameters={"type": "array"})], "tools.0.function.parameters.type"),
        (
            [function(parameters={"properties": {"city": {"type": "strng"}}})],
            "tools.0.function.parameters.properties.city.type",
        ),
        ([function(name=f"n{n}") for n in range(65)], "tools"),
    ],
)
def test_a_wrong_tool_is_named_by_its_place(tools: list[Any], place: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_tools(tools)
    assert caught.value.param == place
    assert caught.value.message.startswith(f"{place}: ")


@pytest.mark.parametrize(
    ("form", "place"),
    [
        ({}, "type"),
        ({"type": "xml"}, "type"),
        ({"type": "json_schema"}, "json_schema"),
        ({"type": "json_schema", "json_schema": {"schema": {}}}, "json_schema.name"),
        ({"type": "json_schema", "json_schema": {"name": "a"}}, "json_schema.schema"),
        (
            {"type": "json_schema", "json_schema": {"name": "a", "schema": {}, "strict": 1}},
            "json_schema.strict",
        ),
    ],
)
def test_a_wrong_form_is_named_by_its_place(form: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_format(form)
    assert caught.value.param == f"response_format.{place}"


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"type": ["string", "any"]}, "s.type"),
        ({"enum": []}, "s.enum"),
        ({"required": "city"}, "s.required"),
        ({"required": [1]}, "s.required"),
        ({"properties": []}, "s.properties"),
        ({"anyOf": []}, "s.anyOf"),
        ({"anyOf": [{}, {"items": {"type": "x"}}]}, "s.anyOf.1.items.type"),
        ({"$defs": {"a": 3}}, "s.$defs.a"),
    ],
)
def test_a_wrong_schema_is_named_by_its_place(schema: Any, place: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_schema(schema, "s")
    assert caught.value.param == place


def test_a_schema_without_a_bottom_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100):
        deep = {"items": deep}
    with pytest.raises(InvalidRequest, match="levels deep"):
        check_schema(deep, "s")
