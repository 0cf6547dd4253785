"""What a tool is: a name, what it takes, and a function that answers.

It does not know who asks: a model, the guide or a person.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec


class ToolResult(msgspec.Struct, frozen=True):
    """What a tool has found, in words; where `is_error`, what was wrong with the question."""

    text: str
    is_error: bool = False


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as models are told of it: `parameters` is a JSON schema of an object.

    `run` takes what a model wrote as arguments, whatever that is, and never raises for it.
    `reaches_out`: it sends something beyond this platform, so it is not offered beside documents.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    run: Callable[[Mapping[str, Any]], ToolResult]
    reaches_out: bool = False

    def offer(self) -> dict[str, Any]:
        """Return it as an entry of `tools` in a request of OpenAI's dialect."""
        function = {
            "name": self.name,
            "description": self.description,
            "parameters": self.parameters,
        }
        return {"type": "function", "function": function}


def refuse_unknown(arguments: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    """Return what is wrong with the names of `arguments`; empty where nothing is."""
    unknown = sorted(str(name)[:40] for name in arguments if name not in known)
    if not unknown:
        return ""
    return f"Unknown arguments: {', '.join(unknown)}. Known are {', '.join(known)}."
