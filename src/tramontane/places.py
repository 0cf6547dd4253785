"""Places: which law a request is processed under.

Written as countries' two capital letters (ISO 3166-1), EU or EEA. Pure; it does not know who is
where.
"""

from collections.abc import Collection

EU = frozenset(
    (
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU"),
        *("IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
    )
)
"""The member states: https://european-union.europa.eu/principles-countries-history/eu-countries_en,
read on 2026-11-22."""
EEA = EU | {"IS", "LI", "NO"}


def is_within(place: str | None, wanted: Collection[str]) -> bool:
    """Return whether whatever happens at `place` happens within one of `wanted`.

    A place is a country, EU or EEA (any of its members), or several joined by "+"; an unknown one
    is within nothing.

    >>> is_within("FR", ["EU"]), is_within("EU", ["FR"]), is_within(None, ["EU"])
    (True, False, False)
    >>> is_within("EEA+CH", ["EU"]), is_within("EEA+CH", ["EEA", "CH"]), is_within("EU", ["EEA"])
    (False, True, True)
    """
    return place is not None and all(
        any(_is_part(part, whole) for whole in wanted) for part in place.split("+")
    )


def _is_part(place: str, whole: str) -> bool:
    if place == whole:
        return True
    if whole == "EU":
        return place in EU
    return whole == "EEA" and (place == "EU" or place in EEA)
