"""What OpenAI has beside chat, and Ollama's dialect, through the gateway to every maker's dialect.

OpenAI's and Ollama's own clients ask; each deployment is a stand-in that speaks as that maker does.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import openai
import pytest

from tests.clients import flows, ollamaflows, responsesflows
from tests.clients.flows import Target
from tests.clients.nodeflows import run_script
from tests.gateway.speakers import PROVIDERS
from tests.processes import RunningStandin, run_standin
from tests.running import RunningGateway, run_gateway
from tramontane.providers.standin import StandinOptions

PRICE = {"input_per_mtok": "2", "output_per_mtok": "6"}
EMBEDDING = ("openai", "mistral", "google", "azure")
QUICK = ("anthropic",)
MODELS = [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in PROVIDERS
]
Flow = Callable[[Target], None]


@pytest.fixture(scope="module")
def standin() -> Iterator[RunningStandin]:
    with run_standin(StandinOptions(keep_bodies=True)) as one:
        yield one


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, standin: RunningStandin
) -> Iterator[RunningGateway]:
    """A gateway with one model for each dialect of providers, named after it."""
    base = standin.url.removesuffix("/v1")
    settings: dict[str, Any] = {
        f"deployments.{name}": {
            "url": base + path,
            "dialect": name,
            "price": PRICE,
        }
        for name, path in PROVIDERS.items()
    }
    folder = tmp_path_factory.mktemp("operations") / "data"
    with run_gateway(folder, None, settings) as running:
        yield running


@pytest.fixture
def target(gateway: RunningGateway, standin: RunningStandin) -> Target:
    return Target(f"{gateway.address}/v1", gateway.key, "openai", lambda: standin.requests)


@pytest.mark.parametrize("flow", flows.OTHER_FLOWS, ids=lambda flow: str(flow.__name__))
def test_openai_beside_chat(flow: Flow, target: Target) -> None:
    flow(target)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("flow", responsesflows.FLOWS, ids=lambda flow: str(flow.__name__))
def test_responses(flow: Flow, model: str, target: Target) -> None:
    flow(replace(target, model=model))


@pytest.mark.parametrize("model", ["anthropic", "google", "bedrock"])
def test_thoughts_come_and_go_with_their_seals(model: str, target: Target) -> None:
    responsesflows.thoughts(replace(target, model=model))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("flow", ollamaflows.FLOWS, ids=lambda flow: str(flow.__name__))
def test_ollama(flow: Flow, model: str, target: Target) -> None:
    flow(replace(target, base_url=target.base_url.removesuffix("/v1"), model=model))


@pytest.mark.parametrize("model", EMBEDDING)
def test_vectors_of_every_maker(model: str, target: Target, gateway: RunningGateway) -> None:
    """Each input has its vector, packed or plain; the bill is the prompt's alone."""
    with target.client() as client:
        asked: Any = {"model": model, "input": ["a b", "c"], "dimensions": 4}
        raw = client.embeddings.with_raw_response.create(**asked)
        packed = raw.parse()
        plain = client.embeddings.create(**asked, encoding_format="float")
    assert [item.index for item in packed.data] == [0, 1]
    for one, other in zip(packed.data, plain.data, strict=True):
        assert len(one.embedding) == 4
        assert one.embedding == pytest.approx(other.embedding, rel=1e-5)
    (bill,) = gateway.bills(raw.headers["x-request-id"])
    assert (bill.prompt_tokens, bill.completion_tokens) == (packed.usage.prompt_tokens, 0)
    assert bill.cost_nano == 2_000 * packed.usage.prompt_tokens and not bill.estimated
    client_of = ollamaflows.client_of(replace(target, base_url=gateway.address))
    found = client_of.embed(model, ["a b", "c"], dimensions=4)
    assert found.embeddings[0] == pytest.approx(plain.data[0].embedding, rel=1e-5)
    assert client_of.embeddings(model, "a b").embedding


def test_completions_are_billed_as_they_were_counted(
    target: Target, gateway: RunningGateway
) -> None:
    with target.client() as client:
        raw = client.completions.with_raw_response.create(
            model="openai", prompt=["one two", "three"], n=2, max_tokens=9
        )
        answer = raw.parse()
        *chunks, last = client.completions.create(
            model="openai",
            prompt="one two",
            n=2,
            stream=True,
            stream_options={"include_usage": True},
        )
    assert [choice.text for choice in answer.choices] == ["one two"] * 2 + ["three"] * 2
    assert answer.usage is not None
    (bill,) = gateway.bills(raw.headers["x-request-id"])
    assert bill.completion_tokens == answer.usage.completion_tokens and not bill.estimated
    cost = 2_000 * answer.usage.prompt_tokens + 6_000 * answer.usage.completion_tokens
    assert bill.cost_nano == cost
    assert last.usage is not None and not last.choices
    assert {choice.index for chunk in chunks for choice in chunk.choices} == {0, 1}


@pytest.mark.parametrize(
    "fault", ["reset_after:9", "malformed_json:9", "error_event:9", "bad_chunk:9"]
)
def test_completions_that_break_off_have_no_good_end(fault: str, gateway: RunningGateway) -> None:
    body = {"model": "openai", "prompt": f"[[standin tokens=40 tps=100 fault={fault}]]", "n": 1}
    asked = json.dumps({**body, "max_tokens": 60, "stream": True}).encode()
    reply = gateway.request("POST", "/v1/completions", asked, key=gateway.key)
    assert reply.status == 200
    *_, last = [event for event in reply.body.split(b"\n\n") if event]
    assert b"[DONE]" not in reply.body and b'"error"' in last
    (bill,) = gateway.bills(reply.fields["x-request-id"])
    assert bill.estimated and 0 < bill.completion_tokens <= 60


def test_moderations_are_passed_on(target: Target) -> None:
    with target.client() as client:
        judged = client.moderations.create(model="openai", input=["peace", "violence"])
        assert [result.flagged for result in judged.results] == [False, True]
        with pytest.raises(openai.BadRequestError) as caught:
            client.moderations.create(model="anthropic", input="x")
    assert caught.value.code == "unsupported_operation"


def test_who_has_no_such_operation_says_so(target: Target) -> None:
    with target.client() as client:
        for call in (
            lambda: client.embeddings.create(model="anthropic", input="x"),
            lambda: client.completions.create(model="google", prompt="x"),
        ):
            with pytest.raises(openai.BadRequestError) as caught:
                call()
            assert caught.value.code == "unsupported_operation"


def test_ollama_goes_on_from_a_prompt(target: Target, gateway: RunningGateway) -> None:
    client = ollamaflows.client_of(replace(target, base_url=gateway.address))
    assert client.generate("openai", "Go on", raw=True).response == "Go on"
    assert client.generate("openai", "Between", suffix="that").response
    sent = json.loads(target.requests()[-1].body or "")
    assert (sent["prompt"], sent["suffix"]) == ("Between", "that")


def test_ollama_is_told_what_was_dropped(gateway: RunningGateway) -> None:
    body = {"model": "openai", "stream": False, "options": {"top_k": 3, "mirostat": 1}}
    asked = json.dumps({**body, "messages": [{"role": "user", "content": "x"}]}).encode()
    refused = gateway.request("POST", "/api/chat", asked, key=gateway.key)
    assert refused.status == 400 and "'top_k'" in refused.json["error"]
    fields = {"x-tramontane-drop": "true"}
    answered = gateway.request("POST", "/api/chat", asked, key=gateway.key, fields=fields)
    assert answered.status == 200
    assert answered.fields["x-tramontane-dropped"] == "top_k, mirostat"
    assert gateway.request("GET", "/api/version", key=gateway.key).json["version"]
    unknown = gateway.request("GET", "/api/tags", key="wrong")
    assert unknown.status == 401 and isinstance(unknown.json["error"], str)


def test_the_node_client_beside_chat(node_path: str, target: Target) -> None:
    run_script(node_path, target, "beside.mjs", 7)
