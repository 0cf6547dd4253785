"""Publications: who is served what by whose name, at whose price, and that both sides' sums agree.

A real gateway, killed in the middle; the statements are held against the bills one by one.
"""

import http.client
import json
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from tests.gateway.speakers import SPEAKERS
from tests.processes import RunningStandin
from tests.running import Reply, RunningGateway, now_ms, run_gateway
from tramontane.config import RouteSettings
from tramontane.governance import settlement
from tramontane.money import Price, Rates, Usage, cost_nano
from tramontane.store import deployments, projects, publications, routes, subscriptions, trades
from tramontane.store.publications import Offer
from tramontane.store.records import Offered, Project, PublishedPrice, StoredDeployment
from tramontane.store.windows import day_name

OWN = Price(100_000_000, 400_000_000, 50_000_000, 0)
OWN_SETTINGS = {
    "input_per_mtok": "0.10",
    "output_per_mtok": "0.40",
    "cached_input_per_mtok": "0.05",
}
FIRST = Price(
    150_000_001,
    600_000_003,
    75_000_001,
    7,
    long_context=(Rates(60, 300_000_007, 700_000_001, 150_000_001),),
)
SECOND = Price(950_000_001, 990_000_003, 900_000_001, 11)
CLIENTS = 8
REQUESTS = 20


class Market:
    """A gateway with a seller, whose own model two projects have accepted in two versions."""

    def __init__(self, gateway: RunningGateway, url: str) -> None:
        self.gateway = gateway
        self.seller, self.seller_key = self.project("seller")
        self.first, self.first_key = self.project("first")
        self.second, self.second_key = self.project("second")
        self.asked, self.asked_key = self.project("asked")  # it is offered to them
        self.stranger, self.stranger_key = self.project("stranger")  # and not to them
        own = {"url": url, "upstream_model": "hidden-upstream", "price": OWN_SETTINGS}
        self.put("own", self.seller, own)
        audience = (self.first.id, self.second.id, self.asked.id)
        self.audience = audience
        self.model = self.publish("model", FIRST, audience)
        self.accept(self.model, self.first)
        with gateway.store.write() as c:
            offer = Offer(
                card=b"{}", terms="Dearer.", price=PublishedPrice(SECOND), audience=audience
            )
            publications.change(c, self.model.id, offer, created_by="", now_ms=now_ms())
        self.accept(self.model, self.second)
        self.seen()

    def project(self, name: str) -> tuple[Project, str]:
        """Return a new project with a key."""
        project = self.gateway.add_project(name)
        return project, self.gateway.add_key(project)

    def put(self, name: str, owner: Project, settings: dict[str, Any]) -> None:
        """Enter a deployment of that project's own."""
        stored = StoredDeployment(
            name=name,
            settings=json.dumps(settings).encode(),
            created_at_ms=now_ms(),
            project_id=owner.id,
        )
        with self.gateway.store.write() as c:
            deployments.put(c, stored)

    def publish(
        self, name: str, price: Price, audience: tuple[str, ...] | None, deployment: str = "own"
    ) -> Offered:
        """Publish a deployment of the seller's."""
        with self.gateway.store.write() as c:
            return publications.publish(
                c,
                project=self.seller,
                name=name,
                deployment=deployment,
                offer=Offer(
                    card=b"{}", terms="Be kind.", price=PublishedPrice(price), audience=audience
                ),
                taken=(),
                created_by="",
                now_ms=now_ms(),
            )

    def accept(self, publication: Offered, project: Project) -> None:
        """Accept the newest version for that project."""
        with self.gateway.store.write() as c:
            newest = publications.get(c, publication.id)
            subscriptions.accept(
                c,
                newest,
                project_id=project.id,
                version=newest.version,
                accepted_by="",
                now_ms=now_ms(),
            )

    def seen(self) -> None:
        """Wait until the gateway knows all that was written before."""
        self.gateway.until_seen(self.gateway.add_key(self.gateway.project, f"at-{now_ms()}"))

    def chat(self, key: str, model: str = "seller/model", **fields: Any) -> Reply:
        """Ask for a chat completion."""
        return self.gateway.chat("[[standin tokens=7]] hello", key=key, model=model, **fields)

    def models(self, key: str) -> list[str]:
        """Return the names that a key is told."""
        data = self.gateway.request("GET", "/v1/models", key=key).json["data"]
        return [model["id"] for model in data]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory, standin: RunningStandin) -> Iterator[Market]:
    """The market of this module; its last test kills the gateway."""
    folder = tmp_path_factory.mktemp("market") / "data"
    with run_gateway(folder, standin.url) as gateway:
        yield Market(gateway, standin.url)


def test_each_project_is_told_and_served_what_is_for_it(market: Market) -> None:
    assert market.models(market.first_key) == ["bench", "seller/model"]
    assert market.models(market.seller_key) == ["own", "bench", "seller/model"]
    for key in (market.asked_key, market.stranger_key):
        assert market.models(key) == ["bench"]
    one = market.gateway.request("GET", "/v1/models/seller/model", key=market.first_key)
    assert (one.status, one.json["id"]) == (200, "seller/model")
    for key in (market.first_key, market.stranger_key):
        assert market.chat(key, "own").code == "model_not_found"
    states = market.gateway.request("GET", "/ready").json["models"]
    assert "own" not in states and "bench" in states

    strangers, nobody = market.chat(market.stranger_key), market.chat(market.stranger_key, "x/y")
    assert (strangers.status, strangers.code) == (404, "model_not_found")
    told = strangers.json["error"]["message"].replace("seller/model", "x/y")
    assert told == nobody.json["error"]["message"]
    assert market.chat(market.seller_key, "own").status == 200


def test_who_buys_pays_the_accepted_price_and_learns_nothing_of_what_serves_it(
    market: Market,
) -> None:
    for key, price, version in ((market.first_key, FIRST, 1), (market.second_key, SECOND, 2)):
        reply = market.chat(key)
        assert reply.fields["x-tramontane-deployment"] == "seller/model"
        assert "x-tramontane-model" not in reply.fields
        (bill,) = market.gateway.bills(reply.fields["x-request-id"])
        used = Usage(bill.prompt_tokens, bill.completion_tokens, bill.cached_tokens)
        assert bill.cost_nano == cost_nano(price, used) > 0
        assert bill.serving_cost_nano == cost_nano(OWN, used) > 0
        assert (bill.publication_id, bill.publication_version) == (market.model.id, version)
        assert (bill.publisher_id, bill.deployment) == (market.seller.id, "own")
        shown = f"{bill.cost_nano / 1e9:.9f}"
        assert reply.fields["x-tramontane-cost"] == shown
    own = market.chat(market.seller_key)
    (bill,) = market.gateway.bills(own.fields["x-request-id"])
    assert own.fields["x-tramontane-deployment"] == "own"
    assert bill.cost_nano == cost_nano(OWN, Usage(bill.prompt_tokens, bill.completion_tokens))
    assert (bill.publication_id, bill.serving_cost_nano) == ("", 0)


def test_a_publisher_that_counts_too_much_shuts_nobody_out(market: Market) -> None:
    """Neither what its buyers pay nor what their limits leave is for its server to say."""
    fooled = market.gateway.add_project("fooled", tokens_per_minute=1_000_000)
    key = market.gateway.add_key(fooled)
    market.accept(market.publish("boast", SECOND, None), fooled)
    market.seen()
    content = "[[standin tokens=7 prompt_tokens=9000000]] hello"
    boasted = market.gateway.chat(content, key=key, model="seller/boast")
    assert boasted.status == 200
    (bill,) = market.gateway.bills(boasted.fields["x-request-id"])
    assert bill.estimated and bill.prompt_tokens == 9_000_000
    assert bill.cost_nano < cost_nano(SECOND, Usage(bill.prompt_tokens, 7))
    assert market.chat(key, "seller/boast").status == 200


def test_every_dialect_says_that_terms_are_not_accepted(market: Market) -> None:
    for name, speaker in SPEAKERS.items():
        body = speaker.body("Hello", model="seller/model", stream=False)
        reply = market.gateway.request("POST", speaker.path, body, key=market.asked_key)
        said = reply.body.decode()
        assert reply.status == 403, (name, said)
        assert "has not accepted the terms of the model" in said, name
        if name in ("openai", "responses", "azure", "mistral"):
            assert "terms_not_accepted" in said, name
    embeddings = json.dumps({"model": "seller/model", "input": "x"}).encode()
    reply = market.gateway.request("POST", "/v1/embeddings", embeddings, key=market.asked_key)
    assert reply.code == "terms_not_accepted"
    assert "Published models" in said
    counted = SPEAKERS["anthropic"].body("Hello", model="seller/model", stream=False)
    path = "/anthropic/v1/messages/count_tokens"
    reply = market.gateway.request("POST", path, counted, key=market.asked_key)
    assert reply.status == 403 and b"has not accepted" in reply.body
    # Nothing of it was charged, and who has accepted them is answered in each.
    for name, speaker in SPEAKERS.items():
        body = speaker.body("[[standin tokens=3]]", model="seller/model", stream=False)
        reply = market.gateway.request("POST", speaker.path, body, key=market.first_key)
        assert reply.status == 200, (name, reply.body)


def test_a_repeated_answer_is_not_bought_twice(market: Market) -> None:
    body = json.dumps(
        {"model": "seller/model", "messages": [{"role": "user", "content": "Hello"}]}
    ).encode()
    replies = [
        market.gateway.request(
            "POST",
            "/v1/chat/completions",
            body,
            key=market.first_key,
            fields={"Idempotency-Key": "once"},
        )
        for _ in range(2)
    ]
    assert replies[0].body == replies[1].body
    assert replies[1].fields["x-tramontane-replayed"] == "true"
    assert len({reply.fields["x-request-id"] for reply in replies}) == 1
    assert len(market.gateway.bills(replies[0].fields["x-request-id"])) == 1


def test_a_publication_is_served_by_its_deployment_only(market: Market) -> None:
    """Neither by a route's other deployments, nor by another of its name, nor once it is gone."""
    with market.gateway.store.write() as c:
        both = RouteSettings(deployments=("mine", "bench"))
        routes.put(c, "both", both, now_ms())
    url = market.gateway.settings.deployments["bench"].url
    settings = {"price": OWN_SETTINGS, "url": url}
    market.put("mine", market.seller, settings)
    made = market.publish("mine", SECOND, None, "mine")
    market.accept(made, market.first)
    market.seen()
    names = {
        key: market.chat(key, "both").fields["x-tramontane-deployment"]
        for key in (market.seller_key, market.first_key)
    }
    # What is in a route and another project's own is passed over.
    assert names == {market.seller_key: "mine", market.first_key: "bench"}
    assert market.chat(market.first_key, "seller/mine").status == 200
    with market.gateway.store.write() as c:
        deployments.remove(c, "mine")
    market.put("mine", market.stranger, settings)
    market.seen()
    for key in (market.first_key, market.seller_key):
        lost = market.chat(key, "seller/mine")
        assert (lost.status, lost.code) == (503, "publication_unserved")
    assert market.chat(market.asked_key, "seller/mine").code == "terms_not_accepted"
    with market.gateway.store.write() as c:
        projects.close(c, market.seller.id, "for the test")
    market.seen()
    assert market.chat(market.first_key).code == "publication_unserved"
    with market.gateway.store.write() as c:
        projects.open(c, market.seller.id)
    market.seen()


@contextmanager
def begun(
    market: Market, content: str, model: str = "seller/model"
) -> Iterator[http.client.HTTPResponse]:
    """Yield a stream that was bought, of which the first bytes have come."""
    connection = http.client.HTTPConnection("127.0.0.1", market.gateway.port, timeout=30)
    messages = [{"role": "user", "content": content}]
    asked = {"model": model, "messages": messages, "stream": True}
    fields = {"Authorization": f"Bearer {market.first_key}"}
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(asked), fields)
        with connection.getresponse() as answer:
            assert answer.status == 200 and answer.read1(100)
            yield answer
    finally:
        connection.close()


def test_a_withdrawn_model_is_served_no_more_but_what_is_open_goes_on(market: Market) -> None:
    made = market.publish("short", FIRST, market.audience)
    market.accept(made, market.first)
    market.seen()
    with begun(market, "[[standin tokens=60 tps=40]] x", "seller/short") as stream:
        with market.gateway.store.write() as c:
            publications.withdraw(c, made.id, now_ms())
        market.seen()
        for key in (market.first_key, market.asked_key, market.seller_key):
            gone = market.chat(key, "seller/short")
            assert (gone.status, gone.code) == (403, "publication_withdrawn")
        assert market.chat(market.stranger_key, "seller/short").code == "model_not_found"
        assert "seller/short" not in market.models(market.first_key)
        assert stream.read().endswith(b"data: [DONE]\n\n")


def test_sixty_four_buyers_cannot_overspend_one_small_budget(market: Market) -> None:
    poor, key = market.project("poor")
    made = market.publish("crowd", SECOND, None)
    market.accept(made, poor)
    limit_nano = 3_000_000
    market.gateway.set_budget(poor, "total", limit_nano)
    market.seen()

    def ask(n: int) -> list[Reply]:
        replies: list[Reply] = []
        while not replies or replies[-1].status == 200:
            replies.append(market.chat(key, "seller/crowd", max_tokens=50, stream=n % 2 == 0))
        return replies

    with ThreadPoolExecutor(64) as threads:
        replies = [reply for of_one in threads.map(ask, range(64)) for reply in of_one]
    answered = [reply for reply in replies if reply.status == 200]
    bills = [bill for r in answered for bill in market.gateway.bills(r.fields["x-request-id"])]
    assert {reply.status for reply in replies} == {200, 429} and answered
    assert 0 < sum(bill.cost_nano for bill in bills) <= limit_nano
    assert all(bill.publication_id == made.id for bill in bills)


def test_both_sides_sum_the_same_bills_also_after_a_kill(market: Market) -> None:
    """Random traffic of both buyers, a kill -9 in the middle, and the statements of all three."""
    gateway, chance = market.gateway, random.Random(5)
    keys = {market.first_key: FIRST, market.second_key: SECOND, market.seller_key: OWN}
    work = [
        (chance.choice(list(keys)), chance.randrange(1, 40), chance.random() < 0.6)
        for _ in range(CLIENTS * REQUESTS)
    ]
    done = threading.Semaphore(0)

    def ask(job: tuple[str, int, bool]) -> None:
        key, tokens, is_stream = job
        words = "word " * (tokens * 3)
        try:
            gateway.chat(
                f"[[standin tokens={tokens} tps=400]] {words}",
                key=key,
                model="seller/model",
                stream=is_stream,
                max_tokens=tokens + 5,
            )
        except OSError:
            pass  # the gateway was killed
        finally:
            done.release()

    with ThreadPoolExecutor(CLIENTS) as threads:
        futures = [threads.submit(ask, job) for job in work[: CLIENTS * REQUESTS // 2]]
        for _ in range(CLIENTS * 3):
            done.acquire()
        with begun(market, "[[standin tokens=2000 tps=50]] x"):
            gateway.kill()
        gateway.start()
        futures += [threads.submit(ask, job) for job in work[CLIENTS * REQUESTS // 2 :]]
        failed = [future.exception() for future in futures]
    assert not any(error for error in failed if not _is_cut(error)), failed
    gateway.kill()
    rows = gateway.usage()
    bought = [row for row in rows if row.publication_id]
    versions = {1: FIRST, 2: SECOND}
    for row in bought:
        if row.publication_id == market.model.id and row.status != "gateway_lost":
            used = Usage(row.prompt_tokens, row.completion_tokens, row.cached_tokens)
            assert row.cost_nano in (cost_nano(versions[row.publication_version], used), 0)
        assert row.serving_cost_nano <= row.cost_nano or row.model == "seller/boast"
    assert any(row.status == "gateway_lost" and row.serving_cost_nano for row in bought)

    month = day_name(now_ms())[:7]
    statements = {}
    with gateway.store.read() as c:
        for project in projects.list_all(c):
            found = trades.of_project(c, project.id, *_bounds(month))
            statements[project.id] = settlement.statement(
                found, project_id=project.id, month=month, currency="EUR", now_ms=now_ms()
            )
    sold = statements[market.seller.id].sold
    assert sum(trade.cost_nano for trade in sold) == sum(row.cost_nano for row in bought)
    assert sum(t.serving_cost_nano for t in sold) == sum(row.serving_cost_nano for row in bought)
    for trade in sold:
        of = [
            row
            for row in bought
            if (row.publication_id, row.publication_version, row.project_id)
            == (trade.publication_id, trade.version, trade.buyer_id)
        ]
        assert trade.cost_nano == sum(row.cost_nano for row in of)
        assert trade.requests == len({row.request_id for row in of})
        (theirs,) = [
            each
            for each in statements[trade.buyer_id].bought
            if (each.publication_id, each.version) == (trade.publication_id, trade.version)
        ]
        assert theirs == trade
        digests = [settlement.line_digest(month, "EUR", each) for each in (theirs, trade)]
        assert digests[0] == digests[1]
    assert not statements[market.seller.id].bought
    assert {t.buyer_id for t in sold} >= {market.first.id, market.second.id}


def _bounds(month: str) -> tuple[int, int]:
    since_ms, until_ms = settlement.month_bounds(month)
    assert until_ms is not None
    return since_ms, until_ms


def _is_cut(error: BaseException | None) -> bool:
    return error is None or isinstance(error, http.client.HTTPException)
