"""`/api/v1/drills`: taking somebody away for a time, to see what stands without them."""

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath, JSONBody

from tramontane.datafolder import DataFolder
from tramontane.governance import drills as reports
from tramontane.governance import overview, survival
from tramontane.governance.facts import Dimension
from tramontane.governance.survival import Outcome
from tramontane.money import format_nano
from tramontane.store import drills
from tramontane.store.records import Drill
from tramontane.store.windows import time_name
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.moments import optional_name
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform, Platform


class NewDrill(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without whom, such as `mistral` or `jurisdiction:US`, and for how many seconds."""

    without: str
    for_s: int = 600


class FiguresView(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the requests that began from `since` up to `until`.

    `answered` came to their end; `failed` are errors of the platform or upstream; `refused` were
    refused for what they were or who asked; `left` were given up by their client. `answered_share`
    is of answered and failed. Times are of what was answered, in milliseconds. Null: no such
    request.
    """

    since: str
    until: str
    requests: int
    answered: int
    failed: int
    refused: int
    left: int
    answered_share: float | None
    first_token_p50_ms: int | None
    first_token_p95_ms: int | None
    total_p50_ms: int | None
    total_p95_ms: int | None
    prompt_tokens: int
    completion_tokens: int
    cost: str
    by_deployment: dict[str, int]


class ModelReportView(msgspec.Struct, frozen=True, kw_only=True):
    """One public name: how it was expected to fare, and how it did.

    `recovery_ms`: from the drill's start to the end of its first failures; null: never over.
    """

    model: str
    expected: Outcome
    before: FiguresView
    during: FiguresView
    recovery_ms: int | None


class DrillReportView(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered during the drill, beside as long a time before. `taken` was away.

    `expected_to_stand` leaves out the names that nothing was left for; `recovery_ms` is the longest
    of the others, null where one never recovered. `currency` is that of the costs.
    """

    currency: str
    taken: tuple[str, ...]
    before: FiguresView
    during: FiguresView
    expected_to_stand: FiguresView
    recovery_ms: int | None
    models: list[ModelReportView]


class DrillView(msgspec.Struct, frozen=True, kw_only=True):
    """A drill; it runs until `ended_at`, which comes at `ends_at` by itself, or before by hand.

    While it runs, `report` is what has happened so far; null until some seconds after its end.
    """

    id: str
    without: str
    dimension: Dimension
    name: str
    started_at: str
    ends_at: str
    ended_at: str | None
    left_s: int
    started_by: str
    report: DrillReportView | None


class DrillList(msgspec.Struct, frozen=True):
    """Drills without their reports, the latest first."""

    data: list[DrillView]


@get("/drills", **describe("listDrills", "List drills", "Independence", right="operate"))
def list_drills(platform: GivenPlatform) -> DrillList:
    """Needs the right `operate`. The one that runs, if one does, is the first."""
    with platform.store.read() as c:
        found = drills.list_all(c)
    now_ms = platform.clock_ms()
    return DrillList([_view(drill, now_ms, None) for drill in found])


@post(
    "/drills",
    status_code=201,
    **describe(
        "startDrill",
        "Take somebody away for a time",
        "Independence",
        right="operate",
        errors=(404, 409, 413),
    ),
)
def start_drill(
    platform: GivenPlatform, caller: GivenCaller, data: JSONBody[NewDrill]
) -> DrillView:
    """Needs the right `operate`. Within a second no request goes to any deployment that is known to
    rest on them, until the time is over; then they serve again by themselves. One drill at a time.
    """
    settings = platform.settings
    with platform.store.write() as c:
        now = overview.standing(c, settings, DataFolder(settings.data_dir).models)
        dimension, name = survival.parse(data.without, now.facts)
        drill = drills.start(
            c,
            without=f"{dimension}:{name}",
            for_ms=data.for_s * 1000,
            started_by=_name_of(caller),
            now_ms=platform.clock_ms(),
        )
    return _view(drill, platform.clock_ms(), None)


@get(
    "/drills/{drill_id:str}",
    **describe("getDrill", "Show a drill", "Independence", right="operate", errors=(404,)),
)
def get_drill(platform: GivenPlatform, drill_id: FromPath[str]) -> DrillView:
    """Needs the right `operate`. With its report; of one that runs, with what happened so far."""
    with platform.store.read() as c:
        drill = drills.get(c, drill_id)
    return _with_report(platform, drill)


@delete(
    "/drills/{drill_id:str}",
    status_code=200,
    **describe("endDrill", "End a drill", "Independence", right="operate", errors=(404,)),
)
def end_drill(platform: GivenPlatform, drill_id: FromPath[str]) -> DrillView:
    """Needs the right `operate`. What it took away serves again within a second."""
    with platform.store.write() as c:
        drill = drills.end(c, drill_id, platform.clock_ms())
    return _with_report(platform, drill)


def _name_of(caller: Caller) -> str:
    if caller.member is not None:
        return caller.member.name or caller.member.email
    return caller.key.name if caller.key is not None else ""


def _with_report(platform: Platform, drill: Drill) -> DrillView:
    now_ms = platform.clock_ms()
    report = None
    if drill.report is not None:
        report = msgspec.json.decode(drill.report, type=reports.Report)
    elif drill.ended_at_ms is None:
        report = _so_far(platform, drill, now_ms)
    currency = platform.settings.currency
    return _view(drill, now_ms, None if report is None else _report(report, currency))


def _so_far(platform: Platform, drill: Drill, now_ms: int) -> reports.Report:
    settings = platform.settings
    folder = DataFolder(settings.data_dir)
    with platform.store.read() as c:
        now = overview.standing(c, settings, folder.models)
    until_ms = min(max(now_ms, drill.started_at_ms + 1), drill.ends_at_ms)
    so_far = msgspec.structs.replace(drill, ended_at_ms=until_ms)
    return overview.drill_report(so_far, now, folder.access_log)


def _view(drill: Drill, now_ms: int, report: DrillReportView | None) -> DrillView:
    dimension, name = overview.split(drill.without)
    left_ms = 0 if drill.ended_at_ms is not None else max(0, drill.ends_at_ms - now_ms)
    return DrillView(
        id=drill.id,
        without=drill.without,
        dimension=dimension,
        name=name,
        started_at=time_name(drill.started_at_ms),
        ends_at=time_name(drill.ends_at_ms),
        ended_at=optional_name(drill.ended_at_ms),
        left_s=-(-left_ms // 1000),
        started_by=drill.started_by,
        report=report,
    )


def _report(report: reports.Report, currency: str) -> DrillReportView:
    return DrillReportView(
        currency=currency,
        taken=report.taken,
        before=_figures(report.before),
        during=_figures(report.during),
        expected_to_stand=_figures(report.expected_to_stand),
        recovery_ms=report.recovery_ms,
        models=[
            ModelReportView(
                model=model.model,
                expected=model.expected,
                before=_figures(model.before),
                during=_figures(model.during),
                recovery_ms=model.recovery_ms,
            )
            for model in report.models
        ],
    )


def _figures(figures: reports.Figures) -> FiguresView:
    fields = msgspec.structs.asdict(figures)
    return FiguresView(
        since=time_name(fields.pop("from_ms")),
        until=time_name(fields.pop("to_ms")),
        cost=format_nano(fields.pop("cost_nano")),
        **fields,
    )
