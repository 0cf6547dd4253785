"""Which answer people found better, of those that stood side by side in the playground.

Kept for the ranking of models: never the prompt or an answer, of the prompt only its hash, language
and length. It does not know who may ask for sums.
"""

from collections.abc import Collection

import msgspec
from sqlalchemy import Connection, insert, select

from tramontane.errors import InvalidRequest
from tramontane.store import schema
from tramontane.store.names import new_id

MODELS_MAX = 4
MODEL_CHARACTERS_MAX = 200


class Figures(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one model's answer took, as the playground measured it. `cost` is a decimal."""

    first_token_ms: int | None = None
    total_ms: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    tokens_per_s: float | None = None
    cost: str | None = None


class Detail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept beside the choice. `none_good`: every answer was found wanting."""

    none_good: bool = False
    prompt_sha256: str | None = None
    prompt_characters: int | None = None
    language: str | None = None
    figures: dict[str, Figures] = {}


class Vote(msgspec.Struct, frozen=True, kw_only=True):
    """One member's choice among `models`; `winner` None: no difference, or none was good."""

    id: str
    member_id: str
    project_id: str
    models: tuple[str, ...]
    winner: str | None
    is_blind: bool
    detail: Detail
    created_at_ms: int


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How often a model was compared, found better, no different, or as poor as all the others."""

    model: str
    comparisons: int
    wins: int
    ties: int
    none_good: int


def add(
    c: Connection,
    *,
    member_id: str,
    project_id: str,
    models: Collection[str],
    winner: str | None,
    is_blind: bool,
    detail: Detail,
    now_ms: int,
) -> Vote:
    """Return the vote, kept. Raises InvalidRequest naming what is wrong with it."""
    named = tuple(models)
    if not 2 <= len(named) <= MODELS_MAX or len(set(named)) != len(named):
        raise _wrong("models", f"two to {MODELS_MAX} different models are compared")
    if any(not name or len(name) > MODEL_CHARACTERS_MAX for name in named):
        raise _wrong("models", "each must be the name of a model")
    if winner is not None and winner not in named:
        raise _wrong("winner", "must be one of the models, or null")
    if winner is not None and detail.none_good:
        raise _wrong("none_good", "there is a winner, so one was good")
    if not detail.figures.keys() <= {*named}:
        raise _wrong("figures", "must be of the models compared")
    vote = Vote(
        id=new_id("vote"),
        member_id=member_id,
        project_id=project_id,
        models=named,
        winner=winner,
        is_blind=is_blind,
        detail=detail,
        created_at_ms=now_ms,
    )
    row = {**msgspec.structs.asdict(vote), "detail": msgspec.json.encode(detail)}
    c.execute(insert(schema.votes), row)
    return vote


def list_of_member(c: Connection, member_id: str) -> list[Vote]:
    """Return the member's votes, oldest first."""
    t = schema.votes
    query = select(t).where(t.c.member_id == member_id).order_by(t.c.created_at_ms, t.c.id)
    return [
        Vote(
            **{
                **row,
                "models": tuple(row["models"]),
                "detail": msgspec.json.decode(row["detail"], type=Detail),
            }
        )
        for row in c.execute(query).mappings()
    ]


def summary(
    c: Connection,
    *,
    project_ids: Collection[str] | None = None,
    models: Collection[str] | None = None,
) -> list[Tally]:
    """Return the sums per model by name; of these projects and models only, where given.

    With `models`, only votes that compared no others count.
    """
    t = schema.votes.c
    query = select(t.models, t.winner, t.detail)
    if project_ids is not None:
        query = query.where(t.project_id.in_([*project_ids]))
    sums: dict[str, list[int]] = {name: [0, 0, 0, 0] for name in models or ()}
    for compared, winner, detail in c.execute(query):
        if models is not None and not {*compared} <= {*models}:
            continue
        poor = msgspec.json.decode(detail, type=Detail).none_good
        for name in compared:
            found = sums.setdefault(name, [0, 0, 0, 0])
            found[0] += 1
            found[1] += winner == name
            found[2] += winner is None and not poor
            found[3] += poor
    return [
        Tally(model=name, comparisons=n, wins=wins, ties=ties, none_good=poor)
        for name, (n, wins, ties, poor) in sorted(sums.items())
    ]


def _wrong(param: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"{param}: {why}.", param=param, code="invalid_value")
