"""The catalogue's addresses, over a small catalogue that an update left in the data folder."""

from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from tests.catalog.making import SOURCES, card, offer
from tests.studio.conftest import A_CARD, CARDS, NOW_MS, Studio, Tenant
from tests.studio.people import person
from tests.studio.reach import add_card
from tramontane.catalog.cards import Card
from tramontane.catalog.packing import pack
from tramontane.config import DeploymentSettings
from tramontane.datafolder import DataFolder
from tramontane.money import Price
from tramontane.store import deployments, publications
from tramontane.store.publications import Offer
from tramontane.store.records import PublishedPrice, StoredDeployment

MODELS = "/api/v1/catalog/models"


def get(studio: Studio, key: str, path: str) -> Any:
    """Return the answer to a question that is answered."""
    answer = studio.call("GET", path, key)
    assert answer.status == 200, answer.body
    return answer.json


def test_a_member_and_a_key_find_the_same(studio: Studio, ours: Tenant) -> None:
    found = get(studio, ours.read, f"{MODELS}?limit=5")
    assert found["total"] == len(CARDS)
    assert len(found["data"]) == 5
    assert found["rule"] == "text, completeness, newest, id"
    assert (found["currency"], found["mix"]) == ("USD", {"input": 3, "output": 1, "cached": 0})
    assert found["unconverted"] == ["CNY", "EUR"]
    assert found["took_ms"] > 0
    somebody = person(studio, "ours-somebody", ours.project)
    seen = somebody.call("GET", f"{MODELS}?limit=5").json
    assert seen | {"took_ms": 0} == found | {"took_ms": 0}
    assert studio.call("GET", MODELS, ours.infer).status == 403


def test_conditions_are_read_from_the_address(studio: Studio, ours: Tenant) -> None:
    everything = get(studio, ours.read, f"{MODELS}?limit=200")["data"]
    query = "language=Italiano&language=de&min_context=32k&openness=open&sort=context&limit=200"
    found = get(studio, ours.read, f"{MODELS}?{query}")
    wanted = [
        model["id"]
        for model in everything
        if {"it", "de"} & {*model["languages"]}
        and (model["context_tokens"] or 0) >= 32_000
        and model["openness"] in ("open_weights", "open_source")
    ]
    assert wanted and {model["id"] for model in found["data"]} == {*wanted}
    contexts = [model["context_tokens"] for model in found["data"]]
    assert contexts == sorted(contexts, reverse=True)
    priced = get(studio, ours.read, f"{MODELS}?max_price={quote('1 $')}&price_out=0&limit=200")
    assert priced["data"]
    assert all(float(model["price"]["amount"]) <= 1 for model in priced["data"])


@pytest.mark.parametrize(
    ("query", "param", "said"),
    [
        ("sort=prize", "sort", "Did you mean price"),
        ("min_context=much", "min_context", "32k"),
        ("language=klingonisch", "language", "or its name in"),
        ("max_price=1%20EUR", "max_price", "[exchange_rates]"),
        ("limit=1000", "limit", "from 1 to 200"),
        ("openess=open", "openess", "unknown"),
    ],
)
def test_a_slip_is_named(studio: Studio, ours: Tenant, query: str, param: str, said: str) -> None:
    answer = studio.call("GET", f"{MODELS}?{query}", ours.read)
    assert (answer.status, answer.error["param"]) == (400, param)
    assert said in answer.error["message"]


def test_a_card_has_the_source_of_each_fact(studio: Studio, ours: Tenant) -> None:
    view = get(studio, ours.read, f"{MODELS}/{A_CARD}?price_in=1&price_out=0")
    assert view["id"] == A_CARD and view["own"] is False
    assert view["fields"]["name"]["value"] == CARDS[0].value("name")
    assert view["fields"]["name"]["source"] == "one"
    assert view["fields"]["name"]["date"] == "2026-08-01"
    assert len(view["ai_act"]) == 14
    nowhere = studio.call("GET", f"{MODELS}/nobody/nothing", ours.read)
    assert nowhere.status == 404 and "search for it" in nowhere.error["message"]


def test_models_side_by_side(studio: Studio, ours: Tenant) -> None:
    ids = [each.id for each in CARDS[:3]]
    query = "&".join(f"id={each}" for each in ids)
    found = get(studio, ours.read, f"/api/v1/catalog/compare?{query}&price_cached=6")
    assert [model["id"] for model in found["models"]] == ids
    assert found["mix"] == {"input": 3, "output": 1, "cached": 6}
    assert len(found["prices"]) == 3
    assert {row["field"] for row in found["rows"]} >= {"price", "licence", "context_tokens"}
    assert all(len(row["values"]) == 3 for row in found["rows"])
    alone = studio.call("GET", f"/api/v1/catalog/compare?id={ids[0]}", ours.read)
    assert (alone.status, alone.error["param"]) == (400, "id")


def test_sources_and_completeness(studio: Studio, ours: Tenant) -> None:
    sources = get(studio, ours.read, "/api/v1/catalog/sources")
    assert [source["id"] for source in sources["data"]] == ["one", "two"]
    assert sources["cards"] == len(CARDS) and sources["built_on"] == "2026-08-01"
    assert sources["offers"] == sum(len(each.offers) for each in CARDS)
    known = get(studio, ours.read, "/api/v1/catalog/completeness")
    names = next(each for each in known["data"] if each["field"] == "name")
    assert (names["known"], names["share"]) == (len(CARDS), 1.0)


def test_own_cards_are_seen_by_their_project_and_operators(
    studio: Studio, ours: Tenant, theirs: Tenant
) -> None:
    assert get(studio, ours.read, f"{MODELS}?q=quittenkompott")["total"] == 0
    with studio.store.write() as c:
        add_card(c, "theirs/secret", "Quittenkompott", theirs.project.id)
        add_card(c, "all/known", "Quittenmus", None)
    for key, total in ((ours.read, 1), (theirs.read, 2), (ours.operator, 2)):
        found = get(studio, key, f"{MODELS}?q=quitten")
        assert found["total"] == total
        assert all(model["own"] for model in found["data"])
        status = studio.call("GET", f"{MODELS}/theirs/secret", key).status
        assert status == (404 if total == 1 else 200)


def test_what_is_deployed_here(studio: Studio, ours: Tenant) -> None:
    settings = DeploymentSettings(url="http://10.9.8.7:9001/v1", upstream_model=CARDS[1].aliases[0])
    with studio.store.write() as c:
        for name, card_id, own in (
            ("chosen", A_CARD, DeploymentSettings(url="http://10.9.8.7:9001/v1")),
            ("recognised", None, settings),
        ):
            deployments.put(
                c,
                StoredDeployment(
                    name=name,
                    settings=msgspec.json.encode(own),
                    created_at_ms=NOW_MS,
                    card_id=card_id,
                ),
            )
    found = get(studio, ours.read, f"{MODELS}?offered=here")
    assert {model["id"]: model["here"] for model in found["data"]} == {
        A_CARD: ["chosen"],
        CARDS[1].id: ["recognised"],
    }
    view = get(studio, ours.read, f"{MODELS}/{A_CARD}")
    # Nobody has allowed that address to be entered.
    assert view["here"] == [{"deployment": "chosen", "state": "failed"}]


def test_an_update_is_seen_without_a_restart(studio: Studio, ours: Tenant) -> None:
    assert get(studio, ours.read, MODELS)["total"] == len(CARDS)
    update: Card = card("a/new", name="New", offers=(offer("x", "1", "1"),))
    pack([update], SOURCES, "2026-09-01", DataFolder(studio.settings.data_dir).catalogue)
    found = get(studio, ours.read, MODELS)
    assert [model["id"] for model in found["data"]] == ["a/new"]
    DataFolder(studio.settings.data_dir).catalogue.write_bytes(b"rubbish, and longer")
    answer = studio.call("GET", MODELS, ours.read)
    assert answer.status == 400 and "catalogue" in answer.error["message"]


def test_managers_add_cards_for_their_project_operators_for_all(
    studio: Studio, ours: Tenant, theirs: Tenant
) -> None:
    manager = person(studio, "manager", ours.project, role="manager")
    member = person(studio, "member", ours.project)
    card = {"id": "ours/reader", "name": "Kontraktleser", "languages": ["de"], "kind": "chat"}
    body = {"card": card, "project_id": "ours"}
    assert member.call("POST", "/api/v1/catalog/cards", json=body).status == 403
    everybodys = manager.call("POST", "/api/v1/catalog/cards", json={"card": card})
    assert everybodys.status == 403 and "a project that you manage" in everybodys.error["message"]
    made = manager.call("POST", "/api/v1/catalog/cards", json=body)
    assert made.status == 201, made.body
    assert made.json["own"] and made.json["fields"]["name"]["date"] == "2023-11-14"
    assert get(studio, ours.read, f"{MODELS}?q=kontrakt")["total"] == 1
    assert get(studio, theirs.read, f"{MODELS}?q=kontrakt")["total"] == 0
    again = manager.call(
        "POST", "/api/v1/catalog/cards", json=body | {"card": card | {"kind": "x"}}
    )
    assert (again.status, again.error["param"]) == (400, "kind")
    assert "one of chat" in again.error["message"] and "line" not in again.error["message"]
    taken = studio.call(
        "POST", "/api/v1/catalog/cards", ours.operator, json={"card": card | {"id": A_CARD}}
    )
    assert taken.status == 409
    several = {"card": {"cards": [card, card]}, "project_id": "ours"}
    assert manager.call("POST", "/api/v1/catalog/cards", json=several).status == 400
    gone = "/api/v1/catalog/cards/ours/reader"
    assert member.call("DELETE", gone).status == 403
    assert manager.call("DELETE", gone).status == 204
    assert manager.call("DELETE", gone).status == 404
    assert get(studio, ours.read, f"{MODELS}?q=kontrakt")["total"] == 0


def test_a_publication_stands_at_the_card_that_it_says_it_is(
    studio: Studio, ours: Tenant, theirs: Tenant
) -> None:
    published = {"open": {"base_model": CARDS[0].aliases[0]}, "silent": {"name": "Something"}}
    settings = msgspec.json.encode(DeploymentSettings(url="http://10.9.8.7:9001/v1"))
    with studio.store.write() as c:
        stored = StoredDeployment(
            name="served",
            settings=settings,
            created_at_ms=NOW_MS,
            card_id=A_CARD,
            project_id=theirs.project.id,
        )
        deployments.put(c, stored)
        for name, said in published.items():
            offer_of = Offer(
                card=msgspec.json.encode(said), terms="Be kind.", price=PublishedPrice(Price())
            )
            publications.publish(
                c,
                project=theirs.project,
                name=name,
                deployment="served",
                offer=offer_of,
                taken=(),
                created_by="somebody",
                now_ms=NOW_MS,
            )
    seen = get(studio, ours.read, f"{MODELS}/{A_CARD}")
    assert [each["name"] for each in seen["publications"]] == ["theirs/open"]
    assert seen["here"] == []  # it is another project's own
    known = get(studio, theirs.read, f"{MODELS}/{A_CARD}")
    assert [each["name"] for each in known["publications"]] == ["theirs/open", "theirs/silent"]
    assert [each["deployment"] for each in known["here"]] == ["served"]
