"""SE6: where a provider's key may go, tried with addresses made to lead it elsewhere.

A corpus of addresses as somebody would enter them, and one of what a name may resolve to, from a
resolver that lies.
"""

import asyncio
import socket
from typing import Any

import pytest

from tramontane.config import Origin, ServerSettings, Settings, parse_origin
from tramontane.errors import ConfigError, Forbidden, InvalidRequest
from tramontane.providers import trying
from tramontane.providers.reach import reach_of
from tramontane.providers.registry import KINDS, is_of_a_provider

REACH = reach_of(Settings(server=ServerSettings(host="0.0.0.0")))
HOSTS = (
    "api.mistral.ai", "api.eu.mistral.ai", "api.openai.com", "eu.api.openai.com",
    "api.anthropic.com", "generativelanguage.googleapis.com",
    "bedrock-runtime.eu-west-3.amazonaws.com", "ours.openai.azure.com",
    "ours.services.ai.azure.com",
)  # fmt: skip
TWISTS = (
    "http://{host}/v1", "https://{host}:8443/v1", "https://{host}.evil.example/v1",
    "https://evil.example/{host}/v1", "https://evil.example#{host}", "https://evil.example?{host}",
    "https://{host}@evil.example/v1", "https://evil.example\\@{host}/v1", "https://-{host}/v1",
    "https://evil{host}.example/v1", "https://{host}./v1", "https://{host}%2eevil.example/v1",
    "https://{host}%00.evil.example/v1", "https://{host}\r\nhost: evil.example/v1",
    "https://{host}\u3002evil.example/v1", "ftp://{host}/v1", "https://{host}:0x50/v1",
)  # fmt: skip
ENTERED = [
    *(twist.format(host=host) for host in HOSTS for twist in TWISTS),
    "https://openai.azure.com/openai", "https://.openai.azure.com/openai",
    "https://ours-openai.azure.com/openai", "https://ours.openai.azure.com.evil.example/openai",
    "https://ours.openai.azure.com:444/openai", "http://ours.openai.azure.com/openai",
    "https://bedrock-runtime.evil.example/", "https://bedrock.eu-west-3.amazonaws.com/",
    "https://bedrock-runtime.eu-west-99.amazonaws.com/", "https://s3.amazonaws.com/bucket",
    "https://bedrock-runtime.eu-west-3.amazonaws.com.evil.example/",
]  # fmt: skip
LED_TO = (
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255",
    "127.0.0.1", "127.0.0.2", "127.255.255.255", "169.254.0.1", "169.254.169.254", "169.254.170.2",
    "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.168.0.1", "192.168.255.255",
    "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250",
    "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1", "::10.0.0.1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:192.168.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a00:1", "64:ff9b::a9fe:a9fe", "100::1", "2001:db8::1", "2002:7f00:1::",
    "2002:a00:1::",
    "2002:a9fe:a9fe::", "2002:c0a8:1::", "fc00::1", "fd00:ec2::254", "fdff::1", "fe80::1",
    "fe80::a9fe:a9fe", "febf::1", "ff02::1", "ff05::2",
)  # fmt: skip


def test_the_corpus_is_large_enough() -> None:
    assert len(set(ENTERED)) + len(set(LED_TO)) >= 200


@pytest.mark.parametrize("url", ENTERED)
def test_what_only_looks_like_a_provider_is_refused(url: str) -> None:
    with pytest.raises((Forbidden, InvalidRequest)):
        REACH.origin(url)


def test_each_provider_at_its_own_address_is_not() -> None:
    urls = [
        kind.url_in(None if region is None else region.name)
        for kind in KINDS.values()
        for region in kind.regions or (None,)
    ]
    for url in {*filter(None, urls)} - {"https://bedrock-runtime.{region}.amazonaws.com"}:
        assert REACH.origin(url).tls and is_of_a_provider(parse_origin(url)), url
    assert REACH.origin("https://ours.openai.azure.com/openai").host == "ours.openai.azure.com"


@pytest.mark.parametrize("address", LED_TO)
def test_a_name_that_leads_inwards_is_refused_before_a_connection(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lie(self: Any, host: str, port: int, **how: Any) -> list[Any]:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        good = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", port))
        return [good, (family, socket.SOCK_STREAM, 6, "", (address, port))]

    async def never(*args: Any, **kwargs: Any) -> None:
        raise AssertionError(f"a connection was made towards {address}")

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", lie)
    monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", never)
    origin = Origin(True, "api.mistral.ai", 443, "/v1")

    async def ask() -> None:
        await trying.ask_at(
            origin, "sk-canary", None, check=lambda found: REACH.check_addresses(origin, found)
        )

    with pytest.raises(Forbidden, match="may not lead to"):
        asyncio.run(ask())


def test_no_kind_has_an_address_that_is_refused_as_an_origin() -> None:
    for kind in KINDS.values():
        for suffix in kind.host_suffixes:
            assert suffix[0] in ".-" and suffix.count(".") >= 2  # a domain that is all theirs
        if kind.url is not None and "{region}" in kind.url:
            with pytest.raises(ConfigError):
                parse_origin(kind.url)
