"""Dependencies are locked with hashes and without addresses, and the locks match pyproject.toml."""

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
NODE_LOCKS = sorted(
    path
    for folder in ("tests", "web")
    for path in (ROOT / folder).rglob("package-lock.json")
    if "node_modules" not in path.parts
)
PINNED = re.compile(r"^([a-z0-9][a-z0-9-]*)==(\S+)( ; [^\\]+)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")
COMMENT = re.compile(r"^ +#( |$)[a-zA-Z0-9 ._/():,-]*$")


def pins(path: Path) -> dict[str, str]:
    """Return version by name; ValueError where a line is neither pin, hash nor comment."""
    found: dict[str, str] = {}
    for line in path.read_text().splitlines():
        if match := PINNED.match(line):
            found[match[1]] = found.get(match[1], "") + match[2]
        elif not HASH.match(line) and not COMMENT.match(line):
            raise ValueError(f"{path.name}: unexpected line {line!r}")
    return found


def names_of(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=\[; ]", line)[0].lower() for line in requirements}


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_every_line_is_a_pin_with_its_hashes(path: Path) -> None:
    text = path.read_text()
    assert pins(path)
    for block in re.split(r"\n(?=[a-z0-9])", text):
        assert "--hash=sha256:" in block, block.partition("\n")[0]
    assert "://" not in text


def test_locks_cover_what_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    dependencies = project["project"]["dependencies"]
    folder = ROOT / "requirements"
    assert names_of(dependencies + groups["build"]) <= pins(folder / "serve.txt").keys()
    assert names_of(groups["test"] + groups["check"]) <= pins(folder / "test.txt").keys()
    for name in ("engine", "node", "lock"):
        assert names_of(groups[name]) <= pins(folder / f"{name}.txt").keys()
    assert groups["engine"] == project["project"]["optional-dependencies"]["engine"]


def test_tests_run_with_what_is_served() -> None:
    served, tested = (pins(ROOT / "requirements" / f"{n}.txt") for n in ("serve", "test"))
    assert {name: tested.get(name) for name in served} == served


def test_serving_needs_no_training() -> None:
    heavy = {"torch", "transformers", "ray", "tokenizers"}
    assert not heavy & pins(ROOT / "requirements" / "serve.txt").keys()


@pytest.mark.parametrize("path", NODE_LOCKS, ids=lambda path: path.parent.name)
def test_node_locks_hold_hashes_and_no_addresses(path: Path) -> None:
    packages = json.loads(path.read_text())["packages"]
    assert len(packages) > 1
    for name, package in packages.items():
        if name:
            assert package["integrity"].startswith("sha512-"), name
            assert "resolved" not in package, name
