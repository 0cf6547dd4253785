"""`tramontane verify`: a status and words for what holds, without any platform."""

import json
from pathlib import Path

from tests.assistant.signed.test_verifying import PEPPER, signed
from tests.cli.ran import Run
from tramontane.assistant.signed import signing


def test_a_good_receipt(bare: Run, tmp_path: Path) -> None:
    path = tmp_path / "receipt.json"
    path.write_text(json.dumps(signed()))
    ran = bare("verify", path, "--key", signing.public_key(PEPPER))
    assert ran.status == 0 and "Everything that was checked holds." in ran.out
    assert "the expected one" in ran.out and "17,904" in ran.out
    told = json.loads(bare("verify", path, "--json").out)
    assert (told["holds"], told["is_expected_key"]) == (True, None)


def test_a_changed_receipt(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "receipt.json"
    path.write_text(json.dumps({**signed(), "question": "Another one?"}))
    ran = run("verify", path)
    assert ran.status == 1 and "NOT GOOD" in ran.out


def test_the_key_here_is_the_one_to_compare_with(bare: Run, data_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "receipt.json"
    path.write_text(json.dumps(signed()))
    assert bare("verify", "--show-key").status == 1
    bare("project", "create", "one")  # makes the data folder
    own = json.loads(bare("verify", "--show-key", "--json").out)["key"]
    ran = bare("verify", path)
    assert ran.status == 1 and "NOT THE EXPECTED ONE" in ran.out
    (data_dir / "pepper").write_bytes(PEPPER)
    assert bare("verify", path).status == 0 and own != signing.public_key(PEPPER)


def test_what_cannot_be_read_is_said(run: Run, tmp_path: Path) -> None:
    missing = run("verify", tmp_path / "none.json")
    assert missing.status == 1 and "cannot be read" in missing.err
    (tmp_path / "x.json").write_text("[]")
    assert "no receipt file" in run("verify", tmp_path / "x.json").err
    assert "name the receipt file" in run("verify").err
