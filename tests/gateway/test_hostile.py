"""Upstreams that break HTTP: told as 502, never passed on, never mixed up with the next answer."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest

from tests.gateway.bytewise import ANSWER, Talk, Upstream, answering, asked, framed
from tests.running import RunningGateway, run_gateway

STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n'
END = (
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":1}}\n\ndata: [DONE]\n\n'
)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream
) -> Iterator[RunningGateway]:
    """Yield a gateway with little patience before it."""
    settings = {
        "upstream.first_byte_timeout_s": 2.0,
        "upstream.idle_timeout_s": 2.0,
        "upstream.answer_bytes": 1_000_000,
    }
    with run_gateway(tmp_path_factory.mktemp("hostile") / "d", upstream.url, settings) as running:
        yield running


def head(fields: bytes, status: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return status + b"\r\nContent-Type: application/json\r\n" + fields + b"\r\n"


LENGTH = b"Content-Length: %d\r\n" % len(ANSWER)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
BROKEN: dict[str, bytes] = {
    "nothing": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
    "HTTP/2": head(LENGTH, b"HTTP/2 200 OK") + ANSWER,
    "HTTP/0.9": ANSWER,
    "a status beyond measure": head(LENGTH, b"HTTP/1.1 2000 OK") + ANSWER,
    "an upgrade": head(b"Upgrade: x\r\n", b"HTTP/1.1 101 Switching") + ANSWER,
    "interim answers without end": b"HTTP/1.1 103 x\r\n\r\n" * 5_000,
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Ty",
    "a head without end": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000,
    "two lengths": head(LENGTH + b"Content-Length: 3\r\n") + ANSWER,
    "the same length twice": head(LENGTH * 2) + ANSWER,
    "a list of lengths": head(b"Content-Length: 3, 3\r\n") + ANSWER,
    "a negative length": head(b"Content-Length: -1\r\n") + ANSWER,
    "length and chunks": head(LENGTH + CHUNKED) + chunk(ANSWER) + b"0\r\n\r\n",
    "gzip, chunked": head(b"Transfer-Encoding: gzip, chunked\r\n") + chunk(ANSWER) + b"0\r\n\r\n",
    "a space before the colon": head(b"Content-Length : 3\r\n") + ANSWER,
    "a folded line": head(LENGTH + b"X: a\r\n b\r\n") + ANSWER,
    "a bare line feed": head(b"X: a\n" + LENGTH) + ANSWER,
    "a NUL": head(LENGTH + b"X: \0\r\n") + ANSWER,
    "too short a body": head(b"Content-Length: 9999\r\n") + ANSWER,
    "too short a chunk": head(CHUNKED) + b"ffff\r\n" + ANSWER,
    "too long a chunk": head(CHUNKED) + b"5\r\n" + ANSWER + b"\r\n0\r\n\r\n",
    "a chunk size that is no number": head(CHUNKED) + b"xyz\r\n" + ANSWER + b"\r\n0\r\n\r\n",
    "a chunk size beyond measure": head(CHUNKED) + b"f" * 20 + b"\r\n" + ANSWER,
    "no last chunk": head(CHUNKED) + chunk(ANSWER),
    "a malformed trailer": head(CHUNKED) + chunk(ANSWER) + b"0\r\na b\r\n\r\n",
    "no body": head(b"Content-Length: 0\r\n"),
    "too large a body": head(b"Content-Length: 2000000\r\n") + b" " * 2_000_000,
    "another type": framed(ANSWER, content_type="text/html"),
    "no type": b"HTTP/1.1 200 OK\r\n" + LENGTH + b"\r\n" + ANSWER,
    "no JSON": framed(b"Hello"),
    "a list": framed(b"[]"),
    "deep JSON": framed(b'{"usage":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "broken UTF-8": framed(b'{"a":"\xff"}x'),
}  # fmt: skip


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_answer_is_told_as_such_and_the_next_is_served(
    gateway: RunningGateway, upstream: Upstream, data: bytes
) -> None:
    with Talk(gateway.port) as talk:
        upstream.answer = answering(data, close=True)
        talk.send(asked(gateway.key))
        reply = talk.read()
        assert (reply.status, reply.code) == (502, "upstream_error")
        assert len(reply.body) < 500
        upstream.answer = answering(framed(ANSWER))
        talk.send(asked(gateway.key))
        assert talk.read().json["choices"][0]["message"]["content"] == "Hi"


BROKEN_STREAMS: dict[str, bytes] = {
    "no last chunk, no end": chunk(EVENT),
    "a chunk cut short": chunk(EVENT) + b"ff\r\ndata: ",
    "a chunk longer than its size": chunk(EVENT) + b"5\r\n" + EVENT + b"\r\n",
    "a chunk size that is no number": chunk(EVENT) + b"no\r\n" + EVENT,
    "no JSON": chunk(EVENT) + chunk(b'data: {"choices": [\n\n') + b"0\r\n\r\n",
    "deep JSON": chunk(EVENT) + chunk(b'data: {"usage":' + b"[" * 100_000 + b"\n\n"),
    "an error": chunk(EVENT) + chunk(b'data: {"error": {"message": "x"}}\n\n') + b"0\r\n\r\n",
    "the end before the end": chunk(EVENT) + b"0\r\n\r\n",
}


@pytest.mark.parametrize("data", BROKEN_STREAMS.values(), ids=BROKEN_STREAMS.keys())
def test_a_stream_that_breaks_ends_with_an_error_and_no_done(
    gateway: RunningGateway, upstream: Upstream, data: bytes
) -> None:
    upstream.answer = answering(STREAM_HEAD + data, close=True)
    with Talk(gateway.port) as talk:
        talk.send(asked(gateway.key, stream=True))
        reply = talk.read()
        if reply.status == 502:
            assert reply.code == "upstream_error"
            return
        assert reply.status == 200
        assert reply.is_whole
        *events, last = [e for e in reply.body.split(b"\n\n") if e]
        assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == "upstream_error"
        assert b"[DONE]" not in reply.body
        assert all(json.loads(e.removeprefix(b"data: "))["choices"] for e in events)
        assert talk.rest() == b""


def test_an_answer_too_many_is_nobodys(gateway: RunningGateway, upstream: Upstream) -> None:
    poison = framed(ANSWER.replace(b'"Hi"', b'"POISON"'))
    stream = STREAM_HEAD + chunk(EVENT) + chunk(END) + b"0\r\n\r\n"
    for data, is_stream in ((framed(ANSWER) + poison, False), (stream + poison, True)):
        upstream.answer = answering(data)
        with Talk(gateway.port) as talk:
            for _ in range(5):
                talk.send(asked(gateway.key, stream=is_stream))
                reply = talk.read()
                assert reply.status == 200
                assert b"POISON" not in reply.body


def test_bytes_that_come_between_answers_are_nobodys(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    poison = framed(ANSWER.replace(b'"Hi"', b'"POISON"'))

    def late(its: Upstream, peer: socket.socket, request: bytes) -> None:
        peer.sendall(framed(ANSWER))
        time.sleep(0.1)
        with suppress(OSError):
            peer.sendall(poison)

    upstream.answer = late
    with Talk(gateway.port) as talk:
        for _ in range(4):
            talk.send(asked(gateway.key))
            assert b"POISON" not in talk.read().body
            time.sleep(0.2)


def test_chunk_extensions_and_trailers_of_the_upstream_stay_there(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    pieces = b"".join(b"%x;evil=1\r\n%b\r\n" % (len(piece), piece) for piece in (EVENT, END))
    upstream.answer = answering(STREAM_HEAD + pieces + b"0\r\nX-Evil: 1\r\n\r\n")
    with Talk(gateway.port) as talk:
        talk.send(asked(gateway.key, fields="Connection: close\r\n", stream=True))
        raw = talk.rest()
    assert raw.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    assert b"vil" not in raw


def test_fields_of_the_upstreams_head_stay_there(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    fields = "Set-Cookie: a=b\r\nX-Evil: 1\r\nServer: x\r\nX-Request-Id: theirs\r\nLocation: /\r\n"
    upstream.answer = answering(framed(ANSWER, fields))
    reply = gateway.chat()
    assert reply.status == 200
    assert not {"set-cookie", "x-evil", "server", "location"} & set(reply.fields)
    assert reply.fields["x-request-id"].startswith("req_")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="silence"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Type: app", id="half a head"),
        pytest.param(framed(ANSWER)[:-5], id="half a body"),
        pytest.param(b"HTTP/1.1 103 x\r\n\r\n", id="an interim answer only"),
    ],
)
def test_an_upstream_that_stops_is_given_up(
    gateway: RunningGateway, upstream: Upstream, data: bytes
) -> None:
    upstream.answer = answering(data)
    reply = gateway.chat()
    assert (reply.status, reply.code) == (504, "upstream_timeout")


def test_a_trailer_that_trickles_holds_up_nobody(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    def trickle(its: Upstream, peer: socket.socket, request: bytes) -> None:
        peer.sendall(STREAM_HEAD + chunk(EVENT) + chunk(END) + b"0\r\n")
        with suppress(OSError):
            while not its.stopping.wait(0.02):
                peer.sendall(b"X: y\r\n")

    upstream.answer = trickle
    with Talk(gateway.port) as talk:
        for _ in range(3):
            talk.send(asked(gateway.key, stream=True))
            assert talk.read().body.endswith(b"data: [DONE]\n\n")


def test_answers_without_end_are_bounded(gateway: RunningGateway, upstream: Upstream) -> None:
    assert gateway.process is not None
    process = psutil.Process(gateway.process.pid)
    before = process.memory_info().rss

    def endless(its: Upstream, peer: socket.socket, request: bytes) -> None:
        start, piece = (
            (STREAM_HEAD, b"ffff\r\n" + b"x" * 65_535 + b"\r\n")
            if b"stream" in request
            else (head(b""), b" " * 65_536)
        )
        peer.sendall(start)
        with suppress(OSError):
            while True:
                peer.sendall(piece)

    upstream.answer = endless
    for is_stream in (False, True):
        reply = gateway.chat(stream=is_stream)
        assert (reply.status, reply.code) == (502, "upstream_error")
    assert process.memory_info().rss - before < 60_000_000
