"""How a client's connection ends: what follows its last answer, and who does not take it.

The connection alone, before a transport that behaves as uvloop's does.
"""

import asyncio
from typing import Any, cast

import pytest

from tramontane.config import ServerSettings
from tramontane.gateway.reception import Gateway
from tramontane.gateway.requests import Request
from tramontane.gateway.server import ClientConnection

HEALTH = b"GET /health HTTP/1.%d\r\nhost: x\r\n\r\n"
SETTINGS = ServerSettings()


class Line:
    """A transport that keeps what was written; as a gateway, it answers everything."""

    def __init__(self) -> None:
        self.settings = SETTINGS
        self.now_s = 100.0
        self.date_field = b""
        self.buffered_bytes = 0
        self.is_draining = False
        self.written = b""
        self.has_ended = False
        self.is_closing = False
        self.is_aborted = False
        self.blocks = False
        self.connection = ClientConnection(cast(Gateway, self))
        self.connection.connection_made(cast(asyncio.BaseTransport, self))

    # as a transport

    def get_extra_info(self, name: str) -> Any:
        return ("192.0.2.1", 1)

    def set_write_buffer_limits(self, high: int) -> None: ...

    def write(self, data: bytes) -> None:
        if self.has_ended:
            raise RuntimeError("Cannot call write() after write_eof()")
        self.written += data
        if self.blocks:
            self.blocks = False
            self.connection.pause_writing()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.has_ended = True

    def close(self) -> None:
        self.is_closing = True

    def abort(self) -> None:
        self.is_aborted = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    # as a gateway

    def connected(self, client: ClientConnection) -> None: ...

    def local_answer(self, request: Request) -> tuple[int, bytes, bytes]:
        return 200, b"", b"{}"

    def new_request_id(self) -> str:
        return "req_1"


@pytest.fixture
def line() -> Line:
    return Line()


def test_nothing_follows_an_answer_that_closes(line: Line) -> None:
    """Not even once a client that was slow to take it has caught up."""
    line.blocks = True
    line.connection.data_received(HEALTH % 0 + HEALTH % 1)
    assert line.has_ended
    line.connection.resume_writing()
    line.connection.data_received(HEALTH % 1)
    assert line.written.count(b"HTTP/1.1 200 OK") == 1


def test_who_does_not_take_the_last_answer_is_closed_in_time(line: Line) -> None:
    line.connection.data_received(HEALTH % 0)
    assert line.is_closing
    line.connection.sweep(line.now_s + SETTINGS.write_timeout_s - 1)
    assert not line.is_aborted
    line.connection.sweep(line.now_s + SETTINGS.write_timeout_s + 1)
    assert line.is_aborted


@pytest.mark.parametrize("at", [1, 40, -1])
def test_a_request_that_is_arriving_as_the_gateway_stops_is_the_last(line: Line, at: int) -> None:
    body = b"GET /health HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc"
    line.connection.data_received(body[:at])
    line.connection.drain()
    line.is_draining = True
    assert not line.is_closing
    line.connection.data_received(body[at:])
    assert b"\r\nconnection: close\r\n" in line.written
    assert line.is_closing
