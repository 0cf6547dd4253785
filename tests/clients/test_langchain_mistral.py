"""LangChain's standard tests for langchain-mistralai, through the gateway.

`mistral` is spliced to a provider of the dialect, `openai` translated to one of OpenAI's, `claude`
to one of Anthropic's.
"""

from collections.abc import Iterator

import pytest

from tests.clients.langchains import passed, script
from tests.processes import run_standin
from tests.running import RunningGateway, run_gateway
from tramontane.providers.standin import StandinOptions

FILE = "standard_mistral.py"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    folder = tmp_path_factory.mktemp("langchain") / "data"
    with run_standin(StandinOptions(script=tuple(script()))) as standin:
        base = standin.url.removesuffix("/v1")
        settings = {
            "deployments.mistral": {"url": f"{base}/mistral/v1", "dialect": "mistral"},
            "deployments.openai": {"url": standin.url},
            "deployments.claude": {"url": standin.url, "dialect": "anthropic"},
        }
        with run_gateway(folder, None, settings) as running:
            yield running


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "options", "least"),
    [
        ("mistral", (), 48),
        ("openai", (), 48),
        ("claude", ("-k", "TestChat and not json_mode"), 42),
    ],
)
def test_a_model(gateway: RunningGateway, model: str, options: tuple[str, ...], least: int) -> None:
    assert passed(FILE, gateway, "/mistral/v1", model, *options) >= least
