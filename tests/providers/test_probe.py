"""A try of an address: what is there, what is not, and nothing of the key in what is said."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certs import Authority
from tests.gateway.bytewise import answering, framed, run_upstream
from tests.processes import RunningStandin, run_standin
from tramontane.config import Origin
from tramontane.providers.probe import Probe, Prober
from tramontane.providers.standin import StandinOptions

KEY = "sk-canary-abcdef0123456789"
ADDRESS = "127.0.0.1"


@pytest.fixture(scope="module")
def standin() -> Iterator[RunningStandin]:
    """Yield a provider that wants a key and offers two models."""
    with run_standin(StandinOptions(api_key=KEY, models=("large", "small"))) as running:
        yield running


def ask(
    port: int,
    key: str | None = KEY,
    model: str | None = None,
    *,
    host: str = ADDRESS,
    tls: bool = False,
    path: str = "/v1",
    ca_file: str | None = None,
    addresses: tuple[str, ...] = (ADDRESS,),
) -> Probe:
    """Return what one try says; no word of it may hold the key."""
    prober = Prober(Origin(tls, host, port, path), list(addresses), key, ca_file=ca_file)
    probe = asyncio.run(prober.ask(model, "max_tokens"))
    assert KEY not in repr(probe)
    return probe


def test_it_lists_the_models(standin: RunningStandin) -> None:
    probe = ask(standin.port)
    assert (probe.problem, probe.models) == (None, ("large", "small"))
    assert probe.message == "It offers 2 models."
    assert probe.first_token_ms is None


def test_it_asks_the_model_that_is_named(standin: RunningStandin) -> None:
    probe = ask(standin.port, model="large")
    assert probe.problem is None and probe.first_token_ms is not None
    assert standin.requests[-1].model == "large"


@pytest.mark.parametrize("key", ["sk-wrong", None])
def test_a_wrong_key_is_said(standin: RunningStandin, key: str | None) -> None:
    assert ask(standin.port, key).problem == "key_refused"


def test_a_model_that_is_not_there_is_said(standin: RunningStandin) -> None:
    probe = ask(standin.port, model="huge")
    assert probe.problem in ("not_found", "refused") and "huge" in probe.message
    assert probe.models == ("large", "small")


def test_a_wrong_path_is_said(standin: RunningStandin) -> None:
    probe = ask(standin.port, path="/v2")
    assert probe.problem == "not_found" and "/v1" in probe.message


def test_nobody_there_is_said() -> None:
    with socket.socket() as closed:
        closed.bind((ADDRESS, 0))
        port = closed.getsockname()[1]
        assert ask(port).problem == "unreachable"
    assert ask(port, addresses=()).problem == "unreachable"


def test_the_second_address_will_do(standin: RunningStandin) -> None:
    assert ask(standin.port, addresses=("127.0.0.2", ADDRESS)).problem is None


def test_a_redirect_is_not_followed() -> None:
    with run_standin() as elsewhere:
        fields = f"Location: http://127.0.0.1:{elsewhere.port}/v1/models\r\n"
        moved = framed(b"", fields).replace(b"200 OK", b"302 Found")
        with run_upstream(answering(moved)) as upstream:
            assert ask(upstream.port).problem == "redirect"
        assert elsewhere.requests == []


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[]", b'{"data": 7}', b'{"data":[{"id":7}]}', b"\xff", b'{"data":' + b"[" * 9999],
)
def test_another_form_is_said(body: bytes) -> None:
    with run_upstream(answering(framed(body, content_type="application/json"))) as upstream:
        assert ask(upstream.port).problem == "protocol"


def test_what_is_not_http_is_said() -> None:
    with run_upstream(answering(b"SSH-2.0-OpenSSH_9.6\r\n", close=True)) as upstream:
        assert ask(upstream.port).problem == "protocol"


def test_a_provider_that_repeats_the_key_is_not_repeated() -> None:
    said = b'{"error":{"message":"' + b"x" * 290 + KEY.encode() + b'"}}'
    for status in (b"401 No", b"400 No", b"404 No", b"500 No"):
        refusal = framed(said).replace(b"200 OK", status)
        with run_upstream(answering(refusal)) as upstream:
            probe = ask(upstream.port)
            assert probe.problem is not None
            assert KEY[:8] not in repr(probe)


def test_the_certificate_is_verified_for_the_name(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    good = authority.issue("llm.example.org")
    options = StandinOptions(
        api_key=KEY, models=("large",), tls_cert_file=good.cert_file, tls_key_file=good.key_file
    )
    with run_standin(options) as secured:
        assert ask(secured.port, tls=True, host="llm.example.org").problem == "tls"
        trusted = authority.ca_file
        probe = ask(secured.port, tls=True, host="llm.example.org", ca_file=trusted)
        assert (probe.problem, probe.models) == (None, ("large",))
        other = ask(secured.port, tls=True, host="other.example.org", ca_file=trusted)
        assert other.problem == "tls"


def test_plain_http_where_tls_is_wanted_is_said(standin: RunningStandin) -> None:
    assert ask(standin.port, tls=True).problem == "tls"
