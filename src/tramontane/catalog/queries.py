"""What may be asked of the catalogue, read and checked.

Different conditions must all hold; of several values for one of them, any. It does not know what
there is to be found.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Literal, get_args

import msgspec

from tramontane.catalog import language_names, quantities
from tramontane.catalog.cards import Ability, Kind, Openness
from tramontane.catalog.prices import Exchange, Mix
from tramontane.errors import InvalidRequest

Facet = Literal[
    "publisher", "openness", "licence", "language", "ability", "kind", "modality", "provider",
    "jurisdiction",
]  # fmt: skip
Sort = Literal["best", "price", "context", "size", "newest", "name"]
Offered = Literal["local", "provider", "here"]

FACETS: tuple[Facet, ...] = get_args(Facet)
SORTS: tuple[Sort, ...] = get_args(Sort)
OFFERED: tuple[Offered, ...] = get_args(Offered)

MOST_RESULTS = 200
MOST_OFFSET = 1_000_000
MOST_TEXT = 200
MOST_VALUES = 50

RULE = "text, completeness, newest, id"
"""The order "best", the same for every model, whoever publishes or offers it: how well the words
match; then how many of the facts that any publisher can state are known; then the newest; then by
id. No place is given or sold. docs/catalogue.md says it at length.
"""

UNKNOWN = "unknown"
"""Asks any facet for what no source says it of."""

ENUMERATED: Mapping[str, tuple[str, ...]] = {
    "openness": get_args(Openness),
    "ability": get_args(Ability),
    "kind": get_args(Kind),
}
"""The facets whose values are given; the others' are what cards say."""

_OPEN = {"open": ("open_source", "open_weights")}


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A question to the catalogue. `values` are the facets' conditions, an unnamed facet has none.

    `max_price_nano` is per million tokens at `mix`, in nano-units of the platform's currency.
    Conditions on providers, jurisdictions and prices must hold for one and the same offer.
    """

    text: str = ""
    values: Mapping[Facet, tuple[str, ...]] = {}
    min_context: int | None = None
    max_context: int | None = None
    min_parameters: int | None = None
    max_parameters: int | None = None
    max_price_nano: int | None = None
    mix: Mix = Mix()
    fits: bool = False
    offered: tuple[Offered, ...] = ()
    sort: Sort = "best"
    limit: int = 50
    offset: int = 0


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A question as it is written in an address or on a command line; None: not asked."""

    text: str | None = None
    values: Mapping[Facet, Iterable[str]] = {}
    min_context: str | None = None
    max_context: str | None = None
    min_parameters: str | None = None
    max_parameters: str | None = None
    max_price: str | None = None
    price_in: str = "3"
    price_out: str = "1"
    price_cached: str = "0"
    fits: bool = False
    offered: Iterable[str] = ()
    sort: str = "best"
    limit: int = 50
    offset: int = 0


class FacetCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many of what else is asked for have this value; `title` where it is not the value."""

    value: str
    count: int
    title: str | None = None


class Unmatched(msgspec.Struct, frozen=True, kw_only=True):
    """A value that was asked for and that no card has, with those that are spelt nearly so."""

    facet: Facet
    value: str
    nearest: list[str]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a question found: `rows` in order with the number of each one's cheapest offer (of
    those that were asked for; None without a price), and how many there are in all. `unknown`: of
    how many more only that facet is unknown, by facet that was asked for.
    """

    total: int
    rows: list[int]
    cheapest: list[int | None]
    facets: dict[Facet, list[FacetCount]]
    unknown: dict[Facet, int]
    unmatched: list[Unmatched]


def read(asked: Asked, exchange: Exchange) -> Query:
    """Return the question. Raises InvalidRequest naming what to change."""
    text = asked.text or ""
    if len(text) > MOST_TEXT:
        raise InvalidRequest(f"q: at most {MOST_TEXT} characters.", param="q")
    if not 1 <= asked.limit <= MOST_RESULTS:
        raise InvalidRequest(f"limit: from 1 to {MOST_RESULTS}.", param="limit")
    if not 0 <= asked.offset <= MOST_OFFSET:
        raise InvalidRequest(f"offset: from 0 to {MOST_OFFSET:,}.", param="offset")
    if asked.sort not in SORTS:
        raise _no_such("sort", asked.sort, SORTS)
    min_context, max_context = _context(asked)
    min_parameters, max_parameters = _parameters(asked)
    return Query(
        text=text,
        values={facet: found for facet in FACETS if (found := _values(facet, asked.values))},
        min_context=min_context,
        max_context=max_context,
        min_parameters=min_parameters,
        max_parameters=max_parameters,
        max_price_nano=quantities.price_nano(asked.max_price, "max_price", exchange)
        if asked.max_price
        else None,
        mix=quantities.mix(asked.price_in, asked.price_out, asked.price_cached),
        fits=asked.fits,
        offered=tuple(dict.fromkeys(_offered(word) for word in asked.offered if word)),
        sort=asked.sort,
        limit=asked.limit,
        offset=asked.offset,
    )


def _values(facet: Facet, asked: Mapping[Facet, Iterable[str]]) -> tuple[str, ...]:
    given = [value.strip() for value in asked.get(facet, ()) if value.strip()]
    if len(given) > MOST_VALUES:
        raise InvalidRequest(f"{facet}: at most {MOST_VALUES} at once.", param=facet)
    found: dict[str, None] = {}
    for value in given:
        found |= dict.fromkeys(_read_value(facet, value))
    return tuple(found)


def _read_value(facet: Facet, value: str) -> tuple[str, ...]:
    if value.lower() == UNKNOWN:
        return (UNKNOWN,)
    if facet == "language":
        code = language_names.code_of(value)
        if code is None:
            raise InvalidRequest(
                f"language: {value[:40]!r} is no language that is known here; write its code, such"
                " as it, or its name in English, French, German, Spanish or Italian.",
                param="language",
            )
        return (code,)
    known = ENUMERATED.get(facet)
    if known is None:
        return (value,)
    word = value.lower().replace("-", "_").replace(" ", "_")
    if facet == "openness" and word in _OPEN:
        return _OPEN[word]
    if word not in known:
        raise _no_such(facet, value, known)
    return (word,)


def _offered(word: str) -> Offered:
    for known in OFFERED:
        if word.strip().lower() == known:
            return known
    raise _no_such("offered", word, OFFERED)


def _context(asked: Asked) -> tuple[int | None, int | None]:
    read = quantities.context_tokens
    least = read(asked.min_context, "min_context") if asked.min_context else None
    most = read(asked.max_context, "max_context", at_most=True) if asked.max_context else None
    return _in_order("context", least, most)


def _parameters(asked: Asked) -> tuple[int | None, int | None]:
    read = quantities.parameters
    least = read(asked.min_parameters, "min_parameters") if asked.min_parameters else None
    most = read(asked.max_parameters, "max_parameters") if asked.max_parameters else None
    return _in_order("parameters", least, most)


def _in_order(name: str, least: int | None, most: int | None) -> tuple[int | None, int | None]:
    if least is not None and most is not None and least > most:
        raise InvalidRequest(
            f"min_{name}: is above max_{name}, so nothing can match; swap them.",
            param=f"min_{name}",
        )
    return least, most


def _no_such(param: str, value: str, known: Iterable[str]) -> InvalidRequest:
    near = get_close_matches(value.lower(), known, 1)
    meant = f" Did you mean {near[0]}?" if near else ""
    return InvalidRequest(
        f"{param}: {value[:40]!r} is none of {', '.join(known)}.{meant}", param=param
    )
