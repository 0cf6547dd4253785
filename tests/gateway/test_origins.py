"""SE6: a provider's key goes to its fixed origin only, over TLS that was verified."""

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.certs import Authority, Certificate
from tests.gateway.bytewise import Talk, Upstream, asked, framed, run_upstream
from tests.running import RunningGateway
from tramontane import config
from tramontane.config import Origin, parse_origin
from tramontane.errors import ConfigError

KEY = "sk-provider-canary"

LINK_LOCAL = (
    "169.254.169.254", "169.254.0.0", "169.254.255.255", "169.254.169.254.", "2852039166",
    "0xa9fea9fe", "0xA9FEA9FE", "025177524776", "0251.0376.0251.0376", "0xa9.0xfe.0xa9.0xfe",
    "169.254.43518", "169.16689662", "0xa9.254.0251.254", "0xa9.16689662", "00000251.254.169.254",
    "[fe80::1]", "[FE80::1]", "[fe80::]", "[febf:ffff::1]", "[fe90::1]", "[feb0::a]",
    "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[::FFFF:A9FE:A9FE]",
    "[0:0:0:0:0:ffff:a9fe:a9fe]", "[::169.254.169.254]", "[::a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b::169.254.169.254]", "[2002:a9fe:a9fe::]", "[2002:a9fe:a9fe::1]",
)  # fmt: skip
NO_ORIGINS = (
    "", "169.254.169.254", "//host/v1", "host/v1", "ftp://host/", "file:///etc/passwd",
    "gopher://host/", "javascript:alert(1)", "data:text/plain,a", "http://", "http:///v1",
    "http:/host/v1", "http://user@host/", "http://user:word@host/", "http://:word@host/",
    "http://host/v1?x=1", "http://host/v1#x", "http://host:port/", "http://host:99999/",
    "http://host:-1/", "http://ho st/", "http://host/a b", "http://host\r\nX: y/",
    "http://host/\r\nX: y", "http://host/\x00", "http://host\x00/", "http://hôte/", "http://１６９.254.169.254/",
    "http://169。254。169。254/", "http://%31%36%39.254.169.254/", "http://[::1/", "http://::1]/",
    "http://[::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[host]/", "http://a,b/", "http://a|b/",
    "http://a\\b/", "http://-host/", "http://host;x/", "http://(host)/",
)  # fmt: skip
ORIGINS = {
    "http://127.0.0.1:9001/v1": Origin(False, "127.0.0.1", 9001, "/v1"),
    "https://api.example.com/v1/": Origin(True, "api.example.com", 443, "/v1"),
    "HTTPS://API.Example.COM": Origin(True, "api.example.com", 443, ""),
    "http://[::1]:8000/v1": Origin(False, "::1", 8000, "/v1"),
    "http://model_server": Origin(False, "model_server", 80, ""),
    "http://10.0.0.7/a/b/v1": Origin(False, "10.0.0.7", 80, "/a/b/v1"),
    "https://xn--hte-1ja.example/": Origin(True, "xn--hte-1ja.example", 443, ""),
}


@pytest.mark.parametrize("host", LINK_LOCAL)
def test_link_local_is_refused_in_every_spelling(host: str) -> None:
    for url in (f"http://{host}/v1", f"https://{host}:8443/latest"):
        with pytest.raises(ConfigError, match=r"link-local|no host name"):
            parse_origin(url)


@pytest.mark.parametrize("url", NO_ORIGINS)
def test_what_is_no_plain_origin_is_refused(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_origin(url, "deployments.large")
    assert caught.value.message.startswith("deployments.large.url")
    assert "word" not in caught.value.message or ":word@" not in url


@pytest.mark.parametrize(("url", "origin"), ORIGINS.items())
def test_an_origin_is_taken_as_it_is_meant(url: str, origin: Origin) -> None:
    assert parse_origin(url) == origin


def test_a_link_local_deployment_stops_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"deployments\.bad\.url"):
        config.load(None, {"deployments.bad.url": "http://2852039166/v1"})


# -- live -----------------------------------------------------------------------------------------


class Upstreams:
    """Every upstream of this module, by the name of its deployment."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        ours, foreign = Authority(folder, "ours"), Authority(folder, "foreign")
        self.by_name: dict[str, Upstream] = {}
        self.settings: dict[str, object] = {
            "upstream.connect_timeout_s": 1.0,
            "upstream.circuit_breaker": False,  # each of them is asked, however often it failed
        }
        self.elsewhere = stack.enter_context(run_upstream())

        def add(name: str, certificate: Certificate, ca_file: str | None = ours.ca_file) -> None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.cert_file, certificate.key_file)
            upstream = stack.enter_context(run_upstream(tls=context))
            self.put(name, upstream, upstream.url.replace("http:", "https:"), ca_file)

        add("good", ours.issue())
        add("foreign", foreign.issue())
        add("unknown", ours.issue(), ca_file=None)
        add("wronghost", ours.issue("other.example"))
        add("expired", ours.issue(expired=True))
        add("missing", ours.issue(), ca_file=str(folder / "no-such-file.pem"))
        (folder / "empty.pem").write_text("nothing")
        add("empty", ours.issue(), ca_file=str(folder / "empty.pem"))
        named = stack.enter_context(run_upstream())
        self.put("plain", named, f"http://localhost:{named.port}/v1", None)
        spoken = stack.enter_context(run_upstream())
        self.put("notls", spoken, spoken.url.replace("http:", "https:"), ours.ca_file)
        self.put("redirect", stack.enter_context(run_upstream(self.redirect)), None, None)

    def put(self, name: str, upstream: Upstream, url: str | None, ca_file: str | None) -> None:
        """Make a deployment of `upstream`."""
        self.by_name[name] = upstream
        place = f"deployments.{name}"
        self.settings |= {f"{place}.url": url or upstream.url, f"{place}.key_env": "PROVIDER_KEY"}
        if ca_file is not None:
            self.settings[f"{place}.ca_file"] = ca_file

    def redirect(self, upstream: Upstream, peer: socket.socket, request: bytes) -> None:
        """Send whoever asks elsewhere."""
        status = json.loads(request.partition(b"\r\n\r\n")[2])["user"]
        location = f"Location: {self.elsewhere.url}/chat/completions\r\n"
        peer.sendall(framed(b"", location).replace(b"200 OK", f"{status} Moved".encode(), 1))


@pytest.fixture(scope="module")
def upstreams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstreams]:
    """Yield the upstreams of this module."""
    with ExitStack() as stack:
        yield Upstreams(tmp_path_factory.mktemp("certificates"), stack)


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, upstreams: Upstreams
) -> Iterator[RunningGateway]:
    """Yield a gateway before them."""
    running = RunningGateway(tmp_path_factory.mktemp("origins") / "data", upstreams.settings)
    try:
        running.start({"PROVIDER_KEY": KEY})
        yield running
    finally:
        running.stop()


@pytest.mark.parametrize("name", ["good", "plain"])
def test_a_verified_origin_gets_the_key_and_its_own_name(
    gateway: RunningGateway, upstreams: Upstreams, name: str
) -> None:
    assert gateway.chat(model=name).status == 200
    upstream = upstreams.by_name[name]
    request = upstream.requests[-1].decode()
    assert f"\r\nauthorization: Bearer {KEY}\r\n" in request
    host = "localhost" if name == "plain" else "127.0.0.1"
    assert f"\r\nhost: {host}:{upstream.port}\r\n" in request
    assert gateway.key not in request


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("foreign", "certificate"),
        ("unknown", "certificate"),
        ("wronghost", "IP address mismatch|doesn't match|not valid for"),
        ("expired", "expired"),
        ("missing", "ca_file"),
        ("empty", "ca_file"),
        ("notls", ""),
    ],
)
def test_an_origin_that_cannot_be_verified_gets_nothing(
    gateway: RunningGateway, upstreams: Upstreams, name: str, reason: str
) -> None:
    for stream in (False, True):
        reply = gateway.chat(model=name, stream=stream)
        assert reply.code in ("upstream_error", "upstream_timeout")
        if reason:
            assert any(word in reply.json["error"]["message"] for word in reason.split("|"))
    assert not upstreams.by_name[name].requests
    assert gateway.chat(model="good").status == 200


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(
    gateway: RunningGateway, upstreams: Upstreams, status: int
) -> None:
    for stream in (False, True):
        reply = gateway.chat(model="redirect", user=str(status), stream=stream)
        assert (reply.status, reply.code) == (502, "upstream_error")
        assert "redirect" in reply.json["error"]["message"]
        assert "location" not in reply.fields
    assert upstreams.elsewhere.connections == 0


def test_no_field_of_a_request_changes_where_it_goes(
    gateway: RunningGateway, upstreams: Upstreams
) -> None:
    target = f"127.0.0.1:{upstreams.elsewhere.port}"
    fields = (
        f"X-Forwarded-Host: {target}\r\nX-Host: {target}\r\nX-Upstream: http://{target}\r\n"
        f"X-Base-Url: http://{target}/v1\r\nForwarded: host={target}\r\n"
    )
    data = asked(gateway.key, model="good", fields=fields, user="x")
    for sent in (data, data.replace(b"Host: gateway", f"Host: {target}".encode())):
        with Talk(gateway.port) as talk:
            talk.send(sent)
            assert talk.read().status == 200
    for name in ("base_url", "api_base", "url", "api_key", "upstream", "proxy"):
        more = {name: f"http://{target}/v1"}
        assert gateway.chat(model="good", **more).status in (200, 400)
        assert (
            target.encode() not in upstreams.by_name["good"].requests[-1].partition(b"\r\n\r\n")[0]
        )
    assert upstreams.elsewhere.connections == 0


@pytest.mark.parametrize("stream", [False, True])
def test_an_address_in_a_message_reaches_no_upstream(
    gateway: RunningGateway, upstreams: Upstreams, stream: bool
) -> None:
    upstream = upstreams.by_name["good"]
    before = len(upstream.requests)
    part = {"type": "image_url", "image_url": {"url": "http://169.254.169.254/"}}
    messages = [{"role": "user", "content": [part]}]
    reply = gateway.chat(model="good", messages=messages, stream=stream)
    assert (reply.status, reply.code) == (400, "address_not_allowed")
    assert reply.json["error"]["param"] == "messages[0].content[0].image_url.url"
    assert len(upstream.requests) == before
