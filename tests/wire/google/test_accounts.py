"""Tokens of a service account are those that Google's own library makes."""

import base64
import json
from typing import Any

import pytest

from tramontane.errors import ConfigError
from tramontane.wire.google.accounts import SCOPE, ServiceAccount, account_of, token
from tramontane.wire.google.upstream import UPSTREAM

EMAIL = "runner@project.iam.gserviceaccount.com"
NOW_S = 1_795_361_234.5


@pytest.fixture(scope="module")
def pem() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    made: bytes = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return made.decode()


def secret_of(pem: str, **more: Any) -> str:
    """The key file as it comes from Google, in base64."""
    said = {"type": "service_account", "client_email": EMAIL, "private_key": pem}
    file = {**said, "private_key_id": "k1", "token_uri": "https://x", **more}
    return base64.b64encode(json.dumps(file, indent=2).encode()).decode()


def test_a_token_is_googles(pem: str) -> None:
    from google.auth import crypt, jwt

    account = account_of(secret_of(pem))
    assert account is not None
    made = token(account, NOW_S)
    issued_s = int(NOW_S // 1800 * 1800)
    claims = {
        "iss": EMAIL,
        "sub": EMAIL,
        "iat": issued_s,
        "exp": issued_s + 3600,
        "scope": SCOPE,
    }
    signers: Any = crypt.RSASigner
    signer = signers.from_string(pem, key_id="k1")
    encode: Any = jwt.encode
    theirs = encode(signer, claims).decode()
    head, payload, signature = made.split(".")
    assert json.loads(decoded(head)) == json.loads(decoded(theirs.split(".")[0]))
    assert json.loads(decoded(payload)) == claims
    assert decoded(signature) == signer.sign(f"{head}.{payload}".encode())


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_a_token_is_good_for_half_an_hour_at_least(pem: str) -> None:
    account = account_of(secret_of(pem))
    assert account is not None
    for now_s in (0.0, 1799.9, 1800.0, NOW_S):
        claims = json.loads(decoded(token(account, now_s).split(".")[1]))
        assert claims["iat"] <= now_s < claims["exp"] - 1799
    assert token(account, 10.0) is token(account, 20.0)  # signed once


def test_it_goes_as_a_bearers(pem: str) -> None:
    line = UPSTREAM.authorize(secret_of(pem), host="h", path="/p", body=b"", now_s=NOW_S)
    assert line.startswith(b"authorization: Bearer ey")
    assert line.endswith(b"\r\n")


@pytest.mark.parametrize("secret", ["AIzaSy", "eyJhIjoxfQ==", "e", "e###", "eyJ"])
def test_what_is_no_key_file_is_a_key(secret: str) -> None:
    assert account_of(secret) is None
    line = UPSTREAM.authorize(secret, host="h", path="/p", body=b"", now_s=0.0)
    assert line == b"x-goog-api-key: %b\r\n" % secret.encode()


@pytest.mark.parametrize(
    "key",
    [
        "",
        "no PEM",
        "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n!!\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nMAUEAzABAA==\n-----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nMAUEAzABAA==\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_a_key_file_without_a_key_is_said_to_be_one(key: str) -> None:
    with pytest.raises(ConfigError, match="service account"):
        token(ServiceAccount(EMAIL, key), NOW_S)
