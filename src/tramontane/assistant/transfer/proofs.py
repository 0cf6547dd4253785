"""What an answer drew on, as Markdown: its files, sources and results, and what was found false.

Pure. The reader's language decides the few words that are ours.
"""

from collections.abc import Collection, Sequence
from typing import Any

from tramontane.store.messages import (
    ChecksPart,
    FilesPart,
    Message,
    ResultPart,
    Source,
    SourcesPart,
)

ROWS_MAX = 50
CHART = "chart:"
"""Before the id of a result: the address of its chart, for who draws the Markdown and has one."""
_WORDS: dict[str, dict[str, str]] = {
    "de": {
        "files": "Dateien",
        "sources": "Quellen",
        "page": "Seite",
        "slide": "Folie",
        "sheet": "Blatt",
        "part": "Teil",
        "rows": "{shown} von {all} Zeilen",
        "edited": "von Hand geändert",
        "proven": "Verglichen mit Quellen und Ergebnissen: {count} Stellen stimmen.",
        "unproven": "Nicht belegt: {what}.",
    },
    "en": {
        "files": "Files",
        "sources": "Sources",
        "page": "page",
        "slide": "slide",
        "sheet": "sheet",
        "part": "part",
        "rows": "{shown} of {all} rows",
        "edited": "changed by hand",
        "proven": "Compared with sources and results: {count} places hold.",
        "unproven": "Not proven: {what}.",
    },
    "es": {
        "files": "Archivos",
        "sources": "Fuentes",
        "page": "página",
        "slide": "diapositiva",
        "sheet": "hoja",
        "part": "parte",
        "rows": "{shown} de {all} filas",
        "edited": "cambiado a mano",
        "proven": "Comparado con fuentes y resultados: {count} lugares concuerdan.",
        "unproven": "Sin prueba: {what}.",
    },
    "fr": {
        "files": "Fichiers",
        "sources": "Sources",
        "page": "page",
        "slide": "diapositive",
        "sheet": "feuille",
        "part": "partie",
        "rows": "{shown} lignes sur {all}",
        "edited": "modifié à la main",
        "proven": "Comparé aux sources et aux résultats : {count} endroits concordent.",
        "unproven": "Non prouvé : {what}.",
    },
    "it": {
        "files": "File",
        "sources": "Fonti",
        "page": "pagina",
        "slide": "diapositiva",
        "sheet": "foglio",
        "part": "parte",
        "rows": "{shown} righe su {all}",
        "edited": "modificato a mano",
        "proven": "Confrontato con fonti e risultati: {count} punti concordano.",
        "unproven": "Non provato: {what}.",
    },
}


def of_files(part: FilesPart, language: str) -> str:
    """Return the files that a question brought, on one line."""
    names = ", ".join(_plain(file.name) for file in part.files)
    return f"*{_words(language)['files']}: {names}*"


def of_result(part: ResultPart, language: str, charts: Collection[str] = ()) -> list[str]:
    """Return a result: its title, its chart where `charts` has one, its first rows, its SQL."""
    words = _words(language)
    title = f"**{_plain(part.title)}**"
    if part.is_edited:
        title += f" ({words['edited']})"
    shown = part.rows[:ROWS_MAX]
    head = [_row([column.name for column in part.columns])]
    head.append("|" + " --- |" * len(part.columns))
    drawn = [f"![{_plain(part.title)}]({CHART}{part.id})"] if part.id in charts else []
    blocks = [title, *drawn, "\n".join([*head, *(_row(row) for row in shown)])]
    if len(shown) < part.row_count:
        blocks.append(f"*{words['rows'].format(shown=len(shown), all=part.row_count)}*")
    return [*blocks, _sql(part.sql)]


def of_answer(message: Message, language: str) -> list[str]:
    """Return the sources that an answer cites, and what was found when it was checked."""
    words = _words(language)
    sources = [s for part in message.parts if isinstance(part, SourcesPart) for s in part.sources]
    checks = [c for part in message.parts if isinstance(part, ChecksPart) for c in part.checks]
    cited = {c.source for c in checks if c.kind == "citation" or c.verdict == "proven"}
    listed = [source for source in sources if source.number in cited]
    blocks = []
    if listed:
        lines = "\n".join(f"- \\[{s.number}\\] {_place(s, words)}" for s in listed)
        blocks.append(f"*{words['sources']}*\n\n{lines}")
    proven = sum(check.verdict in ("proven", "calculated") for check in checks)
    false = [check for check in checks if check.verdict == "unproven"]
    if proven:
        blocks.append(f"*{words['proven'].format(count=proven)}*")
    if false:
        what = "; ".join(_plain(check.text) for check in false)
        blocks.append(f"*{words['unproven'].format(what=what)}*")
    return blocks


def _place(source: Source, words: dict[str, str]) -> str:
    where = f"{_plain(source.document)}, {words.get(source.label, source.label)} {source.page}"
    return f"{where} › {_plain(source.heading)}" if source.heading else where


def _row(cells: Sequence[Any]) -> str:
    return "|" + "".join(f" {_cell(cell)} |" for cell in cells)


def _cell(value: Any) -> str:
    return "" if value is None else _plain(str(value)).replace("|", "\\|")


def _sql(sql: str) -> str:
    fence = "```"
    while fence in sql:
        fence += "`"
    return f"{fence}sql\n{sql.strip()}\n{fence}"


def _plain(text: str) -> str:
    """Return `text` on one line, without what Markdown would take for its own."""
    for mark in "\\`*_[]<>":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())


def _words(language: str) -> dict[str, str]:
    return _WORDS.get(language, _WORDS["en"])
