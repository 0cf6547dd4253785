"""What a mistaken or hostile client sends as a body: refused with the field at fault (SE15)."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway.bytewise import Reply, Talk
from tests.processes import RunningStandin
from tests.running import RunningGateway, run_gateway


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, standin: RunningStandin
) -> Iterator[RunningGateway]:
    """Yield a gateway with several models before it."""
    names = ("mistral-small", "mistral-large", "llama-8b")
    settings: dict[str, object] = {f"deployments.{name}.url": standin.url for name in names}
    settings["deployments.short.url"] = standin.url
    settings["deployments.short.max_output_tokens"] = 50
    folder = tmp_path_factory.mktemp("bad") / "data"
    with run_gateway(folder, standin.url, settings) as running:
        yield running


@pytest.fixture(scope="module")
def talk(gateway: RunningGateway) -> Iterator[Talk]:
    """Yield one connection for the whole module: no refusal of a body may end it."""
    with Talk(gateway.port) as connection:
        yield connection


def post(gateway: RunningGateway, talk: Talk, body: bytes) -> Reply:
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {gateway.key}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    talk.send(head.encode() + body)
    return talk.read()


def chat(fields: dict[str, Any]) -> bytes:
    usual = {"model": "bench", "messages": [{"role": "user", "content": "Hello"}]}
    return json.dumps({name: v for name, v in {**usual, **fields}.items() if v != ...}).encode()


MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "spaces": b"   \r\n ",
    "null": b"null",
    "a list": b"[]",
    "a number": b"1",
    "a string": b'"model"',
    "true": b"true",
    "an open object": b'{"model": "bench", "messages": [{"role": "user", "content": "a"}]',
    "an open string": b'{"model": "ben',
    "the wrong bracket": b'{"model": "bench"]',
    "no colon": b'{"model"}',
    "no value": b'{"model":}',
    "a trailing comma": b'{"model": "bench",}',
    "single quotes": b"{'model': 'bench'}",
    "no quotes": b"{model: bench}",
    "a comment": b'{"model": "bench" /* no */}',
    "NaN": b'{"model": "bench", "messages": [], "temperature": NaN}',
    "Infinity": b'{"model": "bench", "messages": [], "temperature": -Infinity}',
    "an octal number": b'{"model": "bench", "messages": [], "n": 01}',
    "a plus": b'{"model": "bench", "messages": [], "n": +1}',
    "a byte order mark": b"\xef\xbb\xbf" + chat({}),
    "UTF-16": chat({}).decode().encode("utf-16"),
    "broken UTF-8": b'{"model": "bench", "messages": [{"role": "user", "content": "\xff\xfe"}]}',
    "broken UTF-8 in a name": b'{"mod\xffel": "bench"}',
    "broken UTF-8 in a field that is passed on": chat({})[:-1] + b', "metadata": {"a": "\xff"}}',
    "broken UTF-8 in the options": chat({})[:-1]
    + b', "stream": true, "stream_options": {"\xff": 1}}',
    "a cut-off character": b'{"model": "bench", "messages": [{"role": "user", "content": "\xc3"}]}',
    "a lone surrogate": b'{"model": "bench", "messages": [{"role": "user", "content": "\\ud800"}]}',
    "a bad escape": b'{"model": "bench", "messages": [{"role": "user", "content": "\\x41"}]}',
    "half an escape": b'{"model": "bench", "messages": [{"role": "user", "content": "\\u12"}]}',
    "a NUL": b'{"model": "bench\0"}',
    "a bare line feed": b'{"model": "be\nnch"}',
    "two objects": chat({}) + chat({}),
    "something after": chat({}) + b"x",
    "a form": b"model=bench&messages=Hello",
    "XML": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
    "gzip": gzip.compress(chat({})),
    "zeros": b"\0" * 1_000,
    "open lists": b"[" * 100_000,
    "open objects": b'{"a":' * 100_000,
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "a deep value": b'{"model": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_json_object_is_refused_and_the_connection_stays(
    gateway: RunningGateway, talk: Talk, body: bytes
) -> None:
    reply = post(gateway, talk, body)
    assert (reply.status, reply.code) == (400, "invalid_json")
    assert "connection" not in reply.fields
    assert len(reply.json["error"]["message"]) < 500
    assert post(gateway, talk, chat({})).status == 200


DEEP = [[[[["x"]]]]]
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"model": ...}, "missing_field", "model"),
    ({"model": None}, "invalid_type", "model"),
    ({"model": 1}, "invalid_type", "model"),
    ({"model": ["bench"]}, "invalid_type", "model"),
    ({"model": {"name": "bench"}}, "invalid_type", "model"),
    ({"model": True}, "invalid_type", "model"),
    ({"model": ""}, "model_not_found", "model"),
    ({"model": "x" * 100_000}, "model_not_found", "model"),
    ({"model": "../../etc/passwd"}, "model_not_found", "model"),
    ({"model": "bench\r\nX: y"}, "model_not_found", "model"),
    ({"messages": ...}, "missing_field", "messages"),
    ({"messages": None}, "invalid_type", "messages"),
    ({"messages": "Hello"}, "invalid_type", "messages"),
    ({"messages": {"role": "user"}}, "invalid_type", "messages"),
    ({"messages": 5}, "invalid_type", "messages"),
    ({"messages": []}, "invalid_value", "messages"),
    ({"messages": ["Hello"]}, "invalid_type", "messages[0]"),
    ({"messages": [{"role": "user", "content": "a"}, 5]}, "invalid_type", "messages[1]"),
    ({"messages": [None]}, "invalid_type", "messages[0]"),
    ({"messages": [{}]}, "invalid_type", "messages[0]"),
    ({"messages": [{"content": "a"}]}, "invalid_type", "messages[0]"),
    ({"messages": [{"role": 1, "content": "a"}]}, "invalid_type", "messages[0].role"),
    ({"messages": DEEP}, "invalid_type", "messages[0]"),
    ({"stream": 1}, "invalid_type", "stream"),
    ({"stream": "true"}, "invalid_type", "stream"),
    ({"stream": []}, "invalid_type", "stream"),
    ({"max_tokens": "5"}, "invalid_type", "max_tokens"),
    ({"max_tokens": True}, "invalid_type", "max_tokens"),
    ({"max_tokens": 1.5}, "invalid_type", "max_tokens"),
    ({"max_tokens": [5]}, "invalid_type", "max_tokens"),
    ({"max_tokens": 0}, "invalid_value", "max_tokens"),
    ({"max_tokens": -1}, "invalid_value", "max_tokens"),
    ({"max_tokens": 10**12}, "invalid_value", "max_tokens"),
    ({"max_completion_tokens": 0}, "invalid_value", "max_completion_tokens"),
    ({"max_completion_tokens": {}}, "invalid_type", "max_completion_tokens"),
    ({"n": 0}, "invalid_value", "n"),
    ({"n": 129}, "invalid_value", "n"),
    ({"n": "1"}, "invalid_type", "n"),
    ({"stream_options": {"include_usage": True}}, "invalid_value", "stream_options"),
    ({"stream": True, "stream_options": []}, "invalid_type", "stream_options"),
    ({"stream": True, "stream_options": 1}, "invalid_type", "stream_options"),
    (
        {"stream": True, "stream_options": {"include_usage": "yes"}},
        "invalid_type",
        "stream_options.include_usage",
    ),
    ({"Model": "bench"}, "unknown_field", "Model"),
    ({"MODEL": "bench"}, "unknown_field", "MODEL"),
    ({"Messages": []}, "unknown_field", "Messages"),
    ({"STREAM": True}, "unknown_field", "STREAM"),
    ({"\u017ftream": True}, "unknown_field", "\u017ftream"),
    ({"Max_Tokens": 5}, "unknown_field", "Max_Tokens"),
    ({"N": 5}, "unknown_field", "N"),
    ({"model": "short", "max_tokens": 51}, "invalid_value", "max_tokens"),
    ({"model": "short", "max_completion_tokens": 51}, "invalid_value", "max_completion_tokens"),
    # the upstream's own words, with its code and param
    ({"temperature": "hot"}, "invalid_type", "temperature"),
    ({"messages": [{"role": "nobody", "content": "a"}]}, "invalid_value", "messages[0].role"),
    ({"tool_choice": "auto"}, "", "tool_choice"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "code", "param"), WRONG, ids=lambda v: str(v)[:60])
def test_a_wrong_field_is_named(
    gateway: RunningGateway, talk: Talk, fields: dict[str, Any], code: str, param: str
) -> None:
    for body in (chat(fields), json.dumps(json.loads(chat(fields)), indent=1).encode()):
        reply = post(gateway, talk, body)
        assert reply.status == (404 if code == "model_not_found" else 400), reply.body
        assert reply.code == code or not code
        assert reply.json["error"]["param"] == param
        assert len(reply.body) < 1_000


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"bench","model":"other","messages":[{"role":"user","content":"a"}]}',
        b'{"model":"other","messages":[{"role":"user","content":"a"}],"model":"bench"}',
        b'{ "model" : "bench", "model" : "bench", "messages":[{"role":"user","content":"a"}] }',
        b'{"model":"other","messages":[{"role":"user","content":"a"}],"\\u006dodel":"bench"}',
        b'{"model":"bench","messages":[{"role":"user","content":"a"}],"stream":true,"stream":false}',
        b'{"model":"bench","messages":[{"role":"user","content":"a"}],"x":1,"x":1}',
    ],
)
def test_a_field_that_stands_twice_is_refused(
    gateway: RunningGateway, talk: Talk, body: bytes
) -> None:
    reply = post(gateway, talk, body)
    assert (reply.status, reply.code) == (400, "duplicate_field")
    assert reply.json["error"]["param"] in ("model", "stream", "x")


def test_names_spelt_with_escapes_mean_what_they_spell(gateway: RunningGateway, talk: Talk) -> None:
    body = (
        chat({}).replace(b'"model"', b'"\\u006dodel"').replace(b'"messages"', b'"message\\u0073"')
    )
    assert post(gateway, talk, body).status == 200


@pytest.mark.parametrize("where", ["messages", "tools", "response_format", "metadata", "unknown"])
@pytest.mark.parametrize("depth", [500, 5_000, 100_000])
def test_deep_nesting_neither_breaks_nor_stalls(
    gateway: RunningGateway, talk: Talk, where: str, depth: int
) -> None:
    for opening, closing in ((b"[", b"]"), (b'{"ref":', b"}")):
        value = opening * depth + b"1" + closing * depth
        if where == "messages":
            value = b'[{"role":"user","content":[{"type":"x","y":%b}]}]' % value
            body = b'{"model":"bench","messages":%b}' % value
        else:
            body = chat({})[:-1] + b',"%b":%b}' % (where.encode(), value)
        reply = post(gateway, talk, body)
        assert reply.status == 400
        assert reply.code
    assert post(gateway, talk, chat({})).status == 200


def test_too_many_fields_are_refused(gateway: RunningGateway, talk: Talk) -> None:
    reply = post(gateway, talk, chat({f"f{i}": 1 for i in range(5_000)}))
    assert (reply.status, reply.code) == (400, "too_many_fields")


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("mistral-smal", "mistral-small"),
        ("mistral_large", "mistral-large"),
        ("lama-8b", "llama-8b"),
    ],
)
def test_an_unknown_model_is_answered_with_the_nearest_names(
    gateway: RunningGateway, asked: str, meant: str
) -> None:
    reply = gateway.chat(model=asked)
    assert (reply.status, reply.code) == (404, "model_not_found")
    assert f"'{meant}'" in reply.json["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("PUT", "/v1/chat/completions", 405, "method_not_allowed"),
        ("POST", "/v1/models", 405, "method_not_allowed"),
        ("DELETE", "/v1/models/bench", 405, "method_not_allowed"),
        ("POST", "/health", 405, "method_not_allowed"),
        ("POST", "/v1/chat/completion", 404, "unknown_path"),
        ("POST", "/v1/chat/completions/", 404, "unknown_path"),
        ("POST", "/v1/v1/chat/completions", 404, "unknown_path"),
        ("GET", "/v1/model", 404, "unknown_path"),
        ("GET", "/v1/%F0%9F%92%A9%00", 404, "unknown_path"),
        ("GET", "/v1/models/nobody", 404, "model_not_found"),
        ("GET", "/v1/models/%FF%FE", 404, "model_not_found"),
    ],
)
def test_a_wrong_path_or_method_is_told_apart(
    gateway: RunningGateway, method: str, path: str, status: int, code: str
) -> None:
    reply = gateway.request(method, path, key=gateway.key)
    assert (reply.status, reply.code) == (status, code)


def test_a_model_is_found_under_its_name_as_clients_encode_it(
    gateway: RunningGateway,
) -> None:
    for path in ("/v1/models/mistral-small", "/v1/models/mistral%2Dsmall"):
        reply = gateway.request("GET", path, key=gateway.key)
        assert reply.json["id"] == "mistral-small"
