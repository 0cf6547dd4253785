"""Amazon's own client against the stand-in, and what the gateway sends beside what it sends.

The client is the judge of the stand-in, and of the adapter: for the same question both must write
the same body to the same path. So adapter and stand-in are not two halves of one mistake.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec
import pytest

from tests.processes import RunningStandin, run_standin
from tramontane.providers.standin import StandinOptions
from tramontane.wire import canonical as c
from tramontane.wire.bedrock.upstream import UPSTREAM

KEY_ID = "AKIDEXAMPLE"
MODEL = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
PIXEL = b"\x89PNG\r\n"
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}


@pytest.fixture(scope="module")
def standin() -> Iterator[RunningStandin]:
    with run_standin(StandinOptions(api_key=KEY_ID, keep_bodies=True)) as running:
        yield running


@pytest.fixture(scope="module")
def client(standin: RunningStandin) -> Iterator[Any]:
    made = connect(standin, KEY_ID)
    yield made
    made.close()


def connect(standin: RunningStandin, key_id: str) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "bedrock-runtime",
        region_name="eu-central-1",
        endpoint_url=standin.url.removesuffix("/v1"),
        aws_access_key_id=key_id,
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}),
    )


def user(text: str) -> Any:
    return [{"role": "user", "content": [{"text": text}]}]


TOOL = {"toolSpec": {"name": "f", "description": "does", "inputSchema": {"json": SCHEMA}}}


def test_text_and_usage(client: Any, standin: RunningStandin) -> None:
    told = "[[standin tokens=7 cached_tokens=3 cache_write_tokens=2]] Hello"
    answer = client.converse(modelId=MODEL, messages=user(told), system=[{"text": "Be brief."}])
    assert len(answer["output"]["message"]["content"][0]["text"]) == 21
    assert answer["stopReason"] == "end_turn"
    kept = standin.requests[-1]
    assert kept.model == MODEL
    assert answer["usage"] == {
        "inputTokens": kept.prompt_tokens - 5,
        "outputTokens": 7,
        "totalTokens": kept.prompt_tokens + 7,
        "cacheReadInputTokens": 3,
        "cacheWriteInputTokens": 2,
    }


def test_a_stream_with_thoughts(client: Any) -> None:
    told = '[[standin thinking="hmhmhm" tokens=4]] Hello'
    with closing(client.converse_stream(modelId=MODEL, messages=user(told))["stream"]) as stream:
        events = list(stream)
    assert [next(iter(event)) for event in events[:1] + events[-2:]] == [
        "messageStart",
        "messageStop",
        "metadata",
    ]
    deltas = [
        event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event
    ]
    thoughts = [delta["reasoningContent"] for delta in deltas if "reasoningContent" in delta]
    assert "".join(thought.get("text", "") for thought in thoughts) == "hmhmhm"
    assert thoughts[-1].keys() == {"signature"}
    assert len("".join(delta.get("text", "") for delta in deltas)) == 12
    assert events[-1]["metadata"]["usage"]["outputTokens"] == 6


def test_calls_and_results(client: Any) -> None:
    asked = user("[[standin tool=f]] Rome")
    config = {"tools": [TOOL]}
    answer = client.converse(modelId=MODEL, messages=asked, toolConfig=config)
    assert answer["stopReason"] == "tool_use"
    said = answer["output"]["message"]
    used = said["content"][0]["toolUse"]
    assert (used["name"], used["input"]) == ("f", {"city": "Rome"})
    answer = client.converse_stream(modelId=MODEL, messages=asked, toolConfig=config)
    with closing(answer["stream"]) as stream:
        deltas = [event.get("contentBlockDelta", {}).get("delta", {}) for event in stream]
    written = "".join(delta.get("toolUse", {}).get("input", "") for delta in deltas)
    assert json.loads(written) == {"city": "Rome"}
    result = {"toolResult": {"toolUseId": used["toolUseId"], "content": [{"text": "sunny"}]}}
    told = {"role": "user", "content": [result, {"text": "So?"}]}
    answer = client.converse(modelId=MODEL, messages=[*asked, said, told], toolConfig=config)
    assert answer["output"]["message"]["content"] == [{"text": "So?"}]
    with pytest.raises(client.exceptions.ValidationException, match="toolResult"):
        client.converse(modelId=MODEL, messages=[*asked, said, *user("x")], toolConfig=config)


def test_stop_sequences_and_json(client: Any) -> None:
    answer = client.converse(
        modelId=MODEL,
        messages=user('[[standin answer="one two END three"]] x'),
        inferenceConfig={"stopSequences": ["END"]},
        additionalModelResponseFieldPaths=["/stop_sequence"],
    )
    assert answer["stopReason"] == "stop_sequence"
    assert answer["additionalModelResponseFields"] == {"stop_sequence": "END"}
    structure = {"jsonSchema": {"schema": json.dumps(SCHEMA)}}
    answer = client.converse(
        modelId=MODEL,
        messages=user("Rome"),
        outputConfig={"textFormat": {"type": "json_schema", "structure": structure}},
    )
    assert json.loads(answer["output"]["message"]["content"][0]["text"]) == {"city": "Rome"}


def test_errors(standin: RunningStandin, client: Any) -> None:
    from botocore.exceptions import ClientError, EventStreamError

    with (
        closing(connect(standin, "AKIDOTHER")) as stranger,
        pytest.raises(ClientError, match="UnrecognizedClientException"),
    ):
        stranger.converse(modelId=MODEL, messages=user("x"))
    with pytest.raises(client.exceptions.ThrottlingException):
        client.converse(modelId=MODEL, messages=user("[[standin status=429]] x"))
    with pytest.raises(client.exceptions.ValidationException, match="alternate"):
        client.converse(modelId=MODEL, messages=user("x") + user("y"))
    stream = client.converse_stream(
        modelId=MODEL, messages=user("[[standin tokens=9 fault=error_event:4]] x")
    )
    with (
        closing(stream["stream"]) as events,
        pytest.raises(EventStreamError, match="internalServerException"),
    ):
        list(events)


# --- the same body --------------------------------------------------------------------------------

PICTURE = base64.b64encode(PIXEL).decode()
REQUEST = c.Request(
    model="public",
    messages=(
        c.Message("system", (c.Text("Be brief.", is_breakpoint=True),)),
        c.Message(
            "user",
            (
                c.Text("What is it?"),
                c.Image("image/png", PICTURE),
                c.File("application/pdf", PICTURE, "a.pdf"),
            ),
        ),
        c.Message(
            "assistant", (c.Thinking("hm", "sealed"), c.Call("call_1", "f", '{"city":"Rome"}'))
        ),
        c.Message("tool", (c.Result("call_1", (c.Text("sunny"),), is_error=True),)),
        c.Message("user", (c.Text("So?"),)),
    ),
    tools=(c.Tool("f", "does", msgspec.Raw(json.dumps(SCHEMA).encode())),),
    tool_choice=c.ToolChoice("named", "f"),
    format=c.Format("json_schema", "city", msgspec.Raw(json.dumps(SCHEMA).encode())),
    max_tokens=99,
    temperature=0.5,
    top_p=0.75,
    top_k=7,
    stop=("END",),
    effort="low",
    thinking_tokens=1024,
    user="someone",
)


def asked_by_the_client() -> dict[str, Any]:
    thought = {"reasoningText": {"text": "hm", "signature": "sealed"}}
    used = {"toolUseId": "call_1", "name": "f", "input": {"city": "Rome"}}
    result = {"toolUseId": "call_1", "content": [{"text": "sunny"}], "status": "error"}
    structure = {"jsonSchema": {"schema": json.dumps(SCHEMA), "name": "city"}}
    return {
        "modelId": MODEL,
        "system": [{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"text": "What is it?"},
                    {"image": {"format": "png", "source": {"bytes": PIXEL}}},
                    {"document": {"format": "pdf", "name": "a pdf", "source": {"bytes": PIXEL}}},
                ],
            },
            {"role": "assistant", "content": [{"reasoningContent": thought}, {"toolUse": used}]},
            {"role": "user", "content": [{"toolResult": result}, {"text": "So?"}]},
        ],
        "toolConfig": {"tools": [TOOL], "toolChoice": {"tool": {"name": "f"}}},
        "inferenceConfig": {
            "maxTokens": 99,
            "temperature": 0.5,
            "topP": 0.75,
            "stopSequences": ["END"],
        },
        "outputConfig": {
            "effort": "low",
            "textFormat": {"type": "json_schema", "structure": structure},
        },
        "additionalModelRequestFields": {
            "top_k": 7,
            "thinking": {"type": "enabled", "budget_tokens": 1024},
        },
        "additionalModelResponseFieldPaths": ["/stop_sequence"],
        "requestMetadata": {"user": "someone"},
    }


def test_the_gateway_writes_what_the_client_writes(client: Any, standin: RunningStandin) -> None:
    client.converse(**asked_by_the_client())
    kept = standin.requests[-1]
    assert kept.body is not None
    written = UPSTREAM.write(REQUEST, model=MODEL, drops=False)
    assert written.path == kept.path
    assert json.loads(written.body) == json.loads(kept.body)
