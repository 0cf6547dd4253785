"""Every setting, error code, command, address and dependency is documented, and nothing else."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import typer
from litestar import Litestar
from litestar.di import Provide
from litestar.routes import HTTPRoute

from tramontane import errors
from tramontane.cli import app
from tramontane.config import Settings
from tramontane.gateway.endpoints import ANSWERED, TOKENS
from tramontane.studio import document
from tramontane.studio.application import api
from tramontane.studio.platform import Platform
from tramontane.studio.routes import mistral_libraries

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "tramontane"


def first_column(path: Path) -> list[str]:
    """Return what stands in backticks at the start of each table row."""
    return re.findall(r"^\| `([^`]+)`", path.read_text(), re.MULTILINE)


# -- settings


def settings_of(struct: type, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield each setting's dotted name and its default as TOML would write it."""
    for field in msgspec.structs.fields(struct):
        name = prefix + field.encode_name
        inner = _struct_in(field.type)
        if inner is None:
            yield name, _toml(field)
        else:
            yield from settings_of(inner, name + (".NAME." if _is_table(field.type) else "."))


def _is_table(kind: object) -> bool:
    return getattr(kind, "__origin__", None) is dict


def _struct_in(kind: object) -> type | None:
    candidates = (kind, *getattr(kind, "__args__", ()))
    found = (c for c in candidates if isinstance(c, type) and issubclass(c, msgspec.Struct))
    return next(found, None)


def _toml(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    default = field.default
    if default is msgspec.NODEFAULT:
        assert callable(field.default_factory)
        default = field.default_factory()
    if default is None:
        return "none"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, str):
        return f'"{default}"'
    return {"{}": "{}", "()": "[]"}.get(str(default), str(default))


def test_every_setting_is_documented_with_its_default() -> None:
    text = (DOCS / "configuration.md").read_text()
    rows = re.findall(r"^\| `([\w.]+)` \| `?([^|`]+?)`? \|", text, re.MULTILINE)
    documented = {name: default.replace(",", "").strip() for name, default in rows}
    assert documented == dict(settings_of(Settings))


# -- errors


def class_codes() -> set[str]:
    def tree(root: type[errors.TramontaneError]) -> Iterator[str]:
        yield root.code
        for child in root.__subclasses__():
            yield from tree(child)

    return set(tree(errors.TramontaneError))


def codes_in_source() -> tuple[set[str], set[str]]:
    """Return each code that is given to an error anywhere in the source, or assigned.

    As literals, and as patterns where part of the code is filled in.
    """
    names = {n for n, v in vars(errors).items() if isinstance(v, type)}
    literals, patterns = set[str](), set[str]()
    for path in SOURCE.rglob("*.py"):
        if path.is_relative_to(SOURCE / "providers" / "standin"):
            continue  # it speaks for somebody else
        for value in _codes(ast.parse(path.read_text()), names):
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                literals.add(value.value)
            elif isinstance(value, ast.JoinedStr):
                parts = (p.value if isinstance(p, ast.Constant) else "[a-z]+" for p in value.values)
                patterns.add("".join(map(str, parts)))
    return literals, patterns


def _codes(tree: ast.Module, names: set[str]) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) in names:
            yield from (word.value for word in node.keywords if word.arg == "code")
        elif isinstance(node, ast.Assign):
            targets = {target.id for target in node.targets if isinstance(target, ast.Name)}
            if "code" in targets:
                yield node.value
            elif "_CODES" in targets and isinstance(node.value, ast.Dict):
                yield from node.value.values


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def test_every_error_code_is_documented() -> None:
    documented = first_column(DOCS / "errors.md")
    assert len(documented) == len(set(documented))
    literals, patterns = codes_in_source()
    known = class_codes() | literals
    filled_in = {c for c in documented if any(re.fullmatch(p, c) for p in patterns)}
    assert set(documented) - filled_in == known - filled_in
    for pattern in patterns:
        assert any(re.fullmatch(pattern, code) for code in filled_in), pattern


# -- commands

COMMON_OPTIONS = {"--json", "--config", "--data"}


def commands(command: Any, name: str) -> Iterator[tuple[str, set[str]]]:
    """Yield the full name of each command that does something, with its own options."""
    inner = getattr(command, "commands", None)
    if inner is not None:
        for word, child in inner.items():
            yield from commands(child, f"{name} {word}")
        return
    options = {name for p in command.params if p.param_type_name == "option" for name in p.opts}
    yield name, options - COMMON_OPTIONS


def documented_commands() -> Iterator[tuple[str, set[str]]]:
    text = (DOCS / "commands.md").read_text()
    for section in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        title = section.partition("\n")[0].strip("`")
        name = " ".join(word for word in title.split() if not word.isupper())
        yield name, set(re.findall(r"^\| `(--[a-z-]+)", section, re.MULTILINE)) - COMMON_OPTIONS


def test_every_command_is_documented_with_its_options() -> None:
    assert dict(documented_commands()) == dict(commands(typer.main.get_command(app), "tramontane"))


# -- dependencies


def test_every_dependency_is_documented() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [
        project["project"]["dependencies"],
        *project["project"]["optional-dependencies"].values(),
        *project["dependency-groups"].values(),
    ]
    declared = {re.split(r"[<>=\[; ]", line)[0].lower() for group in groups for line in group}
    packages = [
        msgspec.json.decode(path.read_bytes())
        for folder in ("tests", "web")
        for path in (ROOT / folder).rglob("package.json")
        if "node_modules" not in path.parts
    ]
    npm = {
        f"npm:{name}"
        for package in packages
        for kind in ("dependencies", "devDependencies")
        for name in package.get(kind, ())
    }
    assert set(first_column(DOCS / "dependencies.md")) == declared | npm


# -- the map


def test_the_map_names_what_exists() -> None:
    text = (DOCS / "architecture.md").read_text()
    code = "\n".join(path.read_text() for path in SOURCE.rglob("*.py"))
    for path in re.findall(r"`((?:\w+/)*\w+\.py)`", text):
        assert (SOURCE / path).exists() or (ROOT / path).exists(), path
    for name in re.findall(r"`([A-Za-z_]\w*(?:\.\w+)?)`", text):
        if re.search(r"[A-Z].*[a-z]|_", name) or "." in name:
            assert re.search(rf"\b{re.escape(name.rpartition('.')[2])}\b", code), name


# -- addresses


def gateway_paths() -> set[str]:
    """Return the paths that the gateway answers itself, from its own table and code."""
    tree = ast.parse((SOURCE / "gateway" / "process.py").read_text())
    answers = next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == "local_answer"
    )
    found = {
        node.value.decode()
        for node in ast.walk(answers)
        if isinstance(node, ast.Constant) and isinstance(node.value, bytes)
    }
    paths = {path for path in found if path.startswith("/")}
    return {f"GET {path}{'{name}' if path.endswith('/') else ''}" for path in paths}


def studio_paths() -> dict[str, str]:
    """Return what each operation of the own API needs: a right, or `any`, `people` or `none`."""
    described = msgspec.json.decode(document.build(api(lambda: cast(Platform, None))))
    return {
        f"{method.upper()} {path}": _needed(operation["security"][0])
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
    }


def mistral_paths() -> dict[str, str]:
    """Return what each operation in Mistral's dialect needs."""
    given = {name: Provide(lambda: None, sync_to_thread=False) for name in ("platform", "caller")}
    routes = Litestar([mistral_libraries.router(given)], logging_config=None).routes
    return {
        f"{method} {re.sub(':[a-z]+', '', route.path)}": str(handler.opt["right"])
        for route in routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if "right" in handler.opt
        for method in handler.http_methods
    }


def _needed(way: dict[str, list[str]]) -> str:
    if "key" in way:
        return next(iter(way["key"]), "any")
    return "people" if "session" in way else "none"


def test_every_address_is_documented_with_its_right() -> None:
    text = (DOCS / "api.md").read_text()
    rows = re.findall(r"^\| `([A-Z]+ /[^`]*)` \| `?(\w+)`? \|", text, re.MULTILINE)
    own = {address: right for address, right in rows if " /api/v1/" in address}
    assert own == studio_paths()
    tokens = {f"POST {path}" for path in TOKENS}
    tokens |= {f"{local.method.decode()} {path}" for path, local in ANSWERED.items()}
    mistral = {a: right for a, right in rows if " /mistral/" in a and a not in tokens}
    assert mistral == mistral_paths()
    pages = {"GET /", "GET /building", "GET /api/openapi.json"}
    pages |= {"GET /docs", "GET /docs/{language}", "GET /docs/{language}/{page}"}
    pages |= {"GET /embed.js", "GET /embed/{embed_id}"}
    assert {
        address for address, _ in rows
    } - own.keys() - mistral.keys() == tokens | gateway_paths() | pages


# -- links


def test_links_lead_somewhere() -> None:
    for page in (ROOT / "README.md", *DOCS.rglob("*.md")):
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
