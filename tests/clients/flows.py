"""What users do with OpenAI's own Python client, against any address that a stand-in is behind.

Each flow takes a `Target` and asserts; nothing here knows whether a gateway lies between. What
the stand-in is to do is said by a directive inside the prompt, which gets through anything.
"""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from openai import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    DefaultHttpxClient,
    InternalServerError,
    NotFoundError,
    OpenAI,
    RateLimitError,
)
from pydantic import BaseModel

from tramontane.providers.standin import Request

PATIENCE_S = 20.0


@dataclass(frozen=True)
class Target:
    """Where to ask, as whom, for what; `requests` is the stand-in's own record."""

    base_url: str
    api_key: str
    model: str
    requests: Callable[[], list[Request]]

    def client(self, **options: Any) -> OpenAI:
        """Return a client that does not retry unless told to."""
        chosen = {"base_url": self.base_url, "api_key": self.api_key, "max_retries": 0, **options}
        if "http_client" not in chosen:  # as it would make one, but for a world's certificates
            chosen["http_client"] = DefaultHttpxClient(verify=False)
        return OpenAI(**chosen)


def says(text: str) -> Any:
    """Return messages in which a user says `text`."""
    return [{"role": "user", "content": text}]


WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer", "minimum": 2},
            },
            "required": ["city", "days"],
        },
    },
}


def chat(target: Target) -> None:
    """A question, an answer, and a count that is the stand-in's own."""
    with target.client() as client:
        answer = client.chat.completions.create(
            model=target.model,
            messages=[{"role": "system", "content": "Be brief."}, *says("Grüße, 東京 😀!")],
            temperature=0.2,
            seed=7,
        )
    (choice,) = answer.choices
    assert choice.message.content == "Grüße, 東京 😀!"
    assert choice.message.role == "assistant"
    assert choice.finish_reason == "stop"
    sent = target.requests()[-1]
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == sent.prompt_tokens
    assert answer.usage.completion_tokens == sent.completion_tokens > 0
    assert answer.usage.total_tokens == sent.prompt_tokens + sent.completion_tokens


def raw_response(target: Target) -> None:
    """The headers that a careful user reads."""
    with target.client() as client:
        raw = client.chat.completions.with_raw_response.create(
            model=target.model, messages=says("hello")
        )
        assert raw.status_code == 200
        assert raw.headers["content-type"].startswith("application/json")
        assert raw.headers["x-request-id"]
        assert raw.parse().choices[0].message.content == "hello"


def stream(target: Target) -> None:
    """An answer in pieces, without a count that was not asked for."""
    with target.client() as client:
        chunks = list(
            client.chat.completions.create(
                model=target.model, messages=says("Voilà, en morceaux."), stream=True
            )
        )
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "Voilà, en morceaux."
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert all(chunk.usage is None for chunk in chunks)
    assert len({chunk.id for chunk in chunks}) == 1


def stream_with_usage(target: Target) -> None:
    """The count comes last, in an event without choices."""
    with target.client() as client:
        *chunks, last = client.chat.completions.create(
            model=target.model,
            messages=says("[[standin tokens=40 cached_tokens=3]] count"),
            stream=True,
            stream_options={"include_usage": True},
        )
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.completion_tokens == 40
    assert last.usage.prompt_tokens_details is not None
    assert last.usage.prompt_tokens_details.cached_tokens == 3


def tools(target: Target) -> None:
    """A tool is called, its result goes back, an answer comes."""
    messages = says("[[standin tool=get_weather]] Lisboa")
    with target.client() as client:
        answer = client.chat.completions.create(
            model=target.model, messages=messages, tools=[WEATHER], parallel_tool_calls=False
        )
        message = answer.choices[0].message
        assert answer.choices[0].finish_reason == "tool_calls"
        assert message.content is None
        assert message.tool_calls is not None
        (call,) = message.tool_calls
        assert call.type == "function"
        assert call.function.name == "get_weather"
        assert json.loads(call.function.arguments) == {"city": "Lisboa", "days": 2}
        result: Any = {"role": "tool", "tool_call_id": call.id, "content": "25 °C"}
        said: Any = message.model_dump(exclude_none=True)
        final = client.chat.completions.create(
            model=target.model,
            messages=[*messages, said, result, *says("So it is warm.")],
            tools=[WEATHER],
            tool_choice="none",
        )
    assert final.choices[0].message.content == "So it is warm."


def tools_streamed(target: Target) -> None:
    """The pieces of a call's arguments join to JSON."""
    with target.client() as client:
        chunks = client.chat.completions.create(
            model=target.model,
            messages=says("Oslo"),
            tools=[WEATHER],
            tool_choice="required",
            stream=True,
        )
        choices = [chunk.choices[0] for chunk in chunks]
    pieces = [call for choice in choices for call in choice.delta.tool_calls or ()]
    assert pieces[0].id
    assert pieces[0].function is not None
    assert pieces[0].function.name == "get_weather"
    joined = "".join(p.function.arguments or "" for p in pieces if p.function)
    assert json.loads(joined) == {"city": "Oslo", "days": 2}
    assert len(pieces) > 3
    assert choices[-1].finish_reason == "tool_calls"


class Person(BaseModel):
    """What a structured answer is asked to be."""

    name: str
    age: int


def structured(target: Target) -> None:
    """An answer that a schema shapes, as the client's own helper asks for it."""
    with target.client() as client:
        answer = client.chat.completions.parse(
            model=target.model, messages=says("Ann"), response_format=Person
        )
        plain = client.chat.completions.create(
            model=target.model,
            messages=says("in JSON, please"),
            response_format={"type": "json_object"},
        )
    person = answer.choices[0].message.parsed
    assert person is not None
    assert person.name == "Ann"
    assert json.loads(plain.choices[0].message.content or "") == {"answer": "in JSON, please"}


def options(target: Target) -> None:
    """n, stop, max_tokens and logprobs do what they say."""
    with target.client() as client:
        several = client.chat.completions.create(
            model=target.model, messages=says("one two"), n=3, stop=[" two"]
        )
        assert [choice.message.content for choice in several.choices] == ["one"] * 3
        short = client.chat.completions.create(
            model=target.model, messages=says("a long text"), max_tokens=2
        )
        assert short.choices[0].finish_reason == "length"
        assert short.usage is not None
        assert short.usage.completion_tokens == 2
        likely = client.chat.completions.create(
            model=target.model, messages=says("abcdef"), logprobs=True, top_logprobs=2
        )
    logprobs = likely.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert [entry.token for entry in logprobs.content] == ["abc", "def"]
    assert len(logprobs.content[0].top_logprobs) == 2


def unknown_model(target: Target) -> None:
    """404 that says so."""
    with target.client() as client, pytest.raises(NotFoundError) as caught:
        client.chat.completions.create(model="no-such-model", messages=says("x"))
    assert caught.value.code == "model_not_found"
    assert "no-such-model" in str(caught.value)


def wrong_types(target: Target) -> None:
    """400 that names the parameter, streaming or not."""
    wrong: Any = "warm"
    with target.client() as client:
        for is_stream in (False, True):
            with pytest.raises(BadRequestError) as caught:
                client.chat.completions.create(
                    model=target.model,
                    messages=says("x"),
                    temperature=wrong,
                    stream=is_stream,
                )
            assert caught.value.param == "temperature"
            assert caught.value.type == "invalid_request_error"


def wrong_key(target: Target) -> None:
    """401, which the client tells from every other error."""
    with (
        target.client(api_key="sk-this-is-no-key") as client,
        pytest.raises(AuthenticationError) as caught,
    ):
        client.chat.completions.create(model=target.model, messages=says("x"))
    assert caught.value.code == "invalid_api_key"
    assert "sk-this-is-no-key" not in str(caught.value)


def told_to_wait(target: Target) -> None:
    """429 with a Retry-After."""
    with target.client() as client, pytest.raises(RateLimitError) as caught:
        client.chat.completions.create(
            model=target.model, messages=says("[[standin status=429 retry_after_s=3]]")
        )
    assert int(caught.value.response.headers["retry-after"]) >= 1


def broken_upstream(target: Target) -> None:
    """A 5xx before the first byte is the client's InternalServerError."""
    with target.client() as client, pytest.raises(InternalServerError):
        client.chat.completions.create(model=target.model, messages=says("[[standin status=500]]"))


def timeout(target: Target) -> None:
    """The client gives up, and says that it did."""
    with target.client(timeout=0.5) as client, pytest.raises(APITimeoutError):
        client.chat.completions.create(
            model=target.model, messages=says("[[standin ttft_ms=60000]] late")
        )


def broken_stream(target: Target) -> None:
    """A stream cut off in the middle is an error, never a short answer."""
    with target.client() as client:
        chunks = client.chat.completions.create(
            model=target.model,
            messages=says("[[standin tokens=50 tps=500 fault=reset_after:10]] cut"),
            stream=True,
        )
        with pytest.raises(Exception, match=r".") as caught:
            for _ in chunks:
                pass
    # httpx's own errors come through the client unwrapped once a stream has begun.
    assert isinstance(caught.value, (APIError, APIConnectionError)) or type(
        caught.value
    ).__module__.startswith("httpx")


def cancel(target: Target) -> None:
    """Closing a stream in the middle reaches the stand-in, which stops."""
    marked_tokens = 43_210
    with target.client() as client:
        chunks = client.chat.completions.create(
            model=target.model,
            messages=says(f"[[standin tokens={marked_tokens} tps=100]] go on"),
            max_tokens=marked_tokens,
            stream=True,
        )
        for _ in range(6):
            next(chunks)
        chunks.close()
    deadline_s = time.monotonic() + PATIENCE_S
    ended = "open"
    while ended == "open" and time.monotonic() < deadline_s:
        time.sleep(0.02)
        (request,) = [r for r in target.requests() if r.planned_tokens == marked_tokens]
        ended = request.ended
    assert ended == "client_left"
    assert 5 <= request.completion_tokens < marked_tokens


def fifty_threads(target: Target) -> None:
    """Fifty threads share a client; each gets its own answer, whole."""

    def converse(number: int) -> tuple[str, str]:
        text = f"thread {number} " * 5
        plain = client.chat.completions.create(model=target.model, messages=says(text))
        chunks = client.chat.completions.create(
            model=target.model, messages=says(f"[[standin tps=400]] {text}"), stream=True
        )
        streamed = "".join(c.choices[0].delta.content or "" for c in chunks)
        return plain.choices[0].message.content or "", streamed

    with target.client(timeout=60) as client, ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(converse, range(50)))
    assert answers == [(f"thread {n} " * 5,) * 2 for n in range(50)]


CHAT_FLOWS = (
    chat,
    raw_response,
    stream,
    stream_with_usage,
    tools,
    tools_streamed,
    structured,
    options,
    unknown_model,
    wrong_types,
    wrong_key,
    told_to_wait,
    broken_upstream,
    timeout,
    broken_stream,
    cancel,
    fifty_threads,
)


def completions(target: Target) -> None:
    """The older form."""
    with target.client() as client:
        answer = client.completions.create(model=target.model, prompt="abcdef", max_tokens=9)
        chunks = client.completions.create(model=target.model, prompt="abcdef", stream=True)
        assert "".join(chunk.choices[0].text for chunk in chunks) == "abcdef"
    assert answer.choices[0].text == "abcdef"


def embeddings(target: Target) -> None:
    """Vectors, in the packed form that the client asks for and in the plain one."""
    with target.client() as client:
        packed = client.embeddings.create(model=target.model, input=["a", "b"])
        plain = client.embeddings.create(
            model=target.model, input=["a", "b"], encoding_format="float"
        )
    for one, other in zip(packed.data, plain.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding)


def models(target: Target) -> None:
    """The model is on the list and can be fetched; another cannot."""
    with target.client() as client:
        assert target.model in [model.id for model in client.models.list()]
        assert client.models.retrieve(target.model).id == target.model
        with pytest.raises(NotFoundError):
            client.models.retrieve("no-such-model")


OTHER_FLOWS = (completions, embeddings, models)
