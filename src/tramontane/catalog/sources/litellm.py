"""LiteLLM's table of prices: US dollars per token, one key for each provider, region and variant.

Modes that are no model (search, evaluation, guardrails, vector stores) are dropped, and keys that
price one size or quality of a picture. It does not know who made a model but by its name.
"""

import re
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tramontane.catalog import providers
from tramontane.catalog.cards import Field, Offer, Source
from tramontane.catalog.offernames import placed
from tramontane.catalog.publishers import title_of
from tramontane.catalog.reading import (
    Read,
    Reading,
    decimal_text,
    decoded,
    is_per_piece,
    per_token_as_mtok,
    present,
    whole,
)

SOURCE = Source(
    id="litellm", title="LiteLLM prices", version="1.109.1", date="2026-11-21", licence="MIT"
)
FILE = "litellm_prices.json"
FILES = (FILE,)
DROPPED = frozenset(
    {"search", "evaluation", "guardrail", "vector_store", "extraction", "decisions"}
)
_KINDS = {
    "chat": "chat",
    "responses": "chat",
    "completion": "completion",
    "embedding": "embedding",
    "rerank": "rerank",
    "image_generation": "image",
    "image_edit": "image",
    "video_generation": "video",
    "audio_speech": "speech",
    "audio_transcription": "transcription",
    "realtime": "chat",
    "moderation": "moderation",
    "ocr": "vision",
}
_MODALITIES: Mapping[str, tuple[list[str], list[str]]] = MappingProxyType(
    {
        "embedding": (["text"], []),
        "rerank": (["text"], []),
        "image_generation": (["text"], ["image"]),
        "image_edit": (["image"], ["image"]),
        "video_generation": ([], ["video"]),
        "audio_speech": (["text"], ["audio"]),
        "audio_transcription": (["audio"], ["text"]),
    }
)
"""What goes in and out by the mode. Of chat it does not say what else than text."""
_ABILITIES = {
    "supports_function_calling": "tools",
    "supports_reasoning": "reasoning",
    "supports_vision": "vision",
    "supports_audio_input": "audio_input",
    "supports_response_schema": "json_schema",
    "supports_pdf_input": "documents",
    "supports_computer_use": "computer_use",
    "supports_prompt_caching": "prompt_caching",
}
_PICTURE = re.compile(r"(^|/)(\d+-x-\d+|max-x-max|\d+-steps|low|medium|high|standard|hd|auto)/")
_REGION = re.compile(
    r"^(?:us|eu|ap|ca|sa|me|af|il|mx|cn)(?:-gov)?-[a-z]+-\d$|^(?:us|eu|global|global-standard)$"
)
_BEDROCK_AREA = re.compile(r"^(us|eu|apac|global|au|jp|ca|us-gov)\.[a-z0-9]+\.")
_ABOVE = re.compile(r"^input_cost_per_token_above_(\d+)k_tokens$")
_COMMITTED = re.compile(r"(^|/)\d+-month-commitment/")


def read(files: Mapping[str, bytes]) -> Read:
    """Return the offers that the table prices. Raises InvalidRequest."""
    table: dict[str, Any] = decoded(files[FILE], SOURCE.id)
    left_out: Counter[str] = Counter()
    readings: list[Reading] = []
    for key, row in table.items():
        reason = _reason(key, row)
        if reason is not None:
            left_out[reason] += 1
            continue
        reading = _reading(key, row)
        if reading is None:
            left_out["a router, no model"] += 1
        else:
            readings.append(reading)
    return Read(source=SOURCE, readings=tuple(readings), left_out=left_out)


def _reason(key: str, row: Mapping[str, Any]) -> str | None:
    """Return why a row is no offer of a model, None where it is one."""
    if key == "sample_spec":
        return "a template"
    if "litellm_provider" not in row:
        return "a table of rules"
    if providers.provider_id(row["litellm_provider"]) in providers.LOCAL:
        return "a local program, no provider"
    if row.get("mode") in DROPPED:
        return f"mode {row['mode']}"
    if _PICTURE.search(key):
        return "a variant by the picture's size"
    if _COMMITTED.search(key):
        return "a commitment by the month"
    if key.startswith("ft:"):
        return "a fine-tune of the customer's"
    if key.startswith(("fireworks-ai-", "together-ai-")):
        return "a price for any model of a size"
    return None


def _reading(key: str, row: Mapping[str, Any]) -> Reading | None:
    provider = providers.provider_named(row["litellm_provider"])
    name, region = _name_and_region(key, row["litellm_provider"])
    place = placed(name, provider.id)
    if place is None:
        return None
    is_own = provider.publisher is not None and place.publisher == provider.publisher
    facts = _facts(row) | {"name": place.name}
    if place.publisher is not None:
        facts["publisher"] = title_of(place.publisher)
    return Reading(
        source=SOURCE.id,
        record=key,
        publisher=place.publisher,
        name=place.name,
        names=place.others,
        is_certain=place.is_certain,
        nearness=1 if is_own else 2,
        facts=facts,
        aliases=(name,),
        offers=(_offer(key, row, provider, name, region),),
        community=True,
    )


def _name_and_region(key: str, provider: str) -> tuple[str, str | None]:
    """Return what the model is asked for there, and the region where the key names one."""
    parts = key.split("/")
    heads = {provider, provider.removesuffix("_converse"), provider.split("-")[0]}
    if len(parts) > 1 and (
        parts[0] in heads or providers.provider_id(parts[0]) == (providers.provider_id(provider))
    ):
        parts = parts[1:]
    region = None
    if len(parts) > 1 and _REGION.match(parts[0]):
        region, parts = parts[0], parts[1:]
    name = "/".join(parts)
    area = _BEDROCK_AREA.match(name)
    if area and region is None:
        region = area[1]
    return name, region


def _facts(row: Mapping[str, Any]) -> dict[Field, Any]:
    mode = row.get("mode")
    outputs = row.get("supported_output_modalities") or []
    kind = _KINDS.get(mode or "")
    context = whole(row.get("max_input_tokens"))
    by_mode = _MODALITIES.get(mode or "", ([], []))
    return present(
        {
            "kind": kind,
            "context_tokens": context,
            "max_output_tokens": None
            if kind == "embedding"
            else whole(row.get("max_output_tokens")),
            "dimensions": whole(row.get("output_vector_size")),
            "abilities": sorted(
                ability for flag, ability in _ABILITIES.items() if row.get(flag) is True
            ),
            "input_modalities": _modalities(row.get("supported_modalities") or by_mode[0]),
            "output_modalities": _modalities(outputs or by_mode[1]),
        }
    )


def _modalities(names: list[str]) -> list[str]:
    same = {"file": "document", "pdf": "document", "embeddings": "embedding"}
    return sorted({same.get(name, name) for name in names})


def _offer(
    key: str, row: Mapping[str, Any], provider: providers.Provider, name: str, region: str | None
) -> Offer:
    per_query = row.get("input_cost_per_query")
    is_chat = row.get("mode") in {"chat", "responses", "completion", "embedding", "realtime", None}
    into = per_token_as_mtok(row.get("input_cost_per_token"))
    output = row.get("output_cost_per_token")
    if is_per_piece(_KINDS.get(row.get("mode") or ""), into):
        into = output = None
    return Offer(
        provider=provider.id,
        provider_title=provider.title,
        kind=provider.kind,
        host=provider.host,
        jurisdiction=providers.jurisdiction_in(provider, region),
        region=region,
        model=name,
        source=SOURCE.id,
        record=key,
        date=SOURCE.date,
        input_per_mtok=into,
        output_per_mtok=per_token_as_mtok(output) if is_chat or output else None,
        cached_input_per_mtok=per_token_as_mtok(row.get("cache_read_input_token_cost")),
        cache_write_per_mtok=per_token_as_mtok(row.get("cache_creation_input_token_cost")),
        per_request=None if not per_query else decimal_text(per_query),
        long_context=_long(row),
        context_tokens=whole(row.get("max_input_tokens")),
        max_output_tokens=whole(row.get("max_output_tokens")),
    )


def _long(row: Mapping[str, Any]) -> tuple[tuple[int, str, str], ...]:
    """Return the prices above so many prompt tokens: input, output."""
    found = []
    for name, price in row.items():
        match = _ABOVE.match(name)
        output = match and row.get(f"output_cost_per_token_above_{match[1]}k_tokens")
        if match and output is not None and price is not None:
            found.append(
                (
                    int(match[1]) * 1000,
                    per_token_as_mtok(price) or "0",
                    per_token_as_mtok(output) or "0",
                )
            )
    return tuple(sorted(found))
