"""A real engine child, started by hand and talked to over HTTP."""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tramontane.engines.supervisor import COMMANDS

KEY = "the-key-of-this-child"
CHAT = "/v1/chat/completions"
PATIENCE_S = 60.0


class Child:
    """A child process and, once it is loaded, its address. Use as a context manager."""

    def __init__(self, model: Path | str, environment: dict[str, str] | None = None, **more: Any):
        options = {
            "model_path": str(model),
            "alias": "served",
            "context_tokens": 1_024,
            "slots": 2,
            "threads": 1,
            "api_key": KEY,
        } | more
        self.process = subprocess.Popen(
            COMMANDS["llama.cpp"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(os.environ) | (environment or {}),
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(msgspec.json.encode(options) + b"\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        self.answer: dict[str, Any] = msgspec.json.decode(line) if line else {}
        self.address: str = self.answer.get("address", "")

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def request(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers (lower case) and body."""
        headers = {"authorization": f"Bearer {KEY}"} | headers
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE_S)
        try:
            data = body if isinstance(body, bytes | None) else msgspec.json.encode(body)
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return response.status, found, response.read()
        finally:
            connection.close()

    def chat(self, **fields: Any) -> dict[str, Any]:
        """Return the decoded answer to one chat request."""
        body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 16} | fields
        _, _, data = self.request("POST", CHAT, body)
        answer: dict[str, Any] = msgspec.json.decode(data)
        return answer

    def events(self, **fields: Any) -> list[Any]:
        """Return the decoded events of one stream, "[DONE]" as that string."""
        body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 16} | fields
        _, headers, data = self.request("POST", CHAT, body | {"stream": True})
        assert headers["content-type"].startswith("text/event-stream"), data
        lines = [line[6:] for line in data.split(b"\n\n") if line.startswith(b"data: ")]
        return [line.decode() if line == b"[DONE]" else msgspec.json.decode(line) for line in lines]

    @contextlib.contextmanager
    def stream(self, **fields: Any) -> Iterator[socket.socket]:
        """Yield the connection of a stream whose head has come."""
        host, _, port = self.address.rpartition(":")
        body = {"messages": [{"role": "user", "content": "hi"}], "stream": True} | fields
        data = msgspec.json.encode(body)
        head = (
            f"POST {CHAT} HTTP/1.1\r\nHost: {self.address}\r\nAuthorization: Bearer {KEY}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
            connection.sendall(head.encode() + data)
            assert connection.recv(12, socket.MSG_WAITALL) == b"HTTP/1.1 200"
            yield connection


def python(code: str) -> tuple[str, ...]:
    """Return a command that runs `code` in place of an engine."""
    return (sys.executable, "-c", code)


def path_with(first: Path) -> str:
    """Return PYTHONPATH with `first` before what is there."""
    return os.pathsep.join([str(first), *filter(None, [os.environ.get("PYTHONPATH")])])
