"""The tools with which a model looks into documents and tables: made for one answer.

What each may look into was decided when the answer was ordered, and no argument can widen it: they
take words to search for, or SQL over the tables that were named, and nothing else. They do not
reach beyond this platform.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from tramontane.assistant import evidence, grounding
from tramontane.assistant.evidence import Evidence, Shown
from tramontane.assistant.results import SEARCH_DOCUMENTS
from tramontane.assistant.scope import Scope
from tramontane.assistant.turn import Called, refused
from tramontane.documents.vectors import Vector
from tramontane.errors import TramontaneError
from tramontane.store.database import Store
from tramontane.store.messages import ToolPart
from tramontane.tools.tool import refuse_unknown

QUERY_CHARACTERS_MAX = 1_000
Embed = Callable[[str], Awaitable[Vector | None]]


class SearchDocuments:
    """Searches the documents of one conversation, for one answer. What it finds at once takes at
    most `room_tokens`.
    """

    name = SEARCH_DOCUMENTS

    def __init__(
        self,
        store: Store,
        scope: Scope,
        found: Evidence,
        language: str,
        nonce: str,
        room_tokens: int | None = None,
        embed: Embed | None = None,
    ) -> None:
        self._store = store
        self._scope = scope
        self._found = found
        self._language = language
        self._nonce = nonce
        self._room_tokens = room_tokens
        self._embed = embed

    def offer(self) -> dict[str, Any]:
        """Return it as an entry of `tools`."""
        return _offer(
            self.name,
            "Search the documents of this conversation. Gives numbered passages to cite as [n].",
            {"query": {"type": "string", "description": "Words that the passage may hold."}},
        )

    async def call(self, made: ToolPart, arguments: Mapping[str, Any]) -> Called:
        """Return the passages found, numbered on from those that are known."""
        query = arguments.get("query")
        wrong = refuse_unknown(arguments, {"query": None})
        if wrong or not isinstance(query, str) or not query.strip():
            return refused(made, wrong or "query: write what to search for.")
        try:
            query = query[:QUERY_CHARACTERS_MAX]
            vector = None if self._embed is None else await self._embed(query)
            found = await asyncio.to_thread(self._find, query, vector)
        except TramontaneError as error:
            return refused(made, error.message)
        if not found:
            kept = msgspec.structs.replace(made, result="Nothing was found.")
            return Called(kept, "Nothing was found. Try other words, or say that it is not there.")
        numbered = self._found.add(found)
        kept = msgspec.structs.replace(made, result=_places(numbered))
        shown = grounding.passages(numbered, self._nonce)
        return Called(kept, shown, (self._found.part(),))

    def _find(self, query: str, vector: Vector | None) -> list[Shown]:
        with self._store.read() as c:
            found = evidence.find_more(c, self._scope, query, self._language, vector)
        return evidence.fitting(found, self._room_tokens)


def _places(numbered: list[Shown]) -> str:
    """Return what is kept of a search: where the passages stand, without their text."""
    return "\n".join(
        f"[{s.number}] {s.document} · {s.label} {s.page}" for s in (n.source for n in numbered)
    )


def _offer(name: str, description: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}
