"""The studio as a process of its own, on its private socket."""

import http.client
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from tramontane.config import Settings
from tramontane.datafolder import DataFolder
from tramontane.errors import ConfigError
from tramontane.sockets import listen
from tramontane.studio.launch import StudioLaunch

MOST_BYTES = 120_000_000
CHILD = """
import sys
from pathlib import Path
import msgspec
from tramontane.studio import server
from tramontane.studio.launch import StudioLaunch
launch = msgspec.json.decode(sys.stdin.buffer.readline(), type=StudioLaunch)
sys.exit(server.run(launch, Path(sys.argv[1]), lambda: print("ready", flush=True)))
"""


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("studio")
        self._path = path

    def connect(self) -> None:
        """Connect to the socket's path."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(self._path))


@contextmanager
def running(settings: Settings, socket_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", CHILD, str(socket_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        launch = StudioLaunch(settings, str(socket_path.with_name("gateway.sock")), "service")
        process.stdin.write(msgspec.json.encode(launch) + b"\n")
        process.stdin.flush()
        try:
            assert process.stdout.readline() == b"ready\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def folder(settings: Settings, empty_store_file: Path) -> DataFolder:
    """A prepared data folder with an empty store."""
    folder = DataFolder(settings.data_dir)
    folder.prepare()
    shutil.copy(empty_store_file, folder.database)
    return folder


def get(path: Path, target: str) -> tuple[int, Any]:
    connection = UnixConnection(path)
    connection.request("GET", target)
    response = connection.getresponse()
    body = msgspec.json.decode(response.read())
    connection.close()
    return response.status, body


def test_it_answers_on_a_socket_of_its_owner_and_stops_when_told(
    settings: Settings, folder: DataFolder
) -> None:
    path = folder.run / "studio.sock"
    with running(settings, path) as process:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert get(path, "/health") == (200, {"status": "ok"})
        status, body = get(path, "/api/v1/projects?canary=1")
        assert (status, body["error"]["code"]) == (401, "missing_api_key")
        assert get(path, "/api/openapi.json")[0] == 200
        assert psutil.Process(process.pid).memory_info().rss < MOST_BYTES
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert process.stderr is not None
        # No access log: what is asked stays out of the log.
        assert b"canary" not in process.stderr.read()


def test_it_takes_the_place_of_a_socket_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    listen(path).close()
    assert path.exists()
    with listen(path) as again:
        assert stat.S_ISSOCK(os.stat(path).st_mode)
        assert again.getsockname() == str(path)


def test_it_never_takes_the_place_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    path.write_text("somebody's")
    with pytest.raises(ConfigError):
        listen(path)
    assert path.read_text() == "somebody's"


def test_a_path_too_long_for_a_socket_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="shorter path"):
        listen(tmp_path / ("x" * 120))
