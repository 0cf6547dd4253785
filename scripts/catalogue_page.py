"""Fill the tables of docs/catalogue-sources.md from the packed catalogue (`make catalogue`)."""

import csv
from pathlib import Path

from tramontane.catalog import packing, reporting

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "catalogue-sources.md"
JUDGED = ROOT / "tests" / "catalog" / "matching_judged.tsv"

with JUDGED.open(newline="") as lines:
    judged = list(csv.DictReader(lines, delimiter="\t"))
PAGE.write_text(reporting.filled(PAGE.read_text(), reporting.tables(packing.load(), judged)))
