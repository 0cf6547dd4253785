"""The engine child, really started over small models: what it promises, and what is off."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engines.child import CHAT, KEY, PATIENCE_S, Child, path_with
from tests.engines.tiny import write_tiny


@pytest.fixture(scope="module")
def babbler(tiny: Path) -> Iterator[Child]:
    with Child(tiny) as child:
        yield child


@pytest.fixture(scope="module")
def greeter(hello: Path) -> Iterator[Child]:
    with Child(hello) as child:
        yield child


def test_it_answers_on_loopback_with_the_context_it_promised(babbler: Child) -> None:
    assert babbler.address.startswith("127.0.0.1:")
    assert babbler.answer["context_tokens"] == 1_024
    assert babbler.answer["supports_tools"] is False
    prompt = [{"role": "user", "content": "x" * 900}]
    for slot in (0, 1):
        answer = babbler.chat(messages=prompt, id_slot=slot, max_tokens=2_000, ignore_eos=True)
        assert answer["usage"]["total_tokens"] == 1_024
        assert answer["choices"][0]["finish_reason"] == "length"


def test_a_context_beyond_the_model_is_told(tmp_path: Path) -> None:
    with Child(write_tiny(tmp_path / "short.gguf", context_tokens=512)) as child:
        assert child.answer["context_tokens"] == 512


OPEN = {("GET", "/health"): 200, ("GET", "/v1/health"): 200}
ON = {
    ("GET", "/v1/models"): 200,
    ("GET", "/models"): 200,
    ("GET", "/props"): 200,
    ("POST", CHAT): 400,
    ("POST", "/chat/completions"): 400,
    ("POST", "/v1/completions"): 400,
    ("POST", "/v1/messages"): 500,
    ("POST", "/v1/responses"): 400,
    ("POST", "/tokenize"): 200,
    ("POST", "/apply-template"): 400,
    ("GET", "/lora-adapters"): 200,
    ("POST", "/v1/chat/completions/control"): 400,
    ("GET", "/v1/stream"): 400,
}
OFF = {
    ("GET", "/"): 404,
    ("GET", "/index.html"): 404,
    ("GET", "/slots"): 501,
    ("POST", "/slots/0?action=save"): 501,
    ("POST", "/slots/0?action=restore"): 501,
    ("GET", "/metrics"): 501,
    ("POST", "/props"): 501,
    ("GET", "/tools"): 403,
    ("POST", "/tools"): 403,
    ("GET", "/cors-proxy?url=http://127.0.0.1:9/"): 403,
    ("POST", "/cors-proxy?url=http://127.0.0.1:9/"): 403,
    ("POST", "/v1/embeddings"): 501,
    ("POST", "/v1/rerank"): 501,
    ("POST", "/models/load"): 404,
    ("POST", "/models/unload"): 404,
}


@pytest.mark.parametrize(("method", "path"), OPEN | ON | OFF)
def test_what_it_does_and_what_is_off(babbler: Child, method: str, path: str) -> None:
    body = b"{}" if method == "POST" else None
    status, headers, _ = babbler.request(method, path, body)
    assert status == (OPEN | ON | OFF)[(method, path)]
    assert not headers.get("access-control-allow-origin")


@pytest.mark.parametrize(("method", "path"), ON | OFF)
@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer wrong", "Bearer " + KEY[:-1]])
def test_it_demands_its_key(babbler: Child, method: str, path: str, authorization: str) -> None:
    body = b"{}" if method == "POST" else None
    status, _, data = babbler.request(method, path, body, authorization=authorization)
    assert status == 401 or (status == 404 and b"File Not Found" in data)


def test_its_key_is_in_no_argument_and_no_environment(babbler: Child) -> None:
    pid = str(babbler.process.pid)
    seen = subprocess.run(["ps", "eww", "-p", pid], capture_output=True, timeout=60, check=True)
    assert b"tramontane.engines.llamacpp" in seen.stdout
    assert KEY.encode() not in seen.stdout


def test_other_sites_get_no_leave_to_ask(babbler: Child) -> None:
    headers = {"origin": "http://evil.example", "access-control-request-method": "POST"}
    _, found, _ = babbler.request("OPTIONS", CHAT, **headers)
    assert not found.get("access-control-allow-origin")
    assert found.get("access-control-allow-credentials", "false") == "false"


def test_no_field_makes_it_fetch_an_address(babbler: Child) -> None:
    with socket.create_server(("127.0.0.1", 0)) as bait:
        url = f"http://127.0.0.1:{bait.getsockname()[1]}/bait"
        schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"$ref": url}}}
        part = {"type": "image_url", "image_url": {"url": url}}
        for fields in (
            {"response_format": schema},
            {"messages": [{"role": "user", "content": [part]}]},
            {"grammar": '%llguidance {}\nstart: %json {"$ref": "' + url + '"}'},
        ):
            babbler.chat(**fields)
        bait.setblocking(False)
        with pytest.raises(BlockingIOError):
            bait.accept()


def test_no_field_makes_it_read_a_file(babbler: Child, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"CANARY")
    part = {"type": "image_url", "image_url": {"url": f"file://{secret}"}}
    answer = babbler.chat(messages=[{"role": "user", "content": [part]}])
    assert "not supported" in answer["error"]["message"]


# --- prompts are not shared ----------------------------------------------------------------------

LONG = [{"role": "user", "content": "what only one project may know " * 10}]


def cached(child: Child, **fields: Any) -> int:
    usage = child.chat(messages=LONG, max_tokens=1, **fields)["usage"]
    found: int = usage["prompt_tokens_details"]["cached_tokens"]
    assert usage["prompt_tokens"] > 300
    return found


def test_a_prompt_is_reused_only_on_its_slot_and_only_when_asked(tiny: Path) -> None:
    with Child(tiny) as child:
        assert cached(child, id_slot=0) == 0
        # Not by likeness: neither for a request that names no slot, nor for one on another.
        assert cached(child) == 0
        assert cached(child, id_slot=0) == 0
    with Child(tiny) as child:
        assert cached(child, id_slot=0, cache_prompt=True) == 0
        assert cached(child, id_slot=1, cache_prompt=True) == 0
        assert cached(child, id_slot=0, cache_prompt=True) > 300
        # And not from memory, when another prompt has been in the slot.
        child.chat(id_slot=0)
        assert cached(child, id_slot=0, cache_prompt=True) < 20


def test_a_slot_keeps_its_prompt_for_whoever_asks_next(tiny: Path) -> None:
    """Why the gateway must not ask for reuse on a slot that last served another project."""
    with Child(tiny) as child:
        assert cached(child, id_slot=0) == 0
        assert cached(child, id_slot=0, cache_prompt=True) > 300


def test_prompts_are_shared_where_the_operator_says_so(tiny: Path) -> None:
    with Child(tiny, share_prompt_cache=True) as child:
        assert cached(child) == 0
        assert cached(child) > 300
        child.chat()
        child.chat()
        assert cached(child) > 300


# --- its wire form: facts that the gateway builds on ---------------------------------------------


def test_an_answer_and_its_usage(greeter: Child) -> None:
    answer = greeter.chat(temperature=0)
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": "Hello world."}
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["model"] == "served"
    usage = answer["usage"]
    assert (usage["completion_tokens"], usage["total_tokens"]) == (4, usage["prompt_tokens"] + 4)


def test_a_stream_and_its_usage(greeter: Child) -> None:
    events = greeter.events(temperature=0, stream_options={"include_usage": True})
    assert events[-1] == "[DONE]"
    *chunks, last, usage = events[:-1]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": None}
    assert "".join(delta["content"] for delta in deltas[1:]) == "Hello world."
    assert last["choices"][0]["finish_reason"] == "stop"
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] == 4
    without = greeter.events(temperature=0)
    assert not any("usage" in event for event in without[:-1])


def test_several_choices_are_counted_as_one(babbler: Child) -> None:
    """Why `n` above 1 must not reach it: the usage it gives is that of one choice."""
    answer = babbler.chat(n=2, max_tokens=8, ignore_eos=True)
    assert [choice["index"] for choice in answer["choices"]] == [0, 1]
    assert answer["usage"]["completion_tokens"] == 8
    events = babbler.events(
        n=2, max_tokens=8, ignore_eos=True, stream_options={"include_usage": True}
    )
    counts = [event["usage"] for event in events[:-1] if "usage" in event]
    assert [count["completion_tokens"] for count in counts] == [8, 8]


def test_tool_calls(tmp_path: Path) -> None:
    template = (
        "{%- if tools %}<tools>{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}</tools>"
        'Call one so: <tool_call>\n{"name": NAME, "arguments": {}}\n</tool_call>\n{%- endif %}'
        "{%- for m in messages %}<|{{ m.role }}|>{{ m.content or '' }}"
        "{%- for c in m.tool_calls or [] %}\n<tool_call>\n"
        '{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}'
        "\n</tool_call>{%- endfor %}<|end|>{%- endfor %}"
        "{%- if add_generation_prompt %}<|assistant|>{%- endif %}"
    )
    script = ["<tool_call>\n", '{"name": "weather", ', '"arguments": {"city": ', '"Lyon"', "}}"]
    model = write_tiny(
        tmp_path / "calls.gguf", script=[*script, "\n</tool_call>"], template=template
    )
    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools = [{"type": "function", "function": {"name": "weather", "parameters": city}}]
    with Child(model) as child:
        assert child.answer["supports_tools"] is True
        answer = child.chat(tools=tools, temperature=0, max_tokens=64)
        choice = answer["choices"][0]
        assert choice["finish_reason"] == "tool_calls"
        call = choice["message"]["tool_calls"][0]
        assert call["function"] == {"name": "weather", "arguments": '{"city": "Lyon"}'}
        events = child.events(tools=tools, temperature=0, max_tokens=64)
        deltas = [event["choices"][0]["delta"] for event in events[:-1]]
        pieces = [delta["tool_calls"][0]["function"] for delta in deltas if "tool_calls" in delta]
        assert pieces[0]["name"] == "weather"
        assert "".join(piece["arguments"] for piece in pieces) == '{"city": "Lyon"}'


def test_a_schema_is_obeyed_even_by_a_babbler(babbler: Child) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    answer = babbler.chat(response_format=form, max_tokens=200, seed=1)
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert (
        answer["choices"][0]["message"]["content"].split()
        in (
            [*['{"a"'], ":", "true", "}"],
            [*['{"a"'], ":", "false", "}"],
        )
        or '"a"' in answer["choices"][0]["message"]["content"]
    )


def test_a_prompt_that_is_too_long_is_refused_with_its_length(babbler: Child) -> None:
    for stream in (False, True):
        body = {"messages": [{"role": "user", "content": "x" * 2_000}], "stream": stream}
        answer = babbler.chat(**body)
        error = answer["error"]
        assert (error["code"], error["type"]) == (400, "exceed_context_size_error")
        assert error["n_ctx"] == 1_024
        assert error["n_prompt_tokens"] > 2_000


# --- how it ends ---------------------------------------------------------------------------------


def test_a_closed_stream_frees_its_slot(slow: Path) -> None:
    with Child(slow, slots=1, context_tokens=60_000) as child:
        for _ in range(3):
            with child.stream(max_tokens=50_000, ignore_eos=True) as connection:
                connection.recv(1)
            # Else this would wait for minutes, longer than the connection does.
            assert child.chat(max_tokens=1)["usage"]["completion_tokens"] == 1


def test_a_request_to_end_lets_open_answers_run_out(slow: Path) -> None:
    with Child(slow) as child, child.stream(max_tokens=200, ignore_eos=True) as connection:
        child.process.send_signal(signal.SIGTERM)
        received = b""
        while b"[DONE]" not in received:
            data = connection.recv(65_536)
            assert data, "the answer was cut"
            received += data
        assert received.count(b'"content":"') >= 100
        assert child.process.wait(PATIENCE_S) == 0


def test_a_second_request_to_end_does_not_wait(slow: Path) -> None:
    with (
        Child(slow, slots=1, context_tokens=60_000) as child,
        child.stream(max_tokens=50_000, ignore_eos=True),
    ):
        child.process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            child.process.wait(0.3)
        child.process.send_signal(signal.SIGTERM)
        assert child.process.wait(PATIENCE_S) == 0


def test_it_ends_with_its_parent_even_while_it_answers(slow: Path) -> None:
    with (
        Child(slow, slots=1, context_tokens=60_000) as child,
        child.stream(max_tokens=50_000, ignore_eos=True),
    ):
        assert child.process.stdin is not None
        child.process.stdin.close()
        assert child.process.wait(PATIENCE_S) == 0


def test_a_key_pressed_in_the_terminal_does_not_end_it(babbler: Child) -> None:
    babbler.process.send_signal(signal.SIGINT)
    assert babbler.request("GET", "/health")[0] == 200


# --- what it says when it cannot serve -----------------------------------------------------------


def refused(child: Child) -> tuple[str, bool]:
    assert child.process.wait(PATIENCE_S) == 1
    return child.answer["error"], child.answer["is_final"]


def test_a_cut_file_is_refused_before_it_is_loaded(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(tiny.read_bytes()[:-5_000])
    with Child(path) as child:
        error, is_final = refused(child)
    assert "cut.gguf: is 5000 bytes too short" in error
    assert is_final


@pytest.mark.parametrize("lack", ["tensor", "template"])
def test_a_file_that_llama_cpp_refuses_is_told_with_its_reason_on_stderr(
    lack: str, tiny: Path, tmp_path: Path
) -> None:
    path = tmp_path / "odd.gguf"
    if lack == "tensor":
        path.write_bytes(tiny.read_bytes().replace(b"blk.0.attn_q.weight", b"blk.0.attn_X.weight"))
    else:
        write_tiny(path, template="{% for m in %}")
    with Child(path) as child:
        assert refused(child) == ("llama.cpp could not load the model", False)
        assert child.process.stderr is not None
        told = child.process.stderr.read()
    assert (b"blk.0.attn_q.weight" if lack == "tensor" else b"Unexpected token") in told


FAKES = {
    "raise ImportError(\"No module named 'xllamacpp'\")": "pip install 'tramontane[engine]'",
    "class CommonParams:\n  model = type('M', (), {})\n__version__ = '0'": "the locked version",
}


@pytest.mark.parametrize("code", FAKES)
def test_a_missing_or_unknown_llama_cpp_is_said(code: str, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "xllamacpp.py").write_text(code)
    with Child(tiny, {"PYTHONPATH": path_with(tmp_path)}) as child:
        error, is_final = refused(child)
    assert FAKES[code] in error
    assert is_final


def test_wrong_options_are_said_without_the_key(tiny: Path) -> None:
    with Child(tiny, colour="blue") as child:
        error, is_final = refused(child)
    assert "colour" in error
    assert KEY not in error
    assert is_final


def test_a_crash_leaves_no_core(babbler: Child) -> None:
    limits = Path(f"/proc/{babbler.process.pid}/limits")
    if limits.exists():  # Linux; elsewhere the same call is made
        line = next(line for line in limits.read_text().splitlines() if "core file" in line)
        assert line.split()[4:6] == ["0", "0"]
