"""A gateway before an engine that sleeps: what it asks of its parent, and what its clients see.

The store is written by hand as the parent would, the stand-in plays the engine. The engine that
really ends is in tests/test_sleeping.py.
"""

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec
import pytest

from tests.gateway.test_local import FILE, deployed, told
from tests.gateway.test_waiting import QUEUED, Stream
from tests.processes import RunningStandin, run_standin
from tests.running import Reply, RunningGateway, run_gateway
from tramontane.gateway.news import Wish
from tramontane.money import Price
from tramontane.providers.standin import StandinOptions
from tramontane.store import deployments, models, publications, subscriptions
from tramontane.store.publications import Offer
from tramontane.store.records import PublishedPrice

QUEUE_TIMEOUT_S = 0.5
SETTINGS = {
    "deployments.elsewhere.max_in_flight": 4,
    "routes.first.deployments": ["quick", "elsewhere"],
    "routes.hasty.deployments": ["slow", "elsewhere"],
    "routes.hasty.deadline_s": 0.6,
}


@pytest.fixture(scope="module")
def engine() -> Iterator[RunningStandin]:
    with run_standin(StandinOptions(allow_unknown_fields=True)) as running:
        yield running


class Asked(threading.Thread):
    """One request, answered some time."""

    def __init__(self, gateway: RunningGateway, model: str, key: str | None = None) -> None:
        super().__init__(daemon=True)
        self.gateway, self.model, self.key = gateway, model, key or gateway.key
        self.reply: Reply | None = None
        self.start()

    def run(self) -> None:
        self.reply = self.gateway.chat("Hello", model=self.model, key=self.key)

    def answered(self) -> Reply:
        self.join(30)
        assert self.reply is not None
        return self.reply


def until_wished(gateway: RunningGateway, wanted: Wish) -> None:
    """Wait until the gateway says so to its parent; until then it may only repeat itself."""
    assert gateway.process is not None and gateway.process.stdout is not None
    said: list[Wish] = []
    while wanted not in said:
        said.append(msgspec.json.decode(gateway.process.stdout.readline(), type=Wish))
        assert said[-1] == wanted or said[-1].kind == "wake", said


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, engine: RunningStandin
) -> Iterator[RunningGateway]:
    settings = {**SETTINGS, "deployments.elsewhere.url": engine.url}
    with run_gateway(tmp_path_factory.mktemp("asleep") / "data", None, settings) as running:
        with running.store.write() as c:
            models.add(c, FILE)
        for name in ("quick", "slow", "lost", "sold", "gone"):
            deployed(
                running, name, queue_timeout_s=QUEUE_TIMEOUT_S,
                scale_to_zero_after_s=0.1 if name == "quick" else 3600.0,
            )  # fmt: skip
            told(running, name, "ready" if name == "quick" else "asleep", engine)
        running.until_seen(running.add_key(running.project, "seen"))
        yield running


def test_an_idle_engine_may_rest_and_is_woken_by_who_asks(
    gateway: RunningGateway, engine: RunningStandin
) -> None:
    until_wished(gateway, Wish("rest", "quick", "n1"))
    told(gateway, "quick", "asleep", None)
    asked = [Asked(gateway, "quick"), Asked(gateway, "first")]
    until_wished(gateway, Wish("wake", "quick"))
    with closing(Stream(gateway, "Hello", model="quick")) as stream:
        # Longer than a place may take, and long enough for the first comment.
        assert stream.until(b": queued") > 2.0 > QUEUE_TIMEOUT_S
        told(gateway, "quick", "starting", None)
        woken(gateway, "quick", engine)
        for each in asked:
            reply = each.answered()
            assert reply.status == 200, reply.body
            assert reply.fields["x-tramontane-deployment"] == "quick"  # not the next one, either
        assert b"data: [DONE]" in stream.rest()
    assert int(QUEUED.findall(stream.got)[0][1]) >= 1
    until_wished(gateway, Wish("rest", "quick", "n2"))


def woken(gateway: RunningGateway, name: str, engine: RunningStandin, nonce: str = "n2") -> None:
    """Have the store say that another child is ready."""
    told(gateway, name, "ready", engine, nonce=nonce)


def test_a_route_that_cannot_wait_so_long_goes_on(gateway: RunningGateway) -> None:
    reply = gateway.chat("Hello", model="hasty")
    until_wished(gateway, Wish("wake", "slow"))
    assert (reply.status, reply.code) == (503, "overloaded")


def test_a_start_that_fails_says_so_to_who_waits_and_who_comes(gateway: RunningGateway) -> None:
    asked = Asked(gateway, "lost")
    until_wished(gateway, Wish("wake", "lost"))
    told(gateway, "lost", "backing_off", None)
    for reply in (asked.answered(), gateway.chat("Hello", model="lost")):
        assert (reply.status, reply.code) == (503, "unavailable")
        assert "llama.cpp could not load the model" in reply.json["error"]["message"]


def test_who_buys_is_not_told_what_the_publishers_engine_said(gateway: RunningGateway) -> None:
    buyer = gateway.add_project("buyer")
    key = gateway.add_key(buyer)
    with gateway.store.write() as c:
        made = publications.publish(
            c, project=gateway.project, name="sold", deployment="sold", taken=(), is_shared=True,
            offer=Offer(card=b"{}", terms="Be kind.", price=PublishedPrice(Price())),
            created_by="", now_ms=1,
        )  # fmt: skip
        subscriptions.accept(c, made, project_id=buyer.id, version=1, accepted_by="", now_ms=1)
    gateway.until_seen(key)
    asked = Asked(gateway, made.name, key)
    until_wished(gateway, Wish("wake", "sold"))
    told(gateway, "sold", "backing_off", None)
    for reply in (asked.answered(), gateway.chat("Hello", model=made.name, key=key)):
        assert (reply.status, reply.code) == (503, "unavailable")
        assert reply.json["error"]["message"] == f"The model '{made.name}' is not up."


def test_one_that_is_taken_away_while_somebody_waits_is_not_up(gateway: RunningGateway) -> None:
    asked = Asked(gateway, "gone")
    until_wished(gateway, Wish("wake", "gone"))
    with gateway.store.write() as c:
        deployments.remove(c, "gone")
    reply = asked.answered()
    assert (reply.status, reply.code) == (503, "unavailable")
    assert gateway.chat("Hello", model="gone").code == "model_not_found"


def test_a_new_gateway_finds_it_asleep(gateway: RunningGateway, engine: RunningStandin) -> None:
    told(gateway, "quick", "asleep", None)
    gateway.kill()
    gateway.start()
    assert "quick" in [each["id"] for each in models_of(gateway)]
    assert gateway.request("GET", "/ready").json["models"]["quick"] == "asleep"
    asked = Asked(gateway, "quick")
    until_wished(gateway, Wish("wake", "quick"))
    woken(gateway, "quick", engine, nonce="n3")
    assert asked.answered().status == 200


def models_of(gateway: RunningGateway) -> Any:
    return gateway.request("GET", "/v1/models", key=gateway.key).json["data"]
