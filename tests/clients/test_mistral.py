"""Mistral's own client: against its stand-in, and through the gateway to two makers' dialects.

The client is imported late: that takes longer than most tests.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.clients.published import PublishedAPI, description_path
from tests.processes import RunningStandin, run_standin
from tests.running import RunningGateway, run_gateway
from tramontane.providers.standin import StandinOptions

if TYPE_CHECKING:
    from tests.clients.mistralflows import Place

KEY = "sk-standin"
PRICE = {"input_per_mtok": "2", "output_per_mtok": "6", "cached_input_per_mtok": "0.2"}
NOT_OPENAI = {"prefix", "safe_prompt", "thinking"}
"""Flows that ask for what OpenAI's dialect has not, or does not show."""


@pytest.fixture(scope="module")
def standin() -> Iterator[RunningStandin]:
    options = StandinOptions(api_key=KEY, models=("standin",), keep_bodies=True)
    with run_standin(options) as one:
        yield one


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, standin: RunningStandin
) -> Iterator[RunningGateway]:
    """A gateway with the models `mistral` and `openai`, each at a provider of that dialect."""
    base = standin.url.removesuffix("/v1")
    os.environ["STANDIN_KEY"] = KEY
    shared = {"upstream_model": "standin", "key_env": "STANDIN_KEY", "price": PRICE}
    settings: dict[str, Any] = {
        "deployments.mistral": {"url": f"{base}/mistral/v1", "dialect": "mistral", **shared},
        "deployments.openai": {"url": standin.url, **shared},
    }
    folder = tmp_path_factory.mktemp("mistral") / "data"
    with run_gateway(folder, None, settings) as running:
        yield running


@pytest.fixture(scope="module")
def published() -> PublishedAPI:
    return PublishedAPI(description_path("mistral"))


def place_of(kind: str, standin: RunningStandin, gateway: RunningGateway) -> "Place":
    from tests.clients.mistralflows import Place

    if kind == "direct":
        return Place(f"{standin.url.removesuffix('/v1')}/mistral", KEY, "standin")
    return Place(f"{gateway.address}/mistral", gateway.key, kind, kind == "mistral")


@pytest.mark.parametrize(
    "kind", [pytest.param("direct", marks=pytest.mark.slow), "mistral", "openai"]
)
def test_every_flow(kind: str, standin: RunningStandin, gateway: RunningGateway) -> None:
    from tests.clients.mistralflows import FLOWS

    place = place_of(kind, standin, gateway)
    failed = {}
    for name, flow in FLOWS.items():
        if kind == "openai" and name in NOT_OPENAI:
            continue
        try:
            flow(place)
        except Exception as error:  # noqa: BLE001 - all flows are tried
            failed[name] = repr(error)
    assert failed == {}
    assert len(FLOWS) == 20


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["direct", "mistral"])
def test_the_next_release(kind: str, standin: RunningStandin, gateway: RunningGateway) -> None:
    client = Path(sys.prefix) / "mistralai3"
    assert client.is_dir(), "scripts/test-tools has not been run"
    place = place_of(kind, standin, gateway)
    ended = subprocess.run(
        [sys.executable, "-m", "tests.clients.mistralflows", place.url, place.key, place.model],
        env={**os.environ, "PYTHONPATH": str(client)},
        capture_output=True,
        text=True,
        check=True,
    )
    flows = json.loads(ended.stdout)
    assert {name: trace for name, trace in flows.items() if trace} == {}
    assert len(flows) == 20


HELLO = [{"role": "user", "content": "hi"}]
TOOL = {
    "type": "function",
    "function": {
        "name": "f",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
    },
}
ASKED: dict[str, dict[str, Any]] = {
    "plain": {},
    "several": {"n": 2, "stop": ["x"], "max_tokens": 5, "random_seed": 3},
    "tools": {"tools": [TOOL], "tool_choice": "any"},
    "json": {
        "response_format": {"type": "json_object"},
        "messages": [{"role": "user", "content": "in JSON"}],
    },
    "cached": {"messages": [{"role": "user", "content": "[[standin cached_tokens=2]] hi"}]},
}


@pytest.mark.parametrize("model", ["mistral", "openai"])
def test_answers_are_as_published(
    gateway: RunningGateway, published: PublishedAPI, model: str
) -> None:
    def conforms(name: str, answer: httpx.Response | Any) -> None:
        said = answer.json() if isinstance(answer, httpx.Response) else answer
        found = published.problems(name, said)
        # The description asks whole answers for `data`, which it does not describe.
        assert [problem for problem in found if "'data' is a required" not in problem] == []

    with httpx.Client(
        base_url=f"{gateway.address}/mistral/v1",
        headers={"authorization": f"Bearer {gateway.key}"},
    ) as client:
        for changed in ASKED.values():
            body = {"model": model, "messages": HELLO, **changed}
            conforms("ChatCompletionResponse", client.post("/chat/completions", json=body))
            streamed = client.post("/chat/completions", json={**body, "stream": True})
            *events, done = streamed.text.strip().split("\n\n")
            assert done == "data: [DONE]"
            for event in events:
                conforms("CompletionChunk", json.loads(event.removeprefix("data: ")))
        fim = {"model": model, "prompt": "a", "suffix": "b"}
        conforms("FIMCompletionResponse", client.post("/fim/completions", json=fim))
        texts = {"model": model, "input": ["a", "b"]}
        conforms("EmbeddingResponse", client.post("/embeddings", json=texts))
        conforms("ModelList", client.get("/models"))
        conforms("BaseModelCard", client.get(f"/models/{model}"))
        conforms("HTTPValidationError", client.post("/embeddings", json={"model": model}))


def test_requests_from_another_dialect_are_as_published(
    gateway: RunningGateway, standin: RunningStandin, published: PublishedAPI
) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "developer", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "hi"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            ],
        },
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "r"},
        *HELLO,
    ]
    body = {
        "model": "mistral",
        "messages": messages,
        "tools": [TOOL],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "parallel_tool_calls": False,
        "seed": 3,
        "stop": "x",
        "max_completion_tokens": 9,
        "user": "somebody",
        "reasoning_effort": "high",
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    headers = {"authorization": f"Bearer {gateway.key}"}
    answer = httpx.post(f"{gateway.address}/v1/chat/completions", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-tramontane-dropped"] == "user"
    sent = json.loads(standin.requests[-1].body or "")
    assert published.problems("ChatCompletionRequest", sent) == []
    assert sent["random_seed"] == 3
    assert sent["max_tokens"] == 9


def test_what_another_maker_cannot_do_is_refused_or_dropped_and_named(
    gateway: RunningGateway,
) -> None:
    body = {
        "model": "openai",
        "messages": [{"role": "user", "content": "hi"}],
        "safe_prompt": True,
        "guardrails": [{"moderation_llm_v2": {}}],
    }
    with httpx.Client(
        base_url=f"{gateway.address}/mistral/v1",
        headers={"authorization": f"Bearer {gateway.key}"},
    ) as client:
        refused = client.post("/chat/completions", json=body)
        assert refused.status_code == 422
        assert refused.json()["code"] == "unsupported_parameter"
        assert refused.json()["detail"][0]["loc"] == ["body", "safe_prompt"]
        answered = client.post(
            "/chat/completions", json=body, headers={"x-tramontane-drop": "true"}
        )
        assert answered.status_code == 200
        dropped = answered.headers["x-tramontane-dropped"].split(", ")
        assert sorted(dropped) == ["guardrails", "safe_prompt"]
        moderated = client.post("/moderations", json={"model": "openai", "input": "x"})
        assert moderated.status_code == 422
        assert moderated.json()["code"] == "unsupported_operation"
        moderated = client.post("/moderations", json={"model": "mistral", "input": ["a violence"]})
        assert moderated.status_code == 200, moderated.text
        assert moderated.json()["results"][0]["categories"]["violence_and_threats"]
        assert client.post("/nothing", json={}).json()["object"] == "error"


def test_bodies_reach_a_provider_of_the_dialect_as_they_were_written(
    gateway: RunningGateway, standin: RunningStandin
) -> None:
    body = {
        "model": "mistral",
        "messages": [{"role": "user", "content": "as it was"}],
        "prediction": {"type": "content", "content": "as"},
        "reasoning_effort": "none",
        "stream": True,
    }
    with httpx.Client(headers={"authorization": f"Bearer {gateway.key}"}) as client:
        answer = client.post(f"{gateway.address}/mistral/v1/chat/completions", json=body)
    assert answer.status_code == 200
    assert answer.text.endswith("data: [DONE]\n\n")
    sent = json.loads(standin.requests[-1].body or "")
    assert sent == {**body, "model": "standin"}
