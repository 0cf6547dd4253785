"""What clients' connections need of the process around them. It does not know how it does that."""

from typing import TYPE_CHECKING, Protocol

from tramontane.config import ServerSettings
from tramontane.gateway.directory import Principal
from tramontane.gateway.exchange import Exchange
from tramontane.gateway.keyed import KeyedExchange
from tramontane.gateway.requests import Request
from tramontane.wire.dialect import Local

if TYPE_CHECKING:
    from tramontane.gateway.server import ClientConnection
    from tramontane.gateway.splice import Splice


class Gateway(Protocol):
    """What connections need of the process around them."""

    settings: ServerSettings
    now_s: float  # coarse: set by the sweeper
    date_field: bytes
    buffered_bytes: int
    is_draining: bool

    def identify(self, credential: bytes | None) -> Principal: ...
    def authenticate(self, credential: bytes | None) -> Principal: ...
    def act_for(self, credential: bytes | None, key_id: bytes | None) -> Principal: ...
    def still_holds(self, principal: Principal) -> bool: ...
    def new_exchange(
        self, client: "ClientConnection", principal: Principal, request: Request
    ) -> Exchange | KeyedExchange: ...
    def new_request_id(self) -> str: ...
    def local_answer(self, request: Request) -> "tuple[int, bytes, bytes] | None": ...
    def answer(
        self, place: Local, principal: Principal, request: Request, body: bytes
    ) -> bytes: ...
    def new_splice(self, client: "ClientConnection", request: Request) -> "Splice": ...
    def count_refused(self, status: int, code: str) -> None: ...
    def connected(self, client: "ClientConnection") -> None: ...
    def disconnected(self, client: "ClientConnection") -> None: ...
