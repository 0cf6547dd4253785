#!/usr/bin/env python3
"""Makes the table that ships as a sample: what providers ask for language models.

    python scripts/sample_table.py FOLDER

FOLDER holds `models_dev_offers.json` and `models_dev_providers.json`, the catalogue of models.dev
as lists of records. Written are `model_prices.csv`, with English heads, and beside it
`model_prices.json`: where it comes from, under which licence, as of when, and its heads in five
languages. An offer is kept where it answers in text for a price that is known; fine-tunes that
advertise the lack of restraint are left out.
"""

import csv
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "src" / "tramontane" / "samples"
MOST_BYTES = 400_000
AS_OF = "2026-07-02"
COMMIT = "f3fc692299671838c7c65fd8126bf84d81a2e817"
DAY = re.compile(r"20[2-9]\d-\d\d-\d\d")
UNRESTRAINED = re.compile(
    r"uncensor|abliter|nsfw|heretic|derestrict|role ?play|\brp\b|magnum|euryale|lumimaid|mythomax"
    r"|dolphin|daredevil",
    re.IGNORECASE,
)
HEADS = {
    "en": (
        "Provider",
        "Model",
        "Family",
        "Released",
        "Input price",
        "Output price",
        "Context length",
        "Open weights",
        "Reasoning",
    ),
    "fr": (
        "Fournisseur",
        "Modèle",
        "Famille",
        "Publication",
        "Prix d’entrée",
        "Prix de sortie",
        "Longueur du contexte",
        "Poids ouverts",
        "Raisonnement",
    ),
    "de": (
        "Anbieter",
        "Modell",
        "Familie",
        "Erschienen",
        "Eingabepreis",
        "Ausgabepreis",
        "Kontextlänge",
        "Offene Gewichte",
        "Denkt nach",
    ),
    "es": (
        "Proveedor",
        "Modelo",
        "Familia",
        "Publicación",
        "Precio de entrada",
        "Precio de salida",
        "Longitud del contexto",
        "Pesos abiertos",
        "Razonamiento",
    ),
    "it": (
        "Fornitore",
        "Modello",
        "Famiglia",
        "Pubblicazione",
        "Prezzo di ingresso",
        "Prezzo di uscita",
        "Lunghezza del contesto",
        "Pesi aperti",
        "Ragionamento",
    ),
}
NAMES = {
    "en": "Prices of language models.csv",
    "fr": "Prix des modèles de langue.csv",
    "de": "Preise von Sprachmodellen.csv",
    "es": "Precios de modelos de lenguaje.csv",
    "it": "Prezzi dei modelli linguistici.csv",
}


def main(folder: Path) -> None:
    """Write both files."""
    offers = json.loads((folder / "models_dev_offers.json").read_bytes())
    providers = json.loads((folder / "models_dev_providers.json").read_bytes())
    names = {provider["id"]: provider.get("name") or provider["id"] for provider in providers}
    rows = sorted(row(offer, names) for offer in offers if is_kept(offer))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADS["en"])
    writer.writerows(rows)
    body = text.getvalue().encode()
    assert len(body) <= MOST_BYTES, f"{len(body)} bytes"
    (TARGET / "model_prices.csv").write_bytes(body)
    about = {
        "source": "models.dev",
        "address": "https://github.com/anomalyco/models.dev",
        "commit": COMMIT,
        "licence": "MIT",
        "as_of": AS_OF,
        "rows": len(rows),
        "unit": "US dollars per million tokens",
        "names": NAMES,
        "heads": HEADS,
    }
    written = json.dumps(about, ensure_ascii=False, indent=1) + "\n"
    (TARGET / "model_prices.json").write_text(written, encoding="utf-8")
    sys.stdout.write(f"{len(rows)} offers, {len(body)} bytes\n")


def is_kept(offer: dict[str, Any]) -> bool:
    """Whether an offer answers in text, at a known price, from a known day on."""
    cost = offer.get("cost") or {}
    return bool(
        cost.get("input")
        and cost.get("output")
        and offer.get("family")
        and "text" in offer["modalities"]["output"]
        and DAY.fullmatch(offer["release_date"])
        and not UNRESTRAINED.search(offer["name"])
    )


def row(offer: dict[str, Any], names: dict[str, str]) -> list[str]:
    """Return its cells as text."""
    return [
        names.get(offer["provider_id"], offer["provider_id"]),
        " ".join(offer["name"].split()),
        offer["family"],
        offer["release_date"],
        plain(offer["cost"]["input"]),
        plain(offer["cost"]["output"]),
        plain(offer["limit"].get("context")),
        str(bool(offer["open_weights"])).lower(),
        str(bool(offer["reasoning"])).lower(),
    ]


def plain(value: float | None) -> str:
    """Return a number without exponent and without zeros at its end; nothing for nothing."""
    if not value:
        return ""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return text or "0"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
