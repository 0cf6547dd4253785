"""A report for Word (.docx), from the same Markdown as the page.

Headings, lists, quotations, code, tables and charts become Word's own; what Word has no form for
stays text.
"""

import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markdown_it.token import Token

from tramontane.assistant.report.figures import Figure
from tramontane.assistant.report.page import parse
from tramontane.assistant.transfer.proofs import CHART

if TYPE_CHECKING:
    from docx.document import Document
    from docx.text.paragraph import Paragraph

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_FIGURE_CM = 15
_LEVELS_MAX = 3
# What XML 1.0 cannot hold.
_IMPOSSIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def render(markdown: str, title: str, language: str, figures: Mapping[str, Figure]) -> bytes:
    """Return the file of `markdown`; `figures` are its charts by their id."""
    import docx  # slow to import, and seldom asked for

    document = docx.Document()
    document.core_properties.title = _possible(title)[:255]
    document.core_properties.language = language
    document.core_properties.author = ""
    document.core_properties.comments = ""
    _Writer(document, figures).write(parse(markdown))
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


class _Writer:
    """Goes through the blocks once; `_lists` and `_quotes` say inside what it is."""

    def __init__(self, document: "Document", figures: Mapping[str, Figure]) -> None:
        self._document = document
        self._figures = figures
        self._lists: list[str] = []
        self._quotes = 0
        self._is_item_begun = False

    def write(self, tokens: Sequence[Token]) -> None:
        """Write every block."""
        at = 0
        while at < len(tokens):
            token = tokens[at]
            if token.type == "table_open":
                end = next(i for i in range(at, len(tokens)) if tokens[i].type == "table_close")
                self._table(tokens[at : end + 1])
                at = end
            elif token.type == "heading_open":
                level = min(int(token.tag[1:]), 4)
                self._inline(self._document.add_heading("", level), tokens[at + 1])
                at += 2
            elif token.type == "inline":
                self._inline(self._paragraph(), token)
            else:
                self._block(token)
            at += 1

    def _block(self, token: Token) -> None:
        if token.type in ("bullet_list_open", "ordered_list_open"):
            self._lists.append("List Bullet" if token.type[0] == "b" else "List Number")
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            self._lists.pop()
        elif token.type == "list_item_open":
            self._is_item_begun = True
        elif token.type == "blockquote_open":
            self._quotes += 1
        elif token.type == "blockquote_close":
            self._quotes -= 1
        elif token.type in ("fence", "code_block"):
            self._mono(self._document.add_paragraph(), token.content.rstrip("\n"))
        elif token.type == "hr":
            self._document.add_paragraph()

    def _paragraph(self) -> "Paragraph":
        is_first, self._is_item_begun = self._is_item_begun, False
        if self._lists:
            depth = min(len(self._lists), _LEVELS_MAX)
            name = self._lists[-1] if is_first else "List Continue"
            return self._document.add_paragraph(style=name if depth == 1 else f"{name} {depth}")
        return self._document.add_paragraph(style="Quote" if self._quotes else None)

    def _inline(self, paragraph: "Paragraph", token: Token) -> None:
        bold = italic = 0
        link: list[str] = []
        for child in token.children or ():
            bold += {"strong_open": 1, "strong_close": -1}.get(child.type, 0)
            italic += {"em_open": 1, "em_close": -1}.get(child.type, 0)
            if child.type == "link_open":
                link.append(str(child.attrs.get("href", "")))
            elif child.type == "link_close":
                address = link.pop()
                if address.startswith(("http:", "https:")) and address not in paragraph.text:
                    paragraph.add_run(f" ({_possible(address)})")
            elif child.type == "image":
                self._picture(paragraph, child)
            elif child.type == "code_inline":
                self._mono(paragraph, child.content)
            elif child.type in ("softbreak", "hardbreak"):
                paragraph.add_run(" ") if child.type == "softbreak" else paragraph.add_run("\n")
            elif child.content:
                run = paragraph.add_run(_possible(child.content))
                run.bold, run.italic = bool(bold) or None, bool(italic) or None

    def _picture(self, paragraph: "Paragraph", token: Token) -> None:
        from docx.shared import Cm

        address = str(token.attrs.get("src", ""))
        figure = self._figures.get(address.removeprefix(CHART))
        if figure is None or not address.startswith(CHART):
            paragraph.add_run(_possible(token.content))
            return
        paragraph.add_run().add_picture(io.BytesIO(figure.png), width=Cm(_FIGURE_CM))

    def _mono(self, paragraph: "Paragraph", text: str) -> None:
        run = paragraph.add_run(_possible(text))
        run.font.name = "Consolas"

    def _table(self, tokens: Sequence[Token]) -> None:
        rows: list[list[Token]] = []
        for at, token in enumerate(tokens):
            if token.type == "tr_open":
                rows.append([])
            elif token.type in ("th_open", "td_open"):
                rows[-1].append(tokens[at + 1])
        table: Any = self._document.add_table(len(rows), len(rows[0]), style="Light List Accent 1")
        for row, cells in zip(table.rows, rows, strict=True):
            for cell, token in zip(row.cells, cells, strict=True):
                self._inline(cell.paragraphs[0], token)
        self._document.add_paragraph()


def _possible(text: str) -> str:
    return _IMPOSSIBLE.sub("\ufffd", text)
