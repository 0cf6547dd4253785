"""The stand-in's form of Google's API: generateContent, its stream, counts, embeddings, models.

Like the newer models it seals its calls, and refuses a conversation in which a seal is missing
(for names such as gemini-3-pro). It shares no code with `wire`.
"""

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import msgspec

from tramontane.providers.standin import answers, embeddings, tokens
from tramontane.providers.standin.behaviour import Behaviour
from tramontane.providers.standin.director import Incoming
from tramontane.providers.standin.encoding import Count, Events, chat_logprobs
from tramontane.providers.standin.forms import Desk, require_key
from tramontane.providers.standin.google_requests import (
    SEAL,
    Generate,
    as_chat,
    read_embed,
    read_generate,
)
from tramontane.providers.standin.plan import Draft, Plan
from tramontane.providers.standin.planning import plain
from tramontane.providers.standin.refusals import Refused
from tramontane.providers.standin.tally import Request

Json = dict[str, Any]
BASES = ("/v1beta/", "/v1/")
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_REASONS = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
}
_DETAIL = "type.googleapis.com/google.rpc."
_BLOCKED = "blocked"  # the behaviour's `finish` for a prompt that is refused whole


class GoogleForm:
    """Answers as Google's API does."""

    def check_key(self, incoming: Incoming, api_key: str) -> None:
        """Raise Refused unless `incoming` proves to know the key."""
        given = incoming.headers.get(b"x-goog-api-key")
        if given is None:
            raise Refused(
                "Method doesn't allow unregistered callers (callers without established identity).",
                status=403,
            )
        try:
            require_key(given, api_key, "it in x-goog-api-key")
        except Refused:
            raise Refused(
                "API key not valid. Please pass a valid API key.", code="API_KEY_INVALID"
            ) from None

    def answer(self, incoming: Incoming, kept: Request, desk: Desk) -> Plan:
        """Return the plan of the response, and note in `kept` what the tally shows."""
        path = incoming.path
        for base in BASES:
            path = path.removeprefix(base)
        name, colon, method = path.rpartition(":") if ":" in path else (path, "", "")
        kind, _, model = unquote(name).partition("/")
        expected = "POST" if colon else "GET"
        if kind != "models" or incoming.method != expected:
            raise Refused(f"There is nothing at {incoming.method} {incoming.path}.", status=404)
        if not colon:
            return _models(model, desk)
        if method == "generateContent":
            return _generate(incoming, kept, desk, model, is_stream=False)
        if method == "streamGenerateContent":
            return _generate(incoming, kept, desk, model, is_stream=True)
        if method == "batchEmbedContents":
            return _embed(incoming, kept, desk, model)
        if method == "countTokens":
            return _count_tokens(incoming, desk, model)
        raise Refused(f"There is no method '{method}'.", status=404)

    def refusal(self, refused: Refused) -> Draft:
        """Return the draft of an error."""
        return Draft(refused.status, [msgspec.json.encode(_error(refused))], [0])


def _error(refused: Refused) -> Json:
    status = _STATUSES.get(refused.status, "UNKNOWN")
    error: Json = {"code": refused.status, "message": refused.message, "status": status}
    details: list[Json] = []
    if refused.code is not None and refused.code.isupper() and refused.code != status:
        named = {"reason": refused.code, "domain": "googleapis.com"}
        details.append({"@type": _DETAIL + "ErrorInfo", **named})
    if refused.retry_after_s is not None:  # here, and not in the head
        delay = {"retryDelay": f"{refused.retry_after_s:g}s"}
        details.append({"@type": _DETAIL + "RetryInfo", **delay})
    if details:
        error["details"] = details
    return {"error": error}


# -- answers --------------------------------------------------------------------------------------


def _generate(
    incoming: Incoming, kept: Request, desk: Desk, model: str, *, is_stream: bool
) -> Plan:
    desk.check_model(model)
    request = read_generate(incoming.body, model)
    chat = as_chat(request, model)
    prompt = answers.last_user_text(chat.messages)
    behaviour, echo = desk.direct(incoming, kept, model, prompt)
    answer = answers.chat_answer(chat, behaviour, echo, desk.new_id)
    answer = msgspec.structs.replace(answer, thinking=behaviour.thinking or "")
    made = [answer] * (chat.n or 1)
    count = desk.count(kept, behaviour, made, answers.chat_prompt_tokens(chat))
    writer = _Writer(request, behaviour, count, kept.id, model)
    if not is_stream:
        draft = Draft(200, [msgspec.json.encode(writer.whole(made))], [kept.planned_tokens])
        draft.usage_part = -1 if behaviour.usage == "never" else 0
    elif "alt=sse" in incoming.query.split("&"):
        draft = _events(writer.stream(made))
    else:  # a list, in one piece here
        events = [event for event, _ in writer.stream(made)]
        draft = Draft(200, [msgspec.json.encode(events)], [kept.planned_tokens])
    return desk.plan(draft, behaviour, kept, len(made))


def _events(made: Iterator[tuple[Json, int]]) -> Draft:
    events = Events()
    for event, count in made:
        if "usageMetadata" in event:
            events.usage_event = len(events.events)
        events.add(b"data: " + msgspec.json.encode(event) + b"\r\n\r\n", count)
    draft = Draft.of_events(events)
    draft.done = events.events[-1]
    failed = _error(Refused("The stand-in was told to fail.", status=500))
    draft.error = b"data: " + msgspec.json.encode(failed) + b"\r\n\r\n"
    return draft


class _Writer:
    """Writes one answer, as a whole or in events."""

    def __init__(
        self, request: Generate, behaviour: Behaviour, count: Count, id_: str, model: str
    ) -> None:
        config = request.generation_config
        thinking = config.thinking_config
        self._shows_thinking = thinking is not None and bool(thinking.include_thoughts)
        self._top = (config.logprobs or 0) if config.response_logprobs else None
        self._behaviour = behaviour
        self._count = count
        self._id = id_
        self._model = model
        self._is_blocked = behaviour.finish == _BLOCKED

    def whole(self, made: list[answers.Answer]) -> Json:
        """Return the whole response."""
        if self._is_blocked:
            return self._blocked()
        candidates = []
        for index, answer in enumerate(made):
            parts = [part for part, _ in self._parts(answer, size=0)]
            candidate = self._candidate(index, parts)
            candidate["finishReason"] = self._reason(answer)
            candidates.append(candidate)
        return self._response(candidates, made[0], self._count.completion_tokens)

    def stream(self, made: list[answers.Answer]) -> Iterator[tuple[Json, int]]:
        """Yield the events, each with the tokens it carries."""
        if self._is_blocked:
            yield self._blocked(), 0
            return
        size = self._behaviour.tokens_per_event or 1
        written = 0
        for index, answer in enumerate(made):
            for part, count in self._parts(answer, size=size):
                written += count
                yield self._response([self._candidate(index, [part])], answer, written), count
        for index, answer in enumerate(made):
            last = self._candidate(index, [{"text": ""}])
            last["finishReason"] = self._reason(answer)
            yield self._response([last], answer, written), 0

    def _blocked(self) -> Json:
        response = self._response([], answers.Answer(None, (), "stop"), 0)
        del response["candidates"]
        response["promptFeedback"] = {"blockReason": "SAFETY"}
        return response

    def _parts(self, answer: answers.Answer, size: int) -> Iterator[tuple[Json, int]]:
        """Yield the parts; texts in pieces of `size` tokens, whole with 0. Calls are whole."""
        thinking, hidden = answer.thinking, 0
        if not self._shows_thinking:
            thinking, hidden = "", tokens.count(answer.thinking)
        for piece in _pieces(thinking, size):
            yield {"text": piece, "thought": True}, tokens.count(piece)
        for piece in _pieces(answer.text or "", size):
            yield {"text": piece}, tokens.count(piece) + hidden
            hidden = 0
        for place, call in enumerate(answer.calls):
            part: Json = {"functionCall": {"name": call.name, "args": _arguments(call)}}
            if place == 0:  # of calls made at once the first alone is sealed
                sealed = SEAL + call.name.encode()
                part["thoughtSignature"] = base64.b64encode(sealed).decode()
            yield part, call.tokens + hidden
            hidden = 0

    def _candidate(self, index: int, parts: list[Json]) -> Json:
        candidate: Json = {"content": {"parts": parts, "role": "model"}, "index": index}
        said = "".join(part["text"] for part in parts if part.get("text"))
        if self._top is not None and said:
            candidate["logprobsResult"] = _logprobs(said, self._top)
        return candidate

    def _response(self, candidates: list[Json], answer: answers.Answer, written: int) -> Json:
        response: Json = {
            "candidates": candidates,
            "modelVersion": self._model,
            "responseId": self._id,
        }
        if self._behaviour.usage == "never":
            return response
        thoughts = min(written, tokens.count(answer.thinking))
        usage = {
            "promptTokenCount": self._count.prompt_tokens,
            "candidatesTokenCount": written - thoughts,
            "totalTokenCount": self._count.prompt_tokens + written,
        }
        if self._count.cached_tokens:
            usage["cachedContentTokenCount"] = self._count.cached_tokens
        if thoughts:
            usage["thoughtsTokenCount"] = thoughts
        response["usageMetadata"] = usage
        return response

    @staticmethod
    def _reason(answer: answers.Answer) -> str:
        return _REASONS.get(answer.finish, answer.finish)


def _pieces(text: str, size: int) -> list[str]:
    if not text:
        return []
    return tokens.groups(text, size) if size else [text]


def _arguments(call: answers.Call) -> Any:
    try:
        return msgspec.json.decode(call.arguments)
    except msgspec.DecodeError:
        return {}


def _logprobs(text: str, top: int) -> Json:
    likely = chat_logprobs(text, top)["content"]
    assert isinstance(likely, list)
    chosen = [_likely(token) for token in likely]
    tops = [{"candidates": [_likely(o) for o in token["top_logprobs"]]} for token in likely]
    return {"chosenCandidates": chosen, "topCandidates": tops}


def _likely(token: Json) -> Json:
    return {"token": token["token"], "logProbability": token["logprob"]}


# -- everything else ------------------------------------------------------------------------------


def _count_tokens(incoming: Incoming, desk: Desk, model: str) -> Plan:
    desk.check_model(model)
    chat = as_chat(read_generate(incoming.body, model), model)
    return plain({"totalTokens": answers.chat_prompt_tokens(chat)})


def _embed(incoming: Incoming, kept: Request, desk: Desk, model: str) -> Plan:
    asked = read_embed(incoming.body).requests
    texts = ["\n".join(part.text or "" for part in one.content.parts) for one in asked]
    behaviour, _ = desk.direct(incoming, kept, model, "\n".join(texts))
    count = sum(map(tokens.count, texts))
    kept.prompt_tokens = count
    size = desk.options.embedding_dimensions
    vectors = [
        {"values": embeddings.vector(text, one.output_dimensionality or size)}
        for text, one in zip(texts, asked, strict=True)
    ]
    body: Json = {"embeddings": vectors}
    if behaviour.usage != "never":
        body["usageMetadata"] = {"promptTokenCount": count}
    draft = Draft(200, [msgspec.json.encode(body)], [0])
    draft.usage_part = 0
    return desk.plan(draft, behaviour, kept)


def _models(model: str, desk: Desk) -> Plan:
    entries = [
        {
            "name": f"models/{name}",
            "displayName": name,
            "version": "1",
            "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65_536,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        }
        for name in desk.models
    ]
    if not model:
        return plain({"models": entries})
    for entry in entries:
        if entry["name"] == f"models/{model}":
            return plain(entry)
    raise Refused(f"models/{model} is not found for API version v1beta.", status=404)


FORM = GoogleForm()
