"""One request as its head told it, and what the head alone gets it refused for.

Anything about a head that two servers could read differently is refused, whether or not it would
matter here: there may be another server before this one. It does not know connections or keys.
"""

import re
from typing import TYPE_CHECKING

from tramontane.errors import InvalidRequest, PayloadTooLarge, TramontaneError
from tramontane.gateway.directory import Principal

if TYPE_CHECKING:
    from tramontane.gateway.endpoints import Place
    from tramontane.gateway.splice import Splice

HEADER_FIELDS_MAX = 100
SMALL_PIECE_BYTES = 4_096
_SINGLE = frozenset((
    b"host", b"authorization", b"content-type", b"content-length", b"transfer-encoding", b"expect",
    b"content-encoding", b"x-api-key", b"api-key", b"x-tramontane-act-for",
    b"idempotency-key",
))  # fmt: skip
# RFC 3986 §3.2.2, without what no name in use has.
_is_host = re.compile(rb"(?:[0-9A-Za-z._~%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?").fullmatch


class Request:
    """One request as its head told it; `body` grows until `is_complete`.

    `held_bytes` of it count as buffered; `raw_bytes` came in reads after the first.
    """

    __slots__ = (
        "body", "expects_continue", "field_count", "fields", "fields_bytes", "has_head",
        "held_bytes", "is_complete", "is_http_10", "is_private", "keep_alive", "length", "method",
        "model", "path", "place", "principal", "query", "raw_bytes", "refusal", "size", "splice",
        "target",
    )  # fmt: skip

    def __init__(self) -> None:
        self.method = b""
        self.target = b""
        self.path = b""
        self.query = b""
        self.fields: dict[bytes, bytes] = {}
        self.field_count = 0
        self.fields_bytes = 0
        self.raw_bytes = 0
        self.has_head = False
        self.length: int | None = None
        self.body: list[bytes | bytearray] = []
        self.held_bytes = 0
        self.size = 0
        self.is_complete = False
        self.is_http_10 = False
        self.is_private = False  # the studio's own
        self.keep_alive = True
        self.expects_continue = False
        self.place: Place | None = None  # what is at its path, where that is known here
        self.model: str | None = None  # which its path names
        self.principal: Principal | None = None
        self.refusal: TramontaneError | None = None
        self.splice: Splice | None = None

    @property
    def credential(self) -> bytes | None:
        """The API key as sent, in any of the headers that client libraries use."""
        fields = self.fields
        return fields.get(b"authorization") or fields.get(b"x-api-key") or fields.get(b"api-key")

    @property
    def drops(self) -> bool:
        """Whether what a provider has nothing for may be left out: as we, or as Azure, put it."""
        fields = self.fields
        return (
            fields.get(b"x-tramontane-drop", b"").lower() == b"true"
            or fields.get(b"extra-parameters", b"").lower() == b"drop"
        )

    @property
    def has_body(self) -> bool:
        """Whether the head announces a body."""
        return bool(self.length) or b"transfer-encoding" in self.fields

    def add_field(self, name: bytes, value: bytes) -> None:
        """Take in one header field; what makes the head ambiguous becomes its refusal."""
        self.fields_bytes += len(name) + len(value) + 4
        if self.has_head or self.refusal is not None:
            return  # a trailer, or a head that is refused: nobody here wants it
        self.field_count += 1
        name = name.lower()
        fields = self.fields
        if self.field_count > HEADER_FIELDS_MAX:  # repeated names count: joining them costs
            self.refusal = head_too_large()
            return
        if name in fields:
            if name in _SINGLE:
                self.refusal = InvalidRequest(
                    f"The header '{name.decode('latin-1')}' stands twice.", code="duplicate_header"
                )
            else:
                value = fields[name] + (b"; " if name == b"cookie" else b", ") + value
        fields[name] = value

    def add_body(self, data: bytes) -> None:
        """Keep a piece of the body; small ones share a buffer, or they would cost 20 times more."""
        body = self.body
        if body and len(data) < SMALL_PIECE_BYTES:
            last = body[-1]
            if isinstance(last, bytearray):
                last += data
            else:
                body.append(bytearray(data))
        else:
            body.append(data)

    def check_head(self, version: str, wants_upgrade: bool, head_bytes: int) -> None:
        """Raise what the head alone gets this request refused for."""
        if self.fields_bytes > head_bytes:
            raise head_too_large()
        if version != "1.1" and version != "1.0":
            raise InvalidRequest("Speak HTTP/1.1 (or 1.0).", status=505, code="http_version")
        if wants_upgrade:
            raise InvalidRequest(
                "Upgrade is not supported.", status=501, code="upgrade_not_supported"
            )
        fields = self.fields
        coding = fields.get(b"transfer-encoding")
        if coding is not None and (self.is_http_10 or coding.strip().lower() != b"chunked"):
            raise InvalidRequest(
                "The only transfer-encoding is chunked.", status=501, code="transfer_encoding"
            )
        host = fields.get(b"host")
        if host is None:
            if not self.is_http_10:
                raise InvalidRequest("The header 'host' is missing.", code="missing_host")
        elif _is_host(host) is None:
            raise InvalidRequest("The header 'host' names no host.", code="invalid_host")
        if not self.path.startswith(b"/") or b"#" in self.target:
            raise InvalidRequest(
                "The request target must begin with '/' and hold no '#'.", code="invalid_target"
            )
        expects = fields.get(b"expect")
        if expects is not None:
            if expects.strip().lower() != b"100-continue":
                raise InvalidRequest(
                    "Expect only 100-continue.", status=417, code="expectation_failed"
                )
            self.expects_continue = not self.is_http_10


def method_not_allowed(method: str, path: bytes) -> TramontaneError:
    """Return the refusal of another method than `method`."""
    return InvalidRequest(
        f"Use {method} for {path.decode('latin-1')}.", status=405, code="method_not_allowed"
    )


def head_too_large() -> TramontaneError:
    """Return the refusal of a head, or of a body's framing, that is larger than the cap."""
    return PayloadTooLarge("The request's head is too large.", status=431, code="head_too_large")


def body_too_large(limit: int) -> PayloadTooLarge:
    """Return the refusal of a body over `limit` bytes."""
    return PayloadTooLarge(f"The request's body is larger than {limit} bytes.")


def require_text(body: bytes) -> None:
    """Raise InvalidRequest unless `body` is UTF-8, as all JSON is: parts of it go on unread."""
    if body.isascii():
        return
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"The body is not valid JSON: it is not UTF-8 at byte {error.start}.",
            code="invalid_json",
        ) from None


def content_encoded() -> TramontaneError:
    """Return the refusal of a body that is compressed."""
    return InvalidRequest("Send the body without content-encoding.", status=415, code="encoding")
