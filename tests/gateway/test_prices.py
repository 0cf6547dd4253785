"""Prices live: service tiers, costs that nobody knows, and refusals before a byte leaves."""

import json
import socket
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway.bytewise import Upstream, framed, run_upstream
from tests.running import Reply, RunningGateway, run_gateway
from tramontane.governance.policies import Policy, write
from tramontane.money import NANO
from tramontane.store import projects

USED = {"prompt_tokens": 1_000, "completion_tokens": 200, "total_tokens": 1_200}
PRICE = {
    "input_per_mtok": "1",
    "output_per_mtok": "10",
    "service_tiers": {"flex": "0.5", "priority": "2"},
}
PDF = "data:application/pdf;base64,JVBERi0="
USUAL = 3_000_000  # 1,000 x 1 + 200 x 10, in billionths of a dollar


def answer(upstream: Upstream, peer: socket.socket, request: bytes) -> None:
    """Serve what is asked for, but flex as default where the message says so."""
    asked = json.loads(request.partition(b"\r\n\r\n")[2])
    tier = asked.get("service_tier", "default")
    if asked["messages"][-1]["content"] == "busy":
        tier = "default"
    base = {"id": "c", "created": 1, "model": "m", "service_tier": tier}
    if not asked.get("stream"):
        message = {"role": "assistant", "content": "Hi"}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        whole = {**base, "object": "chat.completion", "choices": [choice], "usage": USED}
        peer.sendall(framed(json.dumps(whole).encode()))
        return
    said: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": USED},
    ]
    events = [json.dumps({**base, "object": "chat.completion.chunk", **each}) for each in said]
    body = "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"])
    peer.sendall(framed(body.encode(), content_type="text/event-stream"))


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with run_upstream(answer) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream
) -> Iterator[RunningGateway]:
    settings: dict[str, object] = {
        "deployments.tiered.url": upstream.url,
        "deployments.tiered.price": PRICE,
        "deployments.azured.url": upstream.url,
        "deployments.azured.dialect": "azure_openai",
        "deployments.azured.price": PRICE,
        "deployments.short.url": upstream.url,
        "deployments.short.price": PRICE,
        "deployments.short.context_tokens": 2_000,
        "deployments.unpriced.url": upstream.url,
        "deployments.free.url": upstream.url,
        "deployments.free.price": "free",
    }
    folder = tmp_path_factory.mktemp("prices")
    with run_gateway(folder / "data", upstream.url, settings) as running:
        yield running


def cost_of(gateway: RunningGateway, reply: Reply) -> int:
    (bill,) = gateway.bills(reply.fields["x-request-id"])
    assert (bill.prompt_tokens, bill.completion_tokens, bill.is_priced) == (1_000, 200, True)
    return bill.cost_nano


@pytest.mark.parametrize(
    ("model", "stream"),
    [("tiered", False), ("tiered", True), ("azured", False), ("azured", True)],
)
@pytest.mark.parametrize(
    ("content", "tier", "cost_nano"),
    [
        ("x", None, USUAL),
        ("x", "auto", USUAL),
        ("x", "flex", USUAL // 2),
        ("x", "priority", USUAL * 2),
        ("busy", "flex", USUAL),
        ("busy", "priority", USUAL),
        ("x", "scale", USUAL),
    ],
)
def test_what_served_it_is_charged(
    gateway: RunningGateway,
    content: str,
    tier: str | None,
    cost_nano: int,
    model: str,
    stream: bool,
) -> None:
    asked = {} if tier is None else {"service_tier": tier}
    reply = gateway.chat(content, model=model, max_tokens=500, stream=stream, **asked)
    assert reply.status == 200, reply.body
    assert cost_of(gateway, reply) == cost_nano
    if not stream:
        assert reply.fields["x-tramontane-cost"] == f"0.{cost_nano:09d}"


def test_the_dearer_tier_is_held(gateway: RunningGateway) -> None:
    """What a budget affords at the usual price, it may not afford at twice that."""
    project = gateway.add_project("thrifty")
    gateway.set_budget(project, "total", 8_000_000)  # 500 tokens out cost 5, and the prompt
    key = gateway.add_key(project)
    gateway.until_seen(key)
    refused = gateway.chat("x", key=key, model="tiered", max_tokens=500, service_tier="priority")
    assert (refused.status, refused.code) == (429, "insufficient_quota")
    spelt = (
        b'{"model":"tiered","max_tokens":500,"service_tier":"pr\\u0069ority",'
        b'"messages":[{"role":"user","content":"x"}]}'
    )
    refused = gateway.request("POST", "/v1/chat/completions", spelt, key=key)
    assert (refused.status, refused.code) == (429, "insufficient_quota")
    assert gateway.chat("x", key=key, model="tiered", max_tokens=500).status == 200


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/v1/chat/completions", {"type": "file", "file": {"file_data": PDF}}),
        ("/v1/chat/completions", {"type": "file", "more": 1, "file": {"file_data": PDF}}),
        ("/v1/chat/completions", {"type": "image_url", "image_url": {"url": PDF}}),
        ("/mistral/v1/chat/completions", {"type": "document_url", "document_url": PDF}),
        ("/mistral/v1/chat/completions", {"type": "input_audio", "input_audio": "ZkxhQw=="}),
        (
            "/anthropic/v1/messages",
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
            },
        ),
        (
            "/anthropic/v1/messages",
            {
                "type": "document",
                "citations": {"enabled": True},
                "source": {"type": "text", "media_type": "text/plain", "data": "A. B. C."},
            },
        ),
        ("/v1/responses", {"type": "input_file", "file_data": PDF, "filename": "a.pdf"}),
    ],
)
def test_a_file_is_held_by_what_a_prompt_can_hold(
    gateway: RunningGateway, path: str, part: dict[str, Any]
) -> None:
    """Its pages may be packed into any number of bytes: these do not bound its tokens."""
    project = gateway.add_project(f"packed-{uuid.uuid4().hex}")
    gateway.set_budget(project, "total", NANO // 10)  # a tenth of what a million tokens cost
    key = gateway.add_key(project)
    gateway.until_seen(key)
    asked: dict[str, Any] = {"max_tokens": 9, "messages": [{"role": "user", "content": [part]}]}
    if path.endswith("responses"):
        asked = {"max_output_tokens": 9, "input": [{"role": "user", "content": [part]}]}

    def ask(model: str) -> Reply:
        body = json.dumps({"model": model, **asked}).encode()
        return gateway.request("POST", path, body, key=key)

    assert b"above the whole limit" in ask("tiered").body
    # At most as long as its context, which is known; not everything can be said to each dialect.
    assert b"above the whole limit" not in ask("short").body


@pytest.mark.parametrize("stream", [False, True])
def test_a_cost_that_nobody_knows_is_said(gateway: RunningGateway, stream: bool) -> None:
    reply = gateway.chat("x", model="unpriced", stream=stream)
    assert reply.fields["x-tramontane-cost"] == "unknown"
    assert "x-tramontane-currency" not in reply.fields
    (bill,) = gateway.bills(reply.fields["x-request-id"])
    assert (bill.cost_nano, bill.is_priced) == (0, False)
    free = gateway.chat("x", model="free", stream=stream)
    assert free.fields.get("x-tramontane-cost") == (None if stream else "0.000000000")
    (bill,) = gateway.bills(free.fields["x-request-id"])
    assert (bill.cost_nano, bill.is_priced) == (0, True)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/anthropic/v1/messages", "/api/chat"])
@pytest.mark.parametrize("stream", [False, True])
def test_what_a_policy_rules_out_is_refused_before_a_byte_leaves(
    gateway: RunningGateway, upstream: Upstream, path: str, stream: bool
) -> None:
    name = f"careful-{path.split('/')[1]}-{stream}".lower()
    project = gateway.add_project(name)
    with gateway.store.write() as c:
        projects.set_policy(c, project.id, write(Policy(jurisdictions=("EU",))))
    key = gateway.add_key(project)
    gateway.until_seen(key)
    came = upstream.bytes_read
    body = {
        "model": "free",
        "max_tokens": 9,
        "stream": stream,
        "messages": [{"role": "user", "content": "x"}],
    }
    reply = gateway.request("POST", path, json.dumps(body).encode(), key=key)
    assert reply.status == 403
    assert b"a place that is not known" in reply.body
    assert upstream.bytes_read == came


def test_a_budget_rules_out_what_nobody_has_priced(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    project = gateway.add_project("budgeted")
    gateway.set_budget(project, "day", NANO)
    key = gateway.add_key(project)
    gateway.until_seen(key)
    came = upstream.bytes_read
    refused = gateway.chat("x", key=key, model="unpriced")
    assert (refused.status, refused.code) == (403, "policy_unpriced")
    assert upstream.bytes_read == came
    assert gateway.chat("x", key=key, model="free").status == 200
