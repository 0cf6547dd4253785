"""`tramontane provider`: accounts with those who serve models elsewhere."""

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tramontane.cli.options import (
    AsJson,
    Capable,
    ConfigFile,
    Context,
    Currency,
    DataDir,
    MaxOutput,
    PriceCached,
    PriceCacheWrite,
    PriceIn,
    PriceOut,
)
from tramontane.cli.output import print_fields, print_json, print_table
from tramontane.cli.platform import Platform, opened
from tramontane.config import (
    DeploymentSettings,
    PriceSettings,
    ProviderSettings,
    parse_origin,
    parse_price,
)
from tramontane.errors import Conflict, InvalidRequest

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tramontane.providers.registry import Provider

app = typer.Typer(
    help="Providers: accounts with those who serve models elsewhere.", no_args_is_help=True
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The account's name.")]
KEY_MOST = 4_096
_REGIONS_SHOWN = 3


@app.command()
def add(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="See: tramontane provider kinds")],
    name: Annotated[
        str | None, typer.Option("--name", help="What to call it. Left out: as its kind.")
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", help="Its address, where the kind has none of its own.")
    ] = None,
    region: Annotated[str | None, typer.Option("--region", help="One that it offers.")] = None,
    key_env: Annotated[
        str | None,
        typer.Option(
            "--key-env",
            metavar="VARIABLE",
            help="Take the key from this variable, now. Left out: asked for, or read from stdin.",
        ),
    ] = None,
    no_key: Annotated[bool, typer.Option("--no-key", help="It wants no key.")] = False,
    jurisdiction: Annotated[
        str | None,
        typer.Option(
            "--jurisdiction", help="Where it processes (FR, EU), if the region is silent."
        ),
    ] = None,
    no_training: Annotated[
        bool | None,
        typer.Option(
            "--no-training/--may-train", help="Whether your contract rules out training on inputs."
        ),
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Enter an account; its key is sealed, for its address alone, and never shown again."""
    from tramontane.providers import registry
    from tramontane.providers.reach import reach_of
    from tramontane.store import providers

    settings = ProviderSettings(
        kind=kind, url=url, region=region, jurisdiction=jurisdiction, no_training=no_training
    )
    chosen = name or kind
    registry.place_of(registry.kind_named(kind), settings)  # before a key is asked for
    key = None if no_key else _read_key(chosen, key_env)
    with opened(config, data, may_create=True) as platform, platform.store.write() as c:
        if chosen in platform.settings.providers:
            raise Conflict(f"{chosen!r} stands in the configuration file already")
        if chosen in {stored.name for stored in providers.list_all(c)}:
            raise Conflict(f"there is a provider {chosen!r} already; choose another --name")
        stored = registry.account(
            platform.folder.pepper(),
            chosen,
            settings,
            key,
            by_command=True,
            now_ms=platform.now_ms,
        )
        providers.put(c, stored)
        made = _accounts(c, platform)[chosen]
        reach = reach_of(platform.settings, _address(platform))
        reach.refuse_own(parse_origin(made.url))
    shown = _shown(made, [])
    if as_json:
        print_json(shown)
        return
    print_fields(shown)
    print(
        f"\nnext: tramontane provider test {chosen}\n      tramontane provider serve {chosen} MODEL"
    )


@app.command("list")
def list_(as_json: AsJson = False, config: ConfigFile = None, data: DataDir = None) -> None:
    """List the accounts, with where each processes and what it serves."""
    with opened(config, data) as platform, platform.store.read() as c:
        users = _users(c, platform)
        found = [
            _shown(account, users.get(name, [])) for name, account in _accounts(c, platform).items()
        ]
    if as_json:
        print_json({"data": found})
        return
    print_table(
        ("name", "kind", "region", "processed in", "no training", "address", "serves", "set up in"),
        (
            (
                account["name"],
                account["kind"],
                account["region"],
                account["jurisdiction"],
                account["no_training"],
                account["problem"] or account["url"],
                account["deployments"],
                account["source"],
            )
            for account in found
        ),
        empty="no provider yet; add one: tramontane provider add mistral",
    )


@app.command()
def kinds(
    kind: Annotated[
        str | None, typer.Argument(metavar="KIND", help="Show all of this one. Left out: list all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the kinds of providers, the law they are under, their regions, and where that was read.

    Of the law: `-` where nobody has said.
    """
    from tramontane.governance.facts import Entry, book
    from tramontane.providers.registry import KINDS
    from tramontane.store.names import unknown

    if kind is not None and kind not in KINDS:
        raise unknown("kind of provider", kind, KINDS)
    nobody = Entry(sources=())
    behind = {name: book().get(name, nobody) for name in KINDS}
    found: list[dict[str, Any]] = [
        {
            "kind": each.name,
            "title": each.title,
            "dialect": each.dialect,
            "url": each.url or each.url_example,
            "owner": behind[each.name].owner,
            "seat": behind[each.name].seat,
            "regions": {region.name: region.jurisdiction for region in each.regions},
            "sources": each.sources,
            "checked": each.checked or None,
        }
        for each in KINDS.values()
        if kind in (None, each.name)
    ]
    if as_json:
        print_json({"data": found})
        return
    if kind is not None:
        (one,) = found
        places = [f"{name} ({place})" if place else name for name, place in one["regions"].items()]
        fields = {**one, "owner's law": one["seat"], "address": one["url"], "regions": places}
        print_fields({n: v for n, v in fields.items() if n not in ("seat", "url")})
        return
    print_table(
        ("kind", "title", "owner's law", "dialect", "regions"),
        (
            (each["kind"], each["title"], each["seat"], each["dialect"], _some(each["regions"]))
            for each in found
        ),
        empty="",
    )


@app.command()
def test(
    name: Name,
    model: Annotated[
        str | None,
        typer.Option("--model", help="Ask this model for a few words too, which may cost."),
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Ask a provider with a real request whether it takes the key; status 1 where not."""
    import asyncio

    from tramontane.providers import trying
    from tramontane.providers.reach import reach_of

    with opened(config, data) as platform:
        with platform.store.read() as c:
            account = _account(c, platform, name)
        probe = asyncio.run(
            trying.ask(
                account,
                platform.folder.pepper(),
                os.environ,
                reach_of(platform.settings, _address(platform)),
                model,
                platform.settings.upstream.ca_file,
            )
        )
    if as_json:
        print_json(
            {
                "ok": probe.problem is None,
                "problem": probe.problem,
                "message": probe.message,
                "models": probe.models,
                "first_token_ms": probe.first_token_ms,
            }
        )
    else:
        print(probe.message, file=sys.stderr if probe.problem else sys.stdout)
        for offered in probe.models:
            print(f"  {offered}")
    if probe.problem is not None:
        raise typer.Exit(1)


@app.command()
def serve(
    name: Name,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Its name at the provider.")],
    public: Annotated[
        str | None, typer.Option("--as", help="The name that clients ask for. Left out: the same.")
    ] = None,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
    price_cached: PriceCached = None,
    price_cache_write: PriceCacheWrite = None,
    currency: Currency = None,
    free: Annotated[bool, typer.Option("--free", help="It costs nothing.")] = False,
    context: Context = None,
    max_output: MaxOutput = None,
    open_weights: Annotated[
        bool | None, typer.Option("--open-weights/--closed-weights", help="Of the model.")
    ] = None,
    capable: Capable = None,
    project: Annotated[
        str | None,
        typer.Option("--project", metavar="PROJECT", help="Its own. Left out: everybody's."),
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Serve a model of a provider. Without a price, projects with a budget may not use it.

    To serve it no more: tramontane model undeploy.
    """
    said = (price_in, price_out, price_cached, price_cache_write)
    if free and any(price is not None for price in said):
        raise InvalidRequest("either --free or prices")
    price = None
    if any(each is not None for each in said):
        if price_in is None or price_out is None:
            raise InvalidRequest("give both --price-in and --price-out")
        price = PriceSettings(
            input_per_mtok=price_in,
            output_per_mtok=price_out,
            cached_input_per_mtok=price_cached,
            cache_write_per_mtok=price_cache_write,
            currency=currency,
        )
    settings = DeploymentSettings(
        provider=name,
        upstream_model=model,
        price="free" if free else price,
        context_tokens=context,
        max_output_tokens=max_output,
        open_weights=open_weights,
        capable=capable,
    )
    chosen = public or model
    with opened(config, data) as platform:
        with platform.store.write() as c:
            account = _serve(c, platform, chosen, settings, project)
        unheard = _unheard(platform, account, model)
    if unheard:
        print(unheard, file=sys.stderr)
    if as_json:
        print_json({"deployment": chosen, "provider": name, "upstream_model": model})
        return
    print(f"served within seconds as {chosen!r}")
    if price is None and not free:
        print(
            "note: nobody has said what it costs, so projects with a budget may not use it",
            file=sys.stderr,
        )


@app.command()
def rm(
    name: Name, as_json: AsJson = False, config: ConfigFile = None, data: DataDir = None
) -> None:
    """Forget an account and its key. While deployments use it, it stays."""
    from tramontane.store import providers

    with opened(config, data) as platform, platform.store.write() as c:
        if name in platform.settings.providers:
            raise Conflict(f"{name!r} stands in the configuration file; take it out there")
        if users := _users(c, platform).get(name):
            raise Conflict(f"{name!r} serves {', '.join(users)}; undeploy those first")
        providers.remove(c, name)
    if as_json:
        print_json({"removed": name})
    else:
        print(f"removed: {name}")


def _read_key(name: str, key_env: str | None) -> str | None:
    if key_env is not None:
        key = os.environ.get(key_env, "").strip()
        if not key:
            raise InvalidRequest(f"the variable {key_env} is not set")
    elif sys.stdin.isatty():
        key = typer.prompt(f"key of {name}", hide_input=True, default="", show_default=False)
    else:
        key = sys.stdin.read(KEY_MOST + 1)
    key = key.strip()
    if len(key) > KEY_MOST or not key.isascii() or any(c <= " " or c == "\x7f" for c in key):
        raise InvalidRequest("the key is too long, or holds a space or a character outside ASCII")
    return key or None


def _address(platform: Platform) -> str:
    """Return where the platform runs; empty where it does not."""
    try:
        return platform.folder.address_file.read_text()
    except FileNotFoundError:
        return ""


def _accounts(c: "Connection", platform: Platform) -> "dict[str, Provider]":
    from tramontane.providers import registry
    from tramontane.store import providers

    return registry.providers(platform.settings, providers.list_all(c))


def _account(c: "Connection", platform: Platform, name: str) -> "Provider":
    from tramontane.store.names import unknown

    found = _accounts(c, platform)
    if name not in found:
        raise unknown("provider", name, found)
    return found[name]


def _users(c: "Connection", platform: Platform) -> dict[str, list[str]]:
    from tramontane.providers.remote import remote_models
    from tramontane.store import deployments

    found: dict[str, list[str]] = {}
    for name, model in remote_models(platform.settings, deployments.list_all(c)).items():
        if model.settings.provider is not None:
            found.setdefault(model.settings.provider, []).append(name)
    return {account: sorted(names) for account, names in found.items()}


def _serve(
    c: "Connection",
    platform: Platform,
    name: str,
    settings: DeploymentSettings,
    project: str | None,
) -> "Provider":
    import msgspec

    from tramontane.store import deployments, projects
    from tramontane.store.records import StoredDeployment

    assert settings.provider is not None
    account = _account(c, platform, settings.provider)
    taken = {*platform.settings.deployments, *(d.name for d in deployments.list_all(c))}
    if name in taken:
        raise Conflict(f"{name!r} is deployed already; choose another --as")
    parse_price(settings.price, platform.settings, f"deployment {name}")
    deployments.put(
        c,
        StoredDeployment(
            name=name,
            settings=msgspec.json.encode(settings),
            created_at_ms=platform.now_ms,
            project_id=None if project is None else projects.get(c, project).id,
        ),
    )
    return account


def _unheard(platform: Platform, account: "Provider", model: str) -> str | None:
    """Return what to say of a model that the catalogue does not know at such a provider; None where
    it does, and where each customer gives names of their own.
    """
    from tramontane.catalog import packing, selling

    if account.kind.url is None:
        return None
    path = platform.folder.catalogue
    try:
        catalogue = packing.load(path if path.exists() else None)
    except InvalidRequest:
        return None  # it is served by now, and `catalog check` says what is wrong
    sold = selling.names_at(catalogue.cards(), account.settings.kind)
    if not sold or model in sold:
        return None
    near = selling.nearest(model, sold)
    meant = f"; did you mean {' or '.join(near)}?" if near else "."
    return (
        f"note: no source of the catalogue knows a model {model!r} at {account.kind.title}{meant}"
        f" It is served all the same; what there is: tramontane provider test {account.name}"
    )


def _some(regions: dict[str, Any]) -> str | None:
    """Return the names of a few regions, of many only how many there are."""
    if len(regions) > _REGIONS_SHOWN:
        return f"{len(regions)}, such as {next(iter(regions))}"
    return ", ".join(regions) or None


def _shown(account: "Provider", users: list[str]) -> dict[str, Any]:
    return {
        "name": account.name,
        "kind": account.settings.kind,
        "dialect": account.kind.dialect,
        "url": account.url or None,
        "region": account.region or None,
        "jurisdiction": account.jurisdiction,
        "no_training": account.no_training,
        "source": "store" if account.is_entered else "file",
        "problem": account.problem,
        "deployments": users,
    }
