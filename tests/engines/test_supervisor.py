"""The supervisor over real children: real crashes, real hangs, real files that are wrong."""

import asyncio
import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.engines.child import path_with, python
from tests.engines.tiny import write_tiny
from tramontane.engines.keys import engine_key
from tramontane.engines.pulse import PulsePatience
from tramontane.engines.supervisor import Backoff, EngineSpec, Patience, Supervisor
from tramontane.store.records import EngineInstance

PEPPER = b"p" * 32
QUICK = Patience(
    probe_every_s=0.1,
    pulse=PulsePatience(probe_s=2.0, probes_failed=3),
    backoff_first_s=0.05,
    backoff_most_s=0.2,
    starts_failed=3,
    retire_s=20.0,
)
WATCHDOG_S = 120.0


class Reports:
    """Everything that was reported, and waiting for what comes."""

    def __init__(self) -> None:
        self.seen: list[EngineInstance] = []
        self._changed = asyncio.Event()

    def __call__(self, instance: EngineInstance) -> None:
        self.seen.append(instance)
        self._changed.set()

    def states(self, name: str = "demo") -> list[str]:
        return [instance.state for instance in self.seen if instance.deployment == name]

    async def until(self, state: str, name: str = "demo", after: int = 0) -> EngineInstance:
        """Return the next report of `state` that is not among the first `after`."""
        while True:
            for instance in self.seen[after:]:
                if (instance.deployment, instance.state) == (name, state):
                    return instance
            self._changed.clear()
            await self._changed.wait()


Body = Callable[[Supervisor, Reports], Awaitable[None]]


def supervise(body: Body, logs: Path, **more: Any) -> Reports:
    """Run `body` with a supervisor, which is closed afterwards; return what was reported."""
    reports: Reports

    async def run() -> None:
        nonlocal reports
        reports = Reports()
        supervisor = Supervisor(
            reports,
            lambda deployment, nonce: engine_key(PEPPER, deployment, nonce),
            logs_dir=logs,
            **({"patience": QUICK} | more),
        )
        async with asyncio.timeout(WATCHDOG_S):
            try:
                await body(supervisor, reports)
            finally:
                await supervisor.close(5.0)

    asyncio.run(run())
    return reports


def spec(model: Path, **more: Any) -> EngineSpec:
    chosen: dict[str, Any] = {"alias": "demo", "context_tokens": 512, "slots": 1, "threads": 1}
    return EngineSpec(model_path=model, **(chosen | more))


def ask(instance: EngineInstance, **fields: Any) -> dict[str, Any]:
    assert instance.address is not None
    key = engine_key(PEPPER, instance.deployment, instance.nonce)
    connection = http.client.HTTPConnection(instance.address, timeout=WATCHDOG_S)
    body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 8} | fields
    headers = {"Authorization": f"Bearer {key}"}
    with contextlib.closing(connection):
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
    return answer


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_starts_what_is_wanted_and_stops_what_is_not(hello: Path, tmp_path: Path) -> None:
    pids: list[int] = []

    async def body(supervisor: Supervisor, reports: Reports) -> None:
        await supervisor.reconcile({"demo": spec(hello), "other": spec(hello, alias="other")})
        ready = await reports.until("ready")
        other = await reports.until("ready", "other")
        assert ready.pid is not None and other.pid is not None
        pids.extend([ready.pid, other.pid])
        answer = await asyncio.to_thread(ask, ready, temperature=0)
        assert answer["choices"][0]["message"]["content"] == "Hello world."
        assert "error" in await asyncio.to_thread(ask, _with_nonce(ready, other.nonce))
        await supervisor.reconcile({"demo": spec(hello), "other": spec(hello, alias="other")})
        await supervisor.reconcile({"other": spec(hello, alias="other")})
        assert reports.states() == ["starting", "ready", "stopped"]
        assert (await asyncio.to_thread(ask, other))["usage"]["completion_tokens"] == 4
        assert ready.message == ""

    reports = supervise(body, tmp_path)
    assert reports.states("other") == ["starting", "ready", "stopped"]
    assert not any(map(is_running, pids))
    stopped = reports.seen[-1]
    assert (stopped.address, stopped.message) == (None, "")
    assert (tmp_path / "engine-demo.log").read_text().startswith("--- 20")


def _with_nonce(instance: EngineInstance, nonce: str) -> EngineInstance:
    return EngineInstance(
        deployment=instance.deployment,
        nonce=nonce,
        address=instance.address,
        state=instance.state,
        updated_at_ms=instance.updated_at_ms,
    )


def test_a_killed_child_is_started_again_with_another_key(tiny: Path, tmp_path: Path) -> None:
    async def body(supervisor: Supervisor, reports: Reports) -> None:
        await supervisor.reconcile({"demo": spec(tiny)})
        first = await reports.until("ready")
        assert first.pid is not None
        os.kill(first.pid, signal.SIGKILL)
        waiting = await reports.until("backing_off")
        assert "killed, perhaps for want of memory; starting again in 0." in waiting.message
        assert (waiting.address, waiting.pid) == (None, None)
        second = await reports.until("ready", after=len(reports.seen))
        assert second.pid != first.pid
        assert second.nonce != first.nonce
        assert "choices" in await asyncio.to_thread(ask, second)

    reports = supervise(body, tmp_path)
    assert reports.states() == [
        "starting", "ready", "backing_off", "starting", "ready", "stopped",
    ]  # fmt: skip


def test_a_hung_child_is_found_and_ended(tiny: Path, tmp_path: Path) -> None:
    async def body(supervisor: Supervisor, reports: Reports) -> None:
        await supervisor.reconcile({"demo": spec(tiny)})
        first = await reports.until("ready")
        assert first.pid is not None
        os.kill(first.pid, signal.SIGSTOP)
        waiting = await reports.until("backing_off")
        assert "did not answer 2 times" in waiting.message
        assert not is_running(first.pid)
        await reports.until("ready", after=len(reports.seen))

    patience = Patience(
        probe_every_s=0.1,
        pulse=PulsePatience(probe_s=0.5, probes_failed=2),
        backoff_first_s=0.05,
    )
    supervise(body, tmp_path, patience=patience)


def test_a_busy_child_is_not_taken_for_hung(slow: Path, tmp_path: Path) -> None:
    async def body(supervisor: Supervisor, reports: Reports) -> None:
        await supervisor.reconcile({"demo": spec(slow, context_tokens=4_096)})
        ready = await reports.until("ready")
        answer = await asyncio.to_thread(ask, ready, max_tokens=400, ignore_eos=True)
        assert answer["usage"]["completion_tokens"] == 400

    patience = Patience(
        probe_every_s=0.05, pulse=PulsePatience(probe_s=10.0, probes_failed=1, stall_s=20.0)
    )
    assert supervise(body, tmp_path, patience=patience).states() == ["starting", "ready", "stopped"]


STALLED = """
import http.server, json, sys, threading, time

class Front(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def do_POST(self):
        time.sleep(1000)
    def log_message(self, *_): pass

sys.stdin.readline()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Front)
address = "127.0.0.1:%d" % server.server_port
print(json.dumps({"address": address, "context_tokens": 512}), flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
"""


def test_a_child_whose_front_answers_while_its_loop_stands_is_ended(
    tiny: Path, tmp_path: Path
) -> None:
    async def body(supervisor: Supervisor, reports: Reports) -> None:
        await supervisor.reconcile({"demo": spec(tiny)})
        await reports.until("ready")
        assert "stood still" in (await reports.until("backing_off")).message

    patience = Patience(
        probe_every_s=0.05, pulse=PulsePatience(probe_s=10.0, probes_failed=100, stall_s=0.3)
    )
    supervise(body, tmp_path, commands={"llama.cpp": python(STALLED)}, patience=patience)


def test_a_wrong_file_fails_at_once_and_another_is_tried(tiny: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(tiny.read_bytes()[:-5_000])

    async def body(supervisor: Supervisor, reports: Reports) -> None:
        await supervisor.reconcile({"demo": spec(cut)})
        failed = await reports.until("failed")
        assert "cut.gguf: is 5000 bytes too short" in failed.message
        assert (failed.pid, failed.address) == (None, None)
        await supervisor.reconcile({"demo": spec(cut)})
        await supervisor.reconcile({"demo": spec(tiny)})
        await reports.until("ready")

    reports = supervise(body, tmp_path)
    assert reports.states() == ["starting", "failed", "stopped", "starting", "ready", "stopped"]


def test_a_missing_file_and_a_directory_fail_with_words(tmp_path: Path) -> None:
    async def body(supervisor: Supervisor, reports: Reports) -> None:
        await supervisor.reconcile({"a": spec(tmp_path / "no.gguf"), "b": spec(tmp_path)})
        assert "No such file" in (await reports.until("failed", "a")).message
        assert "no regular file" in (await reports.until("failed", "b")).message

    supervise(body, tmp_path)


def test_a_file_that_llama_cpp_refuses_fails_after_some_tries_with_its_reason(
    tiny: Path, tmp_path: Path
) -> None:
    odd = tmp_path / "odd.gguf"
    odd.write_bytes(tiny.read_bytes().replace(b"blk.0.attn_q.weight", b"blk.0.attn_X.weight"))

    async def body(supervisor: Supervisor, reports: Reports) -> None:
        await supervisor.reconcile({"demo": spec(odd)})
        failed = await reports.until("failed")
        assert failed.message.startswith("llama.cpp could not load the model: ")
        assert "'blk.0.attn_q.weight' not found" in failed.message

    assert supervise(body, tmp_path).states().count("starting") == QUICK.starts_failed


@pytest.mark.parametrize(
    ("code", "message", "starts"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "this processor lacks ", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crashed (SIGSEGV)", 3),
        ("raise SystemExit(7)", "ended with status 7", 3),
        ("print('hello')", "cannot be read", 3),
        ("print('[1]')", "cannot be read", 3),
        ("print('{}')", "cannot be read", 3),
        ("import time; time.sleep(1000)", "not ready after", 3),
        ('print(\'{"error": "it cannot be", "is_final": true}\')', "it cannot be", 1),
        ('print(\'{"error": "not now", "is_final": false}\')', "not now", 3),
    ],
)
def test_a_child_that_never_gets_ready_fails_with_words(
    code: str, message: str, starts: int, tiny: Path, tmp_path: Path
) -> None:
    async def body(supervisor: Supervisor, reports: Reports) -> None:
        await supervisor.reconcile({"demo": spec(tiny)})
        assert message in (await reports.until("failed")).message

    patience = Patience(
        start_s=0.3 if "sleep" in code else 30.0,
        backoff_first_s=0.01,
        backoff_most_s=0.02,
        starts_failed=3,
    )
    reports = supervise(body, tmp_path, commands={"llama.cpp": python(code)}, patience=patience)
    assert reports.states().count("starting") == starts


def test_a_command_that_is_not_there_fails_with_words(tiny: Path, tmp_path: Path) -> None:
    async def body(supervisor: Supervisor, reports: Reports) -> None:
        await supervisor.reconcile({"demo": spec(tiny)})
        assert "could not be started: No such file" in (await reports.until("failed")).message

    supervise(body, tmp_path, commands={"llama.cpp": [str(tmp_path / "nothing")]})


def test_no_avx2_is_said_when_llama_cpp_itself_dies_of_it(tiny: Path, tmp_path: Path) -> None:
    """The true child, over a stand-in for a wheel whose first instruction is illegal here."""
    (tmp_path / "xllamacpp.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGILL)")

    async def body(supervisor: Supervisor, reports: Reports) -> None:
        await supervisor.reconcile({"demo": spec(tiny)})
        failed = await reports.until("failed")
        assert "llama.cpp was built for; install an xllamacpp" in failed.message

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", path_with(tmp_path))
        supervise(body, tmp_path)


def test_a_child_that_will_not_end_is_killed(tiny: Path, tmp_path: Path) -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        'print(\'{"address": "127.0.0.1:1", "context_tokens": 1}\', flush=True); time.sleep(1000)'
    )
    pids: list[int] = []

    async def body(supervisor: Supervisor, reports: Reports) -> None:
        await supervisor.reconcile({"demo": spec(tiny)})
        ready = await reports.until("ready")
        assert ready.message == "the model's context is 1 tokens, not the 512 asked for"
        assert ready.pid is not None
        pids.append(ready.pid)
        await supervisor.close(0.2)
        assert not is_running(ready.pid)

    patience = Patience(probe_every_s=1_000.0)
    supervise(body, tmp_path, commands={"llama.cpp": python(code)}, patience=patience)
    assert pids


def test_a_changed_deployment_waits_until_the_old_answers_have_run_out(
    slow: Path, hello: Path, tmp_path: Path
) -> None:
    async def body(supervisor: Supervisor, reports: Reports) -> None:
        await supervisor.reconcile({"demo": spec(slow)})
        old = await reports.until("ready")
        answer = asyncio.create_task(asyncio.to_thread(ask, old, max_tokens=300, ignore_eos=True))
        await asyncio.sleep(0.3)
        await supervisor.reconcile({"demo": spec(hello)})
        new = await reports.until("starting", after=2)
        assert old.pid is not None and not is_running(old.pid)
        assert (await answer)["usage"]["completion_tokens"] == 300
        assert new.nonce != old.nonce
        fresh = await reports.until("ready", after=3)
        said = await asyncio.to_thread(ask, fresh, temperature=0)
        assert said["choices"][0]["message"]["content"] == "Hello world."

    reports = supervise(body, tmp_path)
    assert reports.states() == ["starting", "ready", "stopped", "starting", "ready", "stopped"]


def test_closing_while_a_child_starts_leaves_none(tiny: Path, tmp_path: Path) -> None:
    async def body(supervisor: Supervisor, reports: Reports) -> None:
        for pause_s in (0.0, 0.01, 0.1, 0.2, 0.3):
            await supervisor.reconcile({"demo": spec(tiny)})
            await asyncio.sleep(pause_s)
            await supervisor.reconcile({})
        await supervisor.close(5.0)
        assert await asyncio.to_thread(engines_of, os.getpid()) == []

    assert supervise(body, tmp_path).states()[-1] == "stopped"


def engines_of(pid: int) -> list[str]:
    """Return the engine children of a process, as `ps` shows them."""
    shown = subprocess.run(
        ["ps", "-A", "-o", "ppid=", "-o", "command="], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 1) for line in shown.stdout.splitlines()]
    return [row[1] for row in rows if row[0] == str(pid) and "engines.llamacpp" in row[-1]]


def environment_of(pid: int | None) -> str:
    """Return the arguments and environment of a process, as `ps` shows them."""
    shown = subprocess.run(["ps", "eww", "-p", str(pid)], capture_output=True, text=True)
    return shown.stdout


ORPHAN = """
import asyncio, sys
from pathlib import Path
from tramontane.engines.supervisor import EngineSpec, Supervisor

async def main():
    def report(instance):
        if instance.state == "ready":
            print(instance.pid, flush=True)
    supervisor = Supervisor(report, lambda *_: "key", logs_dir=Path(sys.argv[2]))
    spec = EngineSpec(model_path=Path(sys.argv[1]), alias="a", context_tokens=512, slots=1)
    await supervisor.reconcile({"demo": spec})
    await asyncio.sleep(1000)

asyncio.run(main())
"""


def test_no_child_outlives_a_parent_that_is_killed(tiny: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", ORPHAN, str(tiny), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.kill()
    deadline_s = time.monotonic() + WATCHDOG_S
    while is_running(pid) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert not is_running(pid)


def test_logs_and_environment_hold_neither_requests_nor_secrets(tiny: Path, tmp_path: Path) -> None:
    canary = "CANARY-4711"
    bad: list[Mapping[str, Any]] = [
        {"messages": [{"content": canary}]},
        {"messages": canary},
        {"messages": [{"role": "user", "content": canary * 200}]},
        {"temperature": canary},
        {"tools": canary},
        {"tool_choice": {canary: 1}},
        {"response_format": {"type": canary}},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": canary}}}},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {"enum": [canary]}}}},
        {"grammar": f"root ::= {canary} ("},
        {"grammar": f'root ::= "{canary}"'},
        {"stop": [canary], "logit_bias": {canary: 5}},
    ]
    environments: list[str] = []

    async def body(supervisor: Supervisor, reports: Reports) -> None:
        await supervisor.reconcile({"demo": spec(tiny)})
        ready = await reports.until("ready")
        for fields in bad:
            await asyncio.to_thread(ask, ready, **fields)
        environments.append(await asyncio.to_thread(environment_of, ready.pid))

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LARGE_KEY", canary)
        patch.setenv("LLAMA_ARG_THREADS", canary)
        supervise(body, tmp_path)
    assert canary not in environments[0]
    assert "tramontane.engines.llamacpp" in environments[0]
    log = (tmp_path / "engine-demo.log").read_text()
    assert canary not in log
    assert "left out" in log


def test_backoff_doubles_to_its_limit_and_begins_again() -> None:
    backoff = Backoff(0.5, 30.0, lambda: 0.5)
    assert [backoff.next_s() for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    backoff.reset()
    assert backoff.next_s() == 0.5
    assert Backoff(1.0, 30.0, lambda: 0.0).next_s() == 0.75
    assert Backoff(1.0, 30.0, lambda: 0.999).next_s() == pytest.approx(1.25, abs=0.01)


def test_a_child_that_was_healthy_long_enough_starts_again_at_once(
    tiny: Path, tmp_path: Path
) -> None:
    now_s = 0.0

    async def body(supervisor: Supervisor, reports: Reports) -> None:
        nonlocal now_s
        await supervisor.reconcile({"demo": spec(tiny)})
        delays: list[str] = []
        for healthy_s in (1.0, 1.0, 61.0, 1.0):
            seen = len(reports.seen)
            ready = await reports.until("ready", after=max(0, seen - 1))
            now_s += healthy_s
            assert ready.pid is not None
            os.kill(ready.pid, signal.SIGSEGV)
            waiting = await reports.until("backing_off", after=seen)
            delays.append(waiting.message.rpartition("in ")[2])
        assert delays == ["0.1 s", "0.2 s", "0.1 s", "0.2 s"]

    patience = Patience(probe_every_s=0.1, backoff_first_s=0.1)
    supervise(body, tmp_path, patience=patience, clock_s=lambda: now_s, random=lambda: 0.5)


def test_the_demonstration_model_serves(tmp_path: Path) -> None:
    """The model inside the package, if this build carries it, else one of the same shape."""
    inside = Path(sys.modules[Supervisor.__module__].__file__ or "").parent / "demo" / "demo.gguf"
    model = inside if inside.exists() else write_tiny(tmp_path / "stand-in.gguf")

    async def body(supervisor: Supervisor, reports: Reports) -> None:
        await supervisor.reconcile({"demo": spec(model, slots=4)})
        answer = await asyncio.to_thread(ask, await reports.until("ready"))
        assert answer["usage"]["completion_tokens"] > 0

    supervise(body, tmp_path)


def test_one_that_may_sleep_ends_when_asked_and_comes_back_when_woken(tmp_path: Path) -> None:
    tiny = write_tiny(tmp_path / "tiny.gguf")
    sleepy = spec(tiny, may_sleep=True)

    async def body(supervisor: Supervisor, reports: Reports) -> None:
        await supervisor.reconcile({"demo": sleepy})
        first = await reports.until("ready")
        assert first.pid is not None and first.cold_start_ms is not None
        supervisor.rest("demo", "another child's nonce")
        supervisor.wake("demo")
        assert reports.states() == ["starting", "ready"]
        supervisor.rest("demo", first.nonce)
        supervisor.wake("demo")  # at once: the new child waits for the old one's end
        supervisor.wake("demo")
        second = await reports.until("ready", after=2)
        assert not is_running(first.pid)
        assert reports.states() == ["starting", "ready", "asleep", "starting", "ready"]
        assert second.nonce != first.nonce
        supervisor.rest("demo", second.nonce)
        await supervisor.reconcile({"demo": sleepy})  # something else has changed
        assert reports.states()[-1] == "asleep"
        await supervisor.reconcile({})
        supervisor.wake("demo")

    reports = supervise(body, tmp_path)
    assert reports.states()[5:] == ["asleep", "stopped"]
    asleep = reports.seen[5]
    assert (asleep.pid, asleep.address) == (None, None)
    assert asleep.cold_start_ms == reports.seen[4].cold_start_ms


def test_what_slept_before_sleeps_on_and_one_that_may_not_is_started(tmp_path: Path) -> None:
    tiny = write_tiny(tmp_path / "tiny.gguf")
    last = [
        EngineInstance(
            deployment=name, nonce="n0", address=None, state="asleep", supports_tools=True,
            cold_start_ms=7, updated_at_ms=1,
        )
        for name in ("demo", "other", "gone")
    ]  # fmt: skip

    async def body(supervisor: Supervisor, reports: Reports) -> None:
        sleepy = spec(tiny, may_sleep=True)
        await supervisor.reconcile({"demo": sleepy, "other": spec(tiny, alias="other")})
        await reports.until("ready", "other")
        (asleep,) = (each for each in reports.seen if each.deployment == "demo")
        assert (asleep.state, asleep.cold_start_ms, asleep.supports_tools) == ("asleep", 7, True)
        await supervisor.reconcile({"demo": spec(tiny)})  # it is not to sleep any more
        await reports.until("ready", "demo")

    reports = supervise(body, tmp_path, known=last)
    assert reports.states("gone") == []


def test_a_start_that_fails_again_and_again_is_left_for_whoever_asks_next(tmp_path: Path) -> None:
    async def body(supervisor: Supervisor, reports: Reports) -> None:
        await supervisor.reconcile({"demo": spec(tmp_path / "none", may_sleep=True)})
        asleep = await reports.until("asleep")
        assert "status 3" in asleep.message
        supervisor.wake("demo")
        await reports.until("starting", after=len(reports.seen))

    commands = {"llama.cpp": (sys.executable, "-c", "raise SystemExit(3)")}
    reports = supervise(body, tmp_path, commands=commands)
    tries = ["starting", "backing_off"] * 2
    assert reports.states()[:6] == [*tries, "starting", "asleep"]
