"""Google's side towards providers: Gemini's API, and Vertex AI, which differs in its base address.

An API key goes into `x-goog-api-key`. For Vertex AI a secret is also a service account's key file
in base64, with which tokens are signed, or an OAuth access token, for as long as that lasts. Facts:
ai.google.dev/api, cloud.google.com/vertex-ai/generative-ai/docs. It does not know addresses.
"""

from urllib.parse import quote

import msgspec

from tramontane.wire.canonical import Answer, Request, Said
from tramontane.wire.dialect import EVENT_STREAM, StreamReader, Written
from tramontane.wire.google import accounts, answers, embeddings, requests
from tramontane.wire.unsaid import Unsaid

_ACCESS_TOKEN = "ya29."


class GoogleUpstream:
    """Writes generateContent and reads what comes back."""

    dialect = requests.DIALECT
    stream_type = EVENT_STREAM

    def authorize(
        self, secret: str | None, *, host: str, path: str, body: bytes, now_s: float
    ) -> bytes:
        """Return the head's line with the key; nothing where there is none.

        Raises ConfigError where a service account's key file holds no key.
        """
        if secret is None:
            return b""
        if (account := accounts.account_of(secret)) is not None:
            secret = accounts.token(account, now_s)
            return b"authorization: Bearer %b\r\n" % secret.encode()
        if secret.startswith(_ACCESS_TOKEN):
            return b"authorization: Bearer %b\r\n" % secret.encode()
        return b"x-goog-api-key: %b\r\n" % secret.encode()

    def write(self, request: Request, *, model: str, drops: bool) -> Written:
        """Return `request` for `model`; what cannot be said is refused, or dropped with `drops`."""
        name = model if "/" in model else f"models/{model}"
        path = "/" + quote(name, safe="/.-_~@")
        unsaid = Unsaid(requests.DIALECT, drops=drops)
        if request.operation == "embeddings":
            made = embeddings.body(request, name, unsaid)
            path += ":batchEmbedContents"
        else:
            made = requests.body(request, model, unsaid)
            path += ":streamGenerateContent?alt=sse" if request.stream else ":generateContent"
        return Written(path=path, body=msgspec.json.encode(made), dropped=unsaid.names)

    def read(self, body: bytes) -> Answer:
        """Return the whole answer. Raises Broken."""
        if embeddings.is_embeddings(body):
            return embeddings.read_answer(body)
        return answers.read_answer(body)

    def reader(self) -> StreamReader:
        """Return the reader of one stream."""
        return answers.Reader()

    def read_error(self, body: bytes) -> Said:
        """Return what an error's body says; empty where it says nothing in this form."""
        return answers.read_said(body)


UPSTREAM = GoogleUpstream()
