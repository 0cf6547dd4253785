"""The stand-in as a server: TLS, pace, back-pressure, a process of its own."""

import asyncio
import json
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.certs import Authority
from tests.processes import run_standin
from tests.providers.standin.talk import ask, chat, encoded, with_standin
from tramontane.errors import ConfigError
from tramontane.providers.standin import Behaviour, Standin, StandinOptions, read_file


def post(url: str, body: object, context: ssl.SSLContext | None = None) -> bytes:
    request = urllib.request.Request(url, json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=30, context=context) as answer:
        data = answer.read()
    assert isinstance(data, bytes)
    return data


def test_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    good = authority.issue()
    options = StandinOptions(tls_cert_file=good.cert_file, tls_key_file=good.key_file)
    with run_standin(options) as standin:
        assert standin.url.startswith("https://")
        trusting = ssl.create_default_context(cafile=authority.ca_file)
        answer = post(f"{standin.url}/chat/completions", chat("sealed", stream=True), trusting)
        assert answer.endswith(b"data: [DONE]\n\n")
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            post(f"{standin.url}/chat/completions", chat(), ssl.create_default_context())


@pytest.mark.parametrize("wrong", ["expired", "host", "authority"])
def test_certificates_that_must_be_refused(tmp_path: Path, wrong: str) -> None:
    authority = Authority(tmp_path)
    issuer = Authority(tmp_path, "Others") if wrong == "authority" else authority
    hosts = ("other.example",) if wrong == "host" else ()
    bad = issuer.issue(*hosts, expired=wrong == "expired")
    options = StandinOptions(tls_cert_file=bad.cert_file, tls_key_file=bad.key_file)
    with run_standin(options) as standin:
        trusting = ssl.create_default_context(cafile=authority.ca_file)
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            post(f"{standin.url}/chat/completions", chat(), trusting)


def test_a_process_keeps_its_file_when_killed(tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"
    with run_standin(StandinOptions(requests_file=str(file))) as standin:
        post(f"{standin.url}/chat/completions", chat("abc"))
        with socket.create_connection(("127.0.0.1", standin.port)) as client:
            client.sendall(encoded(chat("[[standin tokens=9999 tps=100]]", stream=True)))
            client.recv(100)
            assert len(standin.requests) == 2
            standin.process.kill()
            standin.process.wait()
    finished, open_ = read_file(str(file)).values()
    assert (finished.ended, finished.completion_tokens) == ("complete", 1)
    assert (open_.ended, open_.planned_tokens) == ("open", 0)


def test_a_process_ends_on_sigterm_and_refuses_bad_options() -> None:
    with run_standin() as standin:
        standin.process.terminate()
        assert standin.process.wait(30) == 0
    command = [sys.executable, "-m", "tramontane.providers.standin", '{"prt": 1}']
    bad = subprocess.run(command, capture_output=True, check=False)
    assert bad.returncode != 0
    assert b"prt" in bad.stderr


def test_a_taken_port_is_named() -> None:
    async def use(standin: Standin) -> None:
        with pytest.raises(ConfigError, match=str(standin.port)):
            async with Standin(StandinOptions(port=standin.port)):
                pass

    with_standin(StandinOptions(), use)


def test_a_bad_fault_in_the_options_is_named() -> None:
    async def start() -> None:
        with pytest.raises(ConfigError, match="fire"):
            async with Standin(StandinOptions(behaviour=Behaviour(fault="fire"))):
                pass

    asyncio.run(start())


def test_streams_keep_their_pace() -> None:
    async def use(standin: Standin) -> float:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        body = chat("[[standin tokens=20 tps=100 ttft_ms=100]]", stream=True)
        await asyncio.gather(*(ask(standin, body) for _ in range(20)))
        return loop.time() - began_s

    # 100 ms to the first write (the role), then 22 writes 10 ms apart. Never faster; how much
    # slower depends on the machine and is not judged here.
    assert with_standin(StandinOptions(), use) >= 0.1 + 20 * 0.01


def test_a_client_that_does_not_read_stops_its_own_stream_only() -> None:
    async def use(standin: Standin) -> tuple[int, int, str]:
        slow_reader, slow_writer = await asyncio.open_connection(
            "127.0.0.1", standin.port, limit=1024
        )
        slow_writer.write(encoded(chat("[[standin tokens=60000]]", stream=True)))
        await slow_reader.readuntil(b"\r\n\r\n")
        quick = await ask(standin, chat("still here", stream=True))
        before = standin.requests[0]
        sent_before = before.completion_tokens
        total = 0
        while data := await slow_reader.read(1 << 20):
            total += data.count(b"data: ")
            if b"[DONE]" in data:
                break
        slow_writer.close()
        return sent_before, total, quick.text

    sent_before, total, text = with_standin(StandinOptions(), use)
    assert text == "still here"
    assert sent_before == 0  # not accounted: it is not over
    assert total >= 60_000


def test_it_runs_on_asyncio_s_own_loop_too() -> None:
    async def run() -> str:
        async with Standin() as standin:
            return (await ask(standin, chat("plain loop", stream=True))).text

    assert asyncio.run(run()) == "plain loop"
