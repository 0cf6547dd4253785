"""The registry: what every tool must be, so that a new one is found wanting at once."""

from datetime import date

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from tramontane import tools


@pytest.mark.parametrize("name", tools.ALL)
def test_a_tool_says_what_it_takes(name: str) -> None:
    tool = tools.ALL[name]
    assert tool.name == name
    assert tool.description.endswith(".")
    Draft202012Validator.check_schema(dict(tool.parameters))
    assert tool.parameters["additionalProperties"] is False
    assert tool.offer()["function"]["name"] == name


@pytest.mark.parametrize("name", tools.ALL)
@pytest.mark.parametrize("arguments", [{"x": 1}, {"expression": None}, {"operation": []}])
def test_a_tool_answers_any_arguments(name: str, arguments: dict[str, object]) -> None:
    assert tools.ALL[name].run(arguments).is_error


def test_the_clock_is_handed_in() -> None:
    handed = tools.registry(lambda: date(2001, 2, 3))
    assert "3 February 2001" in handed["dates"].run({"operation": "today"}).text
