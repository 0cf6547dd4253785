"""Who may use a publication, and at which price: histories at random beside an obvious model.

The store is changed as projects and operators may, in any order; after every step each project is
served what the model says, no more and no less, and is told why where that is nothing.
"""

import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tramontane.config import DeploymentSettings, LimitDefaults, Settings
from tramontane.errors import TramontaneError
from tramontane.gateway.directory import Directory, build
from tramontane.gateway.routing import Facts, plan, visible_models
from tramontane.money import Price
from tramontane.pricing import PriceSettings
from tramontane.store import deployments, keys, projects, publications, subscriptions
from tramontane.store.database import open_store
from tramontane.store.opening import picture
from tramontane.store.publications import Offer
from tramontane.store.records import Project, PublishedPrice, StoredDeployment

NAMES = ("seller", "buyer", "other")
WHO = st.sampled_from(NAMES)
OWNERS = st.sampled_from((*NAMES, None))
MODEL = "seller/model"
OWN_NANO = 1_000
SETTINGS = Settings(demo=False, guide=False)


class Version(msgspec.Struct):
    """What the model knows of a version; its price is its number."""

    audience: frozenset[str] | None

    def is_for(self, name: str) -> bool:
        """Whether that project may accept it."""
        return name != "seller" and (self.audience is None or name in self.audience)


class Market(RuleBasedStateMachine):
    """Three projects, one publication, and one name of a deployment that anybody may take."""

    empty_store: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(self.empty_store, self.folder / "tramontane.db")
        self.store = open_store(f"sqlite:///{self.folder / 'tramontane.db'}")
        self.now_ms = 1_700_000_000_000
        self.projects: dict[str, Project] = {}
        self.secrets: dict[str, str] = {}
        self.versions: list[Version] = []
        self.accepted: dict[str, int] = {}
        self.owner: str | None = "nobody"  # of the deployment "own"; nobody: there is none
        self.is_withdrawn = False
        self.is_closed = False
        self.publication_id = ""

    def teardown(self) -> None:
        """Let go of the store."""
        self.store.close()
        shutil.rmtree(self.folder)

    @initialize(audience=st.none() | st.frozensets(WHO))
    def begin(self, audience: frozenset[str] | None) -> None:
        """The seller publishes its own deployment."""
        with self.store.write() as c:
            for name in NAMES:
                self.projects[name] = projects.create(
                    c, name=name, defaults=LimitDefaults(), now_ms=self.now_ms
                )
                _, self.secrets[name] = keys.create(
                    c,
                    b"p" * 32,
                    project_id=self.projects[name].id,
                    name="key",
                    rights=("infer",),
                    now_ms=self.now_ms,
                )
        self.put("seller")
        with self.store.write() as c:
            self.publication_id = publications.publish(
                c,
                project=self.projects["seller"],
                name="model",
                deployment="own",
                offer=self.offer(audience),
                taken=(),
                created_by="",
                now_ms=self.now_ms,
            ).id
        self.versions.append(Version(audience))

    def offer(self, audience: frozenset[str] | None) -> Offer:
        """Return the next version, whose input costs its number."""
        price = PublishedPrice(Price(OWN_NANO + len(self.versions) + 1))
        ids = None if audience is None else tuple(self.projects[name].id for name in audience)
        return Offer(card=b"{}", terms="Terms.", price=price, audience=ids)

    def tried(self, change: Any) -> bool:
        """Return whether the store let `change` happen; where it did not, nothing has."""
        self.now_ms += 1
        try:
            with self.store.write() as c:
                change(c)
        except TramontaneError:
            return False
        return True

    @rule(owner=OWNERS)
    def put(self, owner: str | None) -> None:
        """Somebody, or everybody, gets a deployment of that name."""
        settings = DeploymentSettings(
            url="http://127.0.0.1:9/v1", price=PriceSettings(input_per_mtok="0.000001")
        )
        record = StoredDeployment(
            name="own",
            settings=msgspec.json.encode(settings),
            created_at_ms=self.now_ms,
            project_id=None if owner is None else self.projects[owner].id,
        )
        # What is one project's does not become another's by being set up anew.
        expected = self.owner in ("nobody", owner)
        assert self.tried(lambda c: deployments.put(c, record)) == expected
        if expected:
            self.owner = owner

    @rule()
    def remove(self) -> None:
        """The deployment goes."""
        assert self.tried(lambda c: deployments.remove(c, "own")) == (self.owner != "nobody")
        self.owner = "nobody"

    @rule(audience=st.none() | st.frozensets(WHO))
    def change(self, audience: frozenset[str] | None) -> None:
        """The seller publishes a new version."""
        offer = self.offer(audience)
        changed = self.tried(
            lambda c: publications.change(
                c, self.publication_id, offer, created_by="", now_ms=self.now_ms
            )
        )
        assert changed == (not self.is_withdrawn)
        if changed:
            self.versions.append(Version(audience))

    @rule(who=WHO, behind=st.integers(0, 2))
    def accept(self, who: str, behind: int) -> None:
        """A project accepts the newest version, or tries an earlier one."""
        number = len(self.versions) - behind
        accepted = self.tried(
            lambda c: subscriptions.accept(
                c,
                publications.get(c, self.publication_id),
                project_id=self.projects[who].id,
                version=number,
                accepted_by="",
                now_ms=self.now_ms,
            )
        )
        may = behind == 0 and not self.is_withdrawn and self.versions[-1].is_for(who)
        assert accepted == may
        if accepted:
            self.accepted[who] = number

    @rule(who=WHO)
    def end(self, who: str) -> None:
        """A project uses it no more."""
        ended = self.tried(
            lambda c: subscriptions.end(c, self.publication_id, self.projects[who].id, self.now_ms)
        )
        assert ended == (self.accepted.pop(who, None) is not None)

    @rule()
    def withdraw(self) -> None:
        """The seller offers it no more."""
        assert self.tried(lambda c: publications.withdraw(c, self.publication_id, self.now_ms))
        self.is_withdrawn = True

    @rule(is_closed=st.booleans())
    def close(self, is_closed: bool) -> None:
        """The seller is closed, or opened again."""
        seller = self.projects["seller"].id
        assert self.tried(
            lambda c: projects.close(c, seller, "unpaid") if is_closed else projects.open(c, seller)
        )
        self.is_closed = is_closed

    def expected(self, who: str) -> str:
        """Return what asking for the publication comes to."""
        has_accepted, newest = who in self.accepted, self.versions[-1]
        knows = who == "seller" or has_accepted or newest.is_for(who)
        if not knows:
            return "model_not_found"
        if self.is_withdrawn:
            return "publication_withdrawn"
        if not (who == "seller" or has_accepted):
            return "terms_not_accepted"
        if self.owner != "seller" or self.is_closed:  # everybody's is not what was published
            return "publication_unserved"
        return "own" if who == "seller" else f"version {self.accepted[who]}"

    @invariant()
    def everybody_is_served_what_they_may(self) -> None:
        """What the gateway decides is what the model says."""
        if not self.versions:
            return
        known = build(SETTINGS, b"p" * 32, {}, Path("nowhere"), picture(self.store))
        for who in NAMES:
            assert asked(known, self.projects[who].id, MODEL) == self.expected(who), who
            served = self.owner in (who, None)
            assert (asked(known, self.projects[who].id, "own") == "own") == served, who
            listed = visible_models(known, principal_of(known, self.projects[who].id))
            is_sold = self.expected(who).startswith(("own", "version"))
            assert listed == ["own"] * served + [MODEL] * is_sold


def principal_of(known: Directory, project_id: str) -> Any:
    """Return the project's key as the gateway knows it."""
    return next(p for p in known.principals.values() if p.project.id == project_id)


def asked(known: Directory, project_id: str, model: str) -> str:
    """Return the code of the refusal, or by which version or as whose own it is served."""
    chance = random.Random(1)
    try:
        found = plan(
            known, principal_of(known, project_id), Facts(model), now_ms=0, draw=chance.random
        )
    except TramontaneError as error:
        return error.code
    (only,) = found.deployments
    assert only.name == "own"
    if only.sale is None:
        assert only.price.input_nano_per_mtok == OWN_NANO
        return "own"
    assert only.sale.own.price.input_nano_per_mtok == OWN_NANO
    assert only.price.input_nano_per_mtok == OWN_NANO + only.sale.version
    assert only.terms.price is only.price
    return f"version {only.sale.version}"


def run(empty_store_file: Path, monkeypatch: pytest.MonkeyPatch, examples: int, steps: int) -> None:
    """Try so many histories of so many steps."""
    monkeypatch.setattr(Market, "empty_store", empty_store_file, raising=False)
    run_state_machine_as_test(
        Market,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_rights_to_a_publication_never_grow(
    empty_store_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(empty_store_file, monkeypatch, examples=6, steps=25)


@pytest.mark.slow
def test_rights_to_a_publication_never_grow_in_many_histories(
    empty_store_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(empty_store_file, monkeypatch, examples=400, steps=50)
