"""The binary event stream of AWS: from bytes to messages, whatever the reads' borders.

A message is two lengths (of it all, of its headers), their CRC-32, the headers, the payload, and
the CRC-32 of everything before. Facts:
docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html (the format is one for all of
AWS). It does not know what the messages say.
"""

import struct
import zlib

import msgspec

MESSAGE_BYTES_MAX = 16 * 1024 * 1024 + 144 * 1024
_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_LEAST_BYTES = _PRELUDE.size + _CRC.size
# Bytes of a header's value by its type; 6 and 7 (bytes, string) carry their length.
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
_STRING = 7
_LONG = frozenset((6, 7))


class Corrupt(ValueError):
    """The bytes are no event stream."""


class EventMessage(msgspec.Struct, frozen=True):
    """One message. `headers` are those that are texts."""

    headers: dict[str, str]
    payload: bytes


class MessageSplitter:
    """Cuts a byte stream into messages. Every byte is joined and checked once."""

    __slots__ = ("_pieces", "_size", "_wanted")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._wanted = _PRELUDE.size

    @property
    def is_inside(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._size > 0

    def feed(self, data: bytes, messages: list[EventMessage]) -> None:
        """Append the messages that `data` completes. Raises Corrupt; those before it stay."""
        self._pieces.append(data)
        self._size += len(data)
        if self._size < self._wanted:
            return
        buffer = b"".join(self._pieces) if len(self._pieces) > 1 else data
        at, size = 0, len(buffer)
        while True:
            if size - at < _PRELUDE.size:
                self._wanted = _PRELUDE.size
                break
            total = _length(buffer, at)
            if size - at < total:
                self._wanted = total
                break
            messages.append(_message(buffer, at, total))
            at += total
        rest = buffer[at:]
        self._pieces = [rest] if rest else []
        self._size = len(rest)


def _length(buffer: bytes, at: int) -> int:
    total, headers, crc = _PRELUDE.unpack_from(buffer, at)
    if zlib.crc32(buffer[at : at + 8]) != crc:
        raise Corrupt("the checksum of a message's lengths is wrong")
    if not _LEAST_BYTES <= total <= MESSAGE_BYTES_MAX or headers > total - _LEAST_BYTES:
        raise Corrupt("the lengths of a message make no sense")
    return int(total)


def _message(buffer: bytes, at: int, total: int) -> EventMessage:
    end = at + total - _CRC.size
    if zlib.crc32(buffer[at:end]) != _CRC.unpack_from(buffer, end)[0]:
        raise Corrupt("the checksum of a message is wrong")
    begun = at + _PRELUDE.size
    payload_at = begun + int(_PRELUDE.unpack_from(buffer, at)[1])
    return EventMessage(_headers(buffer[begun:payload_at]), buffer[payload_at:end])


def _headers(block: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    at, end = 0, len(block)
    try:
        while at < end:
            named = at + 1 + block[at]
            name, kind = block[at + 1 : named].decode(), block[named]
            at = named + 1
            if kind in _LONG:
                size = int.from_bytes(block[at : at + 2], "big")
                at += 2
            else:
                size = _SIZES[kind]
            if at + size > end:
                raise Corrupt("a header of a message is longer than its headers")
            if kind == _STRING:
                headers[name] = block[at : at + size].decode()
            at += size
    except (IndexError, KeyError, UnicodeDecodeError):
        raise Corrupt("the headers of a message make no sense") from None
    return headers
