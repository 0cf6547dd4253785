"""`/api/v1/embeds`: assistants on other sites, for who manages a project; and their public pages.

A visitor is not known: a page of an embed has a token, with which it may ask, in its key's name and
within its budget. Nothing of what visitors say is kept.
"""

import asyncio
from collections.abc import Callable
from itertools import starmap
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Request, Response, Router, delete, get, post
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream
from sqlalchemy import Connection

from tramontane.assistant import library
from tramontane.assistant.served import by_model
from tramontane.errors import Forbidden, InvalidRequest, NotFound, TramontaneError
from tramontane.money import format_nano, parse_nano
from tramontane.store import assistants, budgets, embeds, keys, projects
from tramontane.store.assistants import AssistantSettings
from tramontane.store.embeds import Embed
from tramontane.store.records import Budget, Window
from tramontane.store.windows import time_name
from tramontane.studio import embedding, facts
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.operations import describe
from tramontane.studio.permitted import permitted
from tramontane.studio.platform import GivenPlatform, Platform
from tramontane.studio.routes.projects import seen_by
from tramontane.studio.routes.session import arrived_at
from tramontane.studio.routes.status import usable_in
from tramontane.studio.visiting import Asked, Turn, answer, asked_of, question, refused

TAG = "Embeds"


class EmbedBudget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A hard limit of an embed alone. `limit` is a decimal such as "12.50"."""

    window: Window
    limit: str


class EmbedView(msgspec.Struct, frozen=True, kw_only=True):
    """An embed. `snippet` is the line for the other site, `frame` the same without a script.

    `assistant_name` is null where the assistant is gone: it then answers nobody. What it used is in
    the usage report under the key `key_id`.
    """

    id: str
    project_id: str
    assistant_id: str
    assistant_name: str | None
    title: str
    allowed_origins: tuple[str, ...]
    key_id: str
    key: str
    budget: EmbedBudget | None
    snippet: str
    frame: str
    created_at: str


class EmbedList(msgspec.Struct, frozen=True):
    """Embeds, newest first."""

    data: list[EmbedView]


class NewEmbed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a new embed is made of. `allowed_origins` are the sites that may show it."""

    project_id: str
    assistant_id: str
    title: str
    allowed_origins: tuple[str, ...]
    budget: EmbedBudget | None = None


class VisitorQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a visitor asks: the conversation so far, since it is kept in their browser only."""

    token: str
    messages: tuple[Turn, ...]
    language: str | None = None


@get("/embeds", **describe("listEmbeds", "List embeds", TAG, people=True, errors=(404,)))
def list_embeds(
    platform: GivenPlatform,
    caller: GivenCaller,
    request: Request[Any, Any, Any],
    project_id: FromQuery[str | None] = None,
) -> EmbedList:
    """Those of the projects that one manages."""
    with platform.store.read() as c:
        if project_id is not None:
            ids: tuple[str, ...] | None = (_managed(c, caller, project_id),)
        elif caller.is_operator:
            ids = None
        else:
            ids = tuple(p for p in caller.project_ids if caller.may_manage(p))
        found = embeds.list_of(c, ids)
        return EmbedList([_view(c, each, platform, request, caller) for each in found])


@post(
    "/embeds",
    **describe(
        "createEmbed", "Put an assistant on another site", TAG, people=True, errors=(404, 413)
    ),
)
def create_embed(
    platform: GivenPlatform,
    caller: GivenCaller,
    request: Request[Any, Any, Any],
    data: JSONBody[NewEmbed],
) -> EmbedView:
    """For who manages the project. It gets a key of its own, which nobody can send."""
    limit_nano = None if data.budget is None else _limit_nano(data.budget.limit)
    with platform.store.write() as c:
        project_id = _managed(c, caller, data.project_id)
        _settings(c, data.assistant_id, caller)
        embed = embeds.create(
            c,
            member_id=caller.person().id,
            project_id=project_id,
            assistant_id=data.assistant_id,
            title=data.title,
            allowed_origins=data.allowed_origins,
            now_ms=platform.clock_ms(),
        )
        if data.budget is not None:
            budgets.set(
                c,
                project_id=project_id,
                key_id=embed.key_id,
                window=data.budget.window,
                limit_nano=limit_nano,
            )
        return _view(c, embed, platform, request, caller)


@delete(
    "/embeds/{embed_id:str}",
    **describe("deleteEmbed", "Take an embed away", TAG, people=True, errors=(404,)),
)
def delete_embed(platform: GivenPlatform, caller: GivenCaller, embed_id: FromPath[str]) -> None:
    """Its key is revoked: answers under way end within five seconds."""
    with platform.store.write() as c:
        embed = embeds.get(c, embed_id)
        if not caller.may_manage(embed.project_id):
            raise embeds.missing()
        embeds.revoke(c, embed, platform.clock_ms())


@post(
    "/embeds/{embed_id:str}/messages",
    status_code=200,
    **describe(
        "askEmbed", "Ask an embedded assistant", TAG,
        public=True, is_async=True, errors=(401, 404, 413, 429),
    ),
)  # fmt: skip
async def ask_embed(
    platform: GivenPlatform,
    request: Request[Any, Any, Any],
    embed_id: FromPath[str],
    data: JSONBody[VisitorQuestion],
) -> Stream:
    """Public: for an embed's own page, with the token that it was given. Events: `queued`, `delta`,
    `done`, `error`. Nothing is kept.
    """
    arrived = arrived_at(platform, request)
    if not embedding.is_own_page(arrived.sent_origin, arrived.sent_site, arrived.origin):
        raise Forbidden("Questions come from the embed's own page only.", code="cross_site")
    visitor = platform.visitors.check(embed_id, data.token)
    turns = question(data.messages)
    language = embedding.language_of(data.language, request.headers.get("accept-language", ""))
    asked = await asyncio.to_thread(_asked, platform, embed_id, language)
    await platform.visitors.until_answered(visitor)
    platform.visitors.begin(visitor, arrived.client)

    has_begun = False
    try:
        events = await answer(
            platform.tokens,
            asked,
            turns,
            token=lambda: platform.visitors.token(embed_id),
            end=lambda: platform.visitors.end(visitor),
        )
        has_begun = True
    except TramontaneError as error:
        raise refused(error) from None
    finally:
        if not has_begun:
            platform.visitors.end(visitor)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return Stream(events, media_type="text/event-stream", headers=headers)


def pages(platform: Callable[[], Platform]) -> Router:
    """Return the public pages and files of embeds, which stand outside the API."""
    return Router(
        "/",
        route_handlers=[embed_page, *starmap(_asset, embedding.assets().items())],
        dependencies={"platform": Provide(lambda: platform(), sync_to_thread=False)},
    )


@get(
    "/embed/{embed_id:str}",
    include_in_schema=False,
    opt={"public": True},
    sync_to_thread=True,
)
def embed_page(
    request: Request[Any, Any, Any],
    embed_id: FromPath[str],
    platform: GivenPlatform,
    language: Annotated[str | None, QueryParameter(description="One of the five.")] = None,
) -> Response[bytes]:
    """The page that other sites show in a frame: those that the embed allows, and no other."""
    words = embedding.language_of(language, request.headers.get("accept-language", ""))
    with platform.store.read() as c:
        embed = embeds.get(c, embed_id)
        try:
            starters = _settings_of(c, embed, words).starters
        except NotFound:
            starters = ()  # it will say that it cannot answer
    body = embedding.page(
        embed_id=embed.id,
        title=embed.title,
        starters=starters,
        token=platform.visitors.token(embed.id),
        language=words,
    )
    headers = {
        "content-security-policy": embedding.policy(embed.allowed_origins),
        "x-frame-options": "",  # older than the policy, and cannot name a site
        "cache-control": "no-store",
    }
    return Response(body, media_type=MediaType.HTML, headers=headers)


def _asset(path: str, asset: embedding.Asset) -> HTTPRouteHandler:
    headers = {
        "etag": asset.etag,
        "cache-control": "public, max-age=300",
        "cross-origin-resource-policy": "cross-origin",  # it is made to be loaded by other sites
    }

    @get(path, include_in_schema=False, opt={"public": True}, sync_to_thread=False)
    def serve(request: Request[Any, Any, Any]) -> Response[bytes]:
        if request.headers.get("if-none-match") == asset.etag:
            return Response(b"", status_code=304, headers=headers)
        return Response(asset.body, media_type=asset.media_type, headers=headers)

    return serve


def _asked(platform: Platform, embed_id: str, language: str) -> Asked:
    """Return what is asked, of which model, in whose name. Raises NotFound, Unavailable."""
    with platform.store.read() as c:
        embed = embeds.get(c, embed_id)
        settings = _settings_of(c, embed, language)
        usable = projects.get(c, embed.project_id).allowed_models
    found = usable_in(platform, embed.project_id, usable)
    found = permitted(platform, found, project_id=embed.project_id, key_id=embed.key_id)
    models = by_model(facts.served(deployment) for deployment in found)
    return asked_of(embed.key_id, settings, models, embedding.words_of(language).system)


def _settings_of(c: Connection, embed: Embed, language: str) -> AssistantSettings:
    """Return what an embed's assistant is; who published it decided who may use it."""
    if embed.assistant_id.startswith("shipped:"):
        return library.settings_of_shipped(embed.assistant_id, language)
    return assistants.get(c, embed.assistant_id).settings


def _settings(c: Connection, assistant_id: str, caller: Caller) -> AssistantSettings:
    member = caller.person()
    return library.find(
        c,
        assistant_id,
        member_id=member.id,
        project_ids=caller.project_ids,
        language=member.language,
    )


def _managed(c: Connection, caller: Caller, project_id: str) -> str:
    found = seen_by(c, caller, project_id).id
    if not caller.may_manage(found):
        raise Forbidden("Who manages the project puts its assistants on other sites.")
    return found


def _limit_nano(text: str) -> int:
    try:
        return parse_nano(text)
    except ValueError as error:
        raise InvalidRequest(f"limit: {error}", param="limit") from None


def _view(
    c: Connection,
    embed: Embed,
    platform: Platform,
    request: Request[Any, Any, Any],
    caller: Caller,
) -> EmbedView:
    origin = platform.settings.server.public_url or arrived_at(platform, request).origin
    try:
        name: str | None = _settings_of(c, embed, caller.person().language).name
    except NotFound:
        name = None
    own = [b for b in budgets.list_all(c, (embed.project_id,)) if b.key_id == embed.key_id]
    return EmbedView(
        id=embed.id,
        project_id=embed.project_id,
        assistant_id=embed.assistant_id,
        assistant_name=name,
        title=embed.title,
        allowed_origins=embed.allowed_origins,
        key_id=embed.key_id,
        key=keys.get(c, embed.key_id).name,
        budget=_budget(own[0]) if own else None,
        snippet=embedding.snippet(origin, embed.id, embed.title),
        frame=embedding.frame(origin, embed.id, embed.title),
        created_at=time_name(embed.created_at_ms),
    )


def _budget(budget: Budget) -> EmbedBudget:
    return EmbedBudget(window=budget.window, limit=format_nano(budget.limit_nano))
