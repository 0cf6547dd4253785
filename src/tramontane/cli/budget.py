"""`tramontane budget`: hard limits per UTC day, UTC month and in total."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tramontane.cli.options import AsJson, ConfigFile, DataDir, parse_amount
from tramontane.cli.output import print_json, print_table
from tramontane.cli.platform import Platform, opened
from tramontane.cli.settled import import_settled
from tramontane.errors import NotFound
from tramontane.money import format_nano
from tramontane.store.windows import bounds, time_name

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tramontane.store.records import Budget

app = typer.Typer(
    help="Budgets: hard limits per day, per month (UTC) and in total.", no_args_is_help=True
)
Project = Annotated[str, typer.Argument(metavar="PROJECT", help="Its name or identifier.")]
OfKey = Annotated[
    str | None,
    typer.Option("--key", metavar="KEY", help="Of this key only: its name, identifier or tmt_…"),
]
PerWindow = Literal["day", "month", "total"]


@app.command("set")
def set_(
    project: Project,
    amount: Annotated[
        str, typer.Argument(metavar="AMOUNT", help="In the platform's currency, such as 12.50.")
    ],
    per: Annotated[PerWindow, typer.Option("--per", help="The window it counts in (UTC).")],
    key: OfKey = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Set what a project, or one of its keys, may spend in a window; replaces that window's."""
    from tramontane.store import budgets, keys, projects

    limit_nano = parse_amount(amount)
    with opened(config, data) as platform:
        with platform.store.write() as c:
            project_id = projects.get(c, project).id
            key_id = None if key is None else keys.get(c, key, project_id).id
            made = budgets.set(
                c, project_id=project_id, key_id=key_id, window=per, limit_nano=limit_nano
            )
        assert made is not None  # it is None only where the limit is
        with platform.store.read() as c:
            found = _views(c, platform, [made])
    if as_json:
        print_json(found[0])
    else:
        _print(found)


@app.command("list")
def list_(
    project: Annotated[
        str | None, typer.Option("--project", metavar="PROJECT", help="Those of one project.")
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """List budgets with what was spent and is left of each, and where the pace so far leads.

    The pace is that of the last seven days, or of the window so far where that is longer.
    """
    from tramontane.store import budgets, projects

    with opened(config, data) as platform:
        import_settled(platform)
        with platform.store.read() as c:
            of = None if project is None else (projects.get(c, project).id,)
            found = _views(c, platform, budgets.list_all(c, of))
    if as_json:
        print_json({"data": found})
    else:
        _print(found)


@app.command()
def clear(
    project: Project,
    per: Annotated[
        PerWindow | None, typer.Option("--per", help="This window's only. Left out: every one.")
    ] = None,
    key: OfKey = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Take away the budgets of a project, or those of one of its keys."""
    from tramontane.store import budgets, keys, projects

    with opened(config, data) as platform, platform.store.write() as c:
        project_id = projects.get(c, project).id
        key_id = None if key is None else keys.get(c, key, project_id).id
        gone = [
            budget
            for budget in budgets.list_all(c, (project_id,))
            if budget.key_id == key_id and per in (None, budget.window)
        ]
        if not gone:
            raise NotFound("there is no such budget; see: tramontane budget list")
        found = _views(c, platform, gone)
        for budget in gone:
            budgets.set(
                c, project_id=project_id, key_id=key_id, window=budget.window, limit_nano=None
            )
    if as_json:
        print_json({"removed": found})
    else:
        print(f"removed: {', '.join(budget.window for budget in gone)}")


def _views(c: "Connection", platform: Platform, found: "list[Budget]") -> list[dict[str, Any]]:
    """Return each budget as the API shows it, with the names of its owners."""
    from tramontane.store import keys, projects
    from tramontane.store.forecasting import standings

    project_names = {p.id: p.name for p in projects.list_all(c)}
    key_names = {key.id: key.name for key in keys.list_all(c)}
    stand = standings(c, found, platform.now_ms)
    views = []
    for budget in found:
        standing = stand[budget.id]
        forecast_nano = standing.forecast_nano
        views.append(
            {
                "id": budget.id,
                "project_id": budget.project_id,
                "project": project_names[budget.project_id],
                "key_id": budget.key_id,
                "key": None if budget.key_id is None else key_names[budget.key_id],
                "window": budget.window,
                "limit": format_nano(budget.limit_nano),
                "spent": format_nano(standing.spent_nano),
                "left": format_nano(max(0, budget.limit_nano - standing.spent_nano)),
                "currency": platform.settings.currency,
                "resets_at": _moment(bounds(budget.window, platform.now_ms).end_ms),
                "forecast": None if forecast_nano is None else format_nano(forecast_nano),
                "exhausted_at": _moment(standing.exhausted_at_ms),
                "basis": standing.basis,
                "basis_since": _moment(standing.basis_since_ms),
            }
        )
    return views


def _moment(ms: int | None) -> str | None:
    return None if ms is None else time_name(ms)


def _pace(view: dict[str, Any]) -> str:
    """Return in words where the pace so far leads."""
    if view["basis"] is None:
        return ""
    if view["exhausted_at"] is not None:
        return f"spent by {view['exhausted_at'][:10]}"
    if view["forecast"] is None:
        return "lasts"
    return f"{view['forecast']} {view['currency']}"


def _print(found: list[dict[str, Any]]) -> None:
    print_table(
        ("project", "key", "per", "limit", "spent", "left", "begins anew", "at this pace"),
        (
            (
                v["project"],
                v["key"],
                v["window"],
                *(f"{v[amount]} {v['currency']}" for amount in ("limit", "spent", "left")),
                v["resets_at"],
                _pace(v),
            )
            for v in found
        ),
        empty="no budget yet; set one: tramontane budget set PROJECT 50 --per month",
    )
