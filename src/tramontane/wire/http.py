"""HTTP/1.1 framing as pure functions: response heads, chunks, and the heads we write.

What an upstream sends is untrusted: anything ambiguous about where a message ends is refused
(RFC 9112 §6.3), since the next answer on that connection belongs to somebody else. It does not
know sockets. Requests of clients are parsed by httptools.
"""

import re
from http import HTTPStatus

import msgspec

HEAD_BYTES_MAX = 65_536
CHUNK_LINE_BYTES_MAX = 4_096
TRAILER_BYTES_MAX = 16_384
# RFC 9110 §5.5: no control characters but the tab, so no bare CR, LF or NUL and no folded line.
_VALUE = rb"[^\x00-\x08\x0a-\x1f\x7f]*+"
_FIELD = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++:" + _VALUE
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: " + _VALUE + rb")?\r\n")
_HEAD = re.compile(_STATUS.pattern + rb"(?:" + _FIELD + rb"\r\n)*+")
# The fields that tell how a body is framed and what it is, in a checked head in lower case.
_TELLING = re.compile(rb"\r\n(content-length|content-type|transfer-encoding|connection):([^\r]*)")
_CHUNK_HEAD = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;" + _VALUE + rb")?\r\n")
_PLAIN_CHUNK_HEAD = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
_TRAILER = re.compile(_FIELD)
REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


class FramingError(ValueError):
    """The peer's message has no certain end; the connection must not be used again."""


class ResponseHead(msgspec.Struct, frozen=True, gc=False):
    """What matters of a response head. `length` None and not `chunked`: ends with the connection.

    `size` is the number of bytes the head took, the blank line included.
    """

    status: int
    size: int
    length: int | None
    chunked: bool
    keep_alive: bool
    content_type: bytes
    raw: bytes

    @property
    def retry_after(self) -> bytes:
        """The value of `retry-after`, empty where it is missing."""
        return _value(self.raw.lower(), b"retry-after")


def parse_response_head(data: bytes) -> ResponseHead | None:
    """Return the head that `data` begins with, None while it is incomplete.

    Raises FramingError for anything malformed or ambiguous.
    """
    end = data.find(b"\r\n\r\n")
    if (end if end >= 0 else len(data) - 3) > HEAD_BYTES_MAX:
        raise FramingError("the head of the answer is too large")
    if end < 0:
        return None
    head = data[: end + 2]
    start = _HEAD.fullmatch(head)
    if start is None:
        if _STATUS.match(head) is None:
            raise FramingError("the answer does not begin with an HTTP/1.1 status line")
        raise FramingError("the head of the answer holds a malformed line")
    version, code = start.groups()
    status = int(code)
    fields: dict[bytes, bytes] = {}
    for name, value in _TELLING.findall(head.lower()):
        value = value.strip(b" \t")
        fields[name] = fields[name] + b", " + value if name in fields else value
    coding = fields.get(b"transfer-encoding")
    length_text = fields.get(b"content-length")
    if coding is not None and (length_text is not None or version == b"0" or coding != b"chunked"):
        raise FramingError("the answer's length is given twice, or in an unknown coding")
    length: int | None = None
    if length_text is not None:
        if not length_text.isdigit() or len(length_text) > 15:
            raise FramingError("the answer's content-length is no number, or stands twice")
        length = int(length_text)
    is_chunked = coding is not None
    if status in (204, 304) or status < 200:
        length, is_chunked = 0, False
    connection = fields.get(b"connection", b"")
    keep_alive = b"close" not in connection if version == b"1" else b"keep-alive" in connection
    return ResponseHead(
        status,
        end + 4,
        length,
        is_chunked,
        keep_alive and (length is not None or is_chunked),
        fields.get(b"content-type", b""),
        head,
    )


def _value(lower_head: bytes, name: bytes) -> bytes:
    """Return the value of the field `name`, all values joined; empty where it is missing."""
    field = b"\r\n" + name + b":"
    values = []
    at = lower_head.find(field)
    while at >= 0:
        start = at + len(field)
        end = lower_head.find(b"\r\n", start)
        values.append(lower_head[start:end].strip(b" \t"))
        at = lower_head.find(field, end)
    return values[0] if len(values) == 1 else b", ".join(values)


def header_fields(raw_head: bytes) -> list[tuple[bytes, bytes]]:
    """Return (lower-case name, value) of each field of a head that was parsed above."""
    fields = []
    for line in raw_head.split(b"\r\n")[1:-1]:
        name, _, value = line.partition(b":")
        fields.append((name.lower(), value.strip(b" \t")))
    return fields


class ChunkDecoder:
    """Takes the chunked coding off a body, whatever the reads' borders (RFC 9112 §7.1).

    `done` once the last chunk and its trailer have passed; `rest` are the bytes after it.
    """

    __slots__ = ("_buffer", "_remaining", "_trailer", "_trailer_bytes", "done", "rest")

    def __init__(self) -> None:
        self._buffer = b""
        self._remaining = 0  # of the current chunk's payload; -2 and -1: its CRLF is due
        self._trailer = False
        self._trailer_bytes = 0
        self.done = False
        self.rest = b""

    def whole_chunks(self, data: bytes) -> bytes | None:
        """Return the payload where `data` is nothing but whole chunks, none of them the last.

        The common case of a stream: such bytes can be passed on as they are. Nothing is consumed.
        A chunk with an extension is not to be passed on as it is: None then.
        """
        if self._buffer or self._remaining or self._trailer or self.done:
            return None
        head = _PLAIN_CHUNK_HEAD.match(data)
        if head is None:
            return None
        start = head.end()
        end = start + int(head[1], 16)
        if end + 2 == len(data) and start != end and data[end:] == b"\r\n":
            return data[start:end]
        pieces: list[bytes] = []
        while start != end and data[end : end + 2] == b"\r\n":
            pieces.append(data[start:end])
            if end + 2 == len(data):
                return b"".join(pieces)
            head = _PLAIN_CHUNK_HEAD.match(data, end + 2)
            if head is None:
                return None
            start = head.end()
            end = start + int(head[1], 16)
        return None

    def feed(self, data: bytes) -> bytes:
        """Return the payload in `data`; FramingError where the coding is broken."""
        data = self._buffer + data if self._buffer else data
        self._buffer = b""
        payload: list[bytes] = []
        at = 0
        while at < len(data) and not self.done:
            if self._remaining > 0:
                piece = data[at : at + self._remaining]
                payload.append(piece)
                at += len(piece)
                self._remaining -= len(piece)
                if self._remaining == 0:
                    self._remaining = -2
            elif self._remaining < 0:
                if data[at] != (13 if self._remaining == -2 else 10):
                    raise FramingError("a chunk is longer than its length says")
                at += 1
                self._remaining += 1
            else:
                step = self._line(data, at)
                if step == 0:
                    self._buffer = data[at:]
                    break
                at += step
        if self.done:
            self.rest += data[at:]
        return b"".join(payload)

    def _line(self, data: bytes, at: int) -> int:
        """Consume one chunk head or trailer line; 0 where it is incomplete."""
        end = data.find(b"\r\n", at)
        if (end if end >= 0 else len(data) - 1) - at > CHUNK_LINE_BYTES_MAX:
            raise FramingError("a chunk's head is too long")
        if end < 0:
            return 0
        if self._trailer:
            self._trailer_bytes += end + 2 - at
            if end == at:
                self.done = True
            elif _TRAILER.fullmatch(data, at, end) is None:
                raise FramingError("a malformed trailer")
            elif self._trailer_bytes > TRAILER_BYTES_MAX:
                raise FramingError("the trailer is too long")
            return end + 2 - at
        head = _CHUNK_HEAD.fullmatch(data, at, end + 2)
        if head is None:
            raise FramingError("a malformed chunk length")
        size = int(head[1], 16)
        if size == 0:
            self._trailer = True
        self._remaining = size
        return end + 2 - at


def chunk(payload: bytes) -> bytes:
    """Return `payload` as one chunk."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)


LAST_CHUNK = b"0\r\n\r\n"
