"""Mistral's own client: against its stand-in, and through the gateway to two makers' dialects.

The client is imported late: that takes longer than most tests.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.processes import RunningStandin, run_standin
from tests.running import RunningGateway, run_gateway
from tramontane.providers.standin import StandinOptions

if TYPE_CHECKING:
    from tests.clients.mistralflows import Place

KEY = "sk-standin"
PRICE = {"input_per_mtok": "2", "output_per_mtok": "6", "cached_input_per_mtok": "0.2"}
NOT_OPENAI = {"prefix", "safe_prompt", "thinking"}
"""Flows that ask for what OpenAI's dialect has not, or does not show."""


@pytest.fixture(scope="module")
def standin() -> Iterator[RunningStandin]:
    options = StandinOptions(api_key=KEY, models=("standin",), keep_bodies=True)
    with run_standin(options) as one:
        yield one


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, standin: RunningStandin
) -> Iterator[RunningGateway]:
    """A gateway with the models `mistral` and `openai`, each at a provider of that dialect."""
    base = standin.url.removesuffix("/v1")
    os.environ["STANDIN_KEY"] = KEY
    shared = {"upstream_model": "standin", "key_env": "STANDIN_KEY", "price": PRICE}
    settings: dict[str, Any] = {
        "deployments.mistral": {"url": f"{base}/mistral/v1", "dialect": "mistral", **shared},
        "deployments.openai": {"url": standin.url, **shared},
    }
    folder = tmp_path_factory.mktemp("mistral") / "data"
    with run_gateway(folder, None, settings) as running:
        yield running


def place_of(kind: str, standin: RunningStandin, gateway: RunningGateway) -> "Place":
    from tests.clients.mistralflows import Place

    if kind == "direct":
        return Place(f"{standin.url.removesuffix('/v1')}/mistral", KEY, "standin")
    return Place(f"{gateway.address}/mistral", gateway.key, kind, kind == "mistral")


@pytest.mark.parametrize("kind", ["direct", "mistral", "openai"])
def test_every_flow(kind: str, standin: RunningStandin, gateway: RunningGateway) -> None:
    from tests.clients.mistralflows import FLOWS

    place = place_of(kind, standin, gateway)
    failed = {}
    for name, flow in FLOWS.items():
        if kind == "openai" and name in NOT_OPENAI:
            continue
        try:
            flow(place)
        except Exception as error:  # noqa: BLE001 - all flows are tried
            failed[name] = repr(error)
    assert failed == {}
    assert len(FLOWS) == 20


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["direct", "mistral"])
def test_the_next_release(kind: str, standin: RunningStandin, gateway: RunningGateway) -> None:
    client = Path(sys.prefix) / "mistralai3"
    assert client.is_dir(), "scripts/test-tools has not been run"
    place = place_of(kind, standin, gateway)
    ended = subprocess.run(
        [sys.executable, "-m", "tests.clients.mistralflows", place.url, place.key, place.model],
        env={**os.environ, "PYTHONPATH": str(client)},
        capture_output=True,
        text=True,
        check=True,
    )
    flows = json.loads(ended.stdout)
    assert {name: trace for name, trace in flows.items() if trace} == {}
    assert len(flows) == 20


def test_what_another_maker_cannot_do_is_refused_or_dropped_and_named(
    gateway: RunningGateway,
) -> None:
    body = {
        "model": "openai",
        "messages": [{"role": "user", "content": "hi"}],
        "safe_prompt": True,
        "guardrails": [{"moderation_llm_v2": {}}],
    }
    with httpx.Client(
        base_url=f"{gateway.address}/mistral/v1",
        headers={"authorization": f"Bearer {gateway.key}"},
    ) as client:
        refused = client.post("/chat/completions", json=body)
        assert refused.status_code == 422
        assert refused.json()["code"] == "unsupported_parameter"
        assert refused.json()["detail"][0]["loc"] == ["body", "safe_prompt"]
        answered = client.post(
            "/chat/completions", json=body, headers={"x-tramontane-drop": "true"}
        )
        assert answered.status_code == 200
        dropped = answered.headers["x-tramontane-dropped"].split(", ")
        assert sorted(dropped) == ["guardrails", "safe_prompt"]
        moderated = client.post("/moderations", json={"model": "openai", "input": "x"})
        assert moderated.status_code == 422
        assert moderated.json()["code"] == "unsupported_operation"
        moderated = client.post("/moderations", json={"model": "mistral", "input": ["a violence"]})
        assert moderated.status_code == 200, moderated.text
        assert moderated.json()["results"][0]["categories"]["violence_and_threats"]
        assert client.post("/nothing", json={}).json()["object"] == "error"


def test_bodies_reach_a_provider_of_the_dialect_as_they_were_written(
    gateway: RunningGateway, standin: RunningStandin
) -> None:
    body = {
        "model": "mistral",
        "messages": [{"role": "user", "content": "as it was"}],
        "prediction": {"type": "content", "content": "as"},
        "reasoning_effort": "none",
        "stream": True,
    }
    with httpx.Client(headers={"authorization": f"Bearer {gateway.key}"}) as client:
        answer = client.post(f"{gateway.address}/mistral/v1/chat/completions", json=body)
    assert answer.status_code == 200
    assert answer.text.endswith("data: [DONE]\n\n")
    sent = json.loads(standin.requests[-1].body or "")
    assert sent == {**body, "model": "standin"}
