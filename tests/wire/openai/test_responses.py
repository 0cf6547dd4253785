"""OpenAI's Responses: what is read, what a whole answer and each event of a stream say."""

import itertools
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tramontane.errors import InvalidRequest, RateLimited
from tramontane.money import Usage
from tramontane.wire.canonical import (
    Answer,
    Began,
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
    Result,
    Text,
    TextPiece,
    Thinking,
    ThinkingPiece,
    ToolChoice,
)
from tramontane.wire.dialect import Asked
from tramontane.wire.openai.chat import UPSTREAM
from tramontane.wire.openai.responses.client import CLIENT
from tramontane.wire.openai.responses.sealed import opened, sealed

PNG = "iVBORw0KGgo="
TOOL = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}


def asked(**fields: Any) -> Asked:
    body = {"model": "m", "input": "Hello", **fields}
    return CLIENT.read(json.dumps(body).encode(), None, b"")


def test_a_conversation_is_read_turn_by_turn() -> None:
    made = sealed([Thinking("hm", "seal")])
    items = [
        {"role": "developer", "content": "Rules"},
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Look"},
                {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
                {"type": "input_file", "filename": "a.pdf", "file_data": PNG},
            ],
        },
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": made},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Well", "annotations": []}],
        },
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "1"},
        {
            "type": "function_call_output",
            "call_id": "c2",
            "output": [{"type": "input_text", "text": "2"}],
        },
        {"role": "assistant", "content": "So"},
        {"role": "assistant", "content": "there"},
    ]
    request = asked(instructions="Be kind", input=items)
    assert request.request.messages == (
        Message("system", (Text("Be kind"),)),
        Message("system", (Text("Rules"),)),
        Message(
            "user",
            (Text("Look"), Image("image/png", PNG), File("application/pdf", PNG, "a.pdf")),
        ),
        Message(
            "assistant",
            (Thinking("hm", "seal"), Text("Well"), Call("c1", "f", "{}"), Call("c2", "f", "{}")),
        ),
        Message("tool", (Result("c1", (Text("1"),)),)),
        Message("tool", (Result("c2", (Text("2"),)),)),
        Message("assistant", (Text("So"),)),
        Message("assistant", (Text("there"),)),
    )
    assert request.images == 1  # a file is bounded by its bytes


def test_options_are_read() -> None:
    request = asked(
        tools=[TOOL, {**TOOL, "name": "g"}],
        tool_choice={"type": "allowed_tools", "mode": "required", "tools": [TOOL]},
        max_output_tokens=7,
        reasoning={"effort": "low"},
        text={"format": {"type": "json_schema", "name": "x", "schema": {}, "strict": True}},
        top_logprobs=2,
    ).request
    assert [tool.name for tool in request.tools] == ["f"]
    assert request.tool_choice == ToolChoice("required")
    assert (request.max_tokens, request.effort, request.logprobs) == (7, "low", 2)
    assert request.format is not None and request.format.is_strict


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"store": True}, "store"),
        ({"background": True}, "background"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0]"),
        ({"input": [{"type": "computer_call"}]}, "input[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]},
         "input[0].content[0]"),
        ({"input": [{"role": "user", "content": [
            {"type": "input_image", "image_url": "https://example.org/a.png"}]}]},
         "input[0].content[0].image_url"),
        ({"tools": [{**TOOL, "parameters": {"$ref": "https://example.org"}}]},
         "tools[0].parameters.$ref"),
        ({"input": None}, "input"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"tool_choice": "always"}, "tool_choice"),
        ({"temperature": "hot"}, "temperature"),
    ],
)  # fmt: skip
def test_what_cannot_be_served_is_named(fields: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        asked(**fields)
    assert caught.value.param == param


def test_what_runs_at_openai_is_named_or_dropped() -> None:
    tools = [TOOL, {"type": "web_search"}, {"type": "MCP\r\n", "server_url": "https://x"}]
    request = asked(tools=tools, truncation="auto").request
    assert [tool.name for tool in request.tools] == ["f"]
    names = ("tools[1].web_search", "tools[2].mcp__", "truncation")
    with pytest.raises(InvalidRequest) as caught:
        UPSTREAM.write(request, model="m", drops=False)
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", names[0])
    written = UPSTREAM.write(request, model="m", drops=True)
    assert written.dropped == names
    assert b"web_search" not in written.body and b"server_url" not in written.body


PARTS = (Thinking("hm", "seal"), Text("Well, "), Text("yes"), Call("c1", "f", '{"a":1}'))
PIECES: list[Piece] = [
    Began("chatcmpl-1", "theirs", created_s=9),
    ThinkingPiece("h"),
    ThinkingPiece("m"),
    ThinkingPiece("", signature="seal"),
    TextPiece("Well, "),
    TextPiece("yes"),
    CallBegan(0, "c1", "f"),
    CallPiece(0, '{"a"'),
    CallPiece(0, ":1}"),
    Finished("tool_calls"),
    Counted(Usage(5, 4, 2), thinking_tokens=1),
    Ended(),
]


def whole(choice: Choice, **fields: Any) -> Any:
    answer = Answer(
        id="chatcmpl-1",
        model="theirs",
        choices=(choice,),
        usage=Usage(5, 4, 2),
        thinking_tokens=1,
        created_s=9,
    )
    return json.loads(CLIENT.write(answer, asked(**fields)))


def events(data: bytes) -> list[Any]:
    found = []
    for i, event in enumerate(data.decode().split("\n\n")[:-1]):
        name, _, rest = event.partition("\n")
        body = json.loads(rest.removeprefix("data: "))
        assert name == f"event: {body['type']}" and body["sequence_number"] == i
        found.append(body)
    return found


def streamed(pieces: Sequence[Piece], **fields: Any) -> list[Any]:
    return events(CLIENT.writer(asked(stream=True, **fields)).write(pieces))


SEALS: dict[str, Any] = {"include": ["reasoning.encrypted_content"]}


@pytest.mark.parametrize("fields", [SEALS, {**SEALS, "reasoning": {"summary": "auto"}}, {}])
def test_a_stream_ends_with_what_a_whole_answer_is(fields: Any) -> None:
    expected = whole(Choice(PARTS, "tool_calls"), **fields)
    last = streamed(PIECES, **fields)[-1]
    assert last["type"] == "response.completed"
    assert last["response"] == expected
    assert expected["usage"]["output_tokens_details"] == {"reasoning_tokens": 1}
    kinds = [item["type"] for item in expected["output"]]
    assert kinds == ["reasoning", "message", "function_call"]


def test_thoughts_are_shown_as_they_were_asked_for() -> None:
    plain = whole(Choice(PARTS))["output"][0]
    assert plain["content"] == [{"type": "reasoning_text", "text": "hm"}]
    assert plain["summary"] == [] and "encrypted_content" not in plain
    short = whole(Choice(PARTS), reasoning={"summary": "auto"}, **SEALS)["output"][0]
    assert short["summary"] == [{"type": "summary_text", "text": "hm"}] and "content" not in short
    assert opened(short["encrypted_content"]) == (Thinking("hm", "seal"),)
    assert opened("gAAAA") is None and opened("tramontane.1.e30=") is None


def test_every_item_grows_between_its_beginning_and_its_end() -> None:
    texts: dict[str, str] = {}
    for event in streamed(PIECES):
        if event["type"].endswith(".delta"):
            texts[event["item_id"]] = texts.get(event["item_id"], "") + event["delta"]
        elif event["type"] == "response.output_item.done":
            item = event["item"]
            content = item.get("content") or [{"text": item.get("arguments")}]
            assert texts[item["id"]] == content[0]["text"]
    assert list(texts.values()) == ["hm", "Well, yes", '{"a":1}']


@given(st.lists(st.integers(0, len(PIECES)), max_size=6))
@settings(max_examples=50, deadline=None)
def test_any_cut_of_the_pieces_gives_the_same_events(cuts: list[int]) -> None:
    writer = CLIENT.writer(asked(stream=True))
    places = [0, *sorted(cuts), len(PIECES)]
    data = b"".join(writer.write(PIECES[a:b]) for a, b in itertools.pairwise(places))
    assert events(data) == streamed(PIECES)


@pytest.mark.parametrize(
    ("reason", "why"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
def test_an_answer_that_is_not_whole_says_why(reason: Any, why: str) -> None:
    body = whole(Choice((Text("a"),), reason))
    assert (body["status"], body["incomplete_details"]) == ("incomplete", {"reason": why})
    last = streamed([*PIECES[:6], Finished(reason), PIECES[-2], Ended()])[-1]
    assert last["type"] == "response.incomplete"
    assert last["response"]["incomplete_details"] == {"reason": why}


@pytest.mark.parametrize("after", range(len(PIECES)))
def test_a_stream_that_fails_has_no_good_end(after: int) -> None:
    writer = CLIENT.writer(asked(stream=True))
    data = writer.write(PIECES[:after]) + writer.fail(RateLimited("Too much."))
    *rest, last = events(data)
    assert last["type"] == "error" and last["error"]["message"] == "Too much."
    assert not any(event["type"] == "response.completed" for event in rest)
    if after:
        assert rest[-1]["type"] == "response.failed"
        assert rest[-1]["response"]["error"]["code"] == "rate_limit_exceeded"


def test_nothing_is_kept_and_the_answer_says_so() -> None:
    body = whole(Choice((Text("a"),)), metadata={"k": "v"}, temperature=0.5, tools=[TOOL])
    assert body["store"] is False and body["previous_response_id"] is None
    assert (body["metadata"], body["temperature"]) == ({"k": "v"}, 0.5)
    assert body["tools"] == [TOOL] and body["text"] == {"format": {"type": "text"}}
    assert body["id"] == "resp_1" and body["usage"]["input_tokens_details"]["cached_tokens"] == 2
