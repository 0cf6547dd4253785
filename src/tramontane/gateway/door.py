"""The private door: the studio's connections, on which it asks for tokens in somebody's name.

It is a unix socket of the data folder. Here, and only here, the service key counts and
`x-tramontane-act-for` names the key that the request is admitted, limited and billed as. Nothing
but token paths is served, `/ready`, which tells of projects' own deployments here, and `/loads`,
which asks for no key either: who can open this socket can read the whole data folder. It does not
know members.
"""

from typing import TYPE_CHECKING

from tramontane.errors import NotFound
from tramontane.gateway import endpoints
from tramontane.gateway.directory import Principal
from tramontane.gateway.requests import method_not_allowed
from tramontane.gateway.server import ClientConnection

if TYPE_CHECKING:
    from tramontane.gateway.requests import Request

ACT_FOR = b"x-tramontane-act-for"
LOADS = b"/loads"


class DoorConnection(ClientConnection):
    """One connection of the studio's. Each request says anew for whom it is."""

    __slots__ = ()

    is_private = True

    def _admit(self, request: "Request") -> None:
        if request.path == LOADS:
            return
        if endpoints.find(request.path) is None and request.path != b"/ready":
            raise NotFound("Only requests for tokens are served here.", code="unknown_path")
        request.is_private = True
        super()._admit(request)

    def _authenticate(self, request: "Request") -> Principal:
        return self._gateway.act_for(request.credential, request.fields.get(ACT_FOR))

    def _answer_locally(self, request: "Request") -> None:
        if request.path != LOADS:
            super()._answer_locally(request)
        elif request.method != b"GET":
            self.refuse(method_not_allowed("GET", LOADS))
        else:
            self.respond(200, b"", self._gateway.loads())
