"""What reaches Bedrock of a request, and what is refused since it has no place there."""

import json
from typing import Any

import msgspec
import pytest

from tramontane.errors import InvalidRequest
from tramontane.wire.bedrock.requests import call_id, maker_of
from tramontane.wire.bedrock.upstream import UPSTREAM
from tramontane.wire.canonical import (
    Call,
    File,
    Format,
    Image,
    Message,
    Request,
    Result,
    Text,
    Thinking,
    Tool,
    ToolChoice,
)

CLAUDE = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
SCHEMA = msgspec.Raw(b'{"type":"object"}')
USER = Message("user", (Text("hello"),))


def asked(*messages: Message, **fields: Any) -> Request:
    return Request(model="public", messages=messages or (USER,), **fields)


def body(request: Request, model: str = CLAUDE, *, drops: bool = False) -> Any:
    return json.loads(UPSTREAM.write(request, model=model, drops=drops).body)


def test_the_model_stands_in_the_path() -> None:
    arn = "arn:aws:bedrock:eu-west-1:1:application-inference-profile/x"
    whole = UPSTREAM.write(asked(), model=CLAUDE, drops=False)
    stream = UPSTREAM.write(asked(stream=True), model=arn, drops=False)
    assert whole.path == "/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"
    assert stream.path == (
        "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Aapplication-inference-profile%2Fx"
        "/converse-stream"
    )


@pytest.mark.parametrize(
    ("model", "maker"),
    [
        (CLAUDE, "anthropic"),
        ("amazon.nova-pro-v1:0", "amazon"),
        ("mistral.mistral-large-2407-v1:0", "mistral"),
        ("arn:aws:bedrock:us-east-1::foundation-model/cohere.command-r-v1:0", "cohere"),
        ("mine", ""),
    ],
)
def test_a_models_maker(model: str, maker: str) -> None:
    assert maker_of(model) == maker


def test_instructions_turns_and_data() -> None:
    made = body(
        asked(
            Message("system", (Text("Be brief.", is_breakpoint=True),)),
            Message("user", (Text("What?"), Image("image/png", "AAAA"), Text(""))),
            Message("user", (File("application/pdf", "BBBB", "a/b  c.pdf"),)),
            Message("user", (File("text/csv", "CCCC", "a b c pdf"), File("text/plain", "DDDD"))),
            Message("assistant", (Text("A cat."),)),
            Message("system", (Text("In French."),)),
            Message("user", (Text("Sure?"),)),
        )
    )
    assert made["system"] == [
        {"text": "Be brief."},
        {"cachePoint": {"type": "default"}},
        {"text": "In French."},
    ]

    def document(form: str, name: str, data: str) -> Any:
        return {"document": {"format": form, "name": name, "source": {"bytes": data}}}

    assert made["messages"] == [
        {
            "role": "user",
            "content": [
                {"text": "What?"},
                {"image": {"format": "png", "source": {"bytes": "AAAA"}}},
                document("pdf", "a b c pdf", "BBBB"),
                document("csv", "a b c pdf (2)", "CCCC"),
                document("txt", "document", "DDDD"),
            ],
        },
        {"role": "assistant", "content": [{"text": "A cat."}]},
        {"role": "user", "content": [{"text": "Sure?"}]},
    ]


def test_calls_and_results() -> None:
    long = "call_" + "x" * 80
    made = body(
        asked(
            USER,
            Message(
                "assistant",
                (
                    Thinking("hm", "sealed"),
                    Thinking("AAAA", is_redacted=True),
                    Thinking("no seal"),
                    Thinking("", "google:AAAA"),
                    Call("call_1", "f", '{"city":"Rome"}'),
                    Call(long, "g", ""),
                ),
            ),
            Message("tool", (Result("call_1", (Text("sunny"), Image("image/gif", "AA"))),)),
            Message("tool", (Result(long, (), is_error=True, is_breakpoint=True),)),
        )
    )
    _, calls, results = made["messages"]
    assert calls["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sealed"}}},
        {"reasoningContent": {"redactedContent": "AAAA"}},
        {"toolUse": {"toolUseId": "call_1", "name": "f", "input": {"city": "Rome"}}},
        {"toolUse": {"toolUseId": call_id(long), "name": "g", "input": {}}},
    ]
    first, second, point = results["content"]
    assert first["toolResult"]["content"] == [
        {"text": "sunny"},
        {"image": {"format": "gif", "source": {"bytes": "AA"}}},
    ]
    assert second["toolResult"] == {
        "toolUseId": call_id(long),
        "content": [{"text": " "}],
        "status": "error",
    }
    assert point == {"cachePoint": {"type": "default"}}
    assert len(call_id(long)) <= 64


def test_where_the_cache_ends_is_told_to_those_who_have_one() -> None:
    request = asked(Message("user", (Text("x", is_breakpoint=True),)))
    assert len(body(request, "amazon.nova-pro-v1:0")["messages"][0]["content"]) == 2
    assert len(body(request, "mistral.x")["messages"][0]["content"]) == 1


def test_settings() -> None:
    made = body(
        asked(
            max_tokens=9,
            temperature=0.5,
            top_p=0.9,
            top_k=7,
            stop=("END",),
            effort="low",
            thinking_tokens=1024,
            user="someone@example.org",
            format=Format("json_schema", "city", SCHEMA, "a city"),
        )
    )
    assert made["inferenceConfig"] == {
        "maxTokens": 9,
        "temperature": 0.5,
        "topP": 0.9,
        "stopSequences": ["END"],
    }
    assert made["additionalModelRequestFields"] == {
        "top_k": 7,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    assert made["additionalModelResponseFieldPaths"] == ["/stop_sequence"]
    assert made["requestMetadata"] == {"user": "someone@example.org"}
    assert made["outputConfig"] == {
        "effort": "low",
        "textFormat": {
            "type": "json_schema",
            "structure": {
                "jsonSchema": {
                    "schema": '{"type":"object"}',
                    "name": "city",
                    "description": "a city",
                }
            },
        },
    }
    assert set(body(asked())) == {"messages"}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("amazon.nova-lite-v1:0", {"inferenceConfig": {"topK": 7}}),
        ("mistral.x", {"top_k": 7}),
        ("cohere.x", {"k": 7}),
    ],
)
def test_top_k_as_each_maker_spells_it(model: str, expected: Any) -> None:
    assert body(asked(top_k=7), model)["additionalModelRequestFields"] == expected


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, None),
        (ToolChoice("auto"), {"auto": {}}),
        (ToolChoice("required"), {"any": {}}),
        (ToolChoice("named", "f"), {"tool": {"name": "f"}}),
    ],
)
def test_tools(choice: ToolChoice | None, expected: Any) -> None:
    tool = Tool("f", "does", SCHEMA, is_strict=True, is_breakpoint=True)
    made = body(asked(tools=(tool,), tool_choice=choice))["toolConfig"]
    specification = {
        "name": "f",
        "description": "does",
        "inputSchema": {"json": {"type": "object"}},
        "strict": True,
    }
    assert made["tools"] == [{"toolSpec": specification}, {"cachePoint": {"type": "default"}}]
    assert made.get("toolChoice") == expected


def test_no_tool_may_be_called() -> None:
    tools = {"tools": (Tool("f"),), "tool_choice": ToolChoice("none")}
    assert "toolConfig" not in body(asked(**tools))
    past = asked(USER, Message("assistant", (Call("c", "f", "{}"),)), **tools)
    with pytest.raises(InvalidRequest, match="tool_choice"):
        body(past)
    assert "toolConfig" in body(past, drops=True)


UNSAID: dict[str, Request] = {
    "n": asked(choices=2),
    "min_p": asked(min_p=0.1),
    "frequency_penalty": asked(frequency_penalty=0.1),
    "presence_penalty": asked(presence_penalty=0.1),
    "seed": asked(seed=1),
    "logprobs": asked(logprobs=0),
    "logit_bias": asked(logit_bias={"1": 1.0}),
    "safe_prompt": asked(safe_prompt=True),
    "parallel_tool_calls": asked(parallel_tool_calls=False),
    "response_format": asked(format=Format("json_object")),
    "reasoning_effort": asked(effort="high", max_tokens=99),
    "user": asked(user="<someone>"),
    "service_tier": asked(extra={"service_tier": msgspec.Raw(b'"flex"')}),
    "messages.name": asked(Message("user", (Text("x"),), name="Ada")),
    "prefix": asked(USER, Message("assistant", (Text("y"),), is_prefix=True)),
    "image_url.detail": asked(Message("user", (Image("image/png", "AA", "high"),))),
}


@pytest.mark.parametrize("field", UNSAID)
def test_what_has_no_place_is_refused_by_name_or_dropped_and_named(field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        body(UNSAID[field])
    assert (refused.value.code, refused.value.param) == ("unsupported_parameter", field)
    assert UPSTREAM.write(UNSAID[field], model=CLAUDE, drops=True).dropped == (field,)


def test_no_room_to_think_is_said() -> None:
    with pytest.raises(InvalidRequest, match="1024 tokens at least"):
        body(asked(effort="high", max_tokens=99))


def test_what_asks_for_nothing_is_left_out_unsaid() -> None:
    nothing = asked(frequency_penalty=0, presence_penalty=0.0, safe_prompt=False, logit_bias={})
    assert body(nothing) == body(asked())


@pytest.mark.parametrize(
    ("model", "fields", "expected"),
    [
        (CLAUDE, {"effort": "high"}, {"thinking": {"type": "enabled", "budget_tokens": 16_384}}),
        (
            CLAUDE,
            {"effort": "high", "max_tokens": 3000},
            {"thinking": {"type": "enabled", "budget_tokens": 1500}},
        ),
        (CLAUDE, {"effort": "minimal"}, None),
        (CLAUDE, {"effort": "none"}, None),
        (CLAUDE, {"thinking_tokens": 0}, None),
        (
            "anthropic.claude-opus-5-v1:0",
            {"thinking_tokens": 0},
            {"thinking": {"type": "disabled"}},
        ),
        ("anthropic.claude-opus-5-v1:0", {"effort": "high"}, {"thinking": {"type": "adaptive"}}),
        (
            "us.amazon.nova-2-lite-v1:0",
            {"effort": "low"},
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}},
        ),
        ("openai.gpt-oss-120b-1:0", {"effort": "low"}, {"reasoning_effort": "low"}),
        ("moonshotai.kimi-k2.5", {"effort": "low"}, {"reasoning_effort": "low"}),
        ("us.openai.gpt-5.6-v1:0", {"effort": "low"}, {"reasoning": {"effort": "low"}}),
        ("us.openai.gpt-5.6-v1:0", {"effort": "none"}, {"reasoning": {"effort": "none"}}),
        ("us.openai.gpt-5.6-v1:0", {"thinking_tokens": 0}, {"reasoning": {"effort": "none"}}),
        ("meta.llama3-v1:0", {"effort": "none"}, None),
    ],
)
def test_how_much_is_thought_as_each_maker_spells_it(
    model: str, fields: Any, expected: Any
) -> None:
    made = body(asked(**fields), model)
    assert made.get("additionalModelRequestFields") == expected
    is_told = "opus-5" in model and "effort" in fields
    assert made.get("outputConfig") == ({"effort": "high"} if is_told else None)


@pytest.mark.parametrize("field", ["top_k", "thinking", "reasoning_effort"])
def test_what_this_maker_has_no_place_for(field: str) -> None:
    told = {"top_k": 7, "thinking": 2000, "reasoning_effort": "low"}
    spelt = {"thinking": "thinking_tokens", "reasoning_effort": "effort"}
    request = asked(**{spelt.get(field, field): told[field]})
    with pytest.raises(InvalidRequest, match=field):
        body(request, "meta.llama3-v1:0")


@pytest.mark.parametrize("part", [Image("image/tiff", "AA"), File("application/zip", "AA")])
def test_data_of_a_kind_it_does_not_take(part: Any) -> None:
    with pytest.raises(InvalidRequest, match=part.media_type):
        body(asked(Message("user", (part,))), drops=True)


def test_arguments_that_are_no_object_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="no JSON object"):
        body(asked(USER, Message("assistant", (Call("c", "f", "[1]"),))))
