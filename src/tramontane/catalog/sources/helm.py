"""HELM's models: who made them, how large, since when, whether weights are open, which paper.

Variants of how one was asked (prompting, effort) are that model. It does not know licences: `open`
is access to weights.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from tramontane.catalog import naming
from tramontane.catalog.cards import Field, Source
from tramontane.catalog.publishers import TITLES, title_of
from tramontane.catalog.reading import Read, Reading, decoded, present, whole

SOURCE = Source(
    id="helm",
    title="HELM (Stanford CRFM)",
    version="63754d05db6f874e41a395880fb573890a13e791",
    date="2026-06-05",
    licence="Apache-2.0",
)
FILE = "helm_model_metadata.json"
FILES = (FILE,)
_TESTS = frozenset({"simple", "neurips"})
_RENAMED = {
    "openai/gpt2": "gpt2-xl",  # the one of 1.5 billion parameters
    "reka/reka-edge": "reka-edge-2402",  # that of 2024: the maker has given its name once more
    "reka/reka-edge-20240208": "reka-edge-2402",
}
_HOSTS = frozenset({"together", "huggingface"})  # who served a model to HELM, not who made it
_HOW_ASKED = re.compile(
    r"-dspy-.*$|-(?:minimal|low|medium|high|xhigh|no)-(?:reasoning|thinking)(?:-effort)?$"
    r"|-thinking-\d+k$|-(?:not?|no)-thinking$|-\d+k-thinking$"
)
_PAPER = re.compile(r"\[paper\]\((https?://[^\s)]+)\)")
_LINK = re.compile(r"\[([^\]]+)\]\((https?://[^\s)]+)\)")
_HOMES = (
    "website",
    "model card",
    "huggingface model card",
    "blog",
    "blog post",
    "documentation",
    "docs",
)
_BEDROCK = re.compile(r"^amazon-(?=mi[sx]tral|llama)|-on-bedrock$")


def read(files: Mapping[str, bytes]) -> Read:
    """Return what HELM says of models. Raises InvalidRequest."""
    left_out: Counter[str] = Counter()
    readings: list[Reading] = []
    for row in decoded(files[FILE], SOURCE.id):
        head = row["name"].split("/")[0]
        if head in _TESTS or row["creator_organization_name"] == "Helm":
            left_out["a test entry"] += 1
            continue
        readings.append(_reading(row))
    return Read(source=SOURCE, readings=tuple(readings), left_out=left_out)


def _reading(row: Mapping[str, Any]) -> Reading:
    head, name = row["name"].split("/", 1)
    publisher = _publisher(head, row["creator_organization_name"])
    asked = _HOW_ASKED.sub("", _BEDROCK.sub("", name))
    facts = _facts(row) if asked == name else {}
    if publisher is not None:
        known = publisher in TITLES
        facts["publisher"] = title_of(publisher) if known else row["creator_organization_name"]
    return Reading(
        source=SOURCE.id,
        record=row["name"],
        publisher=publisher,
        name=_RENAMED.get(row["name"], asked),
        facts=facts,
        aliases=(name,),
    )


def _publisher(head: str, creator: str) -> str | None:
    """Return the maker's word: of the organisation named, or else of the name's own head."""
    by_creator, by_head = naming.publisher_of(creator.split("/")[0]), naming.publisher_of(head)
    return by_creator if by_creator in TITLES or head in _HOSTS else by_head


def _facts(row: Mapping[str, Any]) -> dict[Field, Any]:
    tags = set(row["tags"])
    sees = "VISION_LANGUAGE_MODEL_TAG" in tags
    hears = "AUDIO_LANGUAGE_MODEL_TAG" in tags
    paints = "TEXT_TO_IMAGE_MODEL_TAG" in tags
    writes = "TEXT_MODEL_TAG" in tags or sees or hears
    abilities = {
        "vision": sees,
        "audio_input": hears,
        "code": "CODE_MODEL_TAG" in tags,
    }
    paper = _PAPER.search(row["description"])
    return present(
        {
            "name": row["display_name"],
            "paper": paper and paper[1],
            "paper_open": True if paper else None,
            "homepage": _homepage(row["description"]),
            "description": _short(row["description"]),
            "released_on": row.get("release_date"),
            "parameters": whole(row.get("num_parameters")),
            "weights_open": row["access"] == "open",
            "kind": _kind(tags),
            "abilities": sorted(ability for ability, has in abilities.items() if has),
            "input_modalities": _inputs(sees=sees, hears=hears, reads=writes or paints),
            "output_modalities": ["image"] if paints else ["text"] if writes else [],
        }
    )


def _homepage(description: str) -> str | None:
    """Return the page that a description links as the model's own, the nearest to it."""
    links = {title.lower(): url for title, url in reversed(_LINK.findall(description))}
    return next((links[title] for title in _HOMES if title in links), None)


def _inputs(*, sees: bool, hears: bool, reads: bool) -> list[str]:
    said = {"audio": hears, "image": sees, "text": reads}
    return [kind for kind, has in said.items() if has]


def _kind(tags: set[str]) -> str | None:
    if "TEXT_TO_IMAGE_MODEL_TAG" in tags:
        return "image"
    if "TEXT_SIMILARITY_MODEL_TAG" in tags and "TEXT_MODEL_TAG" not in tags:
        return "embedding"
    if "INSTRUCTION_FOLLOWING_MODEL_TAG" in tags:
        return "chat"
    return "completion" if "FULL_FUNCTIONALITY_TEXT_MODEL_TAG" in tags else None


def _short(description: str) -> str:
    """Return the description without the links at its end."""
    text = re.sub(r"\s*\(\[[^)]*\)(?:,\s*\[[^)]*\))*\)?", "", description)
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).strip()
