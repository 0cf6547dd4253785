"""models.dev: models with dates, limits and benchmarks; offers of 148 providers in US dollars per
million tokens; and the providers' addresses.

An offer that names its `base_model` is that model; any other is told by its name. It does not know
licences but of a few.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tramontane.catalog import licences, naming, providers
from tramontane.catalog.cards import Field, Offer, Source
from tramontane.catalog.offernames import Place, placed
from tramontane.catalog.providers import Provider
from tramontane.catalog.publishers import title_of
from tramontane.catalog.reading import (
    Read,
    Reading,
    decoded,
    is_per_piece,
    per_mtok,
    present,
    whole,
)

SOURCE = Source(
    id="models_dev",
    title="models.dev",
    version="f3fc692299671838c7c65fd8126bf84d81a2e817",
    date="2026-07-02",
    licence="MIT",
)
MODELS, OFFERS, PROVIDERS = (
    "models_dev_models.json",
    "models_dev_offers.json",
    "models_dev_providers.json",
)
FILES = (MODELS, OFFERS, PROVIDERS)
_HUB = "https://huggingface.co/"
_MOVING = ("-latest", "deepseek-chat", "deepseek-reasoner")
_FREE_PLANS = ("-plan", "-plan-cn", "-plan-ams", "-plan-sgp", "for-coding", "copilot", "gitlab")


def read(files: Mapping[str, bytes]) -> Read:
    """Return what models.dev says of models, and who offers them. Raises InvalidRequest."""
    models: dict[str, Any] = decoded(files[MODELS], SOURCE.id)
    offers: list[dict[str, Any]] = decoded(files[OFFERS], SOURCE.id)
    named = {row["id"]: row.get("name") for row in decoded(files[PROVIDERS], SOURCE.id)}
    shared = _repositories_of_several(models)
    readings = [_model(id_, row, shared) for id_, row in models.items()]
    left_out: Counter[str] = Counter()
    for row in offers:
        if providers.provider_id(row["provider_id"]) in providers.LOCAL:
            left_out["a local program, no provider"] += 1
            continue
        reading = _offer(row, named.get(row["provider_id"]))
        if reading is None:
            left_out["a router, no model"] += 1
        else:
            readings.append(reading)
    return Read(source=SOURCE, readings=tuple(readings), left_out=left_out)


def known_providers(files: Mapping[str, bytes]) -> dict[str, Provider]:
    """Return the providers by our word for them, with their addresses where they have one."""
    found: dict[str, Provider] = {}
    for row in decoded(files[PROVIDERS], SOURCE.id):
        base = providers.provider_named(row["id"], row.get("name"))
        url = row.get("api") if _speaks_openai(row) else None
        if url is not None and ("${" in url or not url.startswith("https://")):
            url = None  # each account has its own, or it is on this very machine
        if url is not None:
            url = url.rstrip("/").removesuffix("/chat/completions")
        if base.id in found and found[base.id].url is not None:
            continue
        found[base.id] = Provider(
            id=base.id,
            title=base.title,
            kind=base.kind or ("compatible" if url else None),
            url=url,
            host=base.host,
            jurisdiction=base.jurisdiction,
            publisher=base.publisher,
            website=row.get("doc"),
        )
    return found


def _speaks_openai(row: Mapping[str, Any]) -> bool:
    return any(name in (row.get("npm") or "") for name in ("openai", "openrouter"))


def _repositories_of_several(models: Mapping[str, Any]) -> set[str]:
    """Return the repositories that more than one model names: variants of how it is served."""
    named = Counter(
        repository.lower() for row in models.values() for repository in _repositories(row)
    )
    return {repository for repository, times in named.items() if times > 1}


def _repositories(row: Mapping[str, Any]) -> list[str]:
    urls = (weights["url"] for weights in row.get("weights", ()))
    return [url.removeprefix(_HUB).strip("/") for url in urls if url.startswith(_HUB)]


def _model(id_: str, row: Mapping[str, Any], shared: set[str]) -> Reading:
    head, name = id_.split("/", 1)
    publisher = naming.publisher_of(head)
    repository = next(iter(_repositories(row)), None)
    if repository is not None:
        same_name = naming.named(publisher, repository.split("/")[-1]).key == (
            naming.named(publisher, name).key
        )
        moving = name.endswith(_MOVING)
        if moving or (repository.lower() in shared and not same_name):
            repository = None
    facts = _facts(row) | present({"publisher": publisher and title_of(publisher)})
    facts["weights_open"] = row["open_weights"]
    if repository is not None:
        facts["repository"] = repository
    links = {link.get("type"): link["url"] for link in row.get("links", ())}
    facts |= present({"homepage": links.get("announcement") or links.get("docs")})
    facts |= present({"licence": licences.licence_id(row.get("license"))})
    facts |= present({"benchmarks": [_benchmark(entry) for entry in row.get("benchmarks", ())]})
    return Reading(
        source=SOURCE.id,
        record=f"models/{id_}",
        publisher=publisher,
        name=name,
        repository=repository,
        same_as=id_,
        facts=facts,
        updated=row["last_updated"],
        aliases=(name,),
    )


def _facts(row: Mapping[str, Any]) -> dict[Field, Any]:
    """Return what a model and an offer tell alike."""
    inputs = ["document" if kind == "pdf" else kind for kind in row["modalities"]["input"]]
    outputs = ["document" if kind == "pdf" else kind for kind in row["modalities"]["output"]]
    return present(
        {
            "name": row["name"].removesuffix(" (latest)"),
            "released_on": row.get("release_date"),
            "knowledge_until": row.get("knowledge"),
            "context_tokens": whole(row["limit"].get("context")),
            "max_output_tokens": whole(row["limit"].get("output")),
            "input_modalities": sorted(set(inputs)),
            "output_modalities": sorted(set(outputs)),
            "abilities": _abilities(row, inputs),
            "kind": _kind(row, inputs, outputs),
        }
    )


def _abilities(row: Mapping[str, Any], inputs: Iterable[str]) -> list[str]:
    said = {
        "tools": row.get("tool_call"),
        "reasoning": row.get("reasoning"),
        "json_schema": row.get("structured_output"),
        "vision": "image" in inputs,
        "audio_input": "audio" in inputs,
        "documents": "document" in inputs,
        "prompt_caching": bool(row.get("cost", {}).get("cache_read")),
    }
    return sorted(ability for ability, has in said.items() if has)


def _kind(row: Mapping[str, Any], inputs: list[str], outputs: list[str]) -> str | None:
    name = f"{row.get('id', '')} {row['name']}".lower()
    if "rerank" in name:
        return "rerank"
    if "embed" in name:
        return "embedding"
    if "whisper" in name or "transcribe" in name:
        return "transcription"
    if "text" in outputs:
        return None if "audio" in inputs and inputs == ["audio"] else "chat"
    return {"image": "image", "video": "video", "audio": "speech"}.get(outputs[0])


def _benchmark(entry: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        "name": entry["name"],
        "score": float(entry["score"]),
        "metric": entry.get("metric"),
        "date": entry.get("date"),
        "url": entry.get("source"),
    }
    return {name: value for name, value in found.items() if value is not None}


def _offer(row: Mapping[str, Any], title: str | None) -> Reading | None:
    provider = providers.provider_named(row["provider_id"], title)
    record = f"{row['provider_id']}/{row['id']}"
    linked = row.get("base_model")
    is_moving = linked is not None and _is_moving(linked, row["id"])
    place = placed(row["id"], provider.id, None if is_moving else linked)
    if place is None:
        return None
    is_own = provider.publisher is not None and place.publisher == provider.publisher
    facts = {} if is_moving else _facts(row)  # they are those of what it links
    # A reseller's "false" often only means that it has not said it.
    if not is_moving and (row["open_weights"] or is_own):
        facts["weights_open"] = row["open_weights"]
    if place.publisher is not None:
        facts["publisher"] = title_of(place.publisher)
    return Reading(
        source=SOURCE.id,
        record=record,
        publisher=place.publisher,
        name=place.name,
        names=place.others,
        same_as=None if is_moving else linked,
        called=None if is_moving else _called(row, provider.id, place),
        is_certain=place.is_certain,
        nearness=1 if is_own else 2,
        facts=facts,
        updated=row["last_updated"],
        aliases=(row["id"],),
        offers=(_priced(row, provider, record),),
        community=True,
    )


def _called(row: Mapping[str, Any], provider: str, linked: Place) -> str | None:
    """Return what an offer that links a model is called, where that is not what the link says but
    its title agrees, or where only the version is another: some links lead to a sibling.
    """
    own = placed(row["id"], provider) if row.get("base_model") else None
    if own is None:
        return None
    there = naming.named(linked.publisher, linked.name).key
    title = naming.named(linked.publisher, row["name"]).key
    for name in (own.name, *(name for _owner, name in own.others)):
        key = naming.named(linked.publisher, name).key
        if key == there:
            return None
        if key == title or _is_other_version(key, there):
            return name
    return None


def _is_other_version(one: str, other: str) -> bool:
    """Return whether two keys differ in their versions only: "claude-sonnet-4" and "…-4-5"."""
    words = [[part for part in key.split("-") if not part.isdigit()] for key in (one, other)]
    numbers = [
        [part for part in key.split("-") if part.isdigit() and part != "0" and len(part) < 4]
        for key in (one, other)
    ]
    return words[0] == words[1] and all(numbers) and numbers[0] != numbers[1]


def _is_moving(linked: str, model: str) -> bool:
    """Return whether an offer that says its version links what is always the newest."""
    return linked.endswith("-latest") and bool(
        set(re.findall(r"\d+", model)) - set(re.findall(r"\d+", linked))
    )


def _priced(row: Mapping[str, Any], provider: Provider, record: str) -> Offer:
    cost = row.get("cost") or {}
    is_plan = any(word in row["provider_id"] for word in _FREE_PLANS)
    if is_plan and not any(cost.get(name) for name in ("input", "output")):
        cost = {}  # part of a subscription: no price per token is said
    if is_per_piece(_facts(row).get("kind"), cost.get("input")):
        cost = {}
    tiers = tuple(
        (int(tier["tier"]["size"]), per_mtok(tier["input"]), per_mtok(tier["output"]))
        for tier in cost.get("tiers", ())
        if "input" in tier and "output" in tier and "size" in tier.get("tier", {})
    )
    request = cost.get("request")
    return Offer(
        provider=provider.id,
        provider_title=provider.title,
        kind=provider.kind,
        host=provider.host,
        jurisdiction=provider.jurisdiction,
        model=row["id"],
        source=SOURCE.id,
        record=record,
        date=SOURCE.date,
        input_per_mtok=per_mtok(cost.get("input")),
        output_per_mtok=per_mtok(cost.get("output")),
        cached_input_per_mtok=per_mtok(cost.get("cache_read")),
        cache_write_per_mtok=per_mtok(cost.get("cache_write")),
        per_request=per_mtok(request),
        long_context=tuple((size, i or "0", o or "0") for size, i, o in tiers),
        context_tokens=whole(row["limit"].get("context")),
        max_output_tokens=whole(row["limit"].get("output")),
    )
