"""The guide's child: answers of the guide in OpenAI's chat dialect, on loopback.

`python -m tramontane.engines.guide` talks to its supervisor as `protocol` says, and serves
POST /v1/chat/completions, whole or as a stream, GET /v1/models and GET /health. A token is a word
here: what stands between blanks. Tools are called as a model calls them. It does not know how an
answer comes about: `guide` does.
"""

import asyncio
import hmac
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from datetime import date
from typing import Any

import httptools
import msgspec

from tramontane import guide
from tramontane.engines.protocol import (
    Failed,
    Options,
    Ready,
    exit_with_parent,
    lower_risks,
    private_stdout,
    send,
)
from tramontane.errors import InvalidRequest, NotFound, TramontaneError, Unauthenticated
from tramontane.handbook import LANGUAGES

CHAT_PATH = b"/v1/chat/completions"
MOST_BODY_BYTES = 2 << 20
MOST_HEAD_BYTES = 32_768
_LINGER_S = 0.2
_PREPARE_AFTER_S = 3.0
_WORD = re.compile(r"\s*\S+")


class _Part(msgspec.Struct):
    type: str
    text: str = ""


class _Function(msgspec.Struct):
    name: str
    arguments: str = "{}"


class _ToolCall(msgspec.Struct):
    function: _Function
    id: str = ""


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Part] | None = None
    tool_calls: list[_ToolCall] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.type == "text")
        return self.content or ""

    @property
    def message(self) -> guide.Message:
        calls = [
            guide.Call(call.id, call.function.name, call.function.arguments)
            for call in self.tool_calls or ()
        ]
        return guide.Message(self.role, self.text, tuple(calls), self.tool_call_id)


class _Offered(msgspec.Struct):
    function: _Function


class _StreamOptions(msgspec.Struct):
    include_usage: bool = False


class _Request(msgspec.Struct):
    messages: list[_Message]
    stream: bool = False
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = None
    tools: list[_Offered] | None = None
    tool_choice: str | _Offered | None = None

    @property
    def callable(self) -> set[str]:
        """Return the names of the tools that may be called."""
        names = {tool.function.name for tool in self.tools or ()}
        if isinstance(self.tool_choice, _Offered):
            return names & {self.tool_choice.function.name}
        return set() if self.tool_choice == "none" else names


class _TooLong(InvalidRequest):
    """More words than the context that was promised."""

    code = "context_length_exceeded"

    def __init__(self, words: int | None, context_tokens: int) -> None:
        super().__init__("The messages are too long for the guide.", param="messages")
        self.words = words
        self.context_tokens = context_tokens


class _Answered(msgspec.Struct, frozen=True, kw_only=True):
    pieces: list[str]
    calls: list[dict[str, Any]] = []
    prompt_tokens: int
    completion_tokens: int
    finish_reason: str


def count_words(text: str) -> int:
    """Return the tokens of `text`: its words.

    >>> count_words("Où sont mes données ?")
    5
    """
    return len(text.split())


def reply(body: bytes, context_tokens: int, today: date) -> tuple[_Request, _Answered]:
    """Return the request that `body` is and the answer to it. Raises InvalidRequest."""
    try:
        request = msgspec.json.decode(body, type=_Request)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"The request cannot be read: {error}.") from None
    messages = [message.message for message in request.messages]
    words = sum(count_words(message.text) for message in messages)
    if words >= context_tokens:
        raise _TooLong(words, context_tokens)
    pieces = guide.answer(messages, guide.read_context(messages, today), request.callable)
    limit = context_tokens - words
    if request.max_tokens is not None and request.max_tokens >= 0:
        limit = min(limit, request.max_tokens)
    return request, _limited(pieces, words, limit)


def _limited(
    pieces: Iterator[guide.Piece | guide.Call], prompt_tokens: int, limit: int
) -> _Answered:
    kept: list[str] = []
    calls: list[dict[str, Any]] = []
    count = 0
    for piece in pieces:
        if isinstance(piece, guide.Call):
            count += count_words(piece.arguments)
            calls.append(_call(piece, len(calls)))
            continue
        words = _WORD.findall(piece.text)
        kept.append("".join(words[: limit - count]))
        if count + len(words) > limit:
            kept = [text for text in kept if text]
            return _Answered(
                pieces=kept,
                prompt_tokens=prompt_tokens,
                completion_tokens=limit,
                finish_reason="length",
            )
        count += len(words)
    return _Answered(
        pieces=kept,
        calls=calls,
        prompt_tokens=prompt_tokens,
        completion_tokens=count,
        finish_reason="tool_calls" if calls else "stop",
    )


def _call(call: guide.Call, index: int) -> dict[str, Any]:
    """Return a call as a stream has it; whole, in one piece."""
    return {
        "index": index,
        "id": call.id or f"call_{os.urandom(12).hex()}",
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


class _Service:
    """What the connections share."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.authorization = f"Bearer {options.api_key}".encode()
        self.created_s = int(time.time())

    def handle(self, method: bytes, path: bytes, authorization: bytes, body: bytes) -> bytes:
        """Return the whole answer to one request, head and body."""
        try:
            return self._handle(method, path, authorization, body)
        except TramontaneError as error:
            return _framed(error.status, _JSON, msgspec.json.encode({"error": _error(error)}))

    def _handle(self, method: bytes, path: bytes, authorization: bytes, body: bytes) -> bytes:
        if (method, path) == (b"GET", b"/health"):
            return _framed(200, _JSON, b'{"status":"ok"}')
        if not hmac.compare_digest(authorization, self.authorization):
            raise Unauthenticated("This needs the key of this engine.")
        if (method, path) == (b"GET", b"/v1/models"):
            model = {"id": self.options.alias, "object": "model", "created": self.created_s,
                     "owned_by": "tramontane"}  # fmt: skip
            return _framed(200, _JSON, msgspec.json.encode({"object": "list", "data": [model]}))
        if (method, path) == (b"POST", CHAT_PATH):
            return self._chat(body)
        raise NotFound("There is nothing here.")

    def _chat(self, body: bytes) -> bytes:
        if len(body) >= MOST_BODY_BYTES:
            raise _TooLong(None, self.options.context_tokens)
        request, said = reply(body, self.options.context_tokens, date.today())
        head = {
            "id": f"chatcmpl-{os.urandom(12).hex()}",
            "created": int(time.time()),
            "model": self.options.alias,
        }
        usage = {
            "prompt_tokens": said.prompt_tokens,
            "completion_tokens": said.completion_tokens,
            "total_tokens": said.prompt_tokens + said.completion_tokens,
        }
        if not request.stream:
            message: dict[str, Any] = {"role": "assistant", "content": "".join(said.pieces)}
            if said.calls:
                message["content"] = message["content"] or None
                message["tool_calls"] = [
                    {key: call[key] for key in ("id", "type", "function")} for call in said.calls
                ]
            choice = {"index": 0, "message": message, "finish_reason": said.finish_reason}
            whole = {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
            return _framed(200, _JSON, msgspec.json.encode(whole))
        shows_usage = request.stream_options is not None and request.stream_options.include_usage
        return _framed(200, _EVENTS, _events(head, said, usage if shows_usage else None))


def _events(head: dict[str, Any], said: _Answered, usage: dict[str, int] | None) -> bytes:
    head = {**head, "object": "chat.completion.chunk"}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": piece} for piece in said.pieces]
    deltas += [{"tool_calls": [call]} for call in said.calls]
    chunks: list[dict[str, Any]] = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in deltas
    ]
    last = {"index": 0, "delta": {}, "finish_reason": said.finish_reason}
    chunks.append({**head, "choices": [last]})
    if usage is not None:
        chunks.append({**head, "choices": [], "usage": usage})
    encoded = [b"data: " + msgspec.json.encode(chunk) + b"\n\n" for chunk in chunks]
    return b"".join([*encoded, b"data: [DONE]\n\n"])


_JSON = b"application/json"
_EVENTS = b"text/event-stream"
_REASONS = {200: b"OK", 400: b"Bad Request", 401: b"Unauthorized", 404: b"Not Found"}


def _framed(status: int, kind: bytes, body: bytes) -> bytes:
    reason = _REASONS.get(status, b"Error")
    return b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n%b" % (
        status, reason, kind, len(body), body,
    )  # fmt: skip


def _error(error: TramontaneError) -> dict[str, Any]:
    said: dict[str, Any] = {"message": error.message, "code": error.code, "type": error.code}
    if isinstance(error, _TooLong):  # as llama.cpp says it, which the gateway knows
        said |= {"type": "exceed_context_size_error", "n_ctx": error.context_tokens}
        if error.words is not None:
            said["n_prompt_tokens"] = error.words
    return said


class _Connection(asyncio.Protocol):
    """One connection of the gateway's; requests are answered in their order."""

    def __init__(self, service: _Service) -> None:
        self._service = service
        self._transport: asyncio.Transport | None = None
        self._begin()

    def _begin(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._path = b""
        self._authorization = b""
        self._body = bytearray()
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, ValueError):
            self._transport.close()

    # What the parser calls.

    def on_message_begin(self) -> None:
        self._path, self._authorization, self._head_bytes = b"", b"", 0
        self._body.clear()

    def on_url(self, url: bytes) -> None:
        self._path += url
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        if name.lower() == b"authorization":
            self._authorization = value

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MOST_HEAD_BYTES:
            raise ValueError("the head is too long")

    def on_body(self, body: bytes) -> None:
        self._body += body[: MOST_BODY_BYTES - len(self._body)]

    def on_message_complete(self) -> None:
        assert self._transport is not None
        answer = self._service.handle(
            self._parser.get_method(), self._path, self._authorization, bytes(self._body)
        )
        self._body.clear()
        self._transport.write(answer)
        if not self._parser.should_keep_alive():
            self._transport.close()


async def _prepare() -> None:
    """Read the handbook language by language, when the start of everything else is over."""
    await asyncio.sleep(_PREPARE_AFTER_S)
    for language in LANGUAGES:
        guide.prepare(language)
        await asyncio.sleep(0.05)


async def serve(options: Options, answer: int) -> None:
    """Serve until SIGTERM; `answer` is where Ready goes."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()

    def stop() -> None:
        if stopping.is_set():
            os._exit(0)
        stopping.set()

    loop.add_signal_handler(signal.SIGTERM, stop)
    service = _Service(options)
    server = await loop.create_server(lambda: _Connection(service), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    send(answer, Ready(f"{host}:{port}", options.context_tokens, supports_tools=True))
    preparing = loop.create_task(_prepare())
    await stopping.wait()
    preparing.cancel()
    server.close()
    await asyncio.sleep(_LINGER_S)  # every answer is whole already; let it leave


def main() -> int:
    """Serve until told to stop; return 1 where it cannot."""
    answer = private_stdout()
    lower_risks()
    try:
        options = msgspec.json.decode(sys.stdin.buffer.readline(), type=Options)
    except msgspec.MsgspecError as error:
        send(answer, Failed(f"the guide's options are wrong: {error}", True))
        return 1
    threading.Thread(target=exit_with_parent, daemon=True).start()
    asyncio.run(serve(options, answer))
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
