"""What an engine here is told of slots and its prompt cache: never one project's prompt to another.

The engine is the stand-in, asked as an engine is; what it kept is what it was asked.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.processes import RunningStandin, run_standin
from tests.running import RunningGateway, run_gateway
from tramontane.providers.standin import StandinOptions


class Place:
    """Engines `one` (a single slot), `four` and `shared`, and keys of two projects."""

    def __init__(self, gateway: RunningGateway, standin: RunningStandin) -> None:
        self.gateway = gateway
        self.standin = standin
        self.alpha = gateway.key
        self.beta = gateway.add_key(gateway.add_project("beta"))
        for name, options in (
            ("one", {"max_in_flight": 1}),
            ("four", {"max_in_flight": 4}),
            ("shared", {"max_in_flight": 1, "share_prompt_cache": True}),
        ):
            gateway.add_local(name, standin.port, **options)
        gateway.until_seen(gateway.add_key(gateway.project, "later"))

    def ask(self, key: str, model: str, content: str = "x", **fields: Any) -> tuple[int, bool]:
        """Return the slot that the engine was told, and whether it may reuse what is there."""
        reply = self.gateway.chat(content, key=key, model=model, **fields)
        assert reply.status == 200, reply.body
        return self.told(reply.fields["x-request-id"])

    def told(self, request_id: str) -> tuple[int, bool]:
        asked = {request.request_id: request for request in self.standin.requests}
        body = json.loads(asked[request_id].body or "")
        assert body["stream"] is True
        return body["id_slot"], body["cache_prompt"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("local")
    options = StandinOptions(allow_unknown_fields=True, keep_bodies=True)
    with run_standin(options) as standin, run_gateway(folder / "data", None) as gateway:
        yield Place(gateway, standin)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_project_comes_back_to_its_own_slot_and_may_reuse_it(place: Place, stream: bool) -> None:
    slot, _ = place.ask(place.alpha, "four", stream=stream)
    other, _ = place.ask(place.beta, "four", stream=stream)
    assert other != slot, "there were slots that nobody had used"
    assert place.ask(place.alpha, "four", stream=stream) == (slot, True)
    assert place.ask(place.beta, "four", stream=stream) == (other, True)


def test_a_slot_that_changes_hands_reuses_nothing(place: Place) -> None:
    turns = [place.alpha, place.alpha, place.beta, place.beta, place.alpha]
    found = [place.ask(key, "one") for key in turns]
    assert found[1:] == [(0, True), (0, False), (0, True), (0, False)]


def test_a_request_that_the_engine_never_answered_makes_no_slot_ones_own(place: Place) -> None:
    """Else one could ask, leave, and learn from the cache what another had asked there."""
    place.ask(place.alpha, "one")
    reply = place.gateway.chat("[[standin fault=close]] x", key=place.beta, model="one")
    assert reply.status == 502
    assert place.ask(place.beta, "one") == (0, False)


def test_an_operator_may_share_the_cache_among_projects(place: Place) -> None:
    for key in (place.alpha, place.beta, place.alpha):
        assert place.ask(key, "shared") == (0, True)


def test_requests_at_the_same_time_never_share_a_slot(place: Place) -> None:
    with ThreadPoolExecutor(4) as threads:
        content = "[[standin ttft_ms=300]] x"
        asks = [threads.submit(place.ask, place.alpha, "four", content) for _ in range(4)]
        assert sorted(ask.result()[0] for ask in asks) == [0, 1, 2, 3]


def test_nothing_that_a_client_says_of_slots_reaches_the_engine(place: Place) -> None:
    for name in ("id_slot", "cache_prompt", "slot_id", "n_cache_reuse"):
        fields: dict[str, Any] = {name: 3}
        reply = place.gateway.chat("x", model="one", **fields)
        assert (reply.status, reply.code) == (400, "unknown_field")
