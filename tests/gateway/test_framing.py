"""The hard edge, byte for byte: smuggling refused, answers in order, old clients served (SE15).

Every malformed request must be refused or closed, with no byte to the upstream and the gateway
alive afterwards.
"""

import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.gateway.bytewise import (
    Reply,
    Talk,
    Upstream,
    asked,
    chat_body,
)
from tests.running import RunningGateway, run_gateway


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream
) -> Iterator[RunningGateway]:
    """Yield a gateway with little patience before it."""
    settings = {"server.head_timeout_s": 1.0, "server.body_timeout_s": 1.0}
    folder = tmp_path_factory.mktemp("framing") / "data"
    with run_gateway(folder, upstream.url, settings) as running:
        yield running


BODY = chat_body("smuggled")
PLAIN = b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)


def post(fields: bytes, rest: bytes = PLAIN) -> bytes:
    """Return a chat request with the test's key, `fields` and the rest of head and body."""
    start = b"POST /v1/chat/completions HTTP/1.1\r\n"
    return start + b"Host: gateway\r\nAuthorization: Bearer KEY\r\n" + fields + rest


def chunks(data: bytes) -> bytes:
    """Return a chat request whose body is framed by `data`."""
    return post(b"Transfer-Encoding: chunked\r\n\r\n", data)


HEX = b"%x" % len(BODY)
HIDDEN = post(b"")
MALFORMED: dict[str, bytes] = {
    # where the body ends
    "two lengths": post(b"Content-Length: 3\r\n"),
    "the same length twice": post(b"Content-Length: %d\r\n" % len(BODY)),
    "a list of lengths": post(b"", PLAIN.replace(b"\r\n\r\n", b", %d\r\n\r\n" % len(BODY), 1)),
    "a signed length": post(b"", b"Content-Length: +5\r\n\r\nhello"),
    "a negative length": post(b"", b"Content-Length: -5\r\n\r\nhello"),
    "a hexadecimal length": post(b"", b"Content-Length: 0x5\r\n\r\nhello"),
    "a fraction of a length": post(b"", b"Content-Length: 5.0\r\n\r\nhello"),
    "an empty length": post(b"", b"Content-Length: \r\n\r\nhello"),
    "two numbers in a length": post(b"", b"Content-Length: 5 5\r\n\r\nhello"),
    "a length beyond measure": post(b"", b"Content-Length: 99999999999999999999\r\n\r\nhello"),
    "a length with a form feed": post(b"", b"Content-Length:\x0c5\r\n\r\nhello"),
    "length, then chunks": post(b"Content-Length: 3\r\n", CHUNKED),
    "chunks, then length": post(b"Transfer-Encoding: chunked\r\n", PLAIN),
    "chunked twice": post(b"Transfer-Encoding: chunked\r\n", CHUNKED),
    "chunked in a list": post(b"", CHUNKED.replace(b" chunked", b" chunked, chunked")),
    "gzip, chunked": post(b"", CHUNKED.replace(b" chunked", b" gzip, chunked")),
    "chunked, gzip": post(b"", CHUNKED.replace(b" chunked", b" chunked, gzip")),
    "identity": post(b"", CHUNKED.replace(b" chunked", b" identity")),
    "xchunked": post(b"", CHUNKED.replace(b" chunked", b" xchunked")),
    "no coding": post(b"", CHUNKED.replace(b" chunked", b" ")),
    "a coding after a vertical tab": post(b"", CHUNKED.replace(b" chunked", b" \x0bchunked")),
    "a coding in quotes": post(b"", CHUNKED.replace(b" chunked", b' "chunked"')),
    "chunks from an old client": HIDDEN.replace(b"HTTP/1.1", b"HTTP/1.0").replace(PLAIN, CHUNKED),
    # chunks
    "a chunk size that is no number": chunks(b"zz\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk size with 0x": chunks(b"0x%b\r\n%b\r\n0\r\n\r\n" % (HEX, BODY)),
    "a signed chunk size": chunks(b"+%b\r\n%b\r\n0\r\n\r\n" % (HEX, BODY)),
    "a negative chunk size": chunks(b"-%b\r\n%b\r\n0\r\n\r\n" % (HEX, BODY)),
    "no chunk size": chunks(b"\r\n%b\r\n0\r\n\r\n" % BODY),
    "a chunk size beyond measure": chunks(b"f" * 17 + b"\r\n%b\r\n0\r\n\r\n" % BODY),
    "a space after the chunk size": chunks(b"%b \r\n%b\r\n0\r\n\r\n" % (HEX, BODY)),
    "a bare line feed after the chunk size": chunks(b"%b\n%b\r\n0\r\n\r\n" % (HEX, BODY)),
    "a bare line feed after the chunk": chunks(b"%b\r\n%b\n0\r\n\r\n" % (HEX, BODY)),
    "nothing after the chunk": chunks(b"%b\r\n%b0\r\n\r\n" % (HEX, BODY)),
    "a chunk longer than its size": chunks(b"%b\r\n%b}}\r\n0\r\n\r\n" % (HEX, BODY)),
    "a chunk shorter than its size": chunks(b"f%b\r\n%b\r\n0\r\n\r\n" % (HEX, BODY)),
    "a NUL in a chunk extension": chunks(b"%b;a\0b\r\n%b\r\n0\r\n\r\n" % (HEX, BODY)),
    "a line feed in a chunk extension": chunks(b"%b;a\nb\r\n%b\r\n0\r\n\r\n" % (HEX, BODY)),
    "a chunk extension without end": chunks(b"%b;" % HEX + b"a" * 400_000),
    "trailers without end": chunks(
        b"%b\r\n%b\r\n0\r\n" % (HEX, BODY) + b"a: %b\r\n" % (b"b" * 90) * 4_000
    ),
    "a length in the trailer": chunks(b"%b\r\n%b\r\n0\r\nContent-Length: 5\r\n\r\n" % (HEX, BODY)),
    "a malformed trailer": chunks(b"%b\r\n%b\r\n0\r\na b\r\n\r\n" % (HEX, BODY)),
    # header lines
    "a folded line": post(b"X: a\r\n b\r\n"),
    "a folded line with a tab": post(b"X: a\r\n\tb\r\n"),
    "a folded first line": post(b"").replace(b"\r\nHost", b"\r\n Host"),
    "a bare line feed": post(b"X: a\nY: b\r\n"),
    "bare line feeds only": HIDDEN.replace(b"\r\n", b"\n"),
    "a bare carriage return": post(b"X: a\rY: b\r\n"),
    "a NUL in a name": post(b"X\0: a\r\n"),
    "a NUL in a value": post(b"X: a\0b\r\n"),
    "a control character in a name": post(b"X\x01: a\r\n"),
    "a control character in a value": post(b"X: a\x01b\r\n"),
    "an escape character in a value": post(b"X: \x1b[31m\r\n"),
    "a DEL in a value": post(b"X: a\x7fb\r\n"),
    "a name outside ASCII": post(b"X\xc3\xa9: a\r\n"),
    "a space before the colon": post(b"X : a\r\n"),
    "a space before the colon of the length": post(b"", PLAIN.replace(b"Length:", b"Length :")),
    "a space before the colon of the coding": post(b"", CHUNKED.replace(b"ing:", b"ing :")),
    "a space in a name": post(b"X Y: a\r\n"),
    "a name in quotes": post(b'"X": a\r\n'),
    "no name": post(b": a\r\n"),
    "no colon": post(b"X\r\n"),
    "a header line without end": post(b"X: " + b"a" * 400_000, b""),
    "a header name without end": post(b"a" * 400_000, b""),
    "too many header lines": post(b"".join(b"X-%d: a\r\n" % i for i in range(150))),
    "too large a head": post(b"".join(b"X-%d: %b\r\n" % (i, b"a" * 900) for i in range(60))),
    "two hosts": post(b"Host: other\r\n"),
    "the same host twice": post(b"Host: gateway\r\n"),
    "no host": post(b"").replace(b"Host: gateway\r\n", b""),
    "an empty host": post(b"").replace(b": gateway", b": "),
    "a host with a path": post(b"").replace(b": gateway", b": gateway/x"),
    "a host with a user": post(b"").replace(b": gateway", b": a@gateway"),
    "a list of hosts": post(b"").replace(b": gateway", b": a, b"),
    "two keys": post(b"Authorization: Bearer other\r\n"),
    "two content types": post(b"Content-Type: a/b\r\nContent-Type: c/d\r\n"),
    "an expectation of something else": post(b"Expect: the-unexpected\r\n"),
    "a compressed body": post(b"Content-Encoding: gzip\r\n"),
    # request lines
    "HTTP/0.9": b"GET /v1/models\r\n\r\n",
    "HTTP/0.9 in words": post(b"").replace(b"HTTP/1.1", b"HTTP/0.9"),
    "HTTP/1.2": post(b"").replace(b"HTTP/1.1", b"HTTP/1.2"),
    "HTTP/2.0": post(b"").replace(b"HTTP/1.1", b"HTTP/2.0"),
    "HTTP/3": post(b"").replace(b"HTTP/1.1", b"HTTP/3"),
    "HTTP/1.1 in lower case": post(b"").replace(b"HTTP/1.1", b"http/1.1"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 40,
    "a greeting of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200,
    "random bytes": bytes(range(256)) * 4,
    "a method in lower case": post(b"").replace(b"POST", b"post"),
    "an unknown method": post(b"").replace(b"POST", b"FROBNICATE"),
    "a tab after the method": post(b"").replace(b"POST ", b"POST\t"),
    "a space after the version": post(b"").replace(b"HTTP/1.1", b"HTTP/1.1 "),
    "a space in the target": post(b"").replace(b"completions ", b"completions x "),
    "a NUL in the target": post(b"").replace(b"completions ", b"completions\0 "),
    "a target outside ASCII": post(b"").replace(b"completions ", b"completions\xff "),
    "a fragment in the target": post(b"").replace(b"completions ", b"completions#a "),
    "an absolute target": post(b"").replace(b" /v1", b" http://gateway/v1"),
    "an absolute target elsewhere": post(b"").replace(b" /v1", b" http://169.254.169.254/v1"),
    "a target without a slash": post(b"").replace(b" /v1", b" v1"),
    "no target": post(b"").replace(b" /v1/chat/completions", b""),
    "an asterisk": post(b"").replace(b"/v1/chat/completions", b"*"),
    "CONNECT": b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: gateway\r\n\r\n" + HIDDEN,
    "too long a target": post(b"").replace(b"completions ", b"completions?" + b"a" * 60_000 + b" "),
    "a target without end": b"GET /" + b"a" * 400_000,
    # other protocols
    "h2c": post(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"),
    "a WebSocket": b"GET /v1/models HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer KEY\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\n\r\n" + HIDDEN,
}  # fmt: skip


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_request_is_refused_and_nothing_reaches_the_upstream(
    gateway: RunningGateway, upstream: Upstream, data: bytes
) -> None:
    before = (upstream.bytes_read, upstream.connections)
    with Talk(gateway.port) as talk:
        talk.send(data.replace(b"KEY", gateway.key.encode()))
        reply = talk.read()
        assert reply.status >= 400 or reply.status == 0
        if reply.status:
            assert reply.status not in (401, 403)
            assert reply.fields["connection"] == "close"
            assert reply.is_whole
            assert reply.code
        assert talk.rest() == b""
    assert (upstream.bytes_read, upstream.connections) == before
    assert gateway.request("GET", "/health").status == 200


def test_the_corpus_of_malformed_requests_is_large() -> None:
    assert len(MALFORMED) >= 100


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_malformed_request_is_refused_however_it_is_cut(
    gateway: RunningGateway, upstream: Upstream, size: int
) -> None:
    before = upstream.bytes_read
    names = ["two lengths", "length, then chunks", "a folded line", "gzip, chunked", "h2c"]
    for name in [*names, "a chunk longer than its size", "no host", "a fragment in the target"]:
        data = MALFORMED[name].replace(b"KEY", gateway.key.encode())
        with Talk(gateway.port) as talk:
            for i in range(0, len(data), size):
                talk.send(data[i : i + size])
            assert talk.read().status >= 400, name
    assert upstream.bytes_read == before


def test_a_request_inside_the_body_of_another_is_never_served(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    hidden = asked(gateway.key, "hidden")
    outer = chunks(b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)) + hidden
    for attack in (
        outer.replace(b"Transfer", b"Content-Length: 4\r\nTransfer"),
        outer.replace(b" chunked", b" chunked\r\nContent-Length: 4"),
        outer.replace(b"Transfer-Encoding:", b"Transfer-Encoding :"),
        outer.replace(b" chunked", b" chunked\r\n foo"),
        outer.replace(b"0\r\n\r\n", b"0\r\n\n"),
        asked(gateway.key, "outer", fields="Content-Length: 0\r\n") + hidden,
        asked(gateway.key, "outer", fields="X: a\n\nGET / HTTP/1.1\r\n") + hidden,
    ):  # fmt: skip
        upstream.requests.clear()
        with Talk(gateway.port) as talk:
            talk.send(attack.replace(b"KEY", gateway.key.encode()))
            assert talk.read().status >= 400
            assert talk.rest() == b""
        assert not any(b"hidden" in request for request in upstream.requests)


# -- what is well formed, if unusual --------------------------------------------------------------

GOOD: dict[str, bytes] = {
    "chunks": post(b"", CHUNKED),
    "chunks of one byte": chunks(
        b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n"
    ),
    "chunk extensions": chunks(b'%b;a=b;c="d"\r\n%b\r\n0;last\r\n\r\n' % (HEX, BODY)),
    "a trailer": chunks(b"%b\r\n%b\r\n0\r\nX-Sum: 1\r\n\r\n" % (HEX, BODY)),
    "upper-case chunk sizes": post(b"", CHUNKED.replace(HEX, HEX.upper())),
    "CHUNKED": post(b"", CHUNKED.replace(b"chunked", b"CHUNKED")),
    "names in any case": post(b"").replace(b"Content-Length", b"CONTENT-length"),
    "an empty line before": b"\r\n" + post(b""),
    "values outside ASCII": post(b"X-Name: caf\xc3\xa9 \xff\r\n"),
    "a query": post(b"").replace(b"completions ", b"completions?api-version=1 "),
    "an unknown header": post(b"X-Unknown: " + b"a" * 4_000 + b"\r\n"),
    "leading zeros": post(b"", PLAIN.replace(b"Length: ", b"Length: 000")),
    "a host with a port": post(b"").replace(b": gateway", b": gateway:8080"),
    "an IPv6 host": post(b"").replace(b": gateway", b": [::1]:8080"),
    "an offer to upgrade without Connection": post(b"Upgrade: h2c\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("data", GOOD.values(), ids=GOOD.keys())
def test_an_unusual_request_is_served_and_so_is_the_next(
    gateway: RunningGateway, upstream: Upstream, data: bytes
) -> None:
    with Talk(gateway.port) as talk:
        talk.send(data.replace(b"KEY", gateway.key.encode()))
        assert talk.read().status == 200
        talk.send(asked(gateway.key))
        assert talk.read().status == 200
    assert (
        json.loads(upstream.requests[-2].partition(b"\r\n\r\n")[2])["messages"][0]["content"]
        == "smuggled"
    )


def test_nothing_of_the_clients_head_reaches_the_upstream(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    fields = "Cookie: a=b\r\nX-Forwarded-For: 1.2.3.4\r\nX-Api-Key: other\r\nOpenAI-Beta: x\r\n"
    with Talk(gateway.port) as talk:
        talk.send(asked(gateway.key, fields=fields))
        assert talk.read().status == 200
    head = upstream.requests[-1].partition(b"\r\n\r\n")[0].lower()
    names = {line.partition(b":")[0] for line in head.split(b"\r\n")[1:]}
    assert names == {
        b"host", b"content-type", b"accept-encoding", b"user-agent", b"x-request-id", b"accept",
        b"content-length",
    }  # fmt: skip
    assert gateway.key.encode().lower() not in head


# -- the order of answers -------------------------------------------------------------------------


def statuses(talk: Talk, count: int) -> list[int]:
    return [talk.read().status for _ in range(count)]


def get(path: str, key: str = "") -> bytes:
    credential = f"Authorization: Bearer {key}\r\n" if key else ""
    return f"GET {path} HTTP/1.1\r\nHost: gateway\r\n{credential}\r\n".encode()


def test_pipelined_requests_are_answered_in_order(gateway: RunningGateway) -> None:
    with Talk(gateway.port) as talk:
        talk.send(
            get("/v1/models", gateway.key)
            + asked(gateway.key, stream=False)
            + asked(gateway.key, model="nobody")
            + get("/health")
            + get("/v1/nothing", gateway.key)
        )
        replies = [talk.read() for _ in range(5)]
    assert [r.status for r in replies] == [200, 200, 404, 200, 404]
    assert replies[0].json["object"] == "list"
    assert replies[1].json["object"] == "chat.completion"
    assert replies[2].code == "model_not_found"
    assert replies[3].json == {"status": "ok"}
    assert replies[4].code == "unknown_path"


def test_an_answer_of_the_studio_keeps_its_place(gateway: RunningGateway) -> None:
    with Talk(gateway.port) as talk:
        talk.send(
            get("/health") + get("/") + asked(gateway.key) + get("/api/v1/keys") + get("/health")
        )
        assert statuses(talk, 5) == [200, 503, 200, 503, 200]


def test_a_refusal_waits_for_the_answers_before_it_and_ends_the_connection(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    for broken, status in (
        (b"BROKEN\r\n\r\n", 400),
        (MALFORMED["two lengths"].replace(b"KEY", gateway.key.encode()), 400),
        (MALFORMED["h2c"].replace(b"KEY", gateway.key.encode()), 501),
        (asked("tmt_unknown"), 401),
        (asked(gateway.key, fields="Expect: x\r\n"), 417),
    ):
        upstream.requests.clear()
        with Talk(gateway.port) as talk:
            talk.send(asked(gateway.key) + asked(gateway.key) + broken + asked(gateway.key))
            assert statuses(talk, 3) == [200, 200, status]
            assert talk.rest() == b""
        assert len(upstream.requests) == 2


def test_what_follows_connection_close_is_not_served(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    upstream.requests.clear()
    with Talk(gateway.port) as talk:
        talk.send(asked(gateway.key, fields="Connection: close\r\n") + asked(gateway.key))
        reply = talk.read()
        assert reply.status == 200
        assert reply.fields["connection"] == "close"
        assert talk.rest() == b""
    assert len(upstream.requests) == 1


def test_too_many_pipelined_requests_are_refused_after_those_before_them(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    upstream.requests.clear()
    with Talk(gateway.port) as talk:
        talk.send(asked(gateway.key) * 200)
        seen = []
        while (reply := talk.read()).status == 200:
            seen.append(reply)
        assert reply.code == "pipelining"
        assert talk.rest() == b""
    assert 1 <= len(seen) == len(upstream.requests) <= 20


def test_many_requests_follow_each_other_on_one_connection(gateway: RunningGateway) -> None:
    with Talk(gateway.port) as talk:
        for _ in range(100):
            talk.send(asked(gateway.key))
            assert talk.read().status == 200


def test_a_request_that_comes_byte_by_byte_behind_another_is_served(
    gateway: RunningGateway,
) -> None:
    with Talk(gateway.port) as talk:
        data = asked(gateway.key) + asked(gateway.key)
        for byte in data:
            talk.send(bytes([byte]))
        assert statuses(talk, 2) == [200, 200]


# -- HEAD, Expect, HTTP/1.0 -----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/health", "/ready", "/v1/models", "/v1/models/nobody", "/v1/x"])
def test_head_has_the_head_of_get_and_no_body(gateway: RunningGateway, path: str) -> None:
    with Talk(gateway.port) as talk:
        talk.send(get(path, gateway.key))
        whole = talk.read()
        talk.send(get(path, gateway.key).replace(b"GET", b"HEAD"))
        head = talk.read(is_head=True)
        talk.send(get("/health"))
        assert talk.read().json == {"status": "ok"}
    ignored = {"date", "x-request-id"}
    assert {k: v for k, v in head.fields.items() if k not in ignored} == {
        k: v for k, v in whole.fields.items() if k not in ignored
    }


def test_head_of_a_token_path_is_refused_without_a_body(gateway: RunningGateway) -> None:
    with Talk(gateway.port) as talk:
        talk.send(get("/v1/chat/completions", gateway.key).replace(b"GET", b"HEAD"))
        reply = talk.read(is_head=True)
        assert reply.status == 405
        assert int(reply.fields["content-length"]) > 0
        assert talk.rest() == b""


def split_at_body(data: bytes) -> tuple[bytes, bytes]:
    head, border, body = data.partition(b"\r\n\r\n")
    return head + border, body


def test_a_body_that_waits_to_be_asked_for_is_asked_for(gateway: RunningGateway) -> None:
    head, body = split_at_body(asked(gateway.key, fields="Expect: 100-Continue\r\n"))
    with Talk(gateway.port) as talk:
        for _ in range(2):
            talk.send(head)
            assert talk.read().status == 100
            talk.send(body)
            assert talk.read().status == 200


def test_a_body_that_is_refused_is_not_asked_for(gateway: RunningGateway) -> None:
    head, _ = split_at_body(asked("tmt_unknown", fields="Expect: 100-continue\r\n"))
    with Talk(gateway.port) as talk:
        talk.send(head)
        assert talk.read().status == 401
        assert talk.rest() == b""


def test_a_body_is_asked_for_only_when_its_turn_has_come(gateway: RunningGateway) -> None:
    head, body = split_at_body(asked(gateway.key, fields="Expect: 100-continue\r\n"))
    with Talk(gateway.port) as talk:
        talk.send(asked(gateway.key) + head)
        assert statuses(talk, 2) == [200, 100]
        talk.send(body)
        assert talk.read().status == 200


def test_a_refused_body_behind_an_answer_is_refused_in_its_turn(gateway: RunningGateway) -> None:
    head, _ = split_at_body(asked("tmt_unknown", fields="Expect: 100-continue\r\n"))
    with Talk(gateway.port) as talk:
        talk.send(asked(gateway.key) + head)
        assert statuses(talk, 2) == [200, 401]


def test_an_old_client_is_never_asked_for_its_body(gateway: RunningGateway) -> None:
    with Talk(gateway.port) as talk:
        talk.send(asked(gateway.key, version="1.0", fields="Expect: 100-continue\r\n"))
        assert talk.read().status == 200


@pytest.mark.parametrize("fields", ["", "Connection: keep-alive\r\n"])
def test_an_old_client_gets_its_answer_and_the_end_of_the_connection(
    gateway: RunningGateway, fields: str
) -> None:
    data = asked(gateway.key, version="1.0", fields=fields).replace(b"Host: gateway\r\n", b"")
    with Talk(gateway.port) as talk:
        talk.send(data)
        reply = talk.read()
        assert reply.status == 200
        assert reply.fields["connection"] == "close"
        assert reply.json["object"] == "chat.completion"
        assert talk.rest() == b""


def test_errors_have_one_form_and_an_id(gateway: RunningGateway) -> None:
    def check(reply: Reply) -> None:
        assert reply.code
        assert reply.fields["content-type"] == "application/json"
        assert re.fullmatch(r"req_[0-9a-f]{20}", reply.fields["x-request-id"])
        assert "date" in reply.fields

    for data in (
        b"BROKEN\r\n\r\n",
        asked("tmt_unknown"),
        get("/v1/x", gateway.key),
        asked(gateway.key, model=1),
    ):
        with Talk(gateway.port) as talk:
            talk.send(data)
            check(talk.read())


# -- requests spoilt at random --------------------------------------------------------------------

SPOILERS = (
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b"\x7f", b"\xff", b"0",
    b"0\r\n\r\n",
    b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: a\r\n", b"HTTP/1.1",
    b"Connection: close\r\n", b"Expect: 100-continue\r\n", b"\r\n\r\n", b"GET / HTTP/1.1\r\n",
)  # fmt: skip


def spoilt(data: bytes, chance: random.Random) -> bytes:
    """Return `data` with one or two small damages."""
    for _ in range(chance.randint(1, 2)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(5):
            case 0:
                data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
            case 1:
                data = data[:at] + data[at + chance.randint(1, 8) :]
            case 2:
                data = data[:at] + chance.choice(SPOILERS) + data[at:]
            case 3:
                lines = data.split(b"\r\n")
                i, j = chance.randrange(len(lines)), chance.randrange(len(lines))
                lines[i], lines[j] = lines[j], lines[i]
                data = b"\r\n".join(lines)
            case 4:
                lines = data.split(b"\r\n")
                lines.insert(chance.randrange(len(lines)), chance.choice(lines))
                data = b"\r\n".join(lines)
    return data


def spoil_many(gateway: RunningGateway, upstream: Upstream, seed: int) -> Counter[int]:
    """Send 200 spoilt requests at once and return how many answers of each status came."""
    chance = random.Random(seed)
    whole = [
        data.replace(b"KEY", gateway.key.encode())
        for data in (post(b""), post(b"", CHUNKED), asked(gateway.key, stream=False))
    ]
    sent = [spoilt(chance.choice(whole), chance) for _ in range(200)]
    seen: Counter[int] = Counter()
    served = 0
    upstream.requests.clear()
    with ExitStack() as stack:
        talks = [stack.enter_context(Talk(gateway.port)) for _ in sent]
        for talk, data in zip(talks, sent, strict=True):
            talk.send(data)
        for talk, data in zip(talks, sent, strict=True):
            while (reply := talk.read()).status:
                seen[reply.status] += 1
                assert reply.status != 500, data
                served += reply.status == 200 and b"chat.completion" in reply.body
                if "connection" not in reply.fields:
                    talk.send(b"BROKEN\r\n\r\n")  # nothing more is to come
    assert served == len(upstream.requests)
    assert gateway.request("GET", "/health").status == 200
    return seen


def test_spoilt_requests_break_nothing(gateway: RunningGateway, upstream: Upstream) -> None:
    seen = spoil_many(gateway, upstream, seed=1)
    assert seen[400] > 50
    assert seen[200] > 10


@pytest.mark.slow
def test_very_many_spoilt_requests_break_nothing(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    seen: Counter[int] = Counter()
    for seed in range(100, 200):
        seen += spoil_many(gateway, upstream, seed)
    assert seen[400] > 5_000
