"""How an operation is declared: its name, summary, right and every error it can answer.

One place, so that the OpenAPI document is complete by construction and no route can forget its
right. It does not know what an operation does.
"""

from dataclasses import dataclass
from typing import Any, TypedDict

from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import (
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Schema,
    SecurityRequirement,
)

from tramontane.store.records import Right
from tramontane.studio.errors import ErrorEnvelope

SECURITY_SCHEME = "key"

_ERRORS = {
    400: "The request cannot be served as written; `param` names the field.",
    401: "No key, an unknown key, or one that has expired or been revoked.",
    403: "The key does not have the right that this operation needs.",
    404: "There is no such thing, or none that this key may see.",
    409: "It exists already, or is in use.",
    413: "The body is larger than 64 KiB.",
    500: "Something failed here; the operator's log says where.",
    503: "The store cannot be used just now; try again after `retry-after` seconds.",
}


class Declaration(TypedDict, total=False):
    """The keyword arguments of a Litestar route that `describe` fills in."""

    operation_id: str
    summary: str
    tags: list[str]
    opt: dict[str, Any]
    security: list[SecurityRequirement]
    responses: dict[int, ResponseSpec]
    sync_to_thread: bool


def describe(
    operation_id: str,
    summary: str,
    tag: str,
    *,
    right: Right | None = None,
    errors: tuple[int, ...] = (),
) -> Declaration:
    """Return the arguments of a route; `right` None lets any key call it.

    `errors` are the statuses beyond 400, 401, 500 and 503, which every operation can answer. The
    route runs on a thread, since the store waits for the disk.
    """
    statuses = {400, 401, 500, 503, *errors} | ({403} if right else set())
    return Declaration(
        operation_id=operation_id,
        summary=summary,
        tags=[tag],
        opt={"right": right},
        security=[{SECURITY_SCHEME: [right] if right else []}],
        responses={status: _failure(status) for status in sorted(statuses)},
        sync_to_thread=True,
    )


def _failure(status: int) -> ResponseSpec:
    return ResponseSpec(ErrorEnvelope, generate_examples=False, description=_ERRORS[status])


@dataclass
class CsvOperation(Operation):
    """An operation whose answer may also be had as comma-separated values."""

    def __post_init__(self) -> None:
        """Add the second form of the answer to the document."""
        answer = (self.responses or {}).get("200")
        if isinstance(answer, OpenAPIResponse) and answer.content is not None:
            answer.content["text/csv"] = OpenAPIMediaType(Schema(type=OpenAPIType.STRING))
