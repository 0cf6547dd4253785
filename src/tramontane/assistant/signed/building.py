"""Puts a receipt file together from what the store holds of an answer.

It does not know who may have it: the caller has found the conversation readable.
"""

from collections.abc import Iterable

import msgspec
from sqlalchemy import Connection, select

from tramontane.assistant.editing import language_asked
from tramontane.assistant.signed import signing
from tramontane.assistant.signed.record import (
    FORMAT,
    ReceiptFile,
    ResultRecord,
    SourceRecord,
    TableRecord,
    TextRecord,
    ToolRecord,
    signed_bytes,
)
from tramontane.errors import Conflict, InvalidRequest, NotFound
from tramontane.store import messages, passages, schema
from tramontane.store.messages import (
    RUNNING,
    ChecksPart,
    Message,
    ResultPart,
    Source,
    SourcesPart,
    TextPart,
    ToolPart,
)
from tramontane.store.passages import StoredPassage
from tramontane.store.windows import time_name


class Seal(msgspec.Struct, frozen=True):
    """In whose name a file is signed: the platform's version, its pepper, and when. `language` is
    the reader's, for questions that do not tell theirs.
    """

    platform: str
    pepper: bytes
    now_ms: int
    language: str = "en"


def build(c: Connection, conversation_id: str, message_id: str, seal: Seal) -> ReceiptFile:
    """Return the signed receipt file of an answer.

    Raises NotFound; InvalidRequest where it is a question, Conflict while it is being written.
    """
    answer = messages.get(c, conversation_id, message_id)
    if answer.role != "assistant":
        raise InvalidRequest("Only an answer has a receipt.", param="message_id")
    if answer.status in RUNNING:
        raise Conflict("Wait for the end of this answer.", code="answer_running")
    branch = messages.branch(c, conversation_id, message_id)
    question = branch[-2] if len(branch) > 1 else None
    file = ReceiptFile(
        format=FORMAT,
        issued_at=time_name(seal.now_ms),
        platform=seal.platform,
        key=signing.public_key(seal.pepper),
        conversation_id=conversation_id,
        message_id=message_id,
        asked_at=time_name((question or answer).created_at_ms),
        status=answer.status,
        question=question.text if question else "",
        language=language_asked(branch, seal.language),
        answer=tuple(
            TextRecord(at, part.text)
            for at, part in enumerate(answer.parts)
            if isinstance(part, TextPart)
        ),
        made_by=answer.receipt,
        sources=tuple(_sources(c, answer)),
        results=tuple(_results(c, answer)),
        tools=tuple(
            ToolRecord(part.name, part.arguments, part.result, part.is_error)
            for part in answer.parts
            if isinstance(part, ToolPart) and part.result is not None
        ),
        checks=tuple(
            check for part in answer.parts if isinstance(part, ChecksPart) for check in part.checks
        ),
    )
    document = msgspec.json.decode(msgspec.json.encode(file))
    signature = signing.sign(seal.pepper, signed_bytes(document))
    return msgspec.structs.replace(file, signature=signature)


def _sources(c: Connection, answer: Message) -> Iterable[SourceRecord]:
    kept = [
        source for part in answer.parts if isinstance(part, SourcesPart) for source in part.sources
    ]
    files = _files(c, {source.document_id for source in kept})
    for source in kept:
        sha256, version = files.get(source.document_id, (None, None))
        passage = _passage(c, source)
        yield SourceRecord(
            number=source.number,
            document=source.document,
            sha256=sha256,
            version=version,
            page=source.page,
            label=source.label,
            heading=source.heading,
            passage=source.passage,
            text=passage.text if passage else None,
            language=passage.language if passage else None,
        )


def _passage(c: Connection, source: Source) -> StoredPassage | None:
    try:
        return passages.get(c, source.document_id, source.passage)
    except NotFound:
        return None


def _files(c: Connection, document_ids: set[str]) -> dict[str, tuple[str, int]]:
    t = schema.documents.c
    query = select(t.id, t.sha256, t.version).where(t.id.in_(document_ids))
    return {row.id: (row.sha256, row.version) for row in c.execute(query)}


def _results(c: Connection, answer: Message) -> Iterable[ResultRecord]:
    for part in answer.parts:
        if isinstance(part, ResultPart):
            yield ResultRecord(
                id=part.id,
                title=part.title,
                sql=part.sql,
                tables=tuple(_tables(c, part.tables)),
                columns=part.columns,
                rows=part.rows,
                row_count=part.row_count,
                is_truncated=part.is_truncated,
                is_edited=part.is_edited,
            )


def _tables(c: Connection, table_ids: Iterable[str]) -> Iterable[TableRecord]:
    t, d = schema.tables.c, schema.documents.c
    query = select(t.id, t.name, t.title, d.name.label("document"), d.sha256).select_from(
        schema.tables.outerjoin(schema.documents, d.id == t.document_id)
    )
    wanted = list(table_ids)
    found = {row.id: row for row in c.execute(query.where(t.id.in_(wanted)))}
    for table_id in wanted:
        row = found.get(table_id)
        if row is None:
            yield TableRecord(name=table_id, title=table_id)
        else:
            yield TableRecord(
                name=row.name, title=row.title, document=row.document, sha256=row.sha256
            )
