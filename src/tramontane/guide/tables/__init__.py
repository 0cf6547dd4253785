"""Questions to tables, understood by a grammar: no language model is involved.

Pure: it makes SQL and words, and does not know where the SQL runs.
"""

from tramontane.guide.tables.asking import Asked, Unclear, ask
from tramontane.guide.tables.telling import tell

__all__ = ["Asked", "Unclear", "ask", "tell"]
