"""Reads a file of whatever kind into passages, in a limited child process of its own.

`extract` is the parent's side; `python -m tramontane.documents.extract` is the child. What a file
says it is called counts for nothing: its kind is found from its bytes. It knows no store.
"""

from tramontane.documents.extract.parent import extract
from tramontane.documents.extract.records import Began, Ended, Limits, Note, PageRead
from tramontane.errors import ExtractFailed

__all__ = ["Began", "Ended", "ExtractFailed", "Limits", "Note", "PageRead", "extract"]
