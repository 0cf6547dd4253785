"""What the gateway keeps of a deployment between requests: its gate, its pool, what was learnt."""

import logging

from tramontane.config import Origin
from tramontane.errors import ConfigError, TramontaneError, Unavailable, UpstreamFailed
from tramontane.gateway.admission import FifoGate
from tramontane.gateway.directory import Deployment
from tramontane.gateway.fields import deployment_fields
from tramontane.gateway.upstream import UpstreamPool
from tramontane.wire.dialect import Upstream, Written
from tramontane.wire.openai.intent import Intent

TOKENS_PER_BYTE_START = 0.4
CONTEXT_TOKENS_MOST = 1_048_576
"""The longest prompt that any model in use takes, where a deployment's own is not known."""
INSTRUCTIONS_TOKENS = 1_024
"""What providers put before a prompt that has tools or a form (Anthropic documents up to 530)."""
_INSTRUCTED = frozenset((
    "tools", "functions", "response_format", "output_config", "output_format", "text", "format",
))  # fmt: skip
_log = logging.getLogger(__name__)
_FIXED = (
    b"content-type: application/json\r\naccept-encoding: identity\r\nuser-agent: tramontane\r\n"
)


class Service:
    """What a deployment keeps between requests: its gate, its pool, what was learnt."""

    __slots__ = (
        "_heads", "_sold", "completion_tokens", "deployment", "gate", "has_failed", "named",
        "pool", "tokens_per_byte",
    )  # fmt: skip

    def __init__(self, deployment: Deployment, gate: FifoGate, pool: UpstreamPool) -> None:
        self.serve(deployment)
        self.gate = gate
        self.pool = pool
        self.tokens_per_byte = TOKENS_PER_BYTE_START
        self.completion_tokens = 0  # of all answers that were settled
        self.has_failed: bool | None = None  # at the last request; None: nobody has asked yet

    def serve(self, deployment: Deployment) -> None:
        """Take over `deployment` as it is now."""
        self.deployment = deployment
        self.named = deployment_fields(deployment)
        self._heads: dict[str, bytes] = {}
        self._sold: dict[str, bytes] = {}

    def head(self, path: str) -> bytes:
        """Return the fixed part of a request's head for `path` behind the base address."""
        head = self._heads.get(path)
        if head is None:
            head = self._heads[path] = request_head(self.deployment, path)
        return head

    def named_as(self, offered: Deployment) -> bytes:
        """Return the lines that say what served it, to whom it is `offered`."""
        if offered.sale is None:
            return self.named
        name = offered.sale.name
        named = self._sold.get(name)
        if named is None:
            named = self._sold[name] = deployment_fields(offered)
        return named

    def learn(self, prompt_bytes: int, prompt_tokens: int) -> None:
        """Note how many tokens a text prompt really had, for estimates of interrupted requests."""
        ratio = min(1.0, prompt_tokens / max(1, prompt_bytes))  # a token is a byte at least
        self.tokens_per_byte += 0.1 * (ratio - self.tokens_per_byte)

    def bound_prompt_tokens(self, intent: Intent) -> int:
        """Return the most tokens the prompt can have."""
        deployment = self.deployment
        images = intent.images * deployment.image_tokens
        bound = intent.prompt_bytes + deployment.template_tokens + images
        if deployment.is_local:
            return bound
        if not _INSTRUCTED.isdisjoint(intent.fields):
            bound += INSTRUCTIONS_TOKENS
        if intent.files:  # a page may take some bytes where it is packed: only the context bounds
            bound = max(bound, deployment.context_tokens or CONTEXT_TOKENS_MOST)
        return bound

    def estimate_prompt_tokens(self, intent: Intent) -> int:
        """Return a cautious estimate, in tokens."""
        images = intent.images * self.deployment.image_tokens
        text = 1 + int(intent.prompt_bytes * self.tokens_per_byte * 1.25)
        return min(text + images, self.bound_prompt_tokens(intent))


def state_of(deployment: Deployment, service: Service | None) -> str:
    """Return how it is: a local one as its engine says, another as its last request has shown."""
    if deployment.is_local or deployment.origin is None:
        return deployment.state
    if service is None or service.has_failed is None:
        return "unprobed"
    return "failed" if service.has_failed else "ready"


def said_to(offered: Deployment, error: TramontaneError) -> TramontaneError:
    """Return what those are told to whom a deployment is `offered` that does not serve now: who
    buys it is not to know what its publisher's engine said.
    """
    if offered.sale is None:
        return error
    return Unavailable(f"The model '{offered.shown_name}' is not up.", retry_after_s=2)


def request_head(deployment: Deployment, path: str) -> bytes:
    """Return the fixed part of the head for `deployment`; nothing of the client's goes into it.

    `path` is behind the base address, or where it begins with `//` behind the host. Raises
    Unavailable where it has no address.
    """
    origin = deployment.origin
    if origin is None:  # it was taken away while the request was on its way
        raise Unavailable("The model is not up.", retry_after_s=2)
    whole = path[1:] if path.startswith("//") else origin.base_path + path
    head = f"POST {whole} HTTP/1.1\r\nhost: {host_of(origin)}\r\n".encode()
    if deployment.authorization is not None:
        head += b"authorization: " + deployment.authorization + b"\r\n"
    return head + _FIXED


def translated_head(
    deployment: Deployment, upstream: Upstream, written: Written, now_s: float
) -> bytes:
    """Return the head for what another dialect has `written`, with its own proof of who asks.

    Raises UpstreamFailed where the key has no form that the dialect can use.
    """
    origin = deployment.origin
    assert origin is not None
    host = host_of(origin)
    path = origin.base_path + written.path
    try:
        proof = upstream.authorize(
            deployment.secret, host=host, path=path, body=written.body, now_s=now_s
        )
    except ConfigError as error:
        _log.error("deployment %s: %s", deployment.name, error.message)
        raise UpstreamFailed(
            "The provider's key cannot be used: its operator must check it.",
            code="upstream_refused",
        ) from None
    start = f"POST {path} HTTP/1.1\r\nhost: {host}\r\n".encode()
    return start + proof + _FIXED + written.fields


def host_of(origin: Origin) -> str:
    """Return `origin` as the field `host` has it."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return host if origin.port == (443 if origin.tls else 80) else f"{host}:{origin.port}"
