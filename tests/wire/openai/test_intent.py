"""A chat request's top level: read once, every byte of it accounted for, written again.

Two readers must never disagree about a field; a slow reader that sees every name says when they
could.
"""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tramontane.errors import InvalidRequest
from tramontane.wire.openai.intent import CONTROLLED, FIELDS_MAX, Intent, encode, read_chat

MESSAGES = [{"role": "user", "content": "Hello"}]
PLAIN = {"model": "m", "messages": MESSAGES}
SPACES = st.text(" \t\r\n", max_size=3)
NAMES = st.one_of(
    st.sampled_from((*sorted(CONTROLLED), "user", "seed", "x", "Model", "é", "a\nb", 'a"b', "\\")),
    st.text(max_size=4),
)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 300),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(("m", "}", '"}', ',"model":"n"}', "a\\", "é", "")), st.just(MESSAGES),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=3), st.integers()),
)  # fmt: skip


def intent(**fields: Any) -> Intent:
    return read_chat(json.dumps({**PLAIN, **fields}).encode())


def refused(body: bytes | dict[str, Any]) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        read_chat(body if isinstance(body, bytes) else json.dumps(body).encode())
    assert caught.value.status == 400
    return caught.value


# -- every byte -----------------------------------------------------------------------------------


@st.composite
def objects(draw: st.DrawFn) -> tuple[list[tuple[str, Any]], bytes]:
    """Draw pairs, maybe with names that stand twice, and an object written in an odd way."""
    pairs = [("model", "m"), ("messages", MESSAGES)]
    pairs += draw(st.lists(st.tuples(NAMES, VALUES), max_size=5))
    pairs = draw(st.permutations(pairs))
    is_compact = draw(st.booleans())
    written = []
    for name, value in pairs:
        text = json.dumps(name, ensure_ascii=draw(st.booleans()))
        if draw(st.integers(0, 5)) == 0:
            text = '"' + "".join(f"\\u{ord(c):04x}" for c in name if ord(c) < 65_536) + '"'
            assume(json.loads(text) == name)
        separators = (",", ":") if is_compact else None
        spaces = ["", "", ""] if is_compact else [draw(SPACES) for _ in range(3)]
        raw = json.dumps(value, ensure_ascii=draw(st.booleans()), separators=separators)
        written.append(spaces[0] + text + spaces[1] + ":" + spaces[2] + raw + spaces[0])
    around = "" if is_compact else draw(SPACES)
    return pairs, (around + "{" + ",".join(written) + "}" + around).encode()


@settings(max_examples=60, deadline=None)
@given(objects())
def test_what_is_read_is_all_there_is(drawn: tuple[list[tuple[str, Any]], bytes]) -> None:
    pairs, body = drawn
    names = [name for name, _ in pairs]
    try:
        read = read_chat(body)
    except InvalidRequest as error:
        if error.code == "duplicate_field":
            assert error.param is None or names.count(error.param) > 1
            assert len(set(names)) < len(names)
        return
    assert len(set(names)) == len(names), "one of two fields of the same name was dropped"
    assert {n: msgspec.json.decode(raw) for n, raw in read.fields.items()} == dict(pairs)
    assert json.loads(encode(read.fields)) == dict(pairs)
    folded = [name for name in names if name.casefold() in CONTROLLED]
    assert all(name in CONTROLLED for name in folded)
    assert read.model == dict(pairs)["model"]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 200), st.integers(0, 200))
def test_damaged_bodies_are_read_or_refused(junk: bytes, start: int, end: int) -> None:
    body = json.dumps({**PLAIN, "stream": True, "seed": 5, "user": "é\\u0000"}).encode()
    damaged = body[: start % len(body)] + junk + body[end % len(body) :]
    try:
        read = read_chat(damaged)
    except InvalidRequest as error:
        assert error.message
    else:
        written = encode(read.fields)
        try:
            expected = json.loads(damaged)
        except UnicodeDecodeError:  # inside a text that matters to the upstream alone
            assert (
                msgspec.json.decode(written, type=dict[str, msgspec.Raw]).keys()
                == read.fields.keys()
            )
        else:
            assert json.loads(written) == expected


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m","messages":[{"role":"user","content":"x"}],"model":"n"}',
        b'{"model":"n","model":"m","messages":[{"role":"user","content":"x"}]}',
        b'{"mod\\u0065l":"n","model":"m","messages":[{"role":"user","content":"x"}]}',
        b'{ "max_tokens" : 5 , "model":"m","messages":[{}],"max_tokens":5 }',
        b'{"x":1,"x":1,"model":"m","messages":[{"role":"user","content":"x"}]}',
        b'{"model":"m","messages":[{}],"n":' + b"1" * 5_000 + b',"n":1}',
    ],
)
def test_a_field_that_stands_twice_is_named(body: bytes) -> None:
    error = refused(body)
    assert error.code == "duplicate_field"
    assert error.param in ("model", "max_tokens", "x", "n")
    assert f"'{error.param}'" in error.message


@pytest.mark.parametrize("name", ["Model", "MAX_TOKENS", "Stream", "N", "ſtream"])
def test_an_oddly_cased_name_is_refused_with_the_right_one(name: str) -> None:
    error = refused({**PLAIN, name: 1})
    assert (error.code, error.param) == ("unknown_field", name)
    assert f"did you mean '{name.casefold()}'" in error.message


def test_fields_that_are_not_known_pass_as_they_are() -> None:
    read = intent(frobnicate={"a": [1, 2]}, top_k=5)
    assert json.loads(encode(read.fields))["frobnicate"] == {"a": [1, 2]}


# -- what each field must be ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 5}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": "Hello"}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": []}, "messages"),
        ({"stream": "true"}, "stream"),
        ({"stream": 1}, "stream"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": 10**9}, "max_tokens"),
        ({"max_completion_tokens": []}, "max_completion_tokens"),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": 5}, "stream_options"),
        ({"stream": True, "stream_options": {"include_usage": 5}}, "stream_options.include_usage"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    assert refused({**PLAIN, **fields}).param == param


@pytest.mark.parametrize("missing", ["model", "messages"])
def test_a_missing_field_is_named(missing: str) -> None:
    error = refused({name: value for name, value in PLAIN.items() if name != missing})
    assert (error.code, error.param) == ("missing_field", missing)


@pytest.mark.parametrize("body", [b"", b"[]", b"5", b"null", b'"x"', b"{", b"{'a':1}", b"\xff"])
def test_what_is_no_object_is_refused_with_an_example(body: bytes) -> None:
    assert refused(body).code == "invalid_json"


def test_null_stands_for_a_field_left_out() -> None:
    names = ("stream", "stream_options", "max_tokens", "max_completion_tokens", "n")
    read = intent(**dict.fromkeys(names))
    assert (read.stream, read.include_usage, read.max_tokens, read.choices) == (
        False, False, None, 1,
    )  # fmt: skip


def test_what_routing_and_bills_depend_on() -> None:
    read = intent(max_tokens=5, n=3, stream=True, stream_options={"include_usage": True})
    assert (read.model, read.stream, read.include_usage) == ("m", True, True)
    assert (read.max_tokens, read.choices, read.images) == (5, 3, 0)


def test_the_larger_of_two_limits_bounds_the_bill() -> None:
    assert intent(max_tokens=5, max_completion_tokens=9).max_tokens == 9
    assert intent(max_tokens=9, max_completion_tokens=5).max_tokens == 9
    assert intent(max_completion_tokens=7).max_tokens == 7


def test_the_bytes_of_a_prompt_are_those_of_the_body() -> None:
    body = json.dumps(PLAIN).encode()
    assert read_chat(body).prompt_bytes == len(body)


def test_there_is_a_most_of_fields() -> None:
    many = {f"f{i}": 1 for i in range(FIELDS_MAX)}
    assert refused({**PLAIN, **many}).code == "too_many_fields"


# -- linear ---------------------------------------------------------------------------------------

SIZE = 4_000_000
OPEN = b'{"model":"m","messages":[{"role":"user","content":"x"}],'


@pytest.mark.parametrize(
    "body",
    [
        b"{" + b'"a":1,' * (SIZE // 6) + b'"b":1}',
        b"{" + b",".join(b'"a%d":1' % i for i in range(250)) + b',"z":1' * (SIZE // 6) + b"}",
        b"{" + b",".join(b'"a%d":1' % i for i in range(SIZE // 12)) + b"}",
        OPEN + b" " * SIZE + b'"x":1}',
        OPEN + b'"x":1' + b"\t\n" * (SIZE // 2) + b',"model":"m"}',
        OPEN + b'"' + b"a" * SIZE + b'":1}',
        OPEN + b'"' + b"\\u0061" * (SIZE // 6) + b'":1}',
        OPEN + b'"' + b"\\\\" * (SIZE // 2) + b'":1}',
        OPEN + b'"' + b'\\"' * (SIZE // 2),
        OPEN + b'"seed":' + b"9" * SIZE + b"}",
        OPEN + b'"n":' + b"9" * SIZE + b"}",
        OPEN + b'"x":[' + b"[]," * (SIZE // 3) + b"[]]}",
        OPEN + b'"x":' + b"[" * (SIZE // 2) + b"]" * (SIZE // 2) + b"}",
        OPEN + b'"x":"' + "é!".encode() * (SIZE // 3) + b'"}',
        b'{"model":"m","messages":[' + b"{}," * (SIZE // 3) + b"{}]}",
        b'{"model":"m","messages":[{"role":"user","content":[{"type":"x","y":"'
        + b"!" * SIZE
        + b'"}]}]}',
        OPEN + b'"tools":[' + b'{"type":"f","function":{"$ref":"#x"}},' * (SIZE // 38) + b"{}]}",
    ],
    ids=lambda body: repr(body[60:90]) if isinstance(body, bytes) else None,
)
def test_four_megabytes_are_read_or_refused_soon(body: bytes) -> None:
    """None takes a second; anything quadratic would take hours, and so end the test run."""
    try:
        read = read_chat(body)
    except InvalidRequest as error:
        assert len(error.message) < 1_000
        assert len(error.param or "") < 1_000
    else:
        assert read.prompt_bytes == len(body)
