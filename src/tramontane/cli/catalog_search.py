"""`tramontane catalog search|show|compare|sources`: models found and compared in a terminal.

They ask what the browser's page and the API ask, of the same cards, whether the platform runs or
not; where there is none yet, of the package's. What is shown is every card: who may run commands
over the data folder is an operator.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
import typer

from tramontane.cli.options import AsJson, ConfigFile, DataDir, words
from tramontane.cli.output import cell, print_fields, print_json, print_table
from tramontane.cli.platform import opened, read_settings
from tramontane.datafolder import DataFolder

if TYPE_CHECKING:
    from tramontane.catalog.comparing import ComparedRow, Comparison
    from tramontane.catalog.finding import Finder
    from tramontane.catalog.machine import Memory
    from tramontane.catalog.prices import Mix
    from tramontane.catalog.views import CardView, CheapestPrice, FoundModels, OfferView, Summary

_OFFERS_SHOWN = 15
_TEXT_SHOWN = 100

MixOption = Annotated[
    str | None,
    typer.Option(
        "--mix",
        metavar="IN:OUT:CACHED",
        help="What prices are of: parts read, written, read from a cache. Left out: 3:1.",
    ),
]
PriceIn = Annotated[
    str | None, typer.Option("--price-in", metavar="PARTS", help="The first of --mix by itself.")
]
PriceOut = Annotated[
    str | None, typer.Option("--price-out", metavar="PARTS", help="The second of --mix by itself.")
]
PriceCached = Annotated[
    str | None, typer.Option("--price-cached", metavar="PARTS", help="The third of --mix.")
]


class Opened(NamedTuple):
    """The catalogue, and what is known of this machine and platform.

    `published` names the publications that words are about.
    """

    finder: "Finder"
    memory: "Memory | None"
    here: Mapping[str, list[str]]
    published: Callable[[str], list[str]]


def search(
    text: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT", help="Words; their beginnings are enough.")
    ] = None,
    is_open: Annotated[
        bool, typer.Option("--open", help="Only with weights under a free licence.")
    ] = False,
    openness: Annotated[
        list[str] | None, typer.Option("--openness", metavar="GRADE,…", help="How open it is.")
    ] = None,
    publisher: Annotated[
        list[str] | None, typer.Option("--publisher", metavar="NAME", help="Who made it.")
    ] = None,
    licence: Annotated[
        list[str] | None, typer.Option("--licence", metavar="NAME,…", help="Such as apache-2.0.")
    ] = None,
    language: Annotated[
        list[str] | None,
        typer.Option("--language", metavar="LANGUAGE,…", help="Such as it, Italian or italiano."),
    ] = None,
    ability: Annotated[
        list[str] | None, typer.Option("--ability", metavar="NAME,…", help="Such as tools.")
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", metavar="KIND,…", help="Such as chat.")
    ] = None,
    modality: Annotated[
        list[str] | None, typer.Option("--modality", metavar="NAME,…", help="What it takes in.")
    ] = None,
    provider: Annotated[
        list[str] | None, typer.Option("--provider", metavar="NAME,…", help="Who sells it.")
    ] = None,
    jurisdiction: Annotated[
        list[str] | None,
        typer.Option(
            "--jurisdiction",
            metavar="PLACE,…",
            help="Where it is processed: FR, EU and its members.",
        ),
    ] = None,
    min_context: Annotated[
        str | None, typer.Option("--min-context", metavar="TOKENS", help="Such as 32k.")
    ] = None,
    max_context: Annotated[
        str | None, typer.Option("--max-context", metavar="TOKENS", help="Such as 128k.")
    ] = None,
    min_parameters: Annotated[
        str | None, typer.Option("--min-parameters", metavar="NUMBER", help="Such as 7B.")
    ] = None,
    max_parameters: Annotated[
        str | None, typer.Option("--max-parameters", metavar="NUMBER", help="Such as 70B.")
    ] = None,
    max_price: Annotated[
        str | None,
        typer.Option("--max-price", metavar="PRICE", help="Per million tokens: 1, 0.50, '1 EUR'."),
    ] = None,
    mix: MixOption = None,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
    price_cached: PriceCached = None,
    fits: Annotated[
        bool, typer.Option("--fits", help="Only what fits into this machine's free memory.")
    ] = False,
    offered: Annotated[
        list[str] | None,
        typer.Option("--offered", metavar="HOW,…", help="local, provider or here."),
    ] = None,
    sort: Annotated[
        str,
        typer.Option("--sort", metavar="ORDER", help="best, price, context, size, newest, name."),
    ] = "best",
    limit: Annotated[int, typer.Option("--limit", help="How many to show.")] = 20,
    offset: Annotated[int, typer.Option("--offset", help="How many to leave out before.")] = 0,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Find models: different conditions must all hold, of several values of one any.

    Open and commercial models, whoever publishes or sells them, stand in the same order: how well
    words match, how many facts are known, the newest, by name.
    """
    from tramontane.catalog.queries import Asked, read

    parts = _parts(mix, price_in, price_out, price_cached)
    # Publishers' names hold commas; the others' do not.
    values: dict[Any, list[str]] = {
        "publisher": publisher or [],
        "openness": [*words(openness or ()), *(["open"] if is_open else [])],
        "licence": words(licence or ()),
        "language": words(language or ()),
        "ability": words(ability or ()),
        "kind": words(kind or ()),
        "modality": words(modality or ()),
        "provider": words(provider or ()),
        "jurisdiction": words(jurisdiction or ()),
    }
    asked = Asked(
        text=" ".join(text or ()),
        values=values,
        min_context=min_context,
        max_context=max_context,
        min_parameters=min_parameters,
        max_parameters=max_parameters,
        max_price=max_price,
        price_in=parts[0],
        price_out=parts[1],
        price_cached=parts[2],
        fits=fits,
        offered=words(offered or ()),
        sort=sort,
        limit=limit,
        offset=offset,
    )
    with _catalogue(config, data) as opened_catalogue:
        finder, memory, here, published_by = opened_catalogue
        found = finder.search(read(asked, finder.exchange), memory=memory, here=here)
        published = published_by(asked.text or "")
    if as_json:
        print_json(_json(found))
        return
    _print_found(found, offset)
    if published:
        print(f"Offered by projects here: {', '.join(published)}. See tramontane publication show.")


def show(
    model: Annotated[str, typer.Argument(metavar="ID", help="The model's id.")],
    mix: MixOption = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Show all that is known of a model, each fact with its source."""
    from tramontane.catalog.quantities import read_mix

    with _catalogue(config, data) as opened_catalogue:
        view = _view(opened_catalogue, model, read_mix(mix or "3:1"))
    if as_json:
        print_json(_json(view))
    else:
        _print_card(view)


def compare(
    models: Annotated[list[str], typer.Argument(metavar="ID…", help="Two to six models.")],
    mix: MixOption = None,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
    price_cached: PriceCached = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Compare two to six models side by side. A * marks what differs, best where one is better."""
    from tramontane.catalog.comparing import check_ids
    from tramontane.catalog.comparing import compare as side_by_side
    from tramontane.catalog.finding import mix_view
    from tramontane.catalog.quantities import mix as mix_of

    parts = mix_of(*_parts(mix, price_in, price_out, price_cached))
    ids = check_ids(models)
    with _catalogue(config, data) as opened_catalogue:
        views = [_view(opened_catalogue, model, parts) for model in ids]
        currency = opened_catalogue.finder.exchange.currency
    found = side_by_side(views, currency, mix_view(parts))
    if as_json:
        print_json(_json(found))
    else:
        _print_comparison(found)


def sources(as_json: AsJson = False, config: ConfigFile = None, data: DataDir = None) -> None:
    """List where the catalogue's facts were read, and how many are known."""
    with _catalogue(config, data) as opened_catalogue:
        finder = opened_catalogue.finder
        listed = [source for _, source in sorted(finder.sources.items())]
        fields = finder.completeness()
    if as_json:
        print_json(
            {
                "built_on": finder.built_on,
                "cards": finder.cards,
                "offers": finder.offers,
                "data": msgspec.to_builtins(listed),
                "completeness": msgspec.to_builtins(fields),
            }
        )
        return
    print_table(
        ("source", "title", "version", "date", "licence"),
        [(s.id, s.title, s.version[:12], s.date, s.licence) for s in listed],
        empty="the catalogue has no sources",
    )
    print()
    print_table(
        ("field", "known", "of all", "sources disagree"),
        [(f.field, f.known, f"{f.share:.1%}", f.conflicting) for f in fields],
        empty="",
    )
    print(f"\n{finder.cards:,} models, {finder.offers:,} offers, built on {finder.built_on}")


@contextmanager
def _catalogue(config: Path | None, data: Path | None) -> Iterator[Opened]:
    """Yield the catalogue: the platform's, or the package's where there is no data folder yet."""
    from tramontane.catalog.machine import Memory
    from tramontane.catalog.prices import Exchange
    from tramontane.cli.publication import names_matching
    from tramontane.engines.memory import memory_now
    from tramontane.studio.catalogue import cards_served, made, own_cards

    free = memory_now().available_bytes
    memory = None if free is None else Memory(free)
    settings = read_settings(config, data)
    exchange = Exchange(settings.currency, settings.exchange_rates)
    if DataFolder(settings.data_dir).is_new:
        yield Opened(made(None, (), exchange), memory, {}, lambda _: [])
        return
    with opened(config, data) as platform, platform.store.read() as c:
        file = platform.folder.catalogue
        finder = made(file if file.exists() else None, own_cards(c), exchange)
        here: dict[str, list[str]] = {}
        for name, card_id in cards_served(finder, settings, c).items():
            here.setdefault(card_id, []).append(name)
        yield Opened(finder, memory, here, lambda text: names_matching(c, settings, text))


def _view(opened_catalogue: Opened, model: str, mix: "Mix") -> "CardView":
    from tramontane.catalog.views import HereView, whole

    finder, memory, here, _ = opened_catalogue
    card, own = finder.card(model)
    names = [HereView(deployment=name, state="unknown") for name in here.get(card.id, ())]
    return whole(card, finder.looking(mix, memory), names, own=own is not None)


def _parts(
    mix: str | None, price_in: str | None, price_out: str | None, price_cached: str | None
) -> tuple[str, str, str]:
    """Return the parts of the mix, as texts; those by themselves win. Raises InvalidRequest."""
    from tramontane.catalog.quantities import read_mix

    if mix is not None:
        read_mix(mix)
    first, second, third = [*(mix or "3:1").split(":"), "0"][:3]
    return price_in or first, price_out or second, price_cached or third


def _json(shown: msgspec.Struct) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(shown)
    return found


# -- for people


def _print_found(found: "FoundModels", offset: int) -> None:
    print_table(
        ("model", "openness", "licence", "size", "context", "price", "at", "fits", "here"),
        [_line(model) for model in found.data],
        empty="no model has all of that",
    )
    for facet, count in found.unknown.items():
        print(
            f"{count:,} more match, but no source says their {facet}: add --{facet} unknown to see"
            " them"
        )
    for missing in found.unmatched:
        near = f"; the nearest: {', '.join(missing.nearest)}" if missing.nearest else ""
        print(f"no model has the {missing.facet} {missing.value!r}{near}")
    if found.data:
        mix = found.mix
        cached = f":{mix.cached}" if mix.cached else ""
        print(
            f"\n{offset + 1:,} to {offset + len(found.data):,} of {found.total:,}. Prices: the"
            f" cheapest offer above zero (free: there is no other), in {found.currency} per million"
            f" tokens, mixed {mix.input}:{mix.output}{cached}, on the day their source had them."
        )
    if found.unconverted:
        print(
            f"No exchange rate for {', '.join(found.unconverted)}: compared as they stand."
            " Enter one under [exchange_rates]."
        )


def _line(model: "Summary") -> tuple[Any, ...]:
    return (
        model.id,
        model.openness.replace("_", " "),
        model.licence,
        _size(model.parameters),
        model.context_tokens,
        _price(model.price),
        None if model.price is None else model.price.provider,
        model.fits,
        model.here,
    )


def _size(parameters: int | None) -> str | None:
    """Return 7B, 1.5B, 350M; None where nobody has said."""
    if parameters is None:
        return None
    for unit, name in ((10**12, "T"), (10**9, "B"), (10**6, "M")):
        if parameters >= unit:
            return f"{parameters / unit:.3g}{name}"
    return f"{parameters:,}"


def _price(price: "CheapestPrice | None") -> str | None:
    if price is None:
        return None
    return f"{price.amount} {price.currency}" if Decimal(price.amount) else "free"


def _print_card(view: "CardView") -> None:
    print_fields(
        {
            "id": view.id,
            "openness": view.openness.replace("_", " "),
            "price": _price(view.price),
            "fits this machine": view.fits,
            "deployed here as": [each.deployment for each in view.here],
        }
    )
    print()
    print_table(
        ("fact", "value", "source", "date", "others say"),
        [
            (
                field.replace("_", " "),
                _short(fact.value),
                fact.source,
                fact.date,
                "; ".join(f"{_short(c.value)} ({c.source})" for c in fact.conflicts) or None,
            )
            for field, fact in view.fields.items()
        ],
        empty="nothing is known of it",
    )
    unknown = [each.field.replace("_", " ") for each in view.ai_act if not each.known]
    if unknown:
        print(f"\nUnknown, of what the EU AI Act asks for: {', '.join(unknown)}")
    if view.files:
        print()
        print_table(
            ("file", "size", "quantisation", "fits"),
            [(f.uri, f.size_bytes, f.quantisation, f.fits) for f in view.files],
            empty="",
        )
    _print_offers(view)


def _print_offers(view: "CardView") -> None:
    if not view.offers:
        return
    print()
    priced = sorted(view.offers, key=_by_price)
    print_table(
        ("offered by", "price", "in", "out", "cached", "currency", "law", "context", "date"),
        [_offer_line(offer) for offer in priced[:_OFFERS_SHOWN]],
        empty="",
    )
    if len(priced) > _OFFERS_SHOWN:
        print(f"and {len(priced) - _OFFERS_SHOWN} more; all of them with --json")


def _by_price(offer: "OfferView") -> tuple[bool, float, str]:
    amount = None if offer.price is None else float(offer.price.amount)
    return amount is None, amount or float("inf"), offer.provider


def _offer_line(offer: "OfferView") -> tuple[Any, ...]:
    return (
        offer.provider,
        None if offer.price is None else f"{offer.price.amount} {offer.price.currency}",
        offer.input_per_mtok,
        offer.output_per_mtok,
        offer.cached_input_per_mtok,
        offer.currency,
        offer.jurisdiction,
        offer.context_tokens,
        offer.date,
    )


def _print_comparison(found: "Comparison") -> None:
    shown = [row for row in found.rows if any(value is not None for value in row.values)]
    print_table(
        ("", *(model.id for model in found.models)),
        [(_title(row), *_cells(row, found.prices)) for row in shown],
        empty="",
    )
    silent = [row.field.replace("_", " ") for row in found.rows if row not in shown]
    mix = found.mix
    print(
        "\nPrices: each model's cheapest offer above zero (free: there is no other), per million"
        f" tokens, mixed {mix.input}:{mix.output}:{mix.cached}. The price's provider and"
        " jurisdiction are that offer's, the others those of all its offers."
    )
    if silent:
        print(f"Unknown of all: {', '.join(silent)}")


def _title(row: "ComparedRow") -> str:
    return f"{row.field.replace('_', ' ')}{' *' if row.differs else ''}"


def _cells(row: "ComparedRow", prices: "list[CheapestPrice | None]") -> Iterator[str]:
    values = [_price(price) for price in prices] if row.field == "price" else row.values
    for place, value in enumerate(values):
        best = " (best)" if row.best and place in row.best else ""
        yield f"{_short(value)}{best}"


def _short(value: Any) -> str:
    """Return a value as one short line."""
    text = cell(value)
    return text if len(text) <= _TEXT_SHOWN else f"{text[:_TEXT_SHOWN]}…"
