"""`/api/v1/conversations/{id}/reading`: what it would take to have the documents read whole."""

from typing import Annotated

import msgspec
from litestar import get
from litestar.params import FromPath, QueryParameter

from tramontane.assistant import access, evidence, orders, scope, whole
from tramontane.money import format_nano
from tramontane.studio.auth import GivenCaller
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform
from tramontane.studio.routes.assistant_models import models_for
from tramontane.studio.routes.conversations import reader_of

TAG = "Conversations"
QUESTION = "?" * 400  # about as long as questions are


class ReadingEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """About what reading everything takes. `is_possible`: the model is a language model, and the
    requests are not too many; `fits`: it is all shown at once, in one request. Unless
    `cost_known`, nobody has said what the model costs.
    """

    model: str
    passages: int
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cost: str
    cost_known: bool
    currency: str
    fits: bool
    is_possible: bool


@get(
    "/conversations/{conversation_id:str}/reading",
    **describe(
        "estimateReading", "Estimate what reading the documents whole takes", TAG,
        people=True, errors=(404,),
    ),
)  # fmt: skip
def estimate_reading(
    platform: GivenPlatform,
    caller: GivenCaller,
    conversation_id: FromPath[str],
    model: Annotated[
        str | None, QueryParameter(description="The conversation's own, where left out.")
    ] = None,
) -> ReadingEstimate:
    """Of the documents that were put into the conversation, with one of its project's models. The
    bill has the last word: tokens are estimated from the text's length.
    """
    with platform.store.read() as c:
        found = access.changeable(c, conversation_id, reader_of(caller))
        own = scope.own_library_id(c, found.id)
        of = scope.Scope(library_ids=(own,) if own else (), own_library_id=own)
        every = evidence.everything(c, of)
    served = models_for(platform, caller.membership(found.project_id))
    name = orders.check_model(model or found.model, served)
    plan = whole.plan(every, QUESTION, served[name].context_tokens or whole.WINDOW_TOKENS)
    fits = len(plan.stretches) < 2
    return ReadingEstimate(
        model=name,
        passages=len(every),
        requests=1 if fits else plan.requests,
        prompt_tokens=plan.prompt_tokens,
        completion_tokens=plan.completion_tokens,
        cost=format_nano(plan.cost_nano(served[name].price)),
        cost_known=served[name].price.is_known,
        currency=platform.settings.currency,
        fits=fits,
        is_possible=served[name].kind != "guide" and plan.requests <= whole.REQUESTS_MAX,
    )
