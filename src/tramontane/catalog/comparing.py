"""Two to six models side by side: what differs, and which is best where that is defined.

Best is the lowest price, the longest context and answer, and the least memory; of nothing else is
one value better than another. It does not say which model to take.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Literal

import msgspec

from tramontane.catalog.cards import AI_ACT, Field
from tramontane.catalog.views import CardView, CheapestPrice, MixView
from tramontane.errors import InvalidRequest

LEAST, MOST = 2, 6

FIELDS: tuple[Field, ...] = (
    "publisher", "publisher_country", "licence", "released_on", "knowledge_until", "kind",
    "architecture", "parameters", "active_parameters", "context_tokens", "max_output_tokens",
    "dimensions", "input_modalities", "output_modalities", "languages", "abilities",
)  # fmt: skip
"""The facts that are compared, in this order, before what the AI Act asks for besides."""

Better = Literal["more", "less"]
_BETTER: dict[str, Better] = {
    "context_tokens": "more", "max_output_tokens": "more", "price": "less", "needed_bytes": "less",
}  # fmt: skip


class ComparedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A field of every model, null where it is unknown. `best` are the places of the best values,
    null where nothing is better or all are alike. `differs`: not all that are known are the same.
    """

    field: str
    values: list[Any]
    best: list[int] | None
    differs: bool


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Models in the order they were asked for, their facts row by row, and the cheapest price of
    each at `mix`; null where nobody has said. `models` hold every other offer's.

    The rows `price_provider` and `price_jurisdiction` are of the offer whose price is shown,
    `providers` and `jurisdictions` of all offers.
    """

    currency: str
    mix: MixView
    models: list[CardView]
    rows: list[ComparedRow]
    prices: list[CheapestPrice | None]


def check_ids(ids: Sequence[str]) -> tuple[str, ...]:
    """Return each id once. Raises InvalidRequest unless there are two to six."""
    found = tuple(dict.fromkeys(each.strip() for each in ids if each.strip()))
    if not LEAST <= len(found) <= MOST:
        raise InvalidRequest(
            f"id: name {LEAST} to {MOST} different models, not {len(found)}.", param="id"
        )
    return found


def compare(models: Sequence[CardView], currency: str, mix: MixView) -> Comparison:
    """Return the models side by side."""
    rows = [_price_row(models)]
    for name, of_price in _OF_PRICE:
        prices = [model.price for model in models]
        rows.append(_row(name, [None if price is None else of_price(price) for price in prices]))
    rows.append(_row("openness", [model.openness for model in models]))
    rows += [
        _row(field, [_value(model, field) for model in models])
        for field in (*FIELDS, *(field for field in AI_ACT if field not in FIELDS))
    ]
    for field, of in _BESIDES:
        rows.append(_row(field, [of(model) for model in models]))
    return Comparison(
        currency=currency,
        mix=mix,
        models=list(models),
        rows=rows,
        prices=[model.price for model in models],
    )


_OF_PRICE: tuple[tuple[str, Callable[[CheapestPrice], str | None]], ...] = (
    ("price_provider", lambda price: price.provider),
    ("price_jurisdiction", lambda price: price.jurisdiction),
)
_BESIDES: tuple[tuple[str, Callable[[CardView], Any]], ...] = (
    ("needed_bytes", lambda model: model.needed_bytes),
    ("fits", lambda model: model.fits),
    ("providers", lambda model: sorted({offer.provider for offer in model.offers}) or None),
    (
        "jurisdictions",
        lambda model: sorted({o.jurisdiction for o in model.offers if o.jurisdiction}) or None,
    ),
)


def _value(model: CardView, field: Field) -> Any:
    fact = model.fields.get(field)
    return None if fact is None else fact.value


def _price_row(models: Sequence[CardView]) -> ComparedRow:
    """Prices are compared as numbers; of two currencies without a rate neither is better, and what
    is for nothing is no price to win by.
    """
    prices = [model.price for model in models]
    is_one_currency = len({price.currency for price in prices if price is not None}) == 1
    amounts = [None if price is None else Decimal(price.amount) for price in prices]
    return ComparedRow(
        field="price",
        values=[None if price is None else f"{price.amount} {price.currency}" for price in prices],
        best=_best("price", [amount or None for amount in amounts]) if is_one_currency else None,
        differs=_differs(amounts) or (not is_one_currency and any(prices)),
    )


def _row(field: str, values: list[Any]) -> ComparedRow:
    return ComparedRow(
        field=field, values=values, best=_best(field, values), differs=_differs(values)
    )


def _best(field: str, values: Sequence[Any]) -> list[int] | None:
    known = [value for value in values if isinstance(value, (int, Decimal))]
    if field not in _BETTER or len(known) < LEAST or not _differs(known):
        return None
    best = max(known) if _BETTER[field] == "more" else min(known)
    return [place for place, value in enumerate(values) if value == best]


def _differs(values: Sequence[Any]) -> bool:
    known = [sorted(v) if isinstance(v, (list, tuple)) else v for v in values if v is not None]
    return any(value != known[0] for value in known[1:])
