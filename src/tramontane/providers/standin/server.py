"""The stand-in as a server: inside a running loop, or as a process of its own."""

import asyncio
import secrets
import signal
import ssl
import sys
import time
from types import TracebackType

import msgspec
import uvloop

from tramontane.clock import clock_ms
from tramontane.errors import ConfigError
from tramontane.providers.standin.behaviour import StandinOptions
from tramontane.providers.standin.connection import Connection
from tramontane.providers.standin.service import Service
from tramontane.providers.standin.tally import Request, Tally
from tramontane.providers.standin.wheel import Wheel

BACKLOG = 4096


class Standin:
    """A stand-in for a provider, from `async with` to its end.

    Raises ConfigError on entry where the port is taken or a file cannot be read.
    """

    def __init__(self, options: StandinOptions = StandinOptions()) -> None:  # noqa: B008
        self._options = options
        self._connections: set[Connection] = set()

    async def __aenter__(self) -> "Standin":
        options = self._options
        loop = asyncio.get_running_loop()
        try:
            self._tally = Tally(options.keep_requests, options.requests_file, clock_ms=clock_ms)
            tls = _tls(options)
            self._service = Service(
                options, self._tally, clock_s=time.time, run_id=secrets.token_hex(4)
            )
            self._wheel = Wheel(loop)
            self._server = await loop.create_server(
                self._connection, options.host, options.port, ssl=tls, backlog=BACKLOG
            )
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"the stand-in cannot start on {options.host}:{options.port}: {error}"
            ) from None
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for connection in list(self._connections):
            connection.stop()
        await self._server.wait_closed()
        self._wheel.close()
        self._tally.close()

    @property
    def url(self) -> str:
        """The base address a client is given, with /v1."""
        scheme = "https" if self._options.tls_cert_file else "http"
        host = self._options.host
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}/v1"

    @property
    def requests(self) -> list[Request]:
        """What was asked so far, oldest first."""
        return self._tally.requests

    @property
    def open_connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    def reset(self) -> None:
        """Forget the requests so far."""
        self._tally.reset()

    def _connection(self) -> Connection:
        connection = Connection(self._service, self._wheel, self._connections.discard)
        self._connections.add(connection)
        return connection


def _tls(options: StandinOptions) -> ssl.SSLContext | None:
    if options.tls_cert_file is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.tls_cert_file, options.tls_key_file)
    context.set_alpn_protocols(["http/1.1"])
    return context


def main(options: StandinOptions, *, as_json: bool = False) -> None:
    """Serve until SIGTERM or SIGINT. Prints one line with the address once it listens."""
    uvloop.run(_serve(options, as_json=as_json))


async def _serve(options: StandinOptions, *, as_json: bool) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with Standin(options) as standin:
        line = f"Stand-in for OpenAI's API at {standin.url}"
        if as_json:
            line = msgspec.json.encode({"address": standin.url, "port": standin.port}).decode()
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        await stopped.wait()
