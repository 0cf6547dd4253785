"""`tramontane catalog update|add|rm|check`: another catalogue, own cards, and what stands in the
sources.
"""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.catalog.excerpt import SOURCES, built
from tests.cli.ran import Run
from tramontane.catalog import packing


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where the files of `tmp_path` are served."""
    handler = partial(Quiet, directory=str(tmp_path))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.02))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_folder_is_built_and_taken_over_and_given_back(run: Run, data_dir: Path) -> None:
    taken = run("catalog", "update", SOURCES, "--json").json
    assert taken["cards"] == len(built().cards)
    assert len(taken["gone"]) > 3_000
    assert taken["new"]  # what only the package's other records name otherwise
    assert (data_dir / "catalogue.bin").exists()
    again = run("catalog", "update", SOURCES, "--json").json
    assert (again["new"], again["gone"], again["prices"]) == ([], [], [])
    back = run("catalog", "update")
    assert "gone: " in back.out
    assert not (data_dir / "catalogue.bin").exists()


def test_a_packed_file_is_taken_from_a_path_or_an_address(
    run: Run, tmp_path: Path, data_dir: Path, address: str
) -> None:
    found = built()
    file = tmp_path / "other.bin"
    packing.pack(found.cards, found.sources, found.built_on, file, providers=found.providers)
    from_address = run("catalog", "update", f"{address}/other.bin", "--json").json
    assert from_address["cards"] == len(found.cards)
    assert (data_dir / "catalogue.bin").read_bytes() == file.read_bytes()
    assert run("catalog", "update", file, "--json").json["gone"] == []


@pytest.mark.parametrize("cut", [7, -1])
def test_a_damaged_catalogue_changes_nothing(
    run: Run, tmp_path: Path, data_dir: Path, address: str, cut: int
) -> None:
    whole = (Path(packing.__file__).parent / "data" / "catalogue.bin").read_bytes()
    (tmp_path / "damaged.bin").write_bytes(whole[:cut])
    for source in (f"{address}/damaged.bin", tmp_path / "damaged.bin"):
        refused = run("catalog", "update", source)
        assert refused.status == 1
        assert refused.err.startswith("error: ")
    assert not (data_dir / "catalogue.bin").exists()
    assert not list(data_dir.glob(".catalogue.bin*"))


def test_what_is_no_source_is_said(run: Run, tmp_path: Path, address: str) -> None:
    assert "is no folder, no file" in run("catalog", "update", tmp_path / "none").err
    assert "holds none of the sources' files" in run("catalog", "update", tmp_path).err
    assert "answered 404" in run("catalog", "update", f"{address}/none").err
    assert "--to needs what to write" in run("catalog", "update", "--to", tmp_path / "x").err


def test_the_packages_file_is_built_where_one_says(bare: Run, tmp_path: Path) -> None:
    to = tmp_path / "deep" / "catalogue.bin"
    made = bare("catalog", "update", SOURCES, "--to", to, "--json").json
    assert made["bytes"] == to.stat().st_size
    assert len(packing.load(to)) == made["cards"]


def test_own_cards_are_added_and_removed(run: Run, tmp_path: Path) -> None:
    run("project", "create", "legal")
    card = write(
        tmp_path / "reader.toml",
        'id = "acme/contract-reader-8b"\nname = "Contract reader"\nlanguages = ["it"]\n',
    )
    assert run("catalog", "add", card, "--project", "legal", "--json").json == {
        "added": ["acme/contract-reader-8b"],
        "project": "legal",
    }
    taken = run("catalog", "add", card)
    assert "another project's" in taken.err
    assert run("catalog", "add", card, "--project", "nobody").status == 1
    assert (
        run("catalog", "rm", "acme/contract-reader-8b").out == "removed acme/contract-reader-8b\n"
    )
    assert "there is no card of our own" in run("catalog", "rm", "acme/contract-reader-8b").err
    assert "is of the catalogue" in run("catalog", "rm", "openai/gpt-oss-20b").err


def test_a_wrong_card_adds_none(run: Run, tmp_path: Path) -> None:
    good = write(tmp_path / "good.toml", 'id = "acme/a"\nname = "A"\n')
    bad = write(tmp_path / "bad.toml", 'id = "acme/b"\nname = "B"\ncontext_tokens = "32k"\n')
    same = write(tmp_path / "same.json", '{"id": "acme/a", "name": "Another"}')
    known = write(tmp_path / "known.json", '{"id": "openai/gpt-oss-20b", "name": "Ours"}')
    wrong = run("catalog", "add", good, bad)
    assert "bad.toml, line 3, field 'context_tokens'" in wrong.err
    both = run("catalog", "add", good, same)
    assert "good.toml, line 1 and same.json, line 1 both are the card 'acme/a'" in both.err
    assert "the catalogue has a card 'openai/gpt-oss-20b'" in run("catalog", "add", known).err
    assert "there is no card of our own" in run("catalog", "rm", "acme/a").err


def test_the_catalogue_is_checked_against_its_sources(run: Run, tmp_path: Path) -> None:
    alone = run("catalog", "check", "--json").json
    assert alone["cards"] > 1_600
    run("catalog", "update", SOURCES)
    looked = run(
        "catalog", "check", SOURCES, "--cards", 50, "--pairs", 9, "--seed", 7, "--json"
    ).json
    assert looked["cards_looked_up"] == 50
    assert looked["failures"] == []
    assert looked["of_claims"] > 100
    assert len(looked["pairs"]) == 9
    other = tmp_path / "other"
    other.mkdir()
    for file in SOURCES.iterdir():
        text = file.read_text().replace("apache-2.0", "mit")
        (other / file.name).write_text(text)
    wrong = run("catalog", "check", other, "--cards", 50, "--seed", 7)
    assert wrong.status == 1
    assert "licence" in wrong.out
