"""Completions in OpenAI's form, both sides: prompts go on, without messages or tools.

The upstream side serves `fim` too: a prompt with a `suffix`. Nothing here knows sockets or
prices.
"""

import time
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Raw

from tramontane.errors import InvalidRequest, TramontaneError, UpstreamFailed
from tramontane.wire.canonical import (
    Answer,
    Began,
    Broken,
    Choice,
    Counted,
    Ended,
    Finished,
    Piece,
    Reason,
    Request,
    Said,
    Text,
    TextPiece,
)
from tramontane.wire.dialect import EVENT_STREAM, Asked, Written
from tramontane.wire.openai import errors
from tramontane.wire.openai.intent import Intent, encode
from tramontane.wire.openai.operations import read_completions, read_inputs
from tramontane.wire.openai.provider import (
    Counts,
    bearer,
    read_said,
    usage_body,
    usage_of,
)
from tramontane.wire.reading import EventReader
from tramontane.wire.unsaid import Unsaid

DIALECT = "openai"
DONE = b"data: [DONE]\n\n"
_EXTRA = frozenset(("best_of", "echo", "return_tokens_as_token_ids"))
"""Fields of completions that no other dialect has."""


class _Sampling(msgspec.Struct):
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    logprobs: int | None = None
    logit_bias: dict[str, float] | None = None
    suffix: str | None = None
    user: str | None = None
    n: int | None = None


_SAMPLING = msgspec.json.Decoder(_Sampling)
_READ = frozenset(
    (*_Sampling.__struct_fields__, "model", "prompt", "stream", "stream_options", "max_tokens")
)


class CompletionsClient:
    """POST /completions, as clients of OpenAI ask."""

    dialect = DIALECT
    stream_type = EVENT_STREAM

    def read(self, body: bytes, model: str | None, query: bytes) -> Asked:
        """Return what is asked. Raises InvalidRequest."""
        return asked_of(read_completions(body, model))

    def write(self, answer: Answer, asked: Asked) -> bytes:
        """Return the whole answer's body."""
        choices = [
            _choice(i, _text_of(choice), choice.logprobs, _REASONS[choice.reason])
            for i, choice in enumerate(answer.choices)
        ]
        body = _envelope(answer.id, answer.created_s or int(time.time()), answer.model, choices)
        if answer.usage is not None:
            body["usage"] = usage_body(answer.usage)
        return msgspec.json.encode(body)

    def writer(self, asked: Asked) -> "CompletionsWriter":
        """Return the writer of one stream."""
        return CompletionsWriter(shows_usage=asked.request.include_usage)

    def error(self, error: TramontaneError) -> tuple[int, bytes]:
        """Return status and body of a refusal."""
        return error.status, errors.render(error)


def asked_of(intent: Intent) -> Asked:
    """Return the rest of what `intent` asks for. Raises InvalidRequest."""
    fields = intent.fields
    try:
        said = _SAMPLING.decode(encode(fields))
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$.")
        raise InvalidRequest(
            f"A field of the request is wrong: {message}.",
            code="invalid_type",
            param=place.rstrip("`") or None,
        ) from None
    request = Request(
        model=intent.model,
        operation="fim" if said.suffix else "completions",
        inputs=read_inputs(fields, "prompt"),
        suffix=said.suffix,
        max_tokens=intent.max_tokens,
        choices=said.n or 1,
        temperature=said.temperature,
        top_p=said.top_p,
        top_k=said.top_k,
        min_p=said.min_p,
        frequency_penalty=said.frequency_penalty,
        presence_penalty=said.presence_penalty,
        stop=(said.stop,) if isinstance(said.stop, str) else tuple(said.stop or ()),
        seed=said.seed,
        logprobs=said.logprobs,
        logit_bias=said.logit_bias,
        user=said.user,
        stream=intent.stream,
        include_usage=intent.include_usage,
        extra={name: raw for name, raw in fields.items() if name not in _READ},
    )
    return Asked(
        request=request,
        fields=fields,
        prompt_bytes=intent.prompt_bytes,
        generated=intent.choices,
    )


class CompletionsWriter:
    """One stream of completions to a client."""

    __slots__ = ("_created_s", "_id", "_model", "_shows_usage", "_usage")

    def __init__(self, *, shows_usage: bool) -> None:
        self._id = self._model = ""
        self._created_s = 0
        self._shows_usage = shows_usage
        self._usage: Counted | None = None

    def write(self, pieces: Sequence[Piece]) -> bytes:
        """Return the events for `pieces`; `[DONE]` with `Ended`."""
        out: list[bytes] = []
        for piece in pieces:
            if isinstance(piece, TextPiece):
                out.append(self._event([_choice(piece.choice, piece.text, piece.logprobs, None)]))
            elif isinstance(piece, Finished):
                reason = _REASONS[piece.reason]
                out.append(self._event([_choice(piece.choice, "", None, reason)]))
            elif isinstance(piece, Began):
                self._id, self._model = piece.id, piece.model
                self._created_s = piece.created_s or int(time.time())
            elif isinstance(piece, Counted):
                self._usage = piece
            elif isinstance(piece, Ended):
                if self._shows_usage and self._usage is not None:
                    out.append(self._event([], usage_body(self._usage.usage)))
                out.append(DONE)
        return b"".join(out)

    def fail(self, error: TramontaneError) -> bytes:
        """Return the error's event; no `[DONE]` follows."""
        return errors.render_event(error)

    def _event(self, choices: list[dict[str, Any]], usage: Any = None) -> bytes:
        body = _envelope(self._id, self._created_s, self._model, choices)
        if self._shows_usage:
            body["usage"] = usage
        return b"data: %b\n\n" % msgspec.json.encode(body)


_REASONS: dict[Reason, str] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "stop",
    "content_filter": "content_filter",
    "refusal": "content_filter",
}


def _choice(index: int, text: str, logprobs: Raw | None, reason: str | None) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": reason}


def _envelope(
    answer_id: str, created_s: int, model: str, choices: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "id": answer_id,
        "object": "text_completion",
        "created": created_s,
        "model": model,
        "choices": choices,
    }


def _text_of(choice: Choice) -> str:
    return "".join(part.text for part in choice.parts if isinstance(part, Text))


# --- towards providers ------------------------------------------------------------------------


class _Got(msgspec.Struct):
    index: int = 0
    text: str | None = None
    finish_reason: str | None = None
    logprobs: Raw = Raw(b"null")


class _Body(msgspec.Struct):
    id: str = ""
    created: int = 0
    model: str = ""
    choices: list[_Got] | None = None
    usage: Counts | None = None
    error: Any = None


_BODY = msgspec.json.Decoder(_Body)


class CompletionsUpstream:
    """POST /completions of a provider; FIM where the request has a suffix."""

    dialect = DIALECT
    stream_type = EVENT_STREAM

    def authorize(
        self, secret: str | None, *, host: str, path: str, body: bytes, now_s: float
    ) -> bytes:
        """Return the key's line."""
        return bearer(secret)

    def write(self, request: Request, *, model: str, drops: bool) -> Written:
        """Return `request` for `model`."""
        inputs = request.inputs
        body: dict[str, Any] = {"model": model}
        body["prompt"] = inputs[0] if len(inputs) == 1 else inputs
        said = {
            "suffix": request.suffix,
            "max_tokens": request.max_tokens,
            "n": request.choices if request.choices > 1 else None,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "top_k": request.top_k,
            "min_p": request.min_p,
            "frequency_penalty": request.frequency_penalty,
            "presence_penalty": request.presence_penalty,
            "stop": request.stop or None,
            "seed": request.seed,
            "logprobs": request.logprobs,
            "logit_bias": request.logit_bias,
            "user": request.user,
        }
        body.update((name, value) for name, value in said.items() if value is not None)
        unsaid = Unsaid(DIALECT, drops=drops)
        unsaid.leave_set(request, "safe_prompt", "effort", "thinking_tokens")
        unsaid.leave_extra(request, _EXTRA)
        body.update((name, raw) for name, raw in request.extra.items() if name in _EXTRA)
        if request.stream:
            body["stream"] = True
            body["stream_options"] = {"include_usage": True}
        return Written(path="/completions", body=msgspec.json.encode(body), dropped=unsaid.names)

    def read(self, body: bytes) -> Answer:
        """Return the whole answer. Raises Broken."""
        try:
            said = _BODY.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Broken(f"The provider's answer is no completion: {error}.") from None
        if not said.choices:
            raise Broken("The provider's answer holds no choice.")
        choices = tuple(
            Choice(
                (Text(got.text or ""),),
                _reason(got.finish_reason or "stop"),
                logprobs=_logprobs(got),
            )
            for got in sorted(said.choices, key=lambda got: got.index)
        )
        return Answer(
            id=said.id,
            model=said.model,
            choices=choices,
            usage=usage_of(said.usage),
            created_s=said.created,
        )

    def reader(self) -> "CompletionsReader":
        """Return the reader of one stream."""
        return CompletionsReader()

    def read_error(self, body: bytes) -> Said:
        """Return what an error's body says."""
        return read_said(body)


class CompletionsReader(EventReader):
    """One stream of completions from a provider."""

    def __init__(self) -> None:
        super().__init__()
        self._has_begun = False
        self._seen: set[int] = set()
        self._finished: set[int] = set()

    def take(self, data: bytes, event: bytes, out: list[Piece]) -> None:
        """Add what one event says. Raises Broken, UpstreamFailed."""
        if data == b"[DONE]":
            self.is_done = True
            out.append(Ended())
            return
        try:
            said = _BODY.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Broken(f"The provider sent a malformed event: {error}.") from None
        if said.error is not None and said.choices is None:
            raise UpstreamFailed("The upstream ended its stream with an error.")
        if not self._has_begun:
            self._has_begun = True
            out.append(Began(said.id, said.model, created_s=said.created))
        for got in said.choices or ():
            self._seen.add(got.index)
            logprobs = _logprobs(got)
            if got.text or logprobs is not None:
                out.append(TextPiece(got.text or "", got.index, logprobs))
            if got.finish_reason and got.index not in self._finished:
                self._finished.add(got.index)
                out.append(Finished(_reason(got.finish_reason), got.index))
        usage = usage_of(said.usage)
        if usage is not None:
            out.append(Counted(usage))

    def finish(self, out: list[Piece]) -> None:
        """Some servers end without `[DONE]`: that is an end where every choice has finished."""
        if not self._finished or self._finished != self._seen:
            super().finish(out)
        out.append(Ended())


def _reason(word: str) -> Reason:
    return "length" if word == "length" else "content_filter" if "filter" in word else "stop"


def _logprobs(got: _Got) -> Raw | None:
    return None if bytes(memoryview(got.logprobs)[:4]) == b"null" else Raw(bytes(got.logprobs))


CLIENT = CompletionsClient()
UPSTREAM = CompletionsUpstream()
