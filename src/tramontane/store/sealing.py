"""Secrets that have to be read again, such as a provider's key: sealed with the pepper.

AES-256-GCM (NIST SP 800-38D) under a key derived with HKDF-SHA256 (RFC 5869). The store alone, or a
copy of it, tells nothing. What a secret is for is sealed in with it, so that one moved to another
record does not open there. It does not know what it seals.
"""

import secrets

from tramontane.errors import ConfigError

_VERSION = b"\x01"
_NONCE_BYTES = 12
_PURPOSE = b"tramontane sealed secrets 1"


def seal(pepper: bytes, secret: str, bound_to: str) -> bytes:
    """Return `secret` sealed for the one use that `bound_to` names."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(_key(pepper)).encrypt(nonce, secret.encode(), bound_to.encode())
    return _VERSION + nonce + sealed


def unseal(pepper: bytes, sealed: bytes, bound_to: str) -> str:
    """Return the secret in `sealed`.

    Raises ConfigError where it was sealed with another pepper or for another use, or is damaged.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    try:
        if sealed[:1] != _VERSION or len(nonce) < _NONCE_BYTES:
            raise InvalidTag
        return AESGCM(_key(pepper)).decrypt(nonce, rest, bound_to.encode()).decode()
    except (InvalidTag, UnicodeDecodeError):
        raise ConfigError(
            "a sealed key cannot be opened: the file `pepper` is not the one it was sealed with;"
            " enter the key again"
        ) from None


def _key(pepper: bytes) -> bytes:
    # Imported here: who keeps no secrets of this kind, most gateways, does not load OpenSSL for it.
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), 32, salt=None, info=_PURPOSE).derive(pepper)
