"""What a request other than chat asks for: completions, embeddings, moderations.

Like `intent`, whose `Intent` it returns, it reads the top level once and looks only into what
routing, limits and bills depend on. It does not know deployments or prices.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw

from tramontane.errors import InvalidRequest
from tramontane.wire.canonical import Operation, Request
from tramontane.wire.dialect import Asked
from tramontane.wire.openai.addresses import address_not_allowed, is_data_address
from tramontane.wire.openai.intent import (
    CHOICES_MAX,
    Intent,
    read_count,
    read_flag,
    read_include_usage,
    read_text,
    read_top,
    wrong,
)

COMPLETION_TOKENS = 16
"""What `max_tokens` is where it is left out (OpenAI's description of /completions)."""
MODERATION_MODEL = "omni-moderation-latest"
"""What `model` is where it is left out (OpenAI's description of /moderations)."""
INPUTS_MAX = 2_048
BEST_OF_MAX = 20

_COMPLETION = frozenset(
    ("model", "prompt", "suffix", "stream", "stream_options", "max_tokens", "n", "best_of", "echo")
)
_COMPLETION_PLAIN = _COMPLETION.union((
    "frequency_penalty", "logit_bias", "logprobs", "presence_penalty", "seed", "stop",
    "temperature", "top_p", "user",
))  # fmt: skip
_INPUT = frozenset(("model", "input", "encoding_format", "dimensions", "stream"))
_INPUT_PLAIN = _INPUT | {"user"}

_Number = Annotated[int, Meta(ge=0)]
_INPUTS = msgspec.json.Decoder(str | list[str | _Number | list[_Number]])
_PROMPT = "a string, an array of strings, of token numbers, or of arrays of token numbers"


class _Strict(msgspec.Struct, forbid_unknown_fields=True):
    pass


class _ImageURL(_Strict):
    url: str
    detail: str | None = None


class _TextPart(_Strict, tag_field="type", tag="text"):
    text: str


class _ImagePart(_Strict, tag_field="type", tag="image_url"):
    image_url: _ImageURL


_JUDGED = msgspec.json.Decoder(str | list[str | _TextPart | _ImagePart])


def read_inputs(fields: Mapping[str, Raw], name: str) -> tuple[str | tuple[int, ...], ...]:
    """Return the texts of `name`, or token numbers. Raises InvalidRequest."""
    raw = fields.get(name)
    given = None if raw is None else _decode(_INPUTS, raw, name, _PROMPT)
    if isinstance(given, str):
        return (given,)
    if not given:
        raise wrong(name, f"{_PROMPT}, and not empty", raw)
    kinds = {type(item) for item in given}
    if len(kinds) > 1 or [] in given:
        raise wrong(name, _PROMPT, raw)
    if kinds == {int}:
        return (tuple(given),)
    if len(given) > INPUTS_MAX:
        raise InvalidRequest(
            f"The field '{name}' holds {len(given)} inputs; {INPUTS_MAX} is the most.",
            code="invalid_value",
            param=name,
        )
    return tuple(item if isinstance(item, str) else tuple(item) for item in given)


def read_completions(body: bytes, named: str | None = None) -> Intent:
    """Return the intent of a completions body; InvalidRequest names the field at fault.

    `named`: the model, where the path names it.
    """
    fields = read_top(
        body,
        controlled=_COMPLETION,
        plain=_COMPLETION_PLAIN,
        example='{"model": "large", "prompt": "Once upon a time"}',
    )
    model = _model(fields, named)
    prompts = len(read_inputs(fields, "prompt"))
    stream = read_flag(fields, "stream")
    max_tokens = read_count(fields, "max_tokens")
    if max_tokens is None:  # said aloud: not every server has the same default
        max_tokens = COMPLETION_TOKENS
        fields["max_tokens"] = Raw(b"%d" % max_tokens)
    choices = read_count(fields, "n", CHOICES_MAX) or 1
    tried = read_count(fields, "best_of", BEST_OF_MAX) or choices
    if tried < choices or (stream and tried > choices):
        raise InvalidRequest(
            "The field 'best_of' must be at least 'n', and in a stream the same.",
            code="invalid_value",
            param="best_of",
        )
    include_usage = "stream_options" in fields and read_include_usage(fields, stream)
    return Intent(
        fields,
        model,
        stream,
        include_usage,
        max_tokens,
        prompts * tried,
        0,
        len(body),
        "completions",
    )


def read_embeddings(body: bytes, named: str | None = None) -> Intent:
    """Return the intent of an embeddings body; InvalidRequest names the field at fault.

    `named`: the model, where the path names it.
    """
    fields = read_top(
        body,
        controlled=_INPUT,
        plain=_INPUT_PLAIN,
        example='{"model": "embed", "input": "Hello"}',
    )
    _model(fields, named)
    read_inputs(fields, "input")
    return _measured(fields, len(body), 0, "embeddings")


def read_moderations(body: bytes, named: str | None = None) -> Intent:
    """Return the intent of a moderations body; InvalidRequest names the field at fault.

    `named`: the model, where the path names it.
    """
    fields = read_top(
        body,
        controlled=_INPUT,
        plain=_INPUT_PLAIN,
        example='{"model": "moderation", "input": "Hello"}',
    )
    fields.setdefault("model", Raw(msgspec.json.encode(MODERATION_MODEL)))
    _model(fields, named)
    images = image_bytes = 0
    expected = "a string, or an array of strings or of parts of type text or image_url"
    raw = fields.get("input")
    given = None if raw is None else _decode(_JUDGED, raw, "input", expected)
    if given is None or given == []:
        raise wrong("input", expected, raw)
    for i, part in enumerate(given):
        if isinstance(part, _ImagePart):
            if not is_data_address(part.image_url.url):
                raise address_not_allowed(f"input[{i}].image_url.url")
            images += 1
            image_bytes += len(part.image_url.url)
    return _measured(fields, len(body) - image_bytes, images, "moderations")


def moderation_of(intent: Intent) -> Asked:
    """Return what of `intent` others than its own dialect could be asked."""
    request = Request(model=intent.model, operation="moderations")
    return Asked(
        request=request,
        fields=intent.fields,
        prompt_bytes=intent.prompt_bytes,
        images=intent.images,
    )


def _model(fields: dict[str, Raw], named: str | None) -> str:
    if named is not None:
        fields["model"] = Raw(msgspec.json.encode(named))
    return read_text(fields, "model")


def _measured(fields: dict[str, Raw], size: int, images: int, operation: Operation) -> Intent:
    if "stream" in fields and read_flag(fields, "stream"):
        raise InvalidRequest(
            f"There is no stream of {operation}: leave out 'stream'.",
            code="invalid_value",
            param="stream",
        )
    model = read_text(fields, "model")
    return Intent(fields, model, False, False, None, 1, images, size, operation)


def _decode(decoder: "msgspec.json.Decoder[Any]", raw: Raw, name: str, expected: str) -> Any:
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise wrong(name, expected, raw) from None
