"""What lists of models say of one public name. It does not know who may see it."""

from typing import Any

from tramontane.gateway.directory import Directory, Principal
from tramontane.wire.dialect import Shown


def shown(directory: Directory, principal: Principal, name: str, created_s: int) -> Shown:
    """Return the public name as dialects show it: its first deployment's facts."""
    route = directory.route_of(principal.project.id, name)
    first = route.targets[0].deployment if route is not None and route.targets else None
    return Shown(
        name=name,
        created_s=created_s,
        context_tokens=None if first is None else first.context_tokens,
        max_output_tokens=None if first is None else first.max_output_tokens,
        is_local=first is not None and first.is_local,
        supports_tools=first is not None and first.supports_tools,
        gives_vectors=first is not None and first.gives_vectors,
    )


def openai_model(name: str, created_s: int) -> dict[str, Any]:
    """Return the public name as OpenAI's list has it."""
    return {"id": name, "object": "model", "created": created_s, "owned_by": "tramontane"}
