"""Usage: idempotent rows, and sums equal to the slow obvious ones."""

import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime
from typing import get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from tests.store.databases import on_sqlite
from tramontane.config import LimitDefaults
from tramontane.errors import InvalidRequest
from tramontane.store import keys, members, memberships, projects, schema, usage
from tramontane.store.database import Store
from tramontane.store.records import SpentWindows, UsageRecord
from tramontane.store.usage import By, Pace, UsageRow

NOON_MS = int(datetime(2025, 3, 1, 12, tzinfo=UTC).timestamp() * 1000)
DAY_MS = 86_400_000

RECORDS = st.lists(
    st.builds(
        UsageRecord,
        request_id=st.sampled_from(["r1", "r2", "r3", "r4", "r5", "r6"]),
        attempt=st.integers(1, 2),
        project_id=st.sampled_from(["p1", "p2"]),
        key_id=st.sampled_from(["k1", "k2", "k3"]),
        model=st.sampled_from(["m1", "m2"]),
        deployment=st.sampled_from(["d1", "d2"]),
        started_at_ms=st.integers(NOON_MS - 40 * DAY_MS, NOON_MS + 2 * DAY_MS),
        settled_at_ms=st.just(NOON_MS),
        prompt_tokens=st.integers(0, 10**6),
        completion_tokens=st.integers(0, 10**6),
        cached_tokens=st.integers(0, 10**6),
        cache_write_tokens=st.integers(0, 10**6),
        is_priced=st.booleans(),
        cost_nano=st.integers(0, 10**15),
        estimated=st.booleans(),
        status=st.just("ok"),
        provider=st.sampled_from(["", "mistral", "local"]),
        region=st.sampled_from(["", "eu"]),
    ),
    max_size=30,
)
QUICK = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class Undo(Exception):
    pass


def first_of_each(records: list[UsageRecord]) -> list[UsageRecord]:
    found: dict[tuple[str, int], UsageRecord] = {}
    for record in records:
        found.setdefault((record.request_id, record.attempt), record)
    return list(found.values())


def stored(c: Connection) -> list[UsageRecord]:
    return [UsageRecord(**row) for row in c.execute(schema.usage.select()).mappings()]


@QUICK
@given(records=RECORDS, cut=st.integers(0, 30))
def test_a_record_is_kept_once_however_often_it_comes(
    store: Store, records: list[UsageRecord], cut: int
) -> None:
    with pytest.raises(Undo), store.write() as c:
        for batch in (records[:cut], records, records):
            usage.insert_many(c, batch)
        assert sorted(stored(c), key=repr) == sorted(first_of_each(records), key=repr)
        raise Undo


@QUICK
@given(records=RECORDS, now_ms=st.integers(NOON_MS - 2 * DAY_MS, NOON_MS + 2 * DAY_MS))
def test_spend_is_the_sum_of_each_window(
    store: Store, records: list[UsageRecord], now_ms: int
) -> None:
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for record in first_of_each(records):
        began = datetime.fromtimestamp(record.started_at_ms / 1000, UTC)
        for owner in (("project", record.project_id), ("key", record.key_id)):
            sums[owner][0] += record.cost_nano * (began.date() == now.date())
            sums[owner][1] += record.cost_nano * (began.strftime("%Y%m") == now.strftime("%Y%m"))
            sums[owner][2] += record.cost_nano
    with pytest.raises(Undo), store.write() as c:
        usage.insert_many(c, records)
        found = usage.spend(c, now_ms)
        assert found == {owner: SpentWindows(*nano) for owner, nano in sums.items()}
        raise Undo


FIELDS = {
    "day": "day",
    "member": "member_id",
    "project": "project_id",
    "key": "key_id",
    "model": "model",
    "deployment": "deployment",
    "provider": "provider",
    "region": "region",
}


def slow_report(records: list[UsageRecord], by: tuple[By, ...]) -> list[tuple[object, ...]]:
    groups: dict[tuple[str, ...], list[UsageRecord]] = defaultdict(list)
    for record in records:
        day = datetime.fromtimestamp(record.started_at_ms / 1000, UTC).date().isoformat()
        # No key is known in this store, so no record is a member's.
        names = {**msgspec.structs.asdict(record), "day": day, "member_id": None}
        name = tuple(names[FIELDS[b]] for b in by)
        groups[name].append(record)
    return [
        (
            *name,
            len({r.request_id for r in group}),
            len({r.request_id for r in group if r.estimated}),
            len({r.request_id for r in group if not r.is_priced and r.prompt_tokens}),
            sum(r.prompt_tokens for r in group),
            sum(r.completion_tokens for r in group),
            sum(r.cached_tokens for r in group),
            sum(r.cache_write_tokens for r in group),
            sum(r.cost_nano for r in group),
        )
        for name, group in sorted(groups.items())
    ]


def flat(row: UsageRow, by: tuple[By, ...]) -> tuple[object, ...]:
    return (
        *(getattr(row, FIELDS[b]) for b in by),
        row.requests,
        row.estimated_requests,
        row.unpriced_requests,
        row.prompt_tokens,
        row.completion_tokens,
        row.cached_tokens,
        row.cache_write_tokens,
        row.cost_nano,
    )


@QUICK
@given(
    records=RECORDS,
    by=st.lists(st.sampled_from(get_args(By)), unique=True, min_size=1).map(tuple),
    since_ms=st.none() | st.integers(NOON_MS - 40 * DAY_MS, NOON_MS),
    until_ms=st.none() | st.integers(NOON_MS - 20 * DAY_MS, NOON_MS + 2 * DAY_MS),
    project_ids=st.sampled_from([None, (), ("p1",), ("p1", "p2")]),
)
def test_a_report_is_the_sum_of_each_group(
    store: Store,
    records: list[UsageRecord],
    by: tuple[By, ...],
    since_ms: int | None,
    until_ms: int | None,
    project_ids: tuple[str, ...] | None,
) -> None:
    meant = [
        record
        for record in first_of_each(records)
        if (since_ms is None or since_ms <= record.started_at_ms)
        and (until_ms is None or record.started_at_ms < until_ms)
        and (project_ids is None or record.project_id in project_ids)
    ]
    with pytest.raises(Undo), store.write() as c:
        usage.insert_many(c, records)
        rows = usage.report(c, by=by, since_ms=since_ms, until_ms=until_ms, project_ids=project_ids)
        assert [flat(row, by) for row in rows] == slow_report(meant, by)
        raise Undo


def test_totals_without_groups_and_names_with_them(store: Store) -> None:
    with store.write() as c:
        assert usage.report(c, by=())[0].requests == 0
        one = projects.create(c, name="one", defaults=LimitDefaults(), now_ms=1)
        key, _ = keys.create(c, bytes(32), project_id=one.id, name="laptop", now_ms=1)
        revision = store.revision()
        usage.insert_many(
            c,
            [
                UsageRecord(
                    request_id="r",
                    attempt=attempt,
                    project_id=one.id,
                    key_id=key.id,
                    model="m",
                    deployment="d",
                    started_at_ms=NOON_MS,
                    settled_at_ms=NOON_MS,
                    prompt_tokens=3,
                    completion_tokens=4,
                    cached_tokens=1,
                    cost_nano=5,
                    estimated=attempt == 1,
                    status="ok",
                )
                for attempt in (1, 2)
            ],
        )
    assert store.revision() == revision + 2  # the project and the key; usage moves nothing
    with store.read() as c:
        (row,) = usage.report(c, by=("project", "key"))
        assert (row.project, row.key, row.day, row.model) == ("one", "laptop", None, None)
        assert (row.requests, row.estimated_requests, row.cost_nano) == (1, 1, 10)
        with pytest.raises(InvalidRequest, match="hour"):
            usage.report(c, by=("hour",))  # type: ignore[arg-type]


def test_spend_has_no_end(store: Store) -> None:
    """Sums beyond 64 bits are sums: a gateway that begins needs them."""
    dear = {"cost_nano": 9 * 10**18}
    records = [msgspec.structs.replace(record_of(f"r{n}", "p", "k"), **dear) for n in range(3)]
    with store.write() as c:
        usage.insert_many(c, records)
    with store.read() as c:
        assert usage.spend(c, NOON_MS)["project", "p"].total_nano == 27 * 10**18


@on_sqlite
def test_spend_never_touches_the_table(store: Store) -> None:
    with store.read() as c:
        plan = c.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT project_id, key_id, sum(CASE WHEN started_at_ms >= 1"
            " THEN cost_nano END) FROM usage GROUP BY project_id, key_id"
        ).all()
    assert "USING COVERING INDEX usage_spend" in str(plan)


def test_a_killed_import_is_whole_or_absent(store: Store, store_url: str) -> None:
    """The unit of import is one transaction, so a reader never sees half of one."""
    script = """
import sys
from tramontane.store import usage
from tramontane.store.database import open_store
from tramontane.store.records import UsageRecord
store = open_store(sys.argv[1])
batch = 0
while True:
    with store.write() as c:
        usage.insert_many(c, [UsageRecord(request_id=f"{batch}-{i}", attempt=1, project_id="p",
            key_id="k", model="m", deployment="d", started_at_ms=1, settled_at_ms=1,
            prompt_tokens=0, completion_tokens=0, cached_tokens=0, cost_nano=1, estimated=False,
            status="ok") for i in range(100)])
    batch += 1
    print(batch, flush=True)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script, store_url], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for _ in range(5):
        acknowledged = int(process.stdout.readline())
    process.kill()
    rest = process.stdout.read().split()
    process.stdout.close()
    process.wait()
    acknowledged = int(rest[-1]) if rest else acknowledged
    with store.read() as c:
        kept = usage.report(c, by=())[0].requests
    assert kept % 100 == 0
    assert acknowledged * 100 <= kept <= (acknowledged + 1) * 100


def test_people_and_programs(store: Store) -> None:
    with store.write() as c:
        one = projects.create(c, name="one", defaults=LimitDefaults(), now_ms=1)
        ada = members.create(c, email="ada@example.org", name="Ada", password_hash=None, now_ms=1)
        place = memberships.put(c, member=ada, project_id=one.id, role="member", now_ms=1)
        memberships.renew_keys(c, ada, 2)
        renewed = memberships.get(c, ada.id, one.id)
        laptop, _ = keys.create(c, bytes(32), project_id=one.id, name="laptop", now_ms=1)
        for number, key_id in enumerate((place.key_id, renewed.key_id, laptop.id, "key_forgotten")):
            usage.insert_many(c, [record_of(f"r{number}", one.id, key_id)])
        rows = usage.report(c, by=("member",))
        assert [(row.member, row.user, row.requests) for row in rows] == [
            (None, "program", 2),
            ("Ada", "person", 2),
        ]
        assert {row.key for row in usage.report(c, by=("member", "key"))} >= {"laptop", "ada"}


def test_paces(store: Store) -> None:
    with store.write() as c:
        records = [
            record_of("r1", "p1", "k1", NOON_MS),
            record_of("r2", "p1", "k1", NOON_MS + 5),
            record_of("r3", "p1", "k2", NOON_MS - 5),
            msgspec.structs.replace(record_of("r3", "p1", "k2", NOON_MS - 4), attempt=2),
            record_of("r4", "p2", "k3", NOON_MS - 6),
        ]
        usage.insert_many(c, records)
        found = usage.paces(c, NOON_MS - 5)
    assert found == {
        ("key", "k1"): Pace(14, 2, NOON_MS),
        ("key", "k2"): Pace(14, 1, NOON_MS - 5),
        ("project", "p1"): Pace(28, 3, NOON_MS - 5),
        ("key", "k3"): Pace(0, 0, NOON_MS - 6),
        ("project", "p2"): Pace(0, 0, NOON_MS - 6),
    }


def record_of(
    request_id: str, project_id: str, key_id: str, started_at_ms: int = NOON_MS
) -> UsageRecord:
    return UsageRecord(
        request_id=request_id,
        attempt=1,
        project_id=project_id,
        key_id=key_id,
        model="m",
        deployment="d",
        started_at_ms=started_at_ms,
        settled_at_ms=started_at_ms + 1,
        prompt_tokens=3,
        completion_tokens=4,
        cached_tokens=1,
        cost_nano=7,
        estimated=False,
        status="ok",
    )
