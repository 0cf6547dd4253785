"""Models that run here, as the gateway sees them: an engine with slots behind a stream.

The stand-in plays the engine, so that what it is asked can be looked at; the real one is in
tests/clients/test_demo.py. OV11 for places, RE1 for bills.
"""

import json
import socket
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.processes import RunningStandin, run_standin
from tests.running import RunningGateway, run_gateway
from tramontane.config import DeploymentSettings, PriceSettings
from tramontane.engines.keys import engine_key
from tramontane.errors import UpstreamFailed
from tramontane.gateway.engine_stream import EngineStream
from tramontane.money import NANO, Usage
from tramontane.providers.standin import StandinOptions
from tramontane.store import deployments, engines, models
from tramontane.store.records import EngineInstance, ModelFile, StoredDeployment
from tramontane.wire.openai.chunks import Chunks
from tramontane.wire.openai.engine_errors import explain_refusal

CONTEXT_TOKENS = 2_048
PATIENCE_S = 20.0
FILE = ModelFile(
    sha256="a" * 64,
    name="file",
    size_bytes=1,
    architecture="llama",
    parameters=1,
    quantisation="F32",
    context_tokens=CONTEXT_TOKENS,
    has_chat_template=True,
    added_at_ms=0,
)
PRICE = PriceSettings(input_per_mtok="1", output_per_mtok="2")


@pytest.fixture(scope="module")
def engine() -> Iterator[RunningStandin]:
    with run_standin(StandinOptions(allow_unknown_fields=True, keep_bodies=True)) as running:
        yield running


def deployed(gateway: RunningGateway, name: str, **settings: Any) -> None:
    """Have the store hold a deployment of that name."""
    chosen = DeploymentSettings(model="file", price=PRICE, max_in_flight=2, **settings)
    with gateway.store.write() as c:
        deployments.put(
            c,
            StoredDeployment(
                name=name,
                model_sha256=FILE.sha256,
                settings=msgspec.json.encode(chosen),
                created_at_ms=0,
            ),
        )


def told(
    gateway: RunningGateway,
    name: str,
    state: Any,
    engine: RunningStandin | None,
    nonce: str = "n1",
) -> None:
    """Have the store say how the engine of a deployment is."""
    with gateway.store.write() as c:
        engines.put_instance(
            c,
            EngineInstance(
                deployment=name,
                nonce=nonce,
                address=f"127.0.0.1:{engine.port}" if engine is not None else None,
                state=state,
                message="" if engine is not None else "llama.cpp could not load the model",
                updated_at_ms=0,
            ),
        )


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, engine: RunningStandin
) -> Iterator[RunningGateway]:
    """A gateway with the local models `local`, `sharing` and `lost`."""
    with run_gateway(tmp_path_factory.mktemp("local") / "data", None) as running:
        with running.store.write() as c:
            models.add(c, FILE)
        for name in ("local", "sharing", "lost"):
            deployed(running, name, share_prompt_cache=name == "sharing")
            told(running, name, "ready", engine if name != "lost" else None)
        told(running, "lost", "backing_off", None)
        running.until_seen(running.add_key(running.project, "seen"))
        yield running


def ask(gateway: RunningGateway, content: str = "Hello", **fields: Any) -> Any:
    return gateway.chat(content, **{"model": "local", **fields})


def body_of(engine: RunningStandin) -> dict[str, Any]:
    body = engine.requests[-1].body
    assert body is not None
    found: dict[str, Any] = json.loads(body)
    return found


@pytest.mark.parametrize("stream", [True, False])
def test_an_engine_is_asked_for_a_stream_by_fields_of_ours(
    stream: bool, gateway: RunningGateway, engine: RunningStandin
) -> None:
    reply = ask(gateway, stream=stream, user="somebody", temperature=0.5)
    assert reply.status == 200
    body = body_of(engine)
    slot = body.pop("id_slot")
    assert slot in (0, 1)
    assert isinstance(body.pop("cache_prompt"), bool)
    assert body == {
        "model": "local",
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": CONTEXT_TOKENS,
        "temperature": 0.5,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    headers = engine.requests[-1].headers
    assert headers is not None
    key = engine_key(gateway.folder.pepper(), "local", "n1")
    assert headers["authorization"] == f"Bearer {key}"
    assert gateway.key not in json.dumps(headers)


def test_an_answer_is_whole_or_in_events_as_asked(gateway: RunningGateway) -> None:
    whole = ask(gateway, "one two three")
    assert whole.fields["content-type"] == "application/json"
    assert whole.json["choices"][0]["message"]["content"] == "one two three"
    assert whole.json["usage"]["completion_tokens"] > 0
    streamed = ask(gateway, "one two three", stream=True)
    assert streamed.fields["content-type"].startswith("text/event-stream")
    *events, done, rest = streamed.body.split(b"\n\n")
    assert (done, rest) == (b"data: [DONE]", b"")
    chunks = [json.loads(event[6:]) for event in events]
    assert all(chunk["choices"] and "usage" not in chunk for chunk in chunks)


def test_a_prompt_s_cache_is_for_the_project_that_filled_it(
    gateway: RunningGateway, engine: RunningStandin
) -> None:
    other = gateway.add_key(gateway.add_project("other"))
    third = gateway.add_key(gateway.add_project("third"))
    gateway.until_seen(third)
    may_reuse = []
    slots = []
    for key in (other, other, third, third, other, gateway.key, third, gateway.key):
        assert ask(gateway, key=key).status == 200
        body = body_of(engine)
        may_reuse.append(body["cache_prompt"])
        slots.append(body["id_slot"])
    served: dict[int, str] = {}
    whose = ["other", "other", "third", "third", "other", "own", "third", "own"]
    for key, slot, reuse in zip(whose, slots, may_reuse, strict=True):
        if slot in served:
            assert reuse == (served[slot] == key)
        served[slot] = key
    assert may_reuse[1]
    assert may_reuse[3]
    for key in (other, third):
        assert ask(gateway, key=key, model="sharing").status == 200
        assert body_of(engine)["cache_prompt"] is True


def test_a_limit_above_the_context_costs_no_more_than_the_context(
    gateway: RunningGateway, engine: RunningStandin
) -> None:
    project = gateway.add_project("thrifty")
    affords_the_context = (CONTEXT_TOKENS * 2 + 1_000) * NANO // 1_000_000
    gateway.set_budget(project, "day", affords_the_context)
    key = gateway.add_key(project)
    gateway.until_seen(key)
    reply = ask(gateway, key=key, max_tokens=5_000_000)
    assert reply.status == 200
    left = int(reply.fields["x-ratelimit-remaining-tokens"])
    assert left > int(reply.fields["x-ratelimit-limit-tokens"]) - 2 * CONTEXT_TOKENS
    assert body_of(engine)["max_tokens"] == CONTEXT_TOKENS


@pytest.mark.parametrize(
    "fields", [{"max_completion_tokens": 7}, {"max_tokens": 7, "max_completion_tokens": None}]
)
def test_either_name_of_the_limit_is_kept_to(
    fields: dict[str, Any], gateway: RunningGateway, engine: RunningStandin
) -> None:
    assert ask(gateway, **fields).status == 200
    body = body_of(engine)
    assert body["max_tokens"] == 7
    assert "max_completion_tokens" not in body


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_ends_the_engine_s_work(
    stream: bool, gateway: RunningGateway, engine: RunningStandin
) -> None:
    planned = 1_900 + stream
    text = json.dumps(
        {
            "model": "local",
            "stream": stream,
            "max_tokens": CONTEXT_TOKENS,
            "messages": [{"role": "user", "content": f"[[standin tokens={planned} tps=50]] go on"}],
        }
    )
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {gateway.key}\r\n"
        f"content-length: {len(text)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", gateway.port)) as client:
        client.sendall((head + text).encode())
        deadline_s = time.monotonic() + PATIENCE_S
        while not [r for r in engine.requests if r.planned_tokens == planned]:
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
    while True:
        (request,) = [r for r in engine.requests if r.planned_tokens == planned]
        if request.ended != "open":
            break
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    assert request.ended == "client_left"


def test_an_engine_that_is_not_up_is_said_with_its_reason(gateway: RunningGateway) -> None:
    reply = ask(gateway, model="lost")
    assert reply.status == 503
    assert reply.code == "unavailable"
    assert "could not load the model" in reply.json["error"]["message"]
    assert reply.fields["retry-after"]


def test_an_engine_that_fails_in_its_stream_fails_the_answer(gateway: RunningGateway) -> None:
    content = "[[standin tokens=50 tps=500 fault=reset_after:10]] cut"
    whole = ask(gateway, content)
    assert (whole.status, whole.code) == (502, "upstream_error")
    streamed = ask(gateway, content, stream=True)
    assert streamed.status == 200
    *_, last, rest = streamed.body.split(b"\n\n")
    assert rest == b""
    assert json.loads(last[6:])["error"]["code"] == "upstream_error"


def test_bills_are_the_engine_s_own_count(tmp_path: Path, engine: RunningStandin) -> None:
    with run_gateway(tmp_path / "data", None) as gateway:
        with gateway.store.write() as c:
            models.add(c, FILE)
        deployed(gateway, "local")
        told(gateway, "local", "ready", engine)
        gateway.until_seen(gateway.add_key(gateway.project, "seen"))
        engine.reset()
        for stream in (True, False):
            for include_usage in (True, False):
                options = {"stream_options": {"include_usage": include_usage}} if stream else {}
                assert ask(gateway, "count this", stream=stream, **options).status == 200
        assert ask(gateway, temperature="warm").status == 400
        counted = engine.requests
        gateway.kill()
        *records, refused = gateway.usage()
        assert refused.cost_nano == 0
        assert len(records) == len(counted) == 4
        for record, request in zip(records, counted, strict=True):
            assert (record.prompt_tokens, record.completion_tokens) == (
                request.prompt_tokens,
                request.completion_tokens,
            )
            assert not record.estimated
            assert record.cost_nano == request.prompt_tokens * 1_000 + (
                request.completion_tokens * 2_000
            )


# --- the engine's stream --------------------------------------------------------------------------


def chunk(delta: Any, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    event = {"id": "c", "created": 1, "model": "m", "choices": [choice], "timings": {}}
    return b"data: " + json.dumps(event).encode() + b"\n\n"


FIRST = chunk({"role": "assistant", "content": None})
TEXT = chunk({"content": "Grüße \n\n"})
LAST = chunk({}, "stop")
USAGE = (
    b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,'
    b'"total_tokens":5}}\n\n'
)
DONE = b"data: [DONE]\n\n"


class Desk:
    """Who a stream goes to, and what is noted of it."""

    def __init__(self, *, drops_usage: bool = True) -> None:
        self.got = b""
        self.settled: list[Usage | None] = []
        self.got_when_settled = b""
        self.checkpoints: list[int] = []
        self.begun = 0
        self.stream = EngineStream(
            self.begin,
            Chunks(shows_usage=not drops_usage),
            drops_usage=drops_usage,
            checkpoint=self.checkpoints.append,
            settle=self.settle,
        )

    def begin(self) -> "Desk":
        self.begun += 1
        return self

    def settle(self, progress: Any) -> None:
        self.settled.append(progress.usage)
        self.got_when_settled = self.got

    def write_payload(self, payload: bytes) -> None:
        self.got += payload

    def write_chunks(self, framed: bytes, payload: bytes) -> None:
        raise AssertionError("an engine's bytes are never passed on as they came")

    @property
    def chunks(self) -> list[Any]:
        return [json.loads(e[6:]) for e in self.got.split(b"\n\n") if e.startswith(b"data: {")]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 700), max_size=20), st.booleans())
def test_a_stream_says_the_same_however_it_is_cut(cuts: list[int], drops_usage: bool) -> None:
    whole = FIRST + TEXT * 3 + LAST + USAGE + DONE
    desk = Desk(drops_usage=drops_usage)
    borders = sorted({0, *(cut for cut in cuts if cut < len(whole)), len(whole)})
    for start, end in pairwise(borders):
        desk.stream.feed(whole[start:end], None)
    desk.stream.end()
    assert desk.begun == 1
    assert desk.settled == [Usage(3, 2)]
    assert desk.got.endswith(DONE)
    assert DONE not in desk.got_when_settled
    texts = [c["choices"][0]["delta"].get("content") for c in desk.chunks if c["choices"]]
    assert texts == ["", *["Grüße \n\n"] * 3, None]
    assert (desk.chunks[-1]["choices"] == []) == (not drops_usage)


def test_an_end_without_its_word_is_one_where_the_answer_had_finished() -> None:
    desk = Desk()
    desk.stream.feed(FIRST + TEXT + LAST, None)
    assert desk.settled == []
    desk.stream.end()
    assert desk.settled == [None]
    assert desk.got.endswith(DONE)
    cut = Desk()
    cut.stream.feed(FIRST + TEXT, None)
    with pytest.raises(UpstreamFailed):
        cut.stream.end()
    assert cut.settled == []


def test_nothing_after_the_end_counts() -> None:
    desk = Desk()
    desk.stream.feed(FIRST + LAST + DONE + TEXT, None)
    desk.stream.feed(TEXT + b"junk\n\n", None)
    assert desk.got.endswith(DONE)
    assert desk.got.count(b"data: ") == 3
    assert len(desk.settled) == 1


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"error":{"code":500,"message":"x","type":"server_error"}}\n\n',
        b"data: {\n\n",
        b"data: []\n\n",
        b'data: {"choices":[{"index":0,"delta":{"content":5}}]}\n\n',
    ],
)
def test_what_came_whole_before_a_broken_event_is_passed_on(event: bytes) -> None:
    desk = Desk()
    with pytest.raises(UpstreamFailed):
        desk.stream.feed(FIRST + TEXT + event + DONE, None)
    assert len(desk.chunks) == 2
    assert desk.settled == []


def test_every_token_is_covered_by_a_checkpoint_before_it_goes_out() -> None:
    desk = Desk()
    for count in range(1, 300):
        desk.stream.feed(TEXT, None)
        assert desk.checkpoints[-1] >= count
    assert len(desk.checkpoints) < 10


# --- its refusals ---------------------------------------------------------------------------------

PREFIX = "Unable to generate parser for this template. Automatic parser generation failed: "
REFUSALS: dict[str, tuple[dict[str, Any], str, str | None, str]] = {
    "too long": (
        {"type": "exceed_context_size_error", "n_prompt_tokens": 3_005, "n_ctx": 1_024},
        "context_length_exceeded",
        "messages",
        "have 3005. Shorten them by 1982",
    ),
    "too long, uncounted": (
        {"type": "exceed_context_size_error"}, "context_length_exceeded", "messages", "Shorten",
    ),
    "a template": (
        {"message": PREFIX + "\n--\nError: Jinja Exception: Roles must alternate"},
        "invalid_value",
        "messages",
        "refuses these messages: Roles must alternate.",
    ),
    "a schema": (
        {"message": PREFIX + "JSON schema error at #/a: unrecognized type x"},
        "invalid_schema",
        None,
        "#/a: unrecognized type x",
    ),
    "a grammar": (
        {"message": "Failed to initialize samplers: failed to parse grammar"},
        "invalid_schema",
        None,
        "failed to parse grammar",
    ),
    "something": ({"message": "Something else"}, "invalid_request", None, "Something else"),
    "nothing": ({}, "invalid_request", None, "refused"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_say_what_to_change(name: str) -> None:
    said, code, param, words = REFUSALS[name]
    error = explain_refusal(said)
    assert (error.status, error.code, error.param) == (400, code, param)
    assert words in error.message
    assert "Unable to generate parser" not in error.message
