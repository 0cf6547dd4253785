"""What operators and load balancers see: how deployments are, as traffic has shown."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.processes import RunningStandin
from tests.running import RunningGateway, run_gateway

NOBODY = "http://127.0.0.1:9/v1"


@pytest.fixture
def gateway(
    tmp_path_factory: pytest.TempPathFactory, standin: RunningStandin
) -> Iterator[RunningGateway]:
    """Yield a gateway that nobody has asked anything."""
    settings = {
        "deployments.gone": {"url": NOBODY},
        "deployments.keyless": {"url": standin.url, "key_env": "NEVER_SET"},
    }
    with run_gateway(tmp_path_factory.mktemp("states") / "data", standin.url, settings) as running:
        yield running


def states(gateway: RunningGateway) -> Any:
    return gateway.request("GET", "/ready").json["models"]


def test_a_remote_deployment_is_as_its_last_answer_showed(gateway: RunningGateway) -> None:
    assert states(gateway) == {"bench": "unprobed", "gone": "unprobed", "keyless": "failed"}
    for content, status, state in (
        ("Hello", 200, "ready"),
        ("[[standin status=500]]", 502, "failed"),
        ("Hello again", 200, "ready"),
        ("[[standin status=401]]", 502, "failed"),
        ("[[standin status=429]]", 429, "ready"),  # it is there, and minds its limits
        ("[[standin fault=reset:2 tokens=9]]", 502, "failed"),
        ("[[standin status=400]]", 400, "ready"),  # the request was wrong
    ):
        assert gateway.chat(content).status == status
        assert states(gateway)["bench"] == state, content
    assert gateway.chat("Hello", model="gone").status == 502
    assert states(gateway)["gone"] == "failed"


def test_what_is_refused_here_says_nothing_of_a_deployment(gateway: RunningGateway) -> None:
    assert gateway.chat("Hello", max_tokens="many").status == 400
    assert gateway.chat("Hello", key="tmt_unknown").status == 401
    assert states(gateway)["bench"] == "unprobed"


def test_metrics_tell_of_the_journal_and_the_clock(gateway: RunningGateway) -> None:
    operator = gateway.add_key(gateway.project, "operator", ("infer", "read", "operate"))
    gateway.until_seen(operator)
    found = gateway.until_idle(operator)
    assert found["tramontane_journal_failing"] == 0
    assert found["tramontane_clock_behind_seconds"] == 0
