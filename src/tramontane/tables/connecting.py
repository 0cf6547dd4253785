"""Trying a connection and looking at its tables, in a limited child with a deadline.

It does not know who may enter one, nor where it is kept.
"""

import os
import subprocess
import sys
import tempfile

import msgspec

from tramontane.errors import InvalidRequest
from tramontane.tables.address import Address
from tramontane.tables.confinement import environment
from tramontane.tables.inspect_child import Order, Refused, Seen
from tramontane.tables.load import Loaded

_CHILD = "tramontane.tables.inspect_child"
_REPLY: msgspec.json.Decoder[Refused | Seen] = msgspec.json.Decoder(Refused | Seen)
_TRY_S = 20.0
_LOOK_S = 120.0


def names_at(address: Address) -> list[str]:
    """Return what the tables there are called. Raises InvalidRequest `connection_failed`."""
    return [table.title for table in _asked(Order(address=address, only_names=True), _TRY_S).tables]


def tables_at(address: Address) -> list[Loaded]:
    """Return the tables there with profiles of their first rows; titles are their real names.

    `row_count` is -1 where they could not be counted in time. Raises InvalidRequest
    `connection_failed`.
    """
    return list(_asked(Order(address=address), _LOOK_S).tables)


def _asked(order: Order, timeout_s: float) -> Seen:
    with tempfile.TemporaryDirectory(prefix="tramontane-connection-") as folder:
        try:
            done = subprocess.run(
                [sys.executable, "-m", _CHILD],
                input=msgspec.json.encode(order) + b"\n",
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env=environment(os.environ, folder),
                start_new_session=True,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _failed("it did not answer in time") from None
    try:
        reply = _REPLY.decode(done.stdout)
    except msgspec.DecodeError:
        raise _failed("it could not be read within the limits") from None
    if isinstance(reply, Refused):
        raise _failed(reply.message)
    return reply


def _failed(why: str) -> InvalidRequest:
    return InvalidRequest(f"The database says: {why}", code="connection_failed", param="url")
