"""POST /v1/messages/count_tokens: how many tokens a prompt has.

A provider of this dialect counts itself, free of charge. For any other the count is an estimate
from the length of what was sent, and says so in the field `estimated`.
"""

from typing import Any

import msgspec

from tramontane.wire.anthropic.client import Messages
from tramontane.wire.anthropic.provider import Provider
from tramontane.wire.canonical import (
    Answer,
    Broken,
    Call,
    File,
    Image,
    Message,
    Request,
    Result,
    Text,
    Thinking,
)
from tramontane.wire.dialect import Asked, Written

PATH = "/messages/count_tokens"
BYTES_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4
TOKENS_PER_IMAGE = 1_600  # the most that its documentation gives for one image
BYTES_PER_FILE_TOKEN = 26  # of base64: some 60 kB and 2,300 tokens a page of a PDF
_UNCOUNTED = frozenset((
    "max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences", "metadata",
    "service_tier",
))  # fmt: skip

_ENCODE = msgspec.json.Encoder().encode


class _Count(msgspec.Struct):
    input_tokens: int


_DECODE = msgspec.json.Decoder(_Count).decode


class CountClient(Messages):
    """The endpoint."""

    def __init__(self) -> None:
        super().__init__(needs_limit=False)

    def read(self, body: bytes, model: str | None, query: bytes) -> Asked:
        """Return what is asked; it has no stream, and nothing is charged for its length."""
        asked = super().read(body, model, query)
        request = msgspec.structs.replace(asked.request, operation="count_tokens", stream=False)
        return msgspec.structs.replace(asked, request=request, prompt_bytes=0, images=0)

    def write(self, answer: Answer, asked: Asked) -> bytes:
        """Return an estimate."""
        return _ENCODE({"input_tokens": estimate_tokens(asked.request), "estimated": True})


class Counter(Provider):
    """The provider's own count, asked for in the client's own words."""

    def forward(self, asked: Asked, *, model: str, max_tokens: int | None) -> Written:
        """Return the client's own request for `model`."""
        fields = {name: raw for name, raw in asked.fields.items() if name not in _UNCOUNTED}
        sent = super().forward(
            msgspec.structs.replace(asked, fields=fields), model=model, max_tokens=None
        )
        body = msgspec.json.decode(sent.body, type=dict[str, msgspec.Raw])
        del body["max_tokens"]
        return Written(path=PATH, body=_ENCODE(body), fields=sent.fields, dropped=sent.dropped)

    def read(self, body: bytes) -> Answer:
        """Return an answer that has used nothing. Raises Broken."""
        try:
            _DECODE(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Broken(f"The provider's answer is no count: {error}.") from None
        return Answer(id="", model="")


def estimate_tokens(request: Request) -> int:
    """Return about how many tokens the prompt of `request` has."""
    tokens = sum(TOKENS_PER_MESSAGE + _tokens(message) for message in request.messages)
    for tool in request.tools:
        size = len(tool.name) + len(tool.description or "") + len(bytes(tool.schema))
        tokens += TOKENS_PER_MESSAGE + -(-size // BYTES_PER_TOKEN)
    return tokens


def _tokens(message: Message) -> int:
    tokens = text_bytes = 0
    pending: list[Any] = list(message.parts)
    while pending:
        part = pending.pop()
        if isinstance(part, Text | Thinking):
            text_bytes += len(part.text.encode())
        elif isinstance(part, Call):
            text_bytes += len(part.name) + len(part.arguments)
        elif isinstance(part, Image):
            tokens += TOKENS_PER_IMAGE
        elif isinstance(part, File):
            tokens += len(part.data) // BYTES_PER_FILE_TOKEN
        elif isinstance(part, Result):
            pending.extend(part.parts)
    return tokens + -(-text_bytes // BYTES_PER_TOKEN)


CLIENT = CountClient()
COUNTER = Counter()
