"""`…/messages/{id}/results`: what tables gave, asked again with other SQL, or drawn anew."""

import asyncio
from typing import Any

import msgspec
from litestar import put
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from tramontane.assistant import access, editing, evidence, telling
from tramontane.assistant.access import Reader
from tramontane.assistant.evidence import Shown
from tramontane.assistant.scope import Scope, scope_of
from tramontane.assistant.views import MessageView, message_view
from tramontane.errors import InvalidRequest
from tramontane.store import messages
from tramontane.store.messages import Message, ResultPart, SourcesPart
from tramontane.studio.auth import GivenCaller
from tramontane.studio.operations import describe
from tramontane.studio.personas import persona_in
from tramontane.studio.platform import GivenPlatform, Platform
from tramontane.studio.routes.conversations import reader_of

TAG = "Conversations"


class ResultChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be another: `sql` is run again over the conversation's tables; `chart` is
    Vega-Lite without data, null for none.
    """

    sql: str | UnsetType = UNSET
    chart: dict[str, Any] | UnsetType | None = UNSET


class _Known(msgspec.Struct, frozen=True):
    """An answer with what its result may be asked of."""

    branch: list[Message]
    part: ResultPart
    scope: Scope
    shown: list[Shown]


@put(
    "/conversations/{conversation_id:str}/messages/{message_id:str}/results/{part_id:str}",
    **describe(
        "changeResult", "Change a result's SQL or chart", TAG,
        people=True, is_async=True, errors=(404, 409, 413, 429),
    ),
)  # fmt: skip
async def change_result(
    platform: GivenPlatform,
    caller: GivenCaller,
    conversation_id: FromPath[str],
    message_id: FromPath[str],
    part_id: FromPath[str],
    data: JSONBody[ResultChange],
) -> MessageView:
    """For its owner. The answer's numbers are compared with the new result; its words stay."""
    reader = reader_of(caller)
    if data.sql is UNSET and data.chart is UNSET:
        raise InvalidRequest("Give sql, chart or both.", param="sql", code="invalid_value")

    def look(c: Connection) -> _Known:
        return _known(c, reader, conversation_id, message_id, part_id)

    known = await asyncio.to_thread(_read, platform, look)
    language = editing.language_asked(known.branch, reader.language)
    part = known.part
    if data.sql is not UNSET:
        asking = await platform.answering.holdings.asking(known.scope, language)
        part = await asking.result(part.id, data.sql, is_edited=True)
    if data.chart is not UNSET:
        part = msgspec.structs.replace(part, chart=editing.check_chart(data.chart))

    def keep() -> Message:
        with platform.store.write() as c:
            now = look(c)
            changed = editing.with_result(
                now.branch, part, now.shown, language, platform.clock_ms()
            )
            messages.put(c, changed)
            return changed

    changed = await asyncio.to_thread(keep)
    telling.message(platform.answering.feed, changed)
    return message_view(changed)


def _read(platform: Platform, look: Any) -> _Known:
    with platform.store.read() as c:
        found: _Known = look(c)
        return found


def _known(
    c: Connection, reader: Reader, conversation_id: str, message_id: str, part_id: str
) -> _Known:
    """Raises NotFound, Forbidden, Conflict."""
    conversation = access.changeable(c, conversation_id, reader)
    branch = messages.branch(c, conversation_id, message_id)
    part = editing.result_of(branch[-1], part_id)
    of_assistant = persona_in(c, conversation, reader).library_ids
    scope = scope_of(c, conversation, of_assistant, branch)
    sources = [s for p in branch[-1].parts if isinstance(p, SourcesPart) for s in p.sources]
    return _Known(branch, part, scope, evidence.again(c, scope, sources))
