"""Azure's forms of a stand-in: model inference at /azure, Azure OpenAI at /azure/openai.

Bodies are OpenAI's. What differs is checked and done as Azure does: `api-version` in the query,
the key's header, the deployment in the path, fields that model inference does not know, what the
content filter says, errors. It shares no code with `wire`.
"""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs, unquote

import msgspec

from tramontane.providers.standin import answers, embeddings, encoding
from tramontane.providers.standin.answers import Answer
from tramontane.providers.standin.behaviour import Behaviour
from tramontane.providers.standin.director import Incoming
from tramontane.providers.standin.encoding import CHAT, COMPLETION, DONE, Envelope, Events, Wanted
from tramontane.providers.standin.forms import Desk, bearer, require_key
from tramontane.providers.standin.plan import Draft, Plan
from tramontane.providers.standin.planning import plain
from tramontane.providers.standin.refusals import Refused
from tramontane.providers.standin.requests import ChatRequest, CompletionRequest, Decoders
from tramontane.providers.standin.tally import Request

BASE = "/azure"
_deployment = re.compile(rf"{BASE}/openai/deployments/([^/]+)/(.+)").fullmatch
_encode = msgspec.json.Encoder().encode
_KNOWN = frozenset((
    "frequency_penalty", "max_tokens", "messages", "modalities", "model", "presence_penalty",
    "response_format", "seed", "stop", "stream", "temperature", "tool_choice", "tools", "top_p",
    "input", "dimensions", "encoding_format", "input_type",
))  # fmt: skip
"""The fields of model inference, by the official client; others need the header's leave."""
_SAFE = {"filtered": False, "severity": "safe"}
_FOUND = {"hate": _SAFE, "self_harm": _SAFE, "sexual": _SAFE, "violence": _SAFE}


class AzureForm:
    """Answers as Azure does."""

    def __init__(self) -> None:
        self._decoders = Decoders(allow_unknown_fields=False)

    def check_key(self, incoming: Incoming, api_key: str) -> None:
        """Raise Refused unless the key is there: for Azure OpenAI as `api-key` alone."""
        given = incoming.headers.get(b"api-key")
        if given is None and not incoming.path.startswith(f"{BASE}/openai/"):
            given = bearer(incoming)
        require_key(given, api_key, "'api-key: KEY'")

    def refusal(self, refused: Refused) -> Draft:
        """Return an error."""
        code = refused.code or str(refused.status)
        if refused.status == 401:
            code = "401"
        body = {
            "error": {
                "code": code,
                "message": refused.message,
                "type": refused.kind,
                "param": refused.param,
            }
        }
        draft = Draft(refused.status, [_encode(body)], [0])
        if refused.retry_after_s is not None:
            draft.fields.append(b"retry-after: %d" % -(-refused.retry_after_s // 1))
        return draft

    def answer(self, incoming: Incoming, kept: Request, desk: Desk) -> Plan:
        """Return the plan of the response. Raises Refused."""
        if "api-version" not in parse_qs(incoming.query):
            raise Refused("Resource not found", status=404, code="404")
        if incoming.method == "GET" and incoming.path == f"{BASE}/info":
            info = {"model_name": desk.models[0], "model_type": "chat_completion"}
            return plain({**info, "model_provider_name": "standin"})
        if incoming.method != "POST":
            raise Refused("Resource not found", status=404, code="404")
        named = _deployment(incoming.path)
        if named is not None:
            return self._operation(named[2], unquote(named[1]), incoming, kept, desk)
        if self._refuses_extra(incoming):
            _refuse_extra(incoming.body)
        return self._operation(incoming.path.removeprefix(f"{BASE}/"), None, incoming, kept, desk)

    def _refuses_extra(self, incoming: Incoming) -> bool:
        return incoming.headers.get(b"extra-parameters", b"error") == b"error"

    def _operation(
        self, name: str, model: str | None, incoming: Incoming, kept: Request, desk: Desk
    ) -> Plan:
        body = incoming.body if model is None else _with_model(incoming.body, model, desk)
        if name == "chat/completions":
            request = self._decoders.chat(body)
            return _chat(request, incoming, kept, desk, filters=model is not None)
        if name == "completions" and model is not None:
            return _completion(self._decoders.completion(body), incoming, kept, desk)
        if name == "embeddings":
            return self._embeddings(body, incoming, kept, desk)
        raise Refused("Resource not found", status=404, code="404")

    def _embeddings(self, body: bytes, incoming: Incoming, kept: Request, desk: Desk) -> Plan:
        request = self._decoders.embedding(body)
        items = embeddings.items_of(request)
        text = embeddings.text_of(items)
        behaviour, _ = desk.direct(incoming, kept, request.model, text)
        kept.prompt_tokens = answers.prompt_tokens(items)
        size = desk.options.embedding_dimensions
        draft = Draft(200, [embeddings.body(request, items, size, kept.prompt_tokens)], [0])
        draft.usage_part = 0
        return desk.plan(draft, behaviour, kept)


def _with_model(body: bytes, model: str, desk: Desk) -> bytes:
    """Return `body` for the deployment of the path, which counts whatever the body says."""
    if desk.options.models and model not in desk.options.models:
        raise Refused(
            "The API deployment for this resource does not exist.",
            status=404,
            code="DeploymentNotFound",
        )
    try:
        fields = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body
    return _encode({**fields, "model": model})


def _refuse_extra(body: bytes) -> None:
    try:
        names: Iterable[str] = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    for name in names:
        if name not in _KNOWN:
            raise Refused(
                f"Extra parameter '{name}' is not allowed: set 'extra-parameters'.",
                status=400,
                param=name,
                code="extra_parameter_not_allowed",
            )


def _chat(
    request: ChatRequest, incoming: Incoming, kept: Request, desk: Desk, *, filters: bool
) -> Plan:
    prompt = answers.last_user_text(request.messages)
    behaviour, echo = desk.direct(incoming, kept, request.model, prompt)
    made = answers.chat_answer(request, behaviour, echo, lambda: f"call_{desk.new_id()}")
    choices = [made] * (request.n or 1)
    count = desk.count(kept, behaviour, choices, answers.chat_prompt_tokens(request))
    options = request.stream_options
    wanted = Wanted(
        choices=len(choices),
        usage=behaviour.usage or "asked",
        include_usage=options is not None and bool(options.include_usage),
        top_logprobs=(request.top_logprobs or 0) if request.logprobs else None,
        tokens_per_event=behaviour.tokens_per_event or 1,
    )
    envelope = Envelope(kept.id, int(desk.clock_s()), kept.model)
    if request.stream:
        events = encoding.stream(CHAT, envelope, [made], wanted, count)
        draft = Draft.of_events(_with_findings(events) if filters else events)
    else:
        body = encoding.body(CHAT, envelope, [made], wanted, count)
        if filters:
            findings = [{"prompt_index": 0, "content_filter_results": _FOUND}]
            body = body[:-1] + b',"prompt_filter_results":' + _encode(findings) + b"}"
        draft = Draft(200, [body], [count.completion_tokens])
        draft.usage_part = -1 if wanted.usage == "never" else 0
    return _planned(draft, behaviour, kept, desk, choices)


def _completion(request: CompletionRequest, incoming: Incoming, kept: Request, desk: Desk) -> Plan:
    prompts = answers.prompts_of(request)
    text = "\n".join(prompt for prompt in prompts if isinstance(prompt, str))
    behaviour, echo = desk.direct(incoming, kept, request.model, text)
    made = [answers.completion_answer(request, behaviour, echo) for _ in prompts]
    choices = made * (request.n or 1)
    count = desk.count(kept, behaviour, choices, answers.prompt_tokens(prompts))
    options = request.stream_options
    wanted = Wanted(
        choices=request.n or 1,
        usage=behaviour.usage or "asked",
        include_usage=options is not None and bool(options.include_usage),
        top_logprobs=request.logprobs,
        tokens_per_event=behaviour.tokens_per_event or 1,
    )
    envelope = Envelope(kept.id, int(desk.clock_s()), kept.model)
    if request.stream:
        draft = Draft.of_events(encoding.stream(COMPLETION, envelope, made, wanted, count))
    else:
        body = encoding.body(COMPLETION, envelope, made, wanted, count)
        draft = Draft(200, [body], [count.completion_tokens])
        draft.usage_part = -1 if wanted.usage == "never" else 0
    return _planned(draft, behaviour, kept, desk, choices)


def _planned(
    draft: Draft, behaviour: Behaviour, kept: Request, desk: Desk, choices: list[Answer]
) -> Plan:
    failure = {"error": {"code": "500", "message": "The stand-in was told to fail."}}
    draft.error = _encode(failure)
    if draft.is_stream:
        draft.error = b"data: " + draft.error + b"\n\n"
    draft.fields.append(b"apim-request-id: " + kept.id.encode())
    return desk.plan(draft, behaviour, kept, len(choices))


def _with_findings(events: Events) -> Events:
    """Return `events` after the one with which Azure OpenAI's streams begin."""
    findings = [{"prompt_index": 0, "content_filter_results": _FOUND}]
    first = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}
    told = Events()
    told.add(b"data: " + _encode({**first, "prompt_filter_results": findings}) + b"\n\n")
    for event, count in zip(events.events, events.tokens, strict=True):
        told.add(event, count)
    if events.usage_event >= 0:
        told.usage_event = events.usage_event + 1
    assert told.events[-1] == DONE
    return told


FORM = AzureForm()
