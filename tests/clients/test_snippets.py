"""The code that the playground shows, run as it is shown with the real clients.

What reaches the deployment must be what was asked in the page, whichever client's dialect it came
by: that is what the stand-in has kept.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients.nodeflows import FOLDER
from tests.processes import RunningStandin, run_standin
from tests.running import RunningGateway, run_gateway
from tramontane.providers.standin import Behaviour, StandinOptions

SAYS = "The stand-in has answered."
SYSTEM = 'Be "brief", and don\'t guess.\nNever.'
USER = "Qu'est-ce qu'une « commune » ? 100 % \\ ${HOME} 'so' \"so\" 😀"
SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "count": {"type": ["integer", "null"]}},
    "required": ["title", "count"],
    "additionalProperties": False,
}
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
PLAIN: dict[str, Any] = {
    "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": USER}],
    "parameters": {},
    "tools": None,
    "response_format": None,
}
FULL: dict[str, Any] = {
    **PLAIN,
    "parameters": {
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 50,
        "seed": 7,
        "frequency_penalty": 0.25,
        "presence_penalty": -0.5,
        "stop": ["END", "FIN"],
    },
    "tools": [TOOL],
}
HELD: dict[str, Any] = {
    **PLAIN,
    "parameters": {"max_tokens": 40},
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
    },
}
ASKED = [PLAIN, FULL, HELD]
PYTHON = ("openai · Python", "mistralai", "anthropic", "ollama")
RUN = """
import contextlib, io, json, sys
said = []
for code in json.load(sys.stdin):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(code, {"__name__": "__main__"})
    said.append(out.getvalue())
print(json.dumps(said))
"""
UNSAID = {"anthropic": {"seed", "frequency_penalty", "presence_penalty"}}


@pytest.fixture(scope="module")
def standin() -> Iterator[RunningStandin]:
    with run_standin(StandinOptions(behaviour=Behaviour(answer=SAYS), keep_bodies=True)) as one:
        yield one


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, standin: RunningStandin
) -> Iterator[RunningGateway]:
    folder = tmp_path_factory.mktemp("snippets") / "data"
    with run_gateway(folder, standin.url, {}) as running:
        yield running


@pytest.fixture(scope="module")
def snippets(node_path: str, gateway: RunningGateway) -> dict[str, list[str]]:
    """The code by client, for each of `ASKED`."""
    given = {"origin": gateway.address, "model": "bench", "asked": ASKED}
    texts: dict[str, list[str]] = json.loads(_run([node_path, "snippets.mjs"], json.dumps(given)))
    assert all(gateway.key not in text for each in texts.values() for text in each)
    return texts


def test_the_python_clients(
    snippets: dict[str, list[str]], gateway: RunningGateway, standin: RunningStandin
) -> None:
    standin.reset()
    codes = [code for client in PYTHON for code in snippets[client]]
    environ = os.environ | {"TRAMONTANE_KEY": gateway.key}
    said = json.loads(_run([sys.executable, "-c", RUN], json.dumps(codes), environ))
    assert all(said)
    received = [json.loads(request.body or "{}") for request in standin.requests]
    for number, client in enumerate(PYTHON):
        plain, full, held = received[3 * number : 3 * number + 3]
        assert said[3 * number].strip() == SAYS
        assert_right(plain, PLAIN, client)
        assert_right(full, FULL, client)
        assert_right(held, HELD, client)


def test_curl(
    snippets: dict[str, list[str]], gateway: RunningGateway, standin: RunningStandin
) -> None:
    standin.reset()
    environ = os.environ | {"TRAMONTANE_KEY": gateway.key}
    for code in snippets["curl"]:
        command = code.replace("curl ", "curl -sS --fail-with-body ", 1)
        answer = json.loads(_run(["/bin/sh", "-c", command], "", environ))
        assert answer["choices"][0]["message"]["role"] == "assistant"
    for request, asked in zip(standin.requests, ASKED, strict=True):
        assert_right(json.loads(request.body or "{}"), asked, "curl")


def test_node(
    snippets: dict[str, list[str]],
    gateway: RunningGateway,
    standin: RunningStandin,
    node_path: str,
) -> None:
    if not (FOLDER / "node_modules" / "openai").is_dir():
        pytest.fail(f"there is no openai in {FOLDER}; `make test` installs it (npm ci)")
    standin.reset()
    environ = os.environ | {"TRAMONTANE_KEY": gateway.key}
    plain, full, held = snippets["openai · Node"]
    command = [node_path, "--input-type=module", "-"]
    assert _run(command, plain, environ).strip() == SAYS
    rest = [_blocks(code) for code in (full, held)]
    import_line = 'import OpenAI from "openai";\n'
    _run(command, import_line + "\n".join(rest), environ)
    for request, asked in zip(standin.requests, ASKED, strict=True):
        assert_right(json.loads(request.body or "{}"), asked, "openai · Node")


def test_what_a_client_has_no_word_for_is_said(snippets: dict[str, list[str]]) -> None:
    plain, full, _ = snippets["anthropic"]
    assert "# This API has nothing for: seed, frequency_penalty, presence_penalty." in full
    assert "#" not in plain.replace("# ", "#", 0).split("client =")[0]


def assert_right(received: dict[str, Any], asked: dict[str, Any], client: str) -> None:
    """Fail unless the deployment was asked what the page asks."""
    assert [(m["role"], _text(m["content"])) for m in received["messages"]] == [
        ("system", SYSTEM),
        ("user", USER),
    ], client
    for name, value in asked["parameters"].items():
        if name in UNSAID.get(client, ()):
            assert name not in received
        else:
            found = received.get(name, received.get("max_completion_tokens"))
            assert found == value, (client, name)
    if asked["tools"]:
        (tool,) = received["tools"]
        assert tool["function"]["name"] == "get_weather", client
        assert tool["function"]["parameters"]["required"] == ["city"], client
    if asked["response_format"]:
        assert received["response_format"]["json_schema"]["schema"] == SCHEMA, client


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _blocks(code: str) -> str:
    """Return a module's code as a block, so that two can stand in one."""
    return "{" + code.partition("\n")[2] + "}"


def _run(command: list[str], given: str, environ: dict[str, str] | None = None) -> str:
    ran = subprocess.run(
        command,
        input=given,
        cwd=FOLDER,
        env=environ or dict(os.environ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-3000:]
    return ran.stdout
