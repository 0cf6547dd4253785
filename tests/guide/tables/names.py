"""What the made tables, their columns and values are called in five languages: `names.txt`."""

from pathlib import Path

_LANGUAGES = ("en", "fr", "de", "es", "it")
Names = dict[str, dict[str, str]]


def _read() -> dict[str, Names]:
    """Return by section, then by key, what the five languages call it.

    A section begins with `# name`; a line is `key: en | fr | de | es | it`.
    """
    found: dict[str, Names] = {}
    for line in (Path(__file__).parent / "names.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            section = found.setdefault(line[2:], {})
            continue
        key, _, names = line.partition(":")
        section[key] = dict(zip(_LANGUAGES, (n.strip() for n in names.split("|")), strict=True))
    return found


_NAMES = _read()
TITLES = _NAMES["titles"]
VALUES = _NAMES["values"]
COLUMNS = {
    section.removeprefix("columns "): names
    for section, names in _NAMES.items()
    if section.startswith("columns ")
}
