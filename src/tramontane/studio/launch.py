"""What the supervisor writes to the studio's stdin: one JSON line.

It does not know what the studio does with it.
"""

import msgspec

from tramontane.config import Settings


class StudioLaunch(msgspec.Struct, frozen=True):
    """The first line on stdin.

    The studio asks the gateway for tokens on the unix socket `gateway_socket`, with `service_key`,
    which is made anew at each start of the platform and stands in no file.
    """

    settings: Settings
    gateway_socket: str
    service_key: str
