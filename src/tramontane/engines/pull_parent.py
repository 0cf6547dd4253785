"""The parent's side of fetching a model: starts the child, reads its lines, ends it.

It believes no more of the child than `pull_lines` has, and knows nothing of pulls or the store.
"""

import contextlib
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence

import msgspec

from tramontane.engines.pull_lines import Line, Order

TICK_S = 0.2
LINE_BYTES = 1 << 20
COMMAND = (sys.executable, "-P", "-m", "tramontane.engines.pull_child")
# What the child's Python needs to start and to trust servers, and no secret among them.
_ENVIRONMENT = (
    "PATH", "LANG", "LC_ALL", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
_LINES: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


class Crashed(Exception):
    """The child ended without saying why, or said what it may not."""


@contextlib.contextmanager
def fetching(order: Order, command: Sequence[str] = COMMAND) -> Iterator[Iterator[Line | None]]:
    """Yield what a child says of `order`, None while it says nothing; it is killed at the end."""
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,  # kept open: its end tells the child that we are gone
        stdout=subprocess.PIPE,
        # What it says on stderr, where it fails unforeseen, goes to our own log.
        cwd="/",
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        start_new_session=True,
    ) as child:
        try:
            assert child.stdin is not None and child.stdout is not None
            try:
                child.stdin.write(msgspec.json.encode(order) + b"\n")
                child.stdin.flush()
            except BrokenPipeError:
                raise Crashed("it did not start") from None
            yield _lines(child.stdout.fileno())
        finally:
            child.kill()


def _lines(descriptor: int) -> Iterator[Line | None]:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN | select.POLLHUP)
    buffer = b""
    while True:
        yield None
        if not poll.poll(TICK_S * 1_000):
            continue
        chunk = os.read(descriptor, 65_536)
        if not chunk:
            return
        *lines, buffer = (buffer + chunk).split(b"\n")
        if len(buffer) > LINE_BYTES:
            raise Crashed("it said too much")
        for line in lines:
            try:
                yield _LINES.decode(line)
            except (msgspec.DecodeError, ValueError):
                raise Crashed("it said what cannot be read") from None
