"""Cards and offers: what is known of a model, who serves it at what price, and who said so.

Every fact is a list of claims, one per source that says something; the first is the one shown, a
later one with another value is a conflict. What nobody said has no claims: it is unknown. Prices
are facts of others, in their own currency, and as old as their date. It does not know where cards
are kept, nor how they are found.
"""

from decimal import Decimal
from typing import Any, Literal

import msgspec

Field = Literal[
    # what it is
    "name", "publisher", "publisher_country", "description", "homepage", "repository", "paper",
    "released_on", "base_model", "architecture", "licence", "licence_url",
    # what was released: true, false, or nothing said
    "weights_open", "data_open", "code_open", "paper_open",
    # how large, how far
    "parameters", "active_parameters", "context_tokens", "max_output_tokens", "dimensions",
    "knowledge_until",
    # what for
    "kind", "input_modalities", "output_modalities", "languages", "abilities",
    # what the EU AI Act asks of a publisher (Art. 53 and Annexes XI, XII)
    "training_data_summary", "training_compute_flops", "training_energy_kwh", "intended_use",
    "limitations", "copyright_policy", "eu_contact",
    # measured by others: [{"name", "score", "metric", "date", "url"}]
    "benchmarks",
]  # fmt: skip
"""Values: texts; `*_on` and `*_until` dates as far as they are known ("2025", "2025-03",
"2025-03-17"); `*_open` booleans; counts whole numbers; `languages` BCP 47 tags and the like lists.
`repository` is ORG/REPO at a Hugging Face-compatible hub. `kind` is one of `KINDS`.
"""

Kind = Literal[
    "chat", "completion", "embedding", "rerank", "image", "video", "speech", "transcription",
    "vision", "moderation", "other",
]  # fmt: skip

Ability = Literal[
    "tools", "reasoning", "vision", "audio_input", "json_schema", "code", "fill_in_middle",
    "multilingual", "mathematics", "documents", "computer_use", "prompt_caching",
]  # fmt: skip

Openness = Literal["open_source", "open_weights", "restricted_weights", "closed", "unknown"]
"""Graded by what is released: `open_source`: weights, data and code under free licences;
`open_weights`: weights under a free licence; `restricted_weights`: weights, but the licence limits
who may use them or what for; `closed`: no weights; `unknown`: nobody has said.
"""

AI_ACT: tuple[Field, ...] = (
    "training_data_summary", "training_compute_flops", "training_energy_kwh", "intended_use",
    "limitations", "copyright_policy", "eu_contact", "licence", "parameters", "architecture",
    "input_modalities", "output_modalities", "released_on", "knowledge_until",
)  # fmt: skip
"""What the EU AI Act wants to be told of a general-purpose model; what is missing is shown so."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where facts were read. `version` is a commit or release, `date` (ISO) the day it is of."""

    id: str
    title: str
    version: str
    date: str
    licence: str


class Claim(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one source says of one field: in `record`, its own name for the model. `date` (ISO)
    where it dates this very fact; else the source's date counts.
    """

    value: Any
    source: str
    record: str
    date: str | None = None


class ModelFileFact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file that can be fetched. `uri` is `hf:ORG/REPO:PATH` or https."""

    uri: str
    source: str
    sha256: str | None = None
    size_bytes: int | None = None
    quantisation: str | None = None


class Offer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A provider's price, region and limits for a model, as a source had them on `date` (ISO).

    Prices are decimals in quotes per million tokens in `currency` (`per_request` per request);
    None: not said, which is not the same as "0". `provider` is the source's name of who sells it
    made one across sources, `kind` the `providers.kinds` that Tramontane can deploy it through
    (None: none by that name). `model` is what it is asked for there.
    """

    provider: str
    provider_title: str
    model: str
    source: str
    record: str
    date: str
    kind: str | None = None
    host: str | None = None
    region: str | None = None
    jurisdiction: str | None = None
    currency: str = "USD"
    input_per_mtok: str | None = None
    output_per_mtok: str | None = None
    cached_input_per_mtok: str | None = None
    cache_write_per_mtok: str | None = None
    per_request: str | None = None
    long_context: tuple[tuple[int, str, str], ...] = ()  # above so many prompt tokens: in, out
    context_tokens: int | None = None
    max_output_tokens: int | None = None

    def mixed(self, input_share: Decimal, output_share: Decimal) -> Decimal | None:
        """Return the price of a million tokens at that mix (shares sum to 1), in `currency`.

        None where the input's or output's price is not said and its share is not 0.
        """
        total = Decimal(0)
        for share, price in (
            (input_share, self.input_per_mtok),
            (output_share, self.output_per_mtok),
        ):
            if share and price is None:
                return None
            total += share * Decimal(price or "0")
        return total


class Card(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model. `id` is `publisher/name` in lower case, as `catalog.naming` spells it, and stays.

    `aliases` are the names under which sources and providers know it. `openness` follows from the
    facts (`catalog.openness`).
    """

    id: str
    facts: dict[Field, tuple[Claim, ...]]
    openness: Openness = "unknown"
    aliases: tuple[str, ...] = ()
    files: tuple[ModelFileFact, ...] = ()
    offers: tuple[Offer, ...] = ()

    def value(self, field: Field) -> Any:
        """Return what is shown for `field`; None where it is unknown."""
        claims = self.facts.get(field)
        return claims[0].value if claims else None

    def conflicts(self, field: Field) -> tuple[Claim, ...]:
        """Return the claims that say something else than the one shown."""
        claims = self.facts.get(field, ())
        return tuple(c for c in claims[1:] if not agrees(claims[0].value, c.value))


ROUNDING = 0.05
"""So far apart two counts may be and mean one: 128,000 and 131,072, 7B and 7.24B."""


def agrees(shown: Any, other: Any) -> bool:
    """Return whether `other` says nothing against what is `shown`.

    A list says what there is, not what there is not, so one that holds nothing new agrees. Counts
    agree as roundings, dates as far as both are known, texts whatever their capitals.
    """
    if shown == other:
        return True
    if isinstance(shown, bool) or isinstance(other, bool):
        return False
    if isinstance(shown, int | float) and isinstance(other, int | float):
        return abs(shown - other) <= ROUNDING * max(abs(shown), abs(other))
    if isinstance(shown, list | tuple) and isinstance(other, list | tuple):
        return all(entry in shown for entry in other)
    if isinstance(shown, str) and isinstance(other, str):
        one, two = sorted((shown.lower(), other.lower()), key=len)
        return one == two or (one[:4].isdigit() and two.startswith(f"{one}-"))
    return False
