"""What the API refuses, refused with its codes and the parameter at fault."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.providers.standin.talk import chat
from tramontane.providers.standin import StandinOptions
from tramontane.providers.standin.director import Incoming
from tramontane.providers.standin.refusals import Refused
from tramontane.providers.standin.requests import ChatRequest, Decoders
from tramontane.providers.standin.service import Service
from tramontane.providers.standin.tally import Tally

STRICT = Decoders(allow_unknown_fields=False)
PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings")
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def body(**fields: Any) -> bytes:
    base: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    return json.dumps({k: v for k, v in {**base, **fields}.items() if v != "absent"}).encode()


@pytest.mark.parametrize(
    ("data", "param", "code"),
    [
        (body(model="absent"), None, None),
        (body(model=3), "model", "invalid_type"),
        (body(messages="absent"), "messages", "missing_required_parameter"),
        (body(messages=[]), "messages", "empty_array"),
        (body(messages="hi"), "messages", "invalid_type"),
        (body(messages=[{"content": "x"}]), "messages[0].role", "missing_required_parameter"),
        (body(messages=[{"role": "boss", "content": ""}]), "messages[0].role", "invalid_value"),
        (body(messages=[{"role": "user", "content": 3}]), "messages[0].content", "invalid_type"),
        (
            body(messages=[{"role": "user", "content": [{"type": "text"}]}]),
            "messages[0].content[0].text",
            "missing_required_parameter",
        ),
        (
            body(messages=[{"role": "tool", "content": "x", "tool_call_id": "a"}]),
            "messages[0].role",
            None,
        ),
        (body(temperature=2.1), "temperature", "decimal_above_max_value"),
        (body(temperature="hot"), "temperature", "invalid_type"),
        (body(n=0), "n", "integer_below_min_value"),
        (body(n=129), "n", "integer_above_max_value"),
        (body(n=1.5), "n", "invalid_type"),
        (body(max_tokens=0), "max_tokens", "integer_below_min_value"),
        (
            body(max_tokens=1, max_completion_tokens=1),
            "max_tokens",
            "invalid_parameter_combination",
        ),
        (body(stream="yes"), "stream", "invalid_type"),
        (body(stream_options={"include_usage": True}), "stream_options", None),
        (body(stop=["a"] * 5), "stop", "array_above_max_length"),
        (body(top_logprobs=3), "top_logprobs", None),
        (body(tools=[]), "tools", "empty_array"),
        (body(tools=[{"type": "function"}]), "tools[0].function", "missing_required_parameter"),
        (body(tool_choice="auto"), "tool_choice", None),
        (body(tools=[TOOL], tool_choice="maybe"), "tool_choice", "invalid_value"),
        (
            body(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "g"}}),
            "tool_choice",
            None,
        ),
        (body(response_format={"type": "yaml"}), "response_format.type", "invalid_value"),
        (body(temprature=1), "temprature", "unknown_parameter"),
        (b'{"model": ', None, None),
        (b"[]", None, "invalid_type"),
        (b"", None, None),
    ],
    ids=lambda value: value.decode()[:60] if isinstance(value, bytes) else None,
)
def test_bad_chat_requests(data: bytes, param: str | None, code: str | None) -> None:
    with pytest.raises(Refused) as caught:
        STRICT.chat(data)
    refused = caught.value
    assert (refused.status, refused.kind) == (400, "invalid_request_error")
    assert (refused.param, refused.code) == (param, code)
    assert refused.message


def test_good_chat_requests() -> None:
    nulls = dict.fromkeys(("n", "stop", "stream", "temperature", "max_tokens", "user"))
    STRICT.chat(body(**nulls))
    STRICT.chat(body(stop="a", logit_bias={"5": -100}, seed=-3, metadata={"a": "b"}))
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    parts = [{"type": "text", "text": "What is it?"}, image]
    STRICT.chat(body(messages=[{"role": "user", "content": parts}]))
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hi", "name": "ann"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "42", "tool_call_id": "c1"},
    ]
    STRICT.chat(body(messages=messages, tools=[TOOL], tool_choice="required"))
    Decoders(allow_unknown_fields=True).chat(body(top_k=3))


@pytest.mark.parametrize(
    ("data", "param"),
    [
        (b'{"model": "m", "prompt": ["a", 1]}', "prompt"),
        (b'{"model": "m"}', "prompt"),
        (b'{"model": "m", "prompt": "", "logprobs": 6}', "logprobs"),
    ],
)
def test_bad_completion_requests(data: bytes, param: str) -> None:
    with pytest.raises(Refused) as caught:
        STRICT.completion(data)
    assert caught.value.param == param


@pytest.mark.parametrize("given", ['""', "[]", '["a", ""]', '["a", 3]', "null", "[[]]"])
def test_bad_embedding_requests(given: str) -> None:
    with pytest.raises(Refused) as caught:
        STRICT.embedding(f'{{"model": "m", "input": {given}}}'.encode())
    assert caught.value.param == "input"


junk = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 10**12) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
)
keywords = st.sampled_from((
    "type", "properties", "required", "items", "minItems", "maxItems", "minLength", "maxLength",
    "minimum", "maximum", "exclusiveMinimum", "multipleOf", "enum", "const", "anyOf", "oneOf",
    "allOf", "$ref", "$defs", "format",
))  # fmt: skip
almost_schemas = st.recursive(
    junk | st.sampled_from(["object", "array", "string", "integer", "#", "#/$defs/a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keywords, inner, max_size=4),
    max_leaves=12,
)
names = st.sampled_from(sorted({*ChatRequest.__struct_fields__, "prompt", "input", "surprise"}))


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(PATHS), st.dictionaries(names, junk, max_size=4), almost_schemas)
def test_no_body_breaks_it(path: str, changes: dict[str, object], schema: object) -> None:
    tally = Tally(1, clock_ms=lambda: 0)
    service = Service(StandinOptions(), tally, clock_s=lambda: 0, run_id="f")
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    plain = chat("x", prompt="p", input="i", response_format=form)
    fields = {"/v1/completions": {"model", "prompt"}, "/v1/embeddings": {"model", "input"}}
    kept = fields.get(path, {"model", "messages", "response_format"})
    body = {**{k: v for k, v in plain.items() if k in kept}, **changes}
    plan, request = service.respond(Incoming("POST", path, {}, json.dumps(body).encode()))
    assert request is not None
    assert plan.status in (200, 400)
    assert plan.writes
