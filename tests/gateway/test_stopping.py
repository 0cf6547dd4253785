"""The end of a gateway: streams run out to a limit, nothing new begins, nothing is lost."""

import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gateway.bytewise import Talk, Upstream, answering, asked, framed, run_upstream
from tests.running import RunningGateway, run_gateway

EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n'
END = (
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7}}\n\ndata: [DONE]\n\n'
)
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Streams:
    """Streams that begin, and end when `release` is set."""

    def __init__(self) -> None:
        self.release = threading.Event()

    def __call__(self, upstream: Upstream, peer: socket.socket, request: bytes) -> None:
        """Answer one request."""
        peer.sendall(STREAM_HEAD + chunk(EVENT))
        self.release.wait(30)
        peer.sendall(chunk(END) + b"0\r\n\r\n")


@pytest.fixture
def streams() -> Streams:
    """Return the streams of the test's upstream."""
    return Streams()


@pytest.fixture
def upstream(streams: Streams) -> Iterator[Upstream]:
    """Yield an upstream that streams as the test says."""
    with run_upstream(streams) as running:
        yield running
        streams.release.set()


def process_of(gateway: RunningGateway) -> subprocess.Popen[bytes]:
    assert gateway.process is not None
    return gateway.process


def terminate(gateway: RunningGateway) -> None:
    process_of(gateway).send_signal(signal.SIGTERM)


def leave_alone(gateway: RunningGateway) -> None:
    """Do as a supervisor that died: its end of the gateway's stdin closes."""
    process = process_of(gateway)
    assert process.stdin is not None
    process.stdin.close()


ENDS = pytest.mark.parametrize("end", [terminate, leave_alone])


@ENDS
def test_streams_run_out_and_then_it_ends(
    tmp_path: Path,
    upstream: Upstream,
    streams: Streams,
    end: Callable[[RunningGateway], None],
) -> None:
    with run_gateway(tmp_path / "data", upstream.url) as gateway:
        with Talk(gateway.port) as talk, Talk(gateway.port) as idle:
            talk.send(asked(gateway.key, stream=True))
            talk.read_some()
            idle.send(b"GET /health HTTP/1.1\r\nHost: g\r\n\r\n")
            assert idle.read().status == 200
            gateway.listener.close()
            end(gateway)
            assert idle.rest() == b""
            with pytest.raises(ConnectionRefusedError):
                until_refused(gateway.port)
            assert process_of(gateway).poll() is None
            streams.release.set()
            assert b"data: [DONE]\n\n" in talk.rest()
        assert gateway.ended() == 0
        (record,) = gateway.usage()
        assert (record.completion_tokens, record.estimated, record.status) == (7, False, "ok")


def until_refused(port: int) -> None:
    deadline_s = time.monotonic() + 10
    while time.monotonic() < deadline_s:
        Talk(port).__exit__()
        time.sleep(0.02)


@ENDS
def test_a_stream_that_outlasts_the_limit_is_told_and_billed(
    tmp_path: Path, upstream: Upstream, end: Callable[[RunningGateway], None]
) -> None:
    settings = {"server.drain_s": 0.5}
    with run_gateway(tmp_path / "data", upstream.url, settings) as gateway:
        with Talk(gateway.port) as talk, Talk(gateway.port) as whole:
            talk.send(asked(gateway.key, stream=True))
            talk.read_some()
            whole.send(asked(gateway.key, stream=True, n=2))
            whole.read_some()
            end(gateway)
            rest = talk.rest()
        assert b"[DONE]" not in rest
        last = rest.rpartition(b"data: ")[2].partition(b"\n")[0]  # a retry field follows
        assert json.loads(last)["error"]["code"] == "stopping"
        assert gateway.ended() == 0
        records = gateway.usage()
    assert len(records) == 2
    assert all(r.estimated and r.prompt_tokens and r.completion_tokens == 1 for r in records)
    assert {r.status for r in records} == {"stopping"}


def test_a_request_that_waits_when_the_limit_comes_is_refused_and_not_sent_elsewhere(
    tmp_path: Path, upstream: Upstream
) -> None:
    with run_upstream(answering(framed(b"{}"))) as second:
        settings = {
            "server.drain_s": 0.3,
            "deployments.bench.max_in_flight": 1,
            "deployments.second.url": second.url,
            "routes.both.deployments": ["bench", "second"],
        }
        with run_gateway(tmp_path / "data", upstream.url, settings) as gateway:
            with Talk(gateway.port) as first, Talk(gateway.port) as waiting:
                first.send(asked(gateway.key, stream=True))
                first.read_some()
                waiting.send(asked(gateway.key, model="both"))
                time.sleep(0.1)
                terminate(gateway)
                reply = waiting.read()
                assert (reply.status, reply.code) == (503, "stopping")
                assert reply.fields["connection"] == "close"
            assert gateway.ended() == 0
        assert second.connections == 0


def test_an_answer_of_the_studio_is_waited_for(tmp_path: Path, upstream: Upstream) -> None:
    released = threading.Event()

    def page(its: Upstream, peer: socket.socket, request: bytes) -> None:
        released.wait(10)
        peer.sendall(framed(b"page"))

    with (
        run_gateway(tmp_path / "data", upstream.url) as gateway,
        run_upstream(page, path=gateway.folder.run / "studio.sock") as studio,
    ):
        with Talk(gateway.port) as talk:
            talk.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
            while not studio.requests:
                time.sleep(0.01)
            terminate(gateway)
            time.sleep(1.5)
            released.set()
            assert talk.read().body == b"page"
        assert gateway.ended() == 0


def test_a_request_on_an_open_connection_is_served_while_draining_and_ends_it(
    tmp_path: Path, upstream: Upstream, streams: Streams
) -> None:
    with run_gateway(tmp_path / "data", upstream.url) as gateway:
        with Talk(gateway.port) as talk, Talk(gateway.port) as late:
            talk.send(asked(gateway.key, stream=True))
            talk.read_some()
            late.send(b"GET /health HTTP/1.1\r\n")
            time.sleep(0.1)
            terminate(gateway)
            time.sleep(0.2)
            late.send(b"Host: g\r\n\r\n")
            reply = late.read()
            assert reply.status == 200
            assert reply.fields["connection"] == "close"
            streams.release.set()
            assert b"data: [DONE]\n\n" in talk.rest()
        assert gateway.ended() == 0


def test_slow_clients_do_not_hold_up_the_end(tmp_path: Path, upstream: Upstream) -> None:
    with (
        run_gateway(tmp_path / "data", upstream.url) as gateway,
        Talk(gateway.port) as half,
        Talk(gateway.port) as silent,
    ):
        half.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost")
        silent.send(asked(gateway.key)[:-3])
        time.sleep(0.1)
        terminate(gateway)
        assert gateway.ended() == 0
