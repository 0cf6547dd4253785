"""OpenAI's and Mistral's published descriptions of their APIs, and what a value breaks of them.

The descriptions lie beside the repository (`../shared/data/specs`), or where SHARED_DATA says the
data folder is; a test that needs it fails where it is missing.
"""

import lzma
import os
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
PREFIX = "#/components/schemas/"


def description_path(maker: str = "openai") -> Path:
    """Return where the description lies; fails the test where it does not."""
    data = Path(os.environ.get("SHARED_DATA") or ROOT.parent / "shared" / "data")
    path = data / "specs" / f"{maker}-openapi.yaml.xz"
    if not path.is_file():
        pytest.fail(
            f"{path} is missing: this test compares with the maker's published API description."
            " Put it there, or set SHARED_DATA to the folder that holds specs/."
        )
    return path


class PublishedAPI:
    """The schemas of the description, by name."""

    def __init__(self, path: Path) -> None:
        with lzma.open(path) as text:
            document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self._schemas: dict[str, Any] = document["components"]["schemas"]
        self._validators: dict[str, Draft202012Validator] = {}

    def problems(self, name: str, value: object) -> list[str]:
        """Return what `value` breaks of the schema `name`; nothing where it conforms."""
        if name not in self._validators:
            used = {n: _with_nulls(self._schemas[n]) for n in self._reachable(name)}
            schema = {"$ref": PREFIX + name, "components": {"schemas": used}}
            self._validators[name] = Draft202012Validator(schema)
        found = self._validators[name].iter_errors(value)
        return [f"{error.json_path}: {error.message}" for error in found]

    def _reachable(self, name: str) -> set[str]:
        found: set[str] = set()
        waiting = [name]
        while waiting:
            next_name = waiting.pop()
            if next_name not in found:
                found.add(next_name)
                waiting += _references(self._schemas[next_name])
        return found


def _references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [name for part in schema for name in _references(part)]
    if not isinstance(schema, dict):
        return []
    inner = [name for part in schema.values() for name in _references(part)]
    reference = schema.get("$ref")
    return [*inner, reference.removeprefix(PREFIX)] if isinstance(reference, str) else inner


def _with_nulls(schema: Any) -> Any:
    """Return `schema` with `nullable`, a word of OpenAPI 3.0 only, spelt as JSON Schema has it."""
    if isinstance(schema, list):
        return [_with_nulls(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    changed = {key: _with_nulls(value) for key, value in schema.items() if key != "nullable"}
    if schema.get("nullable") is True:
        return {"anyOf": [changed, {"type": "null"}]}
    return changed
