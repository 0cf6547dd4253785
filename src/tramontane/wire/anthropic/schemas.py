"""The schema of an answer as Anthropic's API takes it.

Every object must be closed there, so one that says nothing of further properties is. Limits of
numbers, lengths and counts are unknown there: they are left out by name, and then stand in the
description, where the model reads them (as its maker's own client library has it). It does not
know requests.
"""

from typing import Any

import msgspec
from msgspec import Raw

from tramontane.errors import InvalidRequest
from tramontane.wire.unsaid import Unsaid

FIELD = "response_format"
_LIMITS = frozenset((
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
    "maxLength", "maxItems", "uniqueItems", "minProperties", "maxProperties",
))  # fmt: skip
_NAMED = ("properties", "$defs", "definitions")
_LISTED = ("anyOf", "oneOf", "allOf", "prefixItems")


def closed(schema: Raw, unsaid: Unsaid) -> Raw:
    """Return `schema` with closed objects. Raises InvalidRequest for what cannot be said."""
    try:
        decoded = msgspec.json.decode(schema)
        _close(decoded, unsaid)
        return Raw(msgspec.json.encode(decoded))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(
            f"The schema of the answer cannot be read: {error}.", code="invalid_json", param=FIELD
        ) from None


def _close(node: Any, unsaid: Unsaid) -> None:
    if not isinstance(node, dict):
        return
    left: dict[str, Any] = {}
    for name in [name for name in node if name in _LIMITS or _is_long(name, node[name])]:
        unsaid.leave(f"{FIELD}.{name}")
        left[name] = node.pop(name)
    if node.get("additionalProperties", False) is not False:
        unsaid.leave(f"{FIELD}.additionalProperties")
        node["additionalProperties"] = False
    elif node.get("type") == "object" or "properties" in node:
        node["additionalProperties"] = False
    if left:
        limits = ", ".join(f"{name}: {value}" for name, value in left.items())
        node["description"] = f"{node.get('description', '')} ({limits})".strip()
    for name in _NAMED:
        inner = node.get(name)
        for each in inner.values() if isinstance(inner, dict) else ():
            _close(each, unsaid)
    for name in _LISTED:
        inner = node.get(name)
        for each in inner if isinstance(inner, list) else ():
            _close(each, unsaid)
    _close(node.get("items"), unsaid)


def _is_long(name: str, value: Any) -> bool:
    return name == "minItems" and value not in (0, 1)
