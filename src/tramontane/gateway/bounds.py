"""How long an answer may get, and whether it could be had now: what a hold is made of.

Nothing here reserves anything. It does not know queues or connections.
"""

from tramontane.errors import InvalidRequest
from tramontane.gateway.directory import OUTPUT_TOKENS_ASSUMED, Deployment, Principal
from tramontane.gateway.ledger import Ledger
from tramontane.gateway.service import Service
from tramontane.gateway.translation import Translation
from tramontane.money import Price, affordable_output_tokens
from tramontane.wire.openai.intent import Intent
from tramontane.wire.openai.local import read_local


def limit_output(
    intent: Intent, service: Service, offered: Deployment, principal: Principal, ledger: Ledger
) -> tuple[int | None, int]:
    """Return the limit to set (None: as asked) and the most output tokens over all choices.

    `offered` is the service's deployment at the price of who asks.

    Raises InvalidRequest where more is asked for than the deployment gives.
    """
    if not intent.gives_text:
        return None, 0
    deployment = service.deployment
    limit = intent.max_tokens
    to_set = None
    if limit is None:
        stated = deployment.max_output_tokens or (
            deployment.context_tokens if deployment.is_local else None
        )
        limit = stated or OUTPUT_TOKENS_ASSUMED
        available = ledger.available_nano(principal.project.id, principal.key.id)
        if available is not None:
            price = held_price(offered, intent)
            prompt = service.bound_prompt_tokens(intent)
            affordable = affordable_output_tokens(price, prompt, available)
            if affordable is not None and affordable // intent.choices >= 1:
                limit = min(limit, affordable // intent.choices)
        if stated is not None or available is not None:
            to_set = limit
    elif deployment.max_output_tokens is not None and limit > deployment.max_output_tokens:
        raise InvalidRequest(
            f"The model '{intent.model}' gives at most {deployment.max_output_tokens} output"
            f" tokens; {limit} were asked for.",
            code="invalid_value",
            param="max_completion_tokens"
            if "max_completion_tokens" in intent.fields
            else "max_tokens",
        )
    if deployment.is_local and deployment.context_tokens is not None:
        limit = to_set = min(limit, deployment.context_tokens)
    return to_set, limit * intent.choices


def require_possible(
    intent: Intent,
    service: Service,
    offered: Deployment,
    principal: Principal,
    ledger: Ledger,
    translation: Translation | None = None,
) -> None:
    """Raise what would refuse the request at its turn already: nobody should wait for a refusal.

    A stream's status 200 goes out while it waits, so this is the last moment for another one.
    """
    deployment = service.deployment
    limit, output_tokens = limit_output(intent, service, offered, principal, ledger)
    prompt_tokens = service.bound_prompt_tokens(intent)
    price = held_price(offered, intent)
    ledger.require(principal.project.id, principal.key.id, price, prompt_tokens, output_tokens)
    if deployment.is_local and intent.operation == "chat":
        read_local(
            intent if translation is None else translation.engine_intent(deployment),
            max_tokens=limit or OUTPUT_TOKENS_ASSUMED,
            supports_tools=deployment.supports_tools,
        )
    elif translation is not None:
        translation.written(deployment, limit)


def held_price(deployment: Deployment, intent: Intent) -> Price:
    """Return the price to hold by: at the tier that is asked for, where that is the dearer one.

    A provider may serve another tier than was asked for; what it says it served is charged.
    """
    tiers = deployment.service_tiers
    return deployment.price_at(intent.service_tier) if tiers else deployment.price
