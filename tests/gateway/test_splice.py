"""What is passed on to the studio: both ways as it comes, bounded, and never out of step (edge)."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import psutil
import pytest

from tests.gateway.bytewise import Talk, Upstream, answering, framed, run_upstream
from tests.running import RunningGateway, run_gateway

UPLOAD_BYTES = 4_000_000
BODY_TIMEOUT_S = 1.0
STUDIO_TIMEOUT_S = 3.0


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """Yield a gateway whose studio is each test's own."""
    folder = tmp_path_factory.mktemp("splice") / "data"
    settings = {"server.upload_bytes": UPLOAD_BYTES, "server.body_timeout_s": BODY_TIMEOUT_S}
    settings["server.studio_timeout_s"] = STUDIO_TIMEOUT_S
    with run_gateway(folder, None, settings) as running:
        yield running


@pytest.fixture
def studio(gateway: RunningGateway) -> Iterator[Upstream]:
    """Yield a studio of the test's, whose `answer` may be changed."""
    path = gateway.folder.run / "studio.sock"
    path.unlink(missing_ok=True)
    page = framed(b"<p>", content_type="text/html")
    with run_upstream(answering(page), path=path) as running:
        yield running
    path.unlink()


def get(path: str = "/", fields: str = "", method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: gw.example:80\r\n{fields}\r\n".encode()


def upload(body: bytes, fields: str = "") -> bytes:
    head = f"POST /api/v1/files HTTP/1.1\r\nHost: gw\r\nContent-Length: {len(body)}\r\n{fields}\r\n"
    return head.encode() + body


def in_chunks(body: bytes, size: int) -> bytes:
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    head = b"POST /api/v1/files HTTP/1.1\r\nHost: gw\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


def test_without_a_studio_the_answer_says_that_it_is_not_up(gateway: RunningGateway) -> None:
    with Talk(gateway.port) as talk:
        for _ in range(2):
            talk.send(get())
            reply = talk.read()
            assert (reply.status, reply.code) == (503, "unavailable")
            assert reply.fields["retry-after"] == "1"


def test_only_listed_fields_pass_and_those_of_the_edge_are_its_own(
    gateway: RunningGateway, studio: Upstream
) -> None:
    fields = (
        "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\n"
        "Forwarded: for=6.6.6.6\r\nX-Tramontane-Act-For: someone\r\nX-Real-IP: 6.6.6.6\r\n"
        "Connection: X-Tramontane-Act-For\r\nCookie: a=1\r\nCookie: b=2\r\nAccept: */*\r\n"
        "Authorization: Bearer k\r\nTE: trailers\r\nX-Other: x\r\n"
    )
    with Talk(gateway.port) as talk:
        talk.send(get("/a/../b?c=%20d", fields))
        assert talk.read().body == b"<p>"
    lines = studio.requests[-1].decode().split("\r\n")
    assert lines[0] == "GET /a/../b?c=%20d HTTP/1.1"
    assert sorted(line for line in lines[1:] if line) == [
        "accept: */*",
        "authorization: Bearer k",
        "cookie: a=1; b=2",
        "host: studio",
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-host: gw.example:80",
        "x-forwarded-proto: http",
    ]


def test_trailers_do_not_become_fields(gateway: RunningGateway, studio: Upstream) -> None:
    body = in_chunks(b"hello", 5)[:-2] + b"Cookie: a=b\r\nAuthorization: Bearer x\r\n\r\n"
    with Talk(gateway.port) as talk:
        talk.send(get("/health") + body)
        assert [talk.read().status, talk.read().status] == [200, 200]
    assert b"cookie" not in studio.requests[-1].lower()
    assert b"authorization" not in studio.requests[-1].lower()


def test_fields_of_the_answer_pass_by_list_and_cookies_each_for_itself(
    gateway: RunningGateway, studio: Upstream
) -> None:
    fields = "Server: x\r\nX-Powered-By: y\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nETag: e\r\n"
    studio.answer = answering(framed(b"hello", fields))
    with Talk(gateway.port) as talk:
        talk.send(get(fields="Connection: close\r\n"))
        raw = talk.rest().lower()
    assert raw.count(b"set-cookie:") == 2
    assert b"etag: e" in raw
    assert b"server:" not in raw
    assert b"x-powered-by" not in raw
    assert raw.endswith(b"\r\n\r\nhello")


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
FRAMINGS = {
    "length": framed(b"hello"),
    "chunks": CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    "extensions": CHUNKED + b"5;a=b\r\nhello\r\n0\r\n\r\n",
    "interim": b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + framed(b"hello"),
}


@pytest.mark.parametrize("data", FRAMINGS.values(), ids=FRAMINGS.keys())
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_any_framing_of_the_studio_reaches_any_client(
    gateway: RunningGateway, studio: Upstream, data: bytes, version: str
) -> None:
    studio.answer = answering(data)
    with Talk(gateway.port) as talk:
        for _ in range(2 if version == "1.1" else 1):
            talk.send(get().replace(b"HTTP/1.1", f"HTTP/{version}".encode()))
            reply = talk.read()
            assert (reply.status, reply.body, reply.is_whole) == (200, b"hello", True)
        if version == "1.0":
            assert "transfer-encoding" not in reply.fields
            assert talk.rest() == b""


def test_an_answer_that_ends_with_its_connection_is_passed_on(
    gateway: RunningGateway, studio: Upstream
) -> None:
    studio.answer = answering(b"HTTP/1.1 200 OK\r\n\r\nhello", close=True)
    with Talk(gateway.port) as talk:
        talk.send(get())
        assert talk.read().body == b"hello"


@pytest.mark.parametrize("fields", ["Content-Length: 5", "Transfer-Encoding: chunked", "ETag: e"])
def test_an_answer_to_head_has_no_body_and_leaves_the_connection_in_step(
    gateway: RunningGateway, studio: Upstream, fields: str
) -> None:
    studio.answer = answering(f"HTTP/1.1 200 OK\r\n{fields}\r\n\r\n".encode())
    with Talk(gateway.port) as talk:
        talk.send(get(method="HEAD") + get("/health"))
        assert talk.read(is_head=True).status == 200
        assert talk.read().json == {"status": "ok"}


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_says_no_length(
    gateway: RunningGateway, studio: Upstream, status: int
) -> None:
    studio.answer = answering(f"HTTP/1.1 {status} x\r\nETag: e\r\n\r\n".encode())
    with Talk(gateway.port) as talk:
        talk.send(get() + get("/health"))
        reply = talk.read()
        assert reply.status == status
        assert "content-length" not in reply.fields
        assert talk.read().json == {"status": "ok"}


def test_a_broken_answer_closes_the_connection(gateway: RunningGateway, studio: Upstream) -> None:
    for broken in (CHUNKED + b"5\r\nhel", CHUNKED + b"zz\r\n", framed(b"hello")[:-2]):
        studio.answer = answering(broken, close=True)
        with Talk(gateway.port) as talk:
            talk.send(get())
            reply = talk.read()
            assert reply.status == 200
            assert not reply.is_whole


def test_an_answer_that_is_no_http_is_a_503(gateway: RunningGateway, studio: Upstream) -> None:
    studio.answer = answering(b"SSH-2.0-OpenSSH\r\n\r\n", close=True)
    with Talk(gateway.port) as talk:
        talk.send(get() + get("/health"))
        assert talk.read().code == "unavailable"
        assert talk.read().status == 200


def test_requests_without_a_body_share_connections(
    gateway: RunningGateway, studio: Upstream
) -> None:
    for _ in range(40):
        with Talk(gateway.port) as talk:
            talk.send(get())
            assert talk.read().status == 200
    assert len(studio.requests) == 40
    assert studio.connections <= 2


def test_a_kept_connection_that_was_closed_is_opened_again(
    gateway: RunningGateway, studio: Upstream
) -> None:
    def close_the_second(upstream: Upstream, peer: socket.socket, request: bytes) -> None:
        if b"/second" in request and upstream.connections == 1:
            peer.close()
        else:
            peer.sendall(framed(b"hello"))

    studio.answer = close_the_second
    for path in ("/first", "/second"):
        with Talk(gateway.port) as talk:
            talk.send(get(path))
            assert talk.read().body == b"hello"
    assert studio.connections == 2


@pytest.mark.parametrize("chunk_bytes", [0, 1, 1_000, 70_000])
def test_an_upload_arrives_as_it_was_sent(
    gateway: RunningGateway, studio: Upstream, chunk_bytes: int
) -> None:
    body = bytes(range(256)) * 1_200
    studio.answer = answering(framed(b"taken"))
    with Talk(gateway.port) as talk:
        for _ in range(2):
            talk.send(in_chunks(body, chunk_bytes) if chunk_bytes else upload(body))
            assert talk.read().body == b"taken"
    got = studio.requests[-1].partition(b"\r\n\r\n")[2]
    if chunk_bytes:
        pieces = re.compile(rb"([0-9a-f]+)\r\n", re.DOTALL)
        payload, at = b"", 0
        while (size := pieces.match(got, at)) is not None and int(size[1], 16):
            payload += got[size.end() : size.end() + int(size[1], 16)]
            at = size.end() + int(size[1], 16) + 2
        got = payload
    assert got == body


def test_an_upload_behind_another_answer_is_passed_on_in_its_turn(
    gateway: RunningGateway, studio: Upstream
) -> None:
    released = threading.Event()

    def answer(upstream: Upstream, peer: socket.socket, request: bytes) -> None:
        if request.startswith(b"GET /slow"):
            released.wait(10)
        peer.sendall(framed(b"%d" % len(request.partition(b"\r\n\r\n")[2])))

    studio.answer = answer
    with Talk(gateway.port) as talk:
        sender = threading.Thread(
            target=talk.send, args=(get("/slow") + upload(b"x" * 2_000_000) + get("/health"),)
        )
        sender.start()
        time.sleep(0.3)
        assert len(studio.requests) == 1
        released.set()
        assert [talk.read().body for _ in range(3)] == [b"0", b"2000000", b'{"status":"ok"}']
        sender.join()


@pytest.mark.parametrize("chunk_bytes", [0, 65_536])
def test_an_upload_over_the_cap_is_refused(
    gateway: RunningGateway, studio: Upstream, chunk_bytes: int
) -> None:
    body = b"x" * (UPLOAD_BYTES + 1)
    with Talk(gateway.port) as talk:
        talk.send(in_chunks(body, chunk_bytes) if chunk_bytes else upload(body))
        reply = talk.read()
        assert (reply.status, reply.code) == (413, "payload_too_large")
        assert talk.rest() == b""
    assert not studio.requests


def test_a_malformed_upload_is_refused_and_its_connection_is_not_used_again(
    gateway: RunningGateway, studio: Upstream
) -> None:
    with Talk(gateway.port) as talk:
        talk.send(in_chunks(b"hello" * 10, 10)[:-5] + b"zz\r\n")
        assert talk.read().code == "malformed_http"
    with Talk(gateway.port) as talk:
        talk.send(get("/after"))
        assert talk.read().status == 200
    assert [r.split(b" ")[1] for r in studio.requests] == [b"/after"]


def test_an_answer_before_the_end_of_an_upload_leaves_no_half_request_behind(
    gateway: RunningGateway, studio: Upstream
) -> None:
    def refuse(upstream: Upstream, peer: socket.socket, head: bytes) -> None:
        if head.startswith(b"POST"):
            peer.sendall(framed(b"too early"))

    studio.before_body = refuse
    head, body = upload(b"x" * 100_000)[:-100_000], b"x" * 100_000
    with Talk(gateway.port) as talk:
        talk.send(head + body[:10])
        reply = talk.read()
        assert reply.body == b"too early"
        assert reply.fields["connection"] == "close"
        for i in range(3):
            with Talk(gateway.port) as other:
                other.send(get(f"/other{i}"))
                assert other.read().body == b"<p>"
    assert [r.split(b" ")[1] for r in studio.requests] == [b"/other0", b"/other1", b"/other2"]


def test_an_upload_that_stalls_is_given_up(gateway: RunningGateway, studio: Upstream) -> None:
    with Talk(gateway.port) as talk:
        talk.send(upload(b"x" * 10_000)[:-5_000])
        assert talk.rest() == b""
    assert not studio.requests


def test_an_upload_that_trickles_is_given_up_though_it_never_stalls(
    gateway: RunningGateway, studio: Upstream
) -> None:
    with Talk(gateway.port) as talk:
        talk.send(upload(b"x" * 10_000)[:-10_000])
        talk.socket.settimeout(0.1)
        started_s = time.monotonic()
        while time.monotonic() - started_s < 20:
            try:
                talk.socket.sendall(b"x")
                if talk.socket.recv(1) == b"":
                    break
            except TimeoutError:
                pass
            except OSError:
                break
        else:
            pytest.fail("a byte every 0.1 s kept the upload alive")
    assert not studio.requests


def test_a_studio_that_does_not_read_holds_the_client_back_not_the_memory(
    gateway: RunningGateway, studio: Upstream
) -> None:
    assert gateway.process is not None
    process = psutil.Process(gateway.process.pid)
    hold = threading.Event()

    def wait(upstream: Upstream, peer: socket.socket, head: bytes) -> None:
        hold.wait(10)

    studio.before_body = wait
    before = process.memory_info().rss
    data = upload(b"x" * UPLOAD_BYTES)
    with ExitStack() as stack:
        talks = [stack.enter_context(Talk(gateway.port)) for _ in range(20)]
        senders = [threading.Thread(target=talk.send, args=(data,)) for talk in talks]
        for sender in senders:
            sender.start()
        time.sleep(1.0)
        grown = process.memory_info().rss - before
        hold.set()
        assert [talk.read().status for talk in talks] == [200] * 20
        for sender in senders:
            sender.join()
    assert grown < 40_000_000, f"{grown} bytes for uploads of {20 * UPLOAD_BYTES}"


@pytest.mark.parametrize("reads_on", [True, False])
def test_an_upload_that_the_studio_holds_up_is_not_taken_for_one_that_stalls(
    gateway: RunningGateway, studio: Upstream, reads_on: bool
) -> None:
    hold = threading.Event()

    def wait(upstream: Upstream, peer: socket.socket, head: bytes) -> None:
        hold.wait(2 * BODY_TIMEOUT_S if reads_on else 20)

    studio.before_body = wait
    with Talk(gateway.port) as talk:
        sender = threading.Thread(target=talk.send, args=(upload(b"x" * UPLOAD_BYTES),))
        sender.start()
        reply = talk.read()
        assert reply.status == (200 if reads_on else 504)
        assert reads_on or reply.code == "upstream_timeout"
        hold.set()
        sender.join()


def test_a_client_that_does_not_read_holds_the_studio_back_not_the_memory(
    gateway: RunningGateway, studio: Upstream
) -> None:
    assert gateway.process is not None
    process = psutil.Process(gateway.process.pid)
    studio.answer = answering(framed(b"x" * 30_000_000))
    before = process.memory_info().rss
    with ExitStack() as stack:
        talks = [stack.enter_context(Talk(gateway.port)) for _ in range(10)]
        for talk in talks:
            talk.send(get() + get("/health"))
        time.sleep(1.0)
        grown = process.memory_info().rss - before
        for talk in talks:
            assert len(talk.read().body) == 30_000_000
            assert talk.read().status == 200
    assert grown < 40_000_000, f"{grown} bytes for answers of 300 MB"


def test_a_client_that_leaves_ends_its_request_at_the_studio(
    gateway: RunningGateway, studio: Upstream
) -> None:
    left = threading.Event()

    def stream(upstream: Upstream, peer: socket.socket, request: bytes) -> None:
        peer.sendall(CHUNKED)
        try:
            while True:
                peer.sendall(b"5\r\nhello\r\n")
                time.sleep(0.01)
        except OSError:
            left.set()

    studio.answer = stream
    with Talk(gateway.port) as talk:
        talk.send(get())
        talk.read_some()
    assert left.wait(10)


def test_a_studio_that_hangs_is_given_up_and_a_slow_stream_is_not(
    gateway: RunningGateway, studio: Upstream
) -> None:
    events = b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    silent = b"HTTP/1.1 200 OK\r\n" + events + b"9\r\n: keep\n\n\n\r\n"
    studio.answer = answering(silent)
    with Talk(gateway.port) as stream:
        stream.send(get("/api/v1/events"))
        time.sleep(STUDIO_TIMEOUT_S / 2)
        studio.answer = lambda *_: None  # it has the request, and says nothing
        with Talk(gateway.port) as talk:
            began_s = time.monotonic()
            talk.send(upload(b"x" * 1000))
            reply = talk.read()
            assert (reply.status, reply.code) == (504, "upstream_timeout")
            assert time.monotonic() - began_s >= STUDIO_TIMEOUT_S
        studio.answer = answering(framed(b"<p>", content_type="text/html"))
        with Talk(gateway.port) as talk:
            talk.send(get())
            assert talk.read().status == 200
        time.sleep(STUDIO_TIMEOUT_S)
        assert b": keep" in stream.socket.recv(65_536)
        stream.socket.setblocking(False)
        with pytest.raises(BlockingIOError):  # open still: its head came long ago
            stream.socket.recv(1)
