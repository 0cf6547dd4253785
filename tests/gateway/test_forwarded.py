"""Which address counts where proxies stand in front."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gateway.bytewise import Talk, answering, framed, run_upstream
from tests.running import run_gateway
from tramontane.gateway.forwarded import Proxies

TRUSTED = ("127.0.0.1", "10.0.0.0/8", "fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("198.51.100.7", None, "198.51.100.7"),
        ("198.51.100.7", b"203.0.113.9", "198.51.100.7"),
        ("127.0.0.1", None, "127.0.0.1"),
        ("127.0.0.1", b"203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", b"6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", b"6.6.6.6, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("127.0.0.1", b"10.1.2.3", "10.1.2.3"),
        ("::ffff:127.0.0.1", b"2001:db8::5", "2001:db8::5"),
        ("fd00::1", b"203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", b"unknown", "127.0.0.1"),
        ("127.0.0.1", b"6.6.6.6, _hidden", "127.0.0.1"),
        ("127.0.0.1", b"203.0.113.9:4711", "127.0.0.1"),
        ("127.0.0.1", b"", "127.0.0.1"),
        ("127.0.0.1", b"\xff", "127.0.0.1"),
        ("local", b"203.0.113.9", "local"),
    ],
)
def test_the_last_address_that_a_believed_proxy_saw(
    peer: str, forwarded: bytes | None, client: str
) -> None:
    assert Proxies(TRUSTED).client(peer, forwarded) == client


@given(st.binary(max_size=60))
def test_without_proxies_nobody_is_believed(forwarded: bytes) -> None:
    assert Proxies(()).client("127.0.0.1", forwarded) == "127.0.0.1"
    assert Proxies(TRUSTED).client("198.51.100.7", forwarded) == "198.51.100.7"


def test_the_studio_is_told_whom_the_proxy_saw(tmp_path: Path) -> None:
    settings = {"server.trusted_proxies": ["127.0.0.1"]}
    with run_gateway(tmp_path / "data", None, settings) as gateway:
        path = gateway.folder.run / "studio.sock"
        with (
            run_upstream(answering(framed(b"ok")), path=path) as studio,
            Talk(gateway.port) as talk,
        ):
            fields = b"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 203.0.113.9\r\n"
            talk.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n" + fields + b"\r\n")
            assert talk.read().body == b"ok"
            head = studio.requests[-1].decode()
    assert "x-forwarded-for: 203.0.113.9\r\n" in head
    assert "6.6.6.6" not in head
