"""Cards that nobody published, in the proportions of those that were: for tests and benchmarks.

Publishers and languages follow a power law, sizes those of common families, a third has offers;
what is unknown is as common as in published catalogues. The same seed gives the same cards.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Any, cast

from tramontane.catalog.cards import Card, Claim, Field, ModelFileFact, Offer, Openness

SEED = 20261122
_SYLLABLES = (
    "al", "be", "cor", "da", "el", "fa", "gra", "hu", "in", "jo", "ka", "lo", "mi", "no", "or",
    "pe", "qui", "ra", "sol", "ta", "ul", "ve", "wi", "xe", "ya", "zo", "mar", "ten", "vol",
)  # fmt: skip
_LANGUAGES = (
    "en", "zh", "es", "fr", "de", "it", "pt", "ja", "ko", "ru", "ar", "nl", "pl", "sv", "cs", "tr",
    "vi", "th", "id", "hi", "uk", "ro", "el", "fi", "da", "hu",
)  # fmt: skip
_LICENCES = ("apache-2.0", "mit", "llama3.1", "gemma", "cc-by-nc-4.0", "proprietary", "other")
_ABILITIES = ("tools", "reasoning", "vision", "json_schema", "code", "multilingual", "mathematics")
_SIZES = (0.5, 1, 1.5, 3, 4, 7, 8, 9, 12, 14, 24, 27, 32, 70, 72, 123, 235, 405, 671)
_CONTEXTS = (2_048, 4_096, 8_192, 16_384, 32_000, 32_768, 65_536, 128_000, 131_072, 200_000, 10**6)
_VARIANTS = ("", "instruct", "chat", "base", "coder", "mini", "large", "thinking", "vision")
_JURISDICTIONS = ("US", "EU", "FR", "DE", "CN", "CH", None)
_KINDS = ("chat",) * 12 + ("embedding", "rerank", "image", "transcription", "completion")
_OPENNESS: tuple[Openness, ...] = (
    ("open_weights",) * 6 + ("closed",) * 3 + ("restricted_weights", "open_source", "unknown")
)  # fmt: skip


def cards(count: int, seed: int = SEED) -> Iterator[Card]:
    """Yield so many cards."""
    chance = random.Random(seed)
    publishers = [_word(chance, 2, 4) for _ in range(max(8, count // 25))]
    providers = [_word(chance, 2, 3) for _ in range(60)]
    vocabulary = [_word(chance, 1, 4) for _ in range(3_000)]
    for number in range(count):
        yield _card(chance, number, publishers, providers, vocabulary)


def _card(
    chance: random.Random,
    number: int,
    publishers: Sequence[str],
    providers: Sequence[str],
    vocabulary: Sequence[str],
) -> Card:
    publisher = _skewed(chance, publishers)
    size = chance.choice(_SIZES)
    family = _skewed(chance, vocabulary).title()
    variant = chance.choice(_VARIANTS)
    version = f"{chance.randint(1, 4)}.{chance.randint(0, 5)}"
    name = f"{family}-{version}-{size:g}B" + (f"-{variant.title()}" if variant else "")
    openness = chance.choice(_OPENNESS)
    values: dict[str, Any] = {
        "name": name,
        "publisher": publisher.title(),
        "description": " ".join(chance.choices(vocabulary, k=chance.randint(5, 40))).capitalize(),
        "licence": chance.choice(_LICENCES),
        "released_on": _date(chance),
        "parameters": round(size * 1e9),
        "context_tokens": chance.choice(_CONTEXTS),
        "kind": chance.choice(_KINDS),
        "languages": _some(chance, _LANGUAGES, 12),
        "abilities": _some(chance, _ABILITIES, 4),
        "input_modalities": ["text", "image"] if chance.random() < 0.2 else ["text"],
        "output_modalities": ["text"],
        "architecture": family.lower(),
        "limitations": "Said.",
        "training_data_summary": "Said.",
    }
    facts = {
        field: _claims(chance, value, name)
        for field, value in values.items()
        if field == "name" or chance.random() < 0.8
    }
    is_open = openness in ("open_weights", "open_source", "restricted_weights")
    return Card(
        id=f"{publisher}/{name.lower()}-{number}",
        facts=cast(dict[Field, tuple[Claim, ...]], facts),
        openness=openness,
        aliases=(f"{publisher}/{name}", name.lower()),
        files=_files(chance, publisher, name, size) if is_open and chance.random() < 0.6 else (),
        offers=_offers(chance, providers, name) if chance.random() < 0.35 else (),
    )


def _claims(chance: random.Random, value: Any, record: str) -> tuple[Claim, ...]:
    first = Claim(value=value, source="one", record=record)
    if chance.random() < 0.6:
        return (first,)
    other = value if chance.random() < 0.8 else f"{value}?"
    return (first, Claim(value=other, source="two", record=record.lower(), date="2026-03-01"))


def _files(
    chance: random.Random, publisher: str, name: str, size: float
) -> tuple[ModelFileFact, ...]:
    bits = {"Q4_K_M": 4.9, "Q8_0": 8.5}
    return tuple(
        ModelFileFact(
            uri=f"hf:{publisher}/{name}-GGUF:{name}-{quantisation}.gguf",
            source="one",
            sha256=f"{chance.getrandbits(256):064x}",
            size_bytes=round(size * 1e9 * of / 8) if chance.random() < 0.7 else None,
            quantisation=quantisation,
        )
        for quantisation, of in bits.items()
    )


def _offers(chance: random.Random, providers: Sequence[str], name: str) -> tuple[Offer, ...]:
    found = []
    for provider in chance.sample(providers, min(len(providers), chance.choice((1, 1, 2, 3, 8)))):
        price = round(chance.lognormvariate(-0.5, 1.2), 3) if chance.random() < 0.95 else 0
        found.append(
            Offer(
                provider=provider,
                provider_title=provider.title(),
                model=name.lower(),
                source="two",
                record=f"{provider}/{name}",
                date="2026-07-02",
                jurisdiction=chance.choice(_JURISDICTIONS),
                currency=chance.choice(("USD", "USD", "USD", "EUR", "CNY")),
                input_per_mtok=str(price) if chance.random() < 0.9 else None,
                output_per_mtok=str(price * 4) if chance.random() < 0.9 else None,
                cached_input_per_mtok=str(price / 2) if chance.random() < 0.4 else None,
            )
        )
    return tuple(found)


def _date(chance: random.Random) -> str:
    year, month, day = chance.randint(2022, 2026), chance.randint(1, 12), chance.randint(1, 28)
    return chance.choice((f"{year}", f"{year}-{month:02}", f"{year}-{month:02}-{day:02}"))


def _some(chance: random.Random, values: Sequence[str], most: int) -> list[str]:
    return list(dict.fromkeys(_skewed(chance, values) for _ in range(chance.randint(1, most))))


def _skewed(chance: random.Random, values: Sequence[str]) -> str:
    return values[min(int(chance.paretovariate(0.9)) - 1, len(values) - 1)]


def _word(chance: random.Random, least: int, most: int) -> str:
    return "".join(chance.choices(_SYLLABLES, k=chance.randint(least, most)))
