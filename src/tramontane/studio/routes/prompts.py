"""`/api/v1/prompts`: texts that people use again, with `{{variables}}`, alone or in a project.

Everybody in a project may change its prompts; whose it is, or who manages the project, may delete.
"""

import msgspec
from litestar import delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from tramontane.errors import Forbidden
from tramontane.store import prompts
from tramontane.store.prompts import Prompt
from tramontane.store.windows import time_name
from tramontane.studio import meanwhile
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.meanwhile import ChangedMeanwhile
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform


class PromptView(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt. `project_id` null: one's own. `variables` are the names between double braces."""

    id: str
    project_id: str | None
    title: str
    body: str
    variables: tuple[str, ...]
    version: int
    is_mine: bool
    owner_name: str
    may_delete: bool
    created_at: str
    updated_at: str


class PromptList(msgspec.Struct, frozen=True):
    """Prompts by title."""

    data: list[PromptView]


class NewPrompt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a new prompt is made of; without `project_id` nobody else sees it."""

    title: str
    body: str
    project_id: str | None = None


class PromptChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes; what is left out stays. `version` is the one that was read."""

    version: int
    title: str | UnsetType = UNSET
    body: str | UnsetType = UNSET
    project_id: str | UnsetType | None = UNSET


@get("/prompts", **describe("listPrompts", "List prompts", "Prompts", people=True, errors=(404,)))
def list_prompts(
    platform: GivenPlatform, caller: GivenCaller, project_id: FromQuery[str | None] = None
) -> PromptList:
    """One's own and those of one's projects; with `project_id` of that one, and one's own."""
    projects = caller.project_ids
    if project_id is not None:
        projects = (caller.membership(project_id).project_id,)
    with platform.store.read() as c:
        found = prompts.list_visible(c, caller.person().id, projects)
    return PromptList([_view(prompt, caller) for prompt in found])


@post(
    "/prompts",
    **describe("createPrompt", "Keep a prompt", "Prompts", people=True, errors=(404, 413)),
)
def create_prompt(
    platform: GivenPlatform, caller: GivenCaller, data: JSONBody[NewPrompt]
) -> PromptView:
    """For oneself, or for a project that one belongs to."""
    if data.project_id is not None:
        caller.membership(data.project_id)
    with platform.store.write() as c:
        prompt = prompts.create(
            c,
            member_id=caller.person().id,
            project_id=data.project_id,
            title=data.title,
            body=data.body,
            now_ms=platform.clock_ms(),
        )
    return _view(prompt, caller)


@get(
    "/prompts/{prompt_id:str}",
    **describe("getPrompt", "Show a prompt", "Prompts", people=True, errors=(404,)),
)
def get_prompt(
    platform: GivenPlatform, caller: GivenCaller, prompt_id: FromPath[str]
) -> PromptView:
    """One's own, or one of one's projects."""
    with platform.store.read() as c:
        return _view(_seen(c, caller, prompt_id), caller)


@patch(
    "/prompts/{prompt_id:str}",
    exception_handlers={ChangedMeanwhile: meanwhile.render},
    **describe("changePrompt", "Change a prompt", "Prompts", people=True, errors=(404, 409, 413)),
)
def change_prompt(
    platform: GivenPlatform,
    caller: GivenCaller,
    prompt_id: FromPath[str],
    data: JSONBody[PromptChanges],
) -> PromptView:
    """Where somebody changed it first, the answer is 409 `changed_meanwhile` with `current`."""
    with platform.store.write() as c:
        before = _seen(c, caller, prompt_id)
        _check_move(caller, before, data.project_id)
        after = prompts.change(
            c,
            before.id,
            data.version,
            title=data.title,
            body=data.body,
            project_id=data.project_id,
            now_ms=platform.clock_ms(),
        )
    if after is None:
        raise ChangedMeanwhile(_view(before, caller))
    return _view(after, caller)


@delete(
    "/prompts/{prompt_id:str}",
    **describe("deletePrompt", "Delete a prompt", "Prompts", people=True, errors=(404,)),
)
def delete_prompt(platform: GivenPlatform, caller: GivenCaller, prompt_id: FromPath[str]) -> None:
    """Whose it is may, and who manages its project."""
    with platform.store.write() as c:
        prompt = _seen(c, caller, prompt_id)
        if not _may_delete(prompt, caller):
            raise Forbidden("Whose prompt it is may delete it, and who manages the project.")
        prompts.remove(c, prompt.id)


def _seen(c: Connection, caller: Caller, prompt_id: str) -> Prompt:
    prompt = prompts.get(c, prompt_id)
    if prompt.project_id is None:
        is_visible = prompt.member_id == caller.person().id
    else:
        is_visible = prompt.project_id in caller.project_ids
    if not is_visible:
        raise prompts.missing()
    return prompt


def _check_move(caller: Caller, prompt: Prompt, project_id: str | UnsetType | None) -> None:
    if project_id is UNSET or project_id == prompt.project_id:
        return
    if prompt.member_id != caller.person().id:
        raise Forbidden("Only whose prompt it is may say who sees it.", param="project_id")
    if project_id is not None:
        caller.membership(project_id)


def _may_delete(prompt: Prompt, caller: Caller) -> bool:
    if prompt.member_id == caller.person().id:
        return True
    return prompt.project_id is not None and caller.may_manage(prompt.project_id)


def _view(prompt: Prompt, caller: Caller) -> PromptView:
    return PromptView(
        id=prompt.id,
        project_id=prompt.project_id,
        title=prompt.title,
        body=prompt.body,
        variables=prompt.variables,
        version=prompt.version,
        is_mine=prompt.member_id == caller.person().id,
        owner_name=prompt.owner_name,
        may_delete=_may_delete(prompt, caller),
        created_at=time_name(prompt.created_at_ms),
        updated_at=time_name(prompt.updated_at_ms),
    )
