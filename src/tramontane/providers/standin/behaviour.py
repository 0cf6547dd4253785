"""What a stand-in is told to do: its options, a script of replies, a directive inside a prompt.

One set of fields, `Behaviour`, is spelt the same in all of them; see docs/standin.md. The nearer
to the request wins: options < script rule < `x-standin` header < directive. Pure values only; it
does not know how an answer is built or how a fault is done.
"""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tramontane.errors import ConfigError

UsageForm = Literal["asked", "always", "never", "finish", "running"]
MAX_TOKENS = 10_000_000
Count = Annotated[int, Meta(ge=0, le=MAX_TOKENS)]
Positive = Annotated[int, Meta(ge=1)]
Duration = Annotated[float, Meta(ge=0)]


class Fault(msgspec.Struct, frozen=True):
    """One thing to do wrong, with the number written after its colon."""

    name: str
    number: int | None = None


class ScriptedCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A function the answer calls. `arguments` may be any text, so that it can be wrong."""

    name: str
    arguments: dict[str, Any] | str | None = None


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to answer; None leaves the choice to the next further place, then to the default."""

    answer: str | None = None
    thinking: str | None = None
    tokens: Count | None = None
    tool: str | None = None
    tool_calls: tuple[ScriptedCall, ...] | None = None
    finish: str | None = None
    ttft_ms: Duration | None = None
    tps: Duration | None = None
    tokens_per_event: Positive | None = None
    events_per_write: Positive | None = None
    cached_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    prompt_tokens: Count | None = None
    usage: UsageForm | None = None
    status: Annotated[int, Meta(ge=300, le=599)] | None = None
    retry_after_s: Duration | None = None
    error_code: str | None = None
    error_message: str | None = None
    fault: str | None = None

    def over(self, further: "Behaviour") -> "Behaviour":
        """Return this, with what it leaves open taken from `further`."""
        if self is NOTHING_SAID or self == NOTHING_SAID:
            return further
        if further is NOTHING_SAID:
            return self
        chosen = {
            name: value
            for name in _FIELDS
            if (value := getattr(self, name)) is not None
            or (value := getattr(further, name)) is not None
        }
        return Behaviour(**chosen)


_FIELDS = Behaviour.__struct_fields__
NOTHING_SAID = Behaviour()


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reply for requests that match every condition given, at most `times` of them."""

    contains: str | None = None
    pattern: str | None = None
    model: str | None = None
    path: str | None = None
    times: Positive | None = None
    reply: Behaviour = NOTHING_SAID

    def matches(self, path: str, model: str, prompt: str) -> bool:
        """Say whether a request to `path` for `model` whose last user text is `prompt` matches."""
        return (
            (self.path is None or path.endswith(self.path))
            and (self.model is None or self.model == model)
            and (self.contains is None or self.contains in prompt)
            and (self.pattern is None or re.search(self.pattern, prompt) is not None)
        )


class StandinOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to start a stand-in. Port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    api_key: str | None = None
    models: tuple[str, ...] = ()
    behaviour: Behaviour = NOTHING_SAID
    script: tuple[Rule, ...] = ()
    fixed_answer_bytes: Positive | None = None
    allow_unknown_fields: bool = False
    embedding_dimensions: Positive = 16
    keep_requests: Count = 100_000
    keep_bodies: bool = False
    requests_file: str | None = None
    tls_cert_file: str | None = None
    tls_key_file: str | None = None


class _Script(msgspec.Struct, forbid_unknown_fields=True):
    rules: tuple[Rule, ...]


def load_script(path: Path) -> tuple[Rule, ...]:
    """Return the rules of a TOML or JSON file; ConfigError names the file and what to change."""
    try:
        text = path.read_bytes()
        raw = msgspec.json.decode(text) if path.suffix == ".json" else tomllib.loads(text.decode())
        rules = msgspec.convert(raw, _Script).rules
        for rule in rules:
            parse_faults(rule.reply.fault or "")
            re.compile(rule.pattern or "")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, re.error) as error:
        raise ConfigError(f"{path}: {error}") from None
    return rules


_DIRECTIVE = re.compile(r"\[\[standin ([^\]]*)\]\]\s?")
_SETTING = re.compile(r'\s*([a-z_]+)=("(?:[^"\\]|\\.)*"|[^\s"]+)')


def parse_settings(text: str) -> Behaviour:
    """Return the behaviour spelt as `name=value name="two words"`; ValueError says what is wrong.

    >>> parse_settings('tokens=50 fault=reset_after:10').tokens
    50
    """
    raw: dict[str, object] = {}
    position = 0
    while position < len(text) and not text[position:].isspace():
        match = _SETTING.match(text, position)
        if match is None:
            raise ValueError(f"'{text[position:].strip()}' is not of the form name=value")
        name, value = match.groups()
        raw[name] = msgspec.json.decode(value) if value.startswith('"') else value
        position = match.end()
    behaviour = msgspec.convert(raw, Behaviour, strict=False)
    parse_faults(behaviour.fault or "")
    return behaviour


def take_directive(prompt: str) -> tuple[Behaviour, str]:
    """Return what the directives in `prompt` say, later over earlier, and the prompt without them.

    Raises ValueError where a directive makes no sense.
    """
    said = NOTHING_SAID
    for match in _DIRECTIVE.finditer(prompt):
        said = parse_settings(match[1]).over(said)
    return said, _DIRECTIVE.sub("", prompt)


FAULTS = frozenset((
    "reset", "reset_after", "close", "close_after", "black_hole", "slow_bytes", "split_utf8",
    "malformed_sse", "malformed_json", "error_event", "missing_done", "double_done",
    "wrong_length", "conflicting_length", "chunked", "truncated_chunk", "bad_chunk",
    "no_last_chunk", "close_delimited", "huge_head", "invalid_http", "informational", "redirect",
    "connection_close", "stale", "crlf",
))  # fmt: skip


def parse_faults(text: str) -> tuple[Fault, ...]:
    """Return the faults of `name:number,name`; ValueError where one is unknown."""
    return tuple(_parse_fault(word) for word in text.split(",") if word)


def _parse_fault(word: str) -> Fault:
    name, colon, number = word.partition(":")
    if name not in FAULTS:
        raise ValueError(f"'{name}' is no fault; there are {', '.join(sorted(FAULTS))}")
    try:
        return Fault(name, int(number) if colon else None)
    except ValueError:
        raise ValueError(f"'{word}': what follows the colon must be a whole number") from None
