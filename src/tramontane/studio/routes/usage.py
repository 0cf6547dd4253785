"""`/api/v1/usage`: what was used and what it cost, as a report or for one request.

It shows what has been moved out of the metering journal; the newest seconds are still on the way.
"""

import csv
import io
from typing import Annotated, Any, Literal

import msgspec
from litestar import MediaType, Request, Response, get
from litestar.params import FromPath, QueryParameter
from sqlalchemy import Connection

from tramontane.errors import InvalidRequest, NotFound
from tramontane.money import format_nano
from tramontane.store import keys, usage
from tramontane.store.records import UsageRecord
from tramontane.store.usage import By, UsageRow, User
from tramontane.store.windows import time_name
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.discretion import hidden_keys, together
from tramontane.studio.moments import optional_name, parse_optional
from tramontane.studio.operations import CsvOperation, describe
from tramontane.studio.platform import GivenPlatform
from tramontane.studio.routes.projects import scope_of
from tramontane.studio.spans import Span, span_of

_GROUP_FIELDS: dict[By, tuple[str, ...]] = {
    "day": ("day",),
    "project": ("project_id", "project"),
    "key": ("key_id", "key"),
    "member": ("member_id", "member", "user"),
    "model": ("model",),
    "deployment": ("deployment",),
    "provider": ("provider",),
    "region": ("region",),
}


class UsageLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Sums of one group; the fields of what was not grouped by are left out. `provider` is empty
    where the bill does not say who served it, `region` where nobody has said where. By member,
    `user` says who used it: a person, a program with a key of its own, or colleagues together.

    Of `requests`, `estimated_requests` were not counted to their end, and what `unpriced_requests`
    cost nobody knows. `cached_tokens` and `cache_write_tokens` are part of `prompt_tokens`.
    """

    day: str | None = None
    project_id: str | None = None
    project: str | None = None
    key_id: str | None = None
    key: str | None = None
    member_id: str | None = None
    member: str | None = None
    user: User | None = None
    model: str | None = None
    deployment: str | None = None
    provider: str | None = None
    region: str | None = None
    requests: int
    estimated_requests: int
    unpriced_requests: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    cost: str


class UsageReport(msgspec.Struct, frozen=True, kw_only=True):
    """Usage from `since` up to, not including, `until`; costs in `currency`."""

    currency: str
    since: str | None
    until: str | None
    by: tuple[By, ...]
    data: list[UsageLine]
    total: UsageLine


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at a request. `estimated`: its end never reached the gateway. Unless
    `cost_known`, nobody has said what it costs.
    """

    attempt: int
    deployment: str
    provider: str
    region: str
    started_at: str
    settled_at: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    cost: str
    cost_known: bool
    estimated: bool
    status: str


class RequestUsage(msgspec.Struct, frozen=True, kw_only=True):
    """The bill of one request: its attempts and their sum. Unless `cost_known`, nobody has
    said what one of them costs.
    """

    request_id: str
    project_id: str
    key_id: str
    model: str
    currency: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    cost: str
    cost_known: bool
    estimated: bool
    attempts: list[AttemptView]


@get(
    "/usage",
    operation_class=CsvOperation,
    **describe("reportUsage", "Report usage", "Usage", right="read", errors=(404,)),
)
def report_usage(
    platform: GivenPlatform,
    caller: GivenCaller,
    request: Request[Any, Any, Any],
    by: Annotated[
        list[str] | None,
        QueryParameter(
            description=f"What to group by, in order: {', '.join(usage.BY)}; with commas or"
            " repeated. Left out: one total."
        ),
    ] = None,
    since: Annotated[
        str | None, QueryParameter(description="From this date or moment on (RFC 3339, UTC).")
    ] = None,
    until: Annotated[
        str | None, QueryParameter(description="Up to, not including, this date or moment.")
    ] = None,
    span: Annotated[
        Span | None, QueryParameter(description="A time by name (UTC), in place of the two.")
    ] = None,
    project_id: Annotated[
        str | None, QueryParameter(description="One project only, by identifier or name.")
    ] = None,
    format: Annotated[  # noqa: A002 - the name in the address
        Literal["json", "csv"] | None,
        QueryParameter(description="The answer's form; left out, the `accept` header decides."),
    ] = None,
) -> Response[UsageReport]:
    """A caller without `operate` gets their own projects' usage. Days are UTC. By key or member,
    what a member's colleagues used is one line without either, unless the member manages the
    project. A key sees its project's keys, and its members as one.
    """
    groups = _groups(by or [])
    since_ms, until_ms = _bounds(platform.clock_ms(), span, since, until)
    with platform.store.read() as c:
        scope = scope_of(c, caller, project_id)
        bounds: dict[str, Any] = {"since_ms": since_ms, "until_ms": until_ms}
        bounds["hides_sellers"] = not caller.is_operator
        if {"key", "member"} & {*groups}:
            rows = usage.report(c, by=_with_key(groups), project_ids=scope, **bounds)
            rows = together(rows, _hidden(c, caller, groups), groups)
        else:
            rows = usage.report(c, by=groups, project_ids=scope, **bounds)
        total = usage.report(c, by=(), project_ids=scope, **bounds)
    lines = [_line(row) for row in rows]
    if format == "csv" or (format is None and _prefers_csv(request)):
        text: Any = _csv(groups, lines, platform.settings.currency)
        return Response(text, media_type="text/csv")
    report = UsageReport(
        currency=platform.settings.currency,
        since=optional_name(since_ms),
        until=optional_name(until_ms),
        by=groups,
        data=lines,
        total=_line(total[0]),
    )
    return Response(report, media_type=MediaType.JSON)


@get(
    "/usage/{request_id:str}",
    **describe("getRequestUsage", "Show a request's bill", "Usage", right="read", errors=(404,)),
)
def get_request_usage(
    platform: GivenPlatform, caller: GivenCaller, request_id: FromPath[str]
) -> RequestUsage:
    """`request_id` is the `x-request-id` of its answer. 404 until the bill has been settled and
    moved out of the metering journal, which takes some seconds.
    """
    with platform.store.read() as c:
        records = usage.attempts(c, request_id)
        hidden = hidden_keys(c, caller)
    is_seen = records and caller.may_see(records[0].project_id)
    if not is_seen or records[0].key_id in hidden:
        raise NotFound(
            "there is no bill of that request, or none yet; ask again in some seconds",
            param="request_id",
        )
    return _bill(records, platform.settings.currency, hides_sellers=not caller.is_operator)


def _with_key(groups: tuple[By, ...]) -> tuple[By, ...]:
    return groups if "key" in groups else (*groups, "key")


def _hidden(c: Connection, caller: Caller, groups: tuple[By, ...]) -> frozenset[str]:
    """Return the keys whose use is nobody's by name for this caller. Who is a member of a project
    is its people's to know: a program's key is told of them together.
    """
    if caller.key is not None and not caller.is_operator and "member" in groups:
        return frozenset(k.id for k in keys.list_all(c, caller.project_ids) if k.member_id)
    return hidden_keys(c, caller)


def _bounds(
    now_ms: int, span: Span | None, since: str | None, until: str | None
) -> tuple[int | None, int | None]:
    if span is None:
        return parse_optional(since, "since"), parse_optional(until, "until")
    if since is not None or until is not None:
        raise InvalidRequest("span: give either it, or since and until.", param="span")
    return span_of(span, now_ms)


def _groups(by: list[str]) -> tuple[By, ...]:
    groups: dict[By, None] = {}
    for name in (name.strip() for part in by for name in part.split(",")):
        if name not in _GROUP_FIELDS:
            raise InvalidRequest(
                f"by: {name[:80]!r} is none of {', '.join(_GROUP_FIELDS)}.", param="by"
            )
        groups[name] = None
    return tuple(groups)


def _prefers_csv(request: Request[Any, Any, Any]) -> bool:
    best = request.accept.best_match(["application/json", "text/csv"], default="application/json")
    return best == "text/csv"


def _line(row: UsageRow) -> UsageLine:
    fields = msgspec.structs.asdict(row)
    return UsageLine(cost=format_nano(fields.pop("cost_nano")), **fields)


def _csv(groups: tuple[By, ...], lines: list[UsageLine], currency: str) -> str:
    names = [field for group in groups for field in _GROUP_FIELDS[group]]
    names += ["requests", "estimated_requests", "unpriced_requests", "prompt_tokens"]
    names += ["completion_tokens", "cached_tokens", "cache_write_tokens", "cost"]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*names, "currency"])
    writer.writerows([*(getattr(line, name) for name in names), currency] for line in lines)
    return text.getvalue()


def _bill(records: list[UsageRecord], currency: str, *, hides_sellers: bool) -> RequestUsage:
    last = records[-1]
    return RequestUsage(
        request_id=last.request_id,
        project_id=last.project_id,
        key_id=last.key_id,
        model=last.model,
        currency=currency,
        prompt_tokens=sum(r.prompt_tokens for r in records),
        completion_tokens=sum(r.completion_tokens for r in records),
        cached_tokens=sum(r.cached_tokens for r in records),
        cache_write_tokens=sum(r.cache_write_tokens for r in records),
        cost=format_nano(sum(r.cost_nano for r in records)),
        cost_known=all(map(_is_known, records)),
        estimated=any(r.estimated for r in records),
        attempts=[_attempt(record, hides_sellers=hides_sellers) for record in records],
    )


def _is_known(record: UsageRecord) -> bool:
    return record.is_priced or not record.prompt_tokens  # nothing used costs nothing


def _attempt(record: UsageRecord, *, hides_sellers: bool) -> AttemptView:
    is_hidden = hides_sellers and record.publication_id != ""
    return AttemptView(
        attempt=record.attempt,
        deployment=record.model if is_hidden else record.deployment,
        provider=record.provider,
        region=record.region,
        started_at=time_name(record.started_at_ms),
        settled_at=time_name(record.settled_at_ms),
        prompt_tokens=record.prompt_tokens,
        completion_tokens=record.completion_tokens,
        cached_tokens=record.cached_tokens,
        cache_write_tokens=record.cache_write_tokens,
        cost=format_nano(record.cost_nano),
        cost_known=_is_known(record),
        estimated=record.estimated,
        status=record.status,
    )
