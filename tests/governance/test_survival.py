"""What survives whose loss: alternatives, fallbacks, and what nobody can be sure of."""

import pytest

from tramontane.errors import InvalidRequest, NotFound
from tramontane.governance.facts import Dimension, Facts
from tramontane.governance.survival import Route, behind, fates, parse, struck, survivals

FACTS = {
    "large-fr": Facts(provider="mistral", owner="Mistral AI", jurisdiction="EU"),
    "large-az": Facts(
        provider="azure", owner="Microsoft", host="Microsoft Azure", jurisdiction="EU"
    ),
    "gpt": Facts(provider="openai", owner="OpenAI"),
    "house": Facts(provider="local", owner="own", host="own", jurisdiction="FR"),
}
ROUTES = [
    Route(name="large", deployments=("large-fr", "large-az")),
    Route(name="gpt", deployments=("gpt",), fallbacks=("house",)),
    Route(name="house", deployments=("house",)),
    Route(name="mixed", deployments=("large-az", "gpt")),
]


def outcome(model: str, dimension: Dimension, name: str) -> str:
    (found,) = (s for s in survivals(ROUTES, FACTS) if s.model == model)
    (loss,) = (x for x in found.losses if (x.dimension, x.name) == (dimension, name))
    return loss.outcome


def test_a_second_provider_keeps_it_standing() -> None:
    assert outcome("large", "provider", "mistral") == "stands"


def test_both_in_one_jurisdiction_fall_together() -> None:
    assert outcome("large", "jurisdiction", "EU") == "lost"


def test_a_fallback_by_model_is_told_apart() -> None:
    assert outcome("gpt", "provider", "openai") == "falls_back"


def test_what_is_alone_is_lost() -> None:
    assert outcome("house", "host", "own") == "lost"


def test_what_may_be_theirs_too_is_not_counted_on() -> None:
    assert outcome("mixed", "host", "Microsoft Azure") == "unsure"
    assert outcome("mixed", "jurisdiction", "EU") == "unsure"


def test_a_deployment_behind_a_route_is_told_from_a_name_of_its_own() -> None:
    assert behind(ROUTES) == {"large-fr", "large-az", "gpt"}


def test_only_what_a_name_rests_on_is_listed() -> None:
    (house,) = (s for s in survivals(ROUTES, FACTS) if s.model == "house")
    assert {(x.dimension, x.name) for x in house.losses} == {
        ("provider", "local"),
        ("owner", "own"),
        ("host", "own"),
        ("jurisdiction", "FR"),
    }


def test_a_country_is_part_of_the_union_and_the_union_may_be_that_country() -> None:
    facts = {
        "paris": Facts(jurisdiction="FR"),
        "somewhere": Facts(jurisdiction="EU"),
        "ohio": Facts(jurisdiction="US"),
    }
    routes = [Route(name="both", deployments=("paris", "somewhere"))]
    (found,) = survivals(routes, facts)
    assert {(x.name, x.outcome) for x in found.losses} == {("FR", "unsure"), ("EU", "lost")}
    assert struck("jurisdiction", "EU", facts) == {"paris", "somewhere"}
    assert struck("jurisdiction", "FR", facts) == {"paris"}
    assert parse("eea", facts) == ("jurisdiction", "EEA")
    assert fates(routes, facts, "jurisdiction", "EEA") == {"both": "lost"}
    assert fates(routes, facts, "jurisdiction", "US") == {}
    routes = [Route(name="abroad", deployments=("paris", "ohio"))]
    (found,) = survivals(routes, facts)
    assert {(x.name, x.outcome, x.left) for x in found.losses} == {
        ("FR", "stands", ("ohio",)),
        ("US", "stands", ("paris",)),
    }


def test_a_name_is_found_without_its_dimension_and_in_any_case() -> None:
    assert parse("MISTRAL", FACTS) == ("provider", "mistral")
    assert parse("owner:microsoft", FACTS) == ("owner", "Microsoft")
    assert struck("owner", "Microsoft", FACTS) == {"large-az"}


def test_a_name_that_means_the_same_everywhere_needs_no_dimension() -> None:
    assert parse("own", FACTS) == ("host", "own")


def test_a_name_that_means_different_things_must_say_which() -> None:
    facts = {
        "a": Facts(provider="google", host="google"),
        "b": Facts(provider="other", host="google"),
    }
    with pytest.raises(InvalidRequest, match=r"provider:google or host:google"):
        parse("google", facts)


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(NotFound, match="provider:mistral"):
        parse("nobody", FACTS)
