"""Every assistant that a member may use: those that ship, their own, those of their projects.

It does not know who may change one, nor how one is shown.
"""

from collections.abc import Collection

import msgspec
from sqlalchemy import Connection

from tramontane.assistant import shipped
from tramontane.assistant.shipped import ShippedAssistant
from tramontane.store import assistants
from tramontane.store.assistants import Assistant, AssistantSettings
from tramontane.store.conversations import Parameters


def find(
    c: Connection,
    assistant_id: str,
    *,
    member_id: str,
    project_ids: Collection[str],
    language: str,
) -> AssistantSettings:
    """Return what that assistant is, in `language` where it ships. Raises NotFound."""
    if assistant_id.startswith(shipped.PREFIX):
        return settings_of_shipped(assistant_id, language)
    assistant = assistants.get(c, assistant_id)
    if not is_visible(assistant, member_id, project_ids):
        raise assistants.missing()
    return assistant.settings


def is_visible(assistant: Assistant, member_id: str, project_ids: Collection[str]) -> bool:
    """Whether that member may use it."""
    if assistant.project_id is None:
        return assistant.member_id == member_id
    return assistant.project_id in project_ids


def settings_of_shipped(assistant_id: str, language: str) -> AssistantSettings:
    """Return what a `shipped:…` assistant is. Raises NotFound."""
    found = shipped.find(assistant_id, language)
    if found is None:
        raise assistants.missing()
    return settings_of(found)


def settings_of(found: ShippedAssistant) -> AssistantSettings:
    """Return a shipped assistant in the form in which people's own are kept."""
    return AssistantSettings(
        name=found.name,
        description=found.description,
        instructions=found.instructions,
        starters=found.starters,
        tools=found.tools,
        parameters=msgspec.convert(found.parameters, Parameters),
    )
