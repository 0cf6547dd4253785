"""Real clients against models that run here: `tramontane serve`, llama.cpp behind the gateway.

The engine is always asked for a stream, its answers are rendered as OpenAI spells them, and counted
to the token. Beside `demo` serve tiny models: one with a single place and long answers, and one
whose chat template knows tools.
"""

import asyncio
import json
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import openai
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic import BaseModel, Field

from tests import empty
from tests.clients.flows import PATIENCE_S, WEATHER, Target, says
from tests.clients.nodeflows import run_script
from tests.clients.published import PublishedAPI, description_path
from tests.clients.wire import chunks_of, posted
from tests.engines.tiny import write_tiny
from tests.platform import run_platform
from tramontane.config import LimitDefaults
from tramontane.datafolder import DataFolder
from tramontane.engines.keys import engine_key
from tramontane.engines.library import ModelLibrary
from tramontane.store import engines, keys, models, projects
from tramontane.store.database import open_store

TOOLS_TEMPLATE = (
    "{%- if tools %}<tools>{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}</tools>"
    'Call one so: <tool_call>\n{"name": NAME, "arguments": {}}\n</tool_call>\n{%- endif %}'
    "{%- for m in messages %}<|{{ m.role }}|>{{ m.content or '' }}"
    "{%- for c in m.tool_calls or [] %}\n<tool_call>\n"
    '{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}'
    "\n</tool_call>{%- endfor %}<|end|>{%- endfor %}"
    "{%- if add_generation_prompt %}<|assistant|>{%- endif %}"
)
CALL = (
    "<tool_call>\n",
    '{"name": "get_weather", ',
    '"arguments": {"city": ',
    '"Lyon", ',
    '"days": ',
    "3}}",
    "\n</tool_call>",
)
SETTINGS = """
[deployments.narrow]
model = "slow"
max_in_flight = 1
context_tokens = 60000

[deployments.caller]
model = "caller"

[deployments.vectors]
model = "slow"
embeddings = true
context_tokens = 256
"""
GO_ON: Any = {"logit_bias": {"2": -100}, "max_tokens": 50_000}  # token 2 would end the answer


@dataclass(frozen=True)
class Place:
    """The platform, two projects' keys, and where its engines are."""

    base_url: str
    key: str
    other_key: str
    folder: DataFolder

    def target(self, model: str = "demo") -> Target:
        return Target(self.base_url, self.key, model, list)

    def engine(self, deployment: str, path: str, body: Any) -> Any:
        """Ask the engine itself, past the gateway."""
        store = open_store(f"sqlite:///{self.folder.database}")
        with store.read() as c:
            (one,) = [i for i in engines.list_instances(c) if i.deployment == deployment]
        store.close()
        key = engine_key(self.folder.pepper(), deployment, one.nonce)
        request = urllib.request.Request(
            f"http://{one.address}{path}",
            json.dumps(body).encode(),
            {"authorization": f"Bearer {key}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    root = tmp_path_factory.mktemp("demo")
    slow = write_tiny(root / "slow.gguf", layers=6, width=256, context_tokens=65_536, fills_in=True)
    caller = write_tiny(root / "caller.gguf", script=CALL, template=TOOLS_TEMPLATE)
    folder = DataFolder(root / "data")
    secrets = _furnish(folder, {"slow": slow, "caller": caller})
    config = root / "tramontane.toml"
    config.write_text(SETTINGS)
    with run_platform(folder.path, "--config", str(config)) as platform:
        assert sorted(platform.models) == ["caller", "demo", "guide", "narrow", "vectors"]
        yield Place(f"{platform.address}/v1", *secrets, folder)


def _furnish(folder: DataFolder, files: dict[str, Path]) -> tuple[str, str]:
    """Put models into the library, and return the keys of two new projects."""
    empty.prepare(folder)
    store = open_store(f"sqlite:///{folder.database}")
    found = []
    with store.write() as c:
        for name, path in files.items():
            models.add(c, ModelLibrary(folder.models).add(path, name, 0))
        for name in ("one", "other"):
            project = projects.create(c, name=name, defaults=LimitDefaults(), now_ms=0)
            _, secret = keys.create(
                c, folder.pepper(), project_id=project.id, name="test", now_ms=0
            )
            found.append(secret)
    store.close()
    return found[0], found[1]


@pytest.fixture(scope="module")
def target(place: Place) -> Target:
    return place.target()


@pytest.fixture(scope="module")
def published() -> PublishedAPI:
    return PublishedAPI(description_path())


# --- the form -------------------------------------------------------------------------------------

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 1, "maximum": 120},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
CHATS: dict[str, dict[str, Any]] = {
    "plain": {"max_tokens": 12},
    "seeded": {"max_completion_tokens": 12, "seed": 3, "stop": ["zzz"], "n": 1},
    "logprobs": {"max_tokens": 6, "logprobs": True, "top_logprobs": 3},
    "only logprobs": {"max_tokens": 6, "logprobs": True},
    "a demanded tool": {"tools": [WEATHER], "tool_choice": "required"},
    "schema": {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "person", "schema": PERSON, "strict": True},
        }
    },
}
ANSWER = {"id", "object", "created", "model", "choices", "usage"}
CHOICE = {"index", "message", "logprobs", "finish_reason"}
CHUNK = {"id", "object", "created", "model", "choices"}


@pytest.mark.parametrize("name", CHATS)
def test_answers_are_as_published_and_hold_nothing_else(
    name: str, target: Target, published: PublishedAPI
) -> None:
    status, fields, text = posted(target, {"messages": says("Bonjour"), **CHATS[name]})
    assert status == 200, text
    answer = json.loads(text)
    assert published.problems("CreateChatCompletionResponse", answer) == []
    assert set(answer) == ANSWER
    assert set(answer["choices"][0]) == CHOICE
    assert fields["x-tramontane-demonstration"] == "true"
    assert fields["x-request-id"]
    assert fields["x-ratelimit-limit-requests"] == "1000"


@pytest.mark.parametrize("name", CHATS)
@pytest.mark.parametrize("include_usage", [True, False])
def test_chunks_are_as_published_and_hold_nothing_else(
    name: str, include_usage: bool, target: Target, published: PublishedAPI
) -> None:
    options = {"stream_options": {"include_usage": True}} if include_usage else {}
    body = {"messages": says("Bonjour"), **CHATS[name], "stream": True, **options}
    status, _, text = posted(target, body)
    assert status == 200, text
    chunks = chunks_of(text)
    for chunk in chunks:
        assert published.problems("CreateChatCompletionStreamResponse", chunk) == []
        assert set(chunk) == CHUNK | ({"usage"} if include_usage else set())
    first = chunks[0]["choices"][0]["delta"]
    assert first["role"] == "assistant"
    assert first["content"] == (None if name == "a demanded tool" else "")
    assert (chunks[-1]["choices"] == []) == include_usage
    ends = [c["choices"][0]["finish_reason"] for c in chunks if c["choices"]]
    assert ends[:-1] == [None] * (len(ends) - 1)
    assert ends[-1] in ("stop", "length", "tool_calls")


def test_log_probabilities_have_their_shape(target: Target) -> None:
    with target.client() as client:
        answer = client.chat.completions.create(
            model="demo", messages=says("x"), max_tokens=5, logprobs=True, top_logprobs=2
        )
        assert answer.choices[0].logprobs is not None
        tokens = answer.choices[0].logprobs.content
        assert tokens is not None
        joined = b"".join(bytes(token.bytes or []) for token in tokens)
        assert joined.decode("utf-8", "ignore").startswith(
            (answer.choices[0].message.content or "").rstrip("\ufffd")
        )
        assert [len(token.top_logprobs) for token in tokens] == [2] * len(tokens)
        assert all(token.logprob <= 0 for token in tokens)


# --- beside chat ----------------------------------------------------------------------------------


def test_completions_go_on_from_a_prompt(place: Place) -> None:
    asked: Any = {"model": "demo", "prompt": "Once upon a time", "max_tokens": 12, "temperature": 0}
    with place.target().client() as client:
        whole = client.completions.create(**asked)
        *chunks, last = client.completions.create(
            **asked, stream=True, stream_options={"include_usage": True}
        )
        own = place.engine("demo", "/v1/completions", asked)
        assert whole.choices[0].text == own["choices"][0]["text"]
        assert "".join(c.choices[0].text for c in chunks) == whole.choices[0].text
        assert whole.usage is not None and last.usage is not None
        assert whole.usage.completion_tokens == last.usage.completion_tokens == 12
        assert whole.usage.prompt_tokens == own["usage"]["prompt_tokens"]
        for fields in ({"n": 2}, {"logprobs": 2}, {"echo": True}):
            with pytest.raises(openai.BadRequestError):
                client.completions.create(**asked, **fields)
        with pytest.raises(openai.BadRequestError, match="this prompt has") as caught:
            client.completions.create(model="demo", prompt="a b " * 2_000)
        assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "prompt")
        for model in ("guide", "vectors"):
            with pytest.raises(openai.BadRequestError, match="not served for completions"):
                client.completions.create(model=model, prompt="x")


def test_the_middle_is_filled_in_by_a_model_made_for_it(place: Place) -> None:
    asked: Any = {"model": "narrow", "prompt": "def f(", "suffix": "return", "max_tokens": 9}
    asked |= {"temperature": 0, "seed": -1}
    with place.target().client() as client:
        whole = client.completions.create(**asked)
        *chunks, last = client.completions.create(
            **asked, stream=True, stream_options={"include_usage": True}
        )
        own = {"input_prefix": "def f(", "input_suffix": "return", "n_predict": 9, "temperature": 0}
        told = place.engine("narrow", "/infill", own)
        assert whole.choices[0].text == told["content"] and whole.id and whole.model
        assert "".join(c.choices[0].text for c in chunks) == told["content"]
        assert whole.usage is not None and last.usage is not None
        assert whole.usage.prompt_tokens == last.usage.prompt_tokens == told["tokens_evaluated"]
        assert whole.usage.completion_tokens == told["tokens_predicted"]
        with pytest.raises(openai.BadRequestError, match="fill in the middle"):
            client.completions.create(**{**asked, "model": "demo"})
    fields: Any = {"model": "narrow", "prompt": "def f(", "suffix": "return"}
    answer = _posted(
        place, "/mistral/v1/fim/completions", {**fields, "max_tokens": 9, "temperature": 0}
    )
    assert answer["choices"][0]["message"]["content"] == told["content"]
    options = {"num_predict": 9, "temperature": 0}
    answer = _posted(place, "/api/generate", {**fields, "options": options, "stream": False})
    assert answer["response"] == told["content"]


def _posted(place: Place, path: str, body: Any) -> Any:
    root = place.base_url.removesuffix("/v1")
    head = {"authorization": f"Bearer {place.key}"}
    request = urllib.request.Request(root + path, json.dumps(body).encode(), head)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def test_vectors_of_a_model_that_runs_here(place: Place) -> None:
    with place.target().client() as client:
        packed = client.embeddings.create(model="vectors", input=["Hello", "world", "Hello"])
        plain = client.embeddings.create(
            model="vectors", input="Hello", encoding_format="float", user="me"
        )
        assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-5)
        assert packed.data[0].embedding != packed.data[1].embedding
        assert sum(x * x for x in plain.data[0].embedding) == pytest.approx(1, abs=1e-4)
        own = place.engine("vectors", "/v1/embeddings", {"input": "Hello"})
        assert plain.usage.prompt_tokens == own["usage"]["prompt_tokens"]
        with pytest.raises(openai.BadRequestError) as caught:
            client.embeddings.create(model="vectors", input="a" * 300)
        assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "input")
        for fields in ({"dimensions": 2}, {"input": ""}):
            with pytest.raises(openai.BadRequestError):
                client.embeddings.create(**{"model": "vectors", "input": "x", **fields})  # type: ignore[arg-type]
        with pytest.raises(openai.BadRequestError, match="not served for chat"):
            client.chat.completions.create(model="vectors", messages=says("x"))
        with pytest.raises(openai.BadRequestError, match="not served for embeddings"):
            client.embeddings.create(model="demo", input="x")


# --- counted to the token -------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["Hello", "Grüße, 東京 😀!", "a\n\nb " * 40])
def test_usage_is_the_engine_s_own_count(text: str, place: Place) -> None:
    messages = [{"role": "system", "content": "Be brief."}, *says(text)]
    asked: Any = {"messages": messages, "max_tokens": 40, "logprobs": True, "temperature": 0}
    _, _, body = posted(place.target(), asked)
    answer = json.loads(body)
    rendered = place.engine("demo", "/apply-template", {"messages": messages})["prompt"]
    prompt = place.engine(
        "demo", "/tokenize", {"content": rendered, "add_special": True, "parse_special": True}
    )
    usage, choice = answer["usage"], answer["choices"][0]
    assert usage["prompt_tokens"] == len(prompt["tokens"])
    said = len(choice["logprobs"]["content"])
    assert usage["completion_tokens"] == said + (choice["finish_reason"] == "stop")
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    _, _, body = posted(
        place.target(), {**asked, "stream": True, "stream_options": {"include_usage": True}}
    )
    streamed = chunks_of(body)[-1]["usage"]
    assert streamed["completion_tokens"] == usage["completion_tokens"]
    assert streamed["prompt_tokens"] == usage["prompt_tokens"]


def test_a_prompt_is_reused_within_a_project_and_never_across(place: Place) -> None:
    def cached(key: str) -> int:
        with place.target("narrow").client(api_key=key) as client:
            answer = client.chat.completions.create(
                model="narrow", messages=says("what only one may know " * 20), max_tokens=1
            )
        assert answer.usage is not None
        assert answer.usage.prompt_tokens > 400
        assert answer.usage.prompt_tokens_details is not None
        return answer.usage.prompt_tokens_details.cached_tokens or 0

    assert cached(place.other_key) == 0
    assert cached(place.key) == 0
    assert cached(place.key) > 400
    assert cached(place.other_key) == 0
    assert cached(place.key) == 0


# --- held to what was asked -----------------------------------------------------------------------


def said(target: Target, **fields: Any) -> Any:
    with target.client() as client:
        asked: Any = {"messages": says("Tell me"), "max_tokens": 30, **fields}
        return client.chat.completions.create(model=target.model, **asked).choices[0]


def test_the_same_seed_says_the_same(target: Target) -> None:
    still = [said(target, temperature=0).message.content for _ in range(2)]
    assert still[0] == still[1]
    seeded = [said(target, temperature=1, seed=n).message.content for n in (7, 7, -1, -1, 8)]
    assert seeded[0] == seeded[1]
    assert seeded[2] == seeded[3]
    assert len({seeded[0], seeded[2], seeded[4]}) == 3


def test_an_answer_ends_before_its_stop_sequence(target: Target) -> None:
    whole = said(target, temperature=0).message.content
    stop = whole[len(whole) // 2 :][:4]
    cut = said(target, temperature=0, stop=["never said", stop])
    assert cut.message.content == whole[: whole.index(stop)]
    assert cut.finish_reason == "stop"


class Item(BaseModel):
    """What a strict answer is asked to be."""

    code: Annotated[str, Field(pattern=r"^[A-Z]{2}-\d{3}$")]
    colour: Literal["red", "green"]
    count: Annotated[int, Field(ge=2, le=40)]
    next: "Item | None"


SCHEMAS: dict[str, Any] = {
    "an object": PERSON,
    "a choice": {"anyOf": [{"const": "yes"}, {"enum": [1, 2, None]}, {"type": "boolean"}]},
    "a list": {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 4},
    "a quote": {"type": "string", "pattern": '^"\\w{2}\\\\$'},
    "optional": {"type": "object", "properties": {"a": {"type": "null"}, "b": {"type": "null"}}},
    "a reference": {"$ref": "#/$defs/b", "$defs": {"b": {"type": "boolean"}}},
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_an_answer_conforms_to_its_schema(name: str, target: Target) -> None:
    asked = {"name": "answer", "schema": SCHEMAS[name], "strict": True}
    form = {"type": "json_schema", "json_schema": asked}
    for seed in range(3):
        choice = said(target, response_format=form, seed=seed, max_tokens=300)
        assert choice.finish_reason == "stop"
        value = json.loads(choice.message.content)
        Draft202012Validator(SCHEMAS[name]).validate(value)


def test_the_client_s_own_helper_parses_an_answer(target: Target) -> None:
    with target.client() as client:
        answer = client.chat.completions.parse(
            model="demo", messages=says("x"), response_format=Item, seed=5, max_tokens=900
        )
    item = answer.choices[0].message.parsed
    assert item is not None
    assert 2 <= item.count <= 40


def test_an_answer_in_json_is_json(target: Target) -> None:
    form = {"type": "json_object"}
    ended = 0
    for seed in range(12):
        choice = said(target, response_format=form, seed=seed, max_tokens=250, temperature=1)
        if choice.finish_reason == "stop":
            ended += 1
            assert isinstance(json.loads(choice.message.content), dict)
    assert ended, "no answer came to its end"


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "get_weather"}}]
)
def test_a_demanded_tool_is_called(choice: Any, target: Target) -> None:
    clock = {"type": "function", "function": {"name": "clock"}}
    asked = {"tools": [clock, WEATHER], "tool_choice": choice, "seed": 1, "max_tokens": 300}
    answer = said(target, **asked)
    assert answer.finish_reason == "tool_calls"
    (call,) = answer.message.tool_calls
    arguments = json.loads(call.function.arguments)
    if call.function.name == "get_weather":
        Draft202012Validator(WEATHER["function"]["parameters"]).validate(arguments)
    with target.client() as client:
        chunks = client.chat.completions.create(
            model="demo", messages=says("Tell me"), stream=True, **asked
        )
        pieces = [p for c in chunks for p in c.choices[0].delta.tool_calls or ()]
    assert pieces[0].id
    assert pieces[0].function is not None
    assert pieces[0].function.name == call.function.name
    joined = "".join(p.function.arguments or "" for p in pieces if p.function)
    assert json.loads(joined) == arguments


def test_a_model_that_knows_tools_calls_them_of_its_own(place: Place) -> None:
    target = place.target("caller")
    with target.client() as client:
        asked: Any = {
            "model": "caller", "messages": says("Lyon?"), "tools": [WEATHER], "temperature": 0,
        }  # fmt: skip
        answer = client.chat.completions.create(**asked)
        message = answer.choices[0].message
        assert answer.choices[0].finish_reason == "tool_calls"
        assert message.tool_calls is not None
        (call,) = message.tool_calls
        assert call.type == "function"
        assert call.function.name == "get_weather"
        assert json.loads(call.function.arguments) == {"city": "Lyon", "days": 3}
        result: Any = {"role": "tool", "tool_call_id": call.id, "content": "25 °C"}
        asked["messages"] += [message.model_dump(exclude_none=True), result]
        assert client.chat.completions.create(**asked).usage is not None
        chunks = client.chat.completions.create(**asked, stream=True)
        pieces = [p for c in chunks for p in c.choices[0].delta.tool_calls or ()]
        joined = "".join(p.function.arguments or "" for p in pieces if p.function)
        assert json.loads(joined) == {"city": "Lyon", "days": 3}


# --- what is refused ------------------------------------------------------------------------------

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "too long": ({"messages": says("word " * 3_000)}, "context_length_exceeded", "messages"),
    "several answers": ({"n": 2}, "invalid_value", "n"),
    "an image": (
        {"messages": [{"role": "user", "content": [PICTURE]}]},
        "unsupported_content",
        "messages[0].content[0].type",
    ),
    "a type": ({"temperature": "warm"}, "invalid_type", "temperature"),
    "tools": ({"tools": [WEATHER]}, "tools_not_supported", "tools"),
    "an unknown field": ({"extra_body": {"grammar": "x"}}, "unknown_field", "grammar"),
    "a schema that hangs engines": (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {
                    "name": "x",
                    "schema": {"type": "string", "minLength": 9, "maxLength": 1},
                },
            }
        },
        "invalid_schema",
        "response_format.json_schema.schema",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("is_stream", [True, False])
def test_what_cannot_be_served_is_said(name: str, is_stream: bool, target: Target) -> None:
    fields, code, param = REFUSED[name]
    with target.client() as client, pytest.raises(openai.BadRequestError) as caught:
        asked: Any = {"messages": says("x"), **fields}
        client.chat.completions.create(model="demo", stream=is_stream, **asked)
    assert (caught.value.code, caught.value.param) == (code, param)
    assert caught.value.request_id


def test_a_prompt_that_is_too_long_is_told_by_how_much(target: Target) -> None:
    with target.client() as client, pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="demo", messages=says("word " * 3_000))
    assert "holds 1024 tokens" in str(caught.value)
    assert "have 3005" in str(caught.value)
    assert "by 1982" in str(caught.value)


# --- many, leaving, other clients -----------------------------------------------------------------


def test_fifty_threads_are_all_answered(target: Target) -> None:
    def converse(number: int) -> tuple[int, int]:
        asked: Any = {"messages": says(f"thread {number}"), "max_tokens": 5, "temperature": 0}
        whole = client.chat.completions.create(model="demo", **asked)
        assert whole.usage is not None
        *_, last = client.chat.completions.create(
            model="demo", stream=True, stream_options={"include_usage": True}, **asked
        )
        assert last.usage is not None
        return whole.usage.completion_tokens, last.usage.completion_tokens

    with target.client(timeout=60) as client, ThreadPoolExecutor(50) as pool:
        counts = list(pool.map(converse, range(50)))
    assert all(whole == streamed for whole, streamed in counts)


def test_whoever_leaves_frees_the_place(place: Place) -> None:
    with place.target().client(timeout=PATIENCE_S) as client:
        for is_stream in (True, False, True):
            if is_stream:
                stream = client.chat.completions.create(
                    model="narrow", messages=says("go on"), stream=True, **GO_ON
                )
                next(stream)
                stream.close()
            else:
                with pytest.raises(openai.APITimeoutError):
                    client.with_options(timeout=0.5).chat.completions.create(
                        model="narrow", messages=says("go on"), **GO_ON
                    )
            left_s = time.monotonic()
            # Else this would wait for minutes: the model has one place.
            answer = client.chat.completions.create(
                model="narrow", messages=says("free?"), max_tokens=1
            )
            assert time.monotonic() - left_s < 10
            assert answer.usage is not None
            assert answer.usage.completion_tokens == 1


def test_asynchronous_client(target: Target) -> None:
    async def body() -> None:
        async with openai.AsyncOpenAI(
            base_url=target.base_url, api_key=target.api_key, max_retries=0
        ) as client:
            asked: Any = {"model": "demo", "messages": says("Ciao"), "max_tokens": 20}
            whole = await client.chat.completions.create(**asked, temperature=0)
            stream = await client.chat.completions.create(**asked, temperature=0, stream=True)
            text = "".join([c.choices[0].delta.content or "" async for c in stream])
            assert text == whole.choices[0].message.content
            many = await asyncio.gather(
                *(client.chat.completions.create(**asked) for _ in range(12))
            )
            assert all(one.usage is not None for one in many)

    asyncio.run(body())


def test_node_client(node_path: str, target: Target) -> None:
    run_script(node_path, target, "demo.mjs", 5)


def test_models_are_listed(target: Target) -> None:
    with target.client() as client:
        found = {model.id for model in client.models.list()}
        assert found == {"caller", "demo", "guide", "narrow", "vectors"}
        assert client.models.retrieve("demo").id == "demo"
