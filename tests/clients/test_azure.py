"""Azure's clients: against their stand-in, and through the gateway to four makers' dialects.

The clients are imported late: that takes longer than most tests.
"""

import json
import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.processes import RunningStandin, run_standin
from tests.running import RunningGateway, run_gateway
from tramontane.providers.standin import StandinOptions

KEY = "sk-standin"
PRICE = {"input_per_mtok": "2", "output_per_mtok": "6"}
NOT_OURS = {
    "azure": {"openai_others"},
    "mistral": {"openai_others"},
    "direct": {"openai_responses"},
}
"""Flows that ask for operations these providers have not (completions; here Responses)."""


@pytest.fixture(scope="module")
def standin() -> Iterator[RunningStandin]:
    options = StandinOptions(api_key=KEY, models=("standin",), keep_bodies=True)
    with run_standin(options) as one:
        yield one


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, standin: RunningStandin
) -> Iterator[RunningGateway]:
    """A gateway with a model for each dialect, named like it."""
    base = standin.url.removesuffix("/v1")
    os.environ["STANDIN_KEY"] = KEY
    addresses = {
        "azure": f"{base}/azure",
        "azure_openai": f"{base}/azure/openai",
        "openai": standin.url,
        "mistral": f"{base}/mistral/v1",
    }
    settings: dict[str, Any] = {}
    for dialect, url in addresses.items():
        settings[f"deployments.{dialect}"] = {
            "url": url,
            "dialect": dialect,
            "upstream_model": "standin",
            "key_env": "STANDIN_KEY",
            "price": PRICE,
        }
    with run_gateway(tmp_path_factory.mktemp("azure") / "data", None, settings) as running:
        yield running


@pytest.mark.parametrize(
    "kind",
    [
        "azure_openai",
        *(
            pytest.param(kind, marks=pytest.mark.slow)
            for kind in ("direct", "azure", "openai", "mistral")
        ),
    ],
)
def test_every_flow(kind: str, standin: RunningStandin, gateway: RunningGateway) -> None:
    from tests.clients.azureflows import FLOWS, Place

    place = Place(f"{gateway.address}/azure", gateway.key, kind)
    if kind == "direct":
        place = Place(f"{standin.url.removesuffix('/v1')}/azure", KEY, "standin")
    failed = {}
    for name, flow in FLOWS.items():
        if name not in NOT_OURS.get(kind, ()):
            try:
                flow(place)
            except Exception as error:  # noqa: BLE001 - all flows are tried
                failed[name] = repr(error)
    assert failed == {}
    assert len(FLOWS) == 17


def asked(gateway: RunningGateway, path: str, body: object, **fields: str) -> httpx.Response:
    headers = {"api-key": gateway.key, **fields}
    return httpx.post(f"{gateway.address}{path}", json=body, headers=headers)


HELLO = [{"role": "user", "content": "hi"}]


def test_extra_parameters_are_refused_dropped_or_passed_on(
    gateway: RunningGateway, standin: RunningStandin
) -> None:
    path = "/azure/chat/completions?api-version=2024-05-01-preview"
    body = {"model": "mistral", "messages": HELLO, "logit_bias": {"1": 1}, "seed": 3}
    refused = asked(gateway, path, body)
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "unsupported_parameter"
    assert refused.json()["error"]["param"] == "logit_bias"
    dropped = asked(gateway, path, body, **{"extra-parameters": "drop"})
    assert dropped.status_code == 200
    assert dropped.headers["x-tramontane-dropped"] == "logit_bias"
    passed = asked(
        gateway, path, {**body, "model": "azure"}, **{"extra-parameters": "pass-through"}
    )
    assert passed.status_code == 200, passed.text
    assert json.loads(standin.requests[-1].body or "")["logit_bias"] == {"1": 1}


def test_the_deployment_of_the_path_counts(
    gateway: RunningGateway, standin: RunningStandin
) -> None:
    for base in ("/azure/openai", "/openai"):
        path = f"{base}/deployments/azure_openai/chat/completions?api-version=2024-10-21"
        for body in ({"messages": HELLO}, {"model": "something-else", "messages": HELLO}):
            answer = asked(gateway, path, body)
            assert answer.status_code == 200, answer.text
            assert answer.headers["x-tramontane-deployment"] == "azure_openai"
            assert standin.requests[-1].path == "/azure/openai/deployments/standin/chat/completions"


def test_foundrys_own_path_is_known(gateway: RunningGateway) -> None:
    path = "/azure/models/chat/completions?api-version=2024-05-01-preview"
    answer = asked(gateway, path, {"model": "azure", "messages": HELLO})
    assert answer.json()["choices"][0]["message"]["content"] == "hi"


def test_models_are_told_and_listed(gateway: RunningGateway) -> None:
    with httpx.Client(base_url=gateway.address, headers={"api-key": gateway.key}) as client:
        several = client.get("/azure/info?api-version=2024-05-01-preview")
        assert several.status_code == 400
        info = client.get("/azure/info?api-version=2024-05-01-preview&model=mistral").json()
        assert info["model_name"] == "mistral"
        assert info["model_type"] == "chat_completion"
        listed = client.get("/azure/openai/models?api-version=2024-10-21").json()
        names = {model["id"] for model in listed["data"]}
        assert names == {"azure", "azure_openai", "openai", "mistral"}
        assert client.get("/azure/nothing").json()["error"]["code"]


def test_what_is_billed_is_what_azure_counted(
    gateway: RunningGateway, standin: RunningStandin
) -> None:
    for model in ("azure", "azure_openai"):
        body = {"model": model, "messages": HELLO, "stream": True}
        answer = asked(gateway, "/azure/chat/completions?api-version=x", body)
        assert answer.text.endswith("data: [DONE]\n\n")
        sent = standin.requests[-1]
        (bill,) = gateway.bills(answer.headers["x-request-id"])
        assert (bill.prompt_tokens, bill.completion_tokens) == (
            sent.prompt_tokens,
            sent.completion_tokens,
        )
        assert not bill.estimated
