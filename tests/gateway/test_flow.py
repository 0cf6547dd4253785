"""Coroutines that go on inside the callback that has what they await."""

import gc
import weakref
from collections.abc import Coroutine
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tramontane.gateway.flow import Flow, Signal


def start(coroutine: Coroutine[Any, Any, None]) -> tuple[Flow, list[Exception]]:
    crashes: list[Exception] = []
    flow = Flow(coroutine, crashes.append)
    flow.start()
    return flow, crashes


def test_a_flow_runs_at_once_and_on_as_it_is_told() -> None:
    steps: list[object] = []
    signals: list[Signal[str]] = [Signal(), Signal()]

    async def run() -> None:
        steps.append("begun")
        for signal in signals:
            steps.append(await signal)

    flow, crashes = start(run())
    assert steps == ["begun"]
    assert [signal.is_awaited for signal in signals] == [True, False]
    signals[0].resolve("one")
    assert steps == ["begun", "one"]
    signals[1].resolve("two")
    assert (steps, flow.is_done, crashes) == (["begun", "one", "two"], True, [])


def test_what_was_given_before_is_not_waited_for() -> None:
    given_before, failed_before = Signal[str](), Signal[str]()
    given_before.resolve("value")
    failed_before.fail(KeyError("error"))
    found: list[object] = []

    async def run() -> None:
        found.append(await given_before)
        try:
            await failed_before
        except KeyError as error:
            found.append(error.args[0])

    flow, _ = start(run())
    assert (found, flow.is_done) == (["value", "error"], True)


def test_only_the_first_word_counts() -> None:
    found: list[object] = []

    async def run(signal: Signal[str]) -> None:
        try:
            found.append(await signal)
        except KeyError:
            found.append("failed")

    for first, second in (("resolve", "fail"), ("fail", "resolve"), ("resolve", "resolve")):
        signal = Signal[str]()
        start(run(signal))
        words = {
            "resolve": lambda s=signal: s.resolve("v"),
            "fail": lambda s=signal: s.fail(KeyError()),
        }
        words[first]()
        words[second]()
    assert found == ["v", "failed", "v"]


def test_an_error_is_raised_where_the_flow_waits() -> None:
    signal = Signal[None]()
    found: list[str] = []

    async def run() -> None:
        try:
            await signal
        except KeyError:
            found.append("caught")
            await Signal[None]()

    flow, crashes = start(run())
    assert flow.throw(KeyError())
    assert (found, flow.is_done) == (["caught"], False)
    signal.resolve(None)  # too late: nobody waits there any more
    assert not flow.is_done
    assert flow.throw(ValueError("unforeseen"))
    assert flow.is_done
    assert [str(error) for error in crashes] == ["unforeseen"]


def test_a_flow_that_is_done_or_running_cannot_be_thrown_into() -> None:
    answers: list[bool] = []

    async def run() -> None:
        answers.append(flow.throw(KeyError()))

    crashes: list[Exception] = []
    flow = Flow(run(), crashes.append)
    flow.start()
    answers.append(flow.throw(KeyError()))
    assert (answers, crashes) == ([False, False], [])


def test_a_crash_is_told_once_and_ends_the_flow() -> None:
    signal = Signal[None]()

    async def run() -> None:
        await signal
        raise ValueError("at the end")

    flow, crashes = start(run())
    signal.resolve(None)
    assert (flow.is_done, [str(error) for error in crashes]) == (True, ["at the end"])


def test_a_flow_may_end_another_from_within() -> None:
    """As when a client's request ends the one that was being answered."""
    first, second = Signal[None](), Signal[None]()
    steps: list[str] = []

    async def outer() -> None:
        await first
        steps.append("outer")
        second.resolve(None)
        steps.append("outer again")

    async def inner() -> None:
        await second
        steps.append("inner")

    start(inner())
    start(outer())
    first.resolve(None)
    assert steps == ["outer", "inner", "outer again"]


def test_an_ended_flow_leaves_nothing_to_the_collector() -> None:
    class Held:
        pass

    async def run(held: Held, signal: Signal[None]) -> None:
        await signal

    gc.disable()
    try:
        held, signal = Held(), Signal[None]()
        reference = weakref.ref(held)

        def crashed(error: Exception, held: Held = held) -> None: ...

        flow = Flow(run(held, signal), crashed)
        flow.start()
        signal.resolve(None)
        del held, crashed, signal, flow
        assert reference() is None
    finally:
        gc.enable()


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=12))
def test_any_order_of_signals_gives_the_same(plan: list[tuple[bool, bool]]) -> None:
    """Given before or after it is awaited, as a value or as an error: the flow sees the same."""
    signals = [Signal[int]() for _ in plan]
    found: list[object] = []

    async def run() -> None:
        for signal in signals:
            try:
                found.append(await signal)
            except KeyError as error:
                found.append(error.args[0])

    def give(place: int) -> None:
        if plan[place][1]:
            signals[place].resolve(place)
        else:
            signals[place].fail(KeyError(-place))

    for place, (is_early, _) in enumerate(plan):
        if is_early:
            give(place)
    flow, crashes = start(run())
    for place in range(len(plan)):
        give(place)
    assert found == [place if is_value else -place for place, (_, is_value) in enumerate(plan)]
    assert flow.is_done
    assert not crashes
