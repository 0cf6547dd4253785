"""The metering journal's records, and how they lie in a segment file.

A segment is a head, then frames, then zeros. A frame is a marker, the length and the CRC-32 of its
payload, and the payload: one record as a MessagePack array. The CRC starts from the segment's own
random salt, so that nothing which merely looks like a frame (an older file's blocks, a name chosen
to resemble one) is ever taken for a record. Each record is a fact that stays true in any order and
however often it is read; a settle carries all that a bill needs.

Pure functions over bytes: it knows neither files nor what a record costs anyone.
"""

import zlib
from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

import msgspec

from tramontane.errors import ConfigError
from tramontane.money import Price
from tramontane.store.records import UsageRecord

HEAD_BYTES = 32
FRAME_BYTES = 10

_KIND = b"tmtjrnl"
_VERSION = b"1"
_MARKER = 0x4A7E
_MARKER_BYTES = _MARKER.to_bytes(2, "little")
_head = Struct("<7scIQ")
_head_check = Struct("<I8x")
_frame = Struct("<HII")


class SaleRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Under which publication an attempt is bought, and the price of what serves it."""

    publication_id: str
    version: int
    publisher_id: str
    own_price: Price


class HoldRecord(msgspec.Struct, frozen=True, array_like=True, tag=1, gc=False):
    """An attempt was allowed to cost up to `bound_nano`; it began at `started_at_ms`."""

    request_id: str
    attempt: int
    project_id: str
    key_id: str
    model: str
    deployment: str
    started_at_ms: int
    price: Price
    bound_nano: int
    prompt_estimate_tokens: int
    output_bound_tokens: int
    provider: str = ""
    region: str = ""
    sale: SaleRecord | None = None


class CheckpointRecord(msgspec.Struct, frozen=True, array_like=True, tag=2, gc=False):
    """Up to `completion_tokens` of the answer may have been delivered."""

    request_id: str
    attempt: int
    completion_tokens: int


class SettleRecord(msgspec.Struct, frozen=True, array_like=True, tag=3, gc=False):
    """What an attempt used and cost; the fields are those of a `UsageRecord`, in its order."""

    request_id: str
    attempt: int
    project_id: str
    key_id: str
    model: str
    deployment: str
    started_at_ms: int
    settled_at_ms: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cost_nano: int
    estimated: bool
    status: str
    provider: str = ""
    region: str = ""
    cache_write_tokens: int = 0
    is_priced: bool = True
    publication_id: str = ""
    publisher_id: str = ""
    serving_cost_nano: int = 0
    publication_version: int = 0

    def usage(self) -> UsageRecord:
        """Return the row of the store's usage table."""
        return UsageRecord(**msgspec.structs.asdict(self))


Record = HoldRecord | CheckpointRecord | SettleRecord

encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


class Frame(NamedTuple):
    """A record and where its frame lies: from byte `start` up to, not including, `end`."""

    start: int
    end: int
    record: Record


class Contents(NamedTuple):
    """All that could be read of a segment. A torn or lost write leaves `damaged_bytes`."""

    records: list[Record]
    damaged_bytes: int


def write_head(salt: int, sequence: int) -> bytes:
    """Return the first HEAD_BYTES of a segment; `salt` is 32 random bits."""
    head = _head.pack(_KIND, _VERSION, salt, sequence)
    return head + _head_check.pack(zlib.crc32(head))


def read_head(data: bytes) -> int | None:
    """Return the salt of the segment that `data` begins; None where its head was never written.

    Raises ConfigError for a segment of another version of this format.
    """
    if len(data) < HEAD_BYTES:
        return None
    kind, version, salt, _sequence = _head.unpack_from(data)
    (check,) = _head_check.unpack_from(data, _head.size)
    if kind != _KIND or check != zlib.crc32(data[: _head.size]):
        return None
    if version != _VERSION:
        raise ConfigError(
            "the metering journal was written by another release of Tramontane; start that one"
            " once, so that it bills what the journal holds, and stop it again"
        )
    return int(salt)


def write_frame(payload: bytes, salt: int) -> bytes:
    """Return `payload`, an encoded record, framed for the segment with that `salt`."""
    return _frame.pack(_MARKER, len(payload), zlib.crc32(payload, salt)) + payload


def read_frames(data: bytes, salt: int, start: int = 0, *, salvage: bool) -> Iterator[Frame]:
    """Yield the frames from byte `start` of `data` on.

    Ends at the first bytes that are no whole frame; with `salvage` those are stepped over and the
    frames behind them are found as well.
    """
    at = start
    while 0 <= at <= len(data) - FRAME_BYTES:
        marker, length, check = _frame.unpack_from(data, at)
        end = at + FRAME_BYTES + length
        record = None
        if marker == _MARKER and end <= len(data):
            record = _read_payload(data[at + FRAME_BYTES : end], salt, check)
        if record is not None:
            yield Frame(at, end, record)
            at = end
        elif salvage:
            at = data.find(_MARKER_BYTES, at + 1)
        else:
            return


def _read_payload(payload: bytes, salt: int, check: int) -> Record | None:
    if zlib.crc32(payload, salt) != check:
        return None
    try:
        return _decoder.decode(payload)
    except msgspec.MsgspecError:
        return None


def read_segment(data: bytes) -> Contents:
    """Return what a whole segment holds, whatever a crash has made of it.

    Raises ConfigError for a segment of another version of this format.
    """
    salt = read_head(data)
    if salt is None:
        return Contents([], len(data) - data.count(0))
    return salvage(data, salt, HEAD_BYTES)


def salvage(data: bytes, salt: int, start: int) -> Contents:
    """Return every record from byte `start` on, and how many bytes there are of no record.

    The zeros of the preallocated rest are not counted.
    """
    records: list[Record] = []
    damaged_bytes = 0
    end = start
    for frame in read_frames(data, salt, start, salvage=True):
        records.append(frame.record)
        damaged_bytes += frame.start - end
        end = frame.end
    return Contents(records, damaged_bytes + len(data[end:].rstrip(b"\0")))
