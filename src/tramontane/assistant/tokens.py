"""Tokens and vectors for the studio, asked of the gateway like any client does, in a member's name.

Over the gateway's private socket, with the service key, for the key of a membership or an embed:
so that whatever the assistant asks is admitted, limited and billed as theirs. It does not know
conversations, nor which model is asked.
"""

import struct
from base64 import b64decode
from collections.abc import AsyncGenerator, Mapping, Sequence
from functools import partial
from typing import Any

import httpx
import msgspec

from tramontane.assistant.gateway_loads import loads
from tramontane.assistant.gateway_states import GatewayStates
from tramontane.assistant.tokenstream import (
    Event,
    Finished,
    Opened,
    Queued,
    ReasoningDelta,
    TextDelta,
    TokenStream,
    ToolCallDelta,
    error_of,
)
from tramontane.errors import TramontaneError, Unavailable, UpstreamFailed

__all__ = [
    "Event",
    "Finished",
    "Opened",
    "Queued",
    "ReasoningDelta",
    "TextDelta",
    "TokenClient",
    "ToolCallDelta",
]

CONNECT_TIMEOUT_S = 5.0
ERROR_BYTES_MOST = 1_048_576
EMBEDDING_TIMEOUT_S = 60.0
_ADDRESS = "http://gateway/v1/chat/completions"
_EMBEDDINGS = "http://gateway/v1/embeddings"
_encode = msgspec.json.Encoder().encode


class TokenClient:
    """The way to the gateway. One for the whole studio; it keeps nothing between requests.

    `states()` tells how deployments are by the gateway's account, `loads()` how busy; None where
    the gateway says nothing.
    """

    def __init__(self, socket_path: str, service_key: str) -> None:
        self._client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(
                uds=socket_path,
                verify=False,  # no TLS inside a socket: load no certificates for it
                # A unix connection costs next to nothing, and one that was kept may be just ending.
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            ),
            headers={
                "authorization": f"Bearer {service_key}",
                "content-type": "application/json",
                "accept-encoding": "identity",
                "user-agent": "tramontane-studio",
            },
            # The gateway holds every deadline, and ends each stream in time.
            timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S),
            trust_env=False,
        )
        self.states = GatewayStates(socket_path)
        self.loads = partial(loads, socket_path)

    async def stream(self, key_id: str, body: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
        """Yield what the model answers to `body`, a chat request, as the key `key_id`.

        In this order: `Queued` while it waits, `Opened`, deltas, `Finished` last. Closing the
        iterator (`aclose`, or cancelling the task) ends the request at once, and what it costs.
        Raises the gateway's error, before or within the answer, with its code, param and
        `retry_after_s`; Unavailable where the gateway cannot be reached or goes away.
        """
        sent = {**body, "stream": True, "stream_options": {"include_usage": True}}
        reader = TokenStream(str(body.get("model", "")))
        try:
            async with self._client.stream(
                "POST", _ADDRESS, content=_encode(sent), headers={"x-tramontane-act-for": key_id}
            ) as answer:
                if answer.status_code != 200:
                    raise await _refusal(answer)
                reader.begin(answer.headers)
                async for data in answer.aiter_raw():
                    for event in reader.feed(data):
                        yield event
                reader.end()
        except httpx.ConnectError:
            raise Unavailable("The gateway is starting, or not up.", retry_after_s=1) from None
        except httpx.TransportError:
            raise Unavailable(
                "The gateway went away in the middle of the answer.",
                code="gateway_lost",
                retry_after_s=1,
            ) from None

    async def embed(self, key_id: str, model: str, texts: Sequence[str]) -> list[tuple[float, ...]]:
        """Return a vector for each text, as the key `key_id`.

        Raises the gateway's error; Unavailable where it cannot be reached.
        """
        body = {"model": model, "input": list(texts), "encoding_format": "base64"}
        try:
            async with self._client.stream(
                "POST",
                _EMBEDDINGS,
                content=_encode(body),
                headers={"x-tramontane-act-for": key_id},
                timeout=EMBEDDING_TIMEOUT_S,
            ) as answer:
                if answer.status_code != 200:
                    raise await _refusal(answer)
                said = await answer.aread()
        except httpx.TransportError:
            raise Unavailable("The gateway did not give vectors.", retry_after_s=1) from None
        return _vectors(said, len(texts))

    async def aclose(self) -> None:
        """End what is still open."""
        await self._client.aclose()


class _Vector(msgspec.Struct):
    embedding: str | list[float]
    index: int


class _Vectors(msgspec.Struct):
    data: list[_Vector]


def _vectors(said: bytes, count: int) -> list[tuple[float, ...]]:
    """Return the vectors of an answer in their order; some providers know no base64."""
    try:
        data = sorted(msgspec.json.decode(said, type=_Vectors).data, key=lambda one: one.index)
        found = [
            tuple(one.embedding)
            if isinstance(one.embedding, list)
            else tuple(value for (value,) in struct.iter_unpack("<f", b64decode(one.embedding)))
            for one in data
        ]
    except (msgspec.DecodeError, struct.error, ValueError):
        found = []
    if len(found) != count:
        raise UpstreamFailed("The deployment for embeddings gave no vector for each text.")
    return found


async def _refusal(answer: httpx.Response) -> TramontaneError:
    body = b""
    async for data in answer.aiter_raw():
        body += data
        if len(body) > ERROR_BYTES_MOST:
            break
    return error_of(body, answer.status_code, answer.headers)
