"""What a project or a key may use: whose models, where they are processed, on which terms.

Pure: a policy and what is known of a deployment give an objection, or none. What nobody knows is
never taken for allowed. It does not know who asks, nor how a refusal is sent.
"""

import re
from collections.abc import Collection, Iterable

import msgspec

from tramontane.errors import ConfigError, InvalidRequest
from tramontane.governance.facts import Facts
from tramontane.money import Price, format_nano, parse_nano, rates_at
from tramontane.places import is_within

_JURISDICTION = re.compile(r"[A-Z]{2}|EEA", re.ASCII)
_MOST = 64


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """None and false rule nothing out.

    `providers` are names of accounts or kinds of providers. `jurisdictions` are where requests may
    be processed, `owner_jurisdictions` whose law the provider may be under: countries (FR), EU or
    EEA. `no_training` wants terms that rule training on inputs out. The ceilings are decimals per
    million tokens, in the platform's currency.

    What runs on the platform's own machines is nobody's provider: only the ceilings, and where the
    operator has said where that is, the jurisdictions, bear on it.
    """

    providers: tuple[str, ...] | None = None
    jurisdictions: tuple[str, ...] | None = None
    owner_jurisdictions: tuple[str, ...] | None = None
    open_weight_only: bool = False
    no_training: bool = False
    local_only: bool = False
    max_input_per_mtok: str | None = None
    max_output_per_mtok: str | None = None

    @property
    def rules_nothing_out(self) -> bool:
        """Whether it allows everything."""
        return self == ALLOWS_ALL


ALLOWS_ALL = Policy()


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a deployment; None is unknown."""

    facts: Facts
    kind: str = ""
    is_local: bool = False
    open_weights: bool | None = None
    no_training: bool | None = None
    price: Price = Price()


class Objection(msgspec.Struct, frozen=True):
    """Why a policy rules a deployment out: `rule` in a word, `reason` as the end of a sentence."""

    rule: str
    reason: str


UNPRICED = Objection(
    "unpriced",
    "nobody has said what it costs, and there is a budget; the operator can set a price, or say"
    ' price = "free"',
)


def first_objection(
    policies: Iterable[Policy], terms: Terms, *, has_budget: bool
) -> Objection | None:
    """Return the first thing that rules out what `terms` describe, None where it may be used.

    Where there is a budget, nothing may be used whose cost nobody knows: it could not be kept.
    """
    for policy in policies:
        if (found := objection(policy, terms)) is not None:
            return found
    return UNPRICED if has_budget and not terms.price.is_known else None


def objection(policy: Policy, terms: Terms) -> Objection | None:
    """Return the first thing in `policy` that rules out what `terms` describe, None where it may
    be used.
    """
    if not terms.is_local:
        found = _about_provider(policy, terms) or _about_terms(policy, terms)
        if found is not None:
            return found
    return _about_place(policy, terms) or _about_price(policy, terms.price)


def _about_provider(policy: Policy, terms: Terms) -> Objection | None:
    name = terms.facts.provider or "a provider that is not known"
    if policy.local_only:
        return Objection("local", f"it is served by {name}, and only local models may be used")
    allowed = policy.providers
    if allowed is not None and terms.facts.provider not in allowed and terms.kind not in allowed:
        return Objection("provider", f"it is served by {name}, and only {_any(allowed)} may be")
    seats = policy.owner_jurisdictions
    if seats is not None and not is_within(terms.facts.seat, seats):
        under = terms.facts.seat or "unknown"
        return Objection(
            "owner", f"the law that {name} is under is {under}, and only {_any(seats)} may be used"
        )
    return None


def _about_terms(policy: Policy, terms: Terms) -> Objection | None:
    name = terms.facts.provider or "its provider"
    if policy.no_training and terms.no_training is not True:
        said = "does not rule out" if terms.no_training is None else "allows itself"
        return Objection("training", f"as far as is known, {name} {said} training on its inputs")
    if policy.open_weight_only and terms.open_weights is not True:
        said = "nobody has said that" if terms.open_weights is None else "it is not true that"
        return Objection("weights", f"{said} its weights are open, and only such may be used")
    return None


def _about_place(policy: Policy, terms: Terms) -> Objection | None:
    wanted, place = policy.jurisdictions, terms.facts.jurisdiction
    if wanted is None or is_within(place, wanted) or (terms.is_local and place is None):
        return None
    where = f"in {place}" if place is not None else "in a place that is not known"
    return Objection("jurisdiction", f"it is processed {where}, and only {_any(wanted)} may be")


def _about_price(policy: Policy, price: Price) -> Objection | None:
    ceilings = (
        ("input", policy.max_input_per_mtok, "input_nano_per_mtok"),
        ("output", policy.max_output_per_mtok, "output_nano_per_mtok"),
    )
    for what, ceiling, field in ceilings:
        if ceiling is None:
            continue
        if not price.is_known:
            return Objection("price", "nobody has said what it costs, and there is a price ceiling")
        dearest = getattr(rates_at(price, 2**62), field)
        if dearest > parse_nano(ceiling):
            return Objection(
                "price",
                f"a million {what} tokens cost {format_nano(dearest)}, above the ceiling of"
                f" {format_nano(parse_nano(ceiling))}",
            )
    return None


def read(stored: bytes | None) -> Policy:
    """Return a stored policy; the one that allows all for None."""
    return ALLOWS_ALL if stored is None else msgspec.json.decode(stored, type=Policy)


def write(policy: Policy) -> bytes | None:
    """Return `policy` as it is stored. Raises InvalidRequest naming what is wrong with it."""
    for field in ("jurisdictions", "owner_jurisdictions"):
        for place in getattr(policy, field) or ():
            if _JURISDICTION.fullmatch(place) is None:
                raise InvalidRequest(
                    f"{field}: {place[:16]!r} is no country's two capital letters, EU or EEA",
                    param=field,
                )
    for field in ("providers", "jurisdictions", "owner_jurisdictions"):
        listed = getattr(policy, field)
        if listed is not None and (len(listed) > _MOST or max(map(len, listed), default=0) > 200):
            raise InvalidRequest(f"{field}: at most {_MOST} names", param=field)
    for field in ("max_input_per_mtok", "max_output_per_mtok"):
        ceiling = getattr(policy, field)
        try:
            if ceiling is not None:
                parse_nano(ceiling)
        except (ValueError, ConfigError) as error:
            raise InvalidRequest(f"{field}: {error}", param=field) from None
    return None if policy.rules_nothing_out else msgspec.json.encode(policy)


def _any(names: Collection[str]) -> str:
    *others, last = sorted(names) or ["none"]
    return f"{', '.join(others)} or {last}" if others else last
