"""Answers written as OpenAI's API writes them: one JSON body, or the events of a stream.

Bytes are built from pieces that do not change within a response, and equal tokens share one
event. It does not know HTTP, time or faults.
"""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Protocol

import msgspec

from tramontane.providers.standin import tokens
from tramontane.providers.standin.answers import Answer
from tramontane.providers.standin.behaviour import UsageForm

DONE = b"data: [DONE]\n\n"
_encode = msgspec.json.Encoder().encode

_CHAT_USAGE = (
    b'{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,'
    b'"prompt_tokens_details":{"cached_tokens":%d,"audio_tokens":0},'
    b'"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,'
    b'"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}'
)


class Count(msgspec.Struct, frozen=True):
    """The tokens of a response, by the stand-in's own count."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int

    def json(self, completion_tokens: int | None = None) -> bytes:
        """Return the usage object, as after `completion_tokens` where given."""
        made = self.completion_tokens if completion_tokens is None else completion_tokens
        return _CHAT_USAGE % (
            self.prompt_tokens,
            made,
            self.prompt_tokens + made,
            self.cached_tokens,
        )


class Envelope(msgspec.Struct, frozen=True):
    """What all events of a response share. `created_s` is Unix seconds."""

    id: str
    created_s: int
    model: str


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """How the response is to be written. `top_logprobs` None: no logprobs."""

    choices: int = 1
    usage: UsageForm = "asked"
    include_usage: bool = False
    top_logprobs: int | None = None
    tokens_per_event: int = 1
    obfuscation: bool = False


class Events:
    """The events of a stream, the tokens each carries, and which one carries the usage (or -1)."""

    __slots__ = ("events", "tokens", "usage_event")

    def __init__(self) -> None:
        self.events: list[bytes] = []
        self.tokens: list[int] = []
        self.usage_event = -1

    def add(self, event: bytes, count: int = 0) -> None:
        """Append an event that carries `count` tokens."""
        self.events.append(event)
        self.tokens.append(count)


class Form(Protocol):
    """One of the two response forms: chat, and the older completions."""

    kind: bytes
    chunk_kind: bytes

    def head(self, answer: Answer) -> bytes | None:
        """Return the delta every choice begins with, or None."""

    def deltas(self, answer: Answer, wanted: Wanted) -> Iterator[tuple[bytes, int, bytes]]:
        """Yield the delta, tokens and logprobs of each event of one choice."""

    def chunk_choice(self, index: int, delta: bytes, logprobs: bytes, finish: bytes) -> bytes:
        """Return the choice object of an event."""

    def end(self) -> bytes:
        """Return the delta of the event that says how the answer finished."""

    def choice(self, index: int, answer: Answer, wanted: Wanted) -> bytes:
        """Return the choice object of a whole response."""


def body(form: Form, envelope: Envelope, answer: list[Answer], wanted: Wanted, n: Count) -> bytes:
    """Return the JSON of a response that is no stream, with `wanted.choices` of each answer."""
    choices = [
        form.choice(place * wanted.choices + copy, one, wanted)
        for place, one in enumerate(answer)
        for copy in range(wanted.choices)
    ]
    usage = b"" if wanted.usage == "never" else b',"usage":' + n.json()
    parts = (_opening(envelope, form.kind), b",".join(choices), b"]", usage, b"}")
    return b"".join(parts)


def _opening(envelope: Envelope, kind: bytes) -> bytes:
    model = _encode(envelope.model)
    return (
        b'{"id":"%b","object":"%b","created":%d,"model":%b,"system_fingerprint":"fp_standin",%b'
        b'"choices":[' % (envelope.id.encode(), kind, envelope.created_s, model, _TIER[kind])
    )


_TIER = {
    b"chat.completion": b'"service_tier":"default",',
    b"chat.completion.chunk": b'"service_tier":"default",',
    b"text_completion": b"",
}


def stream(
    form: Form, envelope: Envelope, answers: list[Answer], wanted: Wanted, n: Count
) -> Events:
    """Return the events of a stream, [DONE] included."""
    return _Writer(form, envelope, wanted, n).write(answers)


class _Writer:
    def __init__(self, form: Form, envelope: Envelope, wanted: Wanted, n: Count) -> None:
        self.form = form
        self.wanted = wanted
        self.count = n
        self.made_tokens = 0
        self.opening = b"data: " + _opening(envelope, form.chunk_kind)
        tail = b',"obfuscation":"aGVqaGVq"}\n\n' if wanted.obfuscation else b"}\n\n"
        null = wanted.include_usage and wanted.usage in ("asked", "always")
        self.closing = (b'],"usage":null' if null else b"]") + tail
        self.tail = tail
        self.out = Events()

    def write(self, answers: list[Answer]) -> Events:
        wanted, form, out = self.wanted, self.form, self.out
        choices = [answer for answer in answers for _ in range(wanted.choices)]
        for index, answer in enumerate(choices):
            if (head := form.head(answer)) is not None:
                out.add(self.event(form.chunk_choice(index, head, b"null", b"null")))
        if len(choices) == 1:
            self.write_one(choices[0])
        else:
            self.write_interleaved(choices)
        for index, answer in enumerate(choices):
            last = index == len(choices) - 1
            choice = form.chunk_choice(index, form.end(), b"null", _encode(answer.finish))
            out.add(self.event(choice, finish=last))
        asked = wanted.usage == "asked" and wanted.include_usage
        if asked or wanted.usage in ("always", "running"):
            out.usage_event = len(out.events)
            out.add(self.opening + b'],"usage":' + self.count.json() + self.tail)
        out.add(DONE)
        return out

    def write_one(self, answer: Answer) -> None:
        events, counts = self.out.events, self.out.tokens
        known: dict[bytes, bytes] = {}
        shared = self.wanted.usage != "running" and self.wanted.top_logprobs is None
        for delta, count, logprobs in self.form.deltas(answer, self.wanted):
            self.made_tokens += count
            event = known.get(delta) if shared else None
            if event is None:
                choice = self.form.chunk_choice(0, delta, logprobs, b"null")
                event = known[delta] = self.event(choice)
            events.append(event)
            counts.append(count)

    def write_interleaved(self, choices: list[Answer]) -> None:
        rows = zip_longest(*(self.form.deltas(answer, self.wanted) for answer in choices))
        for row in rows:
            for index, cell in enumerate(row):
                if cell is not None:
                    delta, count, logprobs = cell
                    self.made_tokens += count
                    choice = self.form.chunk_choice(index, delta, logprobs, b"null")
                    self.out.add(self.event(choice), count)

    def event(self, choice: bytes, *, finish: bool = False) -> bytes:
        closing = self.closing
        if finish and self.wanted.usage == "finish":
            self.out.usage_event = len(self.out.events)
            closing = b'],"usage":' + self.count.json() + self.tail
        elif self.wanted.usage == "running":
            closing = b'],"usage":' + self.count.json(self.made_tokens) + self.tail
        return self.opening + choice + closing


class ChatForm:
    """chat.completion and chat.completion.chunk."""

    kind = b"chat.completion"
    chunk_kind = b"chat.completion.chunk"

    def head(self, answer: Answer) -> bytes:
        """Return the delta that says who speaks."""
        content = b"null" if answer.text is None else b'""'
        return b'{"role":"assistant","content":%b,"refusal":null}' % content

    def deltas(self, answer: Answer, wanted: Wanted) -> Iterator[tuple[bytes, int, bytes]]:
        """Yield pieces of the text, then of each call: its name, its arguments bit by bit."""
        size, top = wanted.tokens_per_event, wanted.top_logprobs
        for piece in tokens.groups(answer.text or "", size):
            logprobs = b"null" if top is None else _encode(chat_logprobs(piece, top))
            yield b'{"content":%b}' % _encode(piece), tokens.count(piece), logprobs
        for index, call in enumerate(answer.calls):
            named = {"name": call.name, "arguments": ""}
            opened = {"index": index, "id": call.id, "type": "function", "function": named}
            yield _encode({"tool_calls": [opened]}), tokens.count(call.name), b"null"
            for piece in tokens.groups(call.arguments, size):
                more = {"index": index, "function": {"arguments": piece}}
                yield _encode({"tool_calls": [more]}), tokens.count(piece), b"null"

    def chunk_choice(self, index: int, delta: bytes, logprobs: bytes, finish: bytes) -> bytes:
        """Return the choice object of an event."""
        return b'{"index":%d,"delta":%b,"logprobs":%b,"finish_reason":%b}' % (
            index,
            delta,
            logprobs,
            finish,
        )

    def end(self) -> bytes:
        """Return an empty delta."""
        return b"{}"

    def choice(self, index: int, answer: Answer, wanted: Wanted) -> bytes:
        """Return the choice object of a whole response."""
        calls = b""
        if answer.calls:
            made = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for call in answer.calls
            ]
            calls = b',"tool_calls":' + _encode(made)
        top = wanted.top_logprobs
        logprobs = b"null"
        if top is not None and answer.text is not None:
            logprobs = _encode(chat_logprobs(answer.text, top))
        return (
            b'{"index":%d,"message":{"role":"assistant","content":%b,"refusal":null%b,'
            b'"annotations":[]},"logprobs":%b,"finish_reason":"%b"}'
            % (index, _encode(answer.text), calls, logprobs, answer.finish.encode())
        )


class CompletionForm:
    """text_completion, in both cases."""

    kind = b"text_completion"
    chunk_kind = b"text_completion"

    def head(self, answer: Answer) -> None:
        """Return None: there is no role to announce."""
        return

    def deltas(self, answer: Answer, wanted: Wanted) -> Iterator[tuple[bytes, int, bytes]]:
        """Yield pieces of the text."""
        offset = 0
        for piece in tokens.groups(answer.text or "", wanted.tokens_per_event):
            top = wanted.top_logprobs
            logprobs = b"null" if top is None else _encode(text_logprobs(piece, top, offset))
            offset += len(piece)
            yield _encode(piece), tokens.count(piece), logprobs

    def chunk_choice(self, index: int, delta: bytes, logprobs: bytes, finish: bytes) -> bytes:
        """Return the choice object of an event."""
        return b'{"text":%b,"index":%d,"logprobs":%b,"finish_reason":%b}' % (
            delta,
            index,
            logprobs,
            finish,
        )

    def end(self) -> bytes:
        """Return an empty text."""
        return b'""'

    def choice(self, index: int, answer: Answer, wanted: Wanted) -> bytes:
        """Return the choice object of a whole response."""
        text, top = answer.text or "", wanted.top_logprobs
        logprobs = b"null" if top is None else _encode(text_logprobs(text, top, 0))
        return self.chunk_choice(index, _encode(text), logprobs, _encode(answer.finish))


CHAT = ChatForm()
COMPLETION = CompletionForm()

_LOGPROB = -0.25


def _alternatives(token: str, top: int) -> list[tuple[str, float]]:
    others = [word for word in tokens.FILLER + _MORE if word != token]
    return [(t, _LOGPROB - place) for place, t in enumerate([token, *others][:top])]


_MORE = ("due", "und", "les", "los", "the", "che", "que", "aus", "per")


def chat_logprobs(text: str, top: int) -> dict[str, object]:
    """Return the logprobs object of chat; the figures are made up, but always the same."""
    content = [
        {
            "token": token,
            "logprob": _LOGPROB,
            "bytes": list(token.encode()),
            "top_logprobs": [
                {"token": other, "logprob": logprob, "bytes": list(other.encode())}
                for other, logprob in _alternatives(token, top)
            ],
        }
        for token in tokens.groups(text, 1)
    ]
    return {"content": content, "refusal": None}


def text_logprobs(text: str, top: int, offset: int) -> dict[str, object]:
    """Return the logprobs object of completions for `text` that begins at `offset`."""
    pieces = tokens.groups(text, 1)
    return {
        "tokens": pieces,
        "token_logprobs": [_LOGPROB] * len(pieces),
        "top_logprobs": [dict(_alternatives(token, top)) for token in pieces],
        "text_offset": [offset + tokens.CHARACTERS_PER_TOKEN * i for i in range(len(pieces))],
    }
