"""The worker's jobs: what waits is taken once, and what fails is tried on until the end."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tramontane.errors import Unavailable
from tramontane.store.database import open_store
from tramontane.worker.jobs import go_on, take


def test_nothing_is_claimed_where_nothing_waits(empty_store_file: Path) -> None:
    store = open_store(f"sqlite:///{empty_store_file}")
    claimed: list[Connection] = []

    def claim(c: Connection) -> str:
        claimed.append(c)
        return "it"

    assert take(store, lambda _: False, claim) is None
    assert claimed == []
    assert take(store, lambda _: True, claim) == "it"
    assert take(store, lambda _: True, lambda _: None) is None, "another was quicker"
    store.close()


def test_what_fails_is_said_once_and_tried_on(caplog: pytest.LogCaptureFixture) -> None:
    stop = threading.Event()
    happens: list[object] = [True, OSError("full"), Unavailable("gone"), False, OSError("full")]

    def step() -> bool:
        if not happens:
            stop.set()
            return False
        now = happens.pop(0)
        if isinstance(now, Exception):
            raise now
        return now is True

    go_on(step, stop, failing="models cannot be fetched", poll_s=0, again_s=0)
    said = [record.getMessage() for record in caplog.records]
    assert said == ["models cannot be fetched just now, will try on: full"] * 2
