"""Google's own client against the stand-in, and what the gateway sends beside what it sends.

The client is the judge of the stand-in, and of the adapter: for the same question both must write
the same body. So adapter and stand-in are not two halves of one mistake.
"""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.processes import RunningStandin, run_standin
from tramontane.providers.standin import StandinOptions
from tramontane.wire import canonical as c
from tramontane.wire.google.upstream import UPSTREAM

KEY = "goog-key"
MODEL = "gemini-3-pro"
PIXEL = b"\x89PNG\r\n"
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}


@pytest.fixture(scope="module")
def standin() -> Iterator[RunningStandin]:
    with run_standin(StandinOptions(api_key=KEY, keep_bodies=True)) as running:
        yield running


@pytest.fixture(scope="module")
def client(standin: RunningStandin) -> Iterator[Any]:
    made = connect(standin, KEY)
    yield made
    made.close()


def connect(standin: RunningStandin, key: str, **options: Any) -> Any:
    from google import genai
    from google.genai import types

    address = standin.url.removesuffix("/v1")
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=address, **options))


def test_text_and_usage(client: Any, standin: RunningStandin) -> None:
    answer = client.models.generate_content(
        model=MODEL, contents="[[standin tokens=7 cached_tokens=3]] Hello"
    )
    assert len(answer.text) == 21
    assert answer.candidates[0].finish_reason.value == "STOP"
    counted = answer.usage_metadata
    kept = standin.requests[-1]
    assert (counted.prompt_token_count, counted.candidates_token_count) == (kept.prompt_tokens, 7)
    assert counted.cached_content_token_count == 3
    assert counted.total_token_count == kept.prompt_tokens + 7


def test_a_stream_with_thoughts(client: Any) -> None:
    config = {"thinking_config": {"include_thoughts": True, "thinking_budget": 512}}
    events = list(
        client.models.generate_content_stream(
            model=MODEL, contents='[[standin thinking="hmhmhm" tokens=4]] Hello', config=config
        )
    )
    parts = [part for event in events for part in event.candidates[0].content.parts]
    assert "".join(part.text for part in parts if part.thought) == "hmhmhm"
    assert len("".join(part.text for part in parts if not part.thought)) == 12
    assert [bool(event.candidates[0].finish_reason) for event in events[-2:]] == [False, True]
    counted = events[-1].usage_metadata
    assert (counted.thoughts_token_count, counted.candidates_token_count) == (2, 4)


def declared() -> Any:
    tool = {"name": "f", "description": "does", "parameters_json_schema": SCHEMA}
    return {"tools": [{"function_declarations": [tool]}]}


def test_calls_and_their_seals(client: Any) -> None:
    from google.genai import errors, types

    asked = types.Content(role="user", parts=[types.Part(text="[[standin tool=f]] Rome")])
    answer = client.models.generate_content(model=MODEL, contents=[asked], config=declared())
    (call,) = answer.function_calls
    assert (call.name, call.args) == ("f", {"city": "Rome"})
    said = answer.candidates[0].content
    result = types.Part.from_function_response(name="f", response={"output": "sunny"})
    told = types.Content(role="user", parts=[result, types.Part(text="So?")])
    answer = client.models.generate_content(
        model=MODEL, contents=[asked, said, told], config=declared()
    )
    assert answer.text == "So?"
    said.parts[0].thought_signature = None
    with pytest.raises(errors.ClientError, match="missing a thought_signature"):
        client.models.generate_content(model=MODEL, contents=[asked, said, told], config=declared())


@pytest.mark.parametrize(
    ("finish", "expected"), [("content_filter", "SAFETY"), ("MALFORMED_FUNCTION_CALL",) * 2]
)
def test_other_ends(client: Any, finish: str, expected: str) -> None:
    answer = client.models.generate_content(
        model=MODEL, contents=f"[[standin finish={finish}]] Hello"
    )
    assert answer.candidates[0].finish_reason.value == expected


def test_a_blocked_prompt(client: Any) -> None:
    answer = client.models.generate_content(model=MODEL, contents="[[standin finish=blocked]] x")
    assert answer.prompt_feedback.block_reason.value == "SAFETY"
    assert not answer.candidates


def test_json_and_log_probabilities(client: Any) -> None:
    config = {
        "response_mime_type": "application/json",
        "response_json_schema": SCHEMA,
        "response_logprobs": True,
        "logprobs": 2,
    }
    answer = client.models.generate_content(model=MODEL, contents="Rome", config=config)
    assert json.loads(answer.text) == {"city": "Rome"}
    chosen = answer.candidates[0].logprobs_result.chosen_candidates
    assert "".join(token.token for token in chosen) == answer.text


def test_errors(standin: RunningStandin, client: Any) -> None:
    from google.genai import errors

    with connect(standin, "wrong") as stranger, pytest.raises(errors.ClientError) as refused:
        stranger.models.generate_content(model=MODEL, contents="x")
    assert (refused.value.code, refused.value.status) == (400, "INVALID_ARGUMENT")
    assert "API_KEY_INVALID" in str(refused.value.details)
    with pytest.raises(errors.ClientError) as refused:
        client.models.generate_content(model=MODEL, contents="x", config={"top_p": 7})
    assert refused.value.status == "INVALID_ARGUMENT"
    with pytest.raises(errors.ServerError) as failed:
        client.models.generate_content(model=MODEL, contents="[[standin status=503]] x")
    assert failed.value.status == "UNAVAILABLE"


def test_embeddings_counts_and_models(client: Any, standin: RunningStandin) -> None:
    embedded = client.models.embed_content(
        model="embedder", contents=["a", "b"], config={"output_dimensionality": 4}
    )
    assert [len(one.values) for one in embedded.embeddings] == [4, 4]
    assert client.models.count_tokens(model=MODEL, contents="hello").total_tokens > 0
    with connect(standin, KEY, api_version="v1beta") as older:
        assert [model.name for model in older.models.list()] == ["models/standin"]


# --- the same body --------------------------------------------------------------------------------

REQUEST = c.Request(
    model="public",
    messages=(
        c.Message("system", (c.Text("Be brief."),)),
        c.Message(
            "user",
            (c.Text("What is it?"), c.Image("image/png", base64.b64encode(PIXEL).decode())),
        ),
        c.Message("assistant", (c.Call("call_1__ts__c3RhbmRpbjpm", "f", '{"city":"Rome"}'),)),
        c.Message("tool", (c.Result("call_1__ts__c3RhbmRpbjpm", (c.Text("sunny"),)),)),
        c.Message("user", (c.Text("So?"),)),
    ),
    tools=(c.Tool("f", "does", msgspec.Raw(json.dumps(SCHEMA).encode())),),
    tool_choice=c.ToolChoice("named", "f"),
    format=c.Format("json_schema", schema=msgspec.Raw(json.dumps(SCHEMA).encode())),
    max_tokens=99,
    temperature=0.5,
    top_p=0.75,
    top_k=7,
    stop=("END",),
    seed=3,
    presence_penalty=0.25,
    frequency_penalty=0.5,
    choices=2,
    logprobs=1,
    thinking_tokens=512,
)


def asked_by_the_client() -> dict[str, Any]:
    from google.genai import types

    call = types.Part(
        function_call=types.FunctionCall(id="call_1", name="f", args={"city": "Rome"}),
        thought_signature=b"standin:f",
    )
    result = types.FunctionResponse(id="call_1", name="f", response={"output": "sunny"})
    return {
        "contents": [
            types.Content(
                role="user",
                parts=[
                    types.Part(text="What is it?"),
                    types.Part.from_bytes(data=PIXEL, mime_type="image/png"),
                ],
            ),
            types.Content(role="model", parts=[call]),
            types.Content(
                role="user",
                parts=[types.Part(function_response=result), types.Part(text="So?")],
            ),
        ],
        "config": {
            **declared(),
            "system_instruction": "Be brief.",
            "tool_config": {
                "function_calling_config": {"mode": "ANY", "allowed_function_names": ["f"]}
            },
            "response_mime_type": "application/json",
            "response_json_schema": SCHEMA,
            "max_output_tokens": 99,
            "temperature": 0.5,
            "top_p": 0.75,
            "top_k": 7,
            "stop_sequences": ["END"],
            "seed": 3,
            "presence_penalty": 0.25,
            "frequency_penalty": 0.5,
            "candidate_count": 2,
            "response_logprobs": True,
            "logprobs": 1,
            "thinking_config": {"thinking_budget": 512, "include_thoughts": True},
        },
    }


def test_the_gateway_writes_what_the_client_writes(client: Any, standin: RunningStandin) -> None:
    client.models.generate_content(model=MODEL, **asked_by_the_client())
    kept = standin.requests[-1]
    assert kept.body is not None
    written = UPSTREAM.write(REQUEST, model=MODEL, drops=False)
    assert kept.path.endswith(written.path)
    theirs = plain(json.loads(kept.body))
    del theirs["systemInstruction"]["role"]  # which the API does not look at
    assert plain(json.loads(written.body)) == theirs


def plain(value: Any) -> Any:
    """The value in one spelling of names, numbers and base64: the API takes each of them."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {
            re.sub("_([a-z])", lambda m: m[1].upper(), name): plain(item)
            for name, item in value.items()
        }
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
