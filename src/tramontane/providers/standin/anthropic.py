"""A stand-in for Anthropic's Messages API, at /v1/messages.

It thinks where thinking is asked for, writes what is marked into a cache that forgets at once
(`cached_tokens` says what is read from it), and ends streams with `message_stop`. It shares no
code with `wire`.
"""

from typing import Any
from urllib.parse import unquote

import msgspec

from tramontane.providers.standin import anthropic_requests as requests
from tramontane.providers.standin import tokens
from tramontane.providers.standin.answers import NOTHING_TO_ECHO_TOKENS, Answer, Call
from tramontane.providers.standin.behaviour import Behaviour, ScriptedCall
from tramontane.providers.standin.director import Incoming
from tramontane.providers.standin.encoding import Count
from tramontane.providers.standin.forms import Desk, bearer, require_key
from tramontane.providers.standin.instances import instance
from tramontane.providers.standin.plan import Draft, Plan
from tramontane.providers.standin.planning import plain, planned
from tramontane.providers.standin.refusals import Refused
from tramontane.providers.standin.tally import Request

STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
THOUGHT = "The user has said something, and I am to say it again."
SEAL = "EqkBCkYIARgCKkBzdGFuZC1pbg=="
_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_encode = msgspec.json.Encoder().encode
_SCHEMA_ERRORS = (
    ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError
)  # fmt: skip


class Made(msgspec.Struct, frozen=True):
    """An answer with what only this form has."""

    answer: Answer
    thought: str
    stop_reason: str
    stop_sequence: str | None


class AnthropicForm:
    """Answers below /v1/messages, and /v1/models to who says an `anthropic-version`."""

    def check_key(self, incoming: Incoming, api_key: str) -> None:
        """Raise Refused without the right x-api-key (or, for tokens of OAuth, Bearer)."""
        require_key(
            incoming.headers.get(b"x-api-key") or bearer(incoming), api_key, "'x-api-key: KEY'"
        )

    def answer(self, incoming: Incoming, kept: Request, desk: Desk) -> Plan:
        """Return the plan of the response."""
        if incoming.path.startswith("/v1/models"):
            return _models(incoming, desk)
        if incoming.method != "POST":
            raise Refused(f"{incoming.path} takes POST, not {incoming.method}.", status=405)
        if b"anthropic-version" not in incoming.headers:
            raise Refused("anthropic-version: header is required")
        kept.id = f"msg_{desk.new_id()}"
        if incoming.path.endswith("/count_tokens"):
            return _count(incoming, kept, desk)
        if not incoming.path.endswith("/v1/messages"):
            raise Refused(f"There is nothing at {incoming.path}.", status=404)
        request = requests.read(incoming.body)
        kept.user = request.metadata.user_id if request.metadata is not None else None
        behaviour, echo = desk.direct(
            incoming, kept, request.model, requests.last_user_text(request)
        )
        made = _made(request, behaviour, echo, desk)
        prompt, marked = requests.prompt_tokens(request)
        thinking = tokens.count(made.thought)
        counted = desk.count(kept, behaviour, [made.answer], prompt)
        kept.planned_tokens += thinking
        kept.cache_write_tokens = max(0, min(marked, prompt) - counted.cached_tokens)
        count = Count(counted.prompt_tokens, kept.planned_tokens, counted.cached_tokens)
        writer = _Writer(kept, made, count, behaviour)
        writer.is_kept_an_hour = requests.is_kept_an_hour(request)
        draft = writer.stream() if request.stream else writer.whole()
        draft.fields.append(b"request-id: req_" + kept.id.encode())
        return desk.plan(draft, behaviour, kept)

    def refusal(self, refused: Refused) -> Draft:
        """Return the draft of an error."""
        draft = Draft(refused.status, [_error(refused.status, refused.message)], [0])
        if refused.retry_after_s is not None:
            draft.fields.append(b"retry-after: %d" % -(-refused.retry_after_s // 1))
        return draft


FORM = AnthropicForm()


def _error(status: int, message: str) -> bytes:
    kind = _KINDS.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return _encode({"type": "error", "error": {"type": kind, "message": message}})


def _count(incoming: Incoming, kept: Request, desk: Desk) -> Plan:
    request = requests.read_count(incoming.body)
    desk.direct(incoming, kept, request.model, requests.last_user_text(request))
    prompt, _ = requests.prompt_tokens(request)
    return planned(Draft(200, [_encode({"input_tokens": prompt})], [0]))


def _models(incoming: Incoming, desk: Desk) -> Plan:
    """Return all models on one page, or the one that is named."""
    data = [
        {
            "type": "model",
            "id": name,
            "display_name": name,
            "created_at": "1970-01-01T00:00:00Z",
            "lifecycle": "active",
        }
        for name in desk.models
    ]
    wanted = unquote(incoming.path.removeprefix("/v1/models").lstrip("/"))
    if not wanted:
        ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]}
        return plain({"data": data, "has_more": False, **ends})
    for model in data:
        if model["id"] == wanted:
            return plain(model)
    raise Refused(f"model: {wanted}", status=404)


def _made(request: requests.MessagesRequest, behaviour: Behaviour, echo: str, desk: Desk) -> Made:
    thinking = request.thinking
    thought = "" if thinking is None or thinking.type == "disabled" else THOUGHT
    left = request.max_tokens - tokens.count(thought)
    calls = _calls(request, behaviour, echo, desk)
    if calls:
        used = sum(call.tokens for call in calls)
        reason = "tool_use" if used <= left else "max_tokens"
        answer = Answer(None, calls if used <= left else (), "")
        return Made(answer, thought, behaviour.finish or reason, None)
    text, reason, stop = _text(request, behaviour, echo), "end_turn", None
    places = [(text.find(s), s) for s in request.stop_sequences or () if s in text]
    if places:
        at, stop = min(places)
        text, reason = text[:at], "stop_sequence"
    if tokens.count(text) > left:
        text, reason, stop = tokens.first(text, max(0, left)), "max_tokens", None
    return Made(Answer(text, (), ""), thought, behaviour.finish or reason, stop)


def _text(request: requests.MessagesRequest, behaviour: Behaviour, echo: str) -> str:
    if behaviour.answer is not None:
        return behaviour.answer
    if behaviour.tokens is not None:
        return tokens.filler(behaviour.tokens)
    config = request.output_config
    if config is not None and config.format is not None:
        return _conforming(config.format.schema, echo)
    last = request.messages[-1]
    if last.role == "assistant":
        return " " + (echo or "and so on")  # it goes on from what it is given
    return echo or tokens.filler(NOTHING_TO_ECHO_TOKENS)


def _conforming(schema: dict[str, Any], text: str) -> str:
    try:
        return _encode(instance(schema, text or "text")).decode()
    except _SCHEMA_ERRORS as error:
        raise Refused(f"This is no schema that can be answered: {error}.") from None


def _calls(
    request: requests.MessagesRequest, behaviour: Behaviour, echo: str, desk: Desk
) -> tuple[Call, ...]:
    known = {tool.name: tool.input_schema for tool in request.tools or ()}
    choice = request.tool_choice
    if not known or (choice is not None and choice.type == "none"):
        return ()
    scripted = behaviour.tool_calls or ()
    if not scripted and behaviour.tool is not None:
        name = next(iter(known)) if behaviour.tool == "auto" else behaviour.tool
        scripted = (ScriptedCall(name),)
    if not scripted and choice is not None and choice.type in ("any", "tool"):
        scripted = (ScriptedCall(choice.name or next(iter(known))),)
    if choice is not None and choice.disable_parallel_tool_use:
        scripted = scripted[:1]
    made = []
    for call in scripted:
        arguments = call.arguments
        if arguments is None:
            arguments = _conforming(known.get(call.name, {"type": "object"}), echo)
        elif not isinstance(arguments, str):
            arguments = _encode(arguments).decode()
        made.append(Call(f"toolu_{desk.new_id()}", call.name, arguments))
    return tuple(made)


class _Writer:
    """Writes one answer, whole or as named events."""

    def __init__(self, kept: Request, made: Made, count: Count, behaviour: Behaviour) -> None:
        self.kept = kept
        self.made = made
        self.count = count
        self.size = behaviour.tokens_per_event or 1
        self.says_usage = behaviour.usage != "never"
        self.is_kept_an_hour = False
        self.parts: list[bytes] = []
        self.tokens: list[int] = []

    def usage(self, output_tokens: int) -> dict[str, Any]:
        """Return the usage; what was read from or written to the cache is not among the input."""
        if not self.says_usage:
            return {}
        count, written = self.count, self.kept.cache_write_tokens
        return {
            "input_tokens": max(0, count.prompt_tokens - count.cached_tokens - written),
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": count.cached_tokens,
            "cache_creation": {
                "ephemeral_5m_input_tokens": 0 if self.is_kept_an_hour else written,
                "ephemeral_1h_input_tokens": written if self.is_kept_an_hour else 0,
            },
            "output_tokens": output_tokens,
            "service_tier": "standard",
        }

    def message(self, content: list[Any], *, is_whole: bool) -> dict[str, Any]:
        """Return the message object."""
        made = self.made
        return {
            "id": self.kept.id,
            "type": "message",
            "role": "assistant",
            "model": self.kept.model,
            "content": content,
            "stop_reason": made.stop_reason if is_whole else None,
            "stop_sequence": made.stop_sequence if is_whole else None,
            "usage": self.usage(self.count.completion_tokens if is_whole else 1),
        }

    def whole(self) -> Draft:
        """Return the draft of a body."""
        made = self.made
        content: list[dict[str, Any]] = []
        if made.thought:
            content.append({"type": "thinking", "thinking": made.thought, "signature": SEAL})
        if made.answer.text:
            content.append({"type": "text", "text": made.answer.text})
        for call in made.answer.calls:
            content.append(
                {
                    "type": "tool_use",
                    "id": call.id,
                    "name": call.name,
                    "input": msgspec.Raw(call.arguments.encode()),
                }
            )
        body = _encode(self.message(content, is_whole=True))
        draft = Draft(200, [body], [self.count.completion_tokens])
        draft.usage_part = 0 if self.says_usage else -1
        draft.error = _error(500, "The stand-in was told to fail.")
        return draft

    def stream(self) -> Draft:
        """Return the draft of a stream."""
        made = self.made
        self.add("message_start", {"message": self.message([], is_whole=False)})
        self.add("ping", {})
        index = 0
        if made.thought:
            block: dict[str, Any] = {"type": "thinking", "thinking": "", "signature": ""}
            self.block(index, block, "thinking_delta", "thinking", made.thought, seal=SEAL)
            index += 1
        if made.answer.text:
            block = {"type": "text", "text": ""}
            self.block(index, block, "text_delta", "text", made.answer.text)
            index += 1
        for call in made.answer.calls:
            block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
            name_tokens = tokens.count(call.name)
            arguments = "" if call.arguments == "{}" else call.arguments
            self.block(index, block, "input_json_delta", "partial_json", arguments, name_tokens)
            index += 1
        draft = Draft(200, self.parts, self.tokens)
        draft.usage_part = len(self.parts) if self.says_usage else -1
        delta = {"stop_reason": made.stop_reason, "stop_sequence": made.stop_sequence}
        usage = self.usage(self.count.completion_tokens)
        self.add("message_delta", {"delta": delta, "usage": usage})
        self.parts.append(STOP)
        self.tokens.append(0)
        draft.is_stream = True
        draft.framing = "chunked"
        draft.fields = [
            b"content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache"
        ]
        draft.done = STOP
        draft.error = b"event: error\ndata: " + _error(500, "Told to fail.") + b"\n\n"
        return draft

    def block(
        self,
        index: int,
        block: dict[str, Any],
        kind: str,
        field: str,
        text: str,
        begun_tokens: int = 0,
        *,
        seal: str | None = None,
    ) -> None:
        """Add the events of one block."""
        self.add("content_block_start", {"index": index, "content_block": block}, begun_tokens)
        for piece in tokens.groups(text, self.size):
            delta = {"type": kind, field: piece}
            self.add("content_block_delta", {"index": index, "delta": delta}, tokens.count(piece))
        if seal is not None:
            delta = {"type": "signature_delta", "signature": seal}
            self.add("content_block_delta", {"index": index, "delta": delta})
        self.add("content_block_stop", {"index": index})

    def add(self, name: str, data: dict[str, Any], count: int = 0) -> None:
        """Add an event that carries `count` tokens."""
        event = _encode({"type": name, **data})
        self.parts.append(b"event: %b\ndata: %b\n\n" % (name.encode(), event))
        self.tokens.append(count)
