"""Both sides of the gateway byte for byte: a client and an upstream that smooth nothing over."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WAIT_S = 30.0


@dataclass
class Reply:
    """One response as it came. `is_whole`: its framing ended as it should."""

    status: int = 0
    fields: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_whole: bool = False

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of the error, whose form is checked."""
        error = self.json["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert isinstance(error["message"], str)
        assert error["message"]
        assert isinstance(error["type"], str)
        return str(error["code"])


class Talk:
    """A client's connection. Reading past the end of the connection gives Replies with status 0."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), WAIT_S)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self._buffer = bytearray()
        self.is_closed = False

    def __enter__(self) -> "Talk":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send `data`; a connection that the other side closed is no error."""
        with suppress(OSError):
            self.socket.sendall(data)

    def read(self, *, is_head: bool = False) -> Reply:
        """Return the next response (the 100 of an Expect is one, too)."""
        reply = Reply()
        head = self._until(b"\r\n\r\n")
        if head is None:
            return reply
        lines = head.decode("latin-1").split("\r\n")
        reply.status = int(lines[0].split(" ")[1])
        for line in lines[1:-2]:
            name, _, value = line.partition(": ")
            assert name.lower() not in reply.fields, f"{name} stands twice"
            reply.fields[name.lower()] = value
        if is_head or reply.status in (100, 204, 304):
            reply.is_whole = True
        elif reply.fields.get("transfer-encoding") == "chunked":
            self._read_chunks(reply)
        elif "content-length" in reply.fields:
            size = int(reply.fields["content-length"])
            reply.body = self._exactly(size)
            reply.is_whole = len(reply.body) == size
        else:
            reply.body = self.rest()
            reply.is_whole = True
        return reply

    def rest(self) -> bytes:
        """Return everything until the other side closes."""
        while self._more():
            pass
        return self._take(len(self._buffer))

    def read_some(self) -> bytes:
        """Return what has come, waiting for the first of it; empty where the connection ended."""
        if not self._buffer:
            self._more()
        return self._take(len(self._buffer))

    def _read_chunks(self, reply: Reply) -> None:
        pieces = []
        while (line := self._until(b"\r\n")) is not None:
            size = int(line[:-2], 16)
            data = self._exactly(size + 2)
            if size == 0:
                reply.is_whole = data == b"\r\n"
                break
            pieces.append(data[:size])
        reply.body = b"".join(pieces)

    def _until(self, border: bytes) -> bytes | None:
        while (end := self._buffer.find(border)) < 0:
            if not self._more():
                return None
        return self._take(end + len(border))

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size and self._more():
            pass
        return self._take(size)

    def _take(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _more(self) -> bool:
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionError:
            data = b""
        self._buffer += data
        self.is_closed = not data
        return bool(data)


def asked(
    key: str,
    content: str = "Hello",
    *,
    version: str = "1.1",
    fields: str = "",
    path: str = "/v1/chat/completions",
    **more: Any,
) -> bytes:
    """Return the bytes of a chat request; `fields` are further header lines with their ends."""
    body = chat_body(content, **more)
    return (
        f"POST {path} HTTP/{version}\r\nHost: gateway\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Length: {len(body)}\r\n{fields}\r\n"
    ).encode() + body


def chat_body(content: str = "Hello", **more: Any) -> bytes:
    """Return the JSON of a chat request to `bench`."""
    message = {"role": "user", "content": content}
    return json.dumps({"model": "bench", "messages": [message], **more}).encode()


ANSWER = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi"}}
        ],
        "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
    }
).encode()


def framed(body: bytes, fields: str = "", content_type: str = "application/json") -> bytes:
    """Return a 200 response with `body`."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return (head + fields + "\r\n").encode() + body


Answer = Callable[["Upstream", socket.socket, bytes], None]


def answering(data: bytes, *, close: bool = False) -> Answer:
    """Return an answer that is always `data`; then the connection ends if `close`."""

    def answer(upstream: "Upstream", peer: socket.socket, request: bytes) -> None:
        peer.sendall(data)
        if close:
            peer.close()

    return answer


@dataclass
class Upstream:
    """A provider of the test's. `requests` are those read whole, `bytes_read` all that came."""

    port: int
    answer: Answer
    requests: list[bytes] = field(default_factory=list)
    bytes_read: int = 0
    connections: int = 0
    peers: list[socket.socket] = field(default_factory=list)
    before_body: Answer | None = None  # called with the head, before the body is read
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """The base address, with /v1."""
        return f"http://127.0.0.1:{self.port}/v1"

    def serve(self, peer: socket.socket) -> None:
        """Read requests and answer each, until the peer leaves."""
        self.connections += 1
        buffer = b""
        with suppress(OSError, ValueError), peer:
            while not self.stopping.is_set():
                while b"\r\n\r\n" not in buffer:
                    buffer += self._receive(peer)
                head, _, rest = buffer.partition(b"\r\n\r\n")
                if self.before_body is not None:
                    self.before_body(self, peer, head)
                if b"transfer-encoding: chunked" in head.lower():
                    while not rest.endswith(b"0\r\n\r\n"):
                        rest += self._receive(peer)
                    size = len(rest)
                else:
                    said = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
                    size = int(said or 0)
                while len(rest) < size:
                    rest += self._receive(peer)
                request, buffer = head + b"\r\n\r\n" + rest[:size], rest[size:]
                self.requests.append(request)
                self.answer(self, peer, request)

    def _receive(self, peer: socket.socket) -> bytes:
        data = peer.recv(1 << 16)
        if not data:
            raise ConnectionResetError
        self.bytes_read += len(data)
        return data


@contextmanager
def run_upstream(
    answer: Answer | None = None, tls: ssl.SSLContext | None = None, path: Path | None = None
) -> Iterator[Upstream]:
    """Yield an upstream that answers each request with `answer` (a small one by default).

    It listens on loopback, or on the unix socket `path`.
    """
    if path is None:
        listening = socket.create_server(("127.0.0.1", 0), backlog=256)
    else:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(path))
        listening.listen(256)
    with listening as listener:
        port = listener.getsockname()[1] if path is None else 0
        upstream = Upstream(port, answer or answering(framed(ANSWER)))

        def accept() -> None:
            with suppress(OSError):
                while True:
                    peer, _ = listener.accept()
                    threading.Thread(target=welcome, args=(peer,), daemon=True).start()

        def welcome(peer: socket.socket) -> None:
            with suppress(OSError):
                if tls is not None:
                    peer = tls.wrap_socket(peer, server_side=True)
                upstream.peers.append(peer)
                upstream.serve(peer)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield upstream
        finally:
            upstream.stopping.set()
            for peer in upstream.peers:
                with suppress(OSError):
                    peer.shutdown(socket.SHUT_RDWR)
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)
