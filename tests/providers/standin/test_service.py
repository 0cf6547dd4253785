"""What is answered, byte for byte, over a real socket."""

import asyncio
import json
from base64 import b64decode
from struct import unpack

import pytest

from tests.providers.standin.talk import Reply, ask, chat, encoded, with_standin
from tramontane.providers.standin import Behaviour, Rule, ScriptedCall, Standin, StandinOptions
from tramontane.providers.standin import tokens as own

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


def reply_to(body: object, path: str = "/v1/chat/completions", **options: object) -> Reply:
    """Return the response of a stand-in of `options` to one request."""
    chosen = StandinOptions(**options)  # type: ignore[arg-type]
    return with_standin(chosen, lambda standin: ask(standin, body, path))


def test_echo() -> None:
    reply = reply_to(chat("Bonjour, ça va ? 😀"))
    assert reply.status == 200
    assert reply.fields["content-type"] == "application/json"
    answer = reply.json
    assert answer["object"] == "chat.completion"
    assert answer["id"].startswith("chatcmpl-")
    (choice,) = answer["choices"]
    assert choice["message"]["content"] == "Bonjour, ça va ? 😀"
    assert (choice["finish_reason"], choice["logprobs"]) == ("stop", None)
    usage = answer["usage"]
    assert usage["completion_tokens"] == own.count("Bonjour, ça va ? 😀")
    assert usage["prompt_tokens"] == own.count("Bonjour, ça va ? 😀") + 7
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_stream() -> None:
    reply = reply_to(chat("one two", stream=True))
    assert reply.fields["content-type"].startswith("text/event-stream")
    assert reply.raw.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    first, *middle, last = reply.events
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert [e["choices"][0]["delta"] for e in middle] == [
        {"content": "one"},
        {"content": " tw"},
        {"content": "o"},
    ]
    assert last["choices"][0]["delta"] == {}
    assert last["choices"][0]["finish_reason"] == "stop"
    assert len({event["id"] for event in reply.events}) == 1
    assert all("usage" not in event for event in reply.events)


def test_usage_of_a_stream_comes_when_asked_for() -> None:
    asked = {"include_usage": True}
    *before, last = reply_to(chat("one two", stream=True, stream_options=asked)).events
    assert all(event["usage"] is None for event in before)
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 3


@pytest.mark.parametrize(
    ("form", "asked", "events_with_usage"),
    [
        ("always", False, [-1]),
        ("never", True, []),
        ("finish", False, [-1]),
        ("running", False, [0, 1, 2, 3, 4, 5]),
    ],
)
def test_other_habits_of_usage(form: str, asked: bool, events_with_usage: list[int]) -> None:
    options = {"stream_options": {"include_usage": True}} if asked else {}
    body = chat("one two", stream=True, **options)
    events = reply_to(body, behaviour=Behaviour(usage=form)).events  # type: ignore[arg-type]
    found = [i for i, event in enumerate(events) if event.get("usage")]
    assert found == [i % len(events) for i in events_with_usage]
    if found:
        assert events[found[-1]]["usage"]["completion_tokens"] == 3
    if form == "finish":
        assert events[-1]["choices"][0]["finish_reason"] == "stop"
    assert "usage" not in reply_to(chat(), behaviour=Behaviour(usage="never")).json


def test_limits_and_stops() -> None:
    choice = reply_to(chat("a long text", max_tokens=2)).json["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("a long", "length")
    choice = reply_to(chat("a long text", stop=["text", "lo"])).json["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("a ", "stop")
    reply = reply_to(chat("abcdef", stream=True, max_completion_tokens=1))
    assert reply.text == "abc"
    assert reply.events[-1]["choices"][0]["finish_reason"] == "length"


def test_several_choices() -> None:
    answer = reply_to(chat("four tokens", n=3)).json
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert answer["usage"]["completion_tokens"] == 12
    events = reply_to(chat("four tokens", n=2, stream=True)).events
    for index in range(2):
        mine = [c for e in events for c in e["choices"] if c["index"] == index]
        assert "".join(c["delta"].get("content", "") for c in mine) == "four tokens"
        assert [c["finish_reason"] for c in mine] == [None] * 5 + ["stop"]


def test_logprobs() -> None:
    choice = reply_to(chat("abcdé", logprobs=True, top_logprobs=2)).json["choices"][0]
    content = choice["logprobs"]["content"]
    assert [entry["token"] for entry in content] == ["abc", "dé"]
    assert bytes(content[1]["bytes"]) == "dé".encode()
    assert len(content[0]["top_logprobs"]) == 2
    events = reply_to(chat("abcdé", logprobs=True, stream=True)).events
    assert events[1]["choices"][0]["logprobs"]["content"][0]["token"] == "abc"


def test_a_tool_is_called_when_told_or_demanded() -> None:
    told = chat("[[standin tool=auto]] Rome", tools=[WEATHER])
    choice = reply_to(told).json["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (None, "tool_calls")
    (call,) = choice["message"]["tool_calls"]
    assert call["id"].startswith("call_")
    assert json.loads(call["function"]["arguments"]) == {"city": "Rome"}
    required = chat("x", tools=[WEATHER], tool_choice="required")
    assert reply_to(required).json["choices"][0]["finish_reason"] == "tool_calls"
    named = {"type": "function", "function": {"name": "get_weather"}}
    by_name = reply_to(chat("x", tools=[WEATHER], tool_choice=named)).json["choices"][0]
    assert by_name["message"]["tool_calls"]
    assert by_name["finish_reason"] == "stop"  # as the API does for a function chosen by name
    assert "tool_calls" not in reply_to(chat("x", tools=[WEATHER])).json["choices"][0]["message"]


def test_tool_calls_are_streamed_in_pieces() -> None:
    calls = (
        ScriptedCall("get_weather", {"city": "Oslo"}),
        ScriptedCall("get_weather", "{not json"),
    )
    rule = Rule(contains="weather", reply=Behaviour(tool_calls=calls))
    events = reply_to(chat("weather?", tools=[WEATHER], stream=True), script=(rule,)).events
    deltas = [event["choices"][0]["delta"] for event in events]
    assert deltas[0] == {"role": "assistant", "content": None, "refusal": None}
    pieces = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    for index, arguments in enumerate(['{"city":"Oslo"}', "{not json"]):
        mine = [piece for piece in pieces if piece["index"] == index]
        assert mine[0]["type"] == "function"
        assert mine[0]["function"] == {"name": "get_weather", "arguments": ""}
        assert "".join(piece["function"]["arguments"] for piece in mine) == arguments
        assert not any("id" in piece for piece in mine[1:])
    assert events[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_structured_answers() -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
    }
    form = {"type": "json_schema", "json_schema": {"name": "p", "schema": schema}}
    text = reply_to(chat("Ann", response_format=form)).json["choices"][0]["message"]["content"]
    assert json.loads(text) == {"name": "Ann", "age": 1}
    plain = {"type": "json_object"}
    text = reply_to(chat("some json", response_format=plain)).json["choices"][0]["message"]
    assert json.loads(text["content"]) == {"answer": "some json"}
    refused = reply_to(chat("hello", response_format=plain))
    assert (refused.status, refused.json["error"]["param"]) == (400, "messages")
    form["json_schema"] = {"name": "p", "schema": {"type": "colour"}}
    assert reply_to(chat("x", response_format=form)).json["error"]["code"] == "invalid_json_schema"


def test_exact_numbers_of_tokens() -> None:
    reply = reply_to(chat("[[standin tokens=50 tokens_per_event=4]] go", stream=True))
    assert own.count(reply.text) == 50
    assert len(reply.events) == 2 + 13
    assert reply_to(chat("[[standin tokens=0]]")).json["usage"]["completion_tokens"] == 0
    usage = reply_to(chat("[[standin prompt_tokens=80 cached_tokens=64]]")).json["usage"]
    assert usage["prompt_tokens"] == 80
    assert usage["prompt_tokens_details"]["cached_tokens"] == 64


def test_completions() -> None:
    body = {"model": "m", "prompt": ["abcdef", "xyz"], "logprobs": 1, "echo": True}
    answer = reply_to(body, "/v1/completions").json
    assert answer["object"] == "text_completion"
    assert [choice["text"] for choice in answer["choices"]] == ["abcdefabcdef", "xyzxyz"]
    assert answer["choices"][0]["logprobs"]["text_offset"] == [0, 3, 6, 9]
    assert answer["usage"]["prompt_tokens"] == 3
    body = {"model": "m", "prompt": [5, 6, 7], "stream": True}
    reply = reply_to(body, "/v1/completions")
    assert reply.data[-1] == "[DONE]"
    texts = [event["choices"][0]["text"] for event in reply.events]
    assert own.count("".join(texts)) == 16
    assert reply.events[-1]["choices"][0]["finish_reason"] == "stop"


def test_embeddings() -> None:
    answer = reply_to({"model": "e", "input": ["a", "b", "a"]}, "/v1/embeddings").json
    first, second, third = (entry["embedding"] for entry in answer["data"])
    assert len(first) == 16
    assert first == third != second
    assert sum(x * x for x in first) == pytest.approx(1)
    body = {"model": "e", "input": "a", "encoding_format": "base64", "dimensions": 4}
    packed = reply_to(body, "/v1/embeddings").json["data"][0]["embedding"]
    assert len(unpack("<4f", b64decode(packed))) == 4
    assert answer["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


def test_models_and_keys() -> None:
    async def use(standin: Standin) -> list[Reply]:
        async def get(path: str, **headers: str) -> Reply:
            return await ask(standin, b"", path, method="GET", **headers)

        good = {"authorization": "Bearer secret"}
        return [
            await get("/v1/models", **good),
            await get("/v1/models/org%2Fb", **good),
            await get("/v1/models/c", **good),
            await get("/v1/models"),
            await get("/v1/models", authorization="Bearer other"),
            await ask(standin, chat(), **good),
            await get("/v1/chat/completions", **good),
            await get("/v1/nowhere", **good),
        ]

    options = StandinOptions(models=("a", "org/b"), api_key="secret")
    listed, found, missing, keyless, unknown, wrong, method, nowhere = with_standin(options, use)
    assert [entry["id"] for entry in listed.json["data"]] == ["a", "org/b"]
    assert found.json["object"] == "model"
    assert (missing.status, missing.json["error"]["code"]) == (404, "model_not_found")
    assert (keyless.status, unknown.status) == (401, 401)
    assert unknown.json["error"]["code"] == "invalid_api_key"
    assert (wrong.status, wrong.json["error"]["code"]) == (404, "model_not_found")
    assert (method.status, nowhere.status) == (405, 404)


def test_a_script_is_played_in_order() -> None:
    async def use(standin: Standin) -> list[str]:
        replies = [await ask(standin, chat("tell me")) for _ in range(4)]
        return [str(r.status) + r.body.decode() for r in replies]

    script = (
        Rule(contains="tell", times=2, reply=Behaviour(answer="first")),
        Rule(contains="tell", times=1, reply=Behaviour(status=429, retry_after_s=1.2)),
        Rule(contains="tell", reply=Behaviour(answer="last")),
    )
    first, second, third, fourth = with_standin(StandinOptions(script=script), use)
    assert '"first"' in first
    assert '"first"' in second
    assert third.startswith("429")
    assert '"last"' in fourth


def test_told_to_fail() -> None:
    reply = reply_to(chat("[[standin status=503 retry_after_s=1.2 error_message=busy]]"))
    assert (reply.status, reply.fields["retry-after"]) == (503, "2")
    assert reply.json["error"]["message"] == "busy"
    bad = reply_to(chat("[[standin speed=3]]"))
    assert (bad.status, bad.json["error"]["code"]) == (400, "invalid_directive")


def test_a_header_speaks_too() -> None:
    async def use(standin: Standin) -> Reply:
        return await ask(standin, chat("[[standin tps=0]]x"), x_standin='answer="from above"')

    assert "from above" in with_standin(StandinOptions(), use).body.decode()


def test_a_fixed_answer() -> None:
    reply = reply_to(chat("ignored"), fixed_answer_bytes=1000)
    assert len(reply.json["choices"][0]["message"]["content"]) == 1000
    assert reply.json["usage"]["completion_tokens"] == 334
    assert len(reply_to(chat("x", stream=True), fixed_answer_bytes=1000).text) == 1000


def test_the_tally_is_served() -> None:
    async def use(standin: Standin) -> tuple[Reply, Reply, Reply]:
        await ask(standin, chat("abc", user="ann", metadata={"job": "7"}), x_request_id="r1")
        await ask(standin, chat("[[standin status=500]]"))
        before = await ask(standin, b"", "/standin/requests", method="GET")
        reset = await ask(standin, b"", "/standin/reset")
        return before, reset, await ask(standin, b"", "/standin/requests", method="GET")

    options = StandinOptions(keep_bodies=True)
    before, reset, after = with_standin(options, use)
    good, bad = json.loads(before.body)
    assert (good["user"], good["metadata"], good["request_id"]) == ("ann", {"job": "7"}, "r1")
    assert (good["prompt_tokens"], good["completion_tokens"]) == (8, 1)
    assert (good["usage_sent"], good["ended"], good["status"]) == (True, "complete", 200)
    assert good["headers"]["x-request-id"] == "r1"
    assert json.loads(good["body"])["user"] == "ann"
    assert (bad["status"], bad["completion_tokens"], bad["usage_sent"]) == (500, 0, False)
    assert reset.status == 200
    assert json.loads(after.body) == []


def test_requests_on_one_connection_are_answered_in_order() -> None:
    async def use(standin: Standin) -> bytes:
        slow = encoded(chat("[[standin ttft_ms=50]] first"))
        quick = encoded(chat("second"))
        reader, writer = await asyncio.open_connection("127.0.0.1", standin.port)
        writer.write(slow + quick + encoded(chat("third", stream=True), connection="close"))
        data = await reader.read()
        writer.close()
        return data

    data = with_standin(StandinOptions(), use)
    assert data.index(b"first") < data.index(b"second") < data.index(b'"thi')
    assert data.count(b"HTTP/1.1 200 OK") == 3


def test_what_is_no_http_is_refused() -> None:
    async def use(standin: Standin) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", standin.port)
        writer.write(b"GARBAGE\x00\r\n\r\n")
        data = await reader.read()
        writer.close()
        return data

    assert with_standin(StandinOptions(), use).startswith(b"HTTP/1.1 400")


def test_expect_continue() -> None:
    async def use(standin: Standin) -> bytes:
        head, _, body = encoded(chat(), expect="100-continue", connection="close").partition(
            b"\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", standin.port)
        writer.write(head + b"\r\n\r\n")
        interim = await reader.readuntil(b"\r\n\r\n")
        writer.write(body)
        final = await reader.read()
        writer.close()
        return interim + final

    data = with_standin(StandinOptions(), use)
    assert data.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
