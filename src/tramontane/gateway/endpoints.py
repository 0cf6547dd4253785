"""The table of paths: which dialect speaks there, and what is asked for.

A path is here once. Where it names a model, `{model}` stands for it (one segment, percent-encoded).
It does not know connections, keys or deployments.
"""

import re
from collections.abc import Callable, Mapping
from urllib.parse import quote, unquote

import msgspec

from tramontane.wire.anthropic import client as anthropic
from tramontane.wire.anthropic import counting as anthropic_counting
from tramontane.wire.anthropic import models as anthropic_models
from tramontane.wire.azure import client as azure
from tramontane.wire.azure import info as azure_info
from tramontane.wire.canonical import Operation
from tramontane.wire.dialect import EVENT_STREAM, Asked, Client, Local
from tramontane.wire.mistral import chat as mistral
from tramontane.wire.mistral.models import MODELS as MISTRAL_MODELS
from tramontane.wire.ollama import client as ollama
from tramontane.wire.ollama import lists as ollama_lists
from tramontane.wire.openai import chat, completions, embeddings, operations
from tramontane.wire.openai.intent import Intent, read_chat
from tramontane.wire.openai.responses import client as responses


class Endpoint(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What a path asks for.

    Where its bodies can be spliced to a provider of the same dialect, `path` is the one behind that
    provider's base address. Where no more than that must be known of one, `intent` reads it, and
    `asked` makes the rest of it where it has to be translated after all. `reads` are fields of the
    head that the client side looks at; it finds them in the query. `hears_comments`: its clients
    pass over comments in a stream, as the standard has it.
    """

    client: Client
    operation: Operation = "chat"
    path: str = ""
    intent: Callable[[bytes], Intent] | None = None
    asked: Callable[[Intent], Asked] | None = None
    reads: tuple[bytes, ...] = ()
    hears_comments: bool = True

    @property
    def tells_waiting(self) -> bool:
        """Whether a stream can hear of its place in a queue before it begins."""
        return self.hears_comments and self.client.stream_type == EVENT_STREAM

    def query_of(self, query: bytes, fields: Mapping[bytes, bytes]) -> bytes:
        """Return `query` with those of `fields` that the client side reads."""
        for name in self.reads:
            value = fields.get(name)
            if value is not None:
                query += b"&%b=%b" % (name, quote(value, safe="").encode())
        return query


OPENAI_CHAT = Endpoint(
    client=chat.CLIENT, path="/chat/completions", intent=read_chat, asked=chat.asked_of
)


def _azure_endpoints() -> dict[str, Endpoint]:
    """Azure's paths: the model in the body, or in the path as a deployment of Azure OpenAI.

    Clients of Azure OpenAI append their own /openai to the address that they are given.
    """
    # Azure's own client fails on any line that is no data.
    chat_ = Endpoint(client=azure.CHAT, hears_comments=False)
    completions_ = Endpoint(client=azure.COMPLETIONS, operation="completions", hears_comments=False)
    embeddings_ = Endpoint(client=azure.EMBEDDINGS, operation="embeddings")
    places = {}
    for base in ("/azure", "/azure/models"):  # Foundry's own addresses end in /models
        places[f"{base}/chat/completions"] = chat_
        places[f"{base}/embeddings"] = embeddings_
    for path in ("/azure/openai/v1/responses", "/azure/openai/responses", "/openai/responses"):
        places[path] = Endpoint(client=azure.RESPONSES)
    bases = ("/azure/openai/v1", "/azure/openai/deployments/{model}", "/openai/deployments/{model}")
    for base in bases:
        places[f"{base}/chat/completions"] = chat_
        places[f"{base}/completions"] = completions_
        places[f"{base}/embeddings"] = embeddings_
    return places


MESSAGES = Endpoint(client=anthropic.MESSAGES, reads=(b"anthropic-beta",))
COUNT_TOKENS = Endpoint(
    client=anthropic_counting.CLIENT, operation="count_tokens", reads=(b"anthropic-beta",)
)

# POST; each goes through an exchange.
TOKENS: dict[str, Endpoint] = {
    "/v1/chat/completions": OPENAI_CHAT,
    "/v1/completions": Endpoint(
        client=completions.CLIENT,
        operation="completions",
        path="/completions",
        intent=operations.read_completions,
        asked=completions.asked_of,
    ),
    "/v1/embeddings": Endpoint(
        client=embeddings.CLIENT,
        operation="embeddings",
        path="/embeddings",
        intent=operations.read_embeddings,
        asked=embeddings.asked_of,
    ),
    "/v1/moderations": Endpoint(
        client=embeddings.CLIENT,
        operation="moderations",
        path="/moderations",
        intent=operations.read_moderations,
        asked=operations.moderation_of,
    ),
    "/v1/responses": Endpoint(client=responses.CLIENT),
    "/mistral/v1/chat/completions": Endpoint(client=mistral.CHAT_CLIENT, path="/chat/completions"),
    "/mistral/v1/fim/completions": Endpoint(
        client=mistral.FIM_CLIENT, operation="fim", path="/fim/completions"
    ),
    "/mistral/v1/embeddings": Endpoint(
        client=mistral.EMBEDDINGS_CLIENT, operation="embeddings", path="/embeddings"
    ),
    "/mistral/v1/moderations": Endpoint(
        client=mistral.MODERATIONS_CLIENT, operation="moderations", path="/moderations"
    ),
    **_azure_endpoints(),
    "/v1/messages": MESSAGES,
    "/anthropic/v1/messages": MESSAGES,
    "/v1/messages/count_tokens": COUNT_TOKENS,
    "/anthropic/v1/messages/count_tokens": COUNT_TOKENS,
    "/api/chat": Endpoint(client=ollama.CHAT),
    "/api/generate": Endpoint(client=ollama.GENERATE),
    "/api/embed": Endpoint(client=ollama.EMBED, operation="embeddings"),
    "/api/embeddings": Endpoint(client=ollama.EMBEDDINGS, operation="embeddings"),
}

# Answered here, for whoever may use models.
ANSWERED: dict[str, Local] = {
    "/v1/responses/{model}": responses.UNKEPT,
    "/mistral/v1/models": MISTRAL_MODELS,
    "/mistral/v1/models/{model}": MISTRAL_MODELS,
    "/azure/info": azure_info.INFO,
    "/azure/models/info": azure_info.INFO,
    "/azure/openai/models": azure_info.MODELS,
    "/azure/openai/v1/models": azure_info.MODELS,
    "/azure/openai/v1/models/{model}": azure_info.MODELS,
    "/anthropic/v1/models": anthropic_models.MODELS,
    "/anthropic/v1/models/{model}": anthropic_models.MODEL,
    **ollama_lists.PATHS,
}

# Who spells refusals below a base address; the longest that fits.
BASES: dict[str, Client | Local] = {
    "/v1/": chat.CLIENT,
    "/mistral/": mistral.CHAT_CLIENT,
    "/azure/": azure.CHAT,
    "/openai/": azure.CHAT,
    "/v1/messages": anthropic.MESSAGES,
    "/anthropic/": anthropic.MESSAGES,
    **{path.partition("{")[0]: form for path, form in ollama_lists.PATHS.items()},
    "/api/chat": ollama.CHAT,
    "/api/generate": ollama.GENERATE,
    "/api/embed": ollama.EMBED,
}

Place = Endpoint | Local

_EXACT: dict[bytes, Place] = {
    path.encode(): place
    for table in (TOKENS, ANSWERED)
    for path, place in table.items()
    if "{" not in path
}


def _pattern(path: str) -> re.Pattern[bytes]:
    return re.compile(re.escape(path).replace(r"\{model\}", "(?P<model>[^/]+)").encode())


_PATTERNS: list[tuple[re.Pattern[bytes], Place]] = [
    (_pattern(path), place)
    for table in (TOKENS, ANSWERED)
    for path, place in table.items()
    if "{" in path
]
STARTS = (b"/v1/", b"/anthropic/", b"/azure/", b"/openai/")
"""Below these nothing is passed on to the studio. (Mistral's libraries are the studio's.)"""
_ANTHROPIC = (b"/anthropic/", b"/v1/messages")
_BASES = sorted(((base.encode(), form) for base, form in BASES.items()), key=lambda b: -len(b[0]))


def find(path: bytes) -> tuple[Place, str | None] | None:
    """Return what is at `path`, and the model that it names; None where there is nothing."""
    place = _EXACT.get(path)
    if place is not None:
        return place, None
    for pattern, place in _PATTERNS:
        found = pattern.fullmatch(path)
        if found is not None:
            return place, unquote(found["model"].decode("latin-1"))
    return None


def of_models(path: bytes, fields: Mapping[bytes, bytes]) -> tuple[Place, str | None] | None:
    """Return whose list of models /v1/models is: Anthropic's clients say their version."""
    if path.startswith(b"/v1/models") and b"anthropic-version" in fields:
        return find(b"/anthropic" + path)
    return None


def named_again(path: bytes, fields: bytes) -> bytes:
    """Return `fields` with the request's id under the name, too, that Anthropic's clients read."""
    if path.startswith(_ANTHROPIC):
        at = fields.find(b"x-request-id: ")
        if at >= 0:
            fields += fields[at + 2 : fields.index(b"\r\n", at) + 2]
    return fields


def speaker(path: bytes) -> Client | Local:
    """Return who spells refusals at `path`: OpenAI's dialect where no other has its base there."""
    for base, form in _BASES:
        if path.startswith(base):
            return form
    return chat.CLIENT
