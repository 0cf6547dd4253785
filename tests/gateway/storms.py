"""Upstreams that turn bad and good again at a word, and a load that does not wait for answers."""

import asyncio
import json
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

ANSWER = json.dumps({
    "id": "x", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"},
                 "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}).encode()  # fmt: skip
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
    len(ANSWER),
    ANSWER,
)


def refusing(status: int, fields: bytes = b"") -> bytes:
    """Return an answer with `status`."""
    return b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\n%bcontent-length: 2\r\n\r\n{}" % (
        status,
        fields,
    )


class Weather:
    """An upstream. `answer` is what it says to a share `bad` of requests; None: it hangs up."""

    def __init__(self, seed: int = 1) -> None:
        self.asked = 0
        self.bad = 0.0
        self.answer: bytes | None = None
        self.port = 0
        self._random = random.Random(seed)
        self._server: asyncio.Server | None = None
        self._serving: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Weather":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await asyncio.gather(*self._serving)  # the gateway has closed its connections

    def turn(self, answer: bytes | None, bad: float = 1.0) -> None:
        """From now on, be bad."""
        self.answer, self.bad = answer, bad

    def clear(self) -> None:
        """From now on, be good."""
        self.bad = 0.0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.append(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                self.asked += 1
                if self._random.random() >= self.bad:
                    writer.write(OK)
                elif self.answer is None:
                    break
                else:
                    writer.write(self.answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        await close(writer)


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection whole."""
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


@dataclass
class Load:
    """What became of the requests of a load: when each was asked, its status and its end."""

    asked: list[tuple[float, int, float]] = field(default_factory=list)

    def after(self, at_s: float) -> list[tuple[float, int]]:
        """Return (seconds after `at_s`, status) of those asked since, in order."""
        return [(asked_s - at_s, status) for asked_s, status, _ in sorted(self.asked)
                if asked_s >= at_s]  # fmt: skip

    def recovered_s(self, at_s: float) -> float:
        """Return how long after `at_s` the last request was asked that failed."""
        return max((s for s, status in self.after(at_s) if status != 200), default=0.0)


async def run_load(
    port: int, key: str, model: str, per_s: float, story: list[tuple[float, Callable[[], None]]]
) -> Load:
    """Ask `per_s` times a second, whatever comes back. `story`: for how long, then what happens."""
    load = Load()
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hi"}]}).encode()
    request = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %b\r\n"
        b"content-length: %d\r\n\r\n%b" % (key.encode(), len(body), body)
    )

    async def ask() -> None:
        asked_s = time.monotonic()
        connection = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", port)
        reader, writer = connection
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
        load.asked.append((asked_s, int(head[9:12]), time.monotonic()))
        idle.append(connection)

    asking = []
    next_s = time.monotonic()
    for lasts_s, happens in story:
        until_s = next_s + lasts_s
        while next_s < until_s:
            asking.append(asyncio.ensure_future(ask()))
            next_s += 1 / per_s
            await asyncio.sleep(max(0.0, next_s - time.monotonic()))
        happens()
    await asyncio.gather(*asking)
    for _, writer in idle:
        await close(writer)
    return load
