"""`tramontane publication`, `statement` and `project top-up`: published, accepted, settled."""

import csv
import io
import re
from pathlib import Path

import msgspec
import pytest

from tests.cli.ran import Run
from tramontane.config import Settings
from tramontane.datafolder import DataFolder
from tramontane.store import deployments, links, prepayments, projects, publications, usage
from tramontane.store.database import Store, open_store
from tramontane.store.records import UsageRecord

STARTED_MS = 1_793_900_000_000  # 2026-11-05


def store_of(data_dir: Path) -> Store:
    return open_store(Settings(data=str(data_dir)).store_url)


@pytest.fixture
def add(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command that publishes a model of Mistral's, served for the project acme."""
    for project in ("acme", "research"):
        run("project", "create", project)
    account = ("provider", "add", "mistral", "--name", "mistral", "--key-env", "MISTRAL_KEY")
    monkeypatch.setenv("MISTRAL_KEY", "secret")
    assert run(*account).status == 0
    served = run(
        "provider", "serve", "mistral", "small", "--as", "own", "--project", "acme",
        "--price-in", "0.1", "--price-out", "0.3", "--json",
    )  # fmt: skip
    assert served.status == 0, served.err
    (tmp_path / "terms.txt").write_text("For research only.\n")
    (tmp_path / "card.toml").write_text('name = "Legal"\ndescription = "Answers on law."\n')
    return [
        "publication", "add", "legal", "--deployment", "own", "--project", "acme",
        "--terms", str(tmp_path / "terms.txt"), "--card", str(tmp_path / "card.toml"),
    ]  # fmt: skip


def test_from_publishing_to_the_statements(run: Run, data_dir: Path, add: list[str]) -> None:
    prices = ("--price-in", "0.2", "--price-out", "0.6")
    assert "price" in run(*add).err  # it is missing
    assert "below" in run(*add, "--price-in", "0.09", "--price-out", "1").err
    made = run(*add, *prices, "--json").json
    assert (made["name"], made["state"], made["terms"]) == (
        "acme/legal", "offered", "For research only.",
    )  # fmt: skip
    assert run(*add, *prices).status == 1  # the name is taken
    found = "Offered by projects here: acme/legal."
    assert found in run("catalog", "search", "acme", "answ", "law").out
    assert found not in run("catalog", "search", "acme", "geneva").out
    unread = run("publication", "accept", "acme/legal", "--project", "research")
    assert unread.status == 1 and "For research only." in unread.out
    accepted = ("publication", "accept", "acme/legal", "--project", "research", "--version", "1")
    assert run(*accepted, "--json").json["subscriptions"][0]["project"] == "research"
    changed = run("publication", "change", "acme/legal", *("--price-in", "9"), "--price-out", "9")
    assert changed.status == 0 and "9.00" in changed.out
    assert "version 2" in run(*accepted[:-1], "1").err  # is offered now
    assert "research" in run("publication", "list").out

    store = store_of(data_dir)
    with store.write() as c:
        buyer, seller = projects.get(c, "research"), projects.get(c, "acme")
        record = UsageRecord(
            request_id="r1", attempt=1, project_id=buyer.id, key_id="key_x", model="acme/legal",
            deployment="own", started_at_ms=STARTED_MS, settled_at_ms=STARTED_MS + 1,
            prompt_tokens=10, completion_tokens=5, cached_tokens=0, cost_nano=5_000_000_001,
            estimated=False, status="ok", publication_id=publications.get(c, "acme/legal").id,
            publisher_id=seller.id, serving_cost_nano=2_500_000_000, publication_version=1,
        )  # fmt: skip
        usage.insert_many(c, [record])
    store.close()
    of_buyer = run("statement", "--project", "research", "--month", "2026-11", "--json").json
    of_seller = run("statement", "--project", "acme", "--month", "2026-11", "--json").json
    assert of_buyer["bought"][0]["digest"] == of_seller["sold"][0]["digest"]
    assert of_seller["totals"] == {"bought": "0.00", "sold": "5.000000001", "serving_cost": "2.50"}
    rows = list(csv.DictReader(io.StringIO(
        run("statement", "--project", "acme", "--month", "2026-11", "--csv").out
    )))  # fmt: skip
    assert [(row["counterpart"], row["amount"]) for row in rows] == [("research", "5.000000001")]
    digest = of_buyer["bought"][0]["digest"]
    for project, told in (("acme", of_seller), ("research", of_buyer)):
        text = run("statement", "--project", project, "--month", "2026-11").out
        assert re.search(rf" {digest[:8]} *$", text, re.MULTILINE), text  # alike on both
        assert f"digest of this whole statement, which no other has: {told['digest']}" in text
    assert of_buyer["digest"] != of_seller["digest"]
    assert "sold 5.000000001" in run("statement", "--project", "acme", "--month", "2026-11").out
    assert run("statement", "--project", "acme", "--month", "2026-00").status == 1

    assert run("publication", "end", "acme/legal", "--project", "research").status == 0
    assert run("publication", "end", "acme/legal", "--project", "research").status == 1
    assert "withdrawn" in run("publication", "withdraw", "acme/legal").out
    shown = run("publication", "show", "acme/legal", "--version", "1", "--json").json
    assert shown["price"]["input_per_mtok"] == "0.20"


def test_what_is_everybodys_and_a_price_that_was_to_stay(
    run: Run, data_dir: Path, add: list[str]
) -> None:
    served = ("provider", "serve", "mistral", "small", "--price-in", "0.1", "--price-out", "0.1")
    assert run(*served, "--as", "open").status == 0
    shared = ["open" if each == "own" else each for each in add]
    prices = ("--price-in", "0.2", "--price-out", "0.6")
    refused = run(*shared, *prices)
    assert refused.status == 1 and "--allow-shared" in refused.err
    made = run(*shared, *prices, "--allow-shared", "--json").json
    assert (made["deployment"], made["is_shared"]) == ("open", True)

    store = store_of(data_dir)
    with store.write() as c:
        (before,) = (each for each in deployments.list_all(c) if each.name == "open")
        dearer = before.settings.replace(b'"0.1"', b'"10"')
        deployments.put(c, msgspec.structs.replace(before, settings=dearer))
    store.close()
    change = ("publication", "change", "acme/legal", "--for-everybody")
    terms = Path(add[add.index("--terms") + 1])
    terms.write_text("For anything.")
    kept = run(*change, "--terms", str(terms))
    assert kept.status == 1 and "was to stay" in kept.err
    raised = run(*change, "--terms", str(terms), "--price-in", "10", "--price-out", "10", "--json")
    assert (raised.json["version"], raised.json["terms"]) == (2, "For anything.")


def test_a_prepaid_project_is_promised_and_topped_up(run: Run, data_dir: Path) -> None:
    run("project", "create", "default")
    made = run(
        "member", "invite", "eve@example.org", "--new-project", "eves", "--prepaid", "50",
        "--models", "small,large", "--json",
    ).json  # fmt: skip
    for wrong in (
        ("--new-project", "eves", "--prepaid", "0"),
        ("--new-project", "eves2", "--prepaid", "-1"),
        ("--new-project", "eves2", "--prepaid", "99999999999"),
        ("--new-project", "eves2", "--prepaid", "1e-12"),
        ("--new-project", "default", "--prepaid", "1"),
        ("--new-project", "eves", "--prepaid", "1"),  # promised to somebody else
        ("--new-project", "eves2"),
        ("--prepaid", "5"),
        ("--models", "large"),
        ("--new-project", "eves2", "--prepaid", "5", "--models", "no such"),
        ("--new-project", "Eve's", "--prepaid", "5"),
    ):
        assert run("member", "invite", "max@example.org", *wrong).status != 0, wrong
    store = store_of(data_dir)
    with store.write() as c:
        link = links.get(c, made["id"])
        assert (link.new_project, link.prepaid_nano, link.role) == ("eves", 50 * 10**9, "manager")
        assert link.allowed_models == ("large", "small")
        token = made["url"].partition("/#/welcome/")[2]
        pepper = DataFolder(data_dir).pepper()
        assert links.find(c, pepper, token, link.created_at_ms) == link
        prepayments.open_project(
            c,
            name="paid",
            amount_nano=10 * 10**9,
            defaults=Settings().limits,
            recorded_by="",
            now_ms=1,
        )
    store.close()
    topped = run("project", "top-up", "paid", "2.5", "--reference", "R-1", "--json").json
    assert topped["limit"] == "12.50"
    assert [paid["amount"] for paid in topped["data"]] == ["10.00", "2.50"]
    again = run("project", "top-up", "paid", "2.5", "--reference", "R-1")
    assert again.status == 1 and "already" in again.err
    assert run("project", "top-up", "default", "5").status == 1  # unlimited until now
    for amount in ("0", "-1", "nan", "1e99", "5000000000"):
        assert run("project", "top-up", "paid", "--", amount).status == 1, amount
    assert "12.50" in run("budget", "list").out
