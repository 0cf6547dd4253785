"""What an engine here is given: allow-listed fields only, each of the right type and size.

llama.cpp's server knows many fields that the OpenAI dialect does not (slots, templates, files),
takes many wrong types in silence, and fails (or hangs) on some that it does not; so every field is
checked here and written anew. It does not know deployments or connections, nor what answers look
like: `chunks` does.
"""

import difflib
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw

from tramontane.errors import InvalidRequest
from tramontane.wire.openai.intent import TRUE, Intent
from tramontane.wire.openai.messages import engine_messages
from tramontane.wire.openai.schemas import grammar_schema
from tramontane.wire.openai.tools import Tools, read_tools

SEEDS = 2**32 - 1  # the engine's own 2**32 - 1 means "at random"

_Share = Annotated[float, Meta(ge=0, le=1)]
_Penalty = Annotated[float, Meta(ge=-2, le=2)]
_Stop = Annotated[str, Meta(min_length=1)]
_TokenNumber = Annotated[str, Meta(pattern=r"^[0-9]{1,9}$")]
_SIMPLE: dict[str, tuple[Any, str]] = {
    "frequency_penalty": (_Penalty, "a number from -2 to 2"),
    "logit_bias": (
        dict[_TokenNumber, Annotated[float, Meta(ge=-100, le=100)]],
        'token numbers with a number from -100 to 100, such as {"17": -100}',
    ),
    "min_p": (_Share, "a number from 0 to 1"),
    "mirostat": (Annotated[int, Meta(ge=0, le=2)], "0, 1 or 2"),
    "mirostat_eta": (_Share, "a number from 0 to 1"),
    "mirostat_tau": (Annotated[float, Meta(ge=0, le=100)], "a number from 0 to 100"),
    "parallel_tool_calls": (bool, "true or false"),
    "presence_penalty": (_Penalty, "a number from -2 to 2"),
    "repeat_last_n": (Annotated[int, Meta(ge=-1, le=1_000_000)], "a whole number from -1"),
    "repeat_penalty": (Annotated[float, Meta(gt=0, le=10)], "a number above 0, at most 10"),
    "seed": (int, "a whole number"),
    "stop": (
        _Stop | Annotated[list[_Stop], Meta(max_length=16)],
        "a string, or up to 16, none of them empty",
    ),
    "temperature": (Annotated[float, Meta(ge=0, le=2)], "a number from 0 to 2"),
    "top_k": (Annotated[int, Meta(ge=0, le=1_000_000)], "a whole number from 0"),
    "top_p": (_Share, "a number from 0 to 1"),
    "typical_p": (_Share, "a number from 0 to 1"),
}
_DECODERS = {
    name: (msgspec.json.Decoder(kind), expected) for name, (kind, expected) in _SIMPLE.items()
}
_LOGPROBS = (msgspec.json.Decoder(bool), "true or false")
_TOP_LOGPROBS = (
    msgspec.json.Decoder(Annotated[int, Meta(ge=0, le=20)]), "a whole number from 0 to 20",
)  # fmt: skip
_MODALITIES = msgspec.json.Decoder(tuple[Literal["text"]])
_USE_INSTEAD = {
    "functions": "use 'tools'",
    "function_call": "use 'tool_choice'",
    "audio": "models here answer in text",
    "web_search_options": "models here do not search",
}
# Hints, or notes for the platform: what they ask for is not promised by anyone.
_NOTED = frozenset(
    (
        "metadata", "prediction", "prompt_cache_key", "prompt_cache_retention", "reasoning_effort",
        "safety_identifier", "service_tier", "store", "user", "verbosity",
    )
)  # fmt: skip
_READ = frozenset(
    (
        "logprobs", "max_completion_tokens", "max_tokens", "messages", "modalities", "model", "n",
        "response_format", "stream", "stream_options", "tool_choice", "tools", "top_logprobs",
    )
)  # fmt: skip


class _NamedSchema(msgspec.Struct):
    name: str
    schema: Raw = Raw(b"null")
    strict: bool | None = None
    description: str | None = None


class _Text(msgspec.Struct, tag_field="type", tag="text"):
    pass


class _JSONObject(msgspec.Struct, tag_field="type", tag="json_object"):
    pass


class _JSONSchema(msgspec.Struct, tag_field="type", tag="json_schema"):
    json_schema: _NamedSchema


_FORMAT = msgspec.json.Decoder(_Text | _JSONObject | _JSONSchema)


class LocalRequest(msgspec.Struct, frozen=True):
    """The fields for the engine, and what of the answer has to be known to render it.

    `is_forced`: the answer is one tool call, as `tools` has the engine write it.
    """

    fields: dict[str, Raw]
    top_logprobs: int
    is_forced: bool


def read_local(intent: Intent, *, max_tokens: int, supports_tools: bool) -> LocalRequest:
    """Return what the engine is asked. InvalidRequest names the field that is wrong."""
    fields = intent.fields
    _refuse_unknown(fields, intent)
    kept = {
        "model": fields["model"],
        "messages": engine_messages(fields["messages"], intent.model),
        "max_tokens": Raw(b"%d" % max_tokens),
        "stream": TRUE,
    }
    for name, (decoder, expected) in _DECODERS.items():
        raw = fields.get(name)
        if raw is not None and not is_null(raw):
            value = _read(name, raw, decoder, expected)
            kept[name] = Raw(b"%d" % (value % SEEDS)) if name == "seed" else raw
    tools = read_tools(fields, intent.model, supports_tools=supports_tools)
    top_logprobs = _add_logprobs(kept, fields, tools)
    if tools.offered is not None:
        kept["tools"] = tools.offered
        kept["tool_choice"] = tools.choice
    if tools.forced is not None:
        kept["response_format"] = tools.forced
    else:
        form = _response_format(fields.get("response_format"))
        if form is not None:
            kept["response_format"] = form
    return LocalRequest(kept, top_logprobs, tools.forced is not None)


def check_simple(name: str, raw: Raw) -> None:
    """Raise InvalidRequest unless `raw` is a good value of the field `name`."""
    decoder, expected = _DECODERS[name]
    _read(name, raw, decoder, expected)


def is_null(raw: Raw) -> bool:
    """Whether the value is null, which stands for a field that was left out."""
    return bytes(memoryview(raw)[:4]) == b"null"


def _refuse_unknown(fields: dict[str, Raw], intent: Intent) -> None:
    if intent.choices != 1:
        raise InvalidRequest(
            "A model that runs here gives one answer per request: leave out 'n' or set it to 1.",
            code="invalid_value",
            param="n",
        )
    for name, raw in fields.items():
        if name in _DECODERS or name in _READ or name in _NOTED or is_null(raw):
            continue
        if name in _USE_INSTEAD:
            raise InvalidRequest(
                f"The field '{name}' is not supported by models that run here:"
                f" {_USE_INSTEAD[name]}.",
                code="unsupported_field",
                param=name,
            )
        near = difflib.get_close_matches(name[:60], (*_DECODERS, *_READ), n=1, cutoff=0.75)
        hint = f" Did you mean '{near[0]}'?" if near else " Leave it out."
        raise InvalidRequest(
            f"Models that run here do not know the field '{name[:60]}'.{hint}",
            code="unknown_field",
            param=name[:60],
        )
    modalities = fields.get("modalities")
    if modalities is not None and not is_null(modalities):
        _read("modalities", modalities, _MODALITIES, '["text"]: models here answer in text only')


def _add_logprobs(kept: dict[str, Raw], fields: dict[str, Raw], tools: Tools) -> int:
    """Ask for log probabilities where the client does; return how many others it wants to see."""
    raw, top = fields.get("logprobs"), fields.get("top_logprobs")
    wanted = raw is not None and not is_null(raw) and _read("logprobs", raw, *_LOGPROBS)
    count = 0 if top is None or is_null(top) else _read("top_logprobs", top, *_TOP_LOGPROBS)
    if not wanted:
        if count:
            raise InvalidRequest(
                "'top_logprobs' needs 'logprobs': true.", code="invalid_value", param="top_logprobs"
            )
        return 0
    if tools.offered is not None or tools.forced is not None:
        raise InvalidRequest(
            "Models that run here give no 'logprobs' together with 'tools'.",
            code="invalid_value",
            param="logprobs",
        )
    kept["logprobs"] = TRUE
    kept["top_logprobs"] = Raw(b"%d" % max(1, count))  # it takes 0 for "no logprobs at all"
    return int(count)


def _response_format(raw: Raw | None) -> Raw | None:
    """Return the form for the engine, None where plain text is asked for."""
    if raw is None or is_null(raw):
        return None
    try:
        form = _FORMAT.decode(raw)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
        param = "response_format" + place.rstrip("`")
        raise InvalidRequest(
            f"The field '{param}' is wrong: {message}. It must be such as"
            ' {"type": "json_schema", "json_schema": {"name": "answer", "schema": {…}}}.',
            code="invalid_type",
            param=param,
        ) from None
    if isinstance(form, _Text):
        return None
    if isinstance(form, _JSONObject):
        return Raw(b'{"type":"json_object"}')
    asked = form.json_schema
    schema = Raw(b"{}")
    if not is_null(asked.schema):
        schema = grammar_schema(
            asked.schema, "response_format.json_schema.schema", strict=asked.strict is True
        )
    wanted = {"type": "json_schema", "json_schema": {"name": asked.name, "schema": schema}}
    return Raw(msgspec.json.encode(wanted))


def _read(name: str, raw: Raw, decoder: "msgspec.json.Decoder[Any]", expected: str) -> Any:
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        shown = bytes(memoryview(raw)[:40]).decode("utf-8", "replace")
        raise InvalidRequest(
            f"The field '{name}' must be {expected}, not {shown}.",
            code="invalid_type" if ", got `" in str(error) else "invalid_value",
            param=name,
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(
            f"The field '{name}' is not valid JSON: {error}.", code="invalid_json", param=name
        ) from None
