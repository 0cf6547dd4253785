"""What a chat request asks for: its top level, read once and written again.

The body is read as {name: raw bytes}; only what routing, limits and bills depend on is looked
into. A name that only differs by case from one of those, or that stands twice, is refused, since
two readers could disagree about it. It does not know deployments or prices.
"""

import json
import re
from typing import Any

import msgspec

from tramontane.errors import InvalidRequest

CHOICES_MAX = 128
TOKENS_MAX = 10_000_000
FIELDS_MAX = 256
_EXPLAINED_BYTES = 1_048_576

CONTROLLED = frozenset(
    ("model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "n")
)
KNOWN = CONTROLLED | frozenset(
    [
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "metadata",
        "modalities",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "top_k",
        "min_p",
        "user",
        "verbosity",
        "web_search_options",
    ]
)

_TOP = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STR = msgspec.json.Decoder(str)
_INT = msgspec.json.Decoder(int)
_ENCODE = msgspec.json.Encoder()
_NAME = re.compile(rb'[ \t\r\n]*[{,][ \t\r\n]*("(?:[^"\\]|\\.)*")[ \t\r\n]*:[ \t\r\n]*')
_ASCII_ESCAPE = re.compile(rb"\\u00[2-7]")

TRUE = msgspec.Raw(b"true")
FALSE = msgspec.Raw(b"false")
INCLUDE_USAGE = msgspec.Raw(b'{"include_usage":true}')


class Intent(msgspec.Struct, frozen=True, gc=False):
    """A chat request as understood. `prompt_bytes` excludes the data of images."""

    fields: dict[str, msgspec.Raw]
    model: str
    stream: bool
    include_usage: bool
    max_tokens: int | None
    choices: int
    images: int
    prompt_bytes: int


def read_chat(body: bytes) -> Intent:
    """Return the intent of a chat completions body; InvalidRequest names the field at fault."""
    try:
        fields = _TOP.decode(body)
    except msgspec.ValidationError:
        raise InvalidRequest(
            "The body must be a JSON object such as"
            ' {"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}.',
            code="invalid_json",
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(
            f"The body is not valid JSON: {error}. Check quotes, commas and brackets.",
            code="invalid_json",
        ) from None
    _refuse_ambiguous(fields, body)
    model = _text(fields, "model")
    messages = fields.get("messages")
    if messages is None or not _is_filled_array(messages):
        raise _wrong("messages", "an array of messages, at least one", messages)
    stream = "stream" in fields and _flag(fields, "stream")
    max_tokens = _count(fields, "max_tokens") if "max_tokens" in fields else None
    if "max_completion_tokens" in fields:
        max_tokens = max(_count(fields, "max_completion_tokens") or 0, max_tokens or 0) or None
    choices = (_count(fields, "n", CHOICES_MAX) or 1) if "n" in fields else 1
    include_usage = "stream_options" in fields and _include_usage(fields, stream)
    images, image_bytes = 0, 0
    if b'url"' in body or (b"\\u00" in body and _ASCII_ESCAPE.search(body) is not None):
        images, image_bytes = _inspect_parts(messages)
    return Intent(
        fields,
        model,
        stream,
        include_usage,
        max_tokens,
        choices,
        images,
        len(body) - image_bytes,
    )


def _is_filled_array(raw: msgspec.Raw) -> bool:
    head = bytes(memoryview(raw)[:2])
    return head[:1] == b"[" and head != b"[]"


def encode(fields: dict[str, msgspec.Raw]) -> bytes:
    """Return the body for `fields`."""
    return _ENCODE.encode(fields)


def _refuse_ambiguous(fields: dict[str, msgspec.Raw], body: bytes) -> None:
    if len(fields) > FIELDS_MAX:
        raise InvalidRequest(f"More than {FIELDS_MAX} top-level fields.", code="too_many_fields")
    size = 1
    for name, raw in fields.items():
        size += len(name) + 4 + memoryview(raw).nbytes
        if name not in KNOWN:
            folded = name.casefold()
            if folded in CONTROLLED:
                raise InvalidRequest(
                    f"Unknown field '{name}': did you mean '{folded}'? Field names are lower-case.",
                    code="unknown_field",
                    param=name,
                )
    if size != len(body):  # not compact: see whether every byte is accounted for
        _refuse_duplicates(fields, body)


def _refuse_duplicates(fields: dict[str, msgspec.Raw], body: bytes) -> None:
    at = 0
    for raw in fields.values():
        name = _NAME.match(body, at)
        if name is None or not body.startswith(memoryview(raw).tobytes(), name.end()):
            break
        at = name.end() + memoryview(raw).nbytes
    else:
        if body[at:].strip() == b"}" or not fields:
            return
    if len(body) > _EXPLAINED_BYTES:
        raise InvalidRequest("A field stands twice or has an escaped name.", code="duplicate_field")
    top = json.loads(body, object_pairs_hook=list)
    names = [name for name, _ in top]
    for name_text in names:
        if names.count(name_text) > 1:
            raise InvalidRequest(
                f"The field '{name_text}' stands twice. Send it once.",
                code="duplicate_field",
                param=name_text,
            )


def _wrong(name: str, expected: str, raw: msgspec.Raw | None) -> InvalidRequest:
    if raw is None:
        return InvalidRequest(
            f"The field '{name}' is missing; it must be {expected}.",
            code="missing_field",
            param=name,
        )
    shown = bytes(memoryview(raw)[:40]).decode("utf-8", "replace")
    return InvalidRequest(
        f"The field '{name}' must be {expected}, not {shown}.", code="invalid_type", param=name
    )


def _text(fields: dict[str, msgspec.Raw], name: str) -> str:
    raw = fields.get(name)
    try:
        if raw is not None:
            return _STR.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    raise _wrong(name, "a string", raw)


def _flag(fields: dict[str, msgspec.Raw], name: str) -> bool:
    raw = fields.get(name)
    if raw is None:
        return False
    word = bytes(raw)
    if word == b"true":
        return True
    if word in (b"false", b"null"):
        return False
    raise _wrong(name, "true or false", raw)


def _count(fields: dict[str, msgspec.Raw], name: str, most: int = TOKENS_MAX) -> int | None:
    raw = fields.get(name)
    if raw is None or bytes(raw) == b"null":
        return None
    try:
        value = _INT.decode(raw)
    except msgspec.DecodeError:
        raise _wrong(name, "a whole number", raw) from None
    if not 1 <= value <= most:
        raise InvalidRequest(
            f"The field '{name}' must be between 1 and {most}, not {value}.",
            code="invalid_value",
            param=name,
        )
    return value


def _include_usage(fields: dict[str, msgspec.Raw], stream: bool) -> bool:
    raw = fields["stream_options"]
    if bytes(raw) == b"null":
        return False
    try:
        options = _TOP.decode(raw)
    except msgspec.DecodeError:
        raise _wrong("stream_options", "an object", raw) from None
    if not stream:
        raise InvalidRequest(
            "The field 'stream_options' is only allowed when 'stream' is true.",
            code="invalid_value",
            param="stream_options",
        )
    try:
        return _flag(options, "include_usage")
    except InvalidRequest as error:
        error.param = "stream_options.include_usage"
        raise


def _inspect_parts(messages: msgspec.Raw) -> tuple[int, int]:
    """Return (images, bytes of their data); refuse any address that is not `data:`.

    An engine or provider would fetch such an address on the caller's behalf.
    """
    images = size = 0
    try:
        decoded = msgspec.json.decode(messages)
    except msgspec.DecodeError:
        raise _wrong("messages", "an array of messages", messages) from None
    for i, message in enumerate(decoded):
        content = message.get("content") if isinstance(message, dict) else None
        if not isinstance(content, list):
            continue
        for j, part in enumerate(content):
            for url, place in _addresses(part):
                if not url.startswith("data:"):
                    raise InvalidRequest(
                        "Images and files are taken as data: addresses only"
                        ' ("data:image/png;base64,…"); other addresses are never fetched.',
                        code="address_not_allowed",
                        param=f"messages[{i}].content[{j}].{place}",
                    )
                images += 1
                size += len(url)
    return images, size


def _addresses(part: Any) -> list[tuple[str, str]]:
    found = []
    if isinstance(part, dict):
        for name, value in part.items():
            if name.casefold().endswith("url"):
                if isinstance(value, dict):
                    found += [
                        (str(v), f"{name}.{n}")
                        for n, v in value.items()
                        if n.casefold().endswith("url")
                    ]
                elif value is not None:
                    found.append((str(value), name))
            elif isinstance(value, dict):
                found += [(url, f"{name}.{place}") for url, place in _addresses(value)]
    return found
