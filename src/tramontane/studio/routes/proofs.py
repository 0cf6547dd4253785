"""`/api/v1/conversations/{id}/…/receipt`, `…/report` and the key that receipts are signed with."""

import re
from typing import Annotated, Literal

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, JSONBody

from tramontane import __version__
from tramontane.assistant import access
from tramontane.assistant.report import figures, page, word
from tramontane.assistant.signed import building, record, signing
from tramontane.assistant.transfer import markdown
from tramontane.store import messages
from tramontane.studio.auth import GivenCaller
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform
from tramontane.studio.routes.conversations import reader_of
from tramontane.studio.routes.transfer import attachment, branch_of

TAG = "Transfer"
REPORT_BODY_BYTES = 33_554_432
_UNSAFE = re.compile(r"[^\w .-]+")


class ReceiptKey(msgspec.Struct, frozen=True):
    """The platform's public key for receipts: Ed25519, base64url."""

    algorithm: Literal["ed25519"]
    key: str
    fingerprint: str


class NewReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A report of the branch that is shown, or of the one that ends with `message_id`.

    `charts` are PNGs in base64 by the id of their result; where one is missing its table stands
    alone. Markdown never holds pictures.
    """

    format: Literal["html", "docx", "markdown"]
    message_id: str | None = None
    charts: Annotated[dict[str, str], msgspec.Meta(max_length=figures.FIGURES_MAX)] = {}


@get(
    "/receipts/key",
    **describe("getReceiptKey", "Show the key that receipts are signed with", TAG, right="read"),
)
def get_receipt_key(platform: GivenPlatform) -> ReceiptKey:
    """Who verifies a receipt compares its key with this one."""
    key = signing.public_key(platform.pepper)
    return ReceiptKey("ed25519", key, signing.fingerprint(key))


@get(
    "/conversations/{conversation_id:str}/messages/{message_id:str}/receipt",
    **describe(
        "getReceipt", "Get the signed receipt of an answer", TAG, people=True, errors=(404, 409)
    ),
)
def get_receipt(
    platform: GivenPlatform,
    caller: GivenCaller,
    conversation_id: FromPath[str],
    message_id: FromPath[str],
) -> Response[bytes]:
    """One JSON file: question, answer, sources word for word, SQL and results, model, tokens, cost
    and every check. `tramontane verify` tells what of it holds, apart from this platform.
    """
    reader = reader_of(caller)
    name = f"Tramontane {__version__}"
    seal = building.Seal(name, platform.pepper, platform.clock_ms(), reader.language)
    with platform.store.read() as c:
        access.readable(c, conversation_id, reader)
        file = building.build(c, conversation_id, message_id, seal)
    return attachment(record.encode(file), "application/json", f"receipt-{message_id}.json")


@post(
    "/conversations/{conversation_id:str}/report",
    status_code=200,
    request_max_body_size=REPORT_BODY_BYTES,
    **describe(
        "makeReport", "Make a report of a conversation", TAG, people=True, errors=(404, 413)
    ),
)
def make_report(
    platform: GivenPlatform,
    caller: GivenCaller,
    conversation_id: FromPath[str],
    data: JSONBody[NewReport],
) -> Response[bytes]:
    """Answers, charts and citations as a page that is complete in itself, a Word file or Markdown.
    Whoever may read the conversation may have it.
    """
    reader = reader_of(caller)
    drawn = {} if data.format == "markdown" else figures.read(data.charts)
    with platform.store.read() as c:
        found = access.readable(c, conversation_id, reader)
        end = data.message_id or found.shown_message_id
        if data.message_id is not None:
            messages.get(c, conversation_id, data.message_id)
        branch = branch_of(messages.list_all(c, found.id), end)
    text = markdown.render(found, branch, reader.language, platform.clock_ms(), drawn)
    name = _UNSAFE.sub(" ", found.title).strip() or "report"
    if data.format == "html":
        body = page.render(text, found.title, reader.language, drawn)
        return attachment(body, "text/html", f"{name}.html")
    if data.format == "docx":
        body = word.render(text, found.title, reader.language, drawn)
        return attachment(body, word.MEDIA_TYPE, f"{name}.docx")
    return attachment(text.encode(), "text/markdown", f"{name}.md")
