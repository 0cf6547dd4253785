"""What one answer is given to work with: passages, tables, and the tools that look into them.

It belongs to the event loop, and to one answer. It does not know how a passage is found, nor how a
model is asked.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from tramontane.assistant import grounding
from tramontane.assistant.askable import Askable, description, facts
from tramontane.assistant.context import Chat
from tramontane.assistant.evidence import Evidence, Shown
from tramontane.assistant.results import SEARCH_DOCUMENTS
from tramontane.assistant.turn import BoundTool
from tramontane.guide.conversation import MARK, Context, SourceText, UnreadFile, context_message
from tramontane.store.messages import SourcesPart


class Brief:
    """The material of one answer. `language` is the question's, `nonce` a word that nobody knew."""

    def __init__(
        self,
        evidence: Evidence,
        language: str,
        nonce: str,
        tools: Mapping[str, BoundTool],
        tables: Sequence[Askable] = (),
        guide: Context | None = None,
        attached: Iterable[str] = (),
    ) -> None:
        self.evidence = evidence
        self.language = language
        self.nonce = nonce
        self.tools = tools
        self.tables = tables
        self.notes: str | None = None  # on the whole of the documents, in place of passages
        self._guide = guide
        self._attached = frozenset(attached)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to look into."""
        return not self.evidence.searched and not self.tools and not self.evidence.unreadable

    def sources(self) -> SourcesPart | None:
        """Return what was found; None where there is nothing to search."""
        return self.evidence.part() if self.evidence.searched else None

    def chat(self, chat: Chat, *, has_tools: bool) -> Chat:
        """Return `chat` with rules and passages, or with what the guide is told."""
        if self.is_empty:
            return chat
        if self._guide is not None:
            return _with_context(chat, self._for_guide(self._guide))
        said: list[str] = []
        blocks: list[str] = []
        if self.evidence.searched:
            can_search = has_tools and SEARCH_DOCUMENTS in self.tools
            said.append(grounding.rules(self.nonce, self.language, can_search=can_search))
            blocks.append(self.notes or grounding.passages(self.evidence.shown, self.nonce))
        if self.tables:
            said.append(grounding.table_rules(self.nonce, has_tools=has_tools))
            blocks.append(grounding.table_block(description(self.tables), self.nonce))
        if self.evidence.unreadable:
            blocks.append(grounding.unreadable(self.evidence.unreadable, self.nonce))
        chat = grounding.with_question(chat, "\n\n".join(blocks))
        return grounding.with_rules(chat, "\n\n".join(said)) if said else chat

    def _for_guide(self, known: Context) -> Context:
        """Return what the guide is told; it asks no tables where the question brings a text."""
        texts = {each.source.document_id for each in self.evidence.shown}
        told = self.tables
        if self._attached and self._attached <= texts:
            told = [table for table in told if table.document_id in self._attached]
        return msgspec.structs.replace(
            known,
            sources=_texts(self.evidence.shown),
            tables=facts(told),
            unreadable=tuple(UnreadFile(n, p.code) for n, p in self.evidence.unreadable),
        )


def _texts(shown: Sequence[Shown]) -> tuple[SourceText, ...]:
    return tuple(
        SourceText(
            number=each.source.number,
            document=each.source.document,
            page=each.source.page,
            label=each.source.label,
            heading=each.source.heading,
            text=each.text,
            language=each.language,
        )
        for each in shown
    )


def _with_context(chat: Chat, context: Context) -> Chat:
    told = {"role": "system", "content": context_message(context)}
    return [
        told if m["role"] == "system" and str(m["content"]).startswith(MARK) else m for m in chat
    ]
