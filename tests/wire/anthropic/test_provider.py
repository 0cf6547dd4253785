"""Requests written for Anthropic's API, its answers and streams read."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from tramontane.errors import InvalidRequest, RateLimited, TramontaneError, Unavailable
from tramontane.money import Usage
from tramontane.wire.anthropic.provider import PROVIDER
from tramontane.wire.canonical import (
    Began,
    Broken,
    Call,
    CallBegan,
    CallPiece,
    Counted,
    Ended,
    File,
    Finished,
    Format,
    Image,
    Message,
    Part,
    Piece,
    Request,
    Result,
    Text,
    TextPiece,
    Thinking,
    ThinkingPiece,
    Tool,
    ToolChoice,
)
from tramontane.wire.claude import is_adaptive

HELLO = (Message("user", (Text("Hello"),)),)


def written(model: str = "claude-opus-5", *, drops: bool = False, **fields: Any) -> dict[str, Any]:
    """Return the body that a request with `fields` becomes."""
    fields.setdefault("messages", HELLO)
    body: dict[str, Any] = json.loads(
        PROVIDER.write(Request(model="m", **fields), model=model, drops=drops).body
    )
    return body


def test_a_plain_request() -> None:
    sent = PROVIDER.write(Request(model="m", messages=HELLO), model="claude-opus-5", drops=False)
    assert sent.path == "/messages"
    assert sent.fields == b"anthropic-version: 2023-06-01\r\n"
    assert json.loads(sent.body) == {
        "model": "claude-opus-5",
        "max_tokens": 8192,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
    }
    line = PROVIDER.authorize("key", host="h", path="/v1/messages", body=b"", now_s=0)
    assert line == b"x-api-key: key\r\n"


def test_turns_are_joined_and_instructions_stand_apart() -> None:
    def says(role: Any, *parts: Part) -> Message:
        return Message(role, parts)

    body = written(
        messages=(
            says("system", Text("One", is_breakpoint=True)),
            says("user", Text("Q")),
            says("system", Text("Two")),
            says("assistant", Thinking("no seal"), Text("A"), Call("t1", "f", '{"a": 1}')),
            says("tool", Result("t1", (Text("R"), Image("image/png", "AAAA")), is_error=True)),
            says("user", Text("Q2"), File("application/pdf", "JVBE", name="F")),
        )
    )
    assert body["system"] == [
        {"type": "text", "text": "One", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "Two"},
    ]
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][1]["content"] == [
        {"type": "text", "text": "A"},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
    ]
    result, text, document = body["messages"][2]["content"]
    assert result["tool_use_id"] == "t1"
    assert result["is_error"] is True
    assert [block["type"] for block in result["content"]] == ["text", "image"]
    assert text["text"] == "Q2"
    assert document["title"] == "F"
    assert document["source"]["media_type"] == "application/pdf"


def test_thoughts_go_back_only_under_their_maker_s_seal() -> None:
    parts = (
        Thinking("a", signature="EqQ="),
        Thinking("b", signature="google:xyz"),
        Thinking("c2VhbA==", is_redacted=True),
        Text("A"),
    )
    content = written(messages=(*HELLO, Message("assistant", parts)))["messages"][1]["content"]
    assert content[:2] == [
        {"type": "thinking", "thinking": "a", "signature": "EqQ="},
        {"type": "redacted_thinking", "data": "c2VhbA=="},
    ]
    assert len(content) == 3


@pytest.mark.parametrize(
    ("choice", "parallel", "expected"),
    [
        (ToolChoice("auto"), None, {"type": "auto"}),
        (ToolChoice("required"), False, {"type": "any", "disable_parallel_tool_use": True}),
        (ToolChoice("none"), False, {"type": "none"}),
        (ToolChoice("named", "f"), True, {"type": "tool", "name": "f"}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
    ],
)
def test_choices_of_tools(
    choice: ToolChoice | None, parallel: bool | None, expected: dict[str, Any]
) -> None:
    body = written(tools=(Tool("f"),), tool_choice=choice, parallel_tool_calls=parallel)
    assert body["tool_choice"] == expected
    assert body["tools"] == [{"name": "f", "input_schema": {"type": "object", "properties": {}}}]


@pytest.mark.parametrize(
    ("model", "fields", "thinking", "effort"),
    [
        ("claude-opus-5", {"effort": "minimal"}, {"type": "adaptive"}, "low"),
        ("claude-sonnet-4-6", {"effort": "high"}, {"type": "adaptive"}, "high"),
        ("claude-3-7-sonnet-20250219", {"effort": "minimal"}, None, None),
        (
            "claude-sonnet-4-5-20250929",
            {"effort": "medium", "max_tokens": 20_000},
            {"type": "enabled", "budget_tokens": 4096},
            None,
        ),
        (
            "claude-haiku-4-5",
            {"thinking_tokens": 2048},
            {"type": "enabled", "budget_tokens": 2048},
            None,
        ),
        ("claude-opus-5", {"thinking_tokens": 0}, {"type": "disabled"}, None),
    ],
)
def test_thinking_is_asked_for_as_the_model_takes_it(
    model: str, fields: dict[str, Any], thinking: Any, effort: str | None
) -> None:
    body = written(model, **fields)
    assert body.get("thinking") == thinking
    assert body.get("output_config", {}).get("effort") == effort


def test_versions() -> None:
    old = ("claude-3-opus-20240229", "claude-sonnet-4-20250514", "claude-opus-4-1")
    new = ("claude-opus-4-6", "claude-fable-5-1", "claude-mythos-preview", "claude-opus-4-10")
    assert not any(is_adaptive(model) for model in old)
    assert all(is_adaptive(model) for model in new)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"choices": 2}, "n"),
        ({"temperature": 1.5}, "temperature"),
        ({"seed": 1}, "seed"),
        ({"logprobs": 0}, "logprobs"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"presence_penalty": 0.5}, "presence_penalty"),
        ({"logit_bias": {"1": 2.0}}, "logit_bias"),
        ({"min_p": 0.1}, "min_p"),
        ({"safe_prompt": True}, "safe_prompt"),
        ({"format": Format("json_object")}, "response_format"),
        ({"extra": {"service_tier": b"1"}}, "service_tier"),
    ],
)
def test_what_cannot_be_said_is_refused_or_dropped_by_name(
    fields: dict[str, Any], name: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        written(**fields)
    assert (caught.value.param, caught.value.code) == (name, "unsupported_parameter")
    request = Request(model="m", messages=HELLO, **fields)
    sent = PROVIDER.write(request, model="claude-opus-5", drops=True)
    assert sent.dropped == (name,)
    assert set(json.loads(sent.body)) == {"model", "max_tokens", "messages"}


def test_thinking_that_finds_no_room_is_refused_or_dropped() -> None:
    with pytest.raises(InvalidRequest) as caught:
        written("claude-haiku-4-5", effort="high", max_tokens=1000)
    assert caught.value.param == "reasoning_effort"
    assert "thinking" not in written("claude-haiku-4-5", effort="high", max_tokens=1000, drops=True)


USAGE = {
    "input_tokens": 5, "cache_creation_input_tokens": 30, "cache_read_input_tokens": 200,
    "output_tokens": 1,
}  # fmt: skip


def test_a_whole_answer() -> None:
    said = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-5",
        "content": [
            {"type": "thinking", "thinking": "Hm", "signature": "EqQ="},
            {"type": "text", "text": "Hi", "citations": None},
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {**USAGE, "output_tokens": 7},
    }
    answer = PROVIDER.read(json.dumps(said).encode())
    assert answer.usage == Usage(235, 7, 200, 30)
    assert answer.choices[0].reason == "tool_calls"
    assert answer.choices[0].parts == (
        Thinking("Hm", signature="EqQ="), Text("Hi"), Call("t1", "f", '{"a": 1}')
    )  # fmt: skip
    for body in (b"[]", b"{", b'{"id":"x"}', b"\xff"):
        with pytest.raises(Broken):
            PROVIDER.read(body)


def event(kind: str, **data: Any) -> bytes:
    said = json.dumps({"type": kind, **data}, ensure_ascii=False)
    return f"event: {kind}\ndata: {said}\n\n".encode()


def delta(index: int, kind: str, **data: Any) -> bytes:
    return event("content_block_delta", index=index, delta={"type": kind, **data})


def start(index: int, kind: str, **data: Any) -> bytes:
    return event("content_block_start", index=index, content_block={"type": kind, **data})


def stop(index: int) -> bytes:
    return event("content_block_stop", index=index)


BEGIN = event(
    "message_start", message={"id": "msg_1", "model": "claude", "content": [], "usage": USAGE}
)
STREAM = b"".join((
    BEGIN,
    start(0, "thinking", thinking="", signature=""),
    event("ping"),
    delta(0, "thinking_delta", thinking="Hm…"),
    delta(0, "signature_delta", signature="EqQ="),
    stop(0),
    start(1, "redacted_thinking", data="c2VhbA=="),
    stop(1),
    start(2, "text", text=""),
    delta(2, "text_delta", text="Grüß "),
    delta(2, "citations_delta", citation={"type": "page_location"}),
    delta(2, "text_delta", text="Gott 🏔"),
    stop(2),
    start(3, "tool_use", id="t1", name="f", input={}),
    delta(3, "input_json_delta", partial_json=""),
    delta(3, "input_json_delta", partial_json='{"a"'),
    delta(3, "input_json_delta", partial_json=": 1}"),
    stop(3),
    start(4, "tool_use", id="t2", name="g", input={}),
    stop(4),
    event("message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 44}),
    event("message_stop"),
))  # fmt: skip
PIECES: list[Piece] = [
    Began("msg_1", "claude", Usage(235, 1, 200, 30)),
    ThinkingPiece("Hm…"),
    ThinkingPiece("", signature="EqQ="),
    ThinkingPiece("c2VhbA==", is_redacted=True),
    TextPiece("Grüß "),
    TextPiece("Gott 🏔"),
    CallBegan(0, "t1", "f"),
    CallPiece(0, '{"a"'),
    CallPiece(0, ": 1}"),
    CallBegan(1, "t2", "g"),
    CallPiece(1, "{}"),
    Finished("tool_calls"),
    Counted(Usage(235, 44, 200, 30)),
    Ended(),
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, len(STREAM)), max_size=40), st.booleans())
def test_any_cut_of_a_stream_gives_the_same_pieces(cuts: list[int], has_crlf: bool) -> None:
    stream = STREAM.replace(b"\n", b"\r\n") if has_crlf else STREAM
    places = sorted({0, *cuts, len(stream)})
    reader = PROVIDER.reader()
    pieces = [p for a, b in pairwise(places) for p in reader.feed(stream[a:b])]
    pieces += reader.feed(stream[places[-1] :])
    assert pieces + reader.end() == PIECES


def test_every_single_cut() -> None:
    for at in range(0, len(STREAM), 7):
        reader = PROVIDER.reader()
        assert reader.feed(STREAM[:at]) + reader.feed(STREAM[at:]) == PIECES


def test_a_stream_that_dies_never_ends_well() -> None:
    finish = STREAM.index(b"event: message_delta")
    finished = STREAM.index(b"event: message_stop")
    for at in range(0, finish, 11):
        reader = PROVIDER.reader()
        pieces = reader.feed(STREAM[:at])
        with pytest.raises(Broken):
            reader.end()
        assert Ended() not in pieces
    reader = PROVIDER.reader()
    reader.feed(STREAM[:finished])
    assert reader.end() == [Ended()]


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        (BEGIN + event("error", error={"type": "overloaded_error", "message": "x"}), Unavailable),
        (BEGIN + event("error", error={"type": "rate_limit_error", "message": "x"}), RateLimited),
        (BEGIN + event("error", error={"type": "api_error", "message": "x"}), TramontaneError),
        (BEGIN + BEGIN, Broken),
        (BEGIN + event("message_stop"), Broken),
        (delta(0, "text_delta", text="x"), Broken),
        (BEGIN + b"data: {\n\n", Broken),
        (BEGIN + b"what is this\n\n", Broken),
    ],
)
def test_broken_streams(broken: bytes, kind: type[TramontaneError]) -> None:
    reader = PROVIDER.reader()
    with pytest.raises(kind):
        reader.feed(broken)
    assert Ended() not in reader.left


def test_counts_that_are_left_out_are_unknown() -> None:
    message = {"id": "m", "model": "c", "content": [], "usage": {}}
    reader = PROVIDER.reader()
    pieces = reader.feed(
        event("message_start", message=message)
        + event("message_delta", delta={"stop_reason": "end_turn"})
        + event("message_stop")
    )
    assert pieces == [Began("m", "c"), Finished("stop"), Ended()]


def test_errors_of_the_provider() -> None:
    said = {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}
    found = PROVIDER.read_error(json.dumps(said).encode())
    assert (found.message, found.code) == ("no", "invalid_request_error")
    assert PROVIDER.read_error(b"<html>").message == ""


def test_ids_of_other_makers_are_respelt_alike_in_call_and_result() -> None:
    turns = (
        *HELLO,
        Message("assistant", (Call("functions.f:0", "f", ""),)),
        Message("tool", (Result("functions.f:0", (Text("R"),)),)),
    )
    _, call, result = written(messages=turns)["messages"]
    assert call["content"][0]["id"] == result["content"][0]["tool_use_id"] == "functions_f_0"
    assert call["content"][0]["input"] == {}


def schema_sent(schema: Any, *, drops: bool = False) -> Any:
    form = Format("json_schema", schema=Raw(json.dumps(schema).encode()))
    return written(format=form, drops=drops)["output_config"]["format"]["schema"]


def test_objects_of_a_schema_are_closed() -> None:
    inner = {"type": "object", "properties": {"b": {"type": "string"}}}
    schema = {
        "type": "object",
        "properties": {"a": inner, "c": {"type": "array", "minItems": 1, "items": inner}},
        "$defs": {"d": {"anyOf": [inner, {"type": "null"}]}},
    }
    shut = {**inner, "additionalProperties": False}
    assert schema_sent(schema) == {
        "type": "object",
        "additionalProperties": False,
        "properties": {"a": shut, "c": {"type": "array", "minItems": 1, "items": shut}},
        "$defs": {"d": {"anyOf": [shut, {"type": "null"}]}},
    }


def test_limits_in_a_schema_are_refused_or_told_to_the_model() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}}
    with pytest.raises(InvalidRequest) as caught:
        schema_sent(schema)
    assert caught.value.param == "response_format.minimum"
    assert schema_sent(schema, drops=True)["properties"]["a"] == {
        "type": "integer",
        "description": "(minimum: 1)",
    }
    with pytest.raises(InvalidRequest) as caught:
        schema_sent({"type": "object", "additionalProperties": {"type": "string"}})
    assert caught.value.param == "response_format.additionalProperties"
    deep: Any = {}
    for _ in range(400):
        deep = {"items": deep}
    assert schema_sent(deep)
