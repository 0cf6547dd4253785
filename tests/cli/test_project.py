"""`tramontane project`, from making one to opening it again."""

from tests.cli.ran import Run


def test_a_project_is_made_shown_changed_closed_and_opened(run: Run) -> None:
    made = run("project", "create", "research", "--tokens-per-minute", 9, "--json").json
    assert made["id"].startswith("prj_")
    assert made["created_at"].endswith("Z")
    assert made == {
        "id": made["id"],
        "name": "research",
        "requests_per_minute": 1000,
        "tokens_per_minute": 9,
        "allowed_models": None,
        "closed_reason": None,
        "created_at": made["created_at"],
        "policy": None,
    }
    assert run("project", "list", "--json").json == {"data": [made]}
    assert run("project", "show", made["id"], "--json").json == made
    changed = run("project", "set", "research", "--name", "lab", "--models", "b,a", "--json").json
    assert changed == {**made, "name": "lab", "allowed_models": ["a", "b"]}
    assert run("project", "set", "lab", "--all-models", "--json").json["allowed_models"] is None
    closed = run("project", "close", "lab", "--reason", "unpaid", "--json").json
    assert closed["closed_reason"] == "unpaid"
    assert "closed: unpaid" in run("project", "list").out
    assert run("project", "open", "lab", "--json").json["closed_reason"] is None


def test_what_people_read(run: Run) -> None:
    out = run("project", "create", "research", "--models", "a", "--models", "b").out
    assert "400,000" in out
    assert "tramontane key create research" in out
    assert "a, b" in run("project", "show", "research").out
    header, line = run("project", "list").out.splitlines()
    assert header.split()[:2] == ["name", "state"]
    assert line.split()[:3] == ["research", "open", "1,000"]


def test_mistakes(run: Run) -> None:
    run("project", "create", "research")
    again = run("project", "create", "research")
    assert (again.status, again.err) == (1, "error: a project named 'research' exists already\n")
    assert run("project", "create", "Research").status == 1
    assert run("project", "create", "x", "--tokens-per-minute", 0).status == 2
    assert run("project", "close", "research").status == 2
    both = run("project", "set", "research", "--models", "a", "--all-models")
    assert both.status == 2


def test_an_escape_sequence_is_not_printed(run: Run) -> None:
    run("project", "create", "research")
    shown = run("project", "close", "research", "--reason", "\x1b[31mred")
    assert "\x1b" not in shown.out
    assert "red" in shown.out
