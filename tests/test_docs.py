"""Every setting, error code, command and route is documented, and nothing else is."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tramontane import errors
from tramontane.config import Settings

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
    return "{}" if default == {} else str(default)


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


def codes_in_source() -> set[str]:
    """Return each literal given as `code=` when an error is made anywhere in the source."""
    names = {n for n, v in vars(errors).items() if isinstance(v, type)}
    found = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _called(node) in names:
                for word in node.keywords:
                    if word.arg == "code" and isinstance(word.value, ast.Constant):
                        found.add(str(word.value.value))
    return found


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def test_every_error_code_is_documented() -> None:
    documented = first_column(DOCS / "errors.md")
    assert len(documented) == len(set(documented))
    assert set(documented) == class_codes() | codes_in_source()
