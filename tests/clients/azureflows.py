"""What users do with Azure's clients, against any address that a stand-in is behind.

Azure's own for model inference, and OpenAI's for Azure OpenAI. Each flow takes a `Place` and
asserts; nothing here knows whether a gateway lies between.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import openai
from azure.ai.inference import ChatCompletionsClient, EmbeddingsClient
from azure.ai.inference.models import (
    AssistantMessage,
    ChatCompletionsToolDefinition,
    FunctionDefinition,
    ImageContentItem,
    ImageUrl,
    JsonSchemaFormat,
    SystemMessage,
    TextContentItem,
    ToolMessage,
    UserMessage,
)
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUB"
    "AScY42YAAAAASUVORK5CYII="
)
CITY: Any = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 2}},
    "required": ["city", "days"],
}
WEATHER = ChatCompletionsToolDefinition(
    function=FunctionDefinition(name="get_weather", description="The weather.", parameters=CITY)
)
OPENAI_WEATHER: Any = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": CITY},
}
ONCE: Any = {"retry_total": 0}


@dataclass(frozen=True)
class Place:
    """Where to ask, as whom, for what; `url` is what a user sets as the endpoint."""

    url: str
    key: str
    model: str

    def chat(self, key: str | None = None, **options: Any) -> Any:
        """Return Azure's client for chat."""
        credential = AzureKeyCredential(key or self.key)
        return ChatCompletionsClient(self.url, credential, **ONCE, **options)

    def openai(self, key: str | None = None) -> openai.AzureOpenAI:
        """Return OpenAI's client for Azure OpenAI."""
        return openai.AzureOpenAI(
            azure_endpoint=self.url,
            api_key=key or self.key,
            api_version="2024-10-21",
            max_retries=0,
        )


def complete(place: Place) -> None:
    """A question, an answer, a count."""
    with place.chat() as client:
        answer = client.complete(
            model=place.model,
            messages=[SystemMessage("Be brief."), UserMessage("Grüße, 東京 😀!")],
            temperature=0.2,
            seed=7,
            stop=["nowhere"],
            max_tokens=50,
        )
    (choice,) = answer.choices
    assert choice.message.content == "Grüße, 東京 😀!"
    assert choice.finish_reason == "stop"
    assert answer.usage.completion_tokens == 4
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 4
    assert answer.created.year > 2020


def stream(place: Place) -> None:
    """An answer in pieces."""
    with place.chat() as client:
        updates = list(
            client.complete(
                model=place.model, messages=[UserMessage("Voilà, en morceaux.")], stream=True
            )
        )
    text = "".join(u.choices[0].delta.content or "" for u in updates if u.choices)
    assert text == "Voilà, en morceaux."
    assert updates[-1].choices[0].finish_reason == "stop"


def stream_with_usage(place: Place) -> None:
    """The count comes last where it is asked for, as an extra parameter."""
    with place.chat() as client:
        *updates, last = client.complete(
            model=place.model,
            messages=[UserMessage("[[standin tokens=40]] count")],
            stream=True,
            model_extras={"stream_options": {"include_usage": True}},
        )
    assert all(update.usage is None for update in updates)
    assert last.usage is not None
    assert last.usage.completion_tokens == 40


def tools(place: Place) -> None:
    """A tool is called, its result goes back, an answer comes."""
    asked = UserMessage("[[standin tool=get_weather]] Lisboa")
    with place.chat() as client:
        answer = client.complete(model=place.model, messages=[asked], tools=[WEATHER])
        (choice,) = answer.choices
        assert choice.finish_reason == "tool_calls"
        calls = choice.message.tool_calls
        assert calls is not None
        assert json.loads(calls[0].function.arguments) == {"city": "Lisboa", "days": 2}
        final = client.complete(
            model=place.model,
            messages=[
                asked,
                AssistantMessage(tool_calls=calls),
                ToolMessage("25 °C", tool_call_id=calls[0].id),
                UserMessage("So it is warm."),
            ],
            tools=[WEATHER],
            tool_choice="none",
        )
    assert final.choices[0].message.content == "So it is warm."


def tools_streamed(place: Place) -> None:
    """The pieces of a call's arguments join to JSON."""
    with place.chat() as client:
        updates = client.complete(
            model=place.model,
            messages=[UserMessage("Oslo")],
            tools=[WEATHER],
            tool_choice="required",
            stream=True,
        )
        arguments = name = ""
        for update in updates:
            for call in update.choices[0].delta.tool_calls or () if update.choices else ():
                arguments += call.function.arguments or ""
                name = name or call.function.name
    assert name == "get_weather"
    assert json.loads(arguments) == {"city": "Oslo", "days": 2}


def structured(place: Place) -> None:
    """Answers that a schema shapes, or that are some JSON object."""
    schema: Any = {"type": "object", "properties": {"name": {"type": "string"}}}
    schema |= {"required": ["name"], "additionalProperties": False}
    form = JsonSchemaFormat(name="person", schema=schema, strict=True)
    with place.chat() as client:
        answer = client.complete(
            model=place.model, messages=[UserMessage("Ann")], response_format=form
        )
        plain = client.complete(
            model=place.model,
            messages=[UserMessage("in JSON, please")],
            response_format="json_object",
        )
    assert set(json.loads(answer.choices[0].message.content)) == {"name"}
    assert isinstance(json.loads(plain.choices[0].message.content), dict)


def image(place: Place) -> None:
    """Text and a picture."""
    picture = ImageContentItem(image_url=ImageUrl(url=PIXEL))
    with place.chat() as client:
        answer = client.complete(
            model=place.model,
            messages=[UserMessage([TextContentItem(text="What is it?"), picture])],
        )
    assert answer.choices[0].message.content == "What is it?"
    assert answer.usage.prompt_tokens > 85


def defaults(place: Place) -> None:
    """A client that is made for one model."""
    with place.chat(model=place.model) as client:
        answer = client.complete(
            {"messages": [{"role": "user", "content": "hi"}], "model": place.model}
        )
    assert answer.choices[0].message.content == "hi"


def embed(place: Place) -> None:
    """A vector for each text."""
    credential = AzureKeyCredential(place.key)
    with EmbeddingsClient(place.url, credential, **ONCE) as client:
        answer = client.embed(model=place.model, input=["eins", "zwei"])
    assert [item.index for item in answer.data] == [0, 1]
    assert len(answer.data[0].embedding) == 16
    assert answer.usage.prompt_tokens == 4


def refusals(place: Place) -> None:
    """What is wrong has the status, the code and the words that the client reads."""
    cases: list[tuple[type[HttpResponseError], int, Any, Any]] = [
        (ClientAuthenticationError, 401, "wrong", {}),
        (ResourceNotFoundError, 404, None, {"model": "no-such-model"}),
        (HttpResponseError, 400, None, {"temperature": 9.0}),
        (HttpResponseError, 429, None, {"messages": [UserMessage("[[standin status=429]] hi")]}),
    ]
    for kind, status, key, changed in cases:
        for is_stream in (False, True):
            asked: Any = {"model": place.model, "messages": [UserMessage("hi")], **changed}
            with place.chat(key) as client:
                try:
                    client.complete(**asked, stream=is_stream)
                except kind as error:
                    assert error.status_code == status, error
                    assert error.error is not None
                    assert error.error.code
                else:
                    raise AssertionError(f"{changed} was taken")


def broken_stream(place: Place) -> None:
    """A stream that fails is told from one that ends."""
    for fault in ("close_after:4", "malformed_json:4"):
        with place.chat() as client:
            updates = client.complete(
                model=place.model,
                messages=[UserMessage(f"[[standin fault={fault}]] one two three")],
                stream=True,
            )
            try:
                for _ in updates:
                    pass
            except (AzureError, ValueError):
                continue
        raise AssertionError(f"{fault} went unnoticed")


def openai_chat(place: Place) -> None:
    """Azure OpenAI: the deployment in the path."""
    with place.openai() as client:
        answer = client.chat.completions.create(
            model=place.model, messages=[{"role": "user", "content": "Grüße, 東京 😀!"}]
        )
    assert answer.choices[0].message.content == "Grüße, 東京 😀!"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 4
    assert answer.id


def openai_stream(place: Place) -> None:
    """In pieces, with the count last."""
    with place.openai() as client:
        *chunks, last = client.chat.completions.create(
            model=place.model,
            messages=[{"role": "user", "content": "Voilà, en morceaux."}],
            stream=True,
            stream_options={"include_usage": True},
        )
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == (
        "Voilà, en morceaux."
    )
    assert last.usage is not None
    assert last.usage.completion_tokens == 7


def openai_tools(place: Place) -> None:
    """Tools, in pieces."""
    with place.openai() as client:
        chunks = client.chat.completions.create(
            model=place.model,
            messages=[{"role": "user", "content": "Oslo"}],
            tools=[OPENAI_WEATHER],
            tool_choice="required",
            stream=True,
        )
        pieces = [
            call
            for chunk in chunks
            for call in (chunk.choices[0].delta.tool_calls or () if chunk.choices else ())
        ]
    joined = "".join(p.function.arguments or "" for p in pieces if p.function)
    assert json.loads(joined) == {"city": "Oslo", "days": 2}


def openai_others(place: Place) -> None:
    """Completions and embeddings."""
    with place.openai() as client:
        text = client.completions.create(model=place.model, prompt="once upon", max_tokens=20)
        vectors = client.embeddings.create(model=place.model, input=["eins", "zwei"])
    assert text.choices[0].text == "once upon"
    assert len(vectors.data) == 2
    assert len(vectors.data[0].embedding) == 16


def openai_responses(place: Place) -> None:
    """Responses, whole and as events."""
    with place.openai() as client:
        answer = client.responses.create(model=place.model, input="hello")
        events = list(client.responses.create(model=place.model, input="hello", stream=True))
    assert answer.output_text == "hello"
    assert events[-1].type == "response.completed"


def openai_refusals(place: Place) -> None:
    """What is wrong."""
    cases: list[tuple[type[openai.APIStatusError], Any, Any]] = [
        (openai.AuthenticationError, "wrong", {}),
        (openai.NotFoundError, None, {"model": "no-such-model"}),
        (openai.BadRequestError, None, {"temperature": 9.0}),
    ]
    for kind, key, changed in cases:
        asked: Any = {"model": place.model, "messages": [{"role": "user", "content": "hi"}]}
        with place.openai(key) as client:
            try:
                client.chat.completions.create(**{**asked, **changed})
            except kind as error:
                assert error.code
                assert error.message
            else:
                raise AssertionError(f"{changed} was taken")


INFERENCE: dict[str, Callable[[Place], None]] = {
    flow.__name__: flow
    for flow in (
        complete, stream, stream_with_usage, tools, tools_streamed, structured, image, defaults,
        embed, refusals, broken_stream,
    )
}  # fmt: skip
AZURE_OPENAI: dict[str, Callable[[Place], None]] = {
    flow.__name__: flow
    for flow in (
        openai_chat,
        openai_stream,
        openai_tools,
        openai_others,
        openai_responses,
        openai_refusals,
    )
}
FLOWS = {**INFERENCE, **AZURE_OPENAI}
