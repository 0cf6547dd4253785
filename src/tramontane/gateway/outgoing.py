"""What goes to a deployment: a request's bytes, spliced, for an engine here, or translated.

Every head is built from our own settings, nothing of the client's in it. It does not know
connections.
"""

import msgspec

from tramontane.gateway.admission import Permit
from tramontane.gateway.directory import OUTPUT_TOKENS_ASSUMED, Deployment
from tramontane.gateway.service import Service, translated_head
from tramontane.gateway.translation import Translation
from tramontane.wire.openai.chunks import Chunks
from tramontane.wire.openai.intent import FALSE, INCLUDE_USAGE, TRUE, Intent, encode
from tramontane.wire.openai.local import read_local

CHAT = "/chat/completions"


def to_engine(
    intent: Intent,
    service: Service,
    permit: Permit,
    request_id: str,
    limit: int | None,
    *,
    translation: Translation | None,
) -> tuple[bytes, Chunks]:
    """Return the whole request for an engine here, always asked for a stream, and what renders its
    events. Raises InvalidRequest for what the engine does not take.
    """
    deployment = service.deployment
    if translation is not None:
        intent = translation.engine_intent(deployment)
    local = read_local(
        intent,
        max_tokens=limit or OUTPUT_TOKENS_ASSUMED,
        supports_tools=deployment.supports_tools,
    )
    may_reuse = permit.is_same_tenant or deployment.shares_prompt_cache
    body = encode(
        local.fields
        | {
            "model": deployment.upstream_model,
            "id_slot": msgspec.Raw(b"%d" % permit.slot),
            "cache_prompt": TRUE if may_reuse else FALSE,
            "stream_options": INCLUDE_USAGE,
        }
    )
    chunks = Chunks(
        shows_usage=intent.include_usage or not intent.stream or translation is not None,
        top_logprobs=local.top_logprobs,
        is_forced=local.is_forced,
    )
    return _framed(service, CHAT, request_id, body, is_stream=True), chunks


def spliced(
    intent: Intent, service: Service, path: str, request_id: str, limit: int | None
) -> bytes:
    """Return the whole request for a provider of the client's dialect, our fields set."""
    deployment = service.deployment
    changed = dict(intent.fields)
    changed["model"] = deployment.upstream_model
    if limit is not None:
        changed[deployment.max_tokens_field] = msgspec.Raw(b"%d" % limit)
    if not deployment.asks_stream_usage or deployment.dialect != "openai":
        changed.pop("stream_options", None)  # it may not know what it is not to be asked
    elif intent.stream and not intent.include_usage:
        changed["stream_options"] = INCLUDE_USAGE
    return _framed(service, path, request_id, encode(changed), is_stream=intent.stream)


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
