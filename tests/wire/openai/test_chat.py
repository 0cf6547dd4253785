"""OpenAI's chat in both directions: what is read is what was written, however a stream is cut."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tramontane.errors import InvalidRequest, TramontaneError, UpstreamFailed
from tramontane.money import Usage
from tramontane.wire.canonical import (
    Answer,
    Began,
    Broken,
    Call,
    CallBegan,
    CallPiece,
    Choice,
    Counted,
    Ended,
    File,
    Finished,
    Format,
    Image,
    Message,
    Piece,
    Request,
    Result,
    Text,
    TextPiece,
    Thinking,
    ThinkingPiece,
    Tool,
    ToolChoice,
)
from tramontane.wire.dialect import Asked
from tramontane.wire.openai.chat import CLIENT, ENGINE, UPSTREAM

TEXTS = st.text(max_size=20)
NAMES = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
SCHEMA = msgspec.Raw(b'{"type":"object","properties":{}}')


def asked(**fields: Any) -> Asked:
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], **fields}
    return CLIENT.read(msgspec.json.encode(body), None, b"")


def sent(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(
        UPSTREAM.write(request, model="served", drops=False).body
    )
    return found


# -- requests -----------------------------------------------------------------------------------


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    messages = [Message("system", (Text(draw(TEXTS)),))] if draw(st.booleans()) else []
    for turn in range(draw(st.integers(1, 3))):
        parts: list[Any] = [Text(draw(TEXTS))]
        if draw(st.booleans()):
            parts.append(Image("image/png", "aGk=", draw(st.sampled_from((None, "low")))))
        if draw(st.booleans()):
            parts.append(File("application/pdf", "aGk=", "a.pdf"))
        messages.append(Message("user", tuple(parts), draw(st.none() | NAMES)))
        calls = [
            Call(f"c{turn}{n}", draw(NAMES), '{"a":1}') for n in range(draw(st.integers(0, 2)))
        ]
        said = (Text(draw(st.text(min_size=1, max_size=20))),) if draw(st.booleans()) else ()
        if not (said or calls):
            said = (Text("so"),)
        messages.append(Message("assistant", (*said, *calls)))
        messages += [Message("tool", (Result(call.id, (Text(draw(TEXTS)),)),)) for call in calls]
    return tuple(messages)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    tools = tuple(Tool(name, draw(st.none() | TEXTS), SCHEMA) for name in draw(st.sets(NAMES)))
    choices: list[ToolChoice | None] = [None, ToolChoice("required"), ToolChoice("none")]
    choices += [ToolChoice("named", tool.name) for tool in tools]
    stream = draw(st.booleans())
    return Request(
        model="m",
        messages=draw(conversations()),
        tools=tools,
        tool_choice=draw(st.sampled_from(choices)) if tools else None,
        format=draw(
            st.sampled_from(
                (None, Format("json_object"), Format("json_schema", "a", SCHEMA, "d", True))
            )
        ),
        max_tokens=draw(st.none() | st.integers(1, 99)),
        choices=draw(st.integers(1, 3)),
        temperature=draw(st.none() | st.floats(0, 2)),
        top_p=draw(st.none() | st.floats(0, 1)),
        seed=draw(st.none() | st.integers(0, 9)),
        stop=tuple(draw(st.lists(st.text(min_size=1, max_size=3), max_size=3))),
        effort=draw(st.sampled_from((None, "low", "high"))),
        user=draw(st.none() | TEXTS),
        logprobs=draw(st.none() | st.integers(0, 5)),
        logit_bias=draw(st.none() | st.just({"17": -100.0})),
        parallel_tool_calls=draw(st.none() | st.booleans()) if tools else None,
        stream=stream,
        include_usage=stream,
    )


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(requests())
def test_a_request_written_is_read_as_it_was(request: Request) -> None:
    written = UPSTREAM.write(request, model="m", drops=False)
    assert written.dropped == ()
    assert CLIENT.read(written.body, None, b"").request == request


def test_thinking_is_kept_with_its_seal_and_never_sent_to_who_did_not_seal_it() -> None:
    blocks = [{"type": "thinking", "thinking": "hm", "signature": "s"}]
    blocks.append({"type": "redacted_thinking", "data": "x"})
    message = {"role": "assistant", "content": "yes", "thinking_blocks": blocks}
    request = asked(messages=[message]).request
    assert request.messages[0].parts == (
        Thinking("hm", "s"),
        Thinking("x", is_redacted=True),
        Text("yes"),
    )
    assert sent(request)["messages"] == [{"role": "assistant", "content": "yes"}]


def test_what_a_tool_has_shown_follows_its_result() -> None:
    result = Result("c", (Text("see"), Image("image/png", "aGk=")))
    messages = (Message("tool", (result,)), Message("user", (Text("and?"),)))
    written = sent(Request(model="m", messages=messages))["messages"]
    assert [message["role"] for message in written] == ["tool", "user", "user"]
    assert written[0]["content"] == "see"
    assert written[1]["content"][0]["image_url"]["url"] == "data:image/png;base64,aGk="


def test_hints_end_here_and_what_matters_goes_on_by_name() -> None:
    request = asked(
        metadata={"a": "b"}, store=True, service_tier="auto", modalities=["text"], verbosity="low"
    ).request
    assert list(request.extra) == ["verbosity"]
    assert asked(service_tier="flex").request.extra == {"service_tier": msgspec.Raw(b'"flex"')}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages"),
        ({"tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"temperature": "hot"}, "temperature"),
        ({"functions": []}, "functions"),
        ({"response_format": {"type": "grammar"}}, "response_format.type"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        asked(**fields)
    assert str(refused.value.param).startswith(param)


@pytest.mark.parametrize("field", ["top_k", "min_p"])
def test_an_engine_samples_in_more_ways_than_a_provider(field: str) -> None:
    request = asked(**{field: 1}).request
    with pytest.raises(InvalidRequest) as refused:
        UPSTREAM.write(request, model="m", drops=False)
    assert (refused.value.code, refused.value.param) == ("unsupported_parameter", field)
    assert UPSTREAM.write(request, model="m", drops=True).dropped == (field,)
    assert ENGINE.write(request, model="m", drops=False).dropped == ()


@pytest.mark.parametrize(
    ("model", "effort"),
    [
        ("gpt-4o", None),
        ("mistral-large", None),
        ("gpt-5-mini", "minimal"),
        ("openai/gpt-5.1", "none"),
        ("o3", "low"),
    ],
)
def test_who_thinks_unasked_is_told_to_think_as_little_as_it_can(
    model: str, effort: str | None
) -> None:
    request = Request(model="m", messages=(Message("user", (Text("x"),)),), thinking_tokens=0)
    body = msgspec.json.decode(UPSTREAM.write(request, model=model, drops=False).body)
    assert body.get("reasoning_effort") == effort


# -- answers ------------------------------------------------------------------------------------


def test_a_whole_answer_written_is_read_as_it_was() -> None:
    choices = (
        Choice((Thinking("hm"), Text("yes"), Call("c", "f", '{"a":1}')), "tool_calls"),
        Choice((Text("no"),), "length"),
    )
    answer = Answer(id="a", model="m", choices=choices, usage=Usage(9, 4, 2, 1), created_s=7)
    assert UPSTREAM.read(CLIENT.write(answer, asked())) == answer


@st.composite
def streams(draw: st.DrawFn) -> list[Piece]:
    pieces: list[Piece] = [Began("id", "model")]
    for choice in range(draw(st.integers(1, 2))):
        for text in draw(st.lists(st.text(min_size=1, max_size=9), max_size=3)):
            kind = draw(st.sampled_from((TextPiece, ThinkingPiece)))
            pieces.append(kind(text, choice))
        calls = draw(st.integers(0, 2))
        for call in range(calls):
            pieces.append(CallBegan(call, f"c{call}", draw(NAMES), choice))
            pieces += [
                CallPiece(call, text, choice)
                for text in draw(st.lists(st.text(min_size=1, max_size=9), max_size=2))
            ]
        pieces.append(Finished("tool_calls" if calls else "stop", choice))
    return [*pieces, Counted(Usage(9, 4, 2, 1)), Ended()]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(streams(), st.data())
def test_a_stream_written_is_read_as_it_was_however_it_is_cut(
    pieces: list[Piece], data: st.DataObject
) -> None:
    """RE8."""
    payload = CLIENT.writer(asked(stream=True, stream_options={"include_usage": True})).write(
        pieces
    )
    reader = UPSTREAM.reader()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(payload)), max_size=12)))
    read: list[Piece] = []
    for start, end in zip([0, *cuts], [*cuts, len(payload)], strict=True):
        read += reader.feed(payload[start:end])
    assert read == pieces
    assert reader.end() == []


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(streams(), st.data())
def test_a_broken_stream_gives_what_came_before_however_it_is_cut(
    pieces: list[Piece], data: st.DataObject
) -> None:
    writer = CLIENT.writer(asked(stream=True, stream_options={"include_usage": True}))
    good = writer.write(pieces[:-2])
    payload = (
        good + data.draw(st.sampled_from((b"data: {]\n\n", b"what\n\n"))) + b"data: [DONE]\n\n"
    )
    cut = data.draw(st.integers(0, len(payload)))
    reader = UPSTREAM.reader()
    read: list[Piece] = []
    with pytest.raises(TramontaneError):
        for part in (payload[:cut], payload[cut:]):
            read += reader.feed(part)
    assert [*read, *reader.left] == pieces[:-2]


def test_a_stream_without_its_last_word_is_whole_where_its_choices_are() -> None:
    head = b'data: {"id":"a","model":"m","choices":[{"index":0,"delta":{"content":"x"}'
    reader = UPSTREAM.reader()
    reader.feed(head + b',"finish_reason":"stop"}]}\n\n')
    assert reader.end() == [Ended()]
    reader = UPSTREAM.reader()
    reader.feed(head + b"}]}\n\n")
    with pytest.raises(Broken):
        reader.end()


def test_a_providers_error_is_none_of_ours_and_no_end() -> None:
    reader = UPSTREAM.reader()
    with pytest.raises(UpstreamFailed):
        reader.feed(b'data: {"error":{"message":"overloaded"}}\n\n')
    failed = CLIENT.writer(asked()).fail(UpstreamFailed("gone"))
    assert b"[DONE]" not in failed
    assert b'"error"' in failed


def test_a_refusal_is_said_and_called_by_its_name() -> None:
    event = {"choices": [{"delta": {"refusal": "No."}, "finish_reason": "stop"}]}
    pieces = UPSTREAM.reader().feed(b"data: " + msgspec.json.encode(event) + b"\n\n")
    assert pieces[1:] == [TextPiece("No."), Finished("refusal")]
