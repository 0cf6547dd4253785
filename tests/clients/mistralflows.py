"""What users do with Mistral's own Python client, against any address a stand-in is behind.

Each flow takes a `Place` and asserts; nothing here knows whether a gateway lies between, nor which
release of the client is installed: as a program of its own it runs with the next one.
"""

import asyncio
import json
import sys
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

from mistralai.client import Mistral
from mistralai.client.errors import HTTPValidationError, MistralError

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUB"
    "AScY42YAAAAASUVORK5CYII="
)
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 2}},
            "required": ["city", "days"],
        },
    },
}
PERSON: Any = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Place:
    """Where to ask, as whom, for what; `is_mistral`: a provider of the dialect answers."""

    url: str
    key: str
    model: str
    is_mistral: bool = True

    def client(self, key: str | None = None) -> Any:
        """Return a client for a `with`: one for all flows, since making one takes long."""
        return nullcontext(_client(self.url, key or self.key))


@cache
def _client(url: str, key: str) -> Mistral:
    return Mistral(api_key=key, server_url=url)


def says(text: str) -> Any:
    """Return messages in which a user says `text`."""
    return [{"role": "user", "content": text}]


def chat(place: Place) -> None:
    """A question, an answer, a count."""
    with place.client() as client:
        answer = client.chat.complete(
            model=place.model,
            messages=[{"role": "system", "content": "Be brief."}, *says("Grüße, 東京 😀!")],
            temperature=0.2,
            random_seed=7,
            stop=["nowhere"],
        )
    (choice,) = answer.choices
    assert choice.message.content == "Grüße, 東京 😀!"
    assert choice.finish_reason == "stop"
    assert answer.usage.prompt_tokens > 0
    assert answer.usage.completion_tokens == 4
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 4


def stream(place: Place) -> None:
    """An answer in pieces, the count with the last."""
    with place.client() as client:
        chunks = [
            event.data
            for event in client.chat.stream(
                model=place.model, messages=says("[[standin cached_tokens=3]] Voilà, en morceaux.")
            )
        ]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == "Voilà, en morceaux."
    assert chunks[0].choices[0].delta.role == "assistant"
    reasons = [chunk.choices[0].finish_reason for chunk in chunks]
    assert reasons == [None] * (len(chunks) - 1) + ["stop"]
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert chunks[-1].usage.completion_tokens == 7
    extra = chunks[-1].usage.model_dump()
    assert extra["num_cached_tokens"] == 3


def tools(place: Place) -> None:
    """A tool is called, its result goes back, an answer comes."""
    messages = says("[[standin tool=get_weather]] Lisboa")
    with place.client() as client:
        answer = client.chat.complete(model=place.model, messages=messages, tools=[WEATHER])
        (choice,) = answer.choices
        assert choice.finish_reason == "tool_calls"
        (call,) = choice.message.tool_calls
        assert call.function.name == "get_weather"
        assert json.loads(call.function.arguments) == {"city": "Lisboa", "days": 2}
        result = {"role": "tool", "tool_call_id": call.id, "name": "get_weather", "content": "25"}
        final = client.chat.complete(
            model=place.model,
            messages=[*messages, choice.message, result, *says("So it is warm.")],
            tools=[WEATHER],
            tool_choice="none",
        )
    assert final.choices[0].message.content == "So it is warm."


def tools_streamed(place: Place) -> None:
    """A call stands whole in one chunk, with the finish reason and the count."""
    with place.client() as client:
        chunks = [
            event.data
            for event in client.chat.stream(
                model=place.model, messages=says("Oslo"), tools=[WEATHER], tool_choice="any"
            )
        ]
    calling = [chunk for chunk in chunks if chunk.choices[0].delta.tool_calls]
    assert calling == [chunks[-1]]
    (call,) = chunks[-1].choices[0].delta.tool_calls
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "Oslo", "days": 2}
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    assert chunks[-1].usage.completion_tokens > 0


def named_tool(place: Place) -> None:
    """One tool is demanded by name."""
    choice: Any = {"type": "function", "function": {"name": "get_weather"}}
    with place.client() as client:
        answer = client.chat.complete(
            model=place.model, messages=says("Oslo"), tools=[WEATHER], tool_choice=choice
        )
    assert answer.choices[0].message.tool_calls[0].function.name == "get_weather"
    assert answer.choices[0].finish_reason == "tool_calls"


def structured(place: Place) -> None:
    """Answers that a schema shapes, or that are some JSON object."""
    schema = {"name": "person", "schema": PERSON, "strict": True}
    form: Any = {"type": "json_schema", "json_schema": schema}
    with place.client() as client:
        answer = client.chat.complete(model=place.model, messages=says("Ann"), response_format=form)
        plain = client.chat.complete(
            model=place.model,
            messages=says("in JSON, please"),
            response_format={"type": "json_object"},
        )
    assert set(json.loads(answer.choices[0].message.content)) == {"name", "age"}
    assert isinstance(json.loads(plain.choices[0].message.content), dict)


def image(place: Place) -> None:
    """Text and a picture, in both spellings."""
    with place.client() as client:
        counts = []
        for url in (PIXEL, {"url": PIXEL}):
            content: Any = [{"type": "text", "text": "What is it?"}]
            content.append({"type": "image_url", "image_url": url})
            answer = client.chat.complete(
                model=place.model, messages=[{"role": "user", "content": content}]
            )
            assert answer.choices[0].message.content == "What is it?"
            counts.append(answer.usage.prompt_tokens)
    assert counts[0] == counts[1] > 85


def prefix(place: Place) -> None:
    """The answer goes on from the assistant's own words, and begins with them."""
    begun: Any = {"role": "assistant", "content": "Once upon", "prefix": True}
    with place.client() as client:
        messages = [*says("[[standin tokens=2]] A tale"), begun]
        answer = client.chat.complete(model=place.model, messages=messages)
        events = list(client.chat.stream(model=place.model, messages=messages))
    said = answer.choices[0].message.content
    assert said.startswith("Once upon")
    assert len(said) == len("Once upon") + 6
    assert "".join(event.data.choices[0].delta.content or "" for event in events) == said


def safe_prompt(place: Place) -> None:
    """A field that only this dialect has."""
    with place.client() as client:
        answer = client.chat.complete(model=place.model, messages=says("hi"), safe_prompt=True)
    assert answer.choices[0].message.content == "hi"


def several(place: Place) -> None:
    """Two answers to one question, each with its end."""
    with place.client() as client:
        answer = client.chat.complete(model=place.model, messages=says("twice"), n=2)
        events = list(client.chat.stream(model=place.model, messages=says("twice"), n=2))
    assert [choice.message.content for choice in answer.choices] == ["twice", "twice"]
    texts = ["", ""]
    for event in events:
        for choice in event.data.choices:
            texts[choice.index] += choice.delta.content or ""
    assert texts == ["twice", "twice"]
    assert events[-1].data.usage.completion_tokens == 4


def thinking(place: Place) -> None:
    """What a model thinks stands before what it says, in chunks of its own."""
    asked: Any = says("[[standin thinking=hmmmmm]] So?")
    with place.client() as client:
        answer = client.chat.complete(model=place.model, messages=asked, reasoning_effort="high")
        events = list(
            client.chat.stream(model=place.model, messages=asked, reasoning_effort="high")
        )
    thought, said = answer.choices[0].message.content
    assert thought.type == "thinking"
    assert thought.thinking[0].text == "hmmmmm"
    assert said.text == "So?"
    told = text = ""
    for event in events:
        content = event.data.choices[0].delta.content or ""
        if isinstance(content, str):
            text += content
        else:
            told += "".join(part.text for chunk in content for part in chunk.thinking)
    assert (told, text) == ("hmmmmm", "So?")
    assert events[-1].data.usage.completion_tokens == answer.usage.completion_tokens


def fim(place: Place) -> None:
    """What stands between two pieces of code, whole and in pieces."""
    with place.client() as client:
        answer = client.fim.complete(model=place.model, prompt="def f(", suffix="return a + b")
        events = list(client.fim.stream(model=place.model, prompt="def f(", suffix="return"))
    assert answer.choices[0].message.content == "def f("
    assert answer.usage.completion_tokens == 2
    assert "".join(e.data.choices[0].delta.content or "" for e in events) == "def f("
    assert events[-1].data.usage.completion_tokens == 2


def embeddings(place: Place) -> None:
    """A vector for each text."""
    with place.client() as client:
        answer = client.embeddings.create(model=place.model, inputs=["eins", "zwei"])
    assert [item.index for item in answer.data] == [0, 1]
    assert len(answer.data[0].embedding) == 16
    assert answer.data[0].embedding != answer.data[1].embedding
    assert answer.usage.prompt_tokens == 4


def models(place: Place) -> None:
    """What there is."""
    with place.client() as client:
        listed = client.models.list()
        card = client.models.retrieve(model_id=place.model)
    assert place.model in [model.id for model in listed.data]
    assert card.id == place.model
    assert card.capabilities.completion_chat


def asynchronous(place: Place) -> None:
    """The client's other half."""

    async def ask() -> str:
        async with Mistral(api_key=place.key, server_url=place.url) as client:
            text = ""
            events = await client.chat.stream_async(model=place.model, messages=says("später"))
            async for event in events:
                text += event.data.choices[0].delta.content or ""
            return text

    assert asyncio.run(ask()) == "später"


def invalid(place: Place) -> None:
    """What is wrong in a request is a 422 that names the field."""
    with place.client() as client:
        try:
            client.chat.complete(model=place.model, messages=says("hi"), temperature=9.0)
        except HTTPValidationError as error:
            assert error.status_code == 422
            detail = error.data.detail
            assert detail is not None
            assert detail[0].loc == ["body", "temperature"]
            return
    raise AssertionError("it was taken")


def unknown_model(place: Place) -> None:
    """A model that is not there."""
    _refused(place, 404, model="no-such-model")


def wrong_key(place: Place) -> None:
    """A key that nobody knows."""
    _refused(place, 401, key="wrong", model=place.model)


def busy(place: Place) -> None:
    """A provider that limits."""
    _refused(place, 429, model=place.model, text="[[standin status=429]] hi")


def _refused(
    place: Place, status: int, *, model: str, text: str = "hi", key: str | None = None
) -> None:
    for is_stream in (False, True):
        with place.client(key) as client:
            ask = client.chat.stream if is_stream else client.chat.complete
            try:
                ask(model=model, messages=says(text))
            except MistralError as error:
                assert error.status_code == status, error
            else:
                raise AssertionError("it was answered")


def broken_stream(place: Place) -> None:
    """A stream that fails is told from one that ends."""
    for fault in ("error_event:3", "close_after:3", "malformed_json:3"):
        said = ""
        with place.client() as client:
            try:
                for event in client.chat.stream(
                    model=place.model, messages=says(f"[[standin fault={fault}]] one two three")
                ):
                    said += event.data.choices[0].delta.content or ""
            except Exception:  # noqa: BLE001 - the client has no one class for it
                continue
        raise AssertionError(f"{fault} went unnoticed after {said!r}")


FLOWS: dict[str, Callable[[Place], None]] = {
    flow.__name__: flow
    for flow in (
        chat, stream, tools, tools_streamed, named_tool, structured, image, prefix, safe_prompt,
        several, thinking, fim, embeddings, models, asynchronous, invalid, unknown_model,
        wrong_key, busy, broken_stream,
    )
}  # fmt: skip


def main(url: str, key: str, model: str) -> None:
    """Run every flow; print as JSON what each ended with, "" where it was well."""
    place = Place(url, key, model)
    ended = {}
    for name, flow in FLOWS.items():
        try:
            flow(place)
            ended[name] = ""
        except Exception:  # noqa: BLE001 - whatever it is, it is told
            ended[name] = traceback.format_exc(limit=-3)
    sys.stdout.write(json.dumps(ended))


if __name__ == "__main__":
    main(*sys.argv[1:])
