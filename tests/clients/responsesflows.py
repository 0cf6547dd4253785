"""What users do with OpenAI's Responses through OpenAI's own client, whoever serves the model.

Each flow takes a `Target`; what the stand-in is to do is said inside the prompt.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from openai import APIError, BadRequestError, NotFoundError
from pydantic import BaseModel

from tests.clients.flows import WEATHER, Target

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUB"
    "AScY42YAAAAASUVORK5CYII="
)
TOOL: Any = {"type": "function", **WEATHER["function"]}


class Person(BaseModel):
    """A form for answers."""

    name: str
    age: int


def text(target: Target) -> None:
    """A question, an answer, a count that is the provider's own; and nothing is kept."""
    with target.client() as client:
        answer = client.responses.create(
            model=target.model, instructions="Be brief.", input="Grüße, 東京 😀!"
        )
    assert answer.output_text == "Grüße, 東京 😀!"
    assert answer.status == "completed" and answer.to_dict()["store"] is False
    kept = target.requests()[-1]
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (
        kept.prompt_tokens,
        kept.planned_tokens,
    )


def stream(target: Target) -> None:
    """Events in their order, each with its number, and the whole at the end."""
    with target.client() as client:
        events = list(
            client.responses.create(model=target.model, input="Hello there, you", stream=True)
        )
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    said = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == said == "Hello there, you"
    kept = target.requests()[-1]
    assert last.response.usage is not None
    assert last.response.usage.output_tokens == kept.planned_tokens


def cut_short(target: Target) -> None:
    """An answer that reached its limit says so, whole and as a stream."""
    with target.client() as client:
        asked: Any = {"model": target.model, "input": "one two three four", "max_output_tokens": 2}
        whole = client.responses.create(**asked)
        *_, last = client.responses.create(**asked, stream=True)
    assert whole.status == "incomplete" and last.type == "response.incomplete"
    for answer in (whole, last.response):
        assert answer.incomplete_details is not None
        assert answer.incomplete_details.reason == "max_output_tokens"


def tools(target: Target) -> None:
    """A call, its result sent back with the items as they came, and the answer."""
    with target.client() as client:
        asked: Any = {"model": target.model, "tools": [TOOL], "tool_choice": "required"}
        answer = client.responses.create(**asked, input="Paris")
        calls = [item for item in answer.output if item.type == "function_call"]
        assert [call.name for call in calls] == ["get_weather"]
        assert set(json.loads(calls[0].arguments)) == {"city", "days"}
        result = {"type": "function_call_output", "call_id": calls[0].call_id, "output": "sunny"}
        final = client.responses.create(
            model=target.model,
            tools=[TOOL],
            input=[{"role": "user", "content": "Paris?"}, *answer.output, result],  # type: ignore[list-item]
        )
        assert final.output_text == "Paris?"
        streamed = list(client.responses.create(**asked, input="Paris", stream=True))
    deltas = [e.delta for e in streamed if e.type == "response.function_call_arguments.delta"]
    done = next(e for e in streamed if e.type == "response.function_call_arguments.done")
    assert done.arguments == "".join(deltas) and json.loads(done.arguments)


def structured(target: Target) -> None:
    """Answers in a form, whole and as a stream, read by the client's own helpers."""
    with target.client() as client:
        asked: Any = {"model": target.model, "input": "somebody", "text_format": Person}
        assert client.responses.parse(**asked).output_parsed is not None
        with client.responses.stream(**asked) as events:
            final = events.get_final_response()
    assert isinstance(final.output_parsed, Person)


def picture(target: Target) -> None:
    """A picture as data; an address is never fetched."""
    with target.client() as client:

        def asked(address: str) -> Any:
            part = {"type": "input_image", "image_url": address, "detail": "auto"}
            content: Any = [{"type": "input_text", "text": "See"}, part]
            return client.responses.create(
                model=target.model, input=[{"role": "user", "content": content}]
            )

        assert asked(PIXEL).output_text == "See"
        with pytest.raises(BadRequestError, match="never fetched"):
            asked("https://example.org/a.png")


def refused(target: Target) -> None:
    """What needs something kept, or a tool of OpenAI's, is refused by name."""
    with target.client() as client:
        for fields in (
            {"previous_response_id": "resp_1"},
            {"store": True},
            {"background": True},
            {"tools": [{"type": "web_search"}]},
        ):
            with pytest.raises(BadRequestError) as caught:
                asked: Any = {"model": target.model, "input": "x", **fields}
                client.responses.create(**asked)
            assert caught.value.code == "unsupported_parameter"
        with pytest.raises(NotFoundError):
            client.responses.create(model="no-such-model", input="x")


def broken_stream(target: Target) -> None:
    """A stream that dies is an error, never an end."""
    with target.client() as client:
        events = client.responses.create(
            model=target.model, input="[[standin tokens=40 fault=reset_after:9]] x", stream=True
        )
        seen: list[str] = []
        with pytest.raises(APIError):
            seen.extend(event.type for event in events)
    assert "response.completed" not in seen


def thoughts(target: Target) -> None:
    """What was thought, with its maker's seal, comes, goes back and reaches the provider again."""
    with target.client() as client:
        asked: Any = {
            "model": target.model,
            "reasoning": {"effort": "low", "summary": "auto"},
            "include": ["reasoning.encrypted_content"],
            "tools": [TOOL],
        }
        prompt = '[[standin thinking="hm hm" tool=get_weather]] Paris'
        whole = client.responses.create(**asked, input=prompt)
        *_, last = client.responses.create(**asked, input=prompt, stream=True)
        assert last.type == "response.completed"
        for answer in (whole, last.response):
            thought, call = answer.output
            assert thought.type == "reasoning" and call.type == "function_call"
            assert thought.summary[0].text and thought.encrypted_content
            result = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
            items: Any = [{"role": "user", "content": "Paris?"}, *answer.output, result]
            client.responses.create(**asked, input=items)
            sent = target.requests()[-1].body or ""
            assert "ignature" in sent, sent  # as each maker spells it


FLOWS: tuple[Callable[[Target], None], ...] = (
    text,
    stream,
    cut_short,
    tools,
    structured,
    picture,
    refused,
    broken_stream,
)
