"""Fetches models that were asked for from a hub, one at a time, and deploys them where wanted.

A limited child does the fetching. Whoever watches it holds the pull by a lease that is renewed
while it goes on, so one that dies is replaced, and the next goes on with the bytes that are there.
It knows neither hubs nor HTTP, and believes no more of the child than its protocol has.
"""

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection

from tramontane.config import Settings
from tramontane.engines import deploying
from tramontane.engines.deploying import Wanted
from tramontane.engines.gguf import read_header
from tramontane.engines.hub_client import key_of
from tramontane.engines.library import ModelLibrary
from tramontane.engines.memory import Memory, memory_now, shape_of
from tramontane.engines.pull_lines import (
    Described,
    Fetched,
    Fetching,
    Found,
    Order,
    Patience,
    Refused,
    Verifying,
)
from tramontane.engines.pull_parent import COMMAND, Crashed, fetching
from tramontane.errors import Conflict, TramontaneError, Unavailable
from tramontane.store import deployments, models, pulls
from tramontane.store.database import Store
from tramontane.store.pulls import Pull, PullProblem
from tramontane.store.records import ModelFile
from tramontane.worker.jobs import Lost, go_on, take

LEASE_MS = 30_000
RENEW_S = 1.0
POLL_S = 0.5
AGAIN_S = 5.0
RATE_S = 10.0
WAIT_FIRST_S = 5.0
WAIT_MOST_S = 300.0
CRASHES_MOST = 3

_log = logging.getLogger(__name__)


class Puller:
    """Fetches for one store into one library. `clock_ms` gives Unix milliseconds."""

    def __init__(
        self,
        store: Store,
        library: ModelLibrary,
        settings: Settings,
        clock_ms: Callable[[], int],
        *,
        timer_s: Callable[[], float] = time.monotonic,
        memory: Callable[[], Memory] = memory_now,
        command: Sequence[str] = COMMAND,
        patience: Patience = Patience(),  # noqa: B008
    ) -> None:
        self._store = store
        self._library = library
        self._settings = settings
        self._clock_ms = clock_ms
        self._timer_s = timer_s
        self._memory = memory
        self._command = command
        self._patience = patience
        self._failures: dict[str, int] = {}

    def step(self, stop: threading.Event, only: Collection[str] | None = None) -> bool:
        """Fetch one that waits (one of `only`, where given); return whether there was one.

        Raises Unavailable where the store cannot be used, OSError.
        """
        now_ms = self._clock_ms()
        pull = take(
            self._store,
            lambda c: pulls.is_waiting(c, now_ms, only),
            lambda c: pulls.claim(c, now_ms, LEASE_MS, only),
        )
        if pull is None:
            return False
        try:
            self._pull(pull, stop)
        except Lost:
            self._let_go(pull, stop)
        except Crashed as error:
            self._wait(pull, _crashed(str(error)), None, is_crash=True)
        except OSError:
            raise
        except TramontaneError as error:
            if error.status == 503 and error.code == "store_unavailable":
                raise
            self._fail(pull, PullProblem(error.code, error.message), is_kept=False)
        except Exception:  # noqa: BLE001 - the outer edge of a job: others are fetched all the same
            _log.exception("pull %s: fetching it failed", pull.id)
            self._fail(pull, _crashed("the operator's log says where"), is_kept=True)
        return True

    def sweep(self) -> None:
        """Delete what is left of pulls that nobody wants any more."""
        with self._store.read() as c:
            known = pulls.kept_ids(c)
        self._library.sweep_pulls(known)

    def _pull(self, pull: Pull, stop: threading.Event) -> None:
        wanted = None if pull.wanted is None else msgspec.json.decode(pull.wanted, type=Wanted)
        known = self._library.hashes()
        with fetching(self._order(pull, known), self._command) as lines:
            watch = _Watch(self._store, pull, stop, self._clock_ms, self._timer_s)
            for line in lines:
                watch.check()
                if isinstance(line, Found):
                    watch.found(line)
                    if line.sha256 is not None and line.sha256 in known:
                        self._finish(pull, wanted, line.sha256, None)
                        return
                elif isinstance(line, Described):
                    if wanted is not None:
                        deploying.check_context(wanted.settings, pull.name, line.context_tokens)
                        deploying.check_fits(
                            wanted, line.shape, line.context_tokens, self._memory()
                        )
                elif isinstance(line, Fetching | Verifying):
                    watch.at(line)
                elif isinstance(line, Fetched):
                    path = self._library.pull_folder(pull.id) / Path(line.file).name
                    self._finish(pull, wanted, line.sha256, path)
                    return
                elif isinstance(line, Refused):
                    self._refused(pull, line)
                    return
        raise Crashed("it ended without a word")

    def _order(self, pull: Pull, known: tuple[str, ...]) -> Order:
        hub = self._settings.hub
        return Order(
            url=hub.url,
            key=key_of(hub),
            ca_file=hub.ca_file,
            source=pull.source,
            folder=str(self._library.pull_folder(pull.id).absolute()),
            available_bytes=self._memory().available_bytes,
            known=known,
            patience=self._patience,
        )

    def _finish(self, pull: Pull, wanted: Wanted | None, sha256: str, path: Path | None) -> None:
        """Take the file at `path` into the library (None: it is there), deploy it, say so.

        Where the store cannot be used the file stays, and is found there the next time.
        """
        now_ms = self._clock_ms()
        obstacle = None
        if path is None:
            file = self._library.describe(sha256, pull.name, now_ms)
            obstacle = self._obstacle(wanted, file)
        else:
            file = self._library.accept(path, sha256, pull.name, now_ms)
        try:
            with self._store.write() as c:
                file = _recorded(c, sha256) or _added(c, file)
                name, problem = None, obstacle
                if obstacle is None:
                    name, problem = self._deploy(c, wanted, file, now_ms)
                if not pulls.finish(
                    c, pull, now_ms, name=file.name, sha256=sha256, deployment=name,
                    problem=problem,
                ):  # fmt: skip
                    raise Lost
        except Lost:
            self._forget(sha256)
            raise
        self._failures.pop(pull.id, None)
        self._library.remove_pull(pull.id)

    def _forget(self, sha256: str) -> None:
        """Delete a file that nobody has in the store: it was given up at the last moment."""
        with self._store.read() as c:
            is_known = _recorded(c, sha256) is not None
        if not is_known:
            self._library.remove(sha256)

    def _obstacle(self, wanted: Wanted | None, file: ModelFile) -> PullProblem | None:
        """Return why a file that was here already cannot be served as wanted."""
        if wanted is None:
            return None
        shape = shape_of(read_header(self._library.path(file.sha256), file.name))
        try:
            deploying.check_fits(wanted, shape, file.context_tokens, self._memory())
        except Conflict as error:
            return PullProblem(error.code, error.message)
        return None

    def _deploy(
        self, c: Connection, wanted: Wanted | None, file: ModelFile, now_ms: int
    ) -> tuple[str | None, PullProblem | None]:
        """Deploy it where that is wanted; what stands in the way is no reason to lose the file."""
        if wanted is None:
            return None, None
        try:
            deploying.check_free(c, self._settings, wanted.name)
            deployments.put(c, deploying.stored(wanted, file, now_ms))
        except TramontaneError as error:
            if error.code == "store_unavailable":
                raise
            return None, PullProblem(error.code, error.message)
        return wanted.name, None

    def _refused(self, pull: Pull, line: Refused) -> None:
        problem = PullProblem(line.code, line.message)
        if not line.is_final:
            self._wait(pull, problem, line.retry_after_s)
        else:
            self._fail(pull, problem, is_kept=not line.spoils)

    def _wait(
        self,
        pull: Pull,
        problem: PullProblem,
        retry_after_s: float | None,
        *,
        is_crash: bool = False,
    ) -> None:
        count = self._failures[pull.id] = self._failures.get(pull.id, 0) + 1
        if is_crash and count >= CRASHES_MOST:
            self._fail(pull, problem, is_kept=False)
            return
        delay_s = min(WAIT_FIRST_S * 2 ** min(count - 1, 10), WAIT_MOST_S)
        delay_s = max(delay_s, min(retry_after_s or 0, 3_600))
        now_ms = self._clock_ms()
        with self._store.write() as c:
            pulls.give_back(c, pull, now_ms, now_ms + int(delay_s * 1_000), problem)

    def _fail(self, pull: Pull, problem: PullProblem, *, is_kept: bool) -> None:
        with self._store.write() as c:
            bytes_done = None if is_kept else 0
            is_ours = pulls.fail(c, pull, problem, self._clock_ms(), bytes_done=bytes_done)
        self._failures.pop(pull.id, None)
        if is_ours and not is_kept:
            self._library.remove_pull(pull.id)

    def _let_go(self, pull: Pull, stop: threading.Event) -> None:
        now_ms = self._clock_ms()
        if stop.is_set():
            with contextlib.suppress(TramontaneError), self._store.write() as c:
                pulls.give_back(c, pull, now_ms, now_ms - 1, None)
            return
        with self._store.read() as c, contextlib.suppress(TramontaneError):
            if pulls.get(c, pull.id).status != "cancelled":
                return
        self._library.remove_pull(pull.id)


class _Watch:
    """Tells the store how far a pull has come, once a second, and notices that it was lost."""

    def __init__(
        self,
        store: Store,
        pull: Pull,
        stop: threading.Event,
        clock_ms: Callable[[], int],
        timer_s: Callable[[], float],
    ) -> None:
        self._store = store
        self._pull = pull
        self._stop = stop
        self._clock_ms = clock_ms
        self._timer_s = timer_s
        self._changes: dict[str, Any] = {"problem": None}
        self._told_s = timer_s()
        self._seen: deque[tuple[float, int]] = deque()

    def found(self, line: Found) -> None:
        """Say at once what it is that is fetched."""
        self._changes |= {
            "resolved": f"hf:{line.repository}:{line.file}",
            "revision": line.revision,
            "sha256": line.sha256,
            "bytes_total": line.size_bytes,
        }
        self._tell()

    def at(self, line: Fetching | Verifying) -> None:
        """Take note of how far it has come."""
        is_fetching = isinstance(line, Fetching)
        is_other = self._changes.get("status", "fetching") == "fetching" and not is_fetching
        self._changes |= {
            "status": "fetching" if is_fetching else "verifying",
            "bytes_done": line.done_bytes,
            "bytes_total": line.total_bytes,
            "bytes_per_s": self._rate(line.done_bytes),
        }
        if is_other:
            self._tell()

    def check(self) -> None:
        """Raise Lost where it is no longer ours; renew the lease when that is due."""
        if self._stop.is_set():
            raise Lost
        if self._timer_s() - self._told_s >= RENEW_S:
            self._tell()

    def _tell(self) -> None:
        self._told_s = self._timer_s()
        now_ms = self._clock_ms()
        # A store that is busy for a while is no reason to drop a download.
        with contextlib.suppress(TramontaneError), self._store.write() as c:
            if not pulls.renew(c, self._pull, now_ms + LEASE_MS, now_ms, **self._changes):
                raise Lost

    def _rate(self, done_bytes: int) -> int | None:
        now_s = self._timer_s()
        if self._seen and done_bytes < self._seen[-1][1]:
            self._seen.clear()  # it began anew
        self._seen.append((now_s, done_bytes))
        while len(self._seen) > 2 and now_s - self._seen[0][0] > RATE_S:
            self._seen.popleft()
        since_s, since_bytes = self._seen[0]
        return int((done_bytes - since_bytes) / (now_s - since_s)) if now_s > since_s else None


def _recorded(c: Connection, sha256: str) -> ModelFile | None:
    return next((file for file in models.list_all(c) if file.sha256 == sha256), None)


def _added(c: Connection, file: ModelFile) -> ModelFile:
    """Add the record of a file, under a name with digits of its hash where its own is taken."""
    names = {each.name for each in models.list_all(c)}
    if file.name in names:
        file = msgspec.structs.replace(file, name=f"{file.name[:50]}-{file.sha256[:8]}")
    models.add(c, file)
    return file


def _crashed(how: str) -> PullProblem:
    error = Unavailable(
        f"The process that fetches failed ({how}); it is tried again a few times.",
        code="pull_failed",
    )
    return PullProblem(error.code, error.message)


def pull_always(puller: Puller, stop: threading.Event) -> None:
    """Fetch what waits until `stop` is set. What fails for no fault of a pull is tried on."""
    is_swept = False

    def step() -> bool:
        nonlocal is_swept
        if not is_swept:
            puller.sweep()
            is_swept = True
        return puller.step(stop)

    go_on(step, stop, failing="models cannot be fetched", poll_s=POLL_S, again_s=AGAIN_S)
