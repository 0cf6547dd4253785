"""`tramontane project`: groups that share budgets and limits."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from msgspec import UNSET

from tramontane.cli import policy
from tramontane.cli.options import (
    AsJson,
    ConfigFile,
    DataDir,
    Models,
    RequestsPerMinute,
    TokensPerMinute,
    words,
)
from tramontane.cli.output import models_text, print_fields, print_json, print_table, view
from tramontane.cli.platform import opened
from tramontane.money import format_nano

if TYPE_CHECKING:
    from tramontane.store.records import Project

app = typer.Typer(help="Projects: groups that share budgets and limits.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="PROJECT", help="Its name or identifier.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="1 to 64 of a-z 0-9 . _ -")],
    models: Models = None,
    requests_per_minute: RequestsPerMinute = None,
    tokens_per_minute: TokensPerMinute = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Make a project. Limits left out are the configuration's."""
    from tramontane.store import projects

    with opened(config, data, may_create=True) as platform, platform.store.write() as c:
        given = {"requests_per_minute": requests_per_minute, "tokens_per_minute": tokens_per_minute}
        chosen = {limit: value for limit, value in given.items() if value is not None}
        made = projects.create(
            c,
            name=name,
            defaults=msgspec.structs.replace(platform.settings.limits, **chosen),
            now_ms=platform.now_ms,
            allowed_models=None if models is None else words(models),
        )
    _print(made, as_json)
    if not as_json:
        print(f"\nnext: tramontane key create {made.name} KEY-NAME")


@app.command("list")
def list_(as_json: AsJson = False, config: ConfigFile = None, data: DataDir = None) -> None:
    """List every project."""
    from tramontane.store import projects

    with opened(config, data) as platform, platform.store.read() as c:
        found = projects.list_all(c)
    if as_json:
        print_json({"data": [view(project) for project in found]})
        return
    print_table(
        ("name", "state", "requests/min", "tokens/min", "models", "identifier"),
        (
            (
                p.name,
                _state(p),
                p.requests_per_minute,
                p.tokens_per_minute,
                models_text(p.allowed_models),
                p.id,
            )
            for p in found
        ),
        empty="no project yet; make one: tramontane project create NAME",
    )


@app.command()
def show(
    project: Name, as_json: AsJson = False, config: ConfigFile = None, data: DataDir = None
) -> None:
    """Show one project. Its keys, budgets and usage have commands of their own."""
    from tramontane.store import projects

    with opened(config, data) as platform, platform.store.read() as c:
        found = projects.get(c, project)
    _print(found, as_json)


@app.command("set")
def set_(
    project: Name,
    name: Annotated[str | None, typer.Option("--name", help="A new name.")] = None,
    models: Annotated[
        list[str] | None,
        typer.Option("--models", metavar="NAME,…", help="The only models that may be asked for."),
    ] = None,
    all_models: Annotated[
        bool, typer.Option("--all-models", help="Allow every model again.")
    ] = False,
    requests_per_minute: RequestsPerMinute = None,
    tokens_per_minute: TokensPerMinute = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Change a project; what is left out stays. A running platform follows within 2 s."""
    from tramontane.store import projects

    if all_models and models is not None:
        raise typer.BadParameter("give either --models or --all-models")
    allowed = None if all_models else UNSET if models is None else words(models)
    with opened(config, data) as platform, platform.store.write() as c:
        changed = projects.update(
            c,
            projects.get(c, project).id,
            name=UNSET if name is None else name,
            requests_per_minute=UNSET if requests_per_minute is None else requests_per_minute,
            tokens_per_minute=UNSET if tokens_per_minute is None else tokens_per_minute,
            allowed_models=allowed,
        )
    _print(changed, as_json)


@app.command()
def close(
    project: Name,
    reason: Annotated[str, typer.Option("--reason", help="Why; its users are told.")],
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Serve a project no more tokens. Its records stay, and it can be opened again."""
    from tramontane.store import projects

    with opened(config, data) as platform, platform.store.write() as c:
        changed = projects.close(c, projects.get(c, project).id, reason)
    _print(changed, as_json)


@app.command("open")
def open_(
    project: Name, as_json: AsJson = False, config: ConfigFile = None, data: DataDir = None
) -> None:
    """Serve a closed project again."""
    from tramontane.store import projects

    with opened(config, data) as platform, platform.store.write() as c:
        changed = projects.open(c, projects.get(c, project).id)
    _print(changed, as_json)


@app.command("top-up")
def top_up(
    project: Name,
    amount: Annotated[
        str, typer.Argument(metavar="AMOUNT", help="In the platform's currency, such as 50.00.")
    ],
    reference: Annotated[
        str | None,
        typer.Option("--reference", metavar="TEXT", help="Such as an invoice: counts once."),
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Add to what a project can spend in total, and record it."""
    from tramontane.store import prepayments, projects

    amount_nano = prepayments.read_amount(amount)
    with opened(config, data) as platform, platform.store.write() as c:
        found = projects.get(c, project)
        budget = prepayments.top_up(
            c,
            found.id,
            amount_nano,
            reference=reference,
            recorded_by="",
            now_ms=platform.now_ms,
        )
        paid = [view(each) for each in prepayments.list_all(c, found.id)]
    limit = format_nano(budget.limit_nano)
    if as_json:
        currency = platform.settings.currency
        print_json({"project": found.name, "currency": currency, "limit": limit, "data": paid})
        return
    print(f"{found.name} can now spend {limit} {platform.settings.currency} in total")
    print(f"\nwhat is left: tramontane budget list --project {found.name}")


app.command("policy")(policy.of_project)


def _state(project: "Project") -> str:
    return "open" if project.closed_reason is None else f"closed: {project.closed_reason}"


def _print(project: "Project", as_json: bool) -> None:
    if as_json:
        print_json(view(project))
        return
    print_fields(
        {
            "project": project.name,
            "identifier": project.id,
            "state": _state(project),
            "requests per minute": project.requests_per_minute,
            "tokens per minute": project.tokens_per_minute,
            "models": models_text(project.allowed_models),
            "created": view(project)["created_at"],
        }
    )
