"""The platform's signature under receipt files: Ed25519 (RFC 8032).

The private key is derived from the pepper with HKDF-SHA256 (RFC 5869), so it is kept, moved and
lost with the data folder. It does not know what is signed.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_PURPOSE = b"tramontane receipts 1"
KEY_BYTES = 32
SIGNATURE_BYTES = 64


def public_key(pepper: bytes) -> str:
    """Return the platform's public key in base64url."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = _private(pepper).public_key()
    return _text(public.public_bytes(Encoding.Raw, PublicFormat.Raw))


def sign(pepper: bytes, data: bytes) -> str:
    """Return the signature of `data` in base64url."""
    return _text(_private(pepper).sign(data))


def is_signed(key: str, signature: str, data: bytes) -> bool:
    """Whether `signature` is that of `key` under `data`; what is no key or signature is not."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        raw, signed = _bytes(key), _bytes(signature)
        if len(raw) != KEY_BYTES or len(signed) != SIGNATURE_BYTES:
            return False
        Ed25519PublicKey.from_public_bytes(raw).verify(signed, data)
    except (ValueError, InvalidSignature):
        return False
    return True


def fingerprint(key: str) -> str:
    """Return what people compare: 32 hexadecimal digits in fours.

    >>> fingerprint("AAAA")
    '709e 80c8 8487 a241 1e1e e4df b9f2 2a86'
    """
    try:
        digits = sha256(_bytes(key)).hexdigest()[:32]
    except ValueError:
        return "no key"
    return " ".join(digits[at : at + 4] for at in range(0, 32, 4))


def _private(pepper: bytes) -> "Ed25519PrivateKey":
    # Imported here: OpenSSL is loaded only where something is signed.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    seed = HKDF(SHA256(), KEY_BYTES, salt=None, info=_PURPOSE).derive(pepper)
    return Ed25519PrivateKey.from_private_bytes(seed)


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
