"""Xinference's families: repositories at the hub by size and packing, languages, abilities.

A family of several sizes is as many models. Which repository is a size's own: that of its
unquantised specification, unless a packager's. It does not know licences.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tramontane.catalog import naming
from tramontane.catalog.cards import Field, ModelFileFact, Source
from tramontane.catalog.languages import tags_of
from tramontane.catalog.publishers import title_of
from tramontane.catalog.reading import Read, Reading, billions, decoded, present, whole
from tramontane.catalog.sources.localai import quantisation_of

SOURCE = Source(
    id="xinference",
    title="Xinference",
    version="7ecec16b63383e18e4af790c4b522fb7d79f7e77",
    date="2026-08-23",
    licence="Apache-2.0",
)
_PARTS = ("llm", "embedding", "rerank", "image", "audio", "video")
FILES = tuple(f"xinference_{part}.json" for part in _PARTS)
_ABILITIES = {
    "tools": "tools",
    "reasoning": "reasoning",
    "vision": "vision",
    "audio": "audio_input",
}
_PAIR = re.compile(r"(text|image|audio|firstlastframe)2(text|image|audio|video|music)(?:_|$)")
_AUDIO_LANGUAGES = {"EN": "en", "FR": "fr", "JP": "ja", "ES": "es", "ZH": "zh", "KR": "ko"}


def read(files: Mapping[str, bytes]) -> Read:
    """Return what Xinference says of models. Raises InvalidRequest."""
    left_out: Counter[str] = Counter()
    readings: list[Reading] = []
    for part in _PARTS:
        for row in decoded(files[f"xinference_{part}.json"], SOURCE.id):
            found = _sizes(row, part) if row.get("model_specs") else _single(row, part)
            if not found:
                left_out["no repository at the hub"] += 1
            readings += found
    return Read(source=SOURCE, readings=tuple(readings), left_out=left_out)


def _sizes(row: Mapping[str, Any], part: str) -> list[Reading]:
    """Return a reading for each size of a family."""
    sizes: dict[str, list[Mapping[str, Any]]] = {}
    for spec in row["model_specs"]:
        size = str(spec.get("model_size_in_billions", "")).replace("_", ".")
        if "huggingface" in spec["model_src"]:
            sizes.setdefault(size, []).append(spec)
    found: list[Reading] = []
    for size, specs in sizes.items():
        owns: dict[str, str] = {}
        for spec in specs:
            repository = spec["model_src"]["huggingface"]["model_id"]
            if spec["model_format"] in ("pytorch", "fp8", "fp4") and _is_own(repository):
                org, name = repository.split("/", 1)
                owns.setdefault(naming.named(naming.publisher_of(org), name).key, repository)
        for repository in owns.values():
            same = [spec for spec in specs if len(owns) == 1 or _packs(spec, repository)]
            found.append(_reading(row, part, repository, same, size))
    return found


def _is_own(repository: str) -> bool:
    org, _, name = repository.partition("/")
    return bool(name) and "{" not in repository and naming.publisher_of(org) is not None


def _packs(spec: Mapping[str, Any], repository: str) -> bool:
    """Return whether a specification's repository is called as `repository` but for packing."""
    publisher = naming.publisher_of(repository.split("/")[0])
    other = spec["model_src"]["huggingface"]["model_id"].replace("-{quantization}", "")
    return (
        naming.named(publisher, other.split("/")[-1]).key
        == naming.named(publisher, repository.split("/")[1]).key
    )


def _single(row: Mapping[str, Any], part: str) -> list[Reading]:
    source = (row.get("model_src") or {}).get("huggingface") or {}
    repository = source.get("model_id", "")
    return [_reading(row, part, repository, (), "")] if _is_own(repository) else []


def _reading(
    row: Mapping[str, Any],
    part: str,
    repository: str,
    specs: Iterable[Mapping[str, Any]],
    size: str,
) -> Reading:
    org, name = repository.split("/", 1)
    publisher = naming.publisher_of(org)
    specs = tuple(specs)
    is_plain = naming.without_packaging(name) == name
    facts = _facts(row, part, specs, several=_is_family(row))
    facts["publisher"] = title_of(publisher) if publisher else org
    facts["weights_open"] = True
    facts["name"] = naming.without_packaging(name)
    if is_plain:
        facts["repository"] = repository
    files = [file for spec in specs for file in _files(spec)]
    files += _image_files(row)
    label = f"{part}/{row['model_name']}" + (f"/{size}" if size else "")
    return Reading(
        source=SOURCE.id,
        record=f"{label}/{repository}",
        publisher=publisher,
        name=name,
        repository=repository if is_plain else None,
        facts=present(facts),
        aliases=(name,) if _is_family(row) else (name, row["model_name"]),
        files=tuple(files),
    )


def _is_family(row: Mapping[str, Any]) -> bool:
    sizes = {str(spec.get("model_size_in_billions")) for spec in row.get("model_specs") or ()}
    return len(sizes) > 1


def _facts(
    row: Mapping[str, Any], part: str, specs: tuple[Mapping[str, Any], ...], *, several: bool
) -> dict[Field, Any]:
    abilities = row.get("model_ability") or []
    languages = row.get("model_lang") or row.get("language") or []
    if isinstance(languages, str):
        languages = [_AUDIO_LANGUAGES.get(languages, "")]
    if "kh" in languages or "mm" in languages:  # one record writes countries: Laos, not Latin
        languages = ["lo" if name == "la" else name for name in languages]
    active = next(
        (s["activated_size_in_billions"] for s in specs if "activated_size_in_billions" in s), None
    )
    parameters = next(
        (s["model_size_in_billions"] for s in specs if "model_size_in_billions" in s), None
    )
    multilingual = row.get("multilingual") or "multilingual" in languages
    found = {_ABILITIES[a] for a in abilities if a in _ABILITIES}
    if "omni" in abilities:
        found |= {"vision", "audio_input"}
    if multilingual:
        found.add("multilingual")
    architectures = row.get("architectures") or []
    return {
        "description": "" if several else row.get("model_description") or "",
        "kind": _kind(part, abilities),
        "context_tokens": whole(row.get("context_length") or row.get("max_tokens")),
        "dimensions": whole(row.get("dimensions")),
        "parameters": billions(parameters) if part == "llm" else None,
        "active_parameters": billions(active) if part == "llm" else None,
        "languages": tags_of(languages),
        **_modalities(part, abilities, found),
        "abilities": sorted(found),
        "architecture": architectures[0] if len(architectures) == 1 else None,
    }


def _modalities(part: str, abilities: list[str], found: set[str]) -> dict[Field, Any]:
    """Return what goes in and out: "image2video" says it; of "inpainting" nothing is said."""
    if part == "llm":
        outputs = [] if "omni" in abilities else ["text"]
        return {"input_modalities": _inputs(found), "output_modalities": outputs}
    if part in ("embedding", "rerank"):
        return {"input_modalities": ["text"]}
    pairs = [pair for name in abilities if (pair := _PAIR.match(name)) is not None]
    inputs = {"image" if pair[1] == "firstlastframe" else pair[1] for pair in pairs}
    outputs = ["audio" if pair[2] == "music" else pair[2] for pair in pairs]
    return {"input_modalities": sorted(inputs), "output_modalities": sorted(set(outputs))}


def _inputs(abilities: set[str]) -> list[str]:
    said = {"audio": "audio_input" in abilities, "image": "vision" in abilities, "text": True}
    return [kind for kind, has in said.items() if has]


def _kind(part: str, abilities: list[str]) -> str | None:
    if part == "llm":
        return "chat" if "chat" in abilities else "completion"
    if part == "audio":
        if "audio2text" in abilities:
            return "transcription"
        return "speech" if any(name.startswith("text2audio") for name in abilities) else "other"
    if part == "image":
        return "vision" if abilities == ["ocr"] else "image"
    return part


def _files(spec: Mapping[str, Any]) -> list[ModelFileFact]:
    """Return the GGUF files that stand whole at the hub: those in parts are not named."""
    source = spec["model_src"]["huggingface"]
    template = source.get("model_file_name_template")
    if spec["model_format"] != "ggufv2" or not template:
        return []
    parts = source.get("quantization_parts") or {}
    return [
        ModelFileFact(
            uri=f"hf:{source['model_id']}:{template.replace('{quantization}', packing)}",
            source=SOURCE.id,
            quantisation=quantisation_of(f"-{packing}.") or packing,
        )
        for packing in source["quantizations"]
        if packing not in parts and packing != "none"
    ]


def _image_files(row: Mapping[str, Any]) -> list[ModelFileFact]:
    source = (row.get("model_src") or {}).get("huggingface") or {}
    template, repository = source.get("gguf_model_file_name_template"), source.get("gguf_model_id")
    if not template or not repository:
        return []
    return [
        ModelFileFact(
            uri=f"hf:{repository}:{template.replace('{quantization}', packing)}",
            source=SOURCE.id,
            quantisation=quantisation_of(f"-{packing}.") or packing,
        )
        for packing in source.get("gguf_quantizations") or ()
    ]
