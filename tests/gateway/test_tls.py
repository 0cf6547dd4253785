"""TLS towards clients, by certificate files."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from tests.certs import Authority
from tests.gateway.bytewise import Talk, Upstream, answering, asked, framed, run_upstream
from tests.running import RunningGateway

STREAM = (
    b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n'
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":1}}\n\ndata: [DONE]\n\n'
)


@dataclass
class Secured:
    """A gateway that speaks TLS, and the context of a client that trusts it."""

    gateway: RunningGateway
    context: ssl.SSLContext


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """Yield one upstream for this module."""
    with run_upstream(answering(framed(STREAM, content_type="text/event-stream"))) as running:
        yield running


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Secured]:
    """Yield a gateway with a certificate."""
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority(folder)
    certificate = authority.issue()
    gateway = RunningGateway(
        folder / "data",
        {
            "deployments.bench.url": upstream.url,
            "server.tls_cert_file": certificate.cert_file,
            "server.tls_key_file": certificate.key_file,
            "server.head_timeout_s": 1.0,
        },
    )
    try:
        gateway.start()
        yield Secured(gateway, ssl.create_default_context(cafile=authority.ca_file))
    finally:
        gateway.stop()


def test_requests_and_streams_go_over_tls(secured: Secured) -> None:
    gateway = secured.gateway
    with Talk(gateway.port, secured.context) as talk:
        for _ in range(3):
            talk.send(asked(gateway.key, stream=True))
            reply = talk.read()
            assert reply.status == 200
            assert reply.body.endswith(b"data: [DONE]\n\n")
        talk.send(asked("tmt_unknown"))
        assert talk.read().code == "invalid_api_key"
        assert talk.rest() == b""


def test_a_large_request_goes_over_tls(secured: Secured, upstream: Upstream) -> None:
    with Talk(secured.gateway.port, secured.context) as talk:
        talk.send(asked(secured.gateway.key, "x" * 3_000_000, stream=True))
        assert talk.read().status == 200
    assert len(upstream.requests[-1]) > 3_000_000


def test_old_versions_of_tls_and_plain_http_are_refused(secured: Secured) -> None:
    port = secured.gateway.port
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname = False
    old.verify_mode = ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Talk(port, old)
    with Talk(port) as plain:
        plain.send(asked(secured.gateway.key))
        assert b"HTTP/1.1 200" not in plain.rest()
    with Talk(port, secured.context) as talk:
        talk.send(b"GET /health HTTP/1.1\r\nHost: g\r\n\r\n")
        assert talk.read().status == 200


def test_a_greeting_that_does_not_come_is_given_up(secured: Secured) -> None:
    address = ("127.0.0.1", secured.gateway.port)
    with socket.create_connection(address, 30) as silent, suppress(ConnectionResetError):
        assert silent.recv(1) == b""


def test_a_refused_sender_over_tls_is_let_go(secured: Secured) -> None:
    with Talk(secured.gateway.port, secured.context) as talk:
        talk.send(asked("tmt_unknown", "x" * 100_000)[:-10])
        assert talk.read().status == 401
        assert talk.rest() == b""
