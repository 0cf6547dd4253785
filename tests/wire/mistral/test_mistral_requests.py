"""Requests of Mistral's dialect, read from clients and written for providers."""

import json
from typing import Any

import pytest
from msgspec import Raw

from tramontane.errors import InvalidRequest
from tramontane.wire import canonical as c
from tramontane.wire.mistral.asking import call_id
from tramontane.wire.mistral.chat import (
    CHAT,
    CHAT_CLIENT,
    EMBEDDINGS,
    EMBEDDINGS_CLIENT,
    FIM,
    FIM_CLIENT,
    MODERATIONS_CLIENT,
)

IMAGE = "data:image/png;base64,AAAA"
PDF = "data:application/pdf;base64,BBBB"
HELLO = [{"role": "user", "content": "hi"}]


def read(body: dict[str, Any]) -> c.Request:
    return CHAT_CLIENT.read(json.dumps(body).encode(), None, b"").request


def written(request: c.Request, *, drops: bool = False) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(CHAT.write(request, model="m", drops=drops).body)
    return body


FULL: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look"},
                {"type": "image_url", "image_url": {"url": IMAGE, "detail": "low"}},
                {"type": "document_url", "document_url": PDF, "document_name": "a.pdf"},
            ],
        },
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {
                    "id": "abcdefghi",
                    "type": "function",
                    "function": {"name": "f", "arguments": '{"a":1}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "abcdefghi", "content": "r", "name": "f"},
        {"role": "assistant", "content": "So", "prefix": True},
    ],
    "temperature": 0.5,
    "top_p": 0.9,
    "max_tokens": 10,
    "random_seed": 3,
    "stream": True,
    "stop": ["x", "y"],
    "n": 2,
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "f",
                "description": "d",
                "strict": True,
                "parameters": {"type": "object"},
            },
        }
    ],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "parallel_tool_calls": False,
    "presence_penalty": 0.1,
    "frequency_penalty": -0.1,
    "safe_prompt": True,
    "reasoning_effort": "high",
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "x", "schema": {"type": "object"}, "strict": True},
    },
    "prediction": {"type": "content", "content": "guess"},
    "metadata": {"k": "v"},
    "prompt_cache_key": "key",
    "prompt_mode": "reasoning",
}


def test_what_a_client_says_is_what_a_provider_of_the_dialect_gets() -> None:
    assert written(read(FULL)) == FULL


def test_images_are_counted_and_their_data_is_no_prompt() -> None:
    body = json.dumps(FULL).encode()
    asked = CHAT_CLIENT.read(body, None, b"")
    assert asked.images == 1
    assert asked.prompt_bytes == len(body) - len(IMAGE)


@pytest.mark.parametrize(
    ("said", "mode"),
    [("any", "required"), ("required", "required"), ("auto", "auto"), ("none", "none")],
)
def test_tool_choices(said: str, mode: str) -> None:
    choice = read({"model": "m", "messages": HELLO, "tool_choice": said}).tool_choice
    assert choice is not None
    assert choice.mode == mode


def test_results_without_an_id_answer_the_calls_in_their_order() -> None:
    calls = [
        {"id": i, "function": {"name": "f", "arguments": {}}} for i in ("one111111", "two222222")
    ]
    messages = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "content": "1"},
        {"role": "tool", "content": "2"},
    ]
    results = [m.parts[0] for m in read({"model": "m", "messages": messages}).messages[2:]]
    assert [r.id for r in results if isinstance(r, c.Result)] == ["one111111", "two222222"]


@pytest.mark.parametrize(
    ("changed", "code", "param"),
    [
        ({"temperature": 1.6}, "invalid_value", "temperature"),
        ({"max_tokens": 0}, "invalid_value", "max_tokens"),
        ({"random_seed": -1}, "invalid_value", "random_seed"),
        ({"n": 1000}, "invalid_value", "n"),
        ({"messages": []}, "invalid_value", "messages"),
        ({"messages": "hi"}, "invalid_type", "messages"),
        ({"messages": [{"role": "nobody", "content": "x"}]}, "invalid_value", "messages[0].role"),
        ({"messages": [{"content": "x"}]}, "missing_field", "messages[0].role"),
        ({"surprise": 1}, "unknown_field", "surprise"),
        ({"reasoning_effort": "huge"}, "invalid_value", "reasoning_effort"),
        ({"response_format": {"type": "json_schema"}}, "missing_field", None),
        (
            {
                "messages": [
                    {"role": "assistant", "content": "x", "prefix": True},
                    *HELLO,
                ]
            },
            "invalid_value",
            "messages.prefix",
        ),
    ],
)
def test_what_is_wrong_is_named(changed: dict[str, Any], code: str, param: str | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read({"model": "m", "messages": HELLO, **changed})
    assert caught.value.code == code
    if param is not None:
        assert caught.value.param == param


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"model":"m"}'])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    for client in (CHAT_CLIENT, FIM_CLIENT, EMBEDDINGS_CLIENT, MODERATIONS_CLIENT):
        with pytest.raises(InvalidRequest):
            client.read(body, None, b"")


@pytest.mark.parametrize(
    "chunk",
    [
        {"type": "image_url", "image_url": "http://example.org/a.png"},
        {"type": "image_url", "image_url": {"url": "file:///etc/passwd"}},
        {"type": "document_url", "document_url": "https://example.org/a.pdf"},
        {"type": "input_audio", "input_audio": "https://example.org/a.mp3"},
        {"type": "file", "file_id": "../../etc/passwd"},
        {"type": "thinking", "thinking": [{"type": "tool_reference", "url": "http://x"}]},
    ],
)
def test_no_field_may_hold_an_address(chunk: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        read({"model": "m", "messages": [{"role": "user", "content": [chunk]}]})
    with pytest.raises(InvalidRequest):
        read({"model": "m", "messages": HELLO, "prediction": {"content_url": "http://x"}})


def test_of_two_addresses_each_is_looked_at() -> None:
    body = (
        b'{"model":"m","messages":[{"role":"user","content":[{"type":"image_url",'
        b'"image_url":"http://evil","image_url":"%b"}]}]}' % IMAGE.encode()
    )
    with pytest.raises(InvalidRequest):
        CHAT_CLIENT.read(body, None, b"")


def test_what_only_mistral_has_is_kept_by_name() -> None:
    content = [{"type": "reference", "reference_ids": [1]}, {"type": "text", "text": "hi"}]
    messages = [{"role": "user", "content": content}]
    request = read({"model": "m", "messages": messages, "guardrails": [{"block": True}]})
    assert set(request.extra) == {"guardrails", "messages.content.reference"}


def test_files_kept_at_the_provider_are_refused() -> None:
    content = [{"type": "file", "file_id": "abc"}, {"type": "text", "text": "hi"}]
    with pytest.raises(InvalidRequest) as refused:
        read({"model": "m", "messages": [{"role": "user", "content": content}]})
    assert refused.value.code == "file_not_allowed"


def test_ids_of_calls_are_made_to_fit() -> None:
    assert call_id("abcDEF123") == "abcDEF123"
    made = call_id("call_0123456789")
    assert len(made) == 9
    assert made.isalnum()
    assert made == call_id("call_0123456789") != call_id("call_0123456788")


def other(**fields: Any) -> c.Request:
    return c.Request(model="m", messages=(c.Message("user", (c.Text("hi"),)),), **fields)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"top_k": 4}, "top_k"),
        ({"min_p": 0.1}, "min_p"),
        ({"logprobs": 0}, "logprobs"),
        ({"logit_bias": {"1": 1.0}}, "logit_bias"),
        ({"effort": "low"}, "reasoning_effort"),
        ({"temperature": 1.9}, "temperature"),
        ({"extra": {"verbosity": Raw(b'"low"')}}, "verbosity"),
    ],
)
def test_what_mistral_cannot_say_is_refused_or_dropped(fields: dict[str, Any], name: str) -> None:
    request = other(**fields)
    with pytest.raises(InvalidRequest) as caught:
        CHAT.write(request, model="m", drops=False)
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", name)
    left = CHAT.write(request, model="m", drops=True)
    assert left.dropped == (name,)
    assert json.loads(left.body) == {"model": "m", "messages": HELLO}


def test_thinking_is_on_or_off() -> None:
    for budget, effort in ((0, "none"), (1024, "high")):
        asked = CHAT.write(other(thinking_tokens=budget), model="m", drops=False)
        assert json.loads(asked.body)["reasoning_effort"] == effort
        assert asked.dropped == (("thinking.budget_tokens",) if budget else ())


def test_hints_are_left_out_and_named() -> None:
    request = c.Request(
        model="m", messages=(c.Message("user", (c.Text("hi", is_breakpoint=True),)),), user="u1"
    )
    assert CHAT.write(request, model="m", drops=False).dropped == ("cache_control", "user")


def test_a_conversation_from_elsewhere() -> None:
    parts: tuple[c.Part, ...] = (
        c.Thinking("hm", "seal"),
        c.Thinking("opaque", is_redacted=True),
        c.Text("So"),
        c.Call("toolu_01", "f", ""),
    )
    picture = c.Image("image/png", "AAAA")
    request = c.Request(
        model="m",
        messages=(
            c.Message("user", (c.Text("a"), c.Text("b"))),
            c.Message("assistant", parts),
            c.Message("user", (c.Result("toolu_01", (c.Text("r"), picture)), c.Text("go on"))),
        ),
        thinking_tokens=0,
    )
    body = written(request)
    user, assistant, result, last = body["messages"]
    assert [chunk["text"] for chunk in user["content"]] == ["a", "b"]
    assert assistant["content"] == [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "So"},
    ]
    (call,) = assistant["tool_calls"]
    assert call["function"]["arguments"] == "{}"
    assert result["tool_call_id"] == call["id"] == call_id("toolu_01")
    assert result["content"][1]["image_url"]["url"] == IMAGE
    assert last == {"role": "user", "content": "go on"}
    assert body["reasoning_effort"] == "none"


def test_fill_in_the_middle_both_ways() -> None:
    body = {"model": "m", "prompt": "def f(", "suffix": "return", "max_tokens": 9, "min_tokens": 1}
    asked = FIM_CLIENT.read(json.dumps(body).encode(), None, b"")
    assert asked.request.operation == "fim"
    assert asked.request.suffix == "return"
    assert json.loads(FIM.write(asked.request, model="m", drops=False).body) == body
    with pytest.raises(InvalidRequest):
        FIM.write(c.Request(model="m", inputs=("a", "b")), model="m", drops=False)


def test_embeddings_both_ways() -> None:
    body = {"model": "m", "input": ["a", "b"], "output_dimension": 8}
    asked = EMBEDDINGS_CLIENT.read(json.dumps(body).encode(), None, b"")
    assert asked.request.inputs == ("a", "b")
    assert json.loads(EMBEDDINGS.write(asked.request, model="m", drops=False).body) == body
    with pytest.raises(InvalidRequest):
        EMBEDDINGS.write(c.Request(model="m", inputs=((1, 2),)), model="m", drops=False)
