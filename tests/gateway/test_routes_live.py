"""Routes through a gateway: what is tried, in which order, for how long, and what it costs."""

import json
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert

from tests.processes import RunningStandin, run_standin
from tests.running import Reply, RunningGateway, now_ms, run_gateway
from tramontane.config import RouteSettings
from tramontane.providers.standin import Behaviour, Rule, StandinOptions
from tramontane.store import routes, schema
from tramontane.store.database import bump_revision
from tramontane.store.records import Drill

SCRIPT = (
    Rule(model="flaky", contains="<once>", times=1, reply=Behaviour(status=500)),
    Rule(model="flaky", contains="<twice>", times=2, reply=Behaviour(status=502)),
    Rule(model="flaky", contains="<refused>", reply=Behaviour(status=401)),
    Rule(model="flaky", contains="<later>", times=1,
         reply=Behaviour(status=429, retry_after_s=1)),
    Rule(model="slow", reply=Behaviour(ttft_ms=5_000)),
)  # fmt: skip
PNG = "data:image/png;base64,iVBORw0KGgo="


class Place:
    """A gateway with routes before a stand-in."""

    def __init__(self, gateway: RunningGateway, standin: RunningStandin) -> None:
        self.gateway = gateway
        self.standin = standin

    def ask(self, model: str, content: Any = "Hello", **fields: Any) -> Reply:
        return self.gateway.chat(content, model=model, **fields)

    def served(self, model: str, content: Any = "Hello", **fields: Any) -> str:
        reply = self.ask(model, content, **fields)
        assert reply.status == 200, reply.body
        return reply.fields["x-tramontane-deployment"]

    @property
    def asked(self) -> list[str]:
        """Which models the stand-in has been asked for."""
        return [request.model for request in self.standin.requests]

    def until(self, model: str, status: int) -> None:
        """Wait until asking for `model` gets `status`: the gateway has seen a change."""
        deadline_s = time.monotonic() + 10
        while self.ask(model).status != status:
            assert time.monotonic() < deadline_s
            time.sleep(0.05)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("routes")
    with run_standin(StandinOptions(script=SCRIPT)) as standin:
        wanted: dict[str, Any] = {
            f"deployments.{name}": {"url": standin.url}
            for name in ("flaky", "slow", "good", "other")
        }
        wanted["deployments.claude"] = {"url": standin.url, "dialect": "anthropic"}
        wanted["routes.again"] = {"deployments": ["flaky"], "retries": 2}
        wanted["routes.patient"] = {"deployments": ["slow", "good"], "timeout_s": 0.3}
        wanted["routes.hurried"] = {"deployments": ["slow", "good"], "deadline_s": 0.4}
        wanted["routes.mixed"] = {"deployments": ["claude", "good"]}
        wanted["routes.falling"] = {"deployments": ["flaky"], "retries": 0, "fallbacks": ["good"]}
        wanted["routes.chosen"] = {
            "deployments": [
                {"deployment": "good", "when": {"has_images": True}},
                {"deployment": "other", "when": {"has_tools": True}},
                {"deployment": "slow", "when": {"projects": ["nobody"]}},
                {"deployment": "flaky", "when": {"max_prompt_tokens": 1_000}},
            ]
        }
        with run_gateway(folder, None, wanted) as gateway:
            yield Place(gateway, standin)


@pytest.fixture
def place(running: Place) -> Place:
    running.standin.reset()
    return running


@pytest.mark.parametrize(("what", "attempts"), [("once", 2), ("twice", 3)])
@pytest.mark.parametrize("stream", [False, True])
def test_what_fails_in_passing_is_tried_again(
    place: Place, what: str, attempts: int, stream: bool
) -> None:
    reply = place.ask("again", f"<{what}>", stream=stream)
    assert reply.status == 200
    assert reply.fields["x-tramontane-attempts"] == str(attempts)
    bills = place.gateway.bills(reply.fields["x-request-id"], attempts)
    assert [bill.attempt for bill in bills] == list(range(1, attempts + 1))
    assert [bill.status for bill in bills] == ["upstream_failed"] * (attempts - 1) + ["ok"]
    assert len(place.asked) == attempts


def test_what_a_moment_does_not_mend_is_not(place: Place) -> None:
    reply = place.ask("again", "<refused>")
    assert (reply.status, len(place.asked)) == (502, 1)


def test_the_time_that_the_provider_asks_for_is_waited(place: Place) -> None:
    began_s = time.monotonic()
    assert place.served("again", "<later>") == "flaky"
    assert time.monotonic() - began_s >= 1
    assert len(place.asked) == 2


def test_one_that_takes_too_long_is_given_up_for_the_next(place: Place) -> None:
    assert place.served("patient") == "good"


def test_past_the_deadline_nobody_is_asked(place: Place) -> None:
    reply = place.ask("hurried")
    assert (reply.status, reply.code) == (504, "upstream_timeout")
    assert place.asked == ["slow"]


def test_what_one_dialect_has_no_word_for_is_asked_of_the_next(place: Place) -> None:
    reply = place.ask("mixed", logit_bias={"1": 2})
    assert (reply.status, reply.fields["x-tramontane-deployment"]) == (200, "good")
    assert place.asked == ["good"]
    assert place.ask("claude", logit_bias={"1": 2}).code == "unsupported_parameter"


def test_another_model_answers_where_the_route_says_so(place: Place) -> None:
    assert place.served("falling", "<refused>") == "good"
    assert place.served("falling") == "flaky"
    with_key = place.gateway.add_key(place.gateway.project, "narrow", allowed_models=("falling",))
    place.gateway.until_seen(with_key)
    assert place.gateway.chat("<refused>", model="falling", key=with_key).status == 502


def test_conditions_decide_who_is_asked(place: Place) -> None:
    image = [{"type": "image_url", "image_url": {"url": PNG}}]
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    assert place.served("chosen", image) == "good"
    assert place.served("chosen", tools=[tool]) == "other"
    assert place.served("chosen") == "flaky"
    refused = place.ask("chosen", "x" * 5_000)
    assert (refused.status, refused.code) == (400, "no_deployment_for_request")


def test_routes_that_are_entered_are_served_and_drills_take_away(place: Place) -> None:
    store = place.gateway.store
    with store.write() as c:
        routes.put(c, "entered", RouteSettings(deployments=("good", "other")), now_ms())
    place.until("entered", 200)
    assert place.served("entered") == "good"
    drill = Drill(
        id="drl_1", without="deployment:good", started_at_ms=now_ms(),
        ends_at_ms=now_ms() + 2_500, started_by="test",
    )  # fmt: skip
    with store.write() as c:
        c.execute(insert(schema.drills), msgspec.structs.asdict(drill))
        bump_revision(c)
    place.until("good", 503)
    assert place.ask("good").code == "taken_away"
    assert place.served("entered") == "other"
    place.until("good", 200)  # by itself: nobody has ended the drill
    assert place.served("entered") == "good"
    with store.write() as c:
        routes.remove(c, "entered")
    place.until("entered", 404)


def test_the_list_of_models_names_routes(place: Place) -> None:
    reply = place.gateway.request("GET", "/v1/models", key=place.gateway.key)
    names = {model["id"] for model in json.loads(reply.body)["data"]}
    assert {"again", "mixed", "good"} <= names
