"""Publishing and accepting: who may, at what price, under which name, and who sees what of it."""

from typing import Any

import msgspec
import pytest

from tests.studio.conftest import NOW_MS, Answer, Studio, Tenant
from tests.studio.people import Person, person
from tramontane.config import DeploymentSettings, PriceSettings, RouteSettings
from tramontane.errors import Conflict
from tramontane.money import Price, Usage, cost_nano
from tramontane.store import deployments, projects, routes
from tramontane.store.opening import picture
from tramontane.store.records import StoredDeployment

CARD = {"name": "Legal model", "description": "Answers questions on tenancy law."}
TERMS = "For internal use. No warranty."
COST = PriceSettings(
    input_per_mtok="0.10",
    output_per_mtok="0.40",
    cached_input_per_mtok="0.05",
    cache_write_per_mtok="0.12",
    service_tiers={"priority": "2", "flex": "0.5"},
)
PRICE = {
    "input_per_mtok": "0.20",
    "output_per_mtok": "0.80",
    "cached_input_per_mtok": "0.05",
}


class Market(msgspec.Struct, frozen=True):
    """Two projects with managers: the first has a deployment of its own."""

    studio: Studio
    seller: Tenant
    buyer: Tenant
    boss: Person
    customer: Person

    def offer(self, who: Any = None, **changes: Any) -> Answer:
        """Return the answer to publishing the seller's own deployment, or what `changes` say."""
        sent = {
            "name": "legal",
            "project_id": self.seller.project.id,
            "deployment": "own",
            "card": CARD,
            "terms": TERMS,
            "price": PRICE,
            **changes,
        }
        return (who or self.boss).call("POST", "/api/v1/publications", json=sent)

    def offered(self, **changes: Any) -> dict[str, Any]:
        """Return the publication that was made."""
        answer = self.offer(**changes)
        assert answer.status == 201, answer.body
        return dict(answer.json)

    def change(self, made: dict[str, Any], **changes: Any) -> Answer:
        """Return the answer to a new version."""
        return self.boss.call("PUT", f"/api/v1/publications/{made['id']}", json=changes)

    def accept(self, made: dict[str, Any], version: int = 1, who: Person | None = None) -> Answer:
        """Return the answer to accepting it for the buyer."""
        path = f"/api/v1/publications/{made['id']}/subscriptions/{self.buyer.project.id}"
        return (who or self.customer).call("PUT", path, json={"version": version})

    def seen(self, made: dict[str, Any], who: Person | None = None, query: str = "") -> Answer:
        """Return what the buyer's manager, or somebody else, is shown of it."""
        return (who or self.customer).call("GET", f"/api/v1/publications/{made['id']}{query}")


def put(studio: Studio, name: str, owner: str | None, **settings: Any) -> None:
    """Enter a deployment served elsewhere."""
    chosen = DeploymentSettings(url="http://10.9.8.8:1/v1", **settings)
    with studio.store.write() as c:
        deployments.put(
            c,
            StoredDeployment(
                name=name,
                settings=msgspec.json.encode(chosen),
                created_at_ms=NOW_MS,
                project_id=owner,
            ),
        )


@pytest.fixture
def market(studio: Studio) -> Market:
    """A seller with its own deployment, and a buyer."""
    seller, buyer = studio.tenant("seller"), studio.tenant("buyer")
    put(studio, "own", seller.project.id, price=COST)
    return Market(
        studio,
        seller,
        buyer,
        person(studio, "boss", seller.project, role="manager"),
        person(studio, "customer", buyer.project, role="manager"),
    )


def test_a_model_is_published_found_accepted_changed_and_withdrawn(market: Market) -> None:
    made = market.offered()
    assert (made["name"], made["version"], made["state"]) == ("seller/legal", 1, "offered")
    assert made["deployment"] == "own" and made["is_own"] and made["is_below_cost"] is False
    assert made["price"]["input_per_mtok"] == "0.20"
    assert made["service_tiers"]["priority"]["output_per_mtok"] == "1.60"
    listed = market.customer.call("GET", "/api/v1/publications").json["data"]
    assert [(p["name"], p["deployment"], p["subscription"]) for p in listed] == [
        ("seller/legal", None, None)
    ]
    accepted = market.accept(made).json
    mine = accepted["subscription"]
    assert (mine["version"], mine["project"], mine["accepted_by"]) == (1, "buyer", "Customer")
    assert market.accept(made).json["subscription"] == mine  # accepting again changes nothing
    known = market.boss.call("GET", f"/api/v1/publications/{made['id']}/subscriptions").json
    assert known["live"] == 1 and known["data"][0]["project"] == "buyer"
    assert known["data"][0]["accepted_by"] is None  # is the buyer's to know

    changed = market.change(made, terms="Other terms.").json
    assert (changed["version"], changed["price"]) == (2, made["price"])
    assert market.change(made, terms="Other terms.").json["version"] == 2  # nothing changed
    kept = market.seen(made).json
    assert (kept["version"], kept["subscription"]["version"]) == (2, 1)
    assert market.seen(made, query="?version=1").json["terms"] == TERMS
    for version in (0, -1, 3, 10**30):
        assert market.seen(made, market.boss, f"?version={version}").status in (400, 404)
        assert market.accept(made, version).status in (400, 409)
    stale = market.accept(made, 1)
    assert (stale.status, stale.error["code"]) == (409, "version_outdated")
    assert market.accept(made, 2).json["subscription"]["version"] == 2

    gone = market.boss.call("DELETE", f"/api/v1/publications/{made['id']}").json
    assert gone["state"] == "withdrawn"
    assert market.seen(made).json["state"] == "withdrawn"  # told to who had accepted it
    assert market.change(made, terms="More.").error["code"] == "publication_withdrawn"
    path = f"/api/v1/publications/{made['id']}/subscriptions/{market.buyer.project.id}"
    assert market.customer.call("DELETE", path).status == 204
    assert market.seen(made).status == 404
    assert market.accept(made, 2).status == 404
    assert market.offer().status == 409  # a name is never given twice


REFUSED: list[tuple[dict[str, Any], int, str, str]] = [
    ({"price": None}, 400, "price_missing", "price"),
    ({"price": {}}, 400, "price_missing", "price"),
    ({"price": {"input_per_mtok": "1"}}, 400, "price_missing", "price"),
    ({"price": {**PRICE, "input_per_mtok": "0.099999999"}}, 400, "price_below_cost", "price"),
    ({"price": {**PRICE, "output_per_mtok": "0.39"}}, 400, "price_below_cost", "price"),
    ({"price": {**PRICE, "cached_input_per_mtok": "0.04"}}, 400, "price_below_cost", "price"),
    ({"price": {**PRICE, "cache_write_per_mtok": "0.1"}}, 400, "price_below_cost", "price"),
    ({"price": {**PRICE, "currency": "JPY"}}, 400, "invalid_request", "price"),
    ({"price": {**PRICE, "input_per_mtok": "-1"}}, 400, "invalid_request", "price"),
    ({"price": {**PRICE, "input_per_mtok": "1e-12"}}, 400, "invalid_request", "price"),
    ({"terms": " \n"}, 400, "missing_field", "terms"),
    ({"card": {}}, 400, "missing_field", "card"),
    ({"card": {"name": "x", "price": 3}}, 400, "unknown_field", "card.price"),
    ({"audience": ["nobody-of-that-name"]}, 404, "not_found", "audience"),
    ({"audience": ["buyer"]}, 404, "not_found", "audience"),  # who there is is not theirs
    ({"deployment": "own-2"}, 404, "not_found", "deployment"),
    ({"deployment": "theirs"}, 404, "not_found", "deployment"),
    ({"deployment": "large"}, 403, "deployment_not_yours", "deployment"),
    (
        {"deployment": "large", "allow_shared": True},
        403,
        "deployment_not_yours",
        "deployment",
    ),
    ({"name": "other/legal"}, 400, "invalid_request", "name"),
    ({"name": "Legal Model"}, 400, "invalid_request", "name"),
    ({"name": ""}, 400, "invalid_request", "name"),
]


def test_what_cannot_be_published(market: Market) -> None:
    put(market.studio, "theirs", market.buyer.project.id, price=COST)
    for changes, status, code, param in REFUSED:
        refused = market.offer(**changes)
        told = (refused.status, refused.error["code"], refused.error["param"])
        assert told == (status, code, param), changes
    assert market.boss.call("GET", "/api/v1/publications").json["data"] == []


def test_operators_publish_what_is_everybodys_but_nobodys_own_in_anothers_name(
    market: Market,
) -> None:
    studio = market.studio
    root = person(studio, "root", is_admin=True)
    put(studio, "unpriced", market.seller.project.id)
    put(studio, "theirs", market.buyer.project.id, price=COST)
    dear = {**PRICE, "cached_input_per_mtok": "0.15"}
    shared = {"deployment": "large", "name": "large", "price": dear}
    unsaid = market.offer(root, **shared)
    assert (unsaid.status, unsaid.error["code"]) == (409, "deployment_shared")
    said = market.offer(root, **shared, allow_shared=True)
    assert (said.status, said.json["is_shared"]) == (201, True)
    assert market.seen(said.json).json["is_shared"] is None  # how it is served is not a buyer's
    unpriced = market.offer(deployment="unpriced").error
    assert (unpriced["code"], unpriced["param"]) == ("price_missing", "deployment")
    assert market.offer(root, deployment="theirs").status == 409
    assert market.offer(root, audience=["buyer"], name="named").status == 201
    with studio.store.write() as c:
        routes.put(c, "seller/taken", RouteSettings(deployments=("large",)), NOW_MS)
    assert market.offer(name="taken").status == 409
    made = market.offered()
    with pytest.raises(Conflict), studio.store.write() as c:
        routes.put(c, made["name"], RouteSettings(deployments=("large",)), NOW_MS)


def test_a_card_is_bounded_however_it_is_nested(market: Market) -> None:
    deep: Any = "x"
    for _ in range(900):
        deep = [deep]
    for card in ({**CARD, "benchmarks": deep}, {**CARD, "description": "x" * 70_000}):
        assert market.offer(card=card).status in (201, 400, 409, 413)
    body = b'{"card":{"name":"x","benchmarks":' + b"[" * 9_000 + b"]" * 9_000 + b"}}"
    nested = market.boss.call("POST", "/api/v1/publications", body=body)
    assert nested.status == 400, nested.body


def test_who_may_publish_and_accept(market: Market) -> None:
    studio = market.studio
    colleague = person(studio, "colleague", market.seller.project)
    buyer = person(studio, "buyer", market.buyer.project)
    both = person(studio, "both", market.seller.project, market.buyer.project, role="manager")
    assert market.offer(colleague).error["code"] == "managers_only"
    assert market.offer(market.customer).status == 404
    made = market.offered()
    for who, status in ((colleague, 404), (buyer, 403), (market.boss, 404), (both, 200)):
        assert market.accept(made, who=who).status == status
    path = f"/api/v1/publications/{made['id']}"
    own = market.boss.call(
        "PUT", f"{path}/subscriptions/{market.seller.project.id}", json={"version": 1}
    )
    assert (own.status, own.error["code"]) == (409, "own_publication")
    assert market.customer.call("PUT", path, json={"terms": "Mine"}).status == 403
    assert market.customer.call("GET", f"{path}/subscriptions").status == 403
    assert colleague.call("DELETE", path).status == 403
    for key in (market.buyer.read, market.seller.read):
        answer = studio.call("PUT", path, key, json={"terms": "Mine"})
        assert answer.status == 403
    assert market.seen(made).json["version"] == 1


def test_who_is_not_meant_sees_nothing_and_who_accepted_keeps_what_it_did(market: Market) -> None:
    stranger = person(market.studio, "stranger", market.studio.tenant("third").project)
    made = market.offered(audience=[market.buyer.project.id])
    assert market.seen(made, stranger).status == 404
    assert stranger.call("GET", "/api/v1/publications").json["data"] == []
    shown = market.seen(made).json
    assert shown["audience"] == [market.buyer.project.id]
    assert market.accept(made).status == 200
    narrowed = market.change(made, audience=[], terms="For nobody.")
    assert narrowed.json["version"] == 2
    kept = market.seen(made).json
    assert (kept["version"], kept["terms"]) == (1, TERMS)  # of version 2 it learns nothing
    assert market.seen(made, query="?version=2").status == 404
    assert market.accept(made, 2).status == 404
    path = f"/api/v1/publications/{made['id']}/subscriptions/{market.buyer.project.id}"
    assert market.customer.call("DELETE", path).status == 204
    assert market.seen(made).status == 404


def test_a_deployment_that_is_gone_or_another_of_its_name(market: Market) -> None:
    made = market.offered()
    assert market.accept(made).status == 200
    assert market.boss.call("DELETE", "/api/v1/deployments/own").status == 204
    for who in (market.boss, market.customer):
        assert market.seen(made, who).json["state"] == "deployment_gone"
    lost = market.change(made, price=PRICE)
    assert lost.error["code"] == "publication_unserved"
    put(market.studio, "own", market.buyer.project.id, price=COST)
    assert market.seen(made).json["state"] == "deployment_gone"  # somebody else's
    with market.studio.store.write() as c:
        deployments.remove(c, "own")
    put(market.studio, "own", market.seller.project.id, price=COST)
    assert market.seen(made).json["state"] == "offered"
    with market.studio.store.write() as c:
        projects.close(c, market.seller.project.id, "unpaid")
    assert market.seen(made).json["state"] == "deployment_gone"


def test_a_cost_that_has_risen_is_shown_to_the_publisher_alone(market: Market) -> None:
    made = market.offered()
    dearer = msgspec.structs.replace(COST, output_per_mtok="0.81")
    put(market.studio, "own", market.seller.project.id, price=dearer)
    assert market.seen(made, market.boss).json["is_below_cost"] is True
    assert market.seen(made).json["is_below_cost"] is None
    assert market.change(made, price=PRICE).error["code"] == "price_below_cost"
    kept = market.change(made, terms="Others.").error
    assert kept["code"] == "price_below_cost" and "was to stay" in kept["message"]
    assert market.seen(made).json["terms"] == TERMS
    dear = market.change(made, terms="Others.", price={**PRICE, "output_per_mtok": "0.81"})
    assert dear.json["version"] == 2
    assert market.boss.call("DELETE", "/api/v1/deployments/own").status == 204
    assert market.change(made, terms="More.").json["version"] == 3  # nobody knows a cost now


def test_a_cost_that_has_risen_at_one_service_tier_counts_too(market: Market) -> None:
    made = market.offered()
    urgent = msgspec.structs.replace(COST, service_tiers={"priority": "5", "flex": "0.5"})
    put(market.studio, "own", market.seller.project.id, price=urgent)
    assert market.seen(made, market.boss).json["is_below_cost"] is True
    assert market.change(made, terms="Others.").error["code"] == "price_below_cost"


def test_an_own_deployment_is_its_managers_to_make_and_remove(market: Market) -> None:
    studio, boss = market.studio, market.boss
    project_id = market.seller.project.id
    mine = {"name": "mine", "project_id": project_id, "url": "https://api.openai.com/v1"}
    missing = boss.call("POST", "/api/v1/deployments", json=mine)
    assert missing.error["code"] == "deployment_not_yours"  # not without a key of its own
    account = {"name": "mine", "project_id": project_id, "provider": "mistral"}
    assert boss.call("POST", "/api/v1/deployments", json=account).status == 403
    elsewhere = {**mine, "key": "k", "url": "http://10.9.8.6:9001/v1"}
    assert boss.call("POST", "/api/v1/deployments", json=elsewhere).status in (400, 403)
    assert boss.call("POST", "/api/v1/deployments", json={**mine, "key": "k"}).status == 201
    for who, names in ((boss, ["mine", "own"]), (market.customer, [])):
        data = who.call("GET", "/api/v1/deployments").json["data"]
        assert [d["name"] for d in data if d["project_id"]] == names
    gone = market.customer.call("DELETE", "/api/v1/deployments/mine")
    none = market.customer.call("DELETE", "/api/v1/deployments/none")
    assert gone.status == none.status == 404
    assert boss.call("DELETE", "/api/v1/deployments/large").status == 403
    assert boss.call("DELETE", "/api/v1/deployments/mine?remove_file=true").status == 403
    assert boss.call("DELETE", "/api/v1/deployments/mine").status == 204
    # Setting one up anew does not make it somebody else's.
    with pytest.raises(Conflict):
        put(studio, "own", None, price=COST)


def test_what_is_bought_is_talked_with_as_any_model(market: Market) -> None:
    made = market.offered()
    names = f"/api/v1/assistant/models?project_id={market.buyer.project.id}"
    before = market.customer.call("GET", names).json["data"]
    assert market.accept(made).status == 200
    after = market.customer.call("GET", names).json["data"]
    (new,) = [model for model in after if model not in before]
    assert (new["name"], new["price"]["input_per_mtok"]) == ("seller/legal", "0.20")
    served = market.studio.call("GET", "/api/v1/status", market.buyer.read).json["deployments"]
    assert "seller/legal" in [d["name"] for d in served]
    assert "own" not in [d["name"] for d in served]
    own = market.boss.call(
        "GET", f"/api/v1/assistant/models?project_id={market.seller.project.id}"
    ).json["data"]
    assert "own" in [model["name"] for model in own]


def test_the_picture_holds_the_prices_that_were_accepted(market: Market) -> None:
    made = market.offered()
    assert market.accept(made).status == 200
    assert market.change(made, price={**PRICE, "input_per_mtok": "9"}).json["version"] == 2
    (shown,) = picture(market.studio.store).publications
    assert shown.subscribers == ((market.buyer.project.id, 1),)
    assert list(shown.prices) == [1]
    price = shown.prices[1].usual
    assert cost_nano(price, Usage(1_000_000)) == 200_000_000
    assert price.cached_nano_per_mtok == 50_000_000 and price != Price()
