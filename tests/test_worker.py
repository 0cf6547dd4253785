"""The worker beside a gateway: usage reaches the store, whatever fails in between."""

import logging
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

from tests import empty
from tramontane.config import Settings
from tramontane.datafolder import DataFolder
from tramontane.errors import Conflict
from tramontane.money import Price
from tramontane.store import schema
from tramontane.store.database import Store, open_store
from tramontane.store.journal import FolderDisk, HoldRecord, SettleRecord, Writer
from tramontane.worker import run


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(data=str(tmp_path))
    empty.prepare(DataFolder(settings.data_dir))
    return settings


def settle(writer: Writer, number: int) -> None:
    name = f"req_{number}"
    hold = writer.hold(HoldRecord(name, 0, "p", "k", "m", "d", 1, Price(), 0, 5, 5))
    writer.settle(hold, SettleRecord(name, 0, "p", "k", "m", "d", 1, 2, 3, 4, 0, 0, False, "ok"))


def count(store: Store) -> int:
    with store.read() as c:
        return c.execute(select(func.count()).select_from(schema.usage)).scalar_one()


def wait_for(store: Store, rows: int) -> None:
    deadline = time.monotonic() + 20
    while count(store) < rows:
        assert time.monotonic() < deadline, "the worker has not moved it"
        time.sleep(0.01)


def test_it_follows_the_gateway_and_leaves_nothing(settings: Settings) -> None:
    writer = Writer(FolderDisk(settings.data_dir / "journal"))
    stop = threading.Event()
    worker = threading.Thread(target=run, args=(settings, stop, 0.01))
    worker.start()
    store = open_store(settings.store_url)
    try:
        for number in range(5):
            settle(writer, number)
            wait_for(store, number + 1)
        with pytest.raises(Conflict, match="in use by process"):
            run(settings, stop)
        settle(writer, 5)
        writer.close()
    finally:
        stop.set()
        worker.join()
    assert count(store) == 6, "it moves what is left before it ends"
    assert list((settings.data_dir / "journal").glob("*.done")) == []
    store.close()


def test_it_says_what_is_wrong_once_and_tries_on(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    writer = Writer(FolderDisk(settings.data_dir / "journal"))
    store = open_store(settings.store_url)
    with store.write() as c:
        c.exec_driver_sql("ALTER TABLE usage RENAME TO away")
    settle(writer, 0)
    stop = threading.Event()
    worker = threading.Thread(target=run, args=(settings, stop, 0.01))
    worker.start()
    try:
        deadline = time.monotonic() + 20
        while not caplog.records:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(0.05)
        with store.write() as c:
            c.exec_driver_sql("ALTER TABLE away RENAME TO usage")
        wait_for(store, 1)
    finally:
        stop.set()
        worker.join()
        writer.close()
        store.close()
    said = [record.getMessage() for record in caplog.records]
    assert said[0].startswith("usage cannot be moved into the store, will try on: ")
    assert said[1:] == ["usage is moved into the store again"]
