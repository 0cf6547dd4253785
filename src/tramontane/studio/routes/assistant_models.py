"""`/api/v1/assistant/models`: what a conversation may be held with, with the facts that matter."""

from typing import Annotated

import msgspec
from litestar import get
from litestar.params import QueryParameter

from tramontane.assistant.served import Kind, Served, by_model
from tramontane.money import format_nano
from tramontane.store.records import Membership
from tramontane.studio import facts, serving
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.operations import describe
from tramontane.studio.permitted import permitted
from tramontane.studio.platform import GivenPlatform, Platform
from tramontane.studio.routes.status import message_for, usable_in


class AssistantPrice(msgspec.Struct, frozen=True, kw_only=True):
    """Decimals, per million tokens; unless `known`, nobody has said what it costs."""

    known: bool
    input_per_mtok: str
    output_per_mtok: str
    currency: str


class AssistantModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model to talk with. `place` is "here" or the host where it runs; null is unknown.

    Not `is_capable`: it shows the way or proves the path, and is not to be relied on. `publisher`
    is the project that offers it, as `publication_id` says on which terms; null: the platform's.
    """

    name: str
    kind: Kind
    is_capable: bool
    is_demonstration: bool
    state: serving.State
    message: str
    place: str
    languages: tuple[str, ...] | None
    context_tokens: int | None
    price: AssistantPrice
    open_weights: bool | None
    supports_tools: bool
    publisher: str | None
    publication_id: str | None


class AssistantModelList(msgspec.Struct, frozen=True):
    """Capable models first, then by name."""

    data: list[AssistantModel]


@get(
    "/assistant/models",
    **describe(
        "listAssistantModels", "List the models to talk with", "Conversations",
        people=True, errors=(404,),
    ),
)  # fmt: skip
def list_assistant_models(
    platform: GivenPlatform,
    caller: GivenCaller,
    project_id: Annotated[str, QueryParameter(description="Those that this project may use.")],
) -> AssistantModelList:
    """What the member may use in that project, by its list of models and by its policy."""
    place = caller.membership(project_id)
    usable = _talking(usable_in(platform, place.project_id, place.usable_models))
    usable = permitted(platform, usable, project_id=place.project_id, key_id=place.key_id)
    behind = {deployment.name: deployment for deployment in usable}
    found = by_model(facts.served(deployment) for deployment in usable)
    currency = platform.settings.currency
    models = [_view(n, s, behind[s.deployment], caller, currency) for n, s in found.items()]
    return AssistantModelList(sorted(models, key=lambda model: not model.is_capable))


def _talking(found: list[serving.Deployment]) -> list[serving.Deployment]:
    """Return those that one can talk to."""
    return [deployment for deployment in found if not deployment.gives_vectors]


def models_for(platform: Platform, place: Membership) -> dict[str, Served]:
    """Return what serves each model that the member may use in that project."""
    usable = _talking(usable_in(platform, place.project_id, place.usable_models))
    return by_model(facts.served(deployment) for deployment in usable)


def _view(
    name: str, served: Served, behind: serving.Deployment, caller: Caller, currency: str
) -> AssistantModel:
    is_bought = behind.publication_id is not None
    return AssistantModel(
        name=name,
        kind=served.kind,
        is_capable=served.is_capable and not served.is_demonstration,
        is_demonstration=served.is_demonstration,
        state=served.state,
        message=message_for(caller, behind),
        place=served.place,
        languages=served.languages,
        context_tokens=served.context_tokens,
        price=AssistantPrice(
            known=served.price.is_known,
            input_per_mtok=format_nano(served.price.input_nano_per_mtok),
            output_per_mtok=format_nano(served.price.output_nano_per_mtok),
            currency=currency,
        ),
        open_weights=served.open_weights,
        supports_tools=served.supports_tools,
        publisher=name.partition("/")[0] if is_bought else None,
        publication_id=behind.publication_id,
    )
