"""Signatures are those that Amazon's own signer makes."""

import datetime
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tramontane.errors import ConfigError
from tramontane.wire.bedrock.signing import Credentials, credentials_of, region_of, sign
from tramontane.wire.bedrock.upstream import UPSTREAM

HOST = "bedrock-runtime.eu-central-1.amazonaws.com"
PATHS = (
    "/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse",
    "/base/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A123%3Ainference-profile%2Fx/converse-stream",
    "/model/m/converse",
)


def of_botocore(
    credentials: Credentials, *, host: str, path: str, body: bytes, now_s: float, region: str
) -> dict[str, str]:
    """What botocore signs the same request with."""
    from botocore import auth, awsrequest
    from botocore import credentials as kinds

    request = awsrequest.AWSRequest(
        method="POST", url=f"https://{host}{path}", data=body, headers={"host": host}
    )
    keys = kinds.Credentials(credentials.key_id, credentials.secret, credentials.token)
    signer = auth.SigV4Auth(keys, "bedrock", region)
    then = datetime.datetime.fromtimestamp(now_s, datetime.UTC)
    with mock.patch.object(auth, "get_current_datetime", lambda *_: then.replace(tzinfo=None)):
        signer.add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


def check(**asked: Any) -> None:
    expected = of_botocore(**asked)
    made = dict(sign(**asked))
    assert made["authorization"] == expected["authorization"]
    assert made["x-amz-date"] == expected["x-amz-date"]
    assert made.get("x-amz-security-token") == expected.get("x-amz-security-token")


@pytest.mark.parametrize("token", [None, "IQoJb3JpZ2luX2VjEPH+/=="])
@pytest.mark.parametrize("path", PATHS)
def test_a_signature_is_botocores(path: str, token: str | None) -> None:
    check(
        credentials=Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token),
        host=HOST,
        path=path,
        body=b'{"messages":[]}',
        now_s=1_795_360_000.9,
        region="eu-central-1",
    )


@settings(deadline=None, max_examples=30)
@given(
    st.binary(max_size=80),
    st.integers(0, 4_000_000_000),
    st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=40),
    st.sampled_from(PATHS),
    st.sampled_from((HOST, "127.0.0.1:8000")),
)
def test_it_is_for_any_request(
    body: bytes, now_s: float, secret: str, path: str, host: str
) -> None:
    check(
        credentials=Credentials("AKID", secret),
        host=host,
        path=path,
        body=body,
        now_s=now_s,
        region="us-east-1",
    )


@pytest.mark.parametrize(
    ("host", "region"),
    [
        (HOST, "eu-central-1"),
        ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("bedrock-runtime.ap-southeast-2.api.aws", "ap-southeast-2"),
        ("bedrock-runtime.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"),
        ("vpce-0a-1b.bedrock-runtime.eu-west-3.vpce.amazonaws.com", "eu-west-3"),
        ("BEDROCK-RUNTIME.US-EAST-2.AMAZONAWS.COM:443", "us-east-2"),
        ("127.0.0.1:8080", "us-east-1"),
    ],
)
def test_the_host_names_the_region(host: str, region: str) -> None:
    assert region_of(host) == region


def test_what_a_secret_is() -> None:
    assert credentials_of("ABSKQmVkcm9ja0FQSUtleQ==") is None
    assert credentials_of("AKIA:s/+") == Credentials("AKIA", "s/+", None)
    assert credentials_of("ASIA:s:token==") == Credentials("ASIA", "s", "token==")
    for wrong in ("a:b:c:d", "AKIA:", ":s", "a::t"):
        with pytest.raises(ConfigError, match="ACCESS_KEY_ID"):
            credentials_of(wrong)


def test_the_head_says_who_asks() -> None:
    def lines(secret: str | None) -> bytes:
        return UPSTREAM.authorize(secret, host=HOST, path=PATHS[0], body=b"{}", now_s=0.0)

    assert lines(None) == b""
    assert lines("ABSKey") == b"authorization: Bearer ABSKey\r\n"
    signed = lines("AKIA:s:t")
    assert signed.startswith(b"x-amz-date: 19700101T000000Z\r\nx-amz-security-token: t\r\n")
    assert b"Credential=AKIA/19700101/eu-central-1/bedrock/aws4_request" in signed
    assert signed.endswith(b"\r\n")
