"""Upstreams that cost little: nginx with a fixed answer, and a stream server that keeps time.

Run as a module it is the stream server: one thread over epoll, every event framed beforehand,
each stream on a clock of its own (a provider's streams are not in step). It also gives the fixed
answer, for machines without nginx. It does not look at models, keys or prompts.
"""

import heapq
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from rig import payloads


class StreamOptions(msgspec.Struct, frozen=True, kw_only=True):
    """One stream: how many events, how far apart."""

    port: int
    events: int = 200
    interval_s: float = 0.02


class _Connection:
    """One client of the stream server and the answer it is being sent."""

    __slots__ = ("chunks", "inbox", "index", "pending", "socket")

    def __init__(self, client: socket.socket) -> None:
        self.socket = client
        self.inbox = b""
        self.chunks: list[bytes] = []
        self.index = 0
        self.pending = b""


class StreamServer:
    """The stream server's state: open connections and the heap of events that are due."""

    def __init__(self, options: StreamOptions) -> None:
        self._interval_s = options.interval_s
        body = payloads.answer()
        self._answer = _head("application/json", f"Content-Length: {len(body)}") + body
        head = _head("text/event-stream; charset=utf-8", "Transfer-Encoding: chunked")
        self._streams = {
            usage: [head, *map(payloads.framed, payloads.events(options.events, usage=usage))]
            for usage in (False, True)
        }
        self._messages = [head, *map(payloads.framed, payloads.message_events(options.events))]
        for chunks in (*self._streams.values(), self._messages):
            chunks[-1] += payloads.LAST_CHUNK
        body = payloads.message()
        self._message = _head("application/json", f"Content-Length: {len(body)}") + body
        self._connections: dict[int, _Connection] = {}
        self._due: list[tuple[float, int, _Connection]] = []
        self._serial = 0
        self._epoll = select.epoll()
        self._listener = socket.create_server(("127.0.0.1", options.port), backlog=1024)
        self._epoll.register(self._listener, select.EPOLLIN)

    def serve(self) -> None:
        """Serve until the process is ended."""
        while True:
            wait_s = self._send_due()
            if wait_s is None:
                ready = self._epoll.poll()
            elif wait_s < 0.001:
                time.sleep(max(wait_s, 0.0))
                ready = self._epoll.poll(0)
            else:
                ready = self._epoll.poll(wait_s)
            for descriptor, _event in ready:
                if descriptor == self._listener.fileno():
                    self._accept()
                else:
                    self._receive(self._connections[descriptor])

    def _send_due(self) -> float | None:
        due = self._due
        now = time.monotonic()
        while due:
            at, _, connection = due[0]
            if at > now:
                return at - now
            if connection.index < 0:
                heapq.heappop(due)
                continue
            left = connection.index < len(connection.chunks)
            self._send(connection, connection.chunks[connection.index] if left else b"")
            connection.index += left
            if connection.index < len(connection.chunks) or connection.pending:
                self._serial += 1
                heapq.heapreplace(due, (at + self._interval_s, self._serial, connection))
            else:
                heapq.heappop(due)
        return None

    def _send(self, connection: _Connection, data: bytes) -> None:
        data = connection.pending + data
        try:
            sent = connection.socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            sent = len(data)
        connection.pending = data[sent:]

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections[client.fileno()] = _Connection(client)
        self._epoll.register(client, select.EPOLLIN)

    def _receive(self, connection: _Connection) -> None:
        try:
            data = connection.socket.recv(262_144)
        except OSError:
            data = b""
        if not data:
            connection.index = -1
            del self._connections[connection.socket.fileno()]
            connection.socket.close()
            return
        connection.inbox += data
        head, separator, body = connection.inbox.partition(b"\r\n\r\n")
        if not separator:
            return
        if len(body) < _content_length(head):
            return
        connection.inbox = b""
        is_message = head.startswith(b"POST /v1/messages ")
        if not payloads.STREAM.search(body):
            self._send(connection, self._message if is_message else self._answer)
            return
        asked = bool(payloads.INCLUDE_USAGE.search(body))
        connection.chunks = self._messages if is_message else self._streams[asked]
        self._send(connection, connection.chunks[0])
        connection.index = 1
        self._serial += 1
        at = time.monotonic() + self._interval_s
        heapq.heappush(self._due, (at, self._serial, connection))


def _head(content_type: str, framing: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n{framing}\r\n\r\n".encode()


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def nginx_upstream(folder: Path, plain_port: int, tls_port: int, certificate: Path) -> str:
    """Return an nginx configuration that gives the fixed answer, plain and over TLS.

    `certificate` is a PEM file that holds the certificate, then its key.
    """
    answer = payloads.answer().decode()
    message = payloads.message().decode()
    return f"""\
daemon off;
worker_processes 1;
pid {folder}/upstream.pid;
error_log {folder}/upstream-error.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 300s;
  client_body_buffer_size 256k;
  client_max_body_size 32m;
  client_body_temp_path {folder}/upstream-body;
  proxy_temp_path {folder}/upstream-proxy;
  fastcgi_temp_path {folder}/upstream-fastcgi;
  uwsgi_temp_path {folder}/upstream-uwsgi;
  scgi_temp_path {folder}/upstream-scgi;
  server {{
    listen 127.0.0.1:{plain_port} backlog=1024;
    listen 127.0.0.1:{tls_port} ssl backlog=1024;
    ssl_certificate {certificate};
    ssl_certificate_key {certificate};
    ssl_protocols TLSv1.2 TLSv1.3;
    location = /v1/chat/completions {{
      default_type application/json;
      return 200 '{answer}';
    }}
    location = /v1/messages {{
      default_type application/json;
      return 200 '{message}';
    }}
  }}
}}
"""


def certificates(folder: Path) -> tuple[Path, Path]:
    """Return a throwaway authority's certificate and a PEM of localhost's certificate and key."""
    ca_file, ca_key = folder / "ca.pem", folder / "ca.key"
    leaf, leaf_key, request = folder / "leaf.pem", folder / "leaf.key", folder / "leaf.csr"
    settings = folder / "openssl.cnf"
    settings.write_text(
        "[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=throwaway\n"
        "[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
        "subjectKeyIdentifier=hash\n"
        "[leaf]\nbasicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n"
        "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    )
    key: list[str | Path] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    key += ["-config", settings]
    _openssl("req", "-x509", *key, "-extensions", "ca", "-keyout", ca_key, "-out", ca_file)
    _openssl("req", *key, "-keyout", leaf_key, "-out", request)
    authority: list[str | Path] = [
        "-CA",
        ca_file,
        "-CAkey",
        ca_key,
        "-CAcreateserial",
        "-days",
        "30",
    ]
    extensions: list[str | Path] = ["-extfile", settings, "-extensions", "leaf"]
    _openssl("x509", "-req", "-in", request, *authority, *extensions, "-out", leaf)
    both = folder / "server.pem"
    both.write_bytes(leaf.read_bytes() + leaf_key.read_bytes())
    return ca_file, both


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def wait_open(port: int, limit_s: float = 10.0) -> None:
    """Return once loopback `port` accepts connections; TimeoutError after `limit_s`."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise TimeoutError(f"nothing listens on port {port}")


if __name__ == "__main__":
    StreamServer(msgspec.json.decode(sys.argv[1], type=StreamOptions)).serve()
