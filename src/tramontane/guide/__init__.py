"""The guide: answers about Tramontane from its handbook, sums and dates. No language model."""

from tramontane.guide.answering import Piece, answer, prepare
from tramontane.guide.conversation import (
    Call,
    ColumnFacts,
    Context,
    Message,
    SourceText,
    TableFacts,
    context_message,
    read_context,
)

__all__ = [
    "Call",
    "ColumnFacts",
    "Context",
    "Message",
    "Piece",
    "SourceText",
    "TableFacts",
    "answer",
    "context_message",
    "prepare",
    "read_context",
]
