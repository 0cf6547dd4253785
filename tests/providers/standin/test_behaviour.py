"""What a stand-in is told, wherever it is said."""

from pathlib import Path

import pytest

from tramontane.errors import ConfigError
from tramontane.providers.standin.behaviour import (
    NOTHING_SAID,
    Behaviour,
    Fault,
    Rule,
    load_script,
    parse_faults,
    parse_settings,
    take_directive,
)

SCRIPT = """
[[rules]]
contains = "weather"
times = 2
reply = { tool_calls = [{ name = "get_weather", arguments = { city = "Paris" } }] }

[[rules]]
pattern = "^fail"
reply = { status = 503, retry_after_s = 2, fault = "connection_close" }
"""


def test_settings_are_typed() -> None:
    said = parse_settings('tokens=50 tps=12.5 answer="two \\"words\\"" fault=reset_after:10,crlf')
    assert said == Behaviour(tokens=50, tps=12.5, answer='two "words"', fault="reset_after:10,crlf")
    assert parse_settings("  ") == NOTHING_SAID


@pytest.mark.parametrize(
    "text", ["tokens", "tokens=many", "speed=3", "tokens=-1", "fault=fire", "fault=reset:x", "a b"]
)
def test_mistakes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        parse_settings(text)


def test_a_directive_is_taken_out_of_the_prompt() -> None:
    said, rest = take_directive("Say [[standin tokens=5 tps=2]] it [[standin tps=3]]again")
    assert (said.tokens, said.tps, rest) == (5, 3, "Say it again")
    assert take_directive("[[other]] text") == (NOTHING_SAID, "[[other]] text")


def test_the_nearer_wins() -> None:
    near, far = Behaviour(tokens=0, tps=1), Behaviour(tokens=9, usage="never")
    assert near.over(far) == Behaviour(tokens=0, tps=1, usage="never")
    assert near.over(NOTHING_SAID) == near
    assert NOTHING_SAID.over(far) == far


def test_faults_are_listed() -> None:
    assert parse_faults("reset_after:10,crlf") == (Fault("reset_after", 10), Fault("crlf"))
    assert parse_faults("wrong_length:-3") == (Fault("wrong_length", -3),)
    assert parse_faults("") == ()


def test_a_script_is_read(tmp_path: Path) -> None:
    path = tmp_path / "script.toml"
    path.write_text(SCRIPT)
    weather, failing = load_script(path)
    assert weather.times == 2
    assert weather.matches("/v1/chat/completions", "m", "the weather?")
    assert not weather.matches("/v1/chat/completions", "m", "the time?")
    assert failing.reply.status == 503
    assert failing.matches("/v1/chat/completions", "m", "fail now")


def test_rules_look_at_path_and_model() -> None:
    rule = Rule(path="embeddings", model="e")
    assert rule.matches("/v1/embeddings", "e", "")
    assert not rule.matches("/v1/embeddings", "f", "")
    assert not rule.matches("/v1/completions", "e", "")


@pytest.mark.parametrize(
    "text",
    [
        "[[rules]]\nreply = { fault = 'fire' }",
        "[[rules]]\npattern = '('",
        "[[rules]]\nwhen = 'x'",
        "[[rules",
    ],
)
def test_a_bad_script_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "script.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"script\.toml"):
        load_script(path)
    with pytest.raises(ConfigError, match="missing"):
        load_script(tmp_path / "missing.toml")
