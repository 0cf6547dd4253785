"""A gateway's stand-in before a studio, for the browser: what it answers is scripted.

What the question says decides what happens: "budget" is refused, "break" breaks off, "queue" waits
in line, "long" does not end by itself, "markup" is answered with some; all else with a few words.
"""

import asyncio
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import uvicorn

from tests.studio.conftest import Studio, Tenant
from tramontane.errors import BudgetExhausted, TramontaneError, Unauthenticated
from tramontane.store import usage
from tramontane.studio import errors

WORDS = ("A cold, dry wind", " from the north,", " over the mountains", " and down to the sea.")
MARKUP = ('<img src="http://127.0.0.1:9/x">', "<script>document.title='owned'</script>", "**bold**")
COST_NANO = 13_500
SPENT = "The project's budget of 10.00 USD per day is used up; it starts anew at 00:00 UTC."


class Front:
    """An ASGI application: `/ready` and `/v1/chat/completions` here, all else in the studio."""

    def __init__(self, studio: Studio, tenant: Tenant) -> None:
        self.studio = studio
        self.tenant = tenant
        self.asked = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection."""
        if scope["path"] == "/ready":
            state = {
                "status": "ready",
                "parts": {"gateway": "ready", "studio": "ready", "worker": "ready"},
                "models": {"demo": "ready", "large": "ready", "small": "starting"},
            }
            await _respond(send, 200, msgspec.json.encode(state))
        elif scope["path"] == "/v1/chat/completions":
            await self._chat(scope, receive, send)
        else:
            await self.studio.app(scope, receive, send)

    async def _chat(self, scope: Any, receive: Any, send: Any) -> None:
        body = msgspec.json.decode((await receive())["body"])
        question = body["messages"][0]["content"]
        key = dict(scope["headers"])[b"authorization"].removeprefix(b"Bearer ").decode()
        if key not in (self.tenant.read, self.tenant.infer):
            await _refuse(send, Unauthenticated("this key has been revoked"))
        elif "budget" in question:
            await _refuse(send, BudgetExhausted(SPENT, retry_after_s=3600))
        else:
            await self._answer(body["model"], question, send)

    async def _answer(self, model: str, question: str, send: Any) -> None:
        self.asked += 1
        request_id = f"req-{self.asked:04d}"
        headers = {"content-type": "text/event-stream", "x-request-id": request_id}
        headers["x-tramontane-deployment"] = model
        if model == "demo":
            headers["x-tramontane-demonstration"] = "true"
        await _start(send, 200, headers)
        if "queue" in question:
            await _part(send, b": queued position=12 eta_s=8\n\n")
            await asyncio.sleep(0.3)
        for word in _words(question):
            await _event(send, {"choices": [{"index": 0, "delta": {"content": word}}]})
            await asyncio.sleep(0.02)
        if "break" in question:
            raise ConnectionResetError("broken off, as the question asked")
        await _event(send, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        await _event(send, {"choices": [], "usage": {"prompt_tokens": 14, "completion_tokens": 19}})
        self._settle(request_id, model)
        await _part(send, b"data: [DONE]\n\n", is_last=True)

    def _settle(self, request_id: str, model: str) -> None:
        record = self.studio.record(
            request_id,
            self.tenant.project,
            self.tenant.key,
            model=model,
            deployment=model,
            started_at_ms=self.studio.now_ms,
            prompt_tokens=14,
            completion_tokens=19,
            cost_nano=0 if model == "demo" else COST_NANO,
        )
        with self.studio.store.write() as c:
            usage.insert_many(c, [record])


class Address:
    """A front at one port of loopback, which may go away and come back."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._port = 0
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Begin to answer, at the same port as before."""
        config = uvicorn.Config(
            self._front,
            host="127.0.0.1",
            port=self._port,
            log_config=None,
            lifespan="off",
            timeout_graceful_shutdown=0,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
        self._port = self._server.servers[0].sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Stop answering."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()
        self._server = self._thread = None


@contextmanager
def serving(front: Front) -> Iterator[Address]:
    """Serve `front` on a free port of loopback."""
    address = Address(front)
    address.start()
    try:
        yield address
    finally:
        address.stop()


def _words(question: str) -> Iterable[str]:
    if "long" in question:
        return (f" {n}" for n in range(2000))
    return MARKUP if "markup" in question else WORDS


async def _start(send: Any, status: int, headers: dict[str, str]) -> None:
    fields = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": fields})


async def _part(send: Any, body: bytes, is_last: bool = False) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": not is_last})


async def _event(send: Any, data: object) -> None:
    await _part(send, b"data: " + msgspec.json.encode(data) + b"\n\n")


async def _respond(
    send: Any, status: int, body: bytes, headers: dict[str, str] | None = None
) -> None:
    await _start(send, status, {"content-type": "application/json", **(headers or {})})
    await _part(send, body, is_last=True)


async def _refuse(send: Any, error: TramontaneError) -> None:
    headers = {"x-request-id": "req-refused", **errors.headers(error)}
    await _respond(send, error.status, msgspec.json.encode(errors.envelope(error)), headers)
