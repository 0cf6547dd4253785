"""What Google's generateContent answers, whole or in a stream, as canonical pieces.

Each event of a stream is a whole GenerateContentResponse with more of the answer; there is no
last event, so the stream has ended well where its body has and every candidate says why it
finished. Facts: ai.google.dev/api/generate-content and the types of google-genai 3.4.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from tramontane.errors import UpstreamFailed
from tramontane.money import Usage
from tramontane.wire import sse
from tramontane.wire.canonical import (
    Answer,
    Began,
    Broken,
    Call,
    CallBegan,
    CallPiece,
    Choice,
    Counted,
    Ended,
    Finished,
    Piece,
    Reason,
    Said,
    Text,
    TextPiece,
    Thinking,
    ThinkingPiece,
)
from tramontane.wire.google.signatures import MARK, seal

_EMPTY = msgspec.Raw(b"{}")
_DELAY = re.compile(r"\d{1,9}(?:\.\d{1,9})?s")


class _Camel(msgspec.Struct, rename="camel"):
    pass


class _FunctionCall(_Camel):
    name: str
    id: str | None = None
    args: msgspec.Raw = _EMPTY


class _Part(_Camel):
    text: str | None = None
    thought: bool = False
    thought_signature: str | None = None
    function_call: _FunctionCall | None = None
    inline_data: Any = None
    executable_code: Any = None
    code_execution_result: Any = None


class _Content(_Camel):
    parts: list[_Part] | None = None


class _Token(_Camel):
    token: str = ""
    log_probability: float = 0.0


class _Tops(_Camel):
    candidates: list[_Token] | None = None


class _Logprobs(_Camel):
    chosen_candidates: list[_Token] | None = None
    top_candidates: list[_Tops] | None = None


class _Candidate(_Camel):
    content: _Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    index: int = 0
    logprobs_result: _Logprobs | None = None


class _Usage(_Camel):
    prompt_token_count: int = 0
    candidates_token_count: int = 0
    total_token_count: int = 0
    cached_content_token_count: int = 0
    thoughts_token_count: int = 0
    tool_use_prompt_token_count: int = 0


class _Feedback(_Camel):
    block_reason: str | None = None


class _Error(msgspec.Struct):
    message: str = ""
    status: str | None = None
    code: int = 0
    details: list[dict[str, Any]] = []


class _Response(_Camel):
    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: _Usage | None = None
    model_version: str = ""
    response_id: str = ""
    error: _Error | None = None


class _ErrorBody(msgspec.Struct):
    error: _Error


_RESPONSE = msgspec.json.Decoder(_Response)
_ERRORS = msgspec.json.Decoder(_ErrorBody | list[_ErrorBody])  # a list where it was to be a stream

_FILTERED = frozenset((
    "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "ESCALATION", "PUP_LIMITED_DISABLED",
))  # fmt: skip
"""Reasons that are a filter's. Those that stand nowhere here (MALFORMED_FUNCTION_CALL, OTHER, …)
are failures, never a good end.
"""


class Reader:
    """Reads one stream. `left`: what was whole before the part that made `feed` or `end` raise."""

    def __init__(self) -> None:
        self.left: Sequence[Piece] = ()
        self._events = sse.EventSplitter()
        self._parts = _Parts()

    def feed(self, payload: bytes) -> list[Piece]:
        """Return the pieces that are whole now. Raises Broken; UpstreamFailed for its errors."""
        try:
            events = self._events.feed(payload)
        except sse.EventTooLarge as error:
            raise Broken(str(error)) from None
        pieces: list[Piece] = []
        self.left = pieces
        for event in events:
            if (data := sse.data_of(event)) is not None:
                self._parts.take(_decode(data), pieces)
            elif not sse.is_silent(event):
                raise Broken("The provider's stream holds something that is no event.")
        return pieces

    def end(self) -> list[Piece]:
        """Return what was due. Raises Broken where the answer has not ended."""
        self.left = ()
        if self._events.pending.strip():
            raise Broken("The provider's stream ended inside an event.")
        return self._parts.end()


def read_answer(body: bytes) -> Answer:
    """Return the whole answer. Raises Broken; UpstreamFailed where Google says that it failed."""
    response = _decode(body)
    parts = _Parts()
    pieces: list[Piece] = []
    parts.take(response, pieces)
    parts.end()
    began = pieces[0]
    assert isinstance(began, Began)
    counted = None if response.usage_metadata is None else _counted(response.usage_metadata)
    return Answer(
        id=began.id,
        model=began.model,
        choices=tuple(_choice(pieces, index) for index in sorted(parts.finished)),
        usage=None if counted is None else counted.usage,
        thinking_tokens=None if counted is None else counted.thinking_tokens,
    )


def read_said(body: bytes) -> Said:
    """Return what an error's body says."""
    try:
        errors = _ERRORS.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return Said()
    if isinstance(errors, list):
        if not errors:
            return Said()
        errors = errors[0]
    return _said(errors.error)


def _said(error: _Error) -> Said:
    code, param, retry_after_s = error.status, None, None
    for detail in error.details:
        reason = detail.get("reason")
        if isinstance(reason, str):
            code = reason  # ErrorInfo: API_KEY_INVALID says more than INVALID_ARGUMENT
        violations = detail.get("fieldViolations")
        if isinstance(violations, list) and violations and isinstance(violations[0], dict):
            field = violations[0].get("field")
            param = field if isinstance(field, str) else None
        retry_after_s = _seconds(detail.get("retryDelay")) or retry_after_s
    status = 401 if code == "API_KEY_INVALID" else None  # comes as 400, as a caller's mistake does
    return Said(
        message=error.message,
        code=code,
        param=param,
        status=status,
        retry_after_s=retry_after_s,
    )


def _seconds(delay: object) -> float | None:
    """Return the seconds of a RetryInfo's `37.5s` (google/rpc/error_details.proto)."""
    if not isinstance(delay, str) or _DELAY.fullmatch(delay) is None:
        return None
    return float(delay[:-1])


def _decode(data: bytes) -> _Response:
    try:
        response = _RESPONSE.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Broken(f"The provider's answer is not of Google's form: {error}") from None
    if response.error is not None:
        said = response.error
        raise UpstreamFailed(f"The provider failed ({said.status or said.code}): {said.message}")
    return response


class _Parts:
    """Turns responses into pieces, across the events of a stream."""

    def __init__(self) -> None:
        self._id = ""
        self._calls: dict[int, int] = {}
        self._began: set[int] = set()
        self._counted: Counted | None = None
        self._is_begun = False
        self.finished: set[int] = set()

    def take(self, response: _Response, pieces: list[Piece]) -> None:
        counted = None if response.usage_metadata is None else _counted(response.usage_metadata)
        if not self._is_begun:
            self._is_begun = True
            self._id = response.response_id
            usage = None if counted is None else counted.usage
            pieces.append(Began(self._id, response.model_version, usage))
        known = len(self.finished)
        failures = [self._candidate(each, pieces) for each in response.candidates or ()]
        feedback = response.prompt_feedback
        if feedback is not None and feedback.block_reason is not None and not self._began:
            self._began.add(0)
            self.finished.add(0)
            pieces.append(Finished("content_filter"))
        if counted is not None and (counted != self._counted or len(self.finished) > known):
            self._counted = counted
            pieces.append(counted)
        for failure in failures:
            if failure is not None:
                raise failure

    def end(self) -> list[Piece]:
        if not self.finished or self._began - self.finished:
            raise Broken("The provider's stream ended before its answer did.")
        return [Ended()]

    def _candidate(self, candidate: _Candidate, pieces: list[Piece]) -> UpstreamFailed | None:
        """Append what `candidate` says; return why it failed, where it has."""
        index = candidate.index
        self._began.add(index)
        logprobs = _logprobs(candidate.logprobs_result)
        for part in (candidate.content and candidate.content.parts) or ():
            logprobs = self._part(part, index, logprobs, pieces)
        said = candidate.finish_reason
        if said is None or index in self.finished:
            return None
        reason: Reason
        if said == "STOP":
            reason = "tool_calls" if self._calls.get(index) else "stop"
        elif said == "MAX_TOKENS":
            reason = "length"
        elif said in _FILTERED:
            reason = "content_filter"
        else:
            why = candidate.finish_message or "it gave no other reason"
            return UpstreamFailed(f"The model broke its answer off ({said}): {why}.")
        self.finished.add(index)
        pieces.append(Finished(reason, index))
        return None

    def _part(
        self, part: _Part, index: int, logprobs: msgspec.Raw | None, pieces: list[Piece]
    ) -> msgspec.Raw | None:
        """Append what `part` says; return the log probabilities that are still to be told."""
        signature = part.thought_signature
        if part.function_call is not None:
            self._call(part.function_call, signature, index, pieces)
        elif part.thought:
            mark = MARK + signature if signature else None
            pieces.append(ThinkingPiece(part.text or "", index, mark))
        elif part.text is not None:
            if part.text or logprobs is not None:
                pieces.append(TextPiece(part.text, index, logprobs))
                logprobs = None
            if signature:
                pieces.append(ThinkingPiece("", index, MARK + signature))
        elif part.inline_data or part.executable_code or part.code_execution_result:
            raise Broken("The model answered with something other than text and tool calls.")
        return logprobs

    def _call(
        self, call: _FunctionCall, signature: str | None, index: int, pieces: list[Piece]
    ) -> None:
        number = self._calls.get(index, 0)
        self._calls[index] = number + 1
        made = call.id or _made_id(self._id, index, number, call)
        pieces.append(CallBegan(number, seal(made, signature), call.name, index))
        pieces.append(CallPiece(number, bytes(call.args).decode(), index))


def _made_id(response_id: str, index: int, number: int, call: _FunctionCall) -> str:
    """Return an id for a call that came without: the same for the same bytes, of no other call."""
    seed = f"{response_id}/{index}/{number}/{call.name}/".encode() + bytes(call.args)
    return "call_" + hashlib.sha256(seed).hexdigest()[:24]


def _counted(counted: _Usage) -> Counted:
    """Return what was used. Thoughts are counted beside the candidates or, by some models, in them;
    the total tells which.
    """
    prompt = counted.prompt_token_count + counted.tool_use_prompt_token_count
    made = counted.candidates_token_count + counted.thoughts_token_count
    beyond = counted.total_token_count - prompt
    if counted.candidates_token_count <= beyond <= made:
        made = beyond
    usage = Usage(prompt, made, counted.cached_content_token_count)
    return Counted(usage, counted.thoughts_token_count)


def _logprobs(result: _Logprobs | None) -> msgspec.Raw | None:
    """Return them as OpenAI writes them; None where there are none."""
    chosen = result.chosen_candidates if result is not None else None
    if not chosen:
        return None
    tops = (result.top_candidates if result is not None else None) or []
    content = [
        {
            **_likely(token),
            "top_logprobs": [
                _likely(other)
                for other in ((tops[place].candidates if place < len(tops) else None) or ())
            ],
        }
        for place, token in enumerate(chosen)
    ]
    return msgspec.Raw(msgspec.json.encode({"content": content, "refusal": None}))


def _likely(token: _Token) -> dict[str, object]:
    return {
        "token": token.token,
        "logprob": token.log_probability,
        "bytes": list(token.token.encode()),
    }


def _choice(pieces: list[Piece], index: int) -> Choice:
    """Return one choice of the pieces of a whole answer."""
    parts: list[Text | Thinking | Call] = []
    reason: Reason = "stop"
    logprobs = None
    for piece in pieces:
        if isinstance(piece, Began | Counted | Ended) or piece.choice != index:
            continue
        if isinstance(piece, TextPiece):
            logprobs = piece.logprobs or logprobs
            last = parts[-1] if parts else None
            if isinstance(last, Text):
                parts[-1] = Text(last.text + piece.text)
            else:
                parts.append(Text(piece.text))
        elif isinstance(piece, ThinkingPiece):
            parts.append(Thinking(piece.text, piece.signature))
        elif isinstance(piece, CallBegan):
            parts.append(Call(piece.id, piece.name, ""))
        elif isinstance(piece, CallPiece):
            begun = parts[-1]
            assert isinstance(begun, Call)
            parts[-1] = Call(begun.id, begun.name, piece.arguments)
        else:
            reason = piece.reason
    return Choice(tuple(parts), reason, logprobs=logprobs)
