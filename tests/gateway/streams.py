"""Streams as upstreams send them, well formed but nasty, and a slow reader of what they mean.

The reader goes byte by byte and shares nothing with the product.
"""

import json
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

NASTY = (
    "usage", '"usage":', '{"usage": {"prompt_tokens": 9}}', "[DONE]", "data: [DONE]", "\n\ndata: x",
    "finish_reason", '"finish_reason":"stop"', '"error"', "\r\n\r\n", "\\", '\\"', "}\n\n", "é",
    "日本語", "🌬️", "\u2028", "\x00", ": comment", "0\r\n\r\n",
)  # fmt: skip
TEXT = st.one_of(st.sampled_from(NASTY), st.text(max_size=12), st.just(""))
USAGE_FORMS = ("none", "null", "event", "every", "finish")


@dataclass
class Stream:
    """A whole body, how many choices were asked for, and whether usage was injected."""

    body: bytes
    choices: int
    drops_usage: bool


@dataclass
class Meaning:
    """What a client must get of it, and what the bill is made from."""

    forwarded: bytes = b""
    usage: tuple[int, int, int] | None = None
    events: int = 0
    is_done: bool = False
    chunks: list[Any] = field(default_factory=list)


@st.composite
def streams(draw: st.DrawFn, choices: int | None = None) -> Stream:
    """Draw a stream that ends well."""
    count = choices or draw(st.integers(1, 3))
    form = draw(st.sampled_from(USAGE_FORMS))
    is_spaced, is_ascii = draw(st.booleans()), draw(st.booleans())
    end = draw(st.sampled_from(("\n", "\r\n", "\r")))
    prefix = draw(st.sampled_from(("data: ", "data:")))
    used = 0

    def event(parts: list[Any], usage: Any = None) -> str:
        chunk: dict[str, Any] = {"id": "c-1", "object": "chat.completion.chunk", "choices": parts}
        if form != "none":
            chunk["usage"] = usage
        separators = None if is_spaced else (",", ":")
        text = json.dumps(chunk, ensure_ascii=is_ascii, separators=separators)
        return prefix + text + end + end

    def tokens() -> dict[str, Any]:
        details = {"cached_tokens": draw(st.integers(0, 7))}
        return {"prompt_tokens": 7, "completion_tokens": used, "prompt_tokens_details": details}

    events = []
    open_choices = list(range(count))
    while open_choices:
        if draw(st.integers(0, 9)) == 0:
            events.append(draw(st.sampled_from((": ping", ":", "event: x", "retry: 5"))) + end * 2)
        index = draw(st.sampled_from(open_choices))
        used += 1
        is_last = draw(st.integers(0, 2)) == 0
        delta = {"content": draw(TEXT)}
        choice = {"index": index, "delta": delta, "finish_reason": "stop" if is_last else None}
        if is_last:
            open_choices.remove(index)
        says = form == "every" or (form == "finish" and not open_choices)
        events.append(event([choice], tokens() if says else None))
    if form == "event":
        events.append(event([], tokens()))
    done = draw(st.sampled_from((1, 1, 1, 0, 2)))
    events += ["data: [DONE]" + end * 2] * done
    if done and draw(st.booleans()):
        events.append(draw(st.sampled_from((": bye\n\n", "data: {", "data: [DONE]\n\n"))))
    return Stream("".join(events).encode(), count, draw(st.booleans()))


def read(stream: Stream) -> Meaning:
    """Return what `stream` means, going through it byte by byte."""
    found = Meaning()
    finished: set[int] = set()
    for raw, data in split(stream.body):
        if found.is_done:
            break
        if data is None:
            found.forwarded += raw
        elif data == "[DONE]":
            found.forwarded += raw
            found.is_done = True
        else:
            chunk = json.loads(data)
            usage = chunk.get("usage")
            if usage is not None:
                details = usage["prompt_tokens_details"]["cached_tokens"]
                found.usage = (usage["prompt_tokens"], usage["completion_tokens"], details)
            finished |= {c["index"] for c in chunk["choices"] if c["finish_reason"]}
            if usage is not None and not chunk["choices"] and stream.drops_usage:
                continue
            found.chunks.append(chunk)
            found.events += 1
            found.forwarded += raw
    if not found.is_done:
        assert len(finished) == stream.choices
        found.forwarded += b"data: [DONE]\n\n"
    return found


def split(body: bytes, errors: str = "strict") -> list[tuple[bytes, str | None]]:
    """Return (bytes, data) of each event, as the HTML standard reads them."""
    events: list[tuple[bytes, str | None]] = []
    line, lines = bytearray(), list[bytes]()
    start = at = 0
    while at < len(body):
        byte = body[at : at + 1]
        at += 1
        if byte not in (b"\r", b"\n"):
            line += byte
            continue
        if byte == b"\r" and body[at : at + 1] == b"\n":
            at += 1
        if line:
            lines.append(bytes(line))
            line.clear()
            continue
        data = [text[5:].removeprefix(b" ") for text in lines if text.startswith(b"data:")]
        said = b"\n".join(data).decode(errors=errors) if data else None
        events.append((body[start:at], said))
        lines.clear()
        start = at
    return events


def cut(draw: st.DrawFn, data: bytes, most: int = 12) -> list[bytes]:
    """Draw a way to cut `data` in pieces: at a few places, or everywhere."""
    if draw(st.integers(0, 4)) == 0:
        return [data[i : i + 1] for i in range(len(data))]
    places = sorted(draw(st.lists(st.integers(0, len(data)), max_size=most)))
    borders = [0, *places, len(data)]
    pieces = [data[a:b] for a, b in pairwise(borders)]
    return [piece for piece in pieces if piece]
