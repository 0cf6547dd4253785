"""RE8: however a stream is cut and framed, the client gets the same bytes and the bill the same
usage, from the upstream's socket to the client's.
"""

import json
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.streams import Meaning, Stream, cut, read, streams
from tramontane.errors import UpstreamFailed
from tramontane.gateway.answers import Answer
from tramontane.gateway.engine_stream import EngineStream
from tramontane.gateway.relay import CHECKPOINT_STEP, Gathered, Progress, StreamRelay
from tramontane.gateway.upstream import UpstreamConnection, UpstreamPool
from tramontane.money import Usage
from tramontane.wire.http import LAST_CHUNK, chunk
from tramontane.wire.openai.chunks import Chunks

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n'
FINISH = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"


class Desk:
    """A client and a ledger that write down what happens, in order."""

    def __init__(self, stream: Stream) -> None:
        self.got = b""
        self.checkpoint_tokens = 0
        self.settled: list[tuple[Usage | None, bytes]] = []
        self.has_begun = False
        self.relay = StreamRelay(
            self.begin,
            choices=stream.choices,
            drops_usage=stream.drops_usage,
            checkpoint=self.checkpoint,
            settle=self.settle,
        )

    def begin(self) -> "Desk":
        assert not self.has_begun
        self.has_begun = True
        return self

    def checkpoint(self, tokens: int) -> None:
        assert tokens > self.checkpoint_tokens
        self.checkpoint_tokens = tokens

    def settle(self, progress: Progress) -> None:
        self.settled.append((progress.usage, self.got))

    def write_chunks(self, framed: bytes, payload: bytes) -> None:
        assert dechunk(framed) == payload
        self.write_payload(payload)

    def write_payload(self, payload: bytes) -> None:
        assert self.has_begun
        assert payload, "an empty chunk would end the body"
        self.got += payload
        if not self.settled:
            assert self.relay.progress.events <= self.checkpoint_tokens


def dechunk(framed: bytes) -> bytes:
    payload = b""
    while framed:
        size, _, rest = framed.partition(b"\r\n")
        length = int(size, 16)
        assert rest[length : length + 2] == b"\r\n"
        payload += rest[:length]
        framed = rest[length + 2 :]
    return payload


def check(desk: Desk, meant: Meaning) -> None:
    assert desk.got == meant.forwarded
    assert desk.relay.progress.is_done
    ((usage, got_before),) = desk.settled
    assert usage == (Usage(*meant.usage) if meant.usage is not None else None)
    assert b"[DONE]\n" not in got_before.replace(b"\r", b"\n")[-16:], "the end went out unsettled"
    if not usage:
        assert desk.relay.progress.events == meant.events


class Wire:
    """What an upstream's connection needs around it."""

    def __init__(self) -> None:
        self.given_back = 0
        self.aborted = False
        self.connection = UpstreamConnection(cast(UpstreamPool, self))
        self.connection.connection_made(cast(Any, self))

    def give_back(self, connection: UpstreamConnection) -> None:
        self.given_back += 1

    def forget(self, connection: UpstreamConnection) -> None: ...

    def write(self, data: bytes) -> None: ...

    def abort(self) -> None:
        self.aborted = True


@settings(max_examples=40, deadline=None)
@given(st.data(), streams())
def test_any_cut_of_a_stream_gives_the_same_bytes_and_usage(
    data: st.DataObject, stream: Stream
) -> None:
    meant = read(stream)
    desk = Desk(stream)
    for piece in data.draw(st.composite(cut)(stream.body)):
        desk.relay.feed(piece, data.draw(st.sampled_from((None, chunk(piece)))))
    desk.relay.end()
    check(desk, meant)


@settings(max_examples=40, deadline=None)
@given(st.data(), streams())
def test_any_framing_and_any_cut_of_it_too(data: st.DataObject, stream: Stream) -> None:
    """From the bytes of the socket: head, chunks of any size, reads of any size."""
    meant = read(stream)
    desk, wire = Desk(stream), Wire()
    answer = Answer(lambda: None)
    answer.read_into(desk.relay)
    wire.connection.send(b"", answer)
    framed = b"".join(chunk(piece) for piece in data.draw(st.composite(cut)(stream.body)))
    for piece in data.draw(st.composite(cut)(HEAD + framed + LAST_CHUNK)):
        wire.connection.data_received(piece)
    check(desk, meant)
    assert (wire.given_back, wire.aborted) == (1, False)


@settings(max_examples=30, deadline=None)
@given(st.data(), streams(choices=1))
def test_a_gathered_stream_says_the_same_however_it_is_cut(
    data: st.DataObject, stream: Stream
) -> None:
    meant = read(Stream(stream.body, stream.choices, drops_usage=False))
    gathered = Gathered(lambda _: None, 1 << 20, Chunks(shows_usage=True))
    for piece in data.draw(st.composite(cut)(stream.body)):
        gathered.feed(piece, None)
    gathered.end()
    said = json.loads(gathered.result())
    texts = [c["choices"][0]["delta"]["content"] for c in meant.chunks if c["choices"]]
    assert said["choices"][0]["message"]["content"] == "".join(texts)
    assert said["choices"][0]["finish_reason"] == "stop"
    assert gathered.progress.usage == (Usage(*meant.usage) if meant.usage else None)
    assert gathered.progress.events == meant.events


def rendered(stream: Stream, pieces: list[bytes]) -> tuple[bytes, Progress]:
    """What a client gets of an engine's stream, and what was known when it was settled."""
    desk = Desk(stream)
    engine = EngineStream(
        desk.begin,
        Chunks(shows_usage=not stream.drops_usage),
        drops_usage=stream.drops_usage,
        checkpoint=lambda _: None,
        settle=desk.settle,
    )
    for piece in pieces:
        engine.feed(piece, None)
    engine.end()
    assert len(desk.settled) == 1
    return desk.got, engine.progress


@settings(max_examples=30, deadline=None)
@given(st.data(), streams(choices=1))
def test_an_engines_stream_is_rendered_the_same_however_it_is_cut(
    data: st.DataObject, stream: Stream
) -> None:
    meant = read(stream)
    got, progress = rendered(stream, data.draw(st.composite(cut)(stream.body)))
    assert (got, progress.usage) == (rendered(stream, [stream.body])[0], to_usage(meant))
    assert got.endswith(DONE)
    assert got.count(b"\n\n") == got.count(b"\n") / 2
    chunks = [json.loads(event[6:]) for event in got.split(b"\n\n")[:-2]]
    texts = [c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"]]
    expected = [c["choices"][0]["delta"]["content"] for c in meant.chunks if c["choices"]]
    assert "".join(texts) == "".join(expected)


def to_usage(meant: Meaning) -> Usage | None:
    return Usage(*meant.usage) if meant.usage is not None else None


def relayed(*reads: bytes, choices: int = 1, drops: bool = True) -> Desk:
    desk = Desk(Stream(b"", choices, drops))
    for piece in reads:
        desk.relay.feed(piece, None)
    return desk


def test_bytes_in_their_chunks_are_passed_on_untouched() -> None:
    desk = Desk(Stream(b"", 1, drops_usage=True))
    written: list[bytes] = []
    desk.write_chunks = lambda framed, payload: written.append(framed)  # type: ignore[method-assign]
    framed = chunk(EVENT) + chunk(EVENT * 2)
    desk.relay.feed(EVENT * 3, framed)
    assert written == [framed]


def test_an_injected_usage_event_is_removed_and_counted() -> None:
    desk = relayed(EVENT, FINISH, USAGE, DONE)
    assert desk.got == EVENT + FINISH + DONE
    assert desk.settled[0][0] == Usage(3, 2)


def test_a_usage_event_that_was_asked_for_is_passed_on() -> None:
    assert relayed(EVENT + FINISH + USAGE + DONE, drops=False).got == EVENT + FINISH + USAGE + DONE


def test_nothing_of_the_last_event_goes_out_before_it_is_settled() -> None:
    desk = relayed(EVENT, FINISH, b"data: [DON", b"E]\n")
    assert desk.got == EVENT + FINISH
    assert not desk.settled
    desk.relay.feed(b"\n", None)
    assert desk.settled[0][1] == EVENT + FINISH
    assert desk.got == EVENT + FINISH + DONE


def test_nothing_after_the_end_goes_out() -> None:
    assert relayed(EVENT + FINISH + DONE + EVENT, DONE).got == EVENT + FINISH + DONE


def test_a_stream_without_its_last_event_is_ended_for_the_client() -> None:
    desk = relayed(EVENT, FINISH)
    desk.relay.end()
    assert desk.got == EVENT + FINISH + DONE
    assert desk.settled == [(None, EVENT + FINISH)]


@pytest.mark.parametrize(
    ("reads", "choices"),
    [((), 1), ((EVENT,), 1), ((EVENT, FINISH), 2), ((EVENT, EVENT[:20]), 1), ((USAGE,), 1)],
)
def test_a_stream_that_ends_too_early_fails(reads: tuple[bytes, ...], choices: int) -> None:
    desk = relayed(*reads, choices=choices)
    with pytest.raises(UpstreamFailed):
        desk.relay.end()
    assert not desk.settled
    assert desk.got == b"".join(read for read in reads if read.endswith(b"\n\n") and read != USAGE)


@pytest.mark.parametrize(
    "broken",
    [
        b'data: {"choices":[{"index":0,"del\n\n',
        b"data: \n\n",
        b'data: {"error":{"message":"no"}}\n\n',
        b'data: {"choices":[{"index":0,"finish_reason":"stop"}}\n\n',
    ],
)
def test_whole_events_before_a_broken_one_go_out_and_nothing_of_it(broken: bytes) -> None:
    for reads in ([EVENT + broken], [EVENT, broken], [EVENT, broken[:9], broken[9:]]):
        desk = Desk(Stream(b"", 1, drops_usage=True))
        with pytest.raises(UpstreamFailed):
            for piece in reads:
                desk.relay.feed(piece, None)
        assert desk.got == EVENT
        assert not desk.settled


def test_an_endless_event_is_cut_off() -> None:
    desk = relayed(EVENT, b"data: {")
    with pytest.raises(UpstreamFailed, match="too large"):
        for _ in range(20):
            desk.relay.feed(b"x" * (1 << 20), None)
    assert desk.got == EVENT


def test_checkpoints_run_ahead_of_what_goes_out() -> None:
    desk = relayed(*[EVENT] * (3 * CHECKPOINT_STEP))
    assert desk.checkpoint_tokens >= 3 * CHECKPOINT_STEP
    assert desk.checkpoint_tokens <= 4 * CHECKPOINT_STEP + 4


def test_an_event_is_looked_at_once_however_small_the_reads() -> None:
    """A megabyte in single bytes: what is scanned again stays bounded, so this ends soon."""
    desk = relayed(EVENT)
    event = b'data: {"choices":[{"index":0,"delta":{"content":"' + b"x" * (1 << 18) + b'"}}]}\n\n'
    for i in range(len(event)):
        desk.relay.feed(event[i : i + 1], None)
    assert desk.got == EVENT + event


@pytest.mark.parametrize(
    "event",
    [
        b"data: 5\n\n",
        b"data: []\n\n",
        b'data: {"choices":[5]}\n\n',
        b'data: {"choices":[{"index":"0"}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":5}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"content":5}}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":-1}]}}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":999999999}]}}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"tool_calls":{"a":1}}}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{},"logprobs":5}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{},"logprobs":{"content":5}}]}\n\n',
        b"data: {\n\n",
    ],
)
def test_a_gathered_stream_survives_any_event(event: bytes) -> None:
    gathered = Gathered(lambda _: None, 1 << 20, Chunks(shows_usage=True))
    with pytest.raises(UpstreamFailed):
        gathered.feed(EVENT + event + FINISH + DONE, None)
        gathered.result()


def test_a_gathered_answer_has_a_most() -> None:
    gathered = Gathered(lambda _: None, 1_000, Chunks(shows_usage=True))
    with pytest.raises(UpstreamFailed, match="too large"):
        gathered.feed(EVENT * 20, None)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from((EVENT, FINISH, USAGE, b"data: ", b"\n", b"\r", b"{}", b"x"))))
def test_whatever_comes_is_passed_on_ended_or_refused(pieces: list[bytes]) -> None:
    desk = Desk(Stream(b"", 1, drops_usage=False))
    gathered = Gathered(lambda _: None, 1 << 20, Chunks(shows_usage=True))
    try:
        for piece in pieces:
            desk.relay.feed(piece, None)
        desk.relay.end()
    except UpstreamFailed:
        assert not desk.settled
    else:
        assert desk.settled
        assert desk.got.endswith(DONE)
    try:
        for piece in pieces:
            gathered.feed(piece, None)
        gathered.end()
    except UpstreamFailed:
        return
    assert msgspec.json.decode(gathered.result())


@pytest.mark.parametrize(
    "hidden",
    [
        b'a"},"finish_reason":"stop"}],"x":[{"y":{"z":"',
        b'a"},"finish_reason":null}]}\n\n' + FINISH + EVENT[: EVENT.index(b'"a"') + 1],
    ],
    ids=["in the event", "between two events"],
)
def test_an_ending_between_what_surrounds_a_text_is_seen(hidden: bytes) -> None:
    desk = Desk(Stream(b"", choices=1, drops_usage=False))
    desk.relay.feed(EVENT, None)
    desk.relay.feed(EVENT.replace(b'"a"', b'"b c"'), None)
    assert desk.relay.progress.events == 2
    desk.relay.feed(EVENT.replace(b'"a"', b'"' + hidden + b'"'), None)
    assert desk.relay.progress.finished == {0}


def test_text_that_speaks_of_endings_ends_nothing() -> None:
    desk = Desk(Stream(b"", choices=1, drops_usage=False))
    texts = [b"a", b"finish_reason", b"[DONE]", b"usage", b"data: ", b"", b"'error'", "é🌬".encode()]
    stream = [EVENT.replace(b'"a"', b'"' + text + b'"') for text in texts]
    for event in stream:
        desk.relay.feed(event, None)
    assert desk.got == b"".join(stream)
    assert desk.relay.progress.events == len(texts)
    assert not desk.relay.progress.is_complete


def test_several_events_in_one_read_count_one_by_one() -> None:
    desk = Desk(Stream(b"", choices=1, drops_usage=False))
    desk.relay.feed(EVENT, None)
    desk.relay.feed(EVENT.replace(b'"a"', b'"b"') + EVENT.replace(b'"a"', b'""') + EVENT, None)
    assert desk.relay.progress.events == 4
    desk.relay.feed(EVENT + FINISH + EVENT, None)
    assert desk.relay.progress.finished == {0}


def test_long_texts_of_completions_count_by_their_length() -> None:
    head = b'data: {"choices":[{"index":0,"text":"'
    tail = b'","logprobs":null,"finish_reason":null}]}\n\n'
    texts = (b"a", b"b" * 400, b"c" * 400)
    desk = relayed(*(head + text + tail for text in texts))
    assert desk.got == b"".join(head + text + tail for text in texts)
    assert desk.relay.progress.events == 3
    assert desk.relay.progress.tokens == 200  # of the two that were familiar
