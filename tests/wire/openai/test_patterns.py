"""Whatever a rewritten pattern allows is JSON text whose value the pattern allows."""

import json
import random
import re
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import pytest

from tramontane.wire.openai.patterns import PatternNotHeld, grammar_pattern

PATTERNS = (
    r"^\d{3}$", r"^\w+$", r"^[A-Z]{2}-\d+$", r"^(a|b)c?$", r"^\.$", r"^é$", r"^a/b$", '^"$',
    r"^\\$", '^[^"]{1,4}$', r"^[\d-]{1,4}$", r"^\t$", "^\t$", r"^\s$", r"^[a-c]{2}[x\]]$",
    r"^(ab){2,3}$", r"^a{2,}b$", r"^a.c$", r"^.{3}$", r"^\@\#$", r"^(?:x|yz)$", r"^$", r"^a|b$",
    r"^[\s]$", r"^\D$", r"^\S{2}$", r"^\W$", r"^[^\d]$", r"^[\\]$", r"^[\"]$", r"^a{0}$",
    r"^a*?b$", "^😀$", "^[ -~]{2}$", r"[0-9]", r"\S", "a|b", "^a", "b$", r"^x\\$", r"^[^\s]+$",
    r"a{3", r"^\$\$$", '^["]{2}$', '^[a-z"]{3}$', r"^[a\-z]$", r"^-[-a]-$", r"^[^\w]$",
)  # fmt: skip
ATOMS = (
    *'ab"\\/-é😀 ', ".", r"\d", r"\w", r"\s", r"\S", r"\W", r"\n", r"\.", "[^a]", "[a-c]",
    r'["\\x]', "(a|b)", "(?:x)", "[ -~]", r"[^\s\"]", "(", ")", "|", "{", "}", "[", "]", "^", "$",
)  # fmt: skip
QUANTIFIERS = ("", "", "", "*", "+", "?", "{2}", "{1,3}", "{0,}", "{3,1}", "*?")
TRIES = 5_000


def some_text(pattern: str, chance: random.Random) -> str:
    """Return a text that the whole of `pattern` matches, from Python's own reading of it."""
    return _sample(list(_parser.parse(pattern)), chance)


def _sample(parts: list[Any], chance: random.Random) -> str:
    return "".join(_sample_one(str(kind), value, chance) for kind, value in parts)


def _sample_one(kind: str, value: Any, chance: random.Random) -> str:
    if kind == "LITERAL":
        return chr(value)
    if kind == "IN":
        return _sample_class(value, chance)
    if kind == "MAX_REPEAT":
        least, most, inner = value
        times = chance.randint(least, min(int(most), least + 3))
        return "".join(_sample(list(inner), chance) for _ in range(times))
    if kind == "SUBPATTERN":
        return _sample(list(value[3]), chance)
    if kind == "BRANCH":
        return _sample(list(chance.choice(value[1])), chance)
    assert kind == "AT", kind
    return ""


def _sample_class(parts: list[Any], chance: random.Random) -> str:
    if str(parts[0][0]) == "NEGATE":
        while re.match(f"[{NOT_IN_STRINGS}]", found := chr(chance.choice((35, 97, 233, 128512)))):
            pass
        return found
    kind, value = chance.choice(parts)
    return chr(value if str(kind) == "LITERAL" else chance.randint(*value))


NOT_IN_STRINGS = '"\\\\\\x00-\\x1f'


def check(pattern: str, text: str) -> None:
    value = json.loads(f'"{text}"')
    assert re.search(pattern, value) is not None, (pattern, text)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_what_is_allowed_matches_the_pattern(pattern: str) -> None:
    chance = random.Random(pattern)
    rewritten = grammar_pattern(pattern)
    for _ in range(100):
        check(pattern, some_text(rewritten, chance))


def test_no_pattern_lets_more_through_than_it_says() -> None:
    chance = random.Random(7)
    held = 0
    for _ in range(TRIES):
        parts = [chance.choice(ATOMS) + chance.choice(QUANTIFIERS) for _ in range(5)]
        pattern = "^" + "".join(parts[: chance.randint(0, 5)]) + "$"
        try:
            rewritten = grammar_pattern(pattern)
            re.compile(pattern)
        except (PatternNotHeld, re.error, FutureWarning):
            continue
        held += 1
        for _ in range(5):
            check(pattern, some_text(rewritten, chance))
    assert held > TRIES // 10


@pytest.mark.parametrize(
    "pattern",
    [
        r"^(?=a)b$", r"^\bx$", r"^\p{L}$", r"^(a)\1$", r"^a$b$", "^((a$", "^a)$", "^*$", "^[a$",
        "^a\\", r"^a{3,1}$", r"^a{5000}$", r"^\0$", "^[z-a]$", r"^a++$", "^[^\\S]a(?<!b)$",
    ],
)  # fmt: skip
def test_what_cannot_be_held_is_refused(pattern: str) -> None:
    with pytest.raises(PatternNotHeld):
        grammar_pattern(pattern)


def test_letters_and_digits_stay_readable() -> None:
    assert grammar_pattern(r"^v\d+$") == "^v[0-9]+$"
