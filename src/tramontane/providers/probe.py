"""Asks a provider once, before it is entered: is it there, does it take the key, which models.

Its name is looked up once, and the address that was checked is the one connected to; TLS is
verified for the name; redirects are not followed; what it says is cut short, and never repeats the
key. It asks in the dialect of the address, with a real small request. It does not know who may ask,
nor which addresses are allowed: `reach` does.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from types import MappingProxyType
from typing import Literal

import httpx
import msgspec

from tramontane.config import MaxTokensField, Origin
from tramontane.errors import TramontaneError
from tramontane.wire import upstreams
from tramontane.wire.canonical import Began, Broken, Counted, Message, Request, Text
from tramontane.wire.dialect import StreamReader
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
# Where each dialect lists its models, and what has to be said there; Bedrock's list has an origin
# of its own, which keys are not sent to.
_LISTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "openai": ("/models", {}),
    "mistral": ("/models", {}),
    "anthropic": ("/models?limit=1000", {"anthropic-version": "2023-06-01"}),
    "google": ("/models?pageSize=1000", {}),
}

Problem = Literal[
    "unreachable",
    "tls",
    "timeout",
    "redirect",
    "key_refused",
    "not_found",
    "refused",
    "protocol",
    "no_list",
]


# Some have no list, and some keys may not read it: the model that is named may answer all the same.
_PERHAPS_ALL_THE_SAME = ("not_found", "protocol", "key_refused")


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
        dialect: str = "openai",
        clock_s: Callable[[], float] = time.monotonic,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._origin = origin
        self._addresses = addresses[:ADDRESSES_TRIED]
        self._key = key
        self._ca_file = ca_file
        self._dialect = dialect
        self._clock_s = clock_s
        self._wall_s = wall_s

    async def ask(self, model: str | None, max_tokens_field: MaxTokensField) -> Probe:
        """Return what its list of models says, and how `model`, where one is named, begins."""
        models: tuple[str, ...] = ()
        try:
            async with asyncio.timeout(WHOLE_TIMEOUT_S), self._client() as client:
                try:
                    models = await self._list(client)
                except _Failed as failed:
                    if model is None or failed.problem not in _PERHAPS_ALL_THE_SAME:
                        raise
                if model is None:
                    return self._listed(models)
                if self._dialect == "openai":
                    first_token_ms = await self._chat(client, model, max_tokens_field)
                else:
                    first_token_ms = await self._translated(client, model)
        except TimeoutError:
            return self._probe(_Failed("timeout", "It did not answer in time."), models)
        except _Failed as failed:
            return self._probe(failed, models)
        message = f"'{model}' answers; its first word took {first_token_ms} ms."
        return Probe(
            message=self._without_key(message), models=models, first_token_ms=first_token_ms
        )

    def _listed(self, models: tuple[str, ...]) -> Probe:
        if self._dialect not in _LISTS:
            return Probe(
                problem="no_list",
                message="It has no list of models here; name a model, so that it can be asked.",
            )
        return Probe(message=_counted(models), models=models)

    def _probe(self, failed: _Failed, models: tuple[str, ...]) -> Probe:
        message = self._without_key(failed.message)
        return Probe(problem=failed.problem, message=message, models=models)

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "[key]") if self._key else text

    def _client(self) -> httpx.AsyncClient:
        fields = {"accept-encoding": "identity", "user-agent": "tramontane"}
        fields["host"] = self._host
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

    @property
    def _host(self) -> str:
        origin = self._origin
        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        return host if origin.port in (80, 443) else f"{host}:{origin.port}"

    def _credentials(self, path: str, body: bytes) -> dict[str, str]:
        """Return the head's lines that prove who asks, as the dialect has it."""
        upstream = upstreams.find(self._dialect)
        if self._dialect == "openai" or upstream is None:
            return {"authorization": f"Bearer {self._key}"} if self._key else {}
        try:
            lines = upstream.authorize(
                self._key,
                host=self._host,
                path=self._origin.base_path + path,
                body=body,
                now_s=self._wall_s(),
            )
        except TramontaneError as error:
            raise _Failed("key_refused", error.message) from None
        return _fields_of(lines)

    @contextlib.asynccontextmanager
    async def _answer(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        body: bytes = b"",
        fields: Mapping[str, str] = MappingProxyType({}),
    ) -> AsyncIterator[httpx.Response]:
        """Yield the answer of the first address that can be connected to."""
        origin = self._origin
        sent = {**self._credentials(path, body), **fields}
        if body:
            sent["content-type"] = "application/json"
        scheme = "https" if origin.tls else "http"
        for address in self._addresses:
            at = f"[{address}]" if ":" in address else address
            request = client.build_request(
                method,
                f"{scheme}://{at}:{origin.port}{origin.base_path}{path}",
                content=body or None,
                headers=sent,
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
        if self._dialect not in _LISTS:
            return ()
        path, fields = _LISTS[self._dialect]
        async with self._answer(client, "GET", path, fields=fields) as answer:
            body = await _body(answer)
            if answer.status_code != 200:
                raise self._refusal(answer.status_code, body, "/models")
        try:
            if self._dialect == "google":
                found = [m.name for m in msgspec.json.decode(body, type=_GoogleModels).models]
            else:
                found = [m.id for m in msgspec.json.decode(body, type=_Models).data]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _Failed("protocol", f"Its list of models is not in {self._form}.") from None
        names = sorted({name.removeprefix("models/") for name in found if len(name) <= 200})
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
        sent = msgspec.json.encode(body)
        async with self._answer(client, "POST", "/chat/completions", sent) as answer:
            if answer.status_code != 200:
                body_said = await _body(answer)
                raise self._refusal(answer.status_code, body_said, "/chat/completions")
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                raise _Failed("protocol", "It does not stream its answers.")
            await self._first_event(answer)
        return max(1, round((self._clock_s() - began_s) * 1000))

    async def _translated(self, client: httpx.AsyncClient, model: str) -> int:
        """Return after how many milliseconds `model` began to answer in its own dialect."""
        upstream = upstreams.find(self._dialect)
        if upstream is None:
            raise _Failed("protocol", f"Nothing is known of the dialect {self._dialect}.")
        hello = Message("user", (Text("Hello"),))
        request = Request(model=model, messages=(hello,), max_tokens=PROBE_TOKENS, stream=True)
        try:
            written = upstream.write(request, model=model, drops=True)
        except TramontaneError as error:
            raise _Failed("refused", error.message) from None
        began_s = self._clock_s()
        fields = _fields_of(written.fields)
        async with self._answer(client, "POST", written.path, written.body, fields) as answer:
            if answer.status_code != 200:
                body = await _body(answer)
                path = written.path.partition("?")[0]
                status = upstream.read_error(body).status or answer.status_code
                raise self._refusal(status, body, path)
            kind = answer.headers.get("content-type", "")
            if not kind.startswith(upstream.stream_type.decode()):
                raise _Failed("protocol", "It does not stream its answers.")
            await self._first_piece(answer, upstream.reader())
        return max(1, round((self._clock_s() - began_s) * 1000))

    async def _first_piece(self, answer: httpx.Response, reader: StreamReader) -> None:
        try:
            async for data in answer.aiter_raw():
                for piece in reader.feed(data):
                    if not isinstance(piece, Began | Counted):
                        return
        except Broken:
            raise _Failed("protocol", f"Its stream is not in {self._form}.") from None
        except TramontaneError as error:
            words = self._without_key(error.message)[:SAID_MOST]
            raise _Failed("refused", f"It answered with an error: {words}") from None
        raise _Failed("protocol", "Its stream ended before it had begun.")

    @property
    def _form(self) -> str:
        return "OpenAI's form" if self._dialect == "openai" else f"the form of {self._dialect}"

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


class _GoogleModel(msgspec.Struct):
    name: str


class _GoogleModels(msgspec.Struct):
    models: list[_GoogleModel]


async def _body(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for data in answer.aiter_raw():
        body += data
        if len(body) > BODY_BYTES_MOST:
            raise _Failed("protocol", "Its answer is too long.")
    return bytes(body)


def _fields_of(lines: bytes) -> dict[str, str]:
    """Return the lines of a head by name."""
    pairs = (line.partition(":") for line in lines.decode("latin-1").split("\r\n") if line)
    return {name: value.strip() for name, _, value in pairs}


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
