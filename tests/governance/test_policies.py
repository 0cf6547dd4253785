"""What a policy rules out, and that the unknown is never taken for allowed."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tramontane.errors import InvalidRequest
from tramontane.governance.facts import Facts
from tramontane.governance.policies import ALLOWS_ALL, Policy, Terms, objection, read, write
from tramontane.money import NANO, Price, Rates

LARGE = Terms(
    facts=Facts(provider="paris", owner="Mistral AI", seat="FR", jurisdiction="EU"),
    kind="mistral",
    open_weights=False,
    no_training=True,
    price=Price(2 * NANO, 6 * NANO, NANO),
)
UNKNOWN = Terms(facts=Facts(provider="somebody"), price=Price(is_known=False))
HERE = Terms(facts=Facts(provider="local", owner="own", host="own"), is_local=True)


@pytest.mark.parametrize(
    ("policy", "large", "unknown", "here"),
    [
        (Policy(), None, None, None),
        (Policy(providers=("mistral",)), None, "provider", None),
        (Policy(providers=("paris", "openai")), None, "provider", None),
        (Policy(providers=()), "provider", "provider", None),
        (Policy(jurisdictions=("EU",)), None, "jurisdiction", None),
        (Policy(jurisdictions=("FR",)), "jurisdiction", "jurisdiction", None),
        (Policy(owner_jurisdictions=("EU",)), None, "owner", None),
        (Policy(owner_jurisdictions=("US",)), "owner", "owner", None),
        (Policy(no_training=True), None, "training", None),
        (Policy(open_weight_only=True), "weights", "weights", None),
        (Policy(local_only=True), "local", "local", None),
        (Policy(max_input_per_mtok="2"), None, "price", None),
        (Policy(max_input_per_mtok="1.99"), "price", "price", None),
        (Policy(max_output_per_mtok="5.99"), "price", "price", None),
        (Policy(max_output_per_mtok="0"), "price", "price", None),
    ],
)
def test_each_rule(
    policy: Policy, large: str | None, unknown: str | None, here: str | None
) -> None:
    for terms, expected in ((LARGE, large), (UNKNOWN, unknown), (HERE, here)):
        found = objection(policy, terms)
        assert (None if found is None else found.rule) == expected
        assert found is None or (found.reason[0].islower() and not found.reason.endswith("."))


def test_where_the_operator_says_where_this_machine_is_it_counts() -> None:
    said = msgspec.structs.replace(HERE, facts=Facts(provider="local", jurisdiction="US"))
    found = objection(Policy(jurisdictions=("EU",)), said)
    assert found is not None and "in US" in found.reason


def test_a_ceiling_is_for_the_dearest_rate() -> None:
    longer = Price(NANO, NANO, NANO, long_context=(Rates(9, 4 * NANO, 5 * NANO, NANO),))
    terms = msgspec.structs.replace(LARGE, price=longer)
    assert objection(Policy(max_input_per_mtok="4", max_output_per_mtok="5"), terms) is None
    assert objection(Policy(max_output_per_mtok="4.99"), terms) is not None


PLACES = st.none() | st.sampled_from(["FR", "DE", "US", "CH", "NO", "EU", "EEA", "EEA+CH"])
WANTED = st.none() | st.lists(st.sampled_from(["FR", "US", "CH", "EU", "EEA"]), max_size=3)
TERMS = st.builds(
    Terms,
    facts=st.builds(
        Facts,
        provider=st.sampled_from(["a", "b"]),
        seat=st.none() | st.sampled_from(["FR", "US"]),
        jurisdiction=PLACES,
    ),
    kind=st.sampled_from(["", "k"]),
    is_local=st.booleans(),
    open_weights=st.none() | st.booleans(),
    no_training=st.none() | st.booleans(),
    price=st.builds(
        Price,
        input_nano_per_mtok=st.integers(0, 9 * NANO),
        output_nano_per_mtok=st.integers(0, 9 * NANO),
        is_known=st.booleans(),
    ),
)
POLICIES = st.builds(
    Policy,
    providers=st.none() | st.lists(st.sampled_from(["a", "k"]), max_size=2).map(tuple),
    jurisdictions=WANTED.map(lambda found: found if found is None else tuple(found)),
    owner_jurisdictions=WANTED.map(lambda found: found if found is None else tuple(found)),
    open_weight_only=st.booleans(),
    no_training=st.booleans(),
    local_only=st.booleans(),
    max_input_per_mtok=st.none() | st.sampled_from(["0", "2", "5.5"]),
)


@settings(max_examples=80, deadline=None)
@given(policy=POLICIES, terms=TERMS)
def test_knowing_less_never_allows_more(policy: Policy, terms: Terms) -> None:
    """Whatever is forgotten about what a provider serves, nothing that was ruled out gets in."""
    if objection(policy, terms) is None or terms.is_local:
        return
    facts = terms.facts
    for less in (
        msgspec.structs.replace(terms, facts=msgspec.structs.replace(facts, jurisdiction=None)),
        msgspec.structs.replace(terms, facts=msgspec.structs.replace(facts, seat=None)),
        msgspec.structs.replace(terms, facts=Facts(), kind=""),
        msgspec.structs.replace(terms, open_weights=None),
        msgspec.structs.replace(terms, no_training=None),
        msgspec.structs.replace(terms, price=Price(is_known=False)),
    ):
        assert objection(policy, less) is not None


@settings(max_examples=50, deadline=None)
@given(policy=POLICIES)
def test_a_policy_is_read_as_it_was_written(policy: Policy) -> None:
    assert read(write(policy)) == policy


@pytest.mark.parametrize(
    ("policy", "param"),
    [
        (Policy(jurisdictions=("France",)), "jurisdictions"),
        (Policy(owner_jurisdictions=("eu",)), "owner_jurisdictions"),
        (Policy(max_input_per_mtok="cheap"), "max_input_per_mtok"),
        (Policy(max_output_per_mtok="-1"), "max_output_per_mtok"),
        (Policy(providers=tuple(map(str, range(65)))), "providers"),
    ],
)
def test_what_is_no_policy_says_what_is_wrong(policy: Policy, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        write(policy)
    assert caught.value.param == param
    assert write(ALLOWS_ALL) is None and read(None) == ALLOWS_ALL
