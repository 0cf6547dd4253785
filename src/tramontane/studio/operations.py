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
    RequestBody,
    Schema,
    SecurityRequirement,
)
from litestar.openapi.spec.enums import OpenAPIFormat

from tramontane.store.records import Right
from tramontane.studio.errors import ErrorEnvelope

SECURITY_SCHEME = "key"
SESSION_SCHEME = "session"

_ERRORS = {
    400: "The request cannot be served as written; `param` names the field.",
    401: "No key or session, an unknown one, or one that has expired or been ended.",
    403: "The caller does not have the right that this operation needs.",
    404: "There is no such thing, or none that the caller may see.",
    409: "It exists already, or is in use.",
    413: "The body is larger than this operation takes.",
    429: "Too many tries, or too much at once; try again after `retry-after` seconds.",
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
    people: bool = False,
    managers: bool = False,
    public: bool = False,
    is_async: bool = False,
    errors: tuple[int, ...] = (),
) -> Declaration:
    """Return the arguments of a route; `right` None lets any key or signed-in member call it.

    `people` closes it to keys: it acts for a person. `managers` asks the right of keys only: the
    route itself finds out what a signed-in member manages. `public` opens it to everybody.
    `errors` are the statuses beyond 400, 401, 403 (a session's request from another site's page, or
    a missing right), 500 and 503, which every operation can answer. The route runs on a thread,
    since the store waits for the disk, unless it is `is_async`.
    """
    statuses = {400, 403, 500, 503, *errors} | (set() if public else {401})
    declared = Declaration(
        operation_id=operation_id,
        summary=summary,
        tags=[tag],
        opt={"right": right, "people": people, "managers": managers, "public": public},
        security=_security(right, people, public),
        responses={status: _failure(status) for status in sorted(statuses)},
    )
    if not is_async:
        declared["sync_to_thread"] = True
    return declared


def _security(right: Right | None, people: bool, public: bool) -> list[SecurityRequirement]:
    if public:
        return [{}]
    by_session: SecurityRequirement = {SESSION_SCHEME: []}
    if people:
        return [by_session]
    return [{SECURITY_SCHEME: [right] if right else []}, by_session]


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


@dataclass
class UploadOperation(Operation):
    """An operation whose body is a file: its bytes, of whatever type."""

    def __post_init__(self) -> None:
        """Add the body, and the answer for bytes that are there already, to the document."""
        file = OpenAPIMediaType(Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY))
        self.request_body = RequestBody({"application/octet-stream": file}, required=True)
        made = (self.responses or {}).get("201")
        if isinstance(made, OpenAPIResponse) and self.responses is not None:
            there = OpenAPIResponse("These bytes were there already.", content=made.content)
            self.responses["200"] = there
