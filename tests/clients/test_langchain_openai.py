"""LangChain's standard tests for langchain-openai, through the gateway.

`bench` is spliced to a provider of OpenAI's dialect, `claude` translated to one of Anthropic's.
"""

from collections.abc import Iterator

import pytest

from tests.clients.langchains import passed, script
from tests.processes import run_standin
from tests.running import RunningGateway, run_gateway
from tramontane.providers.standin import StandinOptions

FILE = "standard_openai.py"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    folder = tmp_path_factory.mktemp("langchain") / "data"
    with run_standin(StandinOptions(script=tuple(script()))) as standin:
        claude = {"url": f"{standin.url}", "dialect": "anthropic"}
        with run_gateway(folder, standin.url, {"deployments.claude": claude}) as running:
            yield running


@pytest.mark.slow
def test_a_spliced_model(gateway: RunningGateway) -> None:
    assert passed(FILE, gateway, "/v1", "bench") >= 91


@pytest.mark.slow
def test_a_translated_model(gateway: RunningGateway) -> None:
    # Anthropic's dialect knows schemas, but no other JSON mode, and no embeddings.
    only = "(TestChatCompletions or TestResponses) and not json_mode"
    assert passed(FILE, gateway, "/v1", "claude", "-k", only) >= 84
