"""What is sent and what must come back, byte for byte.

Requests are ordinary chat completions of a wanted size; answers and events have the sizes and
the form of the published API. It does no I/O.
"""

import json
import re

PROVIDER_KEY = "provider-key-of-the-benchmark"
STREAM = re.compile(rb'"stream"\s*:\s*true')
INCLUDE_USAGE = re.compile(rb'"include_usage"\s*:\s*true')
LAST_CHUNK = b"0\r\n\r\n"

_WORDS = (
    "The north wind crosses the mountains in winter; la tramontane souffle «fort», dit-on,\n"
    'and "clears the sky" in two days, seldom three. Wie weit trägt sie? Lejos, lontano. '
)


def request_body(model: str, size_bytes: int, *, stream: bool) -> bytes:
    """Return a chat completion request of exactly `size_bytes` (at least about 300)."""
    document: dict[str, object] = {
        "model": model,
        "messages": [
            {"role": "system", "content": "Answer briefly and name your source."},
            {"role": "user", "content": ""},
        ],
        "temperature": 0.7,
        "max_tokens": 512,
    }
    if stream:
        document["stream"] = True
    empty = _encode(document)
    text = (_WORDS * (size_bytes // len(_WORDS) + 1))[: size_bytes - len(empty)]
    while True:
        document["messages"][1]["content"] = text  # type: ignore[index]
        body = _encode(document)
        excess = len(body) - size_bytes
        if excess <= 0:
            return body + b" " * -excess
        text = text[: -max(1, excess // 2)]


def request(port: int, path: str, key: str, body: bytes) -> bytes:
    """Return `body` with the head of a keep-alive POST."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
        "User-Agent: benchmark/1\r\nAccept: application/json\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def answer(size_bytes: int = 1_024) -> bytes:
    """Return a chat completion of about `size_bytes`, usage included.

    It holds no quote or dollar sign that would need care inside nginx's configuration.
    """
    words = "a plain sentence of the answer, which goes on for a while; "
    document = {
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "object": "chat.completion",
        "created": 1741569952,
        "model": "bench-1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": _usage(128),
        "service_tier": "default",
        "system_fingerprint": "fp_44709d6fcb",
    }
    room = size_bytes - len(_encode(document))
    document["choices"][0]["message"]["content"] = (words * 20)[:room]  # type: ignore[index]
    return _encode(document)


def events(count: int, *, usage: bool) -> list[bytes]:
    """Return the `count` events of one streamed answer, then usage if asked for, then [DONE].

    The last of the `count` carries the finish reason and no content. Where usage is asked for,
    every other event says `"usage":null`, as the published API does.
    """
    deltas: list[tuple[dict[str, str], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": f" word{index % 97:02d}"}, None) for index in range(count - 2)]
    deltas.append(({}, "stop"))
    extra: dict[str, object] = {"usage": None} if usage else {}
    lines = [
        _chunk([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}], extra)
        for delta, reason in deltas
    ]
    if usage:
        lines.append(_chunk([], {"usage": _usage(count)}))
    return [b"data: " + line + b"\n\n" for line in [*lines, b"[DONE]"]]


def message(size_bytes: int = 1_024) -> bytes:
    """Return a whole answer as Anthropic spells it, of about `size_bytes`, usage included."""
    words = "a plain sentence of the answer, which goes on for a while; "
    document = _message([{"type": "text", "text": ""}], "end_turn", _message_usage(128))
    room = size_bytes - len(_encode(document))
    document["content"][0]["text"] = (words * 20)[:room]  # type: ignore[index]
    return _encode(document)


def message_events(count: int) -> list[bytes]:
    """Return one streamed answer as Anthropic spells it, with as much text as `events` has."""
    said: list[dict[str, object]] = [
        {"type": "message_start", "message": _message([], None, _message_usage(1))},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    ]
    said += [
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": f" word{index % 97:02d}"},
        }
        for index in range(count - 2)
    ]
    said.append({"type": "content_block_stop", "index": 0})
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    said.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": count}})
    said.append({"type": "message_stop"})
    return [
        b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), _encode(event)) for event in said
    ]


def _message(
    content: list[dict[str, object]], stop_reason: str | None, usage: dict[str, object]
) -> dict[str, object]:
    return {
        "id": "msg_013Zva2CMHLNnXjNJJKqJ2EF",
        "type": "message",
        "role": "assistant",
        "model": "bench-1",
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": usage,
    }


def _message_usage(output_tokens: int) -> dict[str, object]:
    return {
        "input_tokens": 211,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output_tokens,
        "service_tier": "standard",
    }


def accepted_streams(count: int) -> frozenset[bytes]:
    """Return the bodies a client that did not ask for usage may rightly receive.

    As the upstream sends them to such a client; or with the usage event that the gateway asked
    for taken out again (`"usage":null` in the others stays), or left in.
    """
    asked = events(count, usage=True)
    without = asked[:count] + asked[count + 1 :]
    return frozenset(b"".join(form) for form in (events(count, usage=False), without, asked))


def framed(event: bytes) -> bytes:
    """Return `event` as one HTTP/1.1 chunk."""
    return b"%x\r\n%s\r\n" % (len(event), event)


def unframed(chunks: bytes) -> bytes:
    """Return the body of a complete chunked message; ValueError where the framing is broken."""
    parts: list[bytes] = []
    position = 0
    while True:
        line_end = chunks.index(b"\r\n", position)
        size = int(chunks[position:line_end].partition(b";")[0], 16)
        position = line_end + 2 + size
        if chunks[position : position + 2] != b"\r\n":
            raise ValueError("a chunk does not end where its size says")
        if size == 0:
            if position + 2 != len(chunks):
                raise ValueError("bytes follow the last chunk")
            return b"".join(parts)
        parts.append(chunks[line_end + 2 : position])
        position += 2


def _usage(completion_tokens: int) -> dict[str, object]:
    return {
        "prompt_tokens": 211,
        "completion_tokens": completion_tokens,
        "total_tokens": 211 + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    }


def _chunk(choices: list[dict[str, object]], extra: dict[str, object]) -> bytes:
    document: dict[str, object] = {
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "object": "chat.completion.chunk",
        "created": 1741569952,
        "model": "bench-1",
        "service_tier": "default",
        "system_fingerprint": "fp_44709d6fcb",
        "choices": choices,
        **extra,
    }
    return _encode(document)


def _encode(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
