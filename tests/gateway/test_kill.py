"""RE1: a gateway killed at random moments bills every request exactly once.

The real process is killed with SIGKILL, under load and while it starts, and started again over
the same folder; a worker moves its journal into the store beside it all. The stand-in's own file
is the second opinion.
"""

import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select

from tests.gateway.callers import Call, Crowd
from tests.processes import run_standin
from tests.running import RunningGateway, now_ms, run_gateway
from tramontane.money import Price, Usage, bound_nano, cost_nano
from tramontane.providers.standin import Request, StandinOptions, read_file
from tramontane.store import schema, usage
from tramontane.store.journal import FolderDisk, Importer
from tramontane.store.opening import prepare
from tramontane.store.records import UsageRecord

PRICE = Price(150_000_000, 600_000_000, 150_000_000, 0)
TEMPLATE_TOKENS = 256
CLIENTS = 8


@contextmanager
def working(gateway: RunningGateway) -> Iterator[None]:
    """Move the journal into the store again and again meanwhile, as the worker does."""
    importer = Importer(FolderDisk(gateway.folder.journal), lambda rows: keep(gateway, rows))
    stopping = threading.Event()

    def work() -> None:
        while not stopping.wait(0.05):
            importer.step()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def keep(gateway: RunningGateway, rows: Sequence[UsageRecord]) -> None:
    with gateway.store.write() as c:
        usage.insert_many(c, rows)


def live_and_die(gateway: RunningGateway, kills: int, seed: int) -> int:
    """Kill the gateway `kills` times; return how many had not even served yet."""
    chance = random.Random(seed)
    unborn = 0
    for _ in range(kills):
        successor = gateway.spawn()  # loads its code while its predecessor lives
        time.sleep(chance.choice((0.0, 0.02, 0.1, 0.3)) * chance.random() * 2)
        gateway.kill()
        left = [name for name in files(gateway) if name.endswith((".open", ".done"))]
        assert len(left) <= 4, f"journals pile up: {left}"
        gateway.launch(successor)
        assert gateway.process is not None and gateway.process.stdout is not None
        if chance.random() < 0.1:
            unborn += 1  # it dies somewhere on its way up
        else:
            assert gateway.process.stdout.readline() == b"ready\n", gateway.log()
    return unborn


def files(gateway: RunningGateway) -> list[str]:
    return [path.name for path in gateway.folder.journal.iterdir()]


def compare(gateway: RunningGateway, calls: list[Call], served: list[Request]) -> Counter[str]:
    """Hold every bill against the client and the stand-in; return how many were of each kind."""
    with gateway.store.read() as c:
        rows = c.execute(select(schema.usage)).mappings()
        records = [msgspec.convert(row, UsageRecord) for row in rows]
        spent = usage.spend(c, now_ms())
    bills: dict[str, UsageRecord] = {}
    for record in records:
        assert record.request_id not in bills, "billed twice"
        bills[record.request_id] = record
    by_tag = {request.user: request for request in served}
    assert len(by_tag) == len(served), "asked twice"
    found: Counter[str] = Counter()
    for call in calls:
        request = by_tag.pop(call.tag, None)
        if request is None:
            assert not call.is_whole and call.delivered == 0, call
            found["never reached the stand-in"] += 1
            continue
        assert request.request_id is not None
        bill = bills.pop(request.request_id)
        found[check(call, request, bill)] += 1
    assert not by_tag, "the stand-in served what nobody asked for"
    for bill in bills.values():  # held, then nothing reached the stand-in
        assert bill.completion_tokens == 0, bill
        assert bill.estimated or bill.cost_nano == 0, bill
    found["held, never sent"] = len(bills)
    total = sum(record.cost_nano for record in records)
    assert spent["project", gateway.project.id].total_nano == total
    opening = prepare(gateway.folder.journal, gateway.store, now_ms)
    known = {(owner, id_): windows.total_nano for owner, id_, windows in opening.spend}
    assert known["project", gateway.project.id] == total
    return found


def check(call: Call, request: Request, bill: UsageRecord) -> str:
    """Raise where the bill is wrong; return of which kind it is."""
    used = Usage(bill.prompt_tokens, bill.completion_tokens)
    assert bill.cost_nano == cost_nano(PRICE, used)
    planned = (request.prompt_tokens, request.planned_tokens)
    if not bill.estimated:
        assert (bill.prompt_tokens, bill.completion_tokens) == planned, (call, request, bill)
        assert bill.status in ("ok", "client_left")
        return "whole, exact" if call.is_whole else "cut off, exact"
    assert not call.is_whole, f"a whole answer was billed by estimate: {call} {request} {bill}"
    assert call.delivered <= bill.completion_tokens <= call.max_tokens, (call, request, bill)
    assert 0 < bill.prompt_tokens <= call.body_bytes + TEMPLATE_TOKENS
    assert bill.cost_nano <= bound_nano(PRICE, call.body_bytes + TEMPLATE_TOKENS, call.max_tokens)
    return f"cut off, estimated ({bill.status})"


def run(folder: Path, *, kills: int, seed: int) -> Counter[str]:
    """Run `kills` lives and compare all the bills at their end."""
    tally = folder / "standin.jsonl"
    options = StandinOptions(requests_file=str(tally), keep_requests=10)
    with run_standin(options) as standin, run_gateway(folder / "data", standin.url) as gateway:
        crowd = Crowd(gateway.port, gateway.key, size=CLIENTS, seed=seed)
        with working(gateway):
            crowd.start()
            try:
                unborn = live_and_die(gateway, kills, seed)
            finally:
                crowd.stop()
        until_all_ended(tally)
        gateway.kill()
        gateway.import_journal()
        assert not [name for name in files(gateway) if not name.endswith("lock")]
        found = compare(gateway, crowd.calls, list(read_file(str(tally)).values()))
    found["killed while starting"] = unborn
    sys.stdout.write(f"\n{kills} kills, {len(crowd.calls)} requests: {dict(found)}\n")
    return found


def until_all_ended(tally: Path) -> None:
    """Wait until the stand-in has noticed that those who left are gone."""
    deadline = time.monotonic() + 30
    while any(request.ended == "open" for request in read_file(str(tally)).values()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_few_kills(tmp_path: Path) -> None:
    found = run(tmp_path, kills=6, seed=int(time.time()))
    assert found["whole, exact"] > 0
    assert found["cut off, estimated (gateway_lost)"] > 0


@pytest.mark.slow
def test_a_thousand_kills(tmp_path: Path) -> None:
    """The figures are printed (`-s` shows them) for docs/lab-log.md."""
    found = run(tmp_path, kills=1_000, seed=1)
    assert found["cut off, estimated (gateway_lost)"] > 500
