"""`tramontane publication`: models that a project offers to others, and who has accepted them."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from tramontane.cli.options import (
    AsJson,
    ConfigFile,
    Currency,
    DataDir,
    PriceCached,
    PriceCacheWrite,
    PriceIn,
    PriceOut,
    words,
)
from tramontane.cli.output import print_fields, print_json, print_table
from tramontane.cli.platform import Platform, opened
from tramontane.errors import InvalidRequest, NotFound
from tramontane.money import format_nano
from tramontane.store.windows import time_name

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tramontane.config import Settings
    from tramontane.governance.offering import Source
    from tramontane.pricing import PriceSettings
    from tramontane.store.records import Offered

app = typer.Typer(
    help="Publications: models that a project offers to others, with terms and a price.",
    no_args_is_help=True,
)
Which = Annotated[
    str, typer.Argument(metavar="PUBLICATION", help="Its name, such as acme/legal, or identifier.")
]
OfProject = Annotated[str, typer.Option("--project", metavar="PROJECT", help="For which project.")]
Terms = Annotated[
    Path | None,
    typer.Option("--terms", metavar="FILE", exists=True, dir_okay=False, help="Text of the terms."),
]
Card = Annotated[
    Path | None,
    typer.Option(
        "--card", metavar="FILE", exists=True, dir_okay=False, help="Its card: TOML or JSON."
    ),
]
PriceRequest = Annotated[
    str | None, typer.Option("--price-request", metavar="AMOUNT", help="Per request.")
]
Audience = Annotated[
    list[str] | None,
    typer.Option("--for", metavar="PROJECT,…", help="Who may accept it. Left out: every project."),
]


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="acme/legal, or legal alone.")],
    deployment: Annotated[
        str, typer.Option("--deployment", metavar="NAME", help="What serves it.")
    ],
    project: Annotated[str, typer.Option("--project", metavar="PROJECT", help="Who publishes it.")],
    terms: Terms = None,
    card: Card = None,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
    price_cached: PriceCached = None,
    price_cache_write: PriceCacheWrite = None,
    price_request: PriceRequest = None,
    currency: Currency = None,
    audience: Audience = None,
    allow_shared: Annotated[
        bool,
        typer.Option(
            "--allow-shared", help="What serves it is everybody's, by its own name and price."
        ),
    ] = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Publish a deployment. Its price must not be below what the deployment itself costs."""
    from tramontane.governance import offering
    from tramontane.store import deployments, projects, publications, routes
    from tramontane.store.publications import Offer

    if terms is None or card is None:
        raise InvalidRequest("give --terms and --card: what buyers accept, and what it is")
    asked = _price(price_in, price_out, price_cached, price_cache_write, price_request, currency)
    with opened(config, data) as platform, platform.store.write() as c:
        owner = projects.get(c, project)
        found = offering.sources(platform.settings, deployments.list_all(c))
        source = offering.require_publishable(found, deployment, owner)
        offering.require_alone(source, owner, allow_shared=allow_shared)
        made = publications.publish(
            c,
            project=owner,
            name=name,
            deployment=source.name,
            is_shared=source.project_id is None,
            offer=Offer(
                card=_read_card(card),
                terms=terms.read_text(),
                price=offering.published_price(asked, source, platform.settings),
                audience=_audience(c, audience),
            ),
            taken=routes.known(c, platform.settings)[1],
            created_by="",
            now_ms=platform.now_ms,
        )
        shown = _view(c, platform, made)
    _print(shown, as_json)


@app.command("list")
def list_(
    project: Annotated[
        str | None,
        typer.Option("--project", metavar="PROJECT", help="What this one sees. Left out: all."),
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """List publications, withdrawn ones too, with how many projects have accepted them."""
    from tramontane.store import projects, publications

    with opened(config, data) as platform, platform.store.read() as c:
        ids = () if project is None else (projects.get(c, project).id,)
        found = [
            _view(c, platform, offer) for offer in publications.visible(c, ids, project is None)
        ]
    if as_json:
        print_json({"data": found})
        return
    print_table(
        ("name", "version", "state", "input", "output", "deployment", "accepted by"),
        (
            (
                v["name"],
                v["version"],
                v["state"],
                v["price"]["input_per_mtok"],
                v["price"]["output_per_mtok"],
                v["deployment"],
                [s["project"] for s in v["subscriptions"]],
            )
            for v in found
        ),
        empty="nothing is published yet; publish a model: tramontane publication add",
    )


@app.command()
def show(
    publication: Which,
    version: Annotated[int | None, typer.Option("--version", min=1, help="An earlier one.")] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Show a publication: its card, terms and price, and who has accepted it."""
    from tramontane.store import publications

    with opened(config, data) as platform, platform.store.read() as c:
        shown = _view(c, platform, publications.get(c, publication, version))
    _print(shown, as_json)


@app.command()
def change(
    publication: Which,
    terms: Terms = None,
    card: Card = None,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
    price_cached: PriceCached = None,
    price_cache_write: PriceCacheWrite = None,
    price_request: PriceRequest = None,
    currency: Currency = None,
    audience: Audience = None,
    everybody: Annotated[
        bool, typer.Option("--for-everybody", help="Every project may accept it.")
    ] = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Publish a new version; what is left out stays. Buyers keep the one they have accepted."""
    from tramontane.governance import offering
    from tramontane.store import deployments, publications
    from tramontane.store.publications import Offer

    if everybody and audience is not None:
        raise typer.BadParameter("give either --for or --for-everybody")
    said = (price_in, price_out, price_cached, price_cache_write, price_request, currency)
    with opened(config, data) as platform, platform.store.write() as c:
        before = publications.get(c, publication)
        found = offering.sources(platform.settings, deployments.list_all(c))
        source = offering.source_of(before, found)
        if all(each is None for each in said):
            price = offering.kept_price(before, source, platform.settings)
        elif source is None:
            raise NotFound(f"the deployment behind {before.name} is gone: its cost is unknown")
        else:
            price = offering.published_price(_price(*said), source, platform.settings)
        kept = None if everybody else before.audience
        offer = Offer(
            card=before.card if card is None else _read_card(card),
            terms=before.terms if terms is None else terms.read_text(),
            price=price,
            audience=kept if audience is None else _audience(c, audience),
        )
        changed = publications.change(c, before.id, offer, created_by="", now_ms=platform.now_ms)
        shown = _view(c, platform, changed)
    _print(shown, as_json)


@app.command()
def withdraw(
    publication: Which, as_json: AsJson = False, config: ConfigFile = None, data: DataDir = None
) -> None:
    """Offer a model no more: nobody's new requests are served, open streams go on to their end."""
    from tramontane.store import publications

    with opened(config, data) as platform, platform.store.write() as c:
        gone = publications.withdraw(c, publication, platform.now_ms)
        shown = _view(c, platform, gone)
    _print(shown, as_json)


@app.command()
def accept(
    publication: Which,
    project: OfProject,
    version: Annotated[
        int | None,
        typer.Option("--version", min=1, help="The version whose terms you have read."),
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Accept a publication's terms and price for a project. Left out: prints what to read first."""
    from tramontane.store import projects, publications, subscriptions

    with opened(config, data) as platform, platform.store.write() as c:
        offer = publications.get(c, publication)
        if version is not None:
            subscriptions.accept(
                c,
                offer,
                project_id=projects.get(c, project).id,
                version=version,
                accepted_by="",
                now_ms=platform.now_ms,
            )
        shown = _view(c, platform, offer)
    _print(shown, as_json)
    if version is None:
        raise InvalidRequest(
            f"nothing was accepted: read this, then accept it with --version {offer.version}"
        )


@app.command()
def end(
    publication: Which,
    project: OfProject,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """End a project's use of a publication. What it used until then stays on the statements."""
    from tramontane.store import projects, publications, subscriptions

    with opened(config, data) as platform, platform.store.write() as c:
        offer = publications.get(c, publication)
        subscriptions.end(c, offer.id, projects.get(c, project).id, platform.now_ms)
    if as_json:
        print_json({"ended": offer.name, "project": project})
    else:
        print(f"ended: {offer.name} for {project}")


def _price(
    price_in: str | None,
    price_out: str | None,
    cached: str | None,
    cache_write: str | None,
    request: str | None,
    currency: str | None,
) -> "PriceSettings | None":
    from tramontane.pricing import PriceSettings

    if price_in is None or price_out is None:
        return None
    return PriceSettings(
        input_per_mtok=price_in,
        output_per_mtok=price_out,
        cached_input_per_mtok=cached,
        cache_write_per_mtok=cache_write,
        request=request or "0",
        currency=currency,
    )


def _read_card(file: Path) -> bytes:
    from tramontane.governance import offering

    data = file.read_bytes()
    try:
        if file.suffix == ".json":
            card: Any = msgspec.json.decode(data)
        else:
            card = tomllib.loads(data.decode())
    except (msgspec.DecodeError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{file.name}: {error}") from None
    if not isinstance(card, dict):
        raise InvalidRequest(f"{file.name}: a card has fields, such as name and description")
    return offering.check_card(card)


def _audience(c: "Connection", given: list[str] | None) -> tuple[str, ...] | None:
    from tramontane.store import projects

    if given is None:
        return None
    return tuple(projects.get(c, name).id for name in words(given))


def _view(c: "Connection", platform: Platform, offer: "Offered") -> dict[str, Any]:
    from tramontane.governance import offering
    from tramontane.store import deployments, projects, subscriptions

    names = {project.id: project.name for project in projects.list_all(c)}
    found = offering.sources(platform.settings, deployments.list_all(c))
    price = offer.price.usual
    return {
        "id": offer.id,
        "name": offer.name,
        "publisher": offer.publisher,
        "deployment": offer.deployment,
        "is_shared": offer.is_shared,
        "version": offer.version,
        "state": _state(offer, offering.source_of(offer, found)),
        "currency": platform.settings.currency,
        "price": {
            "input_per_mtok": format_nano(price.input_nano_per_mtok),
            "output_per_mtok": format_nano(price.output_nano_per_mtok),
            "cached_input_per_mtok": format_nano(price.cached_nano_per_mtok),
            "cache_write_per_mtok": format_nano(price.write_nano_per_mtok),
            "request": format_nano(price.request_nano),
        },
        "audience": None
        if offer.audience is None
        else [names.get(project_id, project_id) for project_id in offer.audience],
        "subscriptions": [
            {
                "project": names.get(each.project_id, each.project_id),
                "version": each.version,
                "accepted_at": time_name(each.accepted_at_ms),
            }
            for each in subscriptions.live(c, publication_id=offer.id)
        ],
        "changed_at": time_name(offer.changed_at_ms),
        "card": msgspec.json.decode(offer.card),
        "terms": offer.terms,
    }


def names_matching(c: "Connection", settings: "Settings", text: str) -> list[str]:
    """Return the names of what is offered whose name, project, description, base model or
    languages have all words of `text`, by their beginnings; none where there is no word.
    """
    from tramontane.catalog.words import are_begun
    from tramontane.catalog.words import words as words_of
    from tramontane.governance import offering
    from tramontane.store import deployments, publications

    wanted = words_of(text)
    if not wanted:
        return []
    found = offering.sources(settings, deployments.list_all(c))
    return [
        offer.name
        for offer in publications.list_all(c)
        if _state(offer, offering.source_of(offer, found)) == "offered"
        and are_begun(wanted, words_of(_said(offer)))
    ]


def _said(offer: "Offered") -> str:
    """Return what a publication is found by, languages by all their names."""
    from tramontane.catalog.language_names import names, primary

    card = msgspec.json.decode(offer.card)
    texts = [offer.name, offer.publisher]
    texts += [str(card.get(field, "")) for field in ("name", "description", "base_model")]
    languages = card.get("languages")
    for tag in languages if isinstance(languages, list) else ():
        texts += [str(tag), *names().get(primary(str(tag)), ())]
    return " ".join(texts)


def _state(offer: "Offered", source: "Source | None") -> str:
    if offer.withdrawn_at_ms is not None:
        return "withdrawn"
    return "offered" if source is not None else "deployment_gone"


def _print(shown: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(shown)
        return
    fields = {name: value for name, value in shown.items() if name not in ("card", "terms")}
    price = fields.pop("price")
    accepted = [f"{s['project']} (version {s['version']})" for s in fields.pop("subscriptions")]
    audience = "every project" if fields["audience"] is None else fields["audience"]
    print_fields({**fields, **price, "audience": audience, "accepted by": accepted})
    print("\ncard:")
    print_fields({f"  {name}": str(value) for name, value in shown["card"].items()})
    print(f"\nterms:\n{shown['terms']}")
