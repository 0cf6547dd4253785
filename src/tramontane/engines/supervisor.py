"""Keeps the engines' children as they are wanted: started, healthy, restarted, stopped.

It runs in the parent of `tramontane serve`. What each child does is told by reports, from which
gateways learn addresses; a stopped report comes before the child is asked to end, so that its
open answers can run out. One that `may_sleep` is put to sleep and woken by whoever sees its
requests. It does not know what an engine is asked.
"""

import asyncio
import contextlib
import os
import platform
import random
import secrets
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from tramontane.clock import clock_ms
from tramontane.engines.childlog import ChildLog
from tramontane.engines.plan import Engine
from tramontane.engines.protocol import Failed, Options, Ready
from tramontane.engines.pulse import Pulse, PulsePatience
from tramontane.store.records import EngineInstance, EngineState

COMMANDS: Mapping[Engine, Sequence[str]] = {
    "llama.cpp": (sys.executable, "-P", "-m", "tramontane.engines.llamacpp"),
    "guide": (sys.executable, "-P", "-m", "tramontane.engines.guide"),
}
# All that an engine sees of our environment: no keys, and none of llama.cpp's own variables.
ENVIRONMENT = (
    "PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "VIRTUAL_ENV", "PYTHONHOME",
    "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH",
)  # fmt: skip


class EngineSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A child as it is wanted. `context_tokens` is promised to each of `slots` requests.

    `may_sleep`: it need not run while nobody asks it anything.
    """

    alias: str
    context_tokens: int
    slots: int
    engine: Engine = "llama.cpp"
    model_path: Path | None = None  # None: the engine needs no file
    threads: int | None = None
    share_prompt_cache: bool = False
    gives_vectors: bool = False
    may_sleep: bool = False


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long the supervisor waits, in seconds, and how often it tries."""

    start_s: float = 600.0
    probe_every_s: float = 5.0
    pulse: PulsePatience = PulsePatience()
    retire_s: float = 30.0
    backoff_first_s: float = 0.5
    backoff_most_s: float = 30.0
    healthy_s: float = 60.0
    starts_failed: int = 5


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What a supervisor is given from outside."""

    report: Callable[[EngineInstance], None]
    engine_key: Callable[[str, str], str]
    logs_dir: Path
    patience: Patience
    commands: Mapping[Engine, Sequence[str]]
    clock_s: Callable[[], float]
    now_ms: Callable[[], int]
    random: Callable[[], float]
    nonce: Callable[[], str]


def _nonce() -> str:
    return secrets.token_hex(16)


class Supervisor:
    """The children of all deployments. Not for more than one event loop."""

    def __init__(
        self,
        report: Callable[[EngineInstance], None],
        engine_key: Callable[[str, str], str],
        *,
        logs_dir: Path,
        known: Iterable[EngineInstance] = (),
        patience: Patience | None = None,
        commands: Mapping[Engine, Sequence[str]] = COMMANDS,
        clock_s: Callable[[], float] = time.monotonic,
        now_ms: Callable[[], int] = clock_ms,
        random: Callable[[], float] = random.random,
        nonce: Callable[[], str] = _nonce,
    ) -> None:
        """`report` is called on the loop for each change and must not block.

        `engine_key(deployment, nonce)` gives the key of one child; `logs_dir` gets a file for
        each deployment. `known` are children of an earlier run that were ready once: where such
        a one may sleep, it sleeps until it is woken.
        """
        self._parts = Parts(
            report=report,
            engine_key=engine_key,
            logs_dir=logs_dir,
            patience=patience or Patience(),
            commands=commands,
            clock_s=clock_s,
            now_ms=now_ms,
            random=random,
            nonce=nonce,
        )
        self._known = {instance.deployment: instance for instance in known}
        self._asleep: dict[str, _Asleep] = {}
        self._engines: dict[str, _Engine] = {}
        self._retiring: dict[_Engine, asyncio.Task[None]] = {}

    async def reconcile(self, specs: Mapping[str, EngineSpec]) -> None:
        """Make the children match `specs`; return at once, reports tell how it goes.

        A deployment whose spec changed gets its new child when the old one has let its answers
        run out and gone: there is never memory for two. One that failed is tried again only with
        another spec. One that sleeps goes on sleeping unless its spec changed.
        """
        for name, engine in list(self._engines.items()):
            if _is_same_child(specs.get(name), engine.spec):
                engine.spec = specs[name]
            else:
                self._retire(name, engine)
        for name, asleep in list(self._asleep.items()):
            if specs.get(name) != asleep.spec:
                del self._asleep[name]
                if name not in specs:
                    self._report_without_child(asleep.last, "stopped")
        known, self._known = self._known, {}
        for name, spec in specs.items():
            last = known.get(name)
            if name in self._engines or name in self._asleep:
                continue
            if spec.may_sleep and last is not None:
                self._lay(_Asleep(spec, last), last.message)
            else:
                self._start(name, spec, None)

    def rest(self, deployment: str, nonce: str) -> None:
        """End the child with that `nonce` until it is woken; nothing where it is not that one.

        Nobody may be asking it anything: whoever calls has seen to that.
        """
        engine = self._engines.get(deployment)
        if engine is None or not engine.spec.may_sleep or engine.is_over or engine.nonce != nonce:
            return
        self._retire(deployment, engine, state="asleep")
        self._asleep[deployment] = _Asleep(engine.spec, engine.last("asleep"))

    def wake(self, deployment: str) -> None:
        """Start the child of one that sleeps; nothing happens where it does not."""
        asleep = self._asleep.pop(deployment, None)
        if asleep is not None:
            self._start(deployment, asleep.spec, asleep.last)

    async def close(self, drain_s: float) -> None:
        """Stop every child, giving open answers `drain_s` seconds to run out."""
        for name, engine in list(self._engines.items()):
            self._retire(name, engine, drain_s)
        leaving = dict(self._retiring)
        if leaving:
            await asyncio.wait(leaving.values(), timeout=drain_s + 1.0)
        for engine in leaving:
            engine.kill()
        await asyncio.gather(*leaving.values())

    def _start(self, name: str, spec: EngineSpec, last: EngineInstance | None) -> None:
        before = [task for old, task in self._retiring.items() if old.name == name]
        self._engines[name] = _Engine(name, spec, self._parts, before, last, self._given_up)

    def _given_up(self, engine: "_Engine", reason: str) -> None:
        """No start has succeeded, but the next may: who asks for it next has it tried again."""
        del self._engines[engine.name]
        self._lay(_Asleep(engine.spec, engine.last("asleep")), reason)

    def _lay(self, asleep: "_Asleep", message: str) -> None:
        self._asleep[asleep.last.deployment] = asleep
        self._report_without_child(asleep.last, "asleep", message)

    def _report_without_child(
        self, last: EngineInstance, state: EngineState, message: str = ""
    ) -> None:
        self._parts.report(
            msgspec.structs.replace(
                last,
                address=None,
                state=state,
                message=message,
                pid=None,
                updated_at_ms=self._parts.now_ms(),
            )
        )

    def _retire(
        self,
        name: str,
        engine: "_Engine",
        drain_s: float | None = None,
        state: EngineState = "stopped",
    ) -> None:
        del self._engines[name]
        drain_s = self._parts.patience.retire_s if drain_s is None else drain_s
        engine.leave(state)
        task = asyncio.get_running_loop().create_task(engine.end(drain_s))
        self._retiring[engine] = task
        task.add_done_callback(lambda _: self._retiring.pop(engine, None))


class Backoff:
    """Delays between starts, in seconds: doubling, with a quarter of chance either way."""

    def __init__(self, first_s: float, most_s: float, random: Callable[[], float]) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._random = random
        self._next_s = first_s

    def next_s(self) -> float:
        """Return how long to wait now; the next wait will be longer."""
        delay_s = self._next_s * (0.75 + 0.5 * self._random())
        self._next_s = min(2 * self._next_s, self._most_s)
        return min(delay_s, self._most_s)

    def reset(self) -> None:
        """Begin again with the shortest."""
        self._next_s = self._first_s


class _Asleep(msgspec.Struct, frozen=True):
    """One whose child is to be started when it is woken. `last` is what was known of it."""

    spec: EngineSpec
    last: EngineInstance


def _is_same_child(wanted: EngineSpec | None, running: EngineSpec) -> bool:
    """Whether a running child is as it is wanted; whether it may sleep makes no difference."""
    return wanted is not None and running == msgspec.structs.replace(
        wanted, may_sleep=running.may_sleep
    )


class _Ended(msgspec.Struct, frozen=True):
    """Why a child is no more. `is_final`: starting another would change nothing."""

    reason: str
    is_final: bool = False


class _Engine:
    """One deployment's child, and its successors after crashes."""

    def __init__(
        self,
        name: str,
        spec: EngineSpec,
        parts: Parts,
        before: Sequence[asyncio.Task[None]],
        last: EngineInstance | None,
        given_up: Callable[["_Engine", str], None],
    ) -> None:
        self.name = name
        self.spec = spec
        self._parts = parts
        self._before = before
        self._given_up = given_up
        self._supports_tools = last is not None and last.supports_tools
        self._cold_start_ms = last.cold_start_ms if last is not None else None
        self._process: Process | None = None
        self._log_task: asyncio.Task[None] | None = None
        self._nonce = ""
        self._is_stopped = False
        self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def nonce(self) -> str:
        """The nonce of the child, or of the last one there was."""
        return self._nonce

    @property
    def is_over(self) -> bool:
        """Whether no child runs, and none will be started."""
        return self._task.done()

    def leave(self, state: EngineState) -> None:
        """Report it stopped, so that no more is asked of it, and start no more children."""
        self._report(state)
        self._is_stopped = True
        self._task.cancel()

    async def end(self, drain_s: float) -> None:
        """End the child after `leave`: asked first, killed after `drain_s`."""
        await asyncio.gather(self._task, return_exceptions=True)
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), drain_s)
            except TimeoutError:
                self.kill()
        await self._reap()

    def kill(self) -> None:
        """End the child at once, if there is one."""
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    async def _run(self) -> None:
        patience = self._parts.patience
        backoff = Backoff(patience.backoff_first_s, patience.backoff_most_s, self._parts.random)
        failures = 0
        if self._before:
            await asyncio.wait(self._before)
        while True:
            ready_s, ended = await self._run_child()
            failures = failures + 1 if ready_s is None else 0
            if not ended.is_final and failures >= patience.starts_failed and self.spec.may_sleep:
                self._given_up(self, ended.reason)
                return
            if ended.is_final or failures >= patience.starts_failed:
                self._report("failed", message=ended.reason)
                return
            if ready_s is not None and ready_s >= patience.healthy_s:
                backoff.reset()
            delay_s = backoff.next_s()
            message = f"{ended.reason}; starting again in {delay_s:.1f} s"
            self._report("backing_off", message=message)
            await asyncio.sleep(delay_s)

    async def _run_child(self) -> tuple[float | None, _Ended]:
        """Run one child to its end; return how long it was ready (None: never) and why."""
        self._nonce = self._parts.nonce()
        began_s = self._parts.clock_s()
        self._report("starting")
        try:
            process = await self._spawn()
            log = self._open_log()
        except OSError as error:
            self.kill()
            await self._reap()
            return None, _Ended(f"the engine could not be started: {error.strerror or error}")
        assert process.stderr is not None
        self._log_task = asyncio.create_task(_keep_log(process.stderr, log))
        key = self._parts.engine_key(self.name, self._nonce)
        answer = await self._load(process, key)
        if isinstance(answer, _Ended):
            self.kill()
            await self._reap()
            if not answer.is_final and log.cause:
                answer = _Ended(f"{answer.reason}: {log.cause}")
            return None, answer
        log.is_serving = True
        since_s = self._parts.clock_s()
        self._cold_start_ms = round((since_s - began_s) * 1_000)
        self._supports_tools = answer.supports_tools
        self._report("ready", ready=answer)
        ended = await self._watch(process, answer.address, key)
        ready_s = self._parts.clock_s() - since_s
        self.kill()
        await self._reap()
        return ready_s, ended

    def _open_log(self) -> ChildLog:
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._parts.now_ms() / 1_000))
        file = self.spec.model_path
        served = file.name if file is not None else self.spec.engine
        path = self._parts.logs_dir / f"engine-{self.name}.log"
        return ChildLog(path, f"{started} {served}")

    async def _spawn(self) -> Process:
        environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        environment["GGML_NO_BACKTRACE"] = "1"  # else a debugger is run over a crash
        self._process = await asyncio.create_subprocess_exec(
            *self._parts.commands[self.spec.engine],
            stdin=PIPE,  # held open: its end is the sign that we are gone
            stdout=PIPE,
            stderr=PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C is ours to pass on
        )
        return self._process

    async def _load(self, process: Process, key: str) -> Ready | _Ended:
        """Tell the child what to serve and wait for its answer."""
        assert process.stdin is not None and process.stdout is not None
        spec = self.spec
        options = Options(
            model_path=str(spec.model_path or ""),
            alias=spec.alias,
            context_tokens=spec.context_tokens,
            slots=spec.slots,
            threads=spec.threads,
            share_prompt_cache=spec.share_prompt_cache,
            gives_vectors=spec.gives_vectors,
            api_key=key,
        )
        process.stdin.write(msgspec.json.encode(options) + b"\n")
        start_s = self._parts.patience.start_s
        try:
            line = await asyncio.wait_for(process.stdout.readline(), start_s)
        except TimeoutError:
            return _Ended(f"the engine was not ready after {start_s:.0f} s")
        if not line:
            return _explain_exit(await process.wait())
        try:
            answer: dict[str, object] = msgspec.json.decode(line, type=dict[str, object])
            if "error" not in answer:
                return msgspec.convert(answer, Ready)
            failed = msgspec.convert(answer, Failed)
        except msgspec.MsgspecError:
            return _Ended("the engine's answer cannot be read")
        return _Ended(failed.error, failed.is_final)

    def _shortfall(self, ready: Ready) -> str:
        if ready.context_tokens >= self.spec.context_tokens:
            return ""
        return (
            f"the model's context is {ready.context_tokens} tokens, not the"
            f" {self.spec.context_tokens} asked for"
        )

    async def _watch(self, process: Process, address: str, key: str) -> _Ended:
        """Return when the child has ended or hangs, and say which."""
        patience = self._parts.patience
        pulse = Pulse(address, key, patience.pulse, self._parts.clock_s)
        exited = asyncio.create_task(process.wait())
        try:
            while True:
                await asyncio.wait([exited], timeout=patience.probe_every_s)
                if exited.done():
                    return _explain_exit(exited.result())
                problem = await pulse.check()
                if problem and not exited.done():
                    return _Ended(problem)
        finally:
            exited.cancel()
            pulse.close()

    async def _reap(self) -> None:
        """Wait for what is left of the child: its exit status and the rest of its log."""
        if self._process is not None:
            await self._process.wait()
        if self._log_task is not None:
            await self._log_task

    def _report(self, state: EngineState, message: str = "", ready: Ready | None = None) -> None:
        if self._is_stopped:
            return
        process = self._process
        is_up = process is not None and process.returncode is None and state != "asleep"
        self._parts.report(
            msgspec.structs.replace(
                self.last(state),
                address=ready.address if ready is not None else None,
                message=self._shortfall(ready) if ready is not None else message,
                pid=process.pid if process is not None and is_up else None,
            )
        )

    def last(self, state: EngineState) -> EngineInstance:
        """Return what is known of it whether or not it has a child just now."""
        return EngineInstance(
            deployment=self.name,
            nonce=self._nonce,
            address=None,
            state=state,
            supports_tools=self._supports_tools,
            cold_start_ms=self._cold_start_ms,
            updated_at_ms=self._parts.now_ms(),
        )


async def _keep_log(stream: asyncio.StreamReader, log: ChildLog) -> None:
    try:
        while data := await stream.read(65_536):
            log.feed(data)
    finally:
        log.close()


def _explain_exit(status: int) -> _Ended:
    if status >= 0:
        return _Ended(f"the engine ended with status {status}")
    name = signal.Signals(-status).name
    if -status == signal.SIGILL:
        lacks = "AVX2" if platform.machine().lower() in ("x86_64", "amd64") else "an instruction"
        return _Ended(
            f"this processor lacks {lacks} that llama.cpp was built for; install an xllamacpp"
            " built for this processor, or serve the model elsewhere",
            is_final=True,
        )
    if -status == signal.SIGKILL:
        return _Ended("the engine was killed, perhaps for want of memory")
    return _Ended(f"the engine crashed ({name})")
