"""The guide's child, really started: its protocol, its dialect, its bounds, its weight."""

import contextlib
import http.client
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import msgspec
import psutil
import pytest

from tramontane.engines.guide import count_words
from tramontane.engines.supervisor import COMMANDS

KEY = "the-key-of-this-guide"
CHAT = "/v1/chat/completions"
CONTEXT_TOKENS = 2_000


class Child:
    """A guide's process and its address. Use as a context manager."""

    def __init__(self, **more: Any) -> None:
        options = {
            "model_path": "",
            "alias": "guide",
            "context_tokens": CONTEXT_TOKENS,
            "slots": 4,
            "api_key": KEY,
        } | more
        self.process = subprocess.Popen(
            COMMANDS["guide"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(msgspec.json.encode(options) + b"\n")
            self.process.stdin.flush()
        self.answer: dict[str, Any] = msgspec.json.decode(self.process.stdout.readline())
        self.address: str = self.answer.get("address", "")

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def request(
        self, method: str, path: str, body: object = None, key: str = KEY
    ) -> tuple[int, str, bytes]:
        """Return status, content type and body."""
        connection = http.client.HTTPConnection(self.address, timeout=30)
        try:
            data = body if isinstance(body, bytes | None) else msgspec.json.encode(body)
            connection.request(method, path, data, {"Authorization": f"Bearer {key}"})
            response = connection.getresponse()
            return response.status, response.headers["content-type"], response.read()
        finally:
            connection.close()

    def chat(self, question: str, **fields: Any) -> Any:
        """Return the decoded answer."""
        body = {"messages": [{"role": "user", "content": question}]} | fields
        return msgspec.json.decode(self.request("POST", CHAT, body)[2])


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    with Child() as running:
        yield running


def test_it_is_ready_with_what_it_promised(child: Child) -> None:
    assert child.address.startswith("127.0.0.1:")
    assert child.answer == {
        "address": child.address,
        "context_tokens": CONTEXT_TOKENS,
        "supports_tools": True,
    }


def test_it_answers_whole_and_counts_words(child: Child) -> None:
    said = child.chat("How much is 12 * 12?")
    text = said["choices"][0]["message"]["content"]
    assert text == "**12 × 12 = 144**"
    assert said["choices"][0]["finish_reason"] == "stop"
    assert said["model"] == "guide"
    assert said["usage"] == {"prompt_tokens": 6, "completion_tokens": 5, "total_tokens": 11}


def test_a_stream_says_the_same_and_its_usage_last(child: Child) -> None:
    question = "How do I add a provider?"
    whole = child.chat(question)["choices"][0]["message"]["content"]
    body = {
        "messages": [{"role": "user", "content": [{"type": "text", "text": question}]}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    status, kind, data = child.request("POST", CHAT, body)
    assert (status, kind) == (200, "text/event-stream")
    events = [event.removeprefix(b"data: ") for event in data.split(b"\n\n") if event]
    assert events.pop() == b"[DONE]"
    chunks = [msgspec.json.decode(event) for event in events]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == count_words(whole)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
    assert deltas[0]["role"] == "assistant"
    assert "".join(delta.get("content", "") for delta in deltas) == whole
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"


def test_the_limit_of_tokens_holds(child: Child) -> None:
    said = child.chat("What is kept of my conversations?", max_tokens=5)
    assert said["choices"][0]["finish_reason"] == "length"
    assert count_words(said["choices"][0]["message"]["content"]) == 5
    assert said["usage"]["completion_tokens"] == 5


@pytest.mark.parametrize("words", [CONTEXT_TOKENS, 400_000])
def test_too_long_a_question_is_refused_as_llama_cpp_does(child: Child, words: int) -> None:
    status, _, data = child.request(
        "POST", CHAT, {"messages": [{"role": "user", "content": "words " * words}]}
    )
    error = msgspec.json.decode(data)["error"]
    assert status == 400
    assert error["type"] == "exceed_context_size_error"
    assert error["n_ctx"] == CONTEXT_TOKENS


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"messages": "x"}', b'{"messages": [{"content": "x"}]}', b"\xff"]
)
def test_a_bad_body_is_refused(child: Child, body: bytes) -> None:
    status, kind, data = child.request("POST", CHAT, body)
    assert (status, kind) == (400, "application/json")
    assert msgspec.json.decode(data)["error"]["message"]


def test_it_demands_its_key(child: Child) -> None:
    for method, path in (("POST", CHAT), ("GET", "/v1/models"), ("GET", "/anything")):
        assert child.request(method, path, key="wrong")[0] == 401
    assert child.request("GET", "/health", key="wrong")[0] == 200
    assert child.request("GET", "/anything")[0] == 404
    assert b'"guide"' in child.request("GET", "/v1/models")[2]


def test_one_connection_serves_many_requests(child: Child) -> None:
    connection = http.client.HTTPConnection(child.address, timeout=30)
    with contextlib.closing(connection):
        for _ in range(3):
            connection.request("GET", "/health")
            assert connection.getresponse().read() == b'{"status":"ok"}'


@pytest.mark.parametrize("sent", [b"\x16\x03\x01", b"GET /%b HTTP/1.1\r\n" % (b"a" * 40_000)])
def test_what_is_no_request_ends_the_connection(child: Child, sent: bytes) -> None:
    host, _, port = child.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(100) == b""
    assert child.request("GET", "/health")[0] == 200


def test_it_stops_when_told_and_when_its_parent_is_gone() -> None:
    with Child() as told:
        told.process.send_signal(signal.SIGTERM)
        assert told.process.wait(10) == 0
    with Child() as orphan:
        assert orphan.process.stdin is not None
        orphan.process.stdin.close()
        assert orphan.process.wait(10) == 0


def test_wrong_options_are_a_final_failure() -> None:
    with Child(api_key=5) as child:
        assert child.answer["is_final"] is True
        assert child.process.wait(10) == 1


def test_it_stays_small(child: Child) -> None:
    for question in (
        "What is kept?",
        "Was wird gespeichert?",
        "Que garde-t-on ?",
        "¿Qué?",
        "Cosa?",
    ):
        child.chat(question)
    if sys.platform == "linux":
        assert psutil.Process(child.process.pid).memory_info().rss < 40 << 20


TABLE = {
    "name": "orders",
    "title": "Orders",
    "row_count": 3,
    "columns": [
        {"name": "city", "title": "City", "type": "text", "values": ["Lyon", "Paris"]},
        {"name": "amount", "title": "Amount", "type": "number", "minimum": 1, "maximum": 9},
    ],
}
TOOLS = [{"type": "function", "function": {"name": "query_table", "parameters": {}}}]


def table_messages(*more: dict[str, Any]) -> list[dict[str, Any]]:
    context = "[tramontane] " + msgspec.json.encode({"language": "en", "tables": [TABLE]}).decode()
    question = {"role": "user", "content": "How many orders are from Lyon?"}
    return [{"role": "system", "content": context}, question, *more]


def test_a_question_to_a_table_is_a_call_of_the_tool(child: Child) -> None:
    body = {"messages": table_messages(), "tools": TOOLS, "tool_choice": "auto"}
    said = msgspec.json.decode(child.request("POST", CHAT, body)[2])["choices"][0]
    assert said["finish_reason"] == "tool_calls"
    assert said["message"]["content"] is None
    (call,) = said["message"]["tool_calls"]
    assert call["type"] == "function"
    assert call["function"]["name"] == "query_table"
    sql = msgspec.json.decode(call["function"]["arguments"])["sql"]
    assert sql.splitlines()[-1] == "WHERE \"city\" = 'Lyon'"


def test_the_result_of_the_tool_is_told(child: Child) -> None:
    call = {"id": "call_1", "type": "function",
            "function": {"name": "query_table", "arguments": '{"sql":"SELECT 1"}'}}  # fmt: skip
    result = {"columns": [{"name": "Number", "type": "number"}], "rows": [[2]], "row_count": 1}
    messages = table_messages(
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": msgspec.json.encode(result).decode()},
    )
    body = {"messages": messages, "tools": TOOLS}
    said = msgspec.json.decode(child.request("POST", CHAT, body)[2])["choices"][0]
    assert said["finish_reason"] == "stop"
    assert said["message"]["content"].startswith("Number of Orders: **2**.")


def test_a_call_in_a_stream_comes_whole_and_names_its_place(child: Child) -> None:
    body = {"messages": table_messages(), "tools": TOOLS, "stream": True}
    data = child.request("POST", CHAT, body)[2]
    events = [event.removeprefix(b"data: ") for event in data.split(b"\n\n") if event]
    assert events.pop() == b"[DONE]"
    choices = [msgspec.json.decode(event)["choices"][0] for event in events]
    calls = [call for c in choices for call in c["delta"].get("tool_calls", ())]
    assert [(call["index"], call["function"]["name"]) for call in calls] == [(0, "query_table")]
    assert choices[-1]["finish_reason"] == "tool_calls"


def test_no_tool_is_called_that_may_not_be(child: Child) -> None:
    for forbidden in ({"tools": TOOLS, "tool_choice": "none"}, {}):
        body = {"messages": table_messages(), **forbidden}
        said = msgspec.json.decode(child.request("POST", CHAT, body)[2])["choices"][0]
        assert said["finish_reason"] == "stop"
        assert "```sql" in said["message"]["content"]
