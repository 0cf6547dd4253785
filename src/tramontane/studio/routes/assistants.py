"""`/api/v1/assistants`: those that ship, in the reader's language, and those that people made.

Whose an assistant is may change it, and who manages its project; the others copy it.
"""

from typing import Annotated, Any

import msgspec
from litestar import delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from tramontane.assistant import library, scope, shipped
from tramontane.errors import Forbidden, InvalidRequest
from tramontane.store import assistants
from tramontane.store.assistants import Assistant, AssistantSettings
from tramontane.store.conversations import Parameters
from tramontane.store.records import Language
from tramontane.store.windows import time_name
from tramontane.studio import meanwhile
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.meanwhile import ChangedMeanwhile
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform
from tramontane.tools import ALL as TOOLS

GivenLanguage = Annotated[
    Language | None,
    QueryParameter(description="Of those that ship; left out, the language of the member."),
]


class AssistantView(msgspec.Struct, frozen=True, kw_only=True):
    """An assistant. `model` null: the conversation's. `language` is set where it ships."""

    id: str
    name: str
    description: str
    instructions: str
    model: str | None
    starters: tuple[str, ...]
    tools: tuple[str, ...]
    parameters: Parameters
    library_ids: tuple[str, ...]
    project_id: str | None
    is_shipped: bool
    language: str | None
    version: int
    is_mine: bool
    owner_name: str | None
    may_edit: bool
    created_at: str | None
    updated_at: str | None


class AssistantList(msgspec.Struct, frozen=True):
    """Those that ship, then the others by name."""

    data: list[AssistantView]


class NewAssistant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a new assistant is made of; without `project_id` nobody else sees it. Its answers may
    draw on the libraries `library_ids`, in conversations of the project that they belong to.
    """

    name: str
    description: str = ""
    instructions: str = ""
    model: str | None = None
    starters: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    parameters: Parameters = Parameters()
    library_ids: tuple[str, ...] = ()
    project_id: str | None = None


class AssistantChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes; what is left out stays. `version` is the one that was read."""

    version: int
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    instructions: str | UnsetType = UNSET
    model: str | UnsetType | None = UNSET
    starters: tuple[str, ...] | UnsetType = UNSET
    tools: tuple[str, ...] | UnsetType = UNSET
    parameters: Parameters | UnsetType = UNSET
    library_ids: tuple[str, ...] | UnsetType = UNSET
    project_id: str | UnsetType | None = UNSET


class AssistantCopy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a copy goes; without `project_id` nobody else sees it."""

    name: str | None = None
    project_id: str | None = None


@get(
    "/assistants",
    **describe("listAssistants", "List assistants", "Assistants", people=True, errors=(404,)),
)
def list_assistants(
    platform: GivenPlatform,
    caller: GivenCaller,
    project_id: FromQuery[str | None] = None,
    language: GivenLanguage = None,
) -> AssistantList:
    """Those that ship, one's own, and those of one's projects or of that one."""
    projects = caller.project_ids
    if project_id is not None:
        projects = (caller.membership(project_id).project_id,)
    with platform.store.read() as c:
        found = assistants.list_visible(c, caller.person().id, projects)
    words = language or caller.person().language
    ready = [_view_shipped(one, words) for one in shipped.list_all(words)]
    return AssistantList([*ready, *(_view(one, caller) for one in found)])


@post(
    "/assistants",
    **describe(
        "createAssistant", "Make an assistant", "Assistants", people=True, errors=(404, 413)
    ),
)
def create_assistant(
    platform: GivenPlatform, caller: GivenCaller, data: JSONBody[NewAssistant]
) -> AssistantView:
    """For oneself, or for a project that one belongs to."""
    fields = msgspec.structs.asdict(data)
    project_id = fields.pop("project_id")
    return _view(_created(platform, caller, AssistantSettings(**fields), project_id), caller)


@get(
    "/assistants/{assistant_id:str}",
    **describe("getAssistant", "Show an assistant", "Assistants", people=True, errors=(404,)),
)
def get_assistant(
    platform: GivenPlatform,
    caller: GivenCaller,
    assistant_id: FromPath[str],
    language: GivenLanguage = None,
) -> AssistantView:
    """One that ships (`shipped:…`), one's own, or one of one's projects."""
    words = language or caller.person().language
    found = shipped.find(assistant_id, words)
    if found is not None:
        return _view_shipped(found, words)
    with platform.store.read() as c:
        return _view(_seen(c, caller, assistant_id), caller)


@patch(
    "/assistants/{assistant_id:str}",
    exception_handlers={ChangedMeanwhile: meanwhile.render},
    **describe(
        "changeAssistant",
        "Change an assistant",
        "Assistants",
        people=True,
        errors=(404, 409, 413),
    ),
)
def change_assistant(
    platform: GivenPlatform,
    caller: GivenCaller,
    assistant_id: FromPath[str],
    data: JSONBody[AssistantChanges],
) -> AssistantView:
    """Where somebody changed it first, the answer is 409 `changed_meanwhile` with `current`."""
    _check_own(assistant_id)
    given = {name: value for name, value in _fields(data).items() if value is not UNSET}
    del given["version"]
    project_id = given.pop("project_id", UNSET)
    with platform.store.write() as c:
        before = _seen(c, caller, assistant_id)
        _check_edit(before, caller)
        if project_id is not UNSET and project_id is not None:
            caller.membership(project_id)
        settings = _checked(msgspec.structs.replace(before.settings, **given))
        if data.library_ids is not UNSET:
            scope.check_libraries(c, caller.project_ids, settings.library_ids)
        after = assistants.change(
            c,
            before.id,
            data.version,
            settings=settings,
            project_id=project_id,
            now_ms=platform.clock_ms(),
        )
    if after is None:
        raise ChangedMeanwhile(_view(before, caller))
    return _view(after, caller)


@delete(
    "/assistants/{assistant_id:str}",
    **describe("deleteAssistant", "Delete an assistant", "Assistants", people=True, errors=(404,)),
)
def delete_assistant(
    platform: GivenPlatform, caller: GivenCaller, assistant_id: FromPath[str]
) -> None:
    """Whose it is may, and who manages its project. What was said with it stays."""
    _check_own(assistant_id)
    with platform.store.write() as c:
        assistant = _seen(c, caller, assistant_id)
        _check_edit(assistant, caller)
        assistants.remove(c, assistant.id)


@post(
    "/assistants/{assistant_id:str}/copy",
    **describe("copyAssistant", "Copy an assistant", "Assistants", people=True, errors=(404, 413)),
)
def copy_assistant(
    platform: GivenPlatform,
    caller: GivenCaller,
    assistant_id: FromPath[str],
    data: JSONBody[AssistantCopy],
    language: GivenLanguage = None,
) -> AssistantView:
    """The copy is the caller's own and may be changed; one that ships is copied in a language."""
    member = caller.person()
    with platform.store.read() as c:
        settings = library.find(
            c,
            assistant_id,
            member_id=member.id,
            project_ids=caller.project_ids,
            language=language or member.language,
        )
    if data.name is not None:
        settings = msgspec.structs.replace(settings, name=data.name)
    return _view(_created(platform, caller, settings, data.project_id), caller)


def _created(
    platform: GivenPlatform, caller: Caller, settings: AssistantSettings, project_id: str | None
) -> Assistant:
    if project_id is not None:
        caller.membership(project_id)
    with platform.store.write() as c:
        scope.check_libraries(c, caller.project_ids, settings.library_ids)
        return assistants.create(
            c,
            member_id=caller.person().id,
            project_id=project_id,
            settings=_checked(settings),
            now_ms=platform.clock_ms(),
        )


def _fields(data: msgspec.Struct) -> dict[str, Any]:
    return {name: getattr(data, name) for name in data.__struct_fields__}


def _checked(settings: AssistantSettings) -> AssistantSettings:
    unknown = [tool for tool in settings.tools if tool not in TOOLS]
    if unknown:
        raise InvalidRequest(
            f"tools: there is no tool {unknown[0][:80]!r}; there are {', '.join(TOOLS)}.",
            param="tools",
        )
    return settings


def _check_own(assistant_id: str) -> None:
    if assistant_id.startswith(shipped.PREFIX):
        raise Forbidden("An assistant that ships cannot be changed. Copy it, and change the copy.")


def _check_edit(assistant: Assistant, caller: Caller) -> None:
    if not _may_edit(assistant, caller):
        raise Forbidden(
            "Whose assistant it is may change it, and who manages the project. You can copy it."
        )


def _may_edit(assistant: Assistant, caller: Caller) -> bool:
    if assistant.member_id == caller.person().id:
        return True
    return assistant.project_id is not None and caller.may_manage(assistant.project_id)


def _seen(c: Connection, caller: Caller, assistant_id: str) -> Assistant:
    assistant = assistants.get(c, assistant_id)
    if not library.is_visible(assistant, caller.person().id, caller.project_ids):
        raise assistants.missing()
    return assistant


def _view(assistant: Assistant, caller: Caller) -> AssistantView:
    return AssistantView(
        **_fields(assistant.settings),
        id=assistant.id,
        project_id=assistant.project_id,
        is_shipped=False,
        language=None,
        version=assistant.version,
        is_mine=assistant.member_id == caller.person().id,
        owner_name=assistant.owner_name,
        may_edit=_may_edit(assistant, caller),
        created_at=time_name(assistant.created_at_ms),
        updated_at=time_name(assistant.updated_at_ms),
    )


def _view_shipped(found: shipped.ShippedAssistant, language: str) -> AssistantView:
    return AssistantView(
        **_fields(library.settings_of(found)),
        id=f"{shipped.PREFIX}{found.id}",
        project_id=None,
        is_shipped=True,
        language=language if language in shipped.LANGUAGES else shipped.FALLBACK,
        version=1,
        is_mine=False,
        owner_name=None,
        may_edit=False,
        created_at=None,
        updated_at=None,
    )
