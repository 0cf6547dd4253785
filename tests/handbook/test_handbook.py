"""The handbook: alike in five languages, and true of the commands and settings that exist."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer

from tramontane.cli import app
from tramontane.config import Settings
from tramontane.handbook import LANGUAGES, Malformed, address, anchor_of, pages, read_page

CODE = re.compile(r"`([^`\n]+)`")


def codes(language: str) -> Iterator[tuple[str, str]]:
    """Yield what stands in backticks, with the page it stands on."""
    for page in pages(language):
        for section in page.sections:
            for match in CODE.finditer(section.text):
                yield page.slug, match[1]


def shape(language: str) -> dict[str, list[tuple[int, int]]]:
    """Return for each page how many steps and pieces of code each section has."""
    return {
        page.slug: [
            (len(re.findall(r"^\d+\. ", section.text, re.M)), len(CODE.findall(section.text)))
            for section in page.sections
        ]
        for page in pages(language)
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_pages_and_sections(language: str) -> None:
    assert shape(language) == shape("en")
    assert [page.number for page in pages(language)] == list(range(26))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_can_be_addressed(language: str) -> None:
    seen = {address(page, section) for page in pages(language) for section in page.sections}
    assert len(seen) == sum(len(page.sections) for page in pages(language))
    assert all(re.fullmatch(r"/docs/[a-z]{2}/[a-z-]+#[a-z0-9-]+", where) for where in seen)


def options_of(command: Any, name: str) -> Iterator[tuple[str, set[str]]]:
    """Yield each command's full name with its options."""
    for word, child in getattr(command, "commands", {}).items():
        yield from options_of(child, f"{name} {word}")
    yield name, {o for p in command.params if p.param_type_name == "option" for o in p.opts}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_command_that_is_named_exists(language: str) -> None:
    known = dict(options_of(typer.main.get_command(app), "tramontane"))
    every = set().union(*known.values())
    for slug, code in codes(language):
        for option in re.findall(r"(?<![\w-])--[a-z-]+", code):
            assert option in every, f"{slug}: {option}"
        if code.startswith("tramontane ") and "toml" not in code:
            named = max((name for name in known if code.startswith(name)), key=len)
            assert named != "tramontane", f"{slug}: {code}"
            assert set(re.findall(r"--[a-z-]+", code)) <= known[named], f"{slug}: {code}"


def settings_in(struct: type, prefix: str = "") -> Iterator[str]:
    """Yield every setting's dotted name."""
    for field in msgspec.structs.fields(struct):
        yield prefix + field.encode_name
        kinds = (field.type, *getattr(field.type, "__args__", ()))
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
                yield from settings_in(kind, f"{prefix}{field.encode_name}.")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_setting_that_is_named_exists(language: str) -> None:
    known = set(settings_in(Settings))
    words = {name.rpartition(".")[2] for name in known}
    for slug, code in codes(language):
        dotted = re.fullmatch(r"(server|studio|limits|sessions|upstream)\.\w+", code)
        if dotted:
            assert code in known, f"{slug}: {code}"
        elif match := re.fullmatch(r"(\w+) = (?:true|false)", code):
            assert match[1] in known, f"{slug}: {code}"
        elif slug == "add-a-provider" and re.fullmatch(r"[a-z_]+", code):
            assert code in words, f"{slug}: {code}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_are_short(language: str) -> None:
    for page in pages(language):
        words = sum(len(section.text.split()) for section in page.sections)
        assert words < 450, f"{page.slug}: {words} words"


def test_a_malformed_page_is_refused() -> None:
    head = "---\ntitle: T\nsummary: S\nwords: w\n---\n"
    assert read_page("01-a.md", f"{head}\n## One\n\nText.\n", "en").sections[0].title == "One"
    for name, text in (
        ("a.md", f"{head}\n## One\n\nText.\n"),
        ("01-a.md", "## One\n\nText.\n"),
        ("01-a.md", f"{head}\nText.\n"),
        ("01-a.md", f"{head}\nText.\n\n## One\n\nText.\n"),
        ("01-a.md", f"{head}\n## One\n\nText.\n\n## One!\n\nText.\n"),
    ):
        with pytest.raises(Malformed):
            read_page(name, text, "en")


def test_addresses_are_plain() -> None:
    assert anchor_of("Wie groß es sein darf") == "wie-gross-es-sein-darf"
    assert anchor_of("Qu’est-ce que c’est ?") == "qu-est-ce-que-c-est"


QUOTED = re.compile(r"“([^”“]+)”|« ?([^»]+?) ?»|„([^“]+)“|«([^»]+)»")
EXAMPLES = {  # what is quoted and stands on no button
    "short, for a layperson",
    "court, pour un non-spécialiste",
    "kurz, für Laien",
    "breve, para un lego",
    "breve, per un profano",
    "How much did each region sell in 2024?", "the five most expensive", "by month",
    "and only in Lyon?",
    "Combien chaque région a-t-elle vendu en 2024 ?", "les cinq plus chers", "par mois",
    "et seulement à Lyon ?",
    "Wie viel hat jede Region 2024 verkauft?", "die fünf teuersten", "nach Monat",
    "und nur in Lyon?",
    "¿Cuánto vendió cada región en 2024?", "los cinco más caros", "por mes", "¿y solo en Lyon?",
    "Quanto ha venduto ogni regione nel 2024?", "i cinque più cari", "per mese",
    "e solo a Lione?",
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_button_that_is_named_is_in_the_app(language: str) -> None:
    folder = Path(__file__).parents[2] / "web" / "src" / "lib" / "i18n" / language
    said = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.ts")))
    found = 0
    for page in pages(language):
        for section in page.sections:
            for match in QUOTED.finditer(section.text):
                label = next(group for group in match.groups() if group).strip(" \u00a0\u202f")
                if label not in EXAMPLES:
                    found += 1
                    assert f'"{label}"' in said, f"{page.slug}: {label}"
    assert found >= 9


# The pages of the app that are named without quotation marks, by what they are called in English.
NAMED = ("models", "usage", "people", "settings", "assistants", "prompts", "share")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_of_the_app_is_called_what_the_app_calls_it(language: str) -> None:
    path = Path(__file__).parents[2] / "web" / "src" / "lib" / "i18n" / language / "core.ts"
    labels = dict(re.findall(r'^  (\w+): "([^"]+)"', path.read_text(encoding="utf-8"), re.M))
    text = "\n".join(section.text for page in pages(language) for section in page.sections)
    for name in NAMED:
        assert re.search(rf"\b{re.escape(labels[name])}\b", text), labels[name]
