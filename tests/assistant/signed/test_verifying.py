"""Receipt files checked apart from the platform: what was changed, and what never held."""

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tramontane.assistant.checking import checked
from tramontane.assistant.evidence import Shown
from tramontane.assistant.signed import record, signing
from tramontane.assistant.signed.record import ReceiptFile, ResultRecord, SourceRecord, TextRecord
from tramontane.assistant.signed.verifying import Verdict, verify
from tramontane.errors import InvalidRequest
from tramontane.store.messages import (
    Check,
    ResultColumn,
    ResultPart,
    Source,
    SourcesPart,
    TextPart,
)

PEPPER = bytes(range(32))
PAGE = "The bridge was built in 1932. It is 412 metres long and carries 18,250 vehicles a day."
QUESTION = "How many vehicles cross it?"
SAID = 'The report says "carries 18,250 vehicles a day" [1]. The count gives 17,904.'
RESULT = ResultPart(
    id="call_1", title="", tables=(), sql="SELECT avg(n) AS n FROM counts",
    columns=(ResultColumn("n", "number"),), rows=((17904,),), row_count=1,
)  # fmt: skip


def signed(
    said: str = SAID, page: str | None = PAGE, checks: tuple[Check, ...] | None = None
) -> dict[str, Any]:
    """Return a receipt of `said` as JSON, whose checks are those that were made."""
    if checks is None:
        source = Source(number=1, document_id="", document="bridges.pdf", passage=7, page=3)
        made = checked(
            [TextPart(said), SourcesPart((source,), 1), RESULT],
            [Shown(source, PAGE)],
            QUESTION,
            "en",
        )
        assert made is not None
        checks = made.checks
    file = ReceiptFile(
        format=record.FORMAT, issued_at="2026-11-22T12:00:00Z", platform="Tramontane",
        key=signing.public_key(PEPPER), conversation_id="conv_1", message_id="msg_1",
        asked_at="2026-11-22T11:59:00Z", status="done", question=QUESTION, language="en", tools=(),
        answer=(TextRecord(0, said),), made_by=None,
        sources=(
            SourceRecord(
                number=1, document="bridges.pdf", sha256="ab" * 32 if page else None, version=1,
                page=3, label="page", heading="", passage=7, text=page,
            ),
        ),
        results=(
            ResultRecord(
                id=RESULT.id, title="", sql=RESULT.sql, tables=(), columns=RESULT.columns,
                rows=RESULT.rows, row_count=1, is_truncated=False, is_edited=False,
            ),
        ),
        checks=checks,
    )  # fmt: skip
    document: dict[str, Any] = json.loads(msgspec.json.encode(file))
    document["signature"] = signing.sign(PEPPER, record.signed_bytes(document))
    return document


def found(document: dict[str, Any], key: str | None = None, *paths: Path) -> Verdict:
    return verify(json.dumps(document, indent=3).encode(), key, paths)


def test_what_holds_is_found_to_hold() -> None:
    verdict = found(signed(), signing.public_key(PEPPER))
    assert verdict.is_good and verdict.is_signed and verdict.is_expected_key
    proven = {c.check.text for c in verdict.claims if c.check.verdict == "proven"}
    assert {"17,904", "[1]"} <= proven and any("18,250 vehicles" in text for text in proven)


@pytest.mark.parametrize(
    "place",
    [("question",), ("answer", 0, "text"), ("sources", 0, "text"), ("results", 0, "rows", 0, 0),
     ("results", 0, "sql"), ("checks", 0, "verdict"), ("issued_at",), ("key",)],
)  # fmt: skip
def test_one_changed_value_breaks_the_signature(place: tuple[Any, ...]) -> None:
    document = signed()
    inside: Any = document
    for step in place[:-1]:
        inside = inside[step]
    old = inside[place[-1]]
    inside[place[-1]] = old + 1 if isinstance(old, int) else f"{old[:-1]}X"
    assert not found(document).is_signed


def test_a_file_made_by_somebody_else_is_told_by_its_key() -> None:
    other = signing.public_key(bytes(32))
    verdict = found(signed(), other)
    assert verdict.is_signed and verdict.is_expected_key is False and not verdict.is_good
    assert found(signed()).is_expected_key is None


def test_a_platform_that_signs_what_is_not_so_is_found_out() -> None:
    said = 'It says "carries 99,000 vehicles a day" [1], on average 55.'
    quote = '"carries 99,000 vehicles a day"'
    lies = (
        Check(part=0, start=said.index(quote), text=quote, kind="quote", verdict="proven",
              source=1, at=(30, 60)),
        Check(part=0, start=said.index("55"), text="55", kind="number", verdict="proven",
              cell=("call_1", 0, 0)),
    )  # fmt: skip
    verdict = found(signed(said, checks=lies), signing.public_key(PEPPER))
    assert verdict.is_signed and not verdict.is_good
    assert [claim.holds for claim in verdict.claims] == [False, False]


def test_a_deleted_source_is_said_and_not_held_against_it() -> None:
    verdict = found(signed(page=None))
    assert verdict.missing_sources == 1 and verdict.is_good


def test_documents_are_told_by_their_bytes(tmp_path: Path) -> None:
    document, path = signed(), tmp_path / "any-name.pdf"
    path.write_bytes(b"the report")
    assert found(document, None, path).documents == {str(path): None}
    assert not found(document, None, path).is_good
    document["sources"][0]["sha256"] = hashlib.sha256(b"the report").hexdigest()
    assert found(document, None, path).documents == {str(path): "bridges.pdf"}


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b"\xff", b'{"format": "tramontane-receipt/9"}', b"[" * 100_000]
)
def test_what_is_no_receipt_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequest, match="no receipt file"):
        verify(data, None)
