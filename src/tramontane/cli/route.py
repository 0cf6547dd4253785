"""`tramontane route`: public model names that several deployments serve."""

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qsl

import msgspec
import typer

from tramontane.cli.options import AsJson, ConfigFile, DataDir
from tramontane.cli.output import print_json, print_table
from tramontane.cli.platform import opened
from tramontane.errors import Conflict

if TYPE_CHECKING:
    from tramontane.config import RouteSettings, RouteTarget

app = typer.Typer(
    help="Routes: public model names that several deployments serve.", no_args_is_help=True
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The public model name.")]


@app.command()
def add(
    name: Name,
    deployments: Annotated[
        list[str],
        typer.Argument(
            metavar="DEPLOYMENT[=WEIGHT][?CONDITIONS]…",
            help="In the order to be tried; neighbours with a weight share one step.",
        ),
    ],
    fallbacks: Annotated[
        list[str] | None,
        typer.Option("--fallback", metavar="NAME", help="A public name to be tried after these."),
    ] = None,
    retries: Annotated[
        int, typer.Option("--retries", help="How often all of them are tried again.")
    ] = 1,
    timeout_s: Annotated[
        float | None,
        typer.Option("--timeout", metavar="SECONDS", help="For one attempt, to its first byte."),
    ] = None,
    deadline_s: Annotated[
        float | None,
        typer.Option("--deadline", metavar="SECONDS", help="For all attempts, to the first byte."),
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Enter a route, or replace the one of that name. A running platform follows within 2 s."""
    from tramontane.config import RouteSettings
    from tramontane.store import routes

    settings = RouteSettings(
        deployments=tuple(_target(word) for word in deployments),
        fallbacks=tuple(fallbacks or ()),
        retries=retries,
        timeout_s=timeout_s,
        deadline_s=deadline_s,
    )
    with opened(config, data) as platform:
        if name in platform.settings.routes:
            raise Conflict(f"the route {name!r} is in the configuration file; change it there")
        with platform.store.write() as c:
            routes.check_known(c, platform.settings, name, settings)
            routes.put(c, name, settings, platform.now_ms)
    made = _view(name, settings, "store", ())
    if as_json:
        print_json(made)
    else:
        _print([made])


@app.command("list")
def list_(as_json: AsJson = False, config: ConfigFile = None, data: DataDir = None) -> None:
    """List every route, those of the configuration file too."""
    from tramontane.store import routes
    from tramontane.store.planning import merged_routes

    with opened(config, data) as platform:
        of_file = platform.settings.routes
        with platform.store.read() as c:
            found = merged_routes(of_file, routes.list_all(c))
            known = routes.known(c, platform.settings)
    views = [
        _view(
            name,
            found[name],
            "file" if name in of_file else "store",
            routes.missing(found[name], *known),
        )
        for name in sorted(found)
    ]
    if as_json:
        print_json({"data": views})
    else:
        _print(views)


@app.command()
def rm(
    name: Name, as_json: AsJson = False, config: ConfigFile = None, data: DataDir = None
) -> None:
    """Remove a route that was entered; its deployments stay."""
    from tramontane.store import routes

    with opened(config, data) as platform:
        if name in platform.settings.routes:
            raise Conflict(f"the route {name!r} is in the configuration file; take it out there")
        with platform.store.write() as c:
            routes.remove(c, name)
    if as_json:
        print_json({"removed": name})
    else:
        print(f"removed: {name}")


def _target(word: str) -> "RouteTarget":
    """Return what `word` says: DEPLOYMENT[=WEIGHT][?FIELD=VALUE&…]."""
    from tramontane.config import RouteCondition, RouteTarget

    place, _, conditions = word.partition("?")
    deployment, _, weight = place.partition("=")
    given: dict[str, Any] = dict(parse_qsl(conditions, keep_blank_values=True))
    if "projects" in given:
        given["projects"] = given["projects"].split(",")
    for name in given.keys() & {"has_images", "has_tools"}:
        given[name] = {"true": True, "false": False}.get(given[name], given[name])
    try:
        when = msgspec.convert(given, RouteCondition, strict=False) if given else None
        return RouteTarget(
            deployment=deployment,
            weight=msgspec.convert(weight, int, strict=False) if weight else None,
            when=when,
        )
    except msgspec.ValidationError as error:
        raise typer.BadParameter(f"{word!r}: {error}") from None


def _view(
    name: str, route: "RouteSettings", source: str, missing: tuple[str, ...]
) -> dict[str, Any]:
    targets = [
        {
            "deployment": target.deployment,
            "weight": target.weight,
            "when": _said(target.when),
        }
        for target in route.targets
    ]
    return {
        "name": name,
        "deployments": targets,
        "fallbacks": list(route.fallbacks),
        "retries": route.retries,
        "timeout_s": route.timeout_s,
        "deadline_s": route.deadline_s,
        "missing": list(missing),
        "source": source,
    }


def _said(when: msgspec.Struct | None) -> dict[str, Any] | None:
    if when is None:
        return None
    return {
        name: value for name, value in msgspec.structs.asdict(when).items() if value is not None
    }


def _print(views: list[dict[str, Any]]) -> None:
    print_table(
        ("name", "deployments", "fallbacks", "retries", "missing", "source"),
        (
            (
                view["name"],
                ", ".join(_shown(target) for target in view["deployments"]),
                ", ".join(view["fallbacks"]) or "none",
                view["retries"],
                ", ".join(view["missing"]) or "none",
                view["source"],
            )
            for view in views
        ),
        empty="no route yet; enter one: tramontane route add NAME DEPLOYMENT…",
    )


def _shown(target: dict[str, Any]) -> str:
    text = str(target["deployment"])
    if target["weight"] is not None:
        text += f"={target['weight']}"
    if target["when"]:
        fields = []
        for name, value in target["when"].items():
            word = ",".join(value) if isinstance(value, list | tuple) else str(value).lower()
            fields.append(f"{name}={word}")
        text += "?" + "&".join(fields)
    return text
