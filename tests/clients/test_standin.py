"""Real clients straight against the stand-in, held to the published description of the API.

What is tested here is the stand-in: that it is what a client and the description expect, before
anything of ours is put between.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.clients import flows
from tests.clients.flows import WEATHER, Target, says
from tests.clients.nodeflows import run_node_flows
from tests.clients.published import PublishedAPI, description_path
from tests.processes import RunningStandin, run_standin
from tramontane.providers.standin import Behaviour, Rule, StandinOptions

KEY = "sk-standin-000000000000"
SCRIPT = (
    Rule(contains="retry me", times=2, reply=Behaviour(status=500)),
    Rule(contains="retry me", reply=Behaviour(answer="third time lucky")),
)


@pytest.fixture(scope="module")
def standin() -> Iterator[RunningStandin]:
    """A stand-in that wants a key and knows one model."""
    with run_standin(StandinOptions(api_key=KEY, models=("gpt-4o-mini",), script=SCRIPT)) as one:
        yield one


@pytest.fixture(scope="module")
def target(standin: RunningStandin) -> Target:
    return Target(standin.url, KEY, "gpt-4o-mini", lambda: standin.requests)


@pytest.fixture(scope="module")
def published() -> PublishedAPI:
    return PublishedAPI(description_path())


@pytest.mark.parametrize(
    "flow", flows.CHAT_FLOWS + flows.OTHER_FLOWS, ids=lambda flow: str(flow.__name__)
)
def test_python_client(flow: Callable[[Target], None], target: Target) -> None:
    flow(target)


def test_node_client(node_path: str, target: Target) -> None:
    run_node_flows(node_path, target)


def test_the_client_s_own_retries_succeed(target: Target, standin: RunningStandin) -> None:
    standin.reset()
    with target.client(max_retries=2) as client:
        answer = client.chat.completions.create(model=target.model, messages=says("retry me"))
    assert answer.choices[0].message.content == "third time lucky"
    assert [request.status for request in standin.requests] == [500, 500, 200]


def posted(target: Target, path: str, body: dict[str, Any]) -> tuple[int, str]:
    """Return the status and the body of the response to `body`."""
    request = urllib.request.Request(
        f"{target.base_url}/{path}",
        json.dumps({"model": target.model, **body}).encode(),
        {"authorization": f"Bearer {target.api_key}", "content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


CHATS: dict[str, dict[str, Any]] = {
    "plain": {},
    "several": {"n": 2, "stop": ["x"], "max_tokens": 5, "seed": 3},
    "logprobs": {"logprobs": True, "top_logprobs": 3},
    "tools": {"tools": [WEATHER], "tool_choice": "required"},
    "schema": {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "n", "schema": {"type": "object"}},
        }
    },
    "nothing": {"messages": says("[[standin tokens=0]]")},
}


@pytest.mark.parametrize("name", CHATS)
def test_chat_is_as_published(name: str, target: Target, published: PublishedAPI) -> None:
    body = {"messages": says("Où est-ce ?"), **CHATS[name]}
    request = {"model": target.model, **body}
    assert published.problems("CreateChatCompletionRequest", request) == []
    status, text = posted(target, "chat/completions", body)
    assert status == 200
    assert published.problems("CreateChatCompletionResponse", json.loads(text)) == []


@pytest.mark.parametrize("name", CHATS)
@pytest.mark.parametrize("include_usage", [True, False])
def test_chat_stream_is_as_published(
    name: str, include_usage: bool, target: Target, published: PublishedAPI
) -> None:
    options = {"stream_options": {"include_usage": True}} if include_usage else {}
    body = {"messages": says("Où est-ce ?"), **CHATS[name], "stream": True, **options}
    _, text = posted(target, "chat/completions", body)
    *events, done, rest = text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    for event in events:
        chunk = json.loads(event.removeprefix("data: "))
        assert published.problems("CreateChatCompletionStreamResponse", chunk) == []
        assert ("usage" in chunk) == include_usage


@pytest.mark.parametrize("is_stream", [True, False])
def test_completions_are_as_published(
    is_stream: bool, target: Target, published: PublishedAPI
) -> None:
    body = {"prompt": "Où est-ce ?", "n": 2, "logprobs": 2, "stream": is_stream}
    _, text = posted(target, "completions", body)
    parts = text.split("\n\n")[:-2] if is_stream else [text]
    for part in parts:
        answer = json.loads(part.removeprefix("data: "))
        if is_stream:
            # The API's events say null where the description knows a finished answer only.
            for choice in answer["choices"]:
                choice["finish_reason"] = choice["finish_reason"] or "stop"
        assert published.problems("CreateCompletionResponse", answer) == []


def test_embeddings_and_models_are_as_published(target: Target, published: PublishedAPI) -> None:
    _, text = posted(target, "embeddings", {"input": ["a", "b"]})
    assert published.problems("CreateEmbeddingResponse", json.loads(text)) == []
    with target.client() as client:
        listed = client.models.with_raw_response.list()
        assert published.problems("ListModelsResponse", json.loads(listed.text)) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"messages": []}, 400),
        ({"messages": says("x"), "model": "none"}, 404),
        ({"messages": says("[[standin status=429]]")}, 429),
        ({"messages": says("[[standin status=503]]")}, 503),
    ],
)
def test_errors_are_as_published(
    body: dict[str, Any], status: int, target: Target, published: PublishedAPI
) -> None:
    answered, text = posted(target, "chat/completions", body)
    assert answered == status
    assert published.problems("ErrorResponse", json.loads(text)) == []


def test_the_description_refuses_what_is_wrong(published: PublishedAPI) -> None:
    assert published.problems("ErrorResponse", {"error": {"message": 3}})
    good = {"id": "a", "choices": [], "created": 1, "model": "m", "object": "chat.completion"}
    assert published.problems("CreateChatCompletionResponse", good) == []
    assert published.problems("CreateChatCompletionResponse", {**good, "object": "chat"})
    assert published.problems("CreateChatCompletionResponse", {**good, "usage": {}})


def test_a_silent_stream_times_out(target: Target) -> None:
    with target.client(timeout=0.5) as client:
        chunks = client.chat.completions.create(
            model=target.model,
            messages=says("[[standin tokens=50 tps=500 fault=black_hole:10]] mute"),
            stream=True,
        )
        seen = 0
        with pytest.raises(Exception, match=r"(?i)time"):
            for _ in chunks:
                seen += 1
    assert seen == 10


def test_the_tally_is_what_the_client_was_told(target: Target, standin: RunningStandin) -> None:
    standin.reset()
    with target.client() as client:
        answers = [
            client.chat.completions.create(
                model=target.model, messages=says("word " * n), user=f"user-{n}"
            )
            for n in range(1, 6)
        ]
    deadline_s = time.monotonic() + flows.PATIENCE_S
    while any(r.ended == "open" for r in standin.requests) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    for number, (request, answer) in enumerate(zip(standin.requests, answers, strict=True), 1):
        assert answer.usage is not None
        assert (request.id, request.user) == (answer.id, f"user-{number}")
        assert request.prompt_tokens == answer.usage.prompt_tokens
        assert request.completion_tokens == answer.usage.completion_tokens
        assert (request.ended, request.usage_sent) == ("complete", True)
