"""Who may ask and when that ends: keys first (SE4), ended live (SE5), told to nobody (SE1)."""

import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gateway.bytewise import Talk, Upstream, asked, chat_body, framed, run_upstream
from tests.running import RunningGateway, now_ms, run_gateway
from tramontane.store import keys, projects
from tramontane.store.records import Project

EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n'
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def stream_on(upstream: Upstream, peer: socket.socket, request: bytes) -> None:
    """Stream until the other side leaves; answer what asks for no stream after a long time."""
    if b'"stream": true' not in request and b'"stream":true' not in request:
        upstream.stopping.wait(30)
        return
    peer.sendall(STREAM_HEAD)
    while not upstream.stopping.is_set():
        peer.sendall(b"%x\r\n%b\r\n" % (len(EVENT), EVENT))
        time.sleep(0.02)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """Yield one upstream for this module, whose streams never end."""
    with run_upstream(stream_on) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream
) -> Iterator[RunningGateway]:
    """Yield a gateway before it."""
    folder = tmp_path_factory.mktemp("auth") / "data"
    settings = {"deployments.bench.max_in_flight": 1_000}
    with run_gateway(folder, upstream.url, settings) as running:
        yield running


# -- SE4 ------------------------------------------------------------------------------------------

PATHS = (
    ("POST", "/v1/chat/completions"),
    ("GET", "/v1/chat/completions"),
    ("OPTIONS", "/v1/chat/completions"),
    ("DELETE", "/v1/chat/completions"),
    ("GET", "/v1/models"),
    ("POST", "/v1/models"),
    ("GET", "/v1/models/bench"),
    ("GET", "/v1/models/nobody"),
    ("GET", "/v1"),
    ("GET", "/v1/"),
    ("POST", "/v1/embeddings"),
    ("POST", "/v1/nothing"),
    ("GET", "/v1/../health"),
    ("GET", "/v1/%2e%2e/health"),
    ("GET", "/metrics"),
    ("POST", "/metrics"),
)


def bad_credentials(gateway: RunningGateway) -> dict[str, dict[str, str]]:
    """Return header fields that prove nothing."""
    revoked = gateway.add_key(gateway.project, "revoked")
    expires_at_ms = now_ms() + 2_000  # far enough to be stored before
    expired = gateway.add_key(gateway.project, "expired", expires_at_ms=expires_at_ms)
    last = gateway.add_key(gateway.project, "last")
    gateway.revoke_key(revoked)
    gateway.until_seen(last)
    wait_for_expiry(gateway, expires_at_ms)
    good = gateway.key
    return {
        "none": {},
        "empty": {"Authorization": ""},
        "no key": {"Authorization": "Bearer "},
        "only the scheme": {"Authorization": "Bearer"},
        "unknown": {"Authorization": f"Bearer {good[:-1]}{'a' if good[-1] != 'a' else 'b'}"},
        "a part": {"Authorization": f"Bearer {good[:-1]}"},
        "its prefix": {"Authorization": f"Bearer {good[:12]}"},
        "more than it": {"Authorization": f"Bearer {good}x"},
        "twice": {"Authorization": f"Bearer {good} {good}"},
        "a list": {"Authorization": f"Bearer {good}, Bearer {good}"},
        "upper case": {"Authorization": f"Bearer {good.upper()}"},
        "Basic": {"Authorization": f"Basic {good}"},
        "Bearer Bearer": {"Authorization": f"Bearer Bearer {good}"},
        "beyond ASCII": {"Authorization": "Bearer t\xe9t\xe9"},
        "long": {"Authorization": "Bearer " + "a" * 20_000},
        "revoked": {"Authorization": f"Bearer {revoked}"},
        "expired": {"Authorization": f"Bearer {expired}"},
        "a bad one before a good one": {"Authorization": "Bearer x", "X-Api-Key": good},
        "another header": {"X-Tramontane-Key": good},
        "a cookie": {"Cookie": f"key={good}"},
        "a proxy's": {"Proxy-Authorization": f"Bearer {good}"},
    }


def test_nothing_is_told_or_done_without_a_key(gateway: RunningGateway, upstream: Upstream) -> None:
    credentials = bad_credentials(gateway)
    before = upstream.bytes_read
    for name, fields in credentials.items():
        for method, path in PATHS:
            body = chat_body("SIDE EFFECT") if method == "POST" else None
            reply = gateway.request(method, path, body, fields=fields)
            assert reply.status == 401, (name, method, path)
            assert reply.code in ("missing_api_key", "invalid_api_key")
            assert reply.fields["www-authenticate"] == "Bearer"
    query = f"/v1/models?api_key={gateway.key}&key={gateway.key}&access_token={gateway.key}"
    assert gateway.request("GET", query).status == 401
    assert upstream.bytes_read == before


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_the_public_paths_need_no_key_and_tell_no_secret(
    gateway: RunningGateway, path: str
) -> None:
    for fields in ({}, {"Authorization": "Bearer x"}):
        reply = gateway.request("GET", path, fields=fields)
        assert reply.status == 200
        assert set(reply.json) <= {"status", "parts", "models"}


@pytest.mark.parametrize(
    "field",
    ["Authorization: Bearer {}", "authorization: bearer {}", "X-Api-Key: {}", "api-key: {}"],
)
def test_every_header_of_client_libraries_leads_to_the_same_key(
    gateway: RunningGateway, field: str
) -> None:
    with Talk(gateway.port) as talk:
        line = field.format(gateway.key)
        talk.send(f"GET /v1/models HTTP/1.1\r\nHost: g\r\n{line}\r\n\r\n".encode())
        assert talk.read().status == 200


def test_a_key_on_a_connection_is_of_no_use_to_the_next_request(gateway: RunningGateway) -> None:
    with Talk(gateway.port) as talk:
        for key, status in ((gateway.key, 200), ("", 401)):
            field = f"Authorization: Bearer {key}\r\n" if key else ""
            talk.send(f"GET /v1/models HTTP/1.1\r\nHost: g\r\n{field}\r\n".encode())
            assert talk.read().status == status
    with Talk(gateway.port) as talk:
        talk.send(asked(gateway.key, model="nobody"))
        assert talk.read().status == 404
        talk.send(asked("tmt_other", model="nobody"))
        assert talk.read().status == 401


def test_a_key_without_the_right_is_told_which_it_lacks(gateway: RunningGateway) -> None:
    reader = gateway.add_key(gateway.project, "reader", ("read",))
    gateway.until_seen(gateway.add_key(gateway.project, "after-reader"))
    for method, path in (("POST", "/v1/chat/completions"), ("GET", "/v1/models")):
        reply = gateway.request(method, path, chat_body(), key=reader)
        assert (reply.status, reply.code) == (403, "right_missing")
    reply = gateway.request("GET", "/metrics", key=gateway.key)
    assert (reply.status, reply.code) == (403, "right_missing")
    assert "operate" in reply.json["error"]["message"]


def test_a_key_sees_and_uses_its_models_only(gateway: RunningGateway) -> None:
    key = gateway.add_key(gateway.project, "narrow", allowed_models=())
    other = gateway.add_key(gateway.project, "after-narrow")
    gateway.until_seen(other)
    assert gateway.request("GET", "/v1/models", key=key).json["data"] == []
    reply = gateway.chat(key=key)
    assert (reply.status, reply.code) == (403, "model_not_allowed")
    assert reply.json["error"]["param"] == "model"
    assert gateway.request("GET", "/v1/models/bench", key=key).status == 404


# -- SE5 ------------------------------------------------------------------------------------------


def close_project(gateway: RunningGateway, project: Project) -> None:
    with gateway.store.write() as c:
        projects.close(c, project.id, "the test says so")


def wait_for_expiry(gateway: RunningGateway, expires_at_ms: int) -> None:
    time.sleep(max(0.0, (expires_at_ms - now_ms()) / 1000))


def revoke(gateway: RunningGateway, secret: str) -> None:
    with gateway.store.write() as c:
        key, _ = keys.authenticate(c, gateway.folder.pepper(), secret, now_ms())
        keys.revoke(c, key.id, now_ms())


def test_a_request_whose_body_comes_after_its_key_has_ended_starts_nothing(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    key = gateway.add_key(gateway.project, "late")
    gateway.until_seen(key)
    head, border, body = asked(key).partition(b"\r\n\r\n")
    with Talk(gateway.port) as late:
        late.send(head + border + body[:9])
        before = len(upstream.requests)
        revoke(gateway, key)
        while gateway.request("GET", "/v1/models", key=key).status == 200:
            time.sleep(0.02)
        late.send(body[9:])
        assert late.read().code == "invalid_api_key"
    assert len(upstream.requests) == before


@pytest.mark.parametrize(
    ("how", "code"),
    [("revoked", "invalid_api_key"), ("expired", "invalid_api_key"), ("closed", "project_closed")],
)
def test_an_end_of_the_key_reaches_open_streams_within_seconds(
    tmp_path: Path, upstream: Upstream, how: str, code: str
) -> None:
    with run_gateway(tmp_path / "data", upstream.url) as gateway:
        project = gateway.add_project("ending")
        expires_at_ms = now_ms() + 2_500 if how == "expired" else None
        key = gateway.add_key(project, expires_at_ms=expires_at_ms)
        gateway.until_seen(key)
        end: Callable[[], None] = {
            "revoked": lambda: revoke(gateway, key),
            "expired": lambda: wait_for_expiry(gateway, expires_at_ms or 0),
            "closed": lambda: close_project(gateway, project),
        }[how]
        with Talk(gateway.port) as stream, Talk(gateway.port) as whole, Talk(gateway.port) as other:
            stream.send(asked(key, stream=True))
            whole.send(asked(key))
            other.send(asked(gateway.key, stream=True))
            begun = b""
            while begun.count(b"Hi") < 3:
                begun += stream.read_some()
            end()
            started_s = time.monotonic()
            rest = stream.rest()
            assert time.monotonic() - started_s < 5
            assert b"[DONE]" not in rest
            last = rest.removesuffix(b"\r\n0\r\n\r\n").rstrip().rpartition(b"data: ")[2]
            assert json.loads(last)["error"]["code"] == code
            reply = whole.read()
            assert (reply.status, reply.code) == (403 if how == "closed" else 401, code)
            assert gateway.chat(key=key).status == reply.status
            begun = b""
            while b"Hi" not in begun:  # its head may come alone
                more = other.read_some()
                assert more, "the other key's stream ended, too"
                begun += more
        gateway.kill()
        records = [r for r in gateway.usage() if r.project_id == project.id]
    assert len(records) == 2
    assert all(r.estimated and r.prompt_tokens > 0 and r.cost_nano > 0 for r in records)
    assert {r.status for r in records} == {"project_closed" if how == "closed" else "revoked"}
    assert max(r.completion_tokens for r in records) > 1


def test_a_request_that_waits_for_its_place_ends_with_its_key(
    tmp_path: Path, upstream: Upstream
) -> None:
    settings = {"deployments.bench.max_in_flight": 1}
    with run_gateway(tmp_path / "data", upstream.url, settings) as gateway:
        key = gateway.add_key(gateway.project, "waiting")
        gateway.until_seen(key)
        with Talk(gateway.port) as first, Talk(gateway.port) as waiting:
            first.send(asked(gateway.key, stream=True))
            first.read_some()
            before = len(upstream.requests)
            waiting.send(asked(key, stream=True))
            time.sleep(0.2)
            revoke(gateway, key)
            assert waiting.read().code == "invalid_api_key"
            begun = b""
            while b"Hi" not in begun:
                more = first.read_some()
                assert more, "who was served is served no more"
                begun += more
        assert len(upstream.requests) == before


# -- SE1 ------------------------------------------------------------------------------------------


def test_no_secret_stands_in_files_logs_metrics_or_errors(tmp_path: Path) -> None:
    provider_key = "sk-canary-provider-0123456789abcdef"
    prompt, answer = "canary-prompt-7f3a", "canary-answer-51cc"

    def echo(upstream: Upstream, peer: socket.socket, request: bytes) -> None:
        """Answer like a provider that repeats everything it knows in its errors."""
        said = json.loads(request.partition(b"\r\n\r\n")[2])
        status = int(said.get("user", "200"))
        if status == 200:
            message = {"role": "assistant", "content": answer}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            usage = {"prompt_tokens": 3, "completion_tokens": 2}
            peer.sendall(framed(json.dumps({"choices": [choice], "usage": usage}).encode()))
            return
        error = {"message": f"{provider_key} said {prompt}", "code": provider_key, "param": "x"}
        body = json.dumps({"error": error}).encode()
        peer.sendall(framed(body).replace(b"200 OK", b"%d Error" % status, 1))

    with run_upstream(echo) as upstream:
        gateway = RunningGateway(
            tmp_path / "data",
            {
                "deployments.bench.url": upstream.url,
                "deployments.bench.key_env": "CANARY_KEY",
                "log_level": "debug",
            },
        )
        try:
            gateway.start({"CANARY_KEY": provider_key})
            operator = gateway.add_key(gateway.project, "operator", ("infer", "operate", "read"))
            gateway.until_seen(operator)
            told = b""
            for status in (200, 400, 401, 403, 404, 413, 422, 429, 500, 503, 302):
                for stream in (False, True):
                    reply = gateway.chat(prompt, user=str(status), stream=stream)
                    told += json.dumps(reply.fields).encode()
                    if reply.status != 200:
                        told += reply.body
            bad = gateway.request("POST", "/v1/chat/completions", b"{" + prompt.encode(), key="no")
            told += bad.body + gateway.request("GET", "/metrics", key=operator).body
            told += gateway.request("GET", "/ready").body
            assert b"authorization: Bearer " + provider_key.encode() in upstream.requests[-1]
            gateway.kill(signal.SIGTERM)
            gateway.usage()
        finally:
            gateway.stop()
    pepper = gateway.folder.pepper()
    secrets = [gateway.key.encode(), operator.encode(), provider_key.encode(), answer.encode()]
    secrets += [pepper, pepper.hex().encode()]
    files = [path for path in gateway.folder.path.rglob("*") if path.is_file()]
    assert {"tramontane.db", "gateway.log", "access.jsonl"} <= {path.name for path in files}
    for path in files:
        data = path.read_bytes()
        wanted = secrets[:-2] if path == gateway.folder.pepper_file else secrets
        assert not [s for s in [*wanted, prompt.encode()] if s in data], path.name
    assert not [s for s in secrets if s in told]


def test_an_unreadable_provider_key_names_its_place_only(
    tmp_path: Path, upstream: Upstream
) -> None:
    settings = {
        "deployments.nokey.url": upstream.url,
        "deployments.nokey.key_env": "NO_SUCH_VARIABLE",
        "deployments.badkey.url": upstream.url,
        "deployments.badkey.key_file": str(tmp_path / "key"),
    }
    (tmp_path / "key").write_text("canary with spaces")
    with run_gateway(tmp_path / "data", upstream.url, settings) as gateway:
        no_key, bad_key = gateway.chat(model="nokey"), gateway.chat(model="badkey")
    assert (no_key.status, no_key.code) == (503, "unavailable")
    assert "NO_SUCH_VARIABLE" in no_key.json["error"]["message"]
    assert bad_key.status == 503
    assert b"canary" not in bad_key.body
    assert "canary" not in gateway.log()


def test_many_keys_are_told_apart_while_they_come_and_go(gateway: RunningGateway) -> None:
    made = [gateway.add_key(gateway.project, f"one-of-many-{i}") for i in range(20)]
    gateway.until_seen(made[-1])
    for secret in made[::2]:
        gateway.revoke_key(secret)
    gateway.until_seen(gateway.add_key(gateway.project, "after-many"))
    found = [gateway.request("GET", "/v1/models", key=secret).status for secret in made]
    assert found == [401, 200] * 10


def test_threads_with_different_keys_never_mix(gateway: RunningGateway) -> None:
    good, bad = gateway.key, "tmt_nobody_" + "x" * 32
    wrong: list[tuple[str, int]] = []

    def ask(key: str, expected: int) -> None:
        with Talk(gateway.port) as talk:
            for _ in range(50):
                talk.send(asked(key, model="nobody"))
                if (status := talk.read().status) != expected:
                    wrong.append((key, status))
                if expected == 401:
                    break

    threads = [
        threading.Thread(target=ask, args=(key, status))
        for key, status in ((good, 404), (bad, 401)) * 8
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
