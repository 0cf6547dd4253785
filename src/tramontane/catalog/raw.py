"""The sources' records as they are, found by the names that claims give: for checking only.

It flattens a record into its texts and numbers and knows nothing of what they mean.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from tramontane.catalog.reading import decoded


class RawRecords:
    """Every record of the sources in `files` (by source, then file name)."""

    def __init__(self, files: Mapping[str, Mapping[str, bytes]]) -> None:
        self._records: dict[tuple[str, str], Any] = {}
        for source, contents in files.items():
            for name, data in contents.items():
                rows = decoded(data, source)
                for record, row in _NAMED[source](name, rows):
                    self._records[source, record] = row

    def has(self, source: str, record: str) -> bool:
        """Return whether the source has that record."""
        return (source, record) in self._records

    def texts(self, source: str, record: str) -> list[str]:
        """Return every name and value of a record as text; nothing where there is none."""
        row = self._records.get((source, record))
        return [] if row is None else [record, *map(str, _leaves(row))]

    def numbers(self, source: str, record: str) -> list[Decimal]:
        """Return every number of a record."""
        leaves = _leaves(self._records.get((source, record)))
        return [
            Decimal(str(leaf))
            for leaf in leaves
            if isinstance(leaf, int | Decimal) and not isinstance(leaf, bool)
        ]


def _leaves(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield name
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    elif value is not None:
        yield value


def _models_dev(name: str, rows: Any) -> Iterable[tuple[str, Any]]:
    if name.endswith("models.json"):
        yield from ((f"models/{id_}", row) for id_, row in rows.items())
    elif name.endswith("offers.json"):
        for row in rows:
            yield f"{row['provider_id']}/{row['id']}", row


def _genai_prices(_name: str, rows: Any) -> Iterable[tuple[str, Any]]:
    for seller in rows:
        for row in seller["models"]:
            yield f"{seller['id']}/{row['id']}", row


def _xinference(name: str, rows: Any) -> Iterable[tuple[str, Any]]:
    """Yield a family under each of its repositories: their sizes' specifications only."""
    part = name.removeprefix("xinference_").removesuffix(".json")
    for row in rows:
        for size, repository, specs in _sizes(row):
            label = f"{part}/{row['model_name']}" + (f"/{size}" if size else "")
            yield f"{label}/{repository}", {**row, "model_specs": specs}


def _sizes(row: Mapping[str, Any]) -> Iterable[tuple[str, str, list[Any]]]:
    specs = row.get("model_specs") or []
    if not specs:
        source = (row.get("model_src") or {}).get("huggingface") or {}
        yield "", source.get("model_id", ""), []
    for spec in specs:
        size = str(spec.get("model_size_in_billions", "")).replace("_", ".")
        same = [
            s
            for s in specs
            if s.get("model_size_in_billions") == spec.get("model_size_in_billions")
        ]
        repository = spec["model_src"].get("huggingface", {}).get("model_id")
        if repository:
            yield size, repository, same


_NAMED: Mapping[str, Callable[[str, Any], Iterable[tuple[str, Any]]]] = {
    "models_dev": _models_dev,
    "litellm": lambda _name, rows: rows.items(),
    "genai_prices": _genai_prices,
    "helm": lambda _name, rows: ((row["name"], row) for row in rows),
    "localai": lambda _name, rows: ((row["name"], row) for row in rows),
    "xinference": _xinference,
    "gpustack": lambda _name, rows: ((row["name"], row) for row in rows),
    "azureml": lambda _name, rows: ((row["folder"], row) for row in rows),
}
