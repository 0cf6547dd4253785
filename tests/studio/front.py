"""A gateway's stand-in before a studio, for the browser: what it answers is scripted.

What the question says decides what happens: "budget" is refused, "break" breaks off, "queue" waits
in line, "long" does not end by itself; all else is answered with a few words.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import uvicorn

from tests.studio.conftest import Studio, Tenant
from tramontane.errors import BudgetExhausted, Unauthenticated
from tramontane.store import usage
from tramontane.studio import errors

WORDS = ("A cold, dry wind", " from the north,", " over the mountains", " and down to the sea.")


class Front:
    """An ASGI application: `/ready` and `/v1/chat/completions` here, all else in the studio."""

    def __init__(self, studio: Studio, tenant: Tenant) -> None:
        self.studio = studio
        self.tenant = tenant
        self.ready = {
            "status": "ready",
            "parts": {"gateway": "ready", "studio": "ready", "worker": "ready"},
            "models": {"demo": "ready", "large": "ready", "small": "starting"},
        }
        self.paths: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self.is_settled = True

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            self.paths.append(scope["path"])
            if scope["path"] == "/ready":
                await _respond(send, 200, msgspec.json.encode(self.ready))
                return
            if scope["path"] == "/v1/chat/completions":
                await self._chat(scope, receive, send)
                return
        await self.studio.app(scope, receive, send)

    async def _chat(self, scope: Any, receive: Any, send: Any) -> None:
        body = msgspec.json.decode((await receive())["body"])
        self.asked.append(body)
        if dict(scope["headers"])[b"authorization"] != f"Bearer {self.tenant.read}".encode():
            await _refuse(send, Unauthenticated("this key has been revoked"))
            return
        question = body["messages"][0]["content"]
        if "budget" in question:
            message = (
                "The project's budget of 10.00 USD per day is used up. It starts anew at 00:00 UTC."
            )
            await _refuse(send, BudgetExhausted(message, retry_after_s=3600))
            return
        request_id = f"req-{len(self.asked):04d}"
        headers = [(b"x-request-id", request_id.encode())]
        headers += [(b"x-tramontane-deployment", body["model"].encode())]
        if body["model"] == "demo":
            headers.append((b"x-tramontane-demonstration", b"true"))
        await self._stream(body, question, headers, send)
        if self.is_settled and "break" not in question:
            self._settle(request_id, body["model"])

    async def _stream(self, body: Any, question: str, headers: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/event-stream"), *headers]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if "queue" in question:
            await _part(send, b": queued position=12 eta_s=8\n\n")
            await asyncio.sleep(0.5)
        words = [f" {n}" for n in range(500)] if "long" in question else WORDS
        for word in words:
            await _part(send, _event({"choices": [{"index": 0, "delta": {"content": word}}]}))
            await asyncio.sleep(0.05)
        if "break" in question:
            raise ConnectionResetError("broken off, as the question asked")
        await _part(send, _event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
        counts = {"prompt_tokens": 14, "completion_tokens": 19, "total_tokens": 33}
        await _part(send, _event({"choices": [], "usage": counts}))
        await _part(send, b"data: [DONE]\n\n", is_last=True)

    def _settle(self, request_id: str, model: str) -> None:
        record = self.studio.record(
            request_id,
            self.tenant.project,
            self.tenant.key,
            model=model,
            deployment=model,
            prompt_tokens=14,
            completion_tokens=19,
            cost_nano=0 if model == "demo" else 13_500,
        )
        with self.studio.store.write() as c:
            usage.insert_many(c, [record])


@contextmanager
def serving(front: Front) -> Iterator[tuple[str, uvicorn.Server]]:
    """Serve `front` on a free port of loopback; yield its address and the server."""
    config = uvicorn.Config(
        front,
        host="127.0.0.1",
        port=0,
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=0,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", server
    finally:
        server.should_exit = True
        thread.join()


def _event(data: object) -> bytes:
    return b"data: " + msgspec.json.encode(data) + b"\n\n"


async def _part(send: Any, body: bytes, is_last: bool = False) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": not is_last})


async def _respond(send: Any, status: int, body: bytes, headers: Any = ()) -> None:
    head = [(b"content-type", b"application/json"), *headers]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await _part(send, body, is_last=True)


async def _refuse(send: Any, error: Any) -> None:
    headers = [(k.encode(), v.encode()) for k, v in errors.headers(error).items()]
    headers.append((b"x-request-id", b"req-refused"))
    await _respond(send, error.status, msgspec.json.encode(errors.envelope(error)), headers)
