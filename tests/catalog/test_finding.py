"""The whole catalogue: lists, cards, own ones beside them, what is known of how many."""

import pytest

from tests.catalog.making import SOURCES, Packed, card, offer
from tramontane.catalog.cards import Card, Claim, ModelFileFact
from tramontane.catalog.finding import Finder, OwnCard
from tramontane.catalog.machine import Memory
from tramontane.catalog.prices import Exchange, Mix
from tramontane.catalog.queries import Query
from tramontane.catalog.views import whole
from tramontane.errors import NotFound

CONFLICTING = Card(
    id="a/one",
    facts={
        "name": (
            Claim(value="One", source="s", record="r1"),
            Claim(value="One", source="t", record="r2", date="2026-01-01"),
            Claim(value="Uno", source="u", record="r3"),
        ),
        "weights_open": (Claim(value=False, source="s", record="r1"),),
    },
    aliases=("a/uno",),
    files=(ModelFileFact(uri="hf:a/one:f.gguf", source="s", sha256="ab" * 32, size_bytes=10**9),),
    offers=(offer("x", "1", "1"), offer("y", "1", "1", currency="CNY", jurisdiction="CN")),
)
OTHER = card("b/two", name="Two", languages=["pt-BR", "pt"], offers=(offer("z", None, None),))


@pytest.fixture(scope="module")
def finder() -> Finder:
    own = [
        OwnCard(card("ours/secret", name="Secret"), "p1"),
        OwnCard(card("ours/open", name="Everybody's")),
    ]
    return Finder(Packed(CONFLICTING, OTHER), own, Exchange("EUR", {"USD": "0.5"}))


def test_a_list(finder: Finder) -> None:
    here = {"a/one": ["uno"]}
    found = finder.search(Query(), memory=Memory(10**10), here=here, seen_by=())
    assert [model.id for model in found.data] == ["b/two", "a/one", "ours/open"]
    two, one, own = found.data
    assert one.price is not None and one.price.amount == "0.50" and one.price.currency == "EUR"
    assert (one.here, one.fits, one.providers, one.own) == (["uno"], "yes", ["x", "y"], False)
    assert two.price is None and two.offers == 1
    assert two.languages == ("pt",)
    assert own.own and found.total == 3
    assert found.unconverted == ["CNY"] and found.currency == "EUR"
    assert finder.search(Query(offered=("here",)), here=here).total == 1
    chinese = finder.search(Query(values={"jurisdiction": ("cn",)})).data[0].price
    assert chinese is not None and (chinese.amount, chinese.currency) == ("1.00", "CNY")


def test_own_cards_are_their_projects(finder: Finder) -> None:
    assert finder.search(Query(), seen_by=("p2",)).total == 3
    assert finder.search(Query(), seen_by=("p1",)).total == finder.search(Query()).total == 4
    card_found, own = finder.card("ours/secret", ("p1",))
    assert card_found.value("name") == "Secret" and own is not None
    for wanted, seen_by in (("ours/secret", ("p2",)), ("ours/secret", ()), ("nobody/none", None)):
        with pytest.raises(NotFound, match=f"no model '{wanted}' in the catalogue"):
            finder.card(wanted, seen_by)


def test_an_offer_of_a_provider_whose_address_is_known_can_be_deployed(finder: Finder) -> None:
    offers = whole(CONFLICTING, finder.looking(Mix(), None)).offers
    ways = [(offer.provider, offer.kind, offer.url) for offer in offers]
    assert ways == [("x", None, None), ("y", "compatible", "https://y.example/v1")]


def test_each_fact_has_its_source_and_what_others_say(finder: Finder) -> None:
    view = whole(CONFLICTING, finder.looking(Mix(), None))
    name = view.fields["name"]
    assert (name.value, name.source, name.date) == ("One", "s", SOURCES["s"].date)
    assert name.agreeing == ["t"]
    assert [(c.value, c.source, c.date) for c in name.conflicts] == [("Uno", "u", None)]
    assert view.openness_why.weights is False and view.openness_why.data is None
    assert {each.field for each in view.ai_act if each.known} == set()
    assert view.files[0].needed_bytes is not None and view.files[0].fits == "unknown"


def test_files_and_names_lead_to_their_card(finder: Finder) -> None:
    assert finder.card_of(sha256="ab" * 32) == "a/one"
    assert finder.card_of(model="A/Uno") == "a/one"
    assert finder.card_of(model="m") is None  # several are sold by that name
    assert finder.card_of(sha256="cd" * 32, model="b/two") == "b/two"
    assert finder.card_of() is None
    assert finder.card_of(model="ours/secret") is None


def test_completeness_is_of_what_everybody_sees(finder: Finder) -> None:
    known = {each.field: each for each in finder.completeness()}
    assert (finder.cards, finder.offers) == (3, 3)
    assert (known["name"].known, known["name"].conflicting, known["name"].share) == (3, 1, 1.0)
    assert (known["paper"].known, known["paper"].share) == (0, 0.0)
