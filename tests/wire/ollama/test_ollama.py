"""Ollama's dialect: what is read, and what answers and the lines of a stream say."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tramontane.errors import InvalidRequest, NotFound, Overloaded
from tramontane.money import Usage
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
    Finished,
    Format,
    Image,
    Message,
    Piece,
    Result,
    Text,
    TextPiece,
    Thinking,
    ThinkingPiece,
)
from tramontane.wire.dialect import Shown
from tramontane.wire.ollama.asking import Timed, read_chat, read_generate
from tramontane.wire.ollama.client import TextClient, VectorClient
from tramontane.wire.ollama.lists import PATHS

PNG = "iVBORw0KGgo="
HELLO = [{"role": "user", "content": "Hello"}]


def clock_ns() -> int:
    return 1_700_000_000_000_000_005


CHAT = TextClient(read_chat, clock_ns)
GENERATE = TextClient(read_generate, clock_ns)
EMBED = VectorClient(clock_ns)


def asked(client: TextClient | VectorClient = CHAT, **fields: Any) -> Timed:
    if client is CHAT:
        fields.setdefault("messages", HELLO)
    body = json.dumps({"model": "large", **fields}).encode()
    found = client.read(body, None, b"")
    assert isinstance(found, Timed)
    return found


def test_calls_get_ids_and_results_find_them() -> None:
    call = {"function": {"name": "f", "arguments": {"a": 1}}}
    other = {"function": {"name": "g", "arguments": {}}}
    messages = [
        {"role": "user", "content": "q", "images": [PNG]},
        {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [call, other]},
        {"role": "tool", "tool_name": "g", "content": "2"},
        {"role": "tool", "content": "1"},
    ]
    found = asked(messages=messages)
    assert found.request.messages == (
        Message("user", (Text("q"), Image("image/png", PNG))),
        Message(
            "assistant",
            (Thinking("hm"), Call("call_0", "f", '{"a": 1}'), Call("call_1", "g", "{}")),
        ),
        Message("tool", (Result("call_1", (Text("2"),), "g"),)),
        Message("tool", (Result("call_0", (Text("1"),)),)),
    )
    assert found.images == 1


def test_options_are_read() -> None:
    options = {"num_predict": 5, "temperature": 0, "top_k": 4, "stop": "x", "num_ctx": 4096}
    request = asked(options=options, format="json", think="high", stream=False).request
    assert (request.max_tokens, request.temperature, request.top_k) == (5, 0, 4)
    assert (request.stop, request.format, request.effort) == (("x",), Format("json_object"), "high")
    assert not request.stream and not request.extra
    request = asked(model="large:latest", options={"mirostat": 1, "num_predict": -1}).request
    assert request.model == "large" and request.stream and request.max_tokens is None
    assert list(request.extra) == ["mirostat"]
    assert asked(think=False).request.thinking_tokens == 0
    schema = asked(format={"type": "object"}).request.format
    assert schema is not None and schema.schema is not None and bytes(schema.schema)[:1] == b"{"


def test_generate_is_a_chat_or_goes_on() -> None:
    request = asked(GENERATE, prompt="p", system="s", images=[PNG]).request
    assert request.operation == "chat"
    assert request.messages == (
        Message("system", (Text("s"),)),
        Message("user", (Text("p"), Image("image/png", PNG))),
    )
    raw = asked(GENERATE, prompt="p", raw=True).request
    assert (raw.operation, raw.inputs) == ("completions", ("p",))
    between = asked(GENERATE, prompt="p", suffix="s").request
    assert (between.operation, between.suffix) == ("fim", "s")


@pytest.mark.parametrize(
    ("client", "fields", "param"),
    [
        (CHAT, {"messages": []}, "messages"),
        (CHAT, {"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        (CHAT, {"messages": [{"role": "user", "images": ["/etc/passwd"]}]}, "messages[0].images"),
        (CHAT, {"messages": [{"role": "user", "images": ["https://x/y"]}]}, "messages[0].images"),
        (CHAT, {"format": "yaml"}, "format"),
        (CHAT, {"options": {"temperature": "hot"}}, "options.temperature"),
        (CHAT, {"tools": [{"function": {"name": "f", "parameters": {"$ref": "http://x"}}}]},
         "tools[0].function.parameters.$ref"),
        (CHAT, {"callback": "http://elsewhere"}, "callback"),
        (GENERATE, {}, "prompt"),
        (GENERATE, {"prompt": "p", "template": "t"}, "template"),
        (GENERATE, {"prompt": "p", "context": [1]}, "context"),
        (EMBED, {}, "input"),
    ],
)  # fmt: skip
def test_what_cannot_be_served_is_named(client: Any, fields: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        asked(client, **fields)
    assert caught.value.param == param
    status, body = client.error(caught.value)
    assert status == 400 and json.loads(body) == {"error": caught.value.message}


PIECES: list[Piece] = [
    Began("1", "theirs"),
    ThinkingPiece("hm"),
    TextPiece("We"),
    TextPiece("ll"),
    CallBegan(0, "c1", "f"),
    CallPiece(0, '{"a"'),
    CallPiece(0, ":1}"),
    Finished("tool_calls"),
    Counted(Usage(5, 4, 2)),
    Ended(),
]


def lines(data: bytes) -> list[Any]:
    return [json.loads(line) for line in data.splitlines()]


def test_a_stream_of_lines() -> None:
    found = lines(CHAT.writer(asked()).write(PIECES))
    assert all(line["model"] == "large" and "created_at" in line for line in found)
    messages = [line["message"] for line in found]
    assert [m["content"] for m in messages] == ["", "We", "ll", "", ""]
    assert messages[0]["thinking"] == "hm"
    function = {"index": 0, "name": "f", "arguments": {"a": 1}}
    assert messages[3]["tool_calls"] == [{"id": "c1", "function": function}]
    assert [line["done"] for line in found] == [False] * 4 + [True]
    last = found[-1]
    assert (last["done_reason"], last["prompt_eval_count"], last["eval_count"]) == ("stop", 5, 4)
    assert found[0]["created_at"] == "2023-11-14T22:13:20.000000005Z"
    said = lines(GENERATE.writer(asked(GENERATE, prompt="p")).write(PIECES))
    assert "".join(line["response"] for line in said) == "Well"


@given(st.lists(st.integers(0, len(PIECES)), max_size=6))
@settings(max_examples=50, deadline=None)
def test_any_cut_of_the_pieces_gives_the_same_lines(cuts: list[int]) -> None:
    writer = CHAT.writer(asked())
    places = [0, *sorted(cuts), len(PIECES)]
    data = b"".join(writer.write(PIECES[a:b]) for a, b in itertools.pairwise(places))
    assert data == CHAT.writer(asked()).write(PIECES)


@pytest.mark.parametrize("after", range(len(PIECES)))
def test_a_stream_that_fails_is_never_done(after: int) -> None:
    writer = CHAT.writer(asked())
    found = lines(writer.write(PIECES[:after]) + writer.fail(Overloaded("Full.")))
    assert found[-1] == {"error": "Full."}
    assert not any(line.get("done") for line in found)


def test_a_whole_answer() -> None:
    parts = (Thinking("hm"), Text("Well"), Call("c1", "f", '{"a":1}'))
    answer = Answer(
        id="1", model="theirs", choices=(Choice(parts, "tool_calls"),), usage=Usage(5, 4)
    )
    body = json.loads(CHAT.write(answer, asked(stream=False)))
    assert body["message"]["content"] == "Well" and body["message"]["thinking"] == "hm"
    assert body["done"] and body["done_reason"] == "stop" and body["eval_count"] == 4
    assert "eval_duration" not in body and body["total_duration"] == 0


def test_a_call_that_was_cut_short_is_none() -> None:
    parts = (Text("Well"), Call("c1", "f", '{"a":'))
    cut = Answer(id="1", model="t", choices=(Choice(parts, "length"),))
    body = json.loads(CHAT.write(cut, asked()))
    assert "tool_calls" not in body["message"] and body["done_reason"] == "length"
    broken = Answer(id="1", model="t", choices=(Choice(parts, "tool_calls"),))
    with pytest.raises(Broken):
        CHAT.write(broken, asked())


def test_vectors() -> None:
    answer = Answer(id="", model="t", vectors=((1.0, 2.0),), usage=Usage(3))
    found = asked(EMBED, input=["a"], dimensions=2)
    assert (found.request.inputs, found.request.dimensions) == (("a",), 2)
    body = json.loads(EMBED.write(answer, found))
    assert body["embeddings"] == [[1.0, 2.0]] and body["prompt_eval_count"] == 3
    older = VectorClient(clock_ns, is_older=True)
    assert json.loads(older.write(answer, asked(older, prompt="a"))) == {"embedding": [1.0, 2.0]}


MODELS = (
    Shown(name="large", context_tokens=4096, is_local=True, supports_tools=True),
    Shown(name="far"),
    Shown(name="vectors", gives_vectors=True),
)


def answered(path: str, body: bytes = b"") -> Any:
    return json.loads(PATHS[path].answer(MODELS, name=None, body=body, query=b""))


def test_lists() -> None:
    assert [model["name"] for model in answered("/api/tags")["models"]] == [
        "large",
        "far",
        "vectors",
    ]
    assert [model["name"] for model in answered("/api/ps")["models"]] == ["large"]
    shown = answered("/api/show", b'{"model": "large:latest"}')
    assert shown["capabilities"] == ["completion", "tools"]
    assert shown["model_info"]["tramontane.context_length"] == 4096
    assert answered("/api/show", b'{"model": "vectors"}')["capabilities"] == ["embedding"]
    assert answered("/api/version")["version"].count(".") == 2
    with pytest.raises(NotFound):
        answered("/api/show", b'{"model": "none"}')
    with pytest.raises(InvalidRequest):
        answered("/api/show", b"[]")
    with pytest.raises(InvalidRequest):
        answered("/api/pull", b'{"model": "large"}')
