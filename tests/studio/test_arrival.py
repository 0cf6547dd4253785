"""Every variant of a request from another site's page, or with a cookie that does not fit."""

from typing import Any

import pytest

from tests.studio.conftest import Studio, Tenant
from tests.studio.people import HOST, PAGE, person
from tramontane.studio import arrival

OWN = f"http://{HOST}"


def scope(method: str = "GET", scheme: str = "http", **headers: str) -> dict[str, Any]:
    """Return the scope of a request; underscores in names of headers are hyphens."""
    fields = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    return {"method": method, "scheme": scheme, "headers": fields, "client": ("10.1.2.3", 5)}


@pytest.mark.parametrize(
    ("headers", "public_url", "transport", "origin"),
    [
        ({"x_forwarded_host": "a.ch", "x_forwarded_proto": "https"}, None, "secure", "https://a.ch"),
        ({"x_forwarded_host": "127.0.0.1:80"}, None, "loopback", "http://127.0.0.1:80"),
        ({"x_forwarded_host": "[::1]:8080"}, None, "loopback", "http://[::1]:8080"),
        ({"x_forwarded_host": "app.localhost"}, None, "loopback", "http://app.localhost"),
        ({"x_forwarded_host": "a.ch"}, None, "plain", "http://a.ch"),
        ({"x_forwarded_host": "127.0.0.1.evil.ch"}, None, "plain", "http://127.0.0.1.evil.ch"),
        ({"x_forwarded_host": "localhost.evil.ch"}, None, "plain", "http://localhost.evil.ch"),
        ({"x_forwarded_host": "2130706433"}, None, "plain", "http://2130706433"),
        ({"x_forwarded_host": ""}, None, "plain", "http://"),
        ({"x_forwarded_host": "", "host": "127.0.0.1"}, None, "plain", "http://"),
        ({"host": "LOCALHOST:81"}, None, "loopback", "http://localhost:81"),
        ({"x_forwarded_host": "a.ch"}, "https://a.ch", "secure", "https://a.ch"),
        ({"x_forwarded_host": "b.ch"}, "https://a.ch", "plain", "http://b.ch"),
        ({"x_forwarded_host": "127.0.0.1", "origin": "https://a.ch"}, "https://a.ch", "secure",
         "https://a.ch"),
        ({"x_forwarded_host": "a.ch"}, "http://a.ch", "plain", "http://a.ch"),
    ],
)  # fmt: skip
def test_how_it_came(
    headers: dict[str, str], public_url: str | None, transport: str, origin: str
) -> None:
    found = arrival.read(scope(**headers), public_url)
    assert (found.transport, found.origin) == (transport, origin)


@pytest.mark.parametrize(
    ("host", "proto", "cookie", "token"),
    [
        ("a.ch", "https", "__Host-tramontane=abc", "abc"),
        ("a.ch", "https", "x=1; __Host-tramontane=abc; y=2", "abc"),
        ("a.ch", "https", "tramontane=abc", None),
        ("a.ch", "https", "__host-tramontane=abc", None),
        ("127.0.0.1", "http", "tramontane=abc", "abc"),
        ("127.0.0.1", "http", "tramontane=abc; __Host-tramontane=def", "def"),
        ("a.ch", "http", "tramontane=abc", None),
        ("a.ch", "http", "__Host-tramontane=abc", None),
        ("127.0.0.1", "http", "tramontane=", None),
        ("127.0.0.1", "http", "tramontane", None),
        ("127.0.0.1", "http", "tramontane=a b", None),
        ("127.0.0.1", "http", "tramontane=\xe9", None),
        ("127.0.0.1", "http", f"tramontane={'a' * 200}", None),
    ],
)
def test_which_cookie_counts(host: str, proto: str, cookie: str, token: str | None) -> None:
    sent = scope(x_forwarded_host=host, x_forwarded_proto=proto, cookie=cookie)
    assert arrival.token(arrival.read(sent, None)) == token


FOREIGN: list[dict[str, str | None]] = [
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"origin": ""},
    {"origin": f"https://{HOST}"},
    {"origin": "http://127.0.0.1:8081"},
    {"origin": "http://localhost:8080"},
    {"origin": f"{OWN}.evil.example"},
    {"origin": f"{OWN}, {OWN}"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": ""},
    {"origin": None, "sec-fetch-site": "cross-site"},
]
UNPROVEN: list[dict[str, str | None]] = [
    {"x-tramontane": None},
    {"x-tramontane": "0"},
    {"x-tramontane": "1, 1"},
    {"origin": None},
    {"origin": None, "sec-fetch-site": "none"},
    {"sec-fetch-site": "none"},
]


def sent_with(base: dict[str, str], changes: dict[str, str | None]) -> dict[str, str]:
    """Return headers with some changed, or left out."""
    return {k: v for k, v in {**base, **changes}.items() if v is not None}


def test_a_change_that_another_page_asks_for_is_refused(studio: Studio, ours: Tenant) -> None:
    ada = person(studio, "ada", ours.project)
    member = f"/projects/ours/members/{ada.member.id}"
    changing = {"POST": "/me/password", "PATCH": "/me", "DELETE": "/me/sessions", "PUT": member}
    for changes in FOREIGN + UNPROVEN:
        headers = sent_with(ada.headers, changes)
        for method, path in changing.items():
            answer = studio.call(method, f"/api/v1{path}", json={"name": "Eve"}, headers=headers)
            assert (answer.status, answer.error["code"]) == (403, "cross_site"), (method, changes)
    assert ada.call("GET", "/api/v1/me").json["name"] == "Ada"


def test_nor_may_it_read_but_our_own_page_and_an_address_typed_may(
    studio: Studio, ours: Tenant
) -> None:
    ada = person(studio, "ada", ours.project)
    for changes in FOREIGN:
        headers = sent_with(ada.headers, changes)
        answer = studio.call("GET", "/api/v1/me", headers=headers)
        assert (answer.status, answer.error["code"]) == (403, "cross_site"), changes
    for changes in UNPROVEN:
        headers = sent_with(ada.headers, changes)
        assert studio.call("GET", "/api/v1/me", headers=headers).status == 200, changes


def test_nobody_is_signed_in_from_another_page(studio: Studio) -> None:
    bodies = {
        "/session": {"email": "a@b.ch", "password": "x"},
        "/links/check": {"token": "x"},
        "/links/accept": {"token": "x", "password": "x"},
    }
    for changes in [*FOREIGN, *UNPROVEN[:3]]:
        headers = sent_with(PAGE, changes)
        for path, body in bodies.items():
            answer = studio.call("POST", f"/api/v1{path}", json=body, headers=headers)
            assert (answer.status, answer.error["code"]) == (403, "cross_site"), (path, changes)


def test_a_cookie_that_came_twice_is_nobodys(studio: Studio, ours: Tenant) -> None:
    ada, eve = person(studio, "ada"), person(studio, "eve")
    cookie = f"tramontane={eve.token}; tramontane={ada.token}"
    answer = studio.call("GET", "/api/v1/me", headers={**PAGE, "cookie": cookie})
    assert answer.status == 401


def test_a_key_wins_over_a_cookie(studio: Studio, ours: Tenant) -> None:
    """A key is sent on purpose, so its request needs no proof; a wrong one is not forgiven."""
    ada = person(studio, "ada", ours.project, is_admin=True)
    headers = {"cookie": f"tramontane={ada.token}", "x-forwarded-host": HOST}
    assert studio.call("GET", "/api/v1/me", ours.read, headers=headers).status == 403
    assert studio.call("GET", "/api/v1/status", ours.read + "x", headers=headers).status == 401
    refused = studio.call("POST", "/api/v1/projects", ours.read, json={}, headers=headers)
    assert refused.error["code"] == "right_missing"
