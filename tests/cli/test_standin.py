"""`tramontane standin openai`: a child that answers, and mistakes in its options."""

import json
import signal
import subprocess
import sys
import urllib.request

from tests.cli.ran import Run


def test_it_serves_until_told_to_stop() -> None:
    command = "from tramontane.cli import main; main()"
    arguments = ["standin", "openai", "--json", "--reply", 'answer="good day"', "--models", "m"]
    process = subprocess.Popen(
        [sys.executable, "-c", command, *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["address"]
        base = address.removesuffix("/v1")
        body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
        request = urllib.request.Request(
            f"{base}/v1/chat/completions",
            json.dumps(body).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            answer = json.load(response)
        assert answer["choices"][0]["message"]["content"] == "good day"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        assert process.stdout is not None
        process.stdout.close()


def test_mistakes(run: Run) -> None:
    refused = run("standin", "openai", "--reply", "fault=earthquake")
    assert refused.status == 1
    assert "earthquake" in refused.err
    assert run("standin", "openai", "--script", "missing.toml").status == 1
    assert run("standin", "openai", "--port", 70000).status == 2
