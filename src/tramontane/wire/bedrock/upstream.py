"""Bedrock's side towards providers: Converse and ConverseStream.

A secret is an API key of Bedrock's, sent as a bearer's, or an access key of AWS, with which each
request is signed. It does not know addresses; the host says the region.
"""

from urllib.parse import quote

import msgspec

from tramontane.wire.bedrock import answers, requests, signing
from tramontane.wire.canonical import Answer, Request, Said
from tramontane.wire.dialect import StreamReader, Written
from tramontane.wire.unsaid import Unsaid

EVENT_STREAM = b"application/vnd.amazon.eventstream"


class BedrockUpstream:
    """Writes Converse and reads what comes back."""

    dialect = requests.DIALECT
    stream_type = EVENT_STREAM

    def authorize(
        self, secret: str | None, *, host: str, path: str, body: bytes, now_s: float
    ) -> bytes:
        """Return the head's lines with the key or the signature; nothing without a secret.

        Raises ConfigError where the secret has no form that AWS knows.
        """
        if secret is None:
            return b""
        credentials = signing.credentials_of(secret)
        if credentials is None:
            return b"authorization: Bearer %b\r\n" % secret.encode()
        region = signing.region_of(host)
        fields = signing.sign(
            credentials, host=host, path=path, body=body, now_s=now_s, region=region
        )
        return "".join(f"{name}: {value}\r\n" for name, value in fields).encode()

    def write(self, request: Request, *, model: str, drops: bool) -> Written:
        """Return `request` for `model`; what cannot be said is refused, or dropped with `drops`."""
        unsaid = Unsaid(requests.DIALECT, drops=drops)
        made = requests.body(request, model, unsaid)
        operation = "converse-stream" if request.stream else "converse"
        path = f"/model/{quote(model, safe='-._~')}/{operation}"
        return Written(path=path, body=msgspec.json.encode(made), dropped=unsaid.names)

    def read(self, body: bytes) -> Answer:
        """Return the whole answer. Raises Broken."""
        return answers.read_answer(body)

    def reader(self) -> StreamReader:
        """Return the reader of one stream."""
        return answers.Reader()

    def read_error(self, body: bytes) -> Said:
        """Return what an error's body says; empty where it says nothing in this form."""
        return answers.read_said(body)


UPSTREAM = BedrockUpstream()
