"""What users do with Ollama's own Python client, whoever serves the model.

Each flow takes a `Target` whose address is the server's root; what the stand-in is to do is said
inside the prompt. The client is imported late: that takes longer than most tests.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from tests.clients.flows import Target, says
from tests.clients.responsesflows import PIXEL, Person


@cache
def _client(url: str, key: str) -> Any:
    from ollama import Client

    return Client(host=url, headers={"Authorization": f"Bearer {key}"})


def client_of(target: Target) -> Any:
    return _client(target.base_url, target.api_key)


def error(call: Callable[[], Any]) -> Any:
    from ollama import ResponseError

    with pytest.raises(ResponseError) as caught:
        call()
    return caught.value


def chat(target: Target) -> None:
    """A question, an answer, and a count that is the provider's own."""
    answer = client_of(target).chat(target.model, says("Grüße, 東京 😀!"))
    assert answer.message.content == "Grüße, 東京 😀!"
    assert (answer.done, answer.done_reason, answer.model) == (True, "stop", target.model)
    kept = target.requests()[-1]
    assert (answer.prompt_eval_count, answer.eval_count) == (
        kept.prompt_tokens,
        kept.planned_tokens,
    )


def stream(target: Target) -> None:
    """Lines, the last of which says that it is done, and what was used."""
    *lines, last = client_of(target).chat(target.model, says("Hello there, you"), stream=True)
    assert "".join(line.message.content for line in lines) == "Hello there, you"
    assert not any(line.done for line in lines) and last.done and last.done_reason == "stop"
    kept = target.requests()[-1]
    assert (last.prompt_eval_count, last.eval_count) == (kept.prompt_tokens, kept.planned_tokens)
    assert last.total_duration >= last.eval_duration >= 0


def cut_short(target: Target) -> None:
    """An answer that reached its limit says so."""
    options = {"num_predict": 2, "num_ctx": 2048, "temperature": 0.1}
    asked: Any = {"model": target.model, "messages": says("one two three"), "options": options}
    assert client_of(target).chat(**asked).done_reason == "length"
    *_, last = client_of(target).chat(**asked, stream=True)
    assert last.done_reason == "length" and last.eval_count == 2


def generate(target: Target) -> None:
    """One prompt, whole and as lines."""
    client = client_of(target)
    assert client.generate(f"{target.model}:latest", "Say it", system="Be brief").response == (
        "Say it"
    )
    lines = list(client.generate(target.model, "Say it", stream=True))
    assert "".join(line.response for line in lines) == "Say it" and lines[-1].done


def tools(target: Target) -> None:
    """A call as whole arguments, its result by the tool's name, and the answer."""

    def get_weather(city: str) -> str:
        """Tell the weather.

        Args:
          city: where
        """
        return "sunny"

    client = client_of(target)
    messages = says("[[standin tool=get_weather]] Paris")
    for is_stream in (False, True):
        answer = client.chat(target.model, messages, tools=[get_weather], stream=is_stream)
        parts = list(answer) if is_stream else [answer]
        calls = [call for part in parts for call in part.message.tool_calls or ()]
        assert [call.function.name for call in calls] == ["get_weather"]
        assert set(calls[0].function.arguments) == {"city"}
    called = {"role": "assistant", "content": "", "tool_calls": calls}
    result = {"role": "tool", "tool_name": "get_weather", "content": "sunny"}
    final = client.chat(target.model, [*says("Paris?"), called, result], tools=[get_weather])
    assert final.message.content == "Paris?"


def structured(target: Target) -> None:
    """An answer in a form."""
    schema = {**Person.model_json_schema(), "additionalProperties": False}
    answer = client_of(target).chat(target.model, says("somebody"), format=schema)
    assert Person.model_validate_json(answer.message.content)


def picture(target: Target) -> None:
    """A picture as base64; a path is nothing."""
    data = PIXEL.partition(",")[2]
    message = {"role": "user", "content": "See", "images": [data]}
    assert client_of(target).chat(target.model, [message]).message.content == "See"
    message["images"] = ["aGVsbG8="]
    assert error(lambda: client_of(target).chat(target.model, [message])).status_code == 400


def lists(target: Target) -> None:
    """What there is, and what is refused."""
    client = client_of(target)
    assert target.model in [model.model for model in client.list().models]
    assert "completion" in client.show(target.model).capabilities
    assert client.ps().models == []  # nothing of it runs here
    assert error(lambda: client.show("no-such-model")).status_code == 404
    assert error(lambda: client.chat("no-such-model", says("x"))).status_code == 404
    assert error(lambda: client.pull("large")).status_code == 400


def broken_stream(target: Target) -> None:
    """A stream that dies is an error, and was never done."""
    seen: list[bool] = []
    prompt = says("[[standin tokens=40 fault=reset_after:9]] x")
    lines = client_of(target).chat(target.model, prompt, stream=True)
    error(lambda: seen.extend(line.done for line in lines))
    assert not any(seen)


FLOWS: tuple[Callable[[Target], None], ...] = (
    chat,
    stream,
    cut_short,
    generate,
    tools,
    structured,
    picture,
    lists,
    broken_stream,
)
