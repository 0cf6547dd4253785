"""Real clients through the gateway to the stand-in: a remote deployment, spliced.

What OpenAI's own clients do must work as it does straight against the stand-in, and what we add
(ids, limits, budgets, errors) must be in the form that they understand.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest

from tests.clients import flows
from tests.clients.flows import PATIENCE_S, WEATHER, Target, says
from tests.clients.nodeflows import run_node_flows
from tests.clients.published import PublishedAPI, description_path
from tests.clients.wire import chunks_of, posted
from tests.processes import RunningStandin, run_standin
from tests.running import RunningGateway, run_gateway
from tramontane.money import NANO
from tramontane.providers.standin import Behaviour, Rule, StandinOptions
from tramontane.store.records import Project

IMAGE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4"
SCRIPT = (
    Rule(contains="busy", times=1, reply=Behaviour(status=429, retry_after_s=1)),
    Rule(contains="busy", reply=Behaviour(answer="now then")),
)


@pytest.fixture(scope="module")
def standin() -> Iterator[RunningStandin]:
    with run_standin(StandinOptions(script=SCRIPT, keep_bodies=True)) as one:
        yield one


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, standin: RunningStandin
) -> Iterator[RunningGateway]:
    """A gateway with the models `bench` and `narrow`, which serves one request at a time."""
    narrow = {"url": standin.url, "max_in_flight": 1}
    # A whole answer of a provider is read to its end though its client has left.
    settings = {"deployments.narrow": narrow, "server.drain_s": 1}
    folder = tmp_path_factory.mktemp("clients") / "data"
    with run_gateway(folder, standin.url, settings) as running:
        yield running


@pytest.fixture(scope="module")
def target(gateway: RunningGateway, standin: RunningStandin) -> Target:
    return Target(f"{gateway.address}/v1", gateway.key, "bench", lambda: standin.requests)


@pytest.fixture(scope="module")
def poor(gateway: RunningGateway) -> Project:
    """A project with almost no money, whose keys may use `bench` only."""
    project = gateway.add_project("poor")
    gateway.set_budget(project, "day", NANO // 1_000_000)
    return project


@pytest.fixture(scope="module")
def published() -> PublishedAPI:
    return PublishedAPI(description_path())


def seen(gateway: RunningGateway, project: Project, **options: Any) -> str:
    """Return a new key, known to the gateway."""
    name = f"key-{time.monotonic_ns()}"
    key = gateway.add_key(project, name, **options)
    gateway.until_seen(key)
    return key


@pytest.mark.parametrize(
    "flow", (*flows.CHAT_FLOWS, flows.models), ids=lambda flow: str(flow.__name__)
)
def test_python_client(flow: Callable[[Target], None], target: Target) -> None:
    flow(target)


def test_node_client(node_path: str, target: Target) -> None:
    run_node_flows(node_path, target)


def test_asynchronous_client(target: Target, standin: RunningStandin) -> None:
    async def converse(client: openai.AsyncOpenAI, number: int) -> str:
        text = f"caller {number} " * 5
        answer = await client.chat.completions.create(model=target.model, messages=says(text))
        assert answer.choices[0].message.content == text
        stream = await client.chat.completions.create(
            model=target.model, messages=says(text), stream=True
        )
        return "".join([c.choices[0].delta.content or "" async for c in stream])

    async def leave(client: openai.AsyncOpenAI) -> None:
        messages = says("[[standin tokens=41414 tps=100]] go on")
        stream = await client.chat.completions.create(
            model=target.model, messages=messages, stream=True, max_tokens=41414
        )
        async with asyncio.timeout(0.3):
            async for _ in stream:
                pass

    async def body() -> None:
        async with openai.AsyncOpenAI(
            base_url=target.base_url, api_key=target.api_key, max_retries=0
        ) as client:
            said = await asyncio.gather(*(converse(client, n) for n in range(50)))
            assert said == [f"caller {n} " * 5 for n in range(50)]
            with pytest.raises(TimeoutError):
                await leave(client)
            (left,) = [r for r in standin.requests if r.planned_tokens == 41414]
            for _ in range(int(PATIENCE_S / 0.05)):
                if left.ended != "open":
                    break
                await asyncio.sleep(0.05)
                (left,) = [r for r in standin.requests if r.planned_tokens == 41414]
            assert left.ended == "client_left"

    asyncio.run(body())


# --- the form of answers --------------------------------------------------------------------------

CHATS: dict[str, dict[str, Any]] = {
    "plain": {},
    "several": {"n": 2, "stop": ["x"], "max_tokens": 5, "seed": 3},
    "logprobs": {"logprobs": True, "top_logprobs": 3},
    "tools": {"tools": [WEATHER], "tool_choice": "required"},
    "json": {"response_format": {"type": "json_object"}, "messages": says("in JSON")},
    "nothing": {"messages": says("[[standin tokens=0]]")},
}


@pytest.mark.parametrize("name", CHATS)
def test_answers_are_as_published(name: str, target: Target, published: PublishedAPI) -> None:
    body = {"messages": says("Où est-ce ?"), **CHATS[name]}
    status, _, text = posted(target, body)
    assert status == 200
    assert published.problems("CreateChatCompletionResponse", json.loads(text)) == []
    for options in ({}, {"stream_options": {"include_usage": True}}):
        _, _, text = posted(target, {**body, "stream": True, **options})
        chunks = chunks_of(text)
        for chunk in chunks:
            assert published.problems("CreateChatCompletionStreamResponse", chunk) == []
        assert bool(chunks[-1]["choices"]) != bool(options)


def test_models_are_as_published(target: Target, published: PublishedAPI) -> None:
    with target.client() as client:
        listed = client.models.with_raw_response.list()
        assert published.problems("ListModelsResponse", json.loads(listed.text)) == []
        assert listed.headers["x-request-id"]
        shown = client.models.with_raw_response.retrieve("narrow")
        assert published.problems("Model", json.loads(shown.text)) == []


def test_the_request_id_is_seen_on_every_side(target: Target, standin: RunningStandin) -> None:
    with target.client() as client:
        answer = client.chat.completions.create(model=target.model, messages=says("who?"))
        assert answer._request_id
        assert standin.requests[-1].request_id == answer._request_id
        with pytest.raises(openai.NotFoundError) as caught:
            client.chat.completions.create(model="none", messages=says("who?"))
        assert caught.value.request_id
        assert caught.value.request_id != answer._request_id


def test_limits_are_told_with_every_answer(target: Target, gateway: RunningGateway) -> None:
    key = seen(gateway, gateway.project, requests_per_minute=100, tokens_per_minute=50_000)
    with target.client(api_key=key) as client:
        for is_stream in (False, True):
            raw = client.chat.completions.with_raw_response.create(
                model=target.model, messages=says("hello"), max_tokens=10, stream=is_stream
            )
            limits = {
                name.removeprefix("x-ratelimit-"): value
                for name, value in raw.headers.items()
                if name.startswith("x-ratelimit-")
            }
            assert (limits["limit-requests"], limits["limit-tokens"]) == ("100", "50000")
            assert 90 <= int(limits["remaining-requests"]) < 100
            assert 49_000 < int(limits["remaining-tokens"]) < 50_000
            assert limits["reset-requests"].endswith("s")
            assert limits["reset-tokens"].endswith("s")
            raw.http_response.close()


def test_a_stream_arrives_as_it_is_made(target: Target, standin: RunningStandin) -> None:
    with target.client() as client:
        stream = client.chat.completions.create(
            model=target.model, messages=says("[[standin tokens=20 tps=10]] slowly"), stream=True
        )
        first = [next(stream), next(stream)]
        assert first[1].choices[0].delta.content
        assert standin.requests[-1].ended == "open"
        stream.close()


def test_an_image_in_the_request_reaches_the_provider(
    target: Target, standin: RunningStandin
) -> None:
    parts: Any = [
        {"type": "text", "text": "what is this?"},
        {"type": "image_url", "image_url": {"url": IMAGE, "detail": "low"}},
    ]
    with target.client() as client:
        client.chat.completions.create(
            model=target.model, messages=[{"role": "user", "content": parts}]
        )
    body = standin.requests[-1].body
    assert body is not None
    assert json.loads(body)["messages"][0]["content"] == parts


# --- leaving, waiting, trying again ---------------------------------------------------------------


def counting(requests: list[httpx.Request]) -> httpx.Client:
    """Return a transport that notes every request that is really sent."""
    return httpx.Client(event_hooks={"request": [requests.append]})


def test_a_stream_that_was_left_frees_its_place(target: Target) -> None:
    with target.client(timeout=PATIENCE_S) as client:
        for _ in range(3):
            stream = client.chat.completions.create(
                model="narrow", messages=says("[[standin tokens=40000 tps=50]]"), stream=True
            )
            next(stream)
            stream.close()
        answer = client.chat.completions.create(model="narrow", messages=says("free?"))
    assert answer.choices[0].message.content == "free?"


def test_a_client_waits_as_a_provider_says(target: Target, standin: RunningStandin) -> None:
    standin.reset()
    with target.client(max_retries=2) as client:
        answer = client.chat.completions.create(model=target.model, messages=says("busy"))
    assert answer.choices[0].message.content == "now then"
    first, second = standin.requests
    assert (first.status, second.status) == (429, 200)
    assert second.started_at_ms - first.started_at_ms >= 900


def test_a_client_that_obeys_our_retry_after_succeeds_at_once(
    target: Target, gateway: RunningGateway
) -> None:
    key = seen(gateway, gateway.project, requests_per_minute=60)
    sent: list[httpx.Request] = []
    with counting(sent) as transport, target.client(api_key=key, http_client=transport) as client:
        with pytest.raises(openai.RateLimitError) as caught:
            for _ in range(62):
                client.chat.completions.create(model=target.model, messages=says("again"))
        assert caught.value.code == "requests_per_minute_exceeded"
        assert caught.value.response.headers["x-ratelimit-remaining-requests"] == "0"
        assert int(caught.value.response.headers["retry-after"]) == 1
        sent.clear()
        patient = client.with_options(max_retries=1)
        patient.chat.completions.create(model=target.model, messages=says("again"))
    assert len(sent) <= 2


def test_a_budget_that_is_used_up_is_not_asked_twice(
    target: Target, gateway: RunningGateway, poor: Project
) -> None:
    key = seen(gateway, poor)
    sent: list[httpx.Request] = []
    with (
        counting(sent) as transport,
        target.client(api_key=key, http_client=transport, max_retries=3) as client,
        pytest.raises(openai.RateLimitError) as caught,
    ):
        client.chat.completions.create(model=target.model, messages=says("x"), max_tokens=500)
    assert len(sent) == 1
    assert caught.value.code == "insufficient_quota"
    assert caught.value.type == "insufficient_quota"
    for word in ("poor", "daily", "0.000001"):
        assert word in str(caught.value)


def test_our_own_timeout_is_an_error_of_the_server(standin: RunningStandin, tmp_path: Any) -> None:
    settings = {"upstream.first_byte_timeout_s": 0.5}
    with run_gateway(tmp_path / "data", standin.url, settings) as gateway:
        target = Target(f"{gateway.address}/v1", gateway.key, "bench", lambda: standin.requests)
        with target.client() as client, pytest.raises(openai.InternalServerError) as caught:
            client.chat.completions.create(
                model="bench", messages=says("[[standin ttft_ms=60000]] late"), stream=True
            )
    assert caught.value.status_code == 504
    assert caught.value.code == "upstream_timeout"


# --- errors ---------------------------------------------------------------------------------------

ERRORS: dict[str, tuple[dict[str, Any] | bytes, int, str, str | None]] = {
    "no messages": ({}, 400, "missing_field", "messages"),
    "empty messages": ({"messages": []}, 400, "invalid_value", "messages"),
    "no model": ({"model": None, "messages": says("x")}, 400, "invalid_type", "model"),
    "a model": ({"model": "bensch", "messages": says("x")}, 404, "model_not_found", "model"),
    "n": ({"messages": says("x"), "n": 0}, 400, "invalid_value", "n"),
    "max_tokens": ({"messages": says("x"), "max_tokens": "9"}, 400, "invalid_type", "max_tokens"),
    "stream": ({"messages": says("x"), "stream": 1}, 400, "invalid_type", "stream"),
    "stream_options": (
        {"messages": says("x"), "stream_options": {"include_usage": True}},
        400,
        "invalid_value",
        "stream_options",
    ),
    "the provider's word": (
        {"messages": says("x"), "temperature": 3},
        400,
        "decimal_above_max_value",
        "temperature",
    ),
    "case": ({"messages": says("x"), "Stream": True}, 400, "unknown_field", "Stream"),
    "twice": (b'{"model": "bench", "model": "x", "messages": []}', 400, "duplicate_field", "model"),
    "cut": (b'{"model": "bench"', 400, "invalid_json", None),
    "nothing": (b"", 400, "invalid_json", None),
    "an address": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": "http://x.example/"}}],
                }
            ]
        },
        400,
        "address_not_allowed",
        "messages[0].content[0].image_url.url",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_as_published_and_name_what_is_wrong(
    name: str, target: Target, published: PublishedAPI
) -> None:
    body, status, code, param = ERRORS[name]
    answered, fields, text = posted(target, body)
    assert answered == status, text
    assert published.problems("ErrorResponse", json.loads(text)) == []
    error = json.loads(text)["error"]
    assert (error["code"], error["param"]) == (code, param), error
    assert error["type"] == "invalid_request_error"
    assert fields["x-request-id"]


def test_an_unknown_model_is_answered_with_the_nearest(target: Target) -> None:
    with target.client() as client, pytest.raises(openai.NotFoundError, match="'bench'"):
        client.chat.completions.create(model="bensch", messages=says("x"))


def test_a_model_that_a_key_may_not_use_is_said(target: Target, gateway: RunningGateway) -> None:
    key = seen(gateway, gateway.project, allowed_models=("narrow",))
    with target.client(api_key=key) as client:
        with pytest.raises(openai.PermissionDeniedError) as caught:
            client.chat.completions.create(model="bench", messages=says("x"))
        assert caught.value.code == "model_not_allowed"
        assert "'narrow'" in str(caught.value)
        assert [model.id for model in client.models.list()] == ["narrow"]
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("bench")
