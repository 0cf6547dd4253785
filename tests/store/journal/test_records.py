"""The journal's format: what is written is read back, whatever happens to the bytes around it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tramontane.errors import ConfigError
from tramontane.money import Price
from tramontane.store.journal.records import (
    HEAD_BYTES,
    CheckpointRecord,
    HoldRecord,
    Record,
    SettleRecord,
    encode,
    read_frames,
    read_head,
    read_segment,
    write_frame,
    write_head,
)
from tramontane.store.records import UsageRecord

names = st.text(max_size=40)
counts = st.integers(0, 2**62)
RECORDS = st.one_of(
    st.builds(
        HoldRecord, names, counts, names, names, names, names, counts,
        st.builds(Price, counts, counts, counts, counts), counts, counts, counts,
    ),
    st.builds(CheckpointRecord, names, counts, counts),
    st.builds(
        SettleRecord, names, counts, names, names, names, names, counts, counts, counts, counts,
        counts, counts, st.booleans(), names,
    ),
)  # fmt: skip
SALT = 0x5EED


def segment(records: list[Record], salt: int = SALT, zeros: int = 100) -> bytes:
    frames = b"".join(write_frame(encode(record), salt) for record in records)
    return write_head(salt, 1) + frames + bytes(zeros)


@given(st.lists(RECORDS, max_size=8), st.integers(0, 2**32 - 1))
def test_what_is_written_is_read(records: list[Record], salt: int) -> None:
    data = segment(records, salt)
    assert read_head(data) == salt
    assert read_segment(data) == (records, 0)
    frames = list(read_frames(data, salt, HEAD_BYTES, salvage=False))
    assert [frame.record for frame in frames] == records
    assert frames == [] or frames[-1].end == len(data) - 100


@given(st.lists(RECORDS, min_size=1, max_size=5), st.data())
def test_a_torn_tail_costs_only_the_record_it_tears(
    records: list[Record], data: st.DataObject
) -> None:
    whole = segment(records, zeros=0)
    cut = data.draw(st.integers(HEAD_BYTES, len(whole)))
    left = whole[:cut] + bytes(len(whole) - cut)
    torn = read_segment(left)
    assert torn.records == records[: len(torn.records)]
    assert left.startswith(segment(list(torn.records), zeros=0))  # a zero cut off is a zero again
    if len(torn.records) < len(records):
        following = segment(records[: len(torn.records) + 1], zeros=0)
        assert len(following) > cut or whole[cut : len(following)].count(0) == len(following) - cut


@given(st.lists(RECORDS, min_size=1, max_size=5), st.data())
def test_damage_costs_only_the_records_it_hits(records: list[Record], data: st.DataObject) -> None:
    whole = bytearray(segment(records, zeros=0))
    at = data.draw(st.integers(HEAD_BYTES, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    hit = next(n for n in range(len(records)) if len(segment(records[: n + 1], zeros=0)) > at)
    found = read_segment(bytes(whole))
    assert found.records == records[:hit] + records[hit + 1 :]
    assert found.damaged_bytes > 0


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(noise: bytes) -> None:
    assert read_segment(noise).records == []
    assert read_segment(write_head(SALT, 1) + noise).records == []


def test_a_file_never_written_holds_nothing() -> None:
    assert read_segment(bytes(4_096)) == ([], 0)
    assert read_segment(b"") == ([], 0)
    torn_head = write_head(SALT, 1)[:12] + bytes(4_000)
    assert read_segment(torn_head).records == []


def test_nothing_that_looks_like_a_frame_is_taken_for_one() -> None:
    forged = write_frame(encode(CheckpointRecord("req_forged", 0, 1)), 0)
    old_block = write_frame(encode(CheckpointRecord("req_old", 0, 1)), SALT + 1)
    named = CheckpointRecord(forged.decode("latin-1"), 0, 5)
    data = bytearray(segment([named]) + forged + old_block)
    data[HEAD_BYTES + 4] ^= 1  # the frame around the forged one is damaged
    assert read_segment(bytes(data)).records == []


def test_another_version_is_refused_not_skipped() -> None:
    import zlib

    head = bytearray(write_head(SALT, 1))
    head[7:8] = b"2"
    head[20:24] = zlib.crc32(head[:20]).to_bytes(4, "little")
    with pytest.raises(ConfigError, match="another release"):
        read_segment(bytes(head))


def test_a_settle_is_a_usage_row() -> None:
    assert SettleRecord.__struct_fields__ == UsageRecord.__struct_fields__
    record = SettleRecord("r", 1, "p", "k", "m", "d", 5, 6, 7, 8, 2, 9, True, "client_left")
    assert msgspec.structs.astuple(record.usage()) == msgspec.structs.astuple(record)
