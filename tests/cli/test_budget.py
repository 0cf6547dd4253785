"""`tramontane budget`: set, listed with what is left, cleared."""

from tests.cli.ran import Run


def test_budgets_are_set_listed_and_cleared(run: Run) -> None:
    run("project", "create", "one")
    key_id = run("key", "create", "one", "laptop", "--json").json["key"]["id"]
    day = run("budget", "set", "one", "12.50", "--per", "day", "--json").json
    assert (day["limit"], day["spent"], day["left"]) == ("12.50", "0.00", "12.50")
    assert (day["currency"], day["window"], day["key"]) == ("USD", "day", None)
    assert day["resets_at"].endswith("T00:00:00Z")
    of_key = run("budget", "set", "one", "3", "--per", "total", "--key", "laptop", "--json").json
    assert (of_key["key_id"], of_key["key"], of_key["resets_at"]) == (key_id, "laptop", None)
    run("budget", "set", "one", "13", "--per", "day")
    run("budget", "set", "one", "100", "--per", "month")
    found = run("budget", "list", "--project", "one", "--json").json["data"]
    assert [(b["window"], b["limit"]) for b in found] == [
        ("day", "13.00"), ("month", "100.00"), ("total", "3.00"),
    ]  # fmt: skip
    assert "13.00 USD" in run("budget", "list").out
    gone = run("budget", "clear", "one", "--per", "day", "--json").json["removed"]
    assert [b["window"] for b in gone] == ["day"]
    assert run("budget", "clear", "one").out == "removed: month\n"
    assert run("budget", "clear", "one", "--key", "laptop").out == "removed: total\n"
    assert run("budget", "list", "--json").json == {"data": []}


def test_mistakes_say_what_to_change(run: Run) -> None:
    run("project", "create", "one")
    assert "12.50" in run("budget", "set", "one", "much", "--per", "day").err
    assert run("budget", "set", "one", "1e-12", "--per", "day").status == 1
    assert run("budget", "set", "one", "5", "--per", "week").status == 2
    assert run("budget", "set", "one", "5").status == 2
    assert (
        "no key 'nobody'" in run("budget", "set", "one", "5", "--per", "day", "--key", "nobody").err
    )
    assert "no such budget" in run("budget", "clear", "one").err
