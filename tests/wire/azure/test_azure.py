"""Azure's two dialects: what differs from OpenAI's."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tramontane.errors import InvalidRequest, NotFound, RateLimited, Unauthenticated, UpstreamFailed
from tramontane.money import Usage
from tramontane.wire import canonical as c
from tramontane.wire.azure import client, upstream
from tramontane.wire.azure.info import INFO, MODELS
from tramontane.wire.dialect import Asked, Shown

HELLO = [{"role": "user", "content": "hi"}]
ASKED = Asked(request=c.Request(model="m"), fields={}, prompt_bytes=1)
PIECES: list[c.Piece] = [
    c.Began("chatcmpl-1", "gpt"),
    c.TextPiece("Grüße "),
    c.TextPiece("東京"),
    c.Finished("stop"),
    c.Counted(Usage(3, 4)),
    c.Ended(),
]
FINDINGS = (
    b'data: {"choices":[],"created":0,"id":"","model":"","object":"",'
    b'"prompt_filter_results":[{"prompt_index":0,"content_filter_results":{}}]}\n\n'
)


@pytest.mark.parametrize(
    "body",
    [
        {"messages": HELLO},
        {"model": "other", "messages": HELLO},
        {"messages": HELLO, "stream": True},
    ],
)
def test_the_model_of_the_path_counts(body: dict[str, Any]) -> None:
    asked = client.CHAT.read(json.dumps(body).encode(), "mine/1", b"")
    assert asked.request.model == "mine/1"
    assert json.loads(bytes(asked.fields["model"])) == "mine/1"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"messages":1}'])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    for model in (None, "m"):
        with pytest.raises(InvalidRequest):
            client.CHAT.read(body, model, b"")


def test_a_model_is_needed_where_the_path_has_none() -> None:
    with pytest.raises(InvalidRequest) as caught:
        client.CHAT.read(json.dumps({"messages": HELLO}).encode(), None, b"")
    status, body = client.CHAT.error(caught.value)
    assert status == 400
    assert json.loads(body)["error"]["param"] == "model"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Unauthenticated("No."), 401, "401"),
        (NotFound("No.", code="model_not_found"), 404, "DeploymentNotFound"),
        (RateLimited("No."), 429, "429"),
        (UpstreamFailed("No."), 502, "upstream_error"),
    ],
)
def test_refusals(error: Any, status: int, code: str) -> None:
    found, body = client.CHAT.error(error)
    assert (found, json.loads(body)["error"]["code"]) == (status, code)


def test_a_failed_stream_has_a_line_at_which_azures_client_stops() -> None:
    event = client.CHAT.writer(ASKED).fail(UpstreamFailed("It\nbroke."))
    comment, data, *rest = event.split(b"\n")
    assert comment == b": upstream_error: It broke."
    assert json.loads(data.removeprefix(b"data: "))["error"]["message"] == "It\nbroke."
    assert rest == [b"", b""]


def test_requests_to_foundry() -> None:
    request = c.Request(
        model="m", messages=(c.Message("user", (c.Text("hi"),)),), stream=True, max_tokens=5
    )
    written = upstream.CHAT.write(request, model="Mistral-Large", drops=False)
    assert written.path == "/chat/completions?api-version=2024-05-01-preview"
    assert b"extra-parameters: pass-through\r\n" in written.fields
    body = json.loads(written.body)
    assert body["model"] == "Mistral-Large"
    assert body["max_tokens"] == 5
    assert body["stream_options"] == {"include_usage": True}
    lines = upstream.CHAT.authorize("k", host="h", path="/", body=b"", now_s=0)
    assert lines == b"authorization: Bearer k\r\napi-key: k\r\n"


def test_requests_to_azure_openai() -> None:
    request = c.Request(model="m", messages=(c.Message("user", (c.Text("hi"),)),), max_tokens=5)
    written = upstream.OPENAI_CHAT.write(request, model="my gpt/4", drops=False)
    path, _, query = written.path.partition("?")
    assert path == "/deployments/my%20gpt%2F4/chat/completions"
    assert query == f"api-version={upstream.AZURE_OPENAI_VERSION}"
    assert json.loads(written.body)["max_completion_tokens"] == 5
    lines = upstream.OPENAI_CHAT.authorize("k", host="h", path="/", body=b"", now_s=0)
    assert lines == b"api-key: k\r\n"
    inputs = c.Request(model="m", operation="embeddings", inputs=("a",))
    written = upstream.OPENAI_EMBEDDINGS.write(inputs, model="e", drops=False)
    assert written.path.startswith("/deployments/e/embeddings?")


@given(st.lists(st.integers(0, 1500), max_size=30))
def test_any_cut_of_a_stream_gives_equal_pieces(cuts: list[int]) -> None:
    asked = Asked(request=c.Request(model="m", include_usage=True), fields={}, prompt_bytes=1)
    stream = FINDINGS + client.CHAT.writer(asked).write(PIECES)
    reader = upstream.OPENAI_CHAT.reader()
    found: list[c.Piece] = []
    places = sorted({cut for cut in cuts if cut < len(stream)} | {0, len(stream)})
    for start, end in itertools.pairwise(places):
        found += reader.feed(stream[start:end])
    assert [type(piece) for piece in found] == [type(piece) for piece in PIECES]
    assert found[1:] == PIECES[1:]
    assert isinstance(found[0], c.Began)
    assert (found[0].id, found[0].model) == ("chatcmpl-1", "gpt")


def test_what_a_provider_says_of_errors() -> None:
    said = upstream.CHAT.read_error(
        b'{"status":422,"code":"parameter_not_supported","message":"No.",'
        b'"detail":{"loc":["body","response_format"],"input":"json_object"}}'
    )
    assert (said.message, said.code) == ("No.", "parameter_not_supported")
    assert said.param == "response_format"
    said = upstream.CHAT.read_error(b'{"error":{"code":"content_filter","message":"No."}}')
    assert said.code == "content_filter"
    assert upstream.CHAT.read_error(b"[]").message == ""


def test_info_is_of_one_model() -> None:
    one, two = Shown(name="a"), Shown(name="b")
    told = json.loads(INFO.answer([one], name=None, body=b"", query=b""))
    assert told["model_name"] == "a"
    told = json.loads(INFO.answer([one, two], name=None, body=b"", query=b"model=b&x=1"))
    assert told["model_name"] == "b"
    with pytest.raises(InvalidRequest):
        INFO.answer([one, two], name=None, body=b"", query=b"")
    with pytest.raises(NotFound):
        INFO.answer([one], name=None, body=b"", query=b"model=c")
    assert json.loads(MODELS.answer([one], name="a", body=b"", query=b""))["id"] == "a"
