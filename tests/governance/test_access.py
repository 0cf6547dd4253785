"""The access log is read back as the gateway writes it, whatever a crash has left at its end."""

from pathlib import Path

import msgspec

from tramontane.gateway.telemetry import AccessRecord
from tramontane.governance.access import AccessLine, read


def record(at_ms: int, request_id: str = "req_1") -> AccessRecord:
    return AccessRecord(
        at_ms, request_id, "default", "tmt_x", "large", "a", 200, "ok", 10, 5, 7, False, 20, 90
    )


def written(path: Path, *records: AccessRecord) -> None:
    path.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in records))


def test_what_the_gateway_writes_is_read_back(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    written(log, record(1_000))
    assert read(log, 0, 2_000) == [
        AccessLine(1_000, "req_1", "large", "a", 200, "ok", 10, 5, 7, 20, 90)
    ]


def test_both_files_are_read_in_order_and_only_the_span(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    written(log, record(4_000, "d"), record(3_000, "c"))
    written(tmp_path / "access.1.jsonl", record(1_000, "a"), record(2_000, "b"))
    assert [line.request_id for line in read(log, 2_000, 4_000)] == ["b", "c"]


def test_a_torn_line_and_a_missing_log_stop_nothing(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    assert read(log, 0, 1) == []
    written(log, record(1_000))
    log.write_bytes(b"\x00\x00\n" + log.read_bytes() + b'{"at_ms": 10')
    assert len(read(log, 0, 2_000)) == 1


def test_a_long_log_is_searched_not_read_and_nothing_is_missed(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    hour_ms = 3_600_000
    written(log, *(record(at * 20_000, f"req_{at}") for at in range(3_000)))
    late = record(50 * 20_000, "late")  # began early, ended last
    log.write_bytes(log.read_bytes() + msgspec.json.encode(late) + b"\n")
    for since_ms in (0, 10 * hour_ms, 16 * hour_ms):
        found = {line.request_id for line in read(log, since_ms, 10**12)}
        assert {f"req_{at}" for at in range(3_000) if at * 20_000 >= since_ms} <= found
