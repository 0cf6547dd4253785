"""Builds every part of the platform once; the only file that knows them all.

`serve` is the parent process: it binds the public socket, then runs gateway, studio, worker and
the engines as children, so that a crash of one takes down nothing else. It imports none of them:
each child is a program of its own (`gateway.process`, `studio`, `worker`, `engines.llamacpp`).
"""

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import secrets
import shlex
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec
from sqlalchemy import Connection

from tramontane import __version__, sockets
from tramontane.children import Child
from tramontane.clock import clock_ms
from tramontane.config import Settings
from tramontane.datafolder import DataFolder
from tramontane.engines.keys import engine_key
from tramontane.engines.plan import LocalModel, local_models
from tramontane.engines.supervisor import EngineSpec, Supervisor
from tramontane.errors import ConfigError, TramontaneError
from tramontane.gateway.news import Launch, News, Wish
from tramontane.providers.remote import RemoteModel, read_key, remote_models
from tramontane.store import drills, engines, keys, links, members, projects
from tramontane.store.database import Store, migrate, open_store
from tramontane.store.opening import picture, prepare
from tramontane.store.records import EngineInstance, Opening, Picture, Project
from tramontane.studio.launch import StudioLaunch

POLL_S = 0.5
ENGINES_PATIENCE_S = 20.0
DEFAULT_PROJECT = "default"
_EXAMPLE = '{"model": "MODEL", "max_tokens": 60, "messages": [{"role": "user", "content": "Hi"}]}'
_EXAMPLE_GUIDE = (
    '{"model": "guide", "messages": [{"role": "user", "content": "What is 15 % of 240?"}]}'
)

_SERVED = ("ready", "asleep")  # what sleeps is woken by who asks

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Issued(msgspec.Struct, frozen=True):
    """What a start hands out: a key, and the address where the first administrator signs in."""

    key: str | None = None
    sign_in: str | None = None


def serve(
    settings: Settings,
    *,
    json_output: bool = False,
    issue_key: bool = False,
    issue_link: bool = False,
) -> int:
    """Run the platform until SIGTERM or Ctrl-C; return the exit status.

    Raises ConfigError where it cannot start: a taken port, a folder in use, an old store.
    """
    folder = DataFolder(settings.data_dir)
    listener = _bind(settings)
    try:
        folder.prepare()
        lock = _lock(folder)
        migrate(settings.store_url)
        store = open_store(settings.store_url)
    except BaseException:
        listener.close()
        raise
    try:
        platform = Platform(settings, folder, store, listener)
        is_first = platform.has_no_key()
        key = platform.issue_key(is_first=is_first) if is_first or issue_key else None
        issued = Issued(key, platform.issue_link(is_wanted=issue_link))
        return asyncio.run(platform.run(issued, json_output=json_output))
    finally:
        store.close()
        os.close(lock)


def _bind(settings: Settings) -> socket.socket:
    server = settings.server
    if server.host not in ("127.0.0.1", "::1", "localhost") and not server.tls_cert_file:
        _log.warning(
            "%s is not loopback and no TLS certificate is set; put a TLS proxy in front, or set"
            " server.tls_cert_file",
            server.host,
        )
    try:
        family, _, _, _, address = socket.getaddrinfo(
            server.host, server.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"the port {server.port} is taken by another program; choose another with"
                f" --port {server.port + 1}, or port 0 for any free one"
            ) from None
        raise ConfigError(
            f"cannot listen on {server.host}:{server.port}: {error.strerror or error}"
        ) from None
    return listener


def _lock(folder: DataFolder) -> int:
    descriptor = os.open(folder.run / "serve.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        pid = os.read(descriptor, 20).decode().strip() or "unknown"
        os.close(descriptor)
        raise ConfigError(
            f"the data folder {folder.path} is served already (process {pid}); stop that one, or"
            " choose another folder with --data"
        ) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


class Platform:
    """The parent: children, engines, and what it tells the person who started it."""

    def __init__(
        self, settings: Settings, folder: DataFolder, store: Store, listener: socket.socket
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._store = store
        self._listener = listener
        self._port = int(listener.getsockname()[1])
        self._pepper = folder.pepper()
        self._service_key = secrets.token_urlsafe(32)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._children: list[Child] = []
        self._plan: dict[str, LocalModel] = {}
        self._remote: dict[str, RemoteModel] = {}
        self._revision = -1  # what the gateway was last told; -1: tell it again
        self._engine_states: dict[str, str] = {}
        self._unstored: dict[str, EngineInstance] = {}  # the store's thread only
        self._engine_messages: dict[str, str] = {}
        self._served: frozenset[str] = frozenset()  # engines that the gateway knows how to reach
        self._news = asyncio.Event()

    @property
    def address(self) -> str:
        """Where clients reach the platform."""
        host = self._settings.server.host
        host = "127.0.0.1" if host in ("0.0.0.0", "::", "localhost") else host
        host = f"[{host}]" if ":" in host else host
        scheme = "https" if self._settings.server.tls_cert_file else "http"
        return f"{scheme}://{host}:{self._port}"

    def has_no_key(self) -> bool:
        """Whether no key was ever made: not by a start, nor by a command before the first one."""
        with self._store.read() as c:
            return not keys.list_all(c)

    def issue_key(self, *, is_first: bool) -> str:
        """Return a new key of the default project, which is created where it is missing."""
        now_ms = clock_ms()
        with self._store.write() as c:
            _, secret = keys.create(
                c,
                self._pepper,
                project_id=self._default_project(c, now_ms).id,
                name="first" if is_first else f"issued-{secrets.token_hex(3)}",
                now_ms=now_ms,
            )
        return secret

    def issue_link(self, *, is_wanted: bool) -> str | None:
        """Return where the first administrator signs in, once; None where there is none to make.

        The start that finds nobody makes it unasked, a later one only where it `is_wanted`.
        """
        now_ms = clock_ms()
        with self._store.write() as c:
            if not members.is_empty(c):
                if is_wanted:
                    _log.warning(
                        "--issue-link: there are members already, so no link for the first one;"
                        " see tramontane member reset"
                    )
                return None
            if links.was_first_issued(c) and not is_wanted:
                return None
            _, token = links.create(
                c,
                self._pepper,
                purpose="first_admin",
                is_admin=True,
                project_id=self._default_project(c, now_ms).id,
                role="manager",
                now_ms=now_ms,
            )
        return links.url(self._settings.server.public_url or self.address, token)

    def _default_project(self, c: Connection, now_ms: int) -> Project:
        for project in projects.list_all(c):
            if project.name == DEFAULT_PROJECT:
                return project
        limits = self._settings.limits
        return projects.create(c, name=DEFAULT_PROJECT, defaults=limits, now_ms=now_ms)

    async def run(self, issued: Issued, *, json_output: bool) -> int:
        """Run everything until a signal; return the exit status."""
        loop = asyncio.get_running_loop()
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        with self._store.write() as c:
            found = engines.list_instances(c)
            for instance in found:
                engines.remove_instance(c, instance.deployment)
        supervisor = Supervisor(
            self._report_engine,
            lambda deployment, nonce: engine_key(self._pepper, deployment, nonce),
            logs_dir=self._folder.logs,
            known=[one for one in found if one.state == "asleep" and one.cold_start_ms is not None],
        )
        gateway = self._start_children(supervisor)
        poll = loop.create_task(self._follow_store(supervisor))
        try:
            await self._until_ready(gateway, stopped)
            if not stopped.is_set():
                self._announce(issued, json_output=json_output)
            await stopped.wait()
            if not json_output:
                _say("Stopping; answers under way are finished first.")
        finally:
            poll.cancel()
            self._listener.close()
            self._folder.address_file.unlink(missing_ok=True)
            _, studio, *others = self._children
            # The studio at once: its readers' streams would keep the gateway waiting for ever.
            await asyncio.gather(gateway.stop(self._settings.server.drain_s + 10), studio.stop(10))
            await asyncio.gather(supervisor.close(5.0), *(child.stop(10) for child in others))
            self._executor.shutdown()
        return 0

    def _start_children(self, supervisor: Supervisor) -> Child:
        socket_path, gateway_socket = self._private_sockets()
        fd = self._listener.fileno()

        async def settings() -> bytes:
            return msgspec.json.encode(self._settings)

        async def studio() -> bytes:
            launch = StudioLaunch(self._settings, gateway_socket, self._service_key)
            return msgspec.json.encode(launch)

        async def launch() -> bytes:
            opening, picture = await self._in_store(self._open_books)
            self._revision = -1  # what changes before the process can be told is not to be missed
            return msgspec.json.encode(
                Launch(
                    self._settings,
                    fd,
                    socket_path,
                    gateway_socket,
                    self._service_key,
                    opening,
                    picture,
                )
            )

        logs = self._folder.logs
        self._children = [
            Child("gateway", ["-m", "tramontane.gateway.process"], launch, logs / "gateway.log",
                  self._tell_gateway, (fd,), lambda line: _grant(supervisor, line)),
            Child("studio", ["-m", "tramontane.studio", socket_path], studio, logs / "studio.log",
                  self._tell_gateway),
            Child("worker", ["-m", "tramontane.worker"], settings, logs / "worker.log",
                  self._tell_gateway),
        ]  # fmt: skip
        for child in self._children:
            child.start()
        return self._children[0]

    def _private_sockets(self) -> tuple[str, str]:
        """Return where the studio and the gateway's private door listen."""
        folder = self._folder.run.resolve()
        if len(bytes(folder / "gateway.sock")) > sockets.PATH_BYTES_MOST:
            folder = Path(tempfile.mkdtemp(prefix="tramontane-"))
        return str(folder / "studio.sock"), str(folder / "gateway.sock")

    def _tell_gateway(self) -> None:
        parts = {child.name: child.state for child in self._children[1:]}
        self._children[0].tell(msgspec.json.encode(News(parts=parts)))

    def _open_books(self) -> tuple[Opening, Picture]:
        self._store_instances()  # a gateway that begins anew must not be shown an engine that ended
        opening = prepare(self._folder.journal, self._store, clock_ms)
        self._end_drills()
        return opening, picture(self._store)

    def _end_drills(self) -> None:
        """Give back what a drill took away, once its time has passed."""
        now_ms = clock_ms()
        with self._store.read() as c:
            is_due = bool(drills.due(c, now_ms))
        if is_due:
            with self._store.write() as c:
                drills.end_due(c, now_ms)

    async def _in_store(self, work: Callable[[], T]) -> T:
        """Run `work` on the one thread that may wait for the store."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    # --- engines ---------------------------------------------------------------------------------

    async def _follow_store(self, supervisor: Supervisor) -> None:
        """Tell gateway and engines of each change, and the gateway that the store is there."""
        while True:
            try:
                changed = await self._in_store(self._changed)
                if changed is not None:
                    await self._reconcile(supervisor, changed)
                is_told = self._children[0].tell(msgspec.json.encode(News(picture=changed)))
                if changed is not None and is_told:
                    self._revision = changed.revision
                    up = (i.deployment for i in changed.instances if i.state in _SERVED)
                    self._served = frozenset(up)
            except (TramontaneError, OSError) as error:
                _log.warning("the store cannot be followed: %s", error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), POLL_S)
            self._news.clear()

    def _changed(self) -> Picture | None:
        self._store_instances()  # what a full or locked store did not take
        self._end_drills()
        if self._store.revision() == self._revision:
            return None
        return picture(self._store)

    async def _reconcile(self, supervisor: Supervisor, now: Picture) -> None:
        plan = local_models(self._settings, now.deployments, now.models, self._folder.models)
        self._remote = remote_models(self._settings, now.deployments, now.providers)
        if plan != self._plan:
            self._plan = plan
            await supervisor.reconcile(_specs(plan))

    def _report_engine(self, instance: EngineInstance) -> None:
        self._engine_states[instance.deployment] = instance.state
        self._engine_messages[instance.deployment] = instance.message
        loop = asyncio.get_running_loop()
        stored = self._executor.submit(self._store_instance, instance)
        stored.add_done_callback(lambda _: loop.call_soon_threadsafe(self._news.set))

    def _store_instance(self, instance: EngineInstance) -> None:
        self._unstored[instance.deployment] = instance
        try:
            self._store_instances()
        except TramontaneError as error:
            _log.warning("an engine's state was not stored, will try again: %s", error)

    def _store_instances(self) -> None:
        while self._unstored:
            name, instance = next(iter(self._unstored.items()))
            with self._store.write() as c:
                if instance.state == "stopped":
                    engines.remove_instance(c, name)
                else:
                    engines.put_instance(c, instance)
            del self._unstored[name]

    # --- what the person sees --------------------------------------------------------------------

    async def _until_ready(self, gateway: Child, stopped: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        waiting = [loop.create_task(gateway.ready()), loop.create_task(stopped.wait())]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        deadline_s = loop.time() + ENGINES_PATIENCE_S
        while not stopped.is_set() and loop.time() < deadline_s:
            wanted = [name for name, model in self._plan.items() if model.problem is None]
            settled = [n in self._served or self._engine_states.get(n) == "failed" for n in wanted]
            up = all(child.state == "ready" for child in self._children)
            if all(settled) and up and (wanted or not self._settings.demo):
                break
            await asyncio.sleep(0.05)
        for task in waiting:
            task.cancel()

    def _problems(self) -> dict[str, str]:
        """Return why deployments are not up, by name."""
        found = {}
        for name, model in self._plan.items():
            if model.problem is not None:
                found[name] = model.problem
            elif name not in self._served:
                found[name] = self._engine_messages.get(name) or "its engine is still starting"
        for name, remote in self._remote.items():
            try:
                read_key(remote, self._pepper, os.environ)
            except ConfigError as error:
                found[name] = error.message
        return found

    def _announce(self, issued: Issued, *, json_output: bool) -> None:
        key = issued.key
        self._folder.address_file.write_text(self.address)  # for commands that print links
        problems = self._problems()
        names = [name for name in (*self._plan, *self._remote) if name not in problems]
        if json_output:
            line = {
                "address": self.address,
                "key": key,
                "sign_in": issued.sign_in,
                "models": names,
                "problems": problems,
                "version": __version__,
            }
            _say(msgspec.json.encode(line).decode())
            return
        model = names[0] if names else "MODEL"
        shown = key or "$TRAMONTANE_KEY"
        example = _EXAMPLE_GUIDE if model == "guide" else _EXAMPLE.replace("MODEL", model)
        lines = [
            "",
            f"  Tramontane {__version__} is up.",
            "",
            f"  Look     {self.address}/",
            f"  Address  {self.address}/v1",
        ]
        if issued.sign_in is not None:
            lines += [
                f"  Sign in  {issued.sign_in}",
                "           (works once, within a day, and makes you its administrator)",
            ]
        if key is not None:
            lines += [f"  Key      {key}   (shown once: keep it)"]
        lines += [f"  Models   {', '.join(names) or 'none yet'}"]
        lines += [f"  Not up   {name}: {reason}" for name, reason in problems.items()]
        lines += [""]
        if "guide" in names:
            lines += ["  guide answers from the handbook and calculates; it is no language model."]
        if "demo" in names:
            lines += ["  demo is a small demonstration model; its answers prove the path, no more."]
        if {"guide", "demo"} & set(names):
            lines += [""]
        lines += [
            "  Ask it something:",
            "",
            f"    export TRAMONTANE_KEY={shown}" if key else "",
            f"    curl {self.address}/v1/chat/completions \\",
            '      -H "Authorization: Bearer $TRAMONTANE_KEY" \\',
            f"      -d '{example}'",
            "",
        ]
        if self._settings.data != Settings().data:  # where commands would look unasked
            lines += [
                "  For commands in another terminal:",
                "",
                f"    export TRAMONTANE_DATA={shlex.quote(str(self._folder.path.resolve()))}",
                "",
            ]
        lines += [
            "  Ctrl-C stops it. Keys, budgets, models, bills: tramontane --help",
            "",
        ]
        _say("\n".join(lines))


def _specs(plan: dict[str, LocalModel]) -> dict[str, EngineSpec]:
    return {
        name: EngineSpec(
            engine=model.engine,
            model_path=model.path,
            alias=name,
            context_tokens=model.context_tokens,
            slots=model.slots,
            threads=model.threads,
            share_prompt_cache=model.settings.share_prompt_cache,
            gives_vectors=model.gives_vectors,
            may_sleep=model.settings.scale_to_zero_after_s is not None,
        )
        for name, model in plan.items()
        if model.problem is None
    }


def _grant(supervisor: Supervisor, line: bytes) -> None:
    """Do what the gateway asks for in `line`."""
    try:
        wish = msgspec.json.decode(line, type=Wish)
    except msgspec.DecodeError as error:
        _log.error("what the gateway said was not understood: %s", error)
        return
    if wish.kind == "rest":
        supervisor.rest(wish.deployment, wish.nonce)
    else:
        supervisor.wake(wish.deployment)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
