"""Asks a provider once, before it is entered: is it there, does it take the key, which models.

Its name is looked up once, and the address that was checked is the one connected to; TLS is
verified for the name; redirects are not followed; what it says is cut short, and never repeats the
key. It does not know who may ask, nor which addresses are allowed: `reach` does.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Literal

import httpx
import msgspec

from tramontane.config import MaxTokensField, Origin
from tramontane.wire.openai.events import DONE, read_event
from tramontane.wire.sse import EventSplitter, EventTooLarge, data_of

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0
WHOLE_TIMEOUT_S = 45.0
BODY_BYTES_MOST = 4 * 1024 * 1024
MODELS_MOST = 1_000
SAID_MOST = 300
ADDRESSES_TRIED = 3
PROBE_TOKENS = 16

Problem = Literal[
    "unreachable", "tls", "timeout", "redirect", "key_refused", "not_found", "refused", "protocol"
]


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `problem` is None where it worked; `first_token_ms` where a model was
    asked.
    """

    problem: Problem | None = None
    message: str
    models: tuple[str, ...] = ()
    first_token_ms: int | None = None


class _Failed(Exception):
    def __init__(self, problem: Problem, message: str) -> None:
        super().__init__(message)
        self.problem: Problem = problem
        self.message = message


class Prober:
    """Asks at one origin, at addresses that have been checked."""

    def __init__(
        self,
        origin: Origin,
        addresses: list[str],
        key: str | None,
        *,
        ca_file: str | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._origin = origin
        self._addresses = addresses[:ADDRESSES_TRIED]
        self._key = key
        self._ca_file = ca_file
        self._clock_s = clock_s

    async def ask(self, model: str | None, max_tokens_field: MaxTokensField) -> Probe:
        """Return what its list of models says, and how `model`, where one is named, begins."""
        models: tuple[str, ...] = ()
        try:
            async with asyncio.timeout(WHOLE_TIMEOUT_S), self._client() as client:
                try:
                    models = await self._list(client)
                except _Failed as failed:
                    if model is None or failed.problem not in ("not_found", "protocol"):
                        raise  # some have no list, and answer all the same
                if model is None:
                    return Probe(message=_counted(models), models=models)
                first_token_ms = await self._chat(client, model, max_tokens_field)
        except TimeoutError:
            return self._probe(_Failed("timeout", "It did not answer in time."), models)
        except _Failed as failed:
            return self._probe(failed, models)
        message = f"'{model}' answers; its first word took {first_token_ms} ms."
        return Probe(
            message=self._without_key(message), models=models, first_token_ms=first_token_ms
        )

    def _probe(self, failed: _Failed, models: tuple[str, ...]) -> Probe:
        message = self._without_key(failed.message)
        return Probe(problem=failed.problem, message=message, models=models)

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "[key]") if self._key else text

    def _client(self) -> httpx.AsyncClient:
        fields = {"accept-encoding": "identity", "user-agent": "tramontane"}
        if self._key:
            fields["authorization"] = f"Bearer {self._key}"
        origin = self._origin
        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        fields["host"] = host if origin.port in (80, 443) else f"{host}:{origin.port}"
        try:
            verify = ssl.create_default_context(cafile=self._ca_file)
        except OSError:
            raise _Failed("tls", "The setting upstream.ca_file cannot be used.") from None
        return httpx.AsyncClient(
            headers=fields,
            verify=verify,
            follow_redirects=False,
            trust_env=False,
            timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        )

    @contextlib.asynccontextmanager
    async def _answer(
        self, client: httpx.AsyncClient, method: str, path: str, body: Any = None
    ) -> AsyncIterator[httpx.Response]:
        """Yield the answer of the first address that can be connected to."""
        origin = self._origin
        scheme = "https" if origin.tls else "http"
        for address in self._addresses:
            at = f"[{address}]" if ":" in address else address
            request = client.build_request(
                method,
                f"{scheme}://{at}:{origin.port}{origin.base_path}{path}",
                json=body,
                extensions={"sni_hostname": origin.host},
            )
            try:
                answer = await client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if address == self._addresses[-1]:
                    raise _unreachable(error) from None
                continue
            except httpx.TimeoutException:
                raise _Failed("timeout", "It did not answer in time.") from None
            except httpx.TransportError:
                raise _Failed("protocol", "It broke off, or does not speak HTTP.") from None
            try:
                yield answer
            except httpx.TimeoutException:
                raise _Failed("timeout", "It stopped in the middle of its answer.") from None
            except httpx.TransportError:
                raise _Failed("protocol", "It broke off in the middle of its answer.") from None
            finally:
                await answer.aclose()
            return
        raise _Failed("unreachable", "The name has no address.")

    async def _list(self, client: httpx.AsyncClient) -> tuple[str, ...]:
        async with self._answer(client, "GET", "/models") as answer:
            body = await _body(answer)
            if answer.status_code != 200:
                raise self._refusal(answer.status_code, body, "/models")
        try:
            listed = msgspec.json.decode(body, type=_Models).data
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _Failed("protocol", "Its list of models is not in OpenAI's form.") from None
        names = sorted({model.id for model in listed if len(model.id) <= 200})
        return tuple(self._without_key(name) for name in names[:MODELS_MOST])

    async def _chat(self, client: httpx.AsyncClient, model: str, field: MaxTokensField) -> int:
        """Return after how many milliseconds `model` began to answer."""
        body = {
            "model": model,
            "messages": [{"role": "user", "content": "Hello"}],
            "stream": True,
            field: PROBE_TOKENS,
        }
        began_s = self._clock_s()
        async with self._answer(client, "POST", "/chat/completions", body) as answer:
            if answer.status_code != 200:
                body_said = await _body(answer)
                raise self._refusal(answer.status_code, body_said, "/chat/completions")
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                raise _Failed("protocol", "It does not stream its answers.")
            await self._first_event(answer)
        return max(1, round((self._clock_s() - began_s) * 1000))

    async def _first_event(self, answer: httpx.Response) -> None:
        """Wait for the first event of a stream that says something."""
        splitter = EventSplitter()
        try:
            async for data in answer.aiter_raw():
                for event in splitter.feed(data):
                    said = data_of(event)
                    if said is None or said == DONE:
                        continue
                    read = read_event(said)
                    if read.is_error or not read.is_valid:
                        raise _Failed("refused", f"It answered with an error: {self._words(said)}")
                    return
        except EventTooLarge:
            raise _Failed("protocol", "Its stream cannot be read.") from None
        raise _Failed("protocol", "Its stream ended before it had begun.")

    def _refusal(self, status: int, body: bytes, path: str) -> _Failed:
        words = self._words(body)
        said = f" It says: {words}" if words else ""
        if status in (401, 403):
            return _Failed("key_refused", f"It does not take this key (status {status}).{said}")
        if 300 <= status < 400:
            return _Failed("redirect", "It sends on to another address, which is never followed.")
        if status == 404:
            return _Failed(
                "not_found", f"There is nothing at {path}; most addresses end in /v1.{said}"
            )
        return _Failed("refused", f"It answered with status {status}.{said}")

    def _words(self, body: bytes) -> str:
        """Return the message of an error, cut short; nothing where it has none."""
        words = self._without_key(" ".join(_message(body).split()))
        return words if len(words) <= SAID_MOST else words[:SAID_MOST] + "…"


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


async def _body(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for data in answer.aiter_raw():
        body += data
        if len(body) > BODY_BYTES_MOST:
            raise _Failed("protocol", "Its answer is too long.")
    return bytes(body)


def _counted(models: tuple[str, ...]) -> str:
    return f"It offers {len(models)} models." if len(models) != 1 else "It offers one model."


def _unreachable(error: httpx.TransportError) -> _Failed:
    if isinstance(error, httpx.ConnectTimeout):
        return _Failed("unreachable", "It cannot be reached: no connection in time.")
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return _Failed("tls", f"Its certificate is not good: {seen.verify_message}.")
        if isinstance(seen, ssl.SSLError):
            return _Failed("tls", "It does not speak TLS at this address.")
        seen = seen.__cause__ or seen.__context__
    return _Failed("unreachable", "It cannot be reached: the connection was refused.")


def _message(body: bytes) -> str:
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    error = said.get("error", said) if isinstance(said, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) else ""
