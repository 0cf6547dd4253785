"""A person at a running platform: signed in over HTTP, asking and following as the app does."""

import http.client
import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

WAIT_S = 20.0


class Refused(AssertionError):
    """An answer that is no success."""

    def __init__(self, status: int, error: dict[str, Any]) -> None:
        super().__init__(f"{status}: {error}")
        self.status = status
        self.code = error.get("code")
        self.param = error.get("param")
        self.message = str(error.get("message"))


class Event:
    """One Server-Sent Event."""

    def __init__(self, id_: str, name: str, data: Any) -> None:
        self.id = id_
        self.name = name
        self.data = data

    def __repr__(self) -> str:
        return f"{self.id} {self.name} {self.data}"


class Events:
    """A stream of events that is being read."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self._answer = answer
        self.comments = 0

    def __iter__(self) -> Iterator[Event]:
        fields: dict[str, str] = {}
        for line in self._answer:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                fields[name] = value
            elif line == b"\n" and "data" in fields:
                yield Event(fields["id"], fields["event"], json.loads(fields["data"]))
                fields = {}
            elif line.startswith(b":"):
                self.comments += 1

    def until(self, wanted: Callable[[Event], bool]) -> list[Event]:
        """Return the events up to the first that is `wanted`."""
        found = []
        for event in self:
            found.append(event)
            if wanted(event):
                return found
        raise AssertionError(f"the stream ended without it: {found[-3:]}")

    def until_ended(self, message_id: str) -> list[Event]:
        """Return the events up to the end of that answer."""
        return self.until(
            lambda e: (
                e.name == "message"
                and e.data["id"] == message_id
                and e.data["status"] not in ("queued", "running")
            )
        )


class Talker:
    """A signed-in member at the platform on `port` of loopback."""

    def __init__(self, port: int, cookie: str = "") -> None:
        self.port = port
        self.cookie = cookie
        self.session: dict[str, Any] = {}
        self._client_ids = itertools.count(1)

    @property
    def project_id(self) -> str:
        """The member's first project."""
        return str(self.session["projects"][0]["id"])

    def begin(self, sign_in_url: str, email: str = "ada@example.org") -> "Talker":
        """Take a one-time link; whoever had it is signed in."""
        token = sign_in_url.rpartition("/")[2]
        body = {
            "token": token,
            "name": email.partition("@")[0].title(),
            "email": email,
            "password": "correct horse battery staple",
            "language": "en",
        }
        self.session = self.call("POST", "/links/accept", body)
        return self

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Return the JSON of an answer. Raises Refused."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        try:
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, f"/api/v1{path}", data, self._headers(data is not None))
            answer = connection.getresponse()
            text = answer.read()
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie":
                    self.cookie = value.partition(";")[0]
            if answer.status >= 300:
                raise Refused(answer.status, json.loads(text)["error"])
            return json.loads(text) if text else None
        finally:
            connection.close()

    def _headers(self, has_body: bool) -> dict[str, str]:
        headers = {"origin": f"http://127.0.0.1:{self.port}", "x-tramontane": "1"}
        if self.cookie:
            headers["cookie"] = self.cookie
        if has_body:
            headers["content-type"] = "application/json"
        return headers

    @contextmanager
    def following(self, path: str, last_event_id: str | None = None) -> Iterator[Events]:
        """Yield the events at `path`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        headers = self._headers(has_body=False)
        if last_event_id is not None:
            headers["last-event-id"] = last_event_id
        try:
            connection.request("GET", f"/api/v1{path}", None, headers)
            with connection.getresponse() as answer:
                if answer.status != 200:
                    raise Refused(answer.status, json.loads(answer.read())["error"])
                yield Events(answer)
        finally:
            connection.close()

    def follow(self, conversation_id: str, last_event_id: str | None = None) -> Any:
        """Yield the events of a conversation."""
        return self.following(f"/conversations/{conversation_id}/events", last_event_id)

    def converse(self, model: str, **fields: Any) -> dict[str, Any]:
        """Return a new conversation."""
        body = {"project_id": self.project_id, "model": model, **fields}
        made: dict[str, Any] = self.call("POST", "/conversations", body)
        return made

    def ask(
        self, conversation_id: str, text: str, parent_id: str | None = None, **fields: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return a question and its answer to be."""
        body = {"parent_id": parent_id, "text": text, "client_id": f"c{next(self._client_ids)}"}
        sent = self.call("POST", f"/conversations/{conversation_id}/messages", {**body, **fields})
        return sent["user"], sent["answer"]

    def messages(self, conversation_id: str) -> dict[str, dict[str, Any]]:
        """Return the messages of a conversation by id."""
        found = self.call("GET", f"/conversations/{conversation_id}")["messages"]
        return {message["id"]: message for message in found}

    def ended(self, conversation_id: str, message_id: str) -> dict[str, Any]:
        """Return an answer once it has ended."""
        message: dict[str, Any] = self.until(
            lambda: self.messages(conversation_id)[message_id],
            lambda message: message["status"] not in ("queued", "running"),
        )
        return message

    def until(self, look: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
        """Return what `look` finds once it is `wanted`."""
        deadline = time.monotonic() + WAIT_S
        while not wanted(found := look()):
            assert time.monotonic() < deadline, f"it did not come: {found}"
            time.sleep(0.02)
        return found


def text_of(message: dict[str, Any]) -> str:
    """Return the text of a message."""
    return "".join(part["text"] for part in message["parts"] if part["type"] == "text")
