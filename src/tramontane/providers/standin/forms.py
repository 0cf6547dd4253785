"""Other makers' wire forms that a stand-in speaks besides OpenAI's, by the paths they stand at.

A form reads its maker's request, has the answer made (`answers`), and writes it as that maker
does; script, directives, faults, pace and the tally are the same for all. It does not know sockets.
"""

import hmac
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Protocol

from tramontane.providers.standin.answers import Answer
from tramontane.providers.standin.behaviour import Behaviour, StandinOptions
from tramontane.providers.standin.director import Director, Incoming
from tramontane.providers.standin.encoding import Count, Wanted
from tramontane.providers.standin.plan import Draft, Plan
from tramontane.providers.standin.planning import pace, planned
from tramontane.providers.standin.refusals import Refused, of_status
from tramontane.providers.standin.tally import Request

MODEL_WITHOUT_LIST = "standin"

# What a path begins with, and the module whose `FORM` answers there.
_PLACES = {
    "/v1/messages": "tramontane.providers.standin.anthropic",
    "/v1/moderations": "tramontane.providers.standin.moderations",
    "/azure/": "tramontane.providers.standin.azure",
    "/mistral/v1/": "tramontane.providers.standin.mistral",
    "/v1beta/": "tramontane.providers.standin.google",
    "/model/": "tramontane.providers.standin.bedrock",
}
# Google's newer clients ask beside OpenAI's paths: what a path ends with.
_GOOGLE = (":generateContent", ":streamGenerateContent", ":batchEmbedContents", ":countTokens")


class Form(Protocol):
    """One maker's form."""

    def check_key(self, incoming: Incoming, api_key: str) -> None:
        """Raise Refused unless `incoming` proves to know the key."""

    def answer(self, incoming: Incoming, kept: Request, desk: "Desk") -> Plan:
        """Return the plan of the response, and note in `kept` what the tally shows."""

    def refusal(self, refused: Refused) -> Draft:
        """Return the draft of an error."""


def form_at(incoming: Incoming) -> Form | None:
    """Return the form that answers `incoming`, None for OpenAI's."""
    path = incoming.path
    if path.startswith("/v1/models") and b"anthropic-version" in incoming.headers:
        return _form(_PLACES["/v1/messages"])
    for prefix, module in _PLACES.items():
        if path.startswith(prefix):
            return _form(module)
    if path.endswith(_GOOGLE):
        return _form("tramontane.providers.standin.google")
    return None


@cache
def _form(module: str) -> Form:
    form: Form = import_module(module).FORM
    return form


class Told(Refused):
    """An error that the stand-in was told to give; faults are done to it too."""

    def __init__(self, refused: Refused, behaviour: Behaviour) -> None:
        super().__init__(
            refused.message,
            status=refused.status,
            kind=refused.kind,
            code=refused.code,
            retry_after_s=refused.retry_after_s,
        )
        self.behaviour = behaviour


class Desk:
    """What forms share of one stand-in."""

    def __init__(
        self,
        options: StandinOptions,
        director: Director,
        *,
        clock_s: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        self.options = options
        self.clock_s = clock_s
        self.new_id = new_id
        self._director = director

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models that there are."""
        return self.options.models or (MODEL_WITHOUT_LIST,)

    def check_model(self, model: str) -> None:
        """Raise Refused where there is no such model."""
        if self.options.models and model not in self.options.models:
            raise Refused(f"There is no model '{model}'.", status=404, code="model_not_found")

    def direct(
        self, incoming: Incoming, kept: Request, model: str, prompt: str
    ) -> tuple[Behaviour, str]:
        """Return what to do, and `prompt` without directives. Raises Refused where told to."""
        self.check_model(model)
        kept.model = model
        behaviour, echo = self._director.direct(incoming, model, prompt)
        if behaviour.status is not None:
            raise Told(
                of_status(
                    behaviour.status,
                    behaviour.error_message,
                    behaviour.error_code,
                    behaviour.retry_after_s,
                ),
                behaviour,
            )
        return behaviour, echo

    def count(
        self, kept: Request, behaviour: Behaviour, made: list[Answer], prompt_tokens: int
    ) -> Count:
        """Return what the answer uses, and note it in `kept`; one of `made` for each choice."""
        if behaviour.prompt_tokens is not None:
            prompt_tokens = behaviour.prompt_tokens
        kept.prompt_tokens = prompt_tokens
        kept.cached_tokens = min(behaviour.cached_tokens or 0, prompt_tokens)
        kept.planned_tokens = sum(answer.tokens for answer in made)
        return Count(prompt_tokens, kept.planned_tokens, kept.cached_tokens)

    def plan(self, draft: Draft, behaviour: Behaviour, kept: Request, choices: int = 1) -> Plan:
        """Return `draft` with its faults done, at the pace wanted."""
        kept.is_stream = draft.is_stream
        plan = planned(draft, behaviour)
        wanted = Wanted(choices=choices, tokens_per_event=behaviour.tokens_per_event or 1)
        pace(plan, behaviour, kept.planned_tokens, wanted)
        kept.status = plan.status
        return plan


def require_key(given: bytes | None, expected: str, hint: str) -> None:
    """Raise Refused unless `given` is the key; `hint` says how to send it."""
    if given is None:
        raise Refused(f"No key was given: send {hint}.", status=401)
    if not hmac.compare_digest(given, expected.encode("latin-1")):
        raise Refused("The key is not known here.", status=401, code="invalid_api_key")


def bearer(incoming: Incoming) -> bytes | None:
    """Return the key of `authorization: Bearer KEY`, None without one."""
    kind, _, key = incoming.headers.get(b"authorization", b"").partition(b" ")
    return key if kind.lower() == b"bearer" else None
