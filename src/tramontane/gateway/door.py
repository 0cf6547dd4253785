"""The private door: the studio's connections, on which it asks for tokens in somebody's name.

It is a unix socket of the data folder. Here, and only here, the service key counts and
`x-tramontane-act-for` names the key that the request is admitted, limited and billed as. Nothing
but token paths is served, and `/ready`, which tells of projects' own deployments here. It does not
know members.
"""

from typing import TYPE_CHECKING

from tramontane.errors import NotFound
from tramontane.gateway import endpoints
from tramontane.gateway.directory import Principal
from tramontane.gateway.server import ClientConnection

if TYPE_CHECKING:
    from tramontane.gateway.requests import Request

ACT_FOR = b"x-tramontane-act-for"


class DoorConnection(ClientConnection):
    """One connection of the studio's. Each request says anew for whom it is."""

    __slots__ = ()

    is_private = True

    def _admit(self, request: "Request") -> None:
        if endpoints.find(request.path) is None and request.path != b"/ready":
            raise NotFound("Only requests for tokens are served here.", code="unknown_path")
        request.is_private = True
        super()._admit(request)

    def _authenticate(self, request: "Request") -> Principal:
        return self._gateway.act_for(request.credential, request.fields.get(ACT_FOR))
