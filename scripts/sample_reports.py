#!/usr/bin/env python3
# /// script
# requires-python = ">=3.11"
# dependencies = ["brotli", "fonttools", "markdown-it-py"]
# ///
"""Makes the report that ships as a sample, in five languages, from `docs/report`.

    uv run scripts/sample_reports.py [CHROMIUM]

Each Markdown file becomes `src/tramontane/samples/report.LANGUAGE.pdf`, printed by Chromium with
the app's own font, so `npm ci` must have run in web/. A fenced block `figure` holds a title, then
lines `label | number` (our own with a star), and is drawn as bars.
"""

import base64
import html
import io
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "docs" / "report"
TARGET = ROOT / "src" / "tramontane" / "samples"
FONT = (
    ROOT
    / "web/node_modules/@fontsource-variable/source-sans-3/files"
    / "source-sans-3-latin-wght-normal.woff2"
)
WEIGHTS = (400, 640)
MOST_BYTES = 150_000
BAR_PX, LABEL_PX, ROW_PX = 330, 170, 26

STYLE = """
@font-face { font-family: "Report"; src: url(data:font/ttf;base64,%s); font-weight: 400; }
@font-face { font-family: "Report"; src: url(data:font/ttf;base64,%s); font-weight: 640; }
@page { size: A4; margin: 24mm 24mm 24mm; }
html { font: 11.2pt/1.52 "Report", sans-serif; color: #15181d; hyphens: auto; }
body { margin: 0; }
header { padding: 42mm 0 16mm; border-bottom: 1.5pt solid #0069a8; margin-bottom: 9mm; }
header .mark { font-weight: 640; letter-spacing: .02em; color: #0069a8; }
header h1 { margin: 4mm 0 2mm; font-size: 31pt; line-height: 1.12; letter-spacing: -.014em; }
header .sub { margin: 0; font-size: 14pt; line-height: 1.35; color: #484e57; }
header .date { margin: 7mm 0 0; }
nav { break-after: page; }
nav p { font-weight: 640; margin: 0 0 2mm; }
nav ol { list-style: none; margin: 0; padding: 0; columns: 2; column-gap: 10mm; }
nav a { color: inherit; text-decoration: none; }
h1, h2, h3 { font-weight: 640; }
h2 { font-size: 17pt; line-height: 1.25; margin: 9mm 0 2.5mm; letter-spacing: -.006em; }
h3 { font-size: 12.4pt; margin: 5mm 0 1mm; }
h2, h3 { break-after: avoid; hyphens: manual; }
p { margin: 0 0 2.6mm; orphans: 3; widows: 3; }
ul, ol { margin: 0 0 3mm; padding-left: 5.5mm; }
li { margin-bottom: 1mm; }
code { font: 9.6pt "Liberation Mono", monospace; hyphens: none; }
table { width: 100%%; border-collapse: collapse; font-size: 10pt; line-height: 1.35;
  margin: 4mm 0 2mm; break-inside: avoid; font-variant-numeric: tabular-nums lining-nums;
  hyphens: manual; }
th, td { padding: 1.6mm 3mm 1.6mm 0; text-align: left; vertical-align: baseline; }
th { border-bottom: .8pt solid #7d828a; font-weight: 600; }
td { border-bottom: .4pt solid #e0ddd4; }
th.end, td.end { text-align: right; padding-right: 0; padding-left: 3mm; }
table + p { font-size: 9.4pt; color: #484e57; margin-bottom: 5.5mm; }
figure { margin: 5mm 0 5mm; break-inside: avoid; }
figcaption { font-size: 9.4pt; color: #484e57; margin-top: 2mm; }
svg text { font: 12px "Report"; fill: #15181d; }
svg rect { fill: #7d828a; }
svg rect.ours { fill: #0069a8; }
"""


def main(chromium: str) -> None:
    """Print every report."""
    fonts = tuple(base64.b64encode(cut(weight)).decode() for weight in WEIGHTS)
    for source in sorted(SOURCES.glob("??.md")):
        language = source.stem
        page = document(source.read_text(encoding="utf-8"), language, fonts)
        target = TARGET / f"report.{language}.pdf"
        printed(chromium, page, target)
        size = target.stat().st_size
        assert size <= MOST_BYTES, f"{target.name}: {size} bytes"
        sys.stdout.write(f"{target.name}: {size} bytes\n")


def cut(weight: int) -> bytes:
    """Return the font at one weight: of one that varies, Chromium would draw each letter anew."""
    font = instantiateVariableFont(TTFont(FONT), {"wght": weight})
    font.flavor = None
    written = io.BytesIO()
    font.save(written)
    return written.getvalue()


def document(text: str, language: str, fonts: tuple[str, ...]) -> str:
    """Return the report as a page of HTML that needs nothing else."""
    _, head, body = text.split("---\n", 2)
    facts = dict(line.split(": ", 1) for line in head.strip().splitlines())
    if language == "fr":
        body = re.sub(r" ([:;?!»])", "\N{NO-BREAK SPACE}\\1", body)
        body = body.replace("« ", "«\N{NO-BREAK SPACE}")
    md = MarkdownIt("commonmark").enable("table")
    tokens = md.parse(body)
    chapters = numbered(tokens)
    rendered = "".join(
        figure(token.content, language)
        if token.type == "fence" and token.info == "figure"
        else md.renderer.render([token], md.options, {})
        for token in tokens
    )
    rendered = re.sub(r'<(t[hd]) style="text-align:right">', r'<\1 class="end">', rendered)
    listed = "".join(f'<li><a href="#c{n}">{html.escape(c)}</a></li>' for n, c in chapters)
    title = html.escape(facts["title"])
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f"<title>{title}</title><style>{STYLE % fonts}</style></head><body>"
        f'<header><p class="mark">Tramontane</p><h1>{title}</h1>'
        f'<p class="sub">{html.escape(facts["subtitle"])}</p>'
        f'<p class="date">{html.escape(facts["date"])}</p></header>'
        f"<nav><p>{html.escape(facts['contents'])}</p><ol>{listed}</ol></nav>{rendered}"
        "</body></html>"
    )


def numbered(tokens: list[Token]) -> list[tuple[int, str]]:
    """Give each chapter's head a place to go to; return the chapters."""
    chapters = []
    for at, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            number = len(chapters) + 1
            token.attrSet("id", f"c{number}")
            chapters.append((number, tokens[at + 1].content))
    return chapters


def figure(text: str, language: str) -> str:
    """Return bars of the numbers, ours in the accent."""
    title, *lines = text.strip().splitlines()
    split = [line.partition("|") for line in lines]
    rows = [(label.strip(), float(value)) for label, _, value in split]
    most = max(value for _, value in rows)
    drawn = []
    for n, (label, value) in enumerate(rows):
        y = n * ROW_PX
        width = max(1.0, value / most * BAR_PX)
        kind = ' class="ours"' if label.startswith("* ") else ""
        label = label.removeprefix("* ")
        drawn.append(
            f'<text x="{LABEL_PX - 10}" y="{y + 16}" text-anchor="end">{html.escape(label)}</text>'
            f'<rect{kind} x="{LABEL_PX}" y="{y + 3}" width="{width:.1f}" height="18"/>'
            f'<text x="{LABEL_PX + width + 8:.1f}" y="{y + 16}">{value:g}</text>'
        )
    size = f'width="560" height="{len(rows) * ROW_PX}"'
    caption = html.escape(title)
    return (
        f'<figure><svg {size} role="img" aria-label="{caption}">{"".join(drawn)}</svg>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def printed(chromium: str, page: str, target: Path) -> None:
    """Let Chromium print `page`, with page numbers, tags and an outline."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "report.html")
        source.write_text(page, encoding="utf-8")
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--generate-pdf-document-outline",
            "--no-pdf-header-footer",
            f"--user-data-dir={folder}/profile",
            f"--print-to-pdf={target}",
            source.as_uri(),
        ]
        subprocess.run([chromium, *options], check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    found = sys.argv[1] if len(sys.argv) > 1 else shutil.which("chromium")
    if not found:
        sys.exit("Where is Chromium? Give its path.")
    main(found)
