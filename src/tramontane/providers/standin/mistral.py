"""Mistral's form of a stand-in: chat, fill in the middle, embeddings, moderations and models below
/mistral/v1.

Requests are checked as the published description has them, fields and ranges alike. A tool call
comes whole in one chunk, usage in the last. It thinks where it is told to, or asked for a high
effort; it flags the word `violence`. It shares no code with `wire`.
"""

from collections.abc import Callable
from urllib.parse import unquote

import msgspec

from tramontane.providers.standin import answers, embeddings, mistral_requests, tokens
from tramontane.providers.standin.answers import Answer, Call
from tramontane.providers.standin.behaviour import Behaviour
from tramontane.providers.standin.director import Incoming
from tramontane.providers.standin.encoding import DONE, Count, Events
from tramontane.providers.standin.forms import Desk, bearer, require_key
from tramontane.providers.standin.mistral_requests import (
    Chat,
    ChatBody,
    EmbeddingBody,
    FIMBody,
    ModerationBody,
)
from tramontane.providers.standin.plan import Draft, Plan
from tramontane.providers.standin.planning import plain
from tramontane.providers.standin.refusals import Refused
from tramontane.providers.standin.tally import Request

BASE = "/mistral/v1"
THOUGHT = "Thinking it over. "
FLAGGED = "violence_and_threats"
CATEGORIES = (
    "sexual", "hate_and_discrimination", FLAGGED, "dangerous_and_criminal_content", "selfharm",
    "health", "financial", "law", "pii",
)  # fmt: skip
_ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_encode = msgspec.json.Encoder().encode


class MistralForm:
    """Answers as api.mistral.ai does."""

    def check_key(self, incoming: Incoming, api_key: str) -> None:
        """Raise Refused unless the key is there as Bearer."""
        require_key(bearer(incoming), api_key, "'Authorization: Bearer KEY'")

    def refusal(self, refused: Refused) -> Draft:
        """Return an error: `detail` for what is wrong in a request, else the error object."""
        body: object
        if refused.status == 401:
            body = {"detail": "Unauthorized"}
        elif isinstance(refused, mistral_requests.Invalid):
            refused.status = 422
            body = {"detail": refused.detail}
        else:
            body = error_object(refused)
        draft = Draft(refused.status, [_encode(body)], [0])
        if refused.retry_after_s is not None:
            draft.fields.append(b"retry-after: %d" % -(-refused.retry_after_s // 1))
        return draft

    def answer(self, incoming: Incoming, kept: Request, desk: Desk) -> Plan:
        """Return the plan of the response. Raises Refused."""
        routes: dict[str, Callable[[Incoming, Request, Desk], Plan]] = {
            f"POST {BASE}/chat/completions": self._chat,
            f"POST {BASE}/fim/completions": self._fim,
            f"POST {BASE}/embeddings": self._embeddings,
            f"POST {BASE}/moderations": self._moderations,
        }
        route = routes.get(f"{incoming.method} {incoming.path}")
        if route is not None:
            return route(incoming, kept, desk)
        if incoming.method == "GET" and incoming.path.startswith(f"{BASE}/models"):
            return self._models(incoming.path.removeprefix(f"{BASE}/models").strip("/"), desk)
        raise Refused("no Route matched with those values", status=404, kind="not_found")

    def _chat(self, incoming: Incoming, kept: Request, desk: Desk) -> Plan:
        body = mistral_requests.decode(ChatBody, incoming.body)
        chat = mistral_requests.read_chat(body)
        prompt = answers.last_user_text(chat.request.messages)
        behaviour, echo = desk.direct(incoming, kept, body.model, prompt)
        made = answers.chat_answer(chat.request, behaviour, echo, lambda: _call_id(desk.new_id()))
        thought = behaviour.thinking
        if thought is None and body.reasoning_effort == "high":
            thought = THOUGHT
        return self._plan(chat, made, behaviour, kept, desk, thought or "")

    def _fim(self, incoming: Incoming, kept: Request, desk: Desk) -> Plan:
        body = mistral_requests.decode(FIMBody, incoming.body)
        behaviour, echo = desk.direct(incoming, kept, body.model, body.prompt)
        chat = mistral_requests.fim_as_chat(body, echo)
        made = answers.chat_answer(chat.request, behaviour, echo, lambda: _call_id(desk.new_id()))
        return self._plan(chat, made, behaviour, kept, desk)

    def _plan(
        self,
        chat: Chat,
        made: Answer,
        behaviour: Behaviour,
        kept: Request,
        desk: Desk,
        thought: str = "",
    ) -> Plan:
        choices = [made] * chat.choices
        counted = desk.count(kept, behaviour, choices, chat.prompt_tokens)
        kept.planned_tokens += tokens.count(thought) * len(choices)
        count = Count(counted.prompt_tokens, kept.planned_tokens, counted.cached_tokens)
        head = {
            "id": kept.id.removeprefix("chatcmpl-"),
            "object": "chat.completion",
            "created": int(desk.clock_s()),
            "model": kept.model,
        }
        usage = behaviour.usage or "asked"
        if chat.is_stream:
            head["object"] = "chat.completion.chunk"
            events = _Stream(head, chat, behaviour, count).write(choices, thought)
            draft = Draft.of_events(events)
        else:
            said = [_choice(i, answer, chat.prefix, thought) for i, answer in enumerate(choices)]
            whole = {**head, "choices": said}
            if usage != "never":
                whole["usage"] = _usage(count, count.completion_tokens)
            draft = Draft(200, [_encode(whole)], [count.completion_tokens])
            draft.usage_part = -1 if usage == "never" else 0
        failure = _encode(error_object(Refused("The stand-in was told to fail.", status=500)))
        draft.error = b"data: " + failure + b"\n\n" if chat.is_stream else failure
        return desk.plan(draft, behaviour, kept, chat.choices)

    def _embeddings(self, incoming: Incoming, kept: Request, desk: Desk) -> Plan:
        body = mistral_requests.decode(EmbeddingBody, incoming.body)
        items = [body.input] if isinstance(body.input, str) else body.input
        behaviour, _ = desk.direct(incoming, kept, body.model, "\n".join(items))
        kept.prompt_tokens = sum(tokens.count(item) for item in items)
        size = body.output_dimension or desk.options.embedding_dimensions
        data = [
            {"object": "embedding", "index": i, "embedding": embeddings.vector(item, size)}
            for i, item in enumerate(items)
        ]
        count = Count(kept.prompt_tokens, 0, 0)
        whole = {
            "id": kept.id,
            "object": "list",
            "data": data,
            "model": body.model,
            "usage": _usage(count, 0),
        }
        draft = Draft(200, [_encode(whole)], [0])
        draft.usage_part = 0
        return desk.plan(draft, behaviour, kept)

    def _moderations(self, incoming: Incoming, kept: Request, desk: Desk) -> Plan:
        body = mistral_requests.decode(ModerationBody, incoming.body)
        items = [body.input] if isinstance(body.input, str) else body.input
        behaviour, _ = desk.direct(incoming, kept, body.model, "\n".join(items))
        results = [
            {
                "categories": {name: name == FLAGGED and "violence" in i for name in CATEGORIES},
                "category_scores": dict.fromkeys(CATEGORIES, 0.001),
            }
            for i in items
        ]
        whole = {"id": kept.id, "model": body.model, "results": results}
        return desk.plan(Draft(200, [_encode(whole)], [0]), behaviour, kept)

    def _models(self, wanted: str, desk: Desk) -> Plan:
        cards = [_card(name, int(desk.clock_s())) for name in desk.models]
        if not wanted:
            return plain({"object": "list", "data": cards})
        for card in cards:
            if card["id"] == unquote(wanted):
                return plain(card)
        raise Refused(f"Invalid model: {unquote(wanted)}", status=404, kind="not_found")


def error_object(refused: Refused) -> dict[str, object]:
    """Return the error object of every status but 401 and 422."""
    kind = "invalid_model" if refused.code == "model_not_found" else refused.kind
    return {
        "object": "error",
        "message": refused.message,
        "type": kind,
        "param": refused.param,
        "code": refused.code or "1000",
        "raw_status_code": refused.status,
    }


def _card(name: str, created_s: int) -> dict[str, object]:
    abilities = {"completion_chat": True, "function_calling": True, "completion_fim": True}
    return {
        "id": name,
        "object": "model",
        "created": created_s,
        "owned_by": "mistralai",
        "capabilities": {**abilities, "fine_tuning": False, "vision": True},
        "name": name,
        "max_context_length": 131_072,
        "aliases": [],
        "type": "base",
    }


def _call_id(text: str) -> str:
    """Return nine letters and digits that differ for different texts of one run."""
    number = int.from_bytes(text.encode()[-8:])
    letters = ""
    for _ in range(9):
        number, place = divmod(number, len(_ALPHABET))
        letters += _ALPHABET[place]
    return letters


def _usage(count: Count, made_tokens: int) -> dict[str, object]:
    usage: dict[str, object] = {
        "prompt_tokens": count.prompt_tokens,
        "total_tokens": count.prompt_tokens + made_tokens,
        "completion_tokens": made_tokens,
    }
    if count.cached_tokens:
        usage["num_cached_tokens"] = count.cached_tokens
        usage["prompt_tokens_details"] = {"cached_tokens": count.cached_tokens}
    return usage


def _calls(calls: tuple[Call, ...]) -> list[dict[str, object]] | None:
    made: list[dict[str, object]] = [
        {
            "id": call.id,
            "function": {"name": call.name, "arguments": call.arguments},
            "index": index,
        }
        for index, call in enumerate(calls)
    ]
    return made or None


def _thinking(thought: str) -> dict[str, object]:
    return {"type": "thinking", "thinking": [{"type": "text", "text": thought}]}


def _choice(index: int, answer: Answer, prefix: str, thought: str) -> dict[str, object]:
    text = prefix + (answer.text or "")
    content: object = text
    if thought:
        content = [_thinking(thought), {"type": "text", "text": text}]
    message = {
        "role": "assistant",
        "tool_calls": _calls(answer.calls),
        "content": content,
        "prefix": False,
    }
    return {"index": index, "message": message, "finish_reason": _finish(answer)}


def _finish(answer: Answer) -> str:
    return "tool_calls" if answer.calls and answer.finish == "stop" else answer.finish


class _Stream:
    """The events of one stream."""

    def __init__(
        self, head: dict[str, object], chat: Chat, behaviour: Behaviour, count: Count
    ) -> None:
        self._head = head
        self._prefix = chat.prefix
        self._size = behaviour.tokens_per_event or 1
        self._usage = behaviour.usage or "asked"
        self._count = count
        self._made = 0
        self._out = Events()

    def write(self, choices: list[Answer], thought: str) -> Events:
        """Return them, [DONE] included."""
        for index in range(len(choices)):
            self._event(index, {"role": "assistant", "content": self._prefix})
        for index in range(len(choices)):
            for piece in tokens.groups(thought, self._size):
                self._event(index, {"content": [_thinking(piece)]}, made=tokens.count(piece))
        for index, answer in enumerate(choices):
            for piece in tokens.groups(answer.text or "", self._size):
                self._event(index, {"content": piece}, made=tokens.count(piece))
        for index, answer in enumerate(choices):
            delta: dict[str, object] = {"content": ""}
            made = 0
            if answer.calls:
                delta["tool_calls"] = _calls(answer.calls)
                made = sum(call.tokens for call in answer.calls)
            is_last = index == len(choices) - 1
            self._event(index, delta, made=made, finish=_finish(answer), is_last=is_last)
        self._out.add(DONE)
        return self._out

    def _event(
        self,
        index: int,
        delta: dict[str, object],
        *,
        made: int = 0,
        finish: str | None = None,
        is_last: bool = False,
    ) -> None:
        self._made += made
        choice = {"index": index, "delta": delta, "finish_reason": finish}
        chunk = {**self._head, "choices": [choice]}
        if self._usage == "running" or (is_last and self._usage != "never"):
            chunk["usage"] = _usage(self._count, self._made)
            self._out.usage_event = len(self._out.events)
        self._out.add(b"data: " + _encode(chunk) + b"\n\n", made)


FORM = MistralForm()
