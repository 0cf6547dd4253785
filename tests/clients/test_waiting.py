"""Official clients whose stream has to wait: they pass over what they are told meanwhile."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.clients.flows import Target, says
from tests.clients.nodeflows import run_script
from tests.processes import RunningStandin
from tests.running import RunningGateway, run_gateway

NODE_FLOWS = 2


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, standin: RunningStandin
) -> Iterator[RunningGateway]:
    """A gateway whose model serves one request at a time, and lets nobody wait for long."""
    settings = {"deployments.bench.max_in_flight": 1, "deployments.bench.queue_timeout_s": 4.0}
    folder = tmp_path_factory.mktemp("waiting") / "data"
    with run_gateway(folder, standin.url, settings) as running:
        yield running


@pytest.fixture(scope="module")
def target(gateway: RunningGateway, standin: RunningStandin) -> Target:
    return Target(f"{gateway.address}/v1", gateway.key, "bench", lambda: standin.requests)


def test_python_client_waits_and_is_answered(target: Target) -> None:
    with target.client() as client:
        busy = client.chat.completions.create(
            model="bench", messages=says("[[standin tokens=160 tps=50]] go on"), stream=True
        )
        next(busy)
        waiting = client.chat.completions.with_raw_response.create(
            model="bench", messages=says("after you"), stream=True
        )
        assert waiting.status_code == 200  # here before its turn has come
        assert sum(1 for _ in busy) > 50
        chunks = list(waiting.parse())
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "after you"


def test_python_client_that_waits_in_vain_is_told(target: Target) -> None:
    with target.client() as client:
        busy = client.chat.completions.create(
            model="bench", messages=says("[[standin tokens=900 tps=50]] go on"), stream=True
        )
        next(busy)
        waiting = client.chat.completions.create(
            model="bench", messages=says("and me?"), stream=True
        )
        with pytest.raises(openai.APIError) as caught:
            list(waiting)
        busy.close()
    assert caught.value.code == "overloaded"


def test_node_client(node_path: str, target: Target) -> None:
    run_script(node_path, target, "waiting.mjs", NODE_FLOWS)


@pytest.mark.slow
def test_anthropic_s_client_waits_and_is_answered_or_told(
    gateway: RunningGateway, target: Target
) -> None:
    import anthropic

    address = f"{gateway.address}/anthropic"
    with (
        target.client() as other,
        anthropic.Anthropic(base_url=address, api_key=gateway.key, max_retries=0) as client,
    ):
        for tokens in (160, 900):
            busy = other.chat.completions.create(
                model="bench", messages=says(f"[[standin tokens={tokens} tps=50]] go"), stream=True
            )
            next(busy)
            ask = client.messages.stream(
                model="bench", max_tokens=99, messages=[{"role": "user", "content": "after you"}]
            )
            with ask as waiting:
                if tokens == 160:
                    assert waiting.get_final_text() == "after you"
                else:
                    with pytest.raises(anthropic.APIStatusError) as caught:
                        waiting.get_final_text()
                    assert caught.value.type == "overloaded_error"
            busy.close()


@pytest.mark.slow
def test_mistral_s_client_waits_and_is_answered_or_told(
    gateway: RunningGateway, target: Target
) -> None:
    from mistralai.client import Mistral

    client = Mistral(api_key=gateway.key, server_url=f"{gateway.address}/mistral")
    with target.client() as other:
        for tokens in (160, 900):
            busy = other.chat.completions.create(
                model="bench", messages=says(f"[[standin tokens={tokens} tps=50]] go"), stream=True
            )
            next(busy)
            waiting = client.chat.stream(model="bench", messages=says("after you"))
            if tokens == 160:
                said = [event.data.choices[0].delta.content for event in waiting]
                assert "".join(str(text or "") for text in said) == "after you"
            else:
                with pytest.raises(ValueError, match="overloaded"):
                    list(waiting)
            busy.close()


@pytest.mark.slow
def test_azure_s_client_waits_untold_and_is_answered_or_refused(
    gateway: RunningGateway, target: Target
) -> None:
    from azure.ai.inference import ChatCompletionsClient
    from azure.ai.inference.models import UserMessage
    from azure.core.credentials import AzureKeyCredential
    from azure.core.exceptions import HttpResponseError

    credential = AzureKeyCredential(gateway.key)
    client = ChatCompletionsClient(f"{gateway.address}/azure", credential, retry_total=0)
    after: Any = [UserMessage("after you")]
    with target.client() as other, client:
        for tokens in (160, 900):
            busy = other.chat.completions.create(
                model="bench", messages=says(f"[[standin tokens={tokens} tps=50]] go"), stream=True
            )
            next(busy)
            if tokens == 160:
                updates = client.complete(model="bench", messages=after, stream=True)
                said = [u.choices[0].delta.content for u in updates if u.choices]
                assert "".join(text or "" for text in said) == "after you"
            else:
                with pytest.raises(HttpResponseError) as caught:
                    client.complete(model="bench", messages=after, stream=True)
                assert caught.value.status_code == 503
            busy.close()
