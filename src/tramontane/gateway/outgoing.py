"""What goes to a deployment: a request's bytes, spliced, for an engine here, or translated.

Every head is built from our own settings, nothing of the client's in it. It does not know
connections.
"""

import msgspec

from tramontane.gateway.admission import Permit
from tramontane.gateway.directory import OUTPUT_TOKENS_ASSUMED, Deployment
from tramontane.gateway.service import Service, translated_head
from tramontane.gateway.translation import Translation, require_operation
from tramontane.wire.mistral import ids as mistral_ids
from tramontane.wire.openai.chunks import Chunks
from tramontane.wire.openai.intent import FALSE, INCLUDE_USAGE, TRUE, Intent, encode
from tramontane.wire.openai.local import read_local
from tramontane.wire.seals import without_seals

CHAT = "/chat/completions"


def to_engine(
    intent: Intent,
    service: Service,
    permit: Permit,
    request_id: str,
    limit: int | None,
    *,
    translation: Translation | None,
) -> tuple[bytes, Chunks | None]:
    """Return the whole request for an engine here, always asked for a stream but for embeddings,
    and what renders its events where that is chat. Raises InvalidRequest for what it does not take.
    """
    deployment = service.deployment
    require_operation(deployment, intent.model, intent.operation)
    if translation is not None and translation.operation != "chat":
        return _beside_chat(service, permit, request_id, limit, translation), None
    if translation is not None:
        intent = translation.engine_intent(deployment)
    local = read_local(
        intent,
        max_tokens=limit or OUTPUT_TOKENS_ASSUMED,
        supports_tools=deployment.supports_tools,
    )
    ours = {
        "model": deployment.upstream_model,
        **_slot(permit, deployment),
        "stream_options": INCLUDE_USAGE,
    }
    body = encode(local.fields | ours)
    chunks = Chunks(
        shows_usage=intent.include_usage or not intent.stream or translation is not None,
        top_logprobs=local.top_logprobs,
        is_forced=local.is_forced,
    )
    return _framed(service, CHAT, request_id, body, is_stream=True), chunks


def _slot(permit: Permit, deployment: Deployment) -> dict[str, msgspec.Raw]:
    """Return where the engine is to work, and whether what it read there before may be reused."""
    may_reuse = permit.is_same_tenant or deployment.shares_prompt_cache
    return {
        "id_slot": msgspec.Raw(b"%d" % permit.slot),
        "cache_prompt": TRUE if may_reuse else FALSE,
    }


def _beside_chat(
    service: Service,
    permit: Permit,
    request_id: str,
    limit: int | None,
    translation: Translation,
) -> bytes:
    deployment = service.deployment
    written = translation.written(deployment, limit)
    fields = msgspec.json.decode(written.body, type=dict[str, msgspec.Raw])
    is_stream = translation.operation != "embeddings"
    if is_stream:
        fields |= _slot(permit, deployment)
    return _framed(service, written.path, request_id, encode(fields), is_stream=is_stream)


def spliced(
    intent: Intent, service: Service, path: str, request_id: str, limit: int | None
) -> bytes:
    """Return the whole request for a provider of the client's dialect, our fields set.

    Raises InvalidRequest where the deployment is not for that.
    """
    deployment = service.deployment
    require_operation(deployment, intent.model, intent.operation)
    changed = dict(intent.fields)
    changed["model"] = deployment.upstream_model
    if (messages := changed.get("messages")) is not None:
        changed["messages"] = msgspec.Raw(_with_own_ids(bytes(messages), deployment.dialect))
    if limit is not None:
        changed[deployment.max_tokens_field] = msgspec.Raw(b"%d" % limit)
    if not deployment.asks_stream_usage or deployment.dialect != "openai":
        changed.pop("stream_options", None)  # it may not know what it is not to be asked
    elif intent.stream and not intent.include_usage:
        changed["stream_options"] = INCLUDE_USAGE
    return _framed(service, path, request_id, encode(changed), is_stream=intent.stream)


def _with_own_ids(messages: bytes, dialect: str) -> bytes:
    """Return `messages` with ids of tool calls as the provider takes them, whoever gave them."""
    if dialect == "mistral":
        return mistral_ids.fitting(messages)
    return without_seals(messages)


def _framed(service: Service, path: str, request_id: str, body: bytes, *, is_stream: bool) -> bytes:
    return b"%bx-request-id: %b\r\naccept: %b\r\ncontent-length: %d\r\n\r\n%b" % (
        service.head(path),
        request_id.encode(),
        b"text/event-stream" if is_stream else b"application/json",
        len(body),
        body,
    )


def translated(
    translation: Translation,
    deployment: Deployment,
    request_id: str,
    limit: int | None,
    now_s: float,
) -> bytes:
    """Return the whole request as the provider's dialect has it, signed at `now_s` (Unix)."""
    written = translation.written(deployment, limit)
    return b"%bx-request-id: %b\r\ncontent-length: %d\r\n\r\n%b" % (
        translated_head(deployment, translation.upstream, written, now_s),
        request_id.encode(),
        len(written.body),
        written.body,
    )
