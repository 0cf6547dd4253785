"""What a chat request asks for: its top level, read once and written again.

The body is read as {name: raw bytes}; only what routing, limits and bills depend on is looked
into. A name that only differs by case from one of those, or that stands twice, is refused, since
two readers could disagree about it. It does not know deployments or prices.
"""

import json
import re

import msgspec

from tramontane.errors import InvalidRequest
from tramontane.wire.canonical import Operation
from tramontane.wire.openai.addresses import read_messages, refuse_addresses

CHOICES_MAX = 128
TOKENS_MAX = 10_000_000
FIELDS_MAX = 256
_EXPLAINED_BYTES = 1_048_576

CONTROLLED = frozenset(
    ("model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "n")
)
# Fields that no reader takes for an address; all others are looked into.
PLAIN = CONTROLLED.union((
    "frequency_penalty", "function_call", "logit_bias", "logprobs", "metadata", "min_p",
    "modalities", "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key",
    "reasoning_effort", "safety_identifier", "seed", "service_tier", "stop", "store",
    "temperature", "tool_choice", "top_k", "top_logprobs", "top_p", "user", "verbosity",
))  # fmt: skip

_TOP = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STR = msgspec.json.Decoder(str)
_INT = msgspec.json.Decoder(int)
_ENCODE = msgspec.json.Encoder()
_NAME = re.compile(rb'[ \t\r\n]*[{,][ \t\r\n]*("(?:[^"\\]|\\.)*")[ \t\r\n]*:[ \t\r\n]*')

TRUE = msgspec.Raw(b"true")
FALSE = msgspec.Raw(b"false")
INCLUDE_USAGE = msgspec.Raw(b'{"include_usage":true}')


EXAMPLE = '{"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}'


class Intent(msgspec.Struct, frozen=True, gc=False):
    """A request as understood. `prompt_bytes` excludes the data of images; `choices` are all that
    may be generated, where `gives_text`. `files` are those whose tokens no count of bytes bounds.
    """

    fields: dict[str, msgspec.Raw]
    model: str
    stream: bool
    include_usage: bool
    max_tokens: int | None
    choices: int
    images: int
    prompt_bytes: int
    operation: Operation = "chat"
    files: int = 0

    @property
    def gives_text(self) -> bool:
        """Whether output tokens are made, and charged."""
        return self.operation not in ("embeddings", "moderations", "count_tokens")

    @property
    def service_tier(self) -> str | None:
        """The tier that is asked for, as the provider will read it; None where none is."""
        raw = self.fields.get("service_tier")
        if raw is None:
            return None
        try:
            return _STR.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None  # which no provider takes


def read_chat(body: bytes) -> Intent:
    """Return the intent of a chat completions body; InvalidRequest names the field at fault."""
    fields = read_top(body)
    model = read_text(fields, "model")
    messages = fields.get("messages")
    if messages is None or bytes(memoryview(messages)[:1]) != b"[":
        raise wrong("messages", "an array of messages, at least one", messages)
    stream = "stream" in fields and read_flag(fields, "stream")
    max_tokens = read_count(fields, "max_tokens") if "max_tokens" in fields else None
    if "max_completion_tokens" in fields:
        max_tokens = max(read_count(fields, "max_completion_tokens") or 0, max_tokens or 0) or None
    choices = (read_count(fields, "n", CHOICES_MAX) or 1) if "n" in fields else 1
    include_usage = "stream_options" in fields and read_include_usage(fields, stream)
    images, image_bytes, files = read_messages(messages)
    return Intent(
        fields,
        model,
        stream,
        include_usage,
        max_tokens,
        choices,
        images,
        len(body) - image_bytes,
        files=files,
    )


def read_top(
    body: bytes,
    *,
    controlled: frozenset[str] = CONTROLLED,
    plain: frozenset[str] = PLAIN,
    example: str = EXAMPLE,
) -> dict[str, msgspec.Raw]:
    """Return the top level of `body`. Raises InvalidRequest where it is none, where a name stands
    twice or folds to a `controlled` one, or where a field that is not `plain` holds an address.
    """
    try:
        fields = _TOP.decode(body)
    except msgspec.ValidationError:
        raise InvalidRequest(
            f"The body must be a JSON object such as {example}.", code="invalid_json"
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(
            f"The body is not valid JSON: {error}. Check quotes, commas and brackets.",
            code="invalid_json",
        ) from None
    _refuse_ambiguous(fields, body, controlled, plain)
    return fields


def encode(fields: dict[str, msgspec.Raw]) -> bytes:
    """Return the body for `fields`."""
    return _ENCODE.encode(fields)


def _refuse_ambiguous(
    fields: dict[str, msgspec.Raw], body: bytes, controlled: frozenset[str], plain: frozenset[str]
) -> None:
    if len(fields) > FIELDS_MAX:
        raise InvalidRequest(f"More than {FIELDS_MAX} top-level fields.", code="too_many_fields")
    size = 1
    for name, raw in fields.items():
        size += len(name) + 4 + memoryview(raw).nbytes
        if name not in plain:
            folded = name.casefold()
            if folded in controlled:
                raise InvalidRequest(
                    f"Unknown field '{name}': did you mean '{folded}'? Field names are lower-case.",
                    code="unknown_field",
                    param=name,
                )
            refuse_addresses(name, raw)
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
    try:
        top = json.loads(body, object_pairs_hook=list, parse_int=str)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.", code="invalid_json") from None
    seen = set()
    for found, _ in top:
        if found in seen:
            raise InvalidRequest(
                f"The field '{found}' stands twice. Send it once.",
                code="duplicate_field",
                param=found,
            )
        seen.add(found)


def wrong(name: str, expected: str, raw: msgspec.Raw | None) -> InvalidRequest:
    """Return the refusal of the field `name`, which must be `expected` and is `raw`, or missing."""
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


def read_text(fields: dict[str, msgspec.Raw], name: str) -> str:
    """Return a text that must be there. Raises InvalidRequest."""
    raw = fields.get(name)
    try:
        if raw is not None:
            return _STR.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    raise wrong(name, "a string", raw)


def read_flag(fields: dict[str, msgspec.Raw], name: str) -> bool:
    """Return whether `name` is set; not where it is missing or null. Raises InvalidRequest."""
    raw = fields.get(name)
    if raw is None:
        return False
    word = bytes(raw)
    if word == b"true":
        return True
    if word in (b"false", b"null"):
        return False
    raise wrong(name, "true or false", raw)


def read_count(fields: dict[str, msgspec.Raw], name: str, most: int = TOKENS_MAX) -> int | None:
    """Return a whole number from 1 to `most`; None where it is missing. Raises InvalidRequest."""
    raw = fields.get(name)
    if raw is None or bytes(raw) == b"null":
        return None
    try:
        value = _INT.decode(raw)
    except msgspec.DecodeError:
        raise wrong(name, "a whole number", raw) from None
    if not 1 <= value <= most:
        raise InvalidRequest(
            f"The field '{name}' must be between 1 and {most}, not {value}.",
            code="invalid_value",
            param=name,
        )
    return value


def read_include_usage(fields: dict[str, msgspec.Raw], stream: bool) -> bool:
    """Return what `stream_options`, which is there, says of usage. Raises InvalidRequest."""
    raw = fields["stream_options"]
    if bytes(raw) == b"null":
        return False
    try:
        options = _TOP.decode(raw)
    except msgspec.DecodeError:
        raise wrong("stream_options", "an object", raw) from None
    if not stream:
        raise InvalidRequest(
            "The field 'stream_options' is only allowed when 'stream' is true.",
            code="invalid_value",
            param="stream_options",
        )
    try:
        return read_flag(options, "include_usage")
    except InvalidRequest as error:
        error.param = "stream_options.include_usage"
        raise
