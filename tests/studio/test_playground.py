"""What an answer of the playground is told to have taken, by a clock that the test moves."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest

from tests.assistant.desk import ScriptedTokens, Step, opened
from tramontane.assistant.served import Served, State
from tramontane.assistant.tokenstream import (
    Finished,
    Opened,
    Queued,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from tramontane.errors import BudgetExhausted, Forbidden, NotFound, Overloaded, UpstreamFailed
from tramontane.money import Price, Usage
from tramontane.studio.playground import Sheet, Stopwatch, ask

PRICE = Price(150_000_000, 600_000_000, 75_000_000, 0)
LARGE = Served(
    deployment="large",
    models=("large", "best"),
    kind="remote",
    price=PRICE,
    place="api.example.org",
    provider="Example",
    region="eu",
)


def sheet(model: str = "large", **changes: Any) -> Sheet:
    """The price list, for one model."""
    served = msgspec.structs.replace(LARGE, **changes)
    return Sheet(served={"large": served}, model=model, currency="EUR")


def read(sent: bytes) -> tuple[str, Any]:
    """Return the name and the data of one event."""
    name, _, data = sent.decode().partition("\ndata: ")
    return name.removeprefix("event: "), msgspec.json.decode(data)


def events(*script: Step, of: Sheet | None = None) -> list[tuple[str, Any]]:
    """Return what is told of a script."""

    async def run() -> list[tuple[str, Any]]:
        told = await ask(ScriptedTokens([*script]), "key_1", {}, of or sheet(), lambda: 0.0)
        return [read(each) async for each in told]

    return asyncio.run(run())


def test_every_event_is_told_in_its_order() -> None:
    told = events(
        Queued(3, 4.5),
        opened(),
        ReasoningDelta("Hm"),
        TextDelta("Yes"),
        ToolCallDelta(0, "call_1", "weather", '{"city'),
        Finished("tool_calls", Usage(prompt_tokens=1_000, completion_tokens=500)),
    )
    assert [name for name, _ in told] == ["queued", "opened", "delta", "delta", "delta", "end"]
    assert told[0][1] == {"position": 3, "eta_s": 4.5}
    assert told[1][1]["request_id"] == "req-1"
    assert [data for name, data in told if name == "delta"] == [
        {"reasoning": "Hm"},
        {"text": "Yes"},
        {"tool_calls": [{"index": 0, "id": "call_1", "name": "weather", "arguments": '{"city'}]},
    ]
    end = told[-1][1]
    assert (end["deployment"], end["provider"], end["region"]) == ("large", "Example", "eu")
    assert end["place"] == "api.example.org"
    assert end["finish_reason"] == "tool_calls"
    assert end["request_id"] == "req-1"
    assert (end["cost"], end["cost_known"], end["currency"]) == ("0.00045", True, "EUR")


def test_times_are_those_of_the_clock() -> None:
    now = 10.0
    watch = Stopwatch(sheet(), lambda: now)
    watch.told(opened())
    now = 10.25
    watch.told(TextDelta("a"))
    now = 12.25
    watch.told(TextDelta("b"))
    now = 12.5
    end = watch.end("stop", Usage(prompt_tokens=10, completion_tokens=81))
    assert (end.first_token_ms, end.total_ms) == (250, 2500)
    assert end.tokens_per_s == 40.0  # 80 tokens came in the two seconds after the first
    assert watch.end("stop", Usage(completion_tokens=1)).tokens_per_s is None
    assert watch.end("stop", None).tokens_per_s is None


@pytest.mark.parametrize(("state", "woken"), [("asleep", True), ("ready", False)])
def test_the_times_say_whether_waking_is_in_them(state: State, woken: bool) -> None:
    told = events(opened(), TextDelta("a"), Finished("stop", None), of=sheet(state=state))
    assert told[-1][1]["woken"] is woken


def test_what_came_at_once_has_no_speed() -> None:
    now = 1.0
    watch = Stopwatch(sheet(), lambda: now)
    watch.told(TextDelta("all"))
    now = 1.04
    watch.told(TextDelta(" of it"))
    assert watch.end("stop", Usage(completion_tokens=9)).tokens_per_s is None
    nothing = Stopwatch(sheet(), lambda: 1.0).end("stop", Usage())
    assert nothing.first_token_ms is None


@pytest.mark.parametrize(
    "of",
    [
        sheet(price=Price(is_known=False)),
        sheet("acme/large"),  # bought under another name, at another price
        Sheet(served={}, model="large", currency="EUR"),
    ],
)
def test_a_cost_that_nobody_knows_is_not_made_up(of: Sheet) -> None:
    told = events(opened(), TextDelta("a"), Finished("stop", Usage(10, 10)), of=of)
    assert told[-1][1]["cost_known"] is False
    uncounted = events(opened(), TextDelta("a"), Finished("stop", None))[-1][1]
    assert uncounted["cost_known"] is False
    assert uncounted["completion_tokens"] is None


def test_another_deployment_may_take_over() -> None:
    told = events(
        opened(), Opened("req-1", "large", "reserve"), TextDelta("a"), Finished("stop", None)
    )
    assert told[-1][1]["deployment"] == "reserve"
    assert told[-1][1]["place"] is None


def test_an_error_in_the_middle_is_an_event() -> None:
    told = events(opened(), TextDelta("a"), UpstreamFailed("It broke.", code="answer_cut_short"))
    assert told[-1] == (
        "error",
        {
            "code": "answer_cut_short",
            "message": "It broke.",
            "param": None,
            "retry_after_s": None,
        },
    )


def test_a_budget_that_is_too_small_says_by_how_much() -> None:
    refused = BudgetExhausted("Too dear.").telling("0.043", "0.0422", "EUR")
    (_, said) = events(Queued(1, 0.5), refused)[-1]
    assert (said["code"], said["may_cost"]) == ("insufficient_quota", "0.043")
    assert (said["left"], said["currency"]) == ("0.0422", "EUR")


def test_an_error_before_is_raised() -> None:
    for error in (NotFound("no such model"), Overloaded("full", retry_after_s=3), Forbidden("no")):
        with pytest.raises(type(error)):
            events(error)


def test_a_new_member_is_waited_for() -> None:
    tokens = ScriptedTokens(
        [Forbidden("not yet", code="access_ended")], [opened(), Finished("stop", None)]
    )

    async def run() -> list[str]:
        told = await ask(tokens, "key_1", {}, sheet(), lambda: 0.0)
        return [read(each)[0] async for each in told]

    assert asyncio.run(run()) == ["opened", "end"]


def test_leaving_ends_the_request() -> None:
    never = asyncio.Event()
    tokens = ScriptedTokens([opened(), TextDelta("a"), never])

    async def run() -> int:
        told = await ask(tokens, "key_1", {}, sheet(), lambda: 0.0)
        assert read(await anext(told))[0] == "opened"
        assert read(await anext(told))[0] == "delta"
        assert isinstance(told, AsyncGenerator)
        await told.aclose()
        return tokens.closed

    assert asyncio.run(run()) == 1
