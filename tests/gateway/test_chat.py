"""Chat through the gateway to the stand-in: what is asked, answered and billed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import RunningStandin
from tests.running import RunningGateway, run_gateway


@pytest.fixture
def gateway(tmp_path: Path, standin: RunningStandin) -> Iterator[RunningGateway]:
    """Yield a gateway before it."""
    with run_gateway(tmp_path / "data", standin.url) as running:
        yield running


def test_a_whole_answer_is_billed_to_the_token(
    gateway: RunningGateway, standin: RunningStandin
) -> None:
    standin.reset()
    reply = gateway.chat("Hello there, friend")
    assert reply.status == 200
    said = reply.json
    assert said["choices"][0]["message"]["content"] == "Hello there, friend"
    counted = standin.requests[-1]
    gateway.kill()
    (record,) = gateway.usage()
    assert record.request_id == reply.fields["x-request-id"]
    assert record.prompt_tokens == counted.prompt_tokens == said["usage"]["prompt_tokens"]
    assert record.completion_tokens == counted.completion_tokens
    assert not record.estimated
    cost = record.prompt_tokens * 150 + record.completion_tokens * 600
    assert record.cost_nano == cost
    assert reply.fields["x-tramontane-cost"] == f"0.{cost:09d}"


def test_a_stream_passes_through_without_the_usage_that_was_not_asked_for(
    gateway: RunningGateway, standin: RunningStandin
) -> None:
    standin.reset()
    reply = gateway.chat("Hello there, friend", stream=True)
    events = [line for line in reply.body.split(b"\n\n") if line]
    assert events[-1] == b"data: [DONE]"
    chunks = [json.loads(event[6:]) for event in events[:-1]]
    text = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks)
    assert text == "Hello there, friend"
    assert all(c["choices"] for c in chunks)
    counted = standin.requests[-1]
    gateway.kill()
    (record,) = gateway.usage()
    assert (record.prompt_tokens, record.completion_tokens) == (
        counted.prompt_tokens,
        counted.completion_tokens,
    )
    assert not record.estimated


def test_usage_that_was_asked_for_comes_through(gateway: RunningGateway) -> None:
    reply = gateway.chat("Hello", stream=True, stream_options={"include_usage": True})
    last = [line for line in reply.body.split(b"\n\n") if line][-2]
    said = json.loads(last[6:])
    assert said["choices"] == []
    assert said["usage"]["completion_tokens"] > 0


def test_an_unknown_model_names_the_nearest(gateway: RunningGateway) -> None:
    reply = gateway.chat(model="bensh")
    assert reply.status == 404
    assert reply.code == "model_not_found"
    assert "'bench'" in reply.json["error"]["message"]
