"""Imports run one way, names say what things are, and nothing of one machine is committed.

The rule is DESIGN's: errors, config, money ← wire ← store, catalog ← providers, engines ← gateway;
studio and worker beside it; app builds them all; cli stands before app. Nothing but app imports
the gateway's insides: everyone else is its client.
"""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "tramontane"

# A part may import from parts on lower floors and from itself.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("errors", "money", "log", "clock"),
    ("pricing", "places"),
    ("addresses", "config", "datafolder", "sockets", "text"),
    ("children", "tools", "handbook", "samples"),
    ("wire", "guide"),
    ("store", "catalog"),
    ("providers", "engines"),
    ("documents", "tables", "evaluation", "training", "governance"),
    ("assistant", "gateway"),
    ("studio", "worker"),
    ("app",),
    ("cli",),
)
FLOOR = {part: floor for floor, parts in enumerate(FLOORS) for part in parts}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
MAX_LINES = 600
APP_FILES = {".svelte", ".ts", ".css"}
# What is imported under another name than it is installed by.
IMPORTED_AS = {
    "argon2_cffi": "argon2",
    "markdown_it_py": "markdown_it",
    "python_docx": "docx",
}


def source_files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_names(path: Path, *, for_types: bool = True) -> Iterator[str]:
    """Yield every module imported anywhere in `path`, inside functions too.

    Those under `if TYPE_CHECKING:` are left out unless `for_types`.
    """
    tree = ast.parse(path.read_text(), str(path))
    for node in list(ast.walk(tree)):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not for_types:
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full, from tramontane"
            assert node.module is not None
            for alias in node.names:
                yield f"{node.module}.{alias.name}"


def part_of(module: str) -> str | None:
    """Return the part that `module` belongs to: None for the package itself or third parties."""
    names = module.split(".")
    return names[1] if names[0] == "tramontane" and len(names) > 1 else None


def imports_upwards(importer: str, imported: str) -> str | None:
    """Return what is wrong with `importer` importing `imported`, or None."""
    ours, theirs = part_of(importer), part_of(imported)
    if ours is None or theirs is None or ours == theirs or theirs.startswith("__"):
        return None
    if theirs == "gateway" and ours != "app":
        return f"{importer} imports {imported}: only app may import the gateway"
    if FLOOR[theirs] >= FLOOR[ours]:
        return f"{importer} imports {imported}, which is not below it"
    return None


def test_every_part_has_its_floor() -> None:
    parts = {module_name(p).split(".")[1] for p in source_files() if p.parent != SOURCE}
    files = {p.stem for p in source_files() if p.parent == SOURCE} - {"__init__", "__main__"}
    assert (parts | files) <= FLOOR.keys(), "say in FLOORS where the new part belongs"


@pytest.mark.parametrize("path", source_files(), ids=module_name)
def test_imports_run_one_way(path: Path) -> None:
    importer = module_name(path)
    wrong = {imports_upwards(importer, name) for name in imported_names(path)} - {None}
    assert not wrong, sorted(str(w) for w in wrong)


def test_the_rule_catches_what_it_should() -> None:
    assert imports_upwards("tramontane.wire.sse", "tramontane.store.keys")
    assert imports_upwards("tramontane.studio.webapp", "tramontane.gateway.ledger")
    assert imports_upwards("tramontane.engines.keys", "tramontane.providers.standin")
    assert imports_upwards("tramontane.app", "tramontane.gateway.server") is None
    assert imports_upwards("tramontane.gateway.auth", "tramontane.store.keys") is None


def test_no_cycle_hides_inside_functions() -> None:
    modules = {module_name(path) for path in source_files()}
    graph: dict[str, set[str]] = {}
    for path in source_files():
        importer = module_name(path)
        names = set(imported_names(path, for_types=False))
        # `from a.b import c` names either the module a.b.c or something inside a.b.
        found = {n if n in modules else n.rpartition(".")[0] for n in names}
        graph[importer] = (found & modules) - {importer}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the modules


@pytest.mark.parametrize("path", source_files(), ids=module_name)
def test_modules_say_what_they_are_for(path: Path) -> None:
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text)), "begin the module with a docstring"
    assert text.count("\n") <= MAX_LINES, "split it by meaning"
    assert path.stem not in FORBIDDEN_NAMES, "name it for what it holds"


def test_no_file_of_the_browser_app_is_too_long() -> None:
    files = [path for path in (ROOT / "web" / "src").rglob("*") if path.suffix in APP_FILES]
    assert len(files) > 100
    assert [path.name for path in files if path.read_text().count("\n") > MAX_LINES] == []


def test_every_import_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    declared = project["dependencies"] + [line for extra in extras for line in extra]
    names = {re.split(r"[<>=\[; ]", line)[0].lower().replace("-", "_") for line in declared}
    names |= {IMPORTED_AS[name] for name in names & IMPORTED_AS.keys()}
    known = names | {"tramontane"} | sys.stdlib_module_names
    imported = {
        (path.name, name.partition(".")[0])
        for path in source_files()
        for name in imported_names(path)
    }
    assert not {(f, n) for f, n in imported if n.lower() not in known}


def committed_files() -> list[Path]:
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def test_a_benchmark_runs_as_its_documentation_says() -> None:
    """`python benchmarks/NAME.py` has that folder on its path, and not the one above it."""
    for path in sorted((ROOT / "benchmarks").glob("*.py")):
        text = path.read_text()
        if re.search(r"^from (tests|benchmarks)\b", text, re.MULTILINE):
            assert "sys.path.insert(0, str(Path(__file__).parent.parent))" in text, path.name


def test_nothing_of_one_machine_is_committed() -> None:
    # Built from pieces, so that this file does not find itself.
    folders = "|".join(("root", "work", "home/[a-z]+", "Users/[A-Za-z]+", "tmp", "opt/wheels"))
    hosts = "|".join(("pypi", "pythonhosted", "npmjs", "yarnpkg", "crates")) + ")[.](?:org|com|io)"
    pattern = re.compile(rf"(?<![\w.~-])/(?:{folders})/|(?:{hosts}".encode())
    found = [
        f"{path.relative_to(ROOT)}: {match.group().decode()}"
        for path in committed_files()
        for match in pattern.finditer(path.read_bytes())
    ]
    assert not found


def test_the_gateway_loads_no_database() -> None:
    """It never opens the store, and what it does not load it need not hold in memory."""
    code = "import sys, tramontane.gateway.process; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"sqlalchemy", "sqlite3"} & set(ran.stdout.split())
