"""The stand-in's form of Amazon Bedrock's API: Converse and ConverseStream.

Requests are taken with an API key as a bearer's or with any signature of Signature Version 4 that
names the expected access key; signatures are held against botocore's own in the tests, not here.
It shares no code with `wire`.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import msgspec

from tramontane.providers.standin import answers, tokens
from tramontane.providers.standin.bedrock_requests import Converse, as_chat, read_converse
from tramontane.providers.standin.behaviour import Behaviour
from tramontane.providers.standin.director import Incoming
from tramontane.providers.standin.encoding import Count, Events
from tramontane.providers.standin.forms import Desk, bearer, require_key
from tramontane.providers.standin.plan import Draft, Plan
from tramontane.providers.standin.refusals import Refused
from tramontane.providers.standin.tally import Request

Json = dict[str, Any]
BASE = "/model/"
LATENCY_MS = 1
_ALGORITHM = b"AWS4-HMAC-SHA256 "
_KINDS = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}
_REASONS = {
    "stop": "end_turn",
    "tool_calls": "tool_use",
    "length": "max_tokens",
    "content_filter": "content_filtered",
}


class BedrockForm:
    """Answers as Bedrock does."""

    def check_key(self, incoming: Incoming, api_key: str) -> None:
        """Raise Refused unless `incoming` proves to know the key, or is signed as its owner's."""
        given = incoming.headers.get(b"authorization", b"")
        if given.startswith(_ALGORITHM):
            key_id = api_key.partition(":")[0]
            if f"Credential={key_id}/".encode() not in given:
                raise Refused(
                    "The security token included in the request is invalid.",
                    status=403,
                    code="UnrecognizedClientException",
                )
            return
        try:
            require_key(bearer(incoming), api_key, "'authorization: Bearer KEY'")
        except Refused as refused:
            raise Refused(refused.message, status=403, code="AccessDeniedException") from None

    def answer(self, incoming: Incoming, kept: Request, desk: Desk) -> Plan:
        """Return the plan of the response, and note in `kept` what the tally shows."""
        name, _, operation = incoming.path.removeprefix(BASE).rpartition("/")
        if incoming.method != "POST" or operation not in ("converse", "converse-stream"):
            raise Refused(f"There is nothing at {incoming.method} {incoming.path}.", status=404)
        model = unquote(name)
        desk.check_model(model)
        request = read_converse(incoming.body)
        chat = as_chat(request, model)
        behaviour, echo = desk.direct(incoming, kept, model, answers.last_user_text(chat.messages))
        answer = answers.chat_answer(chat, behaviour, echo, desk.new_id)
        answer = msgspec.structs.replace(answer, thinking=behaviour.thinking or "")
        count = desk.count(kept, behaviour, [answer], answers.chat_prompt_tokens(chat))
        uncached = count.prompt_tokens - count.cached_tokens
        kept.cache_write_tokens = min(behaviour.cache_write_tokens or 0, uncached)
        sequence = _sequence(chat.stop, answer, behaviour)
        writer = _Writer(request, behaviour, count, answer, sequence, kept.cache_write_tokens)
        if operation == "converse":
            draft = Draft(200, [msgspec.json.encode(writer.whole())], [answer.tokens])
            draft.usage_part = -1 if behaviour.usage == "never" else 0
        else:
            draft = _events(writer, behaviour)
        draft.fields.append(b"x-amzn-requestid: " + kept.id.encode())
        return desk.plan(draft, behaviour, kept)

    def refusal(self, refused: Refused) -> Draft:
        """Return the draft of an error."""
        kind = refused.code if refused.code and refused.code[0].isupper() else None
        kind = kind or _KINDS.get(refused.status, "InternalServerException")
        draft = Draft(refused.status, [msgspec.json.encode({"message": refused.message})], [0])
        draft.fields.append(b"x-amzn-errortype: " + kind.encode("latin-1", "replace"))
        if refused.retry_after_s is not None:
            draft.fields.append(b"retry-after: %d" % -(-refused.retry_after_s // 1))
        return draft


def _sequence(stop: Any, answer: answers.Answer, behaviour: Behaviour) -> str | None:
    """Return the stop sequence that ended `answer`, None where none did."""
    text = behaviour.answer
    if not stop or not text or answer.text is None or answer.finish != "stop":
        return None
    found = [one for one in stop if text.startswith(answer.text + one)]
    return found[0] if found else None


def _events(writer: "_Writer", behaviour: Behaviour) -> Draft:
    events = Events()
    for kind, payload, count in writer.stream():
        if kind == "metadata":
            events.usage_event = -1 if behaviour.usage == "never" else len(events.events)
        events.add(frame(kind, payload), count)
    draft = Draft.of_events(events)
    draft.fields = [b"content-type: application/vnd.amazon.eventstream"]
    draft.done = events.events[-1]
    told = {"message": "The stand-in was told to fail."}
    draft.error = frame("internalServerException", told, is_failure=True)
    return draft


class _Writer:
    """Writes one answer, as a whole or in events."""

    def __init__(
        self,
        request: Converse,
        behaviour: Behaviour,
        count: Count,
        answer: answers.Answer,
        sequence: str | None,
        written_tokens: int,
    ) -> None:
        self._answer = answer
        self._behaviour = behaviour
        self._count = count
        self._written_tokens = written_tokens
        self._sequence = sequence
        self._tells_sequence = "/stop_sequence" in request.additional_model_response_field_paths

    def whole(self) -> Json:
        """Return the whole response."""
        content: list[Json] = []
        if self._answer.thinking:
            thought = {"text": self._answer.thinking, "signature": _SIGNATURE}
            content.append({"reasoningContent": {"reasoningText": thought}})
        if self._answer.text is not None:
            content.append({"text": self._answer.text})
        for call in self._answer.calls:
            used = {"toolUseId": call.id, "name": call.name, "input": _arguments(call)}
            content.append({"toolUse": used})
        response = {
            "output": {"message": {"role": "assistant", "content": content}},
            **self._stopped(),
            "metrics": {"latencyMs": LATENCY_MS},
        }
        if self._behaviour.usage != "never":
            response["usage"] = self._usage()
        return response

    def stream(self) -> Iterator[tuple[str, Json, int]]:
        """Yield the events: their names, what they say, the tokens each carries."""
        yield "messageStart", {"role": "assistant"}, 0
        block = 0
        size = self._behaviour.tokens_per_event or 1
        if self._answer.thinking:
            for piece in tokens.groups(self._answer.thinking, size):
                yield _delta({"reasoningContent": {"text": piece}}, block, tokens.count(piece))
            yield _delta({"reasoningContent": {"signature": _SIGNATURE}}, block, 0)
            yield "contentBlockStop", {"contentBlockIndex": block}, 0
            block += 1
        if self._answer.text is not None:
            for piece in tokens.groups(self._answer.text, size):
                yield _delta({"text": piece}, block, tokens.count(piece))
            yield "contentBlockStop", {"contentBlockIndex": block}, 0
            block += 1
        for call in self._answer.calls:
            used = {"toolUse": {"toolUseId": call.id, "name": call.name}}
            begun = {"start": used, "contentBlockIndex": block}
            yield "contentBlockStart", begun, tokens.count(call.name)
            for piece in tokens.groups(call.arguments, size):
                yield _delta({"toolUse": {"input": piece}}, block, tokens.count(piece))
            yield "contentBlockStop", {"contentBlockIndex": block}, 0
            block += 1
        yield "messageStop", self._stopped(), 0
        metadata: Json = {"metrics": {"latencyMs": LATENCY_MS}}
        if self._behaviour.usage != "never":
            metadata["usage"] = self._usage()
        yield "metadata", metadata, 0

    def _stopped(self) -> Json:
        reason = _REASONS.get(self._answer.finish, self._answer.finish)
        if self._sequence is not None:
            reason = "stop_sequence"
        stopped: Json = {"stopReason": reason}
        if self._sequence is not None and self._tells_sequence:
            stopped["additionalModelResponseFields"] = {"stop_sequence": self._sequence}
        return stopped

    def _usage(self) -> Json:
        """Return the usage; what the cache has read or written is counted apart."""
        count = self._count
        written = self._written_tokens
        usage = {
            "inputTokens": count.prompt_tokens - count.cached_tokens - written,
            "outputTokens": count.completion_tokens,
            "totalTokens": count.prompt_tokens + count.completion_tokens,
        }
        if count.cached_tokens or written:
            usage["cacheReadInputTokens"] = count.cached_tokens
            usage["cacheWriteInputTokens"] = written
        return usage


_SIGNATURE = "c3RhbmRpbg=="


def _delta(delta: Json, block: int, count: int) -> tuple[str, Json, int]:
    return "contentBlockDelta", {"delta": delta, "contentBlockIndex": block}, count


def _arguments(call: answers.Call) -> Any:
    try:
        return msgspec.json.decode(call.arguments)
    except msgspec.DecodeError:
        return {}


def frame(kind: str, payload: Json, *, is_failure: bool = False) -> bytes:
    """Return one message of the binary event stream."""
    named = ":exception-type" if is_failure else ":event-type"
    headers = b"".join(
        bytes((len(name),)) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value
        for name, value in (
            (named, kind.encode()),
            (":content-type", b"application/json"),
            (":message-type", b"exception" if is_failure else b"event"),
        )
    )
    body = msgspec.json.encode(payload)
    prelude = struct.pack(">II", len(headers) + len(body) + 16, len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + body
    return message + struct.pack(">I", zlib.crc32(message))


FORM = BedrockForm()
