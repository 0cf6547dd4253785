"""Private sockets: files in the data folder that only this platform's own processes can reach.

It does not know who listens on them.
"""

import os
import socket
import stat
from pathlib import Path

from tramontane.errors import ConfigError

BACKLOG = 512
PATH_BYTES_MOST = 100
"""The system allows little more for a socket's path (104 bytes on macOS, 108 on Linux)."""


def listen(path: Path) -> socket.socket:
    """Return a socket listening at `path`, for this user only, in place of one left behind.

    Raises ConfigError where it cannot be made: the system allows about 100 bytes for its path.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
            path.unlink()
        listener.bind(str(path))
        os.chmod(path, 0o600)  # before listen: nobody can have connected yet
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"the socket {path} cannot be made ({error}); use a data folder with a shorter path"
            " that you may write to"
        ) from error
    return listener
