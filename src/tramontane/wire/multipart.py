"""The one file of a `multipart/form-data` body (RFC 7578), as it comes in, whatever its size.

Pure: bytes in, bytes out. At most a delimiter and a part's head are held back. It does not know
where the file goes.
"""

import re

from tramontane.errors import InvalidRequest

HEAD_BYTES_MAX = 16_384
_BOUNDARY = re.compile(
    r'multipart/form-data\s*;.*?boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE
)
_DISPOSITION = re.compile(rb"^content-disposition\s*:\s*form-data\s*;(.*)$", re.IGNORECASE)
_PARAMETER = re.compile(rb';?\s*([\w*]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"\s]+))')


class FileReader:
    """Takes the file out of the part called `field`; other parts are passed over.

    `name` is what the client calls the file, known once its head has come.
    """

    def __init__(self, content_type: str, field: str = "file") -> None:
        """Raise InvalidRequest where `content_type` is no form's."""
        found = _BOUNDARY.match(content_type)
        if found is None:
            raise InvalidRequest(
                "Send the file as multipart/form-data, in a field called 'file'.",
                param="content-type",
            )
        self.name: str | None = None
        self.is_complete = False
        self._field = field.encode()
        # A delimiter begins on a line of its own; the first one has no line before it.
        self._delimiter = b"\r\n--" + (found[1] or found[2]).encode()
        self._held = bytearray(b"\r\n")
        self._state = "body"
        self._is_wanted = False

    def feed(self, data: bytes) -> bytes:
        """Return what of the file `data` brings. Raises InvalidRequest for what is no form."""
        self._held += data
        given = bytearray()
        while self._step(given):
            pass
        return bytes(given)

    def end(self) -> None:
        """Say that there is no more. Raises InvalidRequest where no whole file has come."""
        if not self.is_complete:
            raise InvalidRequest(
                "The form ended before its file did: the field 'file' is missing or cut off.",
                param="file",
                code="missing_field",
            )

    def _step(self, given: bytearray) -> bool:
        if self._state == "end":
            self._held.clear()
            return False
        return self._head() if self._state == "head" else self._body(given)

    def _body(self, given: bytearray) -> bool:
        at = self._held.find(self._delimiter)
        if at < 0:
            # What may be the beginning of a delimiter waits for the rest.
            safe = max(0, len(self._held) - len(self._delimiter) + 1)
            self._take(safe, given)
            return False
        after = at + len(self._delimiter)
        if len(self._held) < after + 2:
            self._take(at, given)
            return False
        self._take(at, given)
        ending = bytes(self._held[len(self._delimiter) : len(self._delimiter) + 2])
        if self._is_wanted:
            self.is_complete = True
        self._is_wanted = False
        if ending not in (b"\r\n", b"--"):
            raise InvalidRequest("The form's parts are not set apart as they should be.")
        del self._held[: len(self._delimiter)]
        self._state = "end" if ending == b"--" else "head"
        return True

    def _take(self, length: int, given: bytearray) -> None:
        if self._is_wanted:
            given += self._held[:length]
        del self._held[:length]

    def _head(self) -> bool:
        end = self._held.find(b"\r\n\r\n")
        if end < 0:
            if len(self._held) > HEAD_BYTES_MAX:
                raise InvalidRequest("The head of one of the form's parts is too long.")
            return False
        for line in bytes(self._held[:end]).split(b"\r\n"):
            found = _DISPOSITION.match(line)
            if found:
                self._describe(found[1])
        del self._held[: end + 4]
        self._state = "body"
        return True

    def _describe(self, parameters: bytes) -> None:
        known = {
            name.lower(): re.sub(rb"\\(.)", rb"\1", quoted) or plain
            for name, quoted, plain in _PARAMETER.findall(parameters)
        }
        if known.get(b"name") != self._field or self.is_complete:
            return
        self._is_wanted = True
        self.name = known.get(b"filename", b"").decode("utf-8", "replace")
