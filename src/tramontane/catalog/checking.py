"""Checks a catalogue against the sources it was made of, by another way than it was made.

Of random cards each claim is looked for again in the raw record that it names: the value must stand
there, in the source's own unit. And of all pairs of records that were taken for one model a random
sample is drawn, with the evidence, to be judged by somebody. It does not use the readers.
"""

import hashlib
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from tramontane.catalog import merging, naming
from tramontane.catalog.cards import Card, Claim, Field, Offer
from tramontane.catalog.language_names import code_of
from tramontane.catalog.languages import tag_of
from tramontane.catalog.licences import licence_id
from tramontane.catalog.matching import Matched, Member
from tramontane.catalog.providers import PUBLISHERS, provider_id
from tramontane.catalog.publishers import TITLES
from tramontane.catalog.raw import RawRecords

CARDS = 50
PAIRS = 480
_DERIVED = frozenset({"kind", "abilities"})
"""What a reader concludes from several flags: only that the record is there is checked."""
_MODALITIES = {
    "image": re.compile(r"image|vision|multimodal|picture|ocr|object|omni|face|depth", re.I),
    "audio": re.compile(r"audio|speech|tts|asr|stt|voice|music|transcri|omni|sound", re.I),
    "video": re.compile(r"video", re.I),
    "document": re.compile(r"document|pdf|file", re.I),
}
"""Words one of which a record uses that says that a model takes or gives such; all take text."""
_LABELLED = re.compile(r"License: ?(.+?)\.?\s*$", re.MULTILINE)
_LOCALE = re.compile(r"(?<![a-z])([a-z]{2,3}[_-][A-Z]{2})(?![A-Za-z])")


class Failure(msgspec.Struct, frozen=True):
    """A claim or price that its record does not hold."""

    card: str
    what: str
    source: str
    record: str
    value: str


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked up: `claims` and `prices` by value, `derived` by their record only."""

    cards: tuple[str, ...]
    claims: int
    derived: int
    prices: int
    failures: tuple[Failure, ...]


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Two records that were taken for one model: by which rule, and what each calls it."""

    card: str
    rule: str
    first: tuple[str, str, str]  # source, record, the name it gives
    second: tuple[str, str, str]


def check_cards(
    cards: Sequence[Card], raw: RawRecords, *, seed: int, count: int = CARDS
) -> Checked:
    """Look up every claim and price of `count` random cards in `raw`."""
    chosen = random.Random(seed).sample(sorted(cards, key=lambda card: card.id), count)
    failures: list[Failure] = []
    claims = derived = prices = 0
    for card in chosen:
        for field, said in card.facts.items():
            for claim in said:
                if field in _DERIVED:
                    derived += 1
                    is_there = raw.has(claim.source, claim.record)
                else:
                    claims += 1
                    is_there = holds(raw.texts(claim.source, claim.record), field, claim)
                if not is_there:
                    failures.append(_failure(card, field, claim))
        for offer in card.offers:
            for name, price in _prices(offer):
                prices += 1
                if not _is_priced(raw.numbers(offer.source, offer.record), offer, name, price):
                    failures.append(Failure(card.id, name, offer.source, offer.record, price))
    return Checked(
        cards=tuple(card.id for card in chosen),
        claims=claims,
        derived=derived,
        prices=prices,
        failures=tuple(failures),
    )


def holds(texts: Iterable[str], field: Field, claim: Claim) -> bool:
    """Return whether a value stands in what its record says, as the source may spell it."""
    said = list(texts)
    value = claim.value
    if field == "benchmarks":
        return all(
            any(entry["name"] == text for text in said)
            and any(_same_number(entry["score"], text) for text in said)
            for entry in value
        )
    if field == "languages":
        tags = {tag_of(text) for text in said} | {
            tag_of(part) for t in said for part in _LOCALE.findall(t)
        }
        tags |= {code_of(text) for text in said if len(text) > 3}
        return set(value) <= tags | {"lo", "fr", "es", "ja", "ko", "zh"}
    if field in ("input_modalities", "output_modalities"):
        patterns = [_MODALITIES[entry] for entry in value if entry in _MODALITIES]
        return all(any(pattern.search(text) for text in said) for pattern in patterns)
    if isinstance(value, bool):
        return bool(said)
    if isinstance(value, int):
        return any(_counts(text.rpartition("/")[2]) & {value} for text in said)
    text = str(value)
    if field == "licence":
        said += [line for other in said for line in _LABELLED.findall(other)]
        return any(licence_id(other) == text for other in said)
    if field == "publisher":
        makers = {word for word, title in TITLES.items() if title == text}
        makers |= {naming.publisher_of(text) or text}
        return any(
            naming.publisher_of(part) in makers or PUBLISHERS.get(provider_id(part)) in makers
            for part in _parts(said)
        )
    if field == "training_data_summary" and all(
        any(part in other for other in said) for part in text.split(", ")
    ):
        return True
    if field in ("description", "training_data_summary", "intended_use", "limitations"):
        words = text.rstrip("….").split()
        joined = " ".join(" ".join(said).replace("*", "").replace("`", "").split())
        return sum(word in joined for word in words) >= 0.9 * len(words)
    if field == "name":  # a provider writes "qwen2p5"
        said += [re.sub(r"(?<=\d)p(?=\d)", ".", other) for other in said]
    return any(text.lower() in other.lower() for other in said)


def _parts(texts: Iterable[str]) -> Iterable[str]:
    """Yield what may name a publisher: a text, the words of an address, the head of a name."""
    for text in texts:
        yield text
        for part in re.split(r"[/<>\s]+", text):
            yield part
            yield part.split(".")[0]
        yield from re.split(r"[-.]", text)[:2]
        yield text.split("--")[0]
        yield text.removesuffix("ModelId")  # "openmmlabModelId": the name of the field says it


def _counts(text: str) -> set[int]:
    """Return the whole numbers that `text` can stand for: a count, billions, "128K"."""
    plain = text.strip().replace("_", ".")
    unit = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}.get(plain[-1:].upper(), 0)
    try:
        number = Decimal(plain[:-1] if unit else plain)
    except ArithmeticError:
        return set()
    if not number.is_finite():
        return set()
    if unit:
        return {int(number * unit)}
    return {int(number), int(number * 10**6), int(number * 10**9), int(number * 10**12)}


def _same_number(value: Any, text: str) -> bool:
    try:
        return Decimal(str(value)) == Decimal(text)
    except ArithmeticError:
        return False


def _prices(offer: Offer) -> Iterable[tuple[str, str]]:
    for name in ("input", "output", "cached_input", "cache_write"):
        price = getattr(offer, f"{name}_per_mtok")
        if price is not None:
            yield f"{name}_per_mtok", price
    if offer.per_request is not None:
        yield "per_request", offer.per_request


def _is_priced(numbers: Iterable[Decimal], offer: Offer, name: str, price: str) -> bool:
    """Return whether one of a record's numbers is the price in the source's unit, to 12 digits."""
    if name == "per_request":
        scale = Decimal(1000) if offer.source == "genai_prices" else Decimal(1)
    else:
        scale = Decimal("0.000001") if offer.source == "litellm" else Decimal(1)
    wanted = Decimal(price) * scale
    return any(abs(number - wanted) <= abs(wanted) * Decimal("1e-11") for number in numbers)


def _failure(card: Card, field: Field, claim: Claim) -> Failure:
    return Failure(card.id, field, claim.source, claim.record, str(claim.value)[:120])


def sample_pairs(matched: Matched, *, seed: int, count: int = PAIRS) -> list[Pair]:
    """Return random pairs of records of one card: two thirds of all, one of those whose names
    differ.
    """
    every: list[Pair] = []
    differing: list[Pair] = []
    for members in matched.groups:
        first = min(members, key=lambda m: (m.reading.source, m.reading.record))
        card = merging.card_id(members)
        for member in members:
            if member is first:
                continue
            pair = Pair(card=card, rule=member.rule, first=_named(first), second=_named(member))
            every.append(pair)
            if _letters(pair.first[2]) != _letters(pair.second[2]):
                differing.append(pair)
    most = count * 2 // 3
    every.sort(key=lambda pair: _draw(pair, seed))
    found = every[:most]
    differing = [
        pair for pair in sorted(differing, key=lambda p: _draw(p, seed)) if pair not in found
    ]
    return found + differing[: count - most]


def _draw(pair: Pair, seed: int) -> bytes:
    """Return a pair's lot. Drawn so, most of a sample stays when a few pairs come or go."""
    text = "\x00".join((str(seed), *pair.first[:2], *pair.second[:2]))
    return hashlib.sha256(text.encode()).digest()


def _named(member: Member) -> tuple[str, str, str]:
    reading = member.reading
    said = reading.facts.get("name") or reading.repository or reading.name
    return reading.source, reading.record, str(said)


def _letters(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def interval(right: int, tried: int) -> tuple[float, float]:
    """Return the 95% interval of a share (Wilson)."""
    if not tried:
        return 0.0, 1.0
    z = 1.959964
    share = right / tried
    middle = share + z * z / (2 * tried)
    spread = z * ((share * (1 - share) + z * z / (4 * tried)) / tried) ** 0.5
    below = 1 + z * z / tried
    return (middle - spread) / below, (middle + spread) / below


def counts(pairs: Iterable[Mapping[str, str]]) -> tuple[int, int]:
    """Return how many judged pairs are one model, and how many were judged."""
    verdicts = [pair["verdict"] for pair in pairs]
    return sum(verdict == "same" for verdict in verdicts), len(verdicts)
