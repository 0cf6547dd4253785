"""What an exchange is handed: the client it answers, and what all exchanges share."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from tramontane.gateway.directory import Deployment, Directory
from tramontane.gateway.ledger import Ledger
from tramontane.gateway.limits import Limits
from tramontane.gateway.retries import Resilience
from tramontane.gateway.service import Service
from tramontane.gateway.telemetry import Telemetry
from tramontane.wire.dialect import EVENT_STREAM

if TYPE_CHECKING:
    from tramontane.gateway.exchange import Exchange


class ClientLeft(Exception):
    """The client closed its connection."""


class Client(Protocol):
    """The connection an answer goes to."""

    @property
    def is_open(self) -> bool: ...
    @property
    def write_blocked_s(self) -> float | None: ...
    def respond(self, status: int, fields: bytes, body: bytes) -> None: ...
    def start_stream(
        self, fields: bytes, *, keeps_body: bool = False, media_type: bytes = EVENT_STREAM
    ) -> None: ...
    def release_body(self) -> None: ...
    def write_chunks(self, framed: bytes, payload: bytes) -> None: ...
    def write_payload(self, payload: bytes) -> None: ...
    def end_stream(self) -> None: ...
    def break_stream(self) -> None: ...


class Desk(Protocol):
    """What exchanges share; built once by the gateway's process."""

    ledger: Ledger
    limits: Limits
    telemetry: Telemetry
    currency: str
    first_byte_timeout_s: float
    idle_timeout_s: float
    answer_bytes: int
    clock_s: Callable[[], float]
    clock_ms: Callable[[], int]
    draw: Callable[[], float]
    resilience: Resilience

    @property
    def directory(self) -> Directory: ...
    def service(self, deployment: Deployment) -> Service: ...
    def new_request_id(self) -> str: ...
    def exchange_ended(self, exchange: "Exchange") -> None: ...
    def later(self, callback: Callable[[], None]) -> None: ...
    def after(self, delay_s: float, callback: Callable[[], None]) -> None: ...
