"""What an engine here is asked beside chat: completions of one prompt, and embeddings.

Only what the engine is known to do goes there, checked as for chat (`local`); everything else is
refused by name. It does not know slots, keys or deployments.
"""

import msgspec

from tramontane.errors import InvalidRequest
from tramontane.wire.canonical import Request
from tramontane.wire.dialect import Written
from tramontane.wire.openai.asking import ENGINE_EXTRA
from tramontane.wire.openai.completions import CompletionsUpstream
from tramontane.wire.openai.embeddings import EmbeddingsUpstream
from tramontane.wire.openai.intent import encode
from tramontane.wire.openai.local import SEEDS, check_simple
from tramontane.wire.unsaid import Unsaid

NAME = "models that run here"
RANGES = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "min_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "top_k": (0, 1_000_000),
}


class EngineCompletions(CompletionsUpstream):
    """Completions of an engine, which is always asked for a stream."""

    def write(self, request: Request, *, model: str, drops: bool) -> Written:
        """Return `request` for the engine. Raises InvalidRequest for what it does not take."""
        more, unsaid = check_sampling(request, drops=drops)
        unsaid.leave_set(request, "suffix")
        kept = msgspec.structs.replace(
            request,
            suffix=None,
            logprobs=None,
            logit_bias=None,
            user=None,
            extra={},
            seed=None if request.seed is None else request.seed % SEEDS,
            stream=True,
        )
        written = super().write(kept, model=model, drops=drops)
        body = written.body
        if more:
            body = encode(msgspec.json.decode(body, type=dict[str, msgspec.Raw]) | more)
        dropped = (*unsaid.names, *written.dropped)
        return msgspec.structs.replace(written, body=body, dropped=dropped)


def check_sampling(request: Request, *, drops: bool) -> tuple[dict[str, msgspec.Raw], Unsaid]:
    """Return the fields beyond the canonical ones that an engine takes, and what it does not.

    Raises InvalidRequest for more than one prompt, and for values out of range.
    """
    if len(request.inputs) != 1 or request.choices != 1:
        raise InvalidRequest(
            "A model that runs here goes on from one prompt per request, once.",
            code="invalid_value",
            param="n" if request.choices != 1 else "prompt",
        )
    for name, (least, most) in RANGES.items():
        value = getattr(request, name)
        if value is not None and not least <= value <= most:
            raise InvalidRequest(
                f"The field '{name}' must be from {least} to {most}, not {value}.",
                code="invalid_value",
                param=name,
            )
    unsaid = Unsaid(NAME, drops=drops)
    unsaid.leave_set(request, "logprobs", "logit_bias")
    unsaid.leave_extra(request, ENGINE_EXTRA)
    more = {name: raw for name, raw in request.extra.items() if name in ENGINE_EXTRA}
    for name, raw in more.items():
        check_simple(name, raw)
    return more, unsaid


class EngineEmbeddings(EmbeddingsUpstream):
    """Embeddings of an engine, in the number of dimensions that its model has."""

    def write(self, request: Request, *, model: str, drops: bool) -> Written:
        """Return `request` for the engine. Raises InvalidRequest for what it does not take."""
        if any(not text for text in request.inputs):
            raise InvalidRequest(
                "An input is empty: models that run here have no vector for nothing.",
                code="invalid_value",
                param="input",
            )
        unsaid = Unsaid(NAME, drops=drops)
        unsaid.leave_set(request, "dimensions")
        unsaid.leave_extra(request)
        kept = msgspec.structs.replace(request, dimensions=None, user=None, extra={})
        written = super().write(kept, model=model, drops=drops)
        return msgspec.structs.replace(written, dropped=unsaid.names)


COMPLETIONS = EngineCompletions()
EMBEDDINGS = EngineEmbeddings()
