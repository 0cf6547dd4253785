"""Facts: each with a source, the operator's word first, the unknown left unknown."""

from datetime import date

import msgspec

from tramontane.config import FactSettings
from tramontane.governance.facts import DIMENSIONS, Facts, Place, book, of_local, of_place
from tramontane.providers.registry import KINDS


def test_each_fact_that_ships_has_a_source_and_its_day() -> None:
    for kind, entry in book().items():
        told = {
            name
            for name in DIMENSIONS
            if name != "provider" and getattr(entry, name, None) is not None
        }
        sourced = {fact for source in entry.sources for fact in source.facts}
        assert told <= sourced, kind
        for source in entry.sources:
            assert source.url.startswith("https://")
            assert date.fromisoformat(source.read).year >= 2026


def test_facts_are_of_kinds_that_there_are() -> None:
    assert book().keys() <= KINDS.keys()


def test_places_are_written_as_codes() -> None:
    for entry in book().values():
        codes = [entry.seat, entry.jurisdiction]
        assert all(code is None or (len(code) == 2 and code.isupper()) for code in codes)


def test_what_nobody_says_is_unknown() -> None:
    found = of_place(Place(provider="somebody"), {})
    assert found == Facts(provider="somebody")


def test_the_region_tells_where_and_the_rest_ships() -> None:
    found = of_place(Place(provider="mine", kind="groq", jurisdiction="FI"), {})
    assert (found.owner, found.chip, found.jurisdiction) == ("Groq", "Groq LPU", "FI")


def test_the_operator_goes_first_and_the_deployment_before_the_provider() -> None:
    told = {
        "mine": FactSettings(owner="ACME", chip="NVIDIA H100"),
        "large": FactSettings(chip="AMD MI300X"),
    }
    place = Place(provider="mine", kind="groq", jurisdiction="DE")
    found = of_place(place, told, "large")
    assert (found.owner, found.chip, found.seat) == ("ACME", "AMD MI300X", "US")
    assert found.jurisdiction == "DE"


def test_this_machine_is_ours_and_where_it_stands_must_be_told() -> None:
    found = of_local("x86-64", {})
    assert (found.provider, found.owner, found.host, found.jurisdiction) == (
        "local",
        "own",
        "own",
        None,
    )
    told = {"local": FactSettings(jurisdiction="FR", seat="FR")}
    assert of_local(None, told) == msgspec.structs.replace(
        found, chip=None, jurisdiction="FR", seat="FR"
    )
