"""What holds for every test: no connection leaves this machine, and nothing is skipped; and what
tests of several parts start from: an empty store, a stand-in for a provider.

The guard sees sockets and name look-ups made through Python's
`socket` module, which is all of asyncio and every client library used here; uvloop connects in C,
and is guarded only where a name has to be looked up first.
"""

import atexit
import gc
import ipaddress
import shutil
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests import empty
from tests.processes import RunningStandin, run_standin

LONG = ("test_readme.py", "test_serve.py")  # as long as what needs a browser


def _is_local(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if not host or not isinstance(host, str) or host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _forbid_outside(event: str, args: tuple[object, ...]) -> None:
    if event == "socket.connect":
        address = args[1]
        if isinstance(address, tuple) and not _is_local(address[0]):
            raise AssertionError(
                f"a test tried to connect to {address!r}; only loopback is allowed"
            )
    elif event == "socket.getaddrinfo" and not _is_local(args[0]) and not _is_reserved(args[0]):
        raise AssertionError(f"a test tried to look up {args[0]!r}; only loopback is allowed")


def _is_reserved(host: object) -> bool:
    # RFC 6761: these never resolve, so a test of failing look-ups may ask for them.
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    return isinstance(name, str) and name.rstrip(".").endswith((".invalid", ".localhost"))


def pytest_configure(config: pytest.Config) -> None:
    """Put the guard in place: an audit hook cannot be taken out again, nor patched over. Rubbish is
    looked for less often than usual: tests make a lot, and hardly any in circles.
    """
    sys.addaudithook(_forbid_outside)
    gc.set_threshold(50_000, 20, 20)
    # A busy machine is no failure, and the same code passes each time. What nobody has tried yet is
    # tried with --hypothesis-profile default.
    settings.register_profile(
        "even",
        deadline=None,
        derandomize=True,
        max_examples=30,
        phases=set(Phase) - {Phase.explain},
        suppress_health_check=[HealthCheck.too_slow],
    )
    if not config.getoption("hypothesis_profile", None):
        settings.load_profile("even")


def pytest_sessionfinish() -> None:
    """Look once through all that was made for what was never closed: pytest would do so five times,
    half a minute for a process that has run a quarter of the tests.
    """
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # what is not freed at the very end, extensions complain of


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure: a test that cannot run has shown nothing."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped; a test that cannot run fails"
    return report


def _tool(*names: str) -> str:
    for name in names:
        if path := shutil.which(name):
            return path
    pytest.fail(f"there is no {names[0]} on the PATH; `make test` installs one")


@pytest.fixture(scope="session")
def node_path() -> str:
    """The path of Node, which finds `openai` in tests/clients/node."""
    return _tool("node")


@pytest.fixture(scope="session")
def browser_path() -> str:
    """The path of a Chromium that runs headless."""
    return _tool("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def empty_store_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an empty, migrated SQLite store."""
    path = tmp_path_factory.mktemp("store") / "empty.db"
    path.write_bytes(empty.store())
    return path


@pytest.fixture(scope="module")
def standin() -> Iterator[RunningStandin]:
    """One stand-in for the tests of a module, which may have one of its own instead."""
    with run_standin() as running:
        yield running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest in one piece, so that no process waits for it at the end, and
    between with the gateway's tests: they mostly wait, and leave the processor to browsers.
    """
    long, waiting = (
        list(dict.fromkeys(item.path for item in items if is_first(item)))
        for is_first in (_is_long, _is_waiting)
    )
    place = {
        path: (number + 0.5) / len(paths)
        for paths in (long, waiting)
        for number, path in enumerate(paths)
    }
    items.sort(key=lambda item: place.get(item.path, 1))


def _is_long(item: pytest.Item) -> bool:
    return item.path.name in LONG or item.get_closest_marker("browser") is not None


def _is_waiting(item: pytest.Item) -> bool:
    return item.path.parent.name == "gateway" and not _is_long(item)


def pytest_collection_finish() -> None:
    """What was loaded is no rubbish: it need not be looked through again and again."""
    gc.freeze()
