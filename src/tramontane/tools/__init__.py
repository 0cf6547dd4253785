"""What can be worked out exactly, without a language model: offered to models and to the guide.

A new tool is one file here with a `make` function, one line below and one test.
"""

from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType

from tramontane.tools import calculator, dates
from tramontane.tools.tool import Tool, ToolResult

__all__ = ["ALL", "Tool", "ToolResult", "registry"]


def registry(today: Callable[[], date]) -> Mapping[str, Tool]:
    """Return every tool by its name; `today` gives the day where the reader is."""
    tools = (calculator.make(), dates.make(today))
    return MappingProxyType({tool.name: tool for tool in tools})


ALL: Mapping[str, Tool] = registry(date.today)
"""The tools by this machine's own calendar."""
