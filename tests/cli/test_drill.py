"""`tramontane independence` and `tramontane drill`, beside a platform that does not run."""

from pathlib import Path

import pytest

from tests.cli.ran import Run


def test_independence_shows_what_is_set_up_even_unused(run: Run) -> None:
    found = run("independence", "--json").json
    assert [s["dimension"] for s in found["spreads"]] == [
        "provider", "host", "owner", "seat", "chip", "jurisdiction",
    ]  # fmt: skip
    assert found["spreads"][0]["by_tokens"] is None
    assert found["deployments"]["guide"]["provider"] == "local"
    (guide,) = (m for m in found["models"] if m["model"] == "guide")
    assert {loss["outcome"] for loss in guide["losses"]} == {"lost"}
    text = run("independence").out
    assert "nothing was used in this time" in text and "provider:local" in text


def test_independence_says_which_setting_says_what_is_unknown(run: Run, data_dir: Path) -> None:
    unknown = "unknown of local: owner's law, "
    assert unknown in (said := run("independence").out) and "under [independence.local]" in said
    config = data_dir.parent / "tramontane.toml"
    config.write_text(
        '[independence.local]\nseat = "CH"\njurisdiction = "CH"\nchip = "any"\nhost = "own"\n'
    )
    said = run("independence", "--config", config).out
    assert "unknown of" not in said
    assert "seat:CH" in said and "jurisdiction:CH" in said


def test_a_preview_takes_nothing_away(run: Run) -> None:
    found = run("drill", "--without", "local", "--preview", "--json").json
    assert found["without"] == "provider:local"
    assert found["models"]["guide"] == "lost"
    assert "would be away" in run("drill", "--without", "local", "--preview").out
    assert run("drill", "--json").json == {"data": []}
    assert "no drill yet" in run("drill").out
    assert run("drill", "--stop").out == "no drill is running\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--without", "local"), "not running"),
        (("--without", "nobody", "--preview"), "provider:local"),
        (("--without", "locl", "--preview"), "Did you mean provider:local?"),
        (("--without", "provider:locla", "--preview"), "Did you mean provider:local?"),
        (("--without", "local", "--for", "10"), "10m"),
        (("--without", "local", "--for", "m"), "10m"),
        (("--without", "local", "--for", "-5m"), "10m"),
        (("--show", "drl_nothing"), "drl_nothing"),
    ],
)
def test_mistakes_say_what_to_change(run: Run, arguments: tuple[str, ...], said: str) -> None:
    ran = run("drill", *arguments)
    assert ran.status == 1 and said in ran.err
