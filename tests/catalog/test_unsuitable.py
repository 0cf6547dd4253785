"""What does not belong into a catalogue for work is left out; what only sounds so stays."""

import json

import pytest

from tests.catalog.excerpt import built
from tramontane.catalog import building, packing, unsuitable
from tramontane.catalog.cards import ModelFileFact
from tramontane.catalog.reading import Reading


def entry(name: str, text: str = "", tags: tuple[str, ...] = (), **given: object) -> Reading:
    return Reading(
        source="localai", record=name, name=name, community=True, tags=tags, text=text,
        **given,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("reading", "reason"),
    [
        (entry("llama-3-8b-uncensored"), "name"),
        (entry("qwen3-8b-abliterated"), "name"),
        (entry("some-nsfw-mix-12b"), "name"),
        (entry("plain-8b", tags=("llm", "roleplay")), "tags"),
        (entry("plain-8b", "An uncensored fine-tune."), "description"),
        (entry("plain-8b", "It writes explicit content."), "description"),
        (entry("plain-8b", organisations=("thedrummer",)), "author"),
        (
            entry(
                "plain-8b",
                files=(ModelFileFact(uri="hf:x/Plain-8B-Uncensored-GGUF:a.gguf", source="s"),),
            ),
            "name",
        ),
        (entry("plain-8b", "It was optimized for creative roleplay."), "description"),
        (entry("plain-8b", "It excels in coding, role-playing and mathematics."), None),
        (entry("plain-8b", "- model: TheDrummer/Anubis-70B-v1.1"), "description"),
        (entry("plain-8b", tags=("llm", "merge")), "parts"),
        (entry("plain-8b", "A merge of pre-trained language models.", publisher="who"), "parts"),
        (entry("plain-8b", tags=("mergekit",), publisher="arcee-ai"), None),
        (entry("plain-8b", facts={"name": "Uncensored (free)"}), "name"),
        (entry("illustrious-cluster-7b"), None),
        (entry("devil-may-sing-tts"), None),
        (entry("nsfw-image-detection", "It finds nsfw pictures."), None),
        (entry("essex-7b", "A model of sussex weather."), None),
        (entry("sharp-8b", "Sharp and safe."), None),
        (entry("deepseek-v4-w2Q2K-SExpQ8-OutQ8"), None),
        (entry("sexy-writer-8b"), "name"),
    ],
)
def test_reasons(reading: Reading, reason: str | None) -> None:
    assert unsuitable.reason(reading) == reason


def test_what_was_left_out_is_counted() -> None:
    counts = built().left_out["localai"]
    assert sum(n for why, n in counts.items() if why.startswith("unsuitable")) == 3
    package = packing.load().left_out
    assert sum(n for why, n in package["localai"].items() if why.startswith("unsuitable")) > 200


def test_what_one_source_tells_of_a_model_counts_for_who_only_names_it() -> None:
    row = {
        "name": "plain-8b-i1", "tags": ["nsfw"],
        "urls": ["https://huggingface.co/who/Plain-8B"],
        "files": [{"uri": "huggingface://who/Plain-8B/plain.gguf"}],
    }  # fmt: skip
    named = {
        "name": "who/plain-8b", "display_name": "Plain", "creator_organization_name": "who",
        "description": "", "access": "open", "tags": [],
    }  # fmt: skip
    files = {
        "localai": {"localai_gallery.json": json.dumps([row]).encode()},
        "helm": {"helm_model_metadata.json": json.dumps([named]).encode()},
    }
    found = building.build(files)
    assert found.cards == ()
    assert found.left_out["helm"] == {"unsuitable as another source tells": 1}


def test_the_packages_cards_hold_none_of_the_words() -> None:
    for card in packing.load().cards():
        for word in ("uncensored", "abliterated", "nsfw", "erotic"):
            assert word not in card.id or "detect" in card.id, card.id
