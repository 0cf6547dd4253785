"""Azure's model registry: licences, tasks, languages, data sets; Azure's own conversions for local
use (`foundrylocal`).

A converted entry is its model, told by the address of the licence; that it is archived means that
Azure no longer offers the conversion, so it adds facts to a model known elsewhere and never makes a
card. A repository is believed where it is called as the entry is: some are not the entry's. Prices
are not in it.
"""

import re
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tramontane.catalog import licences, naming
from tramontane.catalog.cards import Field, Source
from tramontane.catalog.languages import tags_of
from tramontane.catalog.offernames import family_of
from tramontane.catalog.publishers import FAMILIES, TITLES, title_of
from tramontane.catalog.reading import Read, Reading, decoded, plain_text, present, whole

SOURCE = Source(
    id="azureml",
    title="Azure ML model registry",
    version="4b41f8ccbc01cf492767adc586ce1661c54c340a",
    date="2026-07-23",
    licence="MIT",
)
FILE = "azureml_models.json"
FILES = (FILE,)
_DEVICE = re.compile(r"-(?:(?:generic|cuda|openvino|vitis|trtrtx|qnn|tensorrt|webgpu|vitisai)-)?"
                     r"(?:cpu|gpu|npu)$", re.IGNORECASE)  # fmt: skip
_LICENCE_OF = re.compile(r"https://huggingface\.co/([\w.-]+/[\w.-]+)/(?:blob|resolve|raw|tree)/")
_KINDS = {
    "chat-completion": "chat",
    "vision-language-chat": "chat",
    "image-text-to-text": "chat",
    "text-generation": "completion",
    "automatic-speech-recognition": "transcription",
    "embeddings": "embedding",
    "text-to-image": "image",
    "image-to-image": "image",
}
_MODALITIES: Mapping[str, tuple[list[str], list[str]]] = MappingProxyType(
    {
        "text-generation": (["text"], ["text"]),
        "text-translation": (["text"], ["text"]),
        "text-summarization": (["text"], ["text"]),
        "question-answering": (["text"], ["text"]),
        "fill-mask": (["text"], ["text"]),
        "text-classification": (["text"], []),
        "token-classification": (["text"], []),
        "automatic-speech-recognition": (["audio"], ["text"]),
        "text-to-image": (["text"], ["image"]),
        "image-to-image": (["image"], ["image"]),
        "image-to-text": (["image"], ["text"]),
        "visual-question-answering": (["image", "text"], ["text"]),
        "image-text-to-text": (["image", "text"], ["text"]),
        "image-classification": (["image"], []),
        "zero-shot-image-classification": (["image", "text"], []),
        "image-feature-extraction": (["image"], []),
        "image-segmentation": (["image"], []),
        "object-detection": (["image"], []),
    }
)
"""What goes in and out by the task, where the entry does not say it itself."""


def _section(titles: str) -> re.Pattern[str]:
    flags = re.IGNORECASE | re.MULTILINE | re.DOTALL
    return re.compile(rf"^#{{1,6}}[ *]*(?:{titles})[ *:]*\n(.*?)(?=^#{{1,6}} |\Z)", flags)


_SECTIONS: Mapping[Field, re.Pattern[str]] = MappingProxyType(
    {
        "intended_use": _section("intended uses?(?:(?: and| &) limitations)?"),
        "limitations": _section("limitations(?: and bias(?:es)?)?"),
        "training_data_summary": _section("training data(?:sets)?"),
    }
)
"""Sections of a description by their headings: what they say is taken over as it stands."""
_VISION_WORDS = (
    "object-detection image-segmentation image-classification zero-shot-image-classification "
    "image-feature-extraction multi-object-tracking image-to-text visual-question-answering"
)
_VISION = frozenset(_VISION_WORDS.split())


def read(files: Mapping[str, bytes]) -> Read:
    """Return what the registry says of models. Raises InvalidRequest."""
    rows = decoded(files[FILE], SOURCE.id)
    models = [row for row in rows if not row["name"].lower().startswith("automl")]
    left_out = Counter({"a pipeline, no model": len(rows) - len(models)})
    return Read(source=SOURCE, readings=tuple(_reading(row) for row in models), left_out=left_out)


def _reading(row: Mapping[str, Any]) -> Reading:
    about = row["system_metadata"]
    is_local = row["folder"].startswith("foundrylocal/")
    is_archived = bool(row.get("isArchived"))
    name = _DEVICE.sub("", row["name"])
    publisher, called, repository = _identity(about, name, is_local=is_local)
    facts = _facts(row, is_local=is_local)
    if publisher is not None:
        facts["publisher"] = title_of(publisher) if publisher in TITLES else _said(about, publisher)
    facts["name"] = called
    if repository is not None or about.get("openmmlabModelId"):
        facts["weights_open"] = True  # Azure has taken them from there
    if repository is not None:
        facts["repository"] = repository
    return Reading(
        source=SOURCE.id,
        record=row["folder"],
        publisher=publisher,
        name=called,
        repository=repository,
        names=_guesses(called),
        is_certain=not is_archived,
        facts=facts,
        aliases=(name,),
    )


def _said(about: Mapping[str, Any], publisher: str) -> str:
    said = about.get("publisher")
    return said if said and naming.publisher_of(said) == publisher else publisher


def _guesses(name: str) -> tuple[tuple[str | None, str], ...]:
    found: list[tuple[str | None, str]] = [(family_of(name), name)]
    for cut in (1, 2):
        parts = name.split("-", cut)
        if len(parts) > cut:
            head = "-".join(parts[:cut])
            owner = naming.publisher_of(head)
            if owner in TITLES and head.lower() not in FAMILIES:
                found.append((owner, parts[cut]))
    return tuple((owner, rest) for owner, rest in found if owner is not None)


def _identity(
    about: Mapping[str, Any], name: str, *, is_local: bool
) -> tuple[str | None, str, str | None]:
    """Return publisher, name and repository as far as they are certain."""
    licence = _LICENCE_OF.search(about.get("licenseDescription") or "")
    for repository in (about.get("huggingFaceModelId"), licence[1] if licence else None):
        if repository and "/" in repository and _is_called(repository, name):
            org, called = repository.split("/", 1)
            if naming.publisher_of(org) is not None:
                return naming.publisher_of(org), called, repository
    if about.get("openmmlabModelId"):
        return "openmmlab", name, None
    said = about.get("publisher")
    if said and not is_local:
        return naming.publisher_of(said), _without_head(name, said), None
    return None, name, None


def _without_head(name: str, publisher: str) -> str:
    """Return `name` without the publisher's own before it: "mistralai-Mistral-7B"."""
    for cut in (1, 2):
        parts = name.split("-", cut)
        head = "-".join(parts[:cut])
        is_family = head.lower() in FAMILIES
        if (
            len(parts) > cut
            and not is_family
            and naming.publisher_of(head) == (naming.publisher_of(publisher))
        ):
            return parts[cut]
    return name


def _is_called(repository: str, name: str) -> bool:
    """Return whether an entry is called as the repository: with or without its organisation."""
    org, called = repository.split("/", 1)
    own = naming.key_of(naming.plain(called))
    return naming.key_of(naming.plain(name)) in {
        own,
        naming.key_of(naming.plain(f"{org}-{called}")),
    }


def _facts(row: Mapping[str, Any], *, is_local: bool) -> dict[Field, Any]:
    about, tags = row["system_metadata"], row.get("tags") or {}
    tasks = (about.get("tasks") or {}).get("inferenceTasks") or []
    licence = about.get("license") or tags.get("license")
    abilities = []
    if about.get("supportsToolCalling"):
        abilities.append("tools")
    if tags.get("supportsReasoning") == "true":
        abilities.append("reasoning")
    if "image" in (about.get("inputModalities") or []):
        abilities.append("vision")
    inputs, outputs = _MODALITIES.get(tasks[0], ([], [])) if tasks else ([], [])
    data = about.get("datasets") or []
    training = tags.get("training_dataset") or tags.get("training_datasets") or ", ".join(data)
    return present(
        {
            "licence": licences.licence_id(licence if isinstance(licence, str) else None),
            "kind": _kind(tasks),
            "abilities": sorted(abilities),
            "languages": tags_of(about.get("languages") or []),
            "input_modalities": sorted(about.get("inputModalities") or inputs),
            "output_modalities": sorted(about.get("outputModalities") or outputs),
            "max_output_tokens": None if is_local else whole(about.get("maxOutputTokens")),
            "context_tokens": whole(about.get("textContextWindow") or tags.get("contextLength")),
            "weights_open": True if is_local else None,
            "description": None if is_local else about.get("summary"),
            **({} if is_local else _sections(row.get("description_md") or "")),
            **(
                {"training_data_summary": training}
                if training and isinstance(training, str)
                else {}
            ),
        }
    )


def _sections(markdown: str) -> dict[Field, Any]:
    """Return the first paragraph of each section that a field is about, where it is prose."""
    found = {field: pattern.search(markdown) for field, pattern in _SECTIONS.items()}
    firsts = {field: match[1].strip().split("\n\n")[0] for field, match in found.items() if match}
    return {field: plain_text(first) for field, first in firsts.items()}


def _kind(tasks: list[str]) -> str | None:
    if not tasks:
        return None
    return _KINDS.get(tasks[0], "vision" if tasks[0] in _VISION else "other")
