"""`tramontane route`: entered, listed as they are tried, removed."""

from tests.cli.ran import Run


def test_routes_are_entered_listed_and_removed(run: Run) -> None:
    run("route", "add", "small", "guide")
    made = run(
        "route", "add", "best", "demo=95", "guide=5?has_images=false&projects=law,sales",
        "--fallback", "small", "--retries", "2", "--timeout", "3", "--deadline", "9.5", "--json",
    ).json  # fmt: skip
    when = {"has_images": False, "projects": ["law", "sales"]}
    assert made == {
        "name": "best",
        "deployments": [
            {"deployment": "demo", "weight": 95, "when": None},
            {"deployment": "guide", "weight": 5, "when": when},
        ],
        "fallbacks": ["small"],
        "retries": 2,
        "timeout_s": 3,
        "deadline_s": 9.5,
        "missing": [],
        "source": "store",
    }
    run("route", "add", "best", "guide", "demo?min_prompt_tokens=1000")
    found = run("route", "list", "--json").json["data"]
    assert [route["name"] for route in found] == ["best", "small"]
    shown = run("route", "list").out
    assert "guide, demo?min_prompt_tokens=1000" in shown
    assert run("route", "rm", "best").out == "removed: best\n"
    assert [route["name"] for route in run("route", "list", "--json").json["data"]] == ["small"]


def test_mistakes_say_what_to_change(run: Run) -> None:
    assert "did you mean demo?" in run("route", "add", "best", "dem").err
    assert "no model 'nobody'" in run("route", "add", "best", "demo", "--fallback", "nobody").err
    assert "has_image" in run("route", "add", "best", "demo?has_image=true").err
    assert run("route", "add", "best", "demo=lots").status == 2
    assert "weight" in run("route", "add", "best", "demo=0").err
    assert "retries" in run("route", "add", "best", "demo", "--retries", "99").err
    assert "a name begins" in run("route", "add", "be st", "demo").err
    assert "no route 'best'" in run("route", "rm", "best").err
