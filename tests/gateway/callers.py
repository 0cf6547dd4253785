"""Clients that keep account of what they were given, whatever happens to the other side."""

import http.client
import json
import random
import re
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

TOKEN = re.compile(rb'"delta":\{"content":"(?!")')
READ_BYTES = 16_384


@dataclass
class Call:
    """One request as its client saw it. `delivered` counts the events with text that came."""

    tag: str
    is_stream: bool
    max_tokens: int
    body_bytes: int
    status: int = 0
    request_id: str | None = None
    delivered: int = 0
    is_whole: bool = False
    left: bool = False
    error: str | None = None


class Caller:
    """One client with one connection, opened again after each failure."""

    def __init__(self, port: int, key: str, name: str) -> None:
        self._port = port
        self._key = key
        self._name = name
        self._connection: http.client.HTTPConnection | None = None
        self.calls: list[Call] = []

    def ask(
        self, content: str, *, stream: bool, max_tokens: int, leave_after: int | None = None
    ) -> Call:
        """Send one request and read its answer, or `leave_after` so many bytes of it."""
        tag = f"{self._name}.{len(self.calls)}"
        asked: dict[str, Any] = {
            "model": "bench",
            "messages": [{"role": "user", "content": content}],
            "max_tokens": max_tokens,
            "user": tag,
        }
        if stream:
            asked["stream"] = True
        body = json.dumps(asked).encode()
        call = Call(tag, stream, max_tokens, len(body))
        self.calls.append(call)
        try:
            self._exchange(call, body, leave_after)
        except (OSError, http.client.HTTPException) as error:
            call.error = type(error).__name__
            self.close()
        return call

    def _exchange(self, call: Call, body: bytes, leave_after: int | None) -> None:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection = self._connection
        fields = {"Authorization": f"Bearer {self._key}"}
        connection.request("POST", "/v1/chat/completions", body, fields)
        if leave_after == 0:
            call.left = True
            self.close()
            return
        answer = connection.getresponse()
        call.status = answer.status
        call.request_id = answer.getheader("x-request-id")
        got = b""
        try:
            while data := answer.read1(READ_BYTES):
                got += data
                if leave_after is not None and len(got) >= leave_after:
                    call.left = True
                    self.close()
                    break
        finally:
            if call.is_stream:
                call.delivered = len(TOKEN.findall(got))
                call.is_whole = got.endswith(b"data: [DONE]\n\n")
        if not call.is_stream and not call.left:
            call.is_whole = call.status == 200 and got.endswith(b"}")
            call.delivered = json.loads(got)["usage"]["completion_tokens"] if call.is_whole else 0
        if not call.is_whole:
            self.close()

    def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(OSError):
                connection.close()


class Crowd:
    """Callers in threads of their own, asking without pause until stopped."""

    def __init__(self, port: int, key: str, *, size: int, seed: int) -> None:
        self._callers = [Caller(port, key, f"c{n}") for n in range(size)]
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(caller, random.Random(f"{seed}.{n}")))
            for n, caller in enumerate(self._callers)
        ]

    @property
    def calls(self) -> list[Call]:
        """Every call so far."""
        return [call for caller in self._callers for call in caller.calls]

    def start(self) -> None:
        """Begin to ask."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask no more, and wait for the answers under way."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _run(self, caller: Caller, chance: random.Random) -> None:
        while not self._stopping.is_set():
            tokens = chance.choice((1, 3, 20, 100, 300))
            pace = chance.choice(("", " tps=300", " tps=2000", " ttft_ms=20"))
            leave_after = chance.randrange(4_000) if chance.random() < 0.05 else None
            caller.ask(
                f"[[standin tokens={tokens}{pace}]] " + "word " * chance.randrange(40),
                stream=chance.random() < 0.6,
                max_tokens=tokens + chance.randrange(50),
                leave_after=leave_after,
            )
        caller.close()
