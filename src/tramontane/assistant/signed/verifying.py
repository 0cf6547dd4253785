"""Checks a receipt file with nothing but the file and a key: no platform, no network, no store.

Whether it is signed; whether each quotation that it calls proven stands in its source, and each
number in its cell. The comparison is made anew with this program's own rules, so a platform that
signed what is not so is found out too. It cannot know whether the source says the truth.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tramontane.assistant.checking import checked
from tramontane.assistant.evidence import Shown
from tramontane.assistant.signed import signing
from tramontane.assistant.signed.record import (
    ReceiptFile,
    ResultRecord,
    SourceRecord,
    decode,
    signed_bytes,
)
from tramontane.store.messages import (
    Check,
    Part,
    ReasoningPart,
    ResultPart,
    Source,
    SourcesPart,
    TextPart,
    ToolPart,
)


class Claim(msgspec.Struct, frozen=True):
    """One check of the file, made again: `holds` where the file said no more than we found."""

    check: Check
    found: str
    holds: bool


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. `is_expected_key` None: no key was given to compare with.

    `documents` says of each file that was given whether it is the one that a source names, by its
    path; None where no source has its name or bytes.
    """

    is_signed: bool
    key: str
    fingerprint: str
    is_expected_key: bool | None
    claims: tuple[Claim, ...]
    documents: dict[str, str | None]
    missing_sources: int

    @property
    def is_good(self) -> bool:
        """Whether nothing that was checked failed."""
        return (
            self.is_signed
            and self.is_expected_key is not False
            and all(claim.holds for claim in self.claims)
            and None not in self.documents.values()
        )


def verify(data: bytes, key: str | None, documents: tuple[Path, ...] = ()) -> Verdict:
    """Return what holds of a receipt file. Raises InvalidRequest where it is none."""
    file, document = decode(data)
    by_hash = {source.sha256: source.document for source in file.sources if source.sha256}
    by_hash |= {
        table.sha256: table.document
        for result in file.results
        for table in result.tables
        if table.sha256 and table.document
    }
    return Verdict(
        is_signed=signing.is_signed(file.key, file.signature, signed_bytes(document)),
        key=file.key,
        fingerprint=signing.fingerprint(file.key),
        is_expected_key=None if key is None else key.strip() == file.key,
        claims=tuple(_claims(file)),
        documents={str(path): by_hash.get(_sha256(path)) for path in documents},
        missing_sources=sum(source.text is None for source in file.sources),
    )


def _claims(file: ReceiptFile) -> list[Claim]:
    again = _again(file)
    claims = []
    for check in file.checks:
        found = again.get((check.part, check.start, check.text), "unproven")
        holds = check.verdict != "proven" or found == "proven" or _is_gone(file, check)
        claims.append(Claim(check, found, holds))
    return claims


def _is_gone(file: ReceiptFile, check: Check) -> bool:
    """Whether its source was deleted, so that nobody can say."""
    return any(s.number == check.source and s.text is None for s in file.sources)


def _again(file: ReceiptFile) -> Mapping[tuple[int, int, str], str]:
    """Return the verdicts that the platform's rules give on what the file holds."""
    last = max((text.part for text in file.answer), default=-1)
    parts: list[Part] = [ReasoningPart("") for _ in range(last + 1)]  # each text at its place
    for text in file.answer:
        parts[text.part] = TextPart(text.text)
    sources = [_source(each) for each in file.sources]
    if sources:
        parts.append(SourcesPart(tuple(sources), len(sources)))
    parts += [_result(each) for each in file.results]
    parts += [
        ToolPart(id=str(at), name=tool.name, arguments=tool.arguments, result=tool.result,
                 is_error=tool.is_error)
        for at, tool in enumerate(file.tools)
    ]  # fmt: skip
    shown = [
        Shown(_source(each), each.text, each.language)
        for each in file.sources
        if each.text is not None
    ]
    made = checked(parts, shown, file.question, file.language)
    return {(c.part, c.start, c.text): c.verdict for c in made.checks} if made else {}


def _source(record: SourceRecord) -> Source:
    return Source(
        number=record.number, document_id="", document=record.document, passage=record.passage,
        page=record.page, label=record.label, heading=record.heading,
    )  # fmt: skip


def _result(record: ResultRecord) -> ResultPart:
    return ResultPart(
        id=record.id, title=record.title, tables=(), sql=record.sql, columns=record.columns,
        rows=record.rows, row_count=record.row_count, is_truncated=record.is_truncated,
    )  # fmt: skip


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
