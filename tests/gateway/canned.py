"""An upstream that answers with bytes written beforehand, for what no honest server sends.

A request names the answer by `<name>` in its body; the connection is closed after it.
"""

import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

_NAME = re.compile(rb"<(\w+)>")


class Canned:
    """Listens on loopback; each connection is served by a thread."""

    def __init__(self, answers: Mapping[str, bytes]) -> None:
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}/v1"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        got = b""
        with connection, suppress(OSError):
            while (name := _NAME.search(got)) is None or not got.endswith(b"}"):
                data = connection.recv(65_536)
                if not data:
                    return
                got += data
            connection.sendall(self._answers[name[1].decode()])
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65_536):  # else a close would be a reset
                pass

    def close(self) -> None:
        """Accept no more."""
        self._listener.close()


@contextmanager
def run_canned(answers: Mapping[str, bytes]) -> Iterator[Canned]:
    """Yield an upstream that knows `answers`."""
    canned = Canned(answers)
    try:
        yield canned
    finally:
        canned.close()
