"""The private door: the studio asks in somebody's name there, and nobody does anywhere else."""

import http.client
import json
import socket
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.processes import RunningStandin
from tests.running import Reply, RunningGateway, now_ms, run_gateway
from tramontane.store import keys
from tramontane.store.records import Key, Right

SLOW = "[[standin tokens=10000 tps=20]] go on"
REVOKED_WITHIN_S = 5.0


class Door(http.client.HTTPConnection):
    """HTTP over the gateway's unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("gateway", timeout=30)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket's path."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(30)
        self.sock.connect(str(self._path))


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, standin: RunningStandin
) -> Iterator[RunningGateway]:
    """Yield a gateway before it."""
    with run_gateway(tmp_path_factory.mktemp("door") / "data", standin.url) as running:
        yield running


def add_key(
    gateway: RunningGateway, name: str, rights: tuple[Right, ...] = ("infer", "read")
) -> Key:
    """Return a new key that the gateway has seen; its secret is nobody's."""
    secret = gateway.add_key(gateway.project, name, rights)
    if "infer" in rights:
        gateway.until_seen(secret)
    else:
        gateway.until_seen(gateway.add_key(gateway.project, f"{name}-seen"))
    with gateway.store.read() as c:
        return keys.authenticate(c, gateway.folder.pepper(), secret, now_ms())[0]


def ask(
    gateway: RunningGateway,
    fields: Mapping[str, str],
    *,
    content: str = "Hello",
    path: str = "/v1/chat/completions",
    method: str = "POST",
) -> Reply:
    """Send one request to the door and return the answer."""
    connection = Door(gateway.door)
    body = json.dumps({"model": "bench", "messages": [{"role": "user", "content": content}]})
    connection.request(method, path, body.encode(), dict(fields))
    answer = connection.getresponse()
    got = {name.lower(): value for name, value in answer.getheaders()}
    reply = Reply(answer.status, got, answer.read())
    connection.close()
    return reply


def acting(gateway: RunningGateway, key_id: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {gateway.service_key}", "X-Tramontane-Act-For": key_id}


def test_the_socket_is_its_owners_alone(gateway: RunningGateway) -> None:
    assert stat.S_IMODE(gateway.door.stat().st_mode) == 0o600


def test_a_request_is_billed_to_the_key_that_it_is_for(gateway: RunningGateway) -> None:
    key = add_key(gateway, "ada")
    reply = ask(gateway, acting(gateway, key.id))
    assert reply.status == 200
    assert reply.json["choices"][0]["message"]["content"] == "Hello"
    (bill,) = gateway.bills(reply.fields["x-request-id"])
    assert (bill.key_id, bill.project_id) == (key.id, gateway.project.id)


@pytest.mark.parametrize("header", ["Authorization", "X-Api-Key", "Api-Key"])
def test_on_the_public_socket_the_service_key_is_no_key(
    gateway: RunningGateway, header: str
) -> None:
    key = add_key(gateway, f"public-{header.lower()}")
    fields = {header: gateway.service_key, "X-Tramontane-Act-For": key.id}
    for path in ("/v1/chat/completions", "/v1/models", "/metrics"):
        method = "POST" if "chat" in path else "GET"
        reply = gateway.request(method, path, b"{}", fields=fields)
        assert (reply.status, reply.code) == (401, "invalid_api_key")


def test_on_the_public_socket_nobody_acts_for_somebody_else(gateway: RunningGateway) -> None:
    other = add_key(gateway, "other")
    own = gateway.add_key(gateway.project, "own")
    gateway.until_seen(own)
    body = b'{"model":"bench","messages":[{"role":"user","content":"Hello"}]}'
    fields = {"X-Tramontane-Act-For": other.id}
    reply = gateway.request("POST", "/v1/chat/completions", body, key=own, fields=fields)
    assert reply.status == 200
    (bill,) = gateway.bills(reply.fields["x-request-id"])
    assert bill.key_id != other.id
    reply = gateway.request("POST", "/v1/chat/completions", body, fields=fields)
    assert (reply.status, reply.code) == (401, "missing_api_key")


def test_the_door_takes_the_service_key_only(gateway: RunningGateway) -> None:
    key = add_key(gateway, "bea")
    own = gateway.add_key(gateway.project, "bea-own", ("infer", "read", "operate"))
    gateway.until_seen(own)
    for wrong in (f"Bearer {own}", f"Bearer {gateway.service_key}x", gateway.service_key, ""):
        fields = acting(gateway, key.id) | {"Authorization": wrong}
        reply = ask(gateway, fields)
        assert (reply.status, reply.code) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    ("key_id", "status", "code"),
    [("", 400, "act_for_missing"), ("key_unknown", 403, "access_ended")],
)
def test_the_door_must_know_whom_it_is_for(
    gateway: RunningGateway, key_id: str, status: int, code: str
) -> None:
    reply = ask(gateway, acting(gateway, key_id))
    assert (reply.status, reply.code) == (status, code)


def test_two_names_are_refused(gateway: RunningGateway) -> None:
    key = add_key(gateway, "twice")
    connection = Door(gateway.door)
    connection.putrequest("POST", "/v1/chat/completions")
    for name, value in acting(gateway, key.id).items():
        connection.putheader(name, value)
    connection.putheader("x-tramontane-act-for", gateway.key)
    connection.putheader("content-length", "2")
    connection.endheaders(b"{}")
    answer = connection.getresponse()
    said = json.loads(answer.read())
    assert (answer.status, said["error"]["code"]) == (400, "duplicate_header")
    connection.close()


def test_a_key_without_the_right_stays_without_it(gateway: RunningGateway) -> None:
    key = add_key(gateway, "reader", ("read",))
    reply = ask(gateway, acting(gateway, key.id))
    assert (reply.status, reply.code) == (403, "right_missing")


@pytest.mark.parametrize("path", ["/v1/models", "/metrics", "/health", "/", "/api/v1/keys", "/v1"])
def test_the_door_serves_tokens_only(gateway: RunningGateway, path: str) -> None:
    key = add_key(gateway, f"paths{path.replace('/', '-')}x")
    reply = ask(gateway, acting(gateway, key.id), path=path, method="GET")
    assert (reply.status, reply.code) == (404, "unknown_path")


def test_revocation_ends_open_streams_and_further_requests(gateway: RunningGateway) -> None:
    key = add_key(gateway, "leaver")
    connection = Door(gateway.door)
    body: dict[str, Any] = {"model": "bench", "messages": [{"role": "user", "content": SLOW}]}
    connection.request(
        "POST",
        "/v1/chat/completions",
        json.dumps({**body, "stream": True}).encode(),
        acting(gateway, key.id),
    )
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.readline().startswith(b"data: ")
    began_s = time.monotonic()
    with gateway.store.write() as c:
        keys.revoke(c, key.id, now_ms())
    rest = answer.read()
    assert time.monotonic() - began_s < REVOKED_WITHIN_S
    last = rest.rstrip().rpartition(b"\n")[2]
    assert json.loads(last.removeprefix(b"data: "))["error"]["type"] == "authentication_error"
    assert b"[DONE]" not in rest
    connection.close()
    reply = ask(gateway, acting(gateway, key.id))
    assert (reply.status, reply.code) == (403, "access_ended")
