"""`tramontane provider` and the policies: what operators do from the command line."""

import io
import json
from pathlib import Path

import pytest

from tests.cli.ran import Run

KEY = "sk-canary-0123456789abcdef"


@pytest.fixture
def key_on_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have commands read the key where a pipe would give it."""
    monkeypatch.setattr("sys.stdin", io.StringIO(KEY + "\n"))


@pytest.mark.usefixtures("key_on_stdin")
def test_an_account_is_added_listed_served_and_removed(run: Run) -> None:
    made = run("provider", "add", "mistral", "--name", "paris", "--region", "eu", "--json")
    assert KEY not in made.out + made.err
    assert (made.json["url"], made.json["jurisdiction"]) == ("https://api.eu.mistral.ai/v1", "EU")
    assert "already" in run("provider", "add", "mistral", "--name", "paris", "--no-key").err
    prices = ("--price-in", "0.55", "--price-out", "1.65")
    run("provider", "serve", "paris", "mistral-large-latest", "--as", "large", *prices)
    unpriced = run("provider", "serve", "paris", "mistral-small-latest")
    assert "nobody has said what it costs" in unpriced.err
    (listed,) = run("provider", "list", "--json").json["data"]
    assert listed["deployments"] == ["large", "mistral-small-latest"]
    assert KEY not in run("provider", "list").out
    assert "undeploy those first" in run("provider", "rm", "paris").err
    for name in listed["deployments"]:
        run("model", "undeploy", name)
    assert run("provider", "rm", "paris", "--json").json == {"removed": "paris"}
    assert "no provider yet" in run("provider", "list").out


def test_a_key_may_come_from_a_variable(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "is not set" in run("provider", "add", "openai", "--key-env", "NOT_THERE").err
    monkeypatch.setenv("THE_KEY", KEY)
    made = run("provider", "add", "openai", "--region", "us", "--key-env", "THE_KEY", "--json")
    assert made.json["url"] == "https://us.api.openai.com/v1"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "nobody"), "no kind of provider"),
        (("add", "mistral", "--region", "moon"), "does not offer the region 'moon'"),
        (("add", "bedrock"), "Say the region"),
        (("add", "azure"), "Say the address"),
        (("add", "mistral", "--no-key"), "needs a key"),
        (("serve", "nobody", "large"), "no provider 'nobody'"),
        (("serve", "nobody", "large", "--price-in", "1"), "--price-out"),
        (("serve", "nobody", "large", "--price-in", "1", "--free"), "either --free or prices"),
        (("test", "nobody"), "no provider 'nobody'"),
        (("rm", "nobody"), "no provider 'nobody'"),
    ],
)
def test_mistakes_say_what_to_change(run: Run, arguments: tuple[str, ...], said: str) -> None:
    found = run("provider", *arguments)
    assert found.status == 1 and said in found.err


def test_a_try_says_what_is_in_the_way(run: Run) -> None:
    at = "http://127.0.0.1:9/v1"
    run("provider", "add", "compatible", "--name", "here", "--url", at, "--no-key")
    found = run("provider", "test", "here", "--json")
    assert (found.status, json.loads(found.out)["problem"]) == (1, "unreachable")


def test_kinds(run: Run) -> None:
    found = {kind["kind"]: kind for kind in run("provider", "kinds", "--json").json["data"]}
    assert found["bedrock"]["regions"]["eu-central-1"] == "DE"
    assert (found["mistral"]["owner"], found["mistral"]["seat"]) == ("Mistral AI", "FR")
    assert found["compatible"]["seat"] is None
    listed = run("provider", "kinds").out
    assert "owner's law" in listed and "20, such as ap-northeast-1" in listed
    assert max(map(len, listed.splitlines())) <= 100
    shown = run("provider", "kinds", "bedrock").out
    assert "eu-central-1 (DE)" in shown and "amazonaws.com" in shown
    assert "did you mean bedrock" in run("provider", "kinds", "bedrok").err
    one = run("provider", "kinds", "mistral", "--json").json["data"]
    assert [each["kind"] for each in one] == ["mistral"]


@pytest.mark.usefixtures("key_on_stdin")
def test_a_model_that_nobody_knows_there_is_served_and_said_to_be_unheard_of(run: Run) -> None:
    run("provider", "add", "mistral", "--name", "paris")
    slip = run("provider", "serve", "paris", "mistral-lrge-latest", "--as", "a", "--free")
    assert slip.status == 0 and "did you mean mistral-large-latest" in slip.err
    assert "tramontane provider test paris" in slip.err
    known = run("provider", "serve", "paris", "mistral-large-latest", "--as", "b", "--free")
    assert (known.status, known.err) == (0, "")
    run("provider", "add", "compatible", "--name", "own", "--url", "http://h.test/v1", "--no-key")
    assert run("provider", "serve", "own", "anything", "--free").err == ""


def test_policies_are_changed_a_field_at_a_time(run: Run) -> None:
    run("project", "create", "law")
    run("project", "policy", "law", "--jurisdictions", "EU,CH", "--no-training")
    found = run("project", "policy", "law", "--max-price-out", "10", "--json").json["policy"]
    assert (found["jurisdictions"], found["no_training"]) == (["EU", "CH"], True)
    assert found["max_output_per_mtok"] == "10"
    shown = run("project", "show", "law", "--json").json["policy"]
    assert shown["jurisdictions"] == ["EU", "CH"]
    key = run("key", "create", "law", "laptop", "--json").json["key"]
    kept = run("key", "policy", key["id"], "--local-only", "--json").json
    assert (kept["key"], kept["policy"]["local_only"]) == ("laptop", True)
    cleared = run("project", "policy", "law", "--clear").out
    assert "nothing is ruled out" in cleared
    assert "capital letters" in run("project", "policy", "law", "--jurisdictions", "France").err
    slip = run("project", "policy", "law", "--providers", "Mistrl,local,openai")
    assert slip.status == 0 and slip.err.count("note:") == 1
    assert "is called 'Mistrl'; did you mean mistral?" in slip.err


def test_the_platform_s_own_address_is_no_provider(run: Run, data_dir: Path) -> None:
    (data_dir / "run" / "address").write_text("http://127.0.0.1:4711")
    url = ("--url", "http://localhost:4711/v1", "--no-key")
    refused = run("provider", "add", "compatible", *url)
    assert (refused.status, "this platform's own address" in refused.err) == (1, True)
    assert run("provider", "list", "--json").json["data"] == []
