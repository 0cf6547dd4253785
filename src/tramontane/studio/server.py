"""Runs the studio on its private socket: what the supervisor starts as a child process."""

import secrets
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from tramontane.assistant.feed import Feed
from tramontane.assistant.tokens import TokenClient
from tramontane.clock import clock_ms
from tramontane.datafolder import DataFolder
from tramontane.sockets import listen
from tramontane.store.database import open_store
from tramontane.studio.application import create
from tramontane.studio.launch import StudioLaunch

_DRAIN_S = 5


def run(launch: StudioLaunch, socket_path: Path, started: Callable[[], None]) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status. `started` is called once, when up.

    Raises ConfigError where the socket cannot be made, the pepper cannot be read or the store is
    not at this release's schema.
    """
    settings = launch.settings
    store = open_store(settings.store_url)
    tokens = TokenClient(launch.gateway_socket, launch.service_key)
    try:
        feed = Feed(secrets.token_hex(4))
        pepper = DataFolder(settings.data_dir).pepper()
        app = create(settings, store, pepper, clock_ms, tokens, feed)
        _outlive_signals()
        with listen(socket_path) as listener:
            server = _Server(_config(app, settings.log_level), started, feed.close)
            server.run(sockets=[listener])
    finally:
        store.close()
    return 0 if server.started else 1


class _Server(uvicorn.Server):
    def __init__(
        self, config: uvicorn.Config, started: Callable[[], None], stopping: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._tell_started = started
        self._tell_stopping = stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._tell_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._tell_stopping()  # streams that would not end by themselves
        await super().shutdown(sockets)


def _outlive_signals() -> None:
    # Uvicorn takes these over, drains, then raises them again, which would end the process before
    # the store is closed.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)


def _config(app: object, log_level: str) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # Litestar's ASGI types against uvicorn's
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,  # the process has set its log up already
        log_level=log_level,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_DRAIN_S,
    )
