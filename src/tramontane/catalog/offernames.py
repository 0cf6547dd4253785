"""What a provider's own name for a model tells of who made it.

"us.anthropic.claude-3-haiku-20240307-v1:0", "accounts/fireworks/models/qwen2p5-7b" and
"@cf/meta/llama-3" each say it in their own way. It looks at the text only.
"""

import re

import msgspec

from tramontane.catalog import naming
from tramontane.catalog.providers import PUBLISHERS as FIRST
from tramontane.catalog.publishers import FAMILIES, PUBLISHERS

_ROUTERS = re.compile(
    r"^(auto|router|container|ft[:-].*|.*\.ft|model-router|auto-model.*|switchpoint.*|default|best|free|basic|premium"
    r"|.*model[-_]router.*|.*/routers/.*|.+/community|.*/(auto|bodybuilder|fusion|pareto-code|owl-alpha|free))$"
)
_BEDROCK = re.compile(r"^(?:(?:us|eu|apac|global|au|jp|ca|us-gov|regional)\.)?([a-z0-9]+)\.(.+)$")
_HUB_SELLERS = (
    "fireworks-ai openrouter nano-gpt huggingface deepinfra togetherai novita-ai nebius "
    "siliconflow siliconflow-cn chutes wandb kilo vercel baseten io-net hyperbolic "
    "featherless modelscope nvidia gmicloud nscale publicai aiand libertai clarifai"
)
HUB_SELLERS = frozenset(_HUB_SELLERS.split())
"""Providers that call models as the hub does, base models too."""
_NO_ORGANISATION_WORDS = (
    "models tee stealth kilo-auto nanogpt auto community route routers fireworks fal-ai"
)
_NO_ORGANISATION = frozenset(_NO_ORGANISATION_WORDS.split())
_SELLS_ITS_OWN_ONLY = frozenset({"deepgram", "elevenlabs", "assemblyai", "soniox", "voyageai"})


class Place(msgspec.Struct, frozen=True):
    """Whose model it is and what it is called. `is_certain`: the name says both itself."""

    publisher: str | None
    name: str
    is_certain: bool
    others: tuple[tuple[str | None, str], ...] = ()


def family_of(name: str) -> str | None:
    """Return the publisher whose family of names `name` begins with; None: no known family."""
    text = name.lower()
    found = [family for family in FAMILIES if text.startswith(family)]
    whole = [family for family in found if not text[len(family) : len(family) + 1].isalpha()]
    return FAMILIES[max(whole, key=len)] if whole else None


def placed(model: str, provider: str, same_as: str | None = None) -> Place | None:
    """Return what `model`, as `provider` (our word) calls it, says; None for what is no model.

    `same_as` is the record of models.dev that the source itself says it is.
    """
    if _ROUTERS.match(model.lower()):
        return None
    if same_as is not None:
        maker, name = same_as.split("/", 1)
        return Place(naming.publisher_of(maker), name, True)
    word, name = _split(model, provider)
    head = None if word in _NO_ORGANISATION else word
    publisher = PUBLISHERS.get(head) if head else None
    if head and publisher is None and provider in HUB_SELLERS:
        publisher = naming.publisher_of(head)
    family = family_of(name)
    if publisher is not None:
        others = _others(name, publisher)
        return Place(publisher, name, True, ((family, name), *others) if family else others)
    first = FIRST.get(provider)
    if first is not None and provider in _SELLS_ITS_OWN_ONLY:
        return Place(first, name, True)
    if first is not None and family in (None, first) and not naming.is_packager(head or ""):
        return Place(first, name, True)
    return Place(None, name, False, ((family, name), *_others(name, None)))


def _split(model: str, provider: str) -> tuple[str | None, str]:
    """Return the word before the name, in lower case, and the name."""
    text = model.strip()
    if provider == "fireworks-ai":
        text = re.sub(r"(?<=\d)p(?=\d)", ".", text)
        text = re.sub(r"llama-v(?=\d)", "llama-", text)
    parts = [part for part in text.split("/") if part]
    head, name = (
        (parts[-2].lower().lstrip("@~"), parts[-1]) if len(parts) > 1 else (None, parts[-1])
    )
    found = _BEDROCK.match(name.lower())
    if found and found[1] in PUBLISHERS:
        return found[1], found[2]
    if "--" in name and name.split("--", 1)[0].lower() in PUBLISHERS:
        before, _, after = name.partition("--")
        return before.lower(), after
    return head, name


def _others(name: str, publisher: str | None) -> tuple[tuple[str | None, str], ...]:
    """Return further ways to read `name`: "openai-gpt-5", "databricks-claude-opus-4-7"."""
    text = name.lower()
    head, _, tail = text.partition("-")
    found: list[tuple[str | None, str]] = []
    if tail and head in {"databricks", "sap", "coding", "hf", "route", "tee", "fw"}:
        found.append((family_of(tail), tail))
    if tail and publisher is None and head in PUBLISHERS and head not in FAMILIES:
        found.append((PUBLISHERS[head], tail))
    if text.endswith("-free"):
        found.append((publisher or family_of(text), text.removesuffix("-free")))
    return tuple((owner, rest) for owner, rest in found if owner is not None)
