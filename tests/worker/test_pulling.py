"""Models are fetched from a stand-in hub by real children, whatever happens to them."""

import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from sqlalchemy import update

from tests.engines.tiny import write_tiny
from tests.hub import REPOSITORY, StandInHub, run_hub
from tramontane.config import DeploymentSettings, HubSettings, Settings
from tramontane.datafolder import DataFolder
from tramontane.engines.deploying import Wanted
from tramontane.engines.library import ModelLibrary
from tramontane.engines.memory import Memory
from tramontane.engines.pull_lines import Patience
from tramontane.errors import Conflict
from tramontane.store import deployments, models, pulls, schema
from tramontane.store.database import Store, open_store
from tramontane.store.pulls import Pull
from tramontane.worker.pulling import LEASE_MS, Puller, pull_always

SOURCE = f"hf:{REPOSITORY}:tiny-Q8_0.gguf"
QUICK = Patience(retry_first_s=0.01, retry_most_s=0.01, tries=2, read_timeout_s=5)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A model of about a megabyte and a half."""
    path = tmp_path_factory.mktemp("hub") / "tiny.gguf"
    return write_tiny(path, layers=2, width=128).read_bytes()


@pytest.fixture
def hub(data: bytes) -> Iterator[StandInHub]:
    with run_hub({"tiny-Q8_0.gguf": data, "README.md": b"# tiny"}) as running:
        yield running


class Desk:
    """A store, a library and a puller over them."""

    def __init__(self, path: Path, empty_store_file: Path, hub_url: str) -> None:
        self.folder = DataFolder(path)
        self.folder.prepare()
        shutil.copy(empty_store_file, self.folder.database)
        self.store: Store = open_store(f"sqlite:///{self.folder.database}")
        self.library = ModelLibrary(self.folder.models)
        self.now_ms = 1_800_000_000_000
        self.stop = threading.Event()
        self.hub = HubSettings(url=hub_url)
        self.memory = Memory(1 << 40, 1 << 40)

    def puller(self, **changes: Any) -> Puller:
        """Return a worker's puller, as after a restart."""
        settings = Settings(data=str(self.folder.path), hub=self.hub)
        given: dict[str, Any] = {"memory": lambda: self.memory, "patience": QUICK, **changes}
        return Puller(self.store, self.library, settings, lambda: self.now_ms, **given)

    def ask(self, source: str = SOURCE, name: str = "tiny", deploy: str | None = None) -> Pull:
        """Ask for a file."""
        wanted = None
        if deploy is not None:
            wanted = msgspec.json.encode(Wanted(name=deploy, settings=DeploymentSettings()))
        with self.store.write() as c:
            return pulls.add(
                c, source=source, name=name, wanted=wanted, started_by="op", now_ms=self.now_ms
            )

    def get(self, pull: Pull) -> Pull:
        """Return it as it is now."""
        with self.store.read() as c:
            return pulls.get(c, pull.id)

    def files(self) -> list[str]:
        """Return the names of all that lies in the models folder."""
        return sorted(path.name for path in self.folder.models.rglob("*"))

    def partial(self, pull: Pull) -> Path | None:
        """Return the file that is being filled, once there is one."""
        folder = self.folder.models / f".pull-{pull.id}"
        return next(iter(folder.glob("*.part")), None)


@pytest.fixture
def desk(tmp_path: Path, empty_store_file: Path, hub: StandInHub) -> Iterator[Desk]:
    made = Desk(tmp_path / "data", empty_store_file, hub.url)
    yield made
    made.stop.set()
    made.store.close()


def until(holds: Callable[[], object], within_s: float = 30) -> None:
    """Wait until something holds."""
    deadline_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_a_model_survives_breaks_kills_and_restarts_and_is_deployed(
    desk: Desk, hub: StandInHub, data: bytes
) -> None:
    hub.cut_after = [300_000]
    hub.blocked.clear()  # after its first chunk each download waits
    pull = desk.ask(deploy="chat")
    worker = threading.Thread(target=desk.puller().step, args=(desk.stop,))
    worker.start()
    until(lambda: (part := desk.partial(pull)) is not None and part.stat().st_size > 0)
    until(lambda: desk.get(pull).resolved is not None)
    assert desk.get(pull).status == "fetching" and desk.get(pull).bytes_total == len(data)
    with desk.store.write() as c:
        assert pulls.claim(c, desk.now_ms, LEASE_MS) is None, "one at a time"
    desk.stop.set()  # the worker is stopped in the middle
    worker.join()
    waiting = desk.get(pull)
    assert (waiting.status, waiting.problem) == ("queued", None)
    had = desk.partial(pull)
    assert had is not None and 0 < had.stat().st_size < len(data)
    desk.stop.clear()
    puller = desk.puller()
    worker = threading.Thread(target=puller.step, args=(desk.stop,))
    worker.start()
    until(lambda: len(hub.downloads()) == 2)
    (child,) = (
        child
        for child in psutil.Process().children()
        if "tramontane.engines.pull_child" in child.cmdline()
    )
    child.kill()
    worker.join()
    problem = desk.get(pull).problem
    assert problem is not None and problem.code == "pull_failed"
    desk.now_ms += 6_000
    hub.blocked.set()
    assert puller.step(threading.Event())
    done = desk.get(pull)
    assert (done.status, done.deployment, done.problem) == ("done", "chat", None)
    assert done.bytes_done == done.bytes_total == len(data)
    assert done.resolved == SOURCE and done.sha256 == hub.hashes[REPOSITORY]["tiny-Q8_0.gguf"]
    assert desk.library.path(done.sha256).read_bytes() == data
    assert desk.files() == [f"sha256-{done.sha256}.gguf"]
    assert any(each.range and not each.range.startswith("bytes=0-") for each in hub.downloads())
    with desk.store.read() as c:
        (stored,) = deployments.list_all(c)
        assert (stored.name, stored.model_sha256) == ("chat", done.sha256)
        assert models.get(c, "tiny").size_bytes == len(data)
    # The same file again is here already: nothing is downloaded.
    before = len(hub.downloads())
    again = desk.ask(f"hf:{REPOSITORY}", name="other")
    assert desk.puller().step(threading.Event())
    assert (desk.get(again).status, desk.get(again).name) == ("done", "tiny")
    assert len(hub.downloads()) == before and len(desk.files()) == 1


def test_who_died_is_replaced_once_the_lease_ran_out(desk: Desk, hub: StandInHub) -> None:
    pull = desk.ask()
    with desk.store.write() as c:
        dead = pulls.claim(c, desk.now_ms, LEASE_MS)
    assert dead is not None and not desk.puller().step(desk.stop)
    desk.now_ms += LEASE_MS + 1
    assert desk.puller().step(desk.stop)
    assert desk.get(pull).status == "done"
    with desk.store.write() as c:  # who comes back from the dead changes nothing
        assert not pulls.renew(c, dead, desk.now_ms, desk.now_ms, bytes_done=1)
        assert not pulls.fail(c, dead, pulls.PullProblem("x", "x"), desk.now_ms)
    assert desk.get(pull).problem is None


def test_what_stays_damaged_fails_and_leaves_nothing(desk: Desk, hub: StandInHub) -> None:
    hub.corrupt_next = 99
    pull = desk.ask(deploy="chat")
    assert desk.puller().step(desk.stop)
    failed = desk.get(pull)
    assert failed.status == "failed" and failed.problem is not None
    assert failed.problem.code == "hash_mismatch" and failed.bytes_done == 0
    assert len(hub.downloads()) == 2, "once, and once more"
    assert desk.files() == []
    with desk.store.read() as c:
        assert not deployments.list_all(c) and not models.list_all(c)


def test_gated_needs_terms_and_a_key_and_then_goes_on(
    desk: Desk, hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.gated.add(REPOSITORY)
    pull = desk.ask()
    desk.puller().step(desk.stop)
    problem = desk.get(pull).problem
    assert problem is not None and problem.code == "hub_gated"
    assert f"accept its terms at {hub.url}/{REPOSITORY} and set hub.key_env" in problem.message
    monkeypatch.setenv("HUB_KEY", "hf_canary")
    hub.accepted.add("hf_canary")
    desk.hub = HubSettings(url=hub.url, key_env="HUB_KEY")
    with desk.store.write() as c:
        pulls.resume(c, pull.id, desk.now_ms)
    desk.puller().step(desk.stop)
    assert desk.get(pull).status == "done"
    assert hub.keys_seen(by_cdn=False) == {"hf_canary"} and not hub.keys_seen(by_cdn=True)
    assert b"hf_canary" not in desk.folder.database.read_bytes()


def test_offline_it_waits_and_says_so(desk: Desk, hub: StandInHub) -> None:
    desk.hub = HubSettings(url="http://127.0.0.1:9")  # nobody is there
    pull = desk.ask()
    puller = desk.puller()
    assert puller.step(desk.stop)
    waiting = desk.get(pull)
    assert waiting.status == "queued" and waiting.problem is not None
    assert (
        waiting.problem.code == "hub_unreachable" and "Nothing is lost" in waiting.problem.message
    )
    assert not puller.step(desk.stop), "not at once again"
    desk.now_ms += 6_000
    desk.hub = HubSettings(url=hub.url)
    assert desk.puller().step(desk.stop)
    assert (desk.get(pull).status, desk.get(pull).problem) == ("done", None)


def test_a_cancelled_one_stops_and_leaves_nothing(desk: Desk, hub: StandInHub) -> None:
    hub.blocked.clear()
    pull = desk.ask()
    ended = threading.Event()
    worker = threading.Thread(target=pull_always, args=(desk.puller(), ended))
    worker.start()
    until(lambda: desk.partial(pull))
    with desk.store.write() as c:
        pulls.cancel(c, pull.id, desk.now_ms)
    until(lambda: desk.files() == [])
    ended.set()
    worker.join()
    assert desk.get(pull).status == "cancelled"
    with desk.store.write() as c:
        assert pulls.resume(c, pull.id, desk.now_ms).status == "queued"


def test_larger_than_memory_is_refused_from_its_first_bytes(desk: Desk, hub: StandInHub) -> None:
    desk.memory = Memory(200 << 20, 85 << 20)
    pull = desk.ask(deploy="chat")
    desk.puller().step(desk.stop)
    problem = desk.get(pull).problem
    assert problem is not None and problem.code == "does_not_fit"
    assert "A context of" in problem.message and "--anyway" in problem.message
    assert desk.files() == []


def test_a_taken_name_costs_the_deployment_not_the_file(desk: Desk) -> None:
    pull = desk.ask(deploy="guide")
    desk.puller().step(desk.stop)
    done = desk.get(pull)
    assert (done.status, done.deployment) == ("done", None)
    assert done.problem is not None and "'guide' is taken" in done.problem.message


def test_a_child_that_crashes_is_tried_a_few_times(desk: Desk) -> None:
    pull = desk.ask()
    puller = desk.puller(command=("/bin/sh", "-c", "read order; echo nonsense"))
    for _ in range(3):
        assert puller.step(desk.stop)
        desk.now_ms += 400_000
    failed = desk.get(pull)
    assert failed.status == "failed" and failed.problem is not None
    assert failed.problem.code == "pull_failed"
    assert not puller.step(desk.stop)


def test_a_file_whose_row_was_not_written_is_not_fetched_again(
    desk: Desk, hub: StandInHub, data: bytes, tmp_path: Path
) -> None:
    (tmp_path / "x.gguf").write_bytes(data)
    file = desk.library.add(tmp_path / "x.gguf", "x", desk.now_ms)  # and then the store was full
    with desk.store.write() as c:
        models.add(c, msgspec.structs.replace(file, name="tiny", sha256="1" * 64))
    pull = desk.ask()
    assert desk.puller().step(desk.stop)
    done = desk.get(pull)
    assert (done.status, done.name) == ("done", f"tiny-{file.sha256[:8]}"), "the name was taken"
    desk.memory = Memory(200 << 20, 85 << 20)
    pull = desk.ask(deploy="chat")
    assert desk.puller().step(desk.stop)
    problem = desk.get(pull).problem
    assert problem is not None and problem.code == "does_not_fit"
    assert desk.get(pull).status == "done" and desk.get(pull).deployment is None
    assert not hub.downloads()
    with desk.store.read() as c:
        assert models.get(c, file.sha256).size_bytes == len(data)


def test_asking_twice_is_asking_once(desk: Desk) -> None:
    pull = desk.ask()
    assert desk.ask().id == pull.id
    with pytest.raises(Conflict, match="being fetched already"):
        desk.ask(deploy="chat")
    left = desk.library.pull_folder("pul_gone")
    (left / "x.part").write_bytes(b"x")
    desk.library.pull_folder(pull.id)
    desk.puller().sweep()
    assert desk.files() == [f".pull-{pull.id}"]


@pytest.mark.slow
def test_killed_workers_lose_no_byte_and_leave_no_child(
    desk: Desk, hub: StandInHub, data: bytes
) -> None:
    """Real workers are killed at random moments of the same download."""
    chance = random.Random(7)
    settings = Settings(data=str(desk.folder.path), hub=desk.hub, demo=False, guide=False)
    pull = desk.ask(deploy="chat")
    hub.pause_s = 0.05
    kills = 0
    while desk.get(pull).status != "done":
        assert kills < 60
        with subprocess.Popen(
            [sys.executable, "-m", "tramontane.worker"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        ) as worker:  # fmt: skip
            assert worker.stdin is not None and worker.stdout is not None
            worker.stdin.write(msgspec.json.encode(settings) + b"\n")
            worker.stdin.flush()
            assert worker.stdout.readline() == b"ready\n"
            hub.asked.clear()
            until(lambda: hub.downloads() or desk.get(pull).status == "done")
            time.sleep(chance.random() * 0.4)
            children = psutil.Process(worker.pid).children()
            worker.kill()
        psutil.wait_procs(children, timeout=30)
        assert not any(child.is_running() for child in children)
        kills += 1
        with desk.store.write() as c:  # nobody waits half a minute here
            c.execute(update(schema.pulls).values(lease_until_ms=1))
    done = desk.get(pull)
    assert done.sha256 is not None and kills > 3
    assert desk.library.path(done.sha256).read_bytes() == data
    assert desk.files() == [f"sha256-{done.sha256}.gguf"]
