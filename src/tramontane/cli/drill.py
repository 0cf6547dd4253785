"""`tramontane drill`: takes somebody away for a time, watches, and reports.

The drill is in the store, with its end: it ends by itself, also where this command is killed. It
does not know the gateway; what it shows meanwhile is read from the access log.
"""

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from tramontane.cli.independence import OUTCOMES
from tramontane.cli.options import AsJson, ConfigFile, DataDir
from tramontane.cli.output import print_fields, print_json, print_table, view
from tramontane.cli.platform import Platform, opened
from tramontane.clock import clock_ms
from tramontane.errors import Conflict, InvalidRequest
from tramontane.money import format_nano

if TYPE_CHECKING:
    from tramontane.governance.drills import Figures, Report
    from tramontane.store.records import Drill

POLL_S = 0.5
REPORT_PATIENCE_S = 20.0
ASKED_MS = 30 * 86_400_000
"""A name that nobody asked for so long is not missed."""
_UNITS_S = {"s": 1, "m": 60, "h": 3_600}


def drill(
    without: Annotated[
        str | None,
        typer.Option(
            "--without",
            metavar="NAME",
            help="Whom to go without: a provider, host cloud, owner, chip or jurisdiction, such as"
            " mistral or jurisdiction:US. Left out: list the drills.",
        ),
    ] = None,
    duration: Annotated[
        str, typer.Option("--for", metavar="TIME", help="How long, such as 90s, 10m or 1h.")
    ] = "10m",
    preview: Annotated[
        bool, typer.Option("--preview", help="Say what would stand, and take nothing away.")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait for its end.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask, even where models would be lost.")
    ] = False,
    stop: Annotated[
        bool, typer.Option("--stop", help="End the drill that runs, before its time.")
    ] = False,
    show: Annotated[
        str | None, typer.Option("--show", metavar="ID", help="Show the report of that drill.")
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Take somebody away for a time, and report what was answered, how fast and at what cost.

    What was taken away comes back by itself. Ctrl-C ends the drill at once.
    """
    for_ms = _milliseconds(duration)
    with opened(config, data) as platform:
        if stop:
            _stop(platform, as_json)
        elif show is not None:
            _show(platform, show, as_json)
        elif without is None:
            _list(platform, as_json)
        elif preview:
            _preview(platform, without, as_json)
        else:
            _run(platform, without, for_ms, detach=detach, yes=yes, as_json=as_json)


def _milliseconds(text: str) -> int:
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS_S or not number.isascii() or not number.isdigit() or len(number) > 6:
        raise InvalidRequest(f"--for: {text!r} is no time such as 90s, 10m or 1h")
    return int(number) * _UNITS_S[unit] * 1000


def _stop(platform: Platform, as_json: bool) -> None:
    from tramontane.store import drills

    with platform.store.write() as c:
        ended = [drills.end(c, each.id, platform.now_ms) for each in drills.running(c)]
    if as_json:
        print_json({"ended": [_drill_json(each) for each in ended]})
    else:
        print(f"ended: {ended[0].without}" if ended else "no drill is running")


def _list(platform: Platform, as_json: bool) -> None:
    from tramontane.store import drills

    with platform.store.read() as c:
        found = drills.list_all(c)
    if as_json:
        print_json({"data": [_drill_json(each) for each in found]})
        return
    print_table(
        ("drill", "without", "started", "ended", "by"),
        (
            (
                d.id,
                d.without,
                shown["started_at"],
                shown["ended_at"] or "still running",
                d.started_by,
            )
            for d in found
            for shown in (view(d),)
        ),
        empty="no drill yet; begin one: tramontane drill --without NAME --for 10m",
    )


def _preview(platform: Platform, without: str, as_json: bool) -> None:
    named, taken, outcomes = _expected(platform, without)
    if as_json:
        print_json({"without": named, "taken": sorted(taken), "models": outcomes})
        return
    print_fields({"without": named, "would be away": sorted(taken)})
    print()
    print_table(
        ("model", "then"),
        ((model, OUTCOMES[outcome]) for model, outcome in sorted(outcomes.items())),
        empty="no model rests on it",
    )


def _expected(platform: Platform, without: str) -> tuple[str, frozenset[str], dict[str, str]]:
    from tramontane.governance import overview, survival

    with platform.store.read() as c:
        now = overview.standing(c, platform.settings, platform.folder.models)
    dimension, name = survival.parse(without, now.facts)
    taken, outcomes = overview.expected(now, dimension, name)
    return f"{dimension}:{name}", taken, dict(outcomes)


def _hidden(platform: Platform) -> frozenset[str]:
    """Return the names of deployments that a route has and that nobody asked for themselves."""
    from tramontane.governance import overview, survival

    with platform.store.read() as c:
        now = overview.standing(c, platform.settings, platform.folder.models)
        asked = overview.asked_for(c, platform.now_ms - ASKED_MS, None)
    return survival.behind(now.routes) - asked.keys()


def _run(
    platform: Platform, without: str, for_ms: int, *, detach: bool, yes: bool, as_json: bool
) -> None:
    from tramontane.store import drills

    if not platform.folder.address_file.exists():
        raise Conflict("the platform is not running here, so there is nothing to drill")
    named, taken, outcomes = _expected(platform, without)
    hidden = _hidden(platform)
    lost = sorted(m for m, outcome in outcomes.items() if outcome == "lost" and m not in hidden)
    if lost and not yes:
        _confirm(named, lost)
    with platform.store.write() as c:
        begun = drills.start(
            c, without=named, for_ms=for_ms, started_by="command line", now_ms=clock_ms()
        )
    if detach:
        _begun(begun, taken, as_json)
        return
    if not as_json:
        _begun(begun, taken, as_json=False)
    try:
        _watch(platform, begun)
    except KeyboardInterrupt:
        with platform.store.write() as c:
            drills.end(c, begun.id, clock_ms())
        print("\nended; what was away serves again", file=sys.stderr)
    _print_drill(platform, _reported(platform, begun.id), as_json)


def _confirm(named: str, lost: list[str]) -> None:
    print(f"Without {named} nothing is left for: {', '.join(lost)}.", file=sys.stderr)
    if not sys.stdin.isatty():
        raise InvalidRequest("say --yes to begin it all the same")
    typer.confirm("Begin the drill all the same?", abort=True, err=True)


def _begun(begun: "Drill", taken: frozenset[str], as_json: bool) -> None:
    if as_json:
        print_json({**_drill_json(begun), "taken": sorted(taken)})
        return
    shown = view(begun)
    print_fields(
        {
            "drill": begun.id,
            "without": begun.without,
            "away": sorted(taken),
            "until": shown["ends_at"],
        }
    )
    print()


def _watch(platform: Platform, begun: "Drill") -> None:
    """Wait for the drill's end, telling on a terminal how it goes."""
    from tramontane.store import drills

    with _progress(begun) as tell:
        while True:
            with platform.store.read() as c:
                now = drills.get(c, begun.id)
            if now.ended_at_ms is not None:
                return
            if clock_ms() > now.ends_at_ms + 5_000:  # the platform was stopped meanwhile
                with platform.store.write() as c:
                    drills.end_due(c, clock_ms())
                return
            if tell is not None:
                tell(clock_ms() - begun.started_at_ms, _so_far(platform, begun))
            time.sleep(POLL_S)


@contextlib.contextmanager
def _progress(begun: "Drill") -> Iterator[Any]:
    """Yield what to call with the time passed in milliseconds and the figures so far."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    total = begun.ends_at_ms - begun.started_at_ms
    columns = (
        TextColumn("without {task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(begun.without, total=total, figures="")

        def tell(passed_ms: int, figures: str) -> None:
            bar.update(task, completed=passed_ms, figures=figures)

        yield tell


def _so_far(platform: Platform, begun: "Drill") -> str:
    from tramontane.governance.access import read
    from tramontane.governance.drills import figures

    now_ms = clock_ms()
    lines = read(platform.folder.access_log, begun.started_at_ms, now_ms)
    found = figures(lines, (begun.started_at_ms, now_ms))
    return f"{found.answered} answered, {found.failed} failed"


def _reported(platform: Platform, drill_id: str) -> "Drill":
    """Return the drill, with its report if it comes in time."""
    from tramontane.store import drills

    deadline_s = time.monotonic() + REPORT_PATIENCE_S
    while True:
        with platform.store.read() as c:
            found = drills.get(c, drill_id)
        if found.report is not None or time.monotonic() > deadline_s:
            return found
        time.sleep(POLL_S)


def _show(platform: Platform, drill_id: str, as_json: bool) -> None:
    from tramontane.store import drills

    with platform.store.read() as c:
        found = drills.get(c, drill_id)
    _print_drill(platform, found, as_json)


def _drill_json(found: "Drill") -> dict[str, Any]:
    return {name: value for name, value in view(found).items() if name != "report"}


def _print_drill(platform: Platform, found: "Drill", as_json: bool) -> None:
    from tramontane.governance.drills import Report

    report = None if found.report is None else msgspec.json.decode(found.report, type=Report)
    if as_json:
        print_json({**_drill_json(found), "report": None if report is None else _json(report)})
    elif report is None:
        print(f"no report yet; ask again: tramontane drill --show {found.id}")
    else:
        _print_report(report, platform.settings.currency)


def _json(report: "Report") -> dict[str, Any]:
    found = view(report)
    for name in ("before", "during", "expected_to_stand"):
        found[name] = _figures_json(found[name])
    found["models"] = [
        {**view(m), "before": _figures_json(m.before), "during": _figures_json(m.during)}
        for m in report.models
    ]
    return found


def _figures_json(figures: "Figures") -> dict[str, Any]:
    found = view(figures)
    del found["from_ms"], found["to_ms"]
    return found


def _print_report(report: "Report", currency: str) -> None:
    shares = [report.during.answered_share, report.expected_to_stand.answered_share]
    print_fields(
        {
            "without": report.without,
            "away": report.taken,
            "answered": _percent(shares[0]),
            "of what should stand": _percent(shares[1]),
            "recovered after": _milli(report.recovery_ms),
        }
    )
    print()
    rows = [("before", report.before), ("during", report.during)]
    rows += [(f"during: {m.model} ({OUTCOMES[m.expected]})", m.during) for m in report.models]
    print_table(
        (
            "",
            "requests",
            "answered",
            "failed",
            "refused",
            "left",
            "first token",
            "whole",
            "cost",
            "each",
        ),
        (
            (
                title,
                f.requests,
                f.answered,
                f.failed,
                f.refused,
                f.left,
                _milli(f.first_token_p50_ms),
                _milli(f.total_p50_ms),
                f"{format_nano(f.cost_nano)} {currency}",
                f"{format_nano(f.cost_nano // f.answered)} {currency}" if f.answered else None,
            )
            for title, f in rows
        ),
        empty="",
    )
    if not report.during.requests:
        print("Nobody asked for anything during the drill: it shows nothing.")


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.2%}"


def _milli(ms: int | None) -> str | None:
    return None if ms is None else f"{ms} ms"
