"""Requests of every dialect with values of wrong kinds in every place: refused or translated, and
never a fault of ours, for any provider.
"""

import json
import random
from typing import Any

import pytest

from tests.gateway.speakers import PROVIDERS, SPEAKERS
from tramontane.errors import TramontaneError
from tramontane.gateway.endpoints import TOKENS, Endpoint
from tramontane.wire import upstreams
from tramontane.wire.dialect import Asked

VALUES: list[Any] = [
    None, True, False, 0, -1, 1.5, 1e30, "", "x", "é", [], {}, [[]], [{}], {"a": {"a": {}}},
    "data:image/png;base64,aGk=", 2**70, ["x"], [None], {"type": "text"},
    {"type": "text", "text": 3},
]  # fmt: skip
NAMES = ["type", "role", "content", "text", "id", "name", "input", "source", "tool_calls", "x"]
FUNCTION = {"name": "f", "parameters": {"type": "object"}}
CHAT = {
    "tools": [{"type": "function", "function": FUNCTION}],
    "tool_choice": "auto",
    "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}},
    "stop": ["a"],
    "temperature": 1,
    "stream_options": {"include_usage": True},
}
CALL = {"id": "c12345678", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CHAT_TURNS = [
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c12345678", "content": "r"},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "t"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
        ],
    },
]
MESSAGES_TURNS = [
    {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "r"}]},
]
TARGETS = ("engine", *PROVIDERS)


def usual(client: str) -> dict[str, Any]:
    """A request with something of everything that `client` knows."""
    body: dict[str, Any] = json.loads(SPEAKERS[client].body("Hi", model="m", stream=True))
    if client in ("openai", "mistral", "azure"):
        body |= CHAT
        body["messages"] += CHAT_TURNS
        if client == "mistral":
            del body["stream_options"]
    elif client == "anthropic":
        body["system"] = [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]
        body["tools"] = [{"name": "f", "input_schema": {"type": "object"}}]
        body["messages"] += MESSAGES_TURNS
    return body


def mutated(value: Any, chance: random.Random) -> Any:
    if chance.random() < 0.02:
        return chance.choice(VALUES)
    if isinstance(value, dict):
        kept = {n: mutated(v, chance) for n, v in value.items() if chance.random() > 0.01}
        if chance.random() < 0.02:
            kept[chance.choice(NAMES)] = chance.choice(VALUES)
        return kept
    if isinstance(value, list):
        more = [chance.choice(VALUES)] if chance.random() < 0.02 else []
        return [mutated(v, chance) for v in value] + more
    return value


def read(endpoint: Endpoint, body: bytes) -> Asked:
    if endpoint.intent is None:
        return endpoint.client.read(body, None, b"api-version=2024-05-01-preview")
    assert endpoint.asked is not None
    return endpoint.asked(endpoint.intent(body))


def check(client: str, count: int) -> None:
    endpoint = TOKENS[SPEAKERS[client].path.partition("?")[0]]
    chance = random.Random(client)
    whole = usual(client)
    understood = 0
    for _ in range(count):
        body = json.dumps(mutated(whole, chance)).encode()
        try:
            request = read(endpoint, body).request
        except TramontaneError as error:
            assert error.status < 500
            endpoint.client.error(error)
            continue
        understood += 1
        for target in TARGETS:
            upstream = upstreams.find(target)
            assert upstream is not None
            try:
                upstream.write(request, model="m", drops=chance.random() < 0.5)
            except TramontaneError as error:
                assert error.status < 500
    assert understood > 0


@pytest.mark.parametrize("client", SPEAKERS)
def test_wrong_values_anywhere_are_refused_or_understood(client: str) -> None:
    check(client, 400)


@pytest.mark.slow
@pytest.mark.parametrize("client", SPEAKERS)
def test_wrong_values_anywhere_many_times(client: str) -> None:
    check(client, 50_000)
