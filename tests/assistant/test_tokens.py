"""Tokens for the studio: a real gateway's private door, with the stand-in behind it."""

import asyncio
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.processes import RunningStandin
from tests.running import RunningGateway, now_ms, run_gateway
from tramontane.assistant.gateway_states import GatewayStates
from tramontane.assistant.tokens import TokenClient
from tramontane.assistant.tokenstream import (
    Event,
    Finished,
    Opened,
    Queued,
    TextDelta,
    ToolCallDelta,
)
from tramontane.errors import (
    BudgetExhausted,
    Forbidden,
    InvalidRequest,
    NotFound,
    Overloaded,
    RateLimited,
    TramontaneError,
    Unavailable,
    UpstreamFailed,
)
from tramontane.store import keys
from tramontane.store.records import Project

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, standin: RunningStandin
) -> Iterator[RunningGateway]:
    """Yield a gateway with the models `bench` and `narrow`, which serves one request at a time."""
    narrow = {"url": standin.url, "max_in_flight": 1, "queue_timeout_s": 3.5}
    settings = {"deployments.narrow": narrow}
    with run_gateway(tmp_path_factory.mktemp("tokens") / "data", standin.url, settings) as running:
        yield running


@pytest.fixture
def key_id(gateway: RunningGateway) -> str:
    return add_key(gateway, gateway.project)


def add_key(gateway: RunningGateway, project: Project) -> str:
    """Return the id of a new key that the gateway has seen."""
    secret = gateway.add_key(project, f"key-{time.monotonic_ns()}")
    gateway.until_seen(secret)
    with gateway.store.read() as c:
        return keys.authenticate(c, gateway.folder.pepper(), secret, now_ms())[0].id


def chat(content: str, **fields: Any) -> dict[str, Any]:
    return {"model": "bench", "messages": [{"role": "user", "content": content}], **fields}


def collect(gateway: RunningGateway, key_id: str, body: dict[str, Any]) -> list[Event]:
    """Return every event of the answer to `body`."""

    async def run() -> list[Event]:
        client = TokenClient(str(gateway.door), gateway.service_key)
        events = [event async for event in client.stream(key_id, body)]
        await client.aclose()
        return events

    return asyncio.run(run())


def test_an_answer_comes_as_typed_events(gateway: RunningGateway, key_id: str) -> None:
    opened, *deltas, finished = collect(gateway, key_id, chat("Grüße an alle, im Süden"))
    assert isinstance(opened, Opened)
    assert (opened.model, opened.deployment) == ("bench", "bench")
    assert opened.request_id.startswith("req_")
    texts = [delta.text for delta in deltas if isinstance(delta, TextDelta)]
    assert len(texts) == len(deltas) > 1
    assert "".join(texts) == "Grüße an alle, im Süden"
    assert isinstance(finished, Finished) and finished.usage is not None
    assert finished.reason == "stop"
    (bill,) = gateway.bills(opened.request_id)
    assert bill.key_id == key_id
    assert bill.prompt_tokens == finished.usage.prompt_tokens
    assert bill.completion_tokens == finished.usage.completion_tokens


def test_calls_of_tools_come_in_pieces(gateway: RunningGateway, key_id: str) -> None:
    body = chat("[[standin tool=weather]] in Arles", tools=[TOOL])
    events = collect(gateway, key_id, body)
    calls = [event for event in events if isinstance(event, ToolCallDelta)]
    assert calls[0].name == "weather" and calls[0].id
    assert "".join(call.arguments for call in calls).startswith("{")
    finished = events[-1]
    assert isinstance(finished, Finished) and finished.reason == "tool_calls"


@pytest.mark.parametrize(
    ("body", "kind", "code", "param"),
    [
        (chat("x", model="bensh"), NotFound, "model_not_found", "model"),
        (chat("x", max_tokens="many"), InvalidRequest, "invalid_type", "max_tokens"),
        (chat("[[standin status=500]]"), UpstreamFailed, "upstream_error", None),
        (chat("[[standin fault=reset:3 tokens=50]]"), UpstreamFailed, "upstream_error", None),
    ],
)
def test_errors_keep_their_kind_code_and_param(
    gateway: RunningGateway,
    key_id: str,
    body: dict[str, Any],
    kind: type[TramontaneError],
    code: str,
    param: str | None,
) -> None:
    with pytest.raises(kind) as caught:
        collect(gateway, key_id, body)
    assert (caught.value.code, caught.value.param) == (code, param)
    assert caught.value.message


def test_who_asks_too_often_learns_when_to_come_back(gateway: RunningGateway) -> None:
    key_id = add_key(gateway, gateway.add_project("hasty", requests_per_minute=1))
    # Looking at the models is no request for tokens, so the first is still to be had.
    collect(gateway, key_id, chat("once"))
    with pytest.raises(RateLimited) as caught:
        collect(gateway, key_id, chat("twice"))
    assert caught.value.code == "requests_per_minute_exceeded"
    assert caught.value.retry_after_s is not None and 1 < caught.value.retry_after_s <= 61


def test_a_spent_budget_is_told_apart(gateway: RunningGateway) -> None:
    project = gateway.add_project("spent")
    gateway.set_budget(project, "day", 1)
    with pytest.raises(BudgetExhausted) as caught:
        collect(gateway, add_key(gateway, project), chat("Hello", max_tokens=5))
    error = caught.value
    assert error.left == "0.000000001" and Decimal(error.may_cost or "0") > Decimal(error.left)
    assert error.currency


def test_nobody_is_nobody(gateway: RunningGateway) -> None:
    with pytest.raises(Forbidden) as caught:
        collect(gateway, "key_gone", chat("Hello"))
    assert caught.value.code == "access_ended"


def test_without_a_gateway_it_is_unavailable(gateway: RunningGateway) -> None:
    async def run() -> None:
        client = TokenClient(str(gateway.door.with_name("none.sock")), "service")
        async for _ in client.stream("key_any", chat("Hello")):
            raise AssertionError("nobody can have answered")

    with pytest.raises(Unavailable) as caught:
        asyncio.run(run())
    assert caught.value.retry_after_s == 1


def test_closing_the_iterator_stops_the_cost(
    gateway: RunningGateway, standin: RunningStandin, key_id: str
) -> None:
    async def run() -> str:
        client = TokenClient(str(gateway.door), gateway.service_key)
        events = client.stream(key_id, chat("[[standin tokens=10000 tps=50]] go on"))
        opened = await anext(events)
        assert isinstance(opened, Opened)
        for _ in range(3):
            await anext(events)
        await events.aclose()
        return opened.request_id

    began_s = time.monotonic()
    (bill,) = gateway.bills(asyncio.run(run()))
    assert time.monotonic() - began_s < 5
    assert bill.status == "client_left" and bill.estimated
    assert bill.completion_tokens < 1000


def test_who_waits_hears_of_it_and_gives_up_with_the_gateways_error(
    gateway: RunningGateway, key_id: str
) -> None:
    async def run() -> tuple[list[Event], TramontaneError]:
        client = TokenClient(str(gateway.door), gateway.service_key)
        narrow = {"model": "narrow"}
        first = client.stream(key_id, chat("[[standin tokens=500 tps=50]]", **narrow))
        await anext(first)
        seen: list[Event] = []
        try:
            async for event in client.stream(key_id, chat("Hello", **narrow)):
                seen.append(event)
        except TramontaneError as error:
            return seen, error
        finally:
            await first.aclose()
        raise AssertionError("the place was taken all the time")

    seen, error = asyncio.run(run())
    assert seen and all(isinstance(event, Queued) and event.position == 1 for event in seen)
    assert isinstance(error, Overloaded)
    assert error.retry_after_s is not None and error.retry_after_s > 0


def test_who_has_waited_is_answered(gateway: RunningGateway, key_id: str) -> None:
    async def run() -> list[Event]:
        client = TokenClient(str(gateway.door), gateway.service_key)
        narrow = {"model": "narrow"}
        first = client.stream(key_id, chat("[[standin tokens=250 tps=100]]", **narrow))
        await anext(first)
        others = asyncio.create_task(_all(client, key_id, chat("Hello there", **narrow)))
        async for _ in first:
            pass
        return await others

    queued, opened, *rest = asyncio.run(run())
    assert isinstance(queued, Queued)
    assert isinstance(opened, Opened)
    assert opened.deployment == "narrow" and opened.request_id.startswith("req_")
    assert "".join(e.text for e in rest if isinstance(e, TextDelta)) == "Hello there"
    assert isinstance(rest[-1], Finished)


def test_how_deployments_are_is_told(gateway: RunningGateway, key_id: str) -> None:
    collect(gateway, key_id, chat("Hello"))
    states = GatewayStates(str(gateway.door))
    assert states()["bench"] == "ready"
    assert GatewayStates(str(gateway.door.with_name("none.sock")))() == {}


async def _all(client: TokenClient, key_id: str, body: dict[str, Any]) -> list[Event]:
    return [event async for event in client.stream(key_id, body)]
