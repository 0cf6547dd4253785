"""Azure as a provider: Foundry's model inference (`azure`), and Azure OpenAI (`azure_openai`).

Both take OpenAI's bodies. Foundry refuses fields that its own description does not have unless a
header says to pass them on; Azure OpenAI has the deployment in its path. It does not know HTTP.
"""

from urllib.parse import quote

from tramontane.wire.azure import errors
from tramontane.wire.canonical import Answer, Piece, Request, Said
from tramontane.wire.dialect import EVENT_STREAM, StreamReader, Upstream, Written
from tramontane.wire.openai import completions, embeddings
from tramontane.wire.openai.answering import ChatReader, read_answer
from tramontane.wire.openai.asking import write_chat

FOUNDRY = "azure"
AZURE_OPENAI = "azure_openai"
FOUNDRY_VERSION = "2024-05-01-preview"
"""The version that the official client asks for (azure-ai-inference 1.0.0b9)."""
AZURE_OPENAI_VERSION = "2025-04-01-preview"
"""The last one with a date: those before it refuse reasoning models."""
_PASS_ON = b"extra-parameters: pass-through\r\n"


class AzureChatReader(ChatReader):
    """One stream of Azure OpenAI's: it begins with what its filter found in the prompt, an event
    without id, model or choice.
    """

    def take(self, data: bytes, event: bytes, out: list[Piece]) -> None:
        """Add what one event says."""
        if b'"prompt_filter_results"' in data and b'"choices":[]' in data.replace(b" ", b""):
            return
        super().take(data, event, out)


class AzureChat:
    """Chat of either service."""

    stream_type = EVENT_STREAM

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect

    def authorize(
        self, secret: str | None, *, host: str, path: str, body: bytes, now_s: float
    ) -> bytes:
        """Return the lines with the key."""
        return authorization(self.dialect, secret)

    def write(self, request: Request, *, model: str, drops: bool) -> Written:
        """Return `request` for `model`. Raises InvalidRequest for what cannot be said."""
        is_foundry = self.dialect == FOUNDRY
        written = write_chat(
            request,
            model,
            drops=drops,
            name=self.dialect,
            max_tokens_field="max_tokens" if is_foundry else "max_completion_tokens",
        )
        return addressed(self.dialect, written, model)

    def read(self, body: bytes) -> Answer:
        """Return the whole answer. Raises Broken."""
        return read_answer(body)

    def reader(self) -> StreamReader:
        """Return the reader of one stream."""
        return AzureChatReader()

    def read_error(self, body: bytes) -> Said:
        """Return what an error's body says."""
        return errors.read_error(body)


class AzureOther:
    """Another operation of either service, as OpenAI's dialect has it."""

    stream_type = EVENT_STREAM

    def __init__(self, dialect: str, inner: Upstream) -> None:
        self.dialect = dialect
        self._inner = inner

    def authorize(
        self, secret: str | None, *, host: str, path: str, body: bytes, now_s: float
    ) -> bytes:
        """Return the lines with the key."""
        return authorization(self.dialect, secret)

    def write(self, request: Request, *, model: str, drops: bool) -> Written:
        """Return `request` for `model`. Raises InvalidRequest for what cannot be said."""
        written = self._inner.write(request, model=model, drops=drops)
        return addressed(self.dialect, written, model)

    def read(self, body: bytes) -> Answer:
        """Return the whole answer. Raises Broken."""
        return self._inner.read(body)

    def reader(self) -> StreamReader:
        """Return the reader of one stream."""
        return self._inner.reader()

    def read_error(self, body: bytes) -> Said:
        """Return what an error's body says."""
        return errors.read_error(body)


def authorization(dialect: str, secret: str | None) -> bytes:
    """Return the lines with the key: Foundry's models read one or the other, so both are sent, as
    the official client does.
    """
    if secret is None:
        return b""
    key = secret.encode()
    line = b"api-key: %b\r\n" % key
    return line if dialect == AZURE_OPENAI else b"authorization: Bearer %b\r\n%b" % (key, line)


def addressed(dialect: str, written: Written, model: str) -> Written:
    """Return `written` with the path that `dialect` has for it."""
    path, fields = written.path, written.fields
    if dialect == FOUNDRY:
        path, fields = f"{path}?api-version={FOUNDRY_VERSION}", fields + _PASS_ON
    else:
        name = quote(model, safe="")
        path = f"/deployments/{name}{path}?api-version={AZURE_OPENAI_VERSION}"
    return Written(path=path, body=written.body, fields=fields, dropped=written.dropped)


CHAT = AzureChat(FOUNDRY)
EMBEDDINGS = AzureOther(FOUNDRY, embeddings.UPSTREAM)
OPENAI_CHAT = AzureChat(AZURE_OPENAI)
OPENAI_COMPLETIONS = AzureOther(AZURE_OPENAI, completions.UPSTREAM)
OPENAI_EMBEDDINGS = AzureOther(AZURE_OPENAI, embeddings.UPSTREAM)
