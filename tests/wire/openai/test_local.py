"""What reaches an engine of a request, and what is refused with the field's name."""

import json
from typing import Any

import pytest

from tramontane.errors import InvalidRequest
from tramontane.wire.openai.intent import read_chat
from tramontane.wire.openai.local import LocalRequest, read_local

WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"$ref": "#/$defs/c"}},
            "$defs": {"c": {"type": "string"}},
        },
    },
}
CLOCK: dict[str, Any] = {"type": "function", "function": {"name": "clock"}}


def request(*, supports_tools: bool = True, **fields: Any) -> LocalRequest:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], **fields}
    intent = read_chat(json.dumps(body).encode())
    return read_local(intent, max_tokens=50, supports_tools=supports_tools)


def sent(**fields: Any) -> dict[str, Any]:
    return {name: json.loads(bytes(raw)) for name, raw in request(**fields).fields.items()}


PLAIN = {
    "model": "m",
    "messages": [{"role": "user", "content": "Hello"}],
    "max_tokens": 50,
    "stream": True,
}


def test_only_fields_that_are_known_reach_the_engine() -> None:
    assert sent() == PLAIN
    noted = {"user": "u", "metadata": {"a": "b"}, "store": False, "service_tier": "auto"}
    assert sent(**noted, max_tokens=7, n=1, seed=None, tools=None, modalities=["text"]) == PLAIN


def test_what_shapes_an_answer_is_passed_on() -> None:
    shaping = {
        "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.05, "stop": ["a", "b"],
        "frequency_penalty": -1, "presence_penalty": 1, "logit_bias": {"17": -100},
        "parallel_tool_calls": False,
    }  # fmt: skip
    assert sent(**shaping) == PLAIN | shaping


@pytest.mark.parametrize(
    ("seed", "given"),
    [(7, 7), (-1, 2**32 - 2), (2**32 - 1, 0), (2**40, 256), (-(2**63), 2**31 - 1)],
)
def test_every_seed_is_one(seed: int, given: int) -> None:
    assert sent(seed=seed)["seed"] == given


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "temperature": ({"temperature": "warm"}, "temperature", "invalid_type"),
    "a hot temperature": ({"temperature": 2.5}, "temperature", "invalid_value"),
    "top_p": ({"top_p": -0.1}, "top_p", "invalid_value"),
    "seed": ({"seed": 1.5}, "seed", "invalid_type"),
    "stop": ({"stop": [""]}, "stop", "invalid_value"),
    "stops": ({"stop": ["x"] * 17}, "stop", "invalid_value"),
    "logit_bias": ({"logit_bias": {"word": 1}}, "logit_bias", "invalid_value"),
    "several answers": ({"n": 2}, "n", "invalid_value"),
    "top_logprobs": ({"top_logprobs": 2}, "top_logprobs", "invalid_value"),
    "many top_logprobs": ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "invalid_value"),
    "logprobs": ({"logprobs": "yes"}, "logprobs", "invalid_type"),
    "logprobs of tools": ({"logprobs": True, "tools": [CLOCK]}, "logprobs", "invalid_value"),
    "a typing error": ({"temprature": 1}, "temprature", "unknown_field"),
    "the engine's own": ({"grammar": "root ::= x"}, "grammar", "unknown_field"),
    "a slot": ({"id_slot": 1}, "id_slot", "unknown_field"),
    "functions": ({"functions": []}, "functions", "unsupported_field"),
    "sound": ({"modalities": ["text", "audio"]}, "modalities", "invalid_value"),
    "a format": ({"response_format": {"type": "xml"}}, "response_format.type", "invalid_type"),
    "no schema's name": (
        {"response_format": {"type": "json_schema", "json_schema": {}}},
        "response_format.json_schema",
        "invalid_type",
    ),
    "a tool's name": (
        {"tools": [{"type": "function", "function": {"name": "a b"}}]},
        "tools[0].function.name",
        "invalid_value",
    ),
    "a tool's kind": (
        {"tools": [{"type": "custom", "custom": {"name": "x"}}]},
        "tools[0].type",
        "invalid_value",
    ),
    "the same tool twice": ({"tools": [CLOCK, CLOCK]}, "tools[1].function.name", "invalid_value"),
    "many tools": ({"tools": [CLOCK] * 129}, "tools", "invalid_value"),
    "no tools to choose": ({"tool_choice": "required"}, "tool_choice", "invalid_value"),
    "an unknown tool": (
        {"tools": [CLOCK], "tool_choice": {"type": "function", "function": {"name": "x"}}},
        "tool_choice",
        "invalid_value",
    ),
    "a choice": ({"tools": [CLOCK], "tool_choice": "maybe"}, "tool_choice", "invalid_value"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(name: str) -> None:
    fields, param, code = WRONG[name]
    with pytest.raises(InvalidRequest) as caught:
        request(**fields)
    assert (caught.value.param, caught.value.code) == (param, code)
    assert "\n" not in caught.value.message


def test_a_typing_error_is_told_what_was_meant() -> None:
    with pytest.raises(InvalidRequest, match="Did you mean 'temperature'"):
        request(temprature=1)


# --- messages -------------------------------------------------------------------------------------


def test_messages_are_written_anew() -> None:
    call = {"id": "c1", "function": {"name": "f", "arguments": ""}}
    messages = [
        {"role": "developer", "content": "Be brief.", "extra": 1},
        {"role": "user", "content": [{"type": "text", "text": "a"}], "name": "Ann"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}], "audio": None},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
    ]
    assert sent(messages=messages)["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "a"}], "name": "Ann"},
        {"role": "assistant", "content": [{"type": "text", "text": "no"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "function": {"name": "f", "arguments": "{}"}, "type": "function"}
            ],
        },
        {"role": "tool", "content": "1", "tool_call_id": "c1"},
    ]


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
BAD_CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{no"}}
MESSAGES: dict[str, tuple[list[Any], str, str]] = {
    "no content": ([{"role": "user"}], "messages[0].content", "missing_field"),
    "null": ([{"role": "system", "content": None}], "messages[0].content", "missing_field"),
    "an empty answer": ([{"role": "assistant"}], "messages[0].content", "missing_field"),
    "no call's id": (
        [{"role": "tool", "content": "1"}],
        "messages[0].tool_call_id",
        "missing_field",
    ),
    "a role": ([{"role": "boss", "content": "x"}], "messages[0].role", "invalid_value"),
    "a number": ([{"role": "user", "content": 5}], "messages[0].content", "invalid_type"),
    "an image": (
        [{"role": "user", "content": [{"type": "text", "text": "x"}, IMAGE]}],
        "messages[0].content[1].type",
        "unsupported_content",
    ),
    "arguments": (
        [{"role": "assistant", "tool_calls": [BAD_CALL]}],
        "messages[0].tool_calls[0].function.arguments",
        "invalid_value",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MESSAGES)
def test_a_wrong_message_is_named(name: str) -> None:
    messages, param, code = MESSAGES[name]
    with pytest.raises(InvalidRequest) as caught:
        request(messages=messages)
    assert (caught.value.param, caught.value.code) == (param, code)


# --- forms and tools ------------------------------------------------------------------------------


def test_a_form_is_written_anew() -> None:
    assert "response_format" not in sent(response_format={"type": "text"})
    form = {"type": "json_object", "schema": {"type": "string"}}
    assert sent(response_format=form)["response_format"] == {"type": "json_object"}
    asked = {"name": "n", "schema": {"type": "string"}, "strict": True, "description": "d"}
    form = {"type": "json_schema", "json_schema": asked}
    assert sent(response_format=form)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": {"type": "string"}},
    }


def test_tools_are_offered_where_the_template_shows_them() -> None:
    found = sent(tools=[WEATHER, CLOCK])
    assert found["tool_choice"] == "auto"
    assert found["tools"][0] == WEATHER
    assert found["tools"][1]["function"]["parameters"] == {"type": "object", "properties": {}}
    with pytest.raises(InvalidRequest) as caught:
        request(tools=[WEATHER], supports_tools=False)
    assert caught.value.code == "tools_not_supported"
    assert "tools" not in sent(tools=[WEATHER], tool_choice="none", supports_tools=False)
    assert "tools" not in sent(tools=[])


@pytest.mark.parametrize("supports_tools", [True, False])
def test_a_demanded_call_is_held_by_its_form(supports_tools: bool) -> None:
    asked = request(tools=[WEATHER, CLOCK], tool_choice="required", supports_tools=supports_tools)
    assert asked.is_forced
    assert ("tools" in asked.fields) == supports_tools
    form = json.loads(bytes(asked.fields["response_format"]))["json_schema"]["schema"]
    weather, clock = form["anyOf"]
    assert weather["properties"]["name"] == {"const": "get_weather"}
    assert weather["properties"]["arguments"] == {"$ref": "#/$defs/parameters0"}
    moved = form["$defs"]["parameters0"]
    assert moved["properties"]["city"] == {"$ref": "#/$defs/parameters0/$defs/c"}
    assert clock["properties"]["name"] == {"const": "clock"}


@pytest.mark.parametrize(
    "choice",
    [
        {"type": "function", "function": {"name": "clock"}},
        {
            "type": "allowed_tools",
            "allowed_tools": {
                "mode": "required",
                "tools": [{"type": "function", "function": {"name": "clock"}}],
            },
        },
    ],
)
def test_a_named_tool_is_the_only_one(choice: dict[str, Any]) -> None:
    asked = request(tools=[WEATHER, CLOCK], tool_choice=choice)
    form = json.loads(bytes(asked.fields["response_format"]))["json_schema"]["schema"]
    assert form["properties"]["name"] == {"const": "clock"}
    (shown,) = json.loads(bytes(asked.fields["tools"]))
    assert shown["function"]["name"] == "clock"


def test_log_probabilities_are_asked_for_as_the_engine_understands() -> None:
    assert "logprobs" not in sent(logprobs=False, top_logprobs=0)
    assert sent(logprobs=True)["top_logprobs"] == 1
    assert request(logprobs=True).top_logprobs == 0
    assert sent(logprobs=True, top_logprobs=4)["top_logprobs"] == 4
