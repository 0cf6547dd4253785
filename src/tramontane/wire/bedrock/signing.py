"""AWS Signature Version 4, as Bedrock wants its requests signed.

Facts: docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html. A pure function of the request
and the time; the tests hold it against botocore's own. It does not know what is asked.
"""

import hashlib
import hmac
import re
import time
from urllib.parse import quote

import msgspec

from tramontane.errors import ConfigError

SERVICE = "bedrock"
REGION_ASSUMED = "us-east-1"
_ALGORITHM = "AWS4-HMAC-SHA256"
_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+){1,3}-\d{1,2}")


class Credentials(msgspec.Struct, frozen=True):
    """Who signs: an access key, its secret, and the session's token where it is a temporary one."""

    key_id: str
    secret: str
    token: str | None = None


def credentials_of(secret: str) -> Credentials | None:
    """Return what `ACCESS_KEY_ID:SECRET[:SESSION_TOKEN]` says; None for an API key of Bedrock's,
    which has no colon. Raises ConfigError for any other form.
    """
    parts = secret.split(":")
    if len(parts) == 1:
        return None
    if len(parts) > 3 or not all(parts):
        raise ConfigError(
            "A key for Amazon Bedrock is an API key of Bedrock's, or"
            " ACCESS_KEY_ID:SECRET_ACCESS_KEY, with :SESSION_TOKEN where it is temporary."
        )
    return Credentials(*parts)


def region_of(host: str) -> str:
    """Return the region that `host` names.

    >>> region_of("bedrock-runtime.eu-central-1.amazonaws.com")
    'eu-central-1'
    """
    for label in host.lower().partition(":")[0].split("."):
        if _REGION.fullmatch(label):
            return label
    return REGION_ASSUMED


def sign(
    credentials: Credentials, *, host: str, path: str, body: bytes, now_s: float, region: str
) -> list[tuple[str, str]]:
    """Return the head's fields that sign a POST to `path` (with its query) at Unix time `now_s`."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_s))
    signed = [("host", host), ("x-amz-date", stamp)]
    if credentials.token is not None:
        signed.append(("x-amz-security-token", credentials.token))
    names = ";".join(name for name, _ in signed)
    plain, _, query = path.partition("?")
    request = "\n".join((
        "POST",
        quote(plain, safe="/~-._"),  # each segment is encoded twice, everywhere but in S3
        query,
        *(f"{name}:{value}" for name, value in signed),
        "",
        names,
        hashlib.sha256(body).hexdigest(),
    ))  # fmt: skip
    scope = f"{stamp[:8]}/{region}/{SERVICE}/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join((_ALGORITHM, stamp, scope, digest))
    key = ("AWS4" + credentials.secret).encode()
    for word in scope.split("/"):
        key = hmac.digest(key, word.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    authorization = (
        f"{_ALGORITHM} Credential={credentials.key_id}/{scope},"
        f" SignedHeaders={names}, Signature={signature}"
    )
    return [*signed[1:], ("authorization", authorization)]
