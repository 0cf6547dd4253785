"""Service accounts of Google Cloud, as Vertex AI wants to be asked: with a token that we sign.

A service account's key file signs a token of its own, which Google takes for an hour without
another request (google.aip.dev/auth/4111). The
signature is RS256 (RFC 7518 §3.3, RFC 8017 §8.2), with the key in PKCS #8 (RFC 5208). Pure
functions of key and time; the tests hold them against Google's own library.
"""

import base64
import binascii
import hashlib
from functools import lru_cache

import msgspec

from tramontane.errors import ConfigError

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
VALID_S = 3600
PERIOD_S = 1800  # each token is used for so long, and signed once
_TOKENS_KEPT = 64
_INTEGER, _OCTETS, _SEQUENCE = 0x02, 0x04, 0x30
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


class ServiceAccount(msgspec.Struct, frozen=True):
    """What a key file says of whose it is."""

    client_email: str
    private_key: str
    private_key_id: str = ""


class _Key(msgspec.Struct, frozen=True):
    """An RSA key, with its parts for the Chinese remainder theorem."""

    modulus: int
    exponent: int
    private: int
    p: int
    q: int
    d_p: int
    d_q: int
    q_inverse: int


def account_of(secret: str) -> ServiceAccount | None:
    """Return the account whose key file `secret` is, in base64; None where it is another secret."""
    if not secret.startswith("e"):  # what "{" begins with in base64
        return None
    try:
        return msgspec.json.decode(base64.b64decode(secret, validate=True), type=ServiceAccount)
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError):
        return None


@lru_cache(maxsize=_TOKENS_KEPT)
def _token(account: ServiceAccount, issued_s: int) -> str:
    head = {"alg": "RS256", "typ": "JWT", "kid": account.private_key_id}
    claims = {
        "iss": account.client_email,
        "sub": account.client_email,
        "iat": issued_s,
        "exp": issued_s + VALID_S,
        "scope": SCOPE,
    }
    signed = f"{_part(msgspec.json.encode(head))}.{_part(msgspec.json.encode(claims))}"
    return f"{signed}.{_part(_sign(_key(account.private_key), signed.encode()))}"


def token(account: ServiceAccount, now_s: float) -> str:
    """Return a token that is good at `now_s` and for half an hour more at least.

    Raises ConfigError where the key file holds no key.
    """
    return _token(account, int(now_s // PERIOD_S * PERIOD_S))


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _sign(key: _Key, data: bytes) -> bytes:
    size = (key.modulus.bit_length() + 7) // 8
    info = _SHA256_INFO + hashlib.sha256(data).digest()
    padded = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
    message = int.from_bytes(padded, "big")
    by_p, by_q = pow(message, key.d_p, key.p), pow(message, key.d_q, key.q)
    signature = by_q + (key.q_inverse * (by_p - by_q)) % key.p * key.q
    if pow(signature, key.exponent, key.modulus) != message:
        raise _unusable()
    return signature.to_bytes(size, "big")


def _key(pem: str) -> _Key:
    """Return the key of `pem`. Raises ConfigError."""
    lines = [line.strip() for line in pem.strip().splitlines()]
    if lines[:1] != ["-----BEGIN PRIVATE KEY-----"] or lines[-1] != "-----END PRIVATE KEY-----":
        raise _unusable()
    try:
        outer = _children(_one(base64.b64decode("".join(lines[1:-1]), validate=True), _SEQUENCE))
        inner = _children(_one(_octets(outer), _SEQUENCE))
        numbers = [int.from_bytes(value, "big") for kind, value in inner if kind == _INTEGER]
        return _Key(*numbers[1:9])
    except (binascii.Error, ValueError, IndexError, TypeError):
        raise _unusable() from None


def _unusable() -> ConfigError:
    return ConfigError("the key file of the service account holds no RSA key that can be used")


def _octets(parts: list[tuple[int, bytes]]) -> bytes:
    return next((value for kind, value in parts if kind == _OCTETS), b"")


def _one(data: bytes, expected: int) -> bytes:
    (kind, value), *_ = _children(data)
    if kind != expected:
        raise ValueError("another kind of value stands there")
    return value


def _children(data: bytes) -> list[tuple[int, bytes]]:
    """Return the values of DER that stand in `data`, each with its kind."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(data):
        kind, size = data[at], data[at + 1]
        at += 2
        if size & 0x80:
            wide = size & 0x7F
            size = int.from_bytes(data[at : at + wide], "big")
            at += wide
        if at + size > len(data):
            raise ValueError("a value is longer than what it stands in")
        found.append((kind, data[at : at + size]))
        at += size
    return found
