"""SE6: what may be typed into the page, and where its name may lead."""

import pytest

from tramontane.config import ServerSettings, Settings, StudioSettings
from tramontane.errors import Forbidden, InvalidRequest
from tramontane.providers.known import PROVIDERS
from tramontane.providers.reach import Reach, provider_of, reach_of

KNOWN = reach_of(Settings())
PUBLIC = reach_of(Settings(server=ServerSettings(host="0.0.0.0")))
OWN = reach_of(Settings(studio=StudioSettings(allowed_origins=("https://llm.example.org/v1",))))
MISTRAL = "https://api.mistral.ai/v1"

REFUSED = [
    *(f"http://{host}/v1" for host in (
        "169.254.169.254", "169.254.169.254:80", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376",
        "169.254.43518", "[fe80::1]", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]",
        "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]", "metadata.google.internal", "0.0.0.0", "0",
        "10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "198.18.0.1", "224.0.0.1", "[::]",
        "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.2", "[::ffff:127.0.0.1]",
        "localhost.", "localhost.localdomain", "ip6-localhost", "evil.example", "api.mistral.ai",
        "api.mistral.ai.evil.example", "xn--api-mistral.example", "api.openai.com:8080",
    )),
    *(f"https://{host}/v1" for host in (
        "api.mistral.ai:8443", "api.mistral.ai.", "evil.example", "api-mistral.ai", "mistral.ai",
        "www.api.mistral.ai", "169.254.169.254", "10.0.0.1", "127.0.0.2",
    )),
]  # fmt: skip
NO_ADDRESS = [
    "", "api.mistral.ai", "//api.mistral.ai/v1", "ftp://api.mistral.ai/v1", "file:///etc/passwd",
    "https://", "https:///v1", "https://api.mistral.ai:99999/v1", "https://u:p@api.mistral.ai/v1",
    "https://api.mistral.ai@evil.example/v1", "https://api.mistral.ai/v1?x=1",
    "https://api.mistral.ai/v1#x", "https://api.mistral.ai\\@evil.example/v1",
    "https://api.mistral.ai/v 1", "https://api.mistral.ai\r\nhost: evil/v1", "gopher://127.0.0.1",
    "https://apı.mistral.ai/v1", "https://[::1", "javascript:alert(1)", "unix:///run/gateway.sock",
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED)
def test_what_is_not_listed_is_refused(url: str) -> None:
    for reach in (KNOWN, PUBLIC, OWN):
        with pytest.raises((Forbidden, InvalidRequest)) as caught:
            reach.origin(url)
        assert caught.value.param == "url"


@pytest.mark.parametrize("url", NO_ADDRESS)
def test_what_is_no_address_is_refused(url: str) -> None:
    for reach in (KNOWN, OWN):
        with pytest.raises(InvalidRequest) as caught:
            reach.origin(url)
        assert caught.value.param == "url"


def test_the_well_known_may_be_entered_under_any_of_their_paths() -> None:
    for provider in PROVIDERS:
        assert KNOWN.origin(provider.url).tls
        assert provider_of(provider.url) == provider
    assert KNOWN.origin("https://API.mistral.ai:443/other/v1").host == "api.mistral.ai"
    assert [provider.name for provider in PROVIDERS] == sorted(p.name for p in PROVIDERS)


def test_the_files_own_list_stands_in_the_place_of_the_known_ones() -> None:
    assert OWN.origin("https://llm.example.org/v1").host == "llm.example.org"
    for url in (MISTRAL, "http://llm.example.org/v1", "http://127.0.0.1:9001/v1"):
        with pytest.raises(Forbidden) as caught:
            OWN.origin(url)
        assert caught.value.code == "origin_not_allowed"
    (only,) = OWN.providers()
    assert (only.name, only.url) == ("llm.example.org", "https://llm.example.org/v1")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_loopback_may_be_entered_while_the_server_is_there_itself(host: str) -> None:
    url = f"http://{host}:9001/v1"
    assert KNOWN.origin(url).port == 9001
    with pytest.raises(Forbidden):
        PUBLIC.origin(url)
    assert KNOWN.allows_loopback and not PUBLIC.allows_loopback


def leads(reach: Reach, url: str, *addresses: str) -> bool:
    try:
        reach.check_addresses(reach.origin(url), list(addresses))
    except Forbidden:
        return False
    return True


INSIDE = [
    "127.0.0.1", "127.255.255.254", "10.1.2.3", "172.31.0.1", "192.168.0.1", "100.64.0.1",
    "169.254.169.254", "0.0.0.0", "198.18.0.1", "192.0.2.1", "224.0.0.1", "255.255.255.255", "::",
    "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00::1", "ff02::1", "::ffff:10.0.0.1",
    "::ffff:127.0.0.1", "::10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:a00:1::",
    "2002:7f00:1::1", "2001:db8::1",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_a_providers_name_does_not_lead_inside(address: str) -> None:
    assert not leads(KNOWN, MISTRAL, address)
    assert not leads(KNOWN, MISTRAL, "93.184.216.34", address)  # not even as the second one
    assert leads(KNOWN, MISTRAL, "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946")


def test_what_the_file_lists_may_be_inside_but_never_link_local() -> None:
    own = "https://llm.example.org/v1"
    assert leads(OWN, own, "10.0.0.1") and leads(OWN, own, "127.0.0.1")
    for address in ("169.254.169.254", "fe80::1", "64:ff9b::a9fe:a9fe", "0.0.0.0", "224.0.0.1"):
        assert not leads(OWN, own, address)


def test_a_loopback_name_leads_to_loopback() -> None:
    local = "http://localhost:9001/v1"
    assert leads(KNOWN, local, "127.0.0.1", "::1")
    for address in ("10.0.0.1", "93.184.216.34", "169.254.169.254"):
        assert not leads(KNOWN, local, address)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8123/v1",
        "http://localhost:8123",
        "http://[::1]:8123/mistral/v1",
        "https://ai.example.org/v1",
    ],
)
def test_this_platform_s_own_address_is_refused(url: str) -> None:
    for host in ("127.0.0.1", "0.0.0.0", "::1"):
        server = ServerSettings(host=host, port=8123, public_url="https://ai.example.org")
        listed = StudioSettings(allowed_origins=(url,))
        for settings in (Settings(server=server), Settings(server=server, studio=listed)):
            with pytest.raises(Forbidden, match="this platform's own address") as caught:
                reach_of(settings).origin(url)
            assert caught.value.param == "url"


def test_where_it_runs_goes_before_what_the_settings_say() -> None:
    settings = Settings()
    assert reach_of(settings, "").origin("http://127.0.0.1:8080/v1").port == 8080
    assert reach_of(settings, "http://127.0.0.1:9").origin("http://127.0.0.1:8080/v1").port == 8080
    with pytest.raises(Forbidden, match="own address"):
        reach_of(settings, "http://127.0.0.1:9").origin("http://localhost:9/v1")
    assert reach_of(settings).origin("http://127.0.0.1:8081/v1").port == 8081
