"""What reaches Google of a request, and what is refused since it has no place there."""

import json
from typing import Any

import msgspec
import pytest

from tramontane.errors import InvalidRequest
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
from tramontane.wire.google.signatures import SKIPPED, seal, unseal
from tramontane.wire.google.upstream import UPSTREAM

SEALED = "c3RhbmRpbjpmKw=="


def asked(*messages: Message, **fields: Any) -> Request:
    said = messages or (Message("user", (Text("hello"),)),)
    return Request(model="public", messages=said, **fields)


def body(request: Request, model: str = "gemini-3-pro", *, drops: bool = False) -> Any:
    return json.loads(UPSTREAM.write(request, model=model, drops=drops).body)


def config(**fields: Any) -> Any:
    return body(asked(**fields))["generationConfig"]


def test_the_path_says_whether_it_is_a_stream() -> None:
    whole = UPSTREAM.write(asked(), model="gemini-3-pro", drops=False)
    stream = UPSTREAM.write(asked(stream=True), model="tunedModels/mine", drops=False)
    assert whole.path == "/models/gemini-3-pro:generateContent"
    assert stream.path == "/tunedModels/mine:streamGenerateContent?alt=sse"


def test_instructions_turns_and_data() -> None:
    made = body(
        asked(
            Message("system", (Text("Be brief."),)),
            Message("user", (Text("What is it?"), Image("image/png", "AAAA"), Text(""))),
            Message("user", (File("application/pdf", "BBBB", "a.pdf"),)),
            Message("assistant", (Text("A cat."),)),
            Message("system", (Text("In French."),)),
            Message("user", (Text("Sure?"),)),
        )
    )
    assert made["systemInstruction"] == {"parts": [{"text": "Be brief."}, {"text": "In French."}]}
    assert made["contents"] == [
        {
            "role": "user",
            "parts": [
                {"text": "What is it?"},
                {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                {"inlineData": {"mimeType": "application/pdf", "data": "BBBB"}},
            ],
        },
        {"role": "model", "parts": [{"text": "A cat."}]},
        {"role": "user", "parts": [{"text": "Sure?"}]},
    ]


def conversation() -> tuple[Message, ...]:
    return (
        Message("user", (Text("Weather?"),)),
        Message(
            "assistant",
            (Call(seal("call_1", SEALED), "f", '{"city": "Rome"}'), Call("call_2", "g", "")),
        ),
        Message("tool", (Result(seal("call_1", SEALED), (Text("sunny"),)),)),
        Message("tool", (Result("call_2", (Text("no"), Image("image/png", "AA")), is_error=True),)),
    )


def test_parallel_calls_and_their_results_are_one_turn_each() -> None:
    calls, results = body(asked(*conversation()))["contents"][1:]
    assert calls["parts"] == [
        {
            "functionCall": {"id": "call_1", "name": "f", "args": {"city": "Rome"}},
            "thoughtSignature": SEALED,
        },
        {"functionCall": {"id": "call_2", "name": "g", "args": {}}},
    ]
    first, second = (part["functionResponse"] for part in results["parts"])
    assert first == {"id": "call_1", "name": "f", "response": {"output": "sunny"}}
    assert second["response"] == {"error": "no"}
    assert second["parts"] == [{"inlineData": {"mimeType": "image/png", "data": "AA"}}]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gemini-3-pro", SKIPPED),
        ("models/gemini-4-argon", SKIPPED),
        ("gemini-2.5-flash", None),
        ("gemma-3-27b-it", None),
    ],
)
def test_a_call_without_its_seal_says_so_where_one_is_needed(
    model: str, expected: str | None
) -> None:
    calls = (Call("toolu_1", "f", "{}"), Call("toolu_2", "f", "{}"))
    made = body(asked(Message("user", (Text("x"),)), Message("assistant", calls)), model)
    first, second = made["contents"][1]["parts"]
    assert first.get("thoughtSignature") == expected
    assert "thoughtSignature" not in second


def test_a_seal_survives_in_an_id() -> None:
    made = seal("call_1", "ab+/cd==")
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
    assert unseal(made) == ("call_1", "ab+/cd==")
    assert unseal("call_1") == ("call_1", None)
    assert unseal("call_1__ts__!") == ("call_1", None)


def test_the_seal_of_a_text_comes_back_and_other_thoughts_do_not() -> None:
    thoughts = (
        Thinking("long", "anthropics"),
        Text("Hello"),
        Thinking("", "google:" + SEALED),
        Thinking("", "other"),
    )
    made = body(asked(Message("user", (Text("x"),)), Message("assistant", thoughts)))
    assert made["contents"][1]["parts"] == [{"text": "Hello", "thoughtSignature": SEALED}]


def test_settings() -> None:
    made = config(
        max_tokens=9,
        temperature=0.5,
        top_p=0.9,
        top_k=7,
        choices=2,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        stop=("END",),
        seed=3,
        logprobs=2,
    )
    assert made == {
        "maxOutputTokens": 9,
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 7,
        "candidateCount": 2,
        "frequencyPenalty": 0.1,
        "presencePenalty": 0.2,
        "stopSequences": ["END"],
        "seed": 3,
        "responseLogprobs": True,
        "logprobs": 2,
    }
    assert config(logprobs=0) == {"responseLogprobs": True}


@pytest.mark.parametrize(
    ("model", "fields", "expected"),
    [
        ("gemini-3-pro", {"effort": "low"}, {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-2.5-pro", {"effort": "medium"}, {"thinkingBudget": 8192, "includeThoughts": True}),
        ("gemini-2.5-pro", {"effort": "none"}, {"thinkingBudget": 0}),
        ("any", {"thinking_tokens": 99}, {"thinkingBudget": 99, "includeThoughts": True}),
        ("any", {"thinking_tokens": 0}, {"thinkingBudget": 0, "includeThoughts": False}),
    ],
)
def test_thinking(model: str, fields: Any, expected: Any) -> None:
    assert body(asked(**fields), model)["generationConfig"]["thinkingConfig"] == expected


def test_the_form_of_the_answer() -> None:
    schema = msgspec.Raw(b'{"$schema":"https://json-schema.org/","type":"object","$defs":{}}')
    assert config(format=Format("json_object")) == {"responseMimeType": "application/json"}
    assert config(format=Format("json_schema", schema=schema, description="d")) == {
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object", "$defs": {}, "description": "d"},
    }


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, None),
        (ToolChoice("auto"), {"mode": "AUTO"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("named", "f"), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
    ],
)
def test_tools(choice: ToolChoice | None, expected: Any) -> None:
    tool = Tool("f", "does", msgspec.Raw(b'{"type":"object"}'))
    made = body(asked(tools=(tool,), tool_choice=choice))
    declared = {"name": "f", "description": "does", "parametersJsonSchema": {"type": "object"}}
    assert made["tools"] == [{"functionDeclarations": [declared]}]
    assert made.get("toolConfig", {}).get("functionCallingConfig") == expected


def test_a_strict_tool_is_held_to_its_schema() -> None:
    made = body(asked(tools=(Tool("f", is_strict=True),)))
    assert made["toolConfig"]["functionCallingConfig"] == {"mode": "VALIDATED"}


@pytest.mark.parametrize(
    ("detail", "expected"), [("low", "MEDIA_RESOLUTION_LOW"), ("high", "MEDIA_RESOLUTION_HIGH")]
)
def test_the_detail_of_pictures(detail: str, expected: str) -> None:
    message = Message("user", (Image("image/png", "AA", detail), Image("image/png", "AA", "auto")))
    assert body(asked(message))["generationConfig"] == {"mediaResolution": expected}


UNSAID: dict[str, Request] = {
    "min_p": asked(min_p=0.1),
    "logit_bias": asked(logit_bias={"1": 1.0}),
    "safe_prompt": asked(safe_prompt=True),
    "user": asked(user="u"),
    "parallel_tool_calls": asked(parallel_tool_calls=False),
    "reasoning_effort": asked(effort="enormous"),
    "service_tier": asked(extra={"service_tier": msgspec.Raw(b'"flex"')}),
    "messages.name": asked(Message("user", (Text("x"),), name="Ada")),
    "prefix": asked(
        Message("user", (Text("x"),)), Message("assistant", (Text("y"),), is_prefix=True)
    ),
    "image_url.detail": asked(Message("user", (Image("image/png", "AA", "original"),))),
}


@pytest.mark.parametrize("field", UNSAID)
def test_what_has_no_place_is_refused_by_name_or_dropped_and_named(field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        body(UNSAID[field])
    assert (refused.value.code, refused.value.param) == ("unsupported_parameter", field)
    written = UPSTREAM.write(UNSAID[field], model="gemini-3-pro", drops=True)
    assert written.dropped == (field,)


def test_what_asks_for_nothing_is_left_out_unsaid() -> None:
    assert body(asked(logit_bias={}, safe_prompt=False, user="")) == body(asked())


@pytest.mark.parametrize("arguments", ["[1]", "no", '{"a":', "[" * 10_000])
def test_arguments_that_are_no_object_are_refused(arguments: str) -> None:
    with pytest.raises(InvalidRequest, match="no JSON object"):
        body(asked(Message("assistant", (Call("c", "f", arguments),))))


def test_a_result_without_its_call_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="without that call"):
        body(asked(Message("tool", (Result("c", (Text("x"),)),))))
    assert body(asked(Message("tool", (Result("c", (Text("x"),), name="f"),))))


def test_embeddings() -> None:
    request = Request(model="m", operation="embeddings", inputs=("a", "b"), dimensions=8)
    written = UPSTREAM.write(request, model="gemini-embedding-001", drops=False)
    assert written.path == "/models/gemini-embedding-001:batchEmbedContents"
    first, second = json.loads(written.body)["requests"]
    assert first["model"] == "models/gemini-embedding-001"
    assert second["content"] == {"parts": [{"text": "b"}]}
    assert second["outputDimensionality"] == 8
    with pytest.raises(InvalidRequest):
        numbers = Request(model="m", operation="embeddings", inputs=((1, 2),))
        UPSTREAM.write(numbers, model="x", drops=False)


def test_the_key_goes_where_its_kind_goes() -> None:
    def lines(secret: str | None) -> bytes:
        return UPSTREAM.authorize(secret, host="h", path="/p", body=b"", now_s=0.0)

    assert lines("AIza") == b"x-goog-api-key: AIza\r\n"
    assert lines("ya29.token") == b"authorization: Bearer ya29.token\r\n"
    assert lines(None) == b""
