"""What a catalogue holds, in tables of Markdown: sources, completeness, what was left out, whose
word counts. The page on the sources is made of them; a test holds both equal.

It does not know where the page is.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import get_args

from tramontane.catalog import checking, trust
from tramontane.catalog.cards import AI_ACT, Field, Openness
from tramontane.catalog.packing import Catalogue


def tables(catalogue: Catalogue, judged: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return each table by its name in the page. `judged` are pairs with a `verdict`."""
    known: Counter[Field] = Counter()
    conflicting: Counter[Field] = Counter()
    grades: Counter[str] = Counter()
    claims: Counter[str] = Counter()
    offers: Counter[str] = Counter()
    cards = priced = with_hash = 0
    for card in catalogue.cards():
        cards += 1
        grades[card.openness] += 1
        with_hash += any(file.sha256 for file in card.files)
        priced += any(offer.input_per_mtok is not None for offer in card.offers)
        known.update(field for field, said in card.facts.items() if said)
        conflicting.update(field for field in card.facts if card.conflicts(field))
        claims.update(claim.source for said in card.facts.values() for claim in said)
        offers.update(offer.source for offer in card.offers)
    return {
        "sources": _sources(catalogue, claims, offers),
        "totals": _table(
            ("what", "count"),
            [
                ("cards", cards),
                ("offers", offers.total()),
                ("claims", claims.total()),
                ("providers", len(catalogue.providers)),
                ("cards with a price", priced),
                ("cards with a file whose SHA-256 is known", with_hash),
                *(
                    (f"graded {grade.replace('_', ' ')}", grades[grade])
                    for grade in get_args(Openness)
                ),
            ],
        ),
        "completeness": _table(
            ("field", "known", "share", "sources disagree", "asked for by the AI Act"),
            [
                (
                    field,
                    known[field],
                    f"{100 * known[field] / cards:.1f} %",
                    conflicting[field],
                    "yes" if field in AI_ACT else "",
                )
                for field in get_args(Field)
            ],
        ),
        "left out": _table(
            ("source", "records", "why"),
            [
                (source, count, reason)
                for source, reasons in sorted(catalogue.left_out.items())
                for reason, count in sorted(reasons.items())
            ],
        ),
        "trust": _trust(),
        "precision": _precision(judged),
    }


def _sources(catalogue: Catalogue, claims: Counter[str], offers: Counter[str]) -> str:
    return _table(
        ("source", "of", "version", "licence", "claims", "offers"),
        [
            (s.title, s.date, f"`{s.version[:12]}`", s.licence, claims[s.id], offers[s.id])
            for s in catalogue.sources.values()
        ],
    )


def _trust() -> str:
    rows = []
    for name, (order, why) in trust.TRUST.items():
        fields = [field for field in get_args(Field) if trust.ORDERS.get(field, "usual") == name]
        rows.append((", ".join(fields), ", ".join(order), why))
    return _table(("fields", "whose word counts, the first first", "why"), rows)


def _precision(judged: Iterable[Mapping[str, str]]) -> str:
    pairs = list(judged)
    rows = []
    for drawn, title in (("every", "all merged pairs"), ("differing", "pairs whose names differ")):
        right, tried = checking.counts(pair for pair in pairs if pair["drawn_from"] == drawn)
        low, high = checking.interval(right, tried)
        share = f"{100 * right / tried:.1f} %" if tried else "-"
        rows.append((title, tried, right, share, f"{100 * low:.1f} to {100 * high:.1f} %"))
    return _table(("drawn from", "judged", "one model", "precision", "95% interval"), rows)


def _table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    names = list(columns)
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    for row in rows:
        cells = (f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def filled(page: str, found: Mapping[str, str]) -> str:
    """Return the page with each table between its marks: `<!-- table NAME -->`, `<!-- end -->`."""
    for name, table in found.items():
        head, start, rest = page.partition(f"<!-- table {name} -->\n")
        if not start:
            continue
        _old, end, tail = rest.partition("<!-- end -->")
        page = f"{head}{start}{table}\n{end}{tail}"
    return page
