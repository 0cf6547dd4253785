"""Whatever a client sends: a request is understood, or refused by name; nothing else happens."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tramontane.errors import InvalidRequest
from tramontane.wire.ollama import client as ollama
from tramontane.wire.openai import completions, embeddings
from tramontane.wire.openai.operations import read_moderations
from tramontane.wire.openai.responses import client as responses

PNG = "data:image/png;base64,iVBORw0KGgo="
CALL = {"function": {"name": "f", "arguments": {"a": 1}}}
TOOL = {"type": "function", "name": "f", "parameters": {"type": "object"}}
READERS: dict[str, tuple[Callable[[bytes], object], Any]] = {
    "completions": (
        lambda body: completions.CLIENT.read(body, None, b""),
        {"model": "m", "prompt": ["a"], "n": 2, "stop": "x", "logit_bias": {"1": 1}, "echo": True},
    ),
    "embeddings": (
        lambda body: embeddings.CLIENT.read(body, None, b""),
        {"model": "m", "input": [[1]], "dimensions": 3, "encoding_format": "float", "user": "u"},
    ),
    "moderations": (
        read_moderations,
        {"input": [{"type": "image_url", "image_url": {"url": PNG}}, "a"]},
    ),
    "responses": (
        lambda body: responses.CLIENT.read(body, None, b""),
        {
            "model": "m",
            "input": [
                {"role": "user", "content": [{"type": "input_image", "image_url": PNG}]},
                {"type": "reasoning", "summary": [], "encrypted_content": "tramontane.1.W10="},
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": [{"type": "text"}]},
            ],
            "tools": [TOOL],
            "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [TOOL]},
            "text": {"format": {"type": "json_schema", "name": "x", "schema": {}}},
            "reasoning": {"effort": "low", "summary": "auto"},
            "include": ["reasoning.encrypted_content"],
            "top_logprobs": 1,
        },
    ),
    "ollama chat": (
        lambda body: ollama.CHAT.read(body, None, b""),
        {
            "model": "m",
            "messages": [
                {"role": "user", "content": "a", "images": ["iVBORw0KGgo="]},
                {"role": "assistant", "tool_calls": [CALL], "thinking": "h"},
                {"role": "tool", "tool_name": "f", "content": "1"},
            ],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
            "options": {"top_k": 1, "stop": ["x"], "mirostat": 1},
            "format": {"type": "object"},
            "think": "low",
        },
    ),
    "ollama generate": (
        lambda body: ollama.GENERATE.read(body, None, b""),
        {"model": "m", "prompt": "a", "system": "s", "suffix": "z", "raw": False, "format": "json"},
    ),
    "ollama embed": (
        lambda body: ollama.EMBED.read(body, None, b""),
        {"model": "m", "input": ["a"], "dimensions": 2, "truncate": True},
    ),
}
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, -1, 0, 1e400, 10**30, 0.5, "", "x", "http://x", "data:,", [], {}, [None], [[]],
     {"type": "x"}, {"role": "user"}, "\ud800", [{}], {"a": {"b": [1]}}]
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            found += places(inner, (*path, key))
    return found


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


@pytest.mark.parametrize("name", READERS)
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_a_changed_request_is_read_or_refused(name: str, data: st.DataObject) -> None:
    read, body = READERS[name]
    for _ in range(data.draw(st.integers(0, 3))):
        there = places(body)
        if there:
            body = changed(body, data.draw(st.sampled_from(there)), data.draw(ODD))
    text = json.dumps(body).encode()
    cut = data.draw(st.integers(0, 12))
    try:
        read(text if cut > 2 else text[: len(text) - cut * 3])
    except InvalidRequest as error:
        assert error.status == 400 and error.message


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b'"x"', b"{}", b"\xff", b"[" * 100_000, b'{"model":' * 5_000]
)
def test_what_is_no_request_is_refused(name: str, body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        READERS[name][0](body)
