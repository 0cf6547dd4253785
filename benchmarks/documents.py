"""What reading documents costs: `python benchmarks/documents.py [--pages 2000] [--rounds 3]`.

Makes a report in five languages, reads it in the limited child as the worker does, and prints pages
per second, processor time of the child, and the largest resident memory of child and parent. Then
the same for a Word document, slides, a web page and text of some size. Nothing is downloaded.
"""

import argparse
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psutil

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.documents import made
from tramontane.documents.extract import Ended, PageRead, extract

MIB = 1024 * 1024
SAMPLE_S = 0.02


class Round(msgspec.Struct):
    """One reading of one file."""

    pages: int
    characters: int
    took_s: float
    child_cpu_s: float
    child_mib: float
    parent_mib: float
    parent_grew_mib: float


class _Watch:
    """Samples the memory of this process and its child until it is told to end."""

    def __init__(self) -> None:
        self._own = psutil.Process()
        self._ended = threading.Event()
        self.parent_bytes = self.began_bytes = self._own.memory_info().rss
        self.child_bytes = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(SAMPLE_S):
            self.parent_bytes = max(self.parent_bytes, self._own.memory_info().rss)
            for child in self._own.children():
                try:
                    self.child_bytes = max(self.child_bytes, child.memory_info().rss)
                except psutil.Error:
                    continue


def one_round(path: Path) -> Round:
    """Read `path` once."""
    before = os.times()
    watch = _Watch()
    began_s = time.perf_counter()
    pages = characters = 0
    for line in extract(path, path.name):
        if isinstance(line, PageRead):
            pages += 1
            characters += sum(len(passage.text) for passage in line.passages)
        elif isinstance(line, Ended):
            assert line.pages == pages
    took_s = time.perf_counter() - began_s
    watch.end()
    after = os.times()
    cpu_s = after.children_user + after.children_system
    cpu_s -= before.children_user + before.children_system
    return Round(
        pages,
        characters,
        took_s,
        cpu_s,
        watch.child_bytes / MIB,
        watch.parent_bytes / MIB,
        (watch.parent_bytes - watch.began_bytes) / MIB,
    )


def long_docx(path: Path) -> None:
    """Write a Word document of 2,000 paragraphs."""
    from docx import Document

    document = Document()
    texts = [text for language in made.LANGUAGES for text in made.prose(language)]
    for number in range(2_000):
        if number % 20 == 0:
            document.add_heading(f"Section {number // 20 + 1}", 1)
        document.add_paragraph(texts[number % len(texts)])
    document.save(str(path))


def long_html(path: Path) -> None:
    """Write a web page of 5,000 paragraphs."""
    texts = [text for language in made.LANGUAGES for text in made.prose(language)]
    body = "".join(f"<p>{texts[number % len(texts)]}</p>" for number in range(5_000))
    path.write_text(f"<!doctype html><title>Long</title>{body}")


def long_text(path: Path) -> None:
    """Write a text of 20 MB."""
    texts = [text for language in made.LANGUAGES for text in made.prose(language)]
    path.write_text("\n\n".join(texts * (20_000_000 // sum(map(len, texts)) + 1)))


def files(folder: Path, pages: int) -> Iterator[tuple[str, Path]]:
    """Yield what is read, and what it is called."""
    report = folder / "report.pdf"
    made.report_pdf(report, pages)
    yield f"PDF, {pages:,} pages, five languages", report
    short = folder / "short.pdf"
    made.report_pdf(short, 20)
    yield "PDF, 20 pages", short
    others: tuple[tuple[str, str, Callable[[Path], None]], ...] = (
        ("Word document, 2,000 paragraphs", "docx", long_docx),
        ("web page, 5,000 paragraphs", "html", long_html),
        ("text, 20 MB", "txt", long_text),
    )
    for title, ending, make in others:
        path = folder / f"long.{ending}"
        make(path)
        yield title, path


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pages", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print("| file | MB | pages | pages/s | pages per CPU second | child MB | parent grew MB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for title, path in files(Path(folder), options.pages):
            rounds = [one_round(path) for _ in range(options.rounds)]
            pages = rounds[0].pages
            speed = statistics.median(pages / each.took_s for each in rounds)
            per_cpu = statistics.median(pages / each.child_cpu_s for each in rounds)
            child = max(each.child_mib for each in rounds)
            grew = max(each.parent_grew_mib for each in rounds)
            size = path.stat().st_size / 1e6
            print(
                f"| {title} | {size:.1f} | {pages:,} | {speed:,.0f} | {per_cpu:,.0f} |"
                f" {child:.0f} | {grew:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
