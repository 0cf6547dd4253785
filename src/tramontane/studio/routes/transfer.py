"""Conversations in and out: `…/export`, `/api/v1/export`, `/imports`; `/feedback` for operators."""

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal
from urllib.parse import quote

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from tramontane.assistant import access, telling
from tramontane.assistant.transfer import markdown, own
from tramontane.assistant.views import conversation_view, message_view
from tramontane.datafolder import DataFolder
from tramontane.errors import InvalidRequest
from tramontane.store import assistants, conversations, feedback, messages, prompts, votes
from tramontane.store.conversations import Conversation
from tramontane.store.feedback import Feedback
from tramontane.store.messages import Message
from tramontane.store.records import Member, Membership
from tramontane.store.windows import day_name, time_name
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.imports import MAX_BYTES, Import, ImportReport, turn
from tramontane.studio.moments import parse_optional
from tramontane.studio.operations import CsvOperation, describe
from tramontane.studio.platform import GivenPlatform, Platform
from tramontane.studio.routes.assistant_models import models_for
from tramontane.studio.routes.conversations import reader_of
from tramontane.studio.routes.projects import scope_of

TAG = "Transfer"
VERSION = 1
_UNSAFE = re.compile(r"[^\w .-]+")


class FeedbackView(msgspec.Struct, frozen=True, kw_only=True):
    """A rated answer, without what was said."""

    message_id: str
    conversation_id: str
    project_id: str
    project: str
    model: str | None
    deployment: str
    assistant_id: str | None
    rating: str
    reason: str | None
    answered_at: str


class FeedbackList(msgspec.Struct, frozen=True):
    """Rated answers, oldest first."""

    data: list[FeedbackView]


@get(
    "/conversations/{conversation_id:str}/export",
    **describe("exportConversation", "Export a conversation", TAG, people=True, errors=(404,)),
)
def export_conversation(
    platform: GivenPlatform,
    caller: GivenCaller,
    conversation_id: FromPath[str],
    format: Annotated[  # noqa: A002 - the name in the address
        Literal["markdown", "json"],
        QueryParameter(description="Markdown has the branch that is shown, JSON all of them."),
    ] = "markdown",
) -> Response[bytes]:
    """Whoever may read it may export it."""
    reader = reader_of(caller)
    with platform.store.read() as c:
        found = access.readable(c, conversation_id, reader)
        every = messages.list_all(c, found.id)
    is_mine = reader.owns(found)
    name = _UNSAFE.sub(" ", found.title).strip() or "conversation"
    if format == "json":
        body = msgspec.json.format(_line(found, every, is_mine=is_mine), indent=1) + b"\n"
        return attachment(body, "application/json", f"{name}.json")
    branch = branch_of(every, found.shown_message_id)
    text = markdown.render(found, branch, reader.language, platform.clock_ms())
    return attachment(text.encode(), "text/markdown", f"{name}.md")


@get(
    "/export",
    **describe("exportAll", "Export everything of one's own", TAG, people=True, is_async=True),
)
async def export_all(platform: GivenPlatform, caller: GivenCaller) -> Stream:
    """Lines of JSON: conversations with all branches, prompts, assistants, and votes in the
    playground. Each conversation can be imported again.
    """
    member = caller.person()
    name = f"tramontane-{day_name(platform.clock_ms())}.jsonl"
    headers = _named(name)
    return Stream(_everything(platform, member), media_type="application/x-ndjson", headers=headers)


@post(
    "/imports",
    status_code=200,
    request_max_body_size=MAX_BYTES,
    **describe(
        "importConversations", "Import conversations", TAG,
        people=True, is_async=True, errors=(404, 413),
    ),
)  # fmt: skip
async def import_conversations(
    platform: GivenPlatform,
    caller: GivenCaller,
    request: Request[Caller, Any, Any],
    project_id: Annotated[
        str | None,
        QueryParameter(description="Where they go; left out, to the member's usual project."),
    ] = None,
) -> ImportReport:
    """The body is ChatGPT's `conversations.json` or its .zip, Open WebUI's export, or our own, of
    64 MiB at most. What is here already is not added again. `skipped` says what could not be kept.
    """
    member = caller.person()
    place = _place(caller, project_id)
    folder = DataFolder(platform.settings.data_dir).run
    taking = Import(platform.store, folder, member, place, platform.clock_ms)
    with taking.file() as file:
        async for piece in request.stream():
            file.add(piece)
            if file.is_full:
                await asyncio.to_thread(file.flush)
        async with turn(platform.importing):
            found = await asyncio.to_thread(lambda: taking.take(file, models_for(platform, place)))
    for each in found.told:
        telling.conversation(platform.answering.feed, each, is_running=False)
    return found.report


@get(
    "/feedback",
    operation_class=CsvOperation,
    **describe("exportFeedback", "Export feedback", TAG, right="operate", errors=(404,)),
)
def export_feedback(
    platform: GivenPlatform,
    caller: GivenCaller,
    format: Annotated[  # noqa: A002 - the name in the address
        Literal["json", "csv"], QueryParameter(description="The answer's form.")
    ] = "json",
    project_id: Annotated[
        str | None, QueryParameter(description="One project only, by identifier or name.")
    ] = None,
    since: Annotated[
        str | None, QueryParameter(description="Answers from this date or moment on (UTC).")
    ] = None,
    until: Annotated[
        str | None, QueryParameter(description="Up to, not including, this date or moment.")
    ] = None,
) -> Response[FeedbackList]:
    """Thumbs and reasons with model and deployment, never what was asked or answered."""
    since_ms, until_ms = parse_optional(since, "since"), parse_optional(until, "until")
    with platform.store.read() as c:
        scope = scope_of(c, caller, project_id)
        ids = None if scope is None else scope[0]
        found = feedback.list_all(c, project_id=ids, since_ms=since_ms, until_ms=until_ms)
        views = [_feedback(each) for each in found]
    if format == "csv":
        text: Any = _csv(views)
        return Response(text, media_type="text/csv", headers=_named("feedback.csv"))
    return Response(FeedbackList(views), media_type=MediaType.JSON)


async def _everything(platform: Platform, member: Member) -> AsyncIterator[bytes]:
    head = {
        "format": "tramontane.export",
        "version": VERSION,
        "email": member.email,
        "name": member.name,
        "exported_at": time_name(platform.clock_ms()),
    }
    yield msgspec.json.encode(head) + b"\n"
    every = await asyncio.to_thread(_list, platform, member)
    for conversation in every:
        yield await asyncio.to_thread(_exported, platform, conversation)
    yield await asyncio.to_thread(_own_tools, platform, member)


def _list(platform: Platform, member: Member) -> list[Conversation]:
    with platform.store.read() as c:
        return conversations.list_of_member(c, member.id)


def _exported(platform: Platform, conversation: Conversation) -> bytes:
    with platform.store.read() as c:
        every = messages.list_all(c, conversation.id)
    return _line(conversation, every, is_mine=True) + b"\n"


def _own_tools(platform: Platform, member: Member) -> bytes:
    with platform.store.read() as c:
        own_prompts = prompts.list_of_member(c, member.id)
        own_assistants = assistants.list_of_member(c, member.id)
        own_votes = votes.list_of_member(c, member.id)
    lines = [
        {"format": "tramontane.prompt", "version": VERSION, "prompt": each} for each in own_prompts
    ]
    lines += [
        {"format": "tramontane.assistant", "version": VERSION, "assistant": each}
        for each in own_assistants
    ]
    lines += [{"format": "tramontane.vote", "version": VERSION, "vote": each} for each in own_votes]
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


def _line(conversation: Conversation, every: list[Message], *, is_mine: bool) -> bytes:
    view = conversation_view(
        conversation,
        [message_view(message) for message in every],
        is_mine=is_mine,
        is_running=False,
        feed="",
    )
    return msgspec.json.encode({"format": own.FORMAT, "version": VERSION, "conversation": view})


def branch_of(every: list[Message], end_id: str | None) -> list[Message]:
    """Return the messages from the first one to `end_id`."""
    by_id = {message.id: message for message in every}
    found: list[Message] = []
    at = by_id.get(end_id or "")
    while at is not None:
        found.append(at)
        at = by_id.get(at.parent_id or "")
    return found[::-1]


def attachment(body: bytes, media_type: str, name: str) -> Response[bytes]:
    """Return `body` as a file to be kept under `name`."""
    return Response(body, media_type=media_type, headers=_named(name))


def _named(name: str) -> dict[str, str]:
    plain = name.encode("ascii", "ignore").decode() or "export"
    value = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"
    return {"content-disposition": value}


def _place(caller: Caller, project_id: str | None) -> Membership:
    if project_id is not None:
        return caller.membership(project_id)
    if not caller.memberships:
        raise InvalidRequest(
            "You belong to no project yet, so there is nowhere to put them.", param="project_id"
        )
    usual = msgspec.json.decode(caller.person().preferences).get("default_project_id")
    places = {place.project_id: place for place in caller.memberships}
    return places.get(usual, caller.memberships[0])


def _feedback(found: Feedback) -> FeedbackView:
    fields = msgspec.structs.asdict(found)
    return FeedbackView(answered_at=time_name(fields.pop("answered_at_ms")), **fields)


def _csv(views: list[FeedbackView]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    names = FeedbackView.__struct_fields__
    writer.writerow(names)
    writer.writerows([_cell(getattr(view, name)) for name in names] for view in views)
    return text.getvalue()


def _cell(value: str | None) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{value}" if value and value[0] in "=+-@\t\r" else value or ""
