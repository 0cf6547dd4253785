"""The guide: answers about Tramontane from its handbook, sums and dates. No language model."""

from tramontane.guide.answering import Piece, answer, prepare
from tramontane.guide.conversation import Context, Message, context_message, read_context

__all__ = ["Context", "Message", "Piece", "answer", "context_message", "prepare", "read_context"]
