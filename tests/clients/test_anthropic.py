"""Anthropic's own client: straight against the stand-in, and through the gateway to providers of
its own dialect and of OpenAI's; and OpenAI's client to a provider of Anthropic's.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.clients import anthropic_flows as flows
from tests.clients.anthropic_flows import Target
from tests.processes import RunningStandin, run_standin
from tests.running import RunningGateway, run_gateway
from tramontane.providers.standin import Behaviour, Rule, ScriptedCall, StandinOptions

KEY = "sk-standin"
PRICE = {
    "input_per_mtok": "3",
    "output_per_mtok": "15",
    "cached_input_per_mtok": "0.3",
    "cache_write_per_mtok": "3.75",
    "cache_write_1h_per_mtok": "6",
}
CALLS = (ScriptedCall("get_weather", {"city": "Bern"}), ScriptedCall("get_weather", {}))
SCRIPT = (
    Rule(contains="retry me", model="claude", times=2, reply=Behaviour(status=529)),
    Rule(contains="retry me", model="bench", times=2, reply=Behaviour(status=503)),
    Rule(contains="retry me", model="direct", times=2, reply=Behaviour(status=529)),
    Rule(contains="retry me", reply=Behaviour(answer="third time lucky")),
    Rule(contains="call twice", reply=Behaviour(tool_calls=CALLS)),
)


@pytest.fixture(scope="module")
def standin() -> Iterator[RunningStandin]:
    models = ("claude", "bench", "direct")
    options = StandinOptions(script=SCRIPT, keep_bodies=True, api_key=KEY, models=models)
    with run_standin(options) as one:
        yield one


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, standin: RunningStandin
) -> Iterator[RunningGateway]:
    """A gateway with `bench`, which speaks OpenAI's dialect, and `claude`."""
    folder = tmp_path_factory.mktemp("anthropic")
    (folder / "key").write_text(KEY)
    serving = {"url": standin.url, "key_file": str(folder / "key"), "price": PRICE}
    settings = {
        "deployments.claude": {**serving, "dialect": "anthropic"},
        "deployments.bench": serving,
    }
    with run_gateway(folder / "data", standin.url, settings) as running:
        yield running


@pytest.fixture(scope="module")
def target(
    request: pytest.FixtureRequest, gateway: RunningGateway, standin: RunningStandin
) -> Iterator[Target]:
    import anthropic

    where: str = request.param
    base, key = f"{gateway.address}/anthropic", gateway.key
    if where == "direct":
        base, key = standin.url.removesuffix("/v1"), KEY
    with anthropic.Anthropic(base_url=base, api_key=key, max_retries=0) as client:
        yield Target(
            client,
            where,
            lambda: standin.requests,
            is_native=where != "bench",
            is_gateway=where != "direct",
        )


@pytest.mark.parametrize("target", ["direct", "claude", "bench"], indirect=True)
@pytest.mark.parametrize("flow", flows.EVERYWHERE, ids=lambda flow: str(flow.__name__))
def test_flow(flow: Callable[[Target], None], target: Target) -> None:
    flow(target)


@pytest.mark.parametrize("target", ["direct", "claude"], indirect=True)
@pytest.mark.parametrize("flow", flows.NATIVE, ids=lambda flow: str(flow.__name__))
def test_flow_of_this_dialect_alone(flow: Callable[[Target], None], target: Target) -> None:
    flow(target)


def test_models_and_both_addresses(gateway: RunningGateway, standin: RunningStandin) -> None:
    import anthropic

    direct = standin.url.removesuffix("/v1")
    with anthropic.Anthropic(base_url=direct, api_key=KEY, max_retries=0) as client:
        assert [model.id for model in client.models.list()] == ["claude", "bench", "direct"]
        assert client.models.retrieve("direct").type == "model"
    address = gateway.address
    with anthropic.Anthropic(base_url=f"{address}/anthropic", api_key=gateway.key) as client:
        assert [model.id for model in client.models.list(limit=1)] == ["bench", "claude"]
        assert client.models.retrieve("claude").display_name == "claude"
        with pytest.raises(anthropic.NotFoundError):
            client.models.retrieve("nothing")
        ask: Any = {"messages": [{"role": "user", "content": "hello"}]}
        counted = client.messages.count_tokens(model="claude", **ask)
        answer = client.messages.create(model="claude", max_tokens=9, **ask)
        assert counted.input_tokens == answer.usage.input_tokens
        assert answer._request_id.startswith("req_")
        assert "estimated" not in counted.to_dict()
        assert client.messages.count_tokens(model="bench", **ask).to_dict()["estimated"] is True
    with anthropic.Anthropic(base_url=address, auth_token=gateway.key) as client:
        answer = client.messages.create(model="claude", max_tokens=9, **ask)
        assert answer.content[0].text == "hello"
        assert client.models.list().data[0].type == "model"


def test_features_by_name_reach_a_provider_of_this_dialect(
    gateway: RunningGateway, standin: RunningStandin
) -> None:
    import anthropic

    address = f"{gateway.address}/anthropic"
    with anthropic.Anthropic(base_url=address, api_key=gateway.key) as client:
        answer = client.beta.messages.with_raw_response.create(
            model="claude",
            max_tokens=9,
            messages=[{"role": "user", "content": "hello"}],
            betas=["interleaved-thinking-2025-05-14", "web-fetch-2025-09-10"],
        )
    assert answer.headers["x-tramontane-dropped"] == "anthropic-beta web-fetch-2025-09-10"
    head = standin.requests[-1].headers or {}
    assert head["anthropic-beta"] == "interleaved-thinking-2025-05-14"
    assert head["anthropic-version"] == "2023-06-01"


def test_a_bill_is_what_the_provider_counted(
    gateway: RunningGateway, standin: RunningStandin
) -> None:
    """By its published arithmetic: what is read from the cache costs a tenth, writing a quarter
    more than other input, and twice as much where it is kept for an hour.
    """
    for stream, ttl, rate in (
        (False, "5m", 3_750_000),
        (True, "5m", 3_750_000),
        (True, "1h", 6_000_000),
    ):
        check_bill(gateway, standin, stream=stream, ttl=ttl, rate=rate)


def check_bill(
    gateway: RunningGateway, standin: RunningStandin, *, stream: bool, ttl: str, rate: int
) -> None:
    mark = {"type": "ephemeral", "ttl": ttl}
    marked = {"type": "text", "text": "long " * 50, "cache_control": mark}
    ask = {
        "model": "claude",
        "max_tokens": 100,
        "system": [marked],
        "messages": [{"role": "user", "content": "[[standin cached_tokens=10]] hello there"}],
    }
    reply = gateway.request(
        "POST",
        "/anthropic/v1/messages",
        json.dumps({**ask, "stream": stream}).encode(),
        fields={"x-api-key": gateway.key},
    )
    assert reply.status == 200
    (bill,) = gateway.bills(reply.fields["x-request-id"])
    seen = standin.requests[-1]
    assert not bill.estimated
    assert (bill.prompt_tokens, bill.completion_tokens) == (seen.prompt_tokens, 4)
    assert (bill.cached_tokens, bill.cache_write_tokens) == (10, seen.cache_write_tokens)
    plain = seen.prompt_tokens - 10 - seen.cache_write_tokens
    micro = plain * 3_000_000 + 10 * 300_000 + seen.cache_write_tokens * rate + 4 * 15_000_000
    assert bill.cost_nano == (micro + 500) // 1_000


def test_what_is_native_passes_untouched(gateway: RunningGateway, standin: RunningStandin) -> None:
    """Fields that no other dialect has arrive; elsewhere they are refused, or dropped and named."""
    text = {"type": "text", "media_type": "text/plain", "data": "It rains."}
    document = {"type": "document", "source": text, "citations": {"enabled": True}}
    content = [document, {"type": "text", "text": "hello"}]
    ask = {
        "max_tokens": 100,
        "service_tier": "standard_only",
        "messages": [{"role": "user", "content": content}],
    }

    def reply_of(model: str, **fields: str) -> Any:
        body = json.dumps({"model": model, **ask}).encode()
        head = {"x-api-key": gateway.key, **fields}
        return gateway.request("POST", "/v1/messages", body, fields=head)

    assert reply_of("claude").json["usage"]["service_tier"] == "standard"
    seen = json.loads(standin.requests[-1].body or "")
    assert seen["service_tier"] == "standard_only"
    assert seen["messages"][0]["content"][0] == document
    assert seen["messages"][0]["content"][1]["text"] == "hello"
    refused = reply_of("bench")
    assert refused.status == 400
    assert refused.json["error"]["details"] == {
        "error_code": "unsupported_parameter",
        "param": "messages[0].content[0].citations",
    }
    dropped = reply_of("bench", **{"x-tramontane-drop": "true"})
    assert dropped.fields["x-tramontane-dropped"] == "messages[0].content[0].citations"
    assert json.loads(standin.requests[-1].body or "")["service_tier"] == "default"


def test_openai_s_client_reaches_a_provider_of_this_dialect(
    gateway: RunningGateway, standin: RunningStandin
) -> None:
    from tests.clients import flows as openai_flows

    target = openai_flows.Target(
        f"{gateway.address}/v1", gateway.key, "claude", lambda: standin.requests
    )
    with target.client() as client:
        ask: dict[str, Any] = {"model": "claude", "messages": openai_flows.says("hello there")}
        answer = client.chat.completions.create(**ask, reasoning_effort="low")
        assert answer.choices[0].message.content == "hello there"
        assert answer.choices[0].finish_reason == "stop"
        assert answer.usage is not None
        assert answer.usage.prompt_tokens == standin.requests[-1].prompt_tokens
        called = client.chat.completions.create(
            model="claude",
            messages=openai_flows.says("Bern"),
            tools=[openai_flows.WEATHER],
            tool_choice="required",
        )
        calls = called.choices[0].message.tool_calls
        assert calls is not None
        assert calls[0].id.startswith("toolu_")
        assert called.choices[0].finish_reason == "tool_calls"


def test_who_leaves_pays_for_the_prompt_and_what_had_come(
    gateway: RunningGateway, standin: RunningStandin
) -> None:
    import anthropic

    prompt = [{"role": "user", "content": "[[standin tokens=900 tps=300]] go"}]
    address = f"{gateway.address}/anthropic"
    with anthropic.Anthropic(base_url=address, api_key=gateway.key, max_retries=0) as client:
        for model in ("claude", "bench"):
            ask: Any = {"model": model, "max_tokens": 1000, "messages": prompt}
            with client.messages.stream(**ask) as stream:
                for number, _ in enumerate(stream.text_stream):
                    if number == 20:
                        break
                request_id = stream.response.headers["request-id"]
            (bill,) = gateway.bills(request_id)
            assert (bill.status, bill.estimated) == ("client_left", True)
            assert 20 <= bill.completion_tokens < 900
            if model == "claude":  # which says at once how long the prompt is
                assert bill.prompt_tokens == standin.requests[-1].prompt_tokens
