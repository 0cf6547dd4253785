"""A hub is asked as it should be: where it may send to, who sees the key, what refusals mean."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certs import Authority
from tests.hub import REPOSITORY, StandInHub, run_hub
from tramontane.engines.hub import Source
from tramontane.engines.hub_client import HubClient
from tramontane.errors import ConfigError, Forbidden, InvalidRequest, NotFound, Unavailable

SOURCE = Source(REPOSITORY, "tiny.gguf")
DATA = b"GGUF" * 50_000
PUBLIC = "93.184.216.34"


@pytest.fixture
def hub() -> Iterator[StandInHub]:
    with run_hub({"tiny.gguf": DATA, "plain.gguf": b"GGUF"}) as running:
        yield running


def fetched(hub: StandInHub, *, key: str | None = None, first: int = 0) -> bytes:
    with (
        HubClient(hub.url, key) as client,
        client.bytes_of(SOURCE, "tiny.gguf", first, len(DATA) - 1) as answer,
    ):
        assert (answer.start, answer.size_bytes) == (first, len(DATA))
        return b"".join(answer.chunks)


def test_files_and_bytes_come_as_they_are(hub: StandInHub) -> None:
    hub.without_hash.add("plain.gguf")
    with HubClient(hub.url + "/") as client:
        found = client.listing(Source(REPOSITORY))
        by_commit = client.listing(Source(REPOSITORY, revision=found.revision))
    assert found == by_commit and found.revision == hub.commit(REPOSITORY)
    assert [(each.file, each.sha256) for each in found.files] == [
        ("plain.gguf", None),
        ("tiny.gguf", hub.hashes[REPOSITORY]["tiny.gguf"]),
    ]
    assert fetched(hub) == DATA and fetched(hub, first=150_000) == DATA[150_000:]


def test_the_key_goes_to_the_hub_alone(hub: StandInHub) -> None:
    hub.moved["old/name"] = REPOSITORY
    assert fetched(hub, key="hf_canary") == DATA
    with HubClient(hub.url, "hf_canary") as client:
        assert client.listing(Source("old/name")).repository == REPOSITORY
    assert hub.keys_seen(by_cdn=False) == {"hf_canary"}
    assert not hub.keys_seen(by_cdn=True), "another port is another origin"


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1]/x",
        "http://[::ffff:169.254.169.254]/x",
        "http://2852039166/x",
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "http://user:pass@127.0.0.1/x",
        "gopher://x",
    ],
)
def test_it_sends_nowhere_it_may_not(hub: StandInHub, target: str) -> None:
    hub.redirects_to = target
    with pytest.raises(Forbidden) as caught:
        fetched(hub, key="hf_canary")
    assert caught.value.code == "hub_redirect_refused"
    assert not hub.downloads()


@pytest.mark.parametrize("target", ["http://[::1", "//", "http://127.0.0.1:99999/x"])
def test_an_address_that_is_none_is_an_error_of_the_hub(hub: StandInHub, target: str) -> None:
    hub.redirects_to = target
    with pytest.raises((Forbidden, Unavailable)):
        fetched(hub, key="hf_canary")
    assert not hub.downloads()


PRIVATE = (
    "10.0.0.1", "172.16.0.1", "192.168.1.1", "127.0.0.1", "100.64.0.1", "0.0.0.0", "::1", "fc00::1",
    "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "169.254.1.1", "fe80::1", "224.0.0.1",
)  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_a_public_hub_leads_into_no_network(address: str) -> None:
    looked_up = []

    def look_up(host: str, port: int) -> list[str]:
        looked_up.append(host)
        return [PUBLIC] if host == "hub.example" else [PUBLIC, address]

    client = HubClient("https://hub.example", look_up=look_up)
    with client, pytest.raises(Forbidden, match="inside a network") as caught:
        client._place("https://cdn.example/x")
    assert caught.value.code == "hub_redirect_refused" and "cdn.example" in looked_up
    with client, pytest.raises(Forbidden, match="without TLS"):
        client._place("http://cdn.example/x")


@pytest.mark.parametrize(
    ("own", "target", "is_allowed"),
    [
        ("10.0.0.1", "10.0.0.2", True),
        ("10.0.0.1", PUBLIC, True),
        ("10.0.0.1", "127.0.0.1", False),
        ("10.0.0.1", "169.254.169.254", False),
        ("10.0.0.1", "0.0.0.0", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "169.254.169.254", False),
    ],
)
def test_a_hub_on_ones_own_network_leads_on_there(own: str, target: str, is_allowed: bool) -> None:
    def look_up(host: str, port: int) -> list[str]:
        return [own] if host == "hub.example" else [target]

    with HubClient("http://hub.example", look_up=look_up) as client:
        if is_allowed:
            assert client._place("http://cdn.example/x")[1] == [target]
        else:
            with pytest.raises(Forbidden, match="inside a network"):
                client._place("http://cdn.example/x")


def test_refusals_say_what_to_do(hub: StandInHub) -> None:
    def code(source: Source, key: str | None = None) -> tuple[str, str]:
        with (
            HubClient(hub.url, key) as client,
            pytest.raises((Forbidden, NotFound)) as caught,
            client.bytes_of(source, source.file or "x.gguf", 0, 9),
        ):
            pass
        return caught.value.code, caught.value.message

    hub.gated.add(REPOSITORY)
    hub.keys = {"hf_good", "hf_other"}
    hub.accepted = {"hf_good"}
    gated, message = code(SOURCE)
    assert gated == "hub_gated" and "set hub.key_env" in message
    gated, message = code(SOURCE, "hf_other")
    assert gated == "hub_gated" and "with the account of your key" in message
    assert fetched(hub, key="hf_good") == DATA
    assert code(SOURCE, "hf_stale")[0] == "hub_key_refused"
    assert code(Source(REPOSITORY, "none.gguf"), "hf_good")[0] == "hub_file_missing"
    assert code(Source(REPOSITORY, "tiny.gguf", "v9"), "hf_good")[0] == "hub_file_missing"
    missing, message = code(Source("no/body"))
    assert missing == "hub_repository_missing" and "private" in message
    assert "private" not in code(Source("no/body"), "hf_good")[1]


def test_what_cannot_be_had_just_now_is_said_so(hub: StandInHub) -> None:
    hub.failing_next = [503, 429]
    with HubClient(hub.url) as client:
        for _ in range(2):
            with pytest.raises(Unavailable, match="tried again") as caught:
                client.listing(SOURCE)
            assert caught.value.code == "hub_failed"
        hub.cut_after = [70_000]
        with (
            pytest.raises(Unavailable, match="broke off"),
            client.bytes_of(SOURCE, "tiny.gguf", 0, len(DATA) - 1) as answer,
        ):
            for _ in answer.chunks:
                pass
        hub.redirects_to = hub.url + "/" + REPOSITORY + "/resolve/main/tiny.gguf"
        with (
            pytest.raises(Unavailable, match="in circles"),
            client.bytes_of(SOURCE, "tiny.gguf", 0, 1),
        ):
            pass
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with (
            HubClient(f"http://127.0.0.1:{nobody.getsockname()[1]}") as client,
            pytest.raises(Unavailable, match="cannot be reached") as caught,
        ):
            client.listing(SOURCE)
    assert caught.value.code == "hub_unreachable"


def test_what_is_no_hub_is_said() -> None:
    with run_hub({}) as hub:
        hub.repositories[REPOSITORY] = {}
        hub.hashes[REPOSITORY] = {}
        hub.redirects_to = None
        with HubClient(f"{hub.url}/api", None) as client, pytest.raises(NotFound):
            client.listing(SOURCE)
        hub.url, hub.commit = hub.url, lambda repository: 7  # type: ignore[method-assign,assignment,return-value]
        with HubClient(hub.url) as client, pytest.raises(InvalidRequest) as caught:
            client.listing(Source(REPOSITORY))
    assert caught.value.code == "not_a_hub"
    with pytest.raises(ConfigError, match=r"hub\.ca_file"):
        HubClient("https://hub.example", ca_file="/nowhere/ca.pem")
    with pytest.raises(ConfigError, match="hub"):
        HubClient("hub.example")


def test_tls_is_verified_for_the_name_at_every_hop(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with run_hub({"tiny.gguf": DATA}, authority.issue("localhost")) as hub:
        with (
            HubClient(hub.url, "hf_canary", ca_file=authority.ca_file) as client,
            client.bytes_of(SOURCE, "tiny.gguf", 0, len(DATA) - 1) as answer,
        ):
            assert b"".join(answer.chunks) == DATA
        assert not hub.keys_seen(by_cdn=True)
        asked = len(hub.asked)
        by_address = hub.url.replace("localhost", "127.0.0.1")  # which the certificate is not for
        for url, ca_file in ((hub.url, None), (by_address, authority.ca_file)):
            with (
                HubClient(url, "hf_canary", ca_file=ca_file) as client,
                pytest.raises(Unavailable, match="certificate is not good"),
            ):
                client.listing(SOURCE)
        hub.redirects_to = hub.cdn_url.replace("localhost", "127.0.0.1") + "{path}"
        with (
            HubClient(hub.url, ca_file=authority.ca_file) as client,
            pytest.raises(Unavailable, match="certificate is not good"),
            client.bytes_of(SOURCE, "tiny.gguf", 0, 1),
        ):
            pass
        hub.redirects_to = hub.cdn_url.replace("https", "http") + "{path}"
        with (
            HubClient(hub.url, ca_file=authority.ca_file) as client,
            pytest.raises(Forbidden, match="without TLS"),
            client.bytes_of(SOURCE, "tiny.gguf", 0, 1),
        ):
            pass
        assert len(hub.downloads()) == 1 and len(hub.asked) == asked + 2
