"""GPUStack's model sets: open models with size, licence, date and repository.

It writes a context of 131,072 tokens as "128K" and one of 200,000 as "200K", so a K is read as
1,000 here: the smaller of the two. It does not know prices.
"""

import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from tramontane.catalog import licences, naming
from tramontane.catalog.cards import Field, Source
from tramontane.catalog.publishers import title_of
from tramontane.catalog.reading import Read, Reading, decoded, present

SOURCE = Source(
    id="gpustack",
    title="GPUStack model catalogue",
    version="47277d79f4a5bae12a2d25e9ecbed2a2177a5f2d",
    date="2026-08-21",
    licence="Apache-2.0",
)
FILE = "gpustack_model_sets.json"
FILES = (FILE,)
_KINDS = {
    "llm": "chat",
    "embedding": "embedding",
    "reranker": "rerank",
    "image": "image",
    "text_to_speech": "speech",
    "speech_to_text": "transcription",
}
_MODALITIES: Mapping[str, tuple[list[str], list[str]]] = MappingProxyType(
    {
        "llm": (["text"], ["text"]),
        "embedding": (["text"], []),
        "reranker": (["text"], []),
        "image": ([], ["image"]),  # some change pictures, some make them of words
        "text_to_speech": (["text"], ["audio"]),
        "speech_to_text": (["audio"], ["text"]),
    }
)
_UNITS = {"M": Decimal(10) ** 6, "B": Decimal(10) ** 9, "T": Decimal(10) ** 12}


def read(files: Mapping[str, bytes]) -> Read:
    """Return what GPUStack says of models. Raises InvalidRequest."""
    left_out: Counter[str] = Counter()
    readings: list[Reading] = []
    for row in decoded(files[FILE], SOURCE.id):
        reading = _reading(row)
        if reading is None:
            left_out["no repository at the hub"] += 1
        else:
            readings.append(reading)
    return Read(source=SOURCE, readings=tuple(readings), left_out=left_out)


def _reading(row: Mapping[str, Any]) -> Reading | None:
    repositories = list(
        dict.fromkeys(
            spec["huggingface_repo_id"] for spec in row["specs"] if "huggingface_repo_id" in spec
        )
    )
    own = [r for r in repositories if not naming.is_packager(r.split("/")[0])]
    if not own:
        return None
    plain = [r for r in own if naming.without_packaging(r.split("/")[1]) == r.split("/")[1]]
    repository = (plain or own)[0]
    org, name = repository.split("/", 1)
    publisher = naming.publisher_of(org)
    facts = _facts(row)
    if publisher is not None:
        facts["publisher"] = title_of(publisher)
    facts["repository"] = repository
    return Reading(
        source=SOURCE.id,
        record=row["name"],
        publisher=publisher,
        name=name,
        repository=repository if plain else None,
        facts=facts,
        aliases=(row["name"], name),
    )


def tokens_of(text: str) -> int | None:
    """Return the tokens of "128K", "1M" or "8192": a K is 1,000 (the source means both)."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KM]?)", text.strip())
    if found is None:
        return None
    return int(Decimal(found[1]) * {"": 1, "K": 1000, "M": 1_000_000}[found[2]])


def _facts(row: Mapping[str, Any]) -> dict[Field, Any]:
    said = row.get("capabilities") or []
    pairs = dict(entry.split("/", 1) for entry in said if "/" in entry)
    context = tokens_of(pairs.get("context") or pairs.get("max_tokens") or "")
    inputs, outputs = _MODALITIES.get(row["categories"][0], ([], []))
    if inputs and "vision" in said:
        inputs = ["image", *inputs]
    # A width of vectors given for three sizes alike is the family's largest: not taken.
    return present(
        {
            "name": row["name"],
            "description": row["description"],
            "homepage": row.get("home"),
            "released_on": row["release_date"],
            "licence": licences.licence_id(
                row["licenses"][0] if len(row["licenses"]) == 1 else None
            ),
            "weights_open": True,
            "kind": _KINDS.get(row["categories"][0]),
            "parameters": _count(row.get("size"), row.get("size_unit") or "B"),
            "active_parameters": _count(row.get("activated_size"), "B"),
            "context_tokens": context,
            "input_modalities": inputs,
            "output_modalities": outputs,
            "abilities": sorted(a for a in said if a in ("tools", "reasoning", "vision")),
        }
    )


def _count(size: Any, unit: str) -> int | None:
    return None if size is None else int(Decimal(str(size)) * _UNITS[unit])
