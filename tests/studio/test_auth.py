"""The gate is outermost: without a good key nothing happens but an answer of 401."""

import asyncio
from typing import Any

import pytest

from tests.studio.conftest import NOW_MS, Studio, Tenant
from tramontane.config import Settings
from tramontane.errors import Unauthenticated
from tramontane.store import keys
from tramontane.studio.auth import credential

PUBLIC = [
    "/",
    "/building",
    "/building/page.css",
    "/building/page.js",
    "/building/icon.svg",
    "/api/openapi.json",
]
NOT_PUBLIC = [
    "/nothing",
    "/building/",
    "/building/../api/v1/status",
    "/building/page.html",
    "//",
    "/api/openapi.json/",
    "/health/x",
    "/api/v1/status",
    "/api/v1/status/",
    "/api/v1/nothing",
    "/doc",
]


def test_public_paths_need_no_key(studio: Studio) -> None:
    for path in [*PUBLIC, "/health"]:
        assert studio.call("GET", path).status == 200, path


def test_everything_else_does(studio: Studio) -> None:
    for path in NOT_PUBLIC:
        answer = studio.call("GET", path)
        assert answer.status == 401, path
        assert answer.error["code"] == "missing_api_key"
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("authorization", b"")],
        [("authorization", b"Bearer ")],
        [("authorization", b"Bearer a"), ("authorization", b"Bearer a")],
        [("authorization", b"Bearer a"), ("Authorization", b"Bearer b")],
        [("authorization", b"Bearer " + b"x" * 300)],
        [("authorization", b"Bearer k\xc3\xa9y")],
        [("x-api-key", b"")],
        [("cookie", b"tmt_abc")],
    ],
)
def test_what_is_no_credential(headers: list[tuple[str, bytes]]) -> None:
    with pytest.raises(Unauthenticated):
        credential([(name.encode(), value) for name, value in headers])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"Authorization", b"Bearer tmt_abc"),
        (b"authorization", b"bearer  tmt_abc "),
        (b"authorization", b"tmt_abc"),
        (b"x-api-key", b"tmt_abc"),
        (b"api-key", b"tmt_abc"),
    ],
)
def test_every_header_of_the_gateway_is_taken(name: bytes, value: bytes) -> None:
    assert credential([(name, value)]) == "tmt_abc"


def test_bad_keys_are_refused_alike(studio: Studio, ours: Tenant) -> None:
    for secret in ("tmt_x", ours.read[:-1], ours.read + "x", ours.read.swapcase(), "x" * 200):
        answer = studio.call("GET", "/api/v1/status", secret)
        assert answer.status == 401
        assert answer.error["code"] == "invalid_api_key"
        assert secret not in answer.body.decode()


def test_a_revoked_key_ends_at_once(studio: Studio, ours: Tenant) -> None:
    assert studio.call("GET", "/api/v1/status", ours.read).status == 200
    with studio.store.write() as c:
        keys.revoke(c, ours.key.id, NOW_MS)
    assert studio.call("GET", "/api/v1/status", ours.read).status == 401


def test_an_expired_key_is_refused(studio: Studio, ours: Tenant) -> None:
    with studio.store.write() as c:
        _, secret = keys.create(
            c,
            studio.pepper,
            project_id=ours.project.id,
            name="short",
            expires_at_ms=NOW_MS + 5,
            now_ms=NOW_MS,
        )
    assert studio.call("GET", "/api/v1/status", secret).status == 200
    studio.now_ms = NOW_MS + 5
    assert studio.call("GET", "/api/v1/status", secret).status == 401


def test_no_body_is_read_without_a_key(studio: Studio) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        raise AssertionError("the body was asked for")

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Any = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/projects",
        "headers": [(b"content-length", b"10")],
        "query_string": b"",
    }
    asyncio.run(studio.app(scope, receive, send))
    assert sent[0]["status"] == 401


def test_websockets_are_closed(studio: Studio) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Any = {"type": "websocket", "path": "/", "headers": []}
    asyncio.run(studio.app(scope, None, send))
    assert [message["type"] for message in sent] == ["websocket.close"]


def test_operate_contains_read(studio: Studio, ours: Tenant) -> None:
    with studio.store.write() as c:
        _, secret = keys.create(
            c,
            studio.pepper,
            project_id=ours.project.id,
            name="only-operate",
            rights=("operate",),
            now_ms=NOW_MS,
        )
    assert studio.call("GET", "/api/v1/projects", secret).status == 200


def test_a_key_for_models_only_may_ask_for_the_status(studio: Studio, ours: Tenant) -> None:
    assert studio.call("GET", "/api/v1/status", ours.infer).status == 200
    refused = studio.call("GET", "/api/v1/usage", ours.infer)
    assert refused.status == 403
    assert refused.error["code"] == "right_missing"
    assert "'read'" in refused.error["message"]


def test_every_answer_carries_the_policy(studio: Studio, ours: Tenant) -> None:
    for path, key in (("/building", None), ("/api/v1/status", None), ("/api/v1/status", ours.read)):
        headers = studio.call("GET", path, key).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"


def test_over_tls_browsers_are_told_to_stay_with_it(studio: Studio) -> None:
    for path in ("/health", "/api/v1/status", "/nothing"):
        for proto, expected in (("https", "max-age=31536000"), ("http", None)):
            headers = studio.call("GET", path, headers={"x-forwarded-proto": proto}).headers
            assert headers.get("strict-transport-security") == expected


def test_the_settings_need_no_secret_of_a_provider(studio: Studio, settings: Settings) -> None:
    variable = settings.deployments["large"].key_env
    assert variable is not None
    assert variable not in studio.call("GET", "/").body.decode()
