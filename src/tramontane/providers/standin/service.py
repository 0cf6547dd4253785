"""From one request to the plan of its response: routes, checks, answers.

Everything here is synchronous; it does not know sockets. Clock and run's identity are handed in.
"""

import hmac
from collections.abc import Callable
from itertools import count as count_from
from urllib.parse import unquote

import msgspec

from tramontane.providers.standin import answers, embeddings, encoding, tokens
from tramontane.providers.standin.behaviour import (
    NOTHING_SAID,
    Behaviour,
    StandinOptions,
    take_directive,
)
from tramontane.providers.standin.director import Director, Incoming
from tramontane.providers.standin.forms import MODEL_WITHOUT_LIST, Desk, Form, Told, form_at
from tramontane.providers.standin.plan import Draft, Plan, framed
from tramontane.providers.standin.planning import pace, plain, planned, refusal
from tramontane.providers.standin.refusals import Refused, of_status
from tramontane.providers.standin.requests import ChatRequest, CompletionRequest, Decoders
from tramontane.providers.standin.tally import Request, Tally

FIXED_PROMPT_TOKENS = 100

_METHODS = {
    "/v1/chat/completions": "POST",
    "/v1/completions": "POST",
    "/v1/embeddings": "POST",
    "/v1/models": "GET",
}


class Service:
    """Answers requests. `run_id` makes the ids of one run differ from another's."""

    def __init__(
        self,
        options: StandinOptions,
        tally: Tally,
        *,
        clock_s: Callable[[], float],
        run_id: str,
    ) -> None:
        self.tally = tally
        self._options = options
        self._clock_s = clock_s
        self._run_id = run_id
        self._numbers = count_from(1)
        self._decoders = Decoders(allow_unknown_fields=options.allow_unknown_fields)
        self._authorization: bytes | None = None
        if options.api_key is not None:
            self._authorization = b"Bearer " + options.api_key.encode("latin-1")
        self._fixed: Fixed | None = None
        behaviour = options.behaviour
        if (size := options.fixed_answer_bytes) is not None:
            text = tokens.filler(size)[:size]
            self._fixed = Fixed(options, text, int(clock_s()), f"chatcmpl-{run_id}fixed")
            behaviour = Behaviour(answer=text).over(behaviour)
        self._director = Director(behaviour, options.script)
        self._desk = Desk(
            options,
            self._director,
            clock_s=clock_s,
            new_id=lambda: f"{run_id}{next(self._numbers):010d}",
        )

    def respond(self, incoming: Incoming) -> tuple[Plan, Request | None]:
        """Return the plan of the response, and the request as the tally keeps it.

        None for requests about the stand-in itself, which are not kept.
        """
        if incoming.path.startswith("/standin/") or incoming.path == "/health":
            return self._own(incoming), None
        kept = self._keep(incoming)
        form = form_at(incoming)
        if form is not None:
            return self._other(form, incoming, kept), kept
        try:
            self._check_key(incoming)
            return self._route(incoming, kept), kept
        except Refused as refused:
            kept.status = refused.status
            return planned(refusal(refused)), kept

    def _other(self, form: Form, incoming: Incoming, kept: Request) -> Plan:
        try:
            if self._options.api_key is not None:
                form.check_key(incoming, self._options.api_key)
            return form.answer(incoming, kept, self._desk)
        except Refused as refused:
            kept.status = refused.status
            told = refused.behaviour if isinstance(refused, Told) else NOTHING_SAID
            return planned(form.refusal(refused), told)

    def _keep(self, incoming: Incoming) -> Request:
        name = "cmpl" if incoming.path == "/v1/completions" else "chatcmpl"
        headers = incoming.headers
        request = Request(
            id=f"{name}-{self._run_id}{next(self._numbers):010d}",
            path=incoming.path,
            request_bytes=len(incoming.body),
        )
        if (request_id := headers.get(b"x-request-id")) is not None:
            request.request_id = request_id.decode("latin-1")
        if self._options.keep_bodies:
            pairs = headers.items()
            request.headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in pairs}
            request.body = incoming.body.decode("utf-8", "replace")
        self.tally.begin(request)
        return request

    def _check_key(self, incoming: Incoming) -> None:
        if self._authorization is None:
            return
        given = incoming.headers.get(b"authorization")
        if given is None:
            raise Refused("No key was given: send 'Authorization: Bearer KEY'.", status=401)
        if not hmac.compare_digest(given, self._authorization):
            raise Refused("The key is not known here.", status=401, code="invalid_api_key")

    def _check_model(self, model: str) -> None:
        if self._options.models and model not in self._options.models:
            raise Refused(f"There is no model '{model}'.", status=404, code="model_not_found")

    def _route(self, incoming: Incoming, kept: Request) -> Plan:
        path, method = incoming.path, incoming.method
        expected = "GET" if path.startswith("/v1/models/") else _METHODS.get(path)
        if expected is None:
            raise Refused(f"There is nothing at {method} {path}.", status=404, code="unknown_url")
        if method != expected:
            raise Refused(f"{path} takes {expected}, not {method}.", status=405)
        if path == "/v1/chat/completions":
            return self._chat(incoming, kept)
        if path == "/v1/completions":
            return self._completion(incoming, kept)
        if path == "/v1/embeddings":
            return self._embeddings(incoming, kept)
        return self._models(path)

    # -- answers ------------------------------------------------------------------------------

    def _chat(self, incoming: Incoming, kept: Request) -> Plan:
        if self._fixed is not None and b'"stream"' not in incoming.body:
            return self._fixed.answer(kept)
        request = self._decoders.chat(incoming.body)
        self._check_model(request.model)
        kept.model, kept.user, kept.metadata = request.model, request.user, request.metadata
        prompt = answers.last_user_text(request.messages)
        behaviour, echo = self._director.direct(incoming, request.model, prompt)
        if behaviour.status is not None:
            return _told_to_fail(behaviour, kept)
        answer = answers.chat_answer(request, behaviour, echo, self._call_id)
        kept.prompt_tokens = answers.chat_prompt_tokens(request)
        top = (request.top_logprobs or 0) if request.logprobs else None
        wanted = _wanted(request, behaviour, top)
        return self._answer(encoding.CHAT, [answer], wanted, behaviour, kept, request.stream)

    def _completion(self, incoming: Incoming, kept: Request) -> Plan:
        request = self._decoders.completion(incoming.body)
        self._check_model(request.model)
        kept.model, kept.user = request.model, request.user
        prompts = answers.prompts_of(request)
        texts = [prompt if isinstance(prompt, str) else "" for prompt in prompts]
        behaviour, _ = self._director.direct(incoming, request.model, "\n".join(texts))
        if behaviour.status is not None:
            return _told_to_fail(behaviour, kept)
        echoes = [take_directive(text)[1] for text in texts]
        made = [answers.completion_answer(request, behaviour, echo) for echo in echoes]
        kept.prompt_tokens = answers.prompt_tokens(prompts)
        wanted = _wanted(request, behaviour, request.logprobs)
        return self._answer(encoding.COMPLETION, made, wanted, behaviour, kept, request.stream)

    def _answer(
        self,
        form: encoding.Form,
        made: list[answers.Answer],
        wanted: encoding.Wanted,
        behaviour: Behaviour,
        kept: Request,
        is_stream: bool | None,
    ) -> Plan:
        if behaviour.prompt_tokens is not None:
            kept.prompt_tokens = behaviour.prompt_tokens
        kept.cached_tokens = min(behaviour.cached_tokens or 0, kept.prompt_tokens)
        kept.planned_tokens = wanted.choices * sum(answer.tokens for answer in made)
        total = encoding.Count(kept.prompt_tokens, kept.planned_tokens, kept.cached_tokens)
        envelope = encoding.Envelope(kept.id, int(self._clock_s()), kept.model)
        if is_stream:
            kept.is_stream = True
            draft = Draft.of_events(encoding.stream(form, envelope, made, wanted, total))
        else:
            body = encoding.body(form, envelope, made, wanted, total)
            draft = Draft(200, [body], [kept.planned_tokens])
            draft.usage_part = -1 if wanted.usage == "never" else 0
        draft.fields.append(b"x-request-id: req_" + kept.id.encode())
        plan = planned(draft, behaviour)
        pace(plan, behaviour, kept.planned_tokens, wanted)
        kept.status = plan.status
        return plan

    def _call_id(self) -> str:
        return f"call_{self._run_id}{next(self._numbers):010d}"

    def _embeddings(self, incoming: Incoming, kept: Request) -> Plan:
        request = self._decoders.embedding(incoming.body)
        self._check_model(request.model)
        kept.model, kept.user = request.model, request.user
        items = embeddings.items_of(request)
        text = embeddings.text_of(items)
        behaviour, _ = self._director.direct(incoming, request.model, text)
        if behaviour.status is not None:
            return _told_to_fail(behaviour, kept)
        kept.prompt_tokens = answers.prompt_tokens(items)
        size = self._options.embedding_dimensions
        draft = Draft(200, [embeddings.body(request, items, size, kept.prompt_tokens)], [0])
        draft.usage_part = 0
        return planned(draft, behaviour)

    # -- everything else ----------------------------------------------------------------------

    def _models(self, path: str) -> Plan:
        created = int(self._clock_s())
        entries = [
            {"id": name, "object": "model", "created": created, "owned_by": "standin"}
            for name in self._options.models or (MODEL_WITHOUT_LIST,)
        ]
        if path == "/v1/models":
            return plain({"object": "list", "data": entries})
        wanted = unquote(path.removeprefix("/v1/models/"))
        for entry in entries:
            if entry["id"] == wanted:
                return plain(entry)
        raise Refused(
            f"There is no model '{wanted}'.", status=404, param="model", code="model_not_found"
        )

    def _own(self, incoming: Incoming) -> Plan:
        asked = (incoming.method, incoming.path)
        if asked == ("GET", "/standin/requests"):
            draft = Draft(200, [msgspec.json.encode(self.tally.requests)], [0])
            draft.fields.append(b"x-standin-dropped: %d" % self.tally.dropped)
            return planned(draft)
        if asked == ("POST", "/standin/reset"):
            self.tally.reset()
            self._director.restart()
            return plain({"ok": True})
        if asked == ("GET", "/health"):
            return plain({"ok": True})
        return planned(refusal(Refused(f"There is nothing at {incoming.path}.", status=404)))


class Fixed:
    """One answer made beforehand, for measuring what stands before the stand-in.

    Requests that are no stream are answered without being read: model and prompt are not
    checked, and the prompt counts as FIXED_PROMPT_TOKENS.
    """

    def __init__(self, options: StandinOptions, text: str, created_s: int, id_: str) -> None:
        answer = answers.Answer(text, (), "stop")
        total = encoding.Count(FIXED_PROMPT_TOKENS, answer.tokens, 0)
        model = options.models[0] if options.models else MODEL_WITHOUT_LIST
        envelope = encoding.Envelope(id_, created_s, model)
        body = encoding.body(encoding.CHAT, envelope, [answer], encoding.Wanted(), total)
        self._tokens = [answer.tokens]
        self._writes = [b"".join(framed(Draft(200, [body], self._tokens)).writes)]

    def answer(self, kept: Request) -> Plan:
        """Return the plan of the response, and put its counts into `kept`."""
        kept.prompt_tokens = FIXED_PROMPT_TOKENS
        kept.planned_tokens = self._tokens[0]
        plan = Plan(200, self._writes, self._tokens)
        plan.usage_write = 0
        return plan


def _wanted(
    request: ChatRequest | CompletionRequest, behaviour: Behaviour, top_logprobs: int | None
) -> encoding.Wanted:
    options = request.stream_options
    return encoding.Wanted(
        choices=request.n or 1,
        usage=behaviour.usage or "asked",
        include_usage=options is not None and bool(options.include_usage),
        top_logprobs=top_logprobs,
        tokens_per_event=behaviour.tokens_per_event or 1,
        obfuscation=options is not None and bool(options.include_obfuscation),
    )


def _told_to_fail(behaviour: Behaviour, kept: Request) -> Plan:
    assert behaviour.status is not None
    kept.status = behaviour.status
    refused = of_status(
        behaviour.status, behaviour.error_message, behaviour.error_code, behaviour.retry_after_s
    )
    return planned(refusal(refused), behaviour)
