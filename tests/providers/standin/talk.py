"""Plain HTTP to a stand-in, byte for byte, so that no client library smooths anything over."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import uvloop

from tramontane.providers.standin import Standin, StandinOptions

Json = dict[str, Any]
T = TypeVar("T")


def with_standin(options: StandinOptions, use: Callable[[Standin], Awaitable[T]]) -> T:
    """Return what `use` makes of a stand-in that runs meanwhile."""

    async def run() -> T:
        async with Standin(options) as standin:
            return await asyncio.wait_for(use(standin), 30)

    return uvloop.run(run())


@dataclass
class Reply:
    """One response. `pieces` are the reads it came in, `error` how the connection broke."""

    status: int = 0
    fields: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    raw: bytes = b""
    pieces: list[bytes] = field(default_factory=list)
    error: type[Exception] | None = None

    @property
    def json(self) -> Json:
        """The body as JSON."""
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value

    @property
    def events(self) -> list[Json]:
        """The JSON of every event but [DONE]."""
        return [json.loads(data) for data in self.data if data != "[DONE]"]

    @property
    def data(self) -> list[str]:
        """What follows `data: ` in every event."""
        text = self.body.decode().replace("\r\n", "\n")
        return [event.removeprefix("data: ") for event in text.split("\n\n") if event]

    @property
    def text(self) -> str:
        """The text of the first choice of a chat stream."""
        deltas = [c["delta"] for e in self.events for c in e["choices"] if c["index"] == 0]
        return "".join(delta.get("content") or "" for delta in deltas)


def chat(content: object = "hello", **fields: object) -> Json:
    """Return a chat request."""
    return {"model": "m", "messages": [{"role": "user", "content": content}], **fields}


def encoded(
    body: object, path: str = "/v1/chat/completions", *, method: str = "POST", **headers: str
) -> bytes:
    """Return the bytes of a request."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: standin", f"Content-Length: {len(data)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


async def ask(
    standin: Standin, body: object, path: str = "/v1/chat/completions", **more: str
) -> Reply:
    """Return the response to one request on a connection of its own."""
    return await read_all(standin, encoded(body, path, **more, connection="close"))


async def read_all(standin: Standin, request: bytes) -> Reply:
    """Send `request`, read to the end of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", standin.port)
    reply = Reply()
    try:
        writer.write(request)
        while piece := await reader.read(1 << 20):
            reply.pieces.append(piece)
    except OSError as error:
        reply.error = type(error)
    finally:
        writer.close()
    reply.raw = b"".join(reply.pieces)
    head, _, rest = reply.raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) > 1 and words[1].isdigit():
        reply.status = int(words[1])
    reply.fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    is_chunked = reply.fields.get("transfer-encoding") == "chunked"
    reply.body = without_chunks(rest) if is_chunked else rest
    return reply


def without_chunks(data: bytes) -> bytes:
    """Return the whole chunks of `data`, joined; tolerant of what is cut off."""
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        try:
            length = int(size, 16)
        except ValueError:
            break
        body += data[:length]
        data = data[length + 2 :]
    return body
