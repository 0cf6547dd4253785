"""What users do with Anthropic's own Python client, against any address that a stand-in is behind.

Each flow takes a `Target` and asserts; nothing here knows whether a gateway lies between. What
the stand-in is to do is said by a directive inside the prompt, which gets through anything.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tramontane.providers.standin import Request

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4"
PDF = "JVBERi0xLjQKJSVFT0YK"


@dataclass(frozen=True)
class Target:
    """Whom to ask by which client, for what; `requests` is the stand-in's own record. `is_native`:
    what answers speaks this dialect too, so nothing of it is lost on the way.
    """

    client: Any
    model: str
    requests: Callable[[], list[Request]]
    is_native: bool = True
    is_gateway: bool = True

    def ask(self, content: Any, **fields: Any) -> Any:
        """Return the message that answers `content`."""
        return self.client.messages.create(**self.request(content, **fields))

    def request(self, content: Any, **fields: Any) -> dict[str, Any]:
        """Return the arguments of a request for `content`, or for the turns that it is."""
        is_turns = isinstance(content, list) and content and "role" in content[0]
        turns = content if is_turns else [{"role": "user", "content": content}]
        return {"model": self.model, "max_tokens": 2000, "messages": turns, **fields}


WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
THINKING = {"type": "enabled", "budget_tokens": 1024}


def a_message(target: Target) -> None:
    answer = target.ask("hello there", system="Be brief", metadata={"user_id": "u-1"})
    assert answer.type == "message"
    assert answer.role == "assistant"
    assert answer.id.startswith("msg_")
    assert [block.text for block in answer.content] == ["hello there"]
    assert (answer.stop_reason, answer.stop_sequence) == ("end_turn", None)
    seen = target.requests()[-1]
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (seen.prompt_tokens, 4)
    assert seen.user == "u-1"


def a_raw_stream(target: Target) -> None:
    events = list(target.client.messages.create(**target.request("hello there"), stream=True))
    kinds = [event.type for event in events]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(kinds[2:-3]) == {"content_block_delta"}
    assert "".join(event.delta.text for event in events[2:-3]) == "hello there"
    assert events[-2].delta.stop_reason == "end_turn"
    assert events[-2].usage.output_tokens == 4


def a_helped_stream(target: Target) -> None:
    with target.client.messages.stream(**target.request("one two three four")) as stream:
        assert "".join(stream.text_stream) == "one two three four"
        final = stream.get_final_message()
    seen = target.requests()[-1]
    assert final.usage.input_tokens == seen.prompt_tokens
    assert final.usage.output_tokens == seen.completion_tokens
    assert final.stop_reason == "end_turn"


def an_async_stream(target: Target) -> None:
    import anthropic

    async def run() -> str:
        async with (
            anthropic.AsyncAnthropic(
                base_url=target.client.base_url, api_key=target.client.api_key, max_retries=0
            ) as client,
            client.messages.stream(**target.request("hello there")) as stream,
        ):
            return await stream.get_final_text()

    assert asyncio.run(run()) == "hello there"


def a_limit(target: Target) -> None:
    answer = target.ask("[[standin tokens=50]] go", max_tokens=10)
    assert answer.stop_reason == "max_tokens"
    assert answer.usage.output_tokens == 10


def stop_sequences(target: Target) -> None:
    answer = target.ask("before STOP after", stop_sequences=["STOP"])
    assert answer.content[0].text == "before "
    if target.is_native:
        assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", "STOP")


def a_tool_s_round(target: Target) -> None:
    question = {"role": "user", "content": "[[standin tool=auto]] Bern"}
    first = target.ask([question], tools=[WEATHER])
    call = first.content[-1]
    assert first.stop_reason == "tool_use"
    assert (call.type, call.name, call.input) == ("tool_use", "get_weather", {"city": "Bern"})
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "rain"}
    turns = [
        question,
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [result, {"type": "text", "text": "and so?"}]},
    ]
    assert target.ask(turns, tools=[WEATHER]).content[0].text == "and so?"


def tools_in_a_stream(target: Target) -> None:
    calls = "[[standin tool=auto]] Bern"
    with target.client.messages.stream(**target.request(calls, tools=[WEATHER])) as stream:
        pieces = [event.partial_json for event in stream if event.type == "input_json"]
        final = stream.get_final_message()
    assert json.loads("".join(pieces)) == {"city": "Bern"}
    assert final.content[-1].input == {"city": "Bern"}
    assert final.stop_reason == "tool_use"


def several_calls(target: Target) -> None:
    with target.client.messages.stream(**target.request("call twice", tools=[WEATHER])) as stream:
        final = stream.get_final_message()
    assert [block.input for block in final.content] == [{"city": "Bern"}, {}]
    assert len({block.id for block in final.content}) == 2


def a_demanded_tool(target: Target) -> None:
    for choice in ({"type": "any"}, {"type": "tool", "name": "get_weather"}):
        answer = target.ask("Bern", tools=[WEATHER], tool_choice=choice)
        assert answer.content[0].name == "get_weather"
    answer = target.ask("[[standin tool=auto]] Bern", tools=[WEATHER], tool_choice={"type": "none"})
    assert answer.content[0].text == "Bern"


def images_and_documents(target: Target) -> None:
    image = {"type": "base64", "media_type": "image/png", "data": PNG}
    pdf = {"type": "base64", "media_type": "application/pdf", "data": PDF}
    content = [
        {"type": "image", "source": image},
        {"type": "document", "source": pdf, "title": "Report"},
        {"type": "text", "text": "what is this"},
    ]
    answer = target.ask(content)
    assert answer.content[0].text == "what is this"
    assert PNG in (target.requests()[-1].body or "")
    assert PDF in (target.requests()[-1].body or "")


def structured_output(target: Target) -> None:
    from pydantic import BaseModel

    class Person(BaseModel):
        name: str
        age: int

    answer = target.client.messages.parse(**target.request("Ada", output_format=Person))
    assert answer.parsed_output is not None
    assert answer.parsed_output.name


def a_prefill(target: Target) -> None:
    turns = [{"role": "user", "content": "go on"}, {"role": "assistant", "content": "Well,"}]
    assert target.ask(turns).content[0].text


def token_counts(target: Target) -> None:
    counted = target.client.messages.count_tokens(
        model=target.model, messages=[{"role": "user", "content": "hello there " * 20}]
    )
    assert 20 < counted.input_tokens < 200


def thinking(target: Target) -> None:
    """Shown, and taken back with its seal."""
    first = target.ask("hello there", thinking=THINKING)
    assert [block.type for block in first.content] == ["thinking", "text"]
    assert first.content[0].thinking
    assert first.content[0].signature
    with target.client.messages.stream(**target.request("hello", thinking=THINKING)) as stream:
        final = stream.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "text"]
    assert final.content[0].signature == first.content[0].signature
    turns = [
        {"role": "user", "content": "hello there"},
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": "again"},
    ]
    answer = target.ask(turns, thinking=THINKING)
    assert answer.content[-1].text == "again"
    assert answer.usage.output_tokens == target.requests()[-1].completion_tokens


def the_cache(target: Target) -> None:
    marked = {
        "type": "text", "text": "long " * 50, "cache_control": {"type": "ephemeral"}
    }  # fmt: skip
    answer = target.ask("[[standin cached_tokens=10]] hello", system=[marked])
    seen, usage = target.requests()[-1], answer.usage
    assert usage.cache_read_input_tokens == 10 == seen.cached_tokens
    assert usage.cache_creation_input_tokens == seen.cache_write_tokens > 0
    total = usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens
    assert total == seen.prompt_tokens


def refusals(target: Target) -> None:
    import anthropic

    for status, kind, error in (
        (400, "invalid_request_error", anthropic.BadRequestError),
        (429, "rate_limit_error", anthropic.RateLimitError),
        (500, "api_error", anthropic.InternalServerError),
    ):
        with pytest.raises(error) as caught:
            target.ask(f"[[standin status={status}]] hello")
        assert caught.value.type == kind
    with pytest.raises(anthropic.InternalServerError) as busy:
        target.ask(f"[[standin status={529 if target.is_native else 503}]] hello")
    assert busy.value.type == "overloaded_error"
    with pytest.raises(anthropic.BadRequestError):
        target.ask("hello", max_tokens=0)
    with pytest.raises(anthropic.BadRequestError):
        target.ask([{"role": "tool", "content": "x"}])
    with pytest.raises(anthropic.AuthenticationError) as denied:
        target.client.with_options(api_key="wrong").messages.create(**target.request("hello"))
    assert denied.value.type == "authentication_error"
    with pytest.raises(anthropic.NotFoundError):
        target.ask("hello", model="no-such-model")


def streams_that_die(target: Target) -> None:
    import anthropic

    for fault in ("error_event:5", "close_after:5", "reset_after:5", "malformed_json:5"):
        request = target.request(f"[[standin fault={fault}]] one two three four five")
        with (
            pytest.raises(Exception) as caught,
            target.client.messages.stream(**request) as stream,
        ):
            stream.get_final_message()
        if target.is_gateway:
            assert isinstance(caught.value, anthropic.APIStatusError), fault


def retries(target: Target) -> None:
    patient = target.client.with_options(max_retries=2)
    answer = patient.messages.create(**target.request("retry me"))
    assert answer.content[0].text == "third time lucky"


EVERYWHERE = [
    a_message, a_raw_stream, a_helped_stream, an_async_stream, a_limit, stop_sequences,
    a_tool_s_round, tools_in_a_stream, several_calls, a_demanded_tool, images_and_documents,
    structured_output, token_counts, refusals, streams_that_die,
]  # fmt: skip
NATIVE = [thinking, the_cache, a_prefill, retries]
