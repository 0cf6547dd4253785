"""A licence that forbids a use is recognised, by card and by where the weights lie."""

import pytest

from tests.catalog.excerpt import built, card
from tramontane.catalog import restrictions
from tramontane.catalog.cards import Card, Claim, ModelFileFact
from tramontane.errors import InvalidRequest


def licensed(licence: str) -> Card:
    claim = Claim(value=licence, source="s", record="r")
    return Card(id="a/b", facts={"licence": (claim,)})


def test_terms_say_what_is_known() -> None:
    flux = restrictions.terms_of(card("black-forest-labs/flux.1-kontext-dev"))
    assert flux is not None
    assert flux.forbids == ["commercial", "production"]
    assert flux.is_free is False
    assert flux.url
    free = restrictions.terms_of(card("openai/gpt-oss-20b"))
    assert free is not None
    assert (free.is_free, free.forbids) == (True, [])
    unheard = restrictions.terms_of(licensed("somebodys-own-3"))
    assert unheard is not None
    assert (unheard.is_free, unheard.url) == (None, None)
    assert restrictions.terms_of(Card(id="a/b", facts={})) is None


@pytest.mark.parametrize(
    ("repository", "card_id"),
    [
        ("black-forest-labs/FLUX.1-Kontext-dev", "black-forest-labs/flux.1-kontext-dev"),
        ("quantstack/flux.1-kontext-dev-gguf", "black-forest-labs/flux.1-kontext-dev"),
        ("nobody/nothing", None),
    ],
)
def test_a_card_is_found_by_where_its_weights_lie(repository: str, card_id: str | None) -> None:
    at = restrictions.cards_of(built().cards, repositories=[repository])
    assert [each.id for each in at] == ([] if card_id is None else [card_id])


def test_a_card_is_found_by_its_files_hash_and_none_where_several_lie() -> None:
    def lying(card_id: str, place: str, sha256: str | None = None) -> Card:
        file = ModelFileFact(uri=f"hf:{place}:m.gguf", source="s", sha256=sha256)
        return Card(id=card_id, facts={}, files=(file,))

    known = [lying("a/one", "o/r", "f" * 64), lying("b/two", "o/r"), lying("c/three", "p/q")]
    found = restrictions.cards_of(known, sha256="f" * 64, repositories=["O/R", "p/q"])
    assert [each.id for each in found] == ["a/one", "c/three"]
    # What a project has entered hides nothing.
    own = [lying("x/mine", "p/q", "f" * 64)]
    found = restrictions.cards_of(known, own, sha256="f" * 64, repositories=["O/R", "p/q"])
    assert [each.id for each in found] == ["a/one", "c/three", "x/mine"]


def test_a_licence_that_forbids_uses_must_have_been_read() -> None:
    terms = restrictions.terms_of(licensed("CC-BY-NC-4.0"))
    assert terms is not None
    with pytest.raises(InvalidRequest, match="say so with --it") as refused:
        restrictions.require_read(terms, is_read=False, how="--it")
    assert refused.value.code == "licence_not_read"
    restrictions.require_read(terms, is_read=True, how="--it")
    free = restrictions.terms_of(licensed("Apache-2.0"))
    assert free is not None
    restrictions.require_read(free, is_read=False, how="--it")
