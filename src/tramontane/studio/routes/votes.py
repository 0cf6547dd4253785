"""`/api/v1/votes`: which of several answers was better, kept for the ranking of models."""

import re
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import FromQuery, JSONBody, QueryParameter

from tramontane.errors import InvalidRequest
from tramontane.money import parse_nano
from tramontane.store import votes
from tramontane.store.records import Language
from tramontane.store.votes import Detail, Figures, Tally
from tramontane.studio.auth import GivenCaller
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform
from tramontane.studio.routes.projects import scope_of

TAG = "Playground"
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class VoteFigures(Figures, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one model's answer took, as `end` told it."""


class NewVote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A choice among the answers of `models`. `winner` null: no difference; with `none_good`, none
    of them was good. Of the prompt only its hash, its length and its language are taken.
    """

    project_id: str
    models: tuple[str, ...]
    winner: str | None
    none_good: bool = False
    is_blind: bool = False
    prompt_sha256: str | None = None
    prompt_characters: _Count | None = None
    language: Language | None = None
    figures: dict[str, VoteFigures] = {}


class VoteView(msgspec.Struct, frozen=True, kw_only=True):
    """A vote that was kept, and the sums of its models since."""

    id: str
    summary: list[Tally]


class VoteSummary(msgspec.Struct, frozen=True):
    """Sums per model, by name."""

    data: list[Tally]


@post(
    "/votes",
    **describe("createVote", "Say which answer was better", TAG, people=True, errors=(404, 413)),
)
def create_vote(platform: GivenPlatform, caller: GivenCaller, data: JSONBody[NewVote]) -> VoteView:
    """Kept for the member's project, without prompt and answers."""
    project_id = caller.membership(data.project_id).project_id
    detail = _detail(data)
    with platform.store.write() as c:
        vote = votes.add(
            c,
            member_id=caller.person().id,
            project_id=project_id,
            models=data.models,
            winner=data.winner,
            is_blind=data.is_blind,
            detail=detail,
            now_ms=platform.clock_ms(),
        )
        found = votes.summary(c, project_ids=(project_id,), models=data.models)
    return VoteView(id=vote.id, summary=found)


@get(
    "/votes/summary",
    **describe("summarizeVotes", "Sum up votes", TAG, right="read", errors=(404,)),
)
def summarize_votes(
    platform: GivenPlatform,
    caller: GivenCaller,
    models: Annotated[
        list[str] | None,
        QueryParameter(description="Comparisons among these only; left out: all of them."),
    ] = None,
    project_id: FromQuery[str | None] = None,
) -> VoteSummary:
    """Of the caller's own projects; an operator's sums are of all."""
    with platform.store.read() as c:
        scope = scope_of(c, caller, project_id)
        return VoteSummary(votes.summary(c, project_ids=scope, models=models))


def _detail(data: NewVote) -> Detail:
    if data.prompt_sha256 is not None and _SHA256.fullmatch(data.prompt_sha256) is None:
        raise InvalidRequest(
            "prompt_sha256: must be 64 hexadecimal digits.",
            param="prompt_sha256",
            code="invalid_value",
        )
    return Detail(
        none_good=data.none_good,
        prompt_sha256=data.prompt_sha256,
        prompt_characters=data.prompt_characters,
        language=data.language,
        figures={name: _figures(name, figures) for name, figures in data.figures.items()},
    )


def _figures(name: str, given: VoteFigures) -> Figures:
    try:
        if given.cost is not None:
            parse_nano(given.cost)
    except ValueError as error:
        at = f"figures.{name[:80]}.cost"
        raise InvalidRequest(f"{at}: {error}.", param=at, code="invalid_value") from None
    return Figures(**msgspec.structs.asdict(given))
