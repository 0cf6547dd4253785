"""genai-prices: prices per million tokens, with the days from which they held.

A price with a start date counts from that day; one that holds at certain hours is not taken. It
does not know what a model can do.
"""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tramontane.catalog import providers
from tramontane.catalog.cards import Field, Offer, Source
from tramontane.catalog.offernames import placed
from tramontane.catalog.publishers import title_of
from tramontane.catalog.reading import (
    Read,
    Reading,
    decimal_text,
    decoded,
    per_mtok,
    present,
    whole,
)

SOURCE = Source(
    id="genai_prices",
    title="genai-prices",
    version="47df840a5ab10bbcffb8e5ac01b9899032245d1b",
    date="2026-08-21",
    licence="MIT",
)
FILE = "genai_prices.json"
FILES = (FILE,)


def read(files: Mapping[str, bytes]) -> Read:
    """Return the offers that it prices. Raises InvalidRequest."""
    left_out: Counter[str] = Counter()
    readings: list[Reading] = []
    for seller in decoded(files[FILE], SOURCE.id):
        for row in seller["models"]:
            reading = _reading(seller, row)
            if reading is None:
                left_out["a router, no model"] += 1
            else:
                readings.append(reading)
    return Read(source=SOURCE, readings=tuple(readings), left_out=left_out)


def prices_on(prices: Any, day: str) -> Mapping[str, Any]:
    """Return the prices that hold on `day` (ISO): the last of those whose start has come."""
    if isinstance(prices, Mapping):
        return prices
    chosen: Mapping[str, Any] = {}
    for entry in prices:
        constraint = entry.get("constraint") or {}
        start = constraint.get("start_date")
        if not constraint or (start is not None and start <= day):
            chosen = entry["prices"]
    return chosen


def _reading(seller: Mapping[str, Any], row: Mapping[str, Any]) -> Reading | None:
    behind = seller["id"].removeprefix("huggingface_")
    through_hub = behind != seller["id"]
    provider = providers.provider_named(
        "huggingface" if through_hub else seller["id"],
        None if through_hub else seller["name"],
    )
    record = f"{seller['id']}/{row['id']}"
    place = placed(row["id"], provider.id)
    if place is None:
        return None
    is_own = provider.publisher is not None and place.publisher == provider.publisher
    facts: dict[Field, Any] = present(
        {"name": row.get("name") or place.name, "context_tokens": whole(row.get("context_window"))}
    )
    if place.publisher is not None:
        facts["publisher"] = title_of(place.publisher)
    offer = _offer(row, provider, record, behind if through_hub else None)
    return Reading(
        source=SOURCE.id,
        record=record,
        publisher=place.publisher,
        name=place.name,
        names=place.others,
        is_certain=place.is_certain,
        nearness=1 if is_own else 2,
        facts=facts,
        aliases=(row["id"],),
        offers=(offer,) if offer is not None else (),
        community=True,
    )


def _offer(
    row: Mapping[str, Any], provider: providers.Provider, record: str, behind: str | None
) -> Offer | None:
    prices = prices_on(row["prices"], SOURCE.date)
    per_thousand = prices.get("requests_kcount")
    return Offer(
        provider=provider.id,
        provider_title=provider.title,
        kind=provider.kind,
        host=providers.provider_named(behind).title if behind else provider.host,
        jurisdiction=provider.jurisdiction,
        model=row["id"] if behind is None else f"{row['id']}:{behind}",
        source=SOURCE.id,
        record=record,
        date=SOURCE.date,
        input_per_mtok=_base(prices.get("input_mtok")),
        output_per_mtok=_base(prices.get("output_mtok")),
        cached_input_per_mtok=_base(prices.get("cache_read_mtok")),
        cache_write_per_mtok=_base(prices.get("cache_write_mtok")),
        per_request=None
        if per_thousand is None
        else decimal_text(Decimal(str(per_thousand)) / 1000),
        long_context=_long(prices),
        context_tokens=whole(row.get("context_window")),
    )


def _base(price: Any) -> str | None:
    return per_mtok(price["base"] if isinstance(price, Mapping) else price)


def _long(prices: Mapping[str, Any]) -> tuple[tuple[int, str, str], ...]:
    """Return the prices above so many prompt tokens, where both have tiers."""
    into, out = prices.get("input_mtok"), prices.get("output_mtok")
    if not isinstance(into, Mapping) or not isinstance(out, Mapping):
        return ()
    outputs = {tier["start"]: tier["price"] for tier in out["tiers"]}
    return tuple(
        (
            int(tier["start"]),
            per_mtok(tier["price"]) or "0",
            per_mtok(outputs[tier["start"]]) or "0",
        )
        for tier in into["tiers"]
        if tier["start"] in outputs
    )
