"""Requests between dialects through the gateway: what is said about them, dropped, and billed."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psutil
import pytest

from tests.gateway.bytewise import Talk
from tests.gateway.canned import run_canned
from tests.gateway.speakers import PROVIDERS, SPEAKERS, events
from tests.processes import RunningStandin, run_standin
from tests.running import Reply, RunningGateway, run_gateway
from tramontane.providers.standin import StandinOptions

PRICE = {"input_per_mtok": "0.15", "output_per_mtok": "0.60"}
ODD = (
    b'{"id":"m1","type":"message","role":"assistant","model":"x","content":[{"type":"text",'
    b'"text":"hi","citations":[{"type":"unheard_of"}]}],"stop_reason":"end_turn",'
    b'"stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":1},"new_field":{"a":1}}'
)
CANNED = {
    "odd": b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
    % (len(ODD), ODD)
}


@pytest.fixture(scope="module")
def standin() -> Iterator[RunningStandin]:
    with run_standin(StandinOptions(keep_bodies=True)) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, standin: RunningStandin
) -> Iterator[RunningGateway]:
    folder = tmp_path_factory.mktemp("translated")
    settings: dict[str, object] = {}
    lenient = StandinOptions(allow_unknown_fields=True)
    with run_canned(CANNED) as canned, run_standin(lenient) as engine:
        for dialect, base in PROVIDERS.items():
            settings |= {
                f"deployments.{dialect}.url": standin.url.removesuffix("/v1") + base,
                f"deployments.{dialect}.dialect": dialect,
                f"deployments.{dialect}.upstream_model": f"served-{dialect}",
                f"deployments.{dialect}.price": PRICE,
            }
        settings |= {
            "deployments.lenient.url": standin.url.removesuffix("/v1") + "/v1",
            "deployments.lenient.dialect": "anthropic",
            "deployments.lenient.drop_unsupported": True,
            "deployments.canned.url": canned.url,
            "deployments.canned.dialect": "anthropic",
            "deployments.canned.max_in_flight": 1,
        }
        with run_gateway(folder / "data", None, settings) as running:
            running.add_local("engine", engine.port)
            key = running.add_key(running.project, "seen")
            running.until_seen(key)
            yield running


def ask(
    gateway: RunningGateway,
    client: str,
    model: str,
    *,
    stream: bool = False,
    headers: dict[str, str] | None = None,
    **fields: Any,
) -> Reply:
    speaker = SPEAKERS[client]
    body = speaker.body("Say this back", model=model, stream=stream, **fields)
    return gateway.request("POST", speaker.path, body, key=gateway.key, fields=headers)


@pytest.mark.parametrize("client", SPEAKERS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_engine_here_answers_in_every_dialect(
    gateway: RunningGateway, client: str, stream: bool
) -> None:
    reply = ask(gateway, client, "engine", stream=stream)
    assert reply.status == 200, reply.body
    if stream:
        told = SPEAKERS[client].read_stream(reply.body)
        assert told.is_whole
        text = told.text
    else:
        text = SPEAKERS[client].read_text(reply.json)
    assert text == "Say this back"
    (bill,) = gateway.bills(reply.fields["x-request-id"])
    assert (bill.deployment, bill.estimated, bill.completion_tokens > 0) == ("engine", False, True)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_answer_says_who_made_it(gateway: RunningGateway, provider: str, stream: bool) -> None:
    reply = ask(gateway, "openai", provider, stream=stream)
    assert reply.status == 200, reply.body
    assert reply.fields["x-tramontane-deployment"] == provider
    assert reply.fields["x-tramontane-model"] == f"served-{provider}"
    assert reply.fields["x-tramontane-provider"]
    assert ("x-tramontane-cost" in reply.fields) is not stream
    said = events(reply.body)[0] if stream else reply.json
    assert said["id"]
    assert said["model"] in (f"served-{provider}", provider)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_what_a_provider_has_nothing_for_is_refused_or_dropped_and_named(
    gateway: RunningGateway, standin: RunningStandin, stream: bool
) -> None:
    wishes: dict[str, Any] = {"seed": 7, "presence_penalty": 1}
    reply = ask(gateway, "openai", "anthropic", stream=stream, **wishes)
    assert (reply.status, reply.code) == (400, "unsupported_parameter")
    assert reply.json["error"]["param"] in wishes
    drop = {"x-tramontane-drop": "true"}
    for model, headers in (("anthropic", drop), ("lenient", None)):
        reply = ask(gateway, "openai", model, stream=stream, headers=headers, **wishes)
        assert reply.status == 200, reply.body
        assert set(reply.fields["x-tramontane-dropped"].split(", ")) == set(wishes)
    reply = ask(gateway, "openai", "anthropic", stream=stream)
    assert "x-tramontane-dropped" not in reply.fields


@pytest.mark.parametrize(
    ("client", "provider", "wish", "named"),
    [
        ("mistral", "anthropic", {"random_seed": 7}, "random_seed"),
        ("ollama", "bedrock", {"format": "json"}, "format"),
        ("responses", "bedrock", {"text": {"format": {"type": "json_object"}}}, "text.format"),
        ("anthropic", "google", {"metadata": {"user_id": "u"}}, "metadata.user_id"),
    ],
)
def test_what_is_refused_or_dropped_is_named_as_its_client_calls_it(
    gateway: RunningGateway, client: str, provider: str, wish: dict[str, Any], named: str
) -> None:
    reply = ask(gateway, client, provider, **wish)
    assert reply.status in (400, 422), reply.body
    assert f"nothing like '{named}'" in reply.body.decode()
    reply = ask(gateway, client, provider, headers={"x-tramontane-drop": "true"}, **wish)
    assert (reply.status, reply.fields["x-tramontane-dropped"]) == (200, named)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_what_an_engine_here_does_not_know_can_be_dropped_too(
    gateway: RunningGateway, stream: bool
) -> None:
    wishes: dict[str, Any] = {"n": 2, "web_search_options": {}}
    reply = ask(gateway, "openai", "engine", stream=stream, **wishes)
    assert reply.status == 400
    drop = {"x-tramontane-drop": "true"}
    reply = ask(gateway, "openai", "engine", stream=stream, headers=drop, **wishes)
    assert reply.status == 200, reply.body
    assert set(reply.fields["x-tramontane-dropped"].split(", ")) == set(wishes)
    assert not stream or SPEAKERS["openai"].read_stream(reply.body).is_whole


def test_a_refused_wish_costs_nothing_and_reaches_nobody(
    gateway: RunningGateway, standin: RunningStandin
) -> None:
    standin.reset()
    reply = ask(gateway, "openai", "anthropic", seed=7)
    assert reply.status == 400
    assert standin.requests == []
    assert all(bill.cost_nano == 0 for bill in gateway.bills(reply.fields["x-request-id"]))


def test_between_the_same_dialects_nothing_of_an_answer_is_lost(gateway: RunningGateway) -> None:
    body = SPEAKERS["anthropic"].body("<odd>", model="canned", stream=False)
    reply = gateway.request("POST", "/v1/messages", body, key=gateway.key)
    assert reply.body == ODD
    (bill,) = gateway.bills(reply.fields["x-request-id"])
    assert (bill.prompt_tokens, bill.completion_tokens, bill.estimated) == (3, 1, False)


@pytest.mark.parametrize(("client", "provider"), [("anthropic", "openai"), ("openai", "google")])
def test_output_is_limited_by_what_is_left(
    gateway: RunningGateway, standin: RunningStandin, client: str, provider: str
) -> None:
    """The hold covers what the provider is told, in whatever words it is told."""
    project = gateway.add_project(f"poor-{client}")
    gateway.set_budget(project, "total", 100_000)
    key = gateway.add_key(project)  # whoever sees it has seen the budget
    gateway.until_seen(key)
    speaker = SPEAKERS[client]
    asked = json.loads(speaker.body("Hello", model=provider, stream=False))
    asked[speaker.limit] = 10_000
    reply = gateway.request("POST", speaker.path, json.dumps(asked).encode(), key=key)
    assert reply.status == (402 if client == "anthropic" else 429)
    if client == "openai":
        del asked[speaker.limit]
        reply = gateway.request("POST", speaker.path, json.dumps(asked).encode(), key=key)
        assert reply.status == 200, reply.body


PLACES = {
    "/v1/chat/completions": "openai",
    "/v1/nothing": "openai",
    "/mistral/v1/chat/completions": "mistral",
    "/anthropic/v1/messages": "anthropic",
    "/anthropic/v1/nothing": "anthropic",
    "/v1/messages": "anthropic",
    "/api/chat": "ollama",
    "/azure/chat/completions": "azure",
}


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_who_may_not_ask_learns_it_in_the_dialect(
    gateway: RunningGateway, path: str, method: str
) -> None:
    reply = gateway.request(method, path, b"{}", key="tmt_wrong")
    assert reply.status == 401
    assert is_error_of(PLACES[path], reply.json)
    reply = gateway.request(method, path, b"{}", key=gateway.key)
    assert reply.status in (400, 404, 405, 422)
    assert is_error_of(PLACES[path], reply.json)


def is_error_of(dialect: str, body: Any) -> bool:
    """Whether `body` is an error as `dialect` spells it."""
    if dialect == "anthropic":
        return set(body) >= {"type", "error"} and set(body["error"]) >= {"type", "message"}
    if dialect == "ollama":
        return isinstance(body["error"], str)
    if dialect == "mistral":
        return "detail" in body or body.get("object") == "error"
    return set(body["error"]) >= {"message", "code"}


def test_an_operation_that_nobody_serves_is_named(gateway: RunningGateway) -> None:
    body = json.dumps({"model": "anthropic", "input": "x"}).encode()
    reply = gateway.request("POST", "/v1/embeddings", body, key=gateway.key)
    assert (reply.status, reply.code) == (400, "unsupported_operation")


def begun(gateway: RunningGateway, client: str, provider: str, key: str, *, more: str = "") -> Talk:
    """Return the connection of a slow stream that was asked for."""
    speaker = SPEAKERS[client]
    body = speaker.body(f"[[standin tokens=400 tps=50]] go on{more}", model=provider, stream=True)
    body = body.replace(b": 60", b": 500")
    head = f"POST {speaker.path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
    talk = Talk(gateway.port)
    talk.send(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    return talk


def until(talk: Talk, wanted: bytes) -> bytes:
    got = b""
    while wanted not in got:
        some = talk.read_some()
        assert some, got
        got += some
    return got


PAIRS = [("openai", "anthropic"), ("anthropic", "anthropic"), ("ollama", "google")]


@pytest.mark.parametrize(("client", "provider"), PAIRS)
def test_who_leaves_pays_for_what_had_come(
    gateway: RunningGateway, client: str, provider: str
) -> None:
    with begun(gateway, client, provider, gateway.key) as talk:
        got = until(talk, b'"mo')
    request_id = got.partition(b"x-request-id: ")[2].partition(b"\r\n")[0].decode()
    (bill,) = gateway.bills(request_id)
    assert (bill.status, bill.estimated) == ("client_left", True)
    assert bill.prompt_tokens > 0
    assert 0 < bill.completion_tokens < 400


@pytest.mark.parametrize(("client", "provider"), PAIRS)
def test_a_revoked_key_ends_its_streams_in_the_dialect(
    gateway: RunningGateway, client: str, provider: str
) -> None:
    key = gateway.add_key(gateway.project, f"brief-{client}")
    gateway.until_seen(key)
    with begun(gateway, client, provider, key) as talk:
        got = until(talk, b'"mo')
        gateway.revoke_key(key)
        got += talk.rest()
    body = unchunked(got.partition(b"\r\n\r\n")[2])
    told = SPEAKERS[client].read_stream(body)
    assert told.is_failed, body
    assert not told.is_whole


def rss_bytes(gateway: RunningGateway) -> int:
    assert gateway.process is not None
    return int(psutil.Process(gateway.process.pid).memory_info().rss)


def unchunked(data: bytes) -> bytes:
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        body, data = body + data[: int(size, 16)], data[int(size, 16) + 2 :]
    return body


@pytest.mark.parametrize(("client", "provider"), PAIRS)
def test_a_translated_stream_under_way_holds_nothing_of_its_request(
    gateway: RunningGateway, client: str, provider: str
) -> None:
    with begun(gateway, client, provider, gateway.key) as talk:  # what the first of them loads
        until(talk, b'"mo')
    before = rss_bytes(gateway)
    with ExitStack() as stack:
        for _ in range(30):
            talk = stack.enter_context(
                begun(gateway, client, provider, gateway.key, more="x" * 900_000)
            )
            assert b" 200 " in talk.read_some()
        assert rss_bytes(gateway) - before < 12_000_000
