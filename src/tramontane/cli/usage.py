"""`tramontane usage`: what was used and what it cost."""

import csv
import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from tramontane.cli.options import AsJson, ConfigFile, DataDir, parse_since, words
from tramontane.cli.output import print_json, print_table, view
from tramontane.cli.platform import opened
from tramontane.cli.settled import Pending, import_settled
from tramontane.store.windows import time_name

if TYPE_CHECKING:
    from tramontane.store.usage import UsageRow

_COLUMNS = {
    "day": ("day",),
    "project": ("project_id", "project"),
    "key": ("key_id", "key"),
    "member": ("member_id", "member", "user"),
    "model": ("model",),
    "deployment": ("deployment",),
    "provider": ("provider",),
    "region": ("region",),
}
_SUMS = (
    "requests",
    "estimated_requests",
    "unpriced_requests",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "cost",
)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One report, as it is printed: costs are decimals of `currency`."""

    currency: str
    by: tuple[str, ...]
    since: str | None
    until: str | None
    rows: list[dict[str, Any]]
    total: dict[str, Any]
    pending: Pending


def usage(
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="WHAT,…",
            help="Group by project, key, member, model, deployment, provider, region, day (UTC), in"
            " this order.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="WHEN", help="From this date or moment on, or 30d back."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="WHEN", help="Up to, not including, this date or moment."),
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", metavar="PROJECT", help="Of one project only.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a header.")] = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Report requests, tokens and cost, to the last settled request.

    A request counts where it began. Estimated ones (their end never reached the gateway) are
    counted in a column of their own, as are unpriced ones: nobody has said what those cost.
    """
    from tramontane.store import projects
    from tramontane.store import usage as usage_store

    if as_csv and as_json:
        raise typer.BadParameter("give either --csv or --json")
    groups = usage_store.check_by(words(by or ["project"]))
    with opened(config, data) as platform:
        since_ms = parse_since(since, platform.now_ms, "--since")
        until_ms = parse_since(until, platform.now_ms, "--until")
        pending = import_settled(platform)
        with platform.store.read() as c:
            of = None if project is None else (projects.get(c, project).id,)
            report_by = partial(
                usage_store.report, c, since_ms=since_ms, until_ms=until_ms, project_ids=of
            )
            rows, (total,) = report_by(by=groups), report_by(by=())
    report = Report(
        currency=platform.settings.currency,
        by=groups,
        since=None if since_ms is None else time_name(since_ms),
        until=None if until_ms is None else time_name(until_ms),
        rows=[_line(row) for row in rows],
        total=_line(total),
        pending=pending,
    )
    if as_csv:
        _print_csv(report)
    elif as_json:
        _print_json(report)
    else:
        _print(report)


def _line(row: "UsageRow") -> dict[str, Any]:
    return {name: value for name, value in view(row).items() if value is not None}


def _print_json(report: Report) -> None:
    print_json(
        {
            "currency": report.currency,
            "by": report.by,
            "since": report.since,
            "until": report.until,
            "data": report.rows,
            "total": report.total,
            "pending": msgspec.to_builtins(report.pending),
        }
    )


def _print_csv(report: Report) -> None:
    names = [column for group in report.by for column in _COLUMNS[group]] + [*_SUMS]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*names, "currency"])
    for row in report.rows:
        writer.writerow([*(row.get(name, "") for name in names), report.currency])


def _name(row: dict[str, Any], group: str) -> Any:
    """Return what a group is called; keys without a member are programs'."""
    if group == "member" and row.get("user") == "program":
        return "(programs)"
    return row.get(group, row.get(f"{group}_id"))


def _print(report: Report) -> None:
    lines = [
        (
            *(_name(row, group) for group in report.by),
            *(row[name] for name in _SUMS[:-1]),
            f"{row['cost']} {report.currency}",
        )
        for row in report.rows
    ]
    if lines:
        total = report.total
        blank = [""] * (len(report.by) - 1)
        sums = [total[name] for name in _SUMS[:-1]]
        lines.append(("total", *blank, *sums, f"{total['cost']} {report.currency}"))
    counted = ("requests", "estimated", "unpriced", "prompt", "completion", "cached", "cache write")
    columns = (*report.by, *counted, "cost")
    print_table(columns, lines, empty="nothing was used in this time")
