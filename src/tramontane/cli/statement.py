"""`tramontane statement`: what a project bought of others in a month, and what it sold to them."""

import sys
from typing import Annotated

import msgspec
import typer

from tramontane.cli.options import AsJson, ConfigFile, DataDir
from tramontane.cli.output import print_json, print_table
from tramontane.cli.platform import opened
from tramontane.cli.settled import import_settled
from tramontane.errors import InvalidRequest
from tramontane.store.windows import day_name

SHORT_DIGEST = 8
"""So many characters of a line's digest are shown, here as in the page."""


def statement(
    project: Annotated[str, typer.Option("--project", metavar="PROJECT", help="Whose.")],
    month: Annotated[
        str | None,
        typer.Option("--month", metavar="YYYY-MM", help="Left out: the present one (UTC)."),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a header.")] = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Print a project's statement. A line's digest is the same on the other side's statement."""
    from tramontane.governance import settlement
    from tramontane.store import projects, trades
    from tramontane.studio.routes import statements

    if as_csv and as_json:
        raise typer.BadParameter("give either --csv or --json")
    with opened(config, data) as platform:
        chosen = month or day_name(platform.now_ms)[:7]
        try:
            since_ms, until_ms = settlement.month_bounds(chosen)
        except ValueError:
            raise InvalidRequest(f"--month: {chosen!r} is none such as 2026-11") from None
        assert until_ms is not None
        import_settled(platform)
        with platform.store.read() as c:
            whose = projects.get(c, project)
            found = trades.of_project(c, whose.id, since_ms, until_ms)
            names = {each.id: each.name for each in projects.list_all(c)}
    told = settlement.statement(
        found,
        project_id=whose.id,
        month=chosen,
        currency=platform.settings.currency,
        now_ms=platform.now_ms,
    )
    if as_csv:
        sys.stdout.write(statements.as_csv(told, names).replace("\r\n", "\n"))
        return
    view = statements.view(told, names)
    if as_json:
        print_json(msgspec.to_builtins(view))
        return
    bought = [
        ("bought of", b.publisher, b.name, b.version, b.requests, b.cost, b.digest[:SHORT_DIGEST])
        for b in view.bought
    ]
    sold = [
        ("sold to", s.buyer, s.name, s.version, s.requests, s.income, s.digest[:SHORT_DIGEST])
        for s in view.sold
    ]
    print_table(
        ("", "project", "publication", "version", "requests", view.currency, "digest"),
        [*bought, *sold],
        empty=f"{whose.name} bought and sold nothing in {chosen}",
    )
    totals = view.totals
    print(
        f"\nbought {totals.bought}, sold {totals.sold}, which cost {totals.serving_cost} to serve"
        f" ({view.currency}); {'final' if view.is_final else 'not final yet'}"
        "\na line's digest is the same on the other side's statement; --csv has it in full"
        f"\ndigest of this whole statement, which no other has: {view.digest}"
    )
