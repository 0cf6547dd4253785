"""Service accounts of Google Cloud, as Vertex AI wants to be asked: with a token that we sign.

A service account's key file signs a token of its own, which Google takes for an hour without
another request (google.aip.dev/auth/4111). The signature is RS256 (RFC 7518 §3.3). Pure functions
of key and time; the tests hold them against Google's own library.
"""

import base64
import binascii
from functools import lru_cache

import msgspec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tramontane.errors import ConfigError

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
VALID_S = 3600
PERIOD_S = 1800  # each token is used for so long, and signed once
_TOKENS_KEPT = 64


class ServiceAccount(msgspec.Struct, frozen=True):
    """What a key file says of whose it is."""

    client_email: str
    private_key: str
    private_key_id: str = ""


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
    return f"{signed}.{_part(_sign(account.private_key, signed.encode()))}"


def token(account: ServiceAccount, now_s: float) -> str:
    """Return a token that is good at `now_s` and for half an hour more at least.

    Raises ConfigError where the key file holds no key.
    """
    return _token(account, int(now_s // PERIOD_S * PERIOD_S))


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _sign(pem: str, data: bytes) -> bytes:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise ConfigError("the key file of the service account holds no RSA key that can be used")
    return key.sign(data, PKCS1v15(), SHA256())
