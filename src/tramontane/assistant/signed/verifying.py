"""Checks a receipt file with nothing but the file and a key: no platform, no network, no store.

Whether it is signed; whether each quotation that it calls proven stands in its source, and each
number in its cell. The comparison is made anew with this program's own rules, so a platform that
signed what is not so is found out too. It cannot know whether the source says the truth.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tramontane.assistant.signed import signing
from tramontane.assistant.signed.record import ReceiptFile, decode, signed_bytes
from tramontane.documents import citations
from tramontane.store.messages import Check, ResultPart
from tramontane.tables import binding


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
    sources = [
        citations.SourceText(
            source.number, source.text, source.language, (source.document, source.heading)
        )
        for source in file.sources
        if source.text is not None
    ]
    results = [
        ResultPart(
            id=result.id,
            title=result.title,
            tables=(),
            sql=result.sql,
            columns=result.columns,
            rows=result.rows,
            row_count=result.row_count,
        )
        for result in file.results
    ]
    found: dict[tuple[int, int, str], str] = {}
    for text in file.answer:
        checks = [
            *citations.check(text.text, sources, file.question),
            *binding.bind(text.text, results, file.question, None),
        ]
        for check in checks:
            found[text.part, check.start, check.text] = check.verdict
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
