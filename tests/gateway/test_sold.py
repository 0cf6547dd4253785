"""A deployment as it is bought: prices in policies, tiers and bills, and what buyers are told."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tramontane.config import DeploymentSettings, RouteSettings, Settings
from tramontane.errors import Forbidden, TramontaneError, Unavailable
from tramontane.gateway.bounds import held_price
from tramontane.gateway.directory import Deployment, Directory, Principal, build
from tramontane.gateway.fields import deployment_fields
from tramontane.gateway.ledger import Ledger
from tramontane.gateway.routing import Facts, plan
from tramontane.governance.policies import Policy
from tramontane.money import Price, Usage, cost_nano
from tramontane.pricing import PriceSettings
from tramontane.store.journal import FolderDisk, HoldRecord, SaleRecord, Writer, recover
from tramontane.store.journal.records import encode
from tramontane.store.records import (
    Budget,
    Key,
    Picture,
    Project,
    PublishedName,
    PublishedPrice,
    StoredDeployment,
    UsageRecord,
)
from tramontane.wire.openai.intent import read_chat

OWN = PriceSettings(
    input_per_mtok="1", output_per_mtok="2", service_tiers={"priority": "2", "flex": "0.5"}
)
SOLD = Price(3_000_000_000, 5_000_000_000, 3_000_000_000)
TIERS = {"priority": SOLD.times(2_000_000_000), "flex": SOLD.times(500_000_000)}


def known(routes: dict[str, RouteSettings] | None = None, **changes: Any) -> Directory:
    """Return a directory in which the project b has accepted a publication of a's own model."""
    given = Settings(
        demo=False,
        guide=False,
        deployments={"shared": DeploymentSettings(url="http://127.0.0.1:9/v1", price="free")},
        routes=routes or {},
    )
    fields = {"url": "http://127.0.0.1:9/v1", "upstream_model": "hidden", "price": OWN}
    own = StoredDeployment(
        name="own",
        settings=msgspec.json.encode(DeploymentSettings(**{**fields, **changes})),
        created_at_ms=0,
        project_id="a",
    )
    published = PublishedName(
        id="pub_1", name="a/model", project_id="a", deployment="own", is_shared=False,
        is_withdrawn=False, audience=None, prices={4: PublishedPrice(SOLD, TIERS)},
        subscribers=(("b", 4),),
    )  # fmt: skip
    picture = Picture(
        revision=1, projects=(project("a"), project("b")), keys=(), budgets=(), models=(),
        deployments=(own,), instances=(), publications=(published,),
    )  # fmt: skip
    return build(given, b"p" * 32, {}, Path("nowhere"), picture)


def project(name: str) -> Project:
    return Project(id=name, name=name, requests_per_minute=1, tokens_per_minute=1, created_at_ms=0)


def buyer(**policy: Any) -> Principal:
    key = Key(id="key", project_id="b", name="k", prefix="k", digest=b"", created_at_ms=0)
    given = (Policy(**policy),) if policy else ()
    return Principal(key, project("b"), policies=given, has_budget=True)


def bought(
    directory: Directory, who: Principal | None = None, model: str = "a/model"
) -> Deployment:
    found = plan(directory, who or buyer(), Facts(model), now_ms=0, draw=random.Random(1).random)
    (only,) = found.deployments
    return only


def test_ceilings_bear_on_what_the_buyer_pays_and_the_rest_on_what_serves_it() -> None:
    directory = known()
    assert bought(directory, buyer(max_input_per_mtok="3")).sale is not None
    with pytest.raises(Forbidden) as refused:
        bought(directory, buyer(max_input_per_mtok="2.99"))
    assert refused.value.code == "policy_price"
    for rules in ({"local_only": True}, {"jurisdictions": ("FR",)}, {"open_weight_only": True}):
        with pytest.raises(Forbidden):
            bought(directory, buyer(**rules))
    # A deployment whose own price was taken away since is bought at the accepted one all the same.
    assert bought(known(price=None)).price == SOLD


def test_who_buys_a_service_tier_pays_the_publications_and_its_publisher_the_deployments() -> None:
    only = bought(known())
    assert only.sale is not None
    body = {"model": "a/model", "messages": [{"role": "user", "content": "x"}]}
    for tier, factor in ((None, 1), ("priority", 2), ("flex", 1), ("unknown", 1)):
        asked = body if tier is None else {**body, "service_tier": tier}
        intent = read_chat(msgspec.json.encode(asked))
        held = held_price(only, intent)
        assert held.input_nano_per_mtok == factor * SOLD.input_nano_per_mtok, tier
        own = only.sale.record(intent.service_tier).own_price
        assert own.input_nano_per_mtok == factor * 1_000_000_000, tier


def test_what_buyers_are_told() -> None:
    only = bought(known())
    told = deployment_fields(only).decode()
    assert "x-tramontane-deployment: a/model\r\n" in told
    assert "hidden" not in told and "own" not in told
    gone = known(url=None, provider="nobody")  # its account was removed
    with pytest.raises(Unavailable) as unavailable:
        bought(gone)
    assert unavailable.value.message == "The model 'a/model' is not up."


def test_the_configuration_file_does_not_take_a_publications_place() -> None:
    routes = {
        "a/model": RouteSettings(deployments=("shared",)),
        "best": RouteSettings(deployments=("own",), fallbacks=("a/model", "shared")),
    }
    directory = known(routes)
    assert bought(directory).sale is not None
    # Nor does a route lead into what others own, or have published.
    assert [d.name for d in _tried(directory, "best")] == []
    assert "own" not in dict(directory.routes_of("b"))


def _tried(directory: Directory, model: str) -> Sequence[Deployment]:
    try:
        found = plan(directory, buyer(), Facts(model), now_ms=0, draw=random.Random(1).random)
    except TramontaneError as error:
        assert error.code == "model_not_found"
        return ()
    return found.deployments


def test_a_lost_gateways_hold_is_billed_to_both(tmp_path: Path) -> None:
    rows: list[UsageRecord] = []
    own, sold = Price(1_000_000, 2_000_000, 1_000_000), Price(3_000_000, 5_000_000, 3_000_000)
    disk = FolderDisk(tmp_path)
    ledger = Ledger(Writer(disk), lambda: 1_000, {}, start_ms=0)
    held = [
        ledger.hold(
            request_id=f"r{n}", attempt=1, project_id="b", key_id="k", model="a/model",
            deployment="own", price=sold, prompt_bound_tokens=100, prompt_estimate_tokens=30,
            output_bound_tokens=50, sale=SaleRecord("pub_1", 4, "a", own),
        )
        for n in range(4)
    ]  # fmt: skip
    ledger.checkpoint(held[0], 20)
    ledger.settle(held[1], Usage(10, 5, 2), estimated=False, status="ok")
    ledger.release(held[2], status="upstream_failed")
    absurd = Usage(10, -3, 40)
    ledger.settle(held[3], absurd, estimated=False, status="ok")
    ledger.close()
    recover(disk, rows.extend, 2_000)
    bills = {row.request_id: row for row in rows}
    for request_id, used in (("r0", Usage(30, 20)), ("r1", Usage(10, 5, 2)), ("r3", Usage(10, 0))):
        bill = bills[request_id]
        assert (bill.cost_nano, bill.serving_cost_nano) == (
            cost_nano(sold, used), cost_nano(own, used),
        ), request_id  # fmt: skip
    assert (bills["r2"].cost_nano, bills["r2"].serving_cost_nano) == (0, 0)
    assert {(b.publication_id, b.publisher_id, b.publication_version) for b in rows} == {
        ("pub_1", "a", 4)
    }
    assert bills["r0"].status == "gateway_lost"


def test_a_publisher_cannot_count_itself_rich(tmp_path: Path) -> None:
    """Its own server says how many tokens it used: no more than the hold is charged."""
    sold = Price(3_000_000, 5_000_000, 3_000_000)
    alarms: list[int] = []
    ledger = Ledger(
        Writer(FolderDisk(tmp_path)),
        lambda: 1_000,
        {},
        start_ms=0,
        on_excess=lambda hold, cost: alarms.append(cost),
    )
    budget = Budget(id="bud", project_id="b", window="total", limit_nano=1_000)
    ledger.set_budgets([budget])
    held = ledger.hold(
        request_id="r", attempt=1, project_id="b", key_id="k", model="a/model", deployment="own",
        price=sold, prompt_bound_tokens=100, prompt_estimate_tokens=30, output_bound_tokens=50,
        sale=SaleRecord("pub_1", 4, "a", Price(1_000_000)),
    )  # fmt: skip
    charged = ledger.settle(held, Usage(2_000_000, 2_000_000), estimated=False, status="ok")
    assert charged == held.record.bound_nano == 550
    assert ledger.available_nano("b", "k") == 1_000 - 550 and not alarms
    ledger.close()


class OldHold(msgspec.Struct, array_like=True, tag=1):
    """A hold as the version before wrote it."""

    request_id: str
    attempt: int
    project_id: str
    key_id: str
    model: str
    deployment: str
    started_at_ms: int
    price: Price
    bound_nano: int
    prompt_estimate_tokens: int
    output_bound_tokens: int
    provider: str = ""
    region: str = ""


def test_journals_of_the_version_before_are_read() -> None:
    old = OldHold("r", 1, "p", "k", "m", "d", 5, Price(1), 100, 10, 20, "x", "eu")
    read = msgspec.msgpack.decode(encode(old), type=HoldRecord)
    assert (read.region, read.sale) == ("eu", None)
