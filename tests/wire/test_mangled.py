"""Requests and answers mangled at random: refused in the dialect's own words, never a crash.

What a client's side takes, every provider's side writes or refuses; what a provider's side reads,
clients' sides write.
"""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.wire.mistral.test_mistral_answers import ASKED, PIECES
from tests.wire.mistral.test_mistral_requests import FULL
from tramontane.errors import TramontaneError
from tramontane.wire import canonical as c
from tramontane.wire import upstreams
from tramontane.wire.azure import client as azure
from tramontane.wire.dialect import Client
from tramontane.wire.mistral import chat as mistral

DIALECTS = (
    "openai", "engine", "mistral", "azure", "azure_openai", "anthropic", "google", "bedrock",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 1.5, 1e308, 10**30, "", "x", "\ud83d", "http://x", [], {}, [None],
    [[]], [{}], {"a": None}, {"type": "text"}, {"role": "user", "content": "hi"}, "none",
    "required", "data:image/png;base64,AAAA", "stop", "error", "tool_calls",
)  # fmt: skip
NAMES = ("foo", "type", "role", "content", "url", "id", "prefix", "name", "text")
CHAT: dict[str, Any] = {
    "model": "m",
    "messages": FULL["messages"][:4],
    "tools": FULL["tools"],
    "tool_choice": FULL["tool_choice"],
    "response_format": FULL["response_format"],
    "stop": ["x"],
    "n": 2,
    "seed": 3,
    "logprobs": True,
    "top_logprobs": 2,
    "logit_bias": {"1": 2},
    "reasoning_effort": "low",
    "stream": True,
    "stream_options": {"include_usage": True},
}
FIM = {"model": "m", "prompt": "p", "suffix": "s", "stop": ["a"], "min_tokens": 2}
EMBEDDINGS = {"model": "m", "input": ["a", "b"], "output_dimension": 3}
RESPONSE = {"model": "m", "input": [{"role": "user", "content": "x"}], "reasoning": {}}
REQUESTS: tuple[tuple[Client, dict[str, Any], str | None], ...] = (
    (mistral.CHAT_CLIENT, FULL, None),
    (mistral.FIM_CLIENT, FIM, None),
    (mistral.EMBEDDINGS_CLIENT, EMBEDDINGS, None),
    (mistral.MODERATIONS_CLIENT, {"model": "m", "input": "a"}, None),
    (azure.CHAT, CHAT, None),
    (azure.CHAT, CHAT, "of the path"),
    (azure.COMPLETIONS, {"model": "m", "prompt": ["a"], "n": 2, "logprobs": 1}, None),
    (azure.EMBEDDINGS, {"model": "m", "input": ["a"], "dimensions": 3}, "of the path"),
    (azure.RESPONSES, RESPONSE, None),
)


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    if isinstance(value, dict):
        for name, part in value.items():
            yield from places(part, (*place, name))
    elif isinstance(value, list):
        for at, part in enumerate(value):
            yield from places(part, (*place, at))


def mangled(value: Any, chance: random.Random) -> Any:
    """Return a copy of `value` with one thing in it changed, added or taken away."""
    value = json.loads(json.dumps(value))
    *steps, last = ("whole", *chance.choice(list(places(value))))
    new = json.loads(json.dumps(chance.choice(VALUES)))
    if last == "whole":
        return new
    at = value
    for step in steps[1:]:
        at = at[step]
    kind = chance.random()
    if kind < 0.15 and isinstance(at, dict):
        del at[last]
    elif kind < 0.25 and isinstance(at, dict):
        at[chance.choice(NAMES)] = new
    elif kind < 0.3 and isinstance(at, list):
        at.append(new)
    else:
        at[last] = new
    return value


def try_requests(chance: random.Random, count: int) -> int:
    """Return how many of `count` mangled requests were taken."""
    taken = 0
    for _ in range(count):
        client, body, model = chance.choice(REQUESTS)
        for _ in range(chance.randint(1, 3)):
            body = mangled(body, chance)
        try:
            asked = client.read(json.dumps(body).encode(), model, b"")
        except TramontaneError as error:
            status, refusal = client.error(error)
            assert 400 <= status < 500
            assert json.loads(refusal)
            continue
        taken += 1
        for dialect in DIALECTS:
            upstream = upstreams.find(dialect, asked.request.operation)
            for drops in (False, True):
                if upstream is None:
                    break
                try:
                    written = upstream.write(asked.request, model="z", drops=drops)
                except TramontaneError as error:
                    assert error.status < 500
                else:
                    assert json.loads(written.body)
    return taken


def try_answers(chance: random.Random, count: int) -> int:
    """Return how many of `count` mangled streams came to their end."""
    ended = 0
    for _ in range(count):
        client: Client = chance.choice((mistral.CHAT_CLIENT, azure.CHAT))
        dialect = "mistral" if client is mistral.CHAT_CLIENT else "azure_openai"
        events = client.writer(ASKED).write(PIECES).split(b"\n\n")[:-1]
        for _ in range(chance.randint(0, 2)):
            at = chance.randrange(len(events) - 1)
            event = mangled(json.loads(events[at].removeprefix(b"data: ")), chance)
            events[at] = b"data: " + json.dumps(event).encode()
        stream = b"".join(event + b"\n\n" for event in events)
        upstream = upstreams.find(dialect)
        assert upstream is not None
        reader, pieces = upstream.reader(), list[c.Piece]()
        cut = chance.randrange(len(stream))
        try:
            pieces += reader.feed(stream[:cut])
            pieces += reader.feed(stream[cut:])
            pieces += reader.end()
            ended += 1
        except TramontaneError:
            pieces += reader.left
        for other in (mistral.CHAT_CLIENT, azure.CHAT):
            other.writer(ASKED).write(pieces)
    return ended


def test_mangled_requests_and_answers() -> None:
    chance = random.Random(6)
    assert try_requests(chance, 120) > 10
    assert try_answers(chance, 80) > 10


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_many_mangled_requests_and_answers(seed: int) -> None:
    chance = random.Random(seed)
    assert try_requests(chance, 5_000) > 200
    assert try_answers(chance, 2_500) > 200
