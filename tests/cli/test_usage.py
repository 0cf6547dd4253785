"""`tramontane usage`: to the last settled request, whether or not it has left the journal."""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

from tests.cli.ran import Run
from tramontane.money import Price
from tramontane.store.journal import FolderDisk, Hold, HoldRecord, SettleRecord, Writer

NOON_MS = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp() * 1000)
DAY_MS = 86_400_000


class Gateway:
    """Writes a journal as a gateway does, and never moves it into the store."""

    def __init__(self, data_dir: Path) -> None:
        self.writer = Writer(FolderDisk(data_dir / "journal"))
        self.project_id = self.key_id = "unknown"

    def hold(self, request_id: str, at_ms: int) -> Hold:
        return self.writer.hold(
            HoldRecord(
                request_id=request_id,
                attempt=1,
                project_id=self.project_id,
                key_id=self.key_id,
                model="m",
                deployment="d",
                started_at_ms=at_ms,
                price=Price(),
                bound_nano=10**12,
                prompt_estimate_tokens=1,
                output_bound_tokens=1,
            )
        )

    def serve(self, request_id: str, at_ms: int = NOON_MS, estimated: bool = False) -> None:
        self.writer.settle(
            self.hold(request_id, at_ms),
            SettleRecord(
                request_id=request_id,
                attempt=1,
                project_id=self.project_id,
                key_id=self.key_id,
                model="m",
                deployment="d",
                started_at_ms=at_ms,
                settled_at_ms=at_ms + 5,
                prompt_tokens=1_000,
                completion_tokens=20,
                cached_tokens=3,
                cost_nano=1_500_000_000,
                estimated=estimated,
                status="ok",
            ),
        )


def gateway_of(run: Run, data_dir: Path) -> Gateway:
    project = run("project", "create", "one", "--json").json
    gateway = Gateway(data_dir)
    gateway.project_id = project["id"]
    gateway.key_id = run("key", "create", "one", "laptop", "--json").json["key"]["id"]
    return gateway


def test_what_is_still_in_the_journal_counts_once(run: Run, data_dir: Path) -> None:
    gateway = gateway_of(run, data_dir)
    gateway.serve("r1")
    gateway.serve("r2", estimated=True)
    for _ in range(2):
        report = run("usage", "--json").json
        assert report["total"] == {
            "requests": 2,
            "estimated_requests": 1,
            "unpriced_requests": 0,
            "prompt_tokens": 2_000,
            "completion_tokens": 40,
            "cached_tokens": 6,
            "cache_write_tokens": 0,
            "cost": "3.00",
        }
    assert report["by"] == ["project"]
    assert report["data"] == [
        {"project_id": gateway.project_id, "project": "one", **report["total"]}
    ]
    assert report["pending"]["open_requests"] == 0
    gateway.serve("r3")
    assert run("usage", "--json").json["total"]["requests"] == 3
    run("budget", "set", "one", "10", "--per", "total")
    gateway.serve("r4")
    (budget,) = run("budget", "list", "--json").json["data"]
    assert (budget["spent"], budget["left"]) == ("6.00", "4.00")
    gateway.writer.close()


def test_open_requests_are_said_not_counted(run: Run, data_dir: Path) -> None:
    gateway = gateway_of(run, data_dir)
    gateway.hold("r1", NOON_MS)
    ran = run("usage", "--json")
    assert ran.json["pending"]["open_requests"] == 1
    assert ran.json["total"]["requests"] == 0
    assert "not settled yet, so not counted: 1" in ran.err
    gateway.writer.close()


def test_a_journal_that_cannot_be_read_stops_no_report(run: Run, data_dir: Path) -> None:
    run("project", "create", "one")
    (data_dir / "journal" / "00000001.open").mkdir()
    ran = run("usage", "--json")
    assert "could not be read" in ran.json["pending"]["journal_problem"]
    assert ran.err.startswith("note: the metering journal could not be read")


def test_groups_spans_and_forms(run: Run, data_dir: Path) -> None:
    gateway = gateway_of(run, data_dir)
    for i in range(3):
        gateway.serve(f"r{i}", NOON_MS + i * DAY_MS)
    gateway.writer.close()
    report = run(
        "usage", "--by", "day,key", "--by", "model", "--since", "2026-03-02",
        "--until", "2026-03-03T13:00", "--project", "one", "--json",
    ).json  # fmt: skip
    assert (report["since"], report["until"]) == ("2026-03-02T00:00:00Z", "2026-03-03T13:00:00Z")
    assert [(row["day"], row["key"], row["model"]) for row in report["data"]] == [
        ("2026-03-02", "laptop", "m"), ("2026-03-03", "laptop", "m"),
    ]  # fmt: skip
    assert report["total"]["cost"] == "3.00"
    rows = list(csv.DictReader(io.StringIO(run("usage", "--by", "day", "--csv").out)))
    assert [row["day"] for row in rows] == ["2026-03-01", "2026-03-02", "2026-03-03"]
    assert {(row["requests"], row["cost"], row["currency"]) for row in rows} == {
        ("1", "1.50", "USD")
    }
    *_, last, total = run("usage", "--by", "day").out.splitlines()
    assert last.split()[:2] == ["2026-03-03", "1"]
    counts = ["total", "3", "0", "0", "3,000", "60", "9", "0"]
    assert total.split() == [*counts, "4.50", "USD"]


def test_mistakes(run: Run) -> None:
    assert "only by project, key" in run("usage", "--by", "hour").err
    assert run("usage", "--since", "yesterday").status == 1
    assert run("usage", "--csv", "--json").status == 2
    assert run("usage", "--project", "nobody").status == 1
    assert "nothing was used" in run("usage").out


def test_by_person(run: Run, data_dir: Path) -> None:
    gateway = gateway_of(run, data_dir)
    gateway.serve("r1")
    report = run("usage", "--by", "member", "--json").json
    assert [(line["user"], line["requests"]) for line in report["data"]] == [("program", 1)]
    assert "(programs)" in run("usage", "--by", "member").out
    header, line = run("usage", "--by", "member", "--csv").out.splitlines()
    assert header.startswith("member_id,member,user,requests,")
    assert line.startswith(",,program,1,")
