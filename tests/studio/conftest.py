"""A studio over a fresh store, called without a socket: two projects, keys of every kind."""

import asyncio
import shutil
import threading
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from argon2 import PasswordHasher
from litestar import Litestar
from litestar.types import ASGIApp

from tests.catalog import synthetic
from tramontane.assistant.feed import Feed
from tramontane.assistant.tokens import TokenClient
from tramontane.catalog.cards import Source
from tramontane.catalog.packing import packed
from tramontane.config import DeploymentSettings, LimitDefaults, PriceSettings, Settings
from tramontane.datafolder import DataFolder
from tramontane.money import parse_nano
from tramontane.store import budgets, keys, models, projects, usage
from tramontane.store.database import Store, open_store
from tramontane.store.records import Budget, Key, ModelFile, Project, Right, UsageRecord
from tramontane.studio import passwords
from tramontane.studio.application import build, gated, routed
from tramontane.studio.platform import Platform

CARDS = tuple(synthetic.cards(60))
A_CARD = CARDS[0].id
NOW_MS = 1_700_000_000_000  # 2023-11-14T22:13:20Z
DAY_MS = 86_400_000
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Answer(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)

    @property
    def error(self) -> Any:
        """The body's error."""
        return self.json["error"]


class Tenant(msgspec.Struct, frozen=True):
    """A project with keys: `read` has infer and read, `infer` only infer, `operator` all."""

    project: Project
    read: str
    infer: str
    operator: str
    key: Key
    budget: Budget


_CALLED: list[Platform] = []


@cache
def _routes() -> Litestar:
    """The routes, made once: they are asked of whichever studio is called."""
    return routed(lambda: _CALLED[0])


@cache
def _catalogue() -> bytes:
    """A packed catalogue of a few models, as an update leaves one."""
    sources = {
        name: Source(id=name, title=name.title(), version="1", date="2026-08-01", licence="MIT")
        for name in ("one", "two")
    }
    return packed(CARDS, sources, "2026-08-01", providers={}, left_out={})


class Studio:
    """A studio to be called; `now_ms` is its clock.

    Calls share the loop of its `runner`, which is quicker than a loop and a thread for each.
    """

    runner: asyncio.Runner | None = None

    def __init__(self, settings: Settings, store: Store, pepper: bytes) -> None:
        self.settings = settings
        self.store = store
        self.pepper = pepper
        self.now_ms = NOW_MS
        nobody = TokenClient(str(settings.data_dir / "run" / "gateway.sock"), "service")
        clock_ms: Callable[[], int] = lambda: self.now_ms  # noqa: E731
        with pytest.MonkeyPatch.context() as patch:  # what a hash costs, test_passwords.py tries
            patch.setattr(passwords, "PasswordHasher", lambda: QUICK)
            self.platform = build(settings, store, pepper, clock_ms, nobody, Feed("test"))
        self._gated = gated(_routes(), self.platform)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """The studio as an ASGI application."""
        _CALLED[:] = [self.platform]
        await self._gated(scope, receive, send)

    def call(
        self,
        method: str,
        path: str,
        key: str | None = None,
        *,
        json: object = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return the answer to one request."""
        sent = dict(headers or {})
        if json is not None:
            body = msgspec.json.encode(json)
        if body:
            sent.setdefault("content-type", "application/json")
        if key is not None:
            sent["authorization"] = f"Bearer {key}"
        answer = call(self.app, method, path, sent, body)
        if self.runner is None or threading.current_thread() is not threading.main_thread():
            return asyncio.run(answer)
        return self.runner.run(answer)

    def tenant(self, name: str) -> Tenant:
        """Return a new project with keys, a budget and usage; all its names begin with `name`."""
        with self.store.write() as c:
            project = projects.create(c, name=name, defaults=LimitDefaults(), now_ms=NOW_MS)
            read, read_secret = self._key(c, project, f"{name}-read", ("infer", "read"))
            _, infer_secret = self._key(c, project, f"{name}-infer", ("infer",))
            all_rights: tuple[Right, ...] = ("infer", "read", "operate")
            _, operator_secret = self._key(c, project, f"{name}-operator", all_rights)
            budget = budgets.set(
                c, project_id=project.id, window="day", limit_nano=parse_nano("10")
            )
            assert budget is not None
            usage.insert_many(c, [self.record(f"req-{name}", project, read)])
        return Tenant(project, read_secret, infer_secret, operator_secret, read, budget)

    def _key(
        self, c: Any, project: Project, name: str, rights: tuple[Right, ...]
    ) -> tuple[Key, str]:
        return keys.create(
            c, self.pepper, project_id=project.id, name=name, rights=rights, now_ms=NOW_MS
        )

    def record(self, request_id: str, project: Project, key: Key, **changes: Any) -> UsageRecord:
        """Return a settled record of 100 tokens in, 20 out, costing 0.0015."""
        record = UsageRecord(
            request_id=request_id,
            attempt=1,
            project_id=project.id,
            key_id=key.id,
            model="large",
            deployment="large",
            started_at_ms=NOW_MS - 1000,
            settled_at_ms=NOW_MS,
            prompt_tokens=100,
            completion_tokens=20,
            cached_tokens=0,
            cost_nano=parse_nano("0.0015"),
            estimated=False,
            status="ok",
        )
        return msgspec.structs.replace(record, **changes)


async def call(
    app: ASGIApp,
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    stays: bool = False,
) -> Answer:
    """Return an ASGI application's answer to one request.

    The client leaves as soon as its request is read, unless it `stays` to the answer's end.
    """
    path, _, query = target.partition("?")
    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": quote(path).encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
        "client": None,
        "server": None,
        "state": {},
    }
    coming = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Any] = []

    ended = asyncio.Event()

    async def receive() -> Any:
        if not coming and stays:
            await ended.wait()
        return coming.pop() if coming else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            ended.set()

    await app(scope, receive, send)
    fields = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], fields, b"".join(m.get("body", b"") for m in sent[1:]))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with one remote deployment, `large`, and one local, `small`."""
    return Settings(
        data=str(tmp_path),
        demo=False,
        guide=False,
        deployments={
            "large": DeploymentSettings(
                url="http://10.9.8.7:9001/v1",
                upstream_model="secret-upstream-name",
                key_env="LARGE_KEY",
                price=PriceSettings(input_per_mtok="0.15", output_per_mtok="0.60"),
                context_tokens=128_000,
            ),
            "small": DeploymentSettings(model="small-file"),
        },
    )


@pytest.fixture
def studio(settings: Settings, empty_store_file: Path) -> Any:
    """A studio without any project."""
    folder = DataFolder(settings.data_dir)
    folder.prepare()
    shutil.copy(empty_store_file, folder.database)
    folder.catalogue.write_bytes(_catalogue())
    store = open_store(settings.store_url)
    made = Studio(settings, store, folder.pepper())
    with asyncio.Runner() as made.runner:
        yield made
    store.close()


@pytest.fixture
def ours(studio: Studio) -> Tenant:
    """The project whose keys call."""
    return studio.tenant("ours")


@pytest.fixture
def theirs(studio: Studio) -> Tenant:
    """The project that must not be seen."""
    return studio.tenant("theirs")


@pytest.fixture
def small_file(studio: Studio) -> ModelFile:
    """The file of the deployment `small`, in the library."""
    file = ModelFile(
        sha256="ab" * 32,
        name="small-file",
        size_bytes=12_000_000,
        architecture="llama",
        parameters=8_000_000,
        quantisation="Q8_0",
        context_tokens=1024,
        has_chat_template=True,
        added_at_ms=NOW_MS,
    )
    with studio.store.write() as c:
        models.add(c, file)
    return file
