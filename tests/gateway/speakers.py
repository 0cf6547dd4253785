"""Every dialect that clients speak, as little of each as it takes to ask and to see how it ended.

Their own libraries are tried elsewhere; here bytes are looked at, where a library would smooth over
what is broken.
"""

import json
from typing import Any, NamedTuple

MAX_TOKENS = 60


class Told(NamedTuple):
    """What an answer says: its text, whether it ended well, whether it ended with an error."""

    text: str
    is_whole: bool
    is_failed: bool


def events(body: bytes) -> list[Any]:
    """The JSON of each event of a stream; `[DONE]` as that word."""
    found: list[Any] = []
    for event in body.replace(b"\r", b"").decode().split("\n\n"):
        for line in event.split("\n"):
            if line.startswith("data: "):
                data = line[6:]
                found.append(data if data == "[DONE]" else json.loads(data))
    return found


def _chunks(body: bytes) -> Told:
    said = events(body)
    deltas = [c["delta"] for e in said if e != "[DONE]" for c in e.get("choices", ())]
    text = "".join(_text(delta.get("content")) for delta in deltas)
    failed = bool(said) and said[-1] != "[DONE]" and "error" in said[-1]
    failed |= bool(said) and isinstance(said[-1], dict) and said[-1].get("object") == "error"
    return Told(text, said[-1:] == ["[DONE]"] and said.count("[DONE]") == 1, failed)


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return content or ""


def _messages(body: bytes) -> Told:
    said = events(body)
    text = "".join(e["delta"].get("text", "") for e in said if e["type"] == "content_block_delta")
    kinds = [e["type"] for e in said]
    whole = kinds.count("message_stop") == 1 and kinds[-1] == "message_stop"
    return Told(text, whole, kinds[-1:] == ["error"])


def _responses(body: bytes) -> Told:
    said = events(body)
    kinds = [e["type"] for e in said]
    text = "".join(e["delta"] for e in said if e["type"] == "response.output_text.delta")
    whole = "response.completed" in kinds or "response.incomplete" in kinds
    return Told(text, whole, "response.failed" in kinds or "error" in kinds)


def _lines(body: bytes) -> Told:
    said = [json.loads(line) for line in body.splitlines() if line]
    text = "".join(e.get("message", {}).get("content", "") for e in said)
    whole = sum(1 for e in said if e.get("done")) == 1 and bool(said[-1].get("done"))
    return Told(text, whole, bool(said) and "error" in said[-1])


class Speaker(NamedTuple):
    """How a dialect asks and is answered."""

    path: str
    limit: str
    read_stream: Any
    read_text: Any
    input: str = "messages"
    extra: dict[str, Any] = {}

    def body(self, content: str, *, model: str, stream: bool, **fields: Any) -> bytes:
        """A request to say `content` back."""
        asked: dict[str, Any] = {
            "model": model,
            self.input: [{"role": "user", "content": content}],
            "stream": stream,
            **self.extra,
            **fields,
        }
        if self.limit == "options":
            asked["options"] = {"num_predict": MAX_TOKENS}
        else:
            asked[self.limit] = MAX_TOKENS
        return json.dumps(asked).encode()


def _chat_text(answer: Any) -> str:
    return _text(answer["choices"][0]["message"]["content"])


SPEAKERS = {
    "openai": Speaker("/v1/chat/completions", "max_tokens", _chunks, _chat_text),
    "responses": Speaker(
        "/v1/responses",
        "max_output_tokens",
        _responses,
        lambda answer: "".join(
            part["text"]
            for item in answer["output"]
            if item["type"] == "message"
            for part in item["content"]
        ),
        "input",
    ),
    "mistral": Speaker("/mistral/v1/chat/completions", "max_tokens", _chunks, _chat_text),
    "azure": Speaker(
        "/azure/chat/completions?api-version=2024-05-01-preview",
        "max_tokens",
        _chunks,
        _chat_text,
    ),
    "anthropic": Speaker(
        "/anthropic/v1/messages",
        "max_tokens",
        _messages,
        lambda answer: "".join(part.get("text", "") for part in answer["content"]),
    ),
    "ollama": Speaker("/api/chat", "options", _lines, lambda answer: answer["message"]["content"]),
}

# Where a stand-in speaks each dialect of providers.
PROVIDERS = {
    "openai": "/v1",
    "mistral": "/mistral/v1",
    "azure": "/azure",
    "azure_openai": "/azure/openai",
    "anthropic": "/v1",
    "google": "/v1beta",
    "bedrock": "",
}
