"""`tramontane library`: made, filled, searched and deleted, on a platform that does not run."""

from pathlib import Path

import pytest

from tests.cli.ran import Run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files that can be read and one that cannot."""
    made = tmp_path / "figures"
    (made / "old").mkdir(parents=True)
    (made / "rents.md").write_text("# Rents\n\nThe rents in Geneva rose by 3.5 percent.\n")
    (made / "old" / "winter.txt").write_text("Der Winter war kalt.")
    (made / "old" / "same.txt").write_text("Der Winter war kalt.")
    (made / ".hidden").write_text("not for others")
    (made / "broken.pdf").write_bytes(b"%PDF-1.7\nno more")
    return made


def test_a_library_from_beginning_to_end(run: Run, data_dir: Path, folder: Path) -> None:
    run("project", "create", "default")
    made = run("library", "create", "reports", "--description", "By year", "--json").json
    assert (made["name"], made["documents"]) == ("reports", 0)
    added = run("library", "add", "reports", folder, "--json")
    assert added.status == 1, "one cannot be read"
    assert "broken.pdf" in added.out
    shown = run("library", "show", made["id"], "--json").json
    states = {each["name"]: each["status"] for each in shown["documents"]}
    assert states.pop("figures/broken.pdf") == "failed"
    assert set(states.values()) == {"ready"}
    assert states.keys() <= {"figures/rents.md", "figures/old/winter.txt", "figures/old/same.txt"}
    assert len(states) == 2, "the same bytes are one document"
    text = run("library", "show", "reports").out
    assert "failed: document_corrupt" in text and "figures/rents.md" in text
    found = run("library", "search", "reports", "how did the rent develop?", "--json").json
    assert {hit["document"] for hit in found["data"]} == {"figures/rents.md"}
    assert "The rents in Geneva rose" in run("library", "search", "reports", "rent").out
    again = run("library", "add", "reports", folder / "rents.md")
    assert (again.status, "was there already" in again.err) == (0, True)
    waiting = run("library", "add", "reports", "--no-wait", "--json", folder / ".hidden").json
    assert waiting["data"][0]["status"] == "queued"
    assert run("library", "rm", "reports").status == 2, "everything must be asked for"
    run("library", "rm", "reports", "figures/rents.md", "figures/broken.pdf")
    assert run("library", "list", "--json").json["data"][0]["documents"] == 2
    assert run("library", "rm", "reports", "--all").status == 0
    assert run("library", "list").out.startswith("no library yet")
    assert list((data_dir / "files").glob("??/*")) == []
    store = b"".join(path.read_bytes() for path in data_dir.glob("tramontane.db*"))
    assert b"Geneva" not in store and b"geneva" not in store


def test_what_is_not_there_is_named(run: Run, folder: Path) -> None:
    assert "project" in run("library", "create", "x").err
    run("project", "create", "one")
    run("project", "create", "two")
    assert "--project" in run("library", "create", "x").err
    for project in ("one", "two"):
        assert run("library", "create", "reports", "--project", project).status == 0
    several = run("library", "show", "reports")
    assert (several.status, "say which: lib_" in several.err) == (1, True)
    one = run("library", "show", "reports", "--project", "one", "--json").json
    missing = run("library", "show", "report")
    assert "did you mean reports?" in missing.err
    gone = run("library", "rm", one["id"], "rents.md")
    assert (gone.status, "there is no document" in gone.err) == (1, True)
    (folder / "empty.txt").write_bytes(b"")
    (folder / "nothing").mkdir()
    some = run("library", "add", one["id"], folder / "empty.txt", folder / "rents.md", "--no-wait")
    assert (some.status, "empty.txt: The file is empty: it has 0 bytes." in some.err) == (1, True)
    assert "rents.md" in some.out, "the others are added all the same"
    none = run("library", "add", one["id"], folder / "nothing")
    assert (none.status, "no file to add" in none.err) == (1, True)
