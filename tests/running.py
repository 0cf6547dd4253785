"""A real gateway, in a process of its own, over a data folder of the test's.

It has no studio, worker or engines beside it: those have tests of their own.
"""

import hashlib
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import select

from tests import empty
from tramontane import config
from tramontane.config import DeploymentSettings, Settings
from tramontane.datafolder import DataFolder
from tramontane.gateway.news import Launch, News
from tramontane.store import (
    budgets,
    deployments,
    engines,
    keys,
    models,
    projects,
    schema,
    usage,
)
from tramontane.store.database import Store, open_store
from tramontane.store.journal import FolderDisk, Importer
from tramontane.store.opening import picture, prepare
from tramontane.store.records import (
    EngineInstance,
    ModelFile,
    Project,
    Right,
    StoredDeployment,
    UsageRecord,
    Window,
)

START_S = 20.0


class Reply:
    """One whole answer: status, header fields (lower-case names), body."""

    def __init__(self, status: int, fields: dict[str, str], body: bytes) -> None:
        self.status = status
        self.fields = fields
        self.body = body

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of the error."""
        return str(self.json["error"]["code"])


class RunningGateway:
    """A gateway's process; `port` stays the same over restarts."""

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        overrides = {"data": str(folder), "demo": False, "guide": False, **settings}
        self.settings: Settings = config.load(None, overrides)
        self.folder = DataFolder(folder)
        empty.prepare(self.folder)
        self.store: Store = open_store(self.settings.store_url)
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(1024)
        self.port = int(self.listener.getsockname()[1])
        self.address = f"http://127.0.0.1:{self.port}"
        self.door = self.folder.run / "gateway.sock"
        self.service_key = secrets.token_urlsafe(32)
        self.process: subprocess.Popen[bytes] | None = None
        self.entry = "tramontane.gateway.process"
        self._importer = Importer(FolderDisk(self.folder.journal), self._keep)
        self.project = self.add_project("default")
        self.key = self.add_key(self.project)

    # --- the process ---------------------------------------------------------------------------

    def start(self, environ: Mapping[str, str] | None = None) -> None:
        """Start, and wait until tokens are served."""
        self.launch(self.spawn(environ))
        assert self.process is not None and self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line == b"ready\n", f"the gateway did not start: {self.log()}"

    def spawn(self, environ: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Return a process that loads its code and then waits to be launched."""
        with (self.folder.logs / "gateway.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", self.entry],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                pass_fds=(self.listener.fileno(),),
                env={**os.environ, **(environ or {})},
            )

    def launch(self, process: subprocess.Popen[bytes]) -> None:
        """Let `process` begin with what the store has now; "ready" is still to be read."""
        opening = prepare(self.folder.journal, self.store, now_ms)
        shown = picture(self.store)
        socket_path = str(self.folder.run / "studio.sock")
        launch = Launch(
            self.settings,
            self.listener.fileno(),
            socket_path,
            str(self.door),
            self.service_key,
            opening,
            shown,
        )
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(launch) + b"\n")
        process.stdin.flush()
        self.process = process
        self._following = threading.Thread(
            target=self._follow_store, args=(process, shown.revision), daemon=True
        )
        self._following.start()

    def _follow_store(self, process: subprocess.Popen[bytes], revision: int) -> None:
        """Do what the platform's parent does: tell the gateway of changes."""
        assert process.stdin is not None
        with suppress(OSError, ValueError):
            while process.poll() is None:
                news = News()
                if self.store.revision() != revision:
                    shown = picture(self.store)
                    revision = shown.revision
                    news = News(picture=shown)
                process.stdin.write(msgspec.json.encode(news) + b"\n")
                process.stdin.flush()
                time.sleep(0.1)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End the process as a crash would, and wait for it."""
        assert self.process is not None
        self.process.send_signal(number)
        self.ended()

    def ended(self) -> int:
        """Wait for the end of a process that was told to stop; return its exit status."""
        assert self.process is not None
        status = self.process.wait(60)
        self._following.join()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):  # a line that it did not live to read
                pipe.close()
        self.process = None
        return status

    def stop(self) -> None:
        """Stop it the polite way, if it runs, and let go of everything."""
        if self.process is not None:
            self.kill(signal.SIGTERM)
        self.store.close()
        self.listener.close()

    def log(self) -> str:
        """What the process wrote to its log."""
        return (self.folder.logs / "gateway.log").read_text()

    # --- configuration ---------------------------------------------------------------------------

    def add_project(self, name: str, **limits: int) -> Project:
        """Create a project with generous limits, or those given."""
        defaults = {"requests_per_minute": 10_000_000, "tokens_per_minute": 1_000_000_000}
        with self.store.write() as c:
            return projects.create(
                c,
                name=name,
                defaults=config.LimitDefaults(**{**defaults, **limits}),
                now_ms=now_ms(),
            )

    def add_key(
        self,
        project: Project,
        name: str = "test",
        rights: tuple[Right, ...] = ("infer", "read"),
        **options: Any,
    ) -> str:
        """Create a key and return its secret."""
        with self.store.write() as c:
            _, secret = keys.create(
                c,
                self.folder.pepper(),
                project_id=project.id,
                name=name,
                rights=rights,
                now_ms=now_ms(),
                **options,
            )
        return secret

    def revoke_key(self, secret: str) -> None:
        """Revoke the key with this secret."""
        with self.store.write() as c:
            key, _ = keys.authenticate(c, self.folder.pepper(), secret, now_ms())
            keys.revoke(c, key.id, now_ms())

    def set_budget(self, project: Project, window: Window, limit_nano: int) -> None:
        """Set the project's budget."""
        with self.store.write() as c:
            budgets.set(c, project_id=project.id, window=window, limit_nano=limit_nano)

    def add_local(self, name: str, port: int, **settings: Any) -> None:
        """Have what listens on `port` serve `name` as a local engine would."""
        digest = hashlib.sha256(name.encode()).hexdigest()
        file = ModelFile(
            sha256=digest, name=name, size_bytes=1, architecture="llama", added_at_ms=now_ms()
        )
        chosen = DeploymentSettings(model=name, **settings)
        stored = StoredDeployment(
            name=name,
            model_sha256=digest,
            settings=msgspec.json.encode(chosen),
            created_at_ms=now_ms(),
        )
        instance = EngineInstance(
            deployment=name,
            nonce="nonce",
            address=f"127.0.0.1:{port}",
            state="ready",
            updated_at_ms=now_ms(),
        )
        with self.store.write() as c:
            models.add(c, file)
            deployments.put(c, stored)
            engines.put_instance(c, instance)

    def until_idle(self, operator: str) -> dict[str, float]:
        """Wait until no request is open; return the metrics. `operator` is an operator's key."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            lines = self.request("GET", "/metrics", key=operator).body.decode().splitlines()
            pairs = [line.rpartition(" ") for line in lines if not line.startswith("#")]
            found = {name: float(value) for name, _, value in pairs}
            busy = ("tramontane_in_flight", "tramontane_waiting", "tramontane_open_holds")
            if not sum(value for name, value in found.items() if name.startswith(busy)):
                return found
            time.sleep(0.02)
        raise AssertionError(f"requests are still open: {found}")

    def until_seen(self, secret: str) -> None:
        """Wait until the gateway's picture has this key, and so all that was written before."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self.request("GET", "/v1/models", key=secret).status == 200:
                return
            time.sleep(0.05)
        raise AssertionError("the gateway did not take over the change")

    # --- asking ----------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        key: str | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request on a connection of its own and return the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            sent = dict(fields or {})
            if key is not None:
                sent["Authorization"] = f"Bearer {key}"
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            got = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, got, answer.read())
        finally:
            connection.close()

    def chat(self, content: str = "Hello", *, key: str | None = None, **fields: Any) -> Reply:
        """Ask for a chat completion of the model `bench`."""
        body = {"model": "bench", "messages": [{"role": "user", "content": content}], **fields}
        return self.request(
            "POST", "/v1/chat/completions", json.dumps(body).encode(), key=key or self.key
        )

    # --- what was billed -------------------------------------------------------------------------

    def _keep(self, rows: Sequence[UsageRecord]) -> None:
        with self.store.write() as c:
            usage.insert_many(c, rows)

    def usage(self) -> list[UsageRecord]:
        """Every settled attempt, oldest first; the gateway must not run."""
        assert self.process is None, "kill or stop the gateway first: its journal is its own"
        self.import_journal()
        with self.store.read() as c:
            rows = c.execute(select(schema.usage).order_by(schema.usage.c.settled_at_ms))
            return [msgspec.convert(row, UsageRecord) for row in rows.mappings()]

    def bills(self, request_id: str, count: int = 1) -> list[UsageRecord]:
        """The first `count` attempts at a request, once they are settled; the gateway may run."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            self._importer.step()
            with self.store.read() as c:
                found = usage.attempts(c, request_id)
            if len(found) >= count:
                return found
            time.sleep(0.01)
        raise AssertionError(f"{request_id} was not billed {count} times")

    def import_journal(self) -> None:
        """Do what the next gateway does first: settle what was lost and move it to the store."""
        prepare(self.folder.journal, self.store, now_ms)


def now_ms() -> int:
    """The wall clock in Unix milliseconds."""
    return time.time_ns() // 1_000_000


@contextmanager
def run_gateway(
    folder: Path, upstream_url: str | None, settings: Mapping[str, object] | None = None
) -> Iterator[RunningGateway]:
    """Yield a gateway whose model `bench` is served at `upstream_url`.

    `settings` are dotted overrides, such as {"server.body_bytes": 1000}.
    """
    wanted: dict[str, object] = {}
    if upstream_url is not None:
        wanted = {
            "deployments.bench.url": upstream_url,
            "deployments.bench.price": {"input_per_mtok": "0.15", "output_per_mtok": "0.60"},
        }
    gateway = RunningGateway(folder, {**wanted, **(settings or {})})
    try:
        gateway.start()
        yield gateway
    finally:
        gateway.stop()
