"""What one record of one source says of one model, before anybody knows which model it is.

Readers (`catalog.sources`) make readings, `matching` puts those of one model together, `merging`
makes a card of them. Units are ours already; it does not know how a source spells them.
"""

import json
import re
from collections.abc import Mapping
from decimal import Context, Decimal, InvalidOperation
from typing import Any, Literal

import msgspec

from tramontane.catalog.cards import Field, ModelFileFact, Offer, Source
from tramontane.errors import InvalidRequest

Nearness = Literal[0, 1, 2]
"""0: a record about the model; 1: its publisher's own offer of it; 2: somebody else's offer."""

_DIGITS = Context(prec=12)
_MILLION = Decimal(1_000_000)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What `source` says under its own `record`.

    `publisher` is the word that `naming.publisher_of` makes of what it says, None where it says
    nothing; `name` what it calls the model, without the publisher. `repository` is the model's own
    ORG/REPO at the hub. `same_as` is the record of models.dev that it says it is, `called` what its
    own name and title both call it where that is something else. `names` are further spellings to
    look for. A reading that `is_certain` of publisher and name makes a card; any other only joins
    one.
    """

    source: str
    record: str
    name: str
    publisher: str | None = None
    repository: str | None = None
    same_as: str | None = None
    called: str | None = None
    names: tuple[tuple[str | None, str], ...] = ()
    snapshot: str | None = None  # its date, where the model has several: `snapshots` says
    is_certain: bool = True
    is_alone: bool = False  # its name is not to be trusted: joins no model by it
    nearness: Nearness = 0
    facts: Mapping[Field, Any] = {}
    updated: str = ""  # the day (ISO) on which the model changed last, as the source says
    aliases: tuple[str, ...] = ()
    files: tuple[ModelFileFact, ...] = ()
    offers: tuple[Offer, ...] = ()
    community: bool = False  # anybody can enter one there: looked through for what is unsuitable
    tags: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()  # at the hub, in lower case: who had a hand in it
    text: str = ""  # its whole description, to be looked through only


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """A source read: its `readings`, and how many records were left out, by the reason."""

    source: Source
    readings: tuple[Reading, ...]
    left_out: Mapping[str, int]


def decoded(data: bytes, source: str) -> Any:
    """Return the JSON of `data`, numbers with a point as exact decimals. Raises InvalidRequest."""
    try:
        return json.loads(data, parse_float=Decimal)
    except ValueError as error:
        raise InvalidRequest(f"{source}: this is no JSON: {error}") from None


def per_mtok(value: Any) -> str | None:
    """Return a price per million tokens as decimal text; None for None.

    Twelve digits are kept: what lies behind them is the noise of a source's own floating point.
    """
    return None if value is None else decimal_text(value)


PIECES: frozenset[str] = frozenset({"image", "video", "speech", "transcription"})
LEAST_PER_TOKEN = Decimal("0.05")


def is_per_piece(kind: Any, usd_per_mtok: Any) -> bool:
    """Return whether a price can only be that of a picture, a second or a step, though it stands
    where prices of tokens do: nobody sells tokens of pictures or sound for so little.
    """
    return kind in PIECES and bool(usd_per_mtok) and _decimal(usd_per_mtok) < LEAST_PER_TOKEN


def per_token_as_mtok(value: Any) -> str | None:
    """Return a price per token as decimal text per million tokens; None for None."""
    return None if value is None else decimal_text(_decimal(value) * _MILLION)


def decimal_text(value: Any) -> str:
    """Return a number as decimal text without exponent or trailing zeros, in twelve digits."""
    number = _DIGITS.plus(_decimal(value)).normalize()
    return format(number if number else Decimal(0), "f")


def whole(value: Any) -> int | None:
    """Return a positive whole number, None for anything else that stands in its place."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = _decimal(value)
    except InvalidRequest:
        return None
    return int(number) if number > 0 and number == number.to_integral_value() else None


def billions(value: Any) -> int | None:
    """Return a count given in billions ("1_5" is 1.5), None where there is none."""
    if value is None:
        return None
    try:
        number = _decimal(str(value).replace("_", "."))
    except InvalidRequest:
        return None
    return int((number * 1_000_000_000).to_integral_value()) or None


def present(facts: Mapping[Field, Any]) -> dict[Field, Any]:
    """Return `facts` without those that say nothing."""
    return {field: value for field, value in facts.items() if value not in (None, "", [], ())}


def plain_text(markdown: str) -> str:
    """Return the first paragraph of prose, without markup."""
    text = re.sub(r"```.*?```|<[^>]+>|!\[[^\]]*\]\([^)]*\)", " ", markdown, flags=re.DOTALL)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    for paragraph in re.split(r"\n\s*\n", text):
        lines = [line.strip() for line in paragraph.splitlines()]
        prose = " ".join(line for line in lines if line and line[0] not in "#>|-*=[")
        if len(prose) > 40:
            return re.sub(r"[*`]{1,3}|(?<!\w)_+|_+(?!\w)", "", re.sub(r"\s+", " ", prose)).strip()
    return ""


def _decimal(value: Any) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise InvalidRequest(f"{value!r} is not a number") from None
