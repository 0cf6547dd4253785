"""`tramontane verify`: what of a receipt file holds, found without any platform."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tramontane.cli.options import AsJson, ConfigFile, DataDir
from tramontane.cli.output import print_json, print_table
from tramontane.errors import InvalidRequest

if TYPE_CHECKING:
    from tramontane.assistant.signed.verifying import Verdict

_SHOWN_CHARACTERS = 70


def verify(
    receipt: Annotated[
        Path | None, typer.Argument(metavar="RECEIPT", help="The receipt file.", show_default=False)
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="KEY",
            help="The platform's key, as it told you itself. Left out: that of the data folder"
            " here, where there is one.",
        ),
    ] = None,
    document: Annotated[
        list[Path] | None,
        typer.Option(
            "--document", metavar="FILE", help="A document that should be one of its sources."
        ),
    ] = None,
    show_key: Annotated[
        bool, typer.Option("--show-key", help="Print this platform's own key and stop.")
    ] = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Check a receipt: its signature, each quotation against its source, each number against its
    cell. It needs no network and no running platform. The status is 1 where something does not
    hold.
    """
    own = _own_key(config, data)
    if show_key:
        _show(own, as_json=as_json)
        return
    if receipt is None:
        raise InvalidRequest("name the receipt file, or --show-key")
    from tramontane.assistant.signed.verifying import verify as check

    verdict = check(_read(receipt), key or own, tuple(document or ()))
    if as_json:
        print_json(_fields(verdict))
    else:
        _tell(verdict)
    if not verdict.is_good:
        sys.exit(1)


def _own_key(config: Path | None, data: Path | None) -> str | None:
    """Return the key of the data folder here; None where there is none."""
    from tramontane.assistant.signed.signing import public_key
    from tramontane.cli.platform import read_settings
    from tramontane.datafolder import DataFolder

    folder = DataFolder(read_settings(config, data).data_dir)
    return public_key(folder.pepper()) if folder.pepper_file.exists() else None


def _show(own: str | None, *, as_json: bool) -> None:
    from tramontane.assistant.signed.signing import fingerprint

    if own is None:
        raise InvalidRequest("there is no data folder here, so no key; name it with --data")
    if as_json:
        print_json({"algorithm": "ed25519", "key": own, "fingerprint": fingerprint(own)})
    else:
        print(f"{own}\nfingerprint {fingerprint(own)}")


def _read(path: Path) -> bytes:
    from tramontane.assistant.signed.record import FILE_BYTES_MAX

    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise InvalidRequest(f"{path}: no receipt is larger than {FILE_BYTES_MAX:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}") from None


def _fields(verdict: "Verdict") -> dict[str, object]:
    return {
        "holds": verdict.is_good,
        "is_signed": verdict.is_signed,
        "key": verdict.key,
        "fingerprint": verdict.fingerprint,
        "is_expected_key": verdict.is_expected_key,
        "missing_sources": verdict.missing_sources,
        "documents": verdict.documents,
        "checks": [
            {
                "kind": claim.check.kind,
                "text": claim.check.text,
                "said": claim.check.verdict,
                "found": claim.found,
                "holds": claim.holds,
            }
            for claim in verdict.claims
        ],
    }


def _tell(verdict: "Verdict") -> None:
    print("signature  " + ("good" if verdict.is_signed else "NOT GOOD: the file was changed"))
    compared = {
        True: "the expected one",
        False: "NOT THE EXPECTED ONE",
        None: "not compared; pass --key with what the platform told you itself",
    }[verdict.is_expected_key]
    print(f"key        {verdict.fingerprint}, {compared}")
    for path, name in verdict.documents.items():
        print(f"document   {path}: " + (f"is {name}" if name else "IS NONE OF ITS SOURCES"))
    if verdict.missing_sources:
        print(f"sources    {verdict.missing_sources} were deleted before, and cannot be compared")
    print_table(
        ("what", "text", "the file says", "found", "holds"),
        [
            (
                claim.check.kind,
                claim.check.text[:_SHOWN_CHARACTERS],
                claim.check.verdict,
                claim.found,
                "yes" if claim.holds else "NO",
            )
            for claim in verdict.claims
        ],
        "The answer quotes nothing and names no number that could be compared.",
    )
    print("Everything that was checked holds." if verdict.is_good else "NOT everything holds.")
