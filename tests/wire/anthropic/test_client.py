"""Messages requests read, answers and streams written, as Anthropic's clients have them."""

import json
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.openai.test_addresses import ADDRESSES
from tramontane.errors import InvalidRequest, NotFound, Overloaded, TramontaneError
from tramontane.money import Usage
from tramontane.wire.anthropic.client import KNOWN, MESSAGES
from tramontane.wire.anthropic.counting import CLIENT as COUNT
from tramontane.wire.anthropic.counting import COUNTER
from tramontane.wire.anthropic.models import MODEL, MODELS
from tramontane.wire.anthropic.provider import PROVIDER
from tramontane.wire.canonical import (
    Answer,
    Began,
    Broken,
    Call,
    CallBegan,
    CallPiece,
    Choice,
    Counted,
    Ended,
    File,
    Finished,
    Image,
    Message,
    Piece,
    Request,
    Result,
    Text,
    TextPiece,
    Thinking,
    ThinkingPiece,
    ToolChoice,
)
from tramontane.wire.dialect import Asked, Shown

HELLO = [{"role": "user", "content": "Hello"}]
NAMES_OF_FIELDS = st.sampled_from((
    "type", "text", "role", "content", "source", "data", "name", "input_schema", "cache_control",
    "tool_use_id", "input", "url", "user_id", "effort", "format", "schema", "budget_tokens",
))  # fmt: skip
PNG = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}


def asked(**fields: Any) -> Asked:
    body = {"model": "m", "max_tokens": 100, "messages": HELLO, **fields}
    return MESSAGES.read(json.dumps(body).encode(), None, b"")


def read(*content: Any, role: str = "user") -> Request:
    return asked(messages=[{"role": role, "content": list(content)}]).request


def test_the_settings_are_read() -> None:
    request = asked(
        system=[{"type": "text", "text": "Be brief", "cache_control": {"type": "ephemeral"}}],
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        stop_sequences=["END"],
        metadata={"user_id": "u1"},
        thinking={"type": "adaptive"},
        output_config={"effort": "low", "format": {"type": "json_schema", "schema": {}}},
        tools=[{"name": "f", "input_schema": {"type": "object"}, "description": "d"}],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        stream=True,
        service_tier="auto",
    ).request
    assert request.messages[0] == Message("system", (Text("Be brief", is_breakpoint=True),))
    assert (request.temperature, request.top_p, request.top_k) == (0.5, 0.9, 40)
    assert request.stop == ("END",)
    assert request.user == "u1"
    assert request.stream
    assert request.effort == "low"
    assert request.thinking_tokens is None
    assert request.format is not None
    assert request.format.kind == "json_schema"
    assert request.tools[0].name == "f"
    assert request.tool_choice == ToolChoice("required")
    assert request.parallel_tool_calls is False
    assert not request.extra


def test_a_turn_with_results_of_tools_becomes_messages_of_the_tools() -> None:
    request = asked(
        messages=[
            {"role": "user", "content": "What is the weather?"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm", "signature": "EqQ="},
                    {"type": "tool_use", "id": "t1", "name": "f", "input": {"city": "Bern"}},
                    {"type": "tool_use", "id": "t2", "name": "f", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": "rain"},
                    {
                        "type": "tool_result",
                        "tool_use_id": "t2",
                        "is_error": True,
                        "content": [{"type": "image", "source": PNG}],
                    },
                    {"type": "text", "text": "And?"},
                ],
            },
        ]
    ).request
    assert [message.role for message in request.messages] == [
        "user", "assistant", "tool", "tool", "user"
    ]  # fmt: skip
    thinking, first, _ = request.messages[1].parts
    assert thinking == Thinking("Hm", signature="EqQ=")
    assert isinstance(first, Call)
    assert json.loads(first.arguments) == {"city": "Bern"}
    assert request.messages[2].parts == (Result("t1", (Text("rain"),)),)
    last = request.messages[3].parts[0]
    assert isinstance(last, Result)
    assert last.is_error
    assert isinstance(last.parts[0], Image)


def test_images_and_documents() -> None:
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
    text = {"type": "text", "media_type": "text/plain", "data": "in it"}
    found = asked(
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "image", "source": PNG},
                    {"type": "document", "source": pdf, "title": "Report"},
                    {"type": "document", "source": text, "title": "Note"},
                ],
            }
        ]
    )
    assert found.images == 1
    assert found.request.messages[0].parts == (
        Image("image/png", PNG["data"]),
        File("application/pdf", "JVBERi0=", name="Report"),
        Text("Note\n\nin it"),
    )


def test_a_last_message_of_the_assistant_is_gone_on_from() -> None:
    last = asked(messages=[*HELLO, {"role": "assistant", "content": "The"}]).request.messages[-1]
    assert last == Message("assistant", (Text("The"),), is_prefix=True)


def test_what_is_sent_on_is_what_was_understood() -> None:
    body = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a","content":"b"}]}'
    fields = MESSAGES.read(body, None, b"").fields
    assert bytes(fields["messages"]) == b'[{"role":"user","content":"b"}]'


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "x"}, "messages"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": None}, "max_tokens"),
        ({"model": 3}, "model"),
        ({"temperature": 1.5}, "temperature"),
        ({"Model": "other"}, "Model"),
        ({"thinking": {"type": "enabled", "budget_tokens": 10}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "thinking.budget_tokens"),
        ({"tools": [{"name": "f"}]}, "tools[0]"),
        ({"tools": [{"name": "f", "input_schema": 1}]}, "tools[0].input_schema"),
        ({"tools": [{"type": "web_fetch_20250910", "name": "web_fetch"}]}, "tools[0].type"),
        (
            {"tools": [{"name": "f", "input_schema": {"$ref": "http://a/b"}}]},
            "tools[0].input_schema",
        ),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"mcp_servers": [{"type": "url", "url": "http://a"}]}, "mcp_servers"),
        ({"container": "c"}, "container"),
        ({"speed": "fast"}, "speed"),
        ({"cache_control": {"type": "ephemeral", "ttl": "2h"}}, "cache_control.ttl"),
        ({"inference_geo": "us"}, "inference_geo"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        asked(**fields)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("block", "code"),
    [
        (
            {"type": "image", "source": {"type": "url", "url": "http://169.254.169.254/"}},
            "address_not_allowed",
        ),
        (
            {"type": "document", "source": {"type": "url", "url": "file:///etc/passwd"}},
            "address_not_allowed",
        ),
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, "file_not_allowed"),
        ({"type": "container_upload", "file_id": "f"}, "invalid_type"),
        ({"type": "text", "text": "a", "url": "http://a"}, "invalid_type"),
    ],
)
def test_nothing_is_fetched_for_a_caller(block: dict[str, Any], code: str) -> None:
    inside = {"type": "tool_result", "tool_use_id": "t", "content": [block]}
    for content in (block, inside):
        with pytest.raises(InvalidRequest) as caught:
            read(content)
        assert caught.value.code == code
        assert caught.value.param is not None
        assert caught.value.param.startswith("messages[0].content[0]") or (
            caught.value.param.startswith("messages[0].content")
        )


def test_what_only_this_dialect_has_is_extra() -> None:
    text = {"type": "text", "media_type": "text/plain", "data": "in it"}
    found = asked(
        messages=[
            {
                "role": "user",
                "content": [{"type": "document", "source": text, "citations": {"enabled": True}}],
            }
        ],
        tools=[{"type": "bash_20250124", "name": "bash"}],
        service_tier="standard_only",
    )
    assert set(found.request.extra) == {
        "messages[0].content[0].citations", "tools[0].type", "service_tier"
    }  # fmt: skip
    assert not found.request.tools


def events(*pieces: Piece, **fields: Any) -> list[dict[str, Any]]:
    """Return the data of the events that `pieces` become, after checking their names."""
    found = []
    for event in MESSAGES.writer(asked(**fields)).write(pieces).decode().split("\n\n")[:-1]:
        name, _, data = event.partition("\n")
        said = json.loads(data.removeprefix("data: "))
        assert name == f"event: {said['type']}"
        found.append(said)
    return found


def test_a_stream() -> None:
    said = events(
        Began("abc", "large"),
        TextPiece("Hel"),
        TextPiece("lo"),
        Finished("stop"),
        Counted(Usage(10, 5, 4, 3)),
        Ended(),
    )
    assert [event["type"] for event in said] == [
        "message_start", "ping", "content_block_start", "content_block_delta",
        "content_block_delta", "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip
    assert said[0]["message"]["id"] == "msg_abc"
    assert said[-2]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    assert said[-2]["usage"] == {
        "input_tokens": 3,
        "cache_creation_input_tokens": 3,
        "cache_read_input_tokens": 4,
        "output_tokens": 5,
    }


def test_calls_that_interleave_keep_their_blocks() -> None:
    said = events(
        Began("a", "m"),
        CallBegan(0, "t1", "f"),
        CallPiece(0, '{"a"'),
        CallBegan(1, "t2", "g"),
        CallPiece(1, "{}"),
        CallPiece(0, ":1}"),
        CallBegan(2, "t3", "h"),
        Finished("tool_calls"),
        Ended(),
    )
    arguments: dict[int, str] = {}
    is_open: set[int] = set()
    for event in said:
        if event["type"] == "content_block_start":
            is_open.add(event["index"])
        elif event["type"] == "content_block_stop":
            is_open.remove(event["index"])
        elif event["type"] == "content_block_delta":
            assert event["index"] in is_open
            index = event["index"]
            arguments[index] = arguments.get(index, "") + event["delta"]["partial_json"]
    assert not is_open
    assert arguments == {0: '{"a":1}', 1: "{}"}
    assert said[-2]["delta"]["stop_reason"] == "tool_use"


THOUGHTS = (
    Began("a", "m"),
    ThinkingPiece("Hm"),
    ThinkingPiece("", signature="EqQ="),
    ThinkingPiece("c2VhbA==", is_redacted=True),
    TextPiece("Yes"),
    Finished("stop"),
    Ended(),
)


def test_thinking_is_shown_to_those_who_ask_for_it() -> None:
    starts = [e["content_block"]["type"] for e in events(*THOUGHTS) if "content_block" in e]
    assert starts == ["text"]
    said = events(*THOUGHTS, thinking={"type": "adaptive"})
    deltas = [event["delta"] for event in said if event["type"] == "content_block_delta"]
    assert deltas[0] == {"type": "thinking_delta", "thinking": "Hm"}
    assert deltas[1] == {"type": "signature_delta", "signature": "EqQ="}
    starts = [e["content_block"]["type"] for e in said if "content_block" in e]
    assert starts == ["thinking", "redacted_thinking", "text"]
    said = events(*THOUGHTS, thinking={"type": "adaptive", "display": "omitted"})
    deltas = [event["delta"] for event in said if event["type"] == "content_block_delta"]
    assert deltas[0] == {"type": "signature_delta", "signature": "EqQ="}


def test_a_whole_answer() -> None:
    parts = (Thinking("Hm"), Text("Hi"), Call("t1", "f", '{"a":1}'), Call("t2", "f", "broken{"))
    answer = Answer(id="x", model="m", choices=(Choice(parts, "tool_calls"),), usage=Usage(9, 2, 4))
    said = json.loads(MESSAGES.write(answer, asked()))
    assert said["content"] == [
        {"type": "text", "text": "Hi"},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
        {"type": "tool_use", "id": "t2", "name": "f", "input": {"invalid_json": "broken{"}},
    ]
    assert said["stop_reason"] == "tool_use"
    assert said["usage"]["input_tokens"] == 5
    stopped = Answer(id="x", model="m", choices=(Choice((), "stop", stop_sequence="END"),))
    assert json.loads(MESSAGES.write(stopped, asked()))["stop_reason"] == "stop_sequence"


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (InvalidRequest("x"), 400, "invalid_request_error"),
        (NotFound("x"), 404, "not_found_error"),
        (Overloaded("x"), 529, "overloaded_error"),
        (TramontaneError("x", status=429, code="insufficient_quota"), 402, "billing_error"),
        (TramontaneError("x", status=413), 413, "request_too_large"),
        (TramontaneError("x", status=502), 502, "api_error"),
        (TramontaneError("x", status=504), 504, "timeout_error"),
    ],
)
def test_errors(error: TramontaneError, status: int, kind: str) -> None:
    found, body = MESSAGES.error(error)
    said = json.loads(body)
    assert (found, said["type"], said["error"]["type"]) == (status, "error", kind)
    assert said["error"]["details"]["error_code"] == error.code
    event = MESSAGES.writer(asked()).fail(error)
    assert event == b"event: error\ndata: " + body + b"\n\n"


NAMES = [Shown(name=name) for name in ("a", "b", "c")]


def listed(query: bytes) -> tuple[list[str], bool]:
    said = json.loads(MODELS.answer(NAMES, name=None, body=b"", query=query))
    return [model["id"] for model in said["data"]], said["has_more"]


def test_lists_of_models() -> None:
    assert listed(b"") == (["a", "b", "c"], False)
    assert listed(b"limit=2") == (["a", "b"], True)
    assert listed(b"limit=2&after_id=b") == (["c"], False)
    assert listed(b"limit=1&before_id=c") == (["b"], True)
    for query in (b"limit=0", b"limit=x", b"after_id=z"):
        with pytest.raises(InvalidRequest):
            listed(query)
    assert json.loads(MODEL.answer(NAMES, name="b", body=b"", query=b""))["id"] == "b"
    with pytest.raises(NotFound):
        MODEL.answer(NAMES, name="z", body=b"", query=b"")


def test_a_count_says_that_it_is_an_estimate() -> None:
    def counted(messages: list[Any]) -> Any:
        asked = COUNT.read(json.dumps({"model": "a", "messages": messages}).encode(), None, b"")
        assert asked.request.operation == "count_tokens"
        return json.loads(COUNT.write(Answer(id="", model=""), asked))

    assert counted(HELLO)["estimated"] is True
    more = counted(HELLO * 100)["input_tokens"] / counted(HELLO)["input_tokens"]
    assert 50 < more <= 100


def test_a_provider_s_own_count() -> None:
    body = {"model": "a", "max_tokens": 9, "stream": True, "messages": HELLO}
    sent = COUNTER.forward(
        COUNT.read(json.dumps(body).encode(), None, b""), model="c", max_tokens=1
    )
    assert sent.path == "/messages/count_tokens"
    assert json.loads(sent.body) == {"model": "c", "messages": HELLO}
    assert COUNTER.read(b'{"input_tokens": 12}').usage is None
    with pytest.raises(Broken):
        COUNTER.read(b"{}")


def test_features_are_asked_for_beside_the_body() -> None:
    body = json.dumps({"model": "m", "max_tokens": 9, "messages": HELLO}).encode()
    query = b"beta=true&anthropic-beta=effort-1%2C%20mcp-client-1%2C%0d%0ax"
    asked = MESSAGES.read(body, None, query)
    assert asked.features == ("effort-1", "mcp-client-1", "x")
    sent = PROVIDER.forward(asked, model="c", max_tokens=None)
    assert sent.fields == b"anthropic-version: 2023-06-01\r\nanthropic-beta: effort-1\r\n"
    assert sent.dropped == ("anthropic-beta mcp-client-1", "anthropic-beta x")


def test_another_maker_s_thoughts_do_not_go_on() -> None:
    def thought(signature: str) -> dict[str, Any]:
        return {"type": "thinking", "thinking": "Hm", "signature": signature}

    said = {"type": "text", "text": "A"}
    found = asked(
        messages=[
            *HELLO,
            {"role": "assistant", "content": [thought("google:x"), thought("EqQ="), said]},
            *HELLO,
            {"role": "assistant", "content": [thought("")]},
            *HELLO,
        ]
    )
    sent = json.loads(bytes(found.fields["messages"]))
    assert sent == [
        *HELLO, {"role": "assistant", "content": [thought("EqQ="), said]}, *HELLO, *HELLO
    ]  # fmt: skip


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES_OF_FIELDS, inner, max_size=4),
    max_leaves=12,
)


START = b'{"model":"m","max_tokens":9,"messages":'


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(KNOWN)), JSON, max_size=4))
def test_no_body_breaks_the_reader(fields: dict[str, Any]) -> None:
    with suppress(InvalidRequest):
        asked(**fields)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{", b"\xff", b"null", b'{"model":"\xff"}', b"[" * 100_000,
        START + b"[" * 100_000,
        START + b'[{"role":"assistant","content":[{"type":"tool_use","id":"i","name":"n","input":'
        b'{"a":"\xff"}}]}]}',
        START + b'[{"role":"user","content":"a"}],"tools":[{"name":"f","input_schema":{"\\u0041":'
        + b"[" * 9_000 + b"]" * 9_000 + b"}}]}",
    ],
)  # fmt: skip
def test_no_bytes_break_the_reader(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        MESSAGES.read(body, None, b"")


PLACES: list[Callable[[str], dict[str, Any]]] = [
    lambda url: user({"type": "image", "source": {"type": "url", "url": url}}),
    lambda url: user({"type": "document", "source": {"type": "url", "url": url}}),
    lambda url: user({"type": "image", "source": {**PNG, "url": url}}),
    lambda url: user({"type": "image", "source": PNG, "url": url}),
    lambda url: user({"type": "text", "text": "a", "image_url": {"url": url}}),
    lambda url: user({"type": "image_url", "image_url": {"url": url}}),
    lambda url: user(
        {
            "type": "tool_result",
            "tool_use_id": "t",
            "content": [{"type": "image", "source": {"type": "url", "url": url}}],
        }
    ),
    lambda url: user(
        {
            "type": "document",
            "source": {
                "type": "content",
                "content": [{"type": "image", "source": {"type": "url", "url": url}}],
            },
        }
    ),
    lambda url: {"tools": [{"name": "f", "input_schema": {"$ref": url}}]},
    lambda url: {"tools": [{"name": "f", "input_schema": {"a": [{"$dynamicRef": url}]}}]},
    lambda url: {"tools": [{"type": "computer_20250124", "name": "c", "url": url}]},
    lambda url: {"tools": [{"type": "web_fetch_20250910", "name": "w", "allowed_domains": [url]}]},
    lambda url: {"mcp_servers": [{"type": "url", "name": "m", "url": url}]},
    lambda url: {"context_management": {"edits": [{"type": "x", "url": url}]}},
    lambda url: {"container": {"id": url}},
    lambda url: {"image_url": url},
]


def user(block: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [block]}]}


def test_no_spelling_of_an_address_passes_in_any_place() -> None:
    tried = 0
    for place in PLACES:
        for url in ADDRESSES.values():
            with pytest.raises(InvalidRequest):
                asked(**place(url))
            tried += 1
    assert tried >= 200


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, len(THOUGHTS)), max_size=4))
def test_a_stream_does_not_depend_on_how_its_pieces_come(cuts: list[int]) -> None:
    shown = asked(thinking={"type": "adaptive"})
    whole = MESSAGES.writer(shown).write(THOUGHTS)
    writer = MESSAGES.writer(shown)
    places = sorted({0, *cuts, len(THOUGHTS)})
    assert b"".join(writer.write(THOUGHTS[a:b]) for a, b in pairwise(places)) == whole
